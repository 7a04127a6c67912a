/* Avro schemas: what is accepted, what is refused and where, the canonical form and fingerprints,
 * and running out of memory at every step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "schema/avro_schema.h"

static weir_status parse(const char *text, weir_avro_schema **out, weir_error *err)
{
    weir_view view = weir_view_of(text);
    return weir_avro_schema_parse(&view, 1, out, err);
}

static weir_avro_schema *parsed(const char *text)
{
    weir_avro_schema *s;
    weir_error err = {.status = WEIR_OK};
    if (parse(text, &s, &err)) {
        fail_msg("%s: %s at %s", text, err.text, err.where);
    }
    return s;
}

static void test_model(void **state)
{
    (void)state;
    weir_avro_schema *s = parsed(
        "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a.b\",\"aliases\":[\"Old\",\"c.Old\"],"
        "\"connect.name\":\"x\",\"fields\":["
        "{\"name\":\"i\",\"type\":{\"type\":\"int\",\"logicalType\":\"date\"},\"default\":7},"
        "{\"name\":\"d\",\"aliases\":[\"e\"],\"type\":{\"type\":\"bytes\",\"logicalType\":"
        "\"decimal\",\"precision\":9,\"scale\":2}},"
        "{\"name\":\"u\",\"type\":[\"null\",\"R\"],\"default\":null},"
        "{\"name\":\"n\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"],"
        "\"default\":\"B\"}},"
        "{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"z.F\",\"size\":3}},"
        "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"double\"}}]}");
    const weir_avro_type *r = weir_avro_root(s);
    assert_int_equal(r->kind, WEIR_AVRO_RECORD);
    assert_true(weir_view_is(r->name, "a.b.R"));
    assert_int_equal(r->aliases.count, 2);
    assert_true(weir_view_is(r->aliases.of[0], "a.b.Old"));
    assert_true(weir_view_is(r->aliases.of[1], "c.Old"));
    assert_true(weir_string_is(weir_gets(r->json, "connect.name"), weir_view_of("x")));
    assert_int_equal(r->count, 6);
    assert_int_equal(r->fields[0].type->logical, WEIR_AVRO_DATE);
    assert_true(weir_is(r->fields[0].fallback, WEIR_INT));
    assert_int_equal(r->fields[1].type->logical, WEIR_AVRO_DECIMAL);
    assert_int_equal(r->fields[1].type->precision, 9);
    assert_int_equal(r->fields[1].type->scale, 2);
    assert_true(weir_view_is(r->fields[1].aliases.of[0], "e"));
    assert_ptr_equal(r->fields[2].type->branches[1], r);
    assert_int_equal(r->fields[3].type->fallback_symbol, 1);
    assert_true(weir_view_is(r->fields[3].type->name, "a.b.E"));
    assert_true(weir_view_is(r->fields[4].type->name, "z.F"));
    assert_int_equal(r->fewest_bytes, 1 + 1 + 1 + 1 + 3 + 1);
    assert_ptr_equal(weir_avro_field_named(r, weir_view_of("m")), &r->fields[5]);
    assert_null(weir_avro_field_named(r, weir_view_of("e")));
    weir_avro_schema_free(s);
}

/* Decimals of Connect have defaults that begin with a NUL. */
static void test_accepted(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\"int\"",
        "{\"type\":\"string\",\"avro.java.string\":\"String\"}",
        "[\"null\",\"string\",{\"type\":\"array\",\"items\":\"int\"}]",
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}",
        "{\"type\":\"error\",\"name\":\"R\",\"fields\":[]}",
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"bytes\","
        "\"default\":\"\\u0000\\u00ff\"}]}",
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":[\"null\","
        "\"int\"],"
        "\"default\":5}]}",
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"double\","
        "\"default\":5}]}",
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":"
        "\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"x\",\"type\":\"int\",\"default\":1}]},"
        "\"default\":{}}]}",
        "{\"type\":\"int\",\"logicalType\":\"uuid\"}", /* ignored, as the specification wants */
        "{\"type\":\"record\",\"name\":\"a.R\",\"fields\":[{\"name\":\"x\",\"type\":{\"type\":"
        "\"enum\",\"name\":\"E\",\"symbols\":[\"Z\"]}},{\"name\":\"y\",\"type\":\"a.E\"},"
        "{\"name\":\"z\",\"type\":{\"type\":\"E\"}}]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        weir_avro_schema_free(parsed(texts[i]));
    }
}

static const struct refused {
    const char *text, *code, *where, *says;
} refused[] = {
    {"{", "JSON_SYNTAX", "1:2", ""},
    {"1", "AVRO_SCHEMA", "1:1", "a schema is"},
    {"{}", "AVRO_SCHEMA", "1:1", "a schema is"},
    {"\"integer\"", "AVRO_SCHEMA", "1:2", "not defined"},
    {"\"record\"", "AVRO_SCHEMA", "1:2", "must be an object"},
    {"[]", "AVRO_SCHEMA", "1:1", "branches"},
    {"[\"int\",[\"null\"]]", "AVRO_SCHEMA", "1:8", "directly in a union"},
    {"[\"int\",\"string\",\"int\"]", "AVRO_SCHEMA", "1:18", "twice: \"int\""},
    {"[{\"type\":\"array\",\"items\":\"int\"},{\"type\":\"array\",\"items\":\"string\"}]",
        "AVRO_SCHEMA", "", "twice: \"array\""},
    {"{\"type\":\"record\",\"fields\":[]}", "AVRO_SCHEMA", "1:1", "needs a name"},
    {"{\"type\":\"record\",\"name\":\"R\"}", "AVRO_SCHEMA", "1:1", "list of fields"},
    {"{\"type\":\"record\",\"name\":\"a..R\",\"fields\":[]}", "AVRO_SCHEMA", "", "not a name"},
    {"{\"type\":\"record\",\"name\":\"1R\",\"fields\":[]}", "AVRO_SCHEMA", "", "not a name"},
    {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[\n{\"name\":\"a.b\",\"type\":\"int\"}]}",
        "AVRO_SCHEMA", "2:10", "field's name"},
    {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
     "{\"name\":\"a\",\"type\":\"int\"}]}",
        "AVRO_SCHEMA", "", "two fields"},
    {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\"}]}", "AVRO_SCHEMA", "",
        "a name and a type"},
    {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\",\"order\":"
     "\"up\"}]}",
        "AVRO_SCHEMA", "", "ascending"},
    {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\",\"default\":"
     "2147483648}]}",
        "AVRO_SCHEMA", "", "the default is no value"},
    {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"string\","
     "\"default\":null}]}",
        "AVRO_SCHEMA", "", "the default is no value"},
    {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"bytes\","
     "\"default\":\"\\u0100\"}]}",
        "AVRO_SCHEMA", "", "the default is no value"},
    {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[]}", "AVRO_SCHEMA", "", "list of symbols"},
    {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"A\"]}", "AVRO_SCHEMA", "",
        "symbol twice"},
    {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"a-b\"]}", "AVRO_SCHEMA", "", "not a symbol"},
    {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"],\"default\":\"B\"}", "AVRO_SCHEMA", "",
        "one of its symbols"},
    {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}", "AVRO_SCHEMA", "", "needs a size"},
    {"{\"type\":\"array\"}", "AVRO_SCHEMA", "1:1", "needs items"},
    {"[{\"type\":\"fixed\",\"name\":\"F\",\"size\":1},{\"type\":\"fixed\",\"name\":\"F\",\"size\":"
     "2}]",
        "AVRO_SCHEMA", "", "defined twice"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        weir_avro_schema *s;
        weir_error err = {.status = WEIR_OK};
        assert_int_equal(parse(refused[i].text, &s, &err), WEIR_REJECT);
        assert_null(s);
        assert_string_equal(err.code, refused[i].code);
        assert_non_null(strstr(err.text, refused[i].says));
        if (refused[i].where[0]) {
            assert_string_equal(err.where, refused[i].where);
        }
    }
}

/* A default that no branch fits, and 2^60 ways to try: it is given up. */
static void test_default_bomb(void **state)
{
    (void)state;
    weir_buf text = {0};
    weir_buf_puts(&text,
        "{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"x\",\"type\":[\"null\",\"A\",{"
        "\"type\":\"record\",\"name\":\"B\",\"fields\":[{\"name\":\"x\",\"type\":[\"null\",\"A\","
        "\"B\"]}]}]},{\"name\":\"y\",\"type\":[\"A\",\"B\"],\"default\":");
    for (int i = 0; i < 60; i++) {
        weir_buf_puts(&text, "{\"y\":{},\"x\":");
    }
    weir_buf_puts(&text, "1");
    for (int i = 0; i < 60; i++) {
        weir_buf_puts(&text, "}");
    }
    weir_buf_puts(&text, "}]}");
    weir_avro_schema *s;
    weir_error err;
    assert_int_equal(parse(weir_buf_str(&text), &s, &err), WEIR_REJECT);
    assert_non_null(strstr(err.text, "default is no value"));
    weir_buf_fini(&text);
}

static void test_references(void **state)
{
    (void)state;
    weir_view texts[] = {
        weir_view_of("{\"type\":\"enum\",\"name\":\"n.E\",\"symbols\":[\"A\"]}"),
        weir_view_of("{\"type\":\"record\",\"name\":\"n.R\",\"fields\":[{\"name\":\"e\",\"type\":"
                     "\"E\"}]}"),
    };
    weir_avro_schema *s;
    assert_int_equal(weir_avro_schema_parse(texts, 2, &s, NULL), WEIR_OK);
    assert_int_equal(weir_avro_root(s)->fields[0].type->kind, WEIR_AVRO_ENUM);
    weir_avro_schema_free(s);
    assert_int_equal(weir_avro_schema_parse(texts + 1, 1, &s, NULL), WEIR_REJECT);
}

/* The fingerprint of "int" is of the specification's own tests (share/test/data/schema-tests). */
static void test_canonical(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
        uint64_t crc;
    } cases[] = {
        {"\"null\"", "\"null\"", 7195948357588979594U},
        {"{\"type\":\"int\"}", "\"int\"", (uint64_t)8247732601305521295},
        {"[ \"null\", \"boolean\" ]", "[\"null\",\"boolean\"]", 0},
        {"{\"fields\":[{\"type\":{\"type\":\"long\",\"doc\":\"x\"},\"name\":\"next\",\"default\":0}"
         ","
         "{\"name\":\"r\",\"type\":\"R\"}],\"type\":\"record\",\"doc\":\"d\",\"name\":\"R\","
         "\"namespace\":\"x\"}",
            "{\"name\":\"x.R\",\"type\":\"record\",\"fields\":[{\"name\":\"next\",\"type\":"
            "\"long\"},{\"name\":\"r\",\"type\":\"x.R\"}]}",
            0},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":0012}", NULL, 0},
        {"{\"type\":\"enum\",\"symbols\":[\"A\",\"B\"],\"name\":\"E\"}",
            "{\"name\":\"E\",\"type\":\"enum\",\"symbols\":[\"A\",\"B\"]}", 0},
        {"{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":{\"type\":\"fixed\",\"name\":"
         "\"F\",\"size\":12}}}",
            "{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":{\"name\":\"F\",\"type\":"
            "\"fixed\",\"size\":12}}}",
            0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_avro_schema *s;
        weir_buf text = {0};
        uint64_t crc;
        if (!cases[i].canonical) {
            assert_int_equal(parse(cases[i].text, &s, NULL), WEIR_REJECT);
            continue;
        }
        s = parsed(cases[i].text);
        weir_avro_canonical_put(&text, s);
        assert_string_equal(weir_buf_str(&text), cases[i].canonical);
        assert_int_equal(weir_avro_fingerprint(s, &crc, NULL), WEIR_OK);
        if (cases[i].crc) {
            assert_true(crc == cases[i].crc);
        }
        weir_buf_fini(&text);
        weir_avro_schema_free(s);
    }
}

static void test_md5(void **state)
{
    (void)state;
    static const unsigned char expected[] = {0xef, 0x52, 0x4e, 0xa1, 0xb9, 0x1e, 0x73, 0x17, 0x3d,
        0x93, 0x8a, 0xde, 0x36, 0xc1, 0xdb, 0x32}; /* of "int", as avro's own tests have it */
    unsigned char md5[16];
    weir_avro_schema *s = parsed("\"int\"");
    assert_int_equal(weir_avro_fingerprint_md5(s, md5, NULL), WEIR_OK);
    assert_memory_equal(md5, expected, sizeof md5);
    weir_avro_schema_free(s);
}

static void test_no_memory(void **state)
{
    (void)state;
    const char *text =
        "{\"type\":\"record\",\"name\":\"a.R\",\"aliases\":[\"b\"],\"fields\":[{\"name\":\"x\","
        "\"type\":[\"null\",{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}],"
        "\"default\":\"\\u0041\"}]}";
    long live = weir_alloc_live();
    weir_status st = WEIR_RETRY;
    for (long n = 1; st != WEIR_OK; n++) {
        weir_avro_schema *s = NULL;
        uint64_t crc;
        (void)weir_alloc_fail_at(n, 0);
        weir_error err = {.status = WEIR_OK};
        st = parse(text, &s, &err);
        st = st ? st : weir_avro_fingerprint(s, &crc, &err);
        (void)weir_alloc_fail_at(0, 0);
        if (st) {
            assert_string_equal(err.code, "OUT_OF_MEMORY");
        }
        weir_avro_schema_free(s);
        assert_int_equal(weir_alloc_live(), live);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_default_bomb),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_md5),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
