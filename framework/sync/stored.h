/* What a store keeps beside rows and states, by name: for sync itself, and for who looks at a store
 * or mends it while no sync runs. In META of cache 0, as text:
 *   offset:PARTITION:TOPIC -> the next offset     partitions:TOPIC -> how many there were
 *   cache:NAME -> the rule that the cache is made by
 *   reading:NAME -> how its values were read (sync/reading.h)
 *   transactions:PREFIX -> the commit up to which a source's transactions are applied
 * In META of each cache: its watermarks (cdc/merge.h).
 *
 * Everything here happens inside a transaction of the caller's. Errors of all calls: the store's.
 * Thread: the transaction's. */
#ifndef WEIR_SYNC_STORED_H
#define WEIR_SYNC_STORED_H

#include "cdc/store.h"

typedef weir_status weir_stored_offset_fn(
    void *ctx, weir_view topic, int32_t partition, int64_t next, weir_error *err);
/* In the store's order. Must not change the store. Also STORE_BROKEN. */
WEIR_MUST_USE weir_status weir_stored_offsets(
    weir_store store, weir_stored_offset_fn *fn, void *ctx, weir_error *err);
/* -1: none is stored. */
WEIR_MUST_USE weir_status weir_stored_offset(
    weir_store store, const char *topic, int32_t partition, int64_t *next, weir_error *err);
/* next -1: forgets it, so that the partition is read from its first record. */
WEIR_MUST_USE weir_status weir_stored_offset_set(
    weir_store store, const char *topic, int32_t partition, int64_t next, weir_error *err);

/* How many partitions the topic had when its caches were made; 0: not known, or to be forgotten. */
WEIR_MUST_USE weir_status weir_stored_partitions(
    weir_store store, const char *topic, int32_t *n, weir_error *err);
WEIR_MUST_USE weir_status weir_stored_partitions_set(
    weir_store store, const char *topic, int32_t n, weir_error *err);

/* The commit (an LSN) of the source's transaction that was applied last, where tables are applied
 * by transaction; 0: none was, or to be forgotten. prefix: of the source's topics. */
WEIR_MUST_USE weir_status weir_stored_commit(
    weir_store store, const char *prefix, uint64_t *commit, weir_error *err);
WEIR_MUST_USE weir_status weir_stored_commit_set(
    weir_store store, const char *prefix, uint64_t commit, weir_error *err);

/* The rule that a cache was made by; ptr NULL: the store has no such cache. Borrowed until the next
 * write; set: ptr NULL forgets it. */
WEIR_MUST_USE weir_status weir_stored_rule(
    weir_store store, const char *cache, weir_view *rule, weir_error *err);
/* Has the cache ever been in the store? It may have been emptied since, to be made anew. */
WEIR_MUST_USE weir_status weir_stored_has(
    weir_store store, const char *cache, bool *has, weir_error *err);
WEIR_MUST_USE weir_status weir_stored_rule_set(
    weir_store store, const char *cache, weir_view rule, weir_error *err);

/* How a cache's values were read; ptr NULL: nothing is stored. As the rule. */
WEIR_MUST_USE weir_status weir_stored_reading(
    weir_store store, const char *cache, weir_view *reading, weir_error *err);
WEIR_MUST_USE weir_status weir_stored_reading_set(
    weir_store store, const char *cache, weir_view reading, weir_error *err);

/* Empties a cache (by its number in the store) and forgets its rule, so that the next sync makes it
 * anew. */
WEIR_MUST_USE weir_status weir_stored_forget_cache(
    weir_store store, unsigned cache, const char *name, weir_error *err);
/* Forgets where a topic's partitions were read to: they are read from their first records. */
WEIR_MUST_USE weir_status weir_stored_forget_offsets(
    weir_store store, const char *topic, weir_error *err);

/* The newest change of a table that was applied. Lanes run ahead of each other, so this does not
 * say that all before it were: only the offsets say that, of records. */
typedef struct weir_stored_position {
    uint64_t high_H; /* its position; 0: none yet */
    int64_t high_ms; /* the newest source time; 0: none yet */
} weir_stored_position;
/* cache: its number in the store. */
WEIR_MUST_USE weir_status weir_stored_position_of(
    weir_store store, unsigned cache, weir_stored_position *out, weir_error *err);

#endif
