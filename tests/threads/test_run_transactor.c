/* An engine with threads whose handlers run exactly once: lanes hand over what they have handled,
 * the background commits it in transactions that fail now and then, the group is rebalanced all the
 * while. To be run under ThreadSanitizer as well (make check-tsan). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>
#include <weir/weir.h>

#include "base/alloc.h"
#include "service/handlers.h"
#include "threads/threaded_source.h"

enum { LANES = 3, MOST_OFFSETS = 1 << 16, ROUNDS = 40, EACH_ROUND = 150, WAIT_MS = 20000 };

typedef struct world {
    weir_engine engine; /* first: it is what a source's events are told with */
    weir_handlers *handlers;
    weir_transactor *transactor;
    weir_run run;
    threaded_source source;
    weir_record_source watched;
    weir_route route;
    weir_routed_topic topic;
    atomic_ullong calls;

    /* The broker. Lock: lock. */
    pthread_mutex_t lock;
    unsigned generation, begun; /* begun: of the transaction at hand */
    unsigned transactions;
    int64_t committed[PARTITIONS];
    char said[PARTITIONS][WEIR_RESUME_MOST];
    size_t said_len[PARTITIONS];
    unsigned char outputs[PARTITIONS][MOST_OFFSETS];
} world;

static void fill(threaded_message *m, int partition, int64_t offset)
{
    snprintf(m->key, sizeof m->key, "%d", (int)((offset * 7 + partition) % KEYS));
    snprintf(m->value, sizeof m->value, "{\"n\":%lld}", (long long)offset);
}

static weir_status handle(weir_message *m, void *ctx)
{
    world *w = ctx;
    weir_status s = weir_emit(m, .type = "t", .topic = "out", .fields = W_OBJECT(W_INT("n", 1)));
    unsigned long long n = atomic_fetch_add(&w->calls, 1);
    return s              ? s
           : n % 40 == 0  ? weir_retry(m, 1 + (uint32_t)(n % 7), "by turns")
           : n % 300 == 7 ? weir_hold(m, "by turns")
                          : WEIR_OK;
}

/* ---- The source: assignments begin where transactions have ended -------------------------------
 */

static weir_partition *on_assigned(void *engine, weir_view topic, int32_t number, int64_t start)
{
    world *w = engine;
    (void)start;
    pthread_mutex_lock(&w->lock);
    int64_t committed = w->committed[number];
    weir_view said = {w->said[number], w->said_len[number]};
    pthread_mutex_unlock(&w->lock); /* nobody commits between a revoke and this */
    w->source.parts[number].committed = committed;
    weir_partition *p = weir_engine_events.assigned(engine, topic, number, committed);
    if (p && said.len) {
        weir_engine_events.resume(engine, p, said);
    }
    return p;
}

static void on_revoked(void *engine, weir_partition **partitions, size_t n, bool lost)
{
    world *w = engine;
    weir_engine_events.revoked(engine, partitions, n, lost);
    pthread_mutex_lock(&w->lock);
    w->generation++;
    pthread_mutex_unlock(&w->lock);
}

static weir_status poll_watched(void *self, const weir_source_events *events, void *engine,
    unsigned max_records, int timeout_ms, weir_error *err)
{
    weir_source_events mine = *events;
    mine.assigned = on_assigned;
    mine.revoked = on_revoked;
    return threaded_poll(self, &mine, engine, max_records, timeout_ms, err);
}

/* ---- The broker ---------------------------------------------------------------------------------
 */

static weir_status begin_transaction(void *self, weir_error *err)
{
    world *w = self;
    (void)err;
    pthread_mutex_lock(&w->lock);
    w->begun = w->generation;
    pthread_mutex_unlock(&w->lock);
    return WEIR_OK;
}

static void note_output(world *w, const weir_outgoing *o)
{
    int partition = -1;
    long long offset = -1;
    char id[64] = "";
    for (size_t i = 0; i < o->n_headers; i++) {
        if (weir_view_is(o->headers[i].name, "id")) {
            snprintf(id, sizeof id, "%.*s", WEIR_ARG(o->headers[i].value));
        }
    }
    assert_int_equal(sscanf(id, "in/%d/%lld/", &partition, &offset), 2);
    assert_int_equal(w->outputs[partition][offset]++, 0);
}

static weir_status commit_transaction(
    void *self, const weir_transaction *t, weir_fault *fault, weir_error *err)
{
    world *w = self;
    (void)fault;
    usleep(500);
    pthread_mutex_lock(&w->lock);
    bool fails = w->begun != w->generation || ++w->transactions % 7 == 0;
    for (size_t i = 0; i < t->n_lists && !fails; i++) {
        for (const weir_outgoing *o = t->lists[i]; o; o = o->next) {
            note_output(w, o);
        }
    }
    for (size_t i = 0; i < t->n_offsets && !fails; i++) {
        const weir_offset *o = &t->offsets[i];
        assert_true(o->next >= w->committed[o->number]);
        w->committed[o->number] = o->next;
        w->said_len[o->number] = o->metadata.len;
        memcpy(w->said[o->number], o->metadata.ptr, o->metadata.len);
    }
    pthread_mutex_unlock(&w->lock);
    return fails ? weir_fail(err, WEIR_E_KAFKA_PRODUCE, "by turns") : WEIR_OK;
}

static void cancel(void *self)
{
    (void)self;
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

static int64_t now_ms(void *ctx)
{
    (void)ctx;
    return weir_monotonic_ms();
}

static weir_status reject_effects(
    void *ctx, weir_record *r, const weir_outgoing *refused, weir_error *why)
{
    return weir_handlers_reject_effects(((world *)ctx)->handlers, r, refused, why);
}

static bool may_hold(void *ctx, const weir_record *r, weir_error *why)
{
    return weir_handlers_may_hold(((world *)ctx)->handlers, r, why);
}

static weir_source_ops watched_ops;

static void open_handlers(world *w)
{
    weir_error err;
    weir_transactor_options t = {.name = "test",
        .port = {begin_transaction, commit_transaction, cancel, w},
        .list = weir_handlers_list,
        .bytes = weir_handlers_bytes,
        .free = weir_handlers_free_effects,
        .reject = reject_effects,
        .may_hold = may_hold,
        .ctx = w,
        .now_ms = now_ms,
        .commit_interval_ms = 20};
    assert_int_equal(weir_transactor_new(&t, &w->transactor, &err), WEIR_OK);
    w->route = (weir_route){.fn = handle, .ctx = w};
    w->topic = (weir_routed_topic){.topic = "in", .routes = &w->route, .n_routes = 1};
    weir_handlers_options h = {.name = "test",
        .topics = &w->topic,
        .n_topics = 1,
        .lanes = LANES,
        .max_attempts = 1000,
        .backoff_ms = 1,
        .max_backoff_ms = 5,
        .stuck_after_ms = 60000,
        .transactor = w->transactor,
        .letter_topic = "dead",
        .now_ms = now_ms};
    assert_int_equal(weir_handlers_new(&h, &w->handlers, &err), WEIR_OK);
}

static void begin(world *w)
{
    weir_error err;
    memset(w, 0, sizeof *w);
    pthread_mutex_init(&w->lock, NULL);
    open_handlers(w);
    watched_ops = *threaded_source_open(&w->source, "in", fill).ops;
    watched_ops.poll = poll_watched;
    weir_engine_options e = {.name = "test",
        .lanes = LANES,
        .resume = true,
        .drain_ms = 500,
        .tag = weir_handlers_tag,
        .ctx = w->handlers};
    assert_int_equal(
        weir_engine_init(&w->engine, &e, (weir_record_source){&watched_ops, &w->source},
            (weir_processor){&weir_handlers_processor, w->handlers}, &err),
        WEIR_OK);
    weir_handlers_attach(w->handlers, &w->engine);
    weir_transactor_attach(w->transactor, &w->engine);
    assert_int_equal(
        weir_run_start(&w->run, &w->engine, weir_transactor_background(w->transactor), 2000, &err),
        WEIR_OK);
}

static bool all_committed(world *w)
{
    bool all = true;
    pthread_mutex_lock(&w->lock);
    for (int i = 0; i < PARTITIONS; i++) {
        all = all && w->committed[i] == atomic_load(&w->source.produced[i]);
    }
    pthread_mutex_unlock(&w->lock);
    return all;
}

static void end(world *w)
{
    weir_error err;
    weir_run_stop(&w->run);
    assert_int_equal(weir_run_wait(&w->run, &err), WEIR_OK);
    weir_engine_fini(&w->engine);
    weir_run_fini(&w->run);
    weir_handlers_free(w->handlers);
    weir_transactor_free(w->transactor);
    assert_int_equal(atomic_load(&w->source.released), atomic_load(&w->source.delivered));
    pthread_mutex_destroy(&w->lock);
    threaded_source_close(&w->source);
    assert_int_equal(weir_alloc_live(), 0);
}

static void test_each_output_once(void **state)
{
    static world w;
    (void)state;
    begin(&w);
    for (int round = 0; round < ROUNDS; round++) {
        for (int p = 0; p < PARTITIONS; p++) {
            threaded_produce(&w.source, p, EACH_ROUND);
        }
        usleep(15000);
        if (round % 4 == 3) {
            atomic_store(&w.source.rebalance, true);
            threaded_wake(&w.source);
            for (int ms = 0; ms < WAIT_MS && atomic_load(&w.source.rebalance); ms++) {
                usleep(1000); /* on a slow machine two of them would be one */
            }
        }
    }
    for (int ms = 0; ms < WAIT_MS && !all_committed(&w); ms += 20) {
        usleep(20000);
    }
    assert_true(all_committed(&w));
    assert_true(atomic_load(&w.source.rebalances) > 3);
    assert_true(weir_transactor_count(w.transactor).failed > 0);
    end(&w);
    for (int p = 0; p < PARTITIONS; p++) {
        for (int64_t offset = 0; offset < ROUNDS * EACH_ROUND; offset++) {
            assert_int_equal(w.outputs[p][offset], 1);
        }
    }
}

/* What is in hand at the end is dropped or committed, and never half of it. */
static void test_stops_in_mid_flight(void **state)
{
    static world w;
    (void)state;
    begin(&w);
    for (int p = 0; p < PARTITIONS; p++) {
        threaded_produce(&w.source, p, 5000);
    }
    usleep(30000);
    end(&w);
    for (int p = 0; p < PARTITIONS; p++) {
        for (int64_t offset = 0; offset < w.committed[p]; offset++) {
            assert_int_equal(w.outputs[p][offset], 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_output_once),
        cmocka_unit_test(test_stops_in_mid_flight),
    };
    return cmocka_run_group_tests_name("run_transactor", tests, NULL, NULL);
}
