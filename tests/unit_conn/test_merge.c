/* The merge rule: what the simulator (tests/sim) does not reach. Doubt about a key, what readers
 * see, what survives a restart, and a course of every kind of record with each allocation failing.
 * What is about a topic's history is in test_merge_history.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "merge_bench.h"

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

/* All rows of a blocking snapshot have the time at which Debezium began with the table; what was
 * committed between that and the row's record may be in it already. */
static void test_a_row_read_after_its_time(void **state)
{
    (void)state;
    for (int later = 0; later < 2; later++) {
        bench b;
        open_bench(&b);
        apply(&b, upsert('c', "8", 50, ROW(8, 1, "\"o\""), ""));
        weir_change read = snapshot_row("8", 60, ROW(8, 2, "\"of another row\""));
        read.has_commit = true;
        read.commit = 60;
        read.ts_ms = 1000;
        read.made_ms = 1056;
        apply(&b, read);
        weir_change gone = moved(streamed('d', "8", 61), "11");
        gone.ts_ms = later ? 1057 : 1011;
        apply(&b, gone);
        apply(&b, moved(upsert('c', "11", 61, ROW(11, 1, "null"), "[\"b\"]"), "8"));
        assert_row(&b, "11", later ? ROW(11, 1, "\"of another row\"") : ROW(11, 1, "null"));
        assert_true(weir_view_is(state_of(&b, "11").missing, later ? "" : "[\"b\"]"));
        close_bench(&b);
    }
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
        cmocka_unit_test(test_hidden_rows),
        cmocka_unit_test(test_shifted_keys),
        cmocka_unit_test(test_truncate_of_an_aborted_transaction),
        cmocka_unit_test(test_damaged_watermarks),
        cmocka_unit_test(test_row_is_gone),
        cmocka_unit_test(test_course),
        cmocka_unit_test(test_a_row_read_after_its_time),
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_watermarks_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
