/* Targets. See target.h. */
#include "transactions/target.h"

#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postgres/postgres_store.h"
#include "sqlite/sqlite_store.h"

static void die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(2);
}

static bool is_sqlite(const char *where)
{
    return strcmp(where, "sqlite") == 0;
}

static const char *path(void)
{
    static char text[64];
    snprintf(text, sizeof text, "/dev/shm/weir-transactions-%d.db", (int)getpid());
    return text;
}

static const char lines_sql[] =
    "select line from (select 1 as t, id, 'person ' || id || ' ' || email || ' ' || "
    "coalesce(cast(boss as text), '-') as line from people union all select 2, id, 'order ' || id "
    "|| ' ' || person || ' ' || code from orders) x order by t, id";

/* ---- SQLite ------------------------------------------------------------------------------------
 */

static int add_line(void *to, int n, char **values, char **names)
{
    (void)n, (void)names;
    weir_buf_puts(to, values[0]);
    weir_buf_putc(to, '\n');
    return 0;
}

static void in_sqlite(const char *sql, weir_buf *to)
{
    sqlite3 *db;
    if (sqlite3_open(path(), &db) || sqlite3_exec(db, sql, add_line, to, NULL)) {
        die("SQLite", sqlite3_errmsg(db));
    }
    sqlite3_close(db);
}

static weir_store open_sqlite(const weir_table_rule *rules, size_t n)
{
    const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    weir_sqlite_options o = {.path = path(), .tables = rules, .n_tables = n};
    weir_error err;
    weir_store s;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", path(), ends[i]);
        unlink(name);
    }
    in_sqlite("create table people (id integer primary key, email text not null unique, boss "
              "integer references people, _weir_pos blob);"
              "create table orders (id integer primary key, person integer not null references "
              "people, code text not null unique, _weir_pos blob)",
        NULL);
    if (weir_sqlite_store_open(&o, &s, &err)) {
        die("SQLite", err.text);
    }
    return s;
}

/* ---- PostgreSQL --------------------------------------------------------------------------------
 */

static void in_postgres(const char *sql, weir_buf *to)
{
    static PGconn *c;
    if (!c) {
        c = PQconnectdb(getenv("WEIR_TEST_PG"));
    }
    PGresult *r = PQexec(c, sql);
    if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK) {
        die("PostgreSQL", PQerrorMessage(c));
    }
    for (int i = 0; to && i < PQntuples(r); i++) {
        weir_buf_puts(to, PQgetvalue(r, i, 0));
        weir_buf_putc(to, '\n');
    }
    PQclear(r);
}

static weir_store open_postgres(const char *how, const weir_table_rule *rules, size_t n)
{
    if (!getenv("WEIR_TEST_PG")) {
        printf("skipped: PostgreSQL is not installed\n");
        exit(0);
    }
    weir_postgres_options o = {.conninfo = getenv("WEIR_TEST_PG"), .tables = rules, .n_tables = n};
    weir_error err;
    weir_store s;
    char sql[700];
    snprintf(sql, sizeof sql,
        "set client_min_messages = error; drop schema public cascade; create schema public;"
        "create table people (id int primary key, email text not null unique %s, boss int "
        "references people %s, _weir_pos bytea);"
        "create table orders (id int primary key, person int not null references people %s, code "
        "text not null unique %s, _weir_pos bytea)",
        how, how, how, how);
    in_postgres(sql, NULL);
    if (weir_postgres_store_open(&o, &s, &err)) {
        die("PostgreSQL", err.text);
    }
    return s;
}

/* ---- Either ------------------------------------------------------------------------------------
 */

weir_store target_open(const char *where, const weir_table_rule *rules, size_t n_rules)
{
    return is_sqlite(where)                 ? open_sqlite(rules, n_rules)
           : strcmp(where, "deferred") == 0 ? open_postgres("deferrable", rules, n_rules)
                                            : open_postgres("", rules, n_rules);
}

void target_lines(const char *where, weir_buf *to)
{
    weir_buf_clear(to);
    if (is_sqlite(where)) {
        in_sqlite(lines_sql, to);
    } else {
        in_postgres(lines_sql, to);
    }
}
