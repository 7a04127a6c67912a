/* Handlers on lanes. See handlers.h.
 *
 *   taken --no route--> settled
 *         --handler--> OK: settled; RETRY: parked, or rejected after the last attempt; HOLD:
 * parked; REJECT: rejected; DEFERRED: its user's --weir_settle--> the same again; FATAL: engine
 * ends rejected --dead letter written--> settled; --not now--> parked, and written later */
#include "service/handlers.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#include "base/alloc.h"
#include "engine/lane.h"
#include "service/message.h"

enum { SETTLE_BATCH = 64, KEPT_MESSAGES = 256, ABANDON_MS = 5000, STUCK_KEYS = 256 };

typedef struct handler_lane {
    weir_lane lane;
    weir_decoder **decoders; /* one per topic; NULL: no CDC topic */
    weir_message *message;   /* for the next record */
    weir_message *pool;
    size_t n_pool;
    weir_message *deferred; /* list, for the watchdog */
    weir_record *settled[SETTLE_BATCH];
    size_t n_settled;
    uint64_t random;
    weir_handlers_counters count;
    /* Lock: `lock`. */
    pthread_mutex_t lock;
    weir_message *mailbox;
    weir_stuck_key *stuck; /* published for other threads */
    size_t n_stuck;
    bool wants_stuck;
    /* Watchdog: any thread. */
    atomic_ullong calls; /* of handlers, odd while one runs */
    atomic_ullong seen_calls;
    atomic_llong seen_ms;
    atomic_llong first_deadline_ms;
} handler_lane;

struct weir_handlers {
    weir_handlers_options options;
    weir_engine *engine;
    handler_lane *lanes;
};

/* ---- Messages
 * ------------------------------------------------------------------------------------- */

static void free_message(weir_message *m)
{
    if (m) {
        weir_arena_fini(&m->arena);
        weir_buf_fini(&m->scratch);
        weir_free(m);
    }
}

static weir_message *take_message(handler_lane *l)
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

static void give_message(handler_lane *l, weir_message *m)
{
    atomic_store(&m->state, WEIR_MESSAGE_FREE);
    if (l->n_pool >= KEPT_MESSAGES) {
        free_message(m);
        return;
    }
    weir_arena_reset(&m->arena);
    m->next = l->pool;
    l->pool = m;
    l->n_pool++;
}

static void init_message(weir_handlers *h, unsigned lane, weir_message *m, weir_record *r)
{
    const weir_routed_topic *t = &h->options.topics[r->partition->tag];
    weir_arena_reset(&m->arena);
    m->owner = h;
    m->lane = lane;
    m->record = r;
    m->raw = &r->raw;
    m->topic = t;
    m->decoder = h->lanes[lane].decoders[r->partition->tag];
    m->decoded = m->parsed = m->late = false;
    m->value = m->key = NULL;
    m->id = (weir_view){NULL, 0};
    m->error.status = WEIR_OK;
    m->after_ms = m->deadline_after_ms = 0;
    atomic_store(&m->state, WEIR_MESSAGE_RUNNING);
}

/* ---- Settling
 * ------------------------------------------------------------------------------------ */

static void flush(weir_handlers *h, handler_lane *l)
{
    if (l->n_settled) {
        weir_engine_settle(h->engine, l->settled, l->n_settled);
        l->n_settled = 0;
    }
}

static void settle(weir_handlers *h, handler_lane *l, weir_record *r, int64_t now_ms)
{
    weir_lane_finish(&l->lane, r, now_ms);
    weir_free(r->why);
    r->why = NULL;
    l->settled[l->n_settled++] = r;
    if (l->n_settled == SETTLE_BATCH) {
        flush(h, l);
    }
}

static void drop(weir_handlers *h, handler_lane *l, weir_record *r, int64_t now_ms)
{
    weir_lane_finish(&l->lane, r, now_ms);
    weir_free(r->why);
    r->why = NULL;
    weir_engine_drop(h->engine, &r, 1);
}

static void place(const weir_record *r, weir_error *err)
{
    weir_at(err, "%.*s/%d@%lld", (int)(r->raw.topic.len > 60 ? 60 : r->raw.topic.len),
        r->raw.topic.ptr, (int)r->raw.partition, (long long)r->raw.offset);
}

/* The engine ends; the record comes again at the next start. */
static void fail(weir_handlers *h, handler_lane *l, weir_record *r, weir_error *err, int64_t now_ms)
{
    err->status = WEIR_FATAL;
    place(r, err);
    weir_engine_fail(h->engine, err);
    drop(h, l, r, now_ms);
}

static void park(weir_handlers *h, handler_lane *l, weir_record *r, int64_t due_ms, int64_t now_ms)
{
    if (weir_lane_park(&l->lane, r, due_ms)) {
        weir_error oom;
        weir_fail_oom(&oom);
        fail(h, l, r, &oom, now_ms);
    }
}

/* Full jitter of a fifth, so that keys which failed together do not come back together. */
static int64_t backoff(const weir_handlers_options *o, handler_lane *l, uint32_t times)
{
    int64_t ms = o->backoff_ms;
    for (uint32_t i = 1; i < times && ms < o->max_backoff_ms; i++) {
        ms *= 2;
    }
    ms = ms > o->max_backoff_ms ? o->max_backoff_ms : ms;
    l->random ^= l->random << 13;
    l->random ^= l->random >> 7;
    l->random ^= l->random << 17;
    int64_t spread = ms / 5;
    return spread ? ms - spread / 2 + (int64_t)(l->random % (uint64_t)spread) : ms;
}

/* ---- Verdicts
 * ------------------------------------------------------------------------------------ */

/* Writes the dead letter whose reason is r->why. Not now: the key stays parked until it is safe. */
static void write_dead_letter(weir_handlers *h, handler_lane *l, weir_record *r, int64_t now_ms)
{
    weir_error err;
    weir_dead_letter letter = {&r->raw, *(weir_error *)r->why, r->attempt};
    weir_status s = h->options.dead_letters.write(h->options.dead_letters.self, &letter, 1, &err);
    if (s == WEIR_OK) {
        l->count.dead_lettered++;
        settle(h, l, r, now_ms);
    } else if (s == WEIR_HOLD || s == WEIR_RETRY) {
        weir_log_error(h->options.log, WEIR_LOG_WARN, h->options.name, &err, "a dead letter waits");
        park(h, l, r, now_ms + backoff(&h->options, l, ++r->holds), now_ms);
    } else {
        fail(h, l, r, &err, now_ms);
    }
}

static void reject(
    weir_handlers *h, handler_lane *l, weir_record *r, weir_error *why, int64_t now_ms)
{
    l->count.rejected++;
    weir_log_error(h->options.log, WEIR_LOG_WARN, h->options.name, why,
        "rejected %.*s/%d@%lld after %u attempts", WEIR_ARG(r->raw.topic), (int)r->raw.partition,
        (long long)r->raw.offset, r->attempt);
    if (h->options.on_reject == WEIR_ON_REJECT_STOP) {
        fail(h, l, r, why, now_ms);
    } else if (h->options.on_reject == WEIR_ON_REJECT_SKIP || !h->options.dead_letters.write) {
        settle(h, l, r, now_ms);
    } else if ((r->why = weir_alloc(sizeof *why))) {
        *(weir_error *)r->why = *why;
        write_dead_letter(h, l, r, now_ms);
    } else {
        weir_fail_oom(why);
        fail(h, l, r, why, now_ms);
    }
}

static void retry(
    weir_handlers *h, handler_lane *l, weir_record *r, weir_message *m, int64_t now_ms)
{
    if (r->attempt >= h->options.max_attempts) {
        reject(h, l, r, &m->error, now_ms);
        return;
    }
    l->count.retried++;
    weir_log_error(h->options.log, WEIR_LOG_DEBUG, h->options.name, &m->error,
        "attempt %u of %.*s/%d@%lld failed", r->attempt, WEIR_ARG(r->raw.topic),
        (int)r->raw.partition, (long long)r->raw.offset);
    int64_t ms = m->after_ms ? m->after_ms : backoff(&h->options, l, r->attempt);
    r->attempt++;
    park(h, l, r, now_ms + ms, now_ms);
}

/* A status without a reason gets the class's own. */
static void name_error(weir_message *m, weir_status s)
{
    static const weir_code codes[] = {[WEIR_RETRY] = WEIR_E_HANDLER_RETRY,
        [WEIR_HOLD] = WEIR_E_HANDLER_HOLD,
        [WEIR_REJECT] = WEIR_E_HANDLER_REJECT,
        [WEIR_FATAL] = WEIR_E_HANDLER_FATAL};
    if (m->error.status != s) {
        weir_fail(&m->error, codes[s], "%s", weir_code_get(codes[s])->meaning);
    }
}

static void conclude(weir_handlers *h, handler_lane *l, weir_record *r, weir_message *m,
    weir_status s, int64_t now_ms)
{
    if (s > WEIR_OK && s <= WEIR_FATAL) {
        name_error(m, s);
    }
    switch (s) {
    case WEIR_OK:
        l->count.handled++;
        settle(h, l, r, now_ms);
        break;
    case WEIR_RETRY:
        retry(h, l, r, m, now_ms);
        break;
    case WEIR_HOLD:
        l->count.held++;
        park(h, l, r, now_ms + backoff(&h->options, l, ++r->holds), now_ms);
        break;
    case WEIR_REJECT:
        reject(h, l, r, &m->error, now_ms);
        break;
    default:
        fail(h, l, r, &m->error, now_ms);
        break;
    }
}

/* ---- Deferred
 * ------------------------------------------------------------------------------------ */

static void update_deadline(handler_lane *l)
{
    int64_t first = INT64_MAX;
    for (const weir_message *m = l->deferred; m; m = m->next_deferred) {
        first = m->deadline_ms < first ? m->deadline_ms : first;
    }
    atomic_store(&l->first_deadline_ms, first);
}

static void defer(
    weir_handlers *h, handler_lane *l, weir_record *r, weir_message *m, int64_t now_ms)
{
    if (weir_lane_defer(&l->lane, r)) {
        weir_error oom; /* the user may have the message already: its memory is left to it */
        weir_fail_oom(&oom);
        weir_engine_fail(h->engine, &oom);
    }
    l->count.deferred++;
    m->deadline_ms =
        now_ms + (m->deadline_after_ms ? (int64_t)m->deadline_after_ms : h->options.stuck_after_ms);
    m->next_deferred = l->deferred;
    m->prev_deferred = &l->deferred;
    if (l->deferred) {
        l->deferred->prev_deferred = &m->next_deferred;
    }
    l->deferred = m;
    if (m->deadline_ms < atomic_load(&l->first_deadline_ms)) {
        atomic_store(&l->first_deadline_ms, m->deadline_ms);
    }
}

void weir_handlers_settled(weir_handlers *h, weir_message *m)
{
    handler_lane *l = &h->lanes[m->lane];
    unsigned lane = m->lane; /* m may be gone as soon as the lock is */
    pthread_mutex_lock(&l->lock);
    m->next = l->mailbox;
    l->mailbox = m;
    pthread_mutex_unlock(&l->lock);
    weir_engine_wake(h->engine, lane);
}

static void open_mailbox(weir_handlers *h, handler_lane *l, int64_t now_ms)
{
    pthread_mutex_lock(&l->lock);
    weir_message *m = l->mailbox;
    l->mailbox = NULL;
    pthread_mutex_unlock(&l->lock);
    bool any = m != NULL;
    while (m) {
        weir_message *next = m->next;
        *m->prev_deferred = m->next_deferred;
        if (m->next_deferred) {
            m->next_deferred->prev_deferred = m->prev_deferred;
        }
        conclude(h, l, m->record, m, m->status, now_ms);
        give_message(l, m);
        m = next;
    }
    if (any) {
        update_deadline(l);
    }
}

/* ---- Running
 * ------------------------------------------------------------------------------------- */

static const weir_route *by_type(const weir_routed_topic *t, const weir_message *m)
{
    weir_view type = weir_type(m);
    for (size_t i = 0; i < t->n_routes; i++) {
        if (!t->routes[i].table &&
            (!t->routes[i].event || weir_view_is(type, t->routes[i].event))) {
            return &t->routes[i];
        }
    }
    return NULL;
}

/* A tombstone says nothing that its d has not said, but in an unwrapped stream, where it is the
 * delete. */
static const weir_route *by_table(const weir_routed_topic *t, const weir_message *m)
{
    const weir_event *ev = &m->event;
    if (ev->kind != WEIR_EVENT_CHANGE ||
        (ev->change.kind == WEIR_TOMBSTONE && !ev->change.unwrapped)) {
        return NULL;
    }
    for (size_t i = 0; i < t->n_routes; i++) {
        if (t->routes[i].table && (!ev->table.len || weir_view_is(ev->table, t->routes[i].table))) {
            return &t->routes[i];
        }
    }
    return NULL;
}

static weir_status route(weir_message *m, const weir_route **out)
{
    *out = NULL;
    if (!m->decoder) {
        *out = by_type(m->topic, m);
        return WEIR_OK;
    }
    weir_status s = weir_message_decode(m);
    if (!s) {
        *out = by_table(m->topic, m);
    }
    return s;
}

static weir_status call(handler_lane *l, weir_message *m, const weir_route *to)
{
    atomic_fetch_add_explicit(&l->calls, 1, memory_order_relaxed);
    weir_status s = to->fn(m, to->ctx);
    atomic_fetch_add_explicit(&l->calls, 1, memory_order_relaxed);
    return s;
}

static void run(weir_handlers *h, unsigned lane, weir_record *r, int64_t now_ms)
{
    handler_lane *l = &h->lanes[lane];
    if (atomic_load_explicit(&r->partition->revoked, memory_order_relaxed)) {
        drop(h, l, r, now_ms);
        return;
    }
    if (r->why) {
        write_dead_letter(h, l, r, now_ms);
        return;
    }
    weir_message *m = take_message(l);
    if (!m) {
        weir_error oom;
        weir_fail_oom(&oom);
        fail(h, l, r, &oom, now_ms);
        return;
    }
    init_message(h, lane, m, r);
    const weir_route *to;
    weir_status s = route(m, &to);
    if (!s && !to) {
        l->count.unrouted++;
        settle(h, l, r, now_ms);
        return;
    }
    s = s ? s : call(l, m, to);
    if (s != WEIR_DEFERRED) {
        int state = WEIR_MESSAGE_RUNNING;
        if (!atomic_compare_exchange_strong(&m->state, &state, WEIR_MESSAGE_FREE)) {
            weir_handlers_misused(
                h, "a handler settled its message and did not return WEIR_DEFERRED");
            l->message = NULL; /* it is in the mailbox: left there */
            return;
        }
        conclude(h, l, r, m, s, now_ms);
        return;
    }
    l->message = NULL;
    m->late = true;
    defer(h, l, r, m, now_ms);
    int running = WEIR_MESSAGE_RUNNING; /* it may be settled already */
    atomic_compare_exchange_strong(&m->state, &running, WEIR_MESSAGE_DEFERRED);
}

static void run_ready(weir_handlers *h, unsigned lane)
{
    handler_lane *l = &h->lanes[lane];
    int64_t now_ms = h->options.now_ms(h->options.ctx);
    weir_record *r;
    unsigned since = 0;
    while ((r = weir_lane_take(&l->lane, now_ms))) {
        run(h, lane, r, now_ms);
        if (++since == SETTLE_BATCH) {
            since = 0;
            now_ms = h->options.now_ms(h->options.ctx);
        }
    }
    flush(h, l);
}

static void handlers_take(void *self, unsigned lane, weir_chunk *chunk)
{
    weir_handlers *h = self;
    for (unsigned i = 0; i < chunk->count; i++) {
        weir_lane_push(&h->lanes[lane].lane, &chunk->records[i]);
    }
    run_ready(h, lane);
}

static bool is_revoked(const weir_record *r)
{
    return atomic_load(&r->partition->revoked);
}

typedef struct drop_ctx {
    weir_handlers *h;
} drop_ctx;

static void drop_one(void *ctx, weir_record *r)
{
    drop_ctx *d = ctx;
    weir_free(r->why);
    r->why = NULL;
    weir_engine_drop(d->h->engine, &r, 1);
}

static void publish_stuck(weir_handlers *h, handler_lane *l);

static int64_t handlers_step(void *self, unsigned lane, int64_t now_ms)
{
    weir_handlers *h = self;
    handler_lane *l = &h->lanes[lane];
    drop_ctx d = {h};
    open_mailbox(h, l, now_ms);
    if (l->lane.n_keys) {
        weir_lane_drop(&l->lane, is_revoked, drop_one, &d, now_ms);
    }
    run_ready(h, lane);
    publish_stuck(h, l);
    return weir_lane_next_due(&l->lane);
}

/* The engine has ended. Deferred messages are their users': waited for, within a bound. */
static void handlers_abandon(void *self, unsigned lane)
{
    weir_handlers *h = self;
    handler_lane *l = &h->lanes[lane];
    drop_ctx d = {h};
    for (int waited = 0; l->deferred && waited < ABANDON_MS; waited += 5) {
        open_mailbox(h, l, h->options.now_ms(h->options.ctx));
        if (l->deferred) {
            struct timespec five = {0, 5000000};
            nanosleep(&five, NULL);
        }
    }
    flush(h, l);
    weir_lane_drop(&l->lane, NULL, drop_one, &d, INT64_MAX - 1);
}

const weir_processor_ops weir_handlers_processor = {
    .take = handlers_take,
    .step = handlers_step,
    .abandon = handlers_abandon,
};

/* ---- Watching
 * ------------------------------------------------------------------------------------- */

static void publish_stuck(weir_handlers *h, handler_lane *l)
{
    pthread_mutex_lock(&l->lock);
    bool wanted = l->wants_stuck;
    l->wants_stuck = false;
    pthread_mutex_unlock(&l->lock);
    if (!wanted) {
        return;
    }
    weir_blocked_view views[STUCK_KEYS];
    size_t n = weir_lane_blocked(&l->lane, views, STUCK_KEYS);
    n = n < STUCK_KEYS ? n : STUCK_KEYS;
    weir_stuck_key *keys = weir_calloc(n, sizeof *keys);
    int64_t now_ms = h->options.now_ms(h->options.ctx);
    for (size_t i = 0; keys && i < n; i++) {
        const weir_record *r = views[i].record;
        weir_stuck_key *k = &keys[i];
        snprintf(k->topic, sizeof k->topic, "%s", r->partition->topic);
        snprintf(k->key, sizeof k->key, "%.*s", (int)(r->raw.key.len > 120 ? 120 : r->raw.key.len),
            r->raw.key.ptr ? r->raw.key.ptr : "");
        k->partition = r->raw.partition;
        k->offset = r->raw.offset;
        k->attempt = r->attempt;
        k->followers = views[i].followers;
        k->due_in_ms = views[i].due_ms == INT64_MAX ? -1 : views[i].due_ms - now_ms;
        if (r->why) {
            k->error = *(const weir_error *)r->why;
        }
    }
    pthread_mutex_lock(&l->lock);
    weir_free(l->stuck);
    l->stuck = keys;
    l->n_stuck = keys ? n : 0;
    pthread_mutex_unlock(&l->lock);
}

size_t weir_handlers_stuck_keys(weir_handlers *h, weir_stuck_key *out, size_t max)
{
    size_t n = 0;
    for (unsigned i = 0; i < h->options.lanes; i++) {
        handler_lane *l = &h->lanes[i];
        pthread_mutex_lock(&l->lock);
        for (size_t k = 0; k < l->n_stuck && n < max; k++) {
            out[n++] = l->stuck[k];
        }
        l->wants_stuck = true;
        pthread_mutex_unlock(&l->lock);
        weir_engine_wake(h->engine, i);
    }
    return n;
}

/* A lane whose handler has been in the same call for too long, or a deferred message past its
 * deadline. */
static bool lane_stuck(const weir_handlers *h, handler_lane *l, int64_t now_ms)
{
    unsigned long long calls = atomic_load(&l->calls);
    if (calls != atomic_load(&l->seen_calls) || calls % 2 == 0) {
        atomic_store(&l->seen_calls, calls);
        atomic_store(&l->seen_ms, now_ms);
        return atomic_load(&l->first_deadline_ms) < now_ms;
    }
    return now_ms - atomic_load(&l->seen_ms) > h->options.stuck_after_ms ||
           atomic_load(&l->first_deadline_ms) < now_ms;
}

bool weir_handlers_stuck(weir_handlers *h, weir_error *err)
{
    int64_t now_ms = h->options.now_ms(h->options.ctx);
    for (unsigned i = 0; i < h->options.lanes; i++) {
        if (lane_stuck(h, &h->lanes[i], now_ms)) {
            weir_fail(err, WEIR_E_HANDLER_STUCK,
                "lane %u: a handler or a deferred message is older than its deadline", i);
            return true;
        }
    }
    return false;
}

weir_handlers_counters weir_handlers_count(weir_handlers *h)
{
    weir_handlers_counters sum = {0};
    for (unsigned i = 0; i < h->options.lanes; i++) {
        const weir_handlers_counters *c = &h->lanes[i].count;
        sum.handled += c->handled;
        sum.retried += c->retried;
        sum.held += c->held;
        sum.rejected += c->rejected;
        sum.dead_lettered += c->dead_lettered;
        sum.unrouted += c->unrouted;
        sum.deferred += c->deferred;
    }
    return sum;
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

void weir_handlers_misused(weir_handlers *h, const char *what)
{
    weir_error err;
    weir_fail(&err, WEIR_E_HANDLER_STATUS, "%s", what);
    weir_engine_fail(h->engine, &err);
}

weir_status weir_handlers_lookup(weir_handlers *h, const char *cache, weir_view key,
    const weir_freshness *min, weir_buf *row, bool *found, weir_error *err)
{
    *found = false;
    if (!h->options.lookup) {
        return weir_fail(err, WEIR_E_NO_CACHE, "there is no cache %s", cache);
    }
    return h->options.lookup(h->options.ctx, cache, key, min, row, found, err);
}

static weir_status new_lane(weir_handlers *h, unsigned i, weir_error *err)
{
    handler_lane *l = &h->lanes[i];
    weir_lane_init(&l->lane, h->options.followers_limit);
    pthread_mutex_init(&l->lock, NULL);
    l->random = h->options.seed + i * 0x9E3779B97F4A7C15u + 1;
    atomic_store(&l->first_deadline_ms, INT64_MAX);
    l->decoders = weir_calloc(h->options.n_topics, sizeof(weir_decoder *));
    if (!l->decoders) {
        return weir_fail_oom(err);
    }
    weir_status s = WEIR_OK;
    for (size_t t = 0; t < h->options.n_topics && !s; t++) {
        if (h->options.topics[t].source) {
            s = weir_decoder_new(h->options.topics[t].source, &l->decoders[t], err);
        }
    }
    return s;
}

weir_status weir_handlers_new(
    const weir_handlers_options *options, weir_handlers **out, weir_error *err)
{
    *out = NULL;
    weir_handlers *h = weir_calloc(1, sizeof *h);
    if (!h || !(h->lanes = weir_calloc(options->lanes, sizeof *h->lanes))) {
        weir_free(h);
        return weir_fail_oom(err);
    }
    h->options = *options;
    h->options.lanes = 0; /* counts those that are made */
    weir_status s = WEIR_OK;
    while (h->options.lanes < options->lanes && !s) {
        s = new_lane(h, h->options.lanes++, err);
    }
    if (s) {
        weir_handlers_free(h);
        return s;
    }
    *out = h;
    return WEIR_OK;
}

void weir_handlers_free(weir_handlers *h)
{
    for (unsigned i = 0; h && i < h->options.lanes; i++) {
        handler_lane *l = &h->lanes[i];
        for (size_t t = 0; l->decoders && t < h->options.n_topics; t++) {
            weir_decoder_free(l->decoders[t]);
        }
        weir_free(l->decoders);
        free_message(l->message);
        while (l->pool) {
            weir_message *m = l->pool;
            l->pool = m->next;
            free_message(m);
        }
        if (!l->deferred) {
            weir_lane_fini(&l->lane); /* else a message is still its user's: left to it */
        }
        weir_free(l->stuck);
        pthread_mutex_destroy(&l->lock);
    }
    if (h) {
        weir_free(h->lanes);
        weir_free(h);
    }
}

void weir_handlers_attach(weir_handlers *h, weir_engine *e)
{
    h->engine = e;
}

uint32_t weir_handlers_tag(void *handlers, weir_view topic)
{
    const weir_handlers *h = handlers;
    for (uint32_t i = 0; i < h->options.n_topics; i++) {
        if (weir_view_is(topic, h->options.topics[i].topic)) {
            return i;
        }
    }
    return UINT32_MAX;
}
