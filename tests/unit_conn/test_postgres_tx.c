/* Handlers with a transaction in PostgreSQL, and what only several sessions can show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "postgres/postgres_tx.h"
#include "support/tx_cases.h"
#include "support/tx_relay_cases.h"

static const char *conninfo;
static int64_t partition_rows;

static void do_sql(PGconn *c, const char *sql)
{
    PGresult *r = PQexec(c, sql);
    if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK) {
        fail_msg("%s: %s", sql, PQresultErrorMessage(r));
    }
    PQclear(r);
}

static PGconn *dial(void)
{
    PGconn *c = PQconnectdb(conninfo);
    assert_int_equal(PQstatus(c), CONNECTION_OK);
    return c;
}

static weir_sql_database open_database(const weir_sql_options *o)
{
    weir_sql_database db;
    PGconn *c = dial();
    do_sql(c, "set client_min_messages = error; drop schema public cascade; create schema public");
    PQfinish(c);
    weir_postgres_tx_options options = {
        .conninfo = conninfo, .sql = *o, .partition_rows = partition_rows};
    assert_int_equal(weir_postgres_tx_open(&options, &db, NULL), WEIR_OK);
    return db;
}

/* ---- Numbers that are jumped over ---------------------------------------------------------------
 */

#define ROW "insert into weir_outbox (topic, key, value, headers, at_ms) values ('news', 'k', "

/* Two transactions commit in another order than they took their numbers, and a third gives up. */
static void test_a_number_that_comes_late_is_not_lost(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_pay);
    tx_relay(&s);
    PGconn *first = dial(), *second = dial(), *third = dial();
    do_sql(first, "begin; insert into weir_inbox values ('h', '1', 1, 0, 0); " ROW
                  "'1', '[[\"id\",\"first\"]]', 1)");
    do_sql(second, "begin; " ROW "'x', '[]', 1); rollback");
    do_sql(third, ROW "'3', '[[\"id\",\"third\"]]', 1)");
    s.a.now_ms += 200;
    tx_relay(&s);
    assert_int_equal(weir_memory_emitter_count(s.memory), 1);
    tx_expect_emit(&s, 0, "third");
    assert_int_equal(tx_ask(&s, "select up_to from weir_outbox_sent"), 0);
    for (int i = 0; i < 5; i++) { /* it is not sent again meanwhile */
        s.a.now_ms += 200;
        tx_relay(&s);
    }
    assert_int_equal(weir_memory_emitter_count(s.memory), 1);
    do_sql(first, "commit");
    for (int i = 0; i < 3; i++) {
        s.a.now_ms += 200;
        tx_relay(&s);
    }
    assert_int_equal(weir_memory_emitter_count(s.memory), 2);
    tx_expect_emit(&s, 1, "first");
    assert_int_equal(tx_ask(&s, "select up_to from weir_outbox_sent"), 3);
    PQfinish(first);
    PQfinish(second);
    PQfinish(third);
    tx_end(&s);
}

static PGconn *late, *behind_it;

static faulty_way commits_late(void *ctx, faulty_call call, const char *sql)
{
    (void)ctx;
    if (call == FAULTY_OTHER && strcmp(sql, "tend") == 0 && late) {
        do_sql(late, "commit");
        PQfinish(late);
        late = NULL;
        do_sql(behind_it, ROW "'3', '[[\"id\",\"behind it\"]]', 1)");
    }
    return FAULTY_NOT;
}

/* Who had a lower number commits between the relay's looks at what it has jumped over and at what
 * is new, and another one begins and commits behind it: still in this order. */
static void test_a_number_that_comes_late_is_not_overtaken(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_pay);
    tx_relay(&s);
    late = dial();
    behind_it = dial();
    do_sql(late, "begin; insert into weir_inbox values ('h', '1', 1, 0, 0); " ROW
                 "'1', '[[\"id\",\"late\"]]', 1)");
    do_sql(behind_it, ROW "'2', '[[\"id\",\"other\"]]', 1)");
    s.a.now_ms += 200;
    tx_relay(&s);
    tx_expect_emit(&s, 0, "other");
    s.faulty.decide = commits_late;
    for (int i = 0; i < 4; i++) {
        s.a.now_ms += 2000;
        tx_relay(&s);
    }
    assert_int_equal(weir_memory_emitter_count(s.memory), 3);
    tx_expect_emit(&s, 1, "late");
    tx_expect_emit(&s, 2, "behind it");
    assert_int_equal(tx_ask(&s, "select up_to from weir_outbox_sent"), 3);
    PQfinish(behind_it);
    tx_end(&s);
}

/* A transaction of somebody else that stays open holds up the forgetting, and nothing else. */
static void test_a_long_transaction_holds_up_no_event(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_pay);
    tx_relay(&s);
    PGconn *other = dial(), *writer = dial();
    do_sql(other, "begin; create table elsewhere (n int)");
    do_sql(writer, "begin; " ROW "'x', '[]', 1); rollback");
    for (int i = 0; i < 10; i++) {
        do_sql(writer, ROW "'1', '[]', 1)");
        s.a.now_ms += 200;
        tx_relay(&s);
    }
    assert_int_equal(weir_memory_emitter_count(s.memory), 10);
    assert_int_equal(tx_ask(&s, "select up_to from weir_outbox_sent"), 0);
    do_sql(other, "commit");
    for (int i = 0; i < 3; i++) {
        s.a.now_ms += 200;
        tx_relay(&s);
    }
    assert_int_equal(weir_memory_emitter_count(s.memory), 10);
    assert_int_equal(tx_ask(&s, "select up_to from weir_outbox_sent"), 11);
    PQfinish(other);
    PQfinish(writer);
    tx_end(&s);
}

/* ---- Partitions ---------------------------------------------------------------------------------
 */

static void test_partitions_are_made_ahead_and_dropped(void **state)
{
    (void)state;
    service s;
    partition_rows = 10;
    tx_begin(&s, NULL);
    tx_relay(&s);
    PGconn *c = dial();
    for (int i = 0; i < 12; i++) {
        do_sql(c, "insert into weir_outbox (topic, headers, at_ms) select 'news', '[]', 1 from "
                  "generate_series(1, 10)");
        s.a.now_ms += 2000;
        tx_relay(&s);
        s.a.now_ms += 2000;
        tx_relay(&s);
    }
    assert_int_equal(weir_memory_emitter_count(s.memory), 120);
    assert_true(tx_ask(&s, "select count(*) from pg_inherits where inhparent = "
                           "'weir_outbox'::regclass") <= 5);
    assert_true(tx_ask(&s, "select count(*) from weir_outbox") <= 10);
    PQfinish(c);
    tx_end(&s);
    partition_rows = 0;
}

/* The last number of a partition is sent: it goes, and does not come back. */
static void test_a_full_partition_is_dropped_once(void **state)
{
    (void)state;
    service s;
    partition_rows = 10;
    tx_begin(&s, NULL);
    tx_relay(&s);
    PGconn *c = dial();
    do_sql(c, "insert into weir_outbox (topic, headers, at_ms) select 'news', '[]', 1 from "
              "generate_series(1, 19)");
    for (int i = 0; i < 3; i++) {
        s.a.now_ms += 2000;
        tx_relay(&s);
    }
    static const char oids[] = "select coalesce(max(inhrelid::int8), 0) from pg_inherits where "
                               "inhparent = 'weir_outbox'::regclass";
    static const char old[] = "select count(*) from pg_class where relname = 'weir_outbox_p10'";
    int64_t newest = tx_ask(&s, oids);
    assert_int_equal(tx_ask(&s, old), 0);
    for (int i = 0; i < 3; i++) {
        s.a.now_ms += 2000;
        tx_relay(&s);
    }
    assert_int_equal(tx_ask(&s, oids), newest); /* nothing was made again */
    do_sql(c, "insert into weir_outbox (topic, headers, at_ms) values ('news', '[]', 1)");
    tx_relay(&s);
    assert_int_equal(weir_memory_emitter_count(s.memory), 20);
    PQfinish(c);
    tx_end(&s);
    partition_rows = 0;
}

/* A broker that has been away for a long time: more of them than anybody counts beforehand. */
static void test_many_partitions(void **state)
{
    (void)state;
    service s;
    partition_rows = 1;
    tx_begin(&s, NULL);
    tx_relay(&s);
    PGconn *c = dial();
    do_sql(c, "set client_min_messages = error");
    do_sql(c, "do $$ begin for i in 4..1100 loop execute format('create table weir_outbox_p%s "
              "partition of weir_outbox for values from (%s) to (%s)', i, i, i + 1); end loop; end "
              "$$");
    do_sql(c, "select setval('weir_outbox_seq', 1050)");
    s.a.now_ms += 2000;
    tx_relay(&s);
    assert_int_equal(weir_relay_look(s.relay).trouble.status, WEIR_OK);
    for (int i = 0; i <= 1100; i++) { /* one by one: locks are bounded */
        char sql[64];
        snprintf(sql, sizeof sql, "drop table if exists weir_outbox_p%d", i);
        do_sql(c, sql);
    }
    PQfinish(c);
    tx_end(&s);
    partition_rows = 0;
}

/* A broker may refuse an event and take the one behind it: so those of a key leave one by one. */
static void test_a_key_has_one_event_under_way(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, NULL);
    tx_relay(&s);
    PGconn *c = dial();
    do_sql(c, "insert into weir_outbox (topic, key, value, headers, at_ms) values ('news', 'a', "
              "'1', '[]', 1), ('news', 'a', '2', '[]', 1), ('news', 'b', '3', '[]', 1), "
              "('payments', 'a', '4', '[]', 1), ('news', null, '5', '[]', 1), ('news', null, '6', "
              "'[]', 1), ('news', 'a', '7', '[]', 1)");
    static const char *const parts[] = {"13456", "2", "7"};
    for (int i = 0; i < 3; i++) {
        s.keeps = true;
        s.a.now_ms += 200;
        tx_relay(&s);
        assert_non_null(s.kept);
        char values[8] = "";
        for (const weir_outgoing *o = s.kept->first; o; o = o->next) {
            strncat(values, o->value.ptr, 1);
        }
        assert_string_equal(values, parts[i]);
        s.keeps = false;
        weir_sending *kept = s.kept;
        s.kept = NULL;
        s.emitter.send(s.emitter.self, kept);
    }
    tx_relay(&s);
    assert_int_equal(weir_memory_emitter_count(s.memory), 7);
    assert_int_equal(tx_ask(&s, "select up_to from weir_outbox_sent"), 7);
    PQfinish(c);
    tx_end(&s);
}

/* A broker that does not answer holds up no writer: there is room for its rows. */
static void test_partitions_are_made_while_kafka_is_away(void **state)
{
    (void)state;
    service s;
    partition_rows = 10;
    tx_begin(&s, NULL);
    tx_relay(&s);
    PGconn *c = dial();
    s.keeps = true;
    for (int i = 0; i < 12; i++) {
        do_sql(c, "insert into weir_outbox (topic, headers, at_ms) select 'news', '[]', 1 from "
                  "generate_series(1, 10)");
        s.a.now_ms += 2000;
        tx_relay(&s);
    }
    assert_non_null(s.kept);
    assert_int_equal(weir_relay_look(s.relay).pending, 120);
    s.keeps = false;
    s.emitter.send(s.emitter.self, s.kept);
    tx_relay(&s);
    assert_int_equal(weir_memory_emitter_count(s.memory), 120);
    PQfinish(c);
    tx_end(&s);
    partition_rows = 0;
}

/* ---- Several instances --------------------------------------------------------------------------
 */

static void test_one_instance_relays(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_pay);
    tx_relay(&s);
    weir_sql_database db = s.faulty.inner;
    weir_sql_session other;
    uint64_t term = 1;
    assert_int_equal(db.ops->session(db.self, &other, NULL), WEIR_OK);
    assert_int_equal(db.ops->lead(db.self, &other, &term, NULL), WEIR_OK);
    assert_false(term);
    PGconn *c = dial(); /* the first one's connection is cut: the other may */
    do_sql(c, "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'");
    for (int i = 0; i < 1000 && !term; i++) {
        usleep(5000); /* the server takes its time to notice */
        assert_int_equal(db.ops->lead(db.self, &other, &term, NULL), WEIR_OK);
    }
    assert_true(term);
    s.a.now_ms += 1000;
    tx_relay(&s);
    s.a.now_ms += 1000;
    tx_relay(&s);
    assert_false(weir_relay_look(s.relay).leads);
    other.ops->close(other.self);
    PQfinish(c);
    tx_end(&s);
}

/* The lead goes while events are under way, and comes back after their answer. */
static void test_the_lead_is_lost_amid_a_sending(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_pay);
    tx_relay(&s);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    weir_memory_emitter_hold(s.memory, true);
    s.a.now_ms += 200;
    tx_relay(&s);
    assert_true(weir_relay_busy(s.relay));
    weir_sql_database db = s.faulty.inner;
    weir_sql_session other;
    uint64_t term = 0;
    PGconn *c = dial();
    do_sql(c, "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'");
    assert_int_equal(db.ops->session(db.self, &other, NULL), WEIR_OK);
    for (int i = 0; i < 1000 && !term; i++) {
        usleep(5000);
        assert_int_equal(db.ops->lead(db.self, &other, &term, NULL), WEIR_OK);
    }
    assert_true(term);
    weir_memory_emitter_hold(s.memory, false);
    for (int i = 0; i < 5; i++) {
        s.a.now_ms += 1000;
        tx_relay(&s);
    }
    assert_false(weir_relay_look(s.relay).leads);
    other.ops->close(other.self);
    for (int i = 0; i < 1000 && weir_memory_emitter_count(s.memory) < 2; i++) {
        usleep(5000);
        s.a.now_ms += 1000;
        tx_relay(&s);
    }
    tx_expect_emit(&s, 0, "a/1");
    tx_expect_emit(&s, 1, "a/1"); /* again: nobody had noted that it was sent */
    assert_int_equal(tx_ask(&s, "select up_to from weir_outbox_sent"), 1);
    PQfinish(c);
    tx_end(&s);
}

/* While Kafka does not answer the database becomes another one, whose numbers are behind: what is
 * written there is sent, though its number was met before. */
static void test_another_database_amid_a_sending(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_pay);
    tx_relay(&s);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    weir_memory_emitter_hold(s.memory, true);
    s.a.now_ms += 200;
    tx_relay(&s);
    assert_true(weir_relay_busy(s.relay));
    PGconn *c = dial();
    do_sql(c, "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'");
    do_sql(c, "delete from weir_outbox; select setval('weir_outbox_seq', 1, false)");
    for (int i = 0; i < 5; i++) { /* its upkeep finds out, and dials anew */
        usleep(5000);
        s.a.now_ms += 1100;
        weir_relay_step(s.relay);
    }
    do_sql(c, ROW "'1', '[[\"id\",\"after\"]]', 1)");
    weir_memory_emitter_hold(s.memory, false);
    for (int i = 0; i < 10; i++) {
        s.a.now_ms += 1000;
        tx_relay(&s);
    }
    assert_int_equal(weir_memory_emitter_count(s.memory), 2);
    tx_expect_emit(&s, 1, "after");
    PQfinish(c);
    tx_end(&s);
}

/* Another instance is at the same record: this one waits for it, and drops its own. */
static PGconn *rival;

static weir_status meets_a_rival(app *a, weir_message *m)
{
    if (rival) {
        do_sql(rival, "insert into weir_inbox values ('test/orders', 'a', 1, 0, 0)");
        PQfinish(rival);
        rival = NULL;
    }
    return tx_pay(a, m);
}

static void test_two_instances_at_one_record(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, meets_a_rival);
    rival = dial();
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    assert_int_equal(app_committed(&s.a), 1);
    assert_int_equal(weir_handlers_count(s.a.handlers).duplicates, 1);
    assert_int_equal(tx_ask(&s, "select count(*) from payments"), 0);
    assert_int_equal(tx_ask(&s, "select count(*) from weir_outbox"), 0);
    tx_end(&s);
}

static PGconn *killer;

static weir_status loses_its_connection(app *a, weir_message *m)
{
    weir_status s = tx_pay(a, m);
    if (killer) {
        do_sql(killer, "select pg_terminate_backend(pid) from pg_stat_activity where "
                       "application_name = 'weir'");
        PQfinish(killer);
        killer = NULL;
    }
    return s;
}

static void test_a_lost_connection_holds(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, loses_its_connection);
    killer = dial();
    tx_deliver(&s, 0, "k", "a");
    tx_deliver(&s, 1, "k", "b");
    tx_run(&s);
    tx_run(&s);
    assert_int_equal(app_committed(&s.a), 2);
    assert_int_equal(tx_ask(&s, "select count(*) from payments"), 2);
    assert_int_equal(s.a.n_letters, 0);
    assert_int_equal(s.a.calls[0].attempt, 1);
    tx_end(&s);
}

/* ---- What a record alone is at fault for --------------------------------------------------------
 */

static const char *its_fault;

static weir_status asks_for_it(app *a, weir_message *m)
{
    (void)a;
    weir_rows rows = weir_query(weir_tx_of(m), its_fault);
    return weir_rows_end(&rows);
}

/* More rows than one, a text that is too long for an index, a function's own refusal: other records
 * may do well, so that it is no reason to stop. */
static void test_a_statement_that_fails_for_its_values_stops_nothing(void **state)
{
    static const char *const faults[] = {
        "select (select g from generate_series(1, 2) g) as one", /* 21000 */
        "insert into payments select string_agg(md5(g::text), '') from generate_series(1, 1000) g "
        "returning 1 as one", /* 54000 */
        "select in_vain()",   /* P0002 */
    };
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        service s;
        tx_begin(&s, asks_for_it);
        tx_relay(&s); /* the tables */
        PGconn *c = dial();
        do_sql(c, "create function in_vain() returns int language plpgsql as 'declare n int; begin "
                  "select 1 into strict n where false; return n; end'");
        its_fault = faults[i];
        tx_deliver(&s, 0, "k", "a");
        tx_run(&s);
        assert_int_equal(s.a.n_letters, 1);
        assert_string_equal(s.a.letters[0].error.code, "SQL_REFUSED");
        PQfinish(c);
        tx_end(&s);
    }
}

/* ---- The connection itself ----------------------------------------------------------------------
 */

static weir_status copies_in(app *a, weir_message *m)
{
    (void)a;
    PGconn *c = weir_tx_pgconn(weir_tx_of(m));
    assert_non_null(c);
    assert_null(weir_tx_sqlite(weir_tx_of(m)));
    PQclear(PQexec(c, "copy payments (id) from stdin"));
    assert_int_equal(PQputCopyData(c, "c1\nc2\n", 6), 1);
    assert_int_equal(PQputCopyEnd(c, NULL), 1);
    for (PGresult *r; (r = PQgetResult(c));) {
        PQclear(r);
    }
    return weir_record_offset(m) ? weir_reject(m, "NO", "not this one") : WEIR_OK;
}

static void test_copy_is_part_of_the_transaction(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, copies_in);
    tx_deliver(&s, 1, "k", "b");
    tx_run(&s);
    assert_int_equal(tx_ask(&s, "select count(*) from payments"), 0);
    tx_end(&s);
    tx_begin(&s, copies_in);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    assert_int_equal(tx_ask(&s, "select count(*) from payments"), 2);
    tx_end(&s);
}

static weir_status writes_by_a_select(app *a, weir_message *m)
{
    (void)a;
    weir_rows rows = weir_query(weir_tx_of(m),
        "with w as (update users set name = 'x' returning 1 as one) select one from w");
    return weir_rows_end(&rows);
}

static void test_a_copy_is_not_written_in_a_roundabout_way(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, writes_by_a_select);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    app_expect_failure(&s.a, "SQL_COPY", "orders/0@0");
    assert_int_equal(tx_ask(&s, "select count(*) from users where name = 'Ada'"), 1);
    tx_end(&s);
}

/* ---- What a handler leaves on its connection ----------------------------------------------------
 */

/* The first record sets what it can; the second one is of the same transaction. */
static weir_status strays(app *a, weir_message *m)
{
    static const char *const settings[] = {"set search_path to tenant",
        "set bytea_output = 'escape'", "set standard_conforming_strings = off",
        "select set_config('timezone', 'Asia/Tokyo', false)", "prepare mine as select 1",
        "create temp table payments_of_one (id text)", "listen there",
        "select pg_advisory_lock(4711)", "declare mine cursor with hold for select 1",
        "set role nobody_there", "set session authorization nobody_there"};
    weir_tx *tx = weir_tx_of(m);
    (void)a;
    for (size_t i = 0; !weir_record_offset(m) && i < sizeof settings / sizeof *settings; i++) {
        weir_sql(tx, settings[i]);
    }
    if (weir_record_offset(m)) {
        weir_sql(tx, "insert into payments (id) values ($1)", W_TEXT("id", weir_view_of("second")));
    }
    return weir_emit(m, .type = "paid", .fields = W_OBJECT(W_INT("n", 1)));
}

static void test_a_handler_strays_alone(void **state)
{
    (void)state;
    service s;
    for (int commits = 1; commits <= 2;
         commits++) { /* in one transaction, and one after the other */
        tx_begin(&s, strays);
        PGconn *c = dial();
        do_sql(c, "set client_min_messages = error; drop role if exists nobody_there; create role "
                  "nobody_there; drop schema if exists tenant cascade; create schema tenant");
        tx_deliver(&s, 0, "k", "a");
        if (commits == 2) {
            tx_run(&s);
        }
        tx_deliver(&s, 1, "k", "b");
        tx_run(&s);
        assert_int_equal(app_committed(&s.a), 2);
        assert_int_equal(tx_ask(&s, "select count(*) from public.weir_inbox where done = 1"), 2);
        assert_int_equal(tx_ask(&s, "select count(*) from public.weir_outbox"), 2);
        assert_int_equal(tx_ask(&s, "select count(*) from public.payments"), 1);
        assert_int_equal(tx_ask(&s, "select count(*) from pg_locks where locktype = 'advisory' and "
                                    "objid = 4711"),
            0);
        assert_int_equal(
            tx_ask(&s, "select count(*) from pg_class where relname = 'payments_of_one'"), 0);
        PQfinish(c);
        tx_end(&s);
    }
}

static bool see_bytes(void *ctx, const weir_field *cells, size_t n)
{
    (void)n;
    *(bool *)ctx = weir_view_eq(cells[0].text, weir_view_make("a\0", 2));
    return true;
}

static void test_bytes_are_read_as_hex_or_not(void **state)
{
    (void)state;
    static const weir_sql_options names = {
        .inbox = "weir_inbox", .outbox = "weir_outbox", .migrations = "weir_migrations"};
    weir_sql_database db = open_database(&names);
    weir_sql_session s;
    weir_error err;
    bool seen = false;
    weir_sql_answer answer = {.row = see_bytes, .ctx = &seen};
    assert_int_equal(db.ops->session(db.self, &s, &err), WEIR_OK);
    assert_int_equal(s.ops->begin(s.self, &err), WEIR_OK);
    s.ops->lend(s.self, true);
    static const char sql[] = "select '\\x6100'::bytea, ''::bytea";
    static const char *const escaped[] = {sql, "select 'ab'::bytea", "select 'abcd'::bytea"};
    assert_int_equal(s.ops->exec(s.self, sql, NULL, &answer, &err), WEIR_OK);
    assert_true(seen);
    assert_int_equal(s.ops->exec(s.self, "set bytea_output = 'escape'", NULL, NULL, &err), WEIR_OK);
    for (size_t i = 0; i < sizeof escaped / sizeof *escaped; i++) {
        answer = (weir_sql_answer){.row = see_bytes, .ctx = &seen};
        assert_int_equal(s.ops->exec(s.self, escaped[i], NULL, &answer, &err), WEIR_FATAL);
        assert_string_equal(err.code, "SQL_STATEMENT");
    }
    s.ops->lend(s.self, false);
    s.ops->rollback(s.self);
    s.ops->close(s.self);
    db.ops->close(db.self);
}

int main(void)
{
    conninfo = getenv("WEIR_TEST_PG");
    if (!conninfo) {
        puts("skipped: there is no PostgreSQL");
        return 0;
    }
    tx_allocation_step = 7;
    const struct CMUnitTest tests[] = {TX_CASES, TX_RELAY_CASES,
        cmocka_unit_test(test_a_number_that_comes_late_is_not_lost),
        cmocka_unit_test(test_a_number_that_comes_late_is_not_overtaken),
        cmocka_unit_test(test_a_long_transaction_holds_up_no_event),
        cmocka_unit_test(test_partitions_are_made_ahead_and_dropped),
        cmocka_unit_test(test_a_full_partition_is_dropped_once),
        cmocka_unit_test(test_many_partitions),
        cmocka_unit_test(test_a_key_has_one_event_under_way),
        cmocka_unit_test(test_partitions_are_made_while_kafka_is_away),
        cmocka_unit_test(test_one_instance_relays),
        cmocka_unit_test(test_the_lead_is_lost_amid_a_sending),
        cmocka_unit_test(test_another_database_amid_a_sending),
        cmocka_unit_test(test_two_instances_at_one_record),
        cmocka_unit_test(test_a_statement_that_fails_for_its_values_stops_nothing),
        cmocka_unit_test(test_copy_is_part_of_the_transaction),
        cmocka_unit_test(test_a_copy_is_not_written_in_a_roundabout_way),
        cmocka_unit_test(test_a_handler_strays_alone),
        cmocka_unit_test(test_bytes_are_read_as_hex_or_not),
        cmocka_unit_test(test_a_lost_connection_holds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
