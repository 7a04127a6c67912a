/* Engines that run with threads: handlers and a sync over a source in memory, rebalances, messages
 * settled from elsewhere, figures read all the while, stops in mid-flight. To be run under
 * ThreadSanitizer as well (make check-tsan). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>
#include <weir/weir.h>

#include "base/alloc.h"
#include "memory/memory_store.h"
#include "service/message.h"
#include "sync/sync.h"
#include "threads/threaded_source.h"

enum { LANES = 3, MOST_OFFSETS = 1 << 18, USERS = 2 };

static void fill_plain(threaded_message *m, int partition, int64_t offset)
{
    snprintf(m->key, sizeof m->key, "%d", (int)((offset * 7 + partition) % KEYS));
    snprintf(m->value, sizeof m->value, "{\"n\":%lld}", (long long)offset);
}

/* ---- A world of handlers ------------------------------------------------------------------------
 */

/* What is known of a key; whoever has it busy owns the rest. */
typedef struct known_key {
    atomic_int busy;
    uint64_t epoch;
    int64_t done; /* the last offset, in that epoch */
} known_key;

typedef struct world {
    weir_engine engine;
    weir_handlers *handlers;
    weir_run run;
    threaded_source source;
    weir_route route;
    weir_routed_topic topic;
    known_key keys[PARTITIONS][KEYS];
    atomic_uchar done[PARTITIONS][MOST_OFFSETS];
    atomic_ullong answers;
    atomic_bool fatal, over;
    atomic_int slow_ms; /* what a handler takes */

    /* Users that settle what was deferred. Lock: `lock`. */
    pthread_t users[USERS];
    pthread_mutex_t lock;
    pthread_cond_t given;
    struct kept {
        weir_message *message;
        struct kept *next;
    } * kept;
    bool users_end;
} world;

static known_key *key_of(world *w, const weir_message *m)
{
    weir_view k = weir_key(m);
    int number = 0;
    for (size_t i = 0; i < k.len; i++) {
        number = number * 10 + (k.ptr[i] - '0');
    }
    return &w->keys[weir_partition_number(m)][number];
}

/* Which answer it is, by turns; OK ends the key's turn. */
static weir_status answer(world *w, weir_message *m)
{
    known_key *k = key_of(w, m);
    unsigned long long n = atomic_fetch_add(&w->answers, 1);
    weir_status s = n % 50 == 0 ? WEIR_RETRY : n % 70 == 0 ? WEIR_HOLD : WEIR_OK;
    if (s == WEIR_OK) {
        k->epoch = m->record->partition->epoch;
        k->done = weir_record_offset(m);
        atomic_store(&w->done[weir_partition_number(m)][weir_record_offset(m)], 1);
    }
    atomic_store(&k->busy, 0);
    return s;
}

static void keep(world *w, weir_message *m)
{
    struct kept *k = malloc(sizeof *k);
    k->message = m;
    pthread_mutex_lock(&w->lock);
    k->next = w->kept;
    w->kept = k;
    pthread_cond_signal(&w->given);
    pthread_mutex_unlock(&w->lock);
}

static weir_status handle(weir_message *m, void *ctx)
{
    world *w = ctx;
    known_key *k = key_of(w, m);
    assert_int_equal(atomic_exchange(&k->busy, 1), 0);
    bool again = k->epoch == m->record->partition->epoch && weir_record_offset(m) <= k->done;
    assert_false(again);
    usleep((unsigned)atomic_load(&w->slow_ms) * 1000);
    if (atomic_load(&w->fatal)) {
        atomic_store(&k->busy, 0);
        return WEIR_FATAL;
    }
    if (weir_record_offset(m) % 5 == 0) {
        weir_status s = weir_defer(m, 0);
        assert_non_null(weir_id(m).ptr);
        keep(w, m);
        return s;
    }
    return answer(w, m);
}

static void *use(void *arg)
{
    world *w = arg;
    pthread_mutex_lock(&w->lock);
    while (w->kept || !w->users_end) {
        struct kept *k = w->kept;
        if (!k) {
            pthread_cond_wait(&w->given, &w->lock);
            continue;
        }
        w->kept = k->next;
        pthread_mutex_unlock(&w->lock);
        weir_reader late = weir_read(k->message);
        assert_int_equal(weir_read_end(&late), WEIR_REJECT); /* nothing more is read now */
        (void)weir_revoked(k->message);
        weir_settle(k->message, answer(w, k->message));
        free(k);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static int64_t now_ms(void *ctx)
{
    (void)ctx;
    return weir_monotonic_ms();
}

static void begin(world *w, int64_t drain_ms)
{
    weir_error err;
    memset(w, 0, sizeof *w);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->given, NULL);
    weir_record_source source = threaded_source_open(&w->source, "orders", fill_plain);
    w->route = (weir_route){.fn = handle, .ctx = w};
    w->topic = (weir_routed_topic){.topic = "orders", .routes = &w->route, .n_routes = 1};
    weir_handlers_options h = {.name = "test",
        .topics = &w->topic,
        .n_topics = 1,
        .lanes = LANES,
        .max_attempts = 10,
        .backoff_ms = 1,
        .max_backoff_ms = 5,
        .followers_limit = 20,
        .stuck_after_ms = 60000,
        .now_ms = now_ms};
    assert_int_equal(weir_handlers_new(&h, &w->handlers, &err), WEIR_OK);
    weir_engine_options e = {.name = "test",
        .lanes = LANES,
        .partition_records = 500,
        .ahead_records = 2000,
        .group = true,
        .commit_interval_ms = 20,
        .drain_ms = drain_ms,
        .tag = weir_handlers_tag,
        .ctx = w->handlers};
    weir_processor processor = {&weir_handlers_processor, w->handlers};
    assert_int_equal(weir_engine_init(&w->engine, &e, source, processor, &err), WEIR_OK);
    weir_handlers_attach(w->handlers, &w->engine);
    for (int i = 0; i < USERS; i++) {
        assert_int_equal(pthread_create(&w->users[i], NULL, use, w), 0);
    }
    weir_background none = {.work = NULL};
    assert_int_equal(weir_run_start(&w->run, &w->engine, none, drain_ms, &err), WEIR_OK);
}

/* What others look at while it runs. */
static void look(world *w)
{
    weir_partition_view views[PARTITIONS];
    weir_stuck_key keys[8];
    weir_error err;
    int64_t told_ms;
    (void)weir_engine_partitions(&w->engine, views, PARTITIONS);
    (void)weir_engine_get_counts(&w->engine);
    (void)weir_engine_ready(&w->engine);
    (void)weir_engine_has(&w->engine, 0);
    (void)weir_engine_waiting(&w->engine, &err, &told_ms);
    (void)weir_engine_failure(&w->engine, &err);
    (void)weir_handlers_count(w->handlers);
    (void)weir_handlers_stuck_keys(w->handlers, keys, 8);
    assert_false(weir_handlers_stuck(w->handlers, &err));
    assert_true(weir_run_silence(&w->run, weir_monotonic_ms()).ms < 30000);
}

static void work_for(world *w, int64_t ms, int rebalance_every)
{
    int64_t until = weir_monotonic_ms() + ms;
    for (int round = 1; weir_monotonic_ms() < until; round++) {
        for (int p = 0; p < PARTITIONS; p++) {
            if (atomic_load(&w->source.produced[p]) < MOST_OFFSETS - 200) {
                threaded_produce(&w->source, p, 100);
            }
        }
        if (rebalance_every && round % rebalance_every == 0) {
            atomic_store(&w->source.rebalance, true);
            threaded_wake(&w->source);
        }
        look(w);
        usleep(2000);
    }
}

/* Everything below what was committed has been done; nothing is left behind. */
static weir_status end(world *w, weir_error *err)
{
    weir_run_stop(&w->run);
    weir_status s = weir_run_wait(&w->run, err);
    assert_true(weir_run_ended(&w->run));
    pthread_mutex_lock(&w->lock);
    w->users_end = true;
    pthread_cond_broadcast(&w->given);
    pthread_mutex_unlock(&w->lock);
    for (int i = 0; i < USERS; i++) {
        pthread_join(w->users[i], NULL);
    }
    for (int p = 0; p < PARTITIONS; p++) {
        for (int64_t o = 0; o < w->source.parts[p].committed; o++) {
            assert_int_equal(atomic_load(&w->done[p][o]), 1);
        }
    }
    weir_run_fini(&w->run);
    assert_true(weir_engine_idle(&w->engine));
    weir_engine_fini(&w->engine);
    weir_handlers_free(w->handlers);
    threaded_source_close(&w->source);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->given);
    assert_int_equal(weir_alloc_live(), 0);
    return s;
}

static bool all_committed(world *w)
{
    weir_partition_view views[PARTITIONS];
    bool all = weir_engine_partitions(&w->engine, views, PARTITIONS) == PARTITIONS;
    for (int p = 0; p < PARTITIONS && all; p++) {
        all = views[p].committed == views[p].end;
    }
    return all;
}

static void test_a_second_of_handlers(void **state)
{
    (void)state;
    static world w;
    weir_error err;
    begin(&w, 5000);
    work_for(&w, 1000, 10);
    int64_t until = weir_monotonic_ms() + 20000;
    while (!all_committed(&w) && weir_monotonic_ms() < until) {
        look(&w);
        usleep(2000);
    }
    assert_true(all_committed(&w));
    assert_true(weir_engine_ready(&w.engine));
    assert_true(atomic_load(&w.source.rebalances) > 3);
    assert_int_equal(end(&w, &err), WEIR_OK);
}

/* Stopped with everything in hand: it drains what it can, within the bound. */
static void test_stops_in_mid_flight(void **state)
{
    (void)state;
    for (int64_t drain_ms = 0; drain_ms <= 30; drain_ms += 10) {
        static world w;
        weir_error err;
        begin(&w, drain_ms);
        work_for(&w, 100, 7);
        assert_int_equal(end(&w, &err), WEIR_OK);
    }
}

static size_t count_done(world *w)
{
    size_t n = 0;
    for (int p = 0; p < PARTITIONS; p++) {
        for (int64_t o = 0; o < atomic_load(&w->source.produced[p]); o++) {
            n += atomic_load(&w->done[p][o]);
        }
    }
    return n;
}

/* What was not begun when the drain's bound passes is dropped: nobody waits for slow handlers. */
static void test_the_bound_of_a_drain(void **state)
{
    enum { DRAIN_MS = 200, SLOW_MS = 50, EACH = 200, BEGUN = 2 * LANES };
    (void)state;
    static world w;
    weir_error err;
    begin(&w, DRAIN_MS);
    atomic_store(&w.slow_ms, SLOW_MS);
    for (int p = 0; p < PARTITIONS; p++) {
        threaded_produce(&w.source, p, EACH);
    }
    int64_t until = weir_monotonic_ms() + 20000;
    while (count_done(&w) < BEGUN && weir_monotonic_ms() < until) {
        usleep(1000);
    }
    size_t before = count_done(&w);
    assert_in_range(before, BEGUN, PARTITIONS * EACH / 3);
    assert_int_equal(end(&w, &err), WEIR_OK);
    /* By the bound each lane handles four, and one that it has begun; those that are deferred take
     * no time. Twice as many, for a machine that is busy. */
    assert_in_range(count_done(&w) - before, 0, 2 * LANES * (DRAIN_MS / SLOW_MS + 1) * 5 / 4);
}

static void test_fails_in_mid_flight(void **state)
{
    (void)state;
    static world w;
    weir_error err;
    begin(&w, 5000);
    work_for(&w, 100, 7);
    atomic_store(&w.fatal, true);
    int64_t until = weir_monotonic_ms() + 10000;
    while (!weir_run_ended(&w.run) && weir_monotonic_ms() < until) {
        threaded_produce(&w.source, 0, 1);
        usleep(1000);
    }
    assert_true(weir_run_ended(&w.run));
    assert_int_equal(end(&w, &err), WEIR_FATAL);
    assert_string_equal(err.code, "HANDLER_FATAL");
}

/* A source that ends, as a file does: it ends by itself when all is done. */
static void test_a_source_ends(void **state)
{
    (void)state;
    static world w;
    weir_error err;
    begin(&w, 5000);
    for (int p = 0; p < PARTITIONS; p++) {
        threaded_produce(&w.source, p, 3000);
    }
    atomic_store(&w.source.ends, true);
    int64_t until = weir_monotonic_ms() + 20000;
    while (!weir_run_ended(&w.run) && weir_monotonic_ms() < until) {
        usleep(1000);
    }
    assert_true(weir_run_ended(&w.run));
    for (int p = 0; p < PARTITIONS; p++) {
        assert_int_equal(w.source.parts[p].committed, 3000);
    }
    assert_int_equal(end(&w, &err), WEIR_OK);
}

static int64_t step_idly(void *self, unsigned lane, int64_t now)
{
    (void)self, (void)lane, (void)now;
    return INT64_MAX;
}

/* Where a thread finds no memory at the start, those that began end. */
static void test_no_memory_at_the_start(void **state)
{
    (void)state;
    threaded_source source;
    for (long at = 1; at <= 1 + LANES; at++) {
        weir_engine engine;
        weir_run run;
        weir_error err;
        static const weir_processor_ops ops = {.step = step_idly};
        weir_record_source s = threaded_source_open(&source, "orders", fill_plain);
        weir_engine_options o = {.name = "test", .lanes = LANES};
        assert_int_equal(
            weir_engine_init(&engine, &o, s, (weir_processor){&ops, NULL}, &err), WEIR_OK);
        weir_alloc_fail_at(at, 0);
        assert_int_equal(
            weir_run_start(&run, &engine, (weir_background){.work = NULL}, 0, &err), WEIR_RETRY);
        weir_alloc_fail_at(0, 0);
        assert_string_equal(err.code, "OUT_OF_MEMORY");
        weir_run_fini(&run);
        weir_engine_fini(&engine);
        threaded_source_close(&source);
        assert_int_equal(weir_alloc_live(), 0);
    }
}

/* ---- A world of a sync --------------------------------------------------------------------------
 */

typedef struct sync_world {
    weir_engine engine;
    weir_sync *sync;
    weir_run run;
    weir_store store;
    threaded_source source;
    weir_sync_cache cache;
    weir_sync_topic topic;
    atomic_bool stopping;
} sync_world;

static const weir_source_rules rules = {.topic_prefix = {"s", 1}, .positions = true};
static const unsigned only[] = {0};

static void fill_change(threaded_message *m, int partition, int64_t offset)
{
    int id = (int)(offset % KEYS) * PARTITIONS + partition;
    long long l = offset + 1;
    snprintf(m->key, sizeof m->key, "{\"id\":%d}", id);
    snprintf(m->value, sizeof m->value,
        "{\"after\":{\"id\":%d,\"n\":%lld},\"source\":{\"connector\":\"postgresql\",\"schema\":"
        "\"public\",\"table\":\"t\",\"sequence\":\"[\\\"%lld\\\",\\\"%lld\\\"]\",\"txId\":%lld,"
        "\"lsn\":%lld,\"ts_ms\":1},\"op\":\"u\"}",
        id, (long long)offset, l, l, l, l);
}

static int64_t wall_ms(void *ctx)
{
    (void)ctx;
    return weir_monotonic_ms();
}

static bool wait_held(void *ctx, int64_t ms)
{
    sync_world *w = ctx;
    usleep((unsigned)ms * 1000);
    return !atomic_load(&w->stopping);
}

static weir_status write_some(void *self, int64_t wait_ms)
{
    return weir_sync_write(self, wait_ms);
}

static void wake_writer(void *self)
{
    weir_sync_wake(self);
}

static void abandon_writes(void *self)
{
    weir_sync_abandon(self);
}

static void begin_sync(sync_world *w)
{
    weir_error err;
    memset(w, 0, sizeof *w);
    weir_record_source source = threaded_source_open(&w->source, "s.public.t", fill_change);
    assert_int_equal(weir_memory_store_open(0, &w->store, &err), WEIR_OK);
    w->cache = (weir_sync_cache){.name = "t", .rule = weir_view_of("all"), .delete_marks_ms = 1};
    w->topic = (weir_sync_topic){.topic = "s.public.t",
        .table = "public.t",
        .source = &rules,
        .caches = only,
        .n_caches = 1};
    weir_sync_options o = {.name = "test",
        .caches = &w->cache,
        .n_caches = 1,
        .topics = &w->topic,
        .n_topics = 1,
        .lanes = LANES,
        .wall_ms = wall_ms,
        .wait = wait_held,
        .ctx = w};
    assert_int_equal(weir_sync_new(&o, w->store, &w->sync, &err), WEIR_OK);
    weir_engine_options e = {.name = "test", .lanes = LANES, .tag = weir_sync_tag, .ctx = w->sync};
    weir_processor processor = {&weir_sync_processor, w->sync};
    assert_int_equal(weir_engine_init(&w->engine, &e, source, processor, &err), WEIR_OK);
    weir_sync_attach(w->sync, &w->engine);
    weir_background writer = {write_some, wake_writer, abandon_writes, w->sync};
    assert_int_equal(weir_run_start(&w->run, &w->engine, writer, 5000, &err), WEIR_OK);
}

/* As the source asks, the daemon's pages look, and other threads read rows. */
static void look_at_sync(sync_world *w)
{
    weir_sync_stats stats;
    weir_error err;
    weir_buf row = {0};
    bool found;
    weir_sync_get_stats(w->sync, 0, &stats);
    (void)weir_sync_transactions(w->sync);
    (void)weir_sync_rejected(w->sync);
    (void)weir_sync_held(w->sync, &err);
    (void)weir_sync_offset(w->sync, weir_view_of("s.public.t"), 1);
    assert_int_equal(
        weir_sync_check_partitions(w->sync, weir_view_of("s.public.t"), PARTITIONS, &err), WEIR_OK);
    (void)weir_engine_ready(&w->engine);
    assert_int_equal(w->store.ops->read(w->store.self, 1, WEIR_SPACE_ROW,
                         weir_view_of("{\"id\":1}"), &row, &found, &err),
        WEIR_OK);
    weir_buf_fini(&row);
}

static void expect_rows(sync_world *w)
{
    for (int id = 0; id < KEYS * PARTITIONS; id++) {
        int64_t n = atomic_load(&w->source.produced[id % PARTITIONS]), last = -1;
        for (int64_t o = n - 1; o >= 0 && last < 0; o--) {
            last = o % KEYS == id / PARTITIONS ? o : -1;
        }
        char key[32], expected[64];
        weir_buf row = {0};
        bool found;
        weir_error err;
        snprintf(key, sizeof key, "{\"id\":%d}", id);
        snprintf(expected, sizeof expected, "{\"id\":%d,\"n\":%lld}", id, (long long)last);
        assert_int_equal(w->store.ops->read(w->store.self, 1, WEIR_SPACE_ROW, weir_view_of(key),
                             &row, &found, &err),
            WEIR_OK);
        assert_true(found);
        assert_string_equal(weir_buf_str(&row), expected);
        weir_buf_fini(&row);
    }
}

static void test_a_second_of_sync(void **state)
{
    (void)state;
    static sync_world w;
    weir_error err;
    begin_sync(&w);
    int64_t until = weir_monotonic_ms() + 1000;
    while (weir_monotonic_ms() < until) {
        for (int p = 0; p < PARTITIONS; p++) {
            threaded_produce(&w.source, p, 50);
        }
        look_at_sync(&w);
        usleep(2000);
    }
    atomic_store(&w.source.ends, true);
    threaded_wake(&w.source);
    assert_int_equal(weir_run_wait(&w.run, &err), WEIR_OK); /* it ends by itself */
    assert_true(weir_engine_ready(&w.engine));
    assert_int_equal(weir_sync_write(w.sync, 0), WEIR_OK);
    expect_rows(&w);
    for (int p = 0; p < PARTITIONS; p++) {
        assert_int_equal(weir_sync_offset(w.sync, weir_view_of("s.public.t"), p),
            atomic_load(&w.source.produced[p]));
    }
    weir_run_fini(&w.run);
    weir_engine_fini(&w.engine);
    weir_sync_free(w.sync);
    w.store.ops->close(w.store.self);
    threaded_source_close(&w.source);
    assert_int_equal(weir_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_second_of_handlers),
        cmocka_unit_test(test_stops_in_mid_flight),
        cmocka_unit_test(test_the_bound_of_a_drain),
        cmocka_unit_test(test_fails_in_mid_flight),
        cmocka_unit_test(test_a_source_ends),
        cmocka_unit_test(test_no_memory_at_the_start),
        cmocka_unit_test(test_a_second_of_sync),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
