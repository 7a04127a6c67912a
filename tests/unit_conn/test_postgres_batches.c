/* Batches of two instances that handle the same records at the same time, in PostgreSQL: as where
 * one has lost a partition and does not know yet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <libpq-fe.h>
#include <weir/batch.h>

#include "postgres/postgres_tx.h"
#include "support/tx_service.h"

enum { RECORDS = 90, KEYS = 7, MOST_RUNS = 200 };
static const char *conninfo;
static char ids[RECORDS][8], keys[KEYS][2];

static void do_sql(const char *sql)
{
    PGconn *c = PQconnectdb(conninfo);
    PGresult *r = PQexec(c, sql);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) {
        fail_msg("%s: %s", sql, PQresultErrorMessage(r));
    }
    PQclear(r);
    PQfinish(c);
}

/* Whatever is there already. */
static weir_sql_database open_database(const weir_sql_options *o)
{
    weir_sql_database db;
    weir_postgres_tx_options options = {.conninfo = conninfo, .sql = *o};
    assert_int_equal(weir_postgres_tx_open(&options, &db, NULL), WEIR_OK);
    return db;
}

/* Of several it rejects each whose statement failed; on its way it gives the other one time. */
static weir_status pay_all(weir_batch *b, void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < weir_batch_count(b); i++) {
        weir_message *m = weir_batch_at(b, i);
        weir_status s = weir_sql(weir_tx_of(m),
            "insert into payments (id, n) select $1, 1 from pg_sleep(0.001)",
            W_TEXT("id", weir_id(m)));
        s = s ? weir_reject(m, "NOT_WRITTEN", "its statement failed")
              : weir_emit(m, .type = "paid", .fields = W_OBJECT(W_TEXT("id", weir_id(m))));
        if (s) {
            weir_batch_answer(b, i, s);
        }
    }
    return WEIR_OK;
}

/* Each instance has a partition of the same records, and reads from another place on. */
static void deliver(service *s, int instance)
{
    for (int i = 0; i < RECORDS; i++) {
        int n = instance ? RECORDS - 1 - i : i;
        tx_deliver(s, i, keys[n % KEYS], ids[n]);
    }
}

/* Its exit code: how many of its records are not what they are to be. */
static int live(int instance)
{
    service s;
    memset(&s, 0, sizeof s);
    s.faulty = (faulty){.inner = open_database(&tx_sql), .decide = tx_decide, .ctx = &s};
    tx_batch = pay_all;
    tx_reopen(&s, NULL);
    s.a.routes[0].batch_most = instance ? 7 : 11;
    deliver(&s, instance);
    for (int i = 0; i < MOST_RUNS && app_committed(&s.a) != RECORDS; i++) {
        tx_run(&s);
    }
    bool all = app_committed(&s.a) == RECORDS;
    weir_handlers_counters c = weir_handlers_count(s.a.handlers);
    bool good = all && !s.a.n_letters && c.handled + c.duplicates == RECORDS && !c.retried;
    if (!good) {
        fprintf(stderr,
            "instance %d: %lld committed, %zu letters, %llu handled, %llu duplicates, %llu "
            "retried, %llu held\n",
            instance, (long long)app_committed(&s.a), s.a.n_letters, (unsigned long long)c.handled,
            (unsigned long long)c.duplicates, (unsigned long long)c.retried,
            (unsigned long long)c.held);
    }
    tx_end(&s);
    return good ? 0 : 1;
}

static void check_effects(void)
{
    service s;
    tx_begin(&s, NULL);
    assert_int_equal(tx_ask(&s, "select count(*) from payments"), RECORDS);
    assert_int_equal(tx_ask(&s, "select count(*) from weir_inbox where done = 1"), RECORDS);
    assert_int_equal(tx_ask(&s, "select count(*) from weir_outbox"), RECORDS);
    tx_end(&s);
}

/* Both end well. Meanwhile their connections are cut now and then, if they are to be. */
static void wait_for(pid_t pids[2], bool cuts)
{
    for (int left = 2; left;) {
        int code;
        pid_t pid = waitpid(-1, &code, cuts ? WNOHANG : 0);
        if (pid) {
            assert_true(pid == pids[0] || pid == pids[1]);
            assert_int_equal(code, 0);
            left--;
        } else {
            usleep(15000 + (useconds_t)(rand() % 40000));
            do_sql("set client_min_messages = error; do $$ begin perform pg_terminate_backend(pid) "
                   "from pg_stat_activity where "
                   "application_name = 'weir'; end $$");
        }
    }
}

static void race(bool cuts)
{
    for (int round = 0; round < 3; round++) {
        pid_t pids[2];
        do_sql("set client_min_messages = error; drop schema public cascade; create schema public");
        for (int i = 0; i < 2; i++) {
            pids[i] = fork();
            if (!pids[i]) {
                _exit(live(i));
            }
        }
        wait_for(pids, cuts);
        check_effects();
    }
}

static void test_two_instances_at_the_same_records(void **state)
{
    (void)state;
    race(false);
}

static void test_two_instances_whose_connections_are_cut(void **state)
{
    (void)state;
    race(true);
}

/* ---- A handler that ends the transaction
 * ----------------------------------------------------------
 */

static const char *how; /* by the connection itself, where nobody looks */

static weir_status end_it(weir_batch *b, void *ctx)
{
    weir_tx *tx = weir_tx_of(weir_batch_at(b, 0));
    (void)ctx;
    weir_sql(tx, "insert into payments (id) values ('x')");
    PQclear(PQexec(weir_tx_pgconn(tx), how));
    return WEIR_OK;
}

/* With it go the inbox rows: nothing is settled that is not written. */
static void test_a_batch_does_not_end_its_transaction(void **state)
{
    static const char *const ways[] = {"rollback", "commit"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        service s;
        do_sql("set client_min_messages = error; drop schema public cascade; create schema public");
        how = ways[i];
        tx_batch = end_it;
        tx_begin(&s, NULL);
        tx_deliver(&s, 0, "a", "1");
        tx_deliver(&s, 1, "b", "2");
        tx_run(&s);
        app_expect_failure(&s.a, "SQL_STATEMENT", "orders/0@0");
        assert_int_equal(app_committed(&s.a), 0);
        assert_int_equal(weir_handlers_count(s.a.handlers).handled, 0);
        tx_end(&s);
    }
}

int main(void)
{
    conninfo = getenv("WEIR_TEST_PG");
    if (!conninfo) {
        puts("skipped: there is no PostgreSQL");
        return 0;
    }
    for (int i = 0; i < RECORDS; i++) {
        snprintf(ids[i], sizeof ids[i], "%02x", (unsigned)(i * 37 % RECORDS));
        keys[i % KEYS][0] = (char)('a' + i % KEYS);
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_two_instances_at_the_same_records),
        cmocka_unit_test(test_two_instances_whose_connections_are_cut),
        cmocka_unit_test(test_a_batch_does_not_end_its_transaction)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
