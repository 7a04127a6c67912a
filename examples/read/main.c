/* Lesson 1: read a change. A handler gets each row change of public.accounts and prints it. */
#include <stdio.h>
#include <weir/weir.h>

static weir_status on_account(weir_message *m, void *ctx)
{
    (void)ctx;
    if (weir_op(m) == 'd') {
        printf("deleted %.*s\n", WEIR_ARG(weir_key(m)));
        return WEIR_OK;
    }
    weir_reader row = weir_read(m);
    weir_view owner = weir_text(&row, "owner");
    weir_view balance = weir_number(&row, "balance"); /* exact digits: money is never a double */
    if (weir_read_end(&row)) {
        return weir_read_end(&row); /* one check for all fields; the dead letter names the path */
    }
    printf("%c %.*s has %.*s\n", weir_op(m), WEIR_ARG(owner), WEIR_ARG(balance));
    return WEIR_OK;
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
