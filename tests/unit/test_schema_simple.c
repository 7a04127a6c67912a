/* Regular expressions without an engine: which are taken, and that they say what PCRE2 says (a
 * pattern in (?:…) is always the engine's). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/regex.h"
#include "schema/regex_simple.h"

static const char *const texts[] = {"", "a", "A1_", "-", "\n", "a\n", "\r", "x-1", "a.b",
    "\xC3\xA4", "\xE2\x80\xA8", "\xE2\x80\xA9\xE2\x80\xA8", "\xE2\x80\xAA", "a\xE2\x80\xA8",
    "\xF0\x9F\x98\x80", "abcdefghijklmnopqrstuvwxyz", "aaa", "/", "/a\n", "(", "\\"};

static bool matches(const char *pattern, const char *text)
{
    weir_regex *regex;
    weir_error err;
    weir_regex_scratch *scratch = weir_regex_scratch_new();
    assert_int_equal(weir_regex_compile(weir_view_of(pattern), &regex, &err), WEIR_OK);
    weir_regex_verdict verdict = weir_regex_match(regex, scratch, weir_view_of(text));
    weir_regex_free(regex);
    weir_regex_scratch_free(scratch);
    assert_int_not_equal(verdict, WEIR_REGEX_GAVE_UP);
    return verdict == WEIR_REGEX_YES;
}

static void test_taken(void **state)
{
    static const char *const patterns[] = {".", ".*", ".+", "(.*)", "(.+)", "[\\s\\S]*", "[\\s\\S]",
        "a", "[^a]", "\\d?", "^.+$", "^.*$", "^.{1,3}$", "^/.*", "^[a-z][A-Z0-9_-]*$", "^x-",
        "^[^a]*$", "^[\\s\\S]{2,}$", "\\(", "\\w"};
    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        weir_simple simple;
        char engine[64];
        snprintf(engine, sizeof engine, "(?:%s)", patterns[i]);
        if (!weir_simple_of(weir_view_of(patterns[i]), &simple)) {
            fail_msg("%s is not taken", patterns[i]);
        }
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
            bool said = weir_simple_match(&simple, weir_view_of(texts[k]));
            if (said != matches(engine, texts[k])) {
                fail_msg("%s: text %zu is %d", patterns[i], k, said);
            }
        }
    }
}

static void test_not_taken(void **state)
{
    static const char *const patterns[] = {"", "ab", "a{2}", "a{0}", ".$", "(a|b)", "(.\\)", "()",
        "^.*a$", "^(a)", "[\\s]", "a*?", "(.*)(.*)", "((.*))", "(?:a)", ".*b"};
    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        weir_simple simple;
        if (weir_simple_of(weir_view_of(patterns[i]), &simple)) {
            fail_msg("%s is taken", patterns[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
