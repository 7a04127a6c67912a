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
    /* One round; waits at most wait_ms, or longer while it says weir_run_alive. Anything but
     * WEIR_OK ends the thread (the engine has been failed). */
    weir_status (*work)(void *self, int64_t wait_ms);
    void (*wake)(void *self);
    /* Drops what waits, unsettled. */
    void (*abandon)(void *self);
    void *self;
} weir_background;

/* When a thread last came round, in monotonic ms; INT64_MAX: it has left, and nobody waits for it.
 */
typedef atomic_llong weir_beat;

typedef struct weir_run_lane {
    pthread_t thread;
    weir_beat beat;
} weir_run_lane;

typedef struct weir_run {
    weir_engine *engine;
    weir_background background;
    int64_t drain_ms;
    pthread_t poll, work;
    weir_run_lane *lanes;
    unsigned n_lanes;
    bool started, poll_started, work_started;
    atomic_bool stop, lanes_end, work_end, ended;
    weir_beat poll_beat, work_beat;
} weir_run;

/* background.work NULL: none. */
WEIR_MUST_USE weir_status weir_run_start(
    weir_run *r, weir_engine *e, weir_background background, int64_t drain_ms, weir_error *err);
/* Asks it to drain and end. Thread: any (not a signal handler). */
void weir_run_stop(weir_run *r);
/* Has it ended (drained, finished or failed)? */
bool weir_run_ended(const weir_run *r);
/* It has ended: tells its lanes to end, too, and waits for them at most so long. False: one of them
 * is in a handler that does not come back, so that weir_run_wait would not, either. */
bool weir_run_lanes_left(weir_run *r, int64_t within_ms);
/* Waits until it has ended, joins all threads and drops what is left. WEIR_OK, or why the engine
 * failed. */
weir_status weir_run_wait(weir_run *r, weir_error *err);
/* After it was waited for. */
void weir_run_fini(weir_run *r);

/* The calling thread waits on purpose: it holds, it does not hang. Thread: any; it says something
 * of those of a run. */
void weir_run_alive(void);

/* The thread that has not come round for the longest time. */
typedef enum weir_run_thread {
    WEIR_THREAD_POLL,
    WEIR_THREAD_LANE,
    WEIR_THREAD_WORK
} weir_run_thread;
typedef struct weir_silence {
    int64_t ms; /* 0: no thread runs */
    weir_run_thread thread;
    unsigned lane; /* of WEIR_THREAD_LANE */
} weir_silence;
/* Thread: any, from the end of weir_run_start to weir_run_fini. */
weir_silence weir_run_silence(const weir_run *r, int64_t now_ms);
/* The same beyond poll_may_ms for the thread that polls, which waits for a drain and for brokers.
 */
weir_silence weir_run_overdue(const weir_run *r, int64_t now_ms, int64_t poll_may_ms);

/* Monotonic milliseconds, the engine's `now`. */
int64_t weir_monotonic_ms(void);

#endif
