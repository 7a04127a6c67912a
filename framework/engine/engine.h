/* The engine: takes records from a source, hands them to lanes, and knows what is settled.
 *
 *   source --poll--> partitions --chunks--> lanes --processor--> settle --> frontier --> commit
 *
 * It has no thread and no clock of its own: engine/run.c drives it with threads, the simulator in
 * virtual time. What is done with records is the processor's: handlers with per-key order
 * (engine/handlers.h), or the sync of a store (sync/sync.h).
 *
 * Invariants
 *  1. A committed offset is never above an unsettled record that was delivered in the same epoch.
 *  2. Records of one lane reach the processor in delivery order; equal keys of a partition share a
 * lane.
 *  3. What is served is derived from the current assignment and its room, never remembered across
 * one.
 *  4. A record is released exactly once: after it was settled, or dropped with its epoch.
 *  5. Behind a failure nothing is committed, and what a lane has not begun is dropped.
 *
 * Locks: `lock` guards partitions, frontiers and counts; each lane has its own for its queue. Never
 * held while calling a source or a processor. */
#ifndef WEIR_ENGINE_ENGINE_H
#define WEIR_ENGINE_ENGINE_H

#include <pthread.h>

#include "base/log.h"
#include "engine/record.h"
#include "engine/source.h"

/* What is done with records. Thread: take and step on the lane's worker. */
typedef struct weir_processor_ops {
    /* New records of this lane, in order. Each is to be settled (or dropped) later, exactly once.
     */
    void (*take)(void *self, unsigned lane, weir_chunk *chunk);
    /* Work that is due by now (monotonic ms); returns when to be called again, INT64_MAX: not by
     * time. */
    int64_t (*step)(void *self, unsigned lane, int64_t now_ms);
    /* Drops what the lane still holds, unsettled: the engine has ended. NULL: it holds nothing. */
    void (*abandon)(void *self, unsigned lane);
} weir_processor_ops;

typedef struct weir_processor {
    const weir_processor_ops *ops;
    void *self;
} weir_processor;

typedef struct weir_engine_options {
    const char *name; /* in logs and metrics */
    unsigned lanes;
    size_t in_flight_bytes;     /* of all partitions together: each may have as many as are left
                                 * free, so none can take them all; 0: 256 MiB */
    unsigned partition_records; /* per partition at once; 0: 20,000 */
    unsigned ahead_records;     /* per partition, at or above its frontier, settled ones counted:
                                 * past it a stuck record holds the others up; 0: 1,000,000 */
    bool by_partition;          /* all records of a partition go to one lane */
    bool group;                 /* commit the frontier to the source */
    bool resume;                /* commits also say what is settled above it, and failed attempts */
    int64_t commit_interval_ms; /* 0: 1,000 */
    int64_t drain_ms;           /* bound of a revoke's drain */
    /* The tag of a topic's partitions; called at each assignment. */
    uint32_t (*tag)(void *ctx, weir_view topic);
    /* Called instead of sleeping while a drain waits (the simulator); NULL: sleeps on a condition.
     * Returns false when the bound has passed. */
    bool (*wait)(void *ctx);
    void *ctx;
    const weir_log *log;
} weir_engine_options;

typedef struct weir_lane_queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    weir_chunk *first, *last;
    bool woken;
    bool idle; /* nothing was there when it asked last */
} weir_lane_queue;

/* A record as the source gave it. */
typedef struct weir_delivery {
    weir_partition *partition;
    weir_raw_record raw;
    void *message;
    uint32_t cost;    /* bytes that it keeps in memory */
    bool passed_over; /* settled before: on no lane */
} weir_delivery;

typedef struct weir_engine {
    weir_engine_options options;
    weir_record_source source;
    weir_processor processor;
    weir_lane_queue *queues;

    pthread_mutex_t lock;
    pthread_cond_t settled;
    weir_partition **partitions; /* assigned now */
    size_t n_partitions, partitions_capacity;
    size_t open_records, open_bytes;
    uint64_t epochs;
    atomic_uint revocations; /* how often partitions were revoked: lanes then drop. Any thread */
    atomic_bool failed;      /* `failure` is set. Any thread */
    uint64_t delivered, settled_total; /* records since the start */
    bool starved;                      /* a partition had no room at the last poll … */
    bool too_far;                      /* … because it is too far ahead of its frontier */
    size_t freed_bytes;                /* released since then */
    atomic_uint idle_lanes;            /* those that found nothing to do. Any thread */
    bool stopping;
    atomic_bool at_end; /* the source has ended: nothing more will come. Any thread */
    weir_error failure; /* status WEIR_OK: none */
    weir_error waiting; /* the source's trouble; status WEIR_OK: none, or records came since */
    int64_t waiting_ms; /* when it was told last, monotonic */

    /* Poll thread only: */
    int64_t now_ms, next_commit_ms;
    weir_chunk **filling; /* per lane: the chunk that is being filled */
    weir_delivery *batch; /* of this poll, in order; not handed out yet */
    size_t n_batch, batch_capacity, batch_bytes;
    bool refusing;           /* a record found no memory: all behind it are given back */
    bool commits_fail;       /* the last commit failed, and the log says so */
    atomic_bool commit_soon; /* without waiting for its time. Any thread */
    char logged_code[32];    /* the source's trouble that was logged last … */
    int64_t logged_ms;       /* … and when */
} weir_engine;

WEIR_MUST_USE weir_status weir_engine_init(weir_engine *e, const weir_engine_options *options,
    weir_record_source source, weir_processor processor, weir_error *err);
/* All records should have been released; those that a user never settled are left alone, and so is
 * what they need. Closes the source. */
void weir_engine_fini(weir_engine *e);

/* One round of the poll thread: polls, hands out, commits when it is time.
 * Returns WEIR_OK; anything else ends the engine (weir_engine_failure says why). */
WEIR_MUST_USE weir_status weir_engine_poll(weir_engine *e, int64_t now_ms, int timeout_ms);

/* The next chunk of a lane, NULL: none. wait_ms 0: does not wait. Thread: the lane's worker. */
weir_chunk *weir_engine_next(weir_engine *e, unsigned lane, int64_t wait_ms);
/* Makes a waiting weir_engine_next return. Thread: any. */
void weir_engine_wake(weir_engine *e, unsigned lane);

/* mark: the record is settled, the frontier may move. release: its memory goes. settle: both.
 * drop: released without being settled, because its epoch has ended. Thread: any. */
void weir_engine_mark(weir_engine *e, weir_record *const *records, size_t n);
void weir_engine_release(weir_engine *e, weir_record *const *records, size_t n);
void weir_engine_settle(weir_engine *e, weir_record *const *records, size_t n);
static inline void weir_engine_drop(weir_engine *e, weir_record *const *records, size_t n)
{
    weir_engine_release(e, records, n);
}

/* So many attempts of the record have failed: the next commit says so, and is made soon. True: it
 * has room for that; false: behind a crash they begin again. Thread: any that has the record. */
bool weir_engine_note_failure(weir_engine *e, const weir_record *r, uint32_t attempts);

/* The messages of these records are not needed any more: they are given back now, and what is kept
 * of all of them counts as `bytes` until their release. Keys, values and headers are gone then.
 * Thread: any, and the only one that has the records. */
void weir_engine_unload(weir_engine *e, weir_record *const *records, size_t n, size_t bytes);

/* How many more records the source may deliver for this partition now. Where it is 0, the source is
 * woken when it may be more: as soon as a lane has nothing to do, else when it is worth a round.
 * Thread: poll. */
unsigned weir_partition_room(weir_engine *e, const weir_partition *p);

/* Has more to come, as far as the source knows, only of partitions that have no room, of in_flight
 * or of their own: who waits for more waits for what is open already. Thread: any. */
bool weir_engine_wants_room(weir_engine *e);

/* Of each partition: nothing has come since its end was met last (at_end); it has more, as far as
 * the source knows, and no room for it (full). fn: under the engine's lock. Thread: any. */
typedef void weir_engine_look_fn(void *ctx, const weir_partition *p, bool at_end, bool full);
void weir_engine_look(weir_engine *e, weir_engine_look_fn *fn, void *ctx);

/* Will nothing more come: because the source has ended, or since the engine is to stop? Thread:
 * any.
 */
bool weir_engine_at_end(const weir_engine *e);
bool weir_engine_stopping(weir_engine *e);

/* Stops serving; records that were taken go on. Thread: any. */
void weir_engine_stop_taking(weir_engine *e);
/* Lanes drop what they have not begun: it comes again. Thread: poll. */
void weir_engine_give_up(weir_engine *e);
/* Nothing is open. Thread: any. */
bool weir_engine_idle(weir_engine *e);
/* Is there something to commit for it? Lock: `lock`. */
bool weir_partition_wants_commit(const weir_engine *e, const weir_partition *p);
/* Commits the frontier (group). wait: until the source has answered. Thread: poll. */
WEIR_MUST_USE weir_status weir_engine_commit(weir_engine *e, bool wait, weir_error *err);
/* For who commits in the source's place (options: not `group`, but `resume`): records are settled
 * by a mark, then what is to be committed is gathered, then committed, then the records are
 * released. Thread: one. */
typedef struct weir_commit {
    weir_offset *offsets; /* owned, with their texts */
    size_t n;
    weir_buf texts;
} weir_commit;
typedef enum weir_marking {
    WEIR_MARKED,
    WEIR_MARK_LATER, /* a commit could not tell of it: its partition's frontier is too far below */
    WEIR_MARK_GONE,  /* its assignment has ended: to be dropped */
} weir_marking;
/* round: grows with each choice of records, from 1. How far a partition's may go is settled by the
 * first of a round: a later one of it is not marked where an earlier one was not. */
WEIR_MUST_USE weir_marking weir_engine_mark_within(weir_engine *e, weir_record *r, uint64_t round);
/* What is to be committed now, maybe nothing. gone[i]: the assignment of that record has ended, and
 * nothing of it is in it. In one moment, so that neither goes without the other. */
WEIR_MUST_USE weir_status weir_engine_gather(weir_engine *e, weir_record *const *records, size_t n,
    bool *gone, weir_commit *c, weir_error *err);
void weir_engine_committed(weir_engine *e, const weir_commit *c);
void weir_commit_fini(weir_commit *c);
/* Does its partition's frontier wait for this record? Thread: any that has the record. */
bool weir_engine_is_first(weir_engine *e, const weir_record *r);

/* recall.c: a record that was settled before is to be handled again. */

/* Which assignment the engine has of a partition; 0: none, or it is ending. Thread: any. */
uint64_t weir_engine_epoch_of(weir_engine *e, const char *topic, int32_t number);
/* The epoch of the newest assignment; 0: there was none yet. Thread: any. */
uint64_t weir_engine_epochs(weir_engine *e);
/* As what a record is recalled. */
typedef struct weir_recalling {
    uint64_t epoch; /* of the partition's assignment */
    weir_recall kind;
    uint32_t round; /* weir_record … */
    int64_t lacks;
} weir_recalling;

/* Puts a copy of the record behind what its key's lane has, as one of the partition's
 * assignment: it is settled or dropped as any other, but moves no frontier. False: the assignment
 * has ended, the engine takes nothing more, or there is no memory. Thread: any. */
bool weir_engine_recall(weir_engine *e, const weir_raw_record *raw, const weir_recalling *as);
/* How much memory may be recalled now, in bytes. Thread: any. */
size_t weir_engine_recall_room(weir_engine *e);

/* Ends the engine with this reason; the first one counts. Thread: any. */
void weir_engine_fail(weir_engine *e, const weir_error *err);
bool weir_engine_failure(weir_engine *e, weir_error *out);
/* Has it failed? Cheaper, for a look at each record. Thread: any. */
static inline bool weir_engine_failed(const weir_engine *e)
{
    return atomic_load_explicit(&e->failed, memory_order_acquire);
}
/* Drops what waits in the lanes and their queues, unsettled. No thread works a lane any more. */
void weir_engine_abandon(weir_engine *e);
/* The trouble (HOLD) that the source told last, if nothing came from it since, and when that was.
 * It may be over: a source does not tell when. Thread: any. */
bool weir_engine_waiting(weir_engine *e, weir_error *out, int64_t *told_ms);

/* A partition's figures, for metrics and `weir lag`. */
typedef struct weir_partition_view {
    char topic[250];
    int32_t number;
    int64_t end, frontier, committed;
    uint64_t open_records;
    bool ready;     /* everything that was there at the start is settled and released */
    bool congested; /* not served: a key with too many followers, or too much settled ahead */
} weir_partition_view;
/* Fills at most max; returns how many there are. Thread: any (end: as last heard). */
size_t weir_engine_partitions(weir_engine *e, weir_partition_view *out, size_t max);

/* Records since the start. Thread: any. */
typedef struct weir_engine_counts {
    uint64_t delivered, settled, open, open_bytes;
} weir_engine_counts;
weir_engine_counts weir_engine_get_counts(weir_engine *e);

/* What a partition's next offset in a store must be, under the engine's lock; fn is called for each
 * partition whose frontier is known. Thread: any. */
void weir_engine_frontiers(
    weir_engine *e, void (*fn)(void *ctx, const weir_partition *p, int64_t next), void *ctx);

/* Is everything that was there at the start settled and released? False while partitions are
 * unknown. */
bool weir_engine_ready(weir_engine *e);
/* Is a partition with this tag assigned? */
bool weir_engine_has(weir_engine *e, uint32_t tag);

extern const weir_source_events weir_engine_events;

#endif
