/* The JSON writer: escapes as PostgreSQL's to_json, every type, and a buffer without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/guarded.h"
#include "value/json.h"

static void assert_written(const weir_buf *b, const char *expected)
{
    assert_false(b->failed);
    if (!weir_view_is(weir_buf_view(b), expected)) {
        fail_msg("got %.*s, expected %s", WEIR_ARG(weir_buf_view(b)), expected);
    }
}

/* ---- strings ------------------------------------------------------------------------------------
 */

static void test_put_string(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *written;
    } cases[] = {
        {"", 0, "\"\""},
        {NULL, 0, "\"\""},
        {"a", 1, "\"a\""},
        {"\"", 1, "\"\\\"\""},
        {"\\", 1, "\"\\\\\""},
        {"/", 1, "\"/\""},
        {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
        {"\0\1\v\x1b\x1f", 5, "\"\\u0000\\u0001\\u000b\\u001b\\u001f\""},
        {"\x7f", 1, "\"\x7f\""},
        {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9, "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {"<&'>", 4, "\"<&'>\""},
        {"0123456789abcdef\n0123456789abcdef", 33, "\"0123456789abcdef\\n0123456789abcdef\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_buf b;
        weir_buf_init(&b);
        weir_json_put_string(&b, weir_view_make(cases[i].text, cases[i].len));
        assert_written(&b, cases[i].written);
        weir_buf_fini(&b);
    }
}

/* The rule byte by byte, to compare with. */
static void put_plainly(weir_buf *b, weir_view text)
{
    static const char special[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        const char *hit = c ? strchr(special, c) : NULL;
        if (hit) {
            weir_buf_printf(b, "\\%c", letters[hit - special]);
        } else if (c < ' ') {
            weir_buf_printf(b, "\\u%04x", c);
        } else {
            weir_buf_putc(b, (char)c);
        }
    }
}

/* Every byte at every place of texts of every length up to three SIMD groups, right before a guard
 * page: both sides of each boundary, and no reading beyond the end. */
static void test_every_byte_at_every_place(void **state)
{
    (void)state;
    guarded memory = guarded_new(64);
    weir_buf got, expected;
    weir_buf_init(&got);
    weir_buf_init(&expected);
    for (size_t len = 1; len <= 48; len++) {
        for (size_t at = 0; at < len; at++) {
            for (unsigned c = 0; c < 256; c++) {
                char bytes[48];
                memset(bytes, 'x', sizeof bytes);
                bytes[at] = (char)c;
                weir_view text = guarded_copy(&memory, weir_view_make(bytes, len));
                weir_buf_clear(&got);
                weir_buf_clear(&expected);
                weir_json_put_escaped(&got, text);
                put_plainly(&expected, text);
                assert_true(weir_view_eq(weir_buf_view(&got), weir_buf_view(&expected)));
            }
        }
    }
    weir_buf_fini(&got);
    weir_buf_fini(&expected);
    guarded_free(&memory);
}

/* ---- values -------------------------------------------------------------------------------------
 */

static void test_put_values(void **state)
{
    (void)state;
    static const struct {
        const char *text, *written;
    } cases[] = {
        {" null ", "null"},
        {" [ true , false ] ", "[true,false]"},
        {"-0", "-0"},
        {"1.50", "1.50"},
        {"1E+400", "1E+400"},
        {"[ ]", "[]"},
        {"{ }", "{}"},
        {"{ \"a\" : { \"b\" : [ [ ] , 1 ] } , \"c\" : \"d\" }",
            "{\"a\":{\"b\":[[],1]},\"c\":\"d\"}"},
        {"\"\\u0041\\/\\u00e9\\ud83d\\ude00\"", "\"A/\xC3\xA9\xF0\x9F\x98\x80\""},
        {"\"\\u0000\\u001F\\u0022\\u005c\\u000a\"", "\"\\u0000\\u001f\\\"\\\\\\n\""},
        {"\"plain\\n\"", "\"plain\\n\""},
        {"\"\\nplain\"", "\"\\nplain\""},
        {"{\"\\u0061\":\"\\u0062\"}", "{\"a\":\"b\"}"},
    };
    weir_arena arena;
    weir_arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const weir_value *root;
        weir_buf b;
        weir_buf_init(&b);
        weir_arena_reset(&arena);
        assert_int_equal(weir_json_read(weir_view_of(cases[i].text), &arena, &root, NULL), WEIR_OK);
        weir_json_put(&b, root);
        assert_written(&b, cases[i].written);
        weir_buf_fini(&b);
    }
    weir_arena_fini(&arena);
}

/* The vectors of RFC 4648, section 10, and both digits beyond letters and numbers. */
static void test_put_bytes(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"", "\"\""}, {"f", "\"Zg==\""}, {"fo", "\"Zm8=\""},
        {"foo", "\"Zm9v\""}, {"foob", "\"Zm9vYg==\""}, {"fooba", "\"Zm9vYmE=\""},
        {"foobar", "\"Zm9vYmFy\""}, {"\xFB\xFF\xBF", "\"+/+/\""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_value bytes = {
            .at = cases[i][0], .len = (uint32_t)strlen(cases[i][0]), .type = WEIR_BYTES};
        weir_buf b;
        weir_buf_init(&b);
        weir_json_put(&b, &bytes);
        assert_written(&b, cases[i][1]);
        weir_buf_fini(&b);
    }
}

/* A string that no reader made may have a backslash that is no escape. */
static void test_put_raw_backslash(void **state)
{
    (void)state;
    weir_value string = {.at = "a\\u0041", .len = 7, .skip = 1, .type = WEIR_STRING};
    weir_buf b;
    weir_buf_init(&b);
    weir_json_put(&b, &string);
    assert_written(&b, "\"a\\\\u0041\"");
    weir_buf_fini(&b);
}

/* ---- out of memory
 * ------------------------------------------------------------------------------- */

/* Each allocation of the buffer fails in turn; the failure sticks and nothing is left behind. */
static void test_out_of_memory(void **state)
{
    (void)state;
    const char *text =
        "{\"name\":\"a string with\\nescapes and more than sixteen bytes\",\"list\":"
        "[1,2.5,true,null,{},[],\"\\u0041\"],\"more\":\"0123456789012345678901234567890\"}";
    weir_arena arena;
    const weir_value *root;
    weir_arena_init(&arena, 0);
    assert_int_equal(weir_json_read(weir_view_of(text), &arena, &root, NULL), WEIR_OK);
    long live = weir_alloc_live();
    for (int lasting = 0; lasting < 2; lasting++) {
        bool failed = true;
        int n = 0;
        while (failed) {
            weir_buf b;
            weir_buf_init(&b);
            weir_alloc_fail_at(++n, lasting);
            weir_json_put(&b, root);
            weir_alloc_fail_at(0, 0);
            failed = b.failed;
            weir_buf_fini(&b);
            assert_int_equal(weir_alloc_live(), live);
        }
        assert_true(n > 2);
    }
    weir_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_string),
        cmocka_unit_test(test_every_byte_at_every_place),
        cmocka_unit_test(test_put_values),
        cmocka_unit_test(test_put_bytes),
        cmocka_unit_test(test_put_raw_backslash),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
