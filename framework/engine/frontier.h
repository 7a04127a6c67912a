/* The frontier of a partition: the offset below which every delivered record is settled. It is what
 * may be committed. Contiguous means contiguous among the records that were delivered: compaction
 * and transactions leave gaps.
 *
 * No I/O, no clock, no lock: its owner guards it (the engine's lock). */
#ifndef WEIR_ENGINE_FRONTIER_H
#define WEIR_ENGINE_FRONTIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct weir_frontier {
    int64_t *offsets;    /* ring of delivered records; settled ones are stored as ~offset */
    size_t capacity;     /* a power of two, or 0 */
    uint64_t head, tail; /* sequence numbers: [head, tail) is not below the frontier yet */
    int64_t next;    /* all delivered below it are settled; -1: no start known, nothing delivered */
    int64_t reached; /* all that there is below it was delivered; -1: not known */
} weir_frontier;

/* start: the offset that reading begins at, or -1 if it is not known yet. */
void weir_frontier_init(weir_frontier *f, int64_t start);
void weir_frontier_fini(weir_frontier *f);

/* A record was delivered; offsets only grow. *seq is its name for settle. False: out of memory. */
bool weir_frontier_deliver(weir_frontier *f, int64_t offset, uint64_t *seq);
/* That record is settled. Each is settled once. True when the frontier moved. */
bool weir_frontier_settle(weir_frontier *f, uint64_t seq);

/* Everything below offset was delivered, or is not there: once nothing is open the frontier may
 * move up to it, over what no record stands for (the markers of transactions). */
void weir_frontier_reach(weir_frontier *f, int64_t offset);

/* Is the record at `seq`, of [head, tail), settled? *offset is its offset. */
bool weir_frontier_at(const weir_frontier *f, uint64_t seq, int64_t *offset);
/* Was this offset delivered, and settled? Below the frontier all are. */
bool weir_frontier_is_settled(const weir_frontier *f, int64_t offset);

static inline int64_t weir_frontier_next(const weir_frontier *f)
{
    return f->next;
}
/* Records at or above the frontier, settled or not. */
static inline size_t weir_frontier_open(const weir_frontier *f)
{
    return (size_t)(f->tail - f->head);
}

#endif
