/* Assignment: what the source says of partitions. See engine.h. */
#include "base/alloc.h"
#include "base/clock.h"
#include "engine/parts.h"

enum { SAME_TROUBLE_MS = 10000 }; /* how often it is logged while it lasts */

/* ---- Coming -------------------------------------------------------------------------------------
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
    p->delivered_next = start;
    p->gap = -1;
    p->committed = start;
    p->open_next = -1;
    p->end_seq = p->end_tail = UINT64_MAX;
    p->refs = 1;
    weir_frontier_init(&p->frontier, start);
    return p;
}

/* Lock: `lock`. */
static bool attach(weir_engine *e, weir_partition *p)
{
    if (e->n_partitions == e->partitions_capacity) {
        size_t capacity = e->partitions_capacity ? e->partitions_capacity * 2 : 16;
        weir_partition **grown = weir_realloc(e->partitions, capacity * sizeof(weir_partition *));
        if (!grown) {
            return false;
        }
        e->partitions = grown;
        e->partitions_capacity = capacity;
    }
    p->epoch = ++e->epochs;
    e->partitions[e->n_partitions++] = p;
    return true;
}

static weir_partition *on_assigned(void *engine, weir_view topic, int32_t number, int64_t start)
{
    weir_engine *e = engine;
    weir_partition *p = new_partition(e, topic, number, start);
    pthread_mutex_lock(&e->lock);
    if (p && !attach(e, p)) {
        weir_partition_unref(p);
        p = NULL;
    }
    pthread_mutex_unlock(&e->lock);
    if (!p) {
        weir_engine_fail_oom(e);
    }
    return p;
}

static void on_resume(void *engine, weir_partition *p, weir_view metadata)
{
    weir_engine *e = engine;
    if (e->options.resume && !weir_resume_get(&p->known, p->frontier.next, metadata)) {
        weir_engine_fail_oom(e);
    }
}

/* ---- Going --------------------------------------------------------------------------------------
 */

static bool any_open(weir_partition **partitions, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (partitions[i]->open_records) {
            return true;
        }
    }
    return false;
}

/* Waits until the partitions' records are released, the drain bound has passed, or the engine has
 * failed. */
static void drain(weir_engine *e, weir_partition **partitions, size_t n)
{
    struct timespec until = weir_in_ms(e->options.drain_ms);
    bool in_time = true;
    pthread_mutex_lock(&e->lock);
    while (in_time && !e->failure.status && any_open(partitions, n)) {
        if (e->options.wait) {
            pthread_mutex_unlock(&e->lock);
            in_time = e->options.wait(e->options.ctx);
            pthread_mutex_lock(&e->lock);
        } else {
            in_time = pthread_cond_timedwait(&e->settled, &e->lock, &until) == 0;
        }
    }
    size_t open = 0;
    for (size_t i = 0; i < n; i++) {
        open += partitions[i]->open_records;
    }
    pthread_mutex_unlock(&e->lock);
    if (open && !weir_engine_failed(e)) {
        weir_log_line(e->options.log, WEIR_LOG_WARN, e->options.name,
            "the drain bound has passed with %zu records of revoked partitions open; they come "
            "again",
            open);
    }
}

static void detach(weir_engine *e, weir_partition *p)
{
    for (size_t i = 0; i < e->n_partitions; i++) {
        if (e->partitions[i] == p) {
            e->partitions[i] = e->partitions[--e->n_partitions];
            break;
        }
    }
    weir_partition_unref(p);
}

static void let_go_in_order(weir_engine *e, weir_partition **partitions, size_t n)
{
    weir_error err = {.status = WEIR_OK};
    drain(e, partitions, n);
    if (e->options.group && weir_commit_some(e, partitions, n, true, &err)) {
        weir_commit_tell_missing(e, partitions, n, &err);
    }
}

/* Nothing can be committed any more. */
static void let_go_at_once(weir_engine *e, weir_partition **partitions, size_t n)
{
    weir_error err;
    weir_fail(&err, WEIR_E_KAFKA_NOT_MEMBER, "the group has given them away");
    if (e->options.group) {
        weir_commit_tell_missing(e, partitions, n, &err);
    }
}

/* Lanes drop what they have not begun. */
static void end_assignment(weir_engine *e, weir_partition **partitions, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        atomic_store(&partitions[i]->revoked, true);
    }
    atomic_fetch_add(&e->revocations, 1);
    for (unsigned lane = 0; lane < e->options.lanes; lane++) {
        weir_engine_wake(e, lane);
    }
}

void weir_engine_give_up(weir_engine *e)
{
    end_assignment(e, e->partitions, e->n_partitions);
}

static void on_revoked(void *engine, weir_partition **partitions, size_t n, bool lost)
{
    weir_engine *e = engine;
    weir_intake_flush(e);
    end_assignment(e, partitions, n);
    if (lost) {
        let_go_at_once(e, partitions, n);
    } else {
        let_go_in_order(e, partitions, n);
    }
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        atomic_store(&partitions[i]->gone, true);
        detach(e, partitions[i]);
    }
    pthread_mutex_unlock(&e->lock);
}

/* ---- On the way ---------------------------------------------------------------------------------
 */

static void on_end(void *engine, weir_partition *p, int64_t offset)
{
    weir_engine *e = engine;
    weir_intake_flush(e);
    if (e->refusing) {
        return; /* not everything below it was taken */
    }
    pthread_mutex_lock(&e->lock);
    e->waiting.status = WEIR_OK;
    weir_frontier_reach(&p->frontier, offset);
    p->end_tail = p->frontier.tail;
    if (p->end_seq == UINT64_MAX) {
        p->end_seq = p->end_tail;
    }
    if (!p->open_records) {
        p->released_head = p->frontier.head;
    }
    pthread_mutex_unlock(&e->lock);
}

/* A broker that is away says so many times a second. */
static bool worth_logging(weir_engine *e, const weir_error *err)
{
    if (strcmp(err->code, e->logged_code) == 0 && e->now_ms - e->logged_ms < SAME_TROUBLE_MS) {
        return false;
    }
    memcpy(e->logged_code, err->code, sizeof e->logged_code);
    e->logged_ms = e->now_ms;
    return true;
}

static void on_error(void *engine, const weir_error *err)
{
    weir_engine *e = engine;
    if (err->status != WEIR_HOLD) {
        weir_engine_fail(e, err);
        return;
    }
    pthread_mutex_lock(&e->lock);
    e->waiting = *err;
    e->waiting_ms = e->now_ms;
    pthread_mutex_unlock(&e->lock);
    if (worth_logging(e, err)) {
        weir_log_error(e->options.log, WEIR_LOG_WARN, e->options.name, err, "waiting");
    }
}

const weir_source_events weir_engine_events = {
    .assigned = on_assigned,
    .resume = on_resume,
    .revoked = on_revoked,
    .record = weir_intake_record,
    .end = on_end,
    .committed = weir_commit_answered,
    .error = on_error,
};
