/* Filling a row's missing columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "cdc/row.h"

typedef struct fill_case {
    const char *name, *row, *missing, *base, *base_missing, *filled, *still_missing;
} fill_case;

static const fill_case cases[] = {
    {"nothing is missing", "{\"a\":1}", "", "{\"a\":2}", "", "{\"a\":1}", ""},
    {"there is no base", "{\"a\":null}", "[\"a\"]", NULL, "", "{\"a\":null}", "[\"a\"]"},
    {"first column", "{\"a\":null,\"b\":2}", "[\"a\"]", "{\"a\":1,\"b\":0}", "",
        "{\"a\":1,\"b\":2}", ""},
    {"last column", "{\"a\":1,\"b\":null}", "[\"b\"]", "{\"a\":0,\"b\":\"two\"}", "",
        "{\"a\":1,\"b\":\"two\"}", ""},
    {"all columns", "{\"a\":null,\"b\":null}", "[\"a\",\"b\"]", "{\"b\":2,\"a\":1}", "",
        "{\"a\":1,\"b\":2}", ""},
    {"a null of the row is a value", "{\"a\":null,\"b\":null}", "[\"b\"]", "{\"a\":1,\"b\":2}", "",
        "{\"a\":null,\"b\":2}", ""},
    {"a null of the base is a value", "{\"a\":null}", "[\"a\"]", "{\"a\":null}", "", "{\"a\":null}",
        ""},
    {"missing in the base too", "{\"a\":null,\"b\":null}", "[\"a\",\"b\"]", "{\"a\":null,\"b\":2}",
        "[\"a\"]", "{\"a\":null,\"b\":2}", "[\"a\"]"},
    {"unknown to the base", "{\"a\":null,\"new\":null}", "[\"a\",\"new\"]", "{\"a\":1}", "",
        "{\"a\":1,\"new\":null}", "[\"new\"]"},
    {"the base misses others", "{\"a\":null}", "[\"a\"]", "{\"a\":1,\"b\":null}", "[\"b\"]",
        "{\"a\":1}", ""},
    {"all stay missing", "{\"a\":null,\"b\":null,\"c\":null}", "[\"a\",\"b\",\"c\"]",
        "{\"a\":null,\"b\":null,\"c\":null}", "[\"a\",\"b\",\"c\"]",
        "{\"a\":null,\"b\":null,\"c\":null}", "[\"a\",\"b\",\"c\"]"},
    {"values of any kind, as they stand", "{\"a\":null,\"b\":null,\"c\":null}",
        "[\"c\",\"a\",\"b\"]",
        "{\"a\":{\"a\":[1, 2,{\"b\":null}]},\"b\":\"\\u00e9\\\"\xC3\xA9\",\"c\":-0.00E+5}", "",
        "{\"a\":{\"a\":[1, 2,{\"b\":null}]},\"b\":\"\\u00e9\\\"\xC3\xA9\",\"c\":-0.00E+5}", ""},
    {"names that need escapes", "{\"a\\\"b\":null,\"\\\\\":null}", "[\"a\\\"b\",\"\\\\\"]",
        "{\"\\\\\":2,\"a\\\"b\":1}", "", "{\"a\\\"b\":1,\"\\\\\":2}", ""},
    {"equal beginnings are not equal names", "{\"ab\":null,\"a\":null}", "[\"ab\"]",
        "{\"a\":1,\"ab\":2,\"abc\":3}", "", "{\"ab\":2,\"a\":null}", ""},
    {"names inside a value are not columns", "{\"x\":{\"a\":null},\"a\":null}", "[\"a\"]",
        "{\"x\":{\"a\":1},\"a\":2}", "", "{\"x\":{\"a\":null},\"a\":2}", ""},
};
enum { CASES = sizeof cases / sizeof *cases };

static weir_status fill(const fill_case *c, weir_buf *row, weir_buf *missing, weir_error *err)
{
    weir_arena scratch;
    weir_arena_init(&scratch, 0);
    weir_view base = c->base ? weir_view_of(c->base) : (weir_view){NULL, 0};
    weir_status s = weir_row_fill(weir_view_of(c->row), weir_view_of(c->missing), base,
        weir_view_of(c->base_missing), &scratch, row, missing, err);
    weir_arena_fini(&scratch);
    return s;
}

static bool holds(const weir_buf *b, const char *before, const char *expected)
{
    size_t n = strlen(before);
    weir_view v = weir_buf_view(b);
    return v.len >= n && memcmp(v.ptr, before, n) == 0 &&
           weir_view_is((weir_view){v.ptr + n, v.len - n}, expected);
}

static void test_fill(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        weir_buf row, missing;
        weir_buf_init(&row);
        weir_buf_init(&missing);
        weir_buf_puts(&row, "row: "); /* it appends */
        weir_buf_puts(&missing, "missing: ");
        assert_int_equal(fill(&cases[i], &row, &missing, NULL), WEIR_OK);
        if (!holds(&row, "row: ", cases[i].filled) ||
            !holds(&missing, "missing: ", cases[i].still_missing)) {
            fail_msg("%s: %.*s %.*s", cases[i].name, WEIR_ARG(weir_buf_view(&row)),
                WEIR_ARG(weir_buf_view(&missing)));
        }
        weir_buf_fini(&row);
        weir_buf_fini(&missing);
    }
}

/* Texts that weir never wrote. */
static void test_damaged(void **state)
{
    (void)state;
    static const fill_case damaged[] = {
        {"row", "{\"a\":nul}", "[\"a\"]", "{\"a\":1}", "", NULL, NULL},
        {"row", "[1]", "[\"a\"]", "{\"a\":1}", "", NULL, NULL},
        {"missing", "{\"a\":null}", "[\"a\"", "{\"a\":1}", "", NULL, NULL},
        {"missing", "{\"a\":null}", "{}", "{\"a\":1}", "", NULL, NULL},
        {"base", "{\"a\":null}", "[\"a\"]", "{\"a\":1", "", NULL, NULL},
        {"base", "{\"a\":null}", "[\"a\"]", "17", "", NULL, NULL},
        {"base_missing", "{\"a\":null}", "[\"a\"]", "{\"a\":1}", "a", NULL, NULL},
        {"base_missing", "{\"a\":null}", "[\"a\"]", "{\"a\":1}", "\"a\"", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        weir_buf row, missing;
        weir_error err;
        weir_buf_init(&row);
        weir_buf_init(&missing);
        assert_int_equal(fill(&damaged[i], &row, &missing, &err), WEIR_FATAL);
        assert_string_equal(err.code, "STORE_BROKEN");
        weir_buf_fini(&row);
        weir_buf_fini(&missing);
    }
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        bool done = false;
        for (long at = 1; !done; at++) {
            weir_buf row, missing;
            weir_buf_init(&row);
            weir_buf_init(&missing);
            weir_alloc_fail_at(at, false);
            weir_status s = fill(&cases[i], &row, &missing, NULL);
            done = weir_alloc_fail_at(0, 0) < at;
            assert_int_equal(s, done ? WEIR_OK : WEIR_RETRY);
            weir_buf_fini(&row);
            weir_buf_fini(&missing);
            assert_int_equal(weir_alloc_live(), 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fill),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
