/* The service of check-exactly-once: records in, records out, some of them at the second attempt,
 * some as dead letters.
 *
 *   TRANSFORM_FROM=in transformer --config c.yaml
 *
 * A record's value is its number. What becomes of it follows from that, so that a test knows what
 * to expect: every 17th is rejected, every 11th fails at its first attempt, behind an emit that
 * nobody must see; of every 5th two come, of all others one. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <weir/weir.h>

static weir_status put(weir_message *m, long long number, int part)
{
    char value[64];
    int n = snprintf(value, sizeof value, "{\"n\":%lld,\"part\":%d}", number, part);
    return weir_emit(m, .type = "transformed", .topic = "out", .bytes = {value, (size_t)n});
}

static weir_status on_record(weir_message *m, void *ctx)
{
    char digits[24];
    (void)ctx;
    snprintf(digits, sizeof digits, "%.*s", WEIR_ARG(weir_value_bytes(m)));
    long long number = atoll(digits);
    nanosleep(&(struct timespec){0, number % 7 * 300000}, NULL);
    if (number % 17 == 3) {
        return weir_reject(m, "UNWANTED", "number %lld", number);
    }
    weir_status s = put(m, number, 0);
    if (!s && number % 11 == 5 && weir_attempt(m) == 1) {
        return weir_retry(m, 30, "at its second attempt");
    }
    return s || number % 5 ? s : put(m, number, 1);
}

static void setup(weir_app *app, void *ctx)
{
    weir_on(app, .topic = ctx, .fn = on_record);
}

int main(int argc, char **argv)
{
    char *from = getenv("TRANSFORM_FROM");
    if (!from) {
        fputs("TRANSFORM_FROM is to be set\n", stderr);
        return 2;
    }
    return weir_main(argc, argv, setup, from);
}
