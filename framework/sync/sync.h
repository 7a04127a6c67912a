/* Sync: keeps the caches of one store equal to their CDC topics. A processor of the engine.
 *
 *   lanes: decode, render --jobs--> writer: merge, offsets, commit --> settle
 *
 * Lanes decode side by side; one writer applies, since a store has one writer, and commits
 * everything that has piled up in one transaction, the offsets with it. While it commits, the lanes
 * decode on.
 *
 * Invariants
 *  1. Changes of one key of one partition reach the writer in offset order (they share a lane, a
 * lane's jobs are pushed in order, the writer takes them in order).
 *  2. The offset that a transaction stores is the frontier with that transaction's records settled;
 * nothing of a transaction is released before its commit has succeeded.
 *  3. A failed transaction is aborted and applied again as a whole, from the watermarks the store
 * has.
 *
 * Thread: take and step on lanes, weir_sync_write on one writer thread. */
#ifndef WEIR_SYNC_SYNC_H
#define WEIR_SYNC_SYNC_H

#include "cdc/decoder.h"
#include "cdc/merge.h"
#include "cdc/row_check.h"
#include "engine/engine.h"
#include "engine/dead_letter.h"
#include "sync/view.h"

typedef enum weir_reject_policy {
    WEIR_REJECT_DEAD_LETTER,
    WEIR_REJECT_STOP,
    WEIR_REJECT_SKIP,
} weir_reject_policy;

/* A rule: rows of a table's topic go to a cache. Borrowed, outlives the sync. */
typedef struct weir_sync_cache {
    const char *name;
    weir_view
        rule; /* what the cache is made by, as text: a cache made by another rule is refused */
    weir_view reading; /* by which types and modes its values are read (sync/reading.h) */
    weir_row_view view;
    int64_t delete_marks_ms; /* how long a delete mark stays; 0: for ever */
    bool full_images;        /* the table has REPLICA IDENTITY FULL */
    bool unguarded;          /* the store keeps nothing of its rows */
    bool append;             /* rows without a key are kept, by the place of their record */
} weir_sync_cache;

/* A topic that is read, and what its records mean. */
typedef struct weir_sync_topic {
    const char *topic;
    const char
        *table; /* "schema.table" of the rows; NULL: no table's topic (heartbeats, transactions) */
    const weir_source_rules *source;
    const unsigned *caches; /* indexes into the sync's caches */
    size_t n_caches;
    bool stop_on_regress;
    const weir_row_rule *check; /* what its rows must fit; NULL: nothing */
    bool by_transaction; /* its changes are applied in the source's transactions, in their order; no
                          * record of it may be left out: what is rejected stops the sync */
    bool transactions;   /* it is the topic of its source's transaction metadata */
} weir_sync_topic;

typedef struct weir_sync_options {
    const char *name;
    const weir_sync_cache *caches;
    size_t n_caches;
    const weir_sync_topic *topics;
    size_t n_topics;
    unsigned lanes;
    weir_reject_policy on_reject;
    weir_dead_letters dead_letters;
    /* Are offsets missing from this topic because of compaction? Asked once a topic, when some are
     * first missed; may wait for an answer. NULL: no. */
    bool (*compacted)(void *ctx, const char *topic);
    /* How many partitions has this topic? Asked where several processes share a store, and so none
     * is told; may wait for an answer. 0: not known. NULL: nobody to ask. */
    int32_t (*partitions)(void *ctx, const char *topic);
    bool trust_rejected_keys; /* a key whose record was rejected goes on as if it had not been there
                               */
    bool stop_when_full;      /* a full store ends the sync instead of holding it */
    int64_t (*wall_ms)(void *ctx);
    int64_t (*now_ms)(void *ctx); /* monotonic, above 0; NULL: the system's */
    /* Waits before a failed transaction is tried again; false: the writer is to stop. */
    bool (*wait)(void *ctx, int64_t ms);
    void *ctx;
    const weir_log *log;
} weir_sync_options;

typedef struct weir_sync weir_sync;

/* Opens the caches in the store: reads offsets and watermarks. */
WEIR_MUST_USE weir_status weir_sync_new(
    const weir_sync_options *options, weir_store store, weir_sync **out, weir_error *err);
/* The writer must have ended. Does not close the store. */
void weir_sync_free(weir_sync *s);
/* The engine whose records these are; to be called before it runs. */
void weir_sync_attach(weir_sync *s, weir_engine *e);

extern const weir_processor_ops weir_sync_processor;
/* The tag of a topic, for weir_engine_options. */
uint32_t weir_sync_tag(void *sync, weir_view topic);
/* Where reading goes on, from the store; -1: nothing is stored. Thread: any. */
int64_t weir_sync_offset(weir_sync *s, weir_view topic, int32_t partition);
/* A topic has this many partitions now. Errors: KAFKA_PARTITIONS_ADDED, KAFKA_OFFSETS_LOST when the
 * store knows another number. */
WEIR_MUST_USE weir_status weir_sync_check_partitions(
    weir_sync *s, weir_view topic, int32_t n, weir_error *err);

/* All records of a partition are to come on one lane: the engine is to be told. */
bool weir_sync_by_transaction(const weir_sync *s);
/* One round of the writer: applies everything that waits, or does housekeeping when nothing came
 * within wait_ms. WEIR_OK; anything else: the engine has been failed and the writer ends. */
WEIR_MUST_USE weir_status weir_sync_write(weir_sync *s, int64_t wait_ms);
/* Makes a waiting weir_sync_write return. Thread: any. */
void weir_sync_wake(weir_sync *s);

/* Drops what waits for the writer, unsettled. Thread: the writer, or after it has ended. */
void weir_sync_abandon(weir_sync *s);

/* A cache's figures. Thread: any. */
typedef struct weir_sync_stats {
    weir_merge_counters count;
    uint64_t rows, bytes;
    weir_store_written written; /* batches 0: nothing, or a store that does not tell */
    uint64_t applied_high;      /* the source position applied last */
    int64_t applied_ms;         /* the source's clock of the newest change applied */
} weir_sync_stats;
void weir_sync_get_stats(weir_sync *s, size_t cache, weir_sync_stats *out);
uint64_t weir_sync_transactions(weir_sync *s);
/* Appends one of the cache's keys, as an example of how they look; nothing while none is known.
 * Thread: any. */
void weir_sync_some_key(weir_sync *s, size_t cache, weir_buf *to);
/* Is a cache still being made anew? Until what its topics held at the start is applied, and rows
 * that only an older initial snapshot had are gone. Thread: any. */
bool weir_sync_making(const weir_sync *s);
uint64_t weir_sync_rejected(weir_sync *s);
/* Why the writer waits now: true and the reason, or false. Thread: any. */
bool weir_sync_held(weir_sync *s, weir_error *why);

#endif
