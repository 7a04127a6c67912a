/* The caches of a test's service: each store's sync over records in memory, driven by hand. The
 * rows are in memory, whatever the config's store is. Thread: one. */
#ifndef WEIR_APP_TEST_CACHES_H
#define WEIR_APP_TEST_CACHES_H

#include <weir/cache.h>
#include <weir/emit.h>

#include "base/log.h"
#include "cdc/store.h"
#include "config.h"
#include "engine/dead_letter.h"

typedef struct weir_test_caches weir_test_caches;

/* letters: where records go that cannot be used, with errors.reject: dead_letter. */
WEIR_MUST_USE weir_status weir_test_caches_new(const weir_config *config,
    const weir_dead_letters *letters, const weir_log *log, weir_test_caches **out, weir_error *err);
/* NULL is allowed. */
void weir_test_caches_free(weir_test_caches *c);

/* A record, to every cache whose topic it is of; headers may be NULL. Its place is its topic's one
 * partition, and how many of the topic came before. *taken: there is such a cache. */
WEIR_MUST_USE weir_status weir_test_caches_add(weir_test_caches *c, const char *topic,
    weir_view key, weir_view value, const weir_field *headers, int64_t at_ms, bool *taken,
    weir_error *err);
WEIR_MUST_USE weir_status weir_test_caches_record(
    weir_test_caches *c, const weir_raw_record *record, bool *taken, weir_error *err);
/* Applies what was added. */
WEIR_MUST_USE weir_status weir_test_caches_run(weir_test_caches *c, weir_error *err);
/* See weir_lookup. */
WEIR_MUST_USE weir_status weir_test_caches_lookup(weir_test_caches *c, const char *cache,
    weir_view key, weir_buf *row, bool *found, weir_error *err);
/* Each row of a cache, in no order. */
WEIR_MUST_USE weir_status weir_test_caches_each(
    weir_test_caches *c, const char *cache, weir_store_each_fn *fn, void *ctx, weir_error *err);

#endif
