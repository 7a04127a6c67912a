/* Row plans: which member of a row is which column, in whatever order they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "cdc/row_plan.h"
#include "value/json.h"

static weir_status plan_of(const char *schema, const weir_table_types *types, const char *prefix,
    weir_arena *arena, weir_row_plan *plan, weir_error *err)
{
    const weir_value *v;
    weir_status s = weir_json_read(weir_view_of(schema), arena, &v, err);
    return s ? s : weir_row_plan_of_connect(v, types, NULL, weir_view_of(prefix), arena, plan, err);
}

static const char abc[] =
    "{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"field\":\"a\"},"
    "{\"type\":\"string\",\"field\":\"b\"},{\"type\":\"boolean\",\"field\":\"c\"}]}";

static int column_at(const weir_row_plan *plan, const char *name, size_t *next)
{
    const weir_column *c = weir_row_plan_find(plan, weir_view_of(name), next);
    return c ? (int)(c - plan->columns) : -1;
}

static void test_find(void **state)
{
    (void)state;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_row_plan plan;
    assert_int_equal(plan_of(abc, NULL, "", &arena, &plan, NULL), WEIR_OK);
    assert_true(plan.typed);
    assert_int_equal(plan.n_columns, 3);
    static const struct {
        const char *name;
        int column;
    } walk[] = {{"a", 0}, {"b", 1}, {"c", 2}, {"c", 2}, {"x", -1}, {"a", 0}, {"c", 2}, {"b", 1},
        {"", -1}, {"c", 2}, {"A", -1}, {"aa", -1}};
    size_t next = 0;
    for (size_t i = 0; i < sizeof walk / sizeof *walk; i++) {
        assert_int_equal(column_at(&plan, walk[i].name, &next), walk[i].column);
    }
    weir_arena_fini(&arena);
}

static void test_no_columns(void **state)
{
    (void)state;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_row_plan plan = {0};
    size_t next = 0;
    assert_null(weir_row_plan_find(&plan, weir_view_of("a"), &next));
    assert_int_equal(
        plan_of("{\"type\":\"struct\",\"fields\":[]}", NULL, "", &arena, &plan, NULL), WEIR_OK);
    assert_null(weir_row_plan_find(&plan, weir_view_of("a"), &next));
    weir_arena_fini(&arena);
}

/* The widest table of PostgreSQL, from the last column to the first. */
static void test_a_wide_table(void **state)
{
    (void)state;
    enum { COLUMNS = 1600 };
    char names[COLUMNS][16];
    weir_typed_column columns[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
        snprintf(names[i], sizeof names[i], "c%d", i);
        columns[i] = (weir_typed_column){weir_view_of(names[i]), weir_view_of("integer")};
    }
    weir_table_types types = {weir_view_of("public.t"), columns, COLUMNS};
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_row_plan plan;
    assert_int_equal(weir_row_plan_of_types(&types, NULL, &arena, &plan, NULL), WEIR_OK);
    size_t next = 0;
    for (int i = COLUMNS; i-- > 0;) {
        assert_int_equal(column_at(&plan, names[i], &next), i);
    }
    assert_int_equal(column_at(&plan, "c1600", &next), -1);
    weir_arena_fini(&arena);
}

static void test_added_fields_are_left_out(void **state)
{
    (void)state;
    static const char schema[] =
        "{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"field\":\"a\"},{\"type\":"
        "\"string\",\"field\":\"__op\"}"
        ","
        "{\"type\":\"string\",\"field\":\"__deleted\"},{\"type\":\"string\",\"field\":\"b\"}]}";
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_row_plan plan;
    size_t next = 0;
    assert_int_equal(plan_of(schema, NULL, "__", &arena, &plan, NULL), WEIR_OK);
    assert_int_equal(plan.n_columns, 2);
    assert_int_equal(column_at(&plan, "b", &next), 1);
    assert_int_equal(column_at(&plan, "__op", &next), -1);
    assert_int_equal(plan_of(schema, NULL, "", &arena, &plan, NULL), WEIR_OK); /* an envelope's */
    assert_int_equal(plan.n_columns, 4);
    weir_arena_fini(&arena);
}

static void test_bad_schemas(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *code;
    } cases[] = {
        {"{}", "CDC_BAD_SCHEMA"},
        {"1", "CDC_BAD_SCHEMA"},
        {"{\"type\":\"struct\",\"fields\":1}", "CDC_BAD_SCHEMA"},
        {"{\"type\":\"struct\",\"fields\":[1]}", "CDC_BAD_SCHEMA"},
        {"{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\"}]}", "CDC_BAD_SCHEMA"},
        {"{\"type\":\"struct\",\"fields\":[{\"field\":\"a\"}]}", "CDC_BAD_SCHEMA"},
        {"{\"type\":\"array\",\"fields\":[]}", "CDC_BAD_SCHEMA"},
        {"{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"field\":\"a\"},"
         "{\"type\":\"int32\",\"field\":\"\\u0061\"}]}",
            "CDC_BAD_SCHEMA"},
        {"{\"type\":\"struct\",\"fields\":[{\"type\":\"array\",\"field\":\"a\",\"items\":"
         "{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"field\":\"x\"},"
         "{\"type\":\"int32\",\"field\":\"x\"}]}}]}",
            "CDC_BAD_SCHEMA"},
        {"{\"type\":\"struct\",\"fields\":[{\"type\":\"boolean\",\"field\":\"t\"}]}",
            "CDC_UNKNOWN_TYPE"},
    };
    const weir_typed_column column = {weir_view_of("t"), weir_view_of("timestamptz")};
    const weir_table_types types = {weir_view_of("public.t"), &column, 1};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_arena arena;
        weir_arena_init(&arena, 0);
        weir_row_plan plan;
        weir_error err = {.status = WEIR_OK};
        assert_int_equal(plan_of(cases[i].schema, &types, "", &arena, &plan, &err), WEIR_REJECT);
        assert_string_equal(err.code, cases[i].code);
        assert_string_equal(err.where, "/schema");
        assert_int_equal(plan_of(cases[i].schema, &types, "", &arena, &plan, NULL), WEIR_REJECT);
        weir_arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_no_columns),
        cmocka_unit_test(test_a_wide_table),
        cmocka_unit_test(test_added_fields_are_left_out),
        cmocka_unit_test(test_bad_schemas),
    };
    return cmocka_run_group_tests_name("row_plan", tests, NULL, NULL);
}
