/* From a decoded event to the change that one cache is to apply. Thread: plain functions over a
 * decoder of the caller's. */
#ifndef WEIR_SYNC_RENDER_H
#define WEIR_SYNC_RENDER_H

#include "sync/sync.h"

/* Is the event a change of the topic's table? Rows of another table whose topic has the same
 * sanitised name are not. */
bool weir_sync_is_change(const weir_sync_topic *topic, const weir_event *event);

/* Fills *c with the event's change, its row rendered as the cache wants it. Texts borrow from the
 * record and the arena. Errors: those of weir_decoder_row. */
WEIR_MUST_USE weir_status weir_sync_render(weir_decoder *d, const weir_event *event,
    const weir_sync_cache *cache, weir_arena *arena, weir_change *c, weir_error *err);

/* Is this something that may stand in the topic? Errors: CDC_NOT_DEBEZIUM for what is no event of
 * Debezium's, CDC_NO_POSITION for a truncate that cannot be ordered. */
WEIR_MUST_USE weir_status weir_sync_usable(
    const weir_sync_topic *topic, const weir_event *event, weir_error *err);

#endif
