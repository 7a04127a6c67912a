/* Recalling released keys: whose copies are read when, over a topic in memory. What becomes of a
 * service over all of it is sim-parking's and test_parked's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "service/parking.h"
#include "support/scripted_engine.h"

enum { SLOW = 200, BETWEEN = 20000, FAST = 50, NOTES = SLOW + BETWEEN + FAST + 10, PLACES = 8 };

/* ---- The topic ----------------------------------------------------------------------------------
 */

typedef struct topic {
    weir_arena arena;
    const weir_outgoing *notes[NOTES];
    int64_t n;
    int64_t reads, opens; /* of released keys */
} topic;

typedef struct reader {
    int64_t next;
    bool told_end, recalls;
} reader;

static weir_status log_bounds(
    void *self, weir_parked_bounds *out, int32_t most, int32_t *n, weir_error *err)
{
    (void)most, (void)err;
    *out = (weir_parked_bounds){0, ((topic *)self)->n};
    *n = 1;
    return WEIR_OK;
}

/* The first one is the one that keeps up with the topic. */
static weir_status log_open(void *self, const int64_t *from, int32_t n, void **out, weir_error *err)
{
    topic *t = self;
    reader *r = calloc(1, sizeof *r);
    (void)err;
    assert_non_null(r);
    assert_int_equal(n, 1);
    *r = (reader){.next = from[0], .recalls = t->opens++ > 0};
    *out = r;
    return WEIR_OK;
}

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const weir_outgoing *o = self;
    if (i >= o->n_headers) {
        return false;
    }
    *name = o->headers[i].name;
    *value = o->headers[i].value;
    return true;
}

static weir_status log_next(void *self, void *given, int wait_ms, weir_parked_read *what,
    weir_raw_record *record, weir_error *err)
{
    topic *t = self;
    reader *r = given;
    (void)wait_ms, (void)err;
    bool end = r->next == t->n;
    *record = (weir_raw_record){.topic = weir_view_of("parked"), .offset = r->next};
    *what = !end ? WEIR_PARKED_RECORD : r->told_end ? WEIR_PARKED_NOTHING : WEIR_PARKED_END;
    r->told_end = end;
    if (!end) {
        record->key = t->notes[r->next]->key;
        record->headers = (weir_header_list){header_at, t->notes[r->next]};
        r->next++;
        t->reads += r->recalls;
    }
    return WEIR_OK;
}

static void log_close(void *self, void *given)
{
    (void)self;
    free(given);
}

static weir_status log_fetch(void *self, weir_view of, int32_t partition, int64_t offset,
    bool *found, weir_raw_record *record, weir_error *err)
{
    (void)self, (void)of, (void)partition, (void)offset, (void)record, (void)err;
    *found = false;
    return WEIR_OK;
}

static const weir_parked_log_ops log_ops = {log_bounds, log_open, log_next, log_close, log_fetch};

static void write_note(topic *t, const char *key, weir_note what, int64_t offset)
{
    static const weir_error why = {.status = WEIR_REJECT, .code = "BAD"};
    const weir_raw_record of = {
        .topic = weir_view_of("orders"), .key = weir_view_of(key), .offset = offset};
    const weir_parked_writing w = {.to = "parked", .what = what, .record = &of, .why = &why};
    weir_view name = weir_arena_printf(&t->arena, "orders/0/%s", key);
    assert_true(t->n < NOTES);
    t->notes[t->n++] = what >= WEIR_NOTE_RELEASE
                           ? weir_parked_decision_make("parked", name, what, -1, 0, &t->arena)
                           : weir_parked_note_make(&w, &t->arena);
    assert_non_null(t->notes[t->n - 1]);
}

/* ---- The instance -------------------------------------------------------------------------------
 */

static bool is_of(const weir_record *r, const char *key)
{
    return weir_view_is(r->raw.key, key);
}

/* Of those in the lane: handles the first of the slow key, and all of the other's. Returns how many
 * of the latter there were. */
static int handle_some(world *w, weir_parking *p)
{
    int fast = 0;
    bool slow = false, last;
    for (size_t i = 0; i < w->n_taken; i++) {
        weir_record *r = w->taken[i];
        if (!r || (is_of(r, "slow") && slow)) {
            continue;
        }
        slow |= is_of(r, "slow");
        fast += is_of(r, "fast");
        assert_int_equal(weir_parking_ask(p, r), WEIR_GATE_HANDLE);
        assert_true(weir_parking_done(p, r, &last));
        weir_parking_left(p, r);
        settle(w, i);
    }
    return fast;
}

/* Far behind the other in the topic it has places again, over and over, before those of the other
 * are reached. */
static void test_a_slow_key_does_not_have_the_reader_go_back_for_ever(void **state)
{
    static world w;
    static topic t;
    weir_parking *p;
    weir_error err;
    int handled = 0, steps = 0;
    (void)state;
    t = (topic){.n = 0};
    weir_arena_init(&t.arena, 0);
    write_note(&t, "slow", WEIR_NOTE_PARKED, 0);
    for (int i = 1; i <= SLOW; i++) {
        write_note(&t, "slow", WEIR_NOTE_FOLLOWER, i);
    }
    for (int i = 0; i < BETWEEN; i++) {
        write_note(&t, "other", WEIR_NOTE_DONE, i);
    }
    write_note(&t, "fast", WEIR_NOTE_PARKED, 1000);
    for (int i = 1; i <= FAST; i++) {
        write_note(&t, "fast", WEIR_NOTE_FOLLOWER, 1000 + i);
    }
    write_note(&t, "slow", WEIR_NOTE_RELEASE, -1);
    write_note(&t, "fast", WEIR_NOTE_RELEASE, -1);
    begin(&w, (weir_engine_options){.lanes = 1});
    assign(&w, 0, 2000);
    poll_at(&w, 0);
    const weir_parking_options o = {.topic = "parked",
        .log = {&log_ops, &t},
        .most_keys = 10,
        .recall_records = PLACES,
        .name = "test"};
    assert_int_equal(weir_parking_new(&o, &p, &err), WEIR_OK);
    weir_parking_attach(p, &w.engine);
    for (; handled < FAST && steps < SLOW; steps++) {
        assert_int_equal(weir_parking_step(p, 10 * steps, 0, NULL, &err), WEIR_OK);
        run_lanes(&w);
        handled += handle_some(&w, p);
    }
    assert_int_equal(handled, FAST);
    assert_true(t.reads < 8 * t.n);
    for (size_t i = 0; i < w.n_taken; i++) { /* what is left of the slow one's */
        if (w.taken[i]) {
            weir_parking_left(p, w.taken[i]);
        }
    }
    weir_engine_abandon(&w.engine);
    weir_parking_free(p);
    weir_arena_fini(&t.arena);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_slow_key_does_not_have_the_reader_go_back_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
