/* The value tree: members, pointers, decoded strings, integers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "value/json.h"

static weir_arena arena;

static int set_up(void **state)
{
    (void)state;
    weir_arena_init(&arena, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    weir_arena_fini(&arena);
    return 0;
}

static const weir_value *read_text(const char *text)
{
    const weir_value *root = NULL;
    weir_error err = {0};
    if (weir_json_read(weir_view_of(text), &arena, &root, &err) != WEIR_OK) {
        fail_msg("%s: %s at %s", text, err.text, err.where);
    }
    return root;
}

/* ---- looking up ---------------------------------------------------------------------------------
 */

static void test_get(void **state)
{
    (void)state;
    const weir_value *v =
        read_text("{\"id\":1,\"\":2,\"a_name_of_some_length\":[3],\"a_name+of_some_length\":4,"
                  "\"\\u0065sc\":5,\"a\\\"b\":6,\"n\\u0000l\":7,\"last\":{\"id\":8}}");
    static const struct {
        const char *name;
        size_t len;
        const char *source; /* NULL: there is none */
    } cases[] = {{"id", 2, "1"}, {"", 0, "2"}, {"a_name_of_some_length", 21, "[3]"},
        {"a_name+of_some_length", 21, "4"}, {"a_name-of_some_length", 21, NULL}, {"esc", 3, "5"},
        {"\\u0065sc", 8, NULL}, {"a\"b", 3, "6"}, {"a\\\"b", 4, NULL}, {"n\0l", 3, "7"},
        {"n", 1, NULL}, {"last", 4, "{\"id\":8}"}, {"ID", 2, NULL}, {"i", 1, NULL},
        {"id ", 3, NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const weir_value *got = weir_get(v, weir_view_make(cases[i].name, cases[i].len));
        assert_int_equal(got != NULL, cases[i].source != NULL);
        assert_true(!got || weir_view_is(weir_source(got), cases[i].source));
    }
    assert_true(weir_is(weir_gets(v, "id"), WEIR_INT));
    assert_null(weir_gets(v, "none"));
    assert_null(weir_gets(NULL, "id"));
    assert_null(weir_gets(weir_gets(v, "id"), "id"));
    assert_null(weir_gets(read_text("[\"id\",1]"), "id"));
    assert_null(weir_gets(read_text("{}"), "id"));
    assert_false(weir_is(NULL, WEIR_NULL));
}

/* The examples of RFC 6901, section 5, and what else a pointer can be. */
static void test_pointer(void **state)
{
    (void)state;
    const weir_value *v =
        read_text("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,"
                  "\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8,\"\\u007e\\/\":9,\"~1\":10,"
                  "\"deep\":{\"er\":[[0,{\"x\":[true]}]]},\"0\":11}");
    static const char *const cases[][2] = {{"/foo", "[\"bar\",\"baz\"]"}, {"/foo/0", "\"bar\""},
        {"/foo/1", "\"baz\""}, {"/", "0"}, {"/a~1b", "1"}, {"/c%d", "2"}, {"/e^f", "3"},
        {"/g|h", "4"}, {"/i\\j", "5"}, {"/k\"l", "6"}, {"/ ", "7"}, {"/m~0n", "8"}, {"/~0~1", "9"},
        {"/~01", "10"}, {"/deep/er/0/1/x/0", "true"}, {"/0", "11"}, {"foo", NULL}, {"/foo/2", NULL},
        {"/foo/-", NULL}, {"/foo/00", NULL}, {"/foo/01", NULL}, {"/foo/+1", NULL},
        {"/foo/-0", NULL}, {"/foo/", NULL}, {"/foo/0x", NULL}, {"/foo/18446744073709551616", NULL},
        {"/foo/4294967296", NULL}, {"/foo/0/x", NULL}, {"/foo/0/", NULL}, {"/none", NULL},
        {"/none/x", NULL}, {"//", NULL}, {"/m~n", NULL}, {"/m~2n", NULL}, {"/a~2b", NULL},
        {"/m~", NULL}, {"/m~0", NULL}, {"/m~0nn", NULL}, {"/~1", NULL}};
    assert_ptr_equal(weir_pointer(v, ""), v);
    assert_null(weir_pointer(NULL, ""));
    assert_null(weir_pointer(NULL, "/a"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const weir_value *got = weir_pointer(v, cases[i][0]);
        if (!got != !cases[i][1] || (got && !weir_view_is(weir_source(got), cases[i][1]))) {
            fail_msg("%s", cases[i][0]);
        }
    }
}

static void test_loops(void **state)
{
    (void)state;
    const weir_value *v = read_text("{\"a\":[10,[20],{\"x\":30}],\"b\":{},\"c\":[]}");
    char seen[64] = "";
    WEIR_EACH_MEMBER(v, name, value)
    {
        strncat(seen, name->at, name->len);
        WEIR_EACH_ITEM(value, item)
        {
            strncat(seen, item->at, item->span);
        }
    }
    assert_string_equal(seen, "a10[20]{\"x\":30}bc");
}

/* ---- strings ------------------------------------------------------------------------------------
 */

typedef struct string_case {
    const char *text, *decoded;
    size_t len;
} string_case;

static const string_case strings[] = {
    {"\"\"", "", 0},
    {"\"plain\"", "plain", 5},
    {"\"\\n\"", "\n", 1},
    {"\"a\\tb\\\\\"", "a\tb\\", 4},
    {"\"\\u0000\"", "\0", 1},
    {"\"x\\u0000y\"", "x\0y", 3},
    {"\"\\\"\\/\\b\\f\\n\\r\\t\"", "\"/\b\f\n\r\t", 7},
    {"\"\\u007f\\u0080\\u07ff\\u0800\\uFFFF\"", "\x7f\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF", 11},
    {"\"\\ud800\\udc00\\udbff\\udfff\"", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 8},
    {"\"\\ud83d\\ude00\xC3\xA9\"", "\xF0\x9F\x98\x80\xC3\xA9", 6},
};

static void test_string(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        const weir_value *v = read_text(strings[i].text);
        weir_view decoded = weir_view_make(strings[i].decoded, strings[i].len);
        assert_true(weir_view_eq(weir_string(v, &arena), decoded));
        assert_true(weir_string_is(v, decoded));
        weir_buf b;
        weir_buf_init(&b);
        weir_buf_putc(&b, '>');
        weir_string_put(&b, v);
        assert_int_equal(b.len, decoded.len + 1);
        assert_true(weir_view_eq(weir_view_make(b.ptr + 1, b.len - 1), decoded));
        weir_buf_fini(&b);
    }
    const weir_value *plain = read_text("\"plain\"");
    assert_ptr_equal(weir_string(plain, &arena).ptr, plain->at);
}

static void test_string_is(void **state)
{
    (void)state;
    static const struct {
        const char *text, *other;
        bool equal;
    } cases[] = {{"\"ab\"", "ab", true}, {"\"ab\"", "a", false}, {"\"ab\"", "abc", false},
        {"\"ab\"", "aB", false}, {"\"\\u0061b\"", "ab", true}, {"\"\\u0061b\"", "\\u0061b", false},
        {"\"\\u0061b\"", "a", false}, {"\"\\u0061b\"", "abc", false}, {"\"a\\\\\"", "a\\", true},
        {"\"\\\\n\"", "\\n", true}, {"\"\\\\n\"", "\n", false}, {"1", "1", false},
        {"null", "null", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const weir_value *v = read_text(cases[i].text);
        assert_int_equal(weir_string_is(v, weir_view_of(cases[i].other)), cases[i].equal);
    }
    weir_view none = {NULL, 0};
    assert_true(weir_string_is(read_text("\"\""), none));
    assert_false(weir_string_is(read_text("\"\\n\""), none));
    assert_false(weir_string_is(NULL, none));
}

static void test_string_out_of_memory(void **state)
{
    (void)state;
    const weir_value *v = read_text("\"a\\nb\"");
    weir_arena empty;
    weir_buf b;
    weir_arena_init(&empty, 0);
    weir_buf_init(&b);
    long live = weir_alloc_live();
    for (int lasting = 0; lasting < 2; lasting++) {
        weir_alloc_fail_at(1, lasting);
        assert_null(weir_string(v, &empty).ptr);
        weir_alloc_fail_at(1, lasting);
        weir_string_put(&b, v);
        weir_alloc_fail_at(0, 0);
        assert_true(b.failed);
        assert_int_equal(weir_alloc_live(), live);
        weir_buf_clear(&b);
        weir_arena_reset(&empty);
    }
    weir_string_put(&b, v);
    assert_true(weir_view_is(weir_buf_view(&b), "a\nb"));
    assert_true(weir_view_is(weir_string(v, &empty), "a\nb"));
    weir_buf_fini(&b);
    weir_arena_fini(&empty);
}

/* ---- integers -----------------------------------------------------------------------------------
 */

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool fits;
        int64_t n;
    } cases[] = {{"0", true, 0}, {"-0", true, 0}, {"7", true, 7}, {"-7", true, -7},
        {"007", true, 7}, {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN}, {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0}, {"18446744073709551616", false, 0},
        {"92233720368547758070", false, 0}, {"", false, 0}, {"-", false, 0}, {"+1", false, 0},
        {"--1", false, 0}, {" 1", false, 0}, {"1 ", false, 0}, {"1.0", false, 0}, {"1e2", false, 0},
        {"x", false, 0}, {"/", false, 0}, {":", false, 0}, {"12345678", true, 12345678},
        {"-1234567890123456", true, -1234567890123456},
        {"123456789012345678", true, 123456789012345678}, {"1234/678", false, 0},
        {"123456:8", false, 0}, {"0000000\xb0", false, 0}, {"12345678x", false, 0},
        {"123456781234567-", false, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t n = 42;
        if (weir_text_to_int64(weir_view_of(cases[i].text), &n) != cases[i].fits ||
            n != (cases[i].fits ? cases[i].n : 42)) {
            fail_msg("\"%s\"", cases[i].text);
        }
    }
    int64_t n;
    assert_true(weir_to_int64(read_text("-9223372036854775808"), &n) && n == INT64_MIN);
    assert_false(weir_to_int64(read_text("9223372036854775808"), &n));
    assert_false(weir_to_int64(read_text("1.0"), &n));
    assert_false(weir_to_int64(read_text("\"1\""), &n));
    assert_false(weir_to_int64(NULL, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_pointer),
        cmocka_unit_test(test_loops),
        cmocka_unit_test(test_string),
        cmocka_unit_test(test_string_is),
        cmocka_unit_test(test_string_out_of_memory),
        cmocka_unit_test(test_integers),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
