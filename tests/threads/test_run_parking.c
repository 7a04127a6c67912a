/* An engine with threads whose handlers park: lanes copy followers, a thread of its own reads the
 * topic and recalls what the operator releases, the group is rebalanced all the while; records are
 * handled in batches. To be run under ThreadSanitizer as well (make check-tsan). */
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

enum { LANES = 3, MOST_OFFSETS = 1 << 13, ROUNDS = 20, EACH_ROUND = 60, WAIT_MS = 30000 };
enum { MOST_LOG = 1 << 16, BAD_EACH = 50 };

typedef struct noted {
    weir_view key, value;
    weir_outgoing_header *headers;
    size_t n_headers;
} noted;

typedef struct world {
    weir_engine engine; /* first: it is what a source's events are told with */
    weir_handlers *handlers;
    weir_parking *parking;
    weir_run run;
    threaded_source source;
    weir_route route;
    weir_routed_topic topic;
    pthread_t thread;
    atomic_bool ends;

    /* The broker, and what became of records. Lock: lock. */
    pthread_mutex_t lock;
    weir_arena arena;
    noted log[MOST_LOG];
    size_t n_log;
    unsigned char handled[PARTITIONS][MOST_OFFSETS], letters[PARTITIONS][MOST_OFFSETS];
    unsigned sendings;
} world;

static void fill(threaded_message *m, int partition, int64_t offset)
{
    snprintf(m->key, sizeof m->key, "%d", (int)((offset * 7 + partition) % KEYS));
    snprintf(m->value, sizeof m->value, "{\"n\":%lld}", (long long)offset);
}

/* ---- The service --------------------------------------------------------------------------------
 */

static weir_status handle(weir_batch *b, void *ctx)
{
    world *w = ctx;
    for (size_t i = 0; i < weir_batch_count(b); i++) {
        weir_message *m = weir_batch_at(b, i);
        if (weir_record_offset(m) % BAD_EACH == 7) {
            weir_batch_answer(b, i, weir_reject(m, "BAD", "by turns"));
            continue;
        }
        pthread_mutex_lock(&w->lock);
        w->handled[weir_partition_number(m)][weir_record_offset(m)] = 1;
        pthread_mutex_unlock(&w->lock);
    }
    return WEIR_OK;
}

static weir_status write_letters(
    void *self, const weir_dead_letter *letters, size_t n, weir_error *err)
{
    world *w = self;
    (void)err;
    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < n; i++) {
        w->letters[letters[i].record->partition][letters[i].record->offset] = 1;
    }
    pthread_mutex_unlock(&w->lock);
    return WEIR_OK;
}

/* ---- The topic of parked records ----------------------------------------------------------------
 */

static void append(world *w, const weir_outgoing *o)
{
    assert_true(w->n_log < MOST_LOG);
    noted *n = &w->log[w->n_log];
    *n = (noted){weir_arena_copy(&w->arena, o->key), weir_arena_copy(&w->arena, o->value),
        weir_arena_alloc(&w->arena, (o->n_headers + 1) * sizeof *n->headers), o->n_headers};
    for (size_t i = 0; i < o->n_headers; i++) {
        n->headers[i].name = weir_arena_copy(&w->arena, o->headers[i].name);
        n->headers[i].value = weir_arena_copy(&w->arena, o->headers[i].value);
    }
    w->n_log++;
}

static void send_all(void *self, weir_sending *s)
{
    world *w = self;
    weir_error err = {.status = WEIR_OK};
    pthread_mutex_lock(&w->lock);
    bool fails = ++w->sendings % 40 == 0;
    for (const weir_outgoing *o = s->first; o && !fails; o = o->next) {
        append(w, o);
    }
    pthread_mutex_unlock(&w->lock);
    if (fails) {
        weir_fail(&err, WEIR_E_KAFKA_PRODUCE, "by turns");
    }
    s->done(s, &err);
}

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const noted *n = self;
    if (i >= n->n_headers) {
        return false;
    }
    *name = n->headers[i].name;
    *value = n->headers[i].value;
    return true;
}

typedef struct reader {
    size_t next;
    bool told_end;
} reader;

static weir_status log_bounds(
    void *self, weir_parked_bounds *out, int32_t most, int32_t *n, weir_error *err)
{
    world *w = self;
    (void)most, (void)err;
    pthread_mutex_lock(&w->lock);
    *out = (weir_parked_bounds){0, (int64_t)w->n_log};
    pthread_mutex_unlock(&w->lock);
    *n = 1;
    return WEIR_OK;
}

static weir_status log_open(void *self, const int64_t *from, int32_t n, void **out, weir_error *err)
{
    (void)self, (void)n, (void)err;
    reader *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->next = (size_t)from[0];
    *out = r;
    return WEIR_OK;
}

static weir_status log_next(void *self, void *given, int wait_ms, weir_parked_read *what,
    weir_raw_record *record, weir_error *err)
{
    world *w = self;
    reader *r = given;
    (void)err;
    pthread_mutex_lock(&w->lock);
    bool end = r->next == w->n_log;
    const noted *n = &w->log[r->next]; /* what is written stays as it is */
    pthread_mutex_unlock(&w->lock);
    *record = (weir_raw_record){.offset = (int64_t)r->next};
    *what = !end ? WEIR_PARKED_RECORD : r->told_end ? WEIR_PARKED_NOTHING : WEIR_PARKED_END;
    r->told_end = end;
    if (!end) {
        record->key = n->key;
        record->value = n->value;
        record->headers = (weir_header_list){header_at, n};
        r->next++;
    } else if (*what == WEIR_PARKED_NOTHING && wait_ms) {
        usleep(1000);
    }
    return WEIR_OK;
}

static void log_close(void *self, void *given)
{
    (void)self;
    free(given);
}

static weir_status log_fetch(void *self, weir_view topic, int32_t partition, int64_t offset,
    bool *found, weir_raw_record *record, weir_error *err)
{
    (void)self, (void)topic, (void)partition, (void)offset, (void)record, (void)err;
    *found = false; /* no copy lacks anything here */
    return WEIR_OK;
}

static const weir_parked_log_ops log_ops = {log_bounds, log_open, log_next, log_close, log_fetch};

static void *park(void *arg)
{
    world *w = arg;
    weir_error err;
    while (!atomic_load(&w->ends)) {
        assert_int_equal(
            weir_parking_step(w->parking, weir_monotonic_ms(), 5, NULL, &err), WEIR_OK);
        usleep(200);
    }
    return NULL;
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

static int64_t now_ms(void *ctx)
{
    (void)ctx;
    return weir_monotonic_ms();
}

static void open_handlers(world *w)
{
    weir_error err;
    weir_parking_options p = {
        .topic = "parked", .log = {&log_ops, w}, .most_keys = 1000, .name = "test"};
    assert_int_equal(weir_parking_new(&p, &w->parking, &err), WEIR_OK);
    w->route = (weir_route){.batch = handle, .batch_most = 10, .batch_wait_ms = 1, .ctx = w};
    w->topic = (weir_routed_topic){.topic = "in", .routes = &w->route, .n_routes = 1};
    weir_handlers_options h = {.name = "test",
        .topics = &w->topic,
        .n_topics = 1,
        .lanes = LANES,
        .max_attempts = 1000,
        .backoff_ms = 1,
        .max_backoff_ms = 5,
        .stuck_after_ms = 60000,
        .dead_letters = {write_letters, w},
        .emitter = {.send = send_all, .self = w},
        .parking = w->parking,
        .park = true,
        .now_ms = now_ms};
    assert_int_equal(weir_handlers_new(&h, &w->handlers, &err), WEIR_OK);
}

static void begin(world *w)
{
    weir_error err;
    memset(w, 0, sizeof *w);
    pthread_mutex_init(&w->lock, NULL);
    weir_arena_init(&w->arena, 0);
    open_handlers(w);
    weir_engine_options e = {.name = "test",
        .lanes = LANES,
        .group = true,
        .commit_interval_ms = 10,
        .drain_ms = 500,
        .tag = weir_handlers_tag,
        .ctx = w->handlers};
    assert_int_equal(weir_engine_init(&w->engine, &e, threaded_source_open(&w->source, "in", fill),
                         (weir_processor){&weir_handlers_processor, w->handlers}, &err),
        WEIR_OK);
    weir_handlers_attach(w->handlers, &w->engine);
    weir_parking_attach(w->parking, &w->engine);
    assert_int_equal(pthread_create(&w->thread, NULL, park, w), 0);
    assert_int_equal(
        weir_run_start(&w->run, &w->engine, (weir_background){.work = NULL}, 2000, &err), WEIR_OK);
}

static void end(world *w)
{
    weir_error err;
    weir_run_stop(&w->run);
    assert_int_equal(weir_run_wait(&w->run, &err), WEIR_OK);
    atomic_store(&w->ends, true);
    pthread_join(w->thread, NULL);
    weir_engine_fini(&w->engine);
    weir_run_fini(&w->run);
    weir_handlers_free(w->handlers);
    weir_parking_free(w->parking);
    assert_int_equal(atomic_load(&w->source.released), atomic_load(&w->source.delivered));
    weir_arena_fini(&w->arena);
    pthread_mutex_destroy(&w->lock);
    threaded_source_close(&w->source);
    assert_int_equal(weir_alloc_live(), 0);
}

/* The operator lets all go on, whatever is parked. */
static void release_all(world *w)
{
    enum { MOST = 100 };
    static weir_parked_view views[MOST];
    size_t n = weir_parking_views(w->parking, views, MOST);
    for (size_t i = 0; i < n; i++) {
        weir_buf name = {0};
        weir_parked_name_put(
            &name, weir_view_of(views[i].topic), views[i].partition, weir_view_of(views[i].key));
        pthread_mutex_lock(&w->lock);
        weir_outgoing *o = weir_parked_decision_make(
            "parked", weir_buf_view(&name), WEIR_NOTE_RELEASE, -1, 0, &w->arena);
        assert_non_null(o);
        append(w, o);
        pthread_mutex_unlock(&w->lock);
        weir_buf_fini(&name);
    }
}

static bool all_done(world *w)
{
    bool all = weir_parking_look(w->parking).keys == 0;
    pthread_mutex_lock(&w->lock);
    for (int p = 0; p < PARTITIONS; p++) {
        for (int64_t i = 0; i < ROUNDS * EACH_ROUND; i++) {
            all &= w->handled[p][i] || w->letters[p][i];
        }
    }
    pthread_mutex_unlock(&w->lock);
    return all;
}

static void test_what_is_parked_is_released_amid_rebalances(void **state)
{
    (void)state;
    static world w;
    begin(&w);
    for (int round = 0; round < ROUNDS; round++) {
        for (int p = 0; p < PARTITIONS; p++) {
            threaded_produce(&w.source, p, EACH_ROUND);
        }
        usleep(20000);
        release_all(&w);
        if (round % 3 == 0) {
            atomic_store(&w.source.rebalance, true);
            threaded_wake(&w.source);
        }
    }
    for (int waited = 0; !all_done(&w) && waited < WAIT_MS; waited += 50) {
        usleep(50000);
        release_all(&w);
    }
    assert_true(all_done(&w));
    assert_true(weir_handlers_count(w.handlers).parked > 0);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_parked_is_released_amid_rebalances),
    };
    return cmocka_run_group_tests_name("run_parking", tests, NULL, NULL);
}
