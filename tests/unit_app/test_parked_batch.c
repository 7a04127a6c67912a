/* Parked keys and handlers of several records at once, in the test kit: what is gathered when
 * another record of its key comes to its turn. Each as at least once and as exactly once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <weir/test.h>
#include <weir/weir.h>

#define CONFIG                                        \
    "weir: 1\n"                                       \
    "name: shop\n"                                    \
    "kafka: { bootstrap.servers: \"127.0.0.1:1\" }\n" \
    "events: { told: { topic: told } }\n"             \
    "errors: { followers: park }\n"

static const char *const deliveries[] = {CONFIG, CONFIG "delivery: exactly_once\n"};

/* ---- A service ----------------------------------------------------------------------------------
 */

static char handled[100]; /* "a1 a2 …" */
static const char *bad;
static bool has_single; /* a handler of its own for those of the kind y */

static weir_status on_one(weir_message *m, void *ctx)
{
    (void)ctx;
    weir_reader r = weir_read(m);
    weir_view n = weir_text(&r, "n");
    if (bad && weir_view_is(n, bad)) {
        return weir_reject(m, "BAD", "it is %s", bad);
    }
    size_t len = strlen(handled);
    snprintf(handled + len, sizeof handled - len, "%s%.*s", len ? " " : "", WEIR_ARG(n));
    return WEIR_OK;
}

static weir_status on_batch(weir_batch *b, void *ctx)
{
    for (size_t i = 0; i < weir_batch_count(b); i++) {
        weir_batch_answer(b, i, on_one(weir_batch_at(b, i), ctx));
    }
    return WEIR_OK;
}

static void setup(weir_app *app, void *ctx)
{
    (void)ctx;
    if (has_single) {
        weir_on(app, .topic = "orders", .fn = on_one, .where = W_OBJECT(W_STR("kind", "y")));
    }
    weir_on(app, .topic = "orders", .batch = on_batch, .batch_most = 10, .batch_wait_ms = 50,
        .where = W_OBJECT(W_STR("kind", "x")));
}

static weir_test *begin(const char *config, bool single)
{
    handled[0] = '\0';
    bad = "a1";
    has_single = single;
    return weir_test_new(config, setup, NULL);
}

static void order(weir_test *t, const char *n, const char *kind)
{
    char value[60];
    snprintf(value, sizeof value, "{\"n\":\"%s\",\"kind\":\"%s\"}", n, kind);
    weir_test_record(t, "orders", "a", value, NULL);
}

/* a1 is rejected, a2 and what is behind it waits. */
static weir_test *begin_parked(const char *config)
{
    weir_test *t = begin(config, false);
    order(t, "a1", "x");
    weir_test_run(t);
    weir_test_advance(t, 60);
    weir_expect_dead(t, "BAD");
    order(t, "a2", "x");
    bad = NULL;
    return t;
}

/* ---- What is gathered, and another one of its key -----------------------------------------------
 */

/* a3 came while a2 was gathered: to be copied. When it is its turn the key is open. */
static void what_comes_while_the_last_one_is_gathered_is_handled(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        weir_test *t = begin_parked(deliveries[i]);
        weir_test_run(t);
        weir_expect_parked(t, "orders", "a", 1);
        weir_test_release(t, "orders", "a");
        weir_test_run(t); /* a2 is recalled, and gathered */
        order(t, "a3", "x");
        weir_test_run(t);
        weir_test_advance(t, 60000);
        assert_string_equal(handled, "a2 a3");
        weir_expect_parked(t, "orders", "a", -1);
        weir_expect_quiet(t);
        assert_int_equal(weir_test_free(t), 0);
    }
}

/* a3 has no handler. Its note would say that a2 is done with, which is only gathered. */
static void a_recalled_one_that_is_passed_over_is_noted_behind_those_before_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        weir_test *t = begin_parked(deliveries[i]);
        order(t, "a3", "y");
        weir_test_run(t);
        weir_expect_parked(t, "orders", "a", 2);
        weir_test_release(t, "orders", "a");
        weir_test_run(t);
        weir_test_redeliver(t);
        weir_test_run(t);
        weir_test_advance(t, 1000);
        assert_non_null(strstr(handled, "a2"));
        weir_expect_parked(t, "orders", "a", -1);
        weir_expect_quiet(t);
        assert_int_equal(weir_test_free(t), 0);
    }
}

/* a2 is another handler's, and a1 is rejected to make way for it. */
static void one_of_another_handler_waits_behind_a_gathered_one_that_is_rejected(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        weir_test *t = begin(deliveries[i], true);
        order(t, "a1", "x");
        weir_test_run(t);
        order(t, "a2", "y");
        weir_test_run(t);
        weir_test_advance(t, 1000);
        weir_expect_dead(t, "BAD");
        assert_string_equal(handled, "");
        weir_expect_parked(t, "orders", "a", 1);
        weir_expect_quiet(t);
        assert_int_equal(weir_test_free(t), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_while_the_last_one_is_gathered_is_handled),
        cmocka_unit_test(a_recalled_one_that_is_passed_over_is_noted_behind_those_before_it),
        cmocka_unit_test(one_of_another_handler_waits_behind_a_gathered_one_that_is_rejected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
