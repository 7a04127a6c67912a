/* Columns: values that are nearly themselves on the wire, a recorded row of every type, what a
 * refusal says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/column_cases.h"

static void test_plain_cases(void **state)
{
    (void)state;
    run_column_cases("plain.tsv");
}

static void test_plain_without_memory(void **state)
{
    (void)state;
    starve_column_cases("plain.tsv");
}

static void test_recorded_cases(void **state)
{
    (void)state;
    run_column_cases("recorded.tsv");
}

/* The error of a value that a column of this type refuses. */
static weir_error refusal(const char *name, const char *type, const char *json)
{
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_buf to;
    weir_buf_init(&to);
    weir_error err = {0};
    const weir_value *value;
    weir_column column;
    assert_int_equal(weir_json_read(weir_view_of(json), &arena, &value, &err), WEIR_OK);
    assert_int_equal(
        weir_column_from_pg(weir_view_of(name), weir_view_of(type), NULL, &arena, &column, &err),
        WEIR_OK);
    assert_int_equal(weir_column_render(&column, value, &arena, &to, &err), WEIR_REJECT);
    weir_buf_fini(&to);
    weir_arena_fini(&arena);
    return err;
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *type, *json, *text;
    } cases[] = {
        {"date", "true", "column \"due\" (date): not a form of this type; met true"},
        {"date", "\"soon\"", "column \"due\" (date): not a date; met soon"},
        {"date", "{\"a\": 1}", "column \"due\" (date): not a date; met {\"a\": 1}"},
        {"date", "\"0123456789012345678901234567890123456789012345678901234567890123456789\"",
            "column \"due\" (date): not a date; met "
            "012345678901234567890123456789012345678901234567…"},
        {"date", "\"01234567890123456789012345678901234567890123456ü\"",
            "column \"due\" (date): not a date; met "
            "01234567890123456789012345678901234567890123456…"},
        {"jsonb", "\"[\"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_error err = refusal("due", cases[i].type, cases[i].json);
        assert_string_equal(err.code, "CDC_BAD_VALUE");
        if (cases[i].text) {
            assert_string_equal(err.text, cases[i].text);
        } else { /* the JSON reader's own words are inside */
            assert_non_null(strstr(err.text, "column \"due\" (json): "));
        }
    }
}

static void test_bytes_are_not_shown(void **state)
{
    (void)state;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_column column;
    weir_error err = {0};
    weir_buf to;
    weir_buf_init(&to);
    weir_value bytes = {.at = "\x00\x01", .len = 2, .type = WEIR_BYTES, .skip = 1};
    assert_int_equal(
        weir_column_from_pg(weir_view_of("c"), weir_view_of("text"), NULL, &arena, &column, &err),
        WEIR_OK);
    assert_int_equal(weir_column_render(&column, &bytes, &arena, &to, &err), WEIR_REJECT);
    assert_string_equal(err.text, "column \"c\" (text): not a form of this type; met bytes");
    weir_buf_fini(&to);
    weir_arena_fini(&arena);
}

static void test_no_value_is_null(void **state)
{
    (void)state;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_column column;
    weir_buf to;
    weir_buf_init(&to);
    assert_int_equal(
        weir_column_from_pg(weir_view_of("c"), weir_view_of("date"), NULL, &arena, &column, NULL),
        WEIR_OK);
    assert_int_equal(weir_column_render(&column, NULL, &arena, &to, NULL), WEIR_OK);
    assert_string_equal(weir_buf_str(&to), "null");
    weir_buf_fini(&to);
    weir_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_cases),
        cmocka_unit_test(test_plain_without_memory),
        cmocka_unit_test(test_recorded_cases),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bytes_are_not_shown),
        cmocka_unit_test(test_no_value_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
