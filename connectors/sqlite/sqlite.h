/* SQLite's connections, types and values. Private to connectors/sqlite.
 * Thread: one owner at a time. */
#ifndef WEIR_SQLITE_H
#define WEIR_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>

#include "table/table.h"
#include "sqlite/sqlite_store.h"

typedef struct weir_sqlite {
    weir_sqlite_options options;
    char *side; /* the side table's quoted name; owned */
    int lock_fd;
    sqlite3 *db;
    weir_buf sql, row;
    sqlite3_stmt *side_get, *side_new, *side_any, *side_changed, *side_gone;
    /* Lock: reader_lock. */
    pthread_mutex_t reader_lock;
    sqlite3 *reader;
} weir_sqlite;

/* The statements of one table: what t->driver is. */
typedef struct weir_sqlite_statements {
    sqlite3_stmt *fetch[2]; /* without and with rows */
    sqlite3_stmt *position, *delete;
    sqlite3_stmt **insert, **update; /* by signature */
    size_t n;
} weir_sqlite_statements;

/* What a failure says of what was asked. */
typedef enum weir_sqlite_class {
    WEIR_SQLITE_DEPENDS, /* the values, beside other rows: a key that is there, one that is not */
    WEIR_SQLITE_REFUSED, /* the values */
    WEIR_SQLITE_FULL,
    WEIR_SQLITE_AWAY, /* the database, for now */
    WEIR_SQLITE_BROKEN,
    WEIR_SQLITE_MEMORY,
    WEIR_SQLITE_STATEMENT, /* the statement itself, and whatever else */
} weir_sqlite_class;
weir_sqlite_class weir_sqlite_class_of(int extended);
/* The extended code of what a call has returned; db NULL: rc. */
int weir_sqlite_extended(sqlite3 *db, int rc);
/* The path of its file, where that is what an extended code is about; else "". */
const char *weir_sqlite_file(sqlite3 *db, int extended);

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

/* False: SQLite would make a rounded number of what is to be a whole one. */
bool weir_sqlite_fits(weir_form form, weir_view text);
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

/* ---- Statements (sqlite_statements.c) ----------------------------------------------------------
 */

/* The key's columns, `behind` each of them. */
void weir_sqlite_put_keys(
    weir_buf *to, const weir_table *t, const char *between, const char *behind);
/* "select" of the position, then the key's columns, then those of the row. */
void weir_sqlite_put_select(weir_buf *to, const weir_table *t, bool rows);
/* Of soft deletes: "column is null"; nothing where there are none. */
void weir_sqlite_put_alive(weir_buf *to, const weir_table *t, const char *before);
/* What becomes of a row that is deleted softly. */
void weir_sqlite_put_death(weir_buf *to, const weir_table *t);
/* NULL: out of memory. */
weir_sqlite_statements *weir_sqlite_statements_of(weir_table *t);
/* For signatures up to n. False: out of memory. */
bool weir_sqlite_room_for(weir_sqlite_statements *m, size_t n);
WEIR_MUST_USE weir_status weir_sqlite_prepare_fetch(
    sqlite3 *db, weir_buf *sql, const weir_table *t, bool rows, sqlite3_stmt **s, weir_error *err);
/* Appends the row, whose columns begin at `at`, as JSON. */
WEIR_MUST_USE weir_status weir_sqlite_put_row(
    const weir_table *t, sqlite3_stmt *s, int at, weir_buf *to, weir_error *err);
/* Returns SQLite's code. */
int weir_sqlite_bind_key(const weir_table *t, sqlite3_stmt *s, int at, const weir_view *values);
/* Does what is in q->sql. */
WEIR_MUST_USE weir_status weir_sqlite_do_buffer(
    weir_sqlite *q, const weir_table *t, weir_error *err);
/* Runs a statement to its end, which is bound with the result `bound`; *changes: rows touched (NULL
 * is allowed). */
WEIR_MUST_USE weir_status weir_sqlite_finish(weir_sqlite *q, sqlite3_stmt *s, const weir_table *t,
    int bound, int64_t *changes, weir_error *err);
/* Runs it, calling `row` for each row it gives; it is reset afterwards. */
typedef weir_status weir_sqlite_row_fn(void *ctx, sqlite3_stmt *s, weir_error *err);
WEIR_MUST_USE weir_status weir_sqlite_each(sqlite3 *db, sqlite3_stmt *s, const weir_table *t,
    int bound, weir_sqlite_row_fn *row, void *ctx, weir_error *err);

/* ---- The parts of the driver: calls of table/table.h, whose self is a weir_sqlite ---------------
 */

/* sqlite_catalog.c */
weir_status weir_sqlite_describe(void *self, weir_table *t, weir_error *err);
weir_status weir_sqlite_check_key(void *self, const weir_table *t, bool *unique, weir_error *err);
weir_status weir_sqlite_create(void *self, const weir_table *t, const weir_shape *shape,
    const weir_view *key_columns, size_t n_key, weir_error *err);
weir_status weir_sqlite_add_column(
    void *self, const weir_table *t, const weir_shape_column *column, weir_error *err);
weir_status weir_sqlite_widen(void *self, const weir_table *t, const weir_table_column *column,
    weir_view type, weir_error *err);
weir_status weir_sqlite_is_type(void *self, const weir_table *t, const weir_table_column *column,
    weir_view type, bool *same, weir_error *err);

/* sqlite_read.c, sqlite_write.c */
weir_status weir_sqlite_fetch(void *self, weir_table *t, const weir_view *const *keys, size_t n,
    bool rows, weir_table_found_fn *found, void *ctx, weir_error *err);
weir_status weir_sqlite_page(void *self, weir_table *t, const weir_view *after, bool inclusive,
    unsigned limit, bool rows, weir_table_page_fn *fn, void *ctx, weir_error *err);
weir_status weir_sqlite_clear(void *self, weir_table *t, weir_error *err);
weir_status weir_sqlite_write(void *self, weir_table *t, const weir_table_change *changes, size_t n,
    bool *moved, weir_error *err);
void weir_sqlite_forget(void *self, weir_table *t);

/* sqlite_side.c */
weir_status weir_sqlite_side_fetch(void *self, const char *cache, weir_space space,
    const weir_view *keys, size_t n, weir_side_found_fn *found, void *ctx, weir_error *err);
weir_status weir_sqlite_side_write(void *self, const char *cache, weir_space space,
    const weir_side_change *changes, size_t n, bool unguarded, bool *moved, weir_error *err);
weir_status weir_sqlite_side_page(void *self, const char *cache, weir_space space, weir_view after,
    bool inclusive, unsigned limit, weir_side_found_fn *fn, void *ctx, weir_error *err);
weir_status weir_sqlite_side_clear(
    void *self, const char *cache, weir_space space, weir_error *err);
/* The cache, the space and a key, as the first three parameters. Returns SQLite's code. */
int weir_sqlite_bind_side(sqlite3_stmt *s, const char *cache, weir_space space, weir_view key);

#endif
