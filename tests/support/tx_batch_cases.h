/* Of tx_cases.h: batches with a transaction. */
#ifndef WEIR_TESTS_TX_BATCH_CASES_H
#define WEIR_TESTS_TX_BATCH_CASES_H

#include <weir/batch.h>

#include "support/tx_service.h"

static long tx_allocation_step = 1; /* not each one of a database that takes its time to be made */

/* The batches in which records came: their ids, "a b | c". */
static char tx_batches[400];
/* For the handler: answered for with REJECT; with RETRY at the first attempt; refused by the
 * database. NULL: none. */
static const char *tx_bad, *tx_flaky, *tx_refused;
static void (*tx_before)(service *s); /* done once, in the next call, before its statements */
static service *tx_service_of_batch;

static weir_status tx_pay_one(weir_tx *tx, weir_message *m)
{
    weir_view id = weir_id(m);
    int64_t n = tx_refused && weir_view_is(id, tx_refused) ? 200 : 1; /* the check of n */
    weir_sql(tx, "insert into payments (id, n) values ($1, $2)", W_TEXT("id", id), W_INT("n", n));
    if (tx_bad && weir_view_is(id, tx_bad)) {
        return weir_reject(m, "NO", "not this one");
    }
    if (tx_flaky && weir_view_is(id, tx_flaky) && weir_attempt(m) == 1) {
        return weir_retry(m, 0, "not at once");
    }
    return weir_emit(m, .type = "paid", .fields = W_OBJECT(W_TEXT("id", id)));
}

static weir_status tx_pay_all(weir_batch *b, void *ctx)
{
    size_t at = strlen(tx_batches);
    at += (size_t)snprintf(tx_batches + at, sizeof tx_batches - at, "%s", at ? " |" : "");
    (void)ctx;
    if (tx_before) {
        tx_before(tx_service_of_batch);
        tx_before = NULL;
    }
    for (size_t i = 0; i < weir_batch_count(b); i++) {
        weir_message *m = weir_batch_at(b, i);
        at += (size_t)snprintf(
            tx_batches + at, sizeof tx_batches - at, "%s%.*s", at ? " " : "", WEIR_ARG(weir_id(m)));
        weir_status s = tx_pay_one(weir_tx_of(m), m);
        if (s) {
            weir_batch_answer(b, i, s);
        }
    }
    return WEIR_OK;
}

static void tx_begin_batches(service *s)
{
    tx_batches[0] = '\0';
    tx_bad = tx_flaky = tx_refused = NULL;
    tx_before = NULL;
    tx_service_of_batch = s;
    tx_batch = tx_pay_all;
    tx_begin(s, NULL);
}

static void tx_end_batches(service *s)
{
    tx_batch = NULL;
    tx_end(s);
}

/* "ka kb": of the key k with the ids a and b; the script keeps the texts. */
static void tx_deliver_all(service *s, int64_t first, const char *all)
{
    static char texts[256][4];
    static size_t n;
    for (const char *at = all; *at; at += at[2] ? 3 : 2) {
        char *text = texts[n++ % 256];
        text[0] = at[0];
        text[2] = at[1];
        tx_deliver(s, first++, text, text + 2);
    }
}

static void tx_expect_paid(service *s, int64_t n)
{
    assert_int_equal(tx_ask(s, "select count(*) from payments"), n);
    assert_int_equal(tx_ask(s, "select count(*) from weir_inbox where done = 1"), n);
    tx_relay(s);
    assert_int_equal(weir_memory_emitter_count(s->memory), n);
}

static void test_a_batch_is_committed_together(void **state)
{
    (void)state;
    service s;
    tx_begin_batches(&s);
    tx_deliver_all(&s, 0, "ka kb kc");
    tx_run(&s);
    assert_string_equal(tx_batches, "a b c");
    assert_int_equal(app_committed(&s.a), 3);
    assert_int_equal(s.committed, 1);
    assert_int_equal(weir_handlers_count(s.a.handlers).handled, 3);
    tx_expect_paid(&s, 3);
    tx_expect_emit(&s, 2, "c/1");
    tx_end_batches(&s);
}

/* What it has written goes, too; the others' is written by another call, once. */
static void test_one_of_a_batch_that_fails_is_left_out(void **state)
{
    (void)state;
    service s;
    tx_begin_batches(&s);
    tx_bad = "b";
    tx_deliver_all(&s, 0, "ka kb kc");
    tx_run(&s);
    assert_string_equal(tx_batches, "a b c | a | c"); /* c is behind b, whose letter comes first */
    assert_int_equal(app_committed(&s.a), 3);
    assert_int_equal(s.a.n_letters, 1);
    assert_string_equal(s.a.letters[0].error.code, "NO");
    tx_expect_paid(&s, 2);
    tx_end_batches(&s);
}

static void test_one_of_a_batch_that_is_tried_again_holds_up_its_key(void **state)
{
    (void)state;
    service s;
    tx_begin_batches(&s);
    tx_flaky = "b";
    tx_deliver_all(&s, 0, "ka kb kc");
    tx_run(&s);
    assert_string_equal(tx_batches, "a b c | a | b | c");
    assert_int_equal(app_committed(&s.a), 3);
    tx_expect_paid(&s, 3);
    tx_end_batches(&s);
}

/* Nobody says which: the batch is halved until it is alone, and each attempt of it counts. */
static void test_one_of_a_batch_that_is_refused_is_found(void **state)
{
    (void)state;
    service s;
    tx_begin_batches(&s);
    tx_refused = "c"; /* RETRY, as the classes have it */
    tx_deliver_all(&s, 0, "ka kb kc kd");
    tx_run(&s);
    assert_string_equal(tx_batches, "a b c d | a b | c d | c | c | c | c | d");
    assert_int_equal(s.a.n_letters, 1);
    assert_int_equal(s.a.letters[0].attempts, 4);
    assert_int_equal(app_committed(&s.a), 4);
    tx_expect_paid(&s, 3);
    tx_end_batches(&s);
}

/* Those of before, and those that stand in one batch. */
static void test_duplicates_are_in_no_batch(void **state)
{
    (void)state;
    service s;
    tx_begin_batches(&s);
    tx_deliver_all(&s, 0, "ka kb");
    tx_run(&s);
    tx_deliver_all(&s, 2, "kb kc ka kd kc ke");
    tx_run(&s);
    assert_string_equal(tx_batches, "a b | c d | e");
    assert_int_equal(app_committed(&s.a), 8);
    assert_int_equal(weir_handlers_count(s.a.handlers).duplicates, 3);
    assert_int_equal(weir_handlers_count(s.a.handlers).handled, 5);
    tx_expect_paid(&s, 5);
    tx_end_batches(&s);
}

static void tx_another_instance(service *s)
{
    weir_sql_session session;
    weir_sql_database db = s->faulty.inner;
    weir_error err;
    assert_int_equal(db.ops->session(db.self, &session, &err), WEIR_OK);
    assert_int_equal(session.ops->exec(session.self,
                         "insert into weir_inbox (handler, id, done, attempts, at_ms) values "
                         "('test/orders', 'b', 1, 0, 1700000000000)",
                         NULL, NULL, &err),
        WEIR_OK);
    session.ops->close(session.self);
}

static void test_another_instance_is_faster_with_one_of_a_batch(void **state)
{
    (void)state;
    service s;
    tx_begin_batches(&s);
    tx_before = tx_another_instance;
    tx_deliver_all(&s, 0, "ka kb kc");
    tx_run(&s);
    assert_string_equal(tx_batches, "a b c | a c");
    assert_int_equal(app_committed(&s.a), 3);
    assert_int_equal(weir_handlers_count(s.a.handlers).duplicates, 1);
    assert_int_equal(tx_ask(&s, "select count(*) from payments"), 2);
    tx_end_batches(&s);
}

/* Whether it was done or not: they come again, and are done once. */
static void test_a_batchs_commit_that_is_not_answered(void **state)
{
    static const faulty_way ways[] = {FAULTY_BEFORE, FAULTY_AFTER};
    (void)state;
    for (int i = 0; i < 2; i++) {
        service s;
        tx_begin_batches(&s);
        tx_deliver_all(&s, 0, "ka");
        tx_run(&s);
        s.fail_call = FAULTY_COMMIT;
        s.fail_way = ways[i];
        s.fail_in = 0;
        tx_deliver_all(&s, 1, "kb kc kd");
        tx_run(&s);
        bool lost = ways[i] == FAULTY_BEFORE;
        assert_string_equal(tx_batches, lost ? "a | b c d | b | c | d" : "a | b c d");
        assert_int_equal(app_committed(&s.a), 4);
        assert_int_equal(weir_handlers_count(s.a.handlers).duplicates, lost ? 0 : 3);
        assert_int_equal(
            weir_handlers_count(s.a.handlers).held, 1); /* those behind it wait for it */
        tx_expect_paid(&s, 4);
        tx_end_batches(&s);
    }
}

static void test_a_batch_whose_database_is_away_holds(void **state)
{
    (void)state;
    service s;
    tx_begin_batches(&s);
    s.dead = true;
    tx_deliver_all(&s, 0, "ka kb");
    tx_run(&s);
    assert_string_equal(tx_batches, "");
    s.dead = false;
    s.a.now_ms += 60000;
    tx_run(&s);
    assert_string_equal(tx_batches, "a | b");
    assert_int_equal(s.a.n_letters, 0);
    tx_expect_paid(&s, 2);
    tx_end_batches(&s);
}

/* It goes away in the middle, at each statement in turn, and the handler rejects what it could not
 * write. */
static weir_status tx_maps_all_wrongly(weir_batch *b, void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < weir_batch_count(b); i++) {
        weir_message *m = weir_batch_at(b, i);
        if (tx_pay_one(weir_tx_of(m), m) || weir_sql(weir_tx_of(m), "update payments set n = 1")) {
            weir_batch_answer(b, i, weir_reject(m, "WRONG", "everything is a reject to me"));
        }
    }
    return WEIR_OK;
}

static void test_a_batchs_statement_that_got_no_answer_holds(void **state)
{
    static const char *const batches[] = {"ka kb", "kc kd", "ke kf", "kg kh", "ki kj", "kk kl",
        "km kn", "ko kp", "kq kr", "ks kt", "ku kv", "kw kx", "ky kz"};
    size_t n = sizeof batches / sizeof *batches, failures = 0;
    (void)state;
    service s;
    tx_begin_batches(&s);
    s.a.routes[0].batch = tx_maps_all_wrongly;
    s.fail_call = FAULTY_EXEC;
    s.fail_way = FAULTY_BEFORE;
    for (size_t at = 0; at < n; at++) {
        s.fail_in = (int)at;
        tx_deliver_all(&s, (int64_t)at * 2, batches[at]);
        tx_run(&s);
        failures += s.fail_in < 0;
    }
    assert_true(failures >= 8); /* look, enter, and three for each record */
    assert_int_equal(s.a.n_letters, 0);
    assert_int_equal(app_committed(&s.a), n * 2);
    s.fail_in = -1;
    tx_expect_paid(&s, (int64_t)n * 2);
    tx_end_batches(&s);
}

static void test_attempts_of_a_batch_outlive_a_restart(void **state)
{
    (void)state;
    service s;
    tx_begin_batches(&s);
    tx_flaky = "b";
    tx_deliver_all(&s, 0, "ka jb");
    (void)app_run(&s.a);
    assert_int_equal(tx_ask(&s, "select attempts from weir_inbox where done = 0"), 1);
    tx_close(&s, true);
    tx_reopen(&s, NULL);
    tx_deliver_all(&s, 0, "ka jb");
    tx_run(&s);
    assert_int_equal(app_committed(&s.a), 2);
    assert_int_equal(s.a.n_letters, 0);
    assert_int_equal(tx_ask(&s, "select count(*) from payments"), 2);
    assert_int_equal(weir_handlers_count(s.a.handlers).retried, 0); /* it was the second attempt */
    tx_end_batches(&s);
}

static void test_memory_runs_out_amid_a_batch(void **state)
{
    (void)state;
    for (long n = 1; n < 80; n += tx_allocation_step) {
        service s;
        weir_error err;
        tx_begin_batches(&s);
        tx_deliver_all(&s, 0, "ka kb");
        weir_alloc_fail_at(n, 0);
        tx_run(&s);
        tx_relay(&s);
        weir_alloc_fail_at(0, 0);
        for (int i = 0; i < 3; i++) {
            tx_run(&s);
            s.a.now_ms += 1000;
        }
        if (weir_engine_failure(&s.a.engine, &err)) {
            assert_string_equal(err.code, "OUT_OF_MEMORY");
        } else {
            assert_int_equal(app_committed(&s.a), 2);
            assert_int_equal(s.a.n_letters, 0);
            assert_int_equal(tx_ask(&s, "select count(*) from payments"), 2);
        }
        tx_end_batches(&s);
    }
}

/* Nothing more can come: a drain does not wait for it. */
static void test_a_batch_waits_for_nothing_once_the_application_stops(void **state)
{
    (void)state;
    service s;
    tx_begin_batches(&s);
    s.a.routes[0].batch_wait_ms = 60000;
    tx_deliver_all(&s, 0, "ka kb");
    tx_run(&s);
    assert_string_equal(tx_batches, "");
    weir_engine_stop_taking(&s.a.engine);
    (void)app_run(&s.a);
    assert_string_equal(tx_batches, "a b");
    assert_true(weir_engine_idle(&s.a.engine));
    tx_end_batches(&s);
}

#define TX_BATCH_CASES                                                               \
    cmocka_unit_test(test_a_batch_is_committed_together),                            \
        cmocka_unit_test(test_one_of_a_batch_that_fails_is_left_out),                \
        cmocka_unit_test(test_one_of_a_batch_that_is_tried_again_holds_up_its_key),  \
        cmocka_unit_test(test_one_of_a_batch_that_is_refused_is_found),              \
        cmocka_unit_test(test_duplicates_are_in_no_batch),                           \
        cmocka_unit_test(test_another_instance_is_faster_with_one_of_a_batch),       \
        cmocka_unit_test(test_a_batchs_commit_that_is_not_answered),                 \
        cmocka_unit_test(test_a_batch_whose_database_is_away_holds),                 \
        cmocka_unit_test(test_a_batchs_statement_that_got_no_answer_holds),          \
        cmocka_unit_test(test_attempts_of_a_batch_outlive_a_restart),                \
        cmocka_unit_test(test_a_batch_waits_for_nothing_once_the_application_stops), \
        cmocka_unit_test(test_memory_runs_out_amid_a_batch)

#endif
