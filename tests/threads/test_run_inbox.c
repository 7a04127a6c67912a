/* Handlers with a transaction in threads: lanes, each with a session of one SQLite, a relay, and
 * rebalances that make records come again. To be run under ThreadSanitizer as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>
#include <weir/weir.h>

#include "base/alloc.h"
#include "memory/memory_emitter.h"
#include "service/handlers.h"
#include "service/relay.h"
#include "sqlite/sqlite_tx.h"
#include "threads/threaded_source.h"

enum { LANES = 3, RECORDS = 300 }; /* RECORDS: of a partition */

typedef struct world {
    weir_engine engine;
    weir_handlers *handlers;
    weir_run run;
    threaded_source source;
    weir_inbox inbox, *inboxes[1];
    weir_route route;
    weir_routed_topic topic;
    weir_emitter emitter;
    weir_memory_emitter *memory;
    weir_relay *relay;
    pthread_t relaying;
    atomic_bool over;
    atomic_ullong calls;
} world;

static void fill(threaded_message *m, int partition, int64_t offset)
{
    snprintf(m->key, sizeof m->key, "%d", (int)((offset * 7 + partition) % KEYS));
    snprintf(m->value, sizeof m->value, "{}");
}

static weir_status handle(weir_message *m, void *ctx)
{
    world *w = ctx;
    unsigned long long n = atomic_fetch_add(&w->calls, 1);
    weir_status s = weir_sql(weir_tx_of(m), "insert into effects (p, o) values ($1, $2)",
        W_INT("p", weir_partition_number(m)),
        W_INT("o", n % 89 == 0 ? RECORDS : weir_record_offset(m)));
    s = s ? s : weir_emit(m, .type = "told", .fields = W_OBJECT(W_INT("n", 1)));
    return !s && n % 97 == 0 ? weir_retry(m, 0, "now and then") : s;
}

/* What it says behind a statement that was refused is for nothing. */
static weir_status handle_batch(weir_batch *b, void *ctx)
{
    world *w = ctx;
    for (size_t i = 0; i < weir_batch_count(b); i++) {
        weir_status s = handle(weir_batch_at(b, i), ctx);
        if (s) {
            weir_batch_answer(b, i, s);
        }
    }
    return atomic_load(&w->calls) % 23 == 0 ? WEIR_RETRY : WEIR_OK;
}

static int64_t now_ms(void *ctx)
{
    (void)ctx;
    return weir_monotonic_ms();
}

static void *relay(void *arg)
{
    world *w = arg;
    while (!atomic_load(&w->over)) {
        if (weir_relay_step(w->relay) > weir_monotonic_ms()) {
            usleep(1000);
        }
    }
    return NULL;
}

static const char *const migrations[] = {
    "create table effects (p bigint, o bigint check (o < 300))"};
static const weir_emit_rule rules[] = {{.type = "told", .topic = "news"}};

static void open_inbox(world *w, const char *path)
{
    static const weir_sql_class classes[] = {{"SQLITE_CONSTRAINT_CHECK", WEIR_RETRY}};
    static weir_sqlite_tx_options o = {.sql = {.inbox = "weir_inbox",
                                           .outbox = "weir_outbox",
                                           .migrations = "weir_migrations",
                                           .classes = classes,
                                           .n_classes = 1}};
    weir_sql_database db;
    o.path = path;
    assert_int_equal(weir_sqlite_tx_open(&o, &db, NULL), WEIR_OK);
    weir_inbox_options i = {.store = "db",
        .app = "test",
        .names = {"weir_inbox", "weir_outbox", "weir_migrations"},
        .create = true,
        .migrate = true,
        .migrations = migrations,
        .n_migrations = 1,
        .keep_ms = 3600000,
        .wall_ms = now_ms};
    assert_int_equal(weir_inbox_init(&w->inbox, &i, db, NULL), WEIR_OK);
    w->inboxes[0] = &w->inbox;
    assert_int_equal(weir_memory_emitter_new(&w->memory, &w->emitter, NULL), WEIR_OK);
    weir_relay_options r = {.inbox = &w->inbox,
        .emitter = w->emitter,
        .poll_ms = 5,
        .batch_bytes = 1 << 16,
        .now_ms = now_ms};
    assert_int_equal(weir_relay_new(&r, &w->relay, NULL), WEIR_OK);
}

static void begin(world *w, const char *path, weir_batch_fn *batch)
{
    weir_error err;
    memset(w, 0, sizeof *w);
    open_inbox(w, path);
    weir_record_source source = threaded_source_open(&w->source, "orders", fill);
    w->route = (weir_route){.fn = handle,
        .batch = batch,
        .batch_most = 20,
        .batch_wait_ms = 2,
        .ctx = w,
        .inbox = &w->inbox,
        .inbox_name = "test/orders"};
    w->topic = (weir_routed_topic){.topic = "orders", .routes = &w->route, .n_routes = 1};
    weir_handlers_options h = {.name = "test",
        .topics = &w->topic,
        .n_topics = 1,
        .lanes = LANES,
        .max_attempts = 10,
        .backoff_ms = 1,
        .max_backoff_ms = 5,
        .stuck_after_ms = 60000,
        .emits = {rules, 1, "test"},
        .inboxes = w->inboxes,
        .n_inboxes = 1,
        .now_ms = now_ms};
    assert_int_equal(weir_handlers_new(&h, &w->handlers, &err), WEIR_OK);
    weir_engine_options e = {.name = "test",
        .lanes = LANES,
        .group = true,
        .commit_interval_ms = 20,
        .drain_ms = 1,
        .tag = weir_handlers_tag,
        .ctx = w->handlers};
    weir_processor processor = {&weir_handlers_processor, w->handlers};
    assert_int_equal(weir_engine_init(&w->engine, &e, source, processor, &err), WEIR_OK);
    weir_handlers_attach(w->handlers, &w->engine);
    assert_int_equal(pthread_create(&w->relaying, NULL, relay, w), 0);
    assert_int_equal(
        weir_run_start(&w->run, &w->engine, (weir_background){.work = NULL}, 1000, &err), WEIR_OK);
}

static bool all_committed(world *w)
{
    weir_partition_view views[PARTITIONS];
    bool all = weir_engine_partitions(&w->engine, views, PARTITIONS) == PARTITIONS;
    for (int p = 0; p < PARTITIONS && all; p++) {
        all = views[p].committed == RECORDS;
    }
    return all;
}

static bool take_int(void *ctx, const weir_field *cells, size_t n)
{
    (void)n;
    *(int64_t *)ctx = cells[0].number;
    return false;
}

static int64_t ask(world *w, const char *sql)
{
    int64_t n = -1;
    weir_sql_session s;
    weir_sql_answer a = {.row = take_int, .ctx = &n};
    weir_sql_database db = w->inbox.database;
    assert_int_equal(db.ops->session(db.self, &s, NULL), WEIR_OK);
    assert_int_equal(s.ops->exec(s.self, sql, NULL, &a, NULL), WEIR_OK);
    s.ops->close(s.self);
    return n;
}

static void end(world *w)
{
    weir_error err;
    weir_run_stop(&w->run);
    assert_int_equal(weir_run_wait(&w->run, &err), WEIR_OK);
    atomic_store(&w->over, true);
    pthread_join(w->relaying, NULL);
    weir_run_fini(&w->run);
    weir_engine_fini(&w->engine);
    weir_handlers_free(w->handlers);
    weir_relay_free(w->relay);
    weir_memory_emitter_free(w->memory);
    weir_inbox_fini(&w->inbox);
    threaded_source_close(&w->source);
    assert_int_equal(weir_alloc_live(), 0);
}

static void share_a_database(weir_batch_fn *batch)
{
    static world w;
    char path[] = "/tmp/weir-inbox-XXXXXX", beside[64];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    begin(&w, path, batch);
    for (int i = 0; i < RECORDS / 10; i++) {
        for (int p = 0; p < PARTITIONS; p++) {
            threaded_produce(&w.source, p, 10);
        }
        if (i % 4 == 0) {
            atomic_store(&w.source.rebalance, true);
            threaded_wake(&w.source);
        }
        (void)weir_relay_look(w.relay);
        usleep(10000);
    }
    int64_t until = weir_monotonic_ms() + 60000;
    while ((!all_committed(&w) || weir_relay_look(w.relay).relayed < PARTITIONS * RECORDS) &&
           weir_monotonic_ms() < until) {
        usleep(2000);
    }
    assert_true(all_committed(&w));
    assert_int_equal(ask(&w, "select count(*) from effects"), PARTITIONS * RECORDS);
    assert_int_equal(
        ask(&w, "select count(*) from (select distinct p, o from effects)"), PARTITIONS * RECORDS);
    assert_int_equal(weir_memory_emitter_count(w.memory), PARTITIONS * RECORDS);
    end(&w);
    unlink(path);
    static const char *const suffixes[] = {"-wal", "-shm", "-relay"};
    for (int i = 0; i < 3; i++) {
        snprintf(beside, sizeof beside, "%s%s", path, suffixes[i]);
        unlink(beside);
    }
}

static void test_lanes_share_a_database(void **state)
{
    (void)state;
    share_a_database(NULL);
}

static void test_batches_share_a_database(void **state)
{
    (void)state;
    share_a_database(handle_batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lanes_share_a_database),
        cmocka_unit_test(test_batches_share_a_database)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
