/* Regular expressions: ECMA-262's meaning, what is refused, that the matching by hand and PCRE2
 * agree, and limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "schema/regex.h"
#include "schema/regex_simple.h"

static weir_regex_scratch *scratch;

static int set_up(void **state)
{
    (void)state;
    scratch = weir_regex_scratch_new();
    return scratch ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    weir_regex_scratch_free(scratch);
    return 0;
}

static weir_regex_verdict match(const char *pattern, weir_view text)
{
    weir_regex *r;
    weir_error err;
    if (weir_regex_compile(weir_view_of(pattern), &r, &err)) {
        fail_msg("%s: %s", pattern, err.text);
    }
    weir_regex_verdict v = weir_regex_match(r, scratch, text);
    weir_regex_free(r);
    return v;
}

static void test_meaning(void **state)
{
    static const struct {
        const char *pattern, *yes, *no;
    } cases[] = {{"^a+$", "aaa", "aab"}, {"b", "abc", "acd"}, {"^[^,]*$", "a\nb", "a,b"},
        {"^.$", "\xC3\xA4", "\n"}, {"^\\d{3}$", "123", "1234"}, {"^[\\w-]+$", "a-b_9", "a.b"},
        {"^\\u00e4$", "\xC3\xA4", "a"}, {"^\\x41\\cA$", "A\x01", "A"}, {"^[a-]$", "-", "b"},
        {"^\\u{1F432}$", "\xF0\x9F\x90\xB2", "x"}, {"^\\ud83d\\udc32$", "\xF0\x9F\x90\xB2", "x"},
        {"^(?<x>a|b)\\k<x>$", "aa", "ab"}, {"^(a)\\1$", "aa", "ab"}, {"^(?=a)a$", "a", "b"},
        {"(?<!x)y", "y", "xy"}, {"^\\p{Lu}\\P{Lu}$", "Aa", "aA"},
        {"^\\p{Script=Greek}$", "\xCE\xB1", "a"}, {"^a{2,}$", "aaa", "a"},
        {"^a{,2}$", "a{,2}", "a"}, {"^\\s\\S$", "\xC2\xA0x", "xx"}, {"^[\\S]$", "x", " "},
        {"^[^\\s\\d]$", "x", "1"}, {"[]", NULL, "a"}, {"^[^]$", "\n", "ab"},
        {"^\\/\\-\\.$", "/-.", "a"}, {"^[[:]$", "[", "a"}, {"\\bfoo\\b", "a foo b", "food"},
        {"^a*?b$", "aab", "aa"}, {"^x-", "x-y", "ax-"}, {"^https?:\\/\\/", "http://", "ftp://"},
        {"^[\\b]$", "\b", "b"}, {"^a|b$", "ax", "xa"}, {"^[!-~]+$", "a!~", "a b"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].yes && match(cases[i].pattern, weir_view_of(cases[i].yes)) != WEIR_REGEX_YES) {
            fail_msg("%s does not match %s", cases[i].pattern, cases[i].yes);
        }
        if (match(cases[i].pattern, weir_view_of(cases[i].no)) != WEIR_REGEX_NO) {
            fail_msg("%s matches %s", cases[i].pattern, cases[i].no);
        }
    }
    assert_int_equal(match("^a$", weir_view_make("a\n", 2)), WEIR_REGEX_NO);
    assert_int_equal(match("^a\\0b$", weir_view_make("a\0b", 3)), WEIR_REGEX_YES);
}

static void test_refused(void **state)
{
    static const char *const bad[] = {"(", ")", "[a", "a**", "*a", "^*", "a++", "(?i)a", "(?P<n>a)",
        "(?#c)", "\\", "\\a", "\\z", "\\Q", "\\u12", "\\ud800", "\\u{110000}", "\\x1", "[b-a]",
        "a{2,1}", "\\1", "\\k<n>", "(?<a>.)(?<a>.)", "\\c1", "\\p{", "\\pL", "\\p{No_Such}",
        "(*UTF)", "a{70000}", "(?<=a+)b", "(?>a)", "(?|a)", "\\01"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        weir_regex *r;
        weir_error err;
        weir_status s = weir_regex_compile(weir_view_of(bad[i]), &r, &err);
        if (!s) {
            fail_msg("%s is accepted", bad[i]);
        }
        assert_string_equal(err.code, "SCHEMA_REGEX");
    }
}

/* Patterns that are matched by hand give the same by PCRE2. */
static void test_by_hand(void **state)
{
    static const char *const simple[] = {"^[a-c]+$", "^[a-c]*b?$x", "^a?b?c?$", "^[ab]{2,3}c",
        "^[^a]b", "^\\w+-\\d*$", "^a*b", "^\\W\\D?$", "^", "^$", "^[\\d-]+a$", "^\\.b{0}$", "^[^]",
        "^a{2}a{2}$"};
    static const char alphabet[] = "abc-1.\n\xC3";
    uint64_t seed = 7;
    unsigned by_hand = 0;
    (void)state;
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++) {
        weir_simple s;
        weir_regex *r;
        weir_buf text = {0};
        const char *why;
        weir_view pattern = weir_view_of(simple[i]);
        if (!weir_simple_of(pattern, &s)) {
            continue;
        }
        by_hand++;
        assert_true(weir_regex_translate(pattern, &text, &why));
        assert_int_equal(weir_regex_compile_own(weir_buf_str(&text), &r, NULL), WEIR_OK);
        for (int k = 0; k < 2000; k++) {
            char subject[16];
            size_t len = 0;
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            for (uint64_t bits = seed >> 13, n = bits & 7; n; n--) {
                char c = alphabet[bits >> (3 * n) & 7];
                subject[len++] = c;
                if (c == '\xC3') {
                    subject[len++] = '\xA4';
                }
            }
            weir_view v = {subject, len};
            assert_int_equal(weir_simple_match(&s, v), weir_regex_match(r, scratch, v));
        }
        weir_regex_free(r);
        weir_buf_fini(&text);
    }
    assert_true(by_hand >= 10);
}

static void test_bombs(void **state)
{
    static char many[50001];
    (void)state;
    memset(many, 'a', sizeof many - 1);
    assert_int_equal(
        match("^(a|aa)+$",
            weir_view_of(strcpy(many + 49960, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!") - 4000)),
        WEIR_REGEX_GAVE_UP);
    assert_int_equal(
        match("^(a+)+$", weir_view_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")),
        WEIR_REGEX_GAVE_UP);
    weir_regex *r;
    weir_error err;
    assert_true(weir_regex_compile(weir_view_of("((a{60000}){60000}){60000}"), &r, &err));
    assert_string_equal(err.code, "SCHEMA_REGEX");
    memset(many, '(', sizeof many - 1);
    assert_true(weir_regex_compile(weir_view_of(many), &r, &err));
    assert_string_equal(err.code, "SCHEMA_REGEX");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_bombs),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
