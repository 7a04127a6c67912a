/* Floats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cdc/column_kind.h"
#include "support/column_cases.h"

static void test_cases(void **state)
{
    (void)state;
    run_column_cases("float.tsv");
}

static void test_without_memory(void **state)
{
    (void)state;
    starve_column_cases("float.tsv");
}

/* xorshift64*: the same numbers everywhere. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1DU;
}

static int significant_digits(const char *text)
{
    int count = 0, trailing = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text >= '1' && *text <= '9') {
            count += trailing + 1;
            trailing = 0;
        } else if (*text == '0' && count) {
            trailing++;
        }
    }
    return count;
}

/* Any double's text reads back as it, and no nearest text with fewer digits does; but where a text
 * may lie half way between two doubles, PostgreSQL may write a longer one. */
static void test_shortest(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    uint64_t seed = 20261122;
    print_message("seed %llu\n", (unsigned long long)seed);
    weir_buf to;
    weir_buf_init(&to);
    for (int i = 0; i < COUNT; i++) {
        uint64_t bits = next_random(&seed);
        double x;
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x)) {
            continue;
        }
        weir_buf_clear(&to);
        weir_float_put_double(&to, x);
        const char *text = weir_buf_str(&to);
        assert_true(strtod(text, NULL) == x);
        int digits = significant_digits(text);
        bool midpoints = fabs(x) >= 0x1p53 && fabs(x) < 0x1p131;
        if (digits > 1 && !midpoints) {
            char shorter[40];
            snprintf(shorter, sizeof shorter, "%.*e", digits - 2, x);
            assert_false(strtod(shorter, NULL) == x);
        }
    }
    weir_buf_fini(&to);
}

static void test_doubles(void **state)
{
    (void)state;
    static const struct {
        double x;
        const char *text;
    } cases[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {1.5, "1.5"},
        {-2.0, "-2"},
        {1e15, "1e+15"},
        {0x1p-44, "5.684341886080802e-14"},
        {0x1p-1074, "5e-324"},
        {INFINITY, "Infinity"},
        {-INFINITY, "-Infinity"},
        {NAN, "NaN"},
        {9999999999999998.0, "9.999999999999998e+15"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_buf to;
        weir_buf_init(&to);
        weir_float_put_double(&to, cases[i].x);
        assert_string_equal(weir_buf_str(&to), cases[i].text);
        weir_buf_fini(&to);
    }
}

static void test_special_numbers(void **state)
{
    (void)state;
    assert_string_equal(weir_special_number(weir_view_of("NAN")), "NaN");
    assert_string_equal(weir_special_number(weir_view_of("POSITIVE_INFINITY")), "Infinity");
    assert_string_equal(weir_special_number(weir_view_of("NEGATIVE_INFINITY")), "-Infinity");
    assert_null(weir_special_number(weir_view_of("infinity")));
    assert_null(weir_special_number(weir_view_of("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_shortest),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_special_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
