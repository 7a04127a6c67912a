/* Waiting for a position. See fresh.h. */
#include "fresh.h"

#include <time.h>

#include "base/alloc.h"
#include "engine/run.h"

enum { STEP_MS = 2 };

typedef struct waiting {
    const weir_fresh_ops *ops;
    void *self;
    uint64_t position;
    int64_t *ends, *next; /* by partition; NULL: not asked for yet. Owned */
    int32_t n;
} waiting;

static bool reached_ends(const waiting *w)
{
    for (int32_t p = 0; p < w->n; p++) {
        int64_t next = w->next[p] < 0 ? 0 : w->next[p];
        if (next < w->ends[p]) {
            return false;
        }
    }
    return true;
}

static weir_status look(waiting *w, weir_fresh *out, weir_error *err)
{
    weir_status s = w->ops->look(w->self, &out->newest, w->next, w->n, err);
    if (!s) {
        out->seen |= out->newest >= w->position;
        out->passed = w->ends && reached_ends(w);
    }
    return s;
}

/* What was seen before the ends are asked for is in Kafka below them. */
static weir_status ask_ends(waiting *w, weir_fresh *out, weir_error *err)
{
    out->past = out->newest;
    weir_status s = w->ops->ask_ends(w->self, &w->ends, &w->n, err);
    if (s) {
        w->ends = NULL;
        return s;
    }
    w->next = weir_calloc((size_t)w->n, sizeof *w->next);
    return w->next ? WEIR_OK : weir_fail_oom(err);
}

static weir_status await(waiting *w, int64_t wait_ms, weir_fresh *out, weir_error *err)
{
    const struct timespec step = {0, STEP_MS * 1000000L};
    int64_t until = weir_monotonic_ms() + wait_ms;
    for (;;) {
        weir_status s = look(w, out, err);
        if (s || out->passed) {
            return s;
        }
        if (out->seen && !w->ends) {
            s = ask_ends(w, out, err);
            if (s) {
                return s;
            }
        } else if (weir_monotonic_ms() >= until) {
            return WEIR_OK;
        } else {
            nanosleep(&step, NULL);
        }
    }
}

weir_status weir_await_position(const weir_fresh_ops *ops, void *self, uint64_t position,
    int64_t wait_ms, weir_fresh *out, weir_error *err)
{
    waiting w = {.ops = ops, .self = self, .position = position};
    *out = (weir_fresh){.newest = 0};
    weir_status s = await(&w, wait_ms, out, err);
    weir_free(w.ends);
    weir_free(w.next);
    return s;
}
