/* Canonical keys: equal keys are equal bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "cdc/decoder.h"
#include "value/json.h"

typedef struct key_case {
    const char *key, *canonical;
} key_case;

static const key_case cases[] = {
    {"10", "10"},
    {" -1.50e+2 ", "-1.50e+2"},
    {"\"x\"", "\"x\""},
    {"\"\\u00e4\\/\\u0001\"", "\"ä/\\u0001\""},
    {"null", "null"},
    {"true", "true"},
    {"[ 2 , 1 , [ ] ]", "[2,1,[]]"},
    {"{ }", "{}"},
    {"{\"id\" : 1}", "{\"id\":1}"},
    {"{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}"},
    {"{\"aa\":1,\"a\":2,\"\":3}", "{\"\":3,\"a\":2,\"aa\":1}"},
    {"{\"z\":[{\"b\":1,\"a\":{}}],\"y\":{\"d\":1,\"c\":2}}",
        "{\"y\":{\"c\":2,\"d\":1},\"z\":[{\"a\":{},\"b\":1}]}"},
    {"{\"\\u0062\":1,\"a\":2}", "{\"a\":2,\"b\":1}"},
    {"{\"a\":1,\"\\u0061b\":2}", "{\"a\":1,\"ab\":2}"},
    {"{\"\\u0041\":1,\"\\u0042\":2}", "{\"A\":1,\"B\":2}"},
    /* by bytes: upper case first, then lower, then what is beyond ASCII */
    {"{\"\xc3\xa4\":1,\"b\":2,\"A\":3}", "{\"A\":3,\"b\":2,\"\xc3\xa4\":1}"},
    {"{\"a\\u0000\":1,\"a\":2}", "{\"a\":2,\"a\\u0000\":1}"},
};

static const weir_value *read_key(weir_view text, weir_arena *arena)
{
    const weir_value *v;
    assert_int_equal(weir_json_read(text, arena, &v, NULL), WEIR_OK);
    return v;
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_arena arena;
        weir_arena_init(&arena, 0);
        weir_buf text = {0};
        weir_key_put(&text, read_key(weir_view_of(cases[i].key), &arena));
        assert_string_equal(weir_buf_str(&text), cases[i].canonical);
        weir_buf_clear(&text);
        weir_key_put(&text, read_key(weir_view_of(cases[i].canonical), &arena));
        assert_string_equal(weir_buf_str(&text), cases[i].canonical);
        weir_buf_fini(&text);
        weir_arena_fini(&arena);
    }
}

static void test_appends(void **state)
{
    (void)state;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_buf text = {0};
    weir_buf_puts(&text, "key ");
    weir_key_put(&text, read_key(weir_view_of("{\"b\":1,\"a\":2}"), &arena));
    assert_string_equal(weir_buf_str(&text), "key {\"a\":2,\"b\":1}");
    weir_buf_fini(&text);
    weir_arena_fini(&arena);
}

/* A hundred thousand names in an order that is the worst for simple sorts. */
static void test_many_members(void **state)
{
    (void)state;
    enum { MEMBERS = 100000 };
    weir_buf text = {0}, canonical = {0};
    for (int i = 0; i < MEMBERS; i++) {
        int n = i % 2 ? i : MEMBERS - i - 1;
        weir_buf_printf(&text, "%s\"%06d\":%d", i ? "," : "{", i % 2 ? n : n - n % 2, i);
    }
    weir_buf_putc(&text, '}');
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_key_put(&canonical, read_key(weir_buf_view(&text), &arena));
    const weir_value *sorted = read_key(weir_buf_view(&canonical), &arena), *last = NULL;
    assert_int_equal(sorted->len, MEMBERS);
    WEIR_EACH_MEMBER(sorted, name, value)
    {
        assert_true(!last || memcmp(last->at, name->at, 6) < 0);
        last = name;
    }
    weir_buf_fini(&text);
    weir_buf_fini(&canonical);
    weir_arena_fini(&arena);
}

static void test_without_memory(void **state)
{
    (void)state;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const weir_value *key = read_key(weir_view_of(cases[i].key), &arena);
        for (long n = 1;; n++) {
            weir_buf text = {0};
            weir_alloc_fail_at(n, 0);
            weir_key_put(&text, key);
            bool done = weir_alloc_fail_at(0, 0) < n;
            assert_true(text.failed != done);
            weir_buf_fini(&text);
            if (done) {
                break;
            }
        }
    }
    weir_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_appends),
        cmocka_unit_test(test_many_members),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests_name("key", tests, NULL, NULL);
}
