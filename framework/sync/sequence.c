/* The order of a source's transactions. See sequence.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sync/sequence_own.h"

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
    weir_map_fini(&q->gathered, weir_gathering_free);
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
    weir_gathering *g = r->kind == WEIR_SEQUENCED_CHANGE ? weir_gathering_of(q, r->tx) : NULL;
    bool more = false;
    if (r->kind == WEIR_SEQUENCED_END) {
        return; /* its transaction may be put back with it: forgotten once the batch is done */
    }
    for (size_t i = 0; g && i < g->n_shares; i++) {
        g->shares[i].last = g->shares[i].last == r ? NULL : g->shares[i].last;
        more |= g->shares[i].last != NULL;
    }
    if (g && !more) {
        weir_gathering_forget(q, r->tx);
    }
    r->kind = WEIR_SEQUENCED_LOOSE;
}

static void set_begun(weir_sequence *q, weir_sequenced *r)
{
    r->next = q->begun;
    q->begun = r;
    q->n_begun++;
}

/* The END takes its own BEGINs along; that of a transaction which comes next (all) also those of
 * others before it, whose ENDs are lost. There is room. */
static void take_begun(
    weir_sequence *q, const weir_sequenced *end, bool all, weir_sequence_batch *b)
{
    for (weir_sequenced **at = &q->begun; *at;) {
        weir_sequenced *r = *at;
        if (r->tx != end->tx && !(all && r->arrival < end->arrival)) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        q->n_begun--;
        b->records[b->n++] = r;
    }
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
    uint64_t high_H = r->kind == WEIR_SEQUENCED_CHANGE && r->H > p->high_H ? r->H : p->high_H;
    bool gathers = r->kind == WEIR_SEQUENCED_CHANGE && !is_past(q, r);
    if ((gathers && !weir_gathering_add(q, r)) ||
        (r->kind == WEIR_SEQUENCED_BEGIN && !weir_gathering_begin(q, r->tx))) {
        return weir_fail_oom(err);
    }
    p->high_H = high_H;
    if (r->kind == WEIR_SEQUENCED_END) {
        weir_gathering_end(q, r->tx);
    }
    q->ends = r->kind == WEIR_SEQUENCED_END ? p : q->ends;
    if (r->kind == WEIR_SEQUENCED_BEGIN) {
        set_begun(q, r);
        return WEIR_OK;
    }
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
    return weir_sequence_grow(&b->units, &b->units_capacity, b->n_units, sizeof *b->units);
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
    if (!grow_batch(b, n + q->n_begun)) {
        return false;
    }
    begin_unit(q, b);
    while (n--) {
        weir_sequenced *r = pop(q, p);
        let_go(q, r);
        if (r->kind == WEIR_SEQUENCED_END) {
            take_begun(q, r, false, b);
        }
        b->records[b->n++] = r;
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

static size_t records_before(const weir_share *s)
{
    size_t n = 1;
    for (const weir_sequenced *r = s->queue->first; r != s->last; r = r->next) {
        n++;
    }
    return n;
}

/* Everything up to the transaction's last change there. What stands in between keeps its place in
 * its queue. */
static void take_share(
    weir_sequence *q, const weir_share *s, uint64_t tx, bool renumbered, weir_sequence_batch *b)
{
    uint64_t rank = 0;
    weir_sequenced *r;
    do {
        r = pop(q, s->queue);
        bool own = r->kind == WEIR_SEQUENCED_CHANGE && r->tx == tx;
        if (!own) {
            let_go(q, r);
        }
        uint64_t place = own ? 2 * (renumbered ? r->l : r->total) + !r->removes : 0;
        rank = place > rank ? place : rank;
        r->rank = rank;
        b->records[b->n++] = r;
    } while (r != s->last);
}

static bool is_held_up(const weir_gathering *g)
{
    for (size_t i = 0; g && i < g->n_shares; i++) {
        if (g->shares[i].last && g->shares[i].queue->blocked) {
            return true;
        }
    }
    return false;
}

static bool take_transaction(weir_sequence *q, const weir_gathering *g, weir_sequence_batch *b)
{
    size_t n = 1 + q->n_begun;
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
            take_share(q, &g->shares[i], end->tx, g->renumbered, b);
        }
    }
    if (b->n - u->from > 1) {
        qsort(b->records + u->from, b->n - u->from, sizeof *b->records, by_rank);
    }
    take_begun(q, end, true, b);
    b->records[b->n++] = end;
    u->commit = q->commit = end->commit;
    u->as_it_is = q->as_it_is;
    q->as_it_is = false;
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
    const weir_gathering *g = end ? weir_gathering_of(q, end->tx) : NULL;
    bool waits = end && !q->as_it_is && (weir_gathering_lacks(q, end) || (g && g->renumbered));
    if (!end || q->blocked || q->ends->blocked || waits || is_held_up(g)) {
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
    if (r->kind == WEIR_SEQUENCED_BEGIN) {
        set_begun(q, r);
        return;
    }
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
        u->of->as_it_is = whole && u->transaction ? u->as_it_is : u->of->as_it_is;
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
        const weir_sequence_unit *u = &b->units[i];
        for (size_t k = u->from; k < u->from + u->n; k++) {
            const weir_sequenced *r = b->records[k];
            if (r && r->kind == WEIR_SEQUENCED_END) {
                weir_gathering_forget(u->of, r->tx);
            }
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
    const weir_sequence_count *c = end ? weir_gathering_lacks(q, end) : NULL;
    if (!c) {
        return false;
    }
    *tx = end->tx;
    *collection = c->collection;
    *have = weir_gathering_count(weir_gathering_of(q, end->tx), c->collection);
    *want = c->changes;
    return true;
}

void weir_sequence_regress(weir_sequence *q, uint64_t commit)
{
    q->commit = commit;
    for (weir_sequence_queue *p = q->queues; p; p = p->next) {
        p->high_H = 0;
    }
}

bool weir_sequence_doubts(const weir_sequence *q, uint64_t *tx)
{
    const weir_sequenced *end = head_end(q);
    const weir_gathering *g = end ? weir_gathering_of(q, end->tx) : NULL;
    *tx = end ? end->tx : 0;
    return g && g->renumbered && !q->as_it_is && !weir_gathering_lacks(q, end);
}

/* Have all partitions of the collection brought something behind this commit? */
static bool is_passed(const weir_sequence *q, unsigned collection, uint64_t commit, int32_t n)
{
    int32_t passed = 0;
    for (const weir_sequence_queue *p = q->queues; p; p = p->next) {
        passed += p->topic == collection && p->number < n && p->high_H >= commit;
    }
    return n > 0 && passed == n;
}

bool weir_sequence_has_lost(
    const weir_sequence *q, weir_sequence_partitions_fn *partitions, void *ctx)
{
    const weir_sequenced *end = head_end(q);
    const weir_gathering *g = end ? weir_gathering_of(q, end->tx) : NULL;
    bool lost = false;
    for (size_t i = 0; end && i < end->n_counts; i++) {
        unsigned c = end->counts[i].collection;
        if (weir_gathering_count(g, c) < end->counts[i].changes) {
            if (!is_passed(q, c, end->commit, partitions(ctx, c))) {
                return false;
            }
            lost = true;
        }
    }
    return lost;
}

bool weir_sequence_is_one(const weir_sequence *q)
{
    const weir_sequenced *end = head_end(q);
    if (end ? !weir_gathering_lacks(q, end) : q->gathered.count > 1) {
        return false;
    }
    for (const weir_sequence_queue *p = q->queues; p; p = p->next) {
        uint64_t tx = end ? end->tx : 0;
        size_t n = 0;
        bool one = true;
        for (const weir_sequenced *r = p->first; r && one; r = r->next) {
            if (r->kind == WEIR_SEQUENCED_CHANGE) {
                tx = tx ? tx : r->tx;
                one = r->tx == tx;
                n++;
            }
        }
        if (one && n) {
            return true;
        }
    }
    return false;
}
