/* What becomes of a record by what its handler answers: settled, tried again, held, rejected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/sql.h>

#include "support/scripted_app.h"

static void assert_about(int64_t ms, int64_t about)
{
    assert_in_range(ms, about - about / 10, about + about / 10);
}

/* ---- Success ------------------------------------------------------------------------------------
 */

static void test_ok(void **state)
{
    (void)state;
    app a;
    app_begin(&a, NULL);
    script_record(&a.script, 0, 0, "a");
    script_record(&a.script, 0, 1, "b");
    app_run(&a);
    assert_int_equal(a.n_calls, 2);
    assert_int_equal(app_committed(&a), 2);
    assert_int_equal(weir_handlers_count(a.handlers).handled, 2);
    assert_int_equal(a.log.lines, 0);
    app_end(&a);
}

/* ---- Retries ------------------------------------------------------------------------------------
 */

static weir_status always_retry(app *a, weir_message *m)
{
    (void)a, (void)m;
    return WEIR_RETRY;
}

/* 100, 200, 400 ms and a fifth of jitter; the fourth attempt is the last one. */
static void test_backoff_and_the_last_attempt(void **state)
{
    (void)state;
    app a;
    app_begin(&a, always_retry);
    script_record(&a.script, 0, 0, "a");
    app_run(&a);
    for (int i = 1; i < 4; i++) {
        assert_int_equal(a.n_letters, 0);
        app_run_due(&a);
        assert_int_equal(a.n_calls, i + 1);
        assert_int_equal(a.calls[i].attempt, i + 1);
        assert_about(a.calls[i].at_ms - a.calls[i - 1].at_ms, 100 << (i - 1));
    }
    assert_int_equal(a.n_letters, 1);
    assert_int_equal(a.letters[0].attempts, 4);
    assert_string_equal(a.letters[0].error.code, "HANDLER_RETRY");
    assert_int_equal(weir_engine_poll(&a.engine, a.now_ms, 0), WEIR_OK);
    assert_int_equal(app_committed(&a), 1);
    weir_handlers_counters c = weir_handlers_count(a.handlers);
    assert_int_equal(c.retried, 3);
    assert_int_equal(c.rejected, 1);
    assert_int_equal(c.dead_lettered, 1);
    assert_int_equal(c.handled, 0);
    app_end(&a);
}

static weir_status slow_then_retry(app *a, weir_message *m)
{
    (void)m;
    a->now_ms += 5000;
    return WEIR_RETRY;
}

/* The backoff begins when the handler has answered, not when it was called. */
static void test_backoff_behind_a_slow_handler(void **state)
{
    (void)state;
    app a;
    app_begin(&a, slow_then_retry);
    script_record(&a.script, 0, 0, "a");
    int64_t begun = a.now_ms;
    app_run(&a);
    assert_about(app_next_due(&a) - begun - 5000, 100);
    app_end(&a);
}

static weir_status retry_after(app *a, weir_message *m)
{
    return a->n_calls < 3 ? weir_retry(m, 1234, "the %s is away", "provider") : WEIR_OK;
}

static void test_retry_after_a_time_of_its_own(void **state)
{
    (void)state;
    app a;
    app_begin(&a, retry_after);
    script_record(&a.script, 0, 0, "a");
    app_run(&a);
    app_run_due(&a);
    app_run_due(&a);
    assert_int_equal(a.n_calls, 3);
    assert_int_equal(a.calls[1].at_ms - a.calls[0].at_ms, 1234);
    assert_int_equal(a.calls[2].at_ms - a.calls[1].at_ms, 1234);
    assert_int_equal(a.n_letters, 0);
    assert_true(app_next_due(&a) == INT64_MAX);
    app_end(&a);
}

/* Its followers wait for it, other keys do not. */
static weir_status retry_the_first(app *a, weir_message *m)
{
    (void)a;
    return weir_record_offset(m) == 0 && weir_attempt(m) == 1 ? WEIR_RETRY : WEIR_OK;
}

static void test_followers_wait(void **state)
{
    (void)state;
    app a;
    app_begin(&a, retry_the_first);
    script_record(&a.script, 0, 0, "a");
    script_record(&a.script, 0, 1, "a");
    script_record(&a.script, 0, 2, "b");
    app_run(&a);
    assert_int_equal(a.n_calls, 2);
    assert_int_equal(a.calls[0].offset + a.calls[1].offset, 2);
    assert_int_equal(app_committed(&a), 0);
    app_run_due(&a);
    assert_int_equal(a.n_calls, 4);
    assert_int_equal(a.calls[2].offset, 0);
    assert_int_equal(a.calls[3].offset, 1);
    app_run(&a);
    assert_int_equal(app_committed(&a), 3);
    app_end(&a);
}

/* A retry of a partition that is taken away is not waited for. */
static void test_a_revoked_retry_is_dropped(void **state)
{
    (void)state;
    app a;
    app_begin(&a, always_retry);
    script_record(&a.script, 0, 0, "a");
    script_record(&a.script, 0, 1, "a");
    app_run(&a);
    assert_int_equal(a.script.n_released, 0);
    script_add(&a.script, (script_deed){.kind = SCRIPT_LOSE});
    assert_int_equal(weir_engine_poll(&a.engine, a.now_ms, 0), WEIR_OK);
    app_run_lanes(&a);
    assert_int_equal(a.script.n_released, 2);
    assert_int_equal(a.n_calls, 1);
    assert_true(app_next_due(&a) == INT64_MAX);
    app_end(&a);
}

/* ---- Holds --------------------------------------------------------------------------------------
 */

static weir_status hold_ten_times(app *a, weir_message *m)
{
    return a->n_calls <= 10 ? weir_hold(m, "the database is down") : WEIR_OK;
}

/* Longer and longer, up to the bound; no attempt is counted, nothing is dead-lettered. */
static void test_hold_is_not_counted(void **state)
{
    (void)state;
    app a;
    app_begin(&a, hold_ten_times);
    script_record(&a.script, 0, 0, "a");
    app_run(&a);
    for (int i = 1; i <= 10; i++) {
        app_run_due(&a);
        int64_t backoff = (int64_t)100 << (i - 1);
        assert_about(a.calls[i].at_ms - a.calls[i - 1].at_ms, backoff < 30000 ? backoff : 30000);
        assert_int_equal(a.calls[i].attempt, 1);
    }
    assert_int_equal(a.n_letters, 0);
    assert_int_equal(weir_handlers_count(a.handlers).held, 10);
    assert_int_equal(weir_handlers_count(a.handlers).handled, 1);
    app_end(&a);
}

static weir_status without_memory(app *a, weir_message *m)
{
    return a->n_calls < 9 ? weir_fail_oom(&m->error) : WEIR_OK;
}

/* weir's own want of memory is not the record's fault. */
static void test_out_of_memory_is_held(void **state)
{
    (void)state;
    app a;
    app_begin(&a, without_memory);
    script_record(&a.script, 0, 0, "a");
    app_run(&a);
    while (a.n_calls < 9) {
        app_run_due(&a);
    }
    assert_int_equal(a.calls[8].attempt, 1);
    assert_int_equal(a.n_letters, 0);
    app_end(&a);
}

/* ---- Rejects ------------------------------------------------------------------------------------
 */

static weir_status reject_with_reason(app *a, weir_message *m)
{
    (void)a;
    return weir_reject(m, "ORDER_UNKNOWN", "there is no order %d", 17);
}

static void test_dead_letter_has_the_original(void **state)
{
    (void)state;
    app a;
    app_begin(&a, reject_with_reason);
    script_add(&a.script, (script_deed){.kind = SCRIPT_RECORD,
                              .offset = 5,
                              .key = "k\"1",
                              .value = "not even { JSON",
                              .header = "order.placed"});
    app_run(&a);
    assert_int_equal(a.n_letters, 1);
    const app_letter *l = &a.letters[0];
    assert_int_equal(l->offset, 5);
    assert_string_equal(l->key, "k\"1");
    assert_string_equal(l->value, "not even { JSON");
    assert_string_equal(l->header, "order.placed");
    assert_string_equal(l->error.code, "ORDER_UNKNOWN");
    assert_string_equal(l->error.text, "there is no order 17");
    assert_int_equal(l->attempts, 1);
    assert_int_equal(app_committed(&a), 6);
    assert_int_equal(a.log.lines, 1);
    assert_non_null(strstr(a.log.last, "orders/0@5"));
    app_end(&a);
}

static weir_status reject_a(app *a, weir_message *m)
{
    (void)a;
    return weir_view_is(weir_key(m), "a") ? WEIR_REJECT : WEIR_OK;
}

/* Not now: the key waits, other keys go on, and the log says it once. */
static void test_dead_letters_wait_for_their_port(void **state)
{
    (void)state;
    static const weir_status passing[] = {WEIR_HOLD, WEIR_RETRY};
    for (int i = 0; i < 2; i++) {
        app a;
        app_begin(&a, reject_a);
        a.letters_status = passing[i];
        script_record(&a.script, 0, 0, "a");
        script_record(&a.script, 0, 1, "a");
        script_record(&a.script, 0, 2, "b");
        app_run(&a);
        for (int n = 0; n < 8; n++) {
            app_run_due(&a);
        }
        assert_int_equal(a.letters_refused, 9);
        assert_int_equal(a.n_calls, 2); /* neither it again, nor its follower */
        assert_int_equal(a.log.lines, 2);
        assert_int_equal(app_committed(&a), 0);
        a.letters_status = WEIR_OK;
        app_run_due(&a);
        assert_int_equal(a.n_letters, 2);
        assert_string_equal(a.letters[0].error.code, "HANDLER_REJECT");
        app_run(&a);
        assert_int_equal(app_committed(&a), 3);
        app_end(&a);
    }
}

static void test_a_refused_dead_letter_stops(void **state)
{
    (void)state;
    app a;
    app_begin(&a, reject_a);
    a.letters_status = WEIR_FATAL;
    script_record(&a.script, 0, 0, "a");
    assert_int_equal(app_run(&a), WEIR_FATAL);
    app_expect_failure(&a, "KAFKA_PRODUCE", "orders/0@0");
    assert_int_equal(a.script.n_commits, 0);
    app_end(&a);
}

static void test_policies_without_dead_letters(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        app a;
        app_init(&a);
        a.handle = reject_a;
        a.options.on_reject = i ? WEIR_ON_REJECT_SKIP : WEIR_ON_REJECT_DEAD_LETTER;
        a.options.dead_letters.write = i ? app_write_letters : NULL;
        assert_int_equal(app_open(&a), WEIR_OK);
        script_record(&a.script, 0, 0, "a");
        app_run(&a);
        assert_int_equal(a.n_letters, 0);
        assert_int_equal(app_committed(&a), 1);
        assert_int_equal(weir_handlers_count(a.handlers).rejected, 1);
        app_end(&a);
    }
}

static void test_reject_stops(void **state)
{
    (void)state;
    app a;
    app_init(&a);
    a.handle = reject_a;
    a.options.on_reject = WEIR_ON_REJECT_STOP;
    assert_int_equal(app_open(&a), WEIR_OK);
    script_record(&a.script, 0, 0, "a");
    assert_int_equal(app_run(&a), WEIR_FATAL);
    app_expect_failure(&a, "HANDLER_REJECT", "orders/0@0");
    assert_int_equal(a.n_letters, 0);
    app_end(&a);
}

/* ---- The end ------------------------------------------------------------------------------------
 */

static weir_status fatal(app *a, weir_message *m)
{
    (void)a, (void)m;
    return WEIR_FATAL;
}

/* What lies behind it is neither handled nor committed. */
static void test_fatal(void **state)
{
    (void)state;
    app a;
    app_begin(&a, fatal);
    script_record(&a.script, 0, 0, "a");
    script_record(&a.script, 0, 1, "a");
    script_record(&a.script, 0, 2, "a");
    assert_int_equal(app_run(&a), WEIR_FATAL);
    assert_int_equal(a.n_calls, 1);
    assert_int_equal(a.script.n_commits, 0);
    assert_int_equal(a.script.n_released, 3); /* dropped at once */
    app_expect_failure(&a, "HANDLER_FATAL", "orders/0@0");
    app_end(&a);
}

static weir_status no_status(app *a, weir_message *m)
{
    (void)a, (void)m;
    return (weir_status)17;
}

static void test_what_is_no_status(void **state)
{
    (void)state;
    app a;
    app_begin(&a, no_status);
    script_record(&a.script, 0, 0, "a");
    assert_int_equal(app_run(&a), WEIR_FATAL);
    app_expect_failure(&a, "HANDLER_STATUS", "orders/0@0");
    app_end(&a);
}

/* What it writes would be lost: NULL takes no statement, and its emits would leave. */
static weir_status without_tx(app *a, weir_message *m)
{
    (void)a;
    weir_tx *tx = weir_tx_of(m);
    assert_null(tx);
    assert_int_equal(weir_sql(tx, "insert into bookings values (1)"), WEIR_FATAL);
    return WEIR_OK;
}

static void test_a_transaction_that_it_has_not(void **state)
{
    (void)state;
    app a;
    app_begin(&a, without_tx);
    script_record(&a.script, 0, 0, "a");
    assert_int_equal(app_run(&a), WEIR_FATAL);
    app_expect_failure(&a, "SQL_NO_TX", "orders/0@0");
    app_end(&a);
}

/* A reason that was given for another status is not the reason of this one. */
static weir_status other_reason(app *a, weir_message *m)
{
    (void)a;
    (void)weir_reject(m, "SOMETHING", "first thought");
    return WEIR_FATAL;
}

static void test_a_reason_of_another_status(void **state)
{
    (void)state;
    app a;
    app_begin(&a, other_reason);
    script_record(&a.script, 0, 0, "a");
    assert_int_equal(app_run(&a), WEIR_FATAL);
    app_expect_failure(&a, "HANDLER_FATAL", "orders/0@0");
    app_end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ok),
        cmocka_unit_test(test_backoff_and_the_last_attempt),
        cmocka_unit_test(test_backoff_behind_a_slow_handler),
        cmocka_unit_test(test_retry_after_a_time_of_its_own),
        cmocka_unit_test(test_followers_wait),
        cmocka_unit_test(test_a_revoked_retry_is_dropped),
        cmocka_unit_test(test_hold_is_not_counted),
        cmocka_unit_test(test_out_of_memory_is_held),
        cmocka_unit_test(test_dead_letter_has_the_original),
        cmocka_unit_test(test_dead_letters_wait_for_their_port),
        cmocka_unit_test(test_a_refused_dead_letter_stops),
        cmocka_unit_test(test_policies_without_dead_letters),
        cmocka_unit_test(test_reject_stops),
        cmocka_unit_test(test_fatal),
        cmocka_unit_test(test_what_is_no_status),
        cmocka_unit_test(test_a_transaction_that_it_has_not),
        cmocka_unit_test(test_a_reason_of_another_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
