/* The run loop. See run.h. */
#include "engine/run.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "engine/parts.h"

/* How long a thread waits for work at most: far below the shortest limits.stuck_after, since an
 * idle thread comes round that often. */
enum { POLL_MS = 100, WORK_MS = 200, LANE_MS = 250, LOOK_US = 5000 };
/* How long a run that ends goes on trying to commit. */
enum { LAST_COMMIT_MS = 10000, COMMIT_AGAIN_MS = 100 };

int64_t weir_monotonic_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Of the calling thread, if it is one of a run's. */
static _Thread_local weir_beat *own_beat;

static void beat(weir_beat *b)
{
    atomic_store_explicit(b, weir_monotonic_ms(), memory_order_relaxed);
}

static void leave(weir_beat *b)
{
    atomic_store_explicit(b, INT64_MAX, memory_order_relaxed);
}

/* So that top, gdb and perf tell threads apart. At most 15 characters. */
static void name_thread(const char *of, int number)
{
    char name[16];
    snprintf(name, sizeof name, number < 0 ? "weir-%s" : "weir-%s-%d", of, number);
    pthread_setname_np(pthread_self(), name);
}

typedef struct lane_start {
    weir_run *run;
    unsigned lane;
} lane_start;

static void *lane_main(void *arg)
{
    lane_start start = *(lane_start *)arg;
    weir_free(arg);
    weir_run *r = start.run;
    const weir_processor *p = &r->engine->processor;
    int64_t wait_ms = LANE_MS;
    name_thread("lane", (int)start.lane);
    own_beat = &r->lanes[start.lane].beat;
    while (!atomic_load(&r->lanes_end)) {
        beat(own_beat);
        weir_chunk *c = weir_engine_next(r->engine, start.lane, wait_ms);
        if (c) {
            p->ops->take(p->self, start.lane, c);
        }
        int64_t now = weir_monotonic_ms();
        int64_t due = p->ops->step(p->self, start.lane, now);
        wait_ms = due <= now ? 0 : due - now < LANE_MS ? due - now : LANE_MS;
    }
    leave(own_beat);
    return NULL;
}

static void *work_main(void *arg)
{
    weir_run *r = arg;
    weir_status s = WEIR_OK;
    name_thread("work", -1);
    own_beat = &r->work_beat;
    while (!s && !atomic_load(&r->work_end)) {
        beat(own_beat);
        s = r->background.work(r->background.self, WORK_MS);
    }
    leave(&r->work_beat);
    return NULL;
}

/* Settled offsets that were not committed yet: committed before the membership ends. Where that
 * fails it is tried again behind a poll, for the group may be dividing its partitions anew; those
 * that it takes away meanwhile have their own last commit. */
static void last_commit(weir_run *r)
{
    weir_engine *e = r->engine;
    weir_error err = {.status = WEIR_OK};
    int64_t until = weir_monotonic_ms() + LAST_COMMIT_MS;
    while (e->options.group && weir_engine_commit(e, true, &err)) {
        beat(&r->poll_beat);
        if (weir_monotonic_ms() >= until ||
            weir_engine_poll(e, weir_monotonic_ms(), COMMIT_AGAIN_MS)) {
            weir_commit_tell_missing(e, e->partitions, e->n_partitions, &err);
            return;
        }
    }
}

/* Goes on polling while lanes finish, so that a membership lives and commits are answered. */
static void drain(weir_run *r)
{
    weir_engine *e = r->engine;
    int64_t until = weir_monotonic_ms() + r->drain_ms;
    weir_engine_stop_taking(e);
    while (!weir_engine_idle(e) && weir_monotonic_ms() < until) {
        beat(&r->poll_beat);
        if (weir_engine_poll(e, weir_monotonic_ms(), 10)) {
            return;
        }
    }
    uint64_t open = weir_engine_get_counts(e).open;
    if (open) {
        weir_log_line(e->options.log, WEIR_LOG_WARN, e->options.name,
            "the drain bound of %lld ms has passed with %llu records open; they come again",
            (long long)r->drain_ms, (unsigned long long)open);
    }
    last_commit(r);
    weir_engine_give_up(e);
}

static void *poll_main(void *arg)
{
    weir_run *r = arg;
    weir_engine *e = r->engine;
    const weir_record_source *source = &e->source;
    weir_status s = WEIR_OK;
    name_thread("poll", -1);
    own_beat = &r->poll_beat;
    while (!s && !atomic_load(&r->stop)) {
        beat(&r->poll_beat);
        s = weir_engine_poll(e, weir_monotonic_ms(), POLL_MS);
        bool finished = source->ops->finished(source->self);
        atomic_store(&e->at_end, finished);
        if (finished && weir_engine_idle(e)) {
            break;
        }
    }
    if (!s) {
        drain(r);
    }
    leave(&r->poll_beat);
    atomic_store(&r->ended, true);
    return NULL;
}

static weir_status start_failed(weir_run *r, weir_error *err)
{
    weir_error oom;
    weir_fail(&oom, WEIR_E_OUT_OF_MEMORY, "a thread cannot be started");
    weir_engine_fail(r->engine, &oom);
    weir_run_stop(r);
    weir_run_wait(r, NULL);
    return weir_fail(err, WEIR_E_OUT_OF_MEMORY, "a thread cannot be started");
}

static bool start_lane(weir_run *r)
{
    lane_start *start = weir_alloc(sizeof *start);
    if (!start) {
        return false;
    }
    *start = (lane_start){r, r->n_lanes};
    weir_run_lane *lane = &r->lanes[r->n_lanes];
    beat(&lane->beat);
    if (pthread_create(&lane->thread, NULL, lane_main, start)) {
        weir_free(start);
        return false;
    }
    r->n_lanes++;
    return true;
}

weir_status weir_run_start(
    weir_run *r, weir_engine *e, weir_background background, int64_t drain_ms, weir_error *err)
{
    *r = (weir_run){.engine = e, .background = background, .drain_ms = drain_ms, .started = true};
    leave(&r->work_beat);
    leave(&r->poll_beat);
    r->lanes = weir_calloc(e->options.lanes, sizeof *r->lanes);
    if (!r->lanes) {
        return start_failed(r, err);
    }
    while (r->n_lanes < e->options.lanes) {
        if (!start_lane(r)) {
            return start_failed(r, err);
        }
    }
    if (background.work) {
        beat(&r->work_beat);
        r->work_started = pthread_create(&r->work, NULL, work_main, r) == 0;
        if (!r->work_started) {
            return start_failed(r, err);
        }
    }
    beat(&r->poll_beat);
    r->poll_started = pthread_create(&r->poll, NULL, poll_main, r) == 0;
    return r->poll_started ? WEIR_OK : start_failed(r, err);
}

void weir_run_stop(weir_run *r)
{
    atomic_store(&r->stop, true);
    r->engine->source.ops->wake(r->engine->source.self);
}

bool weir_run_ended(const weir_run *r)
{
    return atomic_load(&r->ended);
}

static void end_lanes(weir_run *r)
{
    atomic_store(&r->lanes_end, true);
    for (unsigned i = 0; i < r->n_lanes; i++) {
        weir_engine_wake(r->engine, i);
    }
}

bool weir_run_lanes_left(weir_run *r, int64_t within_ms)
{
    int64_t until_ms = weir_monotonic_ms() + within_ms;
    end_lanes(r);
    for (unsigned i = 0; i < r->n_lanes;) {
        if (atomic_load(&r->lanes[i].beat) == INT64_MAX) {
            i++;
        } else if (weir_monotonic_ms() >= until_ms) {
            return false;
        } else {
            usleep(LOOK_US);
        }
    }
    return true;
}

weir_status weir_run_wait(weir_run *r, weir_error *err)
{
    weir_engine *e = r->engine;
    if (!r->started) {
        return WEIR_OK;
    }
    if (r->poll_started) {
        pthread_join(r->poll, NULL);
    }
    end_lanes(r);
    for (unsigned i = 0; i < r->n_lanes; i++) {
        pthread_join(r->lanes[i].thread, NULL);
    }
    weir_engine_abandon(e);
    atomic_store(&r->work_end, true);
    if (r->work_started) {
        r->background.wake(r->background.self);
        pthread_join(r->work, NULL);
    }
    if (r->background.abandon) {
        r->background.abandon(r->background.self);
    }
    r->started = false;
    weir_error why;
    if (weir_engine_failure(e, &why)) {
        if (err) {
            *err = why;
        }
        return why.status;
    }
    return WEIR_OK;
}

void weir_run_fini(weir_run *r)
{
    weir_free(r->lanes);
    r->lanes = NULL;
    r->n_lanes = 0;
}

/* ---- Watching -----------------------------------------------------------------------------------
 */

void weir_run_alive(void)
{
    if (own_beat) {
        beat(own_beat);
    }
}

static void consider(weir_silence *longest, const weir_beat *b, weir_silence of, int64_t now_ms)
{
    int64_t last = atomic_load_explicit(b, memory_order_relaxed);
    of.ms = last < now_ms ? now_ms - last : 0;
    if (of.ms > longest->ms) {
        *longest = of;
    }
}

weir_silence weir_run_silence(const weir_run *r, int64_t now_ms)
{
    return weir_run_overdue(r, now_ms, 0);
}

weir_silence weir_run_overdue(const weir_run *r, int64_t now_ms, int64_t poll_may_ms)
{
    weir_silence longest = {.ms = 0}, poll = {.thread = WEIR_THREAD_POLL};
    consider(&longest, &r->poll_beat, poll, now_ms - poll_may_ms);
    consider(&longest, &r->work_beat, (weir_silence){.thread = WEIR_THREAD_WORK}, now_ms);
    for (unsigned i = 0; i < r->n_lanes; i++) {
        weir_silence lane = {.thread = WEIR_THREAD_LANE, .lane = i};
        consider(&longest, &r->lanes[i].beat, lane, now_ms);
    }
    return longest;
}
