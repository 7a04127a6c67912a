/* Documents: the schema block around a payload, known or not. Whatever is known, the payload is the
 * same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cdc/document.h"
#include "support/guarded.h"
#include "value/json.h"

#define PREFIX "{\"schema\":{\"x\":1},\"payload\":"

typedef struct document_case {
    const char *text;
    const char *payload; /* NULL: the text is refused */
    bool known;          /* by a memo that has PREFIX */
    bool schema;         /* read as a whole: there is a block */
    const char *prefix;  /* read as a whole */
} document_case;

static const document_case cases[] = {
    {PREFIX "{\"a\":1}}", "{\"a\":1}", true, true, PREFIX},
    {PREFIX "1}", "1", true, true, PREFIX},
    {PREFIX "\"}\"} \n", "\"}\"", true, true, PREFIX},
    {PREFIX " [ ] }", "[]", true, true, PREFIX " "},
    {PREFIX "null}", "null", true, true, PREFIX},
    /* begins with the prefix, but is no block */
    {PREFIX "1,\"a\":2}", PREFIX "1,\"a\":2}", false, false, ""},
    {PREFIX "{}", NULL, false, false, NULL},
    {PREFIX "}", NULL, false, false, NULL},
    {PREFIX, NULL, false, false, NULL},
    {PREFIX "1}}", NULL, false, false, NULL},
    {PREFIX "1 2}", NULL, false, false, NULL},
    {PREFIX "\"}", NULL, false, false, NULL},
    {PREFIX "1,\"schema\":2}", NULL, false, false, NULL},
    /* a block in other bytes */
    {"{\"schema\":{\"x\":1},\"payload\" : 1}", "1", false, true,
        "{\"schema\":{\"x\":1},\"payload\" : "},
    {" " PREFIX "1}", "1", false, true, ""},
    {"{ \"schema\":{},\"payload\":1}", "1", false, true, "{ \"schema\":{},\"payload\":"},
    {"{\"payload\":1,\"schema\":{}}", "1", false, true, ""},
    {"{\"sch\\u0065ma\":{},\"payload\":1}", "1", false, true, "{\"sch\\u0065ma\":{},\"payload\":"},
    {"{\"schema\":null,\"payload\":1}", "1", false, false, ""},
    /* no block */
    {"{\"schema\":\"public\",\"payload\":1}", "{\"schema\":\"public\",\"payload\":1}", false, false,
        ""},
    {"{\"schema\":{}}", "{\"schema\":{}}", false, false, ""},
    {"{\"schema\":{},\"data\":1}", "{\"schema\":{},\"data\":1}", false, false, ""},
    {"[{\"schema\":{}}]", "[{\"schema\":{}}]", false, false, ""},
    {"{\"schema", NULL, false, false, NULL},
    {"{", NULL, false, false, NULL},
    {"", NULL, false, false, NULL},
};

static guarded memory;

static int set_up(void **state)
{
    (void)state;
    memory = guarded_new(1024);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guarded_free(&memory);
    return 0;
}

static void check_payload(const weir_value *payload, const char *expected)
{
    weir_buf text = {0};
    weir_json_put(&text, payload);
    assert_string_equal(weir_buf_str(&text), expected);
    weir_buf_fini(&text);
}

static void check_case(const document_case *k, weir_known_schemas *known)
{
    weir_view text = guarded_copy(&memory, weir_view_of(k->text));
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_document d;
    weir_error err = {.status = WEIR_OK};
    weir_status s = weir_document_read(known, text, &arena, &d, &err);
    assert_int_equal(s, k->payload ? WEIR_OK : WEIR_REJECT);
    bool hit = known && k->known;
    if (k->payload) {
        check_payload(d.payload, k->payload);
        assert_ptr_equal(d.known, hit ? known->of[0] : NULL);
        assert_int_equal(d.schema != NULL, !hit && k->schema);
        assert_true(hit || weir_view_is(d.prefix, k->prefix));
    } else {
        assert_true(err.code[0] && err.where[0]);
    }
    weir_arena_fini(&arena);
}

static void test_nothing_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_case(&cases[i], NULL);
    }
}

static void test_known(void **state)
{
    (void)state;
    weir_known_schema *s =
        weir_known_schema_new(weir_view_of(PREFIX), weir_view_of("{\"x\":1}"), NULL);
    weir_known_schemas known = {{s}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_case(&cases[i], &known);
    }
    weir_known_schema_free(s);
}

/* What is wrong is told by the place in the whole text, although only a part of it was looked at.
 */
static void test_the_place_of_an_error(void **state)
{
    (void)state;
    weir_known_schema *s =
        weir_known_schema_new(weir_view_of(PREFIX), weir_view_of("{\"x\":1}"), NULL);
    weir_known_schemas known = {{s}};
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_document d;
    weir_error err;
    weir_status status =
        weir_document_read(&known, weir_view_of(PREFIX "{\"a\":x}}"), &arena, &d, &err);
    assert_int_equal(status, WEIR_REJECT);
    assert_string_equal(err.where, "1:34");
    weir_arena_fini(&arena);
    weir_known_schema_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_known),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_the_place_of_an_error),
    };
    return cmocka_run_group_tests_name("document", tests, set_up, tear_down);
}
