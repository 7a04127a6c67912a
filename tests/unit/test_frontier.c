/* The frontier: small cases by hand, then random courses beside a model that keeps everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "engine/frontier.h"
#include "sim/prng.h"

static uint64_t deliver(weir_frontier *f, int64_t offset)
{
    uint64_t seq;
    assert_true(weir_frontier_deliver(f, offset, &seq));
    return seq;
}

/* ---- By hand ------------------------------------------------------------------------------------
 */

static void test_moves_over_what_is_settled(void **state)
{
    (void)state;
    weir_frontier f;
    weir_frontier_init(&f, 10);
    assert_int_equal(weir_frontier_next(&f), 10);
    uint64_t a = deliver(&f, 10), b = deliver(&f, 11), c = deliver(&f, 12);
    assert_false(weir_frontier_settle(&f, b));
    assert_int_equal(weir_frontier_next(&f), 10);
    assert_int_equal(weir_frontier_open(&f), 3);
    assert_true(weir_frontier_settle(&f, a));
    assert_int_equal(weir_frontier_next(&f), 12);
    assert_true(weir_frontier_settle(&f, c));
    assert_int_equal(weir_frontier_next(&f), 13);
    assert_int_equal(weir_frontier_open(&f), 0);
    weir_frontier_fini(&f);
}

/* Without a known start, reading begins where the first record is. */
static void test_start_not_known(void **state)
{
    (void)state;
    weir_frontier f;
    weir_frontier_init(&f, -1);
    assert_int_equal(weir_frontier_next(&f), -1);
    uint64_t a = deliver(&f, 700);
    assert_int_equal(weir_frontier_next(&f), 700);
    weir_frontier_settle(&f, a);
    assert_int_equal(weir_frontier_next(&f), 701);
    weir_frontier_fini(&f);
}

/* Compaction took 1 to 8: what is between two records that are settled holds nothing up. */
static void test_gaps_hold_nothing_up(void **state)
{
    (void)state;
    weir_frontier f;
    weir_frontier_init(&f, 0);
    uint64_t a = deliver(&f, 0), b = deliver(&f, 9), c = deliver(&f, 20);
    weir_frontier_settle(&f, a);
    assert_int_equal(weir_frontier_next(&f), 9);
    weir_frontier_settle(&f, b);
    assert_int_equal(weir_frontier_next(&f), 20);
    weir_frontier_settle(&f, c);
    assert_int_equal(weir_frontier_next(&f), 21);
    weir_frontier_fini(&f);
}

/* The end was met while records were open: their last one takes the frontier to it, over the marker
 * of a transaction, which nobody delivers. */
static void test_the_end_is_reached_later(void **state)
{
    (void)state;
    weir_frontier f;
    weir_frontier_init(&f, 0);
    uint64_t a = deliver(&f, 0), b = deliver(&f, 1);
    weir_frontier_reach(&f, 3);
    assert_int_equal(weir_frontier_next(&f), 0);
    weir_frontier_settle(&f, b);
    assert_int_equal(weir_frontier_next(&f), 0);
    weir_frontier_settle(&f, a);
    assert_int_equal(weir_frontier_next(&f), 3);
    uint64_t c = deliver(&f, 3);
    assert_int_equal(weir_frontier_next(&f), 3);
    weir_frontier_settle(&f, c);
    assert_int_equal(weir_frontier_next(&f), 4);
    weir_frontier_reach(&f, 4);
    assert_int_equal(weir_frontier_next(&f), 4);
    weir_frontier_fini(&f);
}

/* A partition with markers alone, or with nothing. */
static void test_the_end_of_nothing(void **state)
{
    (void)state;
    weir_frontier f;
    weir_frontier_init(&f, -1);
    weir_frontier_reach(&f, 0);
    assert_int_equal(weir_frontier_next(&f), 0);
    weir_frontier_reach(&f, 5);
    assert_int_equal(weir_frontier_next(&f), 5);
    weir_frontier_fini(&f);
}

static void test_out_of_memory_changes_nothing(void **state)
{
    (void)state;
    weir_frontier f;
    uint64_t seq, last = 0;
    weir_frontier_init(&f, 0);
    weir_alloc_fail_at(1, 0);
    assert_false(weir_frontier_deliver(&f, 0, &seq));
    assert_int_equal(weir_frontier_open(&f), 0);
    assert_int_equal(weir_frontier_next(&f), 0);
    for (int64_t i = 0; i < 256; i++) {
        last = deliver(&f, i);
    }
    weir_alloc_fail_at(1, 0);
    assert_false(weir_frontier_deliver(&f, 256, &seq)); /* where it must grow */
    weir_alloc_fail_at(0, 0);
    assert_int_equal(weir_frontier_open(&f), 256);
    for (uint64_t i = 0; i <= last; i++) {
        weir_frontier_settle(&f, i);
    }
    assert_int_equal(weir_frontier_next(&f), 256);
    weir_frontier_fini(&f);
    assert_int_equal(weir_alloc_live(), 0);
}

/* ---- Beside a model -----------------------------------------------------------------------------
 */

enum { COURSE = 3000 };

typedef struct model {
    int64_t start, reached, offsets[COURSE];
    bool settled[COURSE];
    size_t n;
} model;

/* The lowest offset that may not be committed yet, looked for from the beginning. */
static int64_t model_next(const model *m)
{
    int64_t last = m->start;
    for (size_t i = 0; i < m->n; i++) {
        if (!m->settled[i]) {
            return m->offsets[i];
        }
        last = m->offsets[i] + 1;
    }
    return last < m->reached ? m->reached : last;
}

static size_t some_open(const model *m, sim_rng *rng)
{
    size_t open[COURSE], n = 0;
    for (size_t i = 0; i < m->n; i++) {
        if (!m->settled[i]) {
            open[n++] = i;
        }
    }
    return n ? open[sim_chance(rng, .3) ? 0 : sim_below(rng, n)] : COURSE;
}

static void run_course(uint64_t seed)
{
    static model m;
    sim_rng rng = sim_rng_of(seed, 1);
    int64_t offset = sim_between(&rng, 0, 3);
    double deliver_chance = .5 + .2 * sim_unit(&rng); /* so that the ring wraps, or grows */
    weir_frontier f;
    m = (model){.start = offset, .reached = -1};
    weir_frontier_init(&f, offset);
    while (m.n < COURSE) {
        size_t open = some_open(&m, &rng);
        if (open == COURSE || sim_chance(&rng, deliver_chance)) {
            offset += sim_chance(&rng, .1) ? sim_between(&rng, 1, 50) : 0;
            assert_int_equal(deliver(&f, offset), m.n);
            m.offsets[m.n++] = offset++;
        } else {
            int64_t before = weir_frontier_next(&f);
            bool moved = weir_frontier_settle(&f, open);
            m.settled[open] = true;
            assert_int_equal(moved, weir_frontier_next(&f) > before);
        }
        if (sim_chance(&rng, .02)) {
            offset += sim_between(&rng, 0, 2);
            weir_frontier_reach(&f, offset);
            m.reached = offset;
        }
        if (m.n % 7 == 0) {
            assert_int_equal(weir_frontier_next(&f), model_next(&m));
        }
    }
    weir_frontier_fini(&f);
}

static void test_random_courses(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        run_course(seed);
    }
    assert_int_equal(weir_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves_over_what_is_settled),
        cmocka_unit_test(test_start_not_known),
        cmocka_unit_test(test_gaps_hold_nothing_up),
        cmocka_unit_test(test_the_end_is_reached_later),
        cmocka_unit_test(test_the_end_of_nothing),
        cmocka_unit_test(test_out_of_memory_changes_nothing),
        cmocka_unit_test(test_random_courses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
