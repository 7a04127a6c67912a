/* Rows of a daemon's caches, by key. Thread: any. */
#ifndef WEIR_APP_LOOKUP_H
#define WEIR_APP_LOOKUP_H

#include <weir/cache.h>

#include "daemon.h"

/* See weir_lookup. Appends the row. */
WEIR_MUST_USE weir_status weir_daemon_lookup(weir_daemon *d, const char *cache, weir_view key,
    const weir_freshness *min, int64_t *age_ms, weir_buf *row, bool *found, weir_error *err);

/* Of the index-th cache of the sync and its store, without asking how fresh it is. */
WEIR_MUST_USE weir_status weir_lookup_row(weir_sync *sync, weir_store store, size_t index,
    weir_view key, weir_buf *row, bool *found, weir_error *err);

/* A position as people write it: "0/16B3748" or decimal. False: it is neither. */
bool weir_lsn_of(const char *text, uint64_t *out);

#endif
