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

/* Looks, and waits up to wait_ms for it, by the rule of app/fresh.h. lsn 0: looks only.
 * Errors: the store's, and those of asking Kafka. */
WEIR_MUST_USE weir_status weir_cli_await(const weir_cli *cli, const weir_config *config,
    const weir_config_cache *cache, weir_store store, uint64_t lsn, int64_t wait_ms,
    weir_cli_fresh *out, weir_error *err);

#endif
