/* What the two halves of the writer's part of sync by transaction share. Private to
 * sync/by_transaction*.c. */
#ifndef WEIR_SYNC_BY_TRANSACTION_OWN_H
#define WEIR_SYNC_BY_TRANSACTION_OWN_H

#include "sync/by_transaction.h"

enum {
    WEIR_MOST_REFUSED = 64,    /* rows of one topic's snapshot that are looked for in a round */
    WEIR_LONGEST_PREFIX = 250, /* a topic's name ends at 249 characters */
};

/* Why something waits for other rows. */
typedef struct weir_refusal {
    weir_error why; /* status WEIR_OK: nothing waits */
    uint32_t topic; /* of what was refused first: its first record … */
    int32_t number;
    int64_t offset;
    int64_t since_ms; /* … and since when */
} weir_refusal;

/* A source with tables that are applied by transaction. */
typedef struct weir_ordered_source {
    const weir_source_rules *rules;
    char prefix[WEIR_LONGEST_PREFIX];
    weir_sequence sequence;
    uint64_t stored;  /* the commit in the store … */
    uint64_t written; /* … as the open transaction has it … */
    uint64_t reached; /* … and after what is applied now */
    bool regressed;   /* a lower position was accepted: the sequence is to go by `stored` */

    weir_refusal transaction; /* the next one is refused … */
    weir_refusal row;     /* … a row of a snapshot is: that may wait for as long as it takes */
    int64_t tried_ms;     /* when they were tried last … */
    int64_t try_every_ms; /* … and how long it is until they are tried again */
    bool moved;           /* something was applied since */
    int64_t said_ms;      /* when a waiting row, or a lost change, was told last */

    uint64_t doubted;   /* the transaction that was numbered anew, 0: none … */
    int64_t doubted_ms; /* … and since when it waits */
} weir_ordered_source;

struct weir_by_transaction {
    weir_ordered_source *sources; /* owned */
    size_t n_sources;
    weir_sync_job *jobs; /* not done yet, in the order in which they came */
    weir_sync_job **jobs_end;
    size_t open; /* records of these */
    weir_sequence_batch batch;
    weir_sync_job applied; /* a part of the batch, as a job: its arena is of this part's errors */
    size_t applied_capacity;
    size_t
        refused_at[WEIR_MOST_REFUSED * 4]; /* records of the batch that are left out, ascending */
    size_t n_refused;
    weir_error refused; /* of the batch: why what is put back was refused */

    bool in_order;          /* each change is written before the next one is applied; else net */
    unsigned left_in_order; /* batches that will be … */
    unsigned next_in_order; /* … and behind the next net that is refused */

    bool holds; /* what waits was told, and still does */

    int64_t came_ms;  /* when something came last … */
    int64_t moved_ms; /* … and when something was applied. Monotonic, as all of these */
};

/* ---- What waits (by_transaction_wait.c) ---- */

int64_t weir_by_transaction_now(const weir_sync *s);
/* Something was applied. */
void weir_by_transaction_moved(weir_sync *s);
/* The batch's record was refused (o->refused), and is put back. row: of a snapshot; else it is the
 * first one of a transaction. */
void weir_by_transaction_refused(weir_sync *s, const weir_sync_item *item, bool row);
/* What was refused, where it is time, is to be taken again. */
void weir_by_transaction_try_again(weir_sync *s);
/* Lets a transaction go that waits for what cannot come. True: there was one. */
bool weir_by_transaction_release(weir_sync *s);
/* Says what is waited for, and gives up where that does not come. applied: the round has applied
 * something. */
WEIR_MUST_USE weir_status weir_by_transaction_look(weir_sync *s, bool applied, weir_error *err);

#endif
