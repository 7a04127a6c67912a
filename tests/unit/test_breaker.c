/* Circuit breakers, by themselves, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "service/breaker.h"

static const weir_breaker_rule rule = {"provider", 5, 1000, 3000};

static bool admit(weir_breaker *b, int64_t now_ms, bool *probe, int64_t *wait_ms)
{
    return weir_breaker_admit(b, now_ms, probe, wait_ms);
}

static void fail_times(weir_breaker *b, int n, int64_t now_ms)
{
    bool probe;
    int64_t wait_ms;
    for (int i = 0; i < n; i++) {
        assert_true(admit(b, now_ms, &probe, &wait_ms));
        weir_breaker_report(b, probe, WEIR_BREAKER_FAILURE, now_ms);
    }
}

static void test_it_opens_after_failures_in_a_row(void **state)
{
    (void)state;
    weir_breaker b;
    bool probe;
    int64_t wait_ms;
    weir_breaker_init(&b, &rule);
    fail_times(&b, 4, 0);
    weir_breaker_report(&b, false, WEIR_BREAKER_SUCCESS, 0); /* no more in a row */
    fail_times(&b, 5, 10);
    assert_int_equal(weir_breaker_look(&b).state, WEIR_BREAKER_OPEN);
    assert_false(admit(&b, 11, &probe, &wait_ms));
    assert_int_equal(wait_ms, 999);
    weir_breaker_fini(&b);
}

static void test_one_probe_closes_or_opens_it_for_longer(void **state)
{
    (void)state;
    weir_breaker b;
    bool probe, other;
    int64_t wait_ms;
    weir_breaker_init(&b, &rule);
    fail_times(&b, 5, 0);
    assert_true(admit(&b, 1000, &probe, &wait_ms));
    assert_true(probe);
    assert_false(admit(&b, 1000, &other, &wait_ms)); /* one at a time */
    weir_breaker_report(&b, probe, WEIR_BREAKER_FAILURE, 1000);
    assert_false(admit(&b, 2999, &probe, &wait_ms)); /* twice as long */
    assert_int_equal(wait_ms, 1);
    assert_true(admit(&b, 3000, &probe, &wait_ms));
    weir_breaker_report(&b, probe, WEIR_BREAKER_FAILURE, 3000);
    assert_false(admit(&b, 5999, &probe, &wait_ms)); /* up to the longest */
    assert_true(admit(&b, 6000, &probe, &wait_ms));
    weir_breaker_report(&b, probe, WEIR_BREAKER_SUCCESS, 6000);
    assert_int_equal(weir_breaker_look(&b).state, WEIR_BREAKER_CLOSED);
    assert_int_equal(weir_breaker_look(&b).opened, 3);
    weir_breaker_fini(&b);
}

/* A probe that asked nobody gives its place to the next one; what was begun before says nothing. */
static void test_what_says_nothing(void **state)
{
    (void)state;
    weir_breaker b;
    bool probe;
    int64_t wait_ms;
    weir_breaker_init(&b, &rule);
    fail_times(&b, 5, 0);
    weir_breaker_report(&b, false, WEIR_BREAKER_SUCCESS, 10);
    assert_int_equal(weir_breaker_look(&b).state, WEIR_BREAKER_OPEN);
    assert_true(admit(&b, 1000, &probe, &wait_ms));
    weir_breaker_report(&b, probe, WEIR_BREAKER_NEITHER, 1000);
    assert_true(admit(&b, 1000, &probe, &wait_ms));
    assert_true(probe);
    weir_breaker_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_opens_after_failures_in_a_row),
        cmocka_unit_test(test_one_probe_closes_or_opens_it_for_longer),
        cmocka_unit_test(test_what_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
