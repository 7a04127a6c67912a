/* Tables of SQLite for tests: a file in a folder of its own. With table_fixture.h. */
#ifndef WEIR_TEST_SQLITE_TABLES_H
#define WEIR_TEST_SQLITE_TABLES_H

#include <sqlite3.h>

#include "sqlite/sqlite_store.h"

static char folder[64], path[80];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/weir-sqlite-XXXXXX");
    bool made = mkdtemp(folder) != NULL;
    snprintf(path, sizeof path, "%s/test.db", folder);
    return made ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static weir_store open_tables(const weir_table_rule *rules, size_t n)
{
    weir_sqlite_options o = {.path = path, .tables = rules, .n_tables = n};
    weir_store s;
    weir_error err;
    if (weir_sqlite_store_open(&o, &s, &err)) {
        fail_msg("%s", err.text);
    }
    return s;
}

static long number_of(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    long n = (long)sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return n;
}

static void run_sql(const char *sql)
{
    sqlite3 *db;
    char *why = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why)) {
        fail_msg("%s: %s", sql, why);
    }
    sqlite3_close(db);
}

#endif
