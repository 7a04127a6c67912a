/* How the values of a cache's rows were read: by which types and modes of the config. Rows that
 * were read otherwise have other values, so a cache that is filled is not read on by others.
 *
 * The reading is a JSON object: each column, by its name in the row, and its type; and "", how
 * values are written that have no type. */
#ifndef WEIR_SYNC_READING_H
#define WEIR_SYNC_READING_H

#include "cdc/store.h"

typedef struct weir_read_cache {
    unsigned number; /* in the store */
    const char *name;
    weir_view reading; /* by the config; ptr NULL: it says nothing */
    bool is_new;       /* nothing was read yet */
} weir_read_cache;

/* Keeps the reading; one that differs from what is kept must not differ in a column that a row has.
 * A store that an older version made has none: what is there is taken to be right. Inside of the
 * caller's transaction. Errors: CACHE_RULE_CHANGED, STORE_*, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_reading_check(
    weir_store store, const weir_read_cache *cache, weir_error *err);

#endif
