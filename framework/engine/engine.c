/* The engine: partitions, lanes' queues, settling and committing. See engine.h. */
#include "engine/engine.h"

#include <assert.h>
#include <time.h>

#include "base/alloc.h"
#include "base/map.h"

enum {
    POLL_RECORDS = 4096,
    CHUNK_RECORDS = 256,
    DEFAULT_PARTITION_RECORDS = 20000,
    DEFAULT_COMMIT_MS = 1000,
    RECORD_COST = sizeof(weir_record) + 64, /* beside its bytes */
};

/* ---- Life ---------------------------------------------------------------------------------------
 */

static void init_sync(weir_engine *e)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->settled, &monotonic);
    for (unsigned i = 0; i < e->options.lanes; i++) {
        pthread_mutex_init(&e->queues[i].lock, NULL);
        pthread_cond_init(&e->queues[i].filled, &monotonic);
    }
    pthread_condattr_destroy(&monotonic);
}

weir_status weir_engine_init(weir_engine *e, const weir_engine_options *options,
    weir_record_source source, weir_processor processor, weir_error *err)
{
    assert(options->lanes > 0);
    *e = (weir_engine){.options = *options, .source = source, .processor = processor};
    weir_engine_options *o = &e->options;
    o->partition_records = o->partition_records ? o->partition_records : DEFAULT_PARTITION_RECORDS;
    o->commit_interval_ms = o->commit_interval_ms ? o->commit_interval_ms : DEFAULT_COMMIT_MS;
    e->queues = weir_calloc(o->lanes, sizeof *e->queues);
    e->filling = weir_calloc(o->lanes, sizeof(weir_chunk *));
    if (!e->queues || !e->filling) {
        weir_free(e->queues);
        weir_free(e->filling);
        return weir_fail_oom(err);
    }
    init_sync(e);
    return WEIR_OK;
}

static void unref_partition(weir_partition *p)
{
    assert(p->refs > 0);
    if (--p->refs == 0) {
        weir_frontier_fini(&p->frontier);
        weir_free(p->topic);
        weir_free(p);
    }
}

void weir_engine_fini(weir_engine *e)
{
    if (!e->queues) {
        return;
    }
    assert(e->n_batch == 0);
    if (e->open_records) {
        /* A handler's user still has them: their memory, the partitions and the source are left alone. */
        weir_log_line(e->options.log, WEIR_LOG_ERROR, e->options.name,
            "%zu records were never settled by their handlers", e->open_records);
        return;
    }
    for (size_t i = 0; i < e->n_partitions; i++) {
        unref_partition(e->partitions[i]);
    }
    if (e->source.ops) {
        e->source.ops->close(e->source.self);
    }
    for (unsigned i = 0; i < e->options.lanes; i++) {
        pthread_mutex_destroy(&e->queues[i].lock);
        pthread_cond_destroy(&e->queues[i].filled);
    }
    pthread_mutex_destroy(&e->lock);
    pthread_cond_destroy(&e->settled);
    weir_free(e->partitions);
    weir_free(e->queues);
    weir_free(e->filling);
    weir_free(e->batch);
    *e = (weir_engine){.n_partitions = 0};
}

/* ---- Failure ------------------------------------------------------------------------------------
 */

void weir_engine_fail(weir_engine *e, const weir_error *err)
{
    pthread_mutex_lock(&e->lock);
    bool first = e->failure.status == WEIR_OK;
    if (first) {
        e->failure = *err;
    }
    pthread_mutex_unlock(&e->lock);
    if (first) {
        weir_log_error(e->options.log, WEIR_LOG_ERROR, e->options.name, err, "stopping");
        e->source.ops->wake(e->source.self);
    }
}

bool weir_engine_failure(weir_engine *e, weir_error *out)
{
    pthread_mutex_lock(&e->lock);
    bool failed = e->failure.status != WEIR_OK;
    if (failed && out) {
        *out = e->failure;
    }
    pthread_mutex_unlock(&e->lock);
    return failed;
}

bool weir_engine_waiting(weir_engine *e, weir_error *out, int64_t *told_ms)
{
    pthread_mutex_lock(&e->lock);
    bool waiting = e->waiting.status != WEIR_OK;
    if (waiting) {
        *out = e->waiting;
        *told_ms = e->waiting_ms;
    }
    pthread_mutex_unlock(&e->lock);
    return waiting;
}

static void fail_oom(weir_engine *e)
{
    weir_error err;
    weir_fail_oom(&err);
    weir_engine_fail(e, &err);
}

/* ---- Delivery: from the source to the lanes
 * ------------------------------------------------------- */

unsigned weir_partition_room(weir_engine *e, const weir_partition *p)
{
    if (atomic_load_explicit(&p->congested, memory_order_relaxed)) {
        return 0;
    }
    pthread_mutex_lock(&e->lock);
    size_t share = e->options.in_flight_bytes / (e->n_partitions ? e->n_partitions : 1);
    bool full = e->stopping || p->open_records >= e->options.partition_records ||
                (p->open_bytes >= share && p->open_records) ||
                e->open_bytes >= e->options.in_flight_bytes;
    size_t room = full ? 0 : e->options.partition_records - p->open_records;
    e->starved |= full;
    pthread_mutex_unlock(&e->lock);
    return (unsigned)room;
}

static void push_chunk(weir_engine *e, weir_chunk *c)
{
    weir_lane_queue *q = &e->queues[c->lane];
    atomic_store(&c->unreleased, c->count);
    pthread_mutex_lock(&q->lock);
    if (q->last) {
        q->last->next = c;
    } else {
        q->first = c;
    }
    q->last = c;
    pthread_cond_signal(&q->filled);
    pthread_mutex_unlock(&q->lock);
}

/* The place for the lane's next record; NULL: out of memory. */
static weir_record *next_place(weir_engine *e, unsigned lane)
{
    weir_chunk *c = e->filling[lane];
    if (c && c->count == c->capacity) {
        push_chunk(e, c);
        c = e->filling[lane] = NULL;
    }
    if (!c) {
        unsigned capacity = e->n_batch / e->options.lanes >= CHUNK_RECORDS / 4 ? CHUNK_RECORDS : 16;
        c = weir_alloc(sizeof *c + capacity * sizeof c->records[0]);
        if (!c) {
            return NULL;
        }
        *c = (weir_chunk){.lane = lane, .capacity = capacity};
        e->filling[lane] = c;
    }
    return &c->records[c->count];
}

/* Equal keys of a partition share a lane; records without a key keep their partition's order. */
static uint32_t place_hash(const weir_partition *p, weir_view key)
{
    uint32_t of_partition = (uint32_t)p->number * 0x9E3779B1u;
    return key.ptr ? weir_hash(key) ^ of_partition : of_partition | 1;
}

/* Puts one delivery on its lane. The engine's lock is held. False: out of memory. */
static bool place(weir_engine *e, const struct weir_delivery *d)
{
    uint32_t hash = place_hash(d->partition, d->raw.key);
    weir_record *r = next_place(e, (hash >> 16) % e->options.lanes);
    uint64_t seq;
    if (!r || !weir_frontier_deliver(&d->partition->frontier, d->raw.offset, &seq)) {
        return false;
    }
    size_t bytes = d->raw.key.len + d->raw.value.len + RECORD_COST;
    weir_chunk *c = e->filling[(hash >> 16) % e->options.lanes];
    *r = (weir_record){.raw = d->raw,
        .hash = hash,
        .bytes = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes,
        .seq = seq,
        .partition = d->partition,
        .chunk = c,
        .message = d->message,
        .attempt = 1};
    c->count++;
    d->partition->refs++;
    d->partition->open_records++;
    d->partition->open_bytes += r->bytes;
    e->open_records++;
    e->open_bytes += r->bytes;
    e->delivered++;
    return true;
}

/* Hands this poll's records to the lanes. What finds no memory is given back to the source
 * unsettled, and the engine ends: nothing above it can be committed. */
static void hand_out(weir_engine *e)
{
    size_t placed = 0;
    pthread_mutex_lock(&e->lock);
    if (e->n_batch) {
        e->waiting.status = WEIR_OK;
    }
    while (placed < e->n_batch && place(e, &e->batch[placed])) {
        placed++;
    }
    pthread_mutex_unlock(&e->lock);
    for (unsigned lane = 0; lane < e->options.lanes; lane++) {
        weir_chunk *c = e->filling[lane];
        e->filling[lane] = NULL;
        if (c && c->count) {
            push_chunk(e, c);
        } else {
            weir_free(c);
        }
    }
    for (size_t i = placed; i < e->n_batch; i++) {
        e->source.ops->release(e->source.self, e->batch[i].message);
    }
    if (placed < e->n_batch) {
        fail_oom(e);
    }
    e->n_batch = 0;
}

static void on_record(void *engine, weir_partition *p, const weir_raw_record *raw, void *message)
{
    weir_engine *e = engine;
    if (e->n_batch == e->batch_capacity) {
        size_t capacity = e->batch_capacity ? e->batch_capacity * 2 : 512;
        struct weir_delivery *grown = weir_realloc(e->batch, capacity * sizeof *grown);
        if (!grown) {
            e->source.ops->release(e->source.self, message);
            fail_oom(e);
            return;
        }
        e->batch = grown;
        e->batch_capacity = capacity;
    }
    e->batch[e->n_batch++] = (struct weir_delivery){p, *raw, message};
}

/* ---- Assignment ---------------------------------------------------------------------------------
 */

static weir_partition *new_partition(weir_engine *e, weir_view topic, int32_t number, int64_t start)
{
    weir_partition *p = weir_calloc(1, sizeof *p);
    char *name = weir_strndup(topic.ptr, topic.len);
    if (!p || !name) {
        weir_free(p);
        weir_free(name);
        return NULL;
    }
    p->topic = name;
    p->number = number;
    p->tag = e->options.tag ? e->options.tag(e->options.ctx, topic) : 0;
    p->committed = start;
    p->end_seq = UINT64_MAX;
    p->refs = 1;
    weir_frontier_init(&p->frontier, start);
    return p;
}

static weir_partition *on_assigned(void *engine, weir_view topic, int32_t number, int64_t start)
{
    weir_engine *e = engine;
    weir_partition *p = new_partition(e, topic, number, start);
    pthread_mutex_lock(&e->lock);
    if (p && e->n_partitions == e->partitions_capacity) {
        size_t capacity = e->partitions_capacity ? e->partitions_capacity * 2 : 16;
        weir_partition **grown = weir_realloc(e->partitions, capacity * sizeof(weir_partition *));
        if (grown) {
            e->partitions = grown;
            e->partitions_capacity = capacity;
        } else {
            unref_partition(p);
            p = NULL;
        }
    }
    if (p) {
        p->epoch = ++e->epochs;
        e->partitions[e->n_partitions++] = p;
    }
    pthread_mutex_unlock(&e->lock);
    if (!p) {
        fail_oom(e);
    }
    return p;
}

static bool any_open(weir_partition **partitions, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (partitions[i]->open_records) {
            return true;
        }
    }
    return false;
}

/* Waits until the partitions' records are released, or the drain bound has passed. */
static void drain(weir_engine *e, weir_partition **partitions, size_t n)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += e->options.drain_ms / 1000;
    until.tv_nsec += e->options.drain_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    bool in_time = true;
    pthread_mutex_lock(&e->lock);
    while (in_time && any_open(partitions, n)) {
        if (e->options.wait) {
            pthread_mutex_unlock(&e->lock);
            in_time = e->options.wait(e->options.ctx);
            pthread_mutex_lock(&e->lock);
        } else {
            in_time = pthread_cond_timedwait(&e->settled, &e->lock, &until) == 0;
        }
    }
    pthread_mutex_unlock(&e->lock);
}

static void detach(weir_engine *e, weir_partition *p)
{
    for (size_t i = 0; i < e->n_partitions; i++) {
        if (e->partitions[i] == p) {
            e->partitions[i] = e->partitions[--e->n_partitions];
            break;
        }
    }
    unref_partition(p);
}

static weir_status commit_some(
    weir_engine *e, weir_partition **partitions, size_t n, bool wait, weir_error *err);

static void on_revoked(void *engine, weir_partition **partitions, size_t n, bool lost)
{
    weir_engine *e = engine;
    hand_out(e);
    for (size_t i = 0; i < n; i++) {
        atomic_store(&partitions[i]->revoked, true);
    }
    for (unsigned lane = 0; lane < e->options.lanes; lane++) {
        weir_engine_wake(e, lane); /* what was not started is dropped */
    }
    drain(e, partitions, n);
    weir_error err = {.status = WEIR_OK};
    if (!lost && e->options.group && commit_some(e, partitions, n, true, &err)) {
        weir_log_error(e->options.log, WEIR_LOG_WARN, e->options.name, &err,
            "the last commit of %zu revoked partitions failed; their records may be handled again",
            n);
    }
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        detach(e, partitions[i]);
    }
    pthread_mutex_unlock(&e->lock);
}

/* Everything below the end was delivered, or is not there: transactions leave markers, compaction
 * gaps. */
static void on_end(void *engine, weir_partition *p, int64_t offset)
{
    weir_engine *e = engine;
    hand_out(e);
    pthread_mutex_lock(&e->lock);
    e->waiting.status = WEIR_OK;
    if (!weir_frontier_open(&p->frontier) && p->frontier.next < offset) {
        p->frontier.next = offset;
    }
    if (p->end_seq == UINT64_MAX) {
        p->end_seq = p->frontier.tail;
    }
    if (!p->open_records) {
        p->released_head = p->frontier.head;
    }
    pthread_mutex_unlock(&e->lock);
}

static void on_committed(void *engine, const char *topic, int32_t number, int64_t next)
{
    weir_engine *e = engine;
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->n_partitions; i++) {
        weir_partition *p = e->partitions[i];
        if (p->number == number && strcmp(p->topic, topic) == 0 && next > p->committed) {
            p->committed = next;
        }
    }
    pthread_mutex_unlock(&e->lock);
}

static void on_error(void *engine, const weir_error *err)
{
    weir_engine *e = engine;
    if (err->status == WEIR_HOLD) {
        pthread_mutex_lock(&e->lock);
        e->waiting = *err;
        e->waiting_ms = e->now_ms;
        pthread_mutex_unlock(&e->lock);
        weir_log_error(e->options.log, WEIR_LOG_WARN, e->options.name, err, "waiting");
    } else {
        weir_engine_fail(e, err);
    }
}

const weir_source_events weir_engine_events = {
    .assigned = on_assigned,
    .revoked = on_revoked,
    .record = on_record,
    .end = on_end,
    .committed = on_committed,
    .error = on_error,
};

/* ---- Polling and committing
 * ----------------------------------------------------------------------- */

weir_status weir_engine_poll(weir_engine *e, int64_t now_ms, int timeout_ms)
{
    weir_error err = {.status = WEIR_OK};
    e->now_ms = now_ms;
    weir_status s =
        e->source.ops->poll(e->source.self, &weir_engine_events, e, POLL_RECORDS, timeout_ms, &err);
    hand_out(e);
    if (s) {
        weir_engine_fail(e, &err);
    }
    if (weir_engine_failure(e, NULL)) {
        return WEIR_FATAL;
    }
    if (e->options.group && now_ms >= e->next_commit_ms) {
        e->next_commit_ms = now_ms + e->options.commit_interval_ms;
        if (weir_engine_commit(e, false, &err)) {
            weir_log_error(e->options.log, WEIR_LOG_WARN, e->options.name, &err,
                "a commit failed; it is tried again");
        }
    }
    return WEIR_OK;
}

static weir_status commit_some(
    weir_engine *e, weir_partition **partitions, size_t n, bool wait, weir_error *err)
{
    weir_offset *offsets = weir_alloc(n * sizeof *offsets);
    size_t moved = 0;
    if (!offsets) {
        return weir_fail_oom(err);
    }
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        weir_partition *p = partitions[i];
        if (p->frontier.next > p->committed) {
            offsets[moved++] = (weir_offset){p->topic, p->number, p->frontier.next};
        }
    }
    pthread_mutex_unlock(&e->lock);
    weir_status s = WEIR_OK;
    if (moved) {
        s = e->source.ops->commit(e->source.self, offsets, moved, wait, err);
    }
    for (size_t i = 0; i < moved && wait && !s; i++) {
        on_committed(e, offsets[i].topic, offsets[i].number, offsets[i].next);
    }
    weir_free(offsets);
    return s;
}

weir_status weir_engine_commit(weir_engine *e, bool wait, weir_error *err)
{
    /* Assignments change on this thread only, so the list needs no copy. */
    return commit_some(e, e->partitions, e->n_partitions, wait, err);
}

void weir_engine_stop_taking(weir_engine *e)
{
    pthread_mutex_lock(&e->lock);
    e->stopping = true;
    pthread_mutex_unlock(&e->lock);
    e->source.ops->wake(e->source.self);
}

bool weir_engine_idle(weir_engine *e)
{
    pthread_mutex_lock(&e->lock);
    bool idle = e->open_records == 0;
    pthread_mutex_unlock(&e->lock);
    return idle;
}

/* ---- Lanes' queues
 * -------------------------------------------------------------------------------- */

static struct timespec in_ms(int64_t ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

weir_chunk *weir_engine_next(weir_engine *e, unsigned lane, int64_t wait_ms)
{
    weir_lane_queue *q = &e->queues[lane];
    pthread_mutex_lock(&q->lock);
    if (!q->first && !q->woken && wait_ms > 0) {
        struct timespec until = in_ms(wait_ms);
        while (
            !q->first && !q->woken && pthread_cond_timedwait(&q->filled, &q->lock, &until) == 0) {
        }
    }
    weir_chunk *c = q->first;
    q->woken = false;
    if (c) {
        q->first = c->next;
        q->last = q->first ? q->last : NULL;
        c->next = NULL;
    }
    pthread_mutex_unlock(&q->lock);
    return c;
}

void weir_engine_wake(weir_engine *e, unsigned lane)
{
    weir_lane_queue *q = &e->queues[lane];
    pthread_mutex_lock(&q->lock);
    q->woken = true;
    pthread_cond_signal(&q->filled);
    pthread_mutex_unlock(&q->lock);
}

/* ---- Settling
 * ------------------------------------------------------------------------------------- */

void weir_engine_mark(weir_engine *e, weir_record *const *records, size_t n)
{
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        weir_frontier_settle(&records[i]->partition->frontier, records[i]->seq);
    }
    e->settled_total += n;
    pthread_mutex_unlock(&e->lock);
}

static void free_with_chunk(weir_record *r)
{
    weir_chunk *c = r->chunk;
    if (atomic_fetch_sub(&c->unreleased, 1) == 1) {
        weir_free(c);
    }
}

void weir_engine_release(weir_engine *e, weir_record *const *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        e->source.ops->release(e->source.self, records[i]->message);
    }
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        weir_partition *p = records[i]->partition;
        p->open_records--;
        p->open_bytes -= records[i]->bytes;
        p->released_head = p->frontier.head;
        e->open_records--;
        e->open_bytes -= records[i]->bytes;
        unref_partition(p);
    }
    bool wake = e->starved || (e->stopping && !e->open_records);
    e->starved = false;
    pthread_cond_broadcast(&e->settled);
    pthread_mutex_unlock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        free_with_chunk(records[i]);
    }
    if (wake) {
        e->source.ops->wake(e->source.self);
    }
}

void weir_engine_settle(weir_engine *e, weir_record *const *records, size_t n)
{
    weir_engine_mark(e, records, n);
    weir_engine_release(e, records, n);
}

/* ---- Looking
 * -------------------------------------------------------------------------------------- */

static bool partition_ready(const weir_partition *p)
{
    return p->end_seq != UINT64_MAX && p->released_head >= p->end_seq;
}

bool weir_engine_ready(weir_engine *e)
{
    pthread_mutex_lock(&e->lock);
    bool ready = e->n_partitions > 0;
    for (size_t i = 0; i < e->n_partitions; i++) {
        ready = ready && partition_ready(e->partitions[i]);
    }
    pthread_mutex_unlock(&e->lock);
    return ready;
}

bool weir_engine_has(weir_engine *e, uint32_t tag)
{
    bool has = false;
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->n_partitions && !has; i++) {
        has = e->partitions[i]->tag == tag;
    }
    pthread_mutex_unlock(&e->lock);
    return has;
}

size_t weir_engine_partitions(weir_engine *e, weir_partition_view *out, size_t max)
{
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->n_partitions && i < max; i++) {
        const weir_partition *p = e->partitions[i];
        out[i] = (weir_partition_view){.number = p->number,
            .end = e->source.ops->end_offset(e->source.self, p),
            .frontier = weir_frontier_next(&p->frontier),
            .committed = p->committed,
            .open_records = p->open_records,
            .ready = partition_ready(p),
            .congested = atomic_load(&p->congested) > 0};
        size_t len = strnlen(p->topic, sizeof out[i].topic - 1);
        memcpy(out[i].topic, p->topic, len);
    }
    size_t n = e->n_partitions;
    pthread_mutex_unlock(&e->lock);
    return n;
}

void weir_engine_frontiers(
    weir_engine *e, void (*fn)(void *ctx, const weir_partition *p, int64_t next), void *ctx)
{
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->n_partitions; i++) {
        if (e->partitions[i]->frontier.next >= 0) {
            fn(ctx, e->partitions[i], e->partitions[i]->frontier.next);
        }
    }
    pthread_mutex_unlock(&e->lock);
}

weir_engine_counts weir_engine_get_counts(weir_engine *e)
{
    pthread_mutex_lock(&e->lock);
    weir_engine_counts c = {e->delivered, e->settled_total, e->open_records, e->open_bytes};
    pthread_mutex_unlock(&e->lock);
    return c;
}
