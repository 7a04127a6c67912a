/* The store port: where caches keep rows and what the merge rule needs, all in one transaction.
 *
 * A store holds numbered caches; a cache has spaces, each a map from bytes to bytes. One writer at
 * a time, inside begin … commit; nothing of a transaction is seen by readers before its commit, and
 * after a crash all of it is there or none. Implementations: connectors/memory, connectors/lmdb,
 * connectors/postgres, connectors/sqlite.
 *
 * Thread: begin to commit or abort on one thread; `read` from any thread at any time. */
#ifndef WEIR_CDC_STORE_H
#define WEIR_CDC_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct weir_shape;

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

/* A key that a transaction will ask for. */
typedef struct weir_expected {
    weir_view key;
    bool row;          /* its row too, not only its state */
    bool absent;       /* it is likely not there: a first load */
    int32_t partition; /* of the record that changes it; -1: it is only looked at */
} weir_expected;

/* What has gone into a cache since the store was opened, whatever became of the transactions. */
typedef struct weir_store_written {
    uint64_t rows, batches; /* changes of rows; statements' worth of them */
    uint64_t busy_us;       /* that the database took for them */
} weir_store_written;

typedef struct weir_store_ops {
    const char *type; /* "memory", "lmdb", "postgres", "sqlite" */
    bool durable;     /* offsets outlive the process */
    bool by_key;      /* entries in the order of their keys' bytes are written faster */
    bool shared; /* several processes write it at once: a transaction may fail with TABLE_MOVED,
                  * and what was loaded before it may be another one's by now */

    /* Makes cache `number` (0: the store's own, always there) known by its name, under which other
     * programs find its rows. Outside of a transaction, once for each number. */
    weir_status (*open_cache)(void *self, unsigned number, const char *name, weir_error *err);

    /* Errors of all calls: OUT_OF_MEMORY; STORE_FULL, STORE_IO (HOLD: the transaction is to be
     * aborted and tried again); STORE_BROKEN, DATABASE_BROKEN (FATAL). Of stores in a database also
     * those of table/table.h. */
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

    /* The rest is for stores that are far away, and may be NULL. */

    /* Inside a transaction, before anything is asked for: what it will ask for, so that one
     * question does for all. What is not announced is found all the same. Borrowed for the call. */
    weir_status (*expect)(
        void *self, unsigned cache, const weir_expected *keys, size_t n, weir_error *err);
    /* Rows to come have this shape (cdc/shape.h). Copied. */
    weir_status (*shape)(
        void *self, unsigned cache, const struct weir_shape *shape, weir_error *err);
    /* Thread: any. */
    void (*written)(void *self, unsigned cache, weir_store_written *out);
    /* As each, over what of a space stands beside rows: states of keys that have none, and what
     * more the store keeps there. Others may write meanwhile: a removal that meets their change
     * fails the transaction with TABLE_MOVED. NULL: each does it. */
    weir_status (*each_aside)(void *self, unsigned cache, weir_space space, weir_view from,
        weir_store_each_fn *fn, void *ctx, weir_error *err);
    /* Inside a transaction: writes what was put so far, so that what is put later is written behind
     * it. checked: and what the database would look at in the end only (deferred constraints) is
     * looked at now. NULL: everything is written as it is put, and nothing refuses it. Errors:
     * also TABLE_DEPENDS. */
    weir_status (*write_now)(void *self, bool checked, weir_error *err);
    /* Puts caches into an order in which rows refer to rows of the same cache, or of one before it,
     * as far as there is one. NULL: no row refers to another one. */
    weir_status (*sort)(void *self, unsigned *caches, size_t n, weir_error *err);
    /* Inside a transaction of a shared store: a key that was only read, maybe beforehand, is read
     * anew when it is asked for again. Others' transactions are committed meanwhile: who has found
     * something of theirs needs what else is theirs. */
    void (*reread)(void *self, unsigned cache, weir_space space, weir_view key);
    /* After a transaction that failed with WEIR_REJECT, until the next begin: the i-th key whose
     * row cannot be stored, and why. False: there are no more. */
    bool (*refused)(void *self, size_t i, unsigned *cache, weir_view *key, weir_error *why);
} weir_store_ops;

typedef struct weir_store {
    const weir_store_ops *ops;
    void *self;
} weir_store;

#endif
