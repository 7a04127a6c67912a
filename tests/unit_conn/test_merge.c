/* The merge rule: what the simulator (tests/sim) does not reach. Quarantine, alarms, gaps, expiry,
 * hidden rows, watermarks, counters, and each failing allocation in turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "cdc/merge.h"
#include "memory/memory_store.h"

#define ROW(id, v, b) "{\"id\":" #id ",\"v\":" #v ",\"b\":" b "}"

/* ---- A merge at work, in one open transaction --------------------------------------------------
 */

typedef struct bench {
    weir_store store;
    weir_merge merge;
    int64_t next[4]; /* offset of the next record, per partition */
    int64_t now_ms;
    long live; /* blocks of memory before it was opened */
} bench;

static void begin(bench *b)
{
    assert_int_equal(b->store.ops->begin(b->store.self, NULL), WEIR_OK);
}

static void commit(bench *b)
{
    assert_int_equal(weir_merge_save(&b->merge, NULL), WEIR_OK);
    assert_int_equal(b->store.ops->commit(b->store.self, NULL), WEIR_OK);
}

static void abort_and_load(bench *b)
{
    b->store.ops->abort(b->store.self);
    begin(b);
    assert_int_equal(weir_merge_load(&b->merge, NULL), WEIR_OK);
}

static void open_bench(bench *b)
{
    *b = (bench){.now_ms = 1000, .live = weir_alloc_live()};
    assert_int_equal(weir_memory_store_open(0, &b->store, NULL), WEIR_OK);
    weir_merge_init(&b->merge, b->store, 0);
    begin(b);
}

static void close_bench(bench *b)
{
    b->store.ops->abort(b->store.self);
    weir_merge_fini(&b->merge);
    b->store.ops->close(b->store.self);
    assert_int_equal(weir_alloc_live(), b->live);
}

/* ---- Records ----------------------------------------------------------------------------------
 */

static weir_change streamed(char op, const char *key, uint64_t l)
{
    return (weir_change){.kind = WEIR_STREAMED,
        .op = op,
        .has_commit = true,
        .commit = l - 1,
        .at = {l, l},
        .has_tx = true,
        .tx = l,
        .ts_ms = (int64_t)l,
        .key = weir_view_of(key)};
}

static weir_change upsert(
    char op, const char *key, uint64_t l, const char *row, const char *missing)
{
    weir_change c = streamed(op, key, l);
    c.row = weir_view_of(row);
    c.missing = weir_view_of(missing);
    return c;
}

static weir_change snapshot_row(const char *key, uint64_t l, const char *row)
{
    return (weir_change){.kind = WEIR_READ,
        .op = 'r',
        .at = {l, l},
        .key = weir_view_of(key),
        .row = weir_view_of(row)};
}

static weir_change moved(weir_change c, const char *other)
{
    c.other = weir_view_of(other);
    return c;
}

/* At the next offset of partition 0. */
static weir_change placed(bench *b, weir_change c)
{
    c.offset = b->next[c.partition]++;
    return c;
}

static void apply(bench *b, weir_change c)
{
    weir_error err;
    c = placed(b, c);
    weir_status s = weir_merge_apply(&b->merge, &c, b->now_ms, &err);
    if (s) {
        fail_msg("%s: %s", err.code, err.text);
    }
}

static void quarantine(bench *b, const char *key)
{
    assert_int_equal(
        weir_merge_quarantine(&b->merge, weir_view_of(key), 0, b->next[0]++, b->now_ms, NULL),
        WEIR_OK);
}

/* ---- What is there ----------------------------------------------------------------------------
 */

static weir_view get(bench *b, weir_space space, const char *key)
{
    weir_view v;
    assert_int_equal(
        b->store.ops->get(b->store.self, 0, space, weir_view_of(key), &v, NULL), WEIR_OK);
    return v;
}

static void assert_row(bench *b, const char *key, const char *expected)
{
    weir_view row = get(b, WEIR_SPACE_ROW, key);
    if (!expected) {
        assert_null(row.ptr);
    } else if (!row.ptr || !weir_view_is(row, expected)) {
        fail_msg("%s: %.*s, not %s", key, WEIR_ARG(row), expected);
    }
}

/* Borrowed from the store until the next write. */
static weir_state state_of(bench *b, const char *key)
{
    weir_state st;
    weir_view bytes = get(b, WEIR_SPACE_STATE, key);
    assert_non_null(bytes.ptr);
    assert_int_equal(weir_state_get(bytes, &st, NULL), WEIR_OK);
    return st;
}

static bool has_state(bench *b, const char *key)
{
    return get(b, WEIR_SPACE_STATE, key).ptr != NULL;
}

static weir_status count_one(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    (void)key, (void)value, (void)remove, (void)err;
    ++*(int *)ctx;
    return WEIR_OK;
}

static int count_of(bench *b, weir_space space)
{
    int n = 0;
    assert_int_equal(
        b->store.ops->each(b->store.self, 0, space, weir_view_of(""), count_one, &n, NULL),
        WEIR_OK);
    return n;
}

/* ---- Quarantine -------------------------------------------------------------------------------
 */

static void test_quarantine_heals(void **state)
{
    (void)state;
    const struct {
        const char *by;
        weir_change change;
        bool heals;
        const char *row;
    } cases[] = {
        {"an update", upsert('u', "1", 20, ROW(1, 2, "\"y\""), ""), true, ROW(1, 2, "\"y\"")},
        {"an older update", upsert('u', "1", 9, ROW(1, 2, "\"y\""), ""), false, ROW(1, 1, "\"x\"")},
        {"an update with a placeholder", upsert('u', "1", 20, ROW(1, 2, "null"), "[\"b\"]"), true,
            ROW(1, 2, "null")},
        {"a delete", streamed('d', "1", 20), true, NULL},
        {"a snapshot row", snapshot_row("1", 20, ROW(1, 2, "\"y\"")), true, ROW(1, 2, "\"y\"")},
        {"an older snapshot row", snapshot_row("1", 5, ROW(1, 2, "\"y\"")), false,
            ROW(1, 1, "\"x\"")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench b;
        open_bench(&b);
        apply(&b, upsert('c', "1", 10, ROW(1, 1, "\"x\""), ""));
        quarantine(&b, "1");
        assert_true(state_of(&b, "1").quarantined);
        assert_row(&b, "1", ROW(1, 1, "\"x\""));
        apply(&b, cases[i].change);
        if (state_of(&b, "1").quarantined == cases[i].heals) {
            fail_msg("%s", cases[i].by);
        }
        assert_row(&b, "1", cases[i].row);
        close_bench(&b);
    }
}

/* What the row held may be stale: a placeholder takes nothing from it. */
static void test_quarantined_values_are_not_used(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    apply(&b, upsert('c', "1", 10, ROW(1, 1, "\"x\""), ""));
    quarantine(&b, "1");
    apply(&b, upsert('u', "1", 20, ROW(1, 2, "null"), "[\"b\"]"));
    assert_true(weir_view_is(state_of(&b, "1").missing, "[\"b\"]"));
    quarantine(&b, "1");
    apply(&b, moved(streamed('d', "1", 30), "2"));
    apply(&b, moved(upsert('c', "2", 30, ROW(2, 2, "null"), "[\"b\"]"), "1"));
    assert_row(&b, "2", ROW(2, 2, "null"));
    assert_true(weir_view_is(state_of(&b, "2").missing, "[\"b\"]"));
    assert_int_equal(count_of(&b, WEIR_SPACE_MOVE), 0);
    close_bench(&b);
}

/* A move that completes the row brings nothing of what was lost. */
static void test_quarantine_outlives_a_move(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    apply(&b, upsert('c', "1", 10, ROW(1, 1, "\"x\""), ""));
    apply(&b, moved(upsert('c', "2", 20, ROW(2, 1, "null"), "[\"b\"]"), "1"));
    quarantine(&b, "2");
    apply(&b, moved(streamed('d', "1", 20), "2"));
    assert_row(&b, "2", ROW(2, 1, "\"x\""));
    assert_true(state_of(&b, "2").quarantined);
    close_bench(&b);
}

static void test_quarantine_of_a_key_without_a_row(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    quarantine(&b, "1");
    weir_state st = state_of(&b, "1");
    assert_true(st.quarantined && !st.alive);
    assert_row(&b, "1", NULL);
    apply(&b, upsert('c', "1", 10, ROW(1, 1, "\"x\""), ""));
    assert_false(state_of(&b, "1").quarantined);
    assert_row(&b, "1", ROW(1, 1, "\"x\""));
    close_bench(&b);
}

/* A consumer that goes back meets the bad record again, behind what has healed the row. */
static void test_quarantine_once(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    apply(&b, upsert('c', "1", 10, ROW(1, 1, "\"x\""), ""));
    quarantine(&b, "1");
    apply(&b, upsert('u', "1", 20, ROW(1, 2, "\"y\""), ""));
    assert_int_equal(
        weir_merge_quarantine(&b.merge, weir_view_of("1"), 0, 1, b.now_ms, NULL), WEIR_OK);
    assert_false(state_of(&b, "1").quarantined);
    assert_int_equal(b.merge.count.quarantined, 1);
    close_bench(&b);
}

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

/* ---- Rows that readers do not see --------------------------------------------------------------
 */

/* Rows with v 0 are hidden; of the others "b" is not shown. */
static weir_status show(void *ctx, weir_view row, const weir_state *st, weir_arena *scratch,
    bool *visible, weir_view *shown, weir_error *err)
{
    (void)ctx, (void)st;
    *visible = !strstr(row.ptr, "\"v\":0");
    weir_view b = weir_view_of(strstr(row.ptr, ",\"b\":"));
    *shown = weir_arena_printf(scratch, "%.*s}", (int)(b.ptr - row.ptr), row.ptr);
    return shown->ptr ? WEIR_OK : weir_fail_oom(err);
}

static void test_hidden_rows(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    b.merge.show = show;
    apply(&b, upsert('c', "1", 10, ROW(1, 0, "\"x\""), ""));
    assert_row(&b, "1", NULL);
    assert_true(weir_view_is(state_of(&b, "1").kept_row, ROW(1, 0, "\"x\"")));
    apply(&b, upsert('u', "1", 20, ROW(1, 1, "null"), "[\"b\"]"));
    assert_row(&b, "1", "{\"id\":1,\"v\":1}");
    assert_true(weir_view_is(state_of(&b, "1").kept_row, ROW(1, 1, "\"x\"")));
    apply(&b, moved(streamed('d', "1", 30), "2"));
    assert_row(&b, "1", NULL);
    assert_null(state_of(&b, "1").kept_row.ptr);
    apply(&b, moved(upsert('c', "2", 30, ROW(2, 1, "null"), "[\"b\"]"), "1"));
    assert_true(weir_view_is(state_of(&b, "2").kept_row, ROW(2, 1, "\"x\"")));
    apply(&b, upsert('u', "2", 40, ROW(2, 0, "null"), "[\"b\"]"));
    assert_row(&b, "2", NULL);
    quarantine(&b, "2");
    assert_true(weir_view_is(state_of(&b, "2").kept_row, ROW(2, 0, "\"x\"")));
    weir_change t = streamed('t', NULL, 50);
    apply(&b, t);
    assert_int_equal(count_of(&b, WEIR_SPACE_STATE), 0);
    close_bench(&b);
}

/* ---- Deferrable keys ---------------------------------------------------------------------------
 */

/* `id = id + 1` on a deferrable key: rows 1 and 2 move to 2 and 3 in one transaction, and the
 * stream has the first move first. The d(2) that follows names a row that is not the one stored. */
static void test_shifted_keys(void **state)
{
    (void)state;
    for (int variant = 0; variant < 3; variant++) {
        bench b;
        open_bench(&b);
        apply(&b, upsert('c', "1", 10, ROW(1, 1, "null"), ""));
        apply(&b, upsert('c', "2", 11, ROW(2, 2, "null"), ""));
        weir_change away = moved(streamed('d', "1", 20), "2");
        weir_change onto = moved(upsert('c', "2", 20, ROW(2, 1, "null"), ""), "1");
        weir_change next = moved(streamed('d', "2", 21), "3");
        next.before = weir_view_of(variant == 0 ? ROW(2, 2, "null") : ROW(2, 1, "null"));
        away.tx = onto.tx = 7;
        next.tx = variant == 2 ? 8 : 7;
        apply(&b, away);
        apply(&b, onto);
        apply(&b, next);
        assert_int_equal(b.merge.count.shifted_keys, variant == 0);
        close_bench(&b);
    }
}

/* ---- Watermarks --------------------------------------------------------------------------------
 */

static void test_truncate_of_an_aborted_transaction(void **state)
{
    (void)state;
    for (int saved_before = 0; saved_before < 2; saved_before++) {
        bench b;
        open_bench(&b);
        apply(&b, upsert('c', "1", 10, ROW(1, 1, "null"), ""));
        if (saved_before) {
            commit(&b);
        } else {
            assert_int_equal(b.store.ops->commit(b.store.self, NULL), WEIR_OK);
        }
        begin(&b);
        weir_change t = streamed('t', NULL, 20);
        t.partition = 2;
        apply(&b, t);
        assert_row(&b, "1", NULL);
        abort_and_load(&b);
        assert_row(&b, "1", ROW(1, 1, "null"));
        assert_int_equal(b.merge.truncated.l, 0);
        assert_int_equal(b.merge.partitions[2].high_H, 0);
        assert_int_equal(b.merge.partitions[0].high_H, saved_before ? 10 : 0);
        apply(&b, t);
        assert_row(&b, "1", NULL);
        close_bench(&b);
    }
}

static void test_damaged_watermarks(void **state)
{
    (void)state;
    static const char *const name = "watermarks";
    bench b;
    weir_error err;
    open_bench(&b);
    apply(&b, upsert('c', "1", 10, ROW(1, 1, "null"), ""));
    commit(&b);
    begin(&b);
    char bytes[512];
    weir_view good = get(&b, WEIR_SPACE_META, name);
    size_t len = good.len;
    memcpy(bytes, good.ptr, len);
    for (size_t cut = 0; cut <= len; cut++) {
        assert_int_equal(b.store.ops->put(b.store.self, 0, WEIR_SPACE_META, weir_view_of(name),
                             (weir_view){bytes, cut}, NULL),
            WEIR_OK);
        weir_status s = weir_merge_load(&b.merge, &err);
        /* Whole partitions less are watermarks too. */
        bool whole = cut >= 32 && (cut - 32) % sizeof(weir_merge_partition) == 0;
        assert_int_equal(s, whole ? WEIR_OK : WEIR_FATAL);
        assert_true(whole || strcmp(err.code, "STORE_BROKEN") == 0);
    }
    bytes[0]++;
    assert_int_equal(b.store.ops->put(b.store.self, 0, WEIR_SPACE_META, weir_view_of(name),
                         (weir_view){bytes, len}, NULL),
        WEIR_OK);
    assert_int_equal(weir_merge_load(&b.merge, &err), WEIR_FATAL);
    close_bench(&b);
}

static void test_row_is_gone(void **state)
{
    (void)state;
    bench b;
    weir_error err;
    open_bench(&b);
    apply(&b, upsert('c', "1", 10, ROW(1, 1, "\"x\""), ""));
    assert_int_equal(
        b.store.ops->del(b.store.self, 0, WEIR_SPACE_ROW, weir_view_of("1"), NULL), WEIR_OK);
    weir_change c = placed(&b, upsert('u', "1", 20, ROW(1, 2, "null"), "[\"b\"]"));
    assert_int_equal(weir_merge_apply(&b.merge, &c, 0, &err), WEIR_FATAL);
    assert_string_equal(err.code, "STORE_BROKEN");
    close_bench(&b);
}

/* ---- A course of every kind of record ----------------------------------------------------------
 */

enum { COURSE = 32 };

static void make_course(weir_change course[COURSE])
{
    weir_change blocking = snapshot_row("8", 60, ROW(8, 1, "\"p\""));
    blocking.has_commit = true;
    blocking.commit = 60;
    blocking.ts_ms = 1000;
    weir_change unwrapped = {.kind = WEIR_TOMBSTONE, .key = weir_view_of("7"), .unwrapped = true};
    const weir_change all[COURSE] = {
        snapshot_row("1", 5, ROW(1, 1, "\"a\"")),
        snapshot_row("2", 5, ROW(2, 1, "\"b\"")),
        upsert('u', "1", 10, ROW(1, 2, "null"), "[\"b\"]"),
        upsert('u', "1", 10, ROW(1, 2, "null"), "[\"b\"]"), /* again */
        upsert('c', "3", 11, ROW(3, 1, "\"c\""), ""),
        streamed('d', "3", 12),
        {.kind = WEIR_TOMBSTONE, .key = weir_view_of("3")},
        snapshot_row("3", 5, ROW(3, 1, "\"old\"")),         /* refused */
        upsert('u', "9", 13, ROW(9, 1, "null"), "[\"b\"]"), /* never had it */
        moved(streamed('d', "1", 20), "4"),                 /* old half first … */
        moved(upsert('c', "4", 20, ROW(4, 2, "null"), "[\"b\"]"), "1"),
        moved(upsert('c', "6", 31, ROW(6, 1, "null"), "[\"b\"]"), "5"), /* … new half first, */
        moved(upsert('c', "5", 30, ROW(5, 1, "null"), "[\"b\"]"), "2"), /* in a chain, */
        moved(streamed('d', "5", 31), "6"),
        moved(streamed('d', "2", 30), "5"), /* which this completes */
        upsert('c', "7", 40, ROW(7, 1, "\"n\""), ""),
        unwrapped,
        upsert('c', "10", 41, ROW(10, 1, "null"), ""),
        {.kind = WEIR_TOMBSTONE, .key = weir_view_of("10")}, /* bare */
        blocking,
        moved(streamed('d', "8", 61), "11"), /* ahead of the stream: hands on nothing */
        moved(upsert('c', "11", 61, ROW(11, 1, "null"), "[\"b\"]"), "8"),
        snapshot_row("13", 5, ROW(13, 1, "\"q\"")),
        moved(upsert('c', "14", 35, ROW(14, 1, "null"), "[\"b\"]"), "13"), /* a chain in which */
        moved(streamed('d', "14", 36), "15"), /* a row moves on while it waits */
        moved(streamed('d', "13", 35), "14"),
        moved(upsert('c', "15", 36, ROW(15, 1, "null"), "[\"b\"]"), "14"),
        streamed('d', "13", 34), /* refused */
        upsert('c', "16", 37, ROW(16, 1, "null"), ""),
        moved(streamed('d', "16", 38), "17"), /* its new half never comes */
        streamed('t', NULL, 50),
        upsert('c', "12", 70, ROW(12, 1, "\"z\""), ""),
    };
    memcpy(course, all, sizeof all);
}

static void assert_course(bench *b)
{
    assert_row(b, "12", ROW(12, 1, "\"z\""));
    assert_row(b, "11", ROW(11, 1, "null"));
    assert_true(weir_view_is(state_of(b, "11").missing, "[\"b\"]"));
    assert_int_equal(count_of(b, WEIR_SPACE_ROW), 2);
    assert_int_equal(count_of(b, WEIR_SPACE_STATE), 3); /* and the mark of key 8 */
    assert_int_equal(count_of(b, WEIR_SPACE_MOVE), 0);
    assert_int_equal(b->merge.truncated.l, 50);
}

static void test_course(void **state)
{
    (void)state;
    bench b;
    weir_change course[COURSE];
    make_course(course);
    open_bench(&b);
    for (size_t i = 0; i < COURSE; i++) {
        if (course[i].op == 't') { /* before it, what the moves made */
            assert_row(&b, "4", ROW(4, 2, "\"a\""));
            assert_row(&b, "6", ROW(6, 1, "\"b\""));
            assert_row(&b, "9", ROW(9, 1, "null"));
            assert_row(&b, "15", ROW(15, 1, "\"q\""));
            assert_int_equal(count_of(&b, WEIR_SPACE_MOVE), 1);
            assert_row(&b, "7", NULL);
            assert_row(&b, "10", NULL);
        }
        apply(&b, course[i]);
    }
    assert_course(&b);
    const weir_merge_counters expected = {
        .changes = COURSE,
        .inserts = 11,
        .updates = 2,
        .deletes = 2,
        .snapshot_rows = 4,
        .truncates = 1,
        .older = 2,
        .older_reads = 1,
        .key_moves = 13,
        .placeholders_kept = 5,
        .incomplete = 1,
        .moves_lost = 1,
        .bare_tombstones = 1,
    };
#define X(name, help)                                                                      \
    if (b.merge.count.name != expected.name) {                                             \
        print_error("%s: %llu, not %llu\n", #name, (unsigned long long)b.merge.count.name, \
            (unsigned long long)expected.name);                                            \
    }
#include "cdc/merge_counters.def"
#undef X
    assert_memory_equal(&b.merge.count, &expected, sizeof expected);
    close_bench(&b);
}

/* The n-th allocation fails in one of the records: that is an error; the transaction is aborted and
 * the course begins anew. In the end everything is as if nothing had failed. */
static void test_each_allocation_fails(void **state)
{
    (void)state;
    weir_change course[COURSE];
    make_course(course);
    for (size_t failing = 0; failing < COURSE; failing++) {
        bool done = false;
        for (long at = 1; !done; at++) {
            bench b;
            weir_error err;
            open_bench(&b);
            for (size_t i = 0; i < failing; i++) {
                apply(&b, course[i]);
            }
            /* A merge without memory of its own has the most to ask for. */
            commit(&b);
            weir_merge_fini(&b.merge);
            weir_merge_init(&b.merge, b.store, 0);
            begin(&b);
            assert_int_equal(weir_merge_load(&b.merge, NULL), WEIR_OK);
            weir_change c = course[failing];
            c.offset = b.next[0];
            weir_alloc_fail_at(at, false);
            weir_status s = weir_merge_apply(&b.merge, &c, b.now_ms, &err);
            done = weir_alloc_fail_at(0, 0) < at;
            assert_int_equal(s, done ? WEIR_OK : WEIR_RETRY);
            abort_and_load(&b);
            for (size_t i = failing; i < COURSE; i++) {
                apply(&b, course[i]);
            }
            assert_course(&b);
            close_bench(&b);
        }
    }
}

static void test_watermarks_out_of_memory(void **state)
{
    (void)state;
    bench b;
    open_bench(&b);
    weir_change c = upsert('c', "1", 10, ROW(1, 1, "null"), "");
    c.partition = 3;
    apply(&b, c);
    bool done = false;
    for (long at = 1; !done; at++) {
        weir_buf_fini(&b.merge.bytes);
        weir_alloc_fail_at(at, false);
        weir_status s = weir_merge_save(&b.merge, NULL);
        done = weir_alloc_fail_at(0, 0) < at;
        assert_int_equal(s, done ? WEIR_OK : WEIR_RETRY);
    }
    commit(&b);
    weir_merge_fini(&b.merge);
    weir_merge_init(&b.merge, b.store, 0);
    begin(&b);
    weir_alloc_fail_at(1, false);
    assert_int_equal(weir_merge_load(&b.merge, NULL), WEIR_RETRY);
    weir_alloc_fail_at(0, 0);
    assert_int_equal(weir_merge_load(&b.merge, NULL), WEIR_OK);
    assert_int_equal(b.merge.n_partitions, 4);
    assert_int_equal(b.merge.partitions[3].high_H, 10);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quarantine_heals),
        cmocka_unit_test(test_quarantined_values_are_not_used),
        cmocka_unit_test(test_quarantine_outlives_a_move),
        cmocka_unit_test(test_quarantine_of_a_key_without_a_row),
        cmocka_unit_test(test_quarantine_once),
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
        cmocka_unit_test(test_hidden_rows),
        cmocka_unit_test(test_shifted_keys),
        cmocka_unit_test(test_truncate_of_an_aborted_transaction),
        cmocka_unit_test(test_damaged_watermarks),
        cmocka_unit_test(test_row_is_gone),
        cmocka_unit_test(test_course),
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_watermarks_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
