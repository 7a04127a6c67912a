/* Has a cache come as far as a position of its source? For reads that ask for at least that much.
 * Thread: the main thread. */
#ifndef WEIR_CLI_FRESHNESS_H
#define WEIR_CLI_FRESHNESS_H

#include "cache.h"
#include "sync/stored.h"

typedef struct weir_cli_fresh {
    weir_stored_position position; /* of the cache, as of the last look */
    bool seen;   /* a table of the source in this store has had a change at or past the LSN */
    bool passed; /* everything committed up to the LSN is in the cache */
} weir_cli_fresh;

/* Looks, and waits up to wait_ms for it. lsn 0: looks only.
 *
 * First some table of the source must have had a change at or past the LSN: then the connector has
 * written everything before it to Kafka, since it writes in the order of the log. The end of the
 * cache's topic is asked for after that, and the cache is past the LSN when it has read so far. The
 * positions in the store alone do not tell: lanes run ahead of each other, and a quiet partition
 * brings none. Errors: the store's, and those of asking Kafka. */
WEIR_MUST_USE weir_status weir_cli_await(const weir_cli *cli, const weir_config *config,
    const weir_config_cache *cache, weir_store store, uint64_t lsn, int64_t wait_ms,
    weir_cli_fresh *out, weir_error *err);

#endif
