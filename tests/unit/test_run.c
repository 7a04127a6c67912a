/* The run loop's watch over its threads: which one stands still, and for how long. And its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <semaphore.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "engine/run.h"

enum { STILL_MS = 700 }; /* longer than any thread waits when it has nothing to do */

/* A source of one record, a processor and a background of which each can be made to hang. */
typedef struct world {
    weir_engine engine;
    weir_run run;
    atomic_int hanging; /* a weir_run_thread, or -1: none */
    atomic_int
        holding; /* a weir_run_thread that waits on purpose; the poll thread, 0, never does */
    sem_t go_on;
    bool delivered;
    bool group;
    int refuses;       /* how many commits that are waited for, before one is taken */
    int64_t committed; /* by one that was waited for */
} world;

static void maybe_hang(world *w, weir_run_thread thread)
{
    if (atomic_load(&w->hanging) == (int)thread) {
        sem_wait(&w->go_on);
    }
}

/* ---- The parts ----------------------------------------------------------------------------------
 */

static weir_status poll_source(void *self, const weir_source_events *events, void *engine,
    unsigned max_records, int timeout_ms, weir_error *err)
{
    world *w = self;
    (void)max_records, (void)err;
    maybe_hang(w, WEIR_THREAD_POLL);
    if (!w->delivered) {
        weir_partition *p = events->assigned(engine, weir_view_of("t"), 0, 0);
        weir_raw_record raw = {.topic = weir_view_of("t"), .offset = 0};
        events->record(engine, p, &raw, NULL);
        w->delivered = true;
    }
    usleep((unsigned)timeout_ms * 1000);
    return WEIR_OK;
}

static weir_status commit(
    void *self, const weir_offset *offsets, size_t n, bool wait, weir_error *err)
{
    world *w = self;
    assert_int_equal(n, 1);
    if (!wait) {
        return WEIR_OK; /* and no answer comes */
    }
    if (w->refuses-- > 0) {
        return weir_fail(err, WEIR_E_KAFKA_NOT_MEMBER, "refused");
    }
    w->committed = offsets[0].next;
    return WEIR_OK;
}

static void release(void *self, void *message)
{
    (void)self, (void)message;
}

static void nothing(void *self)
{
    (void)self;
}

static int64_t end_offset(void *self, const weir_partition *p)
{
    (void)self, (void)p;
    return -1;
}

static bool finished(void *self)
{
    (void)self;
    return false;
}

static const weir_source_ops source_ops = {
    .type = "test",
    .poll = poll_source,
    .commit = commit,
    .release = release,
    .wake = nothing,
    .end_offset = end_offset,
    .finished = finished,
    .close = nothing,
};

/* Waits on purpose, and says so. */
static void hold(world *w, weir_run_thread thread)
{
    while (atomic_load(&w->holding) == (int)thread) {
        weir_run_alive();
        usleep(10000);
    }
}

static void take(void *self, unsigned lane, weir_chunk *chunk)
{
    world *w = self;
    (void)lane;
    maybe_hang(w, WEIR_THREAD_LANE);
    hold(w, WEIR_THREAD_LANE);
    weir_record *r = &chunk->records[0];
    weir_engine_settle(&w->engine, &r, 1);
}

static int64_t step(void *self, unsigned lane, int64_t now_ms)
{
    (void)self, (void)lane;
    return now_ms + 50; /* so that an idle lane comes round often */
}

static const weir_processor_ops processor_ops = {.take = take, .step = step};

static weir_status work(void *self, int64_t wait_ms)
{
    world *w = self;
    maybe_hang(w, WEIR_THREAD_WORK);
    hold(w, WEIR_THREAD_WORK);
    usleep((unsigned)wait_ms * 1000);
    return WEIR_OK;
}

/* ---- The tests ----------------------------------------------------------------------------------
 */

static void begin(world *w, int hanging)
{
    weir_engine_options options = {
        .name = "test", .lanes = 2, .in_flight_bytes = 1 << 20, .group = w->group};
    weir_error err;
    atomic_init(&w->hanging, hanging);
    sem_init(&w->go_on, 0, 0);
    assert_int_equal(weir_engine_init(&w->engine, &options, (weir_record_source){&source_ops, w},
                         (weir_processor){&processor_ops, w}, &err),
        WEIR_OK);
    weir_background background = {.work = work, .wake = nothing, .self = w};
    assert_int_equal(weir_run_start(&w->run, &w->engine, background, 1000, &err), WEIR_OK);
}

static void end(world *w)
{
    weir_error err;
    atomic_store(&w->holding, -1);
    atomic_store(&w->hanging, -1);
    sem_post(&w->go_on);
    weir_run_stop(&w->run);
    assert_int_equal(weir_run_wait(&w->run, &err), WEIR_OK);
    assert_int_equal(weir_run_silence(&w->run, weir_monotonic_ms() + 1000000).ms, 0);
    weir_run_fini(&w->run);
    weir_engine_fini(&w->engine);
    sem_destroy(&w->go_on);
    assert_int_equal(weir_alloc_live(), 0);
}

static void expect_still(weir_run_thread thread)
{
    world w = {.delivered = false};
    begin(&w, (int)thread);
    int64_t until = weir_monotonic_ms() + 20000;
    weir_silence s = {.ms = 0};
    while (s.ms < STILL_MS && weir_monotonic_ms() < until) {
        usleep(20000);
        s = weir_run_silence(&w.run, weir_monotonic_ms());
    }
    assert_true(s.ms >= STILL_MS);
    assert_int_equal(s.thread, thread);
    int64_t may_ms = 60000;
    s = weir_run_overdue(&w.run, weir_monotonic_ms(), may_ms);
    assert_true(thread == WEIR_THREAD_POLL ? s.ms < STILL_MS : s.ms >= STILL_MS);
    s = weir_run_overdue(&w.run, weir_monotonic_ms() + may_ms, may_ms);
    assert_true(s.ms >= STILL_MS);
    end(&w);
}

static void test_poll_stands_still(void **state)
{
    (void)state;
    expect_still(WEIR_THREAD_POLL);
}

static void test_lane_stands_still(void **state)
{
    (void)state;
    expect_still(WEIR_THREAD_LANE);
}

static void test_background_stands_still(void **state)
{
    (void)state;
    expect_still(WEIR_THREAD_WORK);
}

/* Who waits on purpose is alive for as long as it says so; what it says is of itself alone. */
static void expect_alive(weir_run_thread thread)
{
    world w = {.delivered = false};
    atomic_init(&w.holding, (int)thread);
    begin(&w, -1);
    usleep((STILL_MS + 400) * 1000);
    int64_t now = weir_monotonic_ms();
    assert_in_range(weir_run_silence(&w.run, now).ms, 0, STILL_MS);
    end(&w);
}

static void test_a_holding_background_is_alive(void **state)
{
    (void)state;
    expect_alive(WEIR_THREAD_WORK);
}

static void test_a_holding_lane_is_alive(void **state)
{
    (void)state;
    expect_alive(WEIR_THREAD_LANE);
}

static void test_holding_is_of_one_thread(void **state)
{
    (void)state;
    world w = {.delivered = false};
    atomic_init(&w.holding, (int)WEIR_THREAD_LANE);
    begin(&w, (int)WEIR_THREAD_WORK);
    usleep((STILL_MS + 400) * 1000);
    weir_silence s = weir_run_silence(&w.run, weir_monotonic_ms());
    assert_true(s.ms >= STILL_MS);
    assert_int_equal(s.thread, WEIR_THREAD_WORK);
    end(&w);
}

/* ---- The end ------------------------------------------------------------------------------------
 */

/* A last commit that the group cannot take now is tried again. */
static void test_the_last_commit_is_tried_again(void **state)
{
    (void)state;
    for (int refuses = 0; refuses < 4; refuses++) {
        world w = {.group = true, .refuses = refuses, .committed = -1};
        begin(&w, -1);
        while (!weir_engine_get_counts(&w.engine).settled) {
            usleep(1000);
        }
        end(&w);
        assert_int_equal(w.committed, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_poll_stands_still),
        cmocka_unit_test(test_lane_stands_still),
        cmocka_unit_test(test_background_stands_still),
        cmocka_unit_test(test_a_holding_background_is_alive),
        cmocka_unit_test(test_a_holding_lane_is_alive),
        cmocka_unit_test(test_holding_is_of_one_thread),
        cmocka_unit_test(test_the_last_commit_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
