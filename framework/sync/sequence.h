/* The order of a source's transactions: what is read, partition by partition, comes out as whole
 * transactions in the order in which the source has committed them. The core of `apply:
 * by_transaction`; it knows no store and no Kafka.
 *
 *   partitions' records --push--> queues --next--> units of a batch --done, or put back-->
 *
 * Each partition is a queue. The topic of Debezium's transaction metadata, which has one partition,
 * gives the order: its END is of the transaction that comes next. That one is complete when as many
 * changes of each of our collections have come as its END tells, counted by their
 * data_collection_order, so that one which was sent twice counts once. Then it leaves the queues:
 * its changes in the order of the transaction (total_order), those of a partition never out of the
 * partition's. What is of no transaction, or of one that is past, leaves as soon as it is at the
 * head of its queue: rows of snapshots, tombstones, heartbeats, what a connector sends again.
 *
 * Debezium that restarts within a transaction may number the rest of it anew, and END counts only
 * that (until mid-2026). It shows by a second BEGIN before the END, or by a number that is met
 * again at another position. The counts are then not enough: such a transaction waits for the
 * user's word that all has come that was sent before its END (as_it_is), and goes in the order of
 * positions; of a move's halves, which have one, the removal first. So a BEGIN is not done with
 * before its END is: else who starts behind the first of two would not see that there were two.
 *
 * A change is of a past transaction when its position (H of cdc/change.h) is below the last commit
 * that was taken: the changes of a transaction that comes later were sent behind that commit, and
 * carry it or a later one.
 *
 * Invariants
 *  1. What leaves a queue leaves it from its head, but for what is put back, which comes to the
 *     head again. BEGINs stand beside, and leave with the next transaction whose END comes behind
 *     them, or with their own END.
 *  2. A transaction leaves whole, END last, and in the order of ENDs.
 *  3. `commit` is that of the last transaction that has left; putting back takes it back.
 *
 * Thread: one owner at a time. */
#ifndef WEIR_SYNC_SEQUENCE_H
#define WEIR_SYNC_SEQUENCE_H

#include "base/err.h"
#include "base/map.h"

typedef enum weir_sequenced_kind {
    WEIR_SEQUENCED_LOOSE,  /* of no transaction */
    WEIR_SEQUENCED_CHANGE, /* of a collection that is applied by transaction */
    WEIR_SEQUENCED_BEGIN,  /* of a transaction, in the metadata's topic */
    WEIR_SEQUENCED_END,    /* likewise */
} weir_sequenced_kind;

/* How many changes of one of our collections a transaction has. */
typedef struct weir_sequence_count {
    unsigned collection;
    uint64_t changes;
} weir_sequence_count;

/* A record's place. Borrowed from push until it is done. */
typedef struct weir_sequenced {
    weir_sequenced_kind kind;
    unsigned collection;               /* CHANGE: a number of the user's */
    uint64_t tx;                       /* CHANGE, BEGIN, END: which transaction */
    uint64_t H, l;                     /* CHANGE: its position */
    uint64_t total;                    /* CHANGE: total_order … */
    uint64_t order;                    /* … and data_collection_order, both from 1 */
    bool removes;                      /* CHANGE: a row goes: a move's first half */
    uint64_t commit;                   /* END: the commit's place */
    const weir_sequence_count *counts; /* END */
    size_t n_counts;
    void *item; /* the user's */
    /* private */
    struct weir_sequenced *next; /* in its queue */
    struct weir_sequence_queue *queue;
    uint64_t rank, arrival;
} weir_sequenced;

typedef struct weir_sequence_queue {
    struct weir_sequence_queue *next;
    uint32_t topic; /* the user's tag, and the partition's number */
    int32_t number;
    weir_sequenced *first, *last;
    uint64_t high_H; /* the highest position that it has brought */
    bool blocked;    /* its head was put back as refused */
} weir_sequence_queue;

typedef struct weir_sequence {
    weir_sequence_queue *queues; /* owned */
    weir_sequence_queue *ends;   /* of them: that of the metadata; NULL: nothing came yet */
    weir_sequenced *begun;       /* BEGINs that are open, by `next` */
    size_t n_begun;
    weir_map gathered; /* by transaction: what has come of it */
    uint64_t commit;   /* 0: no transaction has left yet */
    uint64_t arrivals;
    size_t held;   /* records in queues */
    bool blocked;  /* the next transaction was put back as refused */
    bool as_it_is; /* the next transaction is taken with what has come of it. The user's to set */
} weir_sequence;

/* What is to be applied together: a transaction, or a run of one partition's other records. */
typedef struct weir_sequence_unit {
    weir_sequence *of;
    size_t from, n; /* of the batch's records */
    bool transaction;
    bool as_it_is; /* it was taken so */
    uint64_t tx, commit, commit_before;
} weir_sequence_unit;

/* Units in the order in which they are to be applied. */
typedef struct weir_sequence_batch {
    weir_sequenced **records; /* owned, and so are the units */
    size_t n, capacity;
    weir_sequence_unit *units;
    size_t n_units, units_capacity;
} weir_sequence_batch;

void weir_sequence_init(weir_sequence *q, uint64_t commit);
void weir_sequence_fini(weir_sequence *q);
void weir_sequence_batch_fini(weir_sequence_batch *b);

/* A partition's next record. Errors: TRANSACTION_METADATA (ENDs come in two partitions),
 * OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_sequence_push(
    weir_sequence *q, uint32_t topic, int32_t number, weir_sequenced *r, weir_error *err);

/* Adds a unit that is ready to the batch; of other records at most `most`. *any: there was one.
 * Errors: OUT_OF_MEMORY; nothing has left then. */
WEIR_MUST_USE weir_status weir_sequence_next(
    weir_sequence *q, weir_sequence_batch *b, size_t most, bool *any, weir_error *err);

/* Puts back the records from this one on, which must be a unit's first one, or within a unit of
 * other records. refused: the first of them stays where it is, and all that must wait for it, until
 * weir_sequence_retry. Its units go from the batch. */
void weir_sequence_put_back(weir_sequence_batch *b, size_t from, bool refused);
/* Puts back one record of a unit of others as refused; its place in the batch is NULL then. Those
 * that are put back from one partition are so from the last to the first. */
void weir_sequence_put_back_one(weir_sequence_batch *b, size_t at);
/* The source went back in its history: the last commit is this one, and nothing is behind it. */
void weir_sequence_regress(weir_sequence *q, uint64_t commit);
/* What is left in the batch is applied: forgets it. */
void weir_sequence_done(weir_sequence_batch *b);
/* True: something had been refused, and may be taken again. */
bool weir_sequence_retry(weir_sequence *q);

/* The next transaction, whose END has come, is not complete: which, and of the first collection
 * that lacks some, how many have come of how many. */
bool weir_sequence_waits(
    const weir_sequence *q, uint64_t *tx, unsigned *collection, uint64_t *have, uint64_t *want);

/* The next transaction has as many changes as its END tells, but was numbered anew: it waits for
 * as_it_is. */
bool weir_sequence_doubts(const weir_sequence *q, uint64_t *tx);
/* How many partitions a collection has (a collection is the topic of its queues); 0: not known. */
typedef int32_t weir_sequence_partitions_fn(void *ctx, unsigned collection);
/* The next transaction lacks changes that cannot come any more, since each partition of their
 * collections has brought something behind its commit: the log's compaction or retention took them,
 * or something that drops records. */
bool weir_sequence_has_lost(
    const weir_sequence *q, weir_sequence_partitions_fn *partitions, void *ctx);
/* Is there a partition all of whose changes are of one transaction: of the next one, where its END
 * has come, and it is not complete? It may be too large then. */
bool weir_sequence_is_one(const weir_sequence *q);

#endif
