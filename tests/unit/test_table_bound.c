/* What goes into a column without loss. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "table/table_bound.h"

#define DECIMALS WEIR_BOUND_DECIMALS
#define SECONDS WEIR_BOUND_SECONDS
#define DAYS WEIR_BOUND_DAYS
#define SINGLE WEIR_BOUND_SINGLE
#define CHARACTERS WEIR_BOUND_CHARACTERS

static const struct {
    weir_bound bound;
    const char *text;
    bool holds;
} cases[] = {
    {{WEIR_BOUND_NONE, 0}, "1.2345", true},
    {{DECIMALS, 2}, "1.23", true},
    {{DECIMALS, 2}, "-1.2300", true},
    {{DECIMALS, 2}, "1.2345", false},
    {{DECIMALS, 2}, "-0.001", false},
    {{DECIMALS, 2}, "0.000", true},
    {{DECIMALS, 2}, "12345e-2", true},
    {{DECIMALS, 2}, "12345E-3", false},
    {{DECIMALS, 2}, "1.2345e+2", true},
    {{DECIMALS, 2}, "1e-99999999999999999999", false},
    {{DECIMALS, 2}, "0e-3", true},
    {{DECIMALS, 2}, "NaN", true},
    {{DECIMALS, 2}, "1.2345 or so", true}, /* the database says what it is */
    {{DECIMALS, 2}, "", true},
    {{DECIMALS, 0}, "100", true},
    {{DECIMALS, 0}, "100.5", false},
    {{DECIMALS, -2}, "1200", true},
    {{DECIMALS, -2}, "1210", false},
    {{DECIMALS, -2}, "12e2", true},
    {{DECIMALS, 3}, ".0005", false},
    {{SECONDS, 0}, "2024-01-01T00:00:01", true},
    {{SECONDS, 0}, "2024-01-01T00:00:01.000", true},
    {{SECONDS, 0}, "2024-01-01T00:00:01.5", false},
    {{SECONDS, 3}, "2024-01-01T00:00:01.987+00:00", true},
    {{SECONDS, 3}, "2024-01-01T00:00:01.987654Z", false},
    {{SECONDS, 3}, "12:00:00.100100", false},
    {{SECONDS, 6}, "-infinity", true},
    {{DAYS, 0}, "2024-01-01", true},
    {{DAYS, 0}, "0044-03-15 BC", true},
    {{DAYS, 0}, "2024-01-01T00:00:00+02:00", true},
    {{DAYS, 0}, "2024-01-01T00:00:00.5", false},
    {{DAYS, 0}, "2024-01-01 10:00:00", false},
    {{DAYS, 0}, ":", true},
    {{SINGLE, 0}, "0.1", true},
    {{SINGLE, 0}, "16777217", false},
    {{SINGLE, 0}, "16777216", true},
    {{SINGLE, 0}, "0.123456789012345", false},
    {{SINGLE, 0}, "3.4028235e+38", true},
    {{SINGLE, 0}, "1e+300000", true}, /* out of any range: the database says so */
    {{SINGLE, 0}, "1.5e+300", false},
    {{SINGLE, 0}, "Infinity", true},
    {{CHARACTERS, 3}, "abc", true},
    {{CHARACTERS, 3}, "\xc3\xa4\xc3\xb6\xc3\xbc", true},
    {{CHARACTERS, 3}, "abc ", false},
    {{CHARACTERS, 3}, "\xc3\xa4\xc3\xb6\xc3\xbc  ", false},
    {{CHARACTERS, 3}, "abcd", true}, /* the database says so */
    {{CHARACTERS, 3}, "abc d ", true},
    {{CHARACTERS, 3}, "", true},
};

static void test_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool holds = false;
        weir_error err;
        assert_int_equal(
            weir_bound_holds(cases[i].bound, weir_view_of(cases[i].text), &holds, &err), WEIR_OK);
        if (holds != cases[i].holds) {
            fail_msg("%s, %d of %d", cases[i].text, cases[i].bound.most, (int)cases[i].bound.kind);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
