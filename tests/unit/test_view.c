/* Which rows a cache shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/view.h"

static bool shows(const char *condition, const char *value)
{
    weir_row_condition where = {weir_view_of("\"c\""), weir_view_of(condition)};
    weir_row_view v = {.where = &where, .n_where = 1};
    weir_state state = {.alive = true};
    weir_arena scratch;
    weir_view shown;
    weir_error err;
    bool visible = false;
    weir_arena_init(&scratch, 0);
    weir_view row = weir_arena_printf(&scratch, "{\"a\":7,\"c\":%s}", value);
    assert_int_equal(
        weir_row_view_show(&v, row, &state, &scratch, &visible, &shown, &err), WEIR_OK);
    weir_arena_fini(&scratch);
    return visible;
}

static void test_same_kind(void **state)
{
    (void)state;
    static const char *const values[] = {
        "null", "true", "false", "1", "-1", "1.50", "\"\"", "\"a\"", "\"null\"", "\"x1\""};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            if (shows(values[i], values[k]) != (i == k)) {
                fail_msg("%s, %s", values[i], values[k]);
            }
        }
    }
    assert_false(shows("1", "[1]"));
    assert_false(shows("1", "{\"c\":1}"));
}

/* A number is what it is worth, however it is written. */
static void test_numbers(void **state)
{
    (void)state;
    assert_true(shows("1.5", "1.50"));
    assert_true(shows("1", "1.00"));
    assert_true(shows("1000000", "1e+06"));
    assert_true(shows("0", "-0"));
    assert_false(shows("1.5", "1.51"));
    assert_false(shows("12345678901234567890123456789", "12345678901234567890123456788"));
}

/* Quotes of a config say little of what the column is. */
static void test_quotes(void **state)
{
    (void)state;
    assert_true(shows("\"1\"", "1"));
    assert_true(shows("\"1.5\"", "1.50"));
    assert_true(shows("\"true\"", "true"));
    assert_true(shows("1", "\"1\""));
    assert_true(shows("true", "\"true\""));
    assert_false(shows("\"01\"", "1"));
    assert_false(shows("1", "\"01\""));
    assert_false(shows("1", "\"1.0\"")); /* a text is its characters */
    assert_false(shows("\"null\"", "null"));
    assert_false(shows("null", "\"null\""));
    assert_false(shows("\"a\"", "1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_kind),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
