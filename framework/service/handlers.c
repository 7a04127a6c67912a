/* Handlers on lanes: what is run, kept by its user, and dropped. See handlers.h; what an answer
 * comes to is in verdict.c.
 *
 *   taken --no route--> settled
 *         --handler--> OK        settled
 *                      RETRY     parked; rejected after the last attempt
 *                      HOLD      parked
 *                      REJECT    its dead letter is written: settled; not now: parked until it is
 *                      DEFERRED  its user's --weir_settle--> the mailbox --> as above
 *                      OK with emits: sent --all acknowledged--> the mailbox --> settled
 *                                          --or not--> the mailbox --> parked, or rejected
 *                      FATAL     the engine has failed
 *   its partition revoked, or the engine failed: dropped instead of begun, or parked, again */
#include "service/handlers.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "service/event_type.h"
#include "service/handler_lane.h"
#include "service/route.h"

enum { KEPT_MESSAGES = 256, ABANDON_MS = 5000, ABANDON_STEP_MS = 5, FULL_MS = 10 };

/* ---- Messages -----------------------------------------------------------------------------------
 */

void weir_message_free(weir_message *m)
{
    if (m) {
        weir_arena_fini(&m->arena);
        weir_buf_fini(&m->scratch);
        weir_free(m);
    }
}

weir_message *weir_take_message(weir_handler_lane *l)
{
    weir_message *m = l->message;
    if (m) {
        return m;
    }
    m = l->pool;
    if (m) {
        l->pool = m->next;
        l->n_pool--;
    } else if ((m = weir_calloc(1, sizeof *m))) {
        weir_arena_init(&m->arena, 0);
    }
    return l->message = m;
}

void weir_give_message(weir_handler_lane *l, weir_message *m)
{
    atomic_store(&m->state, WEIR_MESSAGE_FREE);
    if (l->n_pool >= KEPT_MESSAGES) {
        weir_message_free(m);
        return;
    }
    weir_arena_reset(&m->arena);
    m->next = l->pool;
    l->pool = m;
    l->n_pool++;
}

void weir_init_message(weir_handlers *h, unsigned lane, weir_message *m, weir_record *r)
{
    uint32_t topic = r->partition->tag;
    weir_arena_reset(&m->arena);
    m->owner = h;
    m->lane = lane;
    m->thread = pthread_self();
    m->record = r;
    weir_see_place(&m->place, r);
    m->raw = &r->raw;
    if (h->options.topics[topic].replays && weir_replayed(h, r, &m->original, &topic)) {
        m->raw = &m->original;
    }
    m->topic = &h->options.topics[topic];
    m->decoder = h->lanes[lane].decoders[topic];
    m->events = h->lanes[lane].events;
    m->decoded = m->parsed = m->may_defer = m->deferred = m->misses_tx = false;
    m->value = m->key = m->envelope = NULL;
    m->type = (weir_view){NULL, 0};
    m->route = NULL;
    m->called = m->probe = m->counted = false;
    m->id = (weir_view){NULL, 0};
    m->id_is_place = m->duplicate = false;
    m->inbox_id = (weir_view){NULL, 0};
    m->tx = NULL;
    m->error.status = WEIR_OK;
    m->after_ms = m->deadline_after_ms = 0;
    m->emits = (weir_emits){.first = NULL};
    m->sent = m->is_letter = m->is_bare = false;
    m->letter = NULL;
    m->note = WEIR_NOTE_NONE;
    m->batched = m->answered = m->blind = false;
    atomic_store(&m->state, WEIR_MESSAGE_RUNNING);
}

/* ---- Deferred -----------------------------------------------------------------------------------
 */

static void note_deadline(weir_handler_lane *l, const weir_message *m)
{
    if (m->deadline_ms < atomic_load(&l->first_deadline_ms)) {
        weir_see_place(&l->first_deferred, m->record);
        atomic_store(&l->first_deadline_ms, m->deadline_ms);
    }
}

static void find_first_deadline(weir_handler_lane *l)
{
    atomic_store(&l->first_deadline_ms, INT64_MAX);
    for (const weir_message *m = l->deferred; m; m = m->next_deferred) {
        note_deadline(l, m);
    }
}

/* The lane has no hand on the message until it comes back by the mailbox; its key stays busy. */
static void let_go(
    weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m, int64_t deadline_ms)
{
    if (weir_lane_defer(&l->lane, r)) {
        weir_error oom; /* nothing is begun any more, so the key needs no guard */
        weir_fail_oom(&oom);
        weir_engine_fail(h->engine, &oom);
    }
    l->message = l->message == m ? NULL : l->message;
    m->deadline_ms = deadline_ms;
    m->next_deferred = l->deferred;
    m->prev_deferred = &l->deferred;
    if (l->deferred) {
        l->deferred->prev_deferred = &m->next_deferred;
    }
    l->deferred = m;
}

static void hand_over(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m)
{
    int64_t after_ms = m->deadline_after_ms               ? m->deadline_after_ms
                       : m->route && m->route->timeout_ms ? m->route->timeout_ms
                                                          : h->options.stuck_after_ms;
    weir_bump(&l->count.deferred);
    let_go(h, l, r, m, l->now_ms + after_ms);
    note_deadline(l, m);
    int running = WEIR_MESSAGE_RUNNING; /* it may be settled already */
    atomic_compare_exchange_strong(&m->state, &running, WEIR_MESSAGE_DEFERRED);
}

/* The wake is under the lock: once it is given back, the lane may see its last message come home,
 * and the engine may go. */
void weir_handlers_settled(weir_handlers *h, weir_message *m)
{
    weir_handler_lane *l = &h->lanes[m->lane];
    pthread_mutex_lock(&l->lock);
    m->next = l->mailbox;
    l->mailbox = m;
    if (!l->closed) {
        weir_engine_wake(h->engine, (unsigned)(l - h->lanes));
    }
    pthread_mutex_unlock(&l->lock);
}

/* The emitter's answer; it has a bound of its own, so no deadline watches it. Thread: any. */
static void on_sent(weir_sending *s, const weir_error *err)
{
    weir_message *m = (weir_message *)((char *)s - offsetof(weir_message, sending));
    m->sent = true;
    m->status = err->status;
    if (err->status) {
        m->error = *err;
    }
    weir_handlers_settled(m->owner, m);
}

void weir_send_emits(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m)
{
    m->sending = (weir_sending){.first = m->emits.first, .bytes = m->emits.bytes, .done = on_sent};
    atomic_store(&m->state, WEIR_MESSAGE_SENDING);
    let_go(h, l, r, m, INT64_MAX);
    h->options.emitter.send(h->options.emitter.self, &m->sending);
    l->now_ms = weir_handlers_now(h); /* it may have waited for room */
}

static void open_mailbox(weir_handlers *h, weir_handler_lane *l)
{
    pthread_mutex_lock(&l->lock);
    weir_message *m = l->mailbox;
    l->mailbox = NULL;
    pthread_mutex_unlock(&l->lock);
    bool first_came = false;
    while (m) {
        weir_message *next = m->next;
        *m->prev_deferred = m->next_deferred;
        if (m->next_deferred) {
            m->next_deferred->prev_deferred = m->prev_deferred;
        }
        first_came |=
            m->deadline_ms != INT64_MAX && m->deadline_ms <= atomic_load(&l->first_deadline_ms);
        if (!weir_conclude(h, l, m->record, m, m->status)) {
            weir_give_message(l, m);
        }
        m = next;
    }
    if (first_came) {
        find_first_deadline(l);
    }
    weir_settle_flush(h, l);
}

/* ---- Running ------------------------------------------------------------------------------------
 */

/* An event is read on the way, as its schema reads it. A CloudEvent's schema is the data's; where
 * that cannot be read and is handled all the same, it is what it was in the envelope. */
static weir_status check_event(weir_message *m, const weir_record *r)
{
    if (!m->owner->options.events.count) {
        return WEIR_OK;
    }
    weir_view type = weir_type(m);
    if (!weir_event_has_rule(m->events, type, m->raw->topic)) {
        return WEIR_OK; /* it is read when its handler asks for it */
    }
    weir_raw_record record = *m->raw;
    const weir_value *data = m->envelope ? m->value : NULL;
    if (m->envelope && !data) {
        return WEIR_OK;
    }
    weir_status s = data ? weir_event_take_data(&record, data, &m->arena, &m->error) : WEIR_OK;
    if (s) {
        return s;
    }
    s = weir_event_check(m->events, &record, type, r->checked, &m->arena, &m->value, &m->error);
    m->value = m->value ? m->value : data;
    m->parsed = !s && m->value;
    return s;
}

/* Before the first call; a later attempt has the same row. */
static weir_status check(weir_handlers *h, weir_message *m, weir_record *r)
{
    weir_status s = WEIR_OK;
    if (!m->decoder) {
        s = check_event(m, r);
    } else if (!r->checked) {
        s = weir_row_check(&h->lanes[m->lane].checkers[m->topic - h->options.topics], m->decoder,
            m->raw, &m->event, &m->arena, &m->error);
    }
    r->checked |= !s;
    return s;
}

weir_status weir_call_handler(
    weir_handlers *h, weir_handler_lane *l, weir_message *m, const weir_route *to)
{
    weir_see_place(&l->running, m->record);
    atomic_store_explicit(&l->running_limit_ms,
        to->timeout_ms ? to->timeout_ms : h->options.stuck_after_ms, memory_order_relaxed);
    weir_bump(&l->calls);
    weir_status s = weir_route_call(m, to);
    weir_bump(&l->calls);
    l->now_ms = weir_handlers_now(h);
    return s;
}

/* Takes the message back from its handler, unless that has rightly kept it. */
static void take_back(
    weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m, weir_status s)
{
    if (s == WEIR_DEFERRED && m->may_defer) {
        hand_over(h, l, r, m);
        return;
    }
    if (s == WEIR_DEFERRED) {
        s = weir_fail(&m->error, WEIR_E_HANDLER_STATUS,
            "a handler returned WEIR_DEFERRED and had not called weir_defer");
    }
    if (m->deferred) {
        weir_handlers_misused(m,
            "middleware has answered for a message that its handler has deferred: it has to return "
            "WEIR_DEFERRED");
        hand_over(h, l, r, m); /* whoever has it will settle it */
        return;
    }
    int running = WEIR_MESSAGE_RUNNING;
    if (atomic_compare_exchange_strong(&m->state, &running, WEIR_MESSAGE_FREE)) {
        weir_conclude(h, l, r, m, s);
        return;
    }
    weir_handlers_misused(m, "a handler settled its message and did not return WEIR_DEFERRED");
    hand_over(h, l, r, m); /* it comes home by the mailbox, where it is */
}

/* Was it handled lately? Where there is an inbox, that knows better. */
static bool is_duplicate(weir_handler_lane *l, const weir_message *m)
{
    return l->recent.most && !m->route->inbox &&
           weir_recent_has(&l->recent, m->route, weir_id(m), l->now_ms);
}

/* A place among those of its handler that are running or deferred, over all lanes. */
static bool take_place(weir_message *m)
{
    const weir_route *to = m->route;
    m->counted = to->max_in_flight != 0;
    if (m->counted && atomic_fetch_add(to->in_flight, 1) >= to->max_in_flight) {
        atomic_fetch_sub(to->in_flight, 1);
        m->counted = false;
        return false;
    }
    return true;
}

/* False: its dependency's breaker is open, what was handled before waits to be written, or as many
 * of its handler are deferred as may be; it is parked, and nothing is counted. */
static bool admit(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m)
{
    const weir_route *to = m->route;
    int64_t wait_ms = FULL_MS;
    if (!weir_may_go_on(h, r) || !take_place(m)) {
        if (weir_finish_before(h, l, r)) {
            weir_park_record(h, l, r, wait_ms);
        }
        return false;
    }
    if (to->breaker && !weir_breaker_admit(to->breaker, l->now_ms, &m->probe, &wait_ms)) {
        weir_fail(&m->error, WEIR_E_BREAKER_OPEN, "the breaker %s is open", to->breaker->rule.name);
        weir_bump(&l->count.broken);
        weir_give_back(m, WEIR_HOLD, l->now_ms);
        if (weir_finish_before(h, l, r)) {
            weir_hold_record(h, l, r, m, wait_ms);
        }
        return false;
    }
    return m->called = true;
}

/* It was handled or rejected before, and what was to be written of it could not be. */
static void finish(weir_handlers *h, weir_handler_lane *l, weir_record *r)
{
    weir_message *m = r->kept;
    const weir_why *why = r->why;
    r->kept = NULL;
    if (m) {
        if (!weir_conclude(h, l, r, m, m->status)) {
            weir_give_message(l, m);
        }
    } else if (r->rejected && !r->lettered) {
        weir_write_dead_letter(h, l, r);
    } else if (r->rejected && why && why->parks) {
        weir_note_parked(h, l, r);
    } else {
        weir_note_done(h, l, r);
    }
}

/* False: it comes again. What was gathered may have parked its key, or blocked it. */
static bool flush_before(weir_handlers *h, weir_handler_lane *l, weir_record *r)
{
    if (!l->gathered.n) {
        return true;
    }
    weir_batch_flush(h, l);
    if (weir_lane_yield(&l->lane, r)) {
        return false; /* one before it of its key has failed */
    }
    if (h->options.parking) {
        weir_lane_put_back(&l->lane, r, l->now_ms);
    }
    return !h->options.parking;
}

/* No handler is called for it. The note of a recalled one says that those before it are done with,
 * too. */
static void pass_over(
    weir_handlers *h, weir_handler_lane *l, weir_record *r, atomic_ullong *counter)
{
    if (r->recall && !(flush_before(h, l, r) && weir_unit_commit(h, l, r))) {
        return;
    }
    weir_bump(counter);
    weir_settle_record(h, l, r);
}

static void run(weir_handlers *h, unsigned lane, weir_record *r)
{
    weir_handler_lane *l = &h->lanes[lane];
    if (weir_record_is_over(h, r)) {
        weir_drop_record(h, l, r);
        return;
    }
    if (r->rejected || r->done || r->kept) {
        finish(h, l, r);
        return;
    }
    weir_message *m = weir_take_message(l);
    if (!m) {
        weir_fail_record_oom(h, l, r);
        return;
    }
    weir_init_message(h, lane, m, r);
    if (h->options.parking && !weir_pass_gate(h, l, r, m)) {
        return;
    }
    const weir_route *to;
    weir_status s = weir_route_of(m, &to);
    if (!s && !to) {
        weir_unrouted_tell(&h->unrouted, &l->unrouted, m);
        pass_over(h, l, r, &l->count.unrouted);
        return;
    }
    m->route = to;
    s = s ? s : check(h, m, r);
    if (!s && is_duplicate(l, m)) {
        pass_over(h, l, r, &l->count.duplicates);
        return;
    }
    if ((s || to != l->gathered.route) && !flush_before(h, l, r)) {
        return;
    }
    if ((s || !weir_unit_takes(l->unit, to)) && !weir_unit_commit(h, l, r)) {
        return; /* it comes again, behind what was put back */
    }
    if (!s && !admit(h, l, r, m)) {
        return;
    }
    if (!s && to->batch) {
        weir_batch_add(h, l, m);
    } else if (!s && to->inbox) {
        weir_unit_run(h, l, r, m);
    } else {
        take_back(h, l, r, m, s ? s : weir_call_handler(h, l, m, to));
    }
}

/* True: others may be ready then, which waited behind it. Once the engine stops taking nothing more
 * comes that it could wait for. */
static bool flush_due_batch(weir_handlers *h, weir_handler_lane *l)
{
    bool due =
        l->gathered.n && (l->gathered.due_ms <= l->now_ms || weir_engine_stopping(h->engine));
    if (due) {
        weir_batch_flush(h, l);
    }
    return due;
}

/* What is settled is told in batches, but a slow handler's record does not wait for the next one.
 */
static void run_ready(weir_handlers *h, unsigned lane)
{
    weir_handler_lane *l = &h->lanes[lane];
    weir_record *r;
    int64_t begun_ms = l->now_ms;
    do {
        while ((r = weir_lane_take(&l->lane, l->now_ms))) {
            run(h, lane, r);
            if (l->urgent || l->now_ms != begun_ms) {
                weir_settle_flush(h, l);
                begun_ms = l->now_ms;
            }
        }
    } while (!weir_unit_commit(h, l, NULL) /* what was put back is handled one by one */
             || flush_due_batch(h, l));
    weir_settle_flush(h, l);
}

static void handlers_take(void *self, unsigned lane, weir_chunk *chunk)
{
    weir_handlers *h = self;
    h->lanes[lane].now_ms = weir_handlers_now(h);
    for (unsigned i = 0; i < chunk->count; i++) {
        weir_lane_push(&h->lanes[lane].lane, &chunk->records[i]);
    }
    run_ready(h, lane);
}

static bool is_revoked(const weir_record *r)
{
    return atomic_load(&r->partition->revoked);
}

static void drop_one(void *ctx, weir_record *r)
{
    weir_handlers *h = ctx;
    weir_forget_why(r);
    weir_batch_forget(&h->lanes[r->chunk->lane], r);
    if (r->recall) {
        weir_parking_left(h->options.parking, r);
    }
    weir_engine_drop(h->engine, &r, 1);
}

/* What waits in vain would hold up a drain. */
static void drop_what_is_over(weir_handlers *h, weir_handler_lane *l)
{
    unsigned revocations = atomic_load(&h->engine->revocations);
    if (weir_engine_failed(h->engine)) {
        weir_batch_drop(h, l);
        weir_lane_drop(&l->lane, NULL, drop_one, h, l->now_ms);
    } else if (revocations != l->revocations) {
        weir_batch_flush(h, l); /* what is over is dropped; the rest need not wait */
        weir_lane_drop(&l->lane, is_revoked, drop_one, h, l->now_ms);
    }
    l->revocations = revocations;
}

static int64_t handlers_step(void *self, unsigned lane, int64_t now_ms)
{
    weir_handlers *h = self;
    weir_handler_lane *l = &h->lanes[lane];
    l->now_ms = now_ms;
    open_mailbox(h, l);
    drop_what_is_over(h, l);
    run_ready(h, lane);
    weir_handlers_publish(h, l);
    int64_t due_ms = weir_lane_next_due(&l->lane);
    return l->gathered.n && l->gathered.due_ms < due_ms ? l->gathered.due_ms : due_ms;
}

/* The engine has ended. Deferred messages are their users': waited for, within one bound for all
 * lanes. */
static void handlers_abandon(void *self, unsigned lane)
{
    weir_handlers *h = self;
    weir_handler_lane *l = &h->lanes[lane];
    l->now_ms = weir_handlers_now(h);
    if (h->options.emitter.cancel) {
        h->options.emitter.cancel(h->options.emitter.self);
    }
    weir_batch_drop(h, l);
    open_mailbox(h, l);
    for (; l->deferred && h->abandon_ms < ABANDON_MS; h->abandon_ms += ABANDON_STEP_MS) {
        nanosleep(&(struct timespec){0, ABANDON_STEP_MS * 1000000L}, NULL);
        open_mailbox(h, l);
    }
    weir_settle_flush(h, l);
    weir_lane_drop(&l->lane, NULL, drop_one, h, l->now_ms);
}

const weir_processor_ops weir_handlers_processor = {
    .take = handlers_take,
    .step = handlers_step,
    .abandon = handlers_abandon,
};

/* ---- Life ---------------------------------------------------------------------------------------
 */

const weir_handlers_options *weir_handlers_options_of(const weir_handlers *h)
{
    return &h->options;
}

int64_t weir_handlers_now(weir_handlers *h)
{
    return h->options.now_ms(h->options.ctx);
}

void weir_handlers_misused(const weir_message *m, const char *what)
{
    weir_handlers *h = m->owner;
    weir_handler_lane *l = &h->lanes[m->lane];
    weir_error err;
    weir_fail(&err, WEIR_E_HANDLER_STATUS, "%s", what);
    (void)weir_at_place(h, &m->place, &err);
    pthread_mutex_lock(&l->lock);
    if (!l->closed) {
        weir_engine_fail(h->engine, &err);
    }
    pthread_mutex_unlock(&l->lock);
}

weir_status weir_handlers_lookup(weir_handlers *h, const char *cache, weir_view key,
    const weir_freshness *min, int64_t *age_ms, weir_buf *row, bool *found, weir_error *err)
{
    *found = false;
    if (!h->options.lookup) {
        return weir_fail(err, WEIR_E_NO_CACHE, "there is no cache %s", cache);
    }
    return h->options.lookup(h->options.ctx, cache, key, min, age_ms, row, found, err);
}
