/* The service of check-parking: records in, records out; some are rejected until somebody mends it,
 * so that those behind them are parked.
 *
 *   PARKER_FROM=in PARKER_TO=out PARKER_MENDED=file parker --config c.yaml
 *
 * A record's value begins with its number. Every 50th (and 7) is rejected as long as the file is
 * not there. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

typedef struct parker {
    const char *from, *to, *mended;
} parker;

static weir_status on_record(weir_message *m, void *ctx)
{
    const parker *p = ctx;
    char digits[24];
    snprintf(digits, sizeof digits, "%.*s", WEIR_ARG(weir_value_bytes(m)));
    long long number = atoll(digits);
    nanosleep(&(struct timespec){0, 1000000}, NULL);
    if (number % 50 == 7 && access(p->mended, F_OK)) {
        return weir_reject(m, "UNMENDED", "number %lld", number);
    }
    int n = snprintf(digits, sizeof digits, "%lld", number);
    return weir_emit(m, .type = "passed", .topic = p->to, .bytes = {digits, (size_t)n});
}

static void setup(weir_app *app, void *ctx)
{
    const parker *p = ctx;
    weir_on(app, .topic = p->from, .fn = on_record, .ctx = ctx);
}

int main(int argc, char **argv)
{
    parker p = {getenv("PARKER_FROM"), getenv("PARKER_TO"), getenv("PARKER_MENDED")};
    if (!p.from || !p.to || !p.mended) {
        fputs("PARKER_FROM, PARKER_TO and PARKER_MENDED are to be set\n", stderr);
        return 2;
    }
    return weir_main(argc, argv, setup, &p);
}
