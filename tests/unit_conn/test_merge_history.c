/* The merge rule over a topic's history: when it begins anew or goes back, gaps that compaction
 * left, and delete marks that expire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "merge_bench.h"

/* ---- Alarms -----------------------------------------------------------------------------------
 */

static weir_merge_alarm alarm_of(bench *b, weir_change c)
{
    return weir_merge_alarm_of(&b->merge, &c);
}

static void test_position_regresses(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    weir_change old = upsert('u', "1", 50, ROW(1, 5, "null"), "");
    weir_change lower = upsert('u', "1", 40, ROW(1, 6, "null"), "");
    weir_change inverted = lower; /* committed beside the highest one: lanes may bring it later */
    inverted.ts_ms = 200;
    lower.ts_ms = 20000;
    assert_int_equal(alarm_of(&b, old), WEIR_ALARM_NONE); /* a partition not met before */
    apply(&b, upsert('c', "1", 100, ROW(1, 1, "null"), ""));
    assert_int_equal(alarm_of(&b, old), WEIR_ALARM_NONE); /* sent again: at its old time */
    assert_int_equal(alarm_of(&b, inverted), WEIR_ALARM_NONE);
    assert_int_equal(alarm_of(&b, lower), WEIR_ALARM_POSITION_REGRESS);
    commit(&b);
    weir_merge_fini(&b.merge);
    weir_merge_init(&b.merge, b.store, 0);
    begin(&b);
    assert_int_equal(weir_merge_load(&b.merge, NULL), WEIR_OK);
    assert_int_equal(alarm_of(&b, lower), WEIR_ALARM_POSITION_REGRESS);
    weir_merge_accept(&b.merge, &lower);
    assert_int_equal(alarm_of(&b, lower), WEIR_ALARM_NONE);
    close_bench(&b);
}

/* A failover to an older replica, accepted: lower positions win from there on, in this partition;
 * and again when the consumer goes back. */
static void test_history_begins_anew(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    weir_change old[] = {
        upsert('c', "1", 100, ROW(1, 1, "null"), ""),
        snapshot_row("2", 110, ROW(2, 1, "null")),
        streamed('d', "3", 120),
        streamed('t', NULL, 90),
        upsert('c', "4", 130, ROW(4, 1, "null"), ""),
    };
    weir_change new[] = {
        upsert('u', "1", 40, ROW(1, 2, "null"), ""), streamed('d', "2", 41),
        upsert('c', "3", 42, ROW(3, 2, "null"), ""), upsert('u', "1", 43, ROW(1, 3, "null"), ""),
        upsert('u', "1", 40, ROW(1, 2, "null"), ""), /* sent again */
    };
    enum { OLD = sizeof old / sizeof *old, NEW = sizeof new / sizeof *new };
    for (size_t i = 0; i < OLD; i++) {
        old[i].offset = b.next[0];
        apply(&b, old[i]);
    }
    for (size_t i = 0; i < NEW; i++) {
        new[i].offset = b.next[0] + (int64_t)i;
        new[i].ts_ms += 20000;
    }
    assert_int_equal(alarm_of(&b, new[0]), WEIR_ALARM_POSITION_REGRESS);
    weir_merge_accept(&b.merge, &new[0]);
    commit(&b);
    weir_merge_fini(&b.merge);
    weir_merge_init(&b.merge, b.store, 0);
    begin(&b);
    assert_int_equal(weir_merge_load(&b.merge, NULL), WEIR_OK);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < NEW; i++) {
            assert_int_equal(alarm_of(&b, new[i]), WEIR_ALARM_NONE);
            assert_int_equal(weir_merge_apply(&b.merge, &new[i], 0, NULL), WEIR_OK);
        }
        assert_row(&b, "1", ROW(1, 3, "null"));
        assert_row(&b, "2", NULL);
        assert_row(&b, "3", ROW(3, 2, "null"));
        assert_row(&b, "4", ROW(4, 1, "null"));
        for (size_t i = 0; i < OLD && !round; i++) {
            assert_int_equal(weir_merge_apply(&b.merge, &old[i], 0, NULL), WEIR_OK);
        }
    }
    close_bench(&b);
}

static void test_new_snapshot(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    weir_change first = snapshot_row("1", 10, ROW(1, 1, "null"));
    weir_change second = snapshot_row("1", 90, ROW(1, 1, "null"));
    weir_change blocking = second;
    blocking.has_commit = true;
    blocking.commit = 80;
    assert_int_equal(alarm_of(&b, first), WEIR_ALARM_NONE);
    apply(&b, first);
    assert_int_equal(alarm_of(&b, first), WEIR_ALARM_NONE);
    assert_int_equal(alarm_of(&b, blocking), WEIR_ALARM_NONE);
    assert_int_equal(alarm_of(&b, second), WEIR_ALARM_NEW_SNAPSHOT);
    weir_merge_accept(&b.merge, &second);
    apply(&b, second);
    assert_int_equal(alarm_of(&b, second), WEIR_ALARM_NONE);
    assert_int_equal(alarm_of(&b, first), WEIR_ALARM_NONE); /* the first one, read again */
    close_bench(&b);
}

/* ---- A cache in the making ----------------------------------------------------------------------
 */

static weir_change in_partition(weir_change c, int32_t partition)
{
    c.partition = partition;
    return c;
}

static void make_new(bench *b)
{
    assert_int_equal(weir_merge_begin(&b->merge, NULL), WEIR_OK);
    apply(b, snapshot_row("1", 10, ROW(1, 1, "null")));
    apply(b, snapshot_row("2", 10, ROW(2, 1, "null")));
    apply(b, in_partition(snapshot_row("3", 10, ROW(3, 1, "null")), 1));
    apply(b, upsert('c', "4", 20, ROW(4, 1, "null"), ""));
    apply(b, in_partition(upsert('c', "5", 22, ROW(5, 1, "null"), ""), 1));
    apply(b, in_partition(upsert('c', "6", 18, ROW(6, 1, "null"), ""), 1));
    apply(b, moved(in_partition(upsert('c', "7", 19, ROW(7, 1, "null"), "[\"b\"]"), 1), "9"));
    apply(b, snapshot_row("1", 90, ROW(1, 2, "null")));
}

/* What only an older snapshot, or the stream before the newest one, had is gone; where neither
 * Kafka's order nor a position tells, it is flagged. */
static void test_newest_snapshot_counts(void **state)
{
    (void)state;
    bench b;
    uint64_t gone;
    open_bench(&b);
    make_new(&b);
    commit(&b);
    weir_merge_fini(&b.merge);
    weir_merge_init(&b.merge, b.store, 0);
    begin(&b);
    assert_int_equal(weir_merge_load(&b.merge, NULL), WEIR_OK);
    assert_true(b.merge.making.on);
    assert_int_equal(weir_merge_made(&b.merge, &gone, NULL), WEIR_OK);
    assert_int_equal(gone, 5);
    assert_row(&b, "1", ROW(1, 2, "null"));
    assert_row(&b, "2", NULL);
    assert_row(&b, "3", NULL);
    assert_row(&b, "4", NULL);
    assert_row(&b, "6", NULL);
    assert_row(&b, "7", NULL);
    assert_row(&b, "5", ROW(5, 1, "null")); /* above all that is known to be older */
    assert_true(state_of(&b, "5").quarantined);
    commit(&b);
    begin(&b);
    assert_int_equal(b.store.ops->count(b.store.self, 0, WEIR_SPACE_MOVE), 0);
    apply(&b, upsert('c', "4", 20, ROW(4, 1, "null"), "")); /* sent again */
    apply(&b, snapshot_row("2", 90, ROW(2, 2, "null")));    /* the snapshot was still going on */
    assert_row(&b, "4", NULL);
    assert_row(&b, "2", ROW(2, 2, "null"));
    close_bench(&b);
}

/* One transaction began before the snapshot and committed behind it: what it wrote stays. */
static void test_spanning_transaction_stays(void **state)
{
    (void)state;
    bench b;
    uint64_t gone;
    weir_change spanning = upsert('c', "6", 80, ROW(6, 1, "null"), ""), last = spanning;
    spanning.has_commit = last.has_commit = false;
    last.key = weir_view_of("1");
    last.at = (weir_position){95, 95};
    open_bench(&b);
    make_new(&b);
    apply(&b, in_partition(spanning, 2));
    apply(&b, last);
    assert_int_equal(weir_merge_made(&b.merge, &gone, NULL), WEIR_OK);
    assert_int_equal(gone, 5);
    assert_row(&b, "5", NULL);
    assert_row(&b, "6", ROW(6, 1, "null"));
    close_bench(&b);
}

/* Each allocation that fails is an error, and the entry of a new cache is checked. */
static void test_making_fails(void **state)
{
    (void)state;
    bench b;
    weir_error err;
    uint64_t gone;
    open_bench(&b);
    make_new(&b);
    commit(&b);
    begin(&b);
    weir_status s = WEIR_RETRY;
    for (long at = 1; s; at++) {
        weir_alloc_fail_at(at, false);
        s = weir_merge_made(&b.merge, &gone, &err);
        weir_alloc_fail_at(0, false);
        assert_true(!s || strcmp(err.code, "OUT_OF_MEMORY") == 0);
        if (s) {
            abort_and_load(&b);
        }
    }
    assert_int_equal(gone, 5);
    abort_and_load(&b);
    assert_int_equal(b.store.ops->put(b.store.self, 0, WEIR_SPACE_META, weir_view_of("making"),
                         weir_view_of("short"), NULL),
        WEIR_OK);
    assert_int_equal(weir_merge_load(&b.merge, &err), WEIR_FATAL);
    assert_string_equal(err.code, "STORE_BROKEN");
    close_bench(&b);
}

/* ---- Gaps -------------------------------------------------------------------------------------
 */

/* Offsets that were passed leave no gap; those that were never delivered do, where the rule holds.
 */
static void test_gaps(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        bool gap_rule = variant & 1, passed = variant & 2;
        bench b;
        open_bench(&b);
        b.merge.gap_rule = gap_rule;
        apply(&b, upsert('c', "1", 10, ROW(1, 1, "\"x\""), ""));
        int64_t skipped = b.next[0]++;
        assert_int_equal(weir_merge_pass(&b.merge, 0, -1, NULL), WEIR_OK);
        weir_change u = upsert('u', "1", 20, ROW(1, 2, "null"), "[\"b\"]");
        u.gap = passed ? -1 : skipped + 1;
        apply(&b, u);
        bool stale = gap_rule && !passed;
        assert_row(&b, "1", stale ? ROW(1, 2, "null") : ROW(1, 2, "\"x\""));
        assert_true(weir_view_is(state_of(&b, "1").missing, stale ? "[\"b\"]" : ""));
        close_bench(&b);
    }
}

/* What is read again from before a tombstone that stands alone stays deleted; the same change sent
 * again behind it is new. */
static void test_rewind_over_a_bare_tombstone(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    weir_change c = upsert('c', "1", 10, ROW(1, 1, "null"), "");
    weir_change bare = {.kind = WEIR_TOMBSTONE, .key = weir_view_of("1"), .gap = -1};
    apply(&b, c);    /* offset 0 */
    apply(&b, bare); /* offset 1 */
    assert_row(&b, "1", NULL);
    b.next[0] = 0;
    apply(&b, c);
    assert_row(&b, "1", NULL);
    apply(&b, bare);
    assert_row(&b, "1", NULL);
    b.next[0] = 5;
    apply(&b, c);
    assert_row(&b, "1", ROW(1, 1, "null"));
    close_bench(&b);
}

static void test_impossible_partition(void **state)
{
    (void)state;
    bench b;
    weir_error err;
    open_bench(&b);
    assert_int_equal(weir_merge_pass(&b.merge, -1, 0, &err), WEIR_FATAL);
    assert_string_equal(err.code, "INTERNAL");
    close_bench(&b);
}

/* ---- Expiry -----------------------------------------------------------------------------------
 */

static uint64_t expire(bench *b, uint64_t below_H, int64_t before_ms)
{
    weir_buf resume;
    uint64_t removed;
    weir_buf_init(&resume);
    assert_int_equal(
        weir_merge_expire(&b->merge, below_H, before_ms, 1000, &resume, &removed, NULL), WEIR_OK);
    assert_int_equal(resume.len, 0);
    weir_buf_fini(&resume);
    return removed;
}

static void test_delete_marks_expire(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    b.now_ms = 1000;
    apply(&b, snapshot_row("marked", 90, ROW(4, 1, "null")));
    apply(&b, upsert('c', "alive", 10, ROW(1, 1, "null"), ""));
    apply(&b, upsert('c', "dead", 20, ROW(2, 1, "null"), ""));
    apply(&b, streamed('d', "dead", 30));
    quarantine(&b, "unclear");
    weir_change early = streamed('d', "marked", 50); /* wins by Kafka's order: the mark stays */
    apply(&b, early);
    assert_true(state_of(&b, "marked").has_mark);
    assert_int_equal(expire(&b, 30, 2000), 0); /* not passed yet */
    assert_int_equal(expire(&b, 31, 1000), 0); /* too young */
    assert_int_equal(expire(&b, 31, 1001), 1);
    assert_false(has_state(&b, "dead"));
    assert_true(has_state(&b, "marked"));
    assert_int_equal(expire(&b, 90, 2000), 0); /* its snapshot's place is not passed */
    assert_int_equal(expire(&b, 91, 2000), 1);
    assert_false(has_state(&b, "marked"));
    assert_true(has_state(&b, "alive"));
    assert_true(has_state(&b, "unclear"));
    close_bench(&b);
}

static void test_moves_expire(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    b.now_ms = 1000;
    apply(&b, upsert('c', "1", 10, ROW(1, 1, "\"x\""), ""));
    apply(&b, moved(streamed('d', "1", 20), "2"));                             /* given */
    apply(&b, moved(upsert('c', "4", 30, ROW(4, 1, "null"), "[\"b\"]"), "3")); /* wanted */
    assert_int_equal(count_of(&b, WEIR_SPACE_MOVE), 2);
    assert_int_equal(expire(&b, 20, 1000), 0);
    assert_int_equal(expire(&b, 20, 2000), 0);
    assert_int_equal(expire(&b, 21, 2000), 2); /* the given row, and the mark of key 1 */
    assert_int_equal(count_of(&b, WEIR_SPACE_MOVE), 1);
    assert_int_equal(expire(&b, 31, 2000), 1);
    assert_int_equal(count_of(&b, WEIR_SPACE_MOVE), 0);
    assert_true(weir_view_is(state_of(&b, "4").missing, "[\"b\"]"));
    /* The old half after all: nobody asks any more, and nothing is kept for ever. */
    apply(&b, upsert('c', "3", 25, ROW(3, 1, "\"y\""), ""));
    apply(&b, moved(streamed('d', "3", 30), "4"));
    assert_row(&b, "4", ROW(4, 1, "null"));
    assert_int_equal(count_of(&b, WEIR_SPACE_MOVE), 0);
    close_bench(&b);
}

/* A walk in steps meets every state once. */
static void test_expiry_in_steps(void **state)
{
    (void)state;
    enum { KEYS = 25, LIMIT = 4 };
    bench b;
    open_bench(&b);
    for (int i = 0; i < KEYS; i++) {
        char key[8];
        snprintf(key, sizeof key, "%d", i);
        apply(&b, streamed('d', key, 10));
    }
    weir_buf resume;
    weir_buf_init(&resume);
    uint64_t removed, total = 0;
    int steps = 0;
    do {
        assert_int_equal(
            weir_merge_expire(&b.merge, 100, 5000, LIMIT, &resume, &removed, NULL), WEIR_OK);
        assert_true(removed <= LIMIT);
        total += removed;
        steps++;
    } while (resume.len);
    assert_int_equal(total, KEYS);
    assert_int_equal(steps, KEYS / LIMIT + 1);
    assert_int_equal(count_of(&b, WEIR_SPACE_STATE), 0);
    weir_buf_fini(&resume);
    close_bench(&b);
}

static void test_expiry_out_of_memory(void **state)
{
    (void)state;
    bench b;
    bool done = false;
    open_bench(&b);
    apply(&b, streamed('d', "1", 10));
    apply(&b, streamed('d', "2", 10));
    commit(&b);
    begin(&b);
    for (long at = 1; !done; at++) {
        weir_buf resume;
        uint64_t removed;
        weir_buf_init(&resume);
        weir_merge_fini(&b.merge);
        weir_merge_init(&b.merge, b.store, 0);
        weir_alloc_fail_at(at, false);
        weir_status s = weir_merge_expire(&b.merge, 100, 5000, 1, &resume, &removed, NULL);
        done = weir_alloc_fail_at(0, 0) < at;
        assert_int_equal(s, done ? WEIR_OK : WEIR_RETRY);
        weir_buf_fini(&resume);
        abort_and_load(&b);
    }
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_position_regresses),
        cmocka_unit_test(test_history_begins_anew),
        cmocka_unit_test(test_new_snapshot),
        cmocka_unit_test(test_newest_snapshot_counts),
        cmocka_unit_test(test_spanning_transaction_stays),
        cmocka_unit_test(test_making_fails),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_rewind_over_a_bare_tombstone),
        cmocka_unit_test(test_impossible_partition),
        cmocka_unit_test(test_delete_marks_expire),
        cmocka_unit_test(test_moves_expire),
        cmocka_unit_test(test_expiry_in_steps),
        cmocka_unit_test(test_expiry_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
