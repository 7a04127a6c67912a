/* Partitions without progress, look by look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "engine/stall.h"

enum { AFTER_MS = 1000 };

static weir_partition_view view(const char *topic, int32_t number, int64_t frontier, uint64_t open)
{
    weir_partition_view v = {.number = number, .frontier = frontier, .open_records = open};
    snprintf(v.topic, sizeof v.topic, "%s", topic);
    return v;
}

static const weir_stall *look(weir_stalls *s, int64_t now_ms, int64_t frontier, uint64_t open)
{
    const weir_partition_view views[] = {
        view("orders", 0, 50 + now_ms, 7), view("orders", 1, frontier, open)};
    assert_true(weir_stalls_look(s, views, 2, now_ms, AFTER_MS));
    assert_int_equal(s->stalled, weir_stalls_oldest(s) ? 1 : 0);
    return weir_stalls_oldest(s);
}

static void test_stands_with_records_open(void **state)
{
    (void)state;
    weir_stalls s = {.n = 0};
    assert_null(look(&s, 0, 10, 3));
    assert_false(weir_stalls_any_stands(&s, 499 - AFTER_MS / 2));
    assert_true(weir_stalls_any_stands(&s, 500 - AFTER_MS / 2));
    assert_null(look(&s, 999, 10, 3));
    const weir_stall *w = look(&s, 1000, 10, 3);
    assert_non_null(w);
    assert_string_equal(w->topic, "orders");
    assert_int_equal(w->number, 1);
    assert_int_equal(w->frontier, 10);
    assert_int_equal(w->since_ms, 0);
    assert_null(look(&s, 1100, 11, 3)); /* it has moved */
    assert_null(look(&s, 2000, 11, 3));
    assert_non_null(look(&s, 2100, 11, 3));
    weir_stalls_fini(&s);
}

static void test_stands_with_nothing_to_do(void **state)
{
    (void)state;
    weir_stalls s = {.n = 0};
    assert_null(look(&s, 0, 10, 0));
    assert_null(look(&s, 5000, 10, 0));
    assert_null(look(&s, 5500, 10, 1)); /* something has come only now */
    assert_null(look(&s, 6000, 10, 1));
    weir_stalls_fini(&s);
}

static void test_the_oldest_is_named(void **state)
{
    (void)state;
    weir_stalls s = {.n = 0};
    const weir_partition_view first[] = {view("a", 0, 1, 1)};
    const weir_partition_view both[] = {view("b", 0, 1, 1), view("a", 0, 1, 1)};
    assert_true(weir_stalls_look(&s, first, 1, 0, AFTER_MS));
    assert_true(weir_stalls_look(&s, both, 2, 500, AFTER_MS));
    assert_true(weir_stalls_look(&s, both, 2, 3000, AFTER_MS));
    assert_int_equal(s.stalled, 2);
    assert_string_equal(weir_stalls_oldest(&s)->topic, "a");
    assert_true(weir_stalls_look(&s, NULL, 0, 4000, AFTER_MS)); /* all were taken away */
    assert_null(weir_stalls_oldest(&s));
    weir_alloc_fail_at(1, 0);
    assert_false(weir_stalls_look(&s, both, 2, 5000, AFTER_MS));
    weir_alloc_fail_at(0, 0);
    weir_stalls_fini(&s);
    assert_int_equal(weir_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stands_with_records_open),
        cmocka_unit_test(test_stands_with_nothing_to_do),
        cmocka_unit_test(test_the_oldest_is_named),
    };
    return cmocka_run_group_tests_name("stall", tests, NULL, NULL);
}
