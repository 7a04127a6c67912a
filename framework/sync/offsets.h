/* The offsets that a store keeps beside its data (sync/stored.h), as a running sync has them.
 * Private to sync/. Thread: the writer. */
#ifndef WEIR_SYNC_OFFSETS_H
#define WEIR_SYNC_OFFSETS_H

#include "sync/sync.h"

/* Reads what is stored, inside a transaction. */
WEIR_MUST_USE weir_status weir_sync_offsets_load(weir_sync *s, weir_error *err);
/* Forgets a topic's offsets: it is read from its start again. Inside a transaction. */
WEIR_MUST_USE weir_status weir_sync_offsets_drop(weir_sync *s, uint32_t tag, weir_error *err);
/* Has the frontier moved since it was stored? */
bool weir_sync_offsets_moved(weir_sync *s);
/* Puts the frontiers that have moved, inside a transaction; stored: that transaction was committed.
 */
WEIR_MUST_USE weir_status weir_sync_offsets_put(weir_sync *s, weir_error *err);
void weir_sync_offsets_stored(weir_sync *s);
/* Of these, how many partitions there are, which a shared store keeps too. Errors: also
 * KAFKA_PARTITIONS_ADDED, KAFKA_OFFSETS_LOST (another process has counted others). */
WEIR_MUST_USE weir_status weir_sync_counts_put(weir_sync *s, weir_error *err);
void weir_sync_counts_stored(weir_sync *s);

#endif
