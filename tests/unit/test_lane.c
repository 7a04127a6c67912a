/* The lane: its rules by hand, then random courses beside a model of plain lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/map.h"
#include "engine/lane.h"
#include "sim/prng.h"

enum { LIMIT = 3 }; /* records of a blocked key before its partition is congested */

/* ---- By hand ------------------------------------------------------------------------------------
 */

static weir_record record_of(weir_partition *p, const char *key, int64_t offset)
{
    weir_view k = key ? weir_view_of(key) : (weir_view){NULL, 0};
    return (weir_record){.raw = {.key = k, .partition = p->number, .offset = offset},
        .hash = key ? weir_hash(k) : 1,
        .partition = p,
        .attempt = 1};
}

static void push_all(weir_lane *l, weir_record *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        weir_lane_push(l, &records[i]);
    }
}

static void count_drop(void *ctx, weir_record *r)
{
    (void)r;
    ++*(int *)ctx;
}

static bool of_revoked(const weir_record *r)
{
    return atomic_load(&r->partition->revoked);
}

static void test_straight_through(void **state)
{
    (void)state;
    weir_lane l;
    weir_partition p = {.topic = "t", .number = 1};
    weir_record r[] = {record_of(&p, "a", 0), record_of(&p, "a", 1), record_of(&p, NULL, 2)};
    weir_lane_init(&l, LIMIT);
    assert_null(weir_lane_take(&l, 0));
    assert_true(weir_lane_next_due(&l) == INT64_MAX);
    push_all(&l, r, 3);
    assert_int_equal(weir_lane_next_due(&l), 0);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(weir_lane_take(&l, 0), &r[i]);
        weir_lane_finish(&l, &r[i], 0);
    }
    assert_null(weir_lane_take(&l, 0));
    weir_lane_fini(&l);
    assert_int_equal(weir_alloc_live(), 0); /* what blocks nothing costs nothing */
}

static void test_a_parked_key_blocks_its_followers_alone(void **state)
{
    (void)state;
    weir_lane l;
    weir_partition p = {.topic = "t", .number = 1};
    weir_record r[] = {record_of(&p, "a", 0), record_of(&p, "b", 1), record_of(&p, "a", 2)};
    weir_lane_init(&l, LIMIT);
    push_all(&l, r, 3);
    assert_ptr_equal(weir_lane_take(&l, 0), &r[0]);
    assert_int_equal(weir_lane_park(&l, &r[0], 100), WEIR_OK);
    assert_ptr_equal(weir_lane_take(&l, 0), &r[1]);
    weir_lane_finish(&l, &r[1], 0);
    assert_null(weir_lane_take(&l, 99));
    assert_true(weir_lane_next_due(&l) == 100);
    assert_ptr_equal(weir_lane_take(&l, 100), &r[0]);
    assert_null(weir_lane_take(&l, 1000)); /* it runs: its follower waits */
    weir_lane_finish(&l, &r[0], 1000);
    assert_ptr_equal(weir_lane_take(&l, 1000), &r[2]);
    weir_lane_finish(&l, &r[2], 1000);
    weir_lane_fini(&l);
}

/* Equal bytes are another key in another partition, or of another topic, or where one is no key. */
static void test_what_one_key_is(void **state)
{
    (void)state;
    weir_lane l;
    weir_partition p = {.topic = "t", .number = 1}, q = {.topic = "t", .number = 2},
                   topic = {.topic = "u", .number = 1, .tag = 1};
    weir_record r[] = {record_of(&p, "", 0), record_of(&q, "", 0), record_of(&topic, "", 0),
        record_of(&p, NULL, 1), record_of(&p, "", 2)};
    weir_lane_init(&l, LIMIT);
    for (size_t i = 0; i < 5; i++) {
        r[i].hash = 7; /* even if they share a bucket */
    }
    push_all(&l, r, 5);
    for (int i = 0; i < 4; i++) {
        assert_ptr_equal(weir_lane_take(&l, 0), &r[i]);
        assert_int_equal(weir_lane_defer(&l, &r[i]), WEIR_OK);
    }
    assert_null(weir_lane_take(&l, 0));
    for (int i = 0; i < 4; i++) {
        weir_lane_finish(&l, &r[i], 0);
    }
    assert_ptr_equal(weir_lane_take(&l, 0), &r[4]);
    weir_lane_finish(&l, &r[4], 0);
    weir_lane_fini(&l);
}

/* The handler of the old assignment still has the key: the new one's record waits for it. */
static void test_a_busy_key_outlives_its_epoch(void **state)
{
    (void)state;
    weir_lane l;
    int dropped = 0;
    weir_partition old = {.topic = "t", .number = 1}, new = {.topic = "t", .number = 1, .epoch = 1};
    weir_record r[] = {record_of(&old, "a", 5), record_of(&old, "a", 6), record_of(&new, "a", 5)};
    weir_lane_init(&l, LIMIT);
    weir_lane_push(&l, &r[0]);
    weir_lane_push(&l, &r[1]);
    assert_ptr_equal(weir_lane_take(&l, 0), &r[0]);
    assert_int_equal(weir_lane_defer(&l, &r[0]), WEIR_OK);
    assert_null(weir_lane_take(&l, 0));
    atomic_store(&old.revoked, true);
    weir_lane_drop(&l, of_revoked, count_drop, &dropped, 0);
    assert_int_equal(dropped, 1); /* the follower: what is busy stays */
    weir_lane_push(&l, &r[2]);
    assert_null(weir_lane_take(&l, 1000));
    weir_lane_finish(&l, &r[0], 1000);
    assert_ptr_equal(weir_lane_take(&l, 1000), &r[2]);
    weir_lane_finish(&l, &r[2], 1000);
    weir_lane_fini(&l);
}

/* An old epoch's busy key must not spare the new one from being bounded, and what the new one
 * counted must be taken back from it, not from the old one. */
static void test_congestion_is_the_newest_ones(void **state)
{
    (void)state;
    weir_lane l;
    int dropped = 0;
    weir_partition old = {.topic = "t", .number = 1}, new = {.topic = "t", .number = 1, .epoch = 1};
    weir_record busy = record_of(&old, "a", 0), r[LIMIT];
    weir_lane_init(&l, LIMIT);
    weir_lane_push(&l, &busy);
    assert_ptr_equal(weir_lane_take(&l, 0), &busy);
    assert_int_equal(weir_lane_defer(&l, &busy), WEIR_OK);
    for (int i = 0; i < LIMIT; i++) {
        assert_int_equal(atomic_load(&new.congested), 0);
        r[i] = record_of(&new, "a", i);
        weir_lane_push(&l, &r[i]);
        assert_null(weir_lane_take(&l, 0));
    }
    assert_int_equal(atomic_load(&new.congested), 1);
    assert_int_equal(atomic_load(&old.congested), 0);
    atomic_store(&new.revoked, true);
    weir_lane_drop(&l, of_revoked, count_drop, &dropped, 0);
    assert_int_equal(dropped, LIMIT);
    assert_int_equal(atomic_load(&new.congested), 0);
    assert_int_equal(atomic_load(&old.congested), 0);
    weir_lane_finish(&l, &busy, 0);
    weir_lane_fini(&l);
}

static void test_out_of_memory_changes_nothing(void **state)
{
    (void)state;
    weir_partition p = {.topic = "t", .number = 1};
    for (long at = 1; at <= 3; at++) { /* the heap, the table, the key */
        for (int defer = 0; defer < 2; defer++) {
            weir_lane l;
            weir_record r = record_of(&p, "a", 0);
            weir_lane_init(&l, LIMIT);
            weir_lane_push(&l, &r);
            assert_ptr_equal(weir_lane_take(&l, 0), &r);
            weir_alloc_fail_at(at, 0);
            assert_int_not_equal(
                defer ? weir_lane_defer(&l, &r) : weir_lane_park(&l, &r, 1), WEIR_OK);
            weir_alloc_fail_at(0, 0);
            assert_int_equal(weir_lane_park(&l, &r, 5), WEIR_OK);
            assert_ptr_equal(weir_lane_take(&l, 5), &r);
            weir_lane_finish(&l, &r, 5);
            weir_lane_fini(&l);
            assert_int_equal(weir_alloc_live(), 0);
        }
    }
}

static void test_blocked_keys_are_shown(void **state)
{
    (void)state;
    weir_lane l;
    int dropped = 0;
    weir_partition p = {.topic = "t", .number = 1};
    weir_record r[] = {record_of(&p, "a", 0), record_of(&p, "a", 1), record_of(&p, "b", 2)};
    weir_blocked_view seen[2];
    weir_lane_init(&l, 0);
    push_all(&l, r, 3);
    assert_ptr_equal(weir_lane_take(&l, 0), &r[0]);
    assert_int_equal(weir_lane_park(&l, &r[0], 50), WEIR_OK);
    assert_ptr_equal(weir_lane_take(&l, 0), &r[2]);
    assert_int_equal(weir_lane_defer(&l, &r[2]), WEIR_OK);
    assert_int_equal(weir_lane_blocked(&l, seen, 2), 2);
    const weir_blocked_view *a = &seen[seen[0].record == &r[2]],
                            *b = &seen[seen[0].record != &r[2]];
    assert_ptr_equal(a->record, &r[0]);
    assert_int_equal(a->followers, 1);
    assert_true(a->due_ms == 50);
    assert_ptr_equal(b->record, &r[2]);
    assert_true(b->due_ms == INT64_MAX);
    assert_int_equal(weir_lane_blocked(&l, seen, 1), 2); /* how many there are, all the same */
    weir_lane_finish(&l, &r[2], 0);
    weir_lane_drop(&l, NULL, count_drop, &dropped, 0);
    assert_int_equal(dropped, 2);
    weir_lane_fini(&l);
}

/* ---- Beside a model -----------------------------------------------------------------------------
 */

enum { RECORDS = 400, KEYS = 5, NUMBERS = 2, EPOCHS = 8, STEPS = 4000 };

typedef enum fate { READY, FOLLOWING, RUNNING, PARKED, BUSY_KEY, DROPPED, GONE } fate;

/* What the lane must do, by looking through all records each time. */
typedef struct model {
    weir_lane lane;
    sim_rng rng;
    weir_partition partitions[NUMBERS][EPOCHS];
    int epoch[NUMBERS];
    weir_record records[RECORDS];
    char keys[KEYS][16];
    fate states[RECORDS];
    int64_t due[RECORDS];
    int n, running; /* running: -1: none */
    int64_t now_ms;
    int dropped;
} model;

static int index_of(const model *m, const weir_record *r)
{
    return (int)(r - m->records);
}

static bool same_key(const model *m, int a, int b)
{
    const weir_record *x = &m->records[a], *y = &m->records[b];
    return x->raw.partition == y->raw.partition && x->raw.key.ptr == y->raw.key.ptr;
}

/* A record of this key blocks it: it runs, is parked or busy. -1: none. */
static int blocker(const model *m, int i)
{
    for (int j = 0; j < m->n; j++) {
        if (m->states[j] >= RUNNING && m->states[j] <= BUSY_KEY && same_key(m, i, j)) {
            return j;
        }
    }
    return -1;
}

static int first_follower(const model *m, int of)
{
    for (int j = 0; j < m->n; j++) {
        if (m->states[j] == FOLLOWING && same_key(m, of, j)) {
            return j;
        }
    }
    return -1;
}

static int64_t first_due(const model *m)
{
    int64_t due = INT64_MAX;
    for (int j = 0; j < m->n; j++) {
        due = m->states[j] == PARKED && m->due[j] < due ? m->due[j] : due;
    }
    return due;
}

static bool any_ready(const model *m)
{
    for (int j = 0; j < m->n; j++) {
        if (m->states[j] == READY) {
            return true;
        }
    }
    return false;
}

static void check_congestion(const model *m)
{
    unsigned expected[NUMBERS][EPOCHS] = {{0}};
    for (int i = 0; i < m->n; i++) {
        if (m->states[i] != PARKED && m->states[i] != BUSY_KEY && m->states[i] != RUNNING) {
            continue;
        }
        int count = 1, last = i;
        for (int j = 0; j < m->n; j++) {
            if (m->states[j] == FOLLOWING && same_key(m, i, j)) {
                count++;
                last = j;
            }
        }
        const weir_partition *p = m->records[last].partition;
        expected[p->number][p->epoch] += count > LIMIT;
    }
    for (int p = 0; p < NUMBERS; p++) {
        for (int e = 0; e < EPOCHS; e++) {
            assert_int_equal(atomic_load(&m->partitions[p][e].congested), expected[p][e]);
        }
    }
}

static void push_one(model *m)
{
    if (m->n == RECORDS) {
        return;
    }
    weir_record *r = &m->records[m->n];
    int number = (int)sim_below(&m->rng, NUMBERS), key = (int)sim_below(&m->rng, KEYS + 1);
    *r = record_of(&m->partitions[number][m->epoch[number]], NULL, m->n);
    if (key < KEYS) {
        r->raw.key = weir_view_of(m->keys[key]);
        r->hash = weir_hash(r->raw.key) % 3; /* so that keys share buckets */
    }
    m->states[m->n++] = READY;
    weir_lane_push(&m->lane, r);
}

/* What was looked at before r, and is not r, follows a blocked key. */
static void look_past(model *m, int until)
{
    for (int j = 0; j < until; j++) {
        if (m->states[j] == READY) {
            assert_true(blocker(m, j) >= 0);
            m->states[j] = FOLLOWING;
        }
    }
}

static void take_one(model *m)
{
    int64_t due = first_due(m);
    weir_record *r = weir_lane_take(&m->lane, m->now_ms);
    if (due <= m->now_ms) {
        assert_non_null(r);
        assert_int_equal(m->states[index_of(m, r)], PARKED);
        assert_true(m->due[index_of(m, r)] == due);
    } else if (r) {
        int i = index_of(m, r);
        assert_int_equal(m->states[i], READY);
        look_past(m, i);
        assert_int_equal(blocker(m, i), -1);
    } else {
        look_past(m, m->n);
    }
    if (r) {
        m->running = index_of(m, r);
        m->states[m->running] = RUNNING;
    }
}

static void free_key(model *m, int i)
{
    m->states[i] = GONE;
    int next = first_follower(m, i);
    if (next >= 0) {
        m->states[next] = PARKED;
        m->due[next] = m->now_ms;
    }
}

static void end_run(model *m)
{
    int i = m->running;
    weir_record *r = &m->records[i];
    m->running = -1;
    switch (sim_below(&m->rng, 4)) {
    case 0:
        m->states[i] = PARKED;
        m->due[i] = m->now_ms + sim_between(&m->rng, 0, 30);
        assert_int_equal(weir_lane_park(&m->lane, r, m->due[i]), WEIR_OK);
        break;
    case 1:
        m->states[i] = BUSY_KEY;
        assert_int_equal(weir_lane_defer(&m->lane, r), WEIR_OK);
        break;
    default:
        weir_lane_finish(&m->lane, r, m->now_ms);
        free_key(m, i);
        break;
    }
}

/* A deferred record comes back: it is done, or parked again. */
static void settle_busy(model *m)
{
    size_t start = m->n ? sim_below(&m->rng, (size_t)m->n) : 0;
    for (int k = 0; k < m->n; k++) {
        int i = (int)((start + (size_t)k) % (size_t)m->n);
        if (m->states[i] != BUSY_KEY) {
            continue;
        }
        if (sim_chance(&m->rng, .3)) {
            m->states[i] = PARKED;
            m->due[i] = m->now_ms + 10;
            assert_int_equal(weir_lane_park(&m->lane, &m->records[i], m->due[i]), WEIR_OK);
        } else {
            weir_lane_finish(&m->lane, &m->records[i], m->now_ms);
            free_key(m, i);
        }
        return;
    }
}

static model *dropping; /* for on_drop, whose context is a count */

static void on_drop(void *ctx, weir_record *r)
{
    int *n = ctx;
    fate s = dropping->states[index_of(dropping, r)];
    assert_true(s == READY || s == FOLLOWING || s == PARKED);
    dropping->states[index_of(dropping, r)] = DROPPED;
    ++*n;
}

static bool which_is(const model *m, int i, bool all)
{
    return all || atomic_load(&m->records[i].partition->revoked);
}

/* Everything that is not running and matches has come to on_drop; what it blocked is ready. */
static void drop_some(model *m, bool all)
{
    static int heads[RECORDS];
    int n_heads = 0, expected = 0, n = 0;
    for (int i = 0; i < m->n; i++) {
        bool queued = m->states[i] == READY || m->states[i] == FOLLOWING || m->states[i] == PARKED;
        if (queued && which_is(m, i, all)) {
            expected++;
            if (m->states[i] == PARKED) {
                heads[n_heads++] = i;
            }
        }
    }
    dropping = m;
    weir_lane_drop(&m->lane, all ? NULL : of_revoked, on_drop, &n, m->now_ms);
    assert_int_equal(n, expected);
    for (int i = 0; i < m->n; i++) {
        assert_true(m->states[i] != DROPPED || which_is(m, i, all));
        m->states[i] = m->states[i] == DROPPED ? GONE : m->states[i];
    }
    for (int h = 0; h < n_heads; h++) {
        free_key(m, heads[h]);
    }
}

static void revoke(model *m)
{
    int number = (int)sim_below(&m->rng, NUMBERS);
    if (m->epoch[number] + 1 < EPOCHS) {
        atomic_store(&m->partitions[number][m->epoch[number]].revoked, true);
        drop_some(m, false);
        m->epoch[number]++;
    }
}

static void step(model *m)
{
    size_t what = sim_below(&m->rng, 20);
    if (m->running >= 0) {
        end_run(m);
    } else if (what < 8) {
        push_one(m);
    } else if (what < 15) {
        take_one(m);
    } else if (what < 18) {
        settle_busy(m);
    } else {
        m->now_ms += sim_between(&m->rng, 0, 20);
    }
    if (m->running < 0 && sim_chance(&m->rng, .005)) {
        revoke(m);
    }
    check_congestion(m);
    assert_true(weir_lane_next_due(&m->lane) == (any_ready(m) ? 0 : first_due(m)));
}

static void run_course(uint64_t seed)
{
    static model m;
    m = (model){.rng = sim_rng_of(seed, 1), .running = -1};
    weir_lane_init(&m.lane, LIMIT);
    for (int k = 0; k < KEYS; k++) {
        snprintf(m.keys[k], sizeof m.keys[k], "k%d", k);
    }
    for (int p = 0; p < NUMBERS; p++) {
        for (int e = 0; e < EPOCHS; e++) {
            m.partitions[p][e].topic = "t";
            m.partitions[p][e].number = p;
            m.partitions[p][e].epoch = (uint64_t)e;
        }
    }
    for (int i = 0; i < STEPS; i++) {
        step(&m);
    }
    if (m.running >= 0) {
        weir_lane_finish(&m.lane, &m.records[m.running], m.now_ms);
        free_key(&m, m.running);
    }
    drop_some(&m, true);
    for (int i = 0; i < m.n; i++) {
        if (m.states[i] == BUSY_KEY) {
            weir_lane_finish(&m.lane, &m.records[i], m.now_ms);
            m.states[i] = GONE;
        }
        assert_int_equal(m.states[i], GONE);
    }
    check_congestion(&m);
    weir_lane_fini(&m.lane);
    assert_int_equal(weir_alloc_live(), 0);
}

static void test_random_courses(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        run_course(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_straight_through),
        cmocka_unit_test(test_a_parked_key_blocks_its_followers_alone),
        cmocka_unit_test(test_what_one_key_is),
        cmocka_unit_test(test_a_busy_key_outlives_its_epoch),
        cmocka_unit_test(test_congestion_is_the_newest_ones),
        cmocka_unit_test(test_out_of_memory_changes_nothing),
        cmocka_unit_test(test_blocked_keys_are_shown),
        cmocka_unit_test(test_random_courses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
