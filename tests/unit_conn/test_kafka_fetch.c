/* Nudges: librdkafka is told that there is room, behind the last records that are taken, too.
 * Without that a consumer whose queues were full stood still for up to a second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kafka/kafka_fetch.h"

typedef struct step {
    bool taken; /* records, before */
    int64_t now_ms;
    int again_ms; /* expected: when to call again */
    bool due;     /* expected: one is owed */
} step;

static const step steps[] = {
    {false, 1000, -1, false}, /* nothing was taken */
    {true, 1000, -1, false},  /* given at once */
    {true, 1001, 2, true},    /* too soon: owed */
    {false, 1001, 2, true},   /* nothing more comes: still owed */
    {false, 1002, -1, false}, /* given now */
    {false, 1500, -1, false},
};

static void test_the_last_is_given(void **state)
{
    char why[128];
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, NULL, why, sizeof why);
    weir_kafka_nudge n = {.needed = true, .username = "", .password = ""};
    (void)state;
    assert_non_null(rk);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        n.due |= steps[i].taken;
        assert_int_equal(weir_kafka_give_nudge(&n, rk, steps[i].now_ms), steps[i].again_ms);
        assert_int_equal(n.due, steps[i].due);
    }
    rd_kafka_destroy(rk);
}

static void test_not_where_it_is_not_needed(void **state)
{
    weir_kafka_nudge n = {.due = true};
    (void)state;
    assert_int_equal(weir_kafka_give_nudge(&n, NULL, 1000), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_is_given),
        cmocka_unit_test(test_not_where_it_is_not_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
