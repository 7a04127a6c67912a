/* Of tx_cases.h: batches with a transaction whose handler says what became of each statement. Of a
 * statement that fails behind another one it cannot know. */
#ifndef WEIR_TESTS_TX_BLAME_CASES_H
#define WEIR_TESTS_TX_BLAME_CASES_H

#include "service/handler_lane.h"
#include "support/tx_batch_cases.h"

typedef enum tx_answer {
    TX_ITS_STATUS, /* for each record what its statement has come to */
    TX_REJECTED,   /* the same, and any failure is a REJECT to it */
    TX_FIRST,      /* for the first that fails, and no other is looked at */
    TX_BEFORE, /* the refused one is rejected before its statements are made, with those of all */
    TX_FATAL,  /* the refused one stops the application */
} tx_answer;
static tx_answer tx_answers;

/* The row of the refused one is there when it is written again. */
static weir_status tx_write_one(weir_message *m)
{
    weir_view id = weir_id(m);
    weir_status s =
        weir_sql(weir_tx_of(m), "insert into payments (id, n) values ($1, 1)", W_TEXT("id", id));
    if (!s && tx_refused && weir_view_is(id, tx_refused)) {
        s = weir_sql(
            weir_tx_of(m), "insert into payments (id, n) values ($1, 2)", W_TEXT("id", id));
    }
    return s;
}

static void tx_say_before(weir_batch *b)
{
    for (size_t i = 0; i < weir_batch_count(b); i++) {
        weir_message *m = weir_batch_at(b, i);
        bool refused = tx_refused && weir_view_is(weir_id(m), tx_refused);
        if (refused && tx_answers == TX_BEFORE) {
            weir_batch_answer(b, i, weir_reject(m, "NO", "not this one"));
        } else if (refused && tx_answers == TX_FATAL) {
            weir_batch_answer(b, i, WEIR_FATAL);
        }
    }
}

static weir_status tx_write_all(weir_batch *b, void *ctx)
{
    size_t at = strlen(tx_batches);
    at += (size_t)snprintf(tx_batches + at, sizeof tx_batches - at, "%s", at ? " |" : "");
    (void)ctx;
    if (tx_before) {
        tx_before(tx_service_of_batch);
        tx_before = NULL;
    }
    tx_say_before(b);
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < weir_batch_count(b) && !(s && tx_answers == TX_FIRST); i++) {
        weir_message *m = weir_batch_at(b, i);
        at += (size_t)snprintf(
            tx_batches + at, sizeof tx_batches - at, "%s%.*s", at ? " " : "", WEIR_ARG(weir_id(m)));
        s = tx_write_one(m);
        weir_status emitted =
            s ? s : weir_emit(m, .type = "paid", .fields = W_OBJECT(W_TEXT("id", weir_id(m))));
        if (emitted && tx_answers <= TX_FIRST) {
            bool rejects = s && tx_answers == TX_REJECTED;
            weir_batch_answer(
                b, i, rejects ? weir_reject(m, "WRONG", "it was not written") : emitted);
        }
    }
    return tx_answers > TX_FIRST ? s : WEIR_OK;
}

static void tx_begin_blames(service *s, tx_answer answers)
{
    tx_begin_batches(s);
    s->a.routes[0].batch = tx_write_all;
    tx_answers = answers;
}

/* Of the three it is `b` that is refused, whatever its handler makes of that. */
static void test_a_refused_statement_is_one_records_alone(void **state)
{
    static const struct {
        tx_answer answers;
        const char *code, *batches;
    } cases[] = {
        {TX_ITS_STATUS, "SQL_REFUSED", "a b c | a | b c | b | c"},
        {TX_REJECTED, "WRONG", "a b c | a | b c | b | c"},
        {TX_FIRST, "SQL_REFUSED", "a b | a | b | b | c"},
        {TX_BEFORE, "NO", "a b c | a c"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        service s;
        tx_begin_blames(&s, cases[i].answers);
        tx_refused = "b";
        tx_deliver_all(&s, 0, "ka lb mc");
        tx_run(&s);
        assert_string_equal(tx_batches, cases[i].batches);
        assert_int_equal(s.a.n_letters, 1);
        assert_string_equal(s.a.letters[0].error.code, cases[i].code);
        assert_int_equal(app_committed(&s.a), 3);
        tx_expect_paid(&s, 2);
        tx_end_batches(&s);
    }
}

/* What the handler has said of a conflict with it is of no record that is left. */
static void test_another_instances_record_blames_none(void **state)
{
    (void)state;
    for (tx_answer answers = TX_ITS_STATUS; answers <= TX_FIRST; answers++) {
        service s;
        tx_begin_blames(&s, answers);
        tx_before = tx_another_instance;
        tx_deliver_all(&s, 0, "ka lb mc");
        tx_run(&s);
        assert_int_equal(s.a.n_letters, 0);
        assert_int_equal(app_committed(&s.a), 3);
        assert_int_equal(weir_handlers_count(s.a.handlers).duplicates, 1);
        assert_int_equal(weir_handlers_count(s.a.handlers).retried, 0);
        assert_int_equal(tx_ask(&s, "select count(*) from payments"), 2);
        tx_end_batches(&s);
    }
}

/* Nothing more is begun then. */
static void test_a_batch_is_not_called_again_behind_a_fatal_answer(void **state)
{
    (void)state;
    service s;
    tx_begin_blames(&s, TX_FATAL);
    tx_refused = "b";
    tx_deliver_all(&s, 0, "ka lb mc");
    tx_run(&s);
    assert_string_equal(tx_batches, "a b c");
    assert_true(weir_engine_failed(&s.a.engine));
    assert_int_equal(s.a.n_letters, 0);
    tx_expect_paid(&s, 0);
    tx_end_batches(&s);
}

/* The partition is taken away while the handler is in its first call. */
static weir_status tx_loses_its_partition(weir_batch *b, void *ctx)
{
    (void)ctx;
    tx_batches[0]++;
    atomic_store(&weir_batch_at(b, 0)->record->partition->revoked, true);
    return WEIR_RETRY;
}

static void test_a_batch_is_not_called_again_for_a_partition_that_is_gone(void **state)
{
    (void)state;
    service s;
    tx_begin_batches(&s);
    s.a.routes[0].batch = tx_loses_its_partition;
    tx_deliver_all(&s, 0, "ka kb lc ld me");
    tx_run(&s);
    assert_int_equal(tx_batches[0], 1);
    assert_int_equal(s.a.n_letters, 0);
    assert_int_equal(weir_handlers_count(s.a.handlers).retried, 0);
    tx_end_batches(&s); /* and none of them is left */
}

/* Of several it refuses the first one; then there is no memory for a list of the others. */
static weir_status tx_refuse_in_want(weir_batch *b, const weir_rest *rest, void *ctx)
{
    (void)ctx;
    weir_message *m = weir_batch_at(b, 0);
    if (weir_batch_count(b) < 3) {
        return weir_call_batch_rest(rest, b);
    }
    weir_batch_answer(b, 0, weir_reject(m, "NOT_ALLOWED", "the first one"));
    weir_alloc_fail_at(1, 1);
    while (weir_arena_alloc(&m->arena, 1)) {
    }
    weir_status s = weir_call_batch_rest(rest, b);
    weir_alloc_fail_at(0, 0);
    m->arena.failed = false;
    assert_int_equal(s, WEIR_RETRY);
    return s;
}

static void test_want_of_memory_is_no_reason_of_one_that_is_answered_for(void **state)
{
    static const weir_batch_middleware around = {tx_refuse_in_want, NULL};
    (void)state;
    service s;
    tx_begin_batches(&s);
    s.a.handlers->options.batch_middleware = &around;
    s.a.handlers->options.n_batch_middleware = 1;
    tx_deliver_all(&s, 0, "ka lb mc");
    tx_run(&s);
    assert_int_equal(s.a.n_letters, 1);
    assert_string_equal(s.a.letters[0].error.code, "NOT_ALLOWED");
    assert_int_equal(weir_handlers_count(s.a.handlers).retried, 0);
    tx_expect_paid(&s, 2);
    tx_end_batches(&s);
}

/* Whenever that is, and whatever the handler makes of it: `b` alone is rejected, and `d` is there
 * once. */
static void test_memory_runs_out_while_a_statement_is_refused(void **state)
{
    (void)state;
    for (long n = 1; n < 160; n += tx_allocation_step) {
        service s;
        weir_error err;
        tx_begin_blames(&s, (tx_answer)(n % 3));
        tx_refused = "b";
        tx_deliver_all(&s, 0, "ka lb mc kd");
        weir_alloc_fail_at(n, 0);
        tx_run(&s);
        weir_alloc_fail_at(0, 0);
        for (int i = 0; i < 3; i++) {
            s.a.now_ms += 1000;
            tx_run(&s);
        }
        if (weir_engine_failure(&s.a.engine, &err)) {
            assert_string_equal(err.code, "OUT_OF_MEMORY");
        } else {
            assert_int_equal(app_committed(&s.a), 4);
            assert_int_equal(s.a.n_letters, 1);
            assert_string_equal(s.a.letters[0].key, "l");
            tx_expect_paid(&s, 3);
        }
        tx_end_batches(&s);
    }
}

/* At its so many-th allocation the next query fails, and its handler rejects whatever fails. */
static long tx_fails_at;

static weir_status tx_asks_in_want(app *a, weir_message *m)
{
    (void)a;
    weir_tx *tx = weir_tx_of(m);
    weir_sql(tx, "insert into payments (id, n) values ($1, 1)", W_TEXT("id", weir_id(m)));
    weir_alloc_fail_at(tx_fails_at, 0);
    tx_fails_at = 0;
    weir_rows rows = weir_query(tx, "select name from users");
    weir_alloc_fail_at(0, 0);
    return weir_rows_end(&rows) ? weir_reject(m, "WRONG", "it was not read") : WEIR_OK;
}

static weir_status tx_asks_for_all(weir_batch *b, void *ctx)
{
    for (size_t i = 0; i < weir_batch_count(b); i++) {
        weir_status s = tx_asks_in_want(ctx, weir_batch_at(b, i));
        if (s) {
            weir_batch_answer(b, i, s);
        }
    }
    return WEIR_OK;
}

static void test_a_query_in_want_of_memory_rejects_nothing(void **state)
{
    (void)state;
    for (int n = 0; n < 12; n++) {
        service s;
        tx_batch = n % 2 ? tx_asks_for_all : NULL;
        tx_begin(&s, tx_asks_in_want);
        tx_fails_at = n / 2 + 1;
        tx_deliver_all(&s, 0, "ka lb");
        tx_run(&s);
        tx_run(&s);
        assert_int_equal(s.a.n_letters, 0);
        assert_int_equal(weir_handlers_count(s.a.handlers).retried, 0);
        assert_int_equal(app_committed(&s.a), 2);
        assert_int_equal(tx_ask(&s, "select count(*) from payments"), 2);
        tx_end_batches(&s);
    }
}

#define TX_BLAME_CASES                                                                   \
    cmocka_unit_test(test_a_refused_statement_is_one_records_alone),                     \
        cmocka_unit_test(test_another_instances_record_blames_none),                     \
        cmocka_unit_test(test_a_batch_is_not_called_again_behind_a_fatal_answer),        \
        cmocka_unit_test(test_a_batch_is_not_called_again_for_a_partition_that_is_gone), \
        cmocka_unit_test(test_memory_runs_out_while_a_statement_is_refused),             \
        cmocka_unit_test(test_a_query_in_want_of_memory_rejects_nothing),                \
        cmocka_unit_test(test_want_of_memory_is_no_reason_of_one_that_is_answered_for)

#endif
