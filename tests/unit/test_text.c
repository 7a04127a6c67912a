/* UTF-8, scanning, escapes, and the hash and order of names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/guarded.h"
#include "value/scan.h"
#include "value/text.h"
#include "value/utf8.h"

/* ---- UTF-8 --------------------------------------------------------------------------------------
 */

static bool is_surrogate(uint32_t code)
{
    return code >= 0xD800 && code <= 0xDFFF;
}

/* Every code point is written in as many bytes as it needs and read back; cut off it is refused. */
static void test_utf8_every_character(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        char out[4];
        size_t length = weir_utf8_encode(code, out);
        assert_int_equal(length, code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);
        assert_int_equal(weir_utf8_length(out, out + length), is_surrogate(code) ? 0 : length);
        assert_true(length == 1 || weir_utf8_length(out, out + length - 1) == 0);
    }
}

/* Of all sequences of a lead byte and what may follow it, those are valid that a code point makes.
 */
static void test_utf8_every_lead(void **state)
{
    (void)state;
    static const unsigned char next[] = {
        0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    static const uint32_t lead_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    for (unsigned lead = 0; lead < 256; lead++) {
        for (size_t i = 0; i < sizeof next * sizeof next; i++) {
            char bytes[4] = {(char)lead, (char)next[i / 10], (char)next[i % 10], (char)0x80};
            size_t length = weir_utf8_length(bytes, bytes + 4);
            if (length == 0) {
                continue;
            }
            uint32_t code = lead & lead_bits[length];
            for (size_t k = 1; k < length; k++) {
                code = code << 6 | ((unsigned char)bytes[k] & 0x3FU);
            }
            char again[4];
            assert_true(code <= 0x10FFFF && !is_surrogate(code));
            assert_int_equal(weir_utf8_encode(code, again), length);
            assert_memory_equal(bytes, again, length);
        }
    }
}

/* ---- scanning -----------------------------------------------------------------------------------
 */

typedef const char *scan_function(const char *p, const char *end);

/* Which byte ends the run, one by one. */
static bool ends_special(unsigned char c)
{
    return c < 0x20 || c >= 0x80 || c == '"' || c == '\\';
}

static bool ends_unsafe(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

static bool ends_digits(unsigned char c)
{
    return c < '0' || c > '9';
}

/* Texts of every length up to 40 right before a guard page, with every byte at every place. */
static void test_scan(void **state)
{
    (void)state;
    static const struct {
        scan_function *scan;
        bool (*ends)(unsigned char c);
    } cases[] = {{weir_scan_special, ends_special}, {weir_scan_unsafe, ends_unsafe},
        {weir_scan_digits, ends_digits}};
    guarded memory = guarded_new(40);
    char *end = memory.pages + memory.bytes;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (char *start = end - 40; start <= end; start++) {
            memset(start, '5', (size_t)(end - start));
            assert_ptr_equal(cases[i].scan(start, end), end);
            for (char *at = start; at < end; at++) {
                for (unsigned c = 0; c < 256; c++) {
                    *at = (char)c;
                    char *expected = cases[i].ends((unsigned char)c) ? at : end;
                    assert_ptr_equal(cases[i].scan(start, end), expected);
                }
                *at = '5';
            }
        }
    }
    guarded_free(&memory);
}

/* ---- escapes ------------------------------------------------------------------------------------
 */

static void test_unescape(void **state)
{
    (void)state;
    static const struct {
        const char *escape, *decoded;
        size_t len;
    } cases[] = {{"\\n", "\n", 1}, {"\\/", "/", 1}, {"\\\\", "\\", 1}, {"\\u0000", "\0", 1},
        {"\\u00E9", "\xC3\xA9", 2}, {"\\u20aC", "\xE2\x82\xAC", 3}, {"\\uffff", "\xEF\xBF\xBF", 3},
        {"\\ud83D\\uDe00", "\xF0\x9F\x98\x80", 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *at = cases[i].escape;
        char out[4];
        assert_int_equal(weir_unescape(&at, out), cases[i].len);
        assert_memory_equal(out, cases[i].decoded, cases[i].len);
        assert_ptr_equal(at, cases[i].escape + strlen(cases[i].escape));
    }
}

static weir_value string_of(const char *raw, uint8_t flags)
{
    return (weir_value){
        .at = raw, .len = (uint32_t)strlen(raw), .type = WEIR_STRING, .flags = flags};
}

static void test_order(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        uint8_t a_flags;
        const char *b;
        uint8_t b_flags;
        int sign;
    } cases[] = {{"", 0, "", 0, 0}, {"a", 0, "a", 0, 0}, {"a", 0, "b", 0, -1},
        {"a", 0, "ab", 0, -1}, {"\\u0061", WEIR_ESCAPED, "a", 0, 0},
        {"\\u0061", WEIR_ESCAPED, "\\u0061", 0, 1}, {"\\u0061", WEIR_ESCAPED, "ab", 0, -1},
        {"b\\n", WEIR_ESCAPED, "b\\u000a", WEIR_ESCAPED, 0}, {"\\u00e9", WEIR_ESCAPED, "z", 0, 1},
        {"\\ud83d\\ude00", WEIR_ESCAPED, "\xF0\x9F\x98\x80", 0, 0},
        {"\\u0000", WEIR_ESCAPED, "", 0, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_value a = string_of(cases[i].a, cases[i].a_flags),
                   b = string_of(cases[i].b, cases[i].b_flags);
        int forth = weir_string_order(&a, &b), back = weir_string_order(&b, &a);
        assert_int_equal((forth > 0) - (forth < 0), cases[i].sign);
        assert_int_equal((back > 0) - (back < 0), -cases[i].sign);
    }
}

/* ---- hashes -------------------------------------------------------------------------------------
 */

/* The three ways to compute a name's hash agree for every length. */
static void test_hashes_agree(void **state)
{
    (void)state;
    static const char text[] = "the quick brown fox jumps over the lazy dog, and some more";
    for (size_t len = 0; len + 8 < sizeof text; len++) {
        char escaped[6 * sizeof text];
        for (size_t i = 0; i < len; i++) {
            snprintf(escaped + 6 * i, 7, "\\u%04x", text[i]);
        }
        weir_value name = {.at = escaped, .len = (uint32_t)(6 * len), .flags = WEIR_ESCAPED};
        uint16_t expected = weir_name_hash(weir_view_make(text, len));
        assert_int_equal(weir_hash_escaped(&name), expected);
        assert_int_equal(weir_hash_inside(text, len), expected);
    }
}

/* Names that differ in one byte or in length alone have different hashes, but for a few. */
static void test_hashes_differ(void **state)
{
    (void)state;
    unsigned equal = 0, pairs = 0;
    for (size_t len = 1; len <= 16; len++) {
        for (size_t at = 0; at < len; at++) {
            char a[16], b[16];
            memset(a, 'a', sizeof a);
            memset(b, 'a', sizeof b);
            b[at] = 'b';
            uint16_t one = weir_name_hash(weir_view_make(a, len)),
                     other = weir_name_hash(weir_view_make(b, len));
            uint16_t shorter = weir_name_hash(weir_view_make(a, len - 1));
            equal += one == other;
            equal += one == shorter;
            pairs += 2;
        }
    }
    assert_int_equal(pairs, 272);
    assert_true(equal <= 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_every_character),
        cmocka_unit_test(test_utf8_every_lead),
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_unescape),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_hashes_agree),
        cmocka_unit_test(test_hashes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
