/* The engine: its life, lanes' queues, polling and settling. See engine.h; what the source says is
 * in intake.c and assignment.c, what others look at in figures.c. */
#include "engine/engine.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "engine/parts.h"

enum {
    POLL_RECORDS = 4096,
    DEFAULT_PARTITION_RECORDS = 20000,
    DEFAULT_AHEAD_RECORDS = 1000000,
    DEFAULT_IN_FLIGHT_BYTES = 256 << 20,
    DEFAULT_COMMIT_MS = 1000,
    PART_WORTH_A_ROUND = 32, /* of in_flight */
};

/* ---- Life ---------------------------------------------------------------------------------------
 */

static void fill_in_defaults(weir_engine_options *o)
{
    o->partition_records = o->partition_records ? o->partition_records : DEFAULT_PARTITION_RECORDS;
    o->ahead_records = o->ahead_records ? o->ahead_records : DEFAULT_AHEAD_RECORDS;
    o->in_flight_bytes = o->in_flight_bytes ? o->in_flight_bytes : DEFAULT_IN_FLIGHT_BYTES;
    o->commit_interval_ms = o->commit_interval_ms ? o->commit_interval_ms : DEFAULT_COMMIT_MS;
}

static void init_locks(weir_engine *e)
{
    pthread_mutex_init(&e->lock, NULL);
    weir_cond_init(&e->settled);
    for (unsigned i = 0; i < e->options.lanes; i++) {
        pthread_mutex_init(&e->queues[i].lock, NULL);
        weir_cond_init(&e->queues[i].filled);
    }
}

weir_status weir_engine_init(weir_engine *e, const weir_engine_options *options,
    weir_record_source source, weir_processor processor, weir_error *err)
{
    assert(options->lanes > 0);
    *e = (weir_engine){.options = *options, .source = source, .processor = processor};
    fill_in_defaults(&e->options);
    e->queues = weir_calloc(options->lanes, sizeof *e->queues);
    e->filling = weir_calloc(options->lanes, sizeof(weir_chunk *));
    if (!e->queues || !e->filling) {
        weir_free(e->queues);
        weir_free(e->filling);
        *e = (weir_engine){.n_partitions = 0};
        return weir_fail_oom(err);
    }
    init_locks(e);
    return WEIR_OK;
}

void weir_partition_unref(weir_partition *p)
{
    assert(p->refs > 0);
    if (--p->refs == 0) {
        weir_frontier_fini(&p->frontier);
        weir_resume_fini(&p->known);
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
        /* A handler's user still has them: their memory, the partitions and the source are left
         * alone. */
        weir_log_line(e->options.log, WEIR_LOG_ERROR, e->options.name,
            "%zu records were never settled by their handlers", e->open_records);
        return;
    }
    for (size_t i = 0; i < e->n_partitions; i++) {
        weir_partition_unref(e->partitions[i]);
    }
    e->source.ops->close(e->source.self);
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
        atomic_store(&e->failed, true);
        pthread_cond_broadcast(&e->settled); /* a drain need not go on */
    }
    pthread_mutex_unlock(&e->lock);
    if (first) {
        weir_log_error(e->options.log, WEIR_LOG_ERROR, e->options.name, err, "stopping");
        e->source.ops->wake(e->source.self);
    }
}

void weir_engine_fail_oom(weir_engine *e)
{
    weir_error err;
    weir_fail_oom(&err);
    weir_engine_fail(e, &err);
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

/* ---- Polling ------------------------------------------------------------------------------------
 */

static void commit_in_passing(weir_engine *e)
{
    weir_error err = {.status = WEIR_OK};
    bool failed = weir_engine_commit(e, false, &err) != WEIR_OK;
    if (failed && !e->commits_fail) {
        weir_log_error(e->options.log, WEIR_LOG_WARN, e->options.name, &err,
            "a commit failed; it is tried again");
    }
    e->commits_fail = failed;
}

weir_status weir_engine_poll(weir_engine *e, int64_t now_ms, int timeout_ms)
{
    weir_error err = {.status = WEIR_OK};
    e->now_ms = now_ms;
    weir_status s =
        e->source.ops->poll(e->source.self, &weir_engine_events, e, POLL_RECORDS, timeout_ms, &err);
    weir_intake_flush(e);
    if (s) {
        weir_engine_fail(e, &err);
    }
    if (weir_engine_failed(e)) {
        return WEIR_FATAL;
    }
    if (e->options.group && (now_ms >= e->next_commit_ms || atomic_load(&e->commit_soon))) {
        atomic_store(&e->commit_soon, false);
        e->next_commit_ms = now_ms + e->options.commit_interval_ms;
        commit_in_passing(e);
    }
    return WEIR_OK;
}

void weir_engine_stop_taking(weir_engine *e)
{
    pthread_mutex_lock(&e->lock);
    e->stopping = true;
    pthread_mutex_unlock(&e->lock);
    e->source.ops->wake(e->source.self);
}

bool weir_engine_at_end(const weir_engine *e)
{
    return atomic_load(&e->at_end);
}

bool weir_engine_stopping(weir_engine *e)
{
    pthread_mutex_lock(&e->lock);
    bool stopping = e->stopping;
    pthread_mutex_unlock(&e->lock);
    return stopping;
}

bool weir_engine_idle(weir_engine *e)
{
    pthread_mutex_lock(&e->lock);
    bool idle = e->open_records == 0;
    pthread_mutex_unlock(&e->lock);
    return idle;
}

/* ---- Lanes' queues ------------------------------------------------------------------------------
 */

/* The source has said that a partition had no room, and waits to be told that it has. */
static void wake_starved(weir_engine *e)
{
    pthread_mutex_lock(&e->lock);
    bool wake = e->starved;
    e->starved = false;
    pthread_mutex_unlock(&e->lock);
    if (wake) {
        e->source.ops->wake(e->source.self);
    }
}

/* True: the lane begins to have nothing to do. Lock: the queue's. */
static bool note_idle(weir_engine *e, weir_lane_queue *q, bool idle)
{
    bool begins = idle && !q->idle;
    if (begins) {
        atomic_fetch_add(&e->idle_lanes, 1);
    } else if (!idle && q->idle) {
        atomic_fetch_sub(&e->idle_lanes, 1);
    }
    q->idle = idle;
    return begins;
}

weir_chunk *weir_engine_next(weir_engine *e, unsigned lane, int64_t wait_ms)
{
    weir_lane_queue *q = &e->queues[lane];
    pthread_mutex_lock(&q->lock);
    if (note_idle(e, q, !q->first)) {
        pthread_mutex_unlock(&q->lock); /* chunks are pushed under the engine's lock */
        wake_starved(e);
        pthread_mutex_lock(&q->lock);
    }
    if (!q->first && !q->woken && wait_ms > 0) {
        struct timespec until = weir_in_ms(wait_ms);
        while (
            !q->first && !q->woken && pthread_cond_timedwait(&q->filled, &q->lock, &until) == 0) {
        }
    }
    weir_chunk *c = q->first;
    q->woken = false; /* whoever woke the lane is heard by the step behind this chunk */
    if (c) {
        (void)note_idle(e, q, false);
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

static void drop_queue(weir_engine *e, unsigned lane)
{
    for (weir_chunk *c = weir_engine_next(e, lane, 0); c; c = weir_engine_next(e, lane, 0)) {
        unsigned n = c->count; /* the chunk goes with its last record */
        for (unsigned i = 0; i < n; i++) {
            weir_record *record = &c->records[i];
            weir_engine_drop(e, &record, 1);
        }
    }
}

void weir_engine_abandon(weir_engine *e)
{
    for (unsigned i = 0; i < e->options.lanes; i++) {
        drop_queue(e, i);
        if (e->processor.ops->abandon) {
            e->processor.ops->abandon(e->processor.self, i);
        }
    }
}

/* ---- Settling -----------------------------------------------------------------------------------
 */

void weir_engine_mark(weir_engine *e, weir_record *const *records, size_t n)
{
    bool moved = false;
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        if (records[i]->seq != WEIR_NO_SEQ) {
            moved |= weir_frontier_settle(&records[i]->partition->frontier, records[i]->seq);
            records[i]->partition->changes++;
        }
    }
    e->settled_total += n;
    bool wake = e->too_far && moved;
    e->starved &= !wake;
    e->too_far &= !wake;
    pthread_mutex_unlock(&e->lock);
    if (wake) {
        e->source.ops->wake(e->source.self);
    }
}

bool weir_engine_note_failure(weir_engine *e, const weir_record *r, uint32_t attempts)
{
    if (!e->options.resume || r->seq == WEIR_NO_SEQ) {
        return true; /* nobody was promised anything */
    }
    weir_partition *p = r->partition;
    pthread_mutex_lock(&e->lock);
    bool noted = weir_resume_note(&p->known, &p->frontier, r->raw.offset, attempts);
    p->changes += noted;
    pthread_mutex_unlock(&e->lock);
    if (noted && !atomic_exchange(&e->commit_soon, true)) {
        e->source.ops->wake(e->source.self);
    }
    return noted;
}

static void free_with_chunk(weir_record *r)
{
    weir_chunk *c = r->chunk;
    if (atomic_fetch_sub(&c->unreleased, 1) == 1) {
        weir_free(c);
    }
}

/* While all lanes are at work, the source need not be woken for every few records. Lock: `lock`. */
static bool is_worth_a_round(const weir_engine *e)
{
    return e->starved && (atomic_load(&e->idle_lanes) > 0 || !e->open_records ||
                             e->freed_bytes >= e->options.in_flight_bytes / PART_WORTH_A_ROUND);
}

static void give_back(weir_engine *e, weir_record *r)
{
    if (r->message) {
        e->source.ops->release(e->source.self, r->message);
        r->message = NULL;
    }
}

void weir_engine_unload(weir_engine *e, weir_record *const *records, size_t n, size_t bytes)
{
    for (size_t i = 0; i < n; i++) {
        weir_record *r = records[i];
        give_back(e, r);
        r->raw.topic = weir_view_of(r->partition->topic);
        r->raw.key = r->raw.value = (weir_view){NULL, 0};
        r->raw.headers = (weir_header_list){NULL, NULL};
    }
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        weir_record *r = records[i];
        size_t share = bytes / n, now = share < UINT32_MAX ? share : UINT32_MAX;
        r->partition->open_bytes += now - r->bytes;
        e->open_bytes += now - r->bytes;
        e->freed_bytes += r->bytes > now ? r->bytes - now : 0;
        r->bytes = (uint32_t)now;
    }
    bool wake = is_worth_a_round(e);
    e->starved &= !wake;
    pthread_mutex_unlock(&e->lock);
    if (wake) {
        e->source.ops->wake(e->source.self);
    }
}

void weir_engine_release(weir_engine *e, weir_record *const *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        give_back(e, records[i]);
    }
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        weir_partition *p = records[i]->partition;
        p->open_records--;
        p->open_bytes -= records[i]->bytes;
        p->released_head = p->frontier.head;
        e->open_records--;
        e->open_bytes -= records[i]->bytes;
        e->freed_bytes += records[i]->bytes;
        weir_partition_unref(p);
    }
    bool wake = is_worth_a_round(e) || (e->stopping && !e->open_records);
    e->starved &= !wake;
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
