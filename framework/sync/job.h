/* A job: what a lane made of a chunk, on its way to the writer. Private to sync/.
 * Thread: handed over completely, lane to writer and back to the pool. */
#ifndef WEIR_SYNC_JOB_H
#define WEIR_SYNC_JOB_H

#include "sync/sync.h"

/* What one record came to. */
typedef struct weir_sync_item {
    weir_record *record;
    const weir_sync_topic *topic;
    bool is_change;             /* else nothing is to be done but to settle */
    bool lettered;              /* its dead letter is safe, whatever becomes of the transaction */
    const weir_error *error;    /* the record cannot be used; in the arena */
    weir_view key;              /* of a record that cannot be used, where it is known */
    const weir_change *changes; /* one for each cache of the topic */
    const struct weir_shape *const *shapes; /* likewise, where they may be new ones; else NULL */
    struct weir_sync_place *place;          /* where tables are applied by transaction; else NULL */
} weir_sync_item;

typedef struct weir_sync_job {
    struct weir_sync_job *next;
    weir_arena arena; /* everything that the items point to, but the records' bytes */
    weir_record **records;
    weir_sync_item *items;
    size_t n, capacity;
    size_t to_complete; /* so many lack columns that the stored rows have */
    size_t left;        /* applied by transaction: that are not applied yet */
} weir_sync_job;

struct weir_sync_lane;

/* What changes a key, of a batch that is applied in the order of keys (sync/order.c). */
typedef struct weir_sync_entry {
    weir_view key;
    weir_sync_item *item;
} weir_sync_entry;

/* The items of these jobs that change a key, in the order of topics and of their keys' bytes; those
 * of one key in the order in which they are. Borrowed until the next call. Thread: the writer.
 * Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_sync_order(
    weir_sync *s, const weir_sync_job *first, weir_sync_entry **out, size_t *n, weir_error *err);

/* Tells the store what a batch brings (sync/announce.c), where it wants to know. Thread: the
 * writer. */
WEIR_MUST_USE weir_status weir_sync_announce(
    weir_sync *s, const weir_sync_job *first, weir_error *err);
/* Marks the items whose rows the store has refused as such that cannot be used. False: there are
 * none. */
WEIR_MUST_USE weir_status weir_sync_take_refusals(
    weir_sync *s, weir_sync_job *first, bool *any, weir_error *err);

/* A row that no record of the batch brings, and the store refuses: one of an earlier batch, which a
 * half of a move has completed (sync/withheld.c). Thread: the writer. */
typedef struct weir_sync_withheld {
    unsigned cache; /* of the store */
    weir_view key;
    weir_error why;
} weir_sync_withheld;

/* Keeps it for the batch's next try. *any: it was not kept before. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_sync_withhold(
    weir_sync *s, unsigned cache, weir_view key, const weir_error *why, bool *any, weir_error *err);
/* A weir_merge_withheld_fn of a sync: notes the row for weir_sync_blame. */
bool weir_sync_is_withheld(void *sync, unsigned cache, weir_view key);
/* The record that was applied is told to have met such a row, if it has. */
void weir_sync_blame(weir_sync *s, weir_sync_item *item);
/* Nothing is withheld any more. Records that were blamed are done with. */
void weir_sync_withhold_none(weir_sync *s);
void weir_sync_withheld_fini(weir_sync *s);

/* Remembers a key of a cache, unless one is known. */
void weir_sync_sample(weir_sync *s, size_t cache, weir_view key);
/* One that is stored. Inside of a transaction. */
WEIR_MUST_USE weir_status weir_sync_sample_stored(weir_sync *s, size_t cache, weir_error *err);

/* Lanes. */
WEIR_MUST_USE weir_status weir_sync_lanes_new(weir_sync *s, weir_error *err);
void weir_sync_lanes_free(weir_sync *s);
/* Gives a job back for reuse. Thread: any. */
void weir_sync_job_done(weir_sync *s, weir_sync_job *job);

struct weir_sync {
    weir_sync_options options;
    weir_engine *engine;
    weir_store store;

    /* Lanes: each has decoders of its own, one per source. */
    struct weir_sync_lane *lanes;

    /* Lock: queue_lock. */
    pthread_mutex_t queue_lock;
    pthread_cond_t queue_filled;
    weir_sync_job *first, *last; /* to the writer */
    weir_sync_job *free_jobs;
    size_t n_free;
    bool woken;

    /* Lock: offsets_lock; the source asks for them while the writer adds new ones. */
    pthread_mutex_t offsets_lock;
    struct weir_stored_offset {
        uint32_t tag;
        int32_t number;
        int64_t next, stored;
    } * offsets;
    size_t n_offsets, offsets_capacity;
    atomic_int *partition_counts; /* by topic; 0: not known. Any thread */
    atomic_uint n_making;         /* caches in the making. Written by the writer; any thread */

    /* Writer only. */
    weir_merge *merges; /* one per cache */
    size_t row_bytes;   /* of rows that changes were completed from, lately; 0: there were none */
    bool by_key;        /* a batch is applied in the order of keys */
    struct weir_by_transaction *by_transaction; /* NULL: no table is applied so */
    struct weir_sync_ordering {
        weir_sync_entry *entries, *spare;
        size_t *ends; /* of runs */
        size_t capacity;
    } ordering;
    struct weir_stored_count {
        int written, stored; /* by the transaction that is open; by the last one */
    } * stored_counts;       /* of partitions, by topic */
    struct {
        weir_sync_withheld **items; /* each owned */
        size_t n, capacity;
        weir_sync_withheld *met; /* by the record that is applied */
        bool blamed;             /* a record has been: it is to be told of before it is applied */
    } withheld;
    weir_log_often rejections;
    bool gave_up;          /* stopped while the store held */
    bool *asked_compacted; /* by topic */
    bool offsets_failed;   /* out of memory while collecting */
    weir_buf expire_from;  /* where the walk over delete marks goes on */
    size_t expire_cache;
    int64_t next_expire_ms, next_look_ms;

    /* Lock: stats_lock. */
    pthread_mutex_t stats_lock;
    weir_sync_stats *stats;
    weir_buf *samples; /* a key of each cache; empty: none was met. Written by the writer */
    uint64_t transactions, rejected;
    bool held;
    weir_error held_why;
};

#endif
