/* Plans of schemas: that they say what the schema as it was written says, what they leave out, and
 * which branches they pick. The official suite and tests/cases/schema/ run through them too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "schema/evaluate.h"
#include "schema/validate.h"
#include "value/json.h"

static weir_schema *compile(const char *text)
{
    weir_schema *schema;
    weir_error err;
    if (weir_schema_compile(weir_view_of(text), NULL, &schema, &err)) {
        fail_msg("%s: %s", text, err.text);
    }
    return schema;
}

static bool run(const weir_schema *schema, const weir_value *v, weir_arena *arena)
{
    weir_regex_scratch *scratch = weir_regex_scratch_new();
    weir_run r = {.schema = schema, .arena = arena, .scratch = scratch, .steps = 100000};
    bool holds = weir_run_block(&r, schema->root, v, NULL);
    assert_int_equal(r.stopped, 0);
    weir_regex_scratch_free(scratch);
    return holds;
}

/* '1': both the plans and the schema as it is say so; '0'; '!': they differ. */
static char verdict(weir_schema *schema, const char *json)
{
    weir_arena arena;
    const weir_value *v;
    weir_plan *plans = schema->plans;
    weir_arena_init(&arena, 0);
    assert_non_null(plans);
    assert_int_equal(weir_json_read(weir_view_of(json), &arena, &v, NULL), WEIR_OK);
    bool planned = run(schema, v, &arena);
    schema->plans = NULL;
    bool as_is = run(schema, v, &arena);
    schema->plans = plans;
    weir_arena_fini(&arena);
    return planned != as_is ? '!' : planned ? '1' : '0';
}

typedef struct plan_case {
    const char *schema;
    const char *values[8];
    const char *verdicts;
} plan_case;

static void check_cases(const plan_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        weir_schema *schema = compile(cases[i].schema);
        for (size_t k = 0; cases[i].verdicts[k]; k++) {
            char got = verdict(schema, cases[i].values[k]);
            if (got != cases[i].verdicts[k]) {
                fail_msg("%s: %s is %c", cases[i].schema, cases[i].values[k], got);
            }
        }
        weir_schema_free(schema);
    }
}

static void test_verdicts(void **state)
{
    static const plan_case cases[] = {
        {"{\"type\":\"integer\",\"minimum\":2}", {"2", "1", "2.0", "2.5", "\"2\""}, "10100"},
        {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"number\",\"minimum\":3},{\"type\":"
         "\"array\",\"minItems\":1}]}",
            {"\"\"", "3", "2", "[]", "[0]", "null"}, "110010"},
        {"{\"oneOf\":[{\"type\":\"number\"},{\"minimum\":3},{\"type\":\"null\"}]}",
            {"3", "2", "null", "\"\""}, "0101"},
        {"{\"oneOf\":[{\"type\":\"number\"},{\"type\":\"integer\"},{\"type\":\"null\"}]}",
            {"3", "3.5", "3.0", "null", "[]"}, "01010"},
        {"{\"not\":{\"type\":[\"null\",\"number\"]}}", {"null", "1.5", "\"\""}, "001"},
        {"{\"not\":{\"minimum\":5}}", {"5", "4", "\"\""}, "010"},
        {"{\"if\":{\"type\":\"string\"},\"then\":{\"minLength\":2},\"else\":{\"minimum\":2}}",
            {"\"a\"", "\"aa\"", "1", "2", "null"}, "01011"},
        {"{\"if\":{\"minimum\":5},\"then\":{\"maximum\":9},\"else\":{\"maximum\":1}}",
            {"1", "2", "5", "10"}, "1010"},
        {"{\"enum\":[\"a\",\"\",\"abc\",\"abcdefgh\",\"abcdefghi\",\"a long one, of more than "
         "16\",\"\\u00e4\",null,1,[2],true]}",
            {"\"a\"", "\"\"", "\"\\u0061bc\"", "\"abcdefgh\"", "\"ac\"", "\"abcdefgi\"", "null",
                "\"a long one, of more than 16\""},
            "11110011"},
        {"{\"enum\":[1,[2],true]}", {"1.0", "[2]", "true", "false", "null", "\"1\""}, "111000"},
        {"{\"allOf\":[{\"$ref\":\"#/$defs/a\"},{\"maximum\":9}],\"$defs\":{\"a\":{\"minimum\":1}}}",
            {"0", "1", "9", "10", "\"\""}, "01101"},
        {"{\"items\":{\"type\":\"integer\"},\"prefixItems\":[{\"type\":\"null\"},{\"maximum\":1}]}",
            {"[null,1,2]", "[null]", "[0]", "[null,2]", "[null,1,2.5]", "[]"}, "110001"},
        {"{\"anyOf\":[{\"properties\":{\"a\":true},\"unevaluatedProperties\":false},{\"type\":"
         "\"null\"}]}",
            {"{\"a\":1}", "{\"b\":1}", "null", "{}"}, "1011"},
        {"{\"$dynamicAnchor\":\"n\",\"type\":\"object\",\"additionalProperties\":{\"$dynamicRef\":"
         "\"#n\"}}",
            {"{}", "{\"a\":{\"b\":{}}}", "{\"a\":{\"b\":1}}"}, "110"},
    };
    (void)state;
    check_cases(cases, sizeof cases / sizeof *cases);
}

#define BRANCH(kind, more) "{\"properties\":{\"kind\":" kind "}" more "}"
#define REQUIRED ",\"required\":[\"kind\"]"

static void test_picked(void **state)
{
    static const plan_case cases[] = {
        {"{\"oneOf\":[" BRANCH("{\"const\":\"a\"}", ",\"required\":[\"x\"]") "," BRANCH(
             "{\"enum\":[\"b\",\"c\"]}", REQUIRED) "," BRANCH("{\"const\":\"d\"}", REQUIRED) "]}",
            {"{\"kind\":\"a\"}", "{\"x\":1}", "{\"kind\":\"c\"}", "{\"kind\":\"\\u0063\"}",
                "{\"k\\u0069nd\":\"d\"}", "{\"kind\":\"e\"}", "{\"kind\":1}", "{}"},
            "01111000"},
        {"{\"anyOf\":[" BRANCH("{\"const\":\"a\"}", REQUIRED) "," BRANCH(
             "{\"const\":1}", REQUIRED) "," BRANCH("true", ",\"required\":[\"y\"]") "]}",
            {"{\"kind\":\"a\"}", "{\"kind\":1}", "{\"kind\":\"b\"}", "{\"kind\":\"b\",\"y\":0}",
                "{\"y\":0}", "{}"},
            "110110"},
        {"{\"oneOf\":[{\"oneOf\":[" BRANCH("{\"const\":\"a\"}", REQUIRED) "," BRANCH(
             "{\"const\":\"b\"}", REQUIRED) "]}," BRANCH("{\"enum\":[\"b\",\"c\"]}", REQUIRED) "]}",
            {"{\"kind\":\"a\"}", "{\"kind\":\"b\"}", "{\"kind\":\"c\"}", "{\"kind\":\"d\"}", "{}",
                "{\"kind\":null}"},
            "101000"},
        {"{\"oneOf\":[" BRANCH("{\"enum\":[1,\"a\"]}", REQUIRED) "," BRANCH(
             "{\"enum\":[2,\"b\"]}", "") "]}",
            {"{\"kind\":1}", "{\"kind\":2}", "{\"kind\":\"a\"}", "{\"kind\":\"b\"}", "{}",
                "{\"kind\":3}"},
            "111110"},
    };
    (void)state;
    check_cases(cases, sizeof cases / sizeof *cases);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_schema *schema = compile(cases[i].schema);
        const weir_step *steps = schema->plans[schema->root].by_type[WEIR_OBJECT];
        assert_non_null(((const weir_branches *)steps->rule)->pick);
        weir_schema_free(schema);
    }
}

/* The codes of a list, a letter each. */
static const char *letters(const weir_schema *schema, weir_value_type type)
{
    static char out[32];
    static const char codes[] = ".FIOCBMAUL/TYX"; /* by weir_step_code */
    const weir_step *s = schema->plans[schema->root].by_type[type];
    size_t len = 0;
    for (; s && s->code != WEIR_STEP_END; s++) {
        out[len++] = codes[s->code];
    }
    out[len] = '\0';
    return out;
}

static void test_left_out(void **state)
{
    static const struct {
        const char *schema, *string, *integer, *object;
    } cases[] = {
        {"{}", "", "", ""},
        {"{\"type\":\"string\"}", "", "F", "F"},
        {"{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"allOf\":[{\"minLength\":1},{\"minimum\":1},{"
         "\"required\":[\"a\"]}]}}}",
            "L", "U", "M"},
        {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"integer\",\"minimum\":1}]}", "", "U", "F"},
        {"{\"oneOf\":[{\"type\":\"string\"},{\"maxLength\":1},{\"required\":[\"a\"]}]}", "F", "F",
            "O"},
        {"{\"if\":{\"type\":\"string\"},\"then\":{\"minLength\":1},\"else\":false}", "L", "F", "F"},
        {"{\"not\":{\"type\":\"string\"}}", "F", "", ""},
        {"{\"enum\":[\"a\",\"b\",{}]}", "T", "F", "O"},
        {"{\"anyOf\":[{\"minLength\":1},{\"pattern\":\"a\"}]}", "Y", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_schema *schema = compile(cases[i].schema);
        assert_string_equal(letters(schema, WEIR_STRING), cases[i].string);
        assert_string_equal(letters(schema, WEIR_INT), cases[i].integer);
        assert_string_equal(letters(schema, WEIR_OBJECT), cases[i].object);
        weir_schema_free(schema);
    }
}

/* More branches than a pick has bits, and lists too long to be put in line. */
static void test_many(void **state)
{
    weir_buf text = {0};
    (void)state;
    weir_buf_puts(&text, "{\"allOf\":[{\"oneOf\":[");
    for (int i = 0; i < 100; i++) {
        weir_buf_printf(
            &text, "%s{\"properties\":{\"kind\":{\"const\":\"k%d\"}}}", i ? "," : "", i);
    }
    weir_buf_puts(&text, "]},{\"allOf\":[");
    for (int i = 0; i < 100; i++) {
        weir_buf_printf(&text, "%s{\"required\":[\"r%d\"]}", i ? "," : "", i % 3);
    }
    weir_buf_puts(&text, "]}]}");
    assert_false(text.failed);
    weir_schema *schema = compile(weir_buf_str(&text));
    assert_string_equal(letters(schema, WEIR_OBJECT), "XC");
    assert_int_equal(verdict(schema, "{\"kind\":\"k99\",\"r0\":0,\"r1\":0,\"r2\":0}"), '1');
    assert_int_equal(verdict(schema, "{\"kind\":\"k99\",\"r0\":0,\"r1\":0}"), '0');
    assert_int_equal(verdict(schema, "{\"kind\":\"l\",\"r0\":0,\"r1\":0,\"r2\":0}"), '0');
    weir_schema_free(schema);
    weir_buf_fini(&text);
}

/* Tables are made as long as their work is bounded; without one, all branches are tried. */
static void test_bounded(void **state)
{
    enum { ALL = 2000 };
    weir_buf text = {0};
    (void)state;
    weir_buf_puts(&text, "{\"$defs\":{\"a\":{\"properties\":{\"kind\":{\"enum\":[");
    for (int i = 0; i < 300; i++) {
        weir_buf_printf(&text, "%s\"k%d\"", i ? "," : "", i);
    }
    weir_buf_puts(&text, "]}}}},\"properties\":{");
    for (int i = 0; i < ALL; i++) {
        weir_buf_printf(&text, "%s\"p%d\":{\"anyOf\":[", i ? "," : "", i);
        for (int k = 0; k < 10; k++) {
            weir_buf_printf(&text, "%s{\"$ref\":\"#/$defs/a\"}", k ? "," : "");
        }
        weir_buf_puts(&text, "]}");
    }
    weir_buf_puts(&text, "}}");
    assert_false(text.failed);
    weir_schema *schema = compile(weir_buf_str(&text));
    int picked = 0;
    const weir_step *members = schema->plans[schema->root].by_type[WEIR_OBJECT];
    const weir_members_rule *rule = members->rule;
    for (int i = 0; i < ALL; i++) {
        const weir_branches *branches = rule->properties[i].plan->by_type[WEIR_OBJECT]->rule;
        picked += branches->pick != NULL;
    }
    assert_in_range(picked, 1, ALL - 1);
    assert_int_equal(
        verdict(schema, "{\"p0\":{\"kind\":\"k1\"},\"p1999\":{\"kind\":\"k1\"}}"), '1');
    assert_int_equal(verdict(schema, "{\"p1999\":{\"kind\":\"k\"}}"), '0');
    weir_schema_free(schema);
    weir_buf_fini(&text);
}

static void test_out_of_memory(void **state)
{
    const char *text = "{\"oneOf\":[" BRANCH("{\"const\":\"a\"}", REQUIRED) "," BRANCH(
        "{\"enum\":[\"b\",1]}", REQUIRED) "],\"anyOf\":[{\"minProperties\":1},{\"maxItems\":1}]}";
    weir_error err;
    weir_schema *schema;
    (void)state;
    long live = weir_alloc_live();
    weir_alloc_fail_at(0, 0);
    assert_int_equal(weir_schema_compile(weir_view_of(text), NULL, &schema, &err), WEIR_OK);
    weir_schema_free(schema);
    long all = weir_alloc_fail_at(0, 0);
    for (long n = 1; n <= all; n++) {
        weir_alloc_fail_at(n, 0);
        weir_status s = weir_schema_compile(weir_view_of(text), NULL, &schema, &err);
        weir_alloc_fail_at(0, 0);
        assert_true(s == WEIR_OK || strcmp(err.code, "OUT_OF_MEMORY") == 0);
        weir_schema_free(schema);
        assert_int_equal(weir_alloc_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_picked),
        cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
