/* A batch in the order of its keys, for a store that writes neighbours faster. See job.h.
 *
 * A merge sort that begins with the runs which are there: what a lane brings of a snapshot is in
 * order already. It is stable, so that changes of one key stay in theirs. */
#include "base/alloc.h"
#include "sync/job.h"

/* Only these change what stands under a key; the rest is done with when it is met. */
static weir_view key_of(const weir_sync_item *item)
{
    return item->is_change ? item->changes[0].key : item->key;
}

static bool has_effect(const weir_sync_item *item)
{
    return item->is_change ? item->topic->n_caches : item->error && item->key.ptr;
}

/* Truncates, which have no key, come first. */
static bool in_order(const weir_sync_entry *a, const weir_sync_entry *b)
{
    if (a->item->topic != b->item->topic) {
        return a->item->topic < b->item->topic;
    }
    size_t least = a->key.len < b->key.len ? a->key.len : b->key.len;
    int c = least ? memcmp(a->key.ptr, b->key.ptr, least) : 0;
    return c ? c < 0 : a->key.len <= b->key.len;
}

static bool make_room(struct weir_sync_ordering *o, size_t n)
{
    if (n <= o->capacity) {
        return true;
    }
    weir_free(o->entries);
    weir_free(o->spare);
    weir_free(o->ends);
    o->entries = weir_alloc(n * sizeof *o->entries);
    o->spare = weir_alloc(n * sizeof *o->spare);
    o->ends = weir_alloc(n * sizeof *o->ends);
    o->capacity = o->entries && o->spare && o->ends ? n : 0;
    return o->capacity;
}

static size_t collect(const weir_sync_job *first, weir_sync_entry *to)
{
    size_t n = 0;
    for (const weir_sync_job *job = first; job; job = job->next) {
        for (size_t i = 0; i < job->n; i++) {
            weir_sync_item *item = &job->items[i];
            if (has_effect(item)) {
                to[n++] = (weir_sync_entry){key_of(item), item};
            }
        }
    }
    return n;
}

static size_t find_runs(const weir_sync_entry *e, size_t n, size_t *ends)
{
    size_t runs = 0;
    for (size_t i = 1; i <= n; i++) {
        if (i == n || !in_order(&e[i - 1], &e[i])) {
            ends[runs++] = i;
        }
    }
    return runs;
}

/* The runs [a, b) and [b, c). */
static void merge(const weir_sync_entry *from, size_t a, size_t b, size_t c, weir_sync_entry *to)
{
    size_t i = a, j = b, out = a;
    if (b == c || in_order(&from[b - 1], &from[b])) {
        memcpy(to + a, from + a, (c - a) * sizeof *to);
        return;
    }
    while (i < b && j < c) {
        to[out++] = in_order(&from[i], &from[j]) ? from[i++] : from[j++];
    }
    memcpy(to + out, from + i, (b - i) * sizeof *to);
    memcpy(to + out + (b - i), from + j, (c - j) * sizeof *to);
}

/* Merges each two neighbours of the runs. Returns how many runs there are then. */
static size_t merge_pairs(
    const weir_sync_entry *from, size_t *ends, size_t runs, weir_sync_entry *to)
{
    size_t out = 0, start = 0;
    for (size_t r = 0; r < runs; r += 2) {
        size_t middle = ends[r], end = r + 1 < runs ? ends[r + 1] : middle;
        merge(from, start, middle, end, to);
        ends[out++] = start = end;
    }
    return out;
}

weir_status weir_sync_order(
    weir_sync *s, const weir_sync_job *first, weir_sync_entry **out, size_t *n, weir_error *err)
{
    struct weir_sync_ordering *o = &s->ordering;
    size_t most = 0;
    for (const weir_sync_job *job = first; job; job = job->next) {
        most += job->n;
    }
    if (!make_room(o, most)) {
        return weir_fail_oom(err);
    }
    *n = collect(first, o->entries);
    for (size_t runs = find_runs(o->entries, *n, o->ends); runs > 1;) {
        runs = merge_pairs(o->entries, o->ends, runs, o->spare);
        weir_sync_entry *merged = o->spare;
        o->spare = o->entries;
        o->entries = merged;
    }
    *out = o->entries;
    return WEIR_OK;
}
