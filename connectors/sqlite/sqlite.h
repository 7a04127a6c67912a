/* SQLite's connections, types and values. Private to connectors/sqlite.
 * Thread: one owner at a time. */
#ifndef WEIR_SQLITE_H
#define WEIR_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>

#include "table/table.h"
#include "sqlite/sqlite_store.h"

/* What a result code means; rc SQLITE_OK is a bug. table: for the message, or NULL. */
weir_status weir_sqlite_fail(sqlite3 *db, int rc, const weir_table *table, weir_error *err);
WEIR_MUST_USE weir_status weir_sqlite_do(sqlite3 *db, const char *sql, weir_error *err);
/* *out NULL on failure. */
WEIR_MUST_USE weir_status weir_sqlite_prepare(
    sqlite3 *db, const weir_table *table, weir_buf *sql, sqlite3_stmt **out, weir_error *err);

/* ---- Types: what weir declares, so that reading gives the same JSON as was written --------------
 * SQLite's columns have an affinity, which the words in the declared type decide, and which turns
 * 1.50 into 1.5 unless it is TEXT. */

/* Appends the declared type of a column that holds this type of PostgreSQL. */
void weir_sqlite_type_put(weir_buf *to, weir_view pg_type);
/* The form of a declared type, and PostgreSQL's name of it, appended. False: SQLite would change
 * what is written to it. */
bool weir_sqlite_form_of(weir_view declared, weir_form *form, weir_buf *pg_type);

/* ---- Values ------------------------------------------------------------------------------------
 */

/* ptr NULL: NULL. The bytes must live until the statement is reset. Returns SQLite's code. */
int weir_sqlite_bind(sqlite3_stmt *s, int at, weir_form form, weir_view text);
/* Appends a column's value as JSON. */
WEIR_MUST_USE weir_status weir_sqlite_json(
    sqlite3_stmt *s, int column, weir_form form, weir_buf *to, weir_error *err);

static inline weir_view weir_sqlite_blob(sqlite3_stmt *s, int column)
{
    const void *bytes = sqlite3_column_blob(s, column);
    size_t len = (size_t)sqlite3_column_bytes(s, column);
    return sqlite3_column_type(s, column) == SQLITE_NULL ? (weir_view){NULL, 0}
                                                         : weir_view_make(bytes ? bytes : "", len);
}
static inline int weir_sqlite_bind_blob(sqlite3_stmt *s, int at, weir_view v)
{
    return v.ptr ? sqlite3_bind_blob64(s, at, v.ptr, v.len, SQLITE_STATIC)
                 : sqlite3_bind_null(s, at);
}

#endif
