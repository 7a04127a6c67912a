/* A replica: wires one store to its source. See replica.h. */
#include "replica.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "column_watch.h"
#include "file/file_source.h"
#include "kafka/kafka_admin.h"
#include "kafka/kafka_dead_letter.h"
#include "kafka/kafka_source.h"
#include "kafka_properties.h"
#include "lmdb/lmdb_store.h"
#include "memory/memory_store.h"
#include "postgres/postgres_store.h"
#include "process.h"
#include "sqlite/sqlite_store.h"
#include "topic_ends.h"

enum {
    ASK_MS = 5000,
    SHORT_MS = 1000,
    MOST_OF_TRANSACTIONS = 1000000, /* records of a partition, which wait for the other ones' */
};

struct weir_replica {
    weir_replica_options options;
    weir_rules rules;
    weir_store store;
    weir_sync *sync;
    weir_column_watch *columns;
    weir_engine engine;
    weir_run run;
    weir_record_source source;
    weir_dead_letters dead_letters;
    weir_kafka_property *consumer, *producer; /* in the rules' arena */
    size_t n_consumer, n_producer;
    atomic_ullong *past; /* by cache: a position that it is past */
    atomic_bool started; /* its threads run, or must be waited for */
    atomic_bool stopping;
};

/* ---- Store --------------------------------------------------------------------------------------
 */

static weir_status open_postgres(const weir_config_store *config, bool read_only,
    const weir_log *log, weir_store *out, weir_error *err)
{
    weir_postgres_options o = {.conninfo = config->conninfo,
        .password = config->password,
        .side_table = config->state_table,
        .read_only = read_only,
        .shared = weir_config_store_is_shared(config),
        .tables = config->tables,
        .n_tables = config->n_tables,
        .log = log};
    return weir_postgres_store_open(&o, out, err);
}

static weir_status open_sqlite(const weir_config_store *config, bool read_only, const weir_log *log,
    weir_store *out, weir_error *err)
{
    weir_sqlite_options o = {.path = config->path,
        .side_table = config->state_table,
        .sync_each_commit = config->sync == WEIR_CONFIG_SYNC_COMMIT,
        .read_only = read_only,
        .tables = config->tables,
        .n_tables = config->n_tables,
        .log = log};
    return weir_sqlite_store_open(&o, out, err);
}

static weir_status open_any(const weir_config_store *config, bool read_only, const weir_log *log,
    weir_store *out, weir_error *err)
{
    if (config->type == WEIR_CONFIG_STORE_MEMORY) {
        return weir_memory_store_open(config->max_bytes, out, err);
    }
    if (config->type == WEIR_CONFIG_STORE_POSTGRES) {
        return open_postgres(config, read_only, log, out, err);
    }
    if (config->type == WEIR_CONFIG_STORE_SQLITE) {
        return open_sqlite(config, read_only, log, out, err);
    }
    weir_lmdb_options o = {.path = config->path,
        .map_bytes = config->map_size,
        .sync_each_commit = config->sync == WEIR_CONFIG_SYNC_COMMIT,
        .read_only = read_only};
    return weir_lmdb_store_open(&o, out, err);
}

/* There may be several of a kind: which one it is belongs to the error. */
weir_status weir_open_store(const weir_config_store *config, bool read_only, const weir_log *log,
    weir_store *out, weir_error *err)
{
    weir_status s = open_any(config, read_only, log, out, err);
    return s ? weir_at(err, "stores.%s", config->name) : s;
}

/* ---- Source -------------------------------------------------------------------------------------
 */

static bool wanted(void *ctx, weir_view topic)
{
    weir_replica *r = ctx;
    return weir_sync_tag(r->sync, topic) != UINT32_MAX;
}

static int64_t stored_start(void *ctx, weir_view topic, int32_t partition)
{
    weir_replica *r = ctx;
    return weir_sync_offset(r->sync, topic, partition);
}

static weir_status checked_start(void *ctx, weir_view topic, int32_t partition,
    int32_t n_partitions, int64_t *offset, weir_error *err)
{
    weir_replica *r = ctx;
    *offset = weir_sync_offset(r->sync, topic, partition);
    return weir_sync_check_partitions(r->sync, topic, n_partitions, err);
}

static weir_status counted(void *ctx, weir_view topic, int32_t n_partitions, weir_error *err)
{
    return weir_sync_check_partitions(((weir_replica *)ctx)->sync, topic, n_partitions, err);
}

static weir_status open_recording(weir_replica *r, weir_error *err)
{
    weir_file_source_options o = {
        .path = r->options.recording, .wanted = wanted, .start = stored_start, .ctx = r};
    return weir_file_source_open(&o, &r->source, err);
}

static bool is_shared(const weir_replica *r)
{
    return weir_config_store_is_shared(r->options.store);
}

/* Instances of a shared store are a group, which is another one than that of the handlers. NULL:
 * all partitions are read. */
static const char *group_of(weir_replica *r)
{
    return is_shared(r) ? weir_arena_printf(&r->rules.arena, "%s.%s", r->options.config->name,
                              r->options.store->name)
                              .ptr
                        : NULL;
}

/* A restart under the same name keeps its partitions. */
static const char *instance_of(weir_replica *r)
{
    const weir_replica_options *o = &r->options;
    return o->member
               ? weir_arena_printf(&r->rules.arena, "%s.%u", o->config->instance, o->member).ptr
               : o->config->instance;
}

static weir_status open_kafka(weir_replica *r, weir_error *err)
{
    const weir_config *c = r->options.config;
    const char *group = group_of(r), *instance = instance_of(r);
    r->consumer = weir_kafka_properties(c, &c->kafka.consumer, &r->rules.arena, &r->n_consumer);
    r->producer = weir_kafka_properties(c, &c->kafka.producer, &r->rules.arena, &r->n_producer);
    if (!r->consumer || !r->producer || r->rules.arena.failed) {
        return weir_fail_oom(err);
    }
    weir_kafka_source_options o = {
        .properties = r->consumer,
        .n_properties = r->n_consumer,
        .topics = r->rules.topic_names,
        .n_topics = r->rules.n_topics,
        .wait_for = r->rules.wait_for_topic,
        .group = group,
        .instance = instance,
        .in_flight_bytes = c->limits.in_flight_bytes / r->options.members,
        .start = checked_start,
        .counted = counted,
        .ctx = r,
        .log = r->options.log,
    };
    return weir_kafka_source_open(&o, &r->source, err);
}

static weir_status open_dead_letters(weir_replica *r, weir_error *err)
{
    const weir_config *c = r->options.config;
    if (r->options.recording || c->errors.reject != WEIR_CONFIG_REJECT_DEAD_LETTER) {
        return WEIR_OK;
    }
    weir_kafka_dead_letter_options o = {.properties = r->producer,
        .n_properties = r->n_producer,
        .topic = c->errors.dead_letter.topic,
        .group = c->name,
        .timeout_ms = weir_letter_timeout_ms(c),
        .hold = c->errors.dead_letter.on_unwritable == WEIR_CONFIG_OR_HOLD,
        .log = r->options.log};
    return weir_kafka_dead_letters_open(&o, &r->dead_letters, err);
}

/* ---- Sync and engine
 * ------------------------------------------------------------------------------ */

static int64_t wall_ms(void *ctx)
{
    struct timespec t;
    (void)ctx;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* While the store holds; in small steps, so that a stop is heard. */
static bool wait_held(void *ctx, int64_t ms)
{
    weir_replica *r = ctx;
    for (int64_t until = weir_monotonic_ms() + ms; weir_monotonic_ms() < until;) {
        if (atomic_load(&r->stopping) || weir_engine_failure(&r->engine, NULL)) {
            return false;
        }
        weir_run_alive();
        usleep(20000);
    }
    return true;
}

/* A broker that does not say is taken at its worst: rows are then flagged that may be right. */
static bool is_compacted(void *ctx, const char *topic)
{
    weir_replica *r = ctx;
    weir_kafka_admin_options o = {.properties = r->consumer,
        .n_properties = r->n_consumer,
        .timeout_ms = ASK_MS,
        .log = r->options.log};
    int64_t stuck_after_ms = r->options.config->limits.stuck_after_ms;
    o.timeout_ms = stuck_after_ms / 2 < ASK_MS ? (int)(stuck_after_ms / 2) : ASK_MS;
    weir_kafka_admin *admin = NULL;
    weir_kafka_topic_config config = {.compacted = true};
    weir_error err;
    if (r->options.recording) {
        return false;
    }
    weir_status s = weir_kafka_admin_open(&o, &admin, &err);
    s = s ? s : weir_kafka_admin_look(admin, &err);
    weir_run_alive(); /* each question has its own bound */
    s = s ? s : weir_kafka_admin_topic_config(admin, topic, &config, &err);
    if (s) {
        weir_log_error(r->options.log, WEIR_LOG_WARN, r->options.store->name, &err,
            "offsets are missing from %s, and whether it is compacted cannot be asked: taken as if",
            topic);
        config.compacted = true;
    }
    weir_kafka_admin_close(admin);
    return config.compacted;
}

static int32_t partitions_of(void *ctx, const char *topic)
{
    weir_replica *r = ctx;
    weir_kafka_admin_options o = {.properties = r->consumer,
        .n_properties = r->n_consumer,
        .timeout_ms = SHORT_MS,
        .log = r->options.log};
    weir_kafka_admin *admin = NULL;
    weir_error err;
    int32_t n = 0;
    weir_status s = weir_kafka_admin_open(&o, &admin, &err);
    s = s ? s : weir_kafka_admin_look(admin, &err);
    weir_run_alive();
    s = s ? s : weir_kafka_admin_partitions(admin, topic, &n, &err);
    weir_kafka_admin_close(admin);
    return s ? 0 : n;
}

static weir_status new_sync(weir_replica *r, weir_error *err)
{
    static const weir_reject_policy policies[] = {
        [WEIR_CONFIG_REJECT_DEAD_LETTER] = WEIR_REJECT_DEAD_LETTER,
        [WEIR_CONFIG_REJECT_STOP] = WEIR_REJECT_STOP,
        [WEIR_CONFIG_REJECT_SKIP] = WEIR_REJECT_SKIP,
    };
    const weir_config *c = r->options.config;
    weir_reject_policy on_reject = policies[c->errors.reject];
    if (r->options.recording && on_reject == WEIR_REJECT_DEAD_LETTER) {
        on_reject = WEIR_REJECT_SKIP; /* nobody is asked for a broker, so there is no topic */
    }
    weir_sync_options o = {
        .name = r->options.store->name,
        .caches = r->rules.caches,
        .n_caches = r->rules.n_caches,
        .topics = r->rules.topics,
        .n_topics = r->rules.n_topics,
        .lanes = weir_lanes_of(c),
        .on_reject = on_reject,
        .dead_letters = {r->dead_letters.write, r->dead_letters.self},
        .trust_rejected_keys = !c->errors.quarantine_key,
        .stop_when_full = r->options.store->type == WEIR_CONFIG_STORE_MEMORY &&
                          r->options.store->on_full == WEIR_CONFIG_OR_STOP,
        .wall_ms = wall_ms,
        .wait = wait_held,
        .compacted = is_compacted,
        .partitions = r->options.recording ? NULL : partitions_of,
        .ctx = r,
        .log = r->options.log,
    };
    return weir_sync_new(&o, r->store, &r->sync, err);
}

static weir_status open_store(weir_replica *r, weir_error *err)
{
    return weir_open_store(r->options.store, false, r->options.log, &r->store, err);
}

/* It recovers, is not up yet, has no room or is locked by somebody; or another instance has begun
 * beside this one. */
static bool may_pass(const weir_error *err)
{
    static const char *const codes[] = {"STORE_UNREACHABLE", "STORE_FULL", "TABLE_MOVED"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (strcmp(err->code, codes[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* A database that may yet take writes is waited for a while: then the start has failed, and whoever
 * started the process may know better. */
static weir_status held(
    weir_replica *r, weir_status (*step)(weir_replica *r, weir_error *err), weir_error *err)
{
    enum { WAIT_MS = 30000, BETWEEN_US = 500000 };
    weir_status s = step(r, err);
    int64_t until_ms = weir_monotonic_ms() + WAIT_MS;
    for (int i = 0; s && may_pass(err) && weir_monotonic_ms() < until_ms && !weir_told_to_end();
         i++) {
        if (i == 0) {
            weir_log_error(r->options.log, WEIR_LOG_WARN, r->options.store->name, err,
                "waiting for the database, half a minute at most");
        }
        usleep(BETWEEN_US);
        s = step(r, err);
    }
    return s ? weir_at(err, "stores.%s", r->options.store->name) : s;
}

/* Sync's own take, with a look at what the records name. */
static void take(void *self, unsigned lane, weir_chunk *chunk)
{
    weir_replica *r = self;
    weir_column_watch_look(r->columns, chunk);
    weir_sync_processor.take(r->sync, lane, chunk);
}

static int64_t step(void *self, unsigned lane, int64_t now_ms)
{
    weir_replica *r = self;
    return weir_sync_processor.step(r->sync, lane, now_ms);
}

static weir_status new_engine(weir_replica *r, weir_error *err)
{
    static const weir_processor_ops ops = {.take = take, .step = step};
    const weir_config *c = r->options.config;
    weir_engine_options o = {
        .name = r->options.store->name,
        .lanes = weir_lanes_of(c),
        .in_flight_bytes = weir_engine_bytes_of(c) / r->options.members,
        .partition_records = weir_sync_by_transaction(r->sync) ? MOST_OF_TRANSACTIONS : 0,
        .by_partition = weir_sync_by_transaction(r->sync),
        .group = is_shared(r) && !r->options.recording,
        .drain_ms = c->limits.drain_ms,
        .tag = weir_sync_tag,
        .ctx = r->sync,
        .log = r->options.log,
    };
    weir_processor processor = {&ops, r};
    weir_status s = weir_engine_init(&r->engine, &o, r->source, processor, err);
    if (s) {
        return s;
    }
    weir_sync_attach(r->sync, &r->engine);
    return WEIR_OK;
}

weir_status weir_replica_open(
    const weir_replica_options *options, weir_replica **out, weir_error *err)
{
    *out = NULL;
    weir_replica *r = weir_calloc(1, sizeof *r);
    if (!r) {
        return weir_fail_oom(err);
    }
    r->options = *options;
    weir_status s = weir_rules_build(options->config, options->store, &r->rules, err);
    s = s ? s : held(r, open_store, err);
    s = s ? s : options->recording ? open_recording(r, err) : open_kafka(r, err);
    s = s ? s : open_dead_letters(r, err);
    s = s ? s : held(r, new_sync, err);
    s = s ? s : weir_column_watch_new(options->config, &r->rules, options->log, &r->columns, err);
    s = s ? s : new_engine(r, err);
    r->past = weir_calloc(r->rules.n_caches, sizeof *r->past);
    s = s || r->past ? s : weir_fail_oom(err);
    if (s) {
        weir_replica_close(r);
        return s;
    }
    *out = r;
    return WEIR_OK;
}

/* ---- Running ------------------------------------------------------------------------------------
 */

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

weir_status weir_replica_start(weir_replica *r, weir_error *err)
{
    weir_background writer = {write_some, wake_writer, abandon_writes, r->sync};
    weir_status s =
        weir_run_start(&r->run, &r->engine, writer, r->options.config->limits.drain_ms, err);
    atomic_store(&r->started, !s);
    return s;
}

void weir_replica_stop(weir_replica *r)
{
    atomic_store(&r->stopping, true);
    if (atomic_load(&r->started)) {
        weir_run_stop(&r->run);
    }
}

bool weir_replica_ended(const weir_replica *r)
{
    return weir_run_ended(&r->run);
}

weir_status weir_replica_wait(weir_replica *r, weir_error *err)
{
    if (!atomic_load(&r->started)) {
        return WEIR_OK;
    }
    weir_status s = weir_run_wait(&r->run, err);
    atomic_store(&r->started, false);
    if (!s && !weir_engine_failure(&r->engine, NULL)) {
        s = weir_sync_write(r->sync, 0); /* the offsets that moved behind the last record */
        if (s) {
            weir_engine_failure(&r->engine, err);
        }
    }
    return s;
}

void weir_replica_close(weir_replica *r)
{
    if (!r) {
        return;
    }
    if (r->engine.queues) {
        weir_engine_fini(&r->engine); /* closes the source */
    } else if (r->source.ops) {
        r->source.ops->close(r->source.self);
    }
    weir_sync_free(r->sync);
    weir_column_watch_free(r->columns);
    weir_kafka_dead_letters_close(&r->dead_letters);
    if (r->store.ops) {
        r->store.ops->close(r->store.self);
    }
    weir_run_fini(&r->run);
    weir_free(r->past);
    weir_rules_fini(&r->rules);
    weir_free(r);
}

/* ---- Figures ------------------------------------------------------------------------------------
 */

weir_engine *weir_replica_engine(weir_replica *r)
{
    return &r->engine;
}

weir_sync *weir_replica_sync(weir_replica *r)
{
    return r->sync;
}

const weir_rules *weir_replica_rules(const weir_replica *r)
{
    return &r->rules;
}

weir_store weir_replica_store(const weir_replica *r)
{
    return r->store;
}

const weir_config_store *weir_replica_config(const weir_replica *r)
{
    return r->options.store;
}

weir_topic_state weir_replica_topic(weir_replica *r, size_t topic)
{
    if (r->options.recording || is_shared(r) || weir_engine_has(&r->engine, (uint32_t)topic)) {
        return WEIR_TOPIC_FOUND;
    }
    bool absent = r->rules.wait_for_topic[topic] && weir_kafka_source_misses(&r->source, topic);
    return absent ? WEIR_TOPIC_ABSENT : WEIR_TOPIC_UNKNOWN;
}

/* A cache whose topic is absent is empty, and rightly so. */
bool weir_replica_ready(weir_replica *r)
{
    bool any_found = false;
    for (size_t i = 0; i < r->rules.n_topics; i++) {
        weir_topic_state state = weir_replica_topic(r, i);
        if (state == WEIR_TOPIC_UNKNOWN) {
            return false;
        }
        any_found |= state == WEIR_TOPIC_FOUND;
    }
    return !any_found || (weir_engine_ready(&r->engine) && !weir_sync_making(r->sync));
}

weir_status weir_replica_ends(
    weir_replica *r, const char *topic, int64_t **ends, int32_t *n, weir_error *err)
{
    weir_kafka_admin_options o = {.properties = r->consumer,
        .n_properties = r->n_consumer,
        .timeout_ms = ASK_MS,
        .log = r->options.log};
    if (!r->options.recording) {
        return weir_topic_ends(&o, topic, ends, n, err);
    }
    *n = 0;
    *ends = weir_calloc(1, sizeof **ends);
    return *ends ? WEIR_OK : weir_fail_oom(err);
}

uint64_t weir_replica_past(const weir_replica *r, size_t cache)
{
    return atomic_load(&r->past[cache]);
}

/* Of two that write at once the higher one stays. */
void weir_replica_set_past(weir_replica *r, size_t cache, uint64_t position)
{
    unsigned long long old = atomic_load(&r->past[cache]);
    while (old < position && !atomic_compare_exchange_weak(&r->past[cache], &old, position)) {
    }
}

void weir_replica_tell_columns(weir_replica *r)
{
    weir_column_watch_tell(r->columns);
}

weir_silence weir_replica_silence(const weir_replica *r)
{
    if (!atomic_load(&r->started)) {
        return (weir_silence){.ms = 0};
    }
    return weir_run_silence(&r->run, weir_monotonic_ms());
}

bool weir_replica_live(const weir_replica *r)
{
    const weir_config *c = r->options.config;
    int64_t poll_may_ms = c->limits.drain_ms + WEIR_POLL_WAITS_MS;
    return !atomic_load(&r->started) ||
           weir_run_overdue(&r->run, weir_monotonic_ms(), poll_may_ms).ms <=
               c->limits.stuck_after_ms;
}

bool weir_replica_progress(weir_replica *r, uint64_t *read_bytes, uint64_t *all_bytes)
{
    if (!r->options.recording) {
        return false;
    }
    weir_file_source_progress(&r->source, read_bytes, all_bytes);
    return true;
}
