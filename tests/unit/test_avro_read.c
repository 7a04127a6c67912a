/* The reader of Avro's binary encoding: values, refusals with their place, and bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "schema/avro_read.h"
#include "value/json.h"

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define NODE RECORD("{\"name\":\"next\",\"type\":[\"null\",\"R\"]}")

static weir_avro_schema *parsed(const char *text)
{
    weir_avro_schema *s;
    weir_view view = weir_view_of(text);
    assert_int_equal(weir_avro_schema_parse(&view, 1, &s, NULL), WEIR_OK);
    return s;
}

/* "02 ff" */
static size_t from_hex(const char *hex, char *out)
{
    size_t n = 0;
    for (; *hex; hex += *hex == ' ') {
        char two[3] = {hex[0], hex[1], '\0'};
        out[n++] = (char)strtoul(two, NULL, 16);
        hex += 2;
    }
    return n;
}

static const struct value {
    const char *schema, *hex, *json;
} values[] = {
    {"\"null\"", "", "null"},
    {"\"boolean\"", "01", "true"},
    {"\"boolean\"", "00", "false"},
    {"\"int\"", "01", "-1"},
    {"\"int\"", "12", "9"},
    {"\"int\"", "14", "10"},
    {"\"int\"", "fe ff ff ff 0f", "2147483647"},
    {"\"int\"", "ff ff ff ff 0f", "-2147483648"},
    {"\"long\"", "80 01", "64"},
    {"\"long\"", "fe ff ff ff ff ff ff ff ff 01", "9223372036854775807"},
    {"\"long\"", "ff ff ff ff ff ff ff ff ff 01", "-9223372036854775808"},
    {"\"float\"", "cd cc cc 3d", "0.1"},
    {"\"float\"", "00 00 80 7f", "\"Infinity\""},
    {"\"float\"", "01 00 00 00", "1.0e-45"},
    {"\"float\"", "ff ff 7f 7f", "3.4028235e38"},
    {"\"double\"", "9a 99 99 99 99 99 b9 3f", "0.1"},
    {"\"double\"", "00 00 00 00 00 00 14 40", "5.0"},
    {"\"double\"", "00 00 00 00 00 00 00 80", "-0.0"},
    {"\"double\"", "55 55 55 55 55 55 d5 3f", "0.3333333333333333"},
    {"\"double\"", "00 00 00 00 00 00 f8 7f", "\"NaN\""},
    {"\"double\"", "00 00 00 00 00 00 f0 ff", "\"-Infinity\""},
    {"\"double\"", "9c 75 00 88 3c e4 37 7e", "1.0e300"},
    {"\"double\"", "7b 14 ae 47 e1 7a 84 3f", "0.01"},
    {"\"double\"", "11 b9 b6 f6 e6 21 09 40", "3.1415538095963105"},
    {"\"bytes\"", "04 00 ff", "\"AP8=\""},
    {"\"string\"", "00", "\"\""},
    {"\"string\"", "08 61 22 0a 62", "\"a\\\"\\nb\""},
    {"\"string\"", "04 c3 a4", "\"ä\""},
    {"[\"null\",\"string\"]", "02 02 61", "\"a\""},
    {"[\"null\",\"string\"]", "00", "null"},
    {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", "02", "\"B\""},
    {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}", "01 02", "\"AQI=\""},
    {"{\"type\":\"array\",\"items\":\"int\"}", "00", "[]"},
    {"{\"type\":\"array\",\"items\":\"int\"}", "04 02 04 02 06 00", "[1,2,3]"},
    {"{\"type\":\"array\",\"items\":\"int\"}", "03 04 02 04 00", "[1,2]"},
    {"{\"type\":\"array\",\"items\":\"null\"}", "06 00", "[null,null,null]"},
    {"{\"type\":\"map\",\"values\":\"int\"}", "04 02 61 02 02 62 04 00", "{\"a\":1,\"b\":2}"},
    {RECORD("{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"b\",\"type\":\"string\"}"), "02 02 78",
        "{\"a\":1,\"b\":\"x\"}"},
    {RECORD(""), "", "{}"},
    {NODE, "02 02 00", "{\"next\":{\"next\":{\"next\":null}}}"},
};

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char bytes[64];
        size_t len = from_hex(values[i].hex, bytes);
        char *exact = weir_strndup(bytes, len); /* so that the sanitizer sees an overrun */
        weir_avro_schema *s = parsed(values[i].schema);
        weir_arena arena;
        weir_arena_init(&arena, 0);
        const weir_value *v;
        weir_error err = {.status = WEIR_OK};
        weir_view view = weir_view_make(exact, len);
        if (weir_avro_read(weir_avro_root(s), view, &arena, &v, NULL, &err)) {
            fail_msg("%s: %s at %s", values[i].hex, err.text, err.where);
        }
        weir_buf text = {0};
        weir_json_put(&text, v);
        assert_string_equal(weir_buf_str(&text), values[i].json);
        weir_buf_fini(&text);
        /* one byte less is no value */
        size_t used;
        if (len) {
            view.len--;
            assert_int_equal(
                weir_avro_read(weir_avro_root(s), view, &arena, &v, &used, NULL), WEIR_REJECT);
        }
        weir_arena_fini(&arena);
        weir_avro_schema_free(s);
        weir_free(exact);
    }
}

static const struct refused {
    const char *schema, *hex, *code, *where, *says;
} refused[] = {
    {"\"boolean\"", "02", "AVRO_DATA", "byte 0", "neither 0 nor 1"},
    {"\"int\"", "80 80 80 80 10", "AVRO_DATA", "byte 0", "32 bits"},
    {"\"long\"", "ff ff ff ff ff ff ff ff ff 02", "AVRO_DATA", "byte 9", "64 bits"},
    {"\"int\"", "02 02", "AVRO_DATA", "byte 1", "behind the value"},
    {"\"string\"", "02 ff", "AVRO_DATA", "byte 1", "UTF-8"},
    {"\"string\"", "06 ed a0 80", "AVRO_DATA", "byte 1", "UTF-8"},
    {"\"string\"", "01", "AVRO_DATA", "byte 0", "length"},
    {"\"bytes\"", "fe ff ff ff ff ff ff ff ff 01", "AVRO_DATA", "byte 0", "length"},
    {"{\"type\":\"enum\",\"name\":\"n.E\",\"symbols\":[\"A\",\"B\"]}", "04", "AVRO_DATA", "byte 0",
        "n.E"},
    {"[\"null\",\"int\"]", "04", "AVRO_DATA", "byte 0", "branches"},
    {"[\"null\",\"int\"]", "01", "AVRO_DATA", "byte 0", "branches"},
    {"{\"type\":\"array\",\"items\":\"int\"}", "fe ff ff ff 0f 00", "AVRO_DATA", "byte 0",
        "can hold"},
    {"{\"type\":\"array\",\"items\":\"int\"}", "01 ff 02 00", "AVRO_DATA", "byte 3", "block"},
    {"{\"type\":\"array\",\"items\":\"null\"}", "fe ff ff ff 0f 00", "AVRO_LIMIT", "byte 0",
        "no bytes"},
    {"{\"type\":\"array\",\"items\":\"null\"}", "ff ff ff ff ff ff ff ff ff 01 00", "AVRO_DATA",
        "byte 10", "block"},
    {"{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":\"null\"}}",
        "04 80 80 08 00 02 00 00", "AVRO_LIMIT", "byte 5", "no bytes"},
    {"{\"type\":\"map\",\"values\":\"null\"}", "04 02 61 02 61 00", "AVRO_DATA", "byte 6", "twice"},
    {RECORD("{\"name\":\"r\",\"type\":\"R\"}"), "", "AVRO_LIMIT", "byte 0", "deep"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char bytes[64];
        weir_view view = {bytes, from_hex(refused[i].hex, bytes)};
        weir_avro_schema *s = parsed(refused[i].schema);
        weir_arena arena;
        weir_arena_init(&arena, 0);
        const weir_value *v;
        weir_error err;
        assert_int_equal(
            weir_avro_read(weir_avro_root(s), view, &arena, &v, NULL, &err), WEIR_REJECT);
        assert_string_equal(err.code, refused[i].code);
        assert_string_equal(err.where, refused[i].where);
        assert_non_null(strstr(err.text, refused[i].says));
        weir_arena_fini(&arena);
        weir_avro_schema_free(s);
    }
}

/* 100,000 records in records; 255 are within the bound. */
static void test_depth(void **state)
{
    (void)state;
    enum { DEEP = 100000 };
    static char bytes[DEEP];
    memset(bytes, 2, sizeof bytes);
    weir_avro_schema *s = parsed(NODE);
    weir_arena arena;
    weir_arena_init(&arena, 0);
    const weir_value *v;
    weir_error err;
    weir_view view = weir_view_make(bytes, sizeof bytes);
    assert_int_equal(weir_avro_read(weir_avro_root(s), view, &arena, &v, NULL, &err), WEIR_REJECT);
    assert_string_equal(err.code, "AVRO_LIMIT");
    bytes[WEIR_AVRO_DEPTH - 1] = 0;
    view.len = WEIR_AVRO_DEPTH;
    assert_int_equal(weir_avro_read(weir_avro_root(s), view, &arena, &v, NULL, &err), WEIR_OK);
    weir_arena_fini(&arena);
    weir_avro_schema_free(s);
}

/* An array of records whose thousand fields take no bytes. */
static void test_amplification(void **state)
{
    (void)state;
    weir_buf schema = {0};
    weir_buf_puts(&schema, "{\"type\":\"array\",\"items\":" RECORD("{\"name\":\"x\",\"type\":"
                                                                   "\"boolean\"}"));
    schema.len -= 2; /* "]}" */
    for (int i = 0; i < 1000; i++) {
        weir_buf_printf(&schema, ",{\"name\":\"n%d\",\"type\":\"null\"}", i);
    }
    weir_buf_puts(&schema, "]}}");
    weir_avro_schema *s = parsed(weir_buf_str(&schema));
    static char bytes[10000];
    bytes[0] = (char)0xa0; /* 5,008 items */
    bytes[1] = (char)0x4e;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    const weir_value *v;
    weir_error err;
    size_t used;
    weir_view view = weir_view_make(bytes, sizeof bytes);
    assert_int_equal(weir_avro_read(weir_avro_root(s), view, &arena, &v, &used, &err), WEIR_REJECT);
    assert_string_equal(err.code, "AVRO_LIMIT");
    weir_arena_fini(&arena);
    weir_avro_schema_free(s);
    weir_buf_fini(&schema);
}

/* Many names, one of them twice; and many values, which outgrow the first guess. */
static void test_many(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    weir_buf bytes = {0};
    weir_buf_put(&bytes, "\xd0\x0f", 2); /* 1,000 */
    for (int i = 0; i < MANY; i++) {
        weir_buf_printf(&bytes, "\x06%03d", i);
    }
    weir_buf_putc(&bytes, '\0');
    weir_avro_schema *s = parsed("{\"type\":\"map\",\"values\":\"null\"}");
    weir_arena arena;
    weir_arena_init(&arena, 0);
    const weir_value *v;
    assert_int_equal(
        weir_avro_read(weir_avro_root(s), weir_buf_view(&bytes), &arena, &v, NULL, NULL), WEIR_OK);
    assert_int_equal(v->len, MANY);
    assert_non_null(weir_gets(v, "999"));
    bytes.ptr[2 + 4 * 999 + 3] = '8';
    assert_int_equal(
        weir_avro_read(weir_avro_root(s), weir_buf_view(&bytes), &arena, &v, NULL, NULL),
        WEIR_REJECT);
    weir_arena_fini(&arena);
    weir_avro_schema_free(s);
    weir_buf_fini(&bytes);
}

/* Every double reads back. */
static void test_floats(void **state)
{
    (void)state;
    uint64_t seed = 42;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        double x;
        float f;
        uint32_t word = (uint32_t)(seed >> 32);
        memcpy(&x, &seed, sizeof x);
        memcpy(&f, &word, sizeof f);
        x = i % 2 ? (double)(int64_t)(seed >> 40) / 1000 : x;
        char text[WEIR_AVRO_DIGITS + 1];
        if (x - x == 0) {
            text[weir_avro_put_float(text, x, false)] = '\0';
            assert_true(strtod(text, NULL) == x);
        }
        if (f - f == 0) {
            text[weir_avro_put_float(text, (double)f, true)] = '\0';
            assert_true(strtof(text, NULL) == f);
        }
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    weir_avro_schema *s = parsed("{\"type\":\"array\",\"items\":\"long\"}");
    static char bytes[4001];
    bytes[0] = (char)0x9c; /* 1,998 items of two bytes */
    bytes[1] = (char)0x1f;
    for (size_t i = 2; i < 4000; i++) {
        bytes[i] = i % 2 ? 1 : (char)0x80;
    }
    long live = weir_alloc_live();
    weir_status st = WEIR_RETRY;
    for (long n = 1; st; n++) {
        weir_arena arena;
        weir_arena_init(&arena, 0);
        const weir_value *v;
        weir_error err = {.status = WEIR_OK};
        (void)weir_alloc_fail_at(n, 0);
        weir_view view = weir_view_make(bytes, 2 + 3996 + 1);
        bytes[view.len - 1] = 0;
        st = weir_avro_read(weir_avro_root(s), view, &arena, &v, NULL, &err);
        (void)weir_alloc_fail_at(0, 0);
        if (st) {
            assert_string_equal(err.code, "OUT_OF_MEMORY");
        }
        weir_arena_fini(&arena);
        assert_int_equal(weir_alloc_live(), live);
        assert_true(n < 100);
    }
    weir_avro_schema_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_amplification),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_floats),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
