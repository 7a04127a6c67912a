/* A table of a source database, as rows of the row contract, for who compares.
 * Thread: one owner at a time. */
#ifndef WEIR_POSTGRES_ROWS_H
#define WEIR_POSTGRES_ROWS_H

#include "base/buf.h"
#include "base/err.h"

typedef struct weir_pg_rows weir_pg_rows;

/* Begins a snapshot of the database. key: the columns of the table's key, or NULL: those of its
 * primary key. Errors: STORE_UNREACHABLE, STORE_CONFIG, TABLE_MISSING, TABLE_KEY. */
WEIR_MUST_USE weir_status weir_pg_rows_open(const char *conninfo, const char *schema,
    const char *table, weir_pg_rows **out, weir_error *err);
void weir_pg_rows_close(weir_pg_rows *p);
/* A newer snapshot; its place in the log, which all that it sees is before. */
WEIR_MUST_USE weir_status weir_pg_rows_refresh(weir_pg_rows *p, uint64_t *lsn, weir_error *err);

/* The key's columns, in its order. */
size_t weir_pg_rows_key(const weir_pg_rows *p, const char *const **columns);

/* key: an object of the key's columns as to_json writes them; row likewise. Borrowed for the call.
 */
typedef weir_status weir_pg_row_fn(void *ctx, weir_view key, weir_view row, weir_error *err);
/* The rows of these keys, as a JSON array of such objects. */
WEIR_MUST_USE weir_status weir_pg_rows_of(
    weir_pg_rows *p, const char *keys, weir_pg_row_fn *fn, void *ctx, weir_error *err);
/* Every key there is; rows: with its row, else row ptr is NULL. */
WEIR_MUST_USE weir_status weir_pg_rows_keys(
    weir_pg_rows *p, bool rows, weir_pg_row_fn *fn, void *ctx, weir_error *err);

#endif
