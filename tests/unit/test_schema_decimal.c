/* Exact decimals: order, integers, divisibility; at sizes that no machine number holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/decimal.h"

static weir_decimal decimal(const char *text)
{
    return weir_decimal_of(weir_view_of(text));
}

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

/* Each below the next; equal ones stand side by side with '='. */
static void test_order(void **state)
{
    static const char *const rising[][3] = {{"-1e1000000000", "-10e999999999"},
        {"-98249283749234923498293171823948729348710298301928331"}, {"-10", "-1e1", "-10.00"},
        {"-9.99"}, {"-0.1", "-1e-1", "-0.10"}, {"-1e-1000000000"},
        {"0", "-0", "0.000e99999999999999999999"}, {"1e-1000000000"},
        {"0.0999999999999999999999999"}, {"0.1", "1E-1", "0.00001e+4"}, {"1", "1.0", "10e-1"},
        {"1.00000000000000000000000000000000001"}, {"9007199254740992"},
        {"9007199254740993", "9007199254740993.0"}, {"18446744073709551615"},
        {"18446744073709551616"}, {"1e1000000000"}, {"1.1e1000000000"}};
    (void)state;
    size_t n = sizeof rising / sizeof *rising;
    for (size_t i = 0; i < n * 3; i++) {
        for (size_t k = 0; k < n * 3; k++) {
            const char *a = rising[i / 3][i % 3], *b = rising[k / 3][k % 3];
            if (a && b) {
                weir_decimal x = decimal(a), y = decimal(b);
                assert_int_equal(
                    sign(weir_decimal_compare(&x, &y)), sign((int)(i / 3) - (int)(k / 3)));
                assert_true((i / 3 != k / 3) || weir_decimal_hash(&x) == weir_decimal_hash(&y));
            }
        }
    }
}

static void test_integers(void **state)
{
    static const char *const yes[] = {"0", "-0.0", "1", "1.0", "10e-1", "1e400", "1200e-2", "0e-5"};
    static const char *const no[] = {"0.5", "1e-1", "1.0000000000000000000001", "125e-2"};
    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        weir_decimal d = decimal(yes[i]);
        assert_true(weir_decimal_is_integer(&d));
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        weir_decimal d = decimal(no[i]);
        assert_false(weir_decimal_is_integer(&d));
    }
}

static void test_multiples(void **state)
{
    static const struct {
        const char *number, *divisor;
        bool is;
    } cases[] = {{"0", "7", true}, {"-14", "7", true}, {"15", "7", false}, {"0.3", "0.1", true},
        {"19.99", "0.01", true}, {"19.995", "0.01", false}, {"1e308", "0.5", true},
        {"1e1000000000", "3", false}, {"3e1000000000", "3", true}, {"1e1000000000", "1024", true},
        {"1e-1000000000", "1", false}, {"1", "1e-1000000000", true}, {"1", "3e-1000000000", false},
        {"1e1000000000", "1e-1000000000", true}, {"123456789012345678901234567890", "10", true},
        {"4.5", "1.5", true}, {"12345678901234567890123456789", "3", true},
        {"12345678901234567890123456788", "3", false},
        /* divisors beyond a word */
        {"246913578024691357802469135780", "123456789012345678901234567890", true},
        {"246913578024691357802469135781", "123456789012345678901234567890", false},
        {"340282366920938463463374607431768211456", "18446744073709551616", true},
        {"340282366920938463463374607431768211457", "18446744073709551616", false},
        {"1e1000000000", "18446744073709551616", true},
        {"1e1000000000", "18446744073709551617", false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_decimal d = decimal(cases[i].number), by = decimal(cases[i].divisor);
        assert_int_equal(weir_decimal_is_multiple(&d, &by), cases[i].is);
    }
}

/* Against 64-bit arithmetic, with the point moved about. */
static void test_random_multiples(void **state)
{
    uint64_t seed = 20261123;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        char a[48], b[48];
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        int64_t by = (int64_t)(seed >> 40) % 5000 + 1, n = (int64_t)(seed >> 20) % 1000003;
        n = seed & 1 ? n * by : n;
        int shift = (int)(seed >> 33) % 9;
        snprintf(a, sizeof a, "%lld.0e-%d", (long long)n, shift);
        snprintf(b, sizeof b, "%llde-%d", (long long)by, shift);
        weir_decimal d = decimal(a), divisor = decimal(b);
        assert_int_equal(weir_decimal_is_multiple(&d, &divisor), n % by == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_multiples),
        cmocka_unit_test(test_random_multiples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
