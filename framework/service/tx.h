/* The port of transactions: a database in which handlers keep their own tables, and weir its inbox
 * and outbox (service/inbox.h, service/relay.h). Implementations: connectors/sqlite (sqlite_tx.c)
 * and connectors/postgres (postgres_tx.c).
 *
 * A *session* is one connection, made when it is first used and made anew after it was lost. Its
 * statements are the database's own SQL, with $1, $2, … for values; what differs between databases
 * beyond that has operations of its own.
 *
 * A statement that fails has a class, which decides what happens to the record: service/tx.h names
 * no SQLSTATE. Errors of all: SQL_UNREACHABLE (HOLD), SQL_CONFLICT (RETRY), SQL_REFUSED (REJECT),
 * SQL_STATEMENT, SQL_COPY (FATAL), STORE_CONFIG, DATABASE_BROKEN, OUT_OF_MEMORY; those of a
 * handler's statements as the store's `sql_errors` has them. */
#ifndef WEIR_SERVICE_TX_H
#define WEIR_SERVICE_TX_H

#include <stdint.h>
#include <weir/emit.h>

#include "base/err.h"

/* Where an answer is put. */
typedef struct weir_sql_answer {
    /* Each row, its cells in the columns' order, borrowed until it returns; NULL: rows are of no
     * interest. A number is its exact digits, bytes are WEIR_FIELD_BYTES. False: no more rows. */
    bool (*row)(void *ctx, const weir_field *cells, size_t n);
    void *ctx;
    uint64_t affected; /* rows that were written; 0 of what writes none */
} weir_sql_answer;

/* Thread: one owner at a time. */
typedef struct weir_sql_session_ops {
    /* Begins a transaction. A database that has one writer makes who comes second wait. */
    weir_status (*begin)(void *self, weir_error *err);
    /* Runs one statement; values end with WEIR_FIELD_END, NULL: none. Outside of a transaction it
     * is one of its own. */
    weir_status (*exec)(void *self, const char *sql, const weir_field *values,
        weir_sql_answer *answer, weir_error *err);
    /* Whatever it returns, the transaction is over. HOLD: nobody knows whether it is committed. */
    weir_status (*commit)(void *self, weir_error *err);
    void (*rollback)(void *self);
    /* What is run from now on is a handler's: it writes neither weir's own tables nor copies, and
     * its errors are classed as the store's `sql_errors` has them. */
    void (*lend)(void *self, bool to_handler);
    /* The connection itself: a PGconn of "postgres", a sqlite3 of "sqlite". NULL: it is of the
     * other kind, or there is none now. */
    void *(*native)(void *self, const char *kind);
    void (*close)(void *self);
} weir_sql_session_ops;

typedef struct weir_sql_session {
    const weir_sql_session_ops *ops; /* NULL: not opened */
    void *self;
} weir_sql_session;

/* The names of weir's tables: as they are written in SQL, quotes and all. */
typedef struct weir_inbox_names {
    const char *inbox, *outbox, *migrations;
} weir_inbox_names;

/* How a handler's failed statement is classed: by an SQLSTATE or the first two characters of one,
 * or the name of SQLite's code. */
typedef struct weir_sql_class {
    const char *state;
    weir_status status;
} weir_sql_class;

/* What every database is opened with. Borrowed, outlives it. */
typedef struct weir_sql_options {
    /* Of weir's own tables: name, or schema.name. */
    const char *inbox, *outbox, *migrations;
    const char *const *copies; /* tables that handlers only read; named likewise */
    size_t n_copies;
    const weir_sql_class *classes; /* that are not the usual ones; the first that fits counts */
    size_t n_classes;
} weir_sql_options;

/* How far transactions are, in numbers that grow: all below `done` are over, all from `next` on
 * have not begun. Where transactions come one after the other, done equals next. */
typedef struct weir_sql_horizon {
    uint64_t done, next;
} weir_sql_horizon;

typedef struct weir_sql_database_ops {
    /* Errors: OUT_OF_MEMORY. Nothing is connected yet. Thread: any. */
    weir_status (*session)(void *self, weir_sql_session *out, weir_error *err);
    /* Makes the inbox, the outbox and the table of migrations where they are not there; in a
     * transaction that nobody else does the same in at once. */
    weir_status (*make_tables)(void *self, weir_sql_session *s, weir_error *err);
    /* Holds the lock for this transaction that keeps others from migrating at once. */
    weir_status (*lock_migrations)(void *self, weir_sql_session *s, weir_error *err);

    /* Of the relay, in a session of its own. */

    /* *term 0: another session relays. Else this one does, until it is closed or lost; a term that
     * is another number than before began on another connection: others may have relayed between.
     */
    weir_status (*lead)(void *self, weir_sql_session *s, uint64_t *term, weir_error *err);
    weir_status (*horizon)(void *self, weir_sql_session *s, weir_sql_horizon *out, weir_error *err);
    /* Up to which sequence number everything was sent, as far as that was kept. */
    weir_status (*sent_up_to)(void *self, weir_sql_session *s, int64_t *seq, weir_error *err);
    /* Everything up to it is sent: it may be forgotten. */
    weir_status (*forget)(void *self, weir_sql_session *s, int64_t seq, weir_error *err);
    /* Room for what comes, and away with what is forgotten; now and then. */
    weir_status (*tend)(void *self, weir_sql_session *s, weir_error *err);
    void (*close)(void *self);
} weir_sql_database_ops;

/* A database. Thread: any. */
typedef struct weir_sql_database {
    const weir_sql_database_ops *ops; /* NULL: none */
    void *self;
} weir_sql_database;

#endif
