/* The test kit with `delivery: exactly_once`: what leaves, leaves in transactions with the offsets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir/test.h>
#include <weir/weir.h>

#define CONFIG(errors)                                \
    "weir: 1\nname: pay\ndelivery: exactly_once\n"    \
    "kafka: { bootstrap.servers: \"127.0.0.1:1\" }\n" \
    "events: { order: { topic: orders }, paid: { topic: paid } }\n" errors

static unsigned calls;
static bool bad;

static weir_status on_order(weir_message *m, void *ctx)
{
    (void)ctx;
    calls++;
    weir_reader r = weir_read(m);
    int64_t n = weir_int(&r, "n");
    if (weir_read_end(&r)) {
        return r.status;
    }
    if (n == 2 && bad) {
        return weir_reject(m, "TWO", "it is two");
    }
    return n == 3 && weir_attempt(m) == 1
               ? weir_retry(m, 0, "later")
               : weir_emit(m, .type = "paid", .fields = W_OBJECT(W_INT("n", n)));
}

static void setup(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .event = "order", .fn = on_order);
}

static weir_test *begin(const char *config)
{
    calls = 0;
    bad = true;
    return weir_test_new(config, setup, NULL);
}

static void what_leaves_is_in_transactions(void **state)
{
    (void)state;
    weir_test *t = begin(CONFIG(""));
    weir_test_event(t, "order", "a", "{\"n\":1}");
    weir_test_event(t, "order", "a", "{\"n\":2}");
    weir_test_event(t, "order", "b", "{\"n\":3}");
    weir_test_event(t, "order", "a", "{\"n\":4}");
    weir_test_run(t);
    weir_expect_emit(t, "paid", "{\"n\":1}");
    weir_expect_emit(t, "paid", "{\"n\":4}");
    weir_expect_dead(t, "TWO");
    weir_expect_waiting(t, 1);
    weir_test_advance(t, 1000);
    weir_expect_emit(t, "paid", "{\"n\":3}");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void one_that_fails_calls_no_handler_again(void **state)
{
    (void)state;
    weir_test *t = begin(CONFIG(""));
    weir_test_fail_transactions(t, 1);
    weir_test_event(t, "order", "a", "{\"n\":1}");
    weir_test_run(t);
    weir_expect_waiting(t, 1);
    weir_test_advance(t, 10000);
    weir_expect_emit(t, "paid", "{\"n\":1}");
    weir_expect_quiet(t);
    assert_int_equal(calls, 1);
    assert_int_equal(weir_test_free(t), 0);
}

static void what_is_committed_does_not_come_again(void **state)
{
    (void)state;
    weir_test *t = begin(CONFIG(""));
    weir_test_event(
        t, "order", "b", "{\"n\":3}"); /* it waits, and what is behind it is committed */
    weir_test_event(t, "order", "a", "{\"n\":1}");
    weir_test_run(t);
    weir_expect_emit(t, "paid", "{\"n\":1}");
    weir_test_redeliver(t);
    weir_test_advance(t, 10000);
    weir_expect_emit(t, "paid", "{\"n\":3}");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void followers_are_parked_and_released(void **state)
{
    (void)state;
    weir_test *t = begin(CONFIG("errors: { followers: park }\n"));
    weir_test_event(t, "order", "a", "{\"n\":2}");
    weir_test_event(t, "order", "a", "{\"n\":4}");
    weir_test_event(t, "order", "b", "{\"n\":1}");
    weir_test_run(t);
    weir_expect_dead(t, "TWO");
    weir_expect_emit(t, "paid", "{\"n\":1}");
    weir_expect_parked(t, "orders", "a", 1);
    weir_expect_quiet(t);
    bad = false;
    weir_test_release_again(t, "orders", "a");
    weir_test_event(t, "order", "a", "{\"n\":5}");
    weir_test_run(t);
    weir_test_advance(t, 1000);
    weir_expect_emit(t, "paid", "{\"n\":2}");
    weir_expect_emit(t, "paid", "{\"n\":4}");
    weir_expect_emit(t, "paid", "{\"n\":5}");
    weir_expect_parked(t, "orders", "a", -1);
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void the_reason_of_a_dead_letter_is_told(void **state)
{
    (void)state;
    char said[1000];
    int pipes[2], real = dup(STDERR_FILENO);
    assert_int_equal(pipe(pipes), 0);
    dup2(pipes[1], STDERR_FILENO);
    weir_test *t = begin(CONFIG(""));
    weir_test_event(t, "order", "a", "{\"n\":2}");
    weir_test_run(t);
    int failures = weir_test_free(t);
    dup2(real, STDERR_FILENO);
    close(real);
    close(pipes[1]);
    ssize_t n = read(pipes[0], said, sizeof said - 1);
    close(pipes[0]);
    said[n > 0 ? n : 0] = '\0';
    assert_int_equal(failures, 1);
    assert_non_null(strstr(said, "orders@0: it is two [TWO]"));
}

/* They leave in transactions, too. */
static void dead_letters_that_cannot_be_written_wait(void **state)
{
    (void)state;
    weir_test *t = begin(CONFIG(""));
    weir_test_fail_letters(t, 2);
    weir_test_event(t, "order", "a", "{\"n\":2}");
    weir_test_run(t);
    weir_expect_waiting(t, 1);
    weir_test_advance(t, 5000);
    weir_expect_dead(t, "TWO");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void anything_may_be_expected(void **state)
{
    (void)state;
    weir_test *t = begin(CONFIG(""));
    weir_test_event(t, "order", "a", "{\"n\":1}");
    weir_test_event(t, "order", "a", "{\"n\":2}");
    weir_test_run(t);
    weir_expect_emit(t, NULL, NULL);
    weir_expect_dead(t, NULL);
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_leaves_is_in_transactions),
        cmocka_unit_test(one_that_fails_calls_no_handler_again),
        cmocka_unit_test(what_is_committed_does_not_come_again),
        cmocka_unit_test(followers_are_parked_and_released),
        cmocka_unit_test(the_reason_of_a_dead_letter_is_told),
        cmocka_unit_test(dead_letters_that_cannot_be_written_wait),
        cmocka_unit_test(anything_may_be_expected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
