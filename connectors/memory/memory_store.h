/* A store in memory: for tests, and for caches that may be filled anew at each start.
 * Thread: as the port says; a transaction holds the lock, readers wait for its end. */
#ifndef WEIR_MEMORY_STORE_H
#define WEIR_MEMORY_STORE_H

#include "cdc/store.h"

/* max_bytes: of keys and values with what their entries cost; 0: no bound. */
WEIR_MUST_USE weir_status weir_memory_store_open(
    uint64_t max_bytes, weir_store *out, weir_error *err);

#endif
