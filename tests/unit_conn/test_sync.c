/* Sync: rows and offsets in one transaction, what a store knows of its caches and topics, memory
 * that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/scripted_sync.h"

/* ---- Rows and offsets ---------------------------------------------------------------------------
 */

static void test_rows_and_offsets_are_one(void **state)
{
    (void)state;
    world w;
    gate_open();
    begin(&w);
    unsigned commits = gate.commits;
    change(&w, 0, K1, 'c', 10, "{\"id\":1,\"v\":1}");
    change(&w, 1, K2, 'c', 20, "{\"id\":2,\"v\":1}");
    change(&w, 2, K1, 'u', 30, "{\"id\":1,\"v\":2}");
    tell_end(&w, 5); /* behind a marker */
    assert_int_equal(poll(&w), WEIR_OK);
    assert_int_equal(weir_engine_get_counts(&w.engine).open, 3);
    assert_int_equal(w.script.n_released, 3); /* their messages: decoded, they are not needed */
    assert_false(weir_engine_ready(&w.engine));
    assert_int_equal(weir_sync_write(w.sync, 0), WEIR_OK);
    assert_int_equal(gate.commits, commits + 2); /* the second: the cache is made */
    expect_row(1, K1, "{\"id\":1,\"v\":2}");
    expect_row(1, K2, "{\"id\":2,\"v\":1}");
    assert_int_equal(stored(), 5);
    assert_true(weir_engine_ready(&w.engine));
    assert_int_equal(weir_sync_transactions(w.sync), 1);
    weir_sync_stats stats;
    weir_sync_get_stats(w.sync, 0, &stats);
    assert_int_equal(stats.rows, 2);
    assert_int_equal(stats.count.changes, 3);
    assert_int_equal(stats.applied_high, 30);
    end(&w);
    begin(&w); /* where it left off */
    assert_int_equal(weir_sync_offset(w.sync, weir_view_of("s.public.t"), 0), 5);
    assert_int_equal(weir_sync_offset(w.sync, weir_view_of("s.public.t"), 1), -1);
    assert_int_equal(weir_sync_offset(w.sync, weir_view_of("other"), 0), -1);
    end(&w);
    gate_close();
}

/* Nothing comes, and the end moves: the offset follows when the writer is idle, once. */
static void test_offsets_move_without_records(void **state)
{
    (void)state;
    world w;
    gate_open();
    begin(&w);
    tell_end(&w, 7);
    run(&w);
    assert_int_equal(stored(), 7);
    unsigned commits = gate.commits;
    run(&w);
    assert_int_equal(gate.commits, commits);
    end(&w);
    gate_close();
}

/* Another table's rows in a topic of the same name, and what is no row at all. */
static void test_what_is_not_ours(void **state)
{
    (void)state;
    world w;
    char text[400];
    gate_open();
    begin(&w);
    snprintf(text, sizeof text, "{\"before\":null,\"after\":{\"id\":1}," SOURCE ",\"op\":\"c\"}",
        "other", "false", "\\\"1\\\"", 10, 10, 10, 10);
    script_add(&w.script, (script_deed){.kind = SCRIPT_RECORD, .key = K1, .value = text});
    script_add(&w.script, (script_deed){.kind = SCRIPT_RECORD,
                              .offset = 1,
                              .key = K1,
                              .value = "{\"op\":\"m\",\"source\":{\"connector\":\"postgresql\"},"
                                       "\"message\":{\"prefix\":\"p\"}}"});
    run(&w);
    expect_row(1, K1, NULL);
    assert_int_equal(stored(), 2);
    assert_int_equal(weir_sync_rejected(w.sync), 0);
    end(&w);
    gate_close();
}

static void test_caches_by_name_and_rule(void **state)
{
    (void)state;
    world w;
    weir_error err;
    gate_open();
    begin(&w);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    run(&w);
    end(&w);
    init(&w); /* a cache more: everything is read again */
    w.options.n_caches = w.topics[0].n_caches = 2;
    assert_int_equal(open_sync(&w, &err), WEIR_OK);
    assert_int_equal(weir_sync_offset(w.sync, weir_view_of("s.public.t"), 0), -1);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    run(&w);
    expect_row(1, K1, "{\"id\":1}");
    expect_row(2, K1, "{\"id\":1}");
    assert_int_equal(stored(), 1);
    end(&w);
    init(&w);
    w.caches[0].rule = weir_view_of("another rule");
    assert_int_equal(open_sync(&w, &err), WEIR_FATAL);
    assert_string_equal(err.code, "CACHE_RULE_CHANGED");
    assert_string_equal(
        err.text, "one was made by the rule \"rule 1\", the config has \"another rule\" now");
    gate_close();
}

/* Of two long ones that begin alike, what is different is shown. */
static void test_where_rules_differ(void **state)
{
    (void)state;
    world w;
    weir_error err;
    gate_open();
    init(&w);
#define BEGINNING "public.t keep a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z where a is 1"
    w.caches[0].rule = weir_view_of(BEGINNING " where b is 12 hide");
    assert_int_equal(open_sync(&w, &err), WEIR_OK);
    end(&w);
    init(&w);
    w.caches[0].rule = weir_view_of(BEGINNING " where b is 13 hide");
    assert_int_equal(open_sync(&w, &err), WEIR_FATAL);
    assert_string_equal(
        err.text, "one was made by the rule \"… 12 hide\", the config has \"… 13 hide\" now");
    gate_close();
}

/* The config's word for how values are read may change for columns that no row has, and for a cache
 * that is made anew. */
static void test_caches_by_their_reading(void **state)
{
    (void)state;
    static const struct {
        const char *reading;
        bool is_refused;
    } then[] = {
        {"{\"\":\"m\",\"id\":\"int\"}", false},
        {"{\"\":\"m\",\"id\":\"int\",\"later\":\"date\"}", false},
        {"{\"\":\"m\",\"id\":\"int\"}", false},
        {"{\"\":\"m\",\"id\":\"numeric\"}", true},
        {"{\"\":\"m\"}", true},
        {"{\"\":\"other\",\"id\":\"int\"}", true},
    };
    world w;
    weir_error err;
    gate_open();
    init(&w);
    w.caches[0].reading = weir_view_of(then[0].reading);
    assert_int_equal(open_sync(&w, &err), WEIR_OK);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    run(&w);
    end(&w);
    for (size_t i = 0; i < sizeof then / sizeof *then; i++) {
        init(&w);
        w.caches[0].reading = weir_view_of(then[i].reading);
        assert_int_equal(open_sync(&w, &err), then[i].is_refused ? WEIR_FATAL : WEIR_OK);
        if (then[i].is_refused) {
            assert_string_equal(err.code, "CACHE_RULE_CHANGED");
        } else {
            end(&w);
        }
    }
    gate_close();
}

static void test_a_store_of_another_format(void **state)
{
    (void)state;
    world w;
    weir_error err;
    gate_open();
    begin(&w);
    end(&w);
    assert_int_equal(gate.inner.ops->begin(gate.inner.self, &err), WEIR_OK);
    assert_int_equal(gate.inner.ops->put(gate.inner.self, 0, WEIR_SPACE_META,
                         weir_view_of("format"), weir_view_of("weir store 9"), &err),
        WEIR_OK);
    assert_int_equal(gate.inner.ops->commit(gate.inner.self, &err), WEIR_OK);
    init(&w);
    assert_int_equal(open_sync(&w, &err), WEIR_FATAL);
    assert_string_equal(err.code, "STORE_BROKEN");
    gate_close();
}

static void test_partitions_are_counted(void **state)
{
    (void)state;
    world w;
    weir_error err;
    weir_view topic = weir_view_of("s.public.t");
    gate_open();
    begin(&w);
    assert_int_equal(weir_sync_check_partitions(w.sync, weir_view_of("other"), 3, &err), WEIR_OK);
    assert_int_equal(weir_sync_check_partitions(w.sync, topic, 2, &err), WEIR_OK);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    run(&w);
    end(&w);
    begin(&w);
    assert_int_equal(weir_sync_check_partitions(w.sync, topic, 2, &err), WEIR_OK);
    assert_int_equal(weir_sync_check_partitions(w.sync, topic, 3, &err), WEIR_FATAL);
    assert_string_equal(err.code, "KAFKA_PARTITIONS_ADDED");
    assert_int_equal(weir_sync_check_partitions(w.sync, topic, 1, &err), WEIR_FATAL);
    assert_string_equal(err.code, "KAFKA_OFFSETS_LOST");
    end(&w);
    gate_close();
}

/* Where several processes write, none has the offsets, but each can see that a topic has grown. */
static void test_partitions_of_a_shared_store_are_counted(void **state)
{
    (void)state;
    world w;
    weir_error err;
    weir_view topic = weir_view_of("s.public.t");
    gate_open();
    gate.ops.shared = true;
    begin(&w);
    assert_int_equal(weir_sync_check_partitions(w.sync, topic, 2, &err), WEIR_OK);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    run(&w);
    end(&w);
    begin(&w); /* it knows from the store, whoever has counted */
    assert_int_equal(weir_sync_check_partitions(w.sync, topic, 2, &err), WEIR_OK);
    assert_int_equal(weir_sync_check_partitions(w.sync, topic, 3, &err), WEIR_FATAL);
    assert_string_equal(err.code, "KAFKA_PARTITIONS_ADDED");
    end(&w);
    gate_close();
}

/* Another process has counted while this one had read nothing yet. */
static void test_another_count_of_a_shared_store(void **state)
{
    (void)state;
    world w;
    weir_error err;
    gate_open();
    gate.ops.shared = true;
    begin(&w);
    assert_int_equal(gate.inner.ops->begin(gate.inner.self, &err), WEIR_OK);
    assert_int_equal(weir_stored_partitions_set(gate.inner, "s.public.t", 2, &err), WEIR_OK);
    assert_int_equal(gate.inner.ops->commit(gate.inner.self, &err), WEIR_OK);
    assert_int_equal(
        weir_sync_check_partitions(w.sync, weir_view_of("s.public.t"), 3, &err), WEIR_OK);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    assert_int_equal(poll(&w), WEIR_OK);
    assert_int_equal(weir_sync_write(w.sync, 0), WEIR_FATAL);
    expect_failure(&w, "KAFKA_PARTITIONS_ADDED", "");
    expect_row(1, K1, NULL);
    end(&w);
    gate_close();
}

/* ---- Out of memory ------------------------------------------------------------------------------
 */

static weir_status live(world *w, weir_error *err)
{
    init(w);
    weir_status s = open_sync(w, err);
    if (s) {
        return s;
    }
    change(w, 0, K1, 'c', 10, "{\"id\":1,\"v\":1}");
    change(w, 1, K2, 'c', 20, "{\"id\":2,\"v\":1}");
    garbage(w, 2, K2);
    change(w, 3, K1, 'u', 30, "{\"id\":1,\"v\":2}");
    change(w, 4, K2, 'c', 40, "{\"id\":2,\"v\":2}");
    tell_end(w, 9);
    s = poll(w);
    weir_status written = weir_sync_write(w->sync, 0);
    s = s ? s : written;
    written = weir_sync_write(w->sync, 0);
    return s ? s : written;
}

/* Nothing is stored above what is applied, and what was not comes again. */
static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    for (int lasting = 0; lasting < 2; lasting++) {
        long at = 1;
        for (bool met = true; met; at++) {
            static world w;
            weir_error err;
            gate_open();
            weir_alloc_fail_at(at, lasting);
            weir_status s = live(&w, &err);
            met = weir_alloc_fail_at(0, 0) >= at;
            assert_true(met || !s);
            if (w.engine.queues) {
                assert_true(!s || weir_engine_failure(&w.engine, NULL));
                end(&w);
            } else {
                assert_string_equal(err.code, "OUT_OF_MEMORY");
            }
            n_texts = 0;
            init(&w);
            assert_int_equal(open_sync(&w, &err), WEIR_OK);
            int64_t from = stored();
            change(&w, 0, K1, 'c', 10, "{\"id\":1,\"v\":1}");
            change(&w, 1, K2, 'c', 20, "{\"id\":2,\"v\":1}");
            garbage(&w, 2, K2);
            change(&w, 3, K1, 'u', 30, "{\"id\":1,\"v\":2}");
            change(&w, 4, K2, 'c', 40, "{\"id\":2,\"v\":2}");
            /* Only what is at or above the stored offset is read again; deed 0 is the assignment.
             */
            size_t skip = from > 0 ? (size_t)(from < 5 ? from : 5) : 0;
            memmove(&w.script.deeds[1], &w.script.deeds[1 + skip],
                (w.script.n_deeds - 1 - skip) * sizeof w.script.deeds[0]);
            w.script.n_deeds -= skip;
            run(&w);
            expect_row(1, K1, "{\"id\":1,\"v\":2}");
            expect_row(1, K2, "{\"id\":2,\"v\":2}");
            assert_false(is_quarantined(K2));
            end(&w);
            gate_close();
        }
        assert_true(at > 40);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_and_offsets_are_one),
        cmocka_unit_test(test_offsets_move_without_records),
        cmocka_unit_test(test_what_is_not_ours),
        cmocka_unit_test(test_caches_by_name_and_rule),
        cmocka_unit_test(test_caches_by_their_reading),
        cmocka_unit_test(test_where_rules_differ),
        cmocka_unit_test(test_a_store_of_another_format),
        cmocka_unit_test(test_partitions_are_counted),
        cmocka_unit_test(test_partitions_of_a_shared_store_are_counted),
        cmocka_unit_test(test_another_count_of_a_shared_store),
        cmocka_unit_test(test_each_allocation_may_fail),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gate_by_key = true;
    return failed + cmocka_run_group_tests_name("in the order of keys", tests, NULL, NULL);
}
