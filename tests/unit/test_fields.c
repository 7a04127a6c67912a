/* Fields: the same ones are found in an envelope, a CloudEvent, a flattened row and headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cdc/fields.h"
#include "value/json.h"

static weir_arena arena;

static int set_up(void **state)
{
    (void)state;
    weir_arena_init(&arena, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    weir_arena_fini(&arena);
    return 0;
}

static const weir_value *json(const char *text)
{
    const weir_value *v;
    assert_int_equal(weir_json_read(weir_view_of(text), &arena, &v, NULL), WEIR_OK);
    return v;
}

static void check_text(const weir_fields *f, weir_field field, const char *expected)
{
    const weir_value *v = f->of[field];
    if (!expected) {
        assert_null(v);
        return;
    }
    assert_non_null(v);
    assert_true(weir_view_is(weir_raw(v), expected));
}

static void test_envelope(void **state)
{
    (void)state;
    weir_fields f = {{NULL}};
    weir_fields_of_envelope(
        json("{\"op\":\"c\",\"after\":null,\"opx\":1,\"source\":{\"db\":\"d\",\"op\":\"z\","
             "\"txId\":7,\"ts_ms\":8,\"table\":\"t\",\"sch\\u0065ma\":\"s\"},\"ts_ms\":9}"),
        &f);
    check_text(&f, WEIR_FIELD_OP, "c");
    check_text(&f, WEIR_FIELD_AFTER, "null");
    check_text(&f, WEIR_FIELD_BEFORE, NULL);
    check_text(&f, WEIR_FIELD_DB, "d");
    check_text(&f, WEIR_FIELD_TX, "7");
    check_text(&f, WEIR_FIELD_TS_MS, "8");   /* the source's, not Debezium's */
    check_text(&f, WEIR_FIELD_SCHEMA, NULL); /* Debezium writes no escapes into its names */
    assert_false(weir_said(&f, WEIR_FIELD_AFTER));
    assert_true(weir_said(&f, WEIR_FIELD_OP));
}

static void test_what_is_no_object(void **state)
{
    (void)state;
    static const char *const texts[] = {"1", "\"op\"", "[\"op\",\"c\"]", "[\"op\"]", "null", "[]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        weir_fields f = {{NULL}};
        weir_fields_of_envelope(json(texts[i]), &f);
        weir_fields_of_cloudevent(json(texts[i]), &f);
        weir_fields_of_row(json(texts[i]), weir_view_of("__"), &f);
        for (int field = 0; field < WEIR_FIELD_COUNT; field++) {
            assert_null(f.of[field]);
        }
    }
}

static void test_row(void **state)
{
    (void)state;
    weir_fields f = {{NULL}};
    weir_fields_of_row(json("{\"op\":\"x\",\"__op\":\"c\",\"__source_lsn\":5,\"__lsn\":6,\"__\":1,"
                            "\"__deleted\":\"true\",\"___op\":\"y\",\"source_db\":\"z\"}"),
        weir_view_of("__"), &f);
    check_text(&f, WEIR_FIELD_OP, "c");
    check_text(&f, WEIR_FIELD_LSN, "5"); /* the first one stays */
    check_text(&f, WEIR_FIELD_DELETED, "true");
    check_text(&f, WEIR_FIELD_DB, NULL);
    assert_true(weir_is_added(weir_view_of("__"), weir_view_of("__")));
    assert_true(weir_is_added(weir_view_of("__deleted"), weir_view_of("x.")));
    assert_false(weir_is_added(weir_view_of("_"), weir_view_of("__")));
}

typedef struct header {
    const char *name, *value;
} header;

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const header *h = (const header *)self + i;
    *name = weir_view_of(h->name);
    *value = weir_view_of(h->value);
    return h->name != NULL;
}

static void test_headers(void **state)
{
    (void)state;
    static const header headers[] = {
        {"__op", "\"d\""},
        {"__source_sequence", "[\"1\",\"2\"]"},
        {"__txId", "{\"schema\":{\"type\":\"int64\"},\"payload\":7}"},
        {"__table", NULL},
        {"__db", ""},
        {"__lsn", "{\"broken"},
        {"schema", "x"},
        {NULL, NULL},
    };
    weir_header_list list = {header_at, headers}, none = {NULL, NULL};
    weir_fields f = {{NULL}};
    weir_view prefix = weir_view_of("__");
    assert_int_equal(weir_fields_of_headers(&none, prefix, &arena, &f, NULL), WEIR_OK);
    assert_int_equal(weir_fields_of_headers(&list, prefix, &arena, &f, NULL), WEIR_OK);
    check_text(&f, WEIR_FIELD_OP, "d");
    check_text(&f, WEIR_FIELD_SEQUENCE, "[\"1\",\"2\"]");
    check_text(&f, WEIR_FIELD_TX, "7");
    check_text(&f, WEIR_FIELD_TABLE, NULL);
    check_text(&f, WEIR_FIELD_DB, "");
    check_text(&f, WEIR_FIELD_LSN, "{\"broken");
    check_text(&f, WEIR_FIELD_SCHEMA, NULL);
}

static void test_headers_without_memory(void **state)
{
    (void)state;
    static const header headers[] = {{"__op", "d"}, {"__txId", "{\"payload\":7}"}, {NULL, NULL}};
    weir_header_list list = {header_at, headers};
    weir_status s = WEIR_RETRY;
    size_t bytes = 1;
    for (; s == WEIR_RETRY; bytes++) {
        weir_arena small;
        weir_arena_init(&small, bytes);
        weir_fields f = {{NULL}};
        weir_error err = {.status = WEIR_OK};
        s = weir_fields_of_headers(&list, weir_view_of("__"), &small, &f, &err);
        assert_true(s == WEIR_OK || strcmp(err.code, "OUT_OF_MEMORY") == 0);
        weir_arena_fini(&small);
    }
    assert_int_equal(s, WEIR_OK);
    assert_true(bytes > sizeof(weir_value));
}

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool ok;
        int64_t value;
    } cases[] = {{"7", true, 7}, {"-7", true, -7}, {"\"7\"", true, 7}, {"\"900:118\"", true, 900},
        {"\":118\"", false, 0}, {"\"\"", false, 0}, {"7.0", false, 0}, {"null", false, 0},
        {"[7]", false, 0}, {"99999999999999999999", false, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_fields f = {{NULL}};
        int64_t n = 0;
        f.of[WEIR_FIELD_TX] = json(cases[i].json);
        assert_int_equal(weir_field_int64(&f, WEIR_FIELD_TX, &n), cases[i].ok);
        assert_int_equal(n, cases[i].value);
        assert_false(weir_field_int64(&f, WEIR_FIELD_LSN, &n));
    }
}

static void test_shown(void **state)
{
    (void)state;
    assert_int_equal(weir_shown(weir_view_of("short")), 5);
    assert_int_equal(weir_shown(weir_view_of("")), 0);
    static const char text[] =
        "x\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4"
        "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4"
        "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4";
    assert_int_equal(weir_shown(weir_view_of(text)), 59); /* between two characters */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_what_is_no_object),
        cmocka_unit_test(test_row),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_headers_without_memory),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_shown),
    };
    return cmocka_run_group_tests_name("fields", tests, set_up, tear_down);
}
