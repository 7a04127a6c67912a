/* A conninfo that libpq cannot read, or reads as something else: told without any piece of it, for
 * pieces of a password are among what libpq would quote. Needs no server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "postgres/postgres.h"

static void test_nothing_of_a_password_is_told(void **state)
{
    (void)state;
    static const char *const wrong[] = {"postgresql://u:Sup3r%Secret@127.0.0.1:1/db",
        "host=127.0.0.1 port=1 password=my Sup3rSecret", "host=127.0.0.1 port=1 password='Sup3r",
        "host=127.0.0.1 port=1 password=my Sup3r=Secret", "postgresql://u:my@Sup3r@127.0.0.1:1/db",
        "postgresql://u:Sup3r/Secret@127.0.0.1:1/db", "postgresql://u:my?Sup3r@127.0.0.1:1/db",
        "postgresql://u:my#Sup3r@127.0.0.1:1/db", "postgresql://u:Sup3r:Secret@127.0.0.1:1/db"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        weir_pg p = {.options.conninfo = wrong[i]};
        weir_error err = {.status = WEIR_OK};
        PGconn *c = NULL;
        weir_status st = weir_pg_connect(&p, &c, &err);
        if (!st || strstr(err.text, "Sup3r") || strstr(err.text, "Secret")) {
            fail_msg("%zu: %s", i, err.text);
        }
    }
}

/* What can be read is dialled: nobody listens there. */
static void test_a_good_one_is_dialled(void **state)
{
    (void)state;
    static const char *const good[] = {"postgresql://u:Sup3r%25Secret@127.0.0.1:1/db",
        "postgresql://u@127.0.0.1:1,127.0.0.1:2/db?connect_timeout=1",
        "host=127.0.0.1 port=1 password='my Sup3rSecret'", "host=@weir port=1 user=u"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        weir_pg p = {.options.conninfo = good[i]};
        weir_error err = {.status = WEIR_OK};
        PGconn *c = NULL;
        assert_int_equal(weir_pg_connect(&p, &c, &err), WEIR_HOLD);
        assert_string_equal(err.code, "STORE_UNREACHABLE");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_of_a_password_is_told),
        cmocka_unit_test(test_a_good_one_is_dialled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
