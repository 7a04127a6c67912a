/* Handlers with a transaction in SQLite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "sqlite/sqlite_tx.h"
#include "support/tx_cases.h"
#include "support/tx_relay_cases.h"

static weir_sql_database open_database(const weir_sql_options *o)
{
    weir_sql_database db;
    weir_sqlite_tx_options options = {.sql = *o};
    assert_int_equal(weir_sqlite_tx_open(&options, &db, NULL), WEIR_OK);
    return db;
}

/* ---- The connection itself ----------------------------------------------------------------------
 */

static const char *const forbidden[] = {"commit", "rollback", "savepoint mine",
    "update users set name = 'x'", "delete from weir_outbox",
    "insert into weir_inbox values ('h', 'i', 1, 0, 0)", "drop table users"};

static weir_status uses_the_connection(app *a, weir_message *m)
{
    (void)a;
    sqlite3 *db = weir_tx_sqlite(weir_tx_of(m));
    assert_non_null(db);
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
        assert_int_equal(sqlite3_exec(db, forbidden[i], NULL, NULL, NULL), SQLITE_AUTH);
    }
    int rc = sqlite3_exec(db, "insert into payments (id) values ('native')", NULL, NULL, NULL);
    assert_int_equal(rc, SQLITE_OK);
    return weir_emit(m, .type = "paid", .fields = W_OBJECT(W_INT("n", 1)));
}

/* A handler that has it is a handler still. */
static void test_the_connection_is_guarded(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, uses_the_connection);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    assert_int_equal(app_committed(&s.a), 1);
    assert_int_equal(tx_ask(&s, "select count(*) from payments"), 1);
    assert_int_equal(tx_ask(&s, "select count(*) from users where name = 'Ada'"), 1);
    assert_int_equal(tx_ask(&s, "select count(*) from weir_outbox"), 1);
    tx_end(&s);
}

/* ---- Text that is none --------------------------------------------------------------------------
 */

static weir_status reads_no_text(app *a, weir_message *m)
{
    (void)a;
    weir_reader row;
    weir_rows all = weir_query(weir_tx_of(m), "select 1 as one, cast(x'ff41' as text) as name");
    assert_false(weir_next_row(&all, &row));
    return weir_rows_end(&all);
}

static void test_a_row_with_a_text_that_is_none_is_rejected(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, reads_no_text);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    assert_int_equal(s.a.n_letters, 1);
    assert_string_equal(s.a.letters[0].error.code, "SQL_REFUSED");
    assert_non_null(strstr(s.a.letters[0].error.text, "column name"));
    tx_end(&s);
}

/* ---- A file that another process has locked -----------------------------------------------------
 */

/* It is told before anybody would take the thread for stuck. */
static void test_a_locked_file_is_told_soon(void **state)
{
    (void)state;
    enum { SOON_MS = 3000 };
    char folder[] = "/tmp/test_sqlite_tx.XXXXXX", path[64];
    weir_sql_session s;
    weir_sql_database db;
    weir_error err = {.status = WEIR_OK};
    sqlite3 *other;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/db", folder);
    weir_sqlite_tx_options o = {.path = path,
        .sql = {.inbox = "weir_inbox", .outbox = "weir_outbox", .migrations = "weir_migrations"}};
    assert_int_equal(weir_sqlite_tx_open(&o, &db, &err), WEIR_OK);
    assert_int_equal(db.ops->session(db.self, &s, &err), WEIR_OK);
    assert_int_equal(s.ops->begin(s.self, &err), WEIR_OK);
    s.ops->rollback(s.self);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "begin exclusive", NULL, NULL, NULL), SQLITE_OK);
    int64_t start_ms = weir_monotonic_ms();
    assert_int_equal(s.ops->begin(s.self, &err), WEIR_HOLD);
    assert_true(weir_monotonic_ms() - start_ms < SOON_MS);
    assert_string_equal(err.code, "SQL_UNREACHABLE");
    assert_non_null(strstr(err.text, "SQLITE_BUSY"));
    sqlite3_close(other);
    assert_int_equal(s.ops->begin(s.self, &err), WEIR_OK);
    s.ops->close(s.self);
    db.ops->close(db.self);
    for (int i = 0; i < 3; i++) {
        static const char *const ends[] = {"", "-wal", "-shm"};
        char name[80];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)remove(name);
    }
    (void)remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TX_CASES, TX_RELAY_CASES,
        cmocka_unit_test(test_the_connection_is_guarded),
        cmocka_unit_test(test_a_row_with_a_text_that_is_none_is_rejected),
        cmocka_unit_test(test_a_locked_file_is_told_soon)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
