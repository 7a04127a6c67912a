/* Changes for caches. See render.h. */
#include "sync/render.h"

#include <inttypes.h>

#include "cdc/keyless.h"

bool weir_sync_is_change(const weir_sync_topic *topic, const weir_event *event)
{
    return topic->table && event->kind == WEIR_EVENT_CHANGE &&
           (!event->table.len || weir_view_is(event->table, topic->table));
}

weir_status weir_sync_usable(const weir_sync_topic *topic, const weir_event *event, weir_error *err)
{
    if (topic->table && event->kind == WEIR_EVENT_OTHER) {
        return weir_fail(err, WEIR_E_CDC_NOT_DEBEZIUM,
            "no change of %s: flattened rows need sources.NAME.unwrapped", topic->table);
    }
    if (weir_sync_is_change(topic, event) && event->change.op == 't' && !topic->source->positions) {
        return weir_fail(err, WEIR_E_CDC_NO_POSITION,
            "a truncate of %s, which without positions (connector: none) cannot be ordered among "
            "partitions: the rows stay",
            topic->table);
    }
    return WEIR_OK;
}

/* A row without a key is found again by the place of its record, so that a record that is delivered
 * twice makes one row. */
static weir_status give_key(
    const weir_sync_cache *cache, weir_arena *arena, weir_change *c, weir_error *err)
{
    if (!cache->append) {
        return weir_fail(err, WEIR_E_CDC_NO_KEY,
            "a row without a key cannot be found again: the table needs a primary key, or Debezium "
            "message.key.columns, or on_no_key: append");
    }
    c->key = weir_arena_printf(arena, "{\"%s\":%" PRId64 ",\"%s\":%" PRId32 "}", WEIR_OFFSET_COLUMN,
        c->offset, WEIR_PARTITION_COLUMN, c->partition);
    return c->key.ptr ? WEIR_OK : weir_fail_oom(err);
}

weir_status weir_sync_render(weir_decoder *d, const weir_event *event, const weir_sync_cache *cache,
    weir_arena *arena, weir_change *c, weir_error *err)
{
    *c = event->change;
    if (!c->key.ptr && c->kind != WEIR_TOMBSTONE && c->op != 't') {
        weir_status st = give_key(cache, arena, c, err);
        if (st) {
            return st;
        }
    }
    if (c->kind == WEIR_TOMBSTONE || c->op == 't') {
        return WEIR_OK;
    }
    const weir_projection *p = &cache->view.projection;
    bool all = !p->keep && !p->drop && !p->rename;
    bool moved_out = c->op == 'd' && c->other.ptr && cache->full_images;
    return weir_decoder_row(d, event, all ? NULL : p, moved_out, arena, c, err);
}
