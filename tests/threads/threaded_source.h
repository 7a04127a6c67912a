/* A source in memory for an engine that runs with threads: records are made from their offsets, as
 * many as a test allows; a group of one member that can be rebalanced at any time. Include after
 * cmocka.h.
 *
 * Thread: poll and commit on the poll thread; the rest on any. */
#ifndef WEIR_TESTS_THREADED_SOURCE_H
#define WEIR_TESTS_THREADED_SOURCE_H

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "engine/run.h"

enum { PARTITIONS = 3, KEYS = 13 };

typedef struct threaded_message {
    char key[32], value[256];
} threaded_message;

typedef struct threaded_source {
    const char *topic;
    void (*fill)(threaded_message *m, int partition, int64_t offset);
    atomic_llong produced[PARTITIONS]; /* records that are there */
    atomic_bool rebalance;             /* to be done by the next poll */
    atomic_bool ends;                  /* no more records will come */
    atomic_llong released, delivered;
    atomic_uint rebalances;

    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool woken;

    /* Poll thread. */
    bool assigned;
    struct {
        weir_partition *partition;
        int64_t next, committed, answer; /* answer: of a commit, to be told; -1: none */
        bool end_told;
    } parts[PARTITIONS];
} threaded_source;

static inline void threaded_wake(void *self)
{
    threaded_source *s = self;
    pthread_mutex_lock(&s->lock);
    s->woken = true;
    pthread_cond_signal(&s->cond);
    pthread_mutex_unlock(&s->lock);
}

static inline void threaded_produce(threaded_source *s, int partition, int64_t n)
{
    atomic_fetch_add(&s->produced[partition], n);
    threaded_wake(s);
}

static inline void threaded_rebalance(
    threaded_source *s, const weir_source_events *events, void *engine)
{
    weir_partition *gone[PARTITIONS];
    for (int i = 0; i < PARTITIONS; i++) {
        gone[i] = s->parts[i].partition;
    }
    if (s->assigned) {
        events->revoked(engine, gone, PARTITIONS, false);
        atomic_fetch_add(&s->rebalances, 1);
    }
    s->assigned = true;
    for (int i = 0; i < PARTITIONS; i++) {
        s->parts[i].partition =
            events->assigned(engine, weir_view_of(s->topic), i, s->parts[i].committed);
        s->parts[i].next = s->parts[i].committed;
        s->parts[i].answer = -1;
        s->parts[i].end_told = false;
    }
}

static inline unsigned threaded_serve(
    threaded_source *s, int i, const weir_source_events *events, void *engine, unsigned max)
{
    weir_partition *p = s->parts[i].partition;
    unsigned room = weir_partition_room(engine, p), n = 0;
    int64_t produced = atomic_load(&s->produced[i]);
    for (; n < room && n < max && s->parts[i].next < produced; n++) {
        threaded_message *m = malloc(sizeof *m);
        int64_t offset = s->parts[i].next++;
        s->fill(m, i, offset);
        weir_raw_record raw = {.topic = weir_view_of(s->topic),
            .key = weir_view_of(m->key),
            .value = weir_view_of(m->value),
            .partition = i,
            .offset = offset};
        atomic_fetch_add(&s->delivered, 1);
        events->record(engine, p, &raw, m);
    }
    if (n < room && s->parts[i].next == produced && !s->parts[i].end_told) {
        s->parts[i].end_told = true;
        events->end(engine, p, produced);
    }
    return n;
}

static inline void threaded_wait(threaded_source *s, int timeout_ms)
{
    struct timespec until = weir_in_ms(timeout_ms);
    pthread_mutex_lock(&s->lock);
    while (!s->woken && pthread_cond_timedwait(&s->cond, &s->lock, &until) == 0) {
    }
    s->woken = false;
    pthread_mutex_unlock(&s->lock);
}

static inline weir_status threaded_poll(void *self, const weir_source_events *events, void *engine,
    unsigned max_records, int timeout_ms, weir_error *err)
{
    threaded_source *s = self;
    unsigned n = 0;
    (void)err;
    if (!s->assigned || atomic_exchange(&s->rebalance, false)) {
        threaded_rebalance(s, events, engine);
    }
    for (int i = 0; i < PARTITIONS; i++) {
        if (s->parts[i].answer >= 0) {
            events->committed(engine, s->topic, i, s->parts[i].answer);
            s->parts[i].answer = -1;
        }
        n += threaded_serve(s, i, events, engine, max_records - n);
    }
    if (!n) {
        threaded_wait(s, timeout_ms);
    }
    return WEIR_OK;
}

static inline weir_status threaded_commit(
    void *self, const weir_offset *offsets, size_t n, bool wait, weir_error *err)
{
    threaded_source *s = self;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        int p = offsets[i].number;
        assert_true(offsets[i].next >= s->parts[p].committed);
        s->parts[p].committed = offsets[i].next;
        s->parts[p].answer = wait ? -1 : offsets[i].next;
    }
    return WEIR_OK;
}

static inline void threaded_release(void *self, void *message)
{
    threaded_source *s = self;
    free(message);
    atomic_fetch_add(&s->released, 1);
}

static inline int64_t threaded_end_offset(void *self, const weir_partition *p)
{
    threaded_source *s = self;
    return atomic_load(&s->produced[p->number]);
}

static inline bool threaded_finished(void *self)
{
    threaded_source *s = self;
    bool all = atomic_load(&s->ends) && s->assigned;
    for (int i = 0; i < PARTITIONS; i++) {
        all = all && s->parts[i].next == atomic_load(&s->produced[i]);
    }
    return all;
}

static inline void threaded_close(void *self)
{
    (void)self;
}

static inline weir_record_source threaded_source_open(
    threaded_source *s, const char *topic, void (*fill)(threaded_message *, int, int64_t))
{
    static const weir_source_ops ops = {
        .type = "threaded",
        .poll = threaded_poll,
        .commit = threaded_commit,
        .release = threaded_release,
        .wake = threaded_wake,
        .end_offset = threaded_end_offset,
        .finished = threaded_finished,
        .close = threaded_close,
    };
    memset(s, 0, sizeof *s);
    s->topic = topic;
    s->fill = fill;
    pthread_mutex_init(&s->lock, NULL);
    weir_cond_init(&s->cond);
    return (weir_record_source){&ops, s};
}

static inline void threaded_source_close(threaded_source *s)
{
    assert_int_equal(atomic_load(&s->released), atomic_load(&s->delivered));
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->cond);
}

#endif
