/* Lesson 2: when it does not work. The class of a handler's answer decides what happens:
 *
 *   WEIR_RETRY   again after 100, 200, 400 ms; the key's later records wait, other keys flow
 *   WEIR_HOLD    a dependency is down: wait, count nothing, dead-letter nothing
 *   WEIR_REJECT  can never succeed: the dead-letter topic, with the reason in its headers
 */
#include <stdio.h>
#include <weir/weir.h>

/* Stands for a call to another service. */
static weir_status charge(weir_message *m, weir_view balance)
{
    if (balance.ptr[0] == '-') {
        return weir_reject(
            m, "OVERDRAWN", "a balance of %.*s cannot be charged", WEIR_ARG(balance));
    }
    if (weir_attempt(m) < 3) {
        return weir_retry(m, 0, "attempt %u: the provider is busy", weir_attempt(m));
    }
    return WEIR_OK;
}

static weir_status on_account(weir_message *m, void *ctx)
{
    (void)ctx;
    if (weir_op(m) == 'd') {
        return WEIR_OK;
    }
    weir_reader row = weir_read(m);
    weir_view balance = weir_number(&row, "balance");
    if (weir_read_end(&row)) {
        return weir_read_end(&row);
    }
    weir_status s = charge(m, balance);
    if (s == WEIR_OK) {
        printf("charged %.*s after %u attempts\n", WEIR_ARG(weir_key(m)), weir_attempt(m));
    }
    return s;
}

static void setup(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .change = "public.accounts", .fn = on_account);
}

int main(int argc, char **argv)
{
    return weir_main(argc, argv, setup, NULL);
}
