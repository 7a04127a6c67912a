/* The store port: where caches keep rows and what the merge rule needs, all in one transaction.
 *
 * A store holds numbered caches; a cache has spaces, each a map from bytes to bytes. One writer at
 * a time, inside begin … commit; nothing of a transaction is seen by readers before its commit, and
 * after a crash all of it is there or none. Implementations: connectors/memory, connectors/lmdb.
 *
 * Thread: begin to commit or abort on one thread; `read` from any thread at any time. */
#ifndef WEIR_CDC_STORE_H
#define WEIR_CDC_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

typedef enum weir_space {
    WEIR_SPACE_ROW,   /* key -> the visible row, JSON in the row contract */
    WEIR_SPACE_STATE, /* key -> what the merge rule keeps (cdc/state.h) */
    WEIR_SPACE_MOVE,  /* old key and position -> half of a primary-key move */
    WEIR_SPACE_META,  /* name -> offsets, watermarks, format version */
    WEIR_SPACES
} weir_space;

/* Called for each entry; may ask for its removal. A status other than WEIR_OK ends the walk. */
typedef weir_status weir_store_each_fn(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err);

typedef struct weir_store_ops {
    const char *type; /* "memory", "lmdb" */
    bool durable;     /* offsets outlive the process */

    /* Makes cache `number` (0: the store's own, always there) known by its name, under which other
     * programs find its rows. Outside of a transaction, once for each number. */
    weir_status (*open_cache)(void *self, unsigned number, const char *name, weir_error *err);

    /* Errors of all calls: OUT_OF_MEMORY; STORE_FULL, STORE_IO (HOLD: the transaction is to be
     * aborted and tried again); STORE_BROKEN (FATAL). */
    weir_status (*begin)(void *self, weir_error *err);
    /* Makes the transaction last. On failure it is gone, as if aborted. */
    weir_status (*commit)(void *self, weir_error *err);
    void (*abort)(void *self);

    /* *value is borrowed until the next put, del or end of the transaction; ptr NULL: not there. */
    weir_status (*get)(void *self, unsigned cache, weir_space space, weir_view key,
        weir_view *value, weir_error *err);
    weir_status (*put)(void *self, unsigned cache, weir_space space, weir_view key, weir_view value,
        weir_error *err);
    weir_status (*del)(
        void *self, unsigned cache, weir_space space, weir_view key, weir_error *err);
    /* Inside the transaction, in the store's own order. It begins at the key `from`; empty, or not
     * there any more and the order does not say where it was: at the first one. */
    weir_status (*each)(void *self, unsigned cache, weir_space space, weir_view from,
        weir_store_each_fn *fn, void *ctx, weir_error *err);

    /* Empties a space. */
    weir_status (*clear)(void *self, unsigned cache, weir_space space, weir_error *err);

    /* Outside of a transaction, committed data only: appends the value. Thread: any. */
    weir_status (*read)(void *self, unsigned cache, weir_space space, weir_view key, weir_buf *to,
        bool *found, weir_error *err);

    /* What it holds, for limits and metrics. Thread: any. */
    uint64_t (*bytes)(void *self);
    uint64_t (*count)(void *self, unsigned cache, weir_space space);
    void (*close)(void *self);
} weir_store_ops;

typedef struct weir_store {
    const weir_store_ops *ops;
    void *self;
} weir_store;

#endif
