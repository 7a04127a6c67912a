/* Transactions of handlers in PostgreSQL (service/tx.h): a connection for each session, so one for
 * each lane and one for the relay. The outbox is partitioned by ranges of its numbers; what is sent
 * goes by dropping partitions.
 * Thread: the database any; a session one owner. */
#ifndef WEIR_POSTGRES_TX_H
#define WEIR_POSTGRES_TX_H

#include "service/tx.h"

/* Borrowed, outlives the database. */
typedef struct weir_postgres_tx_options {
    const char *conninfo;
    const char *password; /* or NULL */
    weir_sql_options sql;
    int64_t partition_rows; /* of the outbox; 0: 100,000 */
} weir_postgres_tx_options;

/* Connects nothing yet. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_postgres_tx_open(
    const weir_postgres_tx_options *options, weir_sql_database *out, weir_error *err);

#endif
