/* Compatibility of Avro schemas: each cell of the table, each rule with its path, and schemas that
 * refer to themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "schema/compat.h"

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define A "{\"name\":\"a\",\"type\":\"int\"}"
#define OF(type) RECORD("{\"name\":\"a\",\"type\":" type "}")
#define FIXED(size) "{\"type\":\"fixed\",\"name\":\"F\",\"size\":" size "}"
#define DECIMAL(p, s) \
    "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":" p ",\"scale\":" s "}"

/* What each direction says: "" or RULE@path, with blanks between. */
static const struct change {
    const char *what, *old, *new, *backward, *forward;
} changes[] = {
    {"nothing", RECORD(A), RECORD(A), "", ""},
    {"add a field with a default", RECORD(A),
        RECORD(A ",{\"name\":\"b\",\"type\":\"int\",\"default\":0}"), "", ""},
    {"add a field without a default", RECORD(A), RECORD(A ",{\"name\":\"b\",\"type\":\"int\"}"),
        "READER_FIELD_MISSING_DEFAULT_VALUE@/fields/1", ""},
    {"remove a field with a default", RECORD(A ",{\"name\":\"b\",\"type\":\"int\",\"default\":0}"),
        RECORD(A), "", ""},
    {"remove a field without a default", RECORD(A ",{\"name\":\"b\",\"type\":\"int\"}"), RECORD(A),
        "", "READER_FIELD_MISSING_DEFAULT_VALUE@/fields/1"},
    {"int to long", OF("\"int\""), OF("\"long\""), "", "TYPE_MISMATCH@/fields/0/type"},
    {"int to float", OF("\"int\""), OF("\"float\""), "", "TYPE_MISMATCH@/fields/0/type"},
    {"int to double", OF("\"int\""), OF("\"double\""), "", "TYPE_MISMATCH@/fields/0/type"},
    {"long to float", OF("\"long\""), OF("\"float\""), "", "TYPE_MISMATCH@/fields/0/type"},
    {"long to double", OF("\"long\""), OF("\"double\""), "", "TYPE_MISMATCH@/fields/0/type"},
    {"float to double", OF("\"float\""), OF("\"double\""), "", "TYPE_MISMATCH@/fields/0/type"},
    {"string to bytes", OF("\"string\""), OF("\"bytes\""), "", ""},
    {"bytes to string", OF("\"bytes\""), OF("\"string\""), "", ""},
    {"int to string", OF("\"int\""), OF("\"string\""), "TYPE_MISMATCH@/fields/0/type",
        "TYPE_MISMATCH@/fields/0/type"},
    {"add a symbol", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}",
        "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", "",
        "MISSING_ENUM_SYMBOLS@/symbols"},
    {"add a symbol, the old enum has a default",
        "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"A\"}",
        "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", "", ""},
    {"add a branch", "[\"null\",\"int\"]", "[\"null\",\"int\",\"string\"]", "",
        "MISSING_UNION_BRANCH@"},
    {"make a union of a type", "\"int\"", "[\"null\",\"int\"]", "", "TYPE_MISMATCH@"},
    {"a union whose branches promote", "[\"int\",\"long\"]", "\"double\"", "",
        "MISSING_UNION_BRANCH@"},
    {"rename a field with an alias", OF("\"int\""),
        RECORD("{\"name\":\"b\",\"aliases\":[\"a\"],\"type\":\"int\"}"), "",
        "READER_FIELD_MISSING_DEFAULT_VALUE@/fields/0"},
    {"rename a record with an alias", RECORD(A),
        "{\"type\":\"record\",\"name\":\"S\",\"aliases\":[\"R\"],\"fields\":[" A "]}", "",
        "NAME_MISMATCH@/name"},
    {"rename a record", RECORD(A), "{\"type\":\"record\",\"name\":\"S\",\"fields\":[" A "]}",
        "NAME_MISMATCH@/name", "NAME_MISMATCH@/name"},
    {"another name space", RECORD(A),
        "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"n\",\"fields\":[" A "]}", "", ""},
    {"change a fixed's size", FIXED("4"), FIXED("8"), "FIXED_SIZE_MISMATCH@/size",
        "FIXED_SIZE_MISMATCH@/size"},
    {"items", "{\"type\":\"array\",\"items\":\"int\"}", "{\"type\":\"array\",\"items\":\"long\"}",
        "", "TYPE_MISMATCH@/items"},
    {"values", "{\"type\":\"map\",\"values\":\"int\"}", "{\"type\":\"map\",\"values\":\"null\"}",
        "TYPE_MISMATCH@/values", "TYPE_MISMATCH@/values"},
    {"a decimal's scale", DECIMAL("9", "2"), DECIMAL("9", "3"), "DECIMAL_MISMATCH@",
        "DECIMAL_MISMATCH@"},
    {"a decimal's precision", DECIMAL("9", "2"), DECIMAL("12", "2"), "", "DECIMAL_MISMATCH@"},
    {"ms to µs", "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}",
        "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}", "LOGICAL_TYPE_MISMATCH@",
        "LOGICAL_TYPE_MISMATCH@"},
    {"two at once", RECORD(A ",{\"name\":\"b\",\"type\":\"int\"}"),
        RECORD("{\"name\":\"a\",\"type\":\"null\"},{\"name\":\"c\",\"type\":\"int\"}"),
        "TYPE_MISMATCH@/fields/0/type READER_FIELD_MISSING_DEFAULT_VALUE@/fields/1",
        "TYPE_MISMATCH@/fields/0/type READER_FIELD_MISSING_DEFAULT_VALUE@/fields/1"},
    {"a record within itself",
        RECORD("{\"name\":\"n\",\"type\":[\"null\",\"R\"]},{\"name\":\"v\",\"type\":\"int\"}"),
        RECORD("{\"name\":\"n\",\"type\":[\"null\",\"R\"]},{\"name\":\"v\",\"type\":\"long\"}"), "",
        "MISSING_UNION_BRANCH@/fields/0/type TYPE_MISMATCH@/fields/1/type"},
};

static weir_avro_schema *parsed(const char *text)
{
    weir_avro_schema *s;
    weir_view view = weir_view_of(text);
    assert_int_equal(weir_avro_schema_parse(&view, 1, &s, NULL), WEIR_OK);
    return s;
}

static weir_status findings(const char *reader, const char *writer, weir_buf *to)
{
    weir_compat_report report;
    weir_error err;
    weir_avro_schema *r = parsed(reader), *w = parsed(writer);
    weir_compat_report_init(&report);
    weir_status s = weir_compat_avro(r, w, &report, &err);
    for (const weir_compat_finding *f = report.first; f && !s; f = f->next) {
        weir_buf_printf(to, "%s%s@%.*s", f == report.first ? "" : " ",
            weir_compat_rule_name(f->rule), WEIR_ARG(f->path));
        assert_true(weir_compat_advice(f->rule)[0] && weir_compat_meaning(f->rule)[0]);
    }
    weir_compat_report_fini(&report);
    weir_avro_schema_free(r);
    weir_avro_schema_free(w);
    return s;
}

static void expect(const char *what, const char *reader, const char *writer, const char *expected)
{
    weir_buf text = {0};
    assert_int_equal(findings(reader, writer, &text), WEIR_OK);
    if (strcmp(weir_buf_str(&text), expected) != 0) {
        fail_msg("%s: expected %s, is %s", what, expected, weir_buf_str(&text));
    }
    weir_buf_fini(&text);
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const struct change *c = &changes[i];
        expect(c->what, c->new, c->old, c->backward);
        expect(c->what, c->old, c->new, c->forward);
    }
}

/* Each of n records holds the one before it. */
static void chain(weir_buf *to, int n)
{
    weir_buf_puts(to, "{\"type\":\"record\",\"name\":\"O\",\"fields\":[{\"name\":\"f\",\"type\":"
                      "{\"type\":\"record\",\"name\":\"R0\",\"fields\":[]}}");
    for (int i = 1; i < n; i++) {
        weir_buf_printf(to,
            ",{\"name\":\"f%d\",\"type\":{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{"
            "\"name\":\"x\",\"type\":\"R%d\"}]}}",
            i, i, i - 1);
    }
    weir_buf_puts(to, "]}");
}

static void test_long_chain(void **state)
{
    (void)state;
    weir_buf text = {0}, out = {0};
    chain(&text, 2000);
    weir_avro_schema *s;
    weir_error err;
    weir_view view = weir_buf_view(&text);
    assert_int_equal(weir_avro_schema_parse(&view, 1, &s, &err), WEIR_REJECT);
    assert_non_null(strstr(err.text, "1000 deep"));
    weir_buf_clear(&text);
    chain(&text, 900);
    assert_int_equal(findings(weir_buf_str(&text), weir_buf_str(&text), &out), WEIR_OK);
    assert_string_equal(weir_buf_str(&out), "");
    weir_buf_fini(&text);
    weir_buf_fini(&out);
}

static void test_no_memory(void **state)
{
    (void)state;
    weir_avro_schema *r = parsed(changes[29].new), *w = parsed(changes[29].old);
    long live = weir_alloc_live();
    weir_status st = WEIR_RETRY;
    for (long n = 1; st; n++) {
        weir_compat_report report;
        weir_compat_report_init(&report);
        (void)weir_alloc_fail_at(n, 0);
        st = weir_compat_avro(r, w, &report, NULL);
        (void)weir_alloc_fail_at(0, 0);
        weir_compat_report_fini(&report);
        assert_int_equal(weir_alloc_live(), live);
        assert_true(n < 100);
    }
    weir_avro_schema_free(r);
    weir_avro_schema_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_long_chain),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
