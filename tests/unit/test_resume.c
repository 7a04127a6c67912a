/* What commits say beside their offset: the text by itself, then engines that begin where others
 * have ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/resume.h"
#include "sim/prng.h"
#include "sim/said.h"
#include "support/scripted_app.h"

/* ---- The text -----------------------------------------------------------------------------------
 */

static void expect_text(const weir_frontier *f, const weir_resume *r, const char *text)
{
    weir_buf b = {0};
    weir_resume_put(&b, f, r);
    assert_string_equal(weir_buf_str(&b), text);
    weir_buf_fini(&b);
}

static uint64_t deliver(weir_frontier *f, int64_t offset)
{
    uint64_t seq;
    assert_true(weir_frontier_deliver(f, offset, &seq));
    return seq;
}

static void test_says_what_is_settled_above(void **state)
{
    (void)state;
    weir_frontier f;
    weir_resume r = {0};
    weir_frontier_init(&f, 100);
    expect_text(&f, &r, "");
    uint64_t seq[12];
    for (int i = 0; i < 12; i++) {
        seq[i] = deliver(&f, 100 + i);
    }
    expect_text(&f, &r, "");
    weir_frontier_settle(&f, seq[1]);
    weir_frontier_settle(&f, seq[9]);
    expect_text(&f, &r, "weir1;AgI=;"); /* bits 1 and 9 */
    assert_true(weir_resume_note(&r, &f, 100, 3));
    assert_true(weir_resume_note(&r, &f, 105, 1));
    assert_true(weir_resume_note(&r, &f, 105, 2));
    expect_text(&f, &r, "weir1;AgI=;0:3,5:2");
    weir_frontier_settle(&f, seq[0]);
    expect_text(&f, &r, "weir1;gA==;3:2"); /* from 102 on, 109 is bit 7 */
    weir_resume_fini(&r);
    weir_frontier_fini(&f);
}

static void test_reads_what_it_has_said(void **state)
{
    (void)state;
    weir_resume r;
    assert_true(weir_resume_get(&r, 100, weir_view_of("weir1;AgI=;0:3,5:2")));
    assert_false(weir_resume_is_settled(&r, 100));
    assert_true(weir_resume_is_settled(&r, 101));
    assert_true(weir_resume_is_settled(&r, 109));
    assert_false(weir_resume_is_settled(&r, 99));
    assert_false(weir_resume_is_settled(&r, 1000));
    assert_int_equal(weir_resume_attempts(&r, 100), 3);
    assert_int_equal(weir_resume_attempts(&r, 105), 2);
    assert_int_equal(weir_resume_attempts(&r, 101), 0);
    weir_resume_fini(&r);
}

/* So a commit that settles nothing is told from the one before it, also by the next owner. */
static void test_stamps_differ(void **state)
{
    (void)state;
    weir_frontier f;
    weir_resume r = {0}, next;
    weir_frontier_init(&f, 100);
    weir_resume_stamp(&r);
    expect_text(&f, &r, "weir1;;;1");
    weir_resume_stamp(&r);
    expect_text(&f, &r, "weir1;;;2");
    assert_true(weir_resume_get(&next, 100, weir_view_of("weir1;AgI=;0:3,5:2;17")));
    assert_int_equal(weir_resume_attempts(&next, 105), 2);
    assert_true(weir_resume_is_settled(&next, 101));
    weir_resume_stamp(&next);
    assert_int_equal(next.stamp, 18);
    next.stamp = WEIR_RESUME_STAMPS;
    weir_resume_stamp(&next);
    assert_int_equal(next.stamp, 1);
    weir_resume_fini(&next);
    weir_frontier_fini(&f);
}

/* Anybody may write there. */
static void test_strangers_say_nothing(void **state)
{
    static const char *const texts[] = {"", "weir1", "weir1;", "weir1;;", "weir2;AgI=;0:3", "hello",
        "weir1;???;x:y", "weir1;;1", "weir1;;1:,:2,-1:3,9999999999999:1",
        "weir1;;1:99999999999999999999", "weir1;;;", "weir1;;;x", "weir1;;;999999"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        weir_resume r;
        assert_true(weir_resume_get(&r, 0, weir_view_of(texts[i])));
        for (int64_t at = 0; at < 64; at++) {
            assert_false(weir_resume_is_settled(&r, at));
            assert_int_equal(weir_resume_attempts(&r, at), 0);
        }
        weir_resume_fini(&r);
    }
}

/* Many records, far apart, all of them tried often: what is said fits, and what was said once stays
 * said until the frontier has passed it. */
static void test_fits_and_never_takes_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        enum { RECORDS = 3000 };
        sim_rng rng = sim_rng_of(seed, 3);
        static uint64_t seqs[RECORDS];
        static int64_t offsets[RECORDS];
        static bool settled[RECORDS], said[RECORDS];
        weir_frontier f;
        weir_resume r = {0};
        weir_frontier_init(&f, 0);
        memset(settled, 0, sizeof settled);
        memset(said, 0, sizeof said);
        int64_t step = SIM_PICK(&rng, 1, 3, 20);
        for (int i = 0; i < RECORDS; i++) {
            offsets[i] = i * step;
            seqs[i] = deliver(&f, offsets[i]);
        }
        for (int round = 0; round < 40; round++) {
            for (int n = 0; n < 100; n++) {
                size_t i = sim_below(&rng, RECORDS);
                if (!settled[i] && sim_chance(&rng, .8)) {
                    settled[i] = true;
                    weir_frontier_settle(&f, seqs[i]);
                } else if (!settled[i]) {
                    weir_resume_note(&r, &f, offsets[i], WEIR_RESUME_ATTEMPTS + 7);
                }
            }
            weir_buf b = {0};
            sim_said s = {.base = f.next};
            weir_resume_put(&b, &f, &r);
            assert_true(b.len <= WEIR_RESUME_MOST);
            memcpy(s.text, weir_buf_str(&b), b.len);
            s.len = b.len;
            for (int i = 0; i < RECORDS; i++) {
                bool now = sim_said_is_settled(&s, offsets[i]);
                assert_true(!now || settled[i]);
                assert_true(!said[i] || now || offsets[i] < f.next);
                assert_true(!settled[i] || now || offsets[i] < f.next ||
                            offsets[i] >= f.next + WEIR_RESUME_AHEAD);
                said[i] = said[i] || now;
            }
            weir_buf_fini(&b);
        }
        weir_resume_fini(&r);
        weir_frontier_fini(&f);
    }
}

/* ---- Engines ------------------------------------------------------------------------------------
 */

static weir_status poisoned(app *a, weir_message *m)
{
    (void)a;
    return weir_record_offset(m) == 0 ? weir_retry(m, 0, "never") : WEIR_OK;
}

/* A process begins with what the last one's last commit has said. */
static void begin_after(app *a, const app *before)
{
    const script_commit *last = before && before->script.n_commits
                                    ? &before->script.commits[before->script.n_commits - 1]
                                    : NULL;
    app_init(a);
    a->engine_options.resume = true;
    a->handle = poisoned;
    assert_int_equal(app_open(a), WEIR_OK);
    a->script.deeds[0].offset = last ? last->next : 0;
    a->script.deeds[0].value = last ? last->said : NULL;
    for (int64_t offset = a->script.deeds[0].offset; offset < 5; offset++) {
        script_record(&a->script, 0, offset, offset ? "other" : "poison");
    }
}

/* The last that was made; 0: none. */
static unsigned attempt_of(const app *a, int64_t offset)
{
    unsigned attempt = 0;
    for (size_t i = 0; i < a->n_calls; i++) {
        attempt = a->calls[i].offset == offset ? a->calls[i].attempt : attempt;
    }
    return attempt;
}

/* It crashes behind each attempt, and still there are no more of them than there may be. */
static void test_attempts_survive_crashes(void **state)
{
    (void)state;
    static app apps[5];
    for (int i = 0; i < 4; i++) {
        app *a = &apps[i];
        begin_after(a, i ? &apps[i - 1] : NULL);
        app_run(a);
        assert_int_equal(attempt_of(a, 0), i + 1);
        assert_int_equal(a->n_calls, i ? 1 : 5); /* the others were settled in the first life */
        assert_int_equal(a->n_letters, i == 3);
        app_end(a);
    }
    assert_int_equal(apps[3].letters[0].attempts, 4);
    assert_int_equal(app_committed(&apps[3]), 5);
    begin_after(&apps[4], &apps[3]);
    app_run(&apps[4]);
    assert_int_equal(apps[4].n_calls, 0);
    app_end(&apps[4]);
}

/* Where nobody has asked for it, nothing is said. */
static void test_only_where_it_is_wanted(void **state)
{
    (void)state;
    static app a;
    begin_after(&a, NULL);
    a.engine.options.resume = false;
    app_run(&a);
    assert_int_equal(a.n_calls, 5);
    assert_int_equal(a.script.n_commits, 0);
    app_end(&a);
}

/* What does not fit is told, once. */
static void test_too_many_parked_records_are_told(void **state)
{
    (void)state;
    static app a;
    app_init(&a);
    a.engine_options.resume = true;
    a.handle = poisoned;
    assert_int_equal(app_open(&a), WEIR_OK);
    static weir_failures full;
    full.count = WEIR_RESUME_FAILED;
    for (size_t i = 0; i < full.count; i++) {
        full.items[i] = (weir_failed){1000 + (int64_t)i, 1};
    }
    script_record(&a.script, 0, 0, "poison");
    assert_int_equal(weir_engine_poll(&a.engine, a.now_ms, 0), WEIR_OK);
    weir_resume *known = &a.script.held[0]->known;
    known->failures = weir_calloc(1, sizeof full);
    *known->failures = full;
    app_run_lanes(&a);
    assert_true(a.handlers->lanes[0].uncounted || a.handlers->lanes[1].uncounted);
    app_end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_what_is_settled_above),
        cmocka_unit_test(test_reads_what_it_has_said),
        cmocka_unit_test(test_stamps_differ),
        cmocka_unit_test(test_strangers_say_nothing),
        cmocka_unit_test(test_fits_and_never_takes_back),
        cmocka_unit_test(test_attempts_survive_crashes),
        cmocka_unit_test(test_only_where_it_is_wanted),
        cmocka_unit_test(test_too_many_parked_records_are_told),
    };
    return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
