/* The database of the tests of PostgreSQL's tables, a cluster of the test's own
 * (tests/support/with-postgres): what table_fixture.h asks for, and a session that is cut off. */
#ifndef WEIR_TEST_POSTGRES_TABLES_H
#define WEIR_TEST_POSTGRES_TABLES_H

#include <libpq-fe.h>
#include <unistd.h>

#include "base/alloc.h"
#include "postgres/postgres_store.h"
#include "support/table_fixture.h"

static bool by_transaction; /* the rules' tables are written in the source's order */

static weir_store open_tables(const weir_table_rule *rules, size_t n)
{
    static weir_table_rule rings[8][4]; /* a few stores are open at once */
    static unsigned turn;
    weir_table_rule *kept = rings[turn++ % 8];
    assert_in_range(n, 1, 4);
    for (size_t i = 0; i < n; i++) {
        kept[i] = rules[i];
        kept[i].by_transaction |= by_transaction;
    }
    weir_postgres_options o = {.conninfo = getenv("WEIR_TEST_PG"), .tables = kept, .n_tables = n};
    weir_store s;
    weir_error err;
    weir_status st = weir_postgres_store_open(&o, &s, &err);
    if (st) {
        fail_msg("%s", err.text);
    }
    return s;
}

/* "blob" is what the cases call bytea. */
static long number_of(const char *sql)
{
    PGconn *c = PQconnectdb(getenv("WEIR_TEST_PG"));
    PGresult *r = PQexec(c, sql);
    if (PQresultStatus(r) != PGRES_TUPLES_OK) {
        fail_msg("%s: %s", sql, PQerrorMessage(c));
    }
    long n = strtol(PQgetvalue(r, 0, 0), NULL, 10);
    PQclear(r);
    PQfinish(c);
    return n;
}

static void run_sql(const char *sql)
{
    char text[1000];
    snprintf(text, sizeof text, "%s", sql);
    for (char *at; (at = strstr(text, "blob")) != NULL;) {
        memcpy(at, "    ", 4);
        char rest[1000];
        snprintf(rest, sizeof rest, "bytea%s", at + 4);
        memcpy(at, rest, strlen(rest) + 1);
    }
    PGconn *c = PQconnectdb(getenv("WEIR_TEST_PG"));
    PGresult *r = PQexec(c, text);
    if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK) {
        fail_msg("%s: %s", text, PQerrorMessage(c));
    }
    PQclear(r);
    PQfinish(c);
}

/* The cluster is that of other tests, too. */
static int empty_database(void **state)
{
    (void)state;
    run_sql("set client_min_messages = error; drop schema public cascade; create schema public");
    return 0;
}

static inline void cut_off(void)
{
    run_sql(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'weir'");
}

/* Goes on once it can: a session that was cut off may hold its lock for a moment. */
static inline void begin_again(weir_store s)
{
    weir_error err = {.status = WEIR_OK};
    for (int i = 0; i < 200; i++) {
        if (!s.ops->begin(s.self, &err)) {
            return;
        }
        assert_int_equal(err.status, WEIR_HOLD);
        usleep(10000);
    }
    fail_msg("%s", err.text);
}

#endif
