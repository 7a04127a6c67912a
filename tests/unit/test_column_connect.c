/* Columns from Connect schemas, and overrides of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cdc/column_kind.h"
#include "support/column_cases.h"

static void test_cases(void **state)
{
    (void)state;
    run_column_cases("type.tsv");
}

static void test_without_memory(void **state)
{
    (void)state;
    starve_column_cases("type.tsv");
}

static weir_status compile(
    const char *schema, const char *type, weir_arena *arena, weir_column *out, weir_error *err)
{
    const weir_value *field;
    assert_int_equal(weir_json_read(weir_view_of(schema), arena, &field, err), WEIR_OK);
    return weir_column_from_connect(field, weir_view_of(type), NULL, arena, out, err);
}

/* The field's name is copied, decoded, and part of every error. */
static void test_names(void **state)
{
    (void)state;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_column c;
    weir_error err = {0};
    char text[] = "{\"type\":\"int32\",\"field\":\"\\u00fcber\"}";
    assert_int_equal(compile(text, "", &arena, &c, &err), WEIR_OK);
    memset(text, 'x', sizeof text - 1);
    assert_true(weir_view_is(c.name, "über"));
    assert_int_equal(compile("{\"type\":\"int32\"}", "", &arena, &c, &err), WEIR_OK);
    assert_true(weir_view_is(c.name, ""));
    assert_int_equal(
        compile("{\"type\":\"x\",\"field\":\"due\"}", "", &arena, &c, &err), WEIR_REJECT);
    assert_string_equal(err.code, "CDC_BAD_SCHEMA");
    assert_non_null(strstr(err.text, "column \"due\""));
    assert_int_equal(
        compile("{\"type\":\"string\",\"field\":\"due\"}", "int8", &arena, &c, &err), WEIR_REJECT);
    assert_string_equal(
        err.text, "column \"due\": type \"int8\" cannot be read from what the schema has (text)");
    weir_arena_fini(&arena);
}

static void test_struct_fields(void **state)
{
    (void)state;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_column c;
    assert_int_equal(
        compile("{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"field\":\"a\"},"
                "{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"field\":\"b\"}]}",
            "", &arena, &c, NULL),
        WEIR_OK);
    assert_int_equal(c.kind->id, WEIR_KIND_STRUCT);
    assert_int_equal(c.length, 2);
    assert_true(weir_view_is(c.item[0].name, "a"));
    assert_int_equal(c.item[0].kind->id, WEIR_KIND_INTEGER);
    assert_true(weir_view_is(c.item[1].name, "b"));
    assert_int_equal(c.item[1].kind->id, WEIR_KIND_ARRAY);
    assert_int_equal(c.item[1].item->kind->id, WEIR_KIND_TEXT);
    weir_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_struct_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
