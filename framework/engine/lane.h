/* A lane: records in order, one key at a time. It decides which record may run next; running it is
 * the caller's. Used for handlers; sync needs no such bookkeeping.
 *
 *   record --push--> ready --take--> running --done OK--------> (the key's next record is ready)
 *                                      |---done RETRY, HOLD---> parked --due--> ready
 *                                      |---done DEFERRED------> busy --done--> …
 *   While a key is running out of order (parked or busy) its later records queue behind it; other
 * keys flow.
 *
 * Invariants
 *  1. Records of one key of one partition are taken in the order they were pushed, retries
 * included.
 *  2. A key that is parked or busy has an entry in `keys` whose first record is the one that blocks
 * it.
 *  3. A busy key outlives its assignment: the same key in a new epoch waits until the old one is
 * done.
 *  4. A key with more records than the limit congests the partition that its newest record is of:
 * no other, and only as long.
 *
 * No I/O, no clock, no lock: the lane's worker owns it. */
#ifndef WEIR_ENGINE_LANE_H
#define WEIR_ENGINE_LANE_H

#include "base/err.h"
#include "engine/record.h"

typedef struct weir_blocked_key weir_blocked_key;

typedef struct weir_lane {
    weir_record *first, *last; /* pushed, not looked at yet */
    weir_blocked_key **keys;   /* hash table of blocked keys, chained */
    size_t n_keys, n_buckets;
    weir_blocked_key **due; /* heap by due_ms: those that are parked */
    size_t n_due, due_capacity;
    unsigned followers_limit; /* records of one blocked key, itself counted */
} weir_lane;

/* followers_limit 0: none. */
void weir_lane_init(weir_lane *l, unsigned followers_limit);
/* All records must have been dropped. */
void weir_lane_fini(weir_lane *l);

/* A new record; its `next` is the lane's from here on. */
void weir_lane_push(weir_lane *l, weir_record *r);
/* The record that may run now, or NULL. */
weir_record *weir_lane_take(weir_lane *l, int64_t now_ms);

/* How a record that was taken has ended. */

/* It is settled or dropped. True: its key was blocked, so that others may have waited for it. */
bool weir_lane_finish(weir_lane *l, weir_record *r, int64_t now_ms);
/* It comes again at due_ms. Errors: OUT_OF_MEMORY; nothing has changed then. */
WEIR_MUST_USE weir_status weir_lane_park(weir_lane *l, weir_record *r, int64_t due_ms);
/* It comes again, before all others: of several the one that is put back last. Not of a key that is
 * blocked by another record. */
void weir_lane_put_back(weir_lane *l, weir_record *r, int64_t now_ms);
/* It is being completed elsewhere. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_lane_defer(weir_lane *l, weir_record *r);

/* For records that are taken one by one and concluded together, in the order in which they were
 * taken: */

/* Blocks its key, or waits as the next one behind what blocks it. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_lane_keep(weir_lane *l, weir_record *r);
/* Is it the one that blocks its key? Then it is as one that was taken. */
bool weir_lane_claim(weir_lane *l, weir_record *r);
/* A record that was taken while its key was not blocked, and is now: it waits behind. False: it is
 * not blocked. */
bool weir_lane_yield(weir_lane *l, weir_record *r);
/* Those that wait behind it, from the first on. */
void weir_lane_followers(
    weir_lane *l, const weir_record *r, void (*fn)(void *ctx, weir_record *r), void *ctx);
/* Equal key of the same partition, whatever its epoch. Records without a key are all of one. */
bool weir_lane_same_key(const weir_record *a, const weir_record *b);

/* When the next parked key is due; INT64_MAX: none. 0 when something is ready at once. */
int64_t weir_lane_next_due(const weir_lane *l);

/* Takes out every record that is not running or busy and for which `which` says so (NULL: all of
 * them); each is given to fn. For revoked partitions, and when the engine ends. */
void weir_lane_drop(weir_lane *l, bool (*which)(const weir_record *),
    void (*fn)(void *ctx, weir_record *r), void *ctx, int64_t now_ms);

/* What is parked or busy, for `weir stuck`. */
typedef struct weir_blocked_view {
    const weir_record *record;
    uint32_t followers;
    int64_t due_ms; /* INT64_MAX: busy */
} weir_blocked_view;
size_t weir_lane_blocked(const weir_lane *l, weir_blocked_view *out, size_t max);

#endif
