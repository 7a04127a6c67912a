/* Transactions of handlers in SQLite (service/tx.h): one file, one writer, in WAL mode. Within the
 * process writers wait for each other in turn, not by trying again; other processes' are waited for
 * by SQLite's busy handler, and past it that is a HOLD.
 * Thread: the database any; a session one owner. */
#ifndef WEIR_SQLITE_TX_H
#define WEIR_SQLITE_TX_H

#include "service/tx.h"

/* Borrowed, outlives the database. */
typedef struct weir_sqlite_tx_options {
    const char *path;      /* of the file; NULL: in memory, gone with the database */
    bool sync_each_commit; /* false: a crash of the machine may lose the newest commits */
    weir_sql_options sql;
} weir_sqlite_tx_options;

/* Errors: OUT_OF_MEMORY; in memory, SQLite's. */
WEIR_MUST_USE weir_status weir_sqlite_tx_open(
    const weir_sqlite_tx_options *options, weir_sql_database *out, weir_error *err);
/* The next n statements get no answer, for tests. */
void weir_sqlite_tx_fail(weir_sql_database *d, unsigned n);

#endif
