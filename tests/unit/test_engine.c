/* The engine over a scripted source: delivery, room, commits, revokes, readiness, failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/scripted_source.h"

enum { RECORD_COST = sizeof(weir_record) + 64 };

/* ---- A world of one engine ----------------------------------------------------------------------
 */

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

static void take(void *self, unsigned lane, weir_chunk *chunk)
{
    world *w = self;
    for (unsigned i = 0; i < chunk->count; i++) {
        w->lanes[w->n_taken] = lane;
        w->taken[w->n_taken++] = &chunk->records[i];
    }
}

static int64_t step(void *self, unsigned lane, int64_t now_ms)
{
    (void)self, (void)lane, (void)now_ms;
    return INT64_MAX;
}

/* Of records that nobody has settled. */
static void abandon(void *self, unsigned lane)
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

static bool wait_in_drain(void *ctx)
{
    world *w = ctx;
    w->waited++;
    if (w->in_wait) {
        w->in_wait(w);
    }
    return w->waited < w->waits;
}

static weir_status init(world *w, weir_engine_options o)
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

static void begin(world *w, weir_engine_options o)
{
    assert_int_equal(init(w, o), WEIR_OK);
}

static void run_lanes(world *w)
{
    for (unsigned lane = 0; lane < w->engine.options.lanes; lane++) {
        for (weir_chunk *c; (c = weir_engine_next(&w->engine, lane, 0));) {
            take(w, lane, c);
        }
    }
}

static void poll_at(world *w, int64_t now_ms)
{
    assert_int_equal(weir_engine_poll(&w->engine, now_ms, 0), WEIR_OK);
    run_lanes(w);
}

static void settle(world *w, size_t i)
{
    weir_engine_settle(&w->engine, &w->taken[i], 1);
    w->taken[i] = NULL;
}

static void end(world *w)
{
    weir_engine_abandon(&w->engine);
    weir_engine_fini(&w->engine);
    assert_int_equal(w->script.n_released, w->script.n_messages);
    assert_int_equal(w->script.closes, 1);
    assert_int_equal(weir_alloc_live(), 0);
}

static void assign(world *w, int partition, int64_t start)
{
    script_add(
        &w->script, (script_deed){.kind = SCRIPT_ASSIGN, .partition = partition, .offset = start});
}

static void tell(world *w, script_kind kind, int partition, int64_t offset)
{
    script_add(&w->script, (script_deed){.kind = kind, .partition = partition, .offset = offset});
}

/* Partition 0 from offset 0, with n records that have no key. */
static void assign_and_fill(world *w, int n)
{
    assign(w, 0, 0);
    for (int i = 0; i < n; i++) {
        script_record(&w->script, 0, i, NULL);
    }
    poll_at(w, 0);
}

static const weir_partition *partition(const world *w, int i)
{
    return w->script.held[i];
}

static void expect_commit(const world *w, size_t i, int64_t next, bool wait)
{
    assert_true(i < w->script.n_commits);
    assert_int_equal(w->script.commits[i].next, next);
    assert_int_equal(w->script.commits[i].wait, wait);
}

/* ---- Delivery -----------------------------------------------------------------------------------
 */

/* Equal keys of a partition share a lane and keep their order; so do records without one. */
static void test_lanes(void **state)
{
    (void)state;
    static const char *const keys[] = {"a", "b", "c", "d", "e", NULL};
    world w;
    unsigned lane_of[6] = {0}, used = 0;
    int64_t last[6] = {-1, -1, -1, -1, -1, -1};
    begin(&w, (weir_engine_options){.lanes = 4});
    assign(&w, 0, 0);
    for (int i = 0; i < 60; i++) {
        script_record(&w.script, 0, i, keys[i % 6]);
    }
    poll_at(&w, 0);
    assert_int_equal(w.n_taken, 60);
    for (size_t i = 0; i < w.n_taken; i++) {
        int64_t offset = w.taken[i]->raw.offset;
        size_t key = (size_t)offset % 6;
        assert_true(last[key] < 0 || lane_of[key] == w.lanes[i]);
        assert_true(offset > last[key]);
        assert_int_equal(w.taken[i]->attempt, 1);
        lane_of[key] = w.lanes[i];
        last[key] = offset;
        used |= 1u << w.lanes[i];
    }
    assert_true(used & (used - 1)); /* more than one */
    end(&w);
}

/* A wake is heard once, with a chunk or without; a chunk is not waited for. */
static void test_wakes_of_lanes(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.lanes = 2});
    weir_engine_wake(&w.engine, 1);
    assert_true(w.engine.queues[1].woken);
    assert_null(weir_engine_next(&w.engine, 1, 60000)); /* at once */
    assert_false(w.engine.queues[1].woken);
    assert_null(weir_engine_next(&w.engine, 0, 0));
    assert_null(weir_engine_next(&w.engine, 1, 1));
    end(&w);
}

/* ---- Room ---------------------------------------------------------------------------------------
 */

static void test_room_in_records(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.partition_records = 5});
    assign_and_fill(&w, 3);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 2);
    assert_false(w.engine.starved);
    script_record(&w.script, 0, 3, NULL);
    script_record(&w.script, 0, 4, NULL);
    poll_at(&w, 0);
    unsigned wakes = w.script.wakes;
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 0);
    settle(&w, 1);
    assert_int_equal(w.script.wakes, wakes + 1); /* once: until it asks again */
    settle(&w, 2);
    assert_int_equal(w.script.wakes, wakes + 1);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 2);
    end(&w);
}

/* What a poll has brought counts before it is handed out. */
static void test_room_within_a_poll(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.partition_records = 5, .ahead_records = 4});
    assign(&w, 0, 0);
    poll_at(&w, 0);
    weir_raw_record raw = {.topic = weir_view_of("orders")};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 4 - i);
        raw.offset = i;
        weir_engine_events.record(
            &w.engine, w.script.held[0], &raw, &w.script.messages[w.script.n_messages++]);
    }
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 0);
    poll_at(&w, 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 0);
    assert_int_equal(w.n_taken, 4);
    end(&w);
}

/* Each partition has its share of the bytes; how many records that is, those before tell. */
static void test_room_in_bytes(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.in_flight_bytes = 20 * (RECORD_COST + 2)});
    assign(&w, 0, 0);
    assign(&w, 1, 0);
    poll_at(&w, 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 1); /* none was seen */
    for (int i = 0; i < 7; i++) {
        script_record(&w.script, 0, i, NULL);
    }
    poll_at(&w, 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 4); /* 10, one overshoots */
    for (int i = 7; i < 11; i++) {
        script_record(&w.script, 0, i, NULL);
    }
    poll_at(&w, 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 1)), 1);
    settle(&w, 0);
    settle(&w, 1);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 2);
    end(&w);
}

/* One record larger than everything is still taken, alone. */
static void test_room_for_a_large_record(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.in_flight_bytes = 10});
    assign(&w, 0, 0);
    poll_at(&w, 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 1);
    script_record(&w.script, 0, 0, "a key");
    poll_at(&w, 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 0);
    settle(&w, 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 1);
    end(&w);
}

/* A stuck record lets others pass only so far: its frontier must not grow for ever. */
static void test_room_ahead_of_a_stuck_record(void **state)
{
    (void)state;
    world w;
    weir_partition_view view;
    begin(&w, (weir_engine_options){.ahead_records = 4});
    assign_and_fill(&w, 4);
    settle(&w, 1);
    settle(&w, 2);
    settle(&w, 3);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 0);
    assert_int_equal(weir_engine_partitions(&w.engine, &view, 1), 1);
    assert_true(view.congested);
    unsigned wakes = w.script.wakes;
    settle(&w, 0);
    assert_int_equal(w.script.wakes, wakes + 1);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 4);
    end(&w);
}

static void test_room_of_congestion_and_stop(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.partition_records = 5});
    assign_and_fill(&w, 1);
    atomic_store(&w.script.held[0]->congested, 1);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 0);
    atomic_store(&w.script.held[0]->congested, 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 4);
    unsigned wakes = w.script.wakes;
    weir_engine_stop_taking(&w.engine);
    assert_int_equal(w.script.wakes, wakes + 1);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 0);
    assert_false(weir_engine_idle(&w.engine));
    settle(&w, 0);
    assert_true(w.script.wakes > wakes + 1); /* the last one: it may end */
    assert_true(weir_engine_idle(&w.engine));
    end(&w);
}

/* ---- Commits ------------------------------------------------------------------------------------
 */

static void test_commits_go_by_the_frontier(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.commit_interval_ms = 100});
    assign_and_fill(&w, 3);
    assert_int_equal(w.script.n_commits, 0); /* nothing has moved */
    settle(&w, 1);
    poll_at(&w, 100);
    assert_int_equal(w.script.n_commits, 0);
    settle(&w, 0);
    poll_at(&w, 150);
    assert_int_equal(w.script.n_commits, 0); /* not yet */
    poll_at(&w, 200);
    expect_commit(&w, 0, 2, false);
    poll_at(&w, 300); /* no answer: again */
    expect_commit(&w, 1, 2, false);
    tell(&w, SCRIPT_ANSWER, 0, 2);
    poll_at(&w, 400);
    assert_int_equal(w.script.n_commits, 2);
    tell(&w, SCRIPT_ANSWER, 0, 1); /* a late one of an earlier commit */
    poll_at(&w, 500);
    assert_int_equal(w.script.n_commits, 2);
    settle(&w, 2);
    weir_error err;
    assert_int_equal(weir_engine_commit(&w.engine, true, &err), WEIR_OK);
    expect_commit(&w, 2, 3, true);
    assert_int_equal(weir_engine_commit(&w.engine, true, &err), WEIR_OK);
    assert_int_equal(w.script.n_commits, 3); /* one that was waited for needs no answer */
    end(&w);
}

static void test_commits_that_fail_are_logged_once(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.commit_interval_ms = 100});
    assign_and_fill(&w, 1);
    settle(&w, 0);
    w.script.commit_fails = WEIR_E_KAFKA_UNREACHABLE;
    for (int i = 1; i <= 5; i++) {
        poll_at(&w, i * 100);
    }
    assert_int_equal(w.script.n_commits, 5);
    assert_int_equal(w.log.lines, 1);
    w.script.commit_fails = WEIR_E_NONE;
    poll_at(&w, 600);
    w.script.commit_fails = WEIR_E_KAFKA_UNREACHABLE;
    poll_at(&w, 700);
    assert_int_equal(w.log.lines, 2);
    end(&w);
}

/* ---- Assignments --------------------------------------------------------------------------------
 */

static void settle_first(world *w)
{
    run_lanes(w);
    for (size_t i = 0; i < w->n_taken; i++) {
        if (w->taken[i]) {
            assert_true(atomic_load(&w->taken[i]->partition->revoked));
            settle(w, i);
            return;
        }
    }
}

/* The drain goes on until the last record is released, and only then is committed. */
static void test_revoke_drains(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.commit_interval_ms = 1000000});
    assign_and_fill(&w, 3);
    w.in_wait = settle_first;
    tell(&w, SCRIPT_REVOKE, 0, 0);
    poll_at(&w, 10);
    assert_int_equal(w.waited, 3);
    assert_int_equal(w.script.n_commits, 1);
    expect_commit(&w, 0, 3, true);
    assert_int_equal(w.engine.n_partitions, 0);
    assert_int_equal(atomic_load(&w.engine.revocations), 1);
    end(&w);
}

/* What came in the same poll, before the revoke, is known to it. */
static void test_revoke_behind_records_in_one_poll(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.lanes = 1});
    assign(&w, 0, 5);
    script_record(&w.script, 0, 5, NULL);
    tell(&w, SCRIPT_REVOKE, 0, 0);
    w.in_wait = settle_first;
    poll_at(&w, 10);
    expect_commit(&w, 0, 6, true);
    end(&w);
}

/* The bound passes: what is settled later is of an epoch that has ended. */
static void test_late_settles_move_no_new_frontier(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.commit_interval_ms = 10});
    assign_and_fill(&w, 2);
    settle(&w, 0);
    tell(&w, SCRIPT_REVOKE, 0, 0);
    assign(&w, 0, 1);
    script_record(&w.script, 0, 1, NULL);
    poll_at(&w, 10);
    assert_int_equal(w.waited, w.waits);
    expect_commit(&w, 0, 1, true);
    assert_int_not_equal(w.taken[1]->partition->epoch, w.taken[2]->partition->epoch);
    settle(&w, 1); /* of the old epoch */
    poll_at(&w, 100);
    assert_int_equal(w.script.n_commits, 1);
    settle(&w, 2);
    poll_at(&w, 200);
    expect_commit(&w, 1, 2, false);
    end(&w);
}

static void test_lost_is_not_waited_for(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.commit_interval_ms = 1000000});
    assign_and_fill(&w, 2);
    settle(&w, 0);
    tell(&w, SCRIPT_LOSE, 0, 0);
    poll_at(&w, 10);
    assert_int_equal(w.waited, 0);
    assert_int_equal(w.script.n_commits, 0);
    assert_true(atomic_load(&w.taken[1]->partition->revoked));
    assert_true(w.engine.queues[0].woken || w.n_taken == 2); /* its lanes were told */
    end(&w);
}

static void fail_in_wait(world *w)
{
    weir_error err;
    weir_fail(&err, WEIR_E_HANDLER_FATAL, "no more");
    weir_engine_fail(&w->engine, &err);
}

static void test_a_failure_ends_the_drain(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.lanes = 1});
    assign_and_fill(&w, 2);
    settle(&w, 0);
    w.in_wait = fail_in_wait;
    tell(&w, SCRIPT_REVOKE, 0, 0);
    assert_int_equal(weir_engine_poll(&w.engine, 10, 0), WEIR_FATAL);
    assert_int_equal(w.waited, 1);
    assert_int_equal(w.script.n_commits, 0); /* nothing more is committed */
    weir_error err;
    assert_true(weir_engine_failure(&w.engine, &err));
    assert_string_equal(err.code, "HANDLER_FATAL");
    end(&w);
}

/* ---- Readiness and figures ----------------------------------------------------------------------
 */

static void test_ready_when_all_of_the_start_is_released(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.lanes = 1});
    poll_at(&w, 0);
    assert_false(weir_engine_ready(&w.engine)); /* nothing is known */
    assign(&w, 1, 0);
    tell(&w, SCRIPT_END, 1, 0); /* an empty one */
    assign_and_fill(&w, 2);
    settle(&w, 0);
    assert_false(weir_engine_ready(&w.engine)); /* is that all? */
    tell(&w, SCRIPT_END, 0, 2);
    script_record(&w.script, 0, 2, NULL); /* came later: not of the start */
    poll_at(&w, 0);
    assert_false(weir_engine_ready(&w.engine));
    weir_engine_mark(&w.engine, &w.taken[1], 1);
    assert_false(weir_engine_ready(&w.engine)); /* settled, not released: not stored yet */
    weir_engine_release(&w.engine, &w.taken[1], 1);
    w.taken[1] = NULL;
    assert_true(weir_engine_ready(&w.engine));
    end(&w);
}

/* The end offset is behind a transaction's marker: it is committed once nothing is open. */
static void test_the_end_is_committed(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.commit_interval_ms = 1});
    assign_and_fill(&w, 1);
    tell(&w, SCRIPT_END, 0, 5);
    poll_at(&w, 10);
    assert_int_equal(w.script.n_commits, 0);
    settle(&w, 0);
    poll_at(&w, 20);
    expect_commit(&w, 0, 5, false);
    assert_true(weir_engine_ready(&w.engine));
    end(&w);
}

static void test_figures(void **state)
{
    (void)state;
    world w;
    weir_partition_view views[2];
    begin(&w, (weir_engine_options){.lanes = 1});
    assign_and_fill(&w, 3);
    settle(&w, 0);
    assert_int_equal(weir_engine_partitions(&w.engine, views, 2), 1);
    assert_string_equal(views[0].topic, "orders");
    assert_int_equal(views[0].end, 777);
    assert_int_equal(views[0].frontier, 1);
    assert_int_equal(views[0].committed, 0);
    assert_int_equal(views[0].open_records, 2);
    assert_false(views[0].ready || views[0].congested);
    weir_engine_counts c = weir_engine_get_counts(&w.engine);
    assert_int_equal(c.delivered, 3);
    assert_int_equal(c.settled, 1);
    assert_int_equal(c.open, 2);
    assert_int_equal(c.open_bytes, 2 * (RECORD_COST + 2));
    end(&w);
}

/* ---- Failures -----------------------------------------------------------------------------------
 */

static void test_failures_of_the_source(void **state)
{
    (void)state;
    static const script_kind kinds[] = {SCRIPT_TROUBLE, SCRIPT_FAIL_POLL};
    for (int i = 0; i < 2; i++) {
        world w;
        weir_error err;
        begin(&w, (weir_engine_options){.commit_interval_ms = 1});
        assign_and_fill(&w, 1);
        settle(&w, 0);
        script_add(&w.script, (script_deed){.kind = kinds[i], .code = WEIR_E_KAFKA_FATAL});
        assert_int_equal(weir_engine_poll(&w.engine, 100, 0), WEIR_FATAL);
        assert_true(weir_engine_failure(&w.engine, &err));
        assert_string_equal(err.code, "KAFKA_FATAL");
        weir_fail(&err, WEIR_E_INTERNAL, "a later one");
        weir_engine_fail(&w.engine, &err);
        assert_true(weir_engine_failure(&w.engine, &err));
        assert_string_equal(err.code, "KAFKA_FATAL"); /* the first one counts */
        assert_int_equal(w.script.n_commits, 0);
        assert_int_equal(weir_engine_commit(&w.engine, true, &err), WEIR_OK);
        assert_int_equal(w.script.n_commits, 0);
        end(&w);
    }
}

/* A broker that is away says so all the time: the log says it now and then. */
static void test_trouble_is_logged_now_and_then(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.lanes = 1});
    for (int64_t ms = 0; ms < 25000; ms += 100) {
        script_add(
            &w.script, (script_deed){.kind = SCRIPT_TROUBLE, .code = WEIR_E_KAFKA_UNREACHABLE});
        poll_at(&w, ms);
    }
    assert_int_equal(w.log.lines, 3);
    script_add(&w.script, (script_deed){.kind = SCRIPT_TROUBLE, .code = WEIR_E_STORE_IO});
    poll_at(&w, 25000);
    assert_int_equal(w.log.lines, 4); /* another trouble */
    end(&w);
}

/* Records that their users keep are left to them, with all that they need; the engine can be asked
 * again. */
static void test_what_is_never_settled_is_left_alone(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.lanes = 1});
    assign_and_fill(&w, 1);
    weir_engine_fini(&w.engine);
    assert_int_equal(w.script.closes, 0);
    assert_int_equal(w.log.lines, 1);
    assert_int_equal(w.taken[0]->raw.offset, 0);
    settle(&w, 0);
    end(&w);
}

/* ---- Out of memory ------------------------------------------------------------------------------
 */

/* A whole life: two partitions, records, an end, a revoke. Everything taken is settled in turn. */
static weir_status live(world *w)
{
    weir_status s = init(w, (weir_engine_options){.lanes = 2, .commit_interval_ms = 1});
    if (s) {
        return s;
    }
    assign(w, 0, 0);
    assign(w, 1, 0);
    for (int i = 0; i < 40; i++) {
        script_record(&w->script, i % 2, i / 2, i % 3 ? "a" : NULL);
    }
    tell(w, SCRIPT_END, 0, 100); /* far behind: only if all of it was taken */
    s = weir_engine_poll(&w->engine, 10, 0);
    run_lanes(w);
    for (size_t i = 0; i < w->n_taken; i++) {
        settle(w, i);
    }
    s = s ? s : weir_engine_poll(&w->engine, 20, 0);
    tell(w, SCRIPT_REVOKE, 0, 0);
    s = weir_engine_poll(&w->engine, 30, 0);
    run_lanes(w);
    return s;
}

/* No commit is above a record that was not settled: the first that its partition has not taken. */
static void check_commits(const world *w)
{
    for (size_t i = 0; i < w->script.n_commits; i++) {
        assert_true(w->script.commits[i].next <= 20 || w->script.n_messages == 40);
    }
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    for (int lasting = 0; lasting < 2; lasting++) {
        for (long at = 1;; at++) {
            static world w;
            weir_alloc_fail_at(at, lasting);
            weir_status s = live(&w);
            bool met = weir_alloc_fail_at(0, 0) >= at;
            if (!met) {
                assert_int_equal(s, WEIR_OK);
                assert_true(at > 10);
                end(&w);
                break;
            }
            if (!w.engine.queues) {
                assert_int_equal(s, WEIR_RETRY); /* it was never there */
                assert_int_equal(weir_alloc_live(), 0);
                continue;
            }
            weir_error err;
            bool commit_alone = s == WEIR_OK; /* a commit that found no memory is tried again */
            assert_true(commit_alone || weir_engine_failure(&w.engine, &err));
            assert_true(commit_alone || strcmp(err.code, "OUT_OF_MEMORY") == 0);
            check_commits(&w);
            end(&w);
        }
    }
}

/* A record that found no memory is not above the frontier of any later one, nor of an end: neither
 * in the poll's own list nor on its way to a lane. */
static void test_nothing_passes_a_record_without_memory(void **state)
{
    (void)state;
    int lost = 0;
    for (long at = 1; at <= 6; at++) {
        world w;
        begin(&w, (weir_engine_options){.commit_interval_ms = 1});
        assign(&w, 0, 0);
        poll_at(&w, 0);
        script_record(&w.script, 0, 0, NULL);
        tell(&w, SCRIPT_END, 0, 1); /* hands out */
        script_record(&w.script, 0, 1, NULL);
        tell(&w, SCRIPT_END, 0, 2);
        script_record(&w.script, 0, 2, NULL);
        tell(&w, SCRIPT_END, 0, 3);
        weir_alloc_fail_at(at, 0);
        weir_status s = weir_engine_poll(&w.engine, 10, 0);
        weir_alloc_fail_at(0, 0);
        run_lanes(&w);
        for (size_t i = 0; i < w.n_taken; i++) {
            assert_int_equal(w.taken[i]->raw.offset, i); /* no gap */
            settle(&w, i);
        }
        assert_int_equal(s, w.n_taken < 3 ? WEIR_FATAL : WEIR_OK);
        lost += w.n_taken < 3;
        assert_int_equal(partition(&w, 0)->frontier.next, w.n_taken);
        end(&w);
    }
    assert_in_range(lost, 4, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_wakes_of_lanes),
        cmocka_unit_test(test_room_in_records),
        cmocka_unit_test(test_room_within_a_poll),
        cmocka_unit_test(test_room_in_bytes),
        cmocka_unit_test(test_room_for_a_large_record),
        cmocka_unit_test(test_room_ahead_of_a_stuck_record),
        cmocka_unit_test(test_room_of_congestion_and_stop),
        cmocka_unit_test(test_commits_go_by_the_frontier),
        cmocka_unit_test(test_commits_that_fail_are_logged_once),
        cmocka_unit_test(test_revoke_drains),
        cmocka_unit_test(test_revoke_behind_records_in_one_poll),
        cmocka_unit_test(test_late_settles_move_no_new_frontier),
        cmocka_unit_test(test_lost_is_not_waited_for),
        cmocka_unit_test(test_a_failure_ends_the_drain),
        cmocka_unit_test(test_ready_when_all_of_the_start_is_released),
        cmocka_unit_test(test_the_end_is_committed),
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_failures_of_the_source),
        cmocka_unit_test(test_trouble_is_logged_now_and_then),
        cmocka_unit_test(test_what_is_never_settled_is_left_alone),
        cmocka_unit_test(test_each_allocation_may_fail),
        cmocka_unit_test(test_nothing_passes_a_record_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
