/* Errors: the table of codes, and how texts are filled and cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

/* Every code has a name that fits a weir_error, a class that is not success, and both sentences. */
static void test_codes(void **state)
{
    (void)state;
    for (int code = WEIR_E_NONE + 1; code < WEIR_E_COUNT; code++) {
        const weir_code_info *info = weir_code_get((weir_code)code);
        weir_error err;
        assert_in_range(info->status, WEIR_RETRY, WEIR_FATAL);
        assert_in_range(strlen(info->meaning), 1, 200);
        assert_in_range(strlen(info->advice), 1, 200);
        assert_int_equal(weir_fail(&err, (weir_code)code, "x"), info->status);
        assert_int_equal(err.status, info->status);
        assert_string_equal(err.code, info->name); /* not cut */
        for (int other = code + 1; other < WEIR_E_COUNT; other++) {
            assert_string_not_equal(info->name, weir_code_get((weir_code)other)->name);
        }
    }
    assert_int_equal(weir_code_get(WEIR_E_NONE)->status, WEIR_OK);
    assert_ptr_equal(weir_code_get(WEIR_E_COUNT), weir_code_get(WEIR_E_NONE));
}

static void test_status_names(void **state)
{
    (void)state;
    static const struct {
        weir_status status;
        const char *name;
    } cases[] = {{WEIR_OK, "ok"}, {WEIR_RETRY, "retry"}, {WEIR_HOLD, "hold"},
        {WEIR_REJECT, "reject"}, {WEIR_FATAL, "fatal"}, {WEIR_DEFERRED, "deferred"},
        {(weir_status)99, "unknown"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(weir_status_name(cases[i].status), cases[i].name);
    }
}

static void test_fail(void **state)
{
    (void)state;
    weir_error err;
    memset(&err, 'x', sizeof err);
    assert_int_equal(weir_fail(&err, WEIR_E_JSON_SYNTAX, "%s at %d", "oops", 7), WEIR_REJECT);
    assert_string_equal(err.code, "JSON_SYNTAX");
    assert_string_equal(err.text, "oops at 7");
    assert_string_equal(err.where, "");
    assert_int_equal(weir_fail_oom(&err), WEIR_RETRY);
    assert_string_equal(err.code, "OUT_OF_MEMORY");
    assert_int_equal(weir_fail(NULL, WEIR_E_STORE_FULL, "nobody listens"), WEIR_HOLD);
    assert_int_equal(weir_fail_oom(NULL), WEIR_RETRY);
}

/* The first place is the most precise one. */
static void test_at(void **state)
{
    (void)state;
    weir_error err;
    weir_fail(&err, WEIR_E_STORE_BROKEN, "x");
    assert_int_equal(weir_at(&err, "%s:%d", "file", 3), WEIR_FATAL);
    assert_string_equal(err.where, "file:3");
    assert_int_equal(weir_at(&err, "outer"), WEIR_FATAL);
    assert_string_equal(err.where, "file:3");
    weir_fail(&err, WEIR_E_STORE_BROKEN, "y");
    assert_string_equal(err.where, "");
    assert_int_equal(weir_at(NULL, "nowhere"), WEIR_OK);
}

/* A text that is too long is cut, but never within a character. */
static void test_long_texts(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (size_t c = 0; c < sizeof characters / sizeof *characters; c++) {
        size_t width = strlen(characters[c]);
        for (size_t shift = 0; shift < width; shift++) {
            char text[400] = "";
            memset(text, '.', shift);
            for (size_t at = shift; at + width < sizeof text; at += width) {
                memcpy(text + at, characters[c], width + 1);
            }
            weir_error err;
            weir_fail(&err, WEIR_E_INTERNAL, "%s", text);
            weir_at(&err, "%s", text);
            assert_in_range(strlen(err.text), sizeof err.text - width, sizeof err.text - 1);
            assert_in_range(strlen(err.where), sizeof err.where - width, sizeof err.where - 1);
            assert_int_equal((strlen(err.text) - shift) % width, 0);
            assert_int_equal((strlen(err.where) - shift) % width, 0);
            assert_memory_equal(err.text, text, strlen(err.text));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_status_names),
        cmocka_unit_test(test_fail),
        cmocka_unit_test(test_at),
        cmocka_unit_test(test_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
