/* A session with PostgreSQL, and what its answers mean. Private to connectors/postgres.
 * Thread: one owner at a time. */
#ifndef WEIR_POSTGRES_H
#define WEIR_POSTGRES_H

#include <libpq-fe.h>
#include <pthread.h>

#include "postgres/postgres_store.h"
#include "table/table.h"

typedef struct weir_pg {
    weir_postgres_options options;
    char *side;   /* the side table's quoted name; owned */
    PGconn *conn; /* the writer's; NULL: none */
    bool in_transaction;
    bool staged;        /* the transaction has used a stage */
    bool locked_before; /* it held the lock: a session that was cut off may hold it yet */
    bool no_direct;     /* COPY into the table itself met a row: not until something is committed */
    unsigned next_id;   /* of stages */
    weir_buf sql, copy;
    /* Readers. Lock: reader_lock. */
    pthread_mutex_t reader_lock;
    PGconn *reader;
    uint64_t bytes;
    int64_t bytes_until_s;
} weir_pg;

/* Opens a connection with the session's settings. */
WEIR_MUST_USE weir_status weir_pg_connect(const weir_pg *p, PGconn **out, weir_error *err);

/* What a failed result, or (result NULL) connection means. table: for the message, or NULL. */
weir_status weir_pg_fail(
    PGconn *conn, const PGresult *result, const weir_table *table, weir_error *err);

/* Runs a statement with text parameters (values[i] NULL: NULL); the answer is in binary form, where
 * text, json and bytea are their bytes. *out may be NULL. */
WEIR_MUST_USE weir_status weir_pg_run(PGconn *conn, const weir_table *table, const char *sql, int n,
    const char *const *values, PGresult **out, weir_error *err);
/* A statement without parameters; *rows: how many it has touched (out NULL is allowed). */
WEIR_MUST_USE weir_status weir_pg_do(
    PGconn *conn, const weir_table *table, const char *sql, uint64_t *rows, weir_error *err);

static inline weir_view weir_pg_value(const PGresult *r, int row, int column)
{
    return PQgetisnull(r, row, column)
               ? (weir_view){NULL, 0}
               : weir_view_make(PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column));
}

/* An array literal is begun, gets its elements and is ended. */
void weir_pg_array_begin(weir_buf *to);
void weir_pg_array_text(weir_buf *to, weir_view element);  /* ptr NULL: NULL */
void weir_pg_array_bytes(weir_buf *to, weir_view element); /* of bytea */
void weir_pg_array_end(weir_buf *to);

/* Writes rows of a table (table/table.h: write). */
WEIR_MUST_USE weir_status weir_pg_write(weir_pg *p, weir_table *t, const weir_table_change *changes,
    size_t n, bool *moved, weir_error *err);

#endif
