/* What has come of a transaction: sequence.c's own part in sequence_gather.c. Private to
 * sync/sequence*.c. */
#ifndef WEIR_SYNC_SEQUENCE_OWN_H
#define WEIR_SYNC_SEQUENCE_OWN_H

#include "sync/sequence.h"

/* The changes of one collection, by their order in it. */
typedef struct weir_tally {
    unsigned collection;
    uint64_t distinct;
    uint64_t *places; /* 1 + l, by order; 0: it has not come. Owned */
    size_t capacity;
} weir_tally;

/* A queue that has changes of it, and the last of them there that was not sent before. */
typedef struct weir_share {
    weir_sequence_queue *queue;
    const weir_sequenced *last;
    bool any;
    uint64_t high_l, high_H; /* the highest that has come of it there */
} weir_share;

typedef struct weir_gathering {
    weir_tally *tallies;
    size_t n_tallies, tallies_capacity;
    weir_share *shares;
    size_t n_shares, shares_capacity;
    bool begun, ended; /* its BEGIN, its END have come */
    bool renumbered;   /* its rest is numbered anew */
} weir_gathering;

/* Room for one more. */
bool weir_sequence_grow(void *items, size_t *capacity, size_t n, size_t size);
void weir_gathering_free(void *value);
/* NULL: nothing has come of it. */
weir_gathering *weir_gathering_of(const weir_sequence *q, uint64_t tx);
void weir_gathering_forget(weir_sequence *q, uint64_t tx);
/* A change, a BEGIN or an END has come. False: out of memory. */
bool weir_gathering_add(weir_sequence *q, weir_sequenced *r);
bool weir_gathering_begin(weir_sequence *q, uint64_t tx);
void weir_gathering_end(const weir_sequence *q, uint64_t tx);
/* How many changes of a collection have come. g NULL: none. */
uint64_t weir_gathering_count(const weir_gathering *g, unsigned collection);
/* The first of the END's counts that is not reached; NULL: it is complete. */
const weir_sequence_count *weir_gathering_lacks(const weir_sequence *q, const weir_sequenced *end);

#endif
