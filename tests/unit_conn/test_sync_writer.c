/* The writer of a sync: a store that holds, records that cannot be used, alarms, delete marks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/scripted_sync.h"
#include "sync/writer.h"

/* ---- A store that holds -------------------------------------------------------------------------
 */

/* Tried again, longer and longer, until it is committed; nothing is released before. */
static void test_holds_until_it_passes(void **state)
{
    (void)state;
    world w;
    weir_error why;
    static int *const calls[] = {&gate.begins_fail, &gate.puts_fail, &gate.commits_fail};
    for (size_t i = 0; i < 3; i++) {
        gate_open();
        begin(&w);
        change(&w, 0, K1, 'c', 10, "{\"id\":1}");
        *calls[i] = 8;
        run(&w);
        assert_int_equal(w.waits, 8);
        for (int k = 0; k < 8; k++) {
            assert_int_equal(w.waited_ms[k], k < 6 ? 100 << k : 5000);
        }
        assert_int_equal(w.released_while_waiting, 0);
        assert_int_equal(w.log.lines, 1); /* at its level: "holding" */
        assert_false(weir_sync_held(w.sync, &why));
        expect_row(1, K1, "{\"id\":1}");
        assert_int_equal(stored(), 1);
        end(&w);
        gate_close();
    }
}

/* What the failed try has raised in memory must be taken back before the next one, however often
 * the store holds meanwhile: else the truncate would count as done, and sweep nothing. */
static void test_nothing_is_tried_from_raised_watermarks(void **state)
{
    (void)state;
    for (int begins = 0; begins < 3; begins++) {
        world w;
        gate_open();
        begin(&w);
        change(&w, 0, K1, 'c', 50, "{\"id\":1}");
        run(&w);
        change(&w, 1, NULL, 't', 100, "null");
        gate.commits_fail = 1;
        gate.begins_fail_later = begins;
        run(&w);
        assert_int_equal(w.waits, 1 + begins);
        expect_row(1, K1, NULL);
        assert_int_equal(stored(), 2);
        end(&w);
        gate_close();
    }
}

/* Asked to stop meanwhile: what is left is dropped, and nothing is stored any more, though the
 * store would. */
static void test_stopped_while_it_holds(void **state)
{
    (void)state;
    world w;
    gate_open();
    begin(&w);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    run(&w);
    change(&w, 1, K1, 'u', 20, "{\"id\":1,\"v\":2}");
    tell_end(&w, 9);
    assert_int_equal(poll(&w), WEIR_OK);
    w.waits_allowed = 2;
    gate.commits_fail = 100;
    assert_int_equal(weir_sync_write(w.sync, 0), WEIR_OK);
    assert_int_equal(w.waits, 2);
    assert_int_equal(w.script.n_released, 2); /* so that a drain ends */
    gate.commits_fail = 0;
    change(&w, 2, K1, 'u', 30, "{\"id\":1,\"v\":3}");
    run(&w);
    run(&w);
    assert_int_equal(stored(), 1);
    expect_row(1, K1, "{\"id\":1}");
    assert_false(weir_engine_failure(&w.engine, NULL));
    end(&w);
    gate_close();
}

static void test_a_broken_store_stops(void **state)
{
    (void)state;
    world w;
    gate_open();
    begin(&w);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    assert_int_equal(poll(&w), WEIR_OK);
    gate.commits_fail = 1;
    gate.code = WEIR_E_STORE_BROKEN;
    assert_int_equal(weir_sync_write(w.sync, 0), WEIR_FATAL);
    expect_failure(&w, "STORE_BROKEN", "");
    assert_int_equal(w.script.n_released, 1);
    assert_int_equal(stored(), -1);
    end(&w);
    gate_close();
}

static void test_a_full_store_may_stop(void **state)
{
    (void)state;
    world w;
    weir_error err;
    gate_open();
    init(&w);
    w.options.stop_when_full = true;
    assert_int_equal(open_sync(&w, &err), WEIR_OK);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    assert_int_equal(poll(&w), WEIR_OK);
    gate.puts_fail = 1;
    gate.code = WEIR_E_STORE_FULL;
    assert_int_equal(weir_sync_write(w.sync, 0), WEIR_FATAL);
    expect_failure(&w, "STORE_FULL", "");
    assert_int_equal(w.waits, 0);
    end(&w);
    gate_close();
}

/* What nobody waits for is tried again later, and says so meanwhile. */
static void test_housekeeping_holds(void **state)
{
    (void)state;
    world w;
    weir_error why;
    gate_open();
    begin(&w);
    tell_end(&w, 7);
    gate.commits_fail = 1;
    run(&w);
    assert_true(weir_sync_held(w.sync, &why));
    assert_string_equal(why.code, "STORE_IO");
    assert_int_equal(stored(), -1);
    run(&w);
    assert_false(weir_sync_held(w.sync, &why));
    assert_int_equal(stored(), 7);
    assert_int_equal(w.waits, 0);
    end(&w);
    gate_close();
}

/* A database was away while nothing was to be written: it is told that it is back. */
static void test_what_is_back_is_told(void **state)
{
    (void)state;
    world w;
    weir_error why;
    gate_open();
    begin(&w);
    weir_fail(&why, WEIR_E_STORE_UNREACHABLE, "connection refused");
    weir_sync_hold(w.sync, &why);
    run(&w);
    assert_false(weir_sync_held(w.sync, &why));
    weir_fail(&why, WEIR_E_STORE_FULL, "no space left"); /* only a write can tell */
    weir_sync_hold(w.sync, &why);
    run(&w);
    assert_true(weir_sync_held(w.sync, &why));
    end(&w);
    gate_close();
}

/* ---- Records that cannot be used ----------------------------------------------------------------
 */

static void test_dead_letters(void **state)
{
    (void)state;
    world w;
    gate_open();
    begin(&w);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    garbage(&w, 1, K1);
    garbage(&w, 2, "no key");
    gate.commits_fail = 3; /* its dead letters are written all the same, and once */
    run(&w);
    assert_int_equal(w.letters, 2);
    assert_int_equal(weir_sync_rejected(w.sync), 2);
    assert_int_equal(stored(), 3);
    expect_row(1, K1, "{\"id\":1}");
    assert_true(is_quarantined(K1));
    change(&w, 3, K1, 'c', 20, "{\"id\":1,\"v\":2}"); /* a full image heals it */
    run(&w);
    assert_false(is_quarantined(K1));
    end(&w);
    gate_close();
}

static void test_rejected_keys_may_be_trusted(void **state)
{
    (void)state;
    world w;
    weir_error err;
    gate_open();
    init(&w);
    w.options.trust_rejected_keys = true;
    assert_int_equal(open_sync(&w, &err), WEIR_OK);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    garbage(&w, 1, K1);
    run(&w);
    assert_int_equal(w.letters, 1);
    assert_int_equal(stored(), 2);
    assert_false(is_quarantined(K1));
    end(&w);
    gate_close();
}

static void test_dead_letters_hold(void **state)
{
    (void)state;
    world w;
    gate_open();
    begin(&w);
    garbage(&w, 0, K1);
    w.letters_status = WEIR_HOLD;
    w.waits_allowed = 3;
    run(&w);
    assert_int_equal(w.waits, 3);
    assert_int_equal(w.letters, 0);
    assert_int_equal(stored(), -1);
    end(&w);
    gate_close();
}

static void test_other_policies(void **state)
{
    (void)state;
    world w;
    weir_error err;
    gate_open();
    init(&w);
    w.options.on_reject = WEIR_REJECT_SKIP;
    assert_int_equal(open_sync(&w, &err), WEIR_OK);
    garbage(&w, 0, K1);
    run(&w);
    assert_int_equal(w.letters, 0);
    assert_int_equal(stored(), 1);
    end(&w);
    init(&w);
    w.options.on_reject = WEIR_REJECT_STOP;
    assert_int_equal(open_sync(&w, &err), WEIR_OK);
    garbage(&w, 1, K1);
    assert_int_equal(poll(&w), WEIR_OK);
    assert_int_equal(weir_sync_write(w.sync, 0), WEIR_FATAL);
    expect_failure(&w, "REJECTED", "s.public.t/0@1");
    assert_int_equal(stored(), 1);
    end(&w);
    gate_close();
}

/* ---- Alarms and gaps ----------------------------------------------------------------------------
 */

static void test_a_second_snapshot(void **state)
{
    (void)state;
    for (int accepts = 0; accepts < 2; accepts++) {
        world w;
        weir_error err;
        gate_open();
        init(&w);
        w.topics[0].stop_on_regress = !accepts;
        assert_int_equal(open_sync(&w, &err), WEIR_OK);
        change(&w, 0, K1, 'r', 10, "{\"id\":1}");
        tell_end(&w, 1);
        run(&w);
        change(&w, 1, K1, 'r', 500, "{\"id\":1,\"v\":2}");
        assert_int_equal(poll(&w), WEIR_OK);
        assert_int_equal(weir_sync_write(w.sync, 0), accepts ? WEIR_OK : WEIR_FATAL);
        if (!accepts) {
            expect_failure(&w, "NEW_SNAPSHOT", "s.public.t/0@1");
        }
        assert_int_equal(stored(), 1 + accepts);
        end(&w);
        gate_close();
    }
}

/* A new cache meets all snapshots of its topic: in the end the newest one says what is there. From
 * then on another one is an alarm. */
static void test_snapshots_of_a_new_cache(void **state)
{
    (void)state;
    for (int fails = 0; fails < 2; fails++) {
        world w;
        gate_open();
        begin(&w);
        change(&w, 0, K1, 'r', 10, "{\"id\":1}");
        change(&w, 1, K2, 'r', 10, "{\"id\":2}");
        change(&w, 2, K1, 'r', 500, "{\"id\":1,\"v\":2}");
        run(&w);
        expect_row(1, K2, "{\"id\":2}");
        tell_end(&w, 3);
        gate.commits_fail = fails;
        assert_true(weir_sync_making(w.sync));
        run(&w);
        assert_int_equal(weir_sync_making(w.sync), fails);
        expect_row(1, K2, fails ? "{\"id\":2}" : NULL);
        run(&w);
        expect_row(1, K1, "{\"id\":1,\"v\":2}");
        expect_row(1, K2, NULL);
        change(&w, 3, K1, 'r', 900, "{\"id\":1,\"v\":3}");
        assert_int_equal(poll(&w), WEIR_OK);
        assert_int_equal(weir_sync_write(w.sync, 0), WEIR_FATAL);
        expect_failure(&w, "NEW_SNAPSHOT", "s.public.t/0@3");
        end(&w);
        gate_close();
    }
}

/* Rows of a snapshot behind changes with higher positions: the database was restored. No order of
 * the topic's records makes its rows from that. */
static void test_a_snapshot_of_a_restored_source(void **state)
{
    (void)state;
    world w;
    gate_open();
    begin(&w);
    change(&w, 0, K1, 'r', 10, "{\"id\":1}");
    change(&w, 1, K1, 'u', 800, "{\"id\":1,\"v\":2}");
    change(&w, 2, K1, 'r', 500, "{\"id\":1,\"v\":3}");
    assert_int_equal(poll(&w), WEIR_OK);
    assert_int_equal(weir_sync_write(w.sync, 0), WEIR_FATAL);
    expect_failure(&w, "POSITION_REGRESS", "s.public.t/0@2");
    end(&w);
    gate_close();
}

/* Whether a topic is compacted is asked once, when offsets are first missed. */
static void test_gaps_ask_for_compaction(void **state)
{
    (void)state;
    world w;
    gate_open();
    begin(&w);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    change(&w, 1, K2, 'c', 20, "{\"id\":2}");
    run(&w);
    assert_int_equal(w.asked_compacted, 0);
    change(&w, 9, K1, 'u', 30, "{\"id\":1}");
    change(&w, 19, K1, 'u', 40, "{\"id\":1}");
    run(&w);
    assert_int_equal(w.asked_compacted, 1);
    assert_true(w.sync->merges[0].gap_rule);
    end(&w);
    gate_close();
}

/* ---- Delete marks -------------------------------------------------------------------------------
 */

static uint64_t states(void)
{
    return gate.inner.ops->count(gate.inner.self, 1, WEIR_SPACE_STATE);
}

static void begin_with_marks(world *w, int32_t partitions)
{
    weir_error err;
    init(w);
    w->caches[0].delete_marks_ms = 60000;
    assert_int_equal(open_sync(w, &err), WEIR_OK);
    if (partitions) {
        assert_int_equal(
            weir_sync_check_partitions(w->sync, weir_view_of("s.public.t"), partitions, &err),
            WEIR_OK);
    }
    change(w, 0, K1, 'd', 10, "null");
    run(w);
}

/* A delete mark goes in time, also while records never cease to come. */
static void test_delete_marks_expire_under_load(void **state)
{
    (void)state;
    world w;
    gate_open();
    begin_with_marks(&w, 1);
    char *text = texts[n_texts++ % SCRIPT_DEEDS];
    for (int i = 1; i < 20; i++) {
        w.wall_ms += 5000;
        snprintf(text, sizeof texts[0],
            "{\"before\":null,\"after\":{\"id\":2}," SOURCE ",\"op\":\"u\"}", "t", "false",
            "\\\"20\\\"", 20 + i, 20 + i, 20 + i, 20 + i);
        script_add(
            &w.script, (script_deed){.kind = SCRIPT_RECORD, .offset = i, .key = K2, .value = text});
        run(&w);
        assert_int_equal(states(), w.wall_ms <= 1060000 ? 2 : states());
    }
    assert_int_equal(states(), 1);
    end(&w);
    gate_close();
}

/* Not while a partition may still bring something older; nor while nobody knows how many there are.
 */
static void test_delete_marks_wait_for_all_partitions(void **state)
{
    (void)state;
    for (int32_t partitions = 0; partitions <= 2; partitions += 2) {
        world w;
        gate_open();
        begin_with_marks(&w, partitions);
        change(&w, 1, K2, 'u', 5000, "{\"id\":2}");
        run(&w);
        for (int i = 0; i < 10; i++) {
            w.wall_ms += 20000;
            run(&w);
        }
        assert_int_equal(states(), 2);
        end(&w);
        gate_close();
    }
}

static int32_t told_partitions;
static int asked_partitions;

static int32_t partitions_of(void *ctx, const char *topic)
{
    (void)ctx;
    assert_string_equal(topic, "s.public.t");
    asked_partitions++;
    return told_partitions;
}

/* Where several processes share the store nobody is told how many partitions there are: it is
 * asked, until there is an answer. */
static void test_delete_marks_expire_in_a_shared_store(void **state)
{
    (void)state;
    for (told_partitions = 0; told_partitions <= 1; told_partitions++) {
        world w;
        weir_error err;
        gate_open();
        gate.ops.shared = true;
        asked_partitions = 0;
        init(&w);
        w.caches[0].delete_marks_ms = 60000;
        w.options.partitions = partitions_of;
        assert_int_equal(open_sync(&w, &err), WEIR_OK);
        change(&w, 0, K1, 'd', 10, "null");
        run(&w);
        char *text = texts[n_texts++ % SCRIPT_DEEDS];
        snprintf(text, sizeof texts[0],
            "{\"before\":null,\"after\":{\"id\":2}," SOURCE ",\"op\":\"u\"}", "t", "false",
            "\\\"20\\\"", 21, 21, 21, 21); /* behind a commit that is past the delete */
        script_add(
            &w.script, (script_deed){.kind = SCRIPT_RECORD, .offset = 1, .key = K2, .value = text});
        run(&w);
        for (int i = 0; i < 10; i++) {
            w.wall_ms += 20000;
            run(&w);
        }
        assert_int_equal(states(), told_partitions ? 1 : 2);
        assert_int_equal(asked_partitions > 1, !told_partitions);
        end(&w);
        gate_close();
    }
}

/* ---- Rows that are read beforehand --------------------------------------------------------------
 */

static size_t rows_at_once, rows_in_all;

static weir_status expect_rows(
    void *self, unsigned cache, const weir_expected *keys, size_t n, weir_error *err)
{
    size_t rows = 0;
    (void)self, (void)cache, (void)err;
    for (size_t i = 0; i < n; i++) {
        rows += keys[i].row;
    }
    rows_at_once = rows > rows_at_once ? rows : rows_at_once;
    rows_in_all += rows;
    return WEIR_OK;
}

/* Changes of a few bytes may belong to large rows: as many as that are not read at once before it
 * is known that they are small. */
static void test_few_rows_are_read_before_their_size_is_known(void **state)
{
    enum { POLLS = 4, EACH = 120, AT_FIRST = 256 + EACH };
    (void)state;
    world w;
    gate_open();
    gate.ops.expect = expect_rows;
    rows_at_once = rows_in_all = 0;
    begin(&w);
    change(&w, 0, K1, 'c', 10, "{\"id\":1,\"v\":\"toast\",\"n\":0}");
    run(&w);
    for (int round = 0, offset = 1; round < 2; round++) {
        for (int i = 0; i < POLLS * EACH; i++, offset++) {
            change(&w, offset, K1, 'u', 10 + offset,
                "{\"id\":1,\"v\":\"__debezium_unavailable_value\",\"n\":1}");
            if (i % EACH == EACH - 1) {
                assert_int_equal(poll(&w), WEIR_OK);
            }
        }
        rows_at_once = 0;
        for (int i = 0; i < POLLS; i++) {
            assert_int_equal(weir_sync_write(w.sync, 0), WEIR_OK);
        }
        assert_int_equal(rows_in_all, (round + 1) * POLLS * EACH);
        assert_true(round ? rows_at_once == POLLS * EACH : rows_at_once <= AT_FIRST);
    }
    expect_row(1, K1, "{\"id\":1,\"v\":\"toast\",\"n\":1}");
    end(&w);
    gate_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds_until_it_passes),
        cmocka_unit_test(test_nothing_is_tried_from_raised_watermarks),
        cmocka_unit_test(test_stopped_while_it_holds),
        cmocka_unit_test(test_a_broken_store_stops),
        cmocka_unit_test(test_a_full_store_may_stop),
        cmocka_unit_test(test_housekeeping_holds),
        cmocka_unit_test(test_what_is_back_is_told),
        cmocka_unit_test(test_dead_letters),
        cmocka_unit_test(test_rejected_keys_may_be_trusted),
        cmocka_unit_test(test_dead_letters_hold),
        cmocka_unit_test(test_other_policies),
        cmocka_unit_test(test_a_second_snapshot),
        cmocka_unit_test(test_snapshots_of_a_new_cache),
        cmocka_unit_test(test_a_snapshot_of_a_restored_source),
        cmocka_unit_test(test_gaps_ask_for_compaction),
        cmocka_unit_test(test_delete_marks_expire_under_load),
        cmocka_unit_test(test_delete_marks_expire_in_a_shared_store),
        cmocka_unit_test(test_delete_marks_wait_for_all_partitions),
        cmocka_unit_test(test_few_rows_are_read_before_their_size_is_known),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gate_by_key = true;
    return failed + cmocka_run_group_tests_name("in the order of keys", tests, NULL, NULL);
}
