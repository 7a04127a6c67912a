/* The engine: lanes' wakes, readiness, figures and failures; each allocation of a whole life
 * failing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/scripted_engine.h"

enum { RECORD_COST = sizeof(weir_record) + 448 };

/* ---- Wakes --------------------------------------------------------------------------------------
 */

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

/* Its message goes at once, the record stays open, and counts as what is kept of it. */
static void test_unload(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.lanes = 1});
    assign_and_fill(&w, 3);
    weir_engine_unload(&w.engine, w.taken, 2, 200);
    assert_int_equal(w.script.n_released, 2);
    assert_null(w.taken[0]->raw.key.ptr);
    assert_true(weir_view_is(w.taken[0]->raw.topic, "orders"));
    weir_engine_counts c = weir_engine_get_counts(&w.engine);
    assert_int_equal(c.open, 3);
    assert_int_equal(c.open_bytes, 2 * 100 + RECORD_COST + 2);
    assert_int_equal(c.settled, 0);
    for (size_t i = 0; i < 3; i++) {
        settle(&w, i);
    }
    c = weir_engine_get_counts(&w.engine);
    assert_int_equal(c.open, 0);
    assert_int_equal(c.open_bytes, 0);
    end(&w); /* each message was given back once */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wakes_of_lanes),
        cmocka_unit_test(test_ready_when_all_of_the_start_is_released),
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_unload),
        cmocka_unit_test(test_failures_of_the_source),
        cmocka_unit_test(test_what_is_never_settled_is_left_alone),
        cmocka_unit_test(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
