/* PostgreSQL's names of what Connect's schemas tell, and of what the config says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "cdc/shape.h"
#include "value/json.h"

/* given: the config's type; "": none. type "": not known. */
static const struct {
    const char *schema, *given, *type;
} cases[] = {
    {"{\"type\":\"boolean\"}", "", "boolean"},
    {"{\"type\":\"int16\"}", "", "smallint"},
    {"{\"type\":\"int32\"}", "", "integer"},
    {"{\"type\":\"int64\"}", "", "bigint"},
    {"{\"type\":\"float\"}", "", "real"},
    {"{\"type\":\"double\"}", "", "double precision"},
    {"{\"type\":\"string\"}", "", "text"},
    {"{\"type\":\"string\"}", "character varying(20)", "character varying(20)"},
    {"{\"type\":\"string\"}", "inet", "inet"},
    {"{\"type\":\"string\"}", "enum", "text"},
    {"{\"type\":\"int32\"}", "serial", "integer"},
    {"{\"type\":\"bytes\"}", "", "bytea"},
    {"{\"type\":\"string\",\"name\":\"io.debezium.data.Uuid\"}", "", "uuid"},
    {"{\"type\":\"string\",\"name\":\"io.debezium.data.Json\"}", "", "json"},
    {"{\"type\":\"string\",\"name\":\"io.debezium.data.Json\"}", "jsonb", "jsonb"},
    {"{\"type\":\"string\",\"name\":\"io.debezium.data.Xml\"}", "", "xml"},
    {"{\"type\":\"string\",\"name\":\"io.debezium.data.Xml\"}", "text", "text"},
    {"{\"type\":\"string\",\"name\":\"io.debezium.data.Tsvector\"}", "", "tsvector"},
    {"{\"type\":\"string\",\"name\":\"io.debezium.data.Ltree\"}", "", "text"},
    {"{\"type\":\"string\",\"name\":\"io.debezium.data.Enum\"}", "", "text"},
    {"{\"type\":\"int32\",\"name\":\"io.debezium.time.Date\"}", "", "date"},
    {"{\"type\":\"int64\",\"name\":\"io.debezium.time.MicroTime\"}", "", "time"},
    {"{\"type\":\"int32\",\"name\":\"io.debezium.time.Time\"}", "", "time(3)"},
    {"{\"type\":\"int64\",\"name\":\"io.debezium.time.Timestamp\"}", "", "timestamp(3)"},
    {"{\"type\":\"int64\",\"name\":\"io.debezium.time.MicroTimestamp\"}", "", "timestamp"},
    {"{\"type\":\"string\",\"name\":\"io.debezium.time.ZonedTimestamp\"}", "",
        "timestamp with time zone"},
    {"{\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\","
     "\"parameters\":{\"scale\":\"2\",\"connect.decimal.precision\":\"12\"}}",
        "", "numeric(12,2)"},
    {"{\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\","
     "\"parameters\":{\"scale\":\"2\"}}",
        "", "numeric"},
    {"{\"type\":\"bytes\",\"name\":\"io.debezium.data.Bits\",\"parameters\":{\"length\":\"5\"}}",
        "", "bit(5)"},
    {"{\"type\":\"array\",\"items\":{\"type\":\"int32\"}}", "", "integer[]"},
    {"{\"type\":\"array\",\"items\":{\"type\":\"string\",\"name\":\"io.debezium.data.Xml\"}}", "",
        "xml[]"},
    {"{\"type\":\"string\"}", "numeric(5,1)", "numeric(5,1)"},
};

static void test_types(void **state)
{
    (void)state;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const weir_value *schema;
        weir_column column;
        weir_error err;
        char field[300];
        weir_buf type = {0};
        snprintf(field, sizeof field, "{\"field\":\"c\",%s", cases[i].schema + 1);
        weir_arena_reset(&arena);
        assert_int_equal(weir_json_read(weir_view_of(field), &arena, &schema, &err), WEIR_OK);
        if (weir_column_from_connect(
                schema, weir_view_of(cases[i].given), NULL, &arena, &column, &err)) {
            fail_msg("%s: %s", cases[i].schema, err.text);
        }
        weir_column_type_put(&type, &column);
        assert_string_equal(weir_buf_str(&type), cases[i].type);
        weir_buf_fini(&type);
    }
    weir_arena_fini(&arena);
}

/* Names as they are shown, without what is left out. */
static void test_projection(void **state)
{
    (void)state;
    weir_arena arena;
    weir_error err;
    weir_column columns[3];
    static const char *const names[] = {"id", "secret", "note"}, *const types[] = {
                                                                     "bigint", "text", ""};
    weir_arena_init(&arena, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(weir_column_from_pg(weir_view_of(names[i]), weir_view_of(types[i]), NULL,
                             &arena, &columns[i], &err),
            WEIR_OK);
    }
    const weir_row_plan plan = {.columns = columns, .n_columns = 3};
    const weir_view drop[] = {{"secret", 6}}, rename[][2] = {{{"note", 4}, {"remark", 6}}};
    const weir_projection p = {.drop = drop, .n_drop = 1, .rename = rename, .n_rename = 1};
    const weir_shape *s = weir_shape_of(&plan, &p, &arena);
    assert_non_null(s);
    assert_int_equal(s->n_columns, 2);
    assert_true(
        weir_view_is(s->columns[0].name, "id") && weir_view_is(s->columns[0].type, "bigint"));
    assert_true(weir_view_is(s->columns[1].name, "remark") && s->columns[1].type.len == 0);
    weir_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_projection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
