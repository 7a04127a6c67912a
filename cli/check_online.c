/* Asking the brokers and the disks. See check_online.h. */
#include "check_online.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cache.h"
#include "check_columns.h"
#include "config_value.h"
#include "engine/run.h"
#include "kafka.h"
#include "replica.h"
#include "kafka/kafka_admin.h"
#include "kafka/kafka_reader.h"
#include "sync/stored.h"
#include "words.h"

enum { POLL_MS = 100, HEARTBEAT_OLD_MS = 5 * 60 * 1000 };

static const uint64_t little_room = (uint64_t)1 << 30;

typedef struct asking {
    const weir_cli *cli;
    const weir_config *config;
    weir_findings *to;
    weir_cli_kafka kafka;
    weir_kafka_admin *admin;
    int64_t largest; /* max.message.bytes of the topics that are read; -1: not known */
} asking;

/* ---- What a topic keeps ---------------------------------------------------------------------- */

static bool has_full_images(const weir_config_cache *c)
{
    const weir_config_texts *tables = &c->source->full_images;
    for (size_t i = 0; i < tables->count; i++) {
        if (strcmp(tables->items[i].text, c->table_name) == 0) {
            return true;
        }
    }
    return false;
}

static void check_compaction(asking *a, const weir_config_cache *c, const char *what)
{
    if (has_full_images(c)) {
        weir_find(a->to, WEIR_FOUND_GOOD, what, "compacted, and %s has full images", c->table_name);
    } else {
        weir_find(a->to, WEIR_FOUND_WRONG, what,
            "compacted, and %s is not under full_images: TOAST values that compaction takes are "
            "lost for good. Use cleanup.policy=delete, or REPLICA IDENTITY FULL and full_images",
            c->table_name);
    }
}

static void put_bound(weir_buf *to, int64_t ms, int64_t bytes)
{
    if (ms >= 0) {
        weir_config_put_duration((uint64_t)ms, to);
    }
    if (bytes >= 0) {
        weir_buf_puts(to, to->len ? " or " : "");
        weir_config_put_size((uint64_t)bytes, to);
        weir_buf_puts(to, " a partition");
    }
}

static void check_retention(
    asking *a, const weir_config_cache *c, const weir_kafka_topic_config *topic, const char *what)
{
    weir_buf bound = {0};
    bool rebuild = c->source->on_offsets_lost == WEIR_CONFIG_OFFSETS_LOST_REBUILD;
    put_bound(&bound, topic->retention_ms, topic->retention_bytes);
    if (!topic->deleted || !bound.len) {
        weir_find(a->to, WEIR_FOUND_GOOD, what, "keeps its records for ever");
    } else if (rebuild) {
        weir_find(a->to, WEIR_FOUND_WRONG, what,
            "keeps its records for %s, so a rebuild finds no full image: on_offsets_lost: rebuild "
            "needs them for ever, or compacted with full images",
            weir_buf_str(&bound));
    } else {
        weir_find(a->to, WEIR_FOUND_RISK, what,
            "keeps its records for %s: a cache that is rebuilt later has only rows changed since "
            "then, until Debezium takes a snapshot",
            weir_buf_str(&bound));
    }
    weir_buf_fini(&bound);
}

/* A question that this broker does not know is no failure. */
static weir_status check_config(
    asking *a, const weir_config_cache *c, const char *what, weir_error *err)
{
    weir_kafka_topic_config topic;
    weir_status s = weir_kafka_admin_topic_config(a->admin, c->topic, &topic, err);
    if (s) {
        weir_find(a->to, WEIR_FOUND_UNCHECKED, what, "compaction and retention: %s", err->text);
        return WEIR_OK;
    }
    if (topic.compacted && c->as_table && c->as_table->apply == WEIR_CONFIG_APPLY_BY_TRANSACTION) {
        weir_find(a->to, WEIR_FOUND_RISK, what,
            "compacted, and applied by transaction: those whose changes compaction took are "
            "applied "
            "without them, and constraints may refuse that. Use cleanup.policy=delete");
    }
    if (topic.compacted) {
        check_compaction(a, c, what);
    }
    if (!topic.compacted || topic.deleted) {
        check_retention(a, c, &topic, what);
    }
    a->largest = topic.max_message_bytes > a->largest ? topic.max_message_bytes : a->largest;
    return WEIR_OK;
}

/* ---- Topics and what the store has read of them ---------------------------------------------- */

static void compare_partitions(
    asking *a, const weir_config_cache *c, const char *what, int32_t stored, int32_t now)
{
    if (stored && stored != now) {
        weir_find(a->to, WEIR_FOUND_WRONG, what,
            "it had %d partitions when store %s was filled: weir rebuild %s", (int)stored,
            c->store->name, c->name);
    }
}

static weir_status compare_offset(asking *a, const weir_config_cache *c, const char *what,
    int32_t partition, int64_t next, weir_error *err)
{
    int64_t first, end;
    weir_status s = weir_kafka_admin_ends(a->admin, c->topic, partition, &first, &end, err);
    if (!s && next >= 0 && next < first) {
        weir_find(a->to, WEIR_FOUND_WRONG, what,
            "store %s goes on at offset %" PRId64 " of partition %d, which begins at %" PRId64
            " now: weir rebuild %s",
            c->store->name, next, (int)partition, first, c->name);
    } else if (!s && next > end) {
        weir_find(a->to, WEIR_FOUND_WRONG, what,
            "store %s goes on at offset %" PRId64 " of partition %d, which ends at %" PRId64
            ": the topic was made anew. weir rebuild %s",
            c->store->name, next, (int)partition, end, c->name);
    }
    return s;
}

/* Nothing is stored yet: nothing to compare. */
static weir_status compare_store(
    asking *a, const weir_config_cache *c, const char *what, int32_t n, weir_error *err)
{
    weir_store store;
    weir_error absent;
    int32_t stored = 0;
    if (weir_cli_open_store(c->store, &store, &absent)) {
        return WEIR_OK;
    }
    weir_status s = store.ops->begin(store.self, err);
    if (!s) {
        s = weir_stored_partitions(store, c->topic, &stored, err);
        for (int32_t p = 0; p < n && !s; p++) {
            int64_t next;
            s = weir_stored_offset(store, c->topic, p, &next, err);
            s = s ? s : compare_offset(a, c, what, p, next, err);
        }
        store.ops->abort(store.self);
    }
    weir_cli_close_store(&store);
    if (s && strcmp(err->code, "NO_CACHE") == 0) {
        return WEIR_OK; /* a first start */
    }
    if (!s) {
        compare_partitions(a, c, what, stored, n);
    }
    return s;
}

/* Is this the first cache of its topic (and store)? */
static bool is_first(const weir_config *config, size_t i, bool of_store)
{
    const weir_config_cache *c = config->followed.items[i];
    for (size_t k = 0; k < i; k++) {
        const weir_config_cache *other = config->followed.items[k];
        if (strcmp(other->topic, c->topic) == 0 && (!of_store || other->store == c->store)) {
            return false;
        }
    }
    return true;
}

static weir_status check_topic(asking *a, size_t i, weir_error *err)
{
    const weir_config_cache *c = a->config->followed.items[i];
    char what[300];
    int32_t n;
    snprintf(what, sizeof what, "topic %s", c->topic);
    weir_status s = weir_kafka_admin_partitions(a->admin, c->topic, &n, err);
    if (s) {
        weir_find(a->to, WEIR_FOUND_WRONG, what, "%s", err->text);
        return WEIR_OK;
    }
    if (is_first(a->config, i, false)) {
        weir_find(a->to, WEIR_FOUND_GOOD, what, "%d partition%s", (int)n, n == 1 ? "" : "s");
        s = check_config(a, c, what, err);
    }
    bool kept = !weir_config_store_is_shared(c->store) && is_first(a->config, i, true);
    return s || !kept ? s : compare_store(a, c, what, n, err);
}

static weir_status check_topics(asking *a, weir_error *err)
{
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < a->config->followed.count && !s; i++) {
        s = check_topic(a, i, err);
    }
    return s;
}

/* ---- Dead letters ---------------------------------------------------------------------------- */

/* A topic that records are written to as they are. *config: what could be learned of it; false: it
 * is not there. */
static bool check_written_topic(
    asking *a, const char *topic, const char *what, weir_kafka_topic_config *config)
{
    weir_error err;
    int32_t n;
    *config = (weir_kafka_topic_config){
        .retention_ms = -1, .retention_bytes = -1, .max_message_bytes = -1};
    if (weir_kafka_admin_partitions(a->admin, topic, &n, &err)) {
        weir_find(a->to, WEIR_FOUND_WRONG, what, "%s", err.text);
        return false;
    }
    weir_find(a->to, WEIR_FOUND_GOOD, what, "%s is there", topic);
    weir_find(a->to, WEIR_FOUND_UNCHECKED, what,
        "whether this user may write it: nothing is written to find out");
    if (weir_kafka_admin_topic_config(a->admin, topic, config, &err)) {
        weir_find(a->to, WEIR_FOUND_UNCHECKED, what, "whether it is large enough: %s", err.text);
    } else if (config->max_message_bytes >= 0 && config->max_message_bytes < a->largest) {
        weir_find(a->to, WEIR_FOUND_WRONG, what,
            "its max.message.bytes is %" PRId64 ", records of up to %" PRId64 " are read",
            config->max_message_bytes, a->largest);
    } else {
        weir_find(a->to, WEIR_FOUND_GOOD, what, "large enough for the records that are read");
    }
    return true;
}

static void check_dead_letters(asking *a)
{
    weir_kafka_topic_config config;
    const weir_config_errors *e = &a->config->errors;
    if (e->reject == WEIR_CONFIG_REJECT_DEAD_LETTER) {
        (void)check_written_topic(a, e->dead_letter.topic, "dead-letter topic", &config);
    }
}

static void check_there(asking *a, const char *topic, const char *what)
{
    weir_error err;
    int32_t n;
    if (weir_kafka_admin_partitions(a->admin, topic, &n, &err)) {
        weir_find(a->to, WEIR_FOUND_WRONG, what, "%s", err.text);
    } else {
        weir_find(
            a->to, WEIR_FOUND_GOOD, what, "%s: %d partition%s", topic, (int)n, n == 1 ? "" : "s");
    }
}

/* What handlers emit to or handle, and the topic by which dead letters come back. */
static void check_events(asking *a)
{
    const weir_config_events *events = &a->config->events;
    char what[300];
    for (size_t i = 0; i < events->count; i++) {
        if (events->items[i].topic) {
            snprintf(what, sizeof what, "topic of event %s", events->items[i].name);
            check_there(a, events->items[i].topic, what);
        }
    }
    if (a->config->errors.dead_letter.replay) {
        check_there(a, a->config->errors.dead_letter.replay, "topic of replays");
    }
}

/* Compaction would take all but the last record of each key, retention what waits longest. */
static void check_kept(asking *a, const weir_kafka_topic_config *config, const char *what)
{
    weir_buf bound = {0};
    put_bound(&bound, config->retention_ms, config->retention_bytes);
    if (config->compacted) {
        weir_find(a->to, WEIR_FOUND_WRONG, what,
            "it is compacted: records that wait would be lost; set cleanup.policy to delete");
    } else if (bound.len) {
        weir_find(a->to, WEIR_FOUND_RISK, what,
            "keeps its records for %s: what waits longer for an operator is lost; set retention.ms "
            "and retention.bytes to -1",
            weir_buf_str(&bound));
    }
    weir_buf_fini(&bound);
}

static void check_parked(asking *a)
{
    static const char what[] = "topic of parked records";
    weir_kafka_topic_config config;
    const weir_config_errors *e = &a->config->errors;
    bool is_used = e->followers == WEIR_CONFIG_FOLLOWERS_PARK;
    if (is_used && check_written_topic(a, e->parked, what, &config)) {
        check_kept(a, &config, what);
    }
}

/* ---- Heartbeats ------------------------------------------------------------------------------ */

/* The time of the last record of a partition; -1: it has none that can be seen. */
static weir_status time_of_last(
    asking *a, const char *topic, int64_t end, int64_t *ms, weir_error *err)
{
    weir_kafka_reader *r;
    weir_kafka_place place = {topic, 0, end - 1};
    weir_kafka_reader_options o = {a->kafka.reader, a->kafka.n_reader, &place, 1, NULL};
    int64_t until = weir_monotonic_ms() + a->cli->timeout_ms;
    weir_kafka_read what = WEIR_KAFKA_NOTHING;
    weir_raw_record record;
    *ms = -1;
    weir_status s = weir_kafka_reader_open(&o, &r, err);
    if (s) {
        return s;
    }
    while (!s && what == WEIR_KAFKA_NOTHING && weir_monotonic_ms() < until) {
        s = weir_kafka_reader_next(r, POLL_MS, &what, &record, err);
    }
    if (!s && what == WEIR_KAFKA_RECORD) {
        *ms = record.timestamp_ms;
    }
    weir_kafka_reader_close(r);
    return s;
}

static weir_status check_heartbeat(asking *a, const weir_config_source *source, weir_error *err)
{
    char what[300];
    int64_t first, end, ms = -1;
    int32_t n;
    snprintf(what, sizeof what, "heartbeats of %s", source->name);
    if (weir_kafka_admin_partitions(a->admin, source->heartbeat_topic, &n, err)) {
        weir_find(a->to, WEIR_FOUND_RISK, what,
            "%s: while its tables are quiet the connector confirms nothing, and PostgreSQL keeps "
            "its log; set heartbeat.interval.ms in Debezium",
            err->text);
        return WEIR_OK;
    }
    weir_status s = weir_kafka_admin_ends(a->admin, source->heartbeat_topic, 0, &first, &end, err);
    s = s || end == first ? s : time_of_last(a, source->heartbeat_topic, end, &ms, err);
    if (s) {
        return s;
    }
    int64_t age = weir_cli_now() - ms;
    if (ms < 0) {
        weir_find(a->to, WEIR_FOUND_RISK, what, "%s is empty", source->heartbeat_topic);
    } else {
        weir_find(a->to, age > HEARTBEAT_OLD_MS ? WEIR_FOUND_RISK : WEIR_FOUND_GOOD, what,
            "the last one came %" PRId64 " s ago%s", age / 1000,
            age > HEARTBEAT_OLD_MS ? ": does the connector run?" : "");
    }
    return WEIR_OK;
}

/* ---- Disks ----------------------------------------------------------------------------------- */

/* The path, or the nearest folder above it that is there. */
static void nearest_folder(const char *path, char *to, size_t size)
{
    snprintf(to, size, "%s", path);
    while (access(to, F_OK) != 0) {
        char *slash = strrchr(to, '/');
        if (!slash) {
            snprintf(to, size, ".");
        } else if (slash == to) {
            to[1] = '\0';
        } else {
            *slash = '\0';
        }
    }
}

/* LMDB makes its folder, and those above it; SQLite's file must have one. */
static void folder_of(const weir_config_store *store, char *to, size_t size)
{
    if (store->type == WEIR_CONFIG_STORE_LMDB) {
        nearest_folder(store->path, to, size);
        return;
    }
    const char *slash = strrchr(store->path, '/');
    int len = !slash ? 1 : slash == store->path ? 1 : (int)(slash - store->path);
    snprintf(to, size, "%.*s", len, slash ? store->path : ".");
}

/* In whole KiB, MiB or GiB. */
static void put_room(uint64_t bytes, weir_buf *to)
{
    int unit = bytes < (1 << 20) ? 10 : bytes < little_room ? 20 : 30;
    weir_config_put_size(bytes >> unit << unit, to);
}

static void check_disk(weir_findings *to, const weir_config_store *store)
{
    char what[300], folder[4096];
    struct statvfs fs;
    struct stat st;
    weir_buf room = {0}, most = {0};
    snprintf(what, sizeof what, "store %s", store->name);
    folder_of(store, folder, sizeof folder);
    bool wrong = stat(folder, &st) != 0;
    if (!wrong && !S_ISDIR(st.st_mode)) {
        wrong = true;
        errno = ENOTDIR;
    }
    if (wrong || statvfs(folder, &fs) || access(folder, W_OK)) {
        weir_find(to, WEIR_FOUND_WRONG, what, "%s: %s", folder, strerror(errno));
        return;
    }
    uint64_t bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    put_room(bytes, &room);
    if (store->type == WEIR_CONFIG_STORE_LMDB) {
        weir_buf_puts(&most, "; it may grow to ");
        weir_config_put_size(store->map_size, &most);
    }
    weir_find(to, bytes < little_room ? WEIR_FOUND_RISK : WEIR_FOUND_GOOD, what, "%s free in %s%s",
        weir_buf_str(&room), folder, weir_buf_str(&most));
    weir_buf_fini(&room);
    weir_buf_fini(&most);
}

/* ---- Tables ---------------------------------------------------------------------------------- */

typedef struct table_notes {
    weir_findings *to;
    const char *what;
} table_notes;

/* What the store warns of when it looks at a table: the log's line without its head. */
static void take_note(void *ctx, const char *line, size_t len)
{
    const table_notes *n = ctx;
    char text[600];
    snprintf(text, sizeof text, "%.*s", (int)(len > 500 ? 500 : len), line);
    text[strcspn(text, "\n")] = '\0';
    const char *table = strstr(text, "table ");
    weir_find(n->to, WEIR_FOUND_RISK, n->what, "%s", table ? table : text);
}

/* Is the database there, may this user read it, and is the table one that can be kept? */
static void check_table(weir_findings *to, const weir_config_table *t)
{
    char what[300];
    weir_error err;
    table_notes notes = {to, what};
    weir_log log = {.level = WEIR_LOG_WARN, .write = take_note, .ctx = &notes};
    weir_store store = {NULL, NULL};
    snprintf(what, sizeof what, "table %s", t->name);
    bool first =
        t->cache.store->type == WEIR_CONFIG_STORE_SQLITE && access(t->cache.store->path, F_OK) != 0;
    if (first) {
        char folder[4096];
        folder_of(t->cache.store, folder, sizeof folder);
        if (access(folder, F_OK) != 0) {
            return; /* as is said of its store */
        }
        weir_find(to, WEIR_FOUND_GOOD, what, "%s is to be made", t->cache.store->path);
        return;
    }
    weir_status s = weir_open_store(t->cache.store, true, &log, &store, &err);
    s = s ? s : store.ops->open_cache(store.self, WEIR_CLI_CACHE, t->name, &err);
    if (s) {
        weir_find(to, WEIR_FOUND_WRONG, what, "%s [%s]", err.text, err.code);
    } else {
        weir_find(to, WEIR_FOUND_GOOD, what, "its database answers, and it can be kept");
    }
    weir_cli_close_store(&store);
}

/* ---- All of it ------------------------------------------------------------------------------- */

static weir_status ask_brokers(asking *a, weir_error *err)
{
    weir_kafka_admin_options o = {a->kafka.reader, a->kafka.n_reader, a->cli->timeout_ms, NULL};
    weir_status s = weir_kafka_admin_open(&o, &a->admin, err);
    s = s ? s : weir_kafka_admin_look(a->admin, err);
    if (s) {
        weir_find(a->to, WEIR_FOUND_WRONG, "brokers", "%s", err->text);
        return s;
    }
    weir_find(
        a->to, WEIR_FOUND_GOOD, "brokers", "%d in the cluster", weir_kafka_admin_brokers(a->admin));
    s = check_topics(a, err);
    if (s) {
        return s;
    }
    check_dead_letters(a);
    check_parked(a);
    check_events(a);
    s = weir_check_columns(a->cli, a->config, &a->kafka, a->admin, a->to, err);
    for (size_t i = 0; i < a->config->sources.count && !s; i++) {
        s = check_heartbeat(a, &a->config->sources.items[i], err);
    }
    return s;
}

weir_status weir_check_online(
    const weir_cli *cli, const weir_config *config, weir_findings *to, weir_error *err)
{
    asking a = {.cli = cli, .config = config, .to = to, .largest = -1};
    for (size_t i = 0; i < config->stores.count; i++) {
        weir_config_store_type type = config->stores.items[i].type;
        if (type == WEIR_CONFIG_STORE_LMDB || type == WEIR_CONFIG_STORE_SQLITE) {
            check_disk(to, &config->stores.items[i]);
        }
    }
    for (size_t i = 0; i < config->followed.count; i++) {
        if (config->followed.items[i]->as_table) {
            check_table(to, config->followed.items[i]->as_table);
        }
    }
    weir_status s = weir_cli_kafka_init(&a.kafka, config, NULL, err);
    s = s ? s : ask_brokers(&a, err);
    weir_kafka_admin_close(a.admin);
    weir_cli_kafka_fini(&a.kafka);
    return s;
}
