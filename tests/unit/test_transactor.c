/* Handlers whose effects leave in transactions: what is in one, and what becomes of it when it is
 * not committed, is refused, or its partition has gone. The simulator has the rest (sim-engine). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sim/said.h"
#include "support/scripted_app.h"

enum { SEEN = 64 };

/* ---- A port that does what it is told ----------------------------------------------------------
 */

typedef struct seen_record {
    char topic[16], value[64], code[32]; /* code: of a letter */
    bool bare;
} seen_record;

typedef struct world {
    app app; /* first */
    weir_transactor *transactor;
    weir_code begin_fails, commit_fails; /* WEIR_E_NONE: it does not */
    ptrdiff_t at_fault;
    unsigned transactions, tried;
    seen_record seen[SEEN];
    size_t n_seen;
    int64_t next;
    sim_said said;
} world;

static weir_status begin(void *self, weir_error *err)
{
    world *w = self;
    return w->begin_fails ? weir_fail(err, w->begin_fails, "scripted") : WEIR_OK;
}

static void see(world *w, const weir_outgoing *o)
{
    assert_true(w->n_seen < SEEN);
    seen_record *s = &w->seen[w->n_seen++];
    snprintf(s->topic, sizeof s->topic, "%s", o->topic);
    app_copy(s->value, sizeof s->value, o->value);
    s->code[0] = '\0';
    s->bare = false;
    for (size_t i = 0; i < o->n_headers; i++) {
        if (weir_view_is(o->headers[i].name, "weir.dead.code")) {
            app_copy(s->code, sizeof s->code, o->headers[i].value);
        }
        s->bare |= weir_view_is(o->headers[i].name, WEIR_DEAD_LETTER_LACKS);
    }
}

static weir_status commit(void *self, const weir_transaction *t, weir_fault *fault, weir_error *err)
{
    world *w = self;
    w->tried++;
    if (w->commit_fails) {
        *fault = (weir_fault){.list = w->at_fault};
        return weir_fail(err, w->commit_fails, "scripted");
    }
    w->transactions++;
    for (size_t i = 0; i < t->n_lists; i++) {
        for (const weir_outgoing *o = t->lists[i]; o; o = o->next) {
            see(w, o);
        }
    }
    for (size_t i = 0; i < t->n_offsets; i++) {
        w->next = w->said.base = t->offsets[i].next;
        w->said.len = t->offsets[i].metadata.len;
        memcpy(w->said.text, t->offsets[i].metadata.ptr, w->said.len);
        w->said.text[w->said.len] = '\0';
    }
    return WEIR_OK;
}

static void cancel(void *self)
{
    (void)self;
}

static weir_status reject_effects(
    void *ctx, weir_record *r, const weir_outgoing *refused, weir_error *why)
{
    return weir_handlers_reject_effects(((world *)ctx)->app.handlers, r, refused, why);
}

static bool may_hold(void *ctx, const weir_record *r, weir_error *why)
{
    return weir_handlers_may_hold(((world *)ctx)->app.handlers, r, why);
}

static void begin_world(world *w, weir_status (*handle)(app *a, weir_message *m), unsigned most)
{
    weir_error err;
    memset(w, 0, sizeof *w);
    app_init(&w->app);
    w->at_fault = WEIR_NO_FAULT;
    weir_transactor_options o = {.name = "test",
        .port = {begin, commit, cancel, w},
        .most_bytes = 1000,
        .most_records = most,
        .list = weir_handlers_list,
        .bytes = weir_handlers_bytes,
        .free = weir_handlers_free_effects,
        .reject = reject_effects,
        .may_hold = may_hold,
        .ctx = w,
        .now_ms = app_now,
        .log = &w->app.log.log};
    assert_int_equal(weir_transactor_new(&o, &w->transactor, &err), WEIR_OK);
    w->app.handle = handle;
    w->app.options.transactor = w->transactor;
    w->app.options.letter_topic = "dead";
    w->app.options.dead_letters.write = NULL;
    w->app.engine_options.group = false;
    w->app.engine_options.resume = true;
    assert_int_equal(app_open(&w->app), WEIR_OK);
    weir_transactor_attach(w->transactor, &w->app.engine);
}

/* Lanes and transactions, until both have nothing to do now. */
static void run(world *w)
{
    app_run(&w->app);
    while (weir_transactor_round(w->transactor, w->app.now_ms) <= w->app.now_ms) {
    }
}

static void end_world(world *w)
{
    weir_engine_abandon(&w->app.engine);
    weir_background b = weir_transactor_background(w->transactor);
    b.abandon(b.self);
    weir_engine_fini(&w->app.engine);
    weir_handlers_free(w->app.handlers);
    weir_transactor_free(w->transactor);
    assert_int_equal(w->app.script.n_commits, 0); /* nobody else does */
    assert_int_equal(w->app.script.n_released, w->app.script.n_messages);
    assert_int_equal(weir_alloc_live(), 0);
}

/* ---- Handlers -----------------------------------------------------------------------------------
 */

static weir_status emit(weir_message *m)
{
    return weir_emit(
        m, .type = "t", .topic = "out", .fields = W_OBJECT(W_INT("n", weir_record_offset(m))));
}

static weir_status emits(app *a, weir_message *m)
{
    (void)a;
    return emit(m);
}

/* Emits first, whatever comes then. */
static weir_status offset_1_fails(app *a, weir_message *m)
{
    (void)a;
    weir_status s = emit(m);
    return s || weir_record_offset(m) != 1 ? s : weir_retry(m, 500, "not yet");
}

static weir_status offset_1_is_rejected(app *a, weir_message *m)
{
    (void)a;
    weir_status s = emit(m);
    return s || weir_record_offset(m) != 1 ? s : weir_reject(m, "BAD", "never");
}

static void expect_seen(const world *w, const char *const *values, size_t n)
{
    assert_int_equal(w->n_seen, n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(w->seen[i].value, values[i]);
    }
}

#define EXPECT_SEEN(w, ...)                              \
    expect_seen((w), (const char *const[]){__VA_ARGS__}, \
        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* ---- Tests --------------------------------------------------------------------------------------
 */

static void test_effects_leave_with_their_offsets(void **state)
{
    (void)state;
    static world w;
    begin_world(&w, emits, 0);
    for (int64_t i = 0; i < 3; i++) {
        script_record(&w.app.script, 0, i, "k");
    }
    run(&w);
    assert_int_equal(w.transactions, 1);
    EXPECT_SEEN(&w, "{\"n\":0}", "{\"n\":1}", "{\"n\":2}");
    assert_int_equal(w.next, 3);
    assert_int_equal(weir_handlers_count(w.app.handlers).emitted, 3);
    assert_int_equal(weir_transactor_count(w.transactor).committed, 1);
    end_world(&w);
}

/* What it had emitted goes with the attempt; the others go in, and are not held up. */
static void test_a_failed_record_alone_is_tried_again(void **state)
{
    (void)state;
    static world w;
    begin_world(&w, offset_1_fails, 0);
    for (int64_t i = 0; i < 4; i++) {
        script_record(&w.app.script, 0, i, i == 1 ? "other" : "k");
    }
    run(&w);
    EXPECT_SEEN(&w, "{\"n\":0}", "{\"n\":2}", "{\"n\":3}");
    assert_int_equal(w.next, 1);
    assert_true(sim_said_is_settled(&w.said, 2) && sim_said_is_settled(&w.said, 3));
    assert_int_equal(sim_said_attempts(&w.said, 1), 1);
    w.app.handle = emits;
    w.app.now_ms += 600;
    run(&w);
    EXPECT_SEEN(&w, "{\"n\":0}", "{\"n\":2}", "{\"n\":3}", "{\"n\":1}");
    assert_int_equal(w.next, 4);
    end_world(&w);
}

static void test_a_letter_leaves_in_the_place_of_emits(void **state)
{
    (void)state;
    static world w;
    begin_world(&w, offset_1_is_rejected, 0);
    for (int64_t i = 0; i < 3; i++) {
        script_record(&w.app.script, 0, i, "k");
    }
    run(&w);
    EXPECT_SEEN(&w, "{\"n\":0}", "{}", "{\"n\":2}");
    assert_string_equal(w.seen[1].topic, "dead");
    assert_string_equal(w.seen[1].code, "BAD");
    assert_int_equal(w.next, 3);
    end_world(&w);
}

/* No handler is called again for it. */
static void test_what_was_not_committed_is_in_the_next_one(void **state)
{
    (void)state;
    static world w;
    begin_world(&w, emits, 0);
    w.commit_fails = WEIR_E_KAFKA_PRODUCE;
    script_record(&w.app.script, 0, 0, "k");
    run(&w);
    script_record(&w.app.script, 0, 1, "k");
    run(&w);
    assert_int_equal(w.tried, 1); /* the second one waits for its time */
    w.commit_fails = WEIR_E_NONE;
    w.app.now_ms += 100;
    run(&w);
    EXPECT_SEEN(&w, "{\"n\":0}", "{\"n\":1}");
    assert_int_equal(w.transactions, 1);
    assert_int_equal(w.app.n_calls, 2);
    assert_int_equal(w.next, 2);
    end_world(&w);
}

/* Nobody can tell whether a transaction of two partitions came to pass, and the group takes both
 * away: its records are not written again by this member. */
static void test_what_is_in_doubt_goes_with_its_assignment(void **state)
{
    (void)state;
    static world w;
    begin_world(&w, emits, 0);
    script_add(&w.app.script, (script_deed){.kind = SCRIPT_ASSIGN, .partition = 1});
    script_record(&w.app.script, 0, 0, "k");
    script_record(&w.app.script, 1, 0, "k");
    w.commit_fails = WEIR_E_KAFKA_PRODUCE;
    run(&w);
    assert_int_equal(w.tried, 1);
    script_add(&w.app.script, (script_deed){.kind = SCRIPT_REVOKE});
    /* The first is another member's now; the second comes again at the offset that is committed. */
    script_add(&w.app.script, (script_deed){.kind = SCRIPT_ASSIGN, .partition = 1, .offset = 1});
    script_record(&w.app.script, 1, 1, "k");
    w.commit_fails = WEIR_E_NONE;
    w.app.now_ms += 100;
    run(&w);
    EXPECT_SEEN(&w, "{\"n\":1}");
    end_world(&w);
}

static void test_nothing_is_committed_before_it_has_begun(void **state)
{
    (void)state;
    static world w;
    begin_world(&w, emits, 0);
    w.begin_fails = WEIR_E_KAFKA_UNREACHABLE;
    script_record(&w.app.script, 0, 0, "k");
    run(&w);
    assert_int_equal(w.tried, 0);
    w.begin_fails = WEIR_E_KAFKA_FENCED;
    w.app.now_ms += 100;
    run(&w);
    app_expect_failure(&w.app, "KAFKA_FENCED", "");
    end_world(&w);
}

static void test_what_is_too_large_becomes_a_letter(void **state)
{
    (void)state;
    static world w;
    begin_world(&w, emits, 0);
    for (int64_t i = 0; i < 3; i++) {
        script_record(&w.app.script, 0, i, "k");
    }
    app_run(&w.app);
    w.commit_fails = WEIR_E_EMIT_TOO_LARGE;
    w.at_fault = 1;
    (void)weir_transactor_round(w.transactor, w.app.now_ms);
    w.commit_fails = WEIR_E_NONE;
    run(&w);
    EXPECT_SEEN(&w, "{\"n\":0}", "{}", "{\"n\":2}");
    assert_string_equal(w.seen[1].code, "EMIT_TOO_LARGE");
    end_world(&w);
}

/* It goes without its value, for the reason that it had; what comes behind it goes on. */
static void test_a_letter_that_is_too_large(void **state)
{
    (void)state;
    static world w;
    begin_world(&w, offset_1_is_rejected, 0);
    script_record(&w.app.script, 0, 1, "k");
    script_record(&w.app.script, 0, 2, "k");
    app_run(&w.app);
    w.commit_fails = WEIR_E_EMIT_TOO_LARGE;
    w.at_fault = 0;
    (void)weir_transactor_round(w.transactor, w.app.now_ms);
    w.commit_fails = WEIR_E_NONE;
    run(&w);
    EXPECT_SEEN(&w, "", "{\"n\":2}");
    assert_string_equal(w.seen[0].topic, "dead");
    assert_string_equal(w.seen[0].code, "BAD");
    assert_true(w.seen[0].bare);
    assert_int_equal(w.next, 3);
    end_world(&w);
}

/* A letter has no other place to go. */
static void test_a_letter_that_is_refused(void **state)
{
    (void)state;
    static world w;
    for (int i = 0; i < 4; i++) {
        bool too_large = i & 1, hold = i & 2;
        begin_world(&w, offset_1_is_rejected, 0);
        w.app.handlers->options.letters_hold = hold;
        script_record(&w.app.script, 0, 1, "k");
        w.commit_fails = too_large ? WEIR_E_EMIT_TOO_LARGE : WEIR_E_KAFKA_PRODUCE;
        w.at_fault = 0;
        run(&w);
        if (hold) {
            assert_false(weir_engine_failed(&w.app.engine));
        } else {
            app_expect_failure(&w.app, "DEAD_LETTER_REFUSED", "");
        }
        end_world(&w);
    }
}

/* What a commit cannot tell of waits for its frontier, though it is done. */
static void test_what_is_too_far_ahead_waits(void **state)
{
    (void)state;
    static world w;
    begin_world(&w, offset_1_fails, 0);
    script_record(&w.app.script, 0, 1, "k");
    script_record(&w.app.script, 0, WEIR_RESUME_AHEAD, "near");
    script_record(&w.app.script, 0, WEIR_RESUME_AHEAD + 1, "far");
    run(&w);
    EXPECT_SEEN(&w, "{\"n\":16384}");
    w.app.handle = emits;
    w.app.now_ms += 600;
    run(&w);
    EXPECT_SEEN(&w, "{\"n\":16384}", "{\"n\":1}", "{\"n\":16385}");
    assert_int_equal(w.next, WEIR_RESUME_AHEAD + 2);
    end_world(&w);
}

/* Its frontier moves while what may leave is chosen: what was too far ahead a moment before is not
 * overtaken by the next record of its key. */
static void test_what_waits_is_not_overtaken_by_its_key(void **state)
{
    (void)state;
    static world w;
    begin_world(&w, offset_1_fails, 0);
    script_record(&w.app.script, 0, 1, "k");
    script_record(&w.app.script, 0, WEIR_RESUME_AHEAD + 1, "far");
    run(&w);
    assert_int_equal(w.n_seen, 0);
    w.app.handle = emits;
    w.app.now_ms += 600;
    app_run(&w.app); /* the first record comes before … */
    script_record(&w.app.script, 0, WEIR_RESUME_AHEAD + 2, "far");
    run(&w); /* … and is chosen with this one */
    EXPECT_SEEN(&w, "{\"n\":1}", "{\"n\":16385}", "{\"n\":16386}");
    assert_int_equal(w.next, WEIR_RESUME_AHEAD + 3);
    end_world(&w);
}

/* A transaction has a bound; one record that is larger goes alone. */
static void test_transactions_are_bounded(void **state)
{
    (void)state;
    static world w;
    begin_world(&w, emits, 2);
    for (int64_t i = 0; i < 5; i++) {
        script_record(&w.app.script, 0, i, "k");
    }
    run(&w);
    assert_int_equal(w.transactions, 3);
    assert_int_equal(w.n_seen, 5);
    end_world(&w);
}

/* Handlers wait for the broker, but for what the frontier waits for. */
static void test_handlers_go_no_further_than_the_broker(void **state)
{
    (void)state;
    static world w;
    begin_world(&w, emits, 0);
    w.commit_fails = WEIR_E_KAFKA_PRODUCE;
    for (int64_t i = 0; i < 60; i++) {
        script_record(&w.app.script, 0, i, "k");
    }
    run(&w);
    size_t before = w.app.n_calls;
    assert_true(weir_transactor_is_full(w.transactor));
    assert_true(before < 60);
    w.commit_fails = WEIR_E_NONE;
    for (int i = 0; i < 100 && w.n_seen < 60; i++) {
        w.app.now_ms += 100;
        run(&w);
    }
    assert_int_equal(w.n_seen, 60);
    assert_int_equal(w.next, 60);
    end_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_effects_leave_with_their_offsets),
        cmocka_unit_test(test_a_failed_record_alone_is_tried_again),
        cmocka_unit_test(test_a_letter_leaves_in_the_place_of_emits),
        cmocka_unit_test(test_what_was_not_committed_is_in_the_next_one),
        cmocka_unit_test(test_what_is_in_doubt_goes_with_its_assignment),
        cmocka_unit_test(test_nothing_is_committed_before_it_has_begun),
        cmocka_unit_test(test_what_is_too_large_becomes_a_letter),
        cmocka_unit_test(test_a_letter_that_is_too_large),
        cmocka_unit_test(test_a_letter_that_is_refused),
        cmocka_unit_test(test_what_is_too_far_ahead_waits),
        cmocka_unit_test(test_what_waits_is_not_overtaken_by_its_key),
        cmocka_unit_test(test_transactions_are_bounded),
        cmocka_unit_test(test_handlers_go_no_further_than_the_broker),
    };
    return cmocka_run_group_tests_name("transactor", tests, NULL, NULL);
}
