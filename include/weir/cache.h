/* SPDX-License-Identifier: Apache-2.0
 * <weir/cache.h>: rows of the caches that this app keeps equal to their tables. */
#ifndef WEIR_CACHE_H
#define WEIR_CACHE_H

#include <weir/read.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How new the row must be. lsn: the source's position, "0/16B3748" or decimal; NULL: any. wait_ms:
 * how long to wait for it, after which the lookup is WEIR_RETRY. */
typedef struct weir_freshness {
    const char *lsn;
    uint32_t wait_ms;
} weir_freshness;

/* The row of a key. key: the key of the table's records as JSON, {"id":10}, its members in
 * any order. *found false: there is no row. *row reads it; it lives as long as the message. min
 * NULL: as it is now. min->lsn: everything committed up to it is in the cache; a table of the same
 * source and store must have had a change at or past it, and Kafka is asked where the cache's topic
 * ends, which may take longer than wait_ms. Returns WEIR_OK; WEIR_RETRY when it is not fresh enough
 * in time; WEIR_HOLD while the cache is not ready, its store cannot be read or Kafka does not
 * answer; WEIR_REJECT for a key of other columns or types than the cache's; WEIR_FATAL for an
 * unknown cache. Thread: the message's owner. */
WEIR_API WEIR_MUST_USE weir_status weir_lookup(weir_message *m, const char *cache, weir_view key,
    const weir_freshness *min, bool *found, weir_reader *row);

/* The row as it is known here, where an older one will do: also while the cache is not ready, or
 * Kafka is away. *age_ms: since the newest change that has come from the cache's source was made
 * there, by its clock; what has happened later is not in the row. -1: none has come yet, and that
 * there is no row then says nothing. A source that is quiet looks older than it is, unless it sends
 * heartbeats; partitions that lag behind the newest change are older still. In tests of a service
 * (<weir/test.h>) it is 0. Returns as weir_lookup, but for WEIR_RETRY, and WEIR_HOLD only where the
 * store cannot be read. Thread: the message's owner. */
WEIR_API WEIR_MUST_USE weir_status weir_lookup_known(weir_message *m, const char *cache,
    weir_view key, int64_t *age_ms, bool *found, weir_reader *row);

#ifdef __cplusplus
}
#endif
#endif
