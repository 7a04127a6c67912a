/* Assignment: commits, revokes, ends and trouble, as a source tells of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/scripted_engine.h"

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
    assert_int_equal(w.log.lines, 1);
    assert_non_null(strstr(w.log.last, "up to 1 records that were handled"));
    assert_non_null(strstr(w.log.last, "KAFKA_NOT_MEMBER"));
    assert_true(atomic_load(&w.taken[1]->partition->revoked));
    assert_true(w.engine.queues[0].woken || w.n_taken == 2); /* its lanes were told */
    end(&w);
}

/* What was committed before is not missed. */
static void test_nothing_is_missing(void **state)
{
    (void)state;
    world w;
    weir_error err;
    begin(&w, (weir_engine_options){.commit_interval_ms = 1000000});
    assign_and_fill(&w, 2);
    settle(&w, 0);
    assert_int_equal(weir_engine_commit(&w.engine, true, &err), WEIR_OK);
    tell(&w, SCRIPT_LOSE, 0, 0);
    poll_at(&w, 10);
    assert_int_equal(w.log.lines, 0);
    end(&w);
}

static void test_a_last_commit_that_fails_is_told(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.commit_interval_ms = 1000000});
    assign_and_fill(&w, 3);
    settle(&w, 0);
    settle(&w, 2);
    w.script.commit_fails = WEIR_E_KAFKA_NOT_MEMBER;
    tell(&w, SCRIPT_REVOKE, 0, 0);
    poll_at(&w, 10);
    assert_int_equal(w.log.lines, 2);
    assert_non_null(strstr(w.log.last, "up to 2 records that were handled"));
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

/* ---- Ends and trouble ---------------------------------------------------------------------------
 */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commits_go_by_the_frontier),
        cmocka_unit_test(test_commits_that_fail_are_logged_once),
        cmocka_unit_test(test_revoke_drains),
        cmocka_unit_test(test_revoke_behind_records_in_one_poll),
        cmocka_unit_test(test_late_settles_move_no_new_frontier),
        cmocka_unit_test(test_lost_is_not_waited_for),
        cmocka_unit_test(test_nothing_is_missing),
        cmocka_unit_test(test_a_last_commit_that_fails_is_told),
        cmocka_unit_test(test_a_failure_ends_the_drain),
        cmocka_unit_test(test_the_end_is_committed),
        cmocka_unit_test(test_trouble_is_logged_now_and_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
