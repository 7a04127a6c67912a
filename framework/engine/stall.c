/* Partitions without progress. See stall.h. */
#include "engine/stall.h"

#include <string.h>

#include "base/alloc.h"

static const weir_stall *find(const weir_stalls *s, const weir_partition_view *v)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->items[i].number == v->number && strcmp(s->items[i].topic, v->topic) == 0) {
            return &s->items[i];
        }
    }
    return NULL;
}

bool weir_stalls_look(
    weir_stalls *s, const weir_partition_view *views, size_t n, int64_t now_ms, int64_t after_ms)
{
    weir_stalls now = {.items = weir_calloc(n, sizeof *now.items), .n = n};
    if (!now.items) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const weir_partition_view *v = &views[i];
        const weir_stall *before = find(s, v);
        weir_stall *w = &now.items[i];
        bool stands = before && before->open && before->frontier == v->frontier;
        memcpy(w->topic, v->topic, sizeof w->topic);
        w->number = v->number;
        w->frontier = v->frontier;
        w->since_ms = stands ? before->since_ms : now_ms;
        w->open = v->open_records > 0;
        w->stalled = w->open && now_ms - w->since_ms >= after_ms;
        now.stalled += w->stalled;
    }
    weir_stalls_fini(s);
    *s = now;
    return true;
}

void weir_stalls_fini(weir_stalls *s)
{
    weir_free(s->items);
    *s = (weir_stalls){.n = 0};
}

const weir_stall *weir_stalls_oldest(const weir_stalls *s)
{
    const weir_stall *oldest = NULL;
    for (size_t i = 0; i < s->n; i++) {
        if (s->items[i].stalled && (!oldest || s->items[i].since_ms < oldest->since_ms)) {
            oldest = &s->items[i];
        }
    }
    return oldest;
}

bool weir_stalls_any_stands(const weir_stalls *s, int64_t since_ms)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->items[i].open && s->items[i].since_ms <= since_ms) {
            return true;
        }
    }
    return false;
}
