/* The lane, for records that are taken one by one and concluded together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/map.h"
#include "engine/lane.h"

static weir_partition partition = {.topic = "t", .number = 1};

static weir_record record_of(const char *key, int64_t offset)
{
    return (weir_record){.raw = {.key = weir_view_of(key), .partition = 1, .offset = offset},
        .hash = weir_hash(weir_view_of(key)),
        .partition = &partition,
        .attempt = 1};
}

static void take_all(weir_lane *l, weir_record *r, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        weir_lane_push(l, &r[i]);
    }
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(weir_lane_take(l, 0), &r[i]);
    }
}

static void collect(void *ctx, weir_record *r)
{
    int64_t **at = ctx;
    *(*at)++ = r->raw.offset;
}

static void what_is_kept_is_concluded_in_order(void **state)
{
    (void)state;
    weir_lane l;
    weir_record r[] = {record_of("a", 0), record_of("b", 1), record_of("a", 2), record_of("a", 3)};
    weir_lane_init(&l, 0);
    take_all(&l, r, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(weir_lane_keep(&l, &r[i]), WEIR_OK);
    }
    weir_lane_push(&l, &r[3]);
    assert_null(weir_lane_take(&l, 0)); /* behind those that are kept */
    assert_false(weir_lane_claim(&l, &r[2]));
    assert_true(weir_lane_claim(&l, &r[0]));
    weir_lane_finish(&l, &r[0], 0);
    assert_true(weir_lane_claim(&l, &r[2])); /* it would be taken next: it is as if it was */
    assert_null(weir_lane_take(&l, 1000));
    weir_lane_finish(&l, &r[2], 0);
    assert_true(weir_lane_claim(&l, &r[1]));
    weir_lane_finish(&l, &r[1], 0);
    assert_ptr_equal(weir_lane_take(&l, 0), &r[3]);
    weir_lane_finish(&l, &r[3], 0);
    weir_lane_fini(&l);
    assert_int_equal(weir_alloc_live(), 0);
}

static void one_that_fails_holds_up_those_behind_it(void **state)
{
    (void)state;
    weir_lane l;
    weir_record r[] = {record_of("a", 0), record_of("a", 1), record_of("a", 2)};
    int64_t offsets[3], *end = offsets;
    weir_lane_init(&l, 0);
    take_all(&l, r, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(weir_lane_keep(&l, &r[i]), WEIR_OK);
    }
    weir_lane_followers(&l, &r[1], collect, &end);
    assert_ptr_equal(end, offsets); /* it blocks nothing */
    weir_lane_followers(&l, &r[0], collect, &end);
    assert_int_equal(end - offsets, 2);
    assert_int_equal(offsets[0], 1);
    assert_int_equal(offsets[1], 2);
    assert_int_equal(weir_lane_park(&l, &r[0], 50), WEIR_OK);
    assert_null(weir_lane_take(&l, 49));
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(weir_lane_take(&l, 50), &r[i]);
        weir_lane_finish(&l, &r[i], 50);
    }
    weir_lane_fini(&l);
}

/* A record was taken, and then one before it of its key came to nothing. */
static void one_that_was_taken_yields(void **state)
{
    (void)state;
    weir_lane l;
    weir_record r[] = {record_of("a", 0), record_of("a", 1), record_of("b", 2)};
    weir_lane_init(&l, 0);
    take_all(&l, r, 3);
    assert_false(weir_lane_yield(&l, &r[1]));
    assert_int_equal(weir_lane_keep(&l, &r[0]), WEIR_OK);
    assert_false(weir_lane_yield(&l, &r[0])); /* it is what blocks */
    assert_true(weir_lane_yield(&l, &r[1]));
    assert_false(weir_lane_yield(&l, &r[2]));
    weir_lane_finish(&l, &r[2], 0);
    assert_int_equal(weir_lane_park(&l, &r[0], 10), WEIR_OK);
    assert_ptr_equal(weir_lane_take(&l, 10), &r[0]);
    weir_lane_finish(&l, &r[0], 10);
    assert_ptr_equal(weir_lane_take(&l, 10), &r[1]);
    weir_lane_finish(&l, &r[1], 10);
    weir_lane_fini(&l);
}

static void without_memory_nothing_is_kept(void **state)
{
    (void)state;
    weir_lane l;
    weir_record r = record_of("a", 0);
    weir_lane_init(&l, 0);
    take_all(&l, &r, 1);
    for (int i = 1; i <= 3; i++) {
        weir_alloc_fail_at(i, 0);
        weir_status s = weir_lane_keep(&l, &r);
        weir_alloc_fail_at(0, 0);
        assert_int_equal(s, WEIR_RETRY);
        assert_false(weir_lane_claim(&l, &r));
        weir_lane_fini(&l); /* what grew on the way goes */
        weir_lane_init(&l, 0);
    }
    weir_lane_fini(&l);
    assert_int_equal(weir_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_concluded_in_order),
        cmocka_unit_test(one_that_fails_holds_up_those_behind_it),
        cmocka_unit_test(one_that_was_taken_yields),
        cmocka_unit_test(without_memory_nothing_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
