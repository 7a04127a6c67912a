/* Connect's form of Avro schemas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/avro_connect.h"
#include "value/json.h"

#define DECIMAL "org.apache.kafka.connect.data.Decimal"

static const struct conversion {
    const char *avro, *connect;
} conversions[] = {
    {"\"int\"", "{\"type\":\"int32\",\"optional\":false}"},
    {"{\"type\":\"int\",\"connect.type\":\"int16\"}", "{\"type\":\"int16\",\"optional\":false}"},
    {"[\"null\",\"long\"]", "{\"type\":\"int64\",\"optional\":true}"},
    {"[\"long\",\"null\"]", "{\"type\":\"int64\",\"optional\":true}"},
    {"[\"null\",\"long\",\"string\"]", "{\"type\":\"union\",\"optional\":true}"},
    {"{\"type\":\"int\",\"connect.version\":1,\"connect.name\":\"io.debezium.time.Date\"}",
        "{\"type\":\"int32\",\"optional\":false,\"name\":\"io.debezium.time.Date\",\"version\":1}"},
    {"{\"type\":\"bytes\",\"scale\":2,\"precision\":64,\"connect.version\":1,"
     "\"connect.parameters\":{\"scale\":\"2\"},\"connect.name\":\"" DECIMAL
     "\",\"logicalType\":\"decimal\"}",
        "{\"type\":\"bytes\",\"optional\":false,\"name\":\"" DECIMAL
        "\",\"version\":1,\"parameters\":{\"scale\":\"2\"}}"},
    {"{\"type\":\"fixed\",\"name\":\"D\",\"size\":8,\"logicalType\":\"decimal\",\"precision\":9,"
     "\"scale\":3}",
        "{\"type\":\"bytes\",\"optional\":false,\"name\":\"" DECIMAL
        "\",\"version\":1,\"parameters\":{\"scale\":\"3\"}}"},
    {"{\"type\":\"array\",\"items\":[\"null\",\"string\"]}",
        "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"optional\":true},\"optional\":"
        "false}"},
    {"{\"type\":\"map\",\"values\":\"string\"}",
        "{\"type\":\"map\",\"keys\":{\"type\":\"string\",\"optional\":false},\"values\":{\"type\":"
        "\"string\",\"optional\":false},\"optional\":false}"},
    {"{\"type\":\"record\",\"name\":\"a.R\",\"fields\":[{\"name\":\"x\",\"type\":[\"null\",\"R\"]},"
     "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}}]}",
        "{\"type\":\"struct\",\"fields\":[{\"type\":\"union\",\"optional\":true,\"field\":\"x\"},"
        "{\"type\":\"string\",\"optional\":false,\"field\":\"e\"}],\"optional\":false,\"name\":"
        "\"a.R\"}"},
};

static bool convert(const char *avro, weir_buf *to)
{
    weir_avro_schema *s;
    weir_view text = weir_view_of(avro);
    assert_int_equal(weir_avro_schema_parse(&text, 1, &s, NULL), WEIR_OK);
    bool fits = weir_avro_connect_put(to, weir_avro_root(s));
    weir_avro_schema_free(s);
    return fits;
}

static void test_conversions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof conversions / sizeof *conversions; i++) {
        weir_buf text = {0};
        assert_true(convert(conversions[i].avro, &text));
        assert_string_equal(weir_buf_str(&text), conversions[i].connect);
        weir_buf_fini(&text);
    }
}

/* Each record has the next one twice: 2^40 written out. */
static void test_bomb(void **state)
{
    (void)state;
    weir_buf avro = {0}, text = {0};
    for (int i = 0; i < 40; i++) {
        weir_buf_printf(&avro,
            "{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":\"a\",\"type\":", i);
    }
    weir_buf_puts(&avro, "\"int\"");
    for (int i = 40; i > 0; i--) {
        weir_buf_puts(&avro, "}");
        if (i < 40) {
            weir_buf_printf(&avro, ",{\"name\":\"b\",\"type\":\"R%d\"}", i);
        }
        weir_buf_puts(&avro, "]}");
    }
    assert_false(convert(weir_buf_str(&avro), &text));
    assert_true(text.len < 2 * WEIR_CONNECT_BYTES);
    weir_buf_fini(&avro);
    weir_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_bomb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
