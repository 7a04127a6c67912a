/* Writing Avro, and schema resolution: what one schema wrote is read by another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "schema/avro_read.h"
#include "schema/avro_write.h"
#include "value/json.h"

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define ENUM(symbols, more) "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[" symbols "]" more "}"
#define FIXED(size) "{\"type\":\"fixed\",\"name\":\"F\",\"size\":" size "}"

static weir_avro_schema *parsed(const char *text)
{
    weir_avro_schema *s;
    weir_error err;
    weir_view view = weir_view_of(text);
    if (weir_avro_schema_parse(&view, 1, &s, &err)) {
        fail_msg("%s: %s", text, err.text);
    }
    return s;
}

static weir_status encode(
    const weir_avro_schema *s, const char *json, weir_buf *to, weir_error *err)
{
    weir_arena arena;
    weir_arena_init(&arena, 0);
    const weir_value *v;
    assert_int_equal(weir_json_read(weir_view_of(json), &arena, &v, NULL), WEIR_OK);
    weir_status st = weir_avro_write(weir_avro_root(s), v, to, err);
    weir_arena_fini(&arena);
    return st;
}

/* What is written is read again; `read` NULL: the same JSON. */
static const struct written {
    const char *schema, *json, *read;
} written[] = {
    {"\"null\"", "null", NULL},
    {"\"boolean\"", "true", NULL},
    {"\"int\"", "-2147483648", NULL},
    {"\"long\"", "9223372036854775807", NULL},
    {"\"long\"", "-9223372036854775808", NULL},
    {"\"float\"", "0.1", NULL},
    {"\"double\"", "12.34e-5", "0.0001234"},
    {"\"double\"", "5", "5.0"},
    {"\"double\"", "\"-Infinity\"", NULL},
    {"\"double\"", "\"NaN\"", NULL},
    {"\"string\"", "\"a\\u00e4\\\"\\n\"", "\"aä\\\"\\n\""},
    {"\"bytes\"", "\"\\u0000\\u00ffA\"", "\"AP9B\""},
    {FIXED("2"), "\"\\u0001\\u00c3\"", "\"AcM=\""},
    {ENUM("\"A\",\"B\"", ""), "\"B\"", NULL},
    {"{\"type\":\"array\",\"items\":\"int\"}", "[1,2,300]", NULL},
    {"{\"type\":\"array\",\"items\":\"int\"}", "[]", NULL},
    {"{\"type\":\"map\",\"values\":\"string\"}", "{\"k\":\"v\",\"l\":\"\"}", NULL},
    {"[\"null\",\"double\",\"int\",\"bytes\",\"string\"]", "1", NULL},
    {"[\"null\",\"double\",\"int\",\"bytes\",\"string\"]", "1.5", NULL},
    {"[\"null\",\"double\",\"int\",\"bytes\",\"string\"]", "\"x\"", NULL},
    {"[\"null\",\"string\"]", "null", NULL},
    {RECORD("{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"b\",\"type\":\"string\",\"default\":\"d"
            "\"},{\"name\":\"c\",\"type\":[\"null\",\"R\"],\"default\":null}"),
        "{\"c\":{\"a\":2,\"b\":\"x\"},\"a\":1}",
        "{\"a\":1,\"b\":\"d\",\"c\":{\"a\":2,\"b\":\"x\",\"c\":null}}"},
};

static void test_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        weir_avro_schema *s = parsed(written[i].schema);
        weir_buf bytes = {0}, text = {0};
        weir_arena arena;
        weir_error err = {.status = WEIR_OK};
        const weir_value *v;
        weir_arena_init(&arena, 0);
        if (encode(s, written[i].json, &bytes, &err)) {
            fail_msg("%s: %s at %s", written[i].json, err.text, err.where);
        }
        weir_view view = weir_buf_view(&bytes);
        assert_int_equal(weir_avro_read(weir_avro_root(s), view, &arena, &v, NULL, NULL), WEIR_OK);
        weir_json_put(&text, v);
        assert_string_equal(
            weir_buf_str(&text), written[i].read ? written[i].read : written[i].json);
        weir_arena_fini(&arena);
        weir_buf_fini(&bytes);
        weir_buf_fini(&text);
        weir_avro_schema_free(s);
    }
}

static const struct refused {
    const char *schema, *json, *where, *says;
} refused[] = {
    {"\"int\"", "2147483648", "", "type int"},
    {"\"int\"", "1.0", "", "type int"},
    {"\"string\"", "1", "", "type string"},
    {"\"boolean\"", "0", "", "type boolean"},
    {"\"bytes\"", "\"\\u0100\"", "", "type bytes"},
    {FIXED("2"), "\"a\"", "", "type F"},
    {ENUM("\"A\"", ""), "\"B\"", "", "no symbol B"},
    {"[\"null\",\"int\"]", "\"a\"", "", "no branch"},
    {"{\"type\":\"array\",\"items\":\"int\"}", "[1,\"x\"]", "/1", "type int"},
    {"{\"type\":\"map\",\"values\":\"int\"}", "{\"a/b\":null}", "/a~1b", "type int"},
    {RECORD("{\"name\":\"a\",\"type\":\"int\"}"), "{}", "", "field a"},
    {RECORD("{\"name\":\"a\",\"type\":\"int\"}"), "{\"a\":1,\"b\":2}", "", "no field b"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        weir_avro_schema *s = parsed(refused[i].schema);
        weir_buf bytes = {0};
        weir_error err;
        assert_int_equal(encode(s, refused[i].json, &bytes, &err), WEIR_REJECT);
        assert_string_equal(err.code, "AVRO_VALUE");
        assert_string_equal(err.where, refused[i].where);
        assert_non_null(strstr(err.text, refused[i].says));
        weir_buf_fini(&bytes);
        weir_avro_schema_free(s);
    }
}

/* `read` NULL: it cannot be. */
static const struct resolved {
    const char *writer, *reader, *json, *read;
} resolutions[] = {
    {"\"int\"", "\"long\"", "7", "7"},
    {"\"int\"", "\"double\"", "7", "7.0"},
    {"\"long\"", "\"float\"", "16777216", "1.6777216e7"},
    {"\"float\"", "\"double\"", "0.5", "0.5"},
    {"\"float\"", "\"double\"", "0.1", "0.10000000149011612"},
    {"\"long\"", "\"int\"", "7", NULL},
    {"\"string\"", "\"bytes\"", "\"ä\"", "\"w6Q=\""},
    {"\"bytes\"", "\"string\"", "\"\\u00c3\\u00a4\"", "\"ä\""},
    {"\"bytes\"", "\"string\"", "\"\\u00ff\"", NULL},
    {ENUM("\"A\",\"B\",\"C\"", ""), ENUM("\"C\",\"A\"", ""), "\"A\"", "\"A\""},
    {ENUM("\"A\",\"B\",\"C\"", ""), ENUM("\"C\",\"A\"", ""), "\"B\"", NULL},
    {ENUM("\"A\",\"B\"", ""), ENUM("\"C\",\"A\"", ",\"default\":\"C\""), "\"B\"", "\"C\""},
    {FIXED("2"), FIXED("3"), "\"ab\"", NULL},
    {"[\"null\",\"int\"]", "[\"string\",\"long\",\"null\"]", "3", "3"},
    {"[\"null\",\"int\"]", "\"long\"", "3", "3"},
    {"[\"null\",\"int\"]", "\"long\"", "null", NULL},
    {"\"int\"", "[\"null\",\"long\"]", "3", "3"},
    {"\"string\"", "[\"null\",\"long\"]", "\"x\"", NULL},
    {"{\"type\":\"array\",\"items\":\"int\"}", "{\"type\":\"array\",\"items\":\"double\"}", "[1,2]",
        "[1.0,2.0]"},
    {"{\"type\":\"map\",\"values\":\"int\"}", "{\"type\":\"map\",\"values\":\"long\"}", "{\"a\":1}",
        "{\"a\":1}"},
    {RECORD("{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"b\",\"type\":\"string\"}"),
        RECORD("{\"name\":\"b\",\"type\":\"string\"},{\"name\":\"a\",\"type\":\"long\"}"),
        "{\"a\":1,\"b\":\"x\"}", "{\"b\":\"x\",\"a\":1}"},
    {RECORD("{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"b\",\"type\":\"string\"}"),
        RECORD("{\"name\":\"c\",\"type\":\"string\",\"aliases\":[\"b\"]},{\"name\":\"d\",\"type\":["
               "\"null\",\"bytes\"],\"default\":\"\\u00ff\"}"),
        "{\"a\":1,\"b\":\"x\"}", "{\"c\":\"x\",\"d\":\"/w==\"}"},
    {RECORD(""), RECORD("{\"name\":\"a\",\"type\":\"int\"}"), "{}", NULL},
    {RECORD("{\"name\":\"n\",\"type\":[\"null\",\"R\"]}"),
        RECORD("{\"name\":\"v\",\"type\":\"int\",\"default\":1},{\"name\":\"n\",\"type\":[\"R\","
               "\"null\"]}"),
        "{\"n\":{\"n\":null}}", "{\"v\":1,\"n\":{\"v\":1,\"n\":null}}"},
    {RECORD(""), "{\"type\":\"record\",\"name\":\"x.R\",\"fields\":[]}", "{}", "{}"},
    {RECORD(""), "{\"type\":\"record\",\"name\":\"S\",\"fields\":[]}", "{}", NULL},
    {RECORD(""), "{\"type\":\"record\",\"name\":\"S\",\"aliases\":[\"R\"],\"fields\":[]}", "{}",
        "{}"},
};

static void check_resolved(const struct resolved *c)
{
    weir_avro_schema *r = parsed(c->reader), *w = parsed(c->writer);
    weir_avro_resolver *resolver;
    weir_buf bytes = {0}, text = {0};
    weir_arena arena;
    weir_error err;
    const weir_value *v;
    weir_arena_init(&arena, 0);
    assert_int_equal(encode(w, c->json, &bytes, &err), WEIR_OK);
    assert_int_equal(
        weir_avro_resolver_new(weir_avro_root(r), weir_avro_root(w), &resolver, NULL), WEIR_OK);
    weir_status st = weir_avro_resolver_read(resolver, weir_buf_view(&bytes), &arena, &v, &err);
    if (!c->read) {
        assert_int_equal(st, WEIR_REJECT);
        assert_string_equal(err.code, "AVRO_RESOLUTION");
    } else {
        if (st) {
            fail_msg("%s as %s: %s at %s", c->json, c->reader, err.text, err.where);
        }
        weir_json_put(&text, v);
        assert_string_equal(weir_buf_str(&text), c->read);
    }
    weir_avro_resolver_free(resolver);
    weir_arena_fini(&arena);
    weir_buf_fini(&bytes);
    weir_buf_fini(&text);
    weir_avro_schema_free(r);
    weir_avro_schema_free(w);
}

static void test_resolution(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof resolutions / sizeof *resolutions; i++) {
        check_resolved(&resolutions[i]);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    const struct resolved *c = &resolutions[21];
    weir_avro_schema *r = parsed(c->reader), *w = parsed(c->writer);
    weir_buf bytes = {0};
    assert_int_equal(encode(w, c->json, &bytes, NULL), WEIR_OK);
    long live = weir_alloc_live();
    weir_status st = WEIR_RETRY;
    for (long n = 1; st; n++) {
        weir_avro_resolver *resolver = NULL;
        weir_arena arena;
        const weir_value *v;
        weir_arena_init(&arena, 0);
        (void)weir_alloc_fail_at(n, 0);
        st = weir_avro_resolver_new(weir_avro_root(r), weir_avro_root(w), &resolver, NULL);
        st = st ? st : weir_avro_resolver_read(resolver, weir_buf_view(&bytes), &arena, &v, NULL);
        (void)weir_alloc_fail_at(0, 0);
        assert_true(st == WEIR_OK || st == WEIR_RETRY);
        weir_avro_resolver_free(resolver);
        weir_arena_fini(&arena);
        assert_int_equal(weir_alloc_live(), live);
        assert_true(n < 100);
    }
    weir_buf_fini(&bytes);
    weir_avro_schema_free(r);
    weir_avro_schema_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_resolution),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
