/* Changes for caches. See render.h. */
#include "sync/render.h"

bool weir_sync_is_change(const weir_sync_topic *topic, const weir_event *event)
{
    return topic->table && event->kind == WEIR_EVENT_CHANGE &&
           (!event->table.len || weir_view_is(event->table, topic->table));
}

weir_status weir_sync_render(weir_decoder *d, const weir_event *event, const weir_sync_cache *cache,
    weir_arena *arena, weir_change *c, weir_error *err)
{
    *c = event->change;
    if (c->kind == WEIR_TOMBSTONE || c->op == 't') {
        return WEIR_OK;
    }
    const weir_projection *p = &cache->view.projection;
    bool all = !p->keep && !p->drop && !p->rename;
    bool moved_out = c->op == 'd' && c->other.ptr && cache->full_images;
    return weir_decoder_row(d, event, all ? NULL : p, moved_out, arena, c, err);
}
