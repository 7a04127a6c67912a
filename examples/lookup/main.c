/* Lesson 4: look into a cache. The config keeps the cache `accounts` equal to its table; the
 * handler of another table reads the row it needs from it, without asking the database. */
#include <stdio.h>
#include <weir/weir.h>

static weir_status on_entry(weir_message *m, void *ctx)
{
    (void)ctx;
    if (weir_op(m) == 'd') {
        return WEIR_OK;
    }
    weir_reader entry = weir_read(m), account;
    weir_view id = weir_number(&entry, "account_id"), amount = weir_number(&entry, "amount");
    if (weir_read_end(&entry)) {
        return weir_read_end(&entry);
    }
    char key[64];
    bool found;
    int n = snprintf(key, sizeof key, "{\"id\":%.*s}", WEIR_ARG(id));
    weir_status s =
        weir_lookup(m, "accounts", weir_view_make(key, (size_t)n), NULL, &found, &account);
    if (s) {
        return s; /* HOLD while the cache catches up */
    }
    if (!found) {
        printf("%.*s of an account that is gone\n", WEIR_ARG(amount));
        return WEIR_OK;
    }
    weir_view owner = weir_text(&account, "owner");
    printf("%.*s of %.*s\n", WEIR_ARG(amount), WEIR_ARG(owner));
    return weir_read_end(&account);
}

static void setup(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .change = "public.entries", .fn = on_entry);
}

int main(int argc, char **argv)
{
    return weir_main(argc, argv, setup, NULL);
}
