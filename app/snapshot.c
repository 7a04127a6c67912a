/* Gathering what a daemon is doing. See snapshot.h. */
#include "snapshot.h"

#include <stdlib.h>
#include <time.h>

#include "kafka/kafka_source.h"
#include "kafka_properties.h"

/* A source's trouble that was told longer ago is taken to be over: while it lasts, the source tells
 * of it about every half minute. */
enum { TROUBLE_MS = 60000 };

/* ---- Why a partition is where it is -------------------------------------------------------------
 */

/* What holds for all partitions of a store. */
typedef struct causes {
    const weir_store_status *store;
    int64_t now_ms;
    bool trouble; /* of the source */
    weir_error trouble_why;
    int64_t trouble_ms;
    int64_t away_ms; /* no broker is reached: what is new there is not known; 0: one is */
} causes;

static causes causes_of(weir_engine *e, const weir_store_status *s)
{
    causes c = {.store = s, .now_ms = weir_monotonic_ms()};
    c.trouble = weir_engine_waiting(e, &c.trouble_why, &c.trouble_ms) &&
                c.now_ms - c.trouble_ms < TROUBLE_MS;
    if (weir_kafka_source_away(&e->source, &c.away_ms) &&
        !c.trouble) { /* what was there still came in */
        weir_fail(&c.trouble_why, WEIR_E_KAFKA_UNREACHABLE, "no broker is reached");
        c.trouble_ms = c.now_ms - c.away_ms;
        c.trouble = true;
    }
    return c;
}

static weir_partition_state state_of(const causes *c, const weir_partition_view *v, int64_t lag)
{
    const weir_store_status *s = c->store;
    bool current = v->ready && lag <= 0 && !v->open_records;
    return s->failure.status                ? WEIR_PARTITION_STOPPED
           : current && c->away_ms          ? WEIR_PARTITION_WAITING
           : current                        ? WEIR_PARTITION_CURRENT
           : s->held                        ? WEIR_PARTITION_HELD
           : !s->live                       ? WEIR_PARTITION_HANGING
           : v->congested                   ? WEIR_PARTITION_STUCK
           : c->trouble && !v->open_records ? WEIR_PARTITION_WAITING
           : v->ready                       ? WEIR_PARTITION_BEHIND
                                            : WEIR_PARTITION_STARTING;
}

static void put_error(weir_buf *to, const weir_error *err)
{
    weir_buf_printf(to, "%s: %s", err->code, err->text);
}

static void put_trouble(weir_buf *to, const causes *c)
{
    put_error(to, &c->trouble_why);
    weir_buf_printf(to, " (%lld s ago)", (long long)(c->now_ms - c->trouble_ms) / 1000);
}

static void put_why(weir_buf *to, const causes *c, weir_partition_state state)
{
    switch (state) {
    case WEIR_PARTITION_STOPPED:
        put_error(to, &c->store->failure);
        break;
    case WEIR_PARTITION_CURRENT:
        break;
    case WEIR_PARTITION_HELD:
        weir_buf_puts(to, "held by ");
        put_error(to, &c->store->held_why);
        break;
    case WEIR_PARTITION_HANGING:
        weir_silence_put(&c->store->silence, to);
        weir_buf_printf(to, " has stood still for %lld s", (long long)c->store->silence.ms / 1000);
        break;
    case WEIR_PARTITION_STUCK:
        weir_buf_puts(to, "stuck key: one that is being retried has too many records behind it");
        break;
    case WEIR_PARTITION_WAITING:
        put_trouble(to, c);
        break;
    case WEIR_PARTITION_STARTING:
        weir_buf_puts(to, "what was there at the start is still being applied");
        break;
    case WEIR_PARTITION_BEHIND:
        weir_buf_puts(to, "throughput");
        break;
    }
}

/* In the arena; NULL: out of memory. */
static const char *keep(weir_buf *text, weir_arena *arena)
{
    weir_view v = weir_buf_view(text);
    const char *kept = text->failed ? NULL : weir_arena_copy(arena, v).ptr;
    weir_buf_fini(text);
    return kept;
}

/* ---- Partitions ---------------------------------------------------------------------------------
 */

/* What is in hand counts, also where the frontier has moved over it: a commit that is tried again
 * has marked its records already. */
static int64_t lag_of(const causes *c, const weir_partition_view *v)
{
    int64_t open = (int64_t)v->open_records;
    if (v->end < 0 || v->frontier < 0 || c->away_ms) {
        return -1;
    }
    return v->end - v->frontier > open ? v->end - v->frontier : open;
}

static bool set_partition(
    weir_partition_status *out, const weir_partition_view *v, const causes *c, weir_arena *arena)
{
    int64_t lag = lag_of(c, v);
    weir_buf why = {0};
    *out = (weir_partition_status){.topic = weir_arena_copy(arena, weir_view_of(v->topic)).ptr,
        .number = v->number,
        .end = v->end < 0 ? -1 : v->end,
        .frontier = v->frontier,
        .lag_records = lag,
        .open_records = v->open_records,
        .state = state_of(c, v, lag)};
    put_why(&why, c, out->state);
    out->why = keep(&why, arena);
    return out->topic && out->why;
}

static void put_why_missing(weir_buf *to, const causes *c, bool absent)
{
    if (c->store->failure.status) {
        put_error(to, &c->store->failure);
    } else if (absent) {
        weir_buf_puts(to, "the topic is not there yet, and so the cache is empty");
    } else if (c->trouble) {
        weir_buf_puts(to, "waiting for topic: ");
        put_trouble(to, c);
    } else {
        weir_buf_puts(to, "waiting for topic");
    }
}

static bool set_missing(
    weir_partition_status *out, const char *topic, bool absent, const causes *c, weir_arena *arena)
{
    weir_buf why = {0};
    put_why_missing(&why, c, absent);
    *out = (weir_partition_status){.topic = topic,
        .number = -1,
        .end = -1,
        .frontier = -1,
        .lag_records = absent ? 0 : -1,
        .state = c->store->failure.status ? WEIR_PARTITION_STOPPED
                 : absent                 ? WEIR_PARTITION_CURRENT
                                          : WEIR_PARTITION_WAITING,
        .why = keep(&why, arena)};
    return out->why;
}

static int by_topic_and_number(const void *a, const void *b)
{
    const weir_partition_status *x = a, *y = b;
    int order = strcmp(x->topic, y->topic);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

/* A member of a group that has no assignment: how far its topics are behind is not known. */
static bool is_out(const weir_engine *e)
{
    int64_t out_ms;
    return weir_kafka_source_out(&e->source, &out_ms) && out_ms > 0;
}

static bool set_unassigned(
    weir_partition_status *out, const char *topic, const causes *c, weir_arena *arena)
{
    weir_buf why = {0};
    weir_buf_puts(&why, "waiting for a place in the consumer group");
    if (c->trouble) {
        weir_buf_puts(&why, ": ");
        put_trouble(&why, c);
    }
    *out = (weir_partition_status){.topic = topic,
        .number = -1,
        .end = -1,
        .frontier = -1,
        .lag_records = -1,
        .state = WEIR_PARTITION_WAITING,
        .why = keep(&why, arena)};
    return out->why;
}

static bool take_partitions(
    weir_replica *r, const causes *c, weir_store_status *s, weir_arena *arena)
{
    weir_engine *e = weir_replica_engine(r);
    const weir_rules *rules = weir_replica_rules(r);
    size_t room = weir_engine_partitions(e, NULL, 0);
    weir_partition_view *views = weir_arena_alloc(arena, room * sizeof *views);
    s->partitions = weir_arena_alloc(arena, (room + rules->n_topics) * sizeof *s->partitions);
    if (!views || !s->partitions) {
        return false;
    }
    size_t n = weir_engine_partitions(e, views, room);
    bool good = true, out = !n && is_out(e);
    for (size_t i = 0; i < n && i < room && good; i++) { /* what came meanwhile: the next time */
        good = set_partition(&s->partitions[s->n_partitions++], &views[i], c, arena);
    }
    for (size_t t = 0; t < rules->n_topics && good; t++) {
        weir_topic_state state = weir_replica_topic(r, t);
        if (state != WEIR_TOPIC_FOUND) {
            good = set_missing(&s->partitions[s->n_partitions++], rules->topic_names[t],
                state == WEIR_TOPIC_ABSENT, c, arena);
        } else if (out) {
            good =
                set_unassigned(&s->partitions[s->n_partitions++], rules->topic_names[t], c, arena);
        }
    }
    if (good && s->n_partitions) {
        qsort(s->partitions, s->n_partitions, sizeof *s->partitions, by_topic_and_number);
    }
    return good;
}

/* ---- Stores and the whole -----------------------------------------------------------------------
 */

static bool take_caches(
    weir_replica *r, const weir_config *config, weir_store_status *s, weir_arena *arena)
{
    const weir_rules *rules = weir_replica_rules(r);
    s->caches = weir_arena_alloc(arena, rules->n_caches * sizeof *s->caches);
    for (size_t i = 0; s->caches && i < rules->n_caches; i++) {
        const weir_config_cache *c = weir_config_cache_named(config, rules->caches[i].name);
        s->caches[i] = (weir_cache_status){.name = c->name,
            .from = c->from,
            .has_lsn = c->source->connector == WEIR_CONFIG_CONNECTOR_POSTGRESQL};
    }
    s->n_caches = rules->n_caches;
    return s->caches;
}

/* 0: a database has no bound of weir's. */
static uint64_t limit_of(const weir_config_store *store)
{
    return store->type == WEIR_CONFIG_STORE_MEMORY ? store->max_bytes
           : store->type == WEIR_CONFIG_STORE_LMDB ? store->map_size
                                                   : 0;
}

static bool take_store(
    weir_replica *r, const weir_config *config, weir_store_status *s, weir_arena *arena)
{
    const weir_config_store *store = weir_replica_config(r);
    weir_engine *e = weir_replica_engine(r);
    weir_sync *sync = weir_replica_sync(r);
    weir_store port = weir_replica_store(r);
    *s = (weir_store_status){.name = store->name,
        .type = port.ops->type,
        .ready = weir_replica_ready(r),
        .bytes = port.ops->bytes(port.self),
        .limit_bytes = limit_of(store),
        .transactions = weir_sync_transactions(sync),
        .rejected = weir_sync_rejected(sync),
        .invalid = weir_validations_invalid(&weir_replica_rules(r)->validations),
        .unjudged = weir_validations_unjudged(&weir_replica_rules(r)->validations),
        .counts = weir_engine_get_counts(e),
        .silence = weir_replica_silence(r)};
    s->live = weir_replica_live(r);
    s->held = weir_sync_held(sync, &s->held_why);
    if (weir_engine_failure(e, &s->failure)) {
        s->ready = false;
    }
    causes c = causes_of(e, s);
    s->away_ms = c.away_ms;
    return take_caches(r, config, s, arena) && take_partitions(r, &c, s, arena);
}

/* What another member of the same group does, with it. */
static bool join(weir_store_status *all, const weir_store_status *s, weir_arena *arena)
{
    size_t n = all->n_partitions + s->n_partitions;
    weir_partition_status *partitions = weir_arena_alloc(arena, n * sizeof *partitions);
    if (!partitions) {
        return false;
    }
    memcpy(partitions, all->partitions, all->n_partitions * sizeof *partitions);
    memcpy(partitions + all->n_partitions, s->partitions, s->n_partitions * sizeof *partitions);
    qsort(partitions, n, sizeof *partitions, by_topic_and_number);
    all->partitions = partitions;
    all->n_partitions = n;
    all->live = all->live && s->live;
    all->ready = all->ready && s->ready;
    if (!all->held && s->held) {
        all->held = true;
        all->held_why = s->held_why;
    }
    if (!all->failure.status) {
        all->failure = s->failure;
    }
    all->transactions += s->transactions;
    all->rejected += s->rejected;
    all->invalid += s->invalid;
    all->unjudged += s->unjudged;
    all->counts.delivered += s->counts.delivered;
    all->counts.settled += s->counts.settled;
    all->counts.open += s->counts.open;
    all->counts.open_bytes += s->counts.open_bytes;
    all->away_ms = s->away_ms > all->away_ms ? s->away_ms : all->away_ms;
    all->silence = s->silence.ms > all->silence.ms ? s->silence : all->silence;
    return true;
}

/* A store and all members of its group that are in this process, of which `first` is the first. */
static bool take_members(
    const weir_daemon *d, size_t first, weir_store_status *out, weir_arena *arena)
{
    const weir_config *config = weir_daemon_config(d);
    bool good = take_store(weir_daemon_replica(d, first), config, out, arena);
    for (size_t i = 1; i < weir_daemon_members(d, first) && good; i++) {
        weir_store_status s;
        good = take_store(weir_daemon_replica(d, first + i), config, &s, arena) &&
               join(out, &s, arena);
    }
    for (size_t c = 0; c < out->n_caches && good; c++) {
        weir_daemon_cache_stats(d, first, c, &out->caches[c].stats);
    }
    return good;
}

/* ---- Handlers -----------------------------------------------------------------------------------
 */

/* Holds the partition for whoever is asked why it is behind. */
static void set_held(weir_store_status *s, const weir_handlers_status *h, const char *topic, int n)
{
    s->held = false;
    for (size_t i = 0; i < h->n_holds && !s->held; i++) {
        s->held = h->holds[i].partition == n && strcmp(h->holds[i].topic, topic) == 0;
        if (s->held) {
            s->held_why = h->holds[i].error;
        }
    }
}

weir_status weir_snapshot_take_handlers(weir_engine *e, const char *const *topics, size_t n_topics,
    weir_arena *arena, weir_handlers_status *h, weir_error *err)
{
    weir_store_status s = {.live = true};
    size_t room = weir_engine_partitions(e, NULL, 0);
    weir_partition_view *views = weir_arena_alloc(arena, room * sizeof *views);
    h->partitions = weir_arena_alloc(arena, (room + n_topics) * sizeof *h->partitions);
    bool good = views && h->partitions;
    (void)weir_engine_failure(e, &s.failure);
    causes c = causes_of(e, &s);
    h->away_ms = c.away_ms;
    size_t n = good ? weir_engine_partitions(e, views, room) : 0;
    for (size_t i = 0; i < n && i < room && good; i++) {
        set_held(&s, h, views[i].topic, views[i].number);
        good = set_partition(&h->partitions[h->n_partitions++], &views[i], &c, arena);
    }
    for (size_t t = 0; t < n_topics && good && !n && is_out(e); t++) {
        good = set_unassigned(&h->partitions[h->n_partitions++], topics[t], &c, arena);
    }
    if (good && h->n_partitions) {
        qsort(h->partitions, h->n_partitions, sizeof *h->partitions, by_topic_and_number);
    }
    return good ? WEIR_OK : weir_fail_oom(err);
}

/* ---- The whole ----------------------------------------------------------------------------------
 */

weir_status weir_snapshot_take(
    const weir_daemon *d, weir_arena *arena, weir_snapshot *out, weir_error *err)
{
    const weir_config *config = weir_daemon_config(d);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *out = (weir_snapshot){.app = config->name,
        .live = true,
        .stopping = weir_daemon_stopping(d),
        .taken_ms = now.tv_sec * 1000 + now.tv_nsec / 1000000,
        .uptime_ms = weir_daemon_uptime_ms(d),
        .in_flight_limit_bytes = weir_engine_bytes_of(config)};
    size_t n = weir_daemon_replicas(d);
    out->stores = weir_arena_alloc(arena, n * sizeof *out->stores);
    bool good = out->stores;
    out->ready = n && !out->stopping;
    for (size_t i = 0; i < n && good; i += weir_daemon_members(d, i)) {
        weir_store_status *s = &out->stores[out->n_stores++];
        good = take_members(d, i, s, arena);
        out->live = out->live && s->live;
        out->ready = out->ready && s->ready;
    }
    return good ? WEIR_OK : weir_fail_oom(err);
}
