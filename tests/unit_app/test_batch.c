/* Handlers that get several records at once, in the test kit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <weir/test.h>
#include <weir/weir.h>

#define CONFIG(more)                                        \
    "weir: 1\n"                                             \
    "name: shop\n"                                          \
    "kafka: { bootstrap.servers: \"127.0.0.1:1\" }\n"       \
    "stores: { books: { type: sqlite, path: /nowhere } }\n" \
    "events: { told: { topic: told } }\n" more

/* ---- A service ----------------------------------------------------------------------------------
 */

/* Each call's records, a call behind the other: "a1 a2 | b1". */
static char calls[600];
static const char *bad;     /* answered for: rejected */
static const char *flaky;   /* answered for: tried again once */
static const char *poison;  /* fails the batch as a whole, without a word which it is */
static weir_status failing; /* with this */
static unsigned holds;      /* so many calls hold */
static uint32_t most, wait_ms;

static weir_view name_of(weir_message *m)
{
    weir_reader r = weir_read(m);
    return weir_text(&r, "n");
}

static weir_status answer_for(weir_message *m, weir_view n)
{
    if (bad && weir_view_is(n, bad)) {
        return weir_reject(m, "BAD", "it is %s", bad);
    }
    if (flaky && weir_view_is(n, flaky) && weir_attempt(m) == 1) {
        return weir_retry(m, 0, "not at once");
    }
    return weir_emit(m, .type = "told", .fields = W_OBJECT(W_TEXT("n", n)));
}

static weir_status on_orders(weir_batch *b, void *ctx)
{
    (void)ctx;
    weir_status all = WEIR_OK;
    size_t at = strlen(calls);
    at += (size_t)snprintf(calls + at, sizeof calls - at, "%s", at ? " |" : "");
    for (size_t i = 0; i < weir_batch_count(b); i++) {
        weir_view n = name_of(weir_batch_at(b, i));
        at += (size_t)snprintf(calls + at, sizeof calls - at, "%s%.*s", at ? " " : "", WEIR_ARG(n));
        all = poison && weir_view_is(n, poison) ? failing : all;
        weir_status s = answer_for(weir_batch_at(b, i), n);
        if (s) {
            weir_batch_answer(b, i, s);
        }
    }
    if (holds) {
        holds--;
        return WEIR_HOLD;
    }
    return all;
}

static weir_status on_other(weir_message *m, void *ctx)
{
    (void)ctx;
    size_t at = strlen(calls);
    snprintf(calls + at, sizeof calls - at, " | (%.*s)", WEIR_ARG(name_of(m)));
    return WEIR_OK;
}

static void setup(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .topic = "orders", .fn = on_other, .where = W_OBJECT(W_STR("n", "other")));
    weir_on(
        app, .topic = "orders", .batch = on_orders, .batch_most = most, .batch_wait_ms = wait_ms);
}

static weir_test *begin_as(
    weir_setup_fn *how, const char *config, uint32_t batch_most, uint32_t batch_wait_ms)
{
    calls[0] = '\0';
    bad = flaky = poison = NULL;
    failing = WEIR_RETRY;
    holds = 0;
    most = batch_most;
    wait_ms = batch_wait_ms;
    return weir_test_new(config, how, NULL);
}

static weir_test *begin_with(const char *config, uint32_t batch_most, uint32_t batch_wait_ms)
{
    return begin_as(setup, config, batch_most, batch_wait_ms);
}

static weir_test *begin(void)
{
    return begin_with(CONFIG(""), 0, 0);
}

/* "a1 a2 b1": of the keys a, a and b. */
static void orders(weir_test *t, const char *all)
{
    char copy[200];
    snprintf(copy, sizeof copy, "%s", all);
    for (char *n = strtok(copy, " "); n; n = strtok(NULL, " ")) {
        char key[] = {n[0], '\0'}, value[40];
        snprintf(value, sizeof value, "{\"n\":\"%s\"}", n);
        weir_test_record(t, "orders", key, value, NULL);
    }
}

static void told(weir_test *t, const char *all)
{
    char copy[200], json[40];
    snprintf(copy, sizeof copy, "%s", all);
    for (const char *n = strtok(copy, " "); n; n = strtok(NULL, " ")) {
        snprintf(json, sizeof json, "{\"n\":\"%s\"}", n);
        weir_expect_emit(t, "told", json);
    }
}

/* ---- What is in a batch -------------------------------------------------------------------------
 */

static void all_that_is_there_comes_at_once(void **state)
{
    (void)state;
    weir_test *t = begin();
    orders(t, "a1 a2 b1 c1 a3");
    weir_test_run(t);
    assert_string_equal(calls, "a1 a2 b1 c1 a3");
    told(t, "a1 b1 c1 a2 a3"); /* those of a key behind each other's acknowledgement */
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void a_batch_has_a_bound(void **state)
{
    (void)state;
    weir_test *t = begin_with(CONFIG(""), 2, 0);
    orders(t, "a1 b1 c1 d1 e1");
    weir_test_run(t);
    assert_string_equal(calls, "a1 b1 | c1 d1 | e1");
    told(t, "a1 b1 c1 d1 e1");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void it_waits_for_more(void **state)
{
    (void)state;
    weir_test *t = begin_with(CONFIG(""), 3, 50);
    orders(t, "a1");
    weir_test_run(t);
    weir_test_advance(t, 40);
    orders(t, "a2");
    weir_test_run(t);
    assert_string_equal(calls, "");
    weir_expect_waiting(t, 2);
    weir_test_advance(t, 10);
    assert_string_equal(calls, "a1 a2");
    orders(t, "b1 b2 b3");
    weir_test_run(t); /* full: at once */
    assert_string_equal(calls, "a1 a2 | b1 b2 b3");
    told(t, "a1 a2 b1 b2 b3");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void another_handlers_record_is_not_overtaken(void **state)
{
    (void)state;
    weir_test *t = begin_with(CONFIG(""), 10, 50);
    orders(t, "a1 a2 other a3");
    weir_test_advance(t, 50);
    assert_string_equal(calls, "a1 a2 | (other) | a3");
    told(t, "a1 a2 a3");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

/* ---- What fails ---------------------------------------------------------------------------------
 */

static void one_that_is_rejected_takes_no_other_key_with_it(void **state)
{
    (void)state;
    weir_test *t = begin();
    bad = "a2";
    orders(t, "a1 a2 b1 a3");
    weir_test_run(t);
    assert_string_equal(calls, "a1 a2 b1 a3 | a3");
    weir_expect_dead(t, "BAD");
    told(t, "a1 b1 a3");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void one_that_is_tried_again_holds_up_its_key(void **state)
{
    (void)state;
    weir_test *t = begin();
    flaky = "a1";
    orders(t, "a1 b1 a2");
    weir_test_run(t);
    assert_string_equal(calls, "a1 b1 a2");
    told(t, "b1");
    weir_expect_waiting(t, 2);
    weir_test_advance(t, 1000);
    assert_string_equal(calls, "a1 b1 a2 | a1 | a2");
    told(t, "a1 a2");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void a_batch_that_fails_is_halved(void **state)
{
    (void)state;
    weir_test *t = begin();
    poison = "c1";
    failing = WEIR_REJECT;
    orders(t, "a1 b1 c1 d1");
    weir_test_run(t);
    assert_string_equal(calls, "a1 b1 c1 d1 | a1 b1 | c1 d1 | c1 | d1");
    weir_expect_dead(t, "HANDLER_REJECT");
    told(t, "a1 b1 d1");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void attempts_are_counted_of_the_one_at_fault(void **state)
{
    (void)state;
    weir_test *t = begin_with(CONFIG("errors: { retry: { max_attempts: 2 } }\n"), 0, 0);
    poison = "b1";
    orders(t, "a1 b1 a2 b2");
    weir_test_run(t);
    assert_string_equal(calls, "a1 b1 a2 b2 | a1 b1 | a1 | b1 | a2");
    told(t, "a1 a2");
    weir_expect_waiting(t, 2);
    weir_test_advance(t, 1000);
    weir_expect_dead(t, "HANDLER_RETRY");
    told(t, "b2");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void what_holds_is_not_halved(void **state)
{
    (void)state;
    weir_test *t = begin();
    holds = 1;
    orders(t, "a1 b1 a2");
    weir_test_run(t);
    assert_string_equal(calls, "a1 b1 a2");
    weir_expect_waiting(t, 3);
    weir_test_advance(t, 1000);
    told(t, "a1 a2 b1"); /* a waits shorter, by the jitter */
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void emits_that_are_refused_bring_their_key_again(void **state)
{
    (void)state;
    weir_test *t = begin();
    weir_test_fail_emits(t, 1); /* a1's */
    orders(t, "a1 a2 b1");
    weir_test_run(t);
    assert_string_equal(calls, "a1 a2 b1");
    told(t, "b1");
    weir_expect_waiting(t, 2);
    weir_test_advance(t, 1000);
    assert_string_equal(calls, "a1 a2 b1 | a1 | a2");
    told(t, "a1 a2");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void what_comes_again_while_it_is_gathered_is_dropped(void **state)
{
    (void)state;
    weir_test *t = begin_with(CONFIG(""), 10, 50);
    orders(t, "a1");
    weir_test_run(t);
    weir_test_redeliver(t); /* in a new assignment */
    weir_test_advance(t, 100);
    assert_string_equal(calls, "a1");
    told(t, "a1");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void parked_followers_are_in_no_batch(void **state)
{
    (void)state;
    weir_test *t = begin_with(CONFIG("errors: { followers: park }\n"), 0, 0);
    bad = "a1";
    orders(t, "a1 b1 a2");
    weir_test_run(t);
    weir_expect_dead(t, "BAD");
    told(t, "b1");
    weir_expect_parked(t, "orders", "a", 1);
    weir_expect_quiet(t);
    orders(t, "a3 b2");
    weir_test_release(t, "orders", "a");
    weir_test_run(t);
    weir_test_advance(t, 100);
    told(t, "b2 a2 a3");
    weir_expect_parked(t, "orders", "a", -1);
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

/* ---- A dependency -------------------------------------------------------------------------------
 */

static unsigned asked;

static weir_status fail_all(weir_batch *b, void *ctx)
{
    (void)b, (void)ctx;
    asked++;
    return WEIR_RETRY;
}

static void setup_breaker(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .topic = "orders", .batch = fail_all, .breaker = "bank");
}

static void a_breaker_that_opens_stops_the_halving(void **state)
{
    (void)state;
    asked = 0;
    weir_test *t =
        weir_test_new(CONFIG("breakers: { bank: { failures: 2 } }\n"), setup_breaker, NULL);
    orders(t, "a1 b1 c1 d1 e1 f1 g1 h1");
    weir_test_run(t);
    assert_int_equal(asked, 5); /* 8, 4, 2, 1, 1 records: it is open */
    weir_expect_waiting(t, 8);
    assert_int_equal(weir_test_free(t), 0);
}

/* ---- Setup --------------------------------------------------------------------------------------
 */

static void setup_both(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .topic = "orders", .batch = on_orders, .fn = on_other);
}

static void setup_large(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .topic = "orders", .batch = on_orders, .batch_most = 10001);
}

static weir_status pass(weir_message *m, const weir_rest *rest, void *ctx)
{
    (void)ctx;
    return weir_call_rest(rest, m);
}

/* Does it run around the batch, too? */
static void setup_unsaid(weir_app *app, void *ctx)
{
    setup(app, ctx);
    weir_use(app, pass, NULL);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    weir_setup_fn *const wrong[] = {setup_both, setup_large, setup_unsaid};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        weir_test *t = weir_test_new(CONFIG(""), wrong[i], NULL);
        assert_int_equal(weir_test_free(t), 1);
    }
}

/* ---- Middleware ---------------------------------------------------------------------------------
 */

/* Lets all but one of them through, and is told of what the rest says. */
static weir_status refuse(weir_batch *b, const weir_rest *rest, void *ctx)
{
    size_t at = strlen(calls);
    snprintf(calls + at, sizeof calls - at, "%s<%s", at ? " " : "", (const char *)ctx);
    for (size_t i = 0; i < weir_batch_count(b); i++) {
        weir_message *m = weir_batch_at(b, i);
        if (weir_view_is(name_of(m), ctx)) {
            weir_batch_answer(b, i, weir_reject(m, "NOT_ALLOWED", "it is %s", (const char *)ctx));
        }
    }
    weir_status s = weir_call_batch_rest(rest, b);
    at = strlen(calls);
    snprintf(calls + at, sizeof calls - at, " %s>", (const char *)ctx);
    return s;
}

static void setup_refusing(weir_app *app, void *ctx)
{
    static char first[] = "b1", second[] = "a2";
    setup(app, ctx);
    weir_use(app, pass, NULL);
    weir_use_batch(app, refuse, first);
    weir_use_batch(app, refuse, second);
}

static void middleware_keeps_records_from_the_rest(void **state)
{
    (void)state;
    weir_test *t = begin_as(setup_refusing, CONFIG(""), 0, 0);
    orders(t, "a1 b1 c1 a2 d1");
    weir_test_run(t);
    assert_string_equal(calls, "<b1 <a2 | a1 c1 d1 a2> b1>");
    told(t, "a1 c1 d1");
    weir_expect_dead(t, "NOT_ALLOWED");
    weir_expect_dead(t, "NOT_ALLOWED");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

/* The one that is left has an answer: nobody else is called. */
static void the_rest_is_not_called_for_nothing(void **state)
{
    (void)state;
    weir_test *t = begin_as(setup_refusing, CONFIG(""), 0, 0);
    orders(t, "b1");
    weir_test_run(t);
    assert_string_equal(calls, "<b1 b1>");
    weir_expect_dead(t, "NOT_ALLOWED");
    assert_int_equal(weir_test_free(t), 0);
}

static void setup_needing_none(weir_app *app, void *ctx)
{
    setup(app, ctx);
    weir_use(app, pass, NULL);
    weir_use_batch(app, NULL, NULL);
}

static void none_may_be_meant(void **state)
{
    (void)state;
    weir_test *t = begin_as(setup_needing_none, CONFIG(""), 0, 0);
    orders(t, "a1 a2");
    weir_test_run(t);
    assert_string_equal(calls, "a1 a2");
    told(t, "a1 a2");
    assert_int_equal(weir_test_free(t), 0);
}

/* ---- With a transaction -------------------------------------------------------------------------
 */

static weir_status on_paid(weir_batch *b, void *ctx)
{
    weir_tx *tx = weir_tx_of(weir_batch_at(b, 0));
    char all[400];
    size_t at = 0;
    (void)ctx;
    for (size_t i = 0; i < weir_batch_count(b); i++) {
        weir_view n = name_of(weir_batch_at(b, i));
        weir_status s = answer_for(weir_batch_at(b, i), n);
        if (s) {
            weir_batch_answer(b, i, s);
        }
        at += (size_t)snprintf(all + at, sizeof all - at, "%s\"%.*s\"", i ? "," : "[", WEIR_ARG(n));
    }
    snprintf(all + at, sizeof all - at, "]");
    return weir_sql(tx, "insert into paid select value from json_each($1)", W_STR("all", all));
}

static void setup_tx(weir_app *app, void *ctx)
{
    static const char *const migrations[] = {"create table paid (n text primary key)"};
    (void)ctx;
    weir_migrations(app, "books", migrations, 1);
    weir_on(app, .topic = "orders", .batch = on_paid, .tx = "books");
}

/* One statement for all of them; what it has written goes with the one that fails. */
static void a_batch_has_one_transaction(void **state)
{
    (void)state;
    weir_test *t = begin_as(setup_tx, CONFIG(""), 0, 0);
    bad = "b1";
    orders(t, "a1 b1 c1");
    weir_test_run(t);
    told(t, "a1 c1");
    weir_expect_dead(t, "BAD");
    weir_expect_sql(t, "books", "select n from paid order by n", "[{\"n\":\"a1\"},{\"n\":\"c1\"}]");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

/* ---- Misuse -------------------------------------------------------------------------------------
 */

static weir_status answers_beyond(weir_batch *b, void *ctx)
{
    (void)ctx;
    weir_batch_answer(b, weir_batch_count(b), WEIR_OK);
    return WEIR_OK;
}

static weir_status defers(weir_batch *b, void *ctx)
{
    (void)ctx;
    weir_batch_answer(b, 0, weir_defer(weir_batch_at(b, 0), 0));
    return WEIR_OK;
}

static size_t came;

/* The first one stops the application, whatever becomes of the others. */
static weir_status stops(weir_batch *b, void *ctx)
{
    (void)ctx;
    came++;
    weir_batch_answer(b, 0, WEIR_FATAL);
    return WEIR_RETRY;
}

/* By its last message, and without a look at what comes of it. */
static weir_status misses_its_tx(weir_batch *b, void *ctx)
{
    (void)ctx;
    weir_sql(weir_tx_of(weir_batch_at(b, weir_batch_count(b) - 1)), "insert into paid values (1)");
    for (size_t i = 0; i < weir_batch_count(b); i++) {
        if (weir_emit(weir_batch_at(b, i), .type = "told", .fields = W_OBJECT(W_INT("n", 1)))) {
            return WEIR_FATAL;
        }
    }
    return WEIR_OK;
}

static weir_batch_fn *misusing;

static void setup_misuse(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .topic = "orders", .batch = misusing);
}

/* Each ends the application, none the process. */
static void misuse_is_told(void **state)
{
    (void)state;
    weir_batch_fn *const wrong[] = {answers_beyond, defers};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        misusing = wrong[i];
        weir_test *t = weir_test_new(CONFIG(""), setup_misuse, NULL);
        orders(t, "a1");
        weir_test_run(t);
        assert_int_not_equal(weir_test_free(t), 0);
    }
}

static void a_batch_is_not_called_again_behind_a_fatal_answer(void **state)
{
    (void)state;
    misusing = stops;
    came = 0;
    weir_test *t = weir_test_new(CONFIG(""), setup_misuse, NULL);
    orders(t, "a1 b1 a2 c1 c2");
    weir_test_run(t);
    assert_int_equal(came, 1);
    assert_int_not_equal(weir_test_free(t), 0);
}

/* None of it is done, as nothing of what it wrote is. */
static void a_batch_that_misses_its_transaction_does_nothing(void **state)
{
    (void)state;
    misusing = misses_its_tx;
    weir_test *t = weir_test_new(CONFIG(""), setup_misuse, NULL);
    orders(t, "a1 b1 c1");
    weir_test_run(t);
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 1); /* that it has stopped */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_there_comes_at_once),
        cmocka_unit_test(a_batch_has_a_bound),
        cmocka_unit_test(it_waits_for_more),
        cmocka_unit_test(another_handlers_record_is_not_overtaken),
        cmocka_unit_test(one_that_is_rejected_takes_no_other_key_with_it),
        cmocka_unit_test(one_that_is_tried_again_holds_up_its_key),
        cmocka_unit_test(a_batch_that_fails_is_halved),
        cmocka_unit_test(attempts_are_counted_of_the_one_at_fault),
        cmocka_unit_test(what_holds_is_not_halved),
        cmocka_unit_test(a_breaker_that_opens_stops_the_halving),
        cmocka_unit_test(emits_that_are_refused_bring_their_key_again),
        cmocka_unit_test(what_comes_again_while_it_is_gathered_is_dropped),
        cmocka_unit_test(parked_followers_are_in_no_batch),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(middleware_keeps_records_from_the_rest),
        cmocka_unit_test(the_rest_is_not_called_for_nothing),
        cmocka_unit_test(none_may_be_meant),
        cmocka_unit_test(a_batch_has_one_transaction),
        cmocka_unit_test(misuse_is_told),
        cmocka_unit_test(a_batch_that_misses_its_transaction_does_nothing),
        cmocka_unit_test(a_batch_is_not_called_again_behind_a_fatal_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
