/* What the two files of SQLite's transactions know of each other: a database, a session. Private to
 * sqlite_tx.c and sqlite_outbox.c. */
#ifndef WEIR_SQLITE_TX_INSIDE_H
#define WEIR_SQLITE_TX_INSIDE_H

#include <stdatomic.h>

#include "base/buf.h"
#include "sqlite/sqlite.h"
#include "sqlite/sqlite_tx.h"

enum { WEIR_LITE_STATEMENTS = 24, WEIR_LITE_CELLS = 200, WEIR_LITE_NUMBER = 40 };

typedef struct weir_lite_database {
    weir_sqlite_tx_options options;
    weir_buf uri;
    sqlite3 *keeper; /* of a database in memory */
    pthread_mutex_t writer;
    atomic_uint failures; /* that a test has asked for */
} weir_lite_database;

typedef struct weir_lite_statement {
    char *sql;
    bool lent;
    sqlite3_stmt *s;
} weir_lite_statement;

typedef struct weir_lite_session {
    weir_lite_database *d;
    sqlite3 *db; /* NULL: none yet */
    int lead_fd; /* -1: none */
    bool in_transaction, lent;
    bool own;         /* weir's own statement runs: who else uses the connection is a handler */
    char denied[128]; /* the table that the last statement may not write; "" if none */
    weir_lite_statement kept[WEIR_LITE_STATEMENTS];
    unsigned next_kept;
    weir_field cells[WEIR_LITE_CELLS];
    char numbers[WEIR_LITE_CELLS][WEIR_LITE_NUMBER];
} weir_lite_session;

/* sqlite_outbox.c */
weir_status weir_lite_make_tables(void *self, weir_sql_session *s, weir_error *err);
weir_status weir_lite_lock_migrations(void *self, weir_sql_session *s, weir_error *err);
weir_status weir_lite_lead(void *self, weir_sql_session *given, uint64_t *term, weir_error *err);
weir_status weir_lite_horizon(
    void *self, weir_sql_session *s, weir_sql_horizon *out, weir_error *err);
weir_status weir_lite_sent_up_to(void *self, weir_sql_session *s, int64_t *seq, weir_error *err);
weir_status weir_lite_forget(void *self, weir_sql_session *s, int64_t seq, weir_error *err);
weir_status weir_lite_tend(void *self, weir_sql_session *s, weir_error *err);

#endif
