/* What clients are made with: how long a dead letter may wait for its broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kafka_properties.h"

/* No drain, and no thread that liveness looks at, waits longer than it may: a write takes up to
 * twice this time. */
static void test_letter_timeout(void **state)
{
    (void)state;
    static const struct {
        int64_t drain_ms, stuck_after_ms;
        int timeout_ms;
    } cases[] = {
        {20000, 60000, 6666},
        {60000, 9000, 3000},
        {0, 60000, 1000},
        {20000, 1000, 1000},
        {3600000, 86400000, 30000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_config config = {
            .limits = {.drain_ms = cases[i].drain_ms, .stuck_after_ms = cases[i].stuck_after_ms}};
        assert_int_equal(weir_letter_timeout_ms(&config), cases[i].timeout_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_letter_timeout)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
