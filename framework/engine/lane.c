/* A lane. See lane.h. */
#include "engine/lane.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

enum { BUSY = -1 };

struct weir_blocked_key {
    weir_blocked_key *chain; /* of its bucket */
    uint32_t hash;
    weir_record *first, *last; /* first: the record that blocks */
    uint32_t count;
    int64_t due_ms;
    ptrdiff_t heap_at;         /* BUSY: not in the heap */
    weir_partition *congested; /* not served because of this key; NULL: none */
};

void weir_lane_init(weir_lane *l, unsigned followers_limit)
{
    *l = (weir_lane){.followers_limit = followers_limit};
}

void weir_lane_fini(weir_lane *l)
{
    assert(!l->first && !l->n_keys);
    weir_free(l->keys);
    weir_free(l->due);
    *l = (weir_lane){0};
}

void weir_lane_push(weir_lane *l, weir_record *r)
{
    r->next = NULL;
    if (l->last) {
        l->last->next = r;
    } else {
        l->first = r;
    }
    l->last = r;
}

/* ---- Blocked keys: a table ----------------------------------------------------------------------
 */

bool weir_lane_same_key(const weir_record *a, const weir_record *b)
{
    const weir_partition *p = a->partition, *q = b->partition;
    if (p != q && (p->number != q->number || p->tag != q->tag || strcmp(p->topic, q->topic) != 0)) {
        return false;
    }
    bool keyed = a->raw.key.ptr && b->raw.key.ptr;
    return keyed ? weir_view_eq(a->raw.key, b->raw.key) : a->raw.key.ptr == b->raw.key.ptr;
}

static weir_blocked_key *find(const weir_lane *l, const weir_record *r)
{
    if (!l->n_keys) {
        return NULL;
    }
    weir_blocked_key *k = l->keys[r->hash & (l->n_buckets - 1)];
    while (k && !(k->hash == r->hash && weir_lane_same_key(k->first, r))) {
        k = k->chain;
    }
    return k;
}

static bool grow_table(weir_lane *l)
{
    size_t n = l->n_buckets ? l->n_buckets * 2 : 64;
    weir_blocked_key **wider = weir_calloc(n, sizeof(weir_blocked_key *));
    if (!wider) {
        return false;
    }
    for (size_t i = 0; i < l->n_buckets; i++) {
        while (l->keys[i]) {
            weir_blocked_key *k = l->keys[i];
            l->keys[i] = k->chain;
            k->chain = wider[k->hash & (n - 1)];
            wider[k->hash & (n - 1)] = k;
        }
    }
    weir_free(l->keys);
    l->keys = wider;
    l->n_buckets = n;
    return true;
}

/* A new entry with room in the heap, so that parking it cannot fail; NULL: out of memory. */
static weir_blocked_key *add(weir_lane *l, weir_record *r)
{
    if (l->n_keys == l->due_capacity) {
        size_t capacity = l->due_capacity ? l->due_capacity * 2 : 64;
        weir_blocked_key **wider = weir_realloc(l->due, capacity * sizeof(weir_blocked_key *));
        if (!wider) {
            return NULL;
        }
        l->due = wider;
        l->due_capacity = capacity;
    }
    if (l->n_keys >= l->n_buckets && !grow_table(l)) {
        return NULL;
    }
    weir_blocked_key *k = weir_alloc(sizeof *k);
    if (!k) {
        return NULL;
    }
    weir_blocked_key **bucket = &l->keys[r->hash & (l->n_buckets - 1)];
    *k = (weir_blocked_key){.chain = *bucket,
        .hash = r->hash,
        .first = r,
        .last = r,
        .count = 1,
        .heap_at = BUSY,
        .due_ms = INT64_MAX};
    r->next = NULL;
    *bucket = k;
    l->n_keys++;
    return k;
}

/* To be called whenever the key's records have changed, before any of them is given away. */
static void watch_congestion(const weir_lane *l, weir_blocked_key *k)
{
    bool too_many = l->followers_limit && k->count > l->followers_limit;
    weir_partition *p = too_many ? k->last->partition : NULL;
    if (p == k->congested) {
        return;
    }
    if (k->congested) {
        atomic_fetch_sub(&k->congested->congested, 1);
    }
    if (p) {
        atomic_fetch_add(&p->congested, 1);
    }
    k->congested = p;
}

static void remove_key(weir_lane *l, weir_blocked_key *k)
{
    weir_blocked_key **at = &l->keys[k->hash & (l->n_buckets - 1)];
    while (*at != k) {
        at = &(*at)->chain;
    }
    *at = k->chain;
    l->n_keys--;
    weir_free(k);
}

/* ---- Blocked keys: a heap by due time -----------------------------------------------------------
 */

static void put_at(weir_lane *l, size_t i, weir_blocked_key *k)
{
    l->due[i] = k;
    k->heap_at = (ptrdiff_t)i;
}

static void sift_up(weir_lane *l, size_t i)
{
    weir_blocked_key *k = l->due[i];
    for (; i && l->due[(i - 1) / 2]->due_ms > k->due_ms; i = (i - 1) / 2) {
        put_at(l, i, l->due[(i - 1) / 2]);
    }
    put_at(l, i, k);
}

static void sift_down(weir_lane *l, size_t i)
{
    weir_blocked_key *k = l->due[i];
    for (size_t child; (child = 2 * i + 1) < l->n_due; i = child) {
        if (child + 1 < l->n_due && l->due[child + 1]->due_ms < l->due[child]->due_ms) {
            child++;
        }
        if (l->due[child]->due_ms >= k->due_ms) {
            break;
        }
        put_at(l, i, l->due[child]);
    }
    put_at(l, i, k);
}

static void enter_heap(weir_lane *l, weir_blocked_key *k, int64_t due_ms)
{
    assert(k->heap_at == BUSY && l->n_due < l->due_capacity);
    k->due_ms = due_ms;
    put_at(l, l->n_due++, k);
    sift_up(l, l->n_due - 1);
}

static void leave_heap(weir_lane *l, weir_blocked_key *k)
{
    size_t i = (size_t)k->heap_at;
    weir_blocked_key *last = l->due[--l->n_due];
    if (last != k) {
        put_at(l, i, last);
        sift_down(l, i);
        sift_up(l, (size_t)last->heap_at);
    }
    k->heap_at = BUSY;
    k->due_ms = INT64_MAX;
}

/* ---- Taking -------------------------------------------------------------------------------------
 */

static void follow(weir_lane *l, weir_blocked_key *k, weir_record *r)
{
    r->next = NULL;
    k->last->next = r;
    k->last = r;
    k->count++;
    watch_congestion(l, k);
}

static weir_record *pop(weir_lane *l)
{
    weir_record *r = l->first;
    l->first = r->next;
    l->last = l->first ? l->last : NULL;
    r->next = NULL;
    return r;
}

weir_record *weir_lane_take(weir_lane *l, int64_t now_ms)
{
    if (l->n_due && l->due[0]->due_ms <= now_ms) {
        weir_blocked_key *k = l->due[0];
        leave_heap(l, k);
        return k->first;
    }
    while (l->first) {
        weir_record *r = pop(l);
        weir_blocked_key *k = find(l, r);
        if (!k) {
            return r;
        }
        follow(l, k, r);
    }
    return NULL;
}

int64_t weir_lane_next_due(const weir_lane *l)
{
    return l->first ? 0 : l->n_due ? l->due[0]->due_ms : INT64_MAX;
}

/* ---- Ending -------------------------------------------------------------------------------------
 */

bool weir_lane_finish(weir_lane *l, weir_record *r, int64_t now_ms)
{
    weir_blocked_key *k = find(l, r);
    if (!k || k->first != r) {
        return false; /* it ran straight through */
    }
    if (k->heap_at != BUSY) {
        leave_heap(l, k);
    }
    k->first = r->next;
    k->count--;
    r->next = NULL;
    watch_congestion(l, k);
    if (k->first) {
        enter_heap(l, k, now_ms); /* its next record is ready */
    } else {
        remove_key(l, k);
    }
    return true;
}

weir_status weir_lane_park(weir_lane *l, weir_record *r, int64_t due_ms)
{
    weir_blocked_key *k = find(l, r);
    k = k ? k : add(l, r);
    if (!k) {
        return WEIR_RETRY;
    }
    assert(k->first == r);
    if (k->heap_at != BUSY) {
        leave_heap(l, k);
    }
    enter_heap(l, k, due_ms);
    return WEIR_OK;
}

void weir_lane_put_back(weir_lane *l, weir_record *r, int64_t now_ms)
{
    weir_blocked_key *k = find(l, r);
    if (k) {
        assert(k->first == r && k->heap_at == BUSY);
        enter_heap(l, k, now_ms);
        return;
    }
    r->next = l->first;
    l->first = r;
    l->last = l->last ? l->last : r;
}

weir_status weir_lane_defer(weir_lane *l, weir_record *r)
{
    weir_blocked_key *k = find(l, r);
    k = k ? k : add(l, r);
    if (!k) {
        return WEIR_RETRY;
    }
    assert(k->first == r && k->heap_at == BUSY);
    return WEIR_OK;
}

/* ---- Several at once ----------------------------------------------------------------------------
 */

weir_status weir_lane_keep(weir_lane *l, weir_record *r)
{
    weir_blocked_key *k = find(l, r);
    if (k && k->first != r) {
        follow(l, k, r);
        return WEIR_OK;
    }
    return weir_lane_defer(l, r);
}

bool weir_lane_claim(weir_lane *l, weir_record *r)
{
    weir_blocked_key *k = find(l, r);
    bool first = k && k->first == r;
    if (first && k->heap_at != BUSY) {
        leave_heap(l, k);
    }
    return first;
}

bool weir_lane_yield(weir_lane *l, weir_record *r)
{
    weir_blocked_key *k = find(l, r);
    if (!k || k->first == r) {
        return false;
    }
    follow(l, k, r);
    return true;
}

void weir_lane_followers(
    weir_lane *l, const weir_record *r, void (*fn)(void *ctx, weir_record *r), void *ctx)
{
    weir_blocked_key *k = find(l, r);
    for (weir_record *f = k && k->first == r ? k->first->next : NULL; f; f = f->next) {
        fn(ctx, f);
    }
}

/* ---- Dropping -----------------------------------------------------------------------------------
 */

static void drop_ready(weir_lane *l, bool (*which)(const weir_record *),
    void (*fn)(void *ctx, weir_record *r), void *ctx)
{
    weir_record *r = l->first;
    l->first = l->last = NULL;
    while (r) {
        weir_record *next = r->next;
        if (!which || which(r)) {
            fn(ctx, r);
        } else {
            weir_lane_push(l, r);
        }
        r = next;
    }
}

/* Followers first, so that the first record still names the key; then the first one, unless it
 * runs. */
static void drop_blocked(weir_lane *l, weir_blocked_key *k, bool (*which)(const weir_record *),
    void (*fn)(void *ctx, weir_record *r), void *ctx, int64_t now_ms)
{
    weir_record *r = k->first->next;
    k->last = k->first;
    k->first->next = NULL;
    k->count = 1;
    watch_congestion(l, k);
    while (r) {
        weir_record *next = r->next;
        if (!which || which(r)) {
            fn(ctx, r);
        } else {
            follow(l, k, r);
        }
        r = next;
    }
    if (k->heap_at != BUSY && (!which || which(k->first))) {
        r = k->first;
        weir_lane_finish(l, r, now_ms);
        fn(ctx, r);
    }
}

void weir_lane_drop(weir_lane *l, bool (*which)(const weir_record *),
    void (*fn)(void *ctx, weir_record *r), void *ctx, int64_t now_ms)
{
    drop_ready(l, which, fn, ctx);
    for (size_t i = 0; i < l->n_buckets; i++) {
        for (weir_blocked_key *k = l->keys[i], *next; k; k = next) {
            next = k->chain;
            drop_blocked(l, k, which, fn, ctx, now_ms);
        }
    }
}

size_t weir_lane_blocked(const weir_lane *l, weir_blocked_view *out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n_buckets; i++) {
        for (const weir_blocked_key *k = l->keys[i]; k; k = k->chain, n++) {
            if (n < max) {
                out[n] = (weir_blocked_view){k->first, k->count - 1, k->due_ms};
            }
        }
    }
    return n;
}
