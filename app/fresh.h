/* Has a cache come as far as a position of its source? For reads that ask for at least that much.
 *
 * The positions that were applied do not tell alone: lanes run ahead of each other, and a quiet
 * partition brings none. So first some table of the source must have had a change at or past the
 * position: then the connector has written everything before it to Kafka, since it writes in the
 * order of the log (but for a partition whose leader is away: docs/guarantees.md). The end of the
 * cache's topic is asked for after that, and the cache is past the position when it has read so
 * far.
 *
 * Thread: plain functions; who looks says which thread may. */
#ifndef WEIR_APP_FRESH_H
#define WEIR_APP_FRESH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* What is asked of a cache, its source and its topic. */
typedef struct weir_fresh_ops {
    /* What is committed now: the newest position of any table of the source, and where reading goes
     * on in the topic's partitions 0 … n-1 (-1: nothing was read). */
    weir_status (*look)(void *self, uint64_t *newest, int64_t *next, int32_t n, weir_error *err);
    /* Where the topic ends now: *ends by partition, for weir_free. On an error nothing is to be
     * freed. */
    weir_status (*ask_ends)(void *self, int64_t **ends, int32_t *n, weir_error *err);
} weir_fresh_ops;

typedef struct weir_fresh {
    uint64_t newest; /* as of the last look */
    bool seen;       /* a table of the source has had a change at or past the position */
    bool passed;     /* everything committed up to it is in the cache, … */
    uint64_t past;   /* … and up to this one, which is no lower */
} weir_fresh;

/* Looks, and waits up to wait_ms for it. Errors: those of the ops, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_await_position(const weir_fresh_ops *ops, void *self,
    uint64_t position, int64_t wait_ms, weir_fresh *out, weir_error *err);

#endif
