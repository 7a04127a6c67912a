/* A service whose handler hangs until the file $GO_ON appears, and then holds while the file $HOLD
 * is there, for tests/http/check-service. $MIGRATION is a statement for its store `books`; with
 * $CRASH it takes the process down. */
#include <stdlib.h>
#include <unistd.h>
#include <weir/weir.h>

static weir_status hang(weir_message *m, void *ctx)
{
    if (getenv("CRASH")) {
        abort();
    }
    while (access(ctx, F_OK) != 0) {
        usleep(20000);
    }
    return access(getenv("HOLD"), F_OK) == 0 ? weir_hold(m, "the ledger is down") : WEIR_OK;
}

static void setup(weir_app *app, void *ctx)
{
    static const char *migrations[1];
    migrations[0] = getenv("MIGRATION");
    const char *store = migrations[0] ? "books" : NULL;
    if (store) {
        weir_migrations(app, store, migrations, 1);
    }
    weir_on(
        app, .change = "public.labels", .fn = hang, .ctx = ctx, .breaker = "ledger", .tx = store);
}

int main(int argc, char **argv)
{
    return weir_main(argc, argv, setup, getenv("GO_ON"));
}
