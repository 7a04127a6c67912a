/* What has come of each transaction. See sequence_own.h. */
#include <string.h>

#include "base/alloc.h"
#include "sync/sequence_own.h"

void weir_gathering_free(void *value)
{
    weir_gathering *g = value;
    for (size_t i = 0; g && i < g->n_tallies; i++) {
        weir_free(g->tallies[i].places);
    }
    if (g) {
        weir_free(g->tallies);
        weir_free(g->shares);
    }
    weir_free(g);
}

static weir_view name_of(const uint64_t *tx)
{
    return weir_view_make((const char *)tx, sizeof *tx);
}

weir_gathering *weir_gathering_of(const weir_sequence *q, uint64_t tx)
{
    return weir_map_get(&q->gathered, name_of(&tx));
}

static weir_gathering *add_gathering(weir_sequence *q, uint64_t tx)
{
    weir_map_entry *e = weir_map_add(&q->gathered, name_of(&tx));
    if (e && !e->value && !(e->value = weir_calloc(1, sizeof(weir_gathering)))) {
        weir_map_remove(&q->gathered, e);
        return NULL;
    }
    return e ? e->value : NULL;
}

void weir_gathering_forget(weir_sequence *q, uint64_t tx)
{
    weir_map_entry *e = weir_map_find(&q->gathered, name_of(&tx));
    if (e) {
        weir_gathering_free(e->value);
        weir_map_remove(&q->gathered, e);
    }
}

bool weir_sequence_grow(void *items, size_t *capacity, size_t n, size_t size)
{
    void **p = items;
    if (n < *capacity) {
        return true;
    }
    size_t more = *capacity ? *capacity * 2 : 4;
    void *grown = weir_realloc(*p, more * size);
    if (grown) {
        *p = grown;
        *capacity = more;
    }
    return grown;
}

static weir_tally *tally_of(weir_gathering *g, unsigned collection)
{
    for (size_t i = 0; i < g->n_tallies; i++) {
        if (g->tallies[i].collection == collection) {
            return &g->tallies[i];
        }
    }
    if (!weir_sequence_grow(&g->tallies, &g->tallies_capacity, g->n_tallies, sizeof *g->tallies)) {
        return NULL;
    }
    g->tallies[g->n_tallies] = (weir_tally){.collection = collection};
    return &g->tallies[g->n_tallies++];
}

static weir_share *share_of(weir_gathering *g, weir_sequence_queue *queue)
{
    for (size_t i = 0; i < g->n_shares; i++) {
        if (g->shares[i].queue == queue) {
            return &g->shares[i];
        }
    }
    if (!weir_sequence_grow(&g->shares, &g->shares_capacity, g->n_shares, sizeof *g->shares)) {
        return NULL;
    }
    g->shares[g->n_shares] = (weir_share){.queue = queue};
    return &g->shares[g->n_shares++];
}

static bool make_place(weir_tally *t, uint64_t order)
{
    if (order < t->capacity) {
        return true;
    }
    size_t capacity = order < 16 ? 32 : (size_t)order * 2;
    uint64_t *grown = weir_realloc(t->places, capacity * sizeof *grown);
    if (!grown) {
        return false;
    }
    memset(grown + t->capacity, 0, (capacity - t->capacity) * sizeof *grown);
    t->places = grown;
    t->capacity = capacity;
    return true;
}

/* Was it sent to this partition before? A transaction's changes come in the order of their l, so
 * one that is behind the highest was; of those that have the same l (a move's halves, the rows of
 * one COPY) one with the same number was, and one that stands behind a later transaction's. */
static bool is_again(const weir_share *s, const weir_sequenced *r, bool same_number)
{
    bool behind_later = s->queue->high_H > s->high_H;
    return s->any && (r->l < s->high_l || (r->l == s->high_l && (same_number || behind_later)));
}

bool weir_gathering_add(weir_sequence *q, weir_sequenced *r)
{
    weir_gathering *g = add_gathering(q, r->tx);
    weir_tally *t = g ? tally_of(g, r->collection) : NULL;
    weir_share *s = t ? share_of(g, r->queue) : NULL;
    if (!s || !make_place(t, r->order)) {
        return false;
    }
    uint64_t *place = &t->places[r->order], before = *place;
    bool same_number = before == r->l + 1;
    g->renumbered |= before && !same_number;
    t->distinct += before == 0;
    *place = r->l + 1;
    if (is_again(s, r, same_number)) {
        r->kind = WEIR_SEQUENCED_LOOSE; /* it is applied behind the first one */
        return true;
    }
    s->last = r;
    s->any = true;
    s->high_l = r->l > s->high_l ? r->l : s->high_l;
    s->high_H = r->H > s->high_H ? r->H : s->high_H;
    return true;
}

bool weir_gathering_begin(weir_sequence *q, uint64_t tx)
{
    weir_gathering *g = add_gathering(q, tx);
    if (g && !g->ended) {
        g->renumbered |= g->begun;
        g->begun = true;
    }
    return g;
}

void weir_gathering_end(const weir_sequence *q, uint64_t tx)
{
    weir_gathering *g = weir_gathering_of(q, tx);
    if (g) {
        g->ended = true;
    }
}

uint64_t weir_gathering_count(const weir_gathering *g, unsigned collection)
{
    for (size_t i = 0; g && i < g->n_tallies; i++) {
        if (g->tallies[i].collection == collection) {
            return g->tallies[i].distinct;
        }
    }
    return 0;
}

const weir_sequence_count *weir_gathering_lacks(const weir_sequence *q, const weir_sequenced *end)
{
    const weir_gathering *g = weir_gathering_of(q, end->tx);
    for (size_t i = 0; i < end->n_counts; i++) {
        if (weir_gathering_count(g, end->counts[i].collection) < end->counts[i].changes) {
            return &end->counts[i];
        }
    }
    return NULL;
}
