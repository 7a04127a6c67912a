/* What can be seen of handlers from outside: stuck keys, handlers that hang, deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/scripted_app.h"

/* ---- Stuck keys ---------------------------------------------------------------------------------
 */

static weir_status by_key(app *a, weir_message *m)
{
    if (weir_view_is(weir_key(m), "a")) {
        return weir_retry(m, 500, "the provider is away");
    }
    return weir_view_is(weir_key(m), "b") ? app_defer(a, m) : WEIR_OK;
}

static const weir_stuck_key *of_key(const weir_stuck_key *keys, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(keys[i].key, key) == 0) {
            return &keys[i];
        }
    }
    fail_msg("key %s is not stuck", key);
    return NULL;
}

static void test_stuck_keys(void **state)
{
    (void)state;
    app a;
    weir_stuck_key keys[4];
    app_begin(&a, by_key);
    script_record(&a.script, 0, 10, "a");
    script_record(&a.script, 0, 11, "a");
    script_record(&a.script, 0, 12, "a");
    script_record(&a.script, 0, 13, "b");
    app_run(&a);
    assert_int_equal(
        weir_handlers_stuck_keys(a.handlers, keys, 4), 0); /* asked for the first time */
    app_run_lanes(&a);
    assert_int_equal(weir_handlers_stuck_keys(a.handlers, keys, 1), 1);
    assert_int_equal(weir_handlers_stuck_keys(a.handlers, keys, 4), 2);
    const weir_stuck_key *k = of_key(keys, 2, "a");
    assert_string_equal(k->topic, "orders");
    assert_int_equal(k->partition, 0);
    assert_int_equal(k->offset, 10);
    assert_int_equal(k->attempt, 2); /* the next one */
    assert_int_equal(k->followers, 2);
    assert_in_range(k->due_in_ms, 490, 500);
    assert_string_equal(k->error.code, "HANDLER_RETRY");
    assert_string_equal(k->error.text, "the provider is away");
    k = of_key(keys, 2, "b");
    assert_int_equal(k->offset, 13);
    assert_int_equal(k->due_in_ms, -1);
    assert_int_equal(k->followers, 0);
    weir_settle(a.kept[0], WEIR_OK);
    app_end(&a);
}

static weir_status hold(app *a, weir_message *m)
{
    (void)a, (void)m;
    return WEIR_HOLD;
}

static void test_long_keys_and_no_key(void **state)
{
    (void)state;
    app a;
    weir_stuck_key keys[2];
    char long_key[300];
    memset(long_key, 'x', sizeof long_key - 1);
    long_key[sizeof long_key - 1] = '\0';
    app_begin(&a, hold);
    script_record(&a.script, 0, 0, long_key);
    script_record(&a.script, 0, 1, NULL);
    app_run(&a);
    (void)weir_handlers_stuck_keys(a.handlers, keys, 2);
    app_run_lanes(&a);
    assert_int_equal(weir_handlers_stuck_keys(a.handlers, keys, 2), 2);
    const weir_stuck_key *k = of_key(keys, 2, "");
    assert_int_equal(k->offset, 1);
    assert_int_equal(strlen(keys[k == keys].key), sizeof k->key - 1);
    app_end(&a);
}

/* ---- The watchdog -------------------------------------------------------------------------------
 */

static void expect_live(app *a)
{
    weir_error err;
    assert_false(weir_handlers_stuck(a->handlers, &err));
}

static void expect_stuck(app *a, const char *where)
{
    weir_error err;
    assert_true(weir_handlers_stuck(a->handlers, &err));
    assert_string_equal(err.code, "HANDLER_STUCK");
    assert_string_equal(err.where, where);
}

/* A handler that hangs, as the watcher's thread sees it. */
static weir_status hang(app *a, weir_message *m)
{
    (void)m;
    expect_live(a); /* the first look, at which its call is seen */
    a->now_ms += 60000;
    expect_live(a);
    a->now_ms += 1;
    expect_stuck(a, "orders/0@7");
    return WEIR_OK;
}

static void test_a_handler_hangs(void **state)
{
    (void)state;
    app a;
    app_begin(&a, hang);
    expect_live(&a);
    script_record(&a.script, 0, 7, "a");
    app_run(&a);
    expect_live(&a);
    a.now_ms += 1000000; /* no call, no hurry */
    expect_live(&a);
    app_end(&a);
}

/* Busy all the time, and in another call each time. */
static weir_status brief(app *a, weir_message *m)
{
    (void)m;
    expect_live(a);
    a->now_ms += 59000;
    expect_live(a);
    return WEIR_OK;
}

static void test_a_busy_lane_is_live(void **state)
{
    (void)state;
    app a;
    app_begin(&a, brief);
    for (int i = 0; i < 5; i++) {
        script_record(&a.script, 0, i, "a");
    }
    app_run(&a);
    assert_int_equal(a.n_calls, 5);
    app_end(&a);
}

static weir_status defer_for(app *a, weir_message *m)
{
    a->kept[a->n_kept++] = m;
    return weir_defer(m, weir_record_offset(m) == 1 ? 200 : weir_record_offset(m) == 2 ? 300 : 0);
}

/* The first deadline counts, and goes with its message; 0 is the policy's. */
static void test_deadlines(void **state)
{
    (void)state;
    app a;
    app_begin(&a, defer_for);
    int64_t begun = a.now_ms;
    script_record(&a.script, 0, 0, NULL);
    app_run(&a);
    a.now_ms = begun + 60000;
    expect_live(&a);
    a.now_ms = begun + 60001;
    expect_stuck(&a, "orders/0@0");
    weir_settle(a.kept[0], WEIR_OK);
    app_run(&a);
    expect_live(&a);

    begun = a.now_ms;
    for (int i = 1; i <= 3; i++) {
        script_record(&a.script, 0, i, i == 1 ? "x" : i == 2 ? "y" : "z");
    }
    app_run(&a);
    assert_int_equal(a.n_kept, 4);
    a.now_ms = begun + 250;
    expect_stuck(&a, "orders/0@1");
    for (size_t i = 1; i < 4; i++) {
        if (weir_record_offset(a.kept[i]) == 1) {
            weir_settle(a.kept[i], WEIR_OK);
        }
    }
    app_run_lanes(&a);
    expect_live(&a);
    a.now_ms = begun + 350;
    expect_stuck(&a, "orders/0@2");
    for (size_t i = 1; i < 4; i++) {
        if (atomic_load(&a.kept[i]->state) == WEIR_MESSAGE_DEFERRED) {
            weir_settle(a.kept[i], WEIR_OK);
        }
    }
    app_end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stuck_keys),
        cmocka_unit_test(test_long_keys_and_no_key),
        cmocka_unit_test(test_a_handler_hangs),
        cmocka_unit_test(test_a_busy_lane_is_live),
        cmocka_unit_test(test_deadlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
