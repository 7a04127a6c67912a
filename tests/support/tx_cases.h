/* Handlers with a transaction: the cases that every database must pass. Those of the relay are in
 * tx_relay_cases.h. */
#ifndef WEIR_TESTS_TX_CASES_H
#define WEIR_TESTS_TX_CASES_H

#include "support/tx_batch_cases.h"
#include "support/tx_blame_cases.h"
#include "support/tx_failure_cases.h"
#include "support/tx_migration_cases.h"
#include "support/tx_service.h"

/* ---- Cases --------------------------------------------------------------------------------------
 */

static void test_all_of_it_is_committed_together(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_pay);
    tx_deliver(&s, 0, "k", "a");
    tx_deliver(&s, 1, "k", "b");
    tx_run(&s);
    assert_int_equal(app_committed(&s.a), 2);
    assert_int_equal(tx_ask(&s, "select count(*) from payments where amount = '12.30'"), 2);
    assert_int_equal(tx_ask(&s, "select count(*) from weir_inbox where done = 1"), 2);
    assert_int_equal(tx_ask(&s, "select count(*) from weir_outbox"), 2);
    assert_int_equal(weir_memory_emitter_count(s.memory), 0);
    assert_true(s.committed > 0);
    tx_relay(&s);
    tx_expect_emit(&s, 0, "a/1");
    tx_expect_emit(&s, 1, "b/1");
    const weir_memory_emit *e = weir_memory_emitter_at(s.memory, 0);
    assert_string_equal(e->topic, "payments");
    assert_true(weir_view_is(e->key, "k") && weir_view_is(e->value, "{\"id\":\"a\"}"));
    assert_true(weir_view_eq(weir_memory_emit_header(e, "bytes"), weir_view_make("\xff\0", 2)));
    assert_true(weir_view_is(weir_memory_emit_header(e, "type"), "paid"));
    assert_int_equal(weir_relay_look(s.relay).relayed, 2);
    tx_relay(&s);
    assert_int_equal(weir_memory_emitter_count(s.memory), 2);
    assert_int_equal(weir_handlers_count(s.a.handlers).handled, 2);
    tx_end(&s);
}

static void test_what_comes_again_is_dropped(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_pay);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    tx_deliver(&s, 1, "k", "a");
    tx_deliver(&s, 2, "k", "b");
    tx_deliver(&s, 3, "other", "a");
    tx_run(&s);
    assert_int_equal(s.a.n_calls, 2);
    assert_int_equal(app_committed(&s.a), 4);
    assert_int_equal(weir_handlers_count(s.a.handlers).duplicates, 2);
    tx_relay(&s);
    assert_int_equal(weir_memory_emitter_count(s.memory), 2);
    tx_end(&s);
}

static void test_a_record_without_an_id_is_its_place_and_time(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, NULL);
    script_add(&s.a.script, (script_deed){.kind = SCRIPT_RECORD, .key = "k", .value = "{}"});
    tx_run(&s);
    assert_int_equal(tx_ask(&s, "select count(*) from weir_inbox where id like 'orders/0/0@%'"), 1);
    tx_deliver(&s, 1, "k", "\xff"); /* an id that is no text is none */
    tx_run(&s);
    assert_int_equal(tx_ask(&s, "select count(*) from weir_inbox where id like 'orders/0/1@%'"), 1);
    tx_end(&s);
}

static void test_a_failed_record_takes_back_its_own_alone(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_fail_at_1);
    tx_deliver(&s, 0, "k", "a");
    tx_deliver(&s, 1, "k", "b");
    tx_deliver(&s, 2, "k", "c");
    tx_run(&s);
    assert_int_equal(app_committed(&s.a), 3);
    assert_int_equal(s.a.n_letters, 1);
    assert_string_equal(s.a.letters[0].error.code, "NO");
    assert_int_equal(tx_ask(&s, "select count(*) from payments"), 2);
    assert_int_equal(tx_ask(&s, "select count(*) from payments where id = 'b'"), 0);
    tx_relay(&s);
    assert_int_equal(weir_memory_emitter_count(s.memory), 2);
    tx_expect_emit(&s, 1, "c/1");
    tx_end(&s);
}

static weir_status tx_same_id(app *a, weir_message *m)
{
    (void)a;
    weir_sql(weir_tx_of(m), "insert into payments (id) values ('same')");
    weir_sql(weir_tx_of(m), "delete from payments"); /* is not run behind a failure */
    return weir_emit(m, .type = "paid", .fields = W_OBJECT(W_INT("n", 1)));
}

static void test_a_refused_statement_rejects_whatever_its_handler_says(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_same_id);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    assert_int_equal(tx_ask(&s, "select count(*) from payments"), 0);
    tx_end(&s);
    tx_begin(&s, tx_pay);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    tx_deliver(&s, 1, "k", "b");
    s.a.handle = tx_same_id;
    tx_run(&s);
    s.a.handle = tx_pay;
    tx_deliver(&s, 200, "k", "c"); /* the check of n: RETRY, as the classes have it */
    tx_run(&s);
    assert_int_equal(s.a.calls[s.a.n_calls - 1].attempt, 4);
    assert_int_equal(s.a.n_letters, 1);
    assert_string_equal(s.a.letters[0].error.code, "SQL_REFUSED");
    assert_int_equal(s.a.letters[0].attempts, 4);
    tx_end(&s);
}

static weir_status tx_bad_sql(app *a, weir_message *m)
{
    (void)a;
    weir_sql(weir_tx_of(m), "insert into nowhere values ($1)", W_INT("n", 1));
    return WEIR_OK;
}

static void test_a_wrong_statement_stops_the_app(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_bad_sql);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    app_expect_failure(&s.a, "SQL_STATEMENT", "orders/0@0");
    assert_int_equal(app_committed(&s.a), 0);
    tx_end(&s);
}

static weir_status tx_ends_it(app *a, weir_message *m)
{
    (void)a;
    weir_sql(weir_tx_of(m), "insert into payments (id) values ('x')");
    return weir_sql(weir_tx_of(m), "commit");
}

static void test_a_handler_does_not_end_its_transaction(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_ends_it);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    weir_error err;
    assert_true(weir_engine_failure(&s.a.engine, &err));
    assert_string_equal(err.code, "SQL_STATEMENT");
    tx_end(&s);
}

static weir_status tx_writes_a_copy(app *a, weir_message *m)
{
    (void)a;
    weir_sql(weir_tx_of(m), "update users set name = 'x' where id = $1", W_INT("id", 7));
    return WEIR_OK;
}

static void test_a_copy_is_not_written(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_writes_a_copy);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    app_expect_failure(&s.a, "SQL_COPY", "orders/0@0");
    assert_int_equal(tx_ask(&s, "select count(*) from users where name = 'Ada'"), 1);
    tx_end(&s);
}

static weir_status tx_binds_no_text(app *a, weir_message *m)
{
    (void)a;
    return weir_sql(weir_tx_of(m), "insert into payments (id) values ($1)", W_STR("id", "\xff"));
}

static void test_a_text_that_is_none_is_refused(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_binds_no_text);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    assert_int_equal(s.a.n_letters, 1);
    assert_string_equal(s.a.letters[0].error.code, "SQL_REFUSED");
    assert_int_equal(app_committed(&s.a), 1);
    tx_end(&s);
}

static weir_status tx_reads(app *a, weir_message *m)
{
    (void)a;
    weir_tx *tx = weir_tx_of(m);
    weir_sql(tx,
        "insert into payments (id, amount, n, paid, data) values ($1, $2, $3, $4, $5), ('z', null, "
        "null, null, null)",
        W_STR("id", "q\"1"), W_NUMBER("amount", weir_view_of("1.50")), W_INT("n", -5),
        W_BOOL("paid", false), W_JSON("data", weir_view_of("{\"a\":[1]}")));
    assert_int_equal(weir_sql_affected(tx), 2);
    weir_reader row;
    weir_rows all = weir_query(tx, "select * from payments order by id");
    assert_true(weir_next_row(&all, &row));
    assert_true(weir_view_is(weir_text(&row, "id"), "q\"1"));
    assert_true(weir_view_is(weir_number(&row, "amount"), "1.50"));
    assert_int_equal(weir_int(&row, "n"), -5);
    assert_false(weir_bool(&row, "paid"));
    assert_int_equal(weir_read_end(&row), WEIR_OK);
    assert_true(weir_next_row(&all, &row));
    assert_true(weir_null(&row, "amount") && weir_null(&row, "n"));
    assert_false(weir_next_row(&all, &row));
    assert_int_equal(weir_rows_end(&all), WEIR_OK);
    weir_rows none = weir_query(tx, "select 1 as one from users where id = $1", W_INT("id", 8));
    assert_false(weir_next_row(&none, &row));
    assert_int_equal(weir_rows_end(&none), WEIR_OK);
    assert_int_equal(weir_sql_affected(tx), 0);
    weir_rows back =
        weir_query(tx, "update payments set n = 7 where id = 'z' returning n, id as \"the id\"");
    assert_true(weir_next_row(&back, &row));
    assert_int_equal(weir_int(&row, "n"), 7);
    assert_true(weir_view_is(weir_text(&row, "the id"), "z"));
    assert_int_equal(weir_sql_affected(tx), 1);
    return WEIR_OK;
}

static void test_rows_are_read_as_they_were_written(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_reads);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    assert_int_equal(app_committed(&s.a), 1);
    assert_int_equal(s.a.n_letters, 0);
    tx_end(&s);
}

/* 40 MB, of which 16 may be. */
static weir_status tx_asks_for_too_much(app *a, weir_message *m)
{
    static char text[100001];
    (void)a;
    memset(text, 'x', sizeof text - 1);
    weir_rows rows = weir_query(weir_tx_of(m),
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 400) select i, "
        "cast($1 as text) as t from n",
        W_STR("t", text));
    assert_int_equal(weir_rows_end(&rows), WEIR_REJECT);
    return weir_rows_end(&rows);
}

static void test_an_answer_is_bounded(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_asks_for_too_much);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    s.a.handle = tx_pay;
    tx_deliver(&s, 1, "k", "b");
    tx_run(&s);
    assert_int_equal(s.a.n_letters, 1);
    assert_string_equal(s.a.letters[0].error.code, "TOO_LARGE");
    assert_int_equal(tx_ask(&s, "select count(*) from payments"), 1);
    tx_end(&s);
}

static weir_status tx_defers(app *a, weir_message *m)
{
    (void)a;
    return weir_defer(m, 0);
}

static void test_such_a_handler_does_not_defer(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_defers);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    app_expect_failure(&s.a, "HANDLER_STATUS", "orders/0@0");
    tx_end(&s);
}

static weir_status tx_settles(app *a, weir_message *m)
{
    weir_status s = tx_pay(a, m);
    weir_settle(m, WEIR_OK);
    return s;
}

static void test_such_a_handler_does_not_settle(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_settles);
    tx_deliver(&s, 0, "k", "a");
    tx_deliver(&s, 1, "k", "b");
    tx_run(&s);
    app_expect_failure(&s.a, "HANDLER_STATUS", "orders/0@0");
    tx_end(&s);
}

static weir_status tx_fails_but_a(app *a, weir_message *m)
{
    return weir_view_is(weir_id(m), "a") ? tx_pay(a, m) : weir_retry(m, 100000, "down");
}

/* A record that is dropped has asked nobody: its breaker hears nothing of it. */
static void test_a_duplicate_says_nothing_of_a_dependency(void **state)
{
    (void)state;
    service s;
    weir_breaker b;
    weir_breaker_init(&b, &(weir_breaker_rule){"provider", 2, 1000, 30000});
    tx_begin(&s, tx_fails_but_a);
    s.a.routes[0].breaker = &b;
    tx_deliver(&s, 0, "k", "a");
    (void)app_run(&s.a);
    tx_deliver(&s, 1, "l", "b");
    (void)app_run(&s.a);
    tx_deliver(&s, 2, "k", "a");
    (void)app_run(&s.a);
    assert_int_equal(weir_handlers_count(s.a.handlers).duplicates, 1);
    tx_deliver(&s, 3, "n", "c");
    (void)app_run(&s.a);
    assert_int_equal(weir_breaker_look(&b).state, WEIR_BREAKER_OPEN);
    tx_end(&s);
    weir_breaker_fini(&b);
}

static weir_status tx_sees_a_transaction(app *a, weir_message *m)
{
    const weir_tx *tx = weir_tx_of(m);
    bool slow = m->route == &a->routes[1];
    bool *seen = a->kept_flag;
    *seen |= slow && tx->begun; /* it would stay open for as long as this one takes */
    a->now_ms += slow ? 50 : 0;
    return WEIR_OK;
}

/* The handler of the fourth record is slow, which nobody knows before; the sixth is the next of it.
 */
static void test_no_transaction_is_open_before_a_slow_handler(void **state)
{
    (void)state;
    service s;
    bool seen = false;
    tx_begin(&s, tx_sees_a_transaction);
    s.a.kept_flag = &seen;
    s.a.routes[1] = s.a.routes[0];
    s.a.routes[1].inbox_name = "test/slow";
    s.a.routes[0].where = W_OBJECT(W_STR("speed", "fast"));
    s.a.topic.n_routes = 2;
    for (int64_t i = 0; i < 8; i++) {
        script_add(&s.a.script,
            (script_deed){.kind = SCRIPT_RECORD,
                .offset = i,
                .key = "k",
                .value = i == 3 || i == 5 ? "{\"speed\":\"slow\"}" : "{\"speed\":\"fast\"}"});
    }
    tx_run(&s);
    assert_int_equal(app_committed(&s.a), 8);
    assert_false(seen);
    tx_end(&s);
}

#define TX_CASES                                                                      \
    cmocka_unit_test(test_all_of_it_is_committed_together),                           \
        cmocka_unit_test(test_what_comes_again_is_dropped),                           \
        cmocka_unit_test(test_a_record_without_an_id_is_its_place_and_time),          \
        cmocka_unit_test(test_a_failed_record_takes_back_its_own_alone),              \
        cmocka_unit_test(test_a_refused_statement_rejects_whatever_its_handler_says), \
        cmocka_unit_test(test_a_wrong_statement_stops_the_app),                       \
        cmocka_unit_test(test_a_handler_does_not_end_its_transaction),                \
        cmocka_unit_test(test_a_copy_is_not_written),                                 \
        cmocka_unit_test(test_a_text_that_is_none_is_refused),                        \
        cmocka_unit_test(test_rows_are_read_as_they_were_written),                    \
        cmocka_unit_test(test_an_answer_is_bounded),                                  \
        cmocka_unit_test(test_migrations_go_forward_alone),                           \
        cmocka_unit_test(test_a_migration_that_is_not_committed_rejects_no_record),   \
        cmocka_unit_test(test_such_a_handler_does_not_defer),                         \
        cmocka_unit_test(test_such_a_handler_does_not_settle),                        \
        cmocka_unit_test(test_a_duplicate_says_nothing_of_a_dependency),              \
        cmocka_unit_test(test_no_transaction_is_open_before_a_slow_handler),          \
        cmocka_unit_test(test_a_failed_commit_is_handled_again_one_by_one),           \
        cmocka_unit_test(test_a_database_that_does_not_answer_is_left_alone),         \
        cmocka_unit_test(test_what_was_done_before_a_failure_keeps_its_order),        \
        cmocka_unit_test(test_a_database_that_is_away_holds),                         \
        cmocka_unit_test(test_a_statement_that_got_no_answer_holds),                  \
        cmocka_unit_test(test_attempts_outlive_a_restart),                            \
        cmocka_unit_test(test_memory_runs_out_amid_a_transaction), TX_BATCH_CASES, TX_BLAME_CASES

#endif
