/* SPDX-License-Identifier: Apache-2.0
 * <weir/sql.h>: a handler's own SQL, in the transaction of its record's inbox row.
 *
 *   weir_on(app, .event = "order.placed", .fn = on_order, .tx = "books");
 *
 *   weir_status on_order(weir_message *m, void *ctx)
 *   {
 *       weir_tx *tx = weir_tx_of(m);
 *       weir_reader order = weir_read(m), row;
 *       weir_view id = weir_text(&order, "orderId"), amount = weir_number(&order, "amount");
 *       if (weir_read_end(&order)) return weir_read_end(&order);
 *       weir_rows open = weir_query(tx, "select name from profiles where user_id = $1",
 *           W_INT("user", weir_int(&order, "userId")));
 *       if (!weir_next_row(&open, &row)) return weir_retry(m, 0, "no such user yet");
 *       weir_sql(tx, "insert into payments values ($1, $2)", W_TEXT("id", id),
 *           W_NUMBER("amount", amount));
 *       return weir_emit(m, .type = "payment.completed", .fields = W_OBJECT(W_TEXT("orderId",
 * id)));
 *   }
 *
 * `.tx` names a store of the config, of the type `sqlite` or `postgres`. The record's inbox row,
 * the handler's statements and its emits, as rows of the outbox, are committed together, and only
 * then the record settles: a record that comes again is dropped, an event is never lost and never
 * sent for what was rolled back (docs/services.md). weir begins, commits and rolls back; a handler
 * does neither. The transaction begins with the first statement or emit, so what takes long, such
 * as asking another service, is best done before. Such a handler cannot defer its message.
 *
 * A statement that failed fails the record, whatever the handler returns, and all behind it are
 * not run. Its class is its error's: docs/errors.md, SQL_…; `sql_errors` of the store changes it.
 * What may go wrong for good is to be asked for in SQL: `on conflict do nothing`.
 *
 * Values are sent apart from the SQL, as $1, $2, … in the order given; their names are for people.
 * PostgreSQL takes their types from the statement (write $1::bigint where it cannot know), SQLite
 * gives texts and numbers to a column as it keeps them. W_BYTES is a bytea, a blob.
 *
 * Of a batch (<weir/batch.h>) all records are in one transaction.
 *
 * Thread: the handler's. Owner: rows are the message's, as what is read of it; a batch's are those
 * of its first message. */
#ifndef WEIR_SQL_H
#define WEIR_SQL_H

#include <weir/app.h>
#include <weir/read.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_tx weir_tx;

/* The transaction of the record that is handled. NULL: its handler has no `.tx`; the record then
 * fails (SQL_NO_TX, fatal), whatever the handler returns. */
WEIR_API weir_tx *weir_tx_of(weir_message *m);

/* Runs a statement; what it answers is dropped. values end with WEIR_FIELD_END. tx NULL: FATAL.
 * The reason is in the message's error, so that a handler may return the status. */
WEIR_API weir_status weir_sql_exec(weir_tx *tx, const char *sql, const weir_field *values);
/* How many rows the last statement has written. */
WEIR_API uint64_t weir_sql_affected(const weir_tx *tx);

/* The rows of an answer, all of them: 16 MiB as JSON at most (TOO_LARGE). */
typedef struct weir_rows {
    weir_message *m;
    const void *next; /* private */
    size_t left;      /* how many are still to come */
    weir_status status;
} weir_rows;

WEIR_API weir_rows weir_query_rows(weir_tx *tx, const char *sql, const weir_field *values);
/* The next row, to be read by its columns' names; false: there is none, or the query failed. */
WEIR_API bool weir_next_row(weir_rows *rows, weir_reader *row);
/* WEIR_OK, or why the query failed. */
WEIR_API WEIR_MUST_USE weir_status weir_rows_end(const weir_rows *rows);

#ifndef __cplusplus
#if defined(__GNUC__)
#pragma GCC system_header /* no values at all: -Wpedantic would not have it */
#endif
/* weir_sql(tx, "update t set n = n + 1 where id = $1", W_INT("id", 7)) */
#define weir_sql(tx, sql, ...) \
    weir_sql_exec((tx), (sql), (const weir_field[]){{0}, ##__VA_ARGS__, {0}} + 1)
#define weir_query(tx, sql, ...) \
    weir_query_rows((tx), (sql), (const weir_field[]){{0}, ##__VA_ARGS__, {0}} + 1)
#endif

/* The connection itself, inside of the transaction, for what weir_sql has no words for (COPY,
 * arrays, blobs in pieces). Never begin, commit or keep it; what fails there must be returned by
 * the handler. NULL: the store is of the other type, or cannot be reached (weir_retry then), or, of
 * postgres, is kept in SQLite by a test. */
WEIR_API struct pg_conn *weir_tx_pgconn(weir_tx *tx);
WEIR_API struct sqlite3 *weir_tx_sqlite(weir_tx *tx);

/* Forward migrations of a store, in the setup function: SQL statements, one each, that are applied
 * in their order, each once, before the first record (`migrate` of the store: `check` stops where
 * one is not applied yet). What was applied is never changed, only followed by more. Borrowed until
 * the app is gone. */
WEIR_API void weir_migrations(
    weir_app *a, const char *store, const char *const *statements, size_t n);

#ifdef __cplusplus
}
#endif
#endif
