/* A store in LMDB: durable, crash-safe, one writer, readers in many processes and languages at
 * once. docs/lmdb-layout.md says what is where. Thread: as the port says. */
#ifndef WEIR_LMDB_STORE_H
#define WEIR_LMDB_STORE_H

#include "cdc/store.h"

typedef struct weir_lmdb_options {
    const char *path;      /* a folder; made when it is not there */
    uint64_t map_bytes;    /* address space; the file is sparse. 0: 64 GiB */
    bool sync_each_commit; /* false: a crash of the machine may lose the newest commits, never more
                            */
    bool read_only;        /* begin starts a read transaction; the folder must be there */
} weir_lmdb_options;

/* Errors: STORE_LOCKED (another process writes it), STORE_BROKEN, STORE_IO, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_lmdb_store_open(
    const weir_lmdb_options *options, weir_store *out, weir_error *err);

/* Calls fn with the name of each cache. Outside of a transaction. */
WEIR_MUST_USE weir_status weir_lmdb_each_cache(
    weir_store store, weir_status (*fn)(void *ctx, const char *name), void *ctx, weir_error *err);

#endif
