/* Handlers with a transaction: the cases that every database must pass. Those of the relay are in
 * tx_relay_cases.h. */
#ifndef WEIR_TESTS_TX_CASES_H
#define WEIR_TESTS_TX_CASES_H

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

static weir_status tx_fail_at_1(app *a, weir_message *m)
{
    weir_status s = tx_pay(a, m);
    return s ? s : weir_record_offset(m) == 1 ? weir_reject(m, "NO", "not this one") : WEIR_OK;
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

/* ---- Migrations ---------------------------------------------------------------------------------
 */

/* Opens the inbox anew with these migrations, and lets one record come. */
static void tx_expect_migration(
    service *s, const char *const *migrations, size_t n, bool migrate, const char *code)
{
    weir_error err;
    weir_sql_session session;
    tx_close(s, true);
    tx_reopen(s, NULL);
    s->inbox.options.migrations = migrations;
    s->inbox.options.n_migrations = n;
    s->inbox.options.migrate = migrate;
    assert_int_equal(
        s->inbox.database.ops->session(s->inbox.database.self, &session, &err), WEIR_OK);
    weir_status st = weir_inbox_ready(&s->inbox, &session, &err);
    assert_int_equal(st, code ? WEIR_FATAL : WEIR_OK);
    if (code) {
        assert_string_equal(err.code, code);
    }
    session.ops->close(session.self);
}

static void test_migrations_go_forward_alone(void **state)
{
    (void)state;
    service s;
    const char *more[] = {tx_migrations[0], tx_migrations[1], tx_migrations[2],
        "create table later (n bigint)", "insert into later values (1)"};
    const char *changed[] = {tx_migrations[0], "create table payments (id text)"};
    const char *wrong[] = {
        more[0], more[1], more[2], more[3], more[4], "insert into later values ('x', 'y')"};
    tx_begin(&s, tx_pay);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    tx_expect_migration(&s, more, 5, false, "SQL_MIGRATION"); /* check: two are missing */
    tx_expect_migration(&s, more, 5, true, NULL);
    tx_expect_migration(&s, more, 5, false, NULL);
    assert_int_equal(tx_ask(&s, "select count(*) from later"), 1);
    tx_expect_migration(&s, more, 3, true, NULL); /* an older program beside the newer one */
    tx_expect_migration(&s, changed, 2, true, "SQL_MIGRATION");
    tx_expect_migration(&s, wrong, 6, true, "SQL_MIGRATION");
    assert_int_equal(tx_ask(&s, "select count(*) from weir_migrations"), 5);
    tx_end(&s);
}

/* What keeps tables and migrations from being made is no fault of the record that came first. */
static void test_a_migration_that_is_not_committed_rejects_no_record(void **state)
{
    static const weir_code codes[] = {WEIR_E_SQL_CONFLICT, WEIR_E_SQL_REFUSED};
    (void)state;
    for (int i = 0; i < 2; i++) {
        service s;
        tx_begin(&s, tx_pay);
        s.faulty.code = codes[i];
        s.fail_call = FAULTY_COMMIT;
        s.fail_way = FAULTY_BEFORE;
        s.fail_in = 0;
        tx_deliver(&s, 0, "k", "a");
        tx_run(&s);
        assert_int_equal(s.a.n_letters, 0);
        if (codes[i] == WEIR_E_SQL_REFUSED) {
            app_expect_failure(&s.a, "SQL_MIGRATION", "orders/0@0");
        } else {
            assert_int_equal(app_committed(&s.a), 1);
            assert_int_equal(s.a.calls[0].attempt, 1);
        }
        tx_end(&s);
    }
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
        cmocka_unit_test(test_what_was_done_before_a_failure_keeps_its_order),        \
        cmocka_unit_test(test_a_database_that_is_away_holds),                         \
        cmocka_unit_test(test_a_statement_that_got_no_answer_holds),                  \
        cmocka_unit_test(test_attempts_outlive_a_restart),                            \
        cmocka_unit_test(test_memory_runs_out_amid_a_transaction)

#endif
