/* Deferred messages: settled later, from anywhere, by users who are late or break the contract. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <unistd.h>

#include "support/scripted_app.h"

/* ---- Deferral -----------------------------------------------------------------------------------
 */

static void test_deferred_and_settled_later(void **state)
{
    (void)state;
    app a;
    app_begin(&a, app_defer);
    script_record(&a.script, 0, 0, "a");
    script_record(&a.script, 0, 1, "a");
    script_record(&a.script, 0, 2, "b");
    app_run(&a);
    assert_int_equal(a.n_kept, 2); /* the second of a waits */
    assert_int_equal(app_committed(&a), 0);
    weir_message *first = a.kept[weir_record_offset(a.kept[0]) != 0];
    a.handle = NULL;
    weir_settle(first, WEIR_OK);
    app_run(&a);
    assert_int_equal(a.n_calls, 3);
    assert_int_equal(app_committed(&a), 2);
    weir_settle(a.kept[a.kept[0] == first], WEIR_OK);
    app_run(&a);
    assert_int_equal(app_committed(&a), 3);
    assert_int_equal(weir_handlers_count(a.handlers).deferred, 2);
    assert_int_equal(weir_handlers_count(a.handlers).handled, 3);
    app_end(&a);
}

static weir_status settle_early(app *a, weir_message *m)
{
    (void)a;
    weir_status s = weir_defer(m, 0);
    weir_settle(m, WEIR_OK);
    return s;
}

static void test_settled_before_its_handler_returns(void **state)
{
    (void)state;
    app a;
    app_begin(&a, settle_early);
    script_record(&a.script, 0, 0, "a");
    script_record(&a.script, 0, 1, "a");
    app_run(&a);
    assert_int_equal(a.n_calls, 2);
    assert_int_equal(app_committed(&a), 2);
    app_end(&a);
}

/* Each verdict counts as a handler's own. */
static void test_deferred_verdicts(void **state)
{
    (void)state;
    app a;
    app_begin(&a, app_defer);
    script_record(&a.script, 0, 0, "a");
    app_run(&a);
    weir_settle(a.kept[0], weir_hold(a.kept[0], "not yet"));
    app_run_lanes(&a);
    app_run_due(&a);
    weir_settle(a.kept[1], weir_retry(a.kept[1], 50, "again"));
    app_run_lanes(&a);
    int64_t before = a.now_ms;
    app_run_due(&a);
    assert_int_equal(a.now_ms - before, 50);
    assert_int_equal(weir_attempt(a.kept[2]), 2);
    weir_settle(a.kept[2], weir_reject(a.kept[2], "NEVER", "no"));
    app_run_lanes(&a);
    assert_int_equal(a.n_letters, 1);
    assert_string_equal(a.letters[0].error.code, "NEVER");
    assert_int_equal(a.letters[0].attempts, 2);
    app_end(&a);
}

/* Its partition leaves: its user hears of it; what comes back is of no use to the new epoch. */
static void test_deferred_beyond_a_revoke(void **state)
{
    (void)state;
    app a;
    app_begin(&a, app_defer);
    script_record(&a.script, 0, 0, "a");
    app_run(&a);
    assert_false(weir_revoked(a.kept[0]));
    script_add(&a.script, (script_deed){.kind = SCRIPT_REVOKE});
    script_add(&a.script, (script_deed){.kind = SCRIPT_ASSIGN, .offset = 0});
    script_record(&a.script, 0, 0, "a");
    app_run(&a);
    assert_true(weir_revoked(a.kept[0]));
    assert_int_equal(a.n_calls, 1); /* the key is busy, in whatever epoch */
    weir_settle(a.kept[0], WEIR_RETRY);
    app_run(&a);
    assert_int_equal(a.n_calls, 2); /* not tried again, but its key is free */
    assert_int_equal(a.calls[1].attempt, 1);
    assert_int_equal(a.script.n_released, 1);
    weir_settle(a.kept[1], WEIR_OK);
    app_run(&a);
    assert_int_equal(app_committed(&a), 1);
    app_end(&a);
}

/* More than the pool keeps. */
static void test_many_at_once(void **state)
{
    (void)state;
    enum { MANY = 400 };
    static char keys[MANY][16];
    static app a;
    app_begin(&a, app_defer);
    for (int i = 0; i < MANY; i++) {
        snprintf(keys[i], sizeof keys[i], "%d", i);
        script_record(&a.script, 0, i, keys[i]);
        if (i % 200 == 199) {
            app_run(&a);
        }
    }
    assert_int_equal(a.n_kept, MANY);
    for (int i = 0; i < MANY; i++) {
        weir_settle(a.kept[(i * 7) % MANY], WEIR_OK);
    }
    app_run(&a);
    assert_int_equal(app_committed(&a), MANY);
    app_end(&a);
}

static void *settle_from_there(void *arg)
{
    app *a = arg;
    for (size_t i = 0; i < a->n_kept; i++) {
        weir_settle(a->kept[i], WEIR_OK);
    }
    return NULL;
}

static void test_settled_from_another_thread(void **state)
{
    (void)state;
    app a;
    pthread_t thread;
    app_begin(&a, app_defer);
    script_record(&a.script, 0, 0, "a");
    script_record(&a.script, 0, 1, "b");
    app_run(&a);
    assert_int_equal(pthread_create(&thread, NULL, settle_from_there, &a), 0);
    pthread_join(thread, NULL);
    assert_true(a.engine.queues[0].woken || a.engine.queues[1].woken);
    app_run(&a);
    assert_int_equal(app_committed(&a), 2);
    app_end(&a);
}

/* ---- Misuse -------------------------------------------------------------------------------------
 */

static void expect_misuse(app *a)
{
    weir_error err;
    app_run_lanes(a);
    assert_true(weir_engine_failure(&a->engine, &err));
    assert_string_equal(err.code, "HANDLER_STATUS");
    assert_non_null(strstr(err.where, "/0@0"));
    assert_int_equal(weir_engine_poll(&a->engine, a->now_ms + 10, 0), WEIR_FATAL);
    assert_int_equal(a->script.n_commits, 0);
    app_end(a);
}

static void test_settled_twice(void **state)
{
    (void)state;
    for (int between = 0; between < 2; between++) {
        app a;
        app_begin(&a, app_defer);
        script_record(&a.script, 0, 0, "a");
        app_run(&a);
        weir_settle(a.kept[0], WEIR_OK);
        if (between) {
            app_run_lanes(&a); /* it has come home */
        }
        weir_settle(a.kept[0], WEIR_OK);
        expect_misuse(&a);
    }
}

static weir_status deferred_alone(app *a, weir_message *m)
{
    (void)a, (void)m;
    return WEIR_DEFERRED;
}

static weir_status settle_and_return(app *a, weir_message *m)
{
    (void)a;
    weir_settle(m, WEIR_OK);
    return WEIR_OK;
}

static weir_status settle_and_defer_alone(app *a, weir_message *m)
{
    (void)a;
    weir_settle(m, WEIR_OK);
    return WEIR_DEFERRED;
}

static weir_status settle_as_deferred(app *a, weir_message *m)
{
    (void)a;
    weir_status s = weir_defer(m, 0);
    weir_settle(m, (weir_status)9);
    return s;
}

static weir_status settle_with_deferred(app *a, weir_message *m)
{
    (void)a;
    weir_status s = weir_defer(m, 0);
    weir_settle(m, WEIR_DEFERRED);
    return s;
}

/* Each ends the engine, none the process; the message comes home all the same. */
static void test_handlers_that_break_their_contract(void **state)
{
    (void)state;
    static weir_status (*const wrong[])(app *, weir_message *) = {deferred_alone, settle_and_return,
        settle_and_defer_alone, settle_as_deferred, settle_with_deferred};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        app a;
        app_begin(&a, wrong[i]);
        script_record(&a.script, 0, 0, "a");
        script_record(&a.script, 0, 1, "a");
        app_run(&a);
        assert_int_equal(a.n_calls, 1);
        expect_misuse(&a);
    }
}

static weir_status answer_for_it(weir_message *m, const weir_rest *rest, void *ctx)
{
    weir_status s = weir_call_rest(rest, m);
    assert_int_equal(s, WEIR_DEFERRED);
    return *(weir_status *)ctx;
}

/* Else another record could get the message, and the outcome of this one. */
static void test_middleware_answers_for_a_deferred_message(void **state)
{
    static weir_status answers[] = {WEIR_OK, WEIR_RETRY, WEIR_HOLD, WEIR_REJECT};
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        const weir_middleware around = {answer_for_it, &answers[i]};
        app a;
        app_init(&a);
        a.options.middleware = &around;
        a.options.n_middleware = 1;
        assert_int_equal(app_open(&a), WEIR_OK);
        a.handle = app_defer;
        script_record(&a.script, 0, 0, "a");
        app_run(&a);
        assert_int_equal(a.n_kept, 1);
        weir_settle(a.kept[0], WEIR_OK);
        expect_misuse(&a);
    }
}

/* weir_defer was called and then something else was answered: that counts. */
static weir_status second_thoughts(app *a, weir_message *m)
{
    (void)a;
    (void)weir_defer(m, 0);
    return WEIR_OK;
}

static void test_defer_not_returned(void **state)
{
    (void)state;
    app a;
    app_begin(&a, second_thoughts);
    script_record(&a.script, 0, 0, "a");
    app_run(&a);
    assert_int_equal(app_committed(&a), 1);
    app_end(&a);
}

/* ---- The engine's end ---------------------------------------------------------------------------
 */

static void *settle_soon(void *arg)
{
    usleep(30000);
    return settle_from_there(arg);
}

static void test_the_end_waits_for_users(void **state)
{
    (void)state;
    app a;
    pthread_t thread;
    app_begin(&a, app_defer);
    script_record(&a.script, 0, 0, "a");
    script_record(&a.script, 0, 1, "a");
    app_run(&a);
    assert_int_equal(pthread_create(&thread, NULL, settle_soon, &a), 0);
    app_end(&a);
    pthread_join(thread, NULL);
}

/* Longer than anybody waits: the message's memory stays its user's, the engine's does not. */
static void test_a_user_that_comes_too_late(void **state)
{
    (void)state;
    static app a; /* reachable for ever, as it would be for its user */
    app_begin(&a, app_defer);
    script_record(&a.script, 0, 0, "a");
    app_run(&a);
    a.handlers->abandon_ms = 5000; /* they have passed */
    weir_engine_abandon(&a.engine);
    weir_engine_fini(&a.engine);
    assert_int_equal(a.script.closes, 0);
    weir_handlers_free(a.handlers);
    assert_int_equal(weir_record_offset(a.kept[0]), 0);
    assert_true(weir_view_is(weir_key(a.kept[0]), "a"));
    weir_handlers *h = a.handlers;
    weir_engine engine = a.engine;
    memset(&a.engine, 0xEE, sizeof a.engine);
    weir_settle(a.kept[0], WEIR_OK);
    weir_settle(a.kept[0], WEIR_OK); /* even so */
    /* What a test can do and its user cannot: all is taken down after all. */
    a.engine = engine;
    h->lanes[0].closed = h->lanes[1].closed = false;
    app_end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deferred_and_settled_later),
        cmocka_unit_test(test_settled_before_its_handler_returns),
        cmocka_unit_test(test_deferred_verdicts),
        cmocka_unit_test(test_deferred_beyond_a_revoke),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_settled_from_another_thread),
        cmocka_unit_test(test_settled_twice),
        cmocka_unit_test(test_handlers_that_break_their_contract),
        cmocka_unit_test(test_middleware_answers_for_a_deferred_message),
        cmocka_unit_test(test_defer_not_returned),
        cmocka_unit_test(test_the_end_waits_for_users),
        cmocka_unit_test(test_a_user_that_comes_too_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
