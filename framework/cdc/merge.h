/* The merge rule: what each record of a table does to a store, so that the store ends equal to its
 * source in whatever order, and however often, records arrive. docs/merge-rule.md has the rule in
 * prose with its reasons; it was proven as an executable specification first, and this module
 * agrees with it record by record (tests/sim).
 *
 * No I/O and no clock of its own: it works through the store port, inside a transaction that the
 * caller began, and the time comes in as an argument.
 *
 * Invariants
 *  1. A key's stamp never goes back (bare tombstones lower it by one, so that the same change may
 * come again behind them).
 *  2. A placeholder is never stored: a column without a value is `null` and named in `missing`.
 *  3. A row that waits for a move (state.ref) has a WANTED record of that move, and the other way
 * round, as long as the row waits.
 *
 * Thread: one owner at a time (the store's writer). */
#ifndef WEIR_CDC_MERGE_H
#define WEIR_CDC_MERGE_H

#include "base/arena.h"
#include "cdc/change.h"
#include "cdc/state.h"
#include "cdc/store.h"

typedef struct weir_merge_counters {
#define X(name, help) uint64_t name;
#include "cdc/merge_counters.def"
#undef X
} weir_merge_counters;

/* Decides what of an alive row a reader sees; NULL: all of it. *shown is `row` itself or a part of
 * it in `scratch`. */
typedef weir_status weir_merge_show_fn(void *ctx, weir_view row, const weir_state *state,
    weir_arena *scratch, bool *visible, weir_view *shown, weir_error *err);

/* What is kept per partition for the rule of compaction's gaps and for the alarms. */
typedef struct weir_merge_partition {
    int64_t gap;          /* newest offset behind a gap, as of load; -1: none */
    int64_t gap_met;      /* the same, of the changes since */
    uint64_t high_H;      /* largest position delivered … */
    int64_t high_ms;      /* … and largest source time */
    uint64_t high_commit; /* largest last commit (C) delivered */
    int64_t anew;         /* offset at which the source's history began anew; 0: it never did */
} weir_merge_partition;

/* Where a partition's records stand to the newest initial snapshot. */
typedef struct weir_making_partition {
    int64_t first_row;  /* offset of its first row here; -1: none was met */
    int64_t top_offset; /* of the highest streamed change met … */
    uint64_t top_H;     /* … and its position */
} weir_making_partition;

/* A cache that is being made from its topic's first record on (cdc/merge_making.h). */
typedef struct weir_making {
    bool on;
    bool older_met;                    /* also rows of an older initial snapshot */
    bool spanned;                      /* a transaction is known that began before the newest one's
                                          place and committed after it: … */
    uint64_t spanning_tx, spanning_H;  /* … this one; the highest position of it */
    uint64_t old_H;                    /* a change before the newest one; 0: none is known */
    weir_making_partition *partitions; /* owned; by partition number */
    int32_t n_partitions;
} weir_making;

/* Is this row, which the half of a move would complete, one that the store does not take then? It
 * stays as it is, and waits no more. */
typedef bool weir_merge_withheld_fn(void *ctx, unsigned cache, weir_view key);

typedef struct weir_merge {
    weir_store store;
    unsigned cache;
    bool gap_rule; /* offsets missing within a partition mean that compaction took records */
    weir_merge_show_fn *show;
    void *show_ctx;
    weir_merge_withheld_fn *withheld; /* NULL: none is */
    void *withheld_ctx;
    weir_position truncated; /* the newest truncate; l 0: none */
    uint64_t snapshot_l;     /* the initial snapshot's place; 0: none was met */
    weir_making making;
    weir_merge_partition *partitions; /* owned; by partition number */
    int32_t n_partitions;
    bool unguarded; /* the store keeps no states: what comes is newer than what is there */
    bool shared;    /* several processes write the store: each partition's is an entry of its own */
    weir_merge_partition *loaded; /* owned; shared: as they are in the store */
    weir_merge_counters count;
    uint64_t bases, base_bytes; /* rows that changes were completed from, until they are set to 0 */
    /* private */
    weir_arena arena;
    weir_buf row, missing, bytes;
} weir_merge;

void weir_merge_init(weir_merge *m, weir_store store, unsigned cache);
void weir_merge_fini(weir_merge *m);

/* Reads and writes the watermarks (truncate, partitions) as an entry of WEIR_SPACE_META; save is to
 * be called in the same transaction as the changes it covers, load after every abort: it takes back
 * what was raised in memory alone. */
WEIR_MUST_USE weir_status weir_merge_load(weir_merge *m, weir_error *err);
WEIR_MUST_USE weir_status weir_merge_save(weir_merge *m, weir_error *err);

/* The cache is empty and is filled from its topic's first record on. Until it is made, a newer
 * initial snapshot is no alarm: what it does not hold goes in the end. In a transaction. */
WEIR_MUST_USE weir_status weir_merge_begin(weir_merge *m, weir_error *err);
/* All that the topic held when it was read is applied: removes the rows that are of the time before
 * the newest initial snapshot and not in it. *gone: how many. In a transaction; once it is
 * committed, m->making.on is to be cleared. Errors: as of weir_merge_apply. */
WEIR_MUST_USE weir_status weir_merge_made(weir_merge *m, uint64_t *gone, weir_error *err);

/* The newest position, and the newest source time, of what was delivered; 0: nothing was. Lanes run
 * ahead of each other, so this does not say that all before it was. */
void weir_merge_newest(const weir_merge *m, uint64_t *high_H, int64_t *high_ms);

/* Applies one change. now_ms: the local clock, for expiry.
 * Errors: the store's, OUT_OF_MEMORY. After an error the transaction must be aborted and the
 * watermarks loaded; then the change may be tried again. Counters keep what they counted. */
WEIR_MUST_USE weir_status weir_merge_apply(
    weir_merge *m, const weir_change *c, int64_t now_ms, weir_error *err);

/* The two halves of that, for who applies records in another order than they were delivered in:
 * each change is met, in the order of its partition, before it is applied; those of one key are
 * applied in their order. */
WEIR_MUST_USE weir_status weir_merge_meet(weir_merge *m, const weir_change *c, weir_error *err);
WEIR_MUST_USE weir_status weir_merge_apply_met(
    weir_merge *m, const weir_change *c, int64_t now_ms, weir_error *err);

/* What cannot be repaired, asked before a change is met. */
typedef enum weir_merge_alarm {
    WEIR_ALARM_NONE,
    WEIR_ALARM_POSITION_REGRESS, /* an older position at a later time: failover, restored source */
    WEIR_ALARM_NEW_SNAPSHOT,     /* a second initial snapshot: deletes in between were never sent */
} weir_merge_alarm;
weir_merge_alarm weir_merge_alarm_of(const weir_merge *m, const weir_change *c);
/* Go on behind an alarm: what the change says, and what follows it in its partition, is the new
 * truth, whatever positions were seen before. */
void weir_merge_accept(weir_merge *m, const weir_change *c);

/* A record of this partition that is no change of a row was delivered. gap: as in weir_change. */
WEIR_MUST_USE weir_status weir_merge_pass(
    weir_merge *m, int32_t partition, int64_t gap, weir_error *err);

/* A record of this key could not be decoded: flags the row until a full image of it comes. */
WEIR_MUST_USE weir_status weir_merge_quarantine(weir_merge *m, weir_view key, int32_t partition,
    int64_t offset, int64_t now_ms, weir_error *err);

/* Removes delete marks, and halves of moves whose other half never came, that no record can be
 * older than any more: their position is below `below_H`, a last commit (C) that every partition
 * has delivered, and they were written before `before_ms`. A row that waits for such a half stays
 * flagged as incomplete.
 * Walks at most `limit` states and as many moves. *resume is the place to go on at; empty at the
 * beginning and when the walk is over. */
WEIR_MUST_USE weir_status weir_merge_expire(weir_merge *m, uint64_t below_H, int64_t before_ms,
    unsigned limit, weir_buf *resume, uint64_t *removed, weir_error *err);

#endif
