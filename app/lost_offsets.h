/* on_offsets_lost: rebuild. When Kafka no longer has the records that come next, a cache can be
 * made anew from its topic only where the topic still holds a full image of the table: a compacted
 * topic of a table with REPLICA IDENTITY FULL, declared under `full_images`. Thread: plain
 * functions; no daemon may be running. */
#ifndef WEIR_APP_LOST_OFFSETS_H
#define WEIR_APP_LOST_OFFSETS_H

#include "config.h"

/* Is the failure one of lost offsets, and does the config allow to rebuild every cache? */
bool weir_may_rebuild(const weir_config *config, const weir_error *failure);
/* Empties the caches and forgets their offsets, so that the next start reads their topics from the
 * first record. Errors: the store's. */
WEIR_MUST_USE weir_status weir_rebuild_all(const weir_config *config, weir_error *err);

#endif
