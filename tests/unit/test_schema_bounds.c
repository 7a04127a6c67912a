/* What a hostile schema or instance may cost: bounded time and memory, and an error that says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "schema/validate.h"

enum { LONGEST_SECONDS = 20 }; /* under sanitizers, on a busy machine; 1 s elsewhere */

static weir_buf text;
static time_t start;

static int set_up(void **state)
{
    (void)state;
    weir_buf_init(&text);
    start = time(NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    weir_buf_fini(&text);
    return time(NULL) - start > LONGEST_SECONDS;
}

static void assert_compile_fails(const weir_schema_options *o, const char *code)
{
    weir_schema *schema;
    weir_error err;
    assert_false(text.failed);
    assert_true(weir_schema_compile(weir_buf_view(&text), o, &schema, &err));
    assert_string_equal(err.code, code);
}

/* The verdict, or the code of the error. */
static const char *judge(const weir_schema_options *o, const char *json)
{
    static weir_error err;
    weir_schema *schema;
    weir_validator *v;
    bool valid = false;
    if (weir_schema_compile(weir_buf_view(&text), o, &schema, &err)) {
        return err.code;
    }
    assert_int_equal(weir_validator_new(schema, &v, &err), WEIR_OK);
    weir_status s = weir_validator_check(v, weir_view_of(json), &valid, &err);
    weir_schema_explanation why;
    weir_error again;
    weir_status e = weir_validator_explain(v, weir_view_of(json), 0, &why, &again);
    assert_true(s || e || valid == (why.root == NULL));
    weir_validator_free(v);
    weir_schema_free(schema);
    return s ? err.code : valid ? "valid" : "invalid";
}

/* Each level twice the one below: 2^60 ways. */
static void put_doubling(const char *keyword, int levels, const char *leaf)
{
    weir_buf_puts(&text, "{\"$ref\":\"#/$defs/l0\",\"$defs\":{");
    for (int i = 0; i < levels; i++) {
        weir_buf_printf(&text,
            "\"l%d\":{\"%s\":[{\"$ref\":\"#/$defs/l%d\"},{\"$ref\":\"#/$defs/l%d\"}]},", i, keyword,
            i + 1, i + 1);
    }
    weir_buf_printf(&text, "\"l%d\":%s}}", levels, leaf);
}

static void test_schema_bomb(void **state)
{
    weir_schema_options o = {.most_steps = 1000000};
    (void)state;
    put_doubling("allOf", 60, "{\"minimum\":0}");
    assert_string_equal(judge(&o, "1"), "SCHEMA_LIMIT");
    assert_string_equal(judge(&o, "-1"), "invalid"); /* the first way says so */
    weir_buf_clear(&text);
    put_doubling("anyOf", 60, "{\"minimum\":0}");
    assert_string_equal(judge(&o, "1"), "valid");
    assert_string_equal(judge(&o, "-1"), "SCHEMA_LIMIT");
    weir_buf_clear(&text);
    put_doubling("anyOf", 10, "{\"minimum\":0}");
    assert_string_equal(judge(&o, "-1"), "invalid");
}

static void test_loops(void **state)
{
    static const char *const loops[] = {"{\"$ref\":\"#\"}",
        "{\"anyOf\":[{\"type\":\"null\"},{\"$ref\":\"#\"}]}",
        "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"not\":{\"$ref\":\"#/$defs/"
        "b\"}},\"b\":{\"if\":true,\"then\":{\"$ref\":\"#/$defs/a\"}}}}",
        "{\"dependentSchemas\":{\"a\":true,\"b\":{\"$ref\":\"#\"}}}"};
    (void)state;
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
        weir_buf_clear(&text);
        weir_buf_puts(&text, loops[i]);
        assert_compile_fails(NULL, "SCHEMA_LOOP");
    }
    /* A dynamic reference that leads to one place only; one by the dynamic scope: known only when
     * it happens. */
    weir_buf_clear(&text);
    weir_buf_puts(&text, "{\"$dynamicAnchor\":\"a\",\"allOf\":[{\"$dynamicRef\":\"#a\"}]}");
    assert_compile_fails(NULL, "SCHEMA_LOOP");
    weir_buf_clear(&text);
    weir_buf_puts(&text, "{\"$id\":\"http://x/a\",\"$dynamicAnchor\":\"a\",\"allOf\":[{"
                         "\"$dynamicRef\":\"#a\"}],\"$defs\":{\"b\":{\"$id\":\"b\","
                         "\"$dynamicAnchor\":\"a\"}}}");
    assert_string_equal(judge(NULL, "1"), "SCHEMA_LIMIT");
}

/* A chain of 100,000 references, and one of as many schemas in place. */
static void put_chain(int count, const char *form)
{
    weir_buf_puts(&text, "{\"$ref\":\"#/$defs/c0\",\"$defs\":{");
    for (int i = 0; i < count; i++) {
        weir_buf_printf(&text, "\"c%d\":", i);
        weir_buf_printf(&text,
            form[0] == 'r' ? "{\"$ref\":\"#/$defs/c%d\"},"
                           : "{\"minimum\":0,\"$ref\":\"#/$defs/c%d\"},",
            i + 1);
    }
    weir_buf_printf(&text, "\"c%d\":{\"type\":\"integer\"}}}", count);
}

static void test_long_chains(void **state)
{
    (void)state;
    put_chain(2000, "ref");
    assert_string_equal(judge(NULL, "1"), "valid");
    assert_string_equal(judge(NULL, "1.5"), "invalid");
    weir_buf_clear(&text);
    put_chain(2000, "in place");
    assert_string_equal(judge(NULL, "1"), "valid");
    weir_buf_clear(&text);
    put_chain(100000, "ref");
    assert_string_equal(judge(NULL, "1"), "valid");
    weir_buf_clear(&text);
    put_chain(100000, "in place");
    assert_string_equal(judge(NULL, "1"), "SCHEMA_LIMIT");
}

static void test_deep(void **state)
{
    (void)state;
    weir_buf_puts(&text, "{\"items\":{\"$ref\":\"#\"},\"maxItems\":1}");
    weir_buf json = {0};
    for (int i = 0; i < 512; i++) {
        weir_buf_putc(&json, '[');
    }
    for (int i = 0; i < 512; i++) {
        weir_buf_putc(&json, ']');
    }
    assert_string_equal(judge(NULL, weir_buf_str(&json)), "valid");
    weir_buf_clear(&json);
    for (int i = 0; i < 100000; i++) {
        weir_buf_putc(&json, '[');
    }
    assert_string_equal(judge(NULL, weir_buf_str(&json)), "JSON_DEPTH");
    /* a schema of this depth */
    weir_buf_clear(&text);
    for (int i = 0; i < 100000; i++) {
        weir_buf_puts(&text, "{\"not\":");
    }
    assert_compile_fails(NULL, "JSON_DEPTH");
    weir_buf_fini(&json);
}

static void test_numbers(void **state)
{
    (void)state;
    weir_buf_puts(&text, "{\"multipleOf\":7,\"maximum\":1e1000000000}");
    assert_string_equal(judge(NULL, "7e999999999"), "valid");
    assert_string_equal(judge(NULL, "1e999999999"), "invalid");
    assert_string_equal(judge(NULL, "7e1000000001"), "invalid");
    weir_buf_clear(&text);
    weir_buf_puts(&text, "{\"multipleOf\":1");
    for (int i = 0; i < 1000; i++) {
        weir_buf_putc(&text, '7');
    }
    weir_buf_putc(&text, '}');
    assert_compile_fails(NULL, "SCHEMA_INVALID");
}

/* Many long numbers against a long divisor. */
static void test_long_division(void **state)
{
    weir_buf json = {0};
    (void)state;
    weir_buf_puts(&text, "{\"items\":{\"multipleOf\":");
    for (int i = 0; i < 999; i++) {
        weir_buf_putc(&text, '7');
    }
    weir_buf_puts(&text, "}}");
    weir_buf_putc(&json, '[');
    for (int i = 0; i < 200; i++) {
        weir_buf_puts(&json, i ? ",0" : "0");
        for (int k = 0; i && k < 10; k++) {
            json.ptr[json.len - 1] = '7';
            weir_buf_puts(&json, "77777777777777777777777777777777777777");
        }
    }
    weir_buf_putc(&json, ']');
    assert_string_equal(judge(NULL, weir_buf_str(&json)), "invalid");
    weir_schema_options o = {.most_steps = 500};
    weir_buf_clear(&json);
    for (int i = 0; i < 4000; i++) {
        weir_buf_puts(&json, i ? "7777777" : "[7");
    }
    weir_buf_putc(&json, ']');
    assert_string_equal(judge(&o, weir_buf_str(&json)), "SCHEMA_LIMIT");
    weir_buf_fini(&json);
}

static void test_unique(void **state)
{
    weir_buf json = {0};
    (void)state;
    weir_buf_puts(&text, "{\"uniqueItems\":true}");
    weir_buf_putc(&json, '[');
    for (int i = 0; i < 200000; i++) {
        weir_buf_printf(&json, "{\"a\":%d,\"b\":[%d]},", i, i / 2);
    }
    weir_buf_puts(&json, "0]");
    assert_string_equal(judge(NULL, weir_buf_str(&json)), "valid");
    json.len -= 2;
    weir_buf_puts(&json, "{\"b\":[3.0],\"a\":0.7e1}]");
    assert_string_equal(judge(NULL, weir_buf_str(&json)), "invalid");
    weir_buf_fini(&json);
}

/* 100,000 properties of one object, wanted by one schema. */
static void test_wide(void **state)
{
    weir_buf json = {0};
    (void)state;
    weir_buf_puts(&text, "{\"unevaluatedProperties\":false,\"properties\":{");
    weir_buf_putc(&json, '{');
    for (int i = 0; i < 30000; i++) {
        weir_buf_printf(&text, "%s\"p%d\":{\"type\":\"integer\"}", i ? "," : "", i);
        weir_buf_printf(&json, "%s\"p%d\":%d", i ? "," : "", i * 7919 % 30000, i);
    }
    weir_buf_puts(&text, "}}");
    weir_buf_putc(&json, '}');
    assert_string_equal(judge(NULL, weir_buf_str(&json)), "valid");
    json.len--;
    weir_buf_puts(&json, ",\"x\":1}");
    assert_string_equal(judge(NULL, weir_buf_str(&json)), "invalid");
    weir_buf_clear(&text);
    weir_buf_puts(&text, "{\"required\":[\"a0\"");
    for (int i = 1; i < 40000; i++) {
        weir_buf_printf(&text, ",\"a%d\"", i);
    }
    weir_buf_puts(&text, "]}");
    assert_compile_fails(NULL, "SCHEMA_LIMIT");
    weir_buf_fini(&json);
}

static void test_memory(void **state)
{
    weir_schema_options o = {.max_bytes = 100000};
    (void)state;
    put_chain(5000, "ref");
    weir_schema *schema;
    weir_error err;
    assert_true(weir_schema_compile(weir_buf_view(&text), &o, &schema, &err));
    assert_true(strcmp(err.code, "SCHEMA_LIMIT") == 0 || strcmp(err.code, "TOO_LARGE") == 0);
}

static void test_regex(void **state)
{
    (void)state;
    weir_buf_puts(&text, "{\"pattern\":\"^(a+)+$\"}");
    assert_string_equal(
        judge(NULL, "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\""), "SCHEMA_LIMIT");
    assert_string_equal(judge(NULL, "\"aaaa\""), "valid");
    weir_buf_clear(&text);
    weir_buf_puts(&text, "{\"not\":{\"pattern\":\"^(a+)+$\"}}"); /* no verdict is no no */
    assert_string_equal(
        judge(NULL, "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\""), "SCHEMA_LIMIT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_schema_bomb, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_loops, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_chains, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_division, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unique, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wide, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_regex, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
