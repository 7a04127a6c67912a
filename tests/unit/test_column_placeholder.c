/* Placeholders of unchanged TOAST values, in every form and only where it counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cdc/column_kind.h"
#include "support/column_cases.h"

#define DEFAULT "__debezium_unavailable_value"
#define BASE64 "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="
#define HEX "5f5f646562657a69756d5f756e617661696c61626c655f76616c7565"
#define UUID "b68a35a7-17ad-35b3-af2a-ae46edb4545a"
#define CODES                                                                                     \
    "[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97," \
    "108,117,101]"

static bool is_placeholder(const char *type, const char *json, weir_view text)
{
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_column c;
    const weir_value *v;
    assert_int_equal(
        weir_column_from_pg(weir_view_of("c"), weir_view_of(type), NULL, &arena, &c, NULL),
        WEIR_OK);
    assert_int_equal(weir_json_read(weir_view_of(json), &arena, &v, NULL), WEIR_OK);
    bool is = weir_column_is_placeholder(&c, v, text);
    weir_arena_fini(&arena);
    return is;
}

static void test_forms(void **state)
{
    (void)state;
    static const struct {
        const char *type, *json;
        bool is;
    } cases[] = {
        {"text", "\"" DEFAULT "\"", true},
        {"text", "\"\\u005f_debezium_unavailable_value\"", true},
        {"varchar(20)", "\"" DEFAULT "\"", true},
        {"jsonb", "\"" DEFAULT "\"", true},
        {"xml", "\"" DEFAULT "\"", true},
        {"numeric(12,2)", "\"" DEFAULT "\"", true},
        {"point", "\"" DEFAULT "\"", true},
        {"", "\"" DEFAULT "\"", true},
        {"text", "\"" DEFAULT "x\"", false},
        {"text", "\"\"", false},
        {"text", "null", false},
        {"boolean", "true", false},
        {"integer", "95", false},
        /* binary */
        {"bytea", "\"" BASE64 "\"", true},
        {"bytea", "\"" HEX "\"", true},
        {"bytea", "\"" DEFAULT "\"", true},
        {"", "\"" BASE64 "\"", true},
        {"", "\"" HEX "\"", true},
        {"text", "\"" BASE64 "\"", false},
        {"text", "\"" HEX "\"", false},
        {"bytea", "\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZR==\"", true}, /* the same bytes */
        {"bytea", "\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZAo=\"", false},
        {"bytea", "\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1*Q==\"", false},
        {"bytea", "\"5f5f646562657a69756d5f756e617661696c61626c655f76616c7566\"", false},
        {"bytea", "\"AP8Q\"", false},
        /* arrays */
        {"text[]", "[\"" DEFAULT "\"]", true},
        {"jsonb[]", "[\"" DEFAULT "\"]", true},
        {"", "[\"" DEFAULT "\"]", true},
        {"bytea[]", "[\"" BASE64 "\"]", true},
        {"", "[\"" BASE64 "\"]", true},
        {"text[]", "[\"" BASE64 "\"]", false},
        {"text[]", "[\"" DEFAULT "\",\"" DEFAULT "\"]", false},
        {"text[]", "[\"a\"]", false},
        {"text[]", "[null]", false},
        {"text[]", "[]", false},
        {"int[]", CODES, true},
        {"bigint[]", CODES, true},
        {"date[]", CODES, true},
        {"", CODES, true},
        {"oid[]", CODES, false},
        {"int[]", "[95]", false},
        {"int[]",
            "[null,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,"
            "101,95,118,97,108,117,101]",
            false},
        {"int[]",
            "[96,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,"
            "101,95,118,97,108,117,101]",
            false},
        {"uuid[]", "[\"" UUID "\"]", true},
        {"", "[\"" UUID "\"]", true},
        {"text[]", "[\"" UUID "\"]", false},
        {"uuid[]", "[\"b68a35a7-17ad-35b3-af2a-ae46edb4545b\"]", false},
        {"uuid[]", "[\"a\"]", false},
        {"uuid", "\"" UUID "\"", false},
        /* hstore */
        {"hstore", "{\"" DEFAULT "\":\"" DEFAULT "\"}", true},
        {"", "{\"" DEFAULT "\":\"" DEFAULT "\"}", true},
        {"hstore", "\"{\\\"" DEFAULT "\\\":\\\"" DEFAULT "\\\"}\"", true},
        {"json", "\"{\\\"" DEFAULT "\\\":\\\"" DEFAULT "\\\"}\"", true},
        {"", "\"{\\\"" DEFAULT "\\\":\\\"" DEFAULT "\\\"}\"", true},
        {"text", "\"{\\\"" DEFAULT "\\\":\\\"" DEFAULT "\\\"}\"", false},
        {"json", "{\"" DEFAULT "\":\"" DEFAULT "\"}", false},
        {"hstore", "{\"" DEFAULT "\":\"x\"}", false},
        {"hstore", "{\"x\":\"" DEFAULT "\"}", false},
        {"hstore", "{\"" DEFAULT "\":null}", false},
        {"hstore", "{\"" DEFAULT "\":\"" DEFAULT "\",\"x\":\"y\"}", false},
        {"hstore", "{}", false},
        {"hstore", "\"{\\\"" DEFAULT "\\\":\\\"__debezium_unavailable_valuf\\\"}\"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool is = is_placeholder(cases[i].type, cases[i].json, weir_view_of(DEFAULT));
        if (is != cases[i].is) {
            fail_msg("%s %s: %d", cases[i].type, cases[i].json, is);
        }
    }
}

/* unavailable.value.placeholder may be anything; its UUID is made of it. */
static void test_configured(void **state)
{
    (void)state;
    weir_view text = weir_view_of("n/a");
    assert_true(is_placeholder("text", "\"n/a\"", text));
    assert_true(is_placeholder("text", "\"n\\/a\"", text));
    assert_false(is_placeholder("text", "\"" DEFAULT "\"", text));
    assert_true(is_placeholder("bytea", "\"bi9h\"", text));
    assert_true(is_placeholder("bytea", "\"6e2f61\"", text));
    assert_true(is_placeholder("int[]", "[110,47,97]", text));
    assert_true(is_placeholder("uuid[]", "[\"274b6819-2b05-3e26-8f12-8ff63bfcd4a4\"]", text));
    assert_true(is_placeholder("hstore", "{\"n/a\":\"n/a\"}", text));
    /* bytes beyond ASCII are negative codes */
    assert_true(is_placeholder("int[]", "[-61,-68]", weir_view_of("ü")));
    /* none is configured */
    assert_false(is_placeholder("text", "\"\"", weir_view_of("")));
    assert_false(is_placeholder("int[]", "[]", weir_view_of("")));
}

static void test_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        bool is;
    } cases[] = {{"bytea", true}, {"", true}, {"text", false}};
    weir_value bytes = {.at = DEFAULT, .len = sizeof DEFAULT - 1, .type = WEIR_BYTES, .skip = 1};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_arena arena;
        weir_arena_init(&arena, 0);
        weir_column c;
        assert_int_equal(weir_column_from_pg(weir_view_of("c"), weir_view_of(cases[i].type), NULL,
                             &arena, &c, NULL),
            WEIR_OK);
        assert_true(weir_column_is_placeholder(&c, &bytes, weir_view_of(DEFAULT)) == cases[i].is);
        assert_false(weir_column_is_placeholder(&c, &bytes, weir_view_of("other")));
        weir_arena_fini(&arena);
    }
    weir_value array[2] = {{.at = "[", .len = 1, .type = WEIR_ARRAY, .skip = 2}, bytes};
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_column c;
    assert_int_equal(
        weir_column_from_pg(weir_view_of("c"), weir_view_of("bytea[]"), NULL, &arena, &c, NULL),
        WEIR_OK);
    assert_true(weir_column_is_placeholder(&c, array, weir_view_of(DEFAULT)));
    weir_arena_fini(&arena);
}

static void test_no_value(void **state)
{
    (void)state;
    weir_column c = weir_column_make(weir_view_of("c"), WEIR_KIND_TEXT);
    assert_false(weir_column_is_placeholder(&c, NULL, weir_view_of(DEFAULT)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_configured),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_no_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
