/* What the two files of PostgreSQL's transactions know of each other: a database, a session.
 * Private to postgres_tx.c and postgres_outbox.c. */
#ifndef WEIR_POSTGRES_TX_INSIDE_H
#define WEIR_POSTGRES_TX_INSIDE_H

#include "postgres/postgres.h"
#include "postgres/postgres_tx.h"

typedef struct weir_pg_database {
    weir_postgres_tx_options options;
    weir_pg dialer;      /* how connections are opened */
    weir_buf copies_sql; /* asks which copies this transaction writes to; empty: there are none */
} weir_pg_database;

enum { WEIR_PG_PREPARED = 16 };

typedef struct weir_pg_session {
    weir_pg_database *d;
    PGconn *conn; /* NULL: none yet */
    bool in_transaction, lent;
    bool wrote; /* a handler has, or may have, in this transaction */
    bool leads; /* the relay's lock is this connection's */
    weir_buf texts, bytes;
    /* Statements of weir's own that this connection has prepared, by their text; "p0", "p1", … */
    char *prepared[WEIR_PG_PREPARED];
    unsigned n_prepared;
} weir_pg_session;

/* postgres_outbox.c */
weir_status weir_pg_make_tables(void *self, weir_sql_session *s, weir_error *err);
weir_status weir_pg_lock_migrations(void *self, weir_sql_session *s, weir_error *err);
weir_status weir_pg_lead(void *self, weir_sql_session *s, bool *leads, weir_error *err);
weir_status weir_pg_horizon(
    void *self, weir_sql_session *s, weir_sql_horizon *out, weir_error *err);
weir_status weir_pg_sent_up_to(void *self, weir_sql_session *s, int64_t *seq, weir_error *err);
weir_status weir_pg_forget(void *self, weir_sql_session *s, int64_t seq, weir_error *err);
weir_status weir_pg_tend(void *self, weir_sql_session *s, weir_error *err);

#endif
