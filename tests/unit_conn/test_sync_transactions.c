/* What waits, in a sync by transaction, and how long: on a clock of the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/scripted_sync.h"

enum { ROWS = 0, ENDS = 1, STUCK_MS = 60000, STEP_MS = 1000 };

static int64_t clock_ms;

static int64_t now_ms(void *ctx)
{
    (void)ctx;
    return clock_ms;
}

/* Partition 0 is of the table, partition 1 of the source's transactions. */
static void begin_ordered(world *w)
{
    weir_error err;
    gate_open();
    gate.code = WEIR_E_TABLE_DEPENDS;
    gate.rows_only = true;
    clock_ms = 1;
    init(w);
    w->script.topics[ENDS] = "s.transaction";
    w->topics[ROWS].by_transaction = true;
    w->topics[ENDS] = (weir_sync_topic){
        .topic = "s.transaction", .source = &rules, .transactions = true, .stop_on_regress = true};
    w->options.n_topics = 2;
    w->options.now_ms = now_ms;
    assert_int_equal(open_sync(w, &err), WEIR_OK);
    script_add(&w->script, (script_deed){.kind = SCRIPT_ASSIGN, .partition = ENDS, .offset = -1});
}

static void end_ordered(world *w)
{
    end(w);
    gate_close();
}

/* A transaction of one row. */
static void transaction(world *w, int64_t offset, const char *key, int l)
{
    static char value[400], told[400];
    snprintf(value, sizeof value,
        "{\"before\":null,\"after\":%s," SOURCE
        ",\"transaction\":{\"id\":\"%d:%d\",\"total_order\":1,\"data_collection_order\":1},"
        "\"op\":\"c\"}",
        key, "t", "false", "\\\"1\\\"", l, l, l, l, l, l);
    snprintf(told, sizeof told,
        "{\"status\":\"END\",\"id\":\"%d:%d\",\"event_count\":1,\"data_collections\":[{"
        "\"data_collection\":\"public.t\",\"event_count\":1}],\"ts_ms\":1}",
        l, l + 1);
    script_add(&w->script,
        (script_deed){.kind = SCRIPT_RECORD, .offset = offset, .key = key, .value = value});
    script_add(&w->script, (script_deed){.kind = SCRIPT_RECORD,
                               .partition = ENDS,
                               .offset = offset,
                               .key = "{\"id\":\"1\"}",
                               .value = told});
}

static void read_to_the_end(world *w, int64_t offset)
{
    for (int p = ROWS; p <= ENDS; p++) {
        script_add(&w->script, (script_deed){.kind = SCRIPT_END, .partition = p, .offset = offset});
    }
}

/* Rounds of the writer until then. WEIR_OK: it goes on. */
static weir_status wait_until(world *w, int64_t ms)
{
    weir_status st = WEIR_OK;
    while (clock_ms < ms && !st) {
        clock_ms += STEP_MS;
        st = weir_sync_write(w->sync, 0);
    }
    return st;
}

/* What the target refuses may wait for others: for a minute once its source has nothing more. */
static void test_a_refused_transaction_is_given_up(void **state)
{
    (void)state;
    world w;
    weir_error why;
    begin_ordered(&w);
    transaction(&w, 0, K1, 10);
    read_to_the_end(&w, 1);
    gate.puts_fail = 1000000;
    run(&w);
    assert_int_equal(wait_until(&w, STUCK_MS - STEP_MS), WEIR_OK);
    assert_true(weir_sync_held(w.sync, &why));
    assert_string_equal(why.code, "TABLE_DEPENDS");
    assert_int_equal(wait_until(&w, STUCK_MS + 2 * STEP_MS), WEIR_FATAL);
    assert_true(weir_engine_failure(&w.engine, &why));
    assert_string_equal(why.code, "TABLE_DEPENDS");
    assert_int_equal(stored(), 0);
    expect_row(1, K1, NULL);
    end_ordered(&w);
}

/* While more may come it is waited for, however long; and it is tried again, ever less often. */
static void test_a_refused_transaction_waits_for_the_source(void **state)
{
    (void)state;
    world w;
    weir_error why;
    begin_ordered(&w);
    transaction(&w, 0, K1, 10);
    gate.puts_fail = 1000000;
    run(&w);
    assert_int_equal(wait_until(&w, 10 * STUCK_MS), WEIR_OK);
    unsigned begins = gate.begins;
    assert_int_equal(wait_until(&w, 11 * STUCK_MS), WEIR_OK);
    assert_in_range(gate.begins - begins, 12, 12 * 8); /* each five seconds, a few times */
    gate.puts_fail = 0;
    assert_int_equal(wait_until(&w, 11 * STUCK_MS + 6000), WEIR_OK);
    expect_row(1, K1, K1);
    assert_int_equal(stored(), 1);
    assert_false(weir_sync_held(w.sync, &why));
    end_ordered(&w);
}

/* The clock of what is refused begins anew with what is applied: this one is another one. */
static void test_each_transaction_has_its_minute(void **state)
{
    (void)state;
    world w;
    begin_ordered(&w);
    for (int i = 0; i < 3; i++) {
        transaction(&w, i, K1, 10 + 10 * i);
        read_to_the_end(&w, i + 1);
        gate.puts_fail = 1000000;
        run(&w);
        assert_int_equal(wait_until(&w, clock_ms + STUCK_MS - 10 * STEP_MS), WEIR_OK);
        gate.puts_fail = 0;
        assert_int_equal(wait_until(&w, clock_ms + 6 * STEP_MS), WEIR_OK);
        assert_int_equal(stored(), i + 1);
    }
    end_ordered(&w);
}

/* A transaction that has begun and does not end: who starts anew meets its BEGIN again. */
static void test_a_begin_is_not_stored(void **state)
{
    (void)state;
    world w;
    int64_t next = -2;
    weir_error err;
    begin_ordered(&w);
    script_add(&w.script, (script_deed){.kind = SCRIPT_RECORD,
                              .partition = ENDS,
                              .offset = 0,
                              .key = "{\"id\":\"7\"}",
                              .value = "{\"status\":\"BEGIN\",\"id\":\"7:70\",\"event_count\":null,"
                                       "\"data_collections\":null,\"ts_ms\":1}"});
    run(&w);
    run(&w);
    assert_int_equal(gate.inner.ops->begin(gate.inner.self, &err), WEIR_OK);
    assert_int_equal(weir_stored_offset(gate.inner, "s.transaction", ENDS, &next, &err), WEIR_OK);
    gate.inner.ops->abort(gate.inner.self);
    assert_true(next <= 0);
    end_ordered(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_refused_transaction_is_given_up),
        cmocka_unit_test(test_a_refused_transaction_waits_for_the_source),
        cmocka_unit_test(test_each_transaction_has_its_minute),
        cmocka_unit_test(test_a_begin_is_not_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
