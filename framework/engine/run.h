/* The run loop: drives an engine with threads. One polls, one works each lane, and one more works
 * in the background where the processor needs it (a store's writer).
 *
 *   running --stop, or the source has ended--> draining --idle, or the bound has passed--> ended
 *   running, draining --failure--> ended: what is open is dropped unsettled
 *
 * Thread: start, stop, wait and free from one owner; the rest from any. */
#ifndef WEIR_ENGINE_RUN_H
#define WEIR_ENGINE_RUN_H

#include "engine/engine.h"

typedef struct weir_background {
    /* One round; waits at most wait_ms. Anything but WEIR_OK ends the thread (the engine has been
     * failed). */
    weir_status (*work)(void *self, int64_t wait_ms);
    void (*wake)(void *self);
    /* Drops what waits, unsettled. */
    void (*abandon)(void *self);
    void *self;
} weir_background;

typedef struct weir_run {
    weir_engine *engine;
    weir_background background;
    int64_t drain_ms;
    pthread_t poll, work, *lanes;
    unsigned n_lanes;
    bool started, poll_started, work_started;
    atomic_bool stop, lanes_end, work_end, ended;
    atomic_llong beat_ms; /* last round of the poll thread, monotonic */
} weir_run;

/* background.work NULL: none. */
WEIR_MUST_USE weir_status weir_run_start(
    weir_run *r, weir_engine *e, weir_background background, int64_t drain_ms, weir_error *err);
/* Asks it to drain and end. Thread: any (not a signal handler). */
void weir_run_stop(weir_run *r);
/* Has it ended (drained, finished or failed)? */
bool weir_run_ended(const weir_run *r);
/* Waits until it has ended, joins all threads and drops what is left. WEIR_OK, or why the engine
 * failed. */
weir_status weir_run_wait(weir_run *r, weir_error *err);

/* Monotonic milliseconds, the engine's `now`. */
int64_t weir_monotonic_ms(void);

#endif
