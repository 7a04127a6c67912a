/* Has a cache come as far as a position of its source? For reads that ask for at least that much.
 * Thread: the main thread. */
#ifndef WEIR_CLI_FRESHNESS_H
#define WEIR_CLI_FRESHNESS_H

#include "cache.h"
#include "sync/stored.h"

typedef struct weir_cli_fresh {
    weir_stored_position position; /* as of the last look */
    bool passed;                   /* everything committed up to the position asked for is there */
    bool by_ends; /* told by the topic's end offsets: the table itself had no later change */
} weir_cli_fresh;

/* Looks, and waits up to wait_ms for it. lsn 0: looks only.
 *
 * A cache is past an LSN when every partition of its topic has brought a change at or past it.
 * Where a partition is quiet, and a table of the same source in the same store is past the LSN, the
 * topic's end offsets are asked for after that was seen; then the cache is past it when it has
 * reached them, since the connector writes its topics in the order of the log. */
WEIR_MUST_USE weir_status weir_cli_await(const weir_cli *cli, const weir_config *config,
    const weir_config_cache *cache, weir_store store, uint64_t lsn, int64_t wait_ms,
    weir_cli_fresh *out, weir_error *err);

#endif
