/* Rows that the store refuses, and that no record of the batch brings: each was incomplete, in an
 * earlier batch, and waited for the old half of its key's move, which has come. Without what that
 * half carries the row stays as it was, and the half's record is the one that is told. See job.h.
 *
 *   refused --try again--> withheld, its half's record blamed --try again--> told, applied */
#include "base/alloc.h"
#include "sync/job.h"

static weir_sync_withheld *find(const weir_sync *s, unsigned cache, weir_view key)
{
    for (size_t i = 0; i < s->withheld.n; i++) {
        weir_sync_withheld *w = s->withheld.items[i];
        if (w->cache == cache && weir_view_eq(w->key, key)) {
            return w;
        }
    }
    return NULL;
}

static weir_sync_withheld *new_withheld(weir_sync *s, weir_view key)
{
    if (s->withheld.n == s->withheld.capacity) {
        size_t capacity = s->withheld.capacity ? 2 * s->withheld.capacity : 8;
        weir_sync_withheld **grown =
            weir_realloc(s->withheld.items, capacity * sizeof(weir_sync_withheld *));
        if (!grown) {
            return NULL;
        }
        s->withheld.items = grown;
        s->withheld.capacity = capacity;
    }
    weir_sync_withheld *w = weir_alloc(sizeof *w + key.len);
    if (w) {
        memcpy(w + 1, key.ptr, key.len);
        w->key = weir_view_make((const char *)(w + 1), key.len);
        s->withheld.items[s->withheld.n++] = w;
    }
    return w;
}

weir_status weir_sync_withhold(
    weir_sync *s, unsigned cache, weir_view key, const weir_error *why, bool *any, weir_error *err)
{
    enum { SHOWN = 100 };
    if (find(s, cache, key)) {
        return WEIR_OK; /* and refused as it was, too */
    }
    weir_sync_withheld *w = new_withheld(s, key);
    if (!w) {
        return weir_fail_oom(err);
    }
    w->cache = cache;
    w->why = *why;
    (void)weir_at(&w->why, "row %.*s, whose key has moved",
        (int)(key.len < SHOWN ? key.len : SHOWN), key.ptr);
    *any = true;
    return WEIR_OK;
}

bool weir_sync_is_withheld(void *sync, unsigned cache, weir_view key)
{
    weir_sync *s = sync;
    weir_sync_withheld *w = find(s, cache, key);
    s->withheld.met = w ? w : s->withheld.met;
    return w != NULL;
}

void weir_sync_blame(weir_sync *s, weir_sync_item *item)
{
    if (s->withheld.met && !item->error) {
        item->error = &s->withheld.met->why;
        s->withheld.blamed = true;
    }
    s->withheld.met = NULL;
}

void weir_sync_withhold_none(weir_sync *s)
{
    while (s->withheld.n) {
        weir_free(s->withheld.items[--s->withheld.n]);
    }
    s->withheld.met = NULL;
    s->withheld.blamed = false;
}

void weir_sync_withheld_fini(weir_sync *s)
{
    weir_sync_withhold_none(s);
    weir_free(s->withheld.items);
}
