/* Of tx_cases.h: databases that fail, and processes that end. */
#ifndef WEIR_TESTS_TX_FAILURE_CASES_H
#define WEIR_TESTS_TX_FAILURE_CASES_H

#include "support/tx_service.h"

static weir_status tx_fail_at_1(app *a, weir_message *m)
{
    weir_status s = tx_pay(a, m);
    return s ? s : weir_record_offset(m) == 1 ? weir_reject(m, "NO", "not this one") : WEIR_OK;
}

/* Three records of two keys in one transaction, whose commit fails: they come again in their order,
 * and what the third one did the first time is forgotten. */
static void test_a_failed_commit_is_handled_again_one_by_one(void **state)
{
    static const faulty_way ways[] = {FAULTY_BEFORE, FAULTY_AFTER};
    (void)state;
    for (int i = 0; i < 2; i++) {
        service s;
        tx_begin(&s, tx_pay);
        s.fail_call = FAULTY_COMMIT;
        s.fail_way = ways[i];
        tx_deliver(&s, 0, "k", "a");
        tx_run(&s);
        s.fail_in = 0;
        tx_deliver(&s, 1, "k", "b");
        tx_deliver(&s, 2, "k", "c");
        tx_deliver(&s, 3, "k", "d");
        tx_run(&s);
        assert_int_equal(app_committed(&s.a), 4);
        assert_int_equal(tx_ask(&s, "select count(*) from payments"), 4);
        bool lost = ways[i] == FAULTY_BEFORE;
        assert_int_equal(s.a.n_calls, lost ? 7 : 4);
        assert_int_equal(weir_handlers_count(s.a.handlers).duplicates, lost ? 0 : 3);
        tx_relay(&s);
        assert_int_equal(weir_memory_emitter_count(s.memory), 4);
        tx_expect_emit(&s, 3, "d/1");
        tx_end(&s);
    }
}

/* The commit that is needed before a failed record may wait fails, too. */
static void test_what_was_done_before_a_failure_keeps_its_order(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_fail_at_1);
    s.fail_call = FAULTY_COMMIT;
    s.fail_way = FAULTY_BEFORE;
    s.fail_in = 1; /* behind the migrations' */
    tx_deliver(&s, 0, "k", "a");
    tx_deliver(&s, 1, "k", "b");
    tx_deliver(&s, 2, "k", "c");
    tx_run(&s);
    static const int64_t order[] = {0, 1, 0, 1, 2};
    assert_int_equal(s.a.n_calls, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(s.a.calls[i].offset, order[i]);
    }
    assert_int_equal(s.a.n_letters, 1);
    assert_int_equal(app_committed(&s.a), 3);
    assert_int_equal(tx_ask(&s, "select count(*) from payments"), 2);
    tx_end(&s);
}

static void test_a_database_that_is_away_holds(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_pay);
    s.dead = true;
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    for (int i = 0; i < 50; i++) {
        app_run_due(&s.a);
    }
    assert_int_equal(s.a.n_calls, 0);
    assert_int_equal(s.a.n_letters, 0);
    assert_true(weir_handlers_count(s.a.handlers).held > 50);
    s.dead = false;
    app_run_due(&s.a);
    tx_run(&s);
    assert_int_equal(app_committed(&s.a), 1);
    assert_int_equal(s.a.calls[0].attempt, 1);
    tx_end(&s);
}

/* One that does not answer is not asked for each record in turn: they are all held soon. */
static void test_a_database_that_does_not_answer_is_left_alone(void **state)
{
    enum { KEYS = 20, ANSWER_MS = 1000 };
    static char names[KEYS][8];
    (void)state;
    service s;
    tx_begin(&s, tx_pay);
    s.dead = true;
    s.dead_ms = ANSWER_MS;
    for (int i = 0; i < KEYS; i++) {
        snprintf(names[i], sizeof names[i], "k%d", i);
        tx_deliver(&s, i, names[i], names[i]);
    }
    tx_run(&s);
    for (int i = 0; i < KEYS; i++) { /* a step has its measure of time */
        app_run_lanes(&s.a);
    }
    assert_in_range(s.asked, 1, APP_LANES);
    assert_int_equal(weir_handlers_count(s.a.handlers).held, KEYS);
    s.dead = false;
    for (int i = 0; i < 3 && app_committed(&s.a) < KEYS; i++) {
        s.a.now_ms += ANSWER_MS;
        tx_run(&s);
    }
    assert_int_equal(app_committed(&s.a), KEYS);
    assert_int_equal(s.a.n_calls, KEYS);
    tx_end(&s);
}

/* It goes away in the middle: the handler is not blamed for what its statements said. */
static weir_status tx_maps_it_wrongly(app *a, weir_message *m)
{
    return tx_pay(a, m) || weir_sql(weir_tx_of(m), "update payments set n = 1")
               ? weir_reject(m, "WRONG", "everything is a reject to me")
               : WEIR_OK;
}

static void test_a_statement_that_got_no_answer_holds(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_maps_it_wrongly);
    s.fail_call = FAULTY_EXEC;
    s.fail_way = FAULTY_BEFORE;
    for (int at = 0; at < 40; at++) {
        s.fail_in = at;
        tx_deliver(&s, at, "k",
            (const char *[]){"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n",
                "o", "p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z", "0", "1", "2", "3", "4",
                "5", "6", "7", "8", "9", "A", "B", "C", "D"}[at]);
        tx_run(&s);
    }
    assert_int_equal(s.a.n_letters, 0);
    assert_int_equal(app_committed(&s.a), 40);
    assert_int_equal(tx_ask(&s, "select count(*) from payments"), 40);
    s.fail_in = -1;
    tx_relay(&s);
    assert_int_equal(weir_memory_emitter_count(s.memory), 40);
    tx_end(&s);
}

static weir_status tx_tries(app *a, weir_message *m)
{
    weir_status s = tx_pay(a, m);
    return s ? s : weir_retry(m, 0, "not yet");
}

static void test_attempts_outlive_a_restart(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_tries);
    tx_deliver(&s, 0, "k", "a");
    (void)app_run(&s.a);
    app_run_due(&s.a);
    assert_int_equal(s.a.n_calls, 2);
    assert_int_equal(tx_ask(&s, "select attempts from weir_inbox where done = 0"), 2);
    assert_int_equal(tx_ask(&s, "select count(*) from payments"), 0);
    tx_close(&s, true);
    tx_reopen(&s, tx_tries);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    assert_int_equal(s.a.n_calls, 2);
    assert_int_equal(s.a.calls[0].attempt, 3);
    assert_int_equal(s.a.n_letters, 1);
    assert_int_equal(s.a.letters[0].attempts, 4);
    tx_end(&s);
}

/* Each allocation in turn: the record is handled once, now or later, or the app says why not. */
static void test_memory_runs_out_amid_a_transaction(void **state)
{
    (void)state;
    for (long n = 1; n < 60; n += tx_allocation_step) {
        service s;
        weir_error err;
        tx_begin(&s, tx_pay);
        tx_deliver(&s, 0, "k", "a");
        weir_alloc_fail_at(n, 0);
        tx_run(&s);
        tx_relay(&s);
        weir_alloc_fail_at(0, 0);
        for (int i = 0; i < 3; i++) {
            tx_run(&s);
            tx_relay(&s);
            s.a.now_ms += 1000;
        }
        bool failed = weir_engine_failure(&s.a.engine, &err);
        if (failed) {
            assert_string_equal(err.code, "OUT_OF_MEMORY");
        } else {
            assert_int_equal(app_committed(&s.a), 1);
            assert_int_equal(tx_ask(&s, "select count(*) from payments"), 1);
            assert_int_equal(weir_memory_emitter_count(s.memory), 1);
            assert_int_equal(s.a.n_letters, 0);
        }
        tx_end(&s);
    }
}

#endif
