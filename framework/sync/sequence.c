/* The order of a source's transactions. See sequence.h. */
#include "sync/sequence.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* ---- What has come of a transaction ------------------------------------------------------------
 */

/* The changes of one collection, by their order in it. */
typedef struct tally {
    unsigned collection;
    uint64_t distinct;
    uint8_t *seen; /* bits; owned */
    size_t bytes;
} tally;

/* A queue that has changes of it, and the last of them there. */
typedef struct share {
    weir_sequence_queue *queue;
    const weir_sequenced *last;
} share;

typedef struct gathering {
    tally *tallies;
    size_t n_tallies, tallies_capacity;
    share *shares;
    size_t n_shares, shares_capacity;
} gathering;

static void free_gathering(void *value)
{
    gathering *g = value;
    for (size_t i = 0; g && i < g->n_tallies; i++) {
        weir_free(g->tallies[i].seen);
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

static gathering *gathering_of(const weir_sequence *q, uint64_t tx)
{
    return weir_map_get(&q->gathered, name_of(&tx));
}

static gathering *add_gathering(weir_sequence *q, uint64_t tx)
{
    weir_map_entry *e = weir_map_add(&q->gathered, name_of(&tx));
    if (e && !e->value && !(e->value = weir_calloc(1, sizeof(gathering)))) {
        weir_map_remove(&q->gathered, e);
        return NULL;
    }
    return e ? e->value : NULL;
}

static void forget(weir_sequence *q, uint64_t tx)
{
    weir_map_entry *e = weir_map_find(&q->gathered, name_of(&tx));
    if (e) {
        free_gathering(e->value);
        weir_map_remove(&q->gathered, e);
    }
}

/* Room for one more. */
static bool grow(void *items, size_t *capacity, size_t n, size_t size)
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

static tally *tally_of(gathering *g, unsigned collection)
{
    for (size_t i = 0; i < g->n_tallies; i++) {
        if (g->tallies[i].collection == collection) {
            return &g->tallies[i];
        }
    }
    if (!grow(&g->tallies, &g->tallies_capacity, g->n_tallies, sizeof *g->tallies)) {
        return NULL;
    }
    g->tallies[g->n_tallies] = (tally){.collection = collection};
    return &g->tallies[g->n_tallies++];
}

static share *share_of(gathering *g, weir_sequence_queue *queue)
{
    for (size_t i = 0; i < g->n_shares; i++) {
        if (g->shares[i].queue == queue) {
            return &g->shares[i];
        }
    }
    if (!grow(&g->shares, &g->shares_capacity, g->n_shares, sizeof *g->shares)) {
        return NULL;
    }
    g->shares[g->n_shares] = (share){.queue = queue};
    return &g->shares[g->n_shares++];
}

/* *first: this order had not come yet. False: out of memory. */
static bool count(tally *t, uint64_t order, bool *first)
{
    size_t byte = (size_t)(order / 8);
    if (byte >= t->bytes) {
        size_t bytes = byte < 8 ? 16 : byte * 2;
        uint8_t *grown = weir_realloc(t->seen, bytes);
        if (!grown) {
            return false;
        }
        memset(grown + t->bytes, 0, bytes - t->bytes);
        t->seen = grown;
        t->bytes = bytes;
    }
    uint8_t bit = (uint8_t)(1u << (order % 8));
    *first = !(t->seen[byte] & bit);
    t->seen[byte] |= bit;
    t->distinct += *first;
    return true;
}

static bool gather(weir_sequence *q, weir_sequenced *r)
{
    gathering *g = add_gathering(q, r->tx);
    tally *t = g ? tally_of(g, r->collection) : NULL;
    share *s = t ? share_of(g, r->queue) : NULL;
    bool first;
    if (!s || !count(t, r->order, &first)) {
        return false;
    }
    if (first) {
        s->last = r;
    } else {
        r->kind = WEIR_SEQUENCED_LOOSE; /* sent again: it is applied behind the first one */
    }
    return true;
}

static uint64_t gathered(const gathering *g, unsigned collection)
{
    for (size_t i = 0; g && i < g->n_tallies; i++) {
        if (g->tallies[i].collection == collection) {
            return g->tallies[i].distinct;
        }
    }
    return 0;
}

/* The first of the END's counts that is not reached; NULL: it is complete. */
static const weir_sequence_count *lacking(const weir_sequence *q, const weir_sequenced *end)
{
    const gathering *g = gathering_of(q, end->tx);
    for (size_t i = 0; i < end->n_counts; i++) {
        if (gathered(g, end->counts[i].collection) < end->counts[i].changes) {
            return &end->counts[i];
        }
    }
    return NULL;
}

/* ---- Queues ------------------------------------------------------------------------------------
 */

void weir_sequence_init(weir_sequence *q, uint64_t commit)
{
    *q = (weir_sequence){.commit = commit};
    weir_map_init(&q->gathered);
}

void weir_sequence_fini(weir_sequence *q)
{
    while (q->queues) {
        weir_sequence_queue *p = q->queues;
        q->queues = p->next;
        weir_free(p);
    }
    weir_map_fini(&q->gathered, free_gathering);
}

void weir_sequence_batch_fini(weir_sequence_batch *b)
{
    weir_free(b->records);
    weir_free(b->units);
    *b = (weir_sequence_batch){.n = 0};
}

static weir_sequence_queue *queue_of(weir_sequence *q, uint32_t topic, int32_t number)
{
    weir_sequence_queue **at = &q->queues;
    while (*at && ((*at)->topic != topic || (*at)->number != number)) {
        at = &(*at)->next;
    }
    if (!*at && (*at = weir_calloc(1, sizeof **at))) {
        (*at)->topic = topic;
        (*at)->number = number;
    }
    return *at;
}

static void append(weir_sequence_queue *p, weir_sequenced *r)
{
    r->next = NULL;
    if (p->last) {
        p->last->next = r;
    } else {
        p->first = r;
    }
    p->last = r;
}

static weir_sequenced *pop(weir_sequence *q, weir_sequence_queue *p)
{
    weir_sequenced *r = p->first;
    p->first = r->next;
    p->last = p->first ? p->last : NULL;
    q->held--;
    return r;
}

/* A change leaves without its transaction, whose END is past, or was lost with a part of its topic.
 */
static void let_go(weir_sequence *q, weir_sequenced *r)
{
    gathering *g = r->kind == WEIR_SEQUENCED_CHANGE ? gathering_of(q, r->tx) : NULL;
    bool more = false;
    for (size_t i = 0; g && i < g->n_shares; i++) {
        g->shares[i].last = g->shares[i].last == r ? NULL : g->shares[i].last;
        more |= g->shares[i].last != NULL;
    }
    if (g && !more) {
        forget(q, r->tx);
    }
    r->kind = WEIR_SEQUENCED_LOOSE;
}

static bool is_past(const weir_sequence *q, const weir_sequenced *r)
{
    return r->kind == WEIR_SEQUENCED_CHANGE && r->H < q->commit;
}

weir_status weir_sequence_push(
    weir_sequence *q, uint32_t topic, int32_t number, weir_sequenced *r, weir_error *err)
{
    weir_sequence_queue *p = queue_of(q, topic, number);
    if (!p) {
        return weir_fail_oom(err);
    }
    if (r->kind == WEIR_SEQUENCED_END && q->ends && q->ends != p) {
        return weir_fail(err, WEIR_E_TRANSACTION_METADATA,
            "transactions end in more than one partition of their topic, and so in no order");
    }
    r->queue = p;
    r->arrival = q->arrivals++;
    if (r->kind == WEIR_SEQUENCED_CHANGE && !is_past(q, r) && !gather(q, r)) {
        return weir_fail_oom(err);
    }
    q->ends = r->kind == WEIR_SEQUENCED_END ? p : q->ends;
    append(p, r);
    q->held++;
    return WEIR_OK;
}

/* ---- Taking ------------------------------------------------------------------------------------
 */

/* Does it wait for nothing but to be at the head of its queue? */
static bool is_loose(const weir_sequence *q, const weir_sequenced *r)
{
    return r->kind == WEIR_SEQUENCED_LOOSE || is_past(q, r) ||
           (r->kind == WEIR_SEQUENCED_END && r->commit <= q->commit);
}

static weir_sequenced *head_end(const weir_sequence *q)
{
    weir_sequenced *r = q->ends ? q->ends->first : NULL;
    return r && r->kind == WEIR_SEQUENCED_END ? r : NULL;
}

static bool grow_batch(weir_sequence_batch *b, size_t more)
{
    while (b->capacity < b->n + more) {
        size_t capacity = b->capacity ? b->capacity * 2 : 64;
        weir_sequenced **grown = weir_realloc(b->records, capacity * sizeof(weir_sequenced *));
        if (!grown) {
            return false;
        }
        b->records = grown;
        b->capacity = capacity;
    }
    return grow(&b->units, &b->units_capacity, b->n_units, sizeof *b->units);
}

static weir_sequence_unit *begin_unit(weir_sequence *q, weir_sequence_batch *b)
{
    b->units[b->n_units] = (weir_sequence_unit){
        .of = q, .from = b->n, .commit = q->commit, .commit_before = q->commit};
    return &b->units[b->n_units];
}

static void end_unit(weir_sequence_batch *b)
{
    b->units[b->n_units].n = b->n - b->units[b->n_units].from;
    b->n_units++;
}

static bool take_loose(
    weir_sequence *q, weir_sequence_queue *p, weir_sequence_batch *b, size_t most)
{
    size_t n = 0;
    for (weir_sequenced *r = p->first; r && n < most && is_loose(q, r); r = r->next) {
        n++;
    }
    if (!grow_batch(b, n)) {
        return false;
    }
    begin_unit(q, b);
    while (n--) {
        weir_sequenced *r = b->records[b->n++] = pop(q, p);
        let_go(q, r);
    }
    end_unit(b);
    return true;
}

static int by_rank(const void *a, const void *b)
{
    const weir_sequenced *x = *(weir_sequenced *const *)a, *y = *(weir_sequenced *const *)b;
    return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1)
                              : (x->arrival > y->arrival) - (x->arrival < y->arrival);
}

static size_t records_before(const share *s)
{
    size_t n = 1;
    for (const weir_sequenced *r = s->queue->first; r != s->last; r = r->next) {
        n++;
    }
    return n;
}

/* Everything up to the transaction's last change there. What stands in between keeps its place in
 * its queue. */
static void take_share(weir_sequence *q, const share *s, uint64_t tx, weir_sequence_batch *b)
{
    uint64_t rank = 0;
    weir_sequenced *r;
    do {
        r = pop(q, s->queue);
        bool own = r->kind == WEIR_SEQUENCED_CHANGE && r->tx == tx;
        if (!own) {
            let_go(q, r);
        }
        rank = own && r->total > rank ? r->total : rank;
        r->rank = rank;
        b->records[b->n++] = r;
    } while (r != s->last);
}

static bool is_held_up(const gathering *g)
{
    for (size_t i = 0; g && i < g->n_shares; i++) {
        if (g->shares[i].last && g->shares[i].queue->blocked) {
            return true;
        }
    }
    return false;
}

static bool take_transaction(weir_sequence *q, const gathering *g, weir_sequence_batch *b)
{
    size_t n = 1;
    for (size_t i = 0; g && i < g->n_shares; i++) {
        n += g->shares[i].last ? records_before(&g->shares[i]) : 0;
    }
    if (!grow_batch(b, n)) {
        return false;
    }
    weir_sequence_unit *u = begin_unit(q, b);
    weir_sequenced *end = pop(q, q->ends);
    u->transaction = true;
    u->tx = end->tx;
    for (size_t i = 0; g && i < g->n_shares; i++) {
        if (g->shares[i].last) {
            take_share(q, &g->shares[i], end->tx, b);
        }
    }
    if (b->n - u->from > 1) {
        qsort(b->records + u->from, b->n - u->from, sizeof *b->records, by_rank);
    }
    b->records[b->n++] = end;
    u->commit = q->commit = end->commit;
    end_unit(b);
    return true;
}

weir_status weir_sequence_next(
    weir_sequence *q, weir_sequence_batch *b, size_t most, bool *any, weir_error *err)
{
    *any = true;
    for (weir_sequence_queue *p = q->queues; p; p = p->next) {
        if (p->first && !p->blocked && is_loose(q, p->first)) {
            return take_loose(q, p, b, most) ? WEIR_OK : weir_fail_oom(err);
        }
    }
    const weir_sequenced *end = head_end(q);
    const gathering *g = end ? gathering_of(q, end->tx) : NULL;
    if (!end || q->blocked || q->ends->blocked || lacking(q, end) || is_held_up(g)) {
        *any = false;
        return WEIR_OK;
    }
    return take_transaction(q, g, b) ? WEIR_OK : weir_fail_oom(err);
}

/* ---- Back, or done -----------------------------------------------------------------------------
 */

static void prepend(weir_sequence *q, weir_sequenced *r)
{
    weir_sequence_queue *p = r->queue;
    r->next = p->first;
    p->first = r;
    p->last = p->last ? p->last : r;
    q->held++;
}

void weir_sequence_put_back(weir_sequence_batch *b, size_t from, bool refused)
{
    while (b->n_units && b->units[b->n_units - 1].from + b->units[b->n_units - 1].n > from) {
        weir_sequence_unit *u = &b->units[b->n_units - 1];
        bool whole = u->from >= from;
        assert(whole || !u->transaction);
        for (; b->n > (whole ? u->from : from); b->n--) {
            prepend(u->of, b->records[b->n - 1]);
        }
        u->n = b->n - u->from;
        u->of->commit = whole ? u->commit_before : u->of->commit;
        if (b->n == from && refused) {
            u->of->blocked |= u->transaction;
            b->records[from]->queue->blocked |= !u->transaction;
        }
        b->n_units -= whole;
    }
}

void weir_sequence_put_back_one(weir_sequence_batch *b, size_t at)
{
    for (size_t i = 0; i < b->n_units; i++) {
        weir_sequence_unit *u = &b->units[i];
        if (u->from <= at && at < u->from + u->n) {
            assert(!u->transaction);
            b->records[at]->queue->blocked = true;
            prepend(u->of, b->records[at]);
            b->records[at] = NULL;
            return;
        }
    }
}

void weir_sequence_done(weir_sequence_batch *b)
{
    for (size_t i = 0; i < b->n_units; i++) {
        if (b->units[i].transaction) {
            forget(b->units[i].of, b->units[i].tx);
        }
    }
    b->n = b->n_units = 0;
}

bool weir_sequence_retry(weir_sequence *q)
{
    bool any = q->blocked;
    q->blocked = false;
    for (weir_sequence_queue *p = q->queues; p; p = p->next) {
        any |= p->blocked;
        p->blocked = false;
    }
    return any;
}

bool weir_sequence_waits(
    const weir_sequence *q, uint64_t *tx, unsigned *collection, uint64_t *have, uint64_t *want)
{
    const weir_sequenced *end = head_end(q);
    const weir_sequence_count *c = end ? lacking(q, end) : NULL;
    if (!c) {
        return false;
    }
    *tx = end->tx;
    *collection = c->collection;
    *have = gathered(gathering_of(q, end->tx), c->collection);
    *want = c->changes;
    return true;
}
