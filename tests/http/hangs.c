/* A service whose handler hangs until a file appears, for tests/http/check-service. */
#include <stdlib.h>
#include <unistd.h>
#include <weir/weir.h>

static weir_status hang(weir_message *m, void *ctx)
{
    (void)m;
    while (access(ctx, F_OK) != 0) {
        usleep(20000);
    }
    return WEIR_OK;
}

static void setup(weir_app *app, void *ctx)
{
    weir_on(app, .change = "public.labels", .fn = hang, .ctx = ctx);
}

int main(int argc, char **argv)
{
    return weir_main(argc, argv, setup, getenv("GO_ON"));
}
