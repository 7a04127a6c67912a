/* Batches. See batch.h and <weir/batch.h>. */
#include "service/batch.h"

#include "base/alloc.h"
#include "service/handler_lane.h"
#include "service/route.h"

/* ---- For handlers -------------------------------------------------------------------------------
 */

size_t weir_batch_count(const weir_batch *b)
{
    return b->n;
}

weir_message *weir_batch_at(const weir_batch *b, size_t i)
{
    return b->messages[i];
}

void weir_batch_answer(weir_batch *b, size_t i, weir_status s)
{
    if (i >= b->n) {
        weir_handlers_misused(
            b->messages[0], "weir_batch_answer for a record that its batch has not");
        return;
    }
    weir_message *m = b->messages[i];
    m->status = s;
    m->answered = true;
    m->blind = m->tx && m->tx->failure.status;
}

/* ---- Gathering ----------------------------------------------------------------------------------
 */

weir_status weir_batches_new(weir_handlers *h, weir_handler_lane *l, weir_error *err)
{
    size_t most = 0, most_items = 0;
    for (size_t t = 0; t < h->options.n_topics; t++) {
        const weir_routed_topic *topic = &h->options.topics[t];
        for (size_t i = 0; i < topic->n_routes; i++) {
            const weir_route *to = &topic->routes[i];
            most = to->batch && to->batch_most > most ? to->batch_most : most;
            most_items =
                to->batch && to->inbox && to->batch_most > most_items ? to->batch_most : most_items;
        }
    }
    weir_gathered *g = &l->gathered;
    g->messages = most ? weir_calloc(2 * most, sizeof *g->messages) : NULL;
    g->items = most_items ? weir_calloc(most_items, sizeof *g->items) : NULL;
    bool failed = (most && !g->messages) || (most_items && !g->items);
    return failed ? weir_fail_oom(err) : WEIR_OK;
}

void weir_batches_free(weir_handler_lane *l)
{
    weir_free(l->gathered.messages);
    weir_free(l->gathered.items);
}

void weir_batch_add(weir_handlers *h, weir_handler_lane *l, weir_message *m)
{
    weir_gathered *g = &l->gathered;
    l->message = l->message == m ? NULL : l->message;
    m->batched = true;
    if (!g->n) {
        g->route = m->route;
        g->due_ms = l->now_ms + m->route->batch_wait_ms;
    }
    g->messages[g->n++] = m;
    if (g->n == g->route->batch_most) {
        weir_batch_flush(h, l);
    }
}

/* It comes again, and nothing was done. */
static void drop(weir_handlers *h, weir_handler_lane *l, weir_message *m)
{
    weir_give_back(m, WEIR_HOLD, l->now_ms);
    weir_drop_record(h, l, m->record);
    weir_give_message(l, m);
}

void weir_batch_drop(weir_handlers *h, weir_handler_lane *l)
{
    weir_gathered *g = &l->gathered;
    for (size_t i = 0; i < g->n; i++) {
        drop(h, l, g->messages[i]);
    }
    g->n = 0;
}

/* ---- Outcomes -----------------------------------------------------------------------------------
 */

void weir_batch_forget(weir_handler_lane *l, weir_record *r)
{
    if (r->kept) {
        weir_message *m = r->kept;
        r->kept = NULL;
        weir_give_back(m, WEIR_HOLD, l->now_ms);
        weir_give_message(l, m);
    }
}

static void forget(void *ctx, weir_record *r)
{
    weir_batch_forget(ctx, r);
}

void weir_batch_spoil_followers(weir_handler_lane *l, weir_record *r)
{
    weir_lane_followers(&l->lane, r, forget, l);
}

/* Those behind it of its key, which are not concluded: they wait in the lane, without an outcome.
 */
static void spoil(weir_handler_lane *l, weir_message **all, size_t from, size_t n)
{
    const weir_record *r = all[from]->record;
    for (size_t i = from + 1; i < n; i++) {
        weir_message *m = all[i];
        if (m && weir_lane_same_key(m->record, r)) {
            all[i] = NULL;
            weir_give_back(m, WEIR_HOLD, l->now_ms);
            weir_give_message(l, m);
        }
    }
}

static void conclude(weir_handlers *h, weir_handler_lane *l, weir_message *m)
{
    weir_record *r = m->record;
    if (!weir_lane_claim(&l->lane, r)) {
        r->kept = m; /* until it is its turn */
    } else if (!weir_conclude(h, l, r, m, m->status)) {
        weir_give_message(l, m);
    }
}

/* all[i] and what is behind it of its key, up to n. */
static void conclude_one(
    weir_handlers *h, weir_handler_lane *l, weir_message **all, size_t i, size_t n)
{
    weir_message *m = all[i];
    if (m && m->status != WEIR_OK) {
        spoil(l, all, i, n);
    }
    all[i] = NULL;
    if (m) {
        conclude(h, l, m);
    }
}

/* ---- Calling ------------------------------------------------------------------------------------
 */

static void prepare(weir_message *m)
{
    m->status = WEIR_OK;
    m->answered = m->blind = false;
    m->error.status = WEIR_OK;
    m->after_ms = 0;
    m->emits = (weir_emits){.first = NULL};
}

/* Each was admitted; but it may have opened since, by halves before this one. */
static bool breaker_lets(weir_handler_lane *l, const weir_batch *b)
{
    weir_breaker *breaker = b->messages[0]->route->breaker;
    bool open =
        breaker && !b->messages[0]->probe && weir_breaker_look(breaker).state == WEIR_BREAKER_OPEN;
    if (open) {
        weir_fail(&b->messages[0]->error, WEIR_E_BREAKER_OPEN, "the breaker %s is open",
            breaker->rule.name);
        weir_bump(&l->count.broken);
    }
    return !open;
}

/* Whoever of them was asked for its transaction: what was written by it is missing of all. */
static void spread_want_of_tx(weir_batch *b)
{
    bool misses = false;
    for (size_t i = 0; i < b->n; i++) {
        misses |= b->messages[i]->misses_tx;
    }
    for (size_t i = 0; i < b->n; i++) {
        b->messages[i]->misses_tx = misses;
    }
}

weir_status weir_batch_call(weir_handlers *h, weir_handler_lane *l, weir_batch *b)
{
    const weir_route *to = b->messages[0]->route;
    if (!breaker_lets(l, b)) {
        return WEIR_HOLD;
    }
    weir_see_place(&l->running, b->messages[0]->record);
    atomic_store_explicit(&l->running_limit_ms,
        to->timeout_ms ? to->timeout_ms : h->options.stuck_after_ms, memory_order_relaxed);
    weir_bump(&l->calls);
    weir_status s = weir_route_call_batch(b, to);
    weir_bump(&l->calls);
    spread_want_of_tx(b);
    l->now_ms = weir_handlers_now(h);
    return s;
}

/* It is over, and comes again; behind one of its key that is not it waits in the lane for the same.
 */
static void leave(weir_handlers *h, weir_handler_lane *l, weir_message *m)
{
    weir_give_back(m, WEIR_HOLD, l->now_ms);
    if (weir_lane_claim(&l->lane, m->record)) {
        weir_drop_record(h, l, m->record);
    }
    weir_give_message(l, m);
}

/* Those of all[from] to all[to] that are still to be handled, one behind the other. */
static weir_batch compact(weir_handlers *h, weir_handler_lane *l, weir_message **all, size_t from,
    size_t to, weir_message **room)
{
    weir_batch b = {.messages = room};
    for (size_t i = from; i < to; i++) {
        if (all[i] && weir_record_is_over(h, all[i]->record)) {
            leave(h, l, all[i]);
            all[i] = NULL;
        } else if (all[i]) {
            prepare(all[i]);
            b.messages[b.n++] = all[i];
        }
    }
    return b;
}

size_t weir_batch_unanswered(const weir_batch *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        n += !b->messages[i]->answered;
    }
    return n;
}

/* The reason stands at the message that the handler has given it, which may be another one. */
void weir_batch_take_status(weir_batch *b, weir_status s, const weir_error *why)
{
    why = why && s && why->status == s ? why : NULL;
    for (size_t i = 0; i < b->n && !why; i++) {
        bool says = !b->messages[i]->answered && b->messages[i]->error.status == s;
        why = says && s ? &b->messages[i]->error : NULL;
    }
    for (size_t i = 0; i < b->n; i++) {
        weir_message *m = b->messages[i];
        if (m->answered) {
            continue;
        }
        m->answered = true;
        m->status = s;
        if (why && &m->error != why) {
            m->error = *why;
        }
    }
}

/* True: one of those that are left has failed, and nobody knows which. */
static bool try_batch(weir_handlers *h, weir_handler_lane *l, weir_batch *b)
{
    if (b->messages[0]->route->inbox) {
        return weir_unit_try_batch(h, l, b);
    }
    weir_status s = weir_batch_call(h, l, b);
    bool unknown = (s == WEIR_RETRY || s == WEIR_REJECT) && weir_batch_unanswered(b) > 1;
    if (!unknown) {
        weir_batch_take_status(b, s, NULL);
    }
    return unknown;
}

/* Handles all[from] to all[to] of n; room has a place for each of them. Each round concludes one at
 * least, or halves what there is. */
static void handle(weir_handlers *h, weir_handler_lane *l, weir_message **all, size_t from,
    size_t to, size_t n, weir_message **room)
{
    bool halve = false;
    for (weir_batch b; !halve && (b = compact(h, l, all, from, to, room)).n;) {
        halve = try_batch(h, l, &b);
        for (size_t i = from; i < to; i++) {
            if (all[i] && all[i]->answered) {
                conclude_one(h, l, all, i, n);
            }
        }
    }
    if (halve) {
        size_t middle = from + (to - from) / 2;
        handle(h, l, all, from, middle, n, room);
        handle(h, l, all, middle, to, n, room);
    }
}

/* Each blocks its key from here on. What is over is dropped, and so is all without memory. */
static size_t enter(weir_handlers *h, weir_handler_lane *l, weir_message **all, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        weir_message *m = all[i];
        if (weir_record_is_over(h, m->record)) {
            drop(h, l, m);
        } else if (weir_lane_keep(&l->lane, m->record)) {
            weir_give_back(m, WEIR_HOLD, l->now_ms);
            weir_fail_record_oom(h, l, m->record);
            weir_give_message(l, m);
        } else {
            all[kept++] = m;
        }
    }
    return kept;
}

bool weir_finish_before(weir_handlers *h, weir_handler_lane *l, weir_record *r)
{
    if (l->gathered.n) {
        weir_batch_flush(h, l);
        if (weir_lane_yield(&l->lane, r)) {
            return false;
        }
    }
    return weir_unit_commit(h, l, r);
}

void weir_batch_flush(weir_handlers *h, weir_handler_lane *l)
{
    weir_gathered *g = &l->gathered;
    weir_message *next = l->message; /* of the record that is to be handled behind it */
    l->message = NULL;
    size_t n = enter(h, l, g->messages, g->n);
    g->n = 0;
    if (n) {
        handle(h, l, g->messages, 0, n, n, g->messages + n);
    }
    if (l->message && next) {
        weir_give_message(l, l->message);
    }
    l->message = next ? next : l->message;
    weir_settle_flush(h, l);
}
