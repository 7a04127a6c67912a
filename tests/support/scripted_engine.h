/* One engine over a scripted source, its lanes run by the test. Include after cmocka.h. */
#ifndef WEIR_TESTS_SCRIPTED_ENGINE_H
#define WEIR_TESTS_SCRIPTED_ENGINE_H

#include "support/scripted_source.h"

typedef struct world {
    weir_engine engine;
    script script;
    script_log log;
    weir_record *taken[SCRIPT_DEEDS * 4];
    unsigned lanes[SCRIPT_DEEDS * 4]; /* that they came on */
    size_t n_taken;
    int waits; /* of a drain; how often before it gives up */
    int waited;
    void (*in_wait)(struct world *w);
} world;

static inline void take(void *self, unsigned lane, weir_chunk *chunk)
{
    world *w = self;
    for (unsigned i = 0; i < chunk->count; i++) {
        w->lanes[w->n_taken] = lane;
        w->taken[w->n_taken++] = &chunk->records[i];
    }
}

static inline int64_t step(void *self, unsigned lane, int64_t now_ms)
{
    (void)self, (void)lane, (void)now_ms;
    return INT64_MAX;
}

/* Of records that nobody has settled. */
static inline void abandon(void *self, unsigned lane)
{
    world *w = self;
    for (size_t i = 0; i < w->n_taken; i++) {
        if (w->taken[i] && w->lanes[i] == lane) {
            weir_engine_drop(&w->engine, &w->taken[i], 1);
            w->taken[i] = NULL;
        }
    }
}

static const weir_processor_ops processor_ops = {take, step, abandon};

static inline bool wait_in_drain(void *ctx)
{
    world *w = ctx;
    w->waited++;
    if (w->in_wait) {
        w->in_wait(w);
    }
    return w->waited < w->waits;
}

static inline weir_status init(world *w, weir_engine_options o)
{
    weir_error err;
    *w = (world){.waits = 5};
    o.name = "test";
    o.lanes = o.lanes ? o.lanes : 1;
    o.group = true;
    o.wait = wait_in_drain;
    o.ctx = w;
    o.log = script_log_begin(&w->log);
    return weir_engine_init(
        &w->engine, &o, script_source(&w->script), (weir_processor){&processor_ops, w}, &err);
}

static inline void begin(world *w, weir_engine_options o)
{
    assert_int_equal(init(w, o), WEIR_OK);
}

static inline void run_lanes(world *w)
{
    for (unsigned lane = 0; lane < w->engine.options.lanes; lane++) {
        for (weir_chunk *c; (c = weir_engine_next(&w->engine, lane, 0));) {
            take(w, lane, c);
        }
    }
}

static inline void poll_at(world *w, int64_t now_ms)
{
    assert_int_equal(weir_engine_poll(&w->engine, now_ms, 0), WEIR_OK);
    run_lanes(w);
}

static inline void settle(world *w, size_t i)
{
    weir_engine_settle(&w->engine, &w->taken[i], 1);
    w->taken[i] = NULL;
}

static inline void end(world *w)
{
    weir_engine_abandon(&w->engine);
    weir_engine_fini(&w->engine);
    assert_int_equal(w->script.n_released, w->script.n_messages);
    assert_int_equal(w->script.closes, 1);
    assert_int_equal(weir_alloc_live(), 0);
}

static inline void assign(world *w, int partition, int64_t start)
{
    script_add(
        &w->script, (script_deed){.kind = SCRIPT_ASSIGN, .partition = partition, .offset = start});
}

static inline void tell(world *w, script_kind kind, int partition, int64_t offset)
{
    script_add(&w->script, (script_deed){.kind = kind, .partition = partition, .offset = offset});
}

/* Partition 0 from offset 0, with n records that have no key. */
static inline void assign_and_fill(world *w, int n)
{
    assign(w, 0, 0);
    for (int i = 0; i < n; i++) {
        script_record(&w->script, 0, i, NULL);
    }
    poll_at(w, 0);
}

static inline const weir_partition *partition(const world *w, int i)
{
    return w->script.held[i];
}

static inline void expect_commit(const world *w, size_t i, int64_t next, bool wait)
{
    assert_true(i < w->script.n_commits);
    assert_int_equal(w->script.commits[i].next, next);
    assert_int_equal(w->script.commits[i].wait, wait);
}

#endif
