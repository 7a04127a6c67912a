/* What a store that is far away is told before a batch is applied: the keys that the merge rule
 * will ask for, and the shape of rows that are new. And what it says afterwards: rows that it
 * refuses. See job.h. */
#include "base/alloc.h"
#include "cdc/shape.h"
#include "sync/job.h"

/* The index of the cache within the topic's; n_caches: it is none of them. */
static size_t index_of(const weir_sync_topic *t, size_t cache)
{
    size_t i = 0;
    while (i < t->n_caches && t->caches[i] != cache) {
        i++;
    }
    return i;
}

/* ---- Before ------------------------------------------------------------------------------------
 */

/* What applying the change will ask for: the key, and the other half's of a move. A row is needed
 * where its columns are taken over. */
static size_t expect_of(const weir_sync *s, size_t cache, const weir_change *c, weir_expected *to)
{
    size_t n = 0;
    bool first_load = c->kind == WEIR_READ && s->merges[cache].making.on;
    if (c->key.ptr) {
        to[n++] = (weir_expected){.key = c->key,
            .row = c->missing.len || (c->op == 'd' && c->other.ptr) || c->kind == WEIR_TOMBSTONE,
            .absent = first_load,
            .partition = c->partition};
    }
    if (c->other.ptr) {
        to[n++] = (weir_expected){.key = c->other, .partition = -1};
    }
    return n;
}

static size_t collect(
    const weir_sync *s, size_t cache, const weir_sync_job *first, weir_expected *to)
{
    size_t n = 0;
    for (const weir_sync_job *job = first; job; job = job->next) {
        for (size_t i = 0; i < job->n; i++) {
            const weir_sync_item *item = &job->items[i];
            size_t at = index_of(item->topic, cache);
            if (at < item->topic->n_caches && item->is_change) {
                n += expect_of(s, cache, &item->changes[at], to + n);
            } else if (at < item->topic->n_caches && item->error && item->key.ptr) {
                to[n++] = (weir_expected){
                    .key = item->key, .row = true, .partition = item->record->raw.partition};
            }
        }
    }
    return n;
}

static size_t count_items(const weir_sync_job *first)
{
    size_t n = 0;
    for (const weir_sync_job *job = first; job; job = job->next) {
        n += job->n;
    }
    return n;
}

static weir_status expect(weir_sync *s, const weir_sync_job *first, weir_error *err)
{
    weir_expected *keys = weir_calloc(2 * count_items(first), sizeof *keys);
    weir_status st = keys ? WEIR_OK : weir_fail_oom(err);
    for (size_t cache = 0; cache < s->options.n_caches && !st; cache++) {
        size_t n = collect(s, cache, first, keys);
        st =
            n ? s->store.ops->expect(s->store.self, s->merges[cache].cache, keys, n, err) : WEIR_OK;
    }
    weir_free(keys);
    return st;
}

static weir_status tell_shapes(weir_sync *s, const weir_sync_item *item, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < item->topic->n_caches && !st; i++) {
        unsigned cache = s->merges[item->topic->caches[i]].cache;
        st = s->store.ops->shape(s->store.self, cache, item->shapes[i], err);
    }
    return st;
}

weir_status weir_sync_announce(weir_sync *s, const weir_sync_job *first, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (const weir_sync_job *job = first; s->store.ops->shape && job && !st; job = job->next) {
        for (size_t i = 0; i < job->n && !st; i++) {
            st = job->items[i].shapes ? tell_shapes(s, &job->items[i], err) : WEIR_OK;
        }
    }
    return st || !first || !s->store.ops->expect ? st : expect(s, first, err);
}

/* ---- After -------------------------------------------------------------------------------------
 */

/* The last change of the key that brings a row: what was refused is its row. */
static weir_sync_item *culprit(
    weir_sync *s, weir_sync_job *first, unsigned cache, weir_view key, weir_sync_job **of)
{
    weir_sync_item *found = NULL;
    for (weir_sync_job *job = first; job; job = job->next) {
        for (size_t i = 0; i < job->n; i++) {
            weir_sync_item *item = &job->items[i];
            for (size_t k = 0; item->is_change && k < item->topic->n_caches; k++) {
                const weir_change *c = &item->changes[k];
                if (s->merges[item->topic->caches[k]].cache == cache && c->row.ptr &&
                    weir_view_eq(c->key, key)) {
                    found = item;
                    *of = job;
                }
            }
        }
    }
    return found;
}

weir_status weir_sync_take_refusals(weir_sync *s, weir_sync_job *first, bool *any, weir_error *err)
{
    unsigned cache;
    weir_view key;
    weir_error why;
    *any = false;
    for (size_t i = 0;
         s->store.ops->refused && s->store.ops->refused(s->store.self, i, &cache, &key, &why);
         i++) {
        weir_sync_job *job = NULL;
        weir_sync_item *item = culprit(s, first, cache, key, &job);
        weir_error *copy = item ? weir_arena_alloc(&job->arena, sizeof *copy) : NULL;
        if (item && !copy) {
            return weir_fail_oom(err);
        }
        if (!item && weir_sync_withhold(s, cache, key, &why, any, err)) {
            return err->status;
        }
        if (item) {
            *copy = why;
            item->error = copy;
            item->key = weir_arena_copy(&job->arena, key);
            item->is_change = false;
            *any = true;
        }
    }
    return WEIR_OK;
}
