/* The caches of a test's service: each store's sync over records in memory, driven by hand. The
 * rows are in memory, whatever the config's store is. Thread: one. */
#ifndef WEIR_APP_TEST_CACHES_H
#define WEIR_APP_TEST_CACHES_H

#include <weir/cache.h>

#include "base/log.h"
#include "config.h"

typedef struct weir_test_caches weir_test_caches;

WEIR_MUST_USE weir_status weir_test_caches_new(
    const weir_config *config, const weir_log *log, weir_test_caches **out, weir_error *err);
/* NULL is allowed. */
void weir_test_caches_free(weir_test_caches *c);

/* A record, to every cache whose topic it is of. */
WEIR_MUST_USE weir_status weir_test_caches_add(
    weir_test_caches *c, const char *topic, weir_view key, weir_view value, weir_error *err);
/* Applies what was added. */
WEIR_MUST_USE weir_status weir_test_caches_run(weir_test_caches *c, weir_error *err);
/* See weir_lookup. */
WEIR_MUST_USE weir_status weir_test_caches_lookup(weir_test_caches *c, const char *cache,
    weir_view key, weir_buf *row, bool *found, weir_error *err);

#endif
