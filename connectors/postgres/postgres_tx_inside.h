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
    bool leads;    /* the relay's lock is this connection's */
    uint64_t term; /* counts how often it has become so */
    bool handled;  /* a handler has, or may have, written in this transaction */
    bool strays;   /* it may have changed settings since they were last restored … */
    bool native;   /* … and may at any time, for it has the connection */
    bool prepares; /* it has prepared a statement */
    bool spoilt;   /* something of it stays: the connection is to be given up */
    weir_buf texts, bytes;
    /* Statements of weir's own that this connection has prepared, by their text; "weir_0", … */
    char *prepared[WEIR_PG_PREPARED];
    unsigned n_prepared;
} weir_pg_session;

/* postgres_tx.c */
void weir_pg_drop(weir_pg_session *s);
void weir_pg_forget_prepared(weir_pg_session *s);

/* postgres_cells.c */
WEIR_MUST_USE weir_status weir_pg_give_rows(
    weir_pg_session *s, const PGresult *r, weir_sql_answer *answer, weir_error *err);

/* postgres_loan.c: what a handler may change of its connection. */
/* A statement has run. */
void weir_pg_note(weir_pg_session *s, const PGresult *r, const char *sql);
/* Before a statement: one of weir's own finds the settings that weir has made. */
WEIR_MUST_USE weir_status weir_pg_restore(weir_pg_session *s, weir_error *err);
/* "commit" or "rollback", whose result it returns, and all that a handler has left is taken back,
 * or the connection is spoilt. */
PGresult *weir_pg_end(weir_pg_session *s, const char *how);

/* postgres_outbox.c */
weir_status weir_pg_make_tables(void *self, weir_sql_session *s, weir_error *err);
weir_status weir_pg_lock_migrations(void *self, weir_sql_session *s, weir_error *err);
weir_status weir_pg_lead(void *self, weir_sql_session *s, uint64_t *term, weir_error *err);
weir_status weir_pg_horizon(
    void *self, weir_sql_session *s, weir_sql_horizon *out, weir_error *err);
weir_status weir_pg_sent_up_to(void *self, weir_sql_session *s, int64_t *seq, weir_error *err);
weir_status weir_pg_forget(void *self, weir_sql_session *s, int64_t seq, weir_error *err);
weir_status weir_pg_tend(void *self, weir_sql_session *s, weir_error *err);

#endif
