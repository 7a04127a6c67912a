/* Debezium's transaction metadata: the block in a change, and the END of a transaction. Thread:
 * plain functions. */
#ifndef WEIR_SYNC_TRANSACTION_BLOCK_H
#define WEIR_SYNC_TRANSACTION_BLOCK_H

#include "base/arena.h"
#include "base/err.h"
#include "value/value.h"

typedef struct weir_transaction_block {
    uint64_t tx;  /* the transaction's number … */
    uint64_t lsn; /* … and the place that stands behind it in its id: of an END the commit's */
    uint64_t total_order, collection_order;
} weir_transaction_block;

/* Of a change's envelope. Errors: TRANSACTION_METADATA (there is none, or it is not as it should
 * be), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_transaction_block_read(
    const weir_value *envelope, weir_arena *arena, weir_transaction_block *out, weir_error *err);

typedef struct weir_transaction_count {
    weir_view collection; /* "schema.table" */
    uint64_t changes;
} weir_transaction_count;

/* Of a record of the topic of transactions. *is_end false: it is a BEGIN. counts: in the arena.
 * Errors: likewise. */
WEIR_MUST_USE weir_status weir_transaction_end_read(const weir_value *payload, weir_arena *arena,
    bool *is_end, weir_transaction_block *out, weir_transaction_count **counts, size_t *n_counts,
    weir_error *err);

#endif
