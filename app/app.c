/* Apps: a config and some handlers. See <weir/app.h>.
 *
 * An app has two readers at most: its consumer group, for handlers, and for each local store one
 * that holds all partitions (app/daemon.h). */
#include <weir/weir.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app_inside.h"
#include "base/alloc.h"
#include "config.h"
#include "config_value.h"
#include "daemon.h"
#include "engine/run.h"
#include "events.h"
#include "exactly_once.h"
#include "kafka/kafka_dead_letter.h"
#include "kafka/kafka_emitter.h"
#include "kafka/kafka_source.h"
#include "kafka_properties.h"
#include "lookup.h"
#include "patterns.h"
#include "policy.h"
#include "registry.h"
#include "rules.h"
#include "service/handlers.h"
#include "transactions.h"

enum { DEFAULT_MESSAGE_BYTES = 1000000 }; /* librdkafka's message.max.bytes */

static const unsigned all_ops =
    WEIR_INSERT | WEIR_UPDATE | WEIR_DELETE | WEIR_SNAPSHOT | WEIR_TRUNCATE;

typedef struct registered {
    weir_route route;
    const char *topic;
    const weir_config_source *from; /* NULL: no CDC topic */
    struct registered *next;
} registered;

struct weir_app {
    weir_config *config;
    weir_log log;
    weir_error setup_error;
    weir_arena arena; /* what is registered */
    weir_avro_schemas *schemas;
    registered *first, *last;
    weir_app_breaker *breakers;
    weir_transactions *transactions;
    weir_middleware *middleware;
    size_t n_middleware;
    weir_validations validations;
    weir_routed_topic *topics;
    size_t n_topics;
    weir_daemon *daemon; /* NULL: no caches */
    weir_handlers *handlers;
    weir_record_source source;
    weir_dead_letters dead_letters;
    weir_emitter emitter;
    weir_exactly_once exactly_once; /* in place of the two before, where it is asked for */
    weir_engine engine;
    weir_run run;
    weir_health health;
    const weir_log *given_log;   /* with them */
    const weir_app_ports *ports; /* NULL: Kafka, and the clock */
    bool started;
};

/* ---- Registration
 * --------------------------------------------------------------------------------- */

static void wrong(weir_app *a, const char *fmt, const char *what)
{
    if (!a->setup_error.status) {
        char text[160];
        snprintf(text, sizeof text, "%.120s", what ? what : "?");
        weir_fail(&a->setup_error, WEIR_E_APP_SETUP, "%s: %s", fmt, text);
    }
}

static const char *copy(weir_app *a, const char *text)
{
    return weir_arena_copy(&a->arena, weir_view_of(text)).ptr;
}

/* What a handler is called in its inbox, for good: the app, and what it is for. */
static bool take_transaction(
    weir_app *a, const weir_handler *h, const char *topic, weir_route *route)
{
    const weir_config_store *store = h->tx ? weir_config_store_named(a->config, h->tx) : NULL;
    if (!h->tx) {
        return true;
    }
    if (!store ||
        (store->type != WEIR_CONFIG_STORE_SQLITE && store->type != WEIR_CONFIG_STORE_POSTGRES)) {
        wrong(a,
            store ? "the .tx of a handler is a store of the type sqlite or postgres"
                  : "the config has no store of this name",
            h->tx);
        return true;
    }
    if (a->config->delivery == WEIR_CONFIG_DELIVERY_EXACTLY_ONCE) {
        wrong(a,
            "a handler with .tx needs delivery: at_least_once, for its events leave by the outbox",
            h->tx);
        return true;
    }
    if (a->config->broadcast != WEIR_CONFIG_BROADCAST_OFF &&
        store->type == WEIR_CONFIG_STORE_POSTGRES) {
        wrong(a, "instances that share an inbox cannot each handle all records (broadcast)", h->tx);
        return true;
    }
    weir_transactions *t = weir_transactions_of(&a->transactions, store, &a->arena);
    const char *what = route->event ? route->event : route->table ? route->table : topic;
    route->inbox = t ? &t->inbox : NULL;
    route->inbox_name = weir_arena_printf(&a->arena, "%s/%s", a->config->name, what).ptr;
    return t && route->inbox_name;
}

static void add(weir_app *a, const weir_handler *h, const char *table, const char *topic,
    const weir_config_source *from)
{
    registered *r = weir_arena_alloc(&a->arena, sizeof *r);
    if (!r || !topic) {
        weir_fail_oom(&a->setup_error);
        return;
    }
    *r = (registered){.topic = topic, .from = from};
    r->route = (weir_route){
        .table = table, .event = h->event ? copy(a, h->event) : NULL, .fn = h->fn, .ctx = h->ctx};
    if (!weir_policy_of(a->config, h, &a->arena, &a->breakers, &r->route) ||
        !take_transaction(a, h, topic, &r->route)) {
        weir_fail_oom(&a->setup_error);
        return;
    }
    if (a->last) {
        a->last->next = r;
    } else {
        a->first = r;
    }
    a->last = r;
}

/* The topic of a source's table: as the config says, or by Debezium's rule. */
const char *weir_topic_of_table(weir_arena *arena, const weir_config_source *s, const char *table)
{
    for (size_t i = 0; i < s->topics.count; i++) {
        if (strcmp(s->topics.items[i].name, table) == 0) {
            return s->topics.items[i].value;
        }
    }
    return weir_arena_printf(arena, "%s.%s", s->topic_prefix, table).ptr;
}

/* How many parts the name has between its dots; 0: one of them is empty. */
static unsigned parts_of(const char *name)
{
    unsigned parts = 1;
    for (const char *at = name; *at; at++) {
        bool empty = *at == '.' && (at == name || at[1] == '.' || !at[1]);
        if (empty) {
            return 0;
        }
        parts += *at == '.';
    }
    return *name ? parts : 0;
}

/* "schema.table" is of every source, "source.schema.table" of one. */
static void add_change(weir_app *a, const weir_handler *h)
{
    size_t found = 0;
    unsigned parts = parts_of(h->change);
    bool named = parts > 2;
    if (parts < 2) {
        wrong(a, "a change's table is schema.table, or source.schema.table", h->change);
        return;
    }
    for (size_t i = 0; i < a->config->sources.count; i++) {
        const weir_config_source *s = &a->config->sources.items[i];
        size_t len = strlen(s->name);
        const char *table = h->change;
        if (named) {
            if (strncmp(table, s->name, len) != 0 || table[len] != '.') {
                continue;
            }
            table += len + 1;
        }
        add(a, h, copy(a, table), weir_topic_of_table(&a->arena, s, table), s);
        found++;
    }
    if (!found) {
        wrong(a, "no source of the config has this table", h->change);
    }
}

static bool begins(const char *topic, const char *pattern)
{
    return topic && strncmp(topic, pattern, weir_topic_begin(pattern)) == 0;
}

/* All topics that begin so. A topic of the service's own among them would be handled by whoever
 * has filled it. */
static void add_pattern(weir_app *a, const weir_handler *h)
{
    const weir_config *c = a->config;
    const weir_config_dead_letter *d = &c->errors.dead_letter;
    const char *must_be,
        *begin =
            weir_arena_copy(&a->arena, weir_view_make(h->topic, weir_topic_begin(h->topic))).ptr;
    if (!begin) {
        weir_fail_oom(&a->setup_error);
    } else if (!weir_config_is_topic(begin, &must_be)) {
        wrong(a, must_be, h->topic);
    } else if (begins(d->topic, h->topic) || begins(d->replay, h->topic) ||
               begins(h->dead_letter, h->topic)) {
        wrong(a, "a pattern takes in the topic of dead letters, or of their replay", h->topic);
    } else if (c->broadcast != WEIR_CONFIG_BROADCAST_OFF) {
        wrong(a, "a pattern of topics needs a group, and broadcast has none", h->topic);
    } else {
        add(a, h, NULL, copy(a, h->topic), NULL);
    }
}

void weir_on_handler(weir_app *a, size_t size, const weir_handler *given)
{
    weir_handler h = {0};
    memcpy(&h, given, size < sizeof h ? size : sizeof h); /* an older caller's struct is shorter */
    int kinds = (h.change != NULL) + (h.topic != NULL && !h.event) + (h.event != NULL);
    const char *name = h.change ? h.change : h.event ? h.event : h.topic, *must_be;
    if (!h.fn) {
        wrong(a, "a handler without a function", name);
    } else if (kinds != 1) {
        wrong(a, "a handler needs one of change, topic and event", name);
    } else if (h.ops && (!h.change || h.ops & ~all_ops)) {
        wrong(a, "operations (ops) are WEIR_INSERT, … of a change", name);
    } else if (h.event && !h.topic && !weir_config_event_named(a->config, h.event)) {
        wrong(a, "an event that a handler is for needs a topic: here, or in the config's events",
            h.event);
    } else if (h.topic && !h.event && weir_topic_begin(h.topic)) {
        add_pattern(a, &h);
    } else if (h.topic && !weir_config_is_topic(h.topic, &must_be)) {
        wrong(
            a, must_be, h.topic); /* librdkafka would take one that begins with '^' for a pattern */
    } else if (h.change) {
        add_change(a, &h);
    } else {
        const char *topic = h.topic ? h.topic : weir_config_event_named(a->config, h.event)->topic;
        add(a, &h, NULL, copy(a, topic), NULL);
    }
}

void weir_migrations(weir_app *a, const char *store, const char *const *statements, size_t n)
{
    const weir_config_store *s = weir_config_store_named(a->config, store);
    if (!s || (s->type != WEIR_CONFIG_STORE_SQLITE && s->type != WEIR_CONFIG_STORE_POSTGRES)) {
        wrong(a, "migrations are of a store of the type sqlite or postgres", store);
        return;
    }
    weir_transactions *t = weir_transactions_of(&a->transactions, s, &a->arena);
    if (!t) {
        weir_fail_oom(&a->setup_error);
    } else if (t->migrations) {
        wrong(a, "a store has one list of migrations", store);
    } else {
        t->migrations = statements;
        t->n_migrations = n;
    }
}

void weir_use(weir_app *a, weir_middleware_fn *fn, void *ctx)
{
    size_t n = a->n_middleware;
    weir_middleware *all = weir_arena_alloc(&a->arena, (n + 1) * sizeof *all);
    if (!all) {
        weir_fail_oom(&a->setup_error);
        return;
    }
    if (n) {
        memcpy(all, a->middleware, n * sizeof *all);
    }
    all[n] = (weir_middleware){fn, ctx};
    a->middleware = all;
    a->n_middleware = n + 1;
}

/* ---- Opening ------------------------------------------------------------------------------------
 */

/* NULL: out of memory. */
static weir_routed_topic *routed(weir_app *a, const registered *r)
{
    for (size_t i = 0; i < a->n_topics; i++) {
        if (strcmp(a->topics[i].topic, r->topic) == 0) {
            return &a->topics[i];
        }
    }
    weir_routed_topic *t = &a->topics[a->n_topics];
    *t = (weir_routed_topic){.topic = r->topic};
    if (r->from) {
        t->source = weir_source_rules_of(r->from, a->schemas, false, &a->arena);
        t->check = weir_validations_find(&a->validations, r->from, r->route.table);
        if (!t->source) {
            return NULL;
        }
    }
    a->n_topics++;
    return t;
}

static weir_status gather_topics(weir_app *a, weir_error *err)
{
    size_t n = 0;
    for (const registered *r = a->first; r; r = r->next) {
        n++;
    }
    a->topics = weir_arena_alloc(&a->arena, (n + 1) * sizeof *a->topics);
    if (!a->topics) {
        return weir_fail_oom(err);
    }
    for (const registered *r = a->first; r; r = r->next) {
        weir_routed_topic *t = routed(a, r);
        weir_route *routes =
            t ? weir_arena_alloc(&a->arena, (t->n_routes + 1) * sizeof *routes) : NULL;
        if (!routes) {
            return weir_fail_oom(err);
        }
        if (t->n_routes) {
            memcpy(routes, t->routes, t->n_routes * sizeof *routes);
        }
        if (!t->source != !r->from) {
            return weir_fail(err, WEIR_E_APP_SETUP,
                "topic %s is registered as a change's topic and as a plain one", t->topic);
        }
        routes[t->n_routes++] = r->route;
        t->routes = routes;
    }
    const char *replay = a->config->errors.dead_letter.replay;
    if (replay && a->n_topics) {
        a->topics[a->n_topics++] = (weir_routed_topic){.topic = replay, .replays = true};
    }
    return WEIR_OK;
}

static int64_t now_ms(void *ctx)
{
    (void)ctx;
    return weir_monotonic_ms();
}

static weir_status lookup(void *ctx, const char *cache, weir_view key, const weir_freshness *min,
    weir_buf *row, bool *found, weir_error *err)
{
    weir_app *a = ctx;
    return weir_daemon_lookup(a->daemon, cache, key, min, row, found, err);
}

/* What tests put in place of clock and caches. */
static void take_ports(const weir_app_ports *p, weir_handlers_options *o)
{
    o->lanes = 1;
    o->dead_letters = p->dead_letters;
    o->emitter = p->emitter;
    o->seed = 1;
    o->now_ms = p->now_ms;
    o->lookup = p->lookup;
    o->ctx = p->ctx;
}

static weir_inbox **gather_inboxes(weir_app *a, size_t *n)
{
    size_t all = 0;
    for (weir_transactions *t = a->transactions; t; t = t->next) {
        all++;
    }
    weir_inbox **out = weir_arena_alloc(&a->arena, (all + 1) * sizeof(weir_inbox *));
    *n = 0;
    for (weir_transactions *t = a->transactions; t && out; t = t->next) {
        out[(*n)++] = &t->inbox;
    }
    return out;
}

/* What the producer refuses must not get into an outbox. */
static size_t emit_bytes_of(const weir_config *c)
{
    const weir_config_pairs *all[] = {&c->kafka.properties, &c->kafka.producer};
    size_t bytes = DEFAULT_MESSAGE_BYTES;
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < all[k]->count; i++) {
            bool is = strcmp(all[k]->items[i].name, "message.max.bytes") == 0;
            bytes = is ? strtoul(all[k]->items[i].value, NULL, 10) : bytes;
        }
    }
    return bytes;
}

static weir_status open_handlers(weir_app *a, weir_error *err)
{
    static const weir_on_reject policies[] = {
        [WEIR_CONFIG_REJECT_DEAD_LETTER] = WEIR_ON_REJECT_DEAD_LETTER,
        [WEIR_CONFIG_REJECT_STOP] = WEIR_ON_REJECT_STOP,
        [WEIR_CONFIG_REJECT_SKIP] = WEIR_ON_REJECT_SKIP,
    };
    const weir_config *c = a->config;
    weir_emit_rules emits;
    const weir_type_place *types;
    size_t n_types, n_inboxes;
    weir_inbox **inboxes = gather_inboxes(a, &n_inboxes);
    if (!inboxes) {
        return weir_fail_oom(err);
    }
    weir_status s = weir_emit_rules_of(c, &a->arena, &emits, err);
    s = s ? s : weir_type_places_of(c, &a->arena, &types, &n_types, err);
    if (s) {
        return s;
    }
    weir_handlers_options o = {
        .name = c->name,
        .topics = a->topics,
        .n_topics = a->n_topics,
        .lanes = weir_lanes_of(c),
        .max_attempts = c->errors.retry.max_attempts,
        .backoff_ms = c->errors.retry.backoff_ms,
        .max_backoff_ms = c->errors.retry.max_backoff_ms,
        .followers_limit = c->limits.parked_per_key,
        .recent_most = c->deduplicate.node ? c->deduplicate.most : 0,
        .recent_window_ms = c->deduplicate.window_ms,
        .stuck_after_ms = c->limits.stuck_after_ms,
        .on_reject = policies[c->errors.reject],
        .dead_letters = a->dead_letters,
        .events = {.items = a->validations.events,
            .count = a->validations.n_events,
            .schemas = a->schemas,
            .log = &a->log,
            .who = c->name},
        .types = types,
        .n_types = n_types,
        .middleware = a->middleware,
        .n_middleware = a->n_middleware,
        .emits = emits,
        .emitter = a->emitter,
        .inboxes = inboxes,
        .n_inboxes = n_inboxes,
        .emit_bytes = emit_bytes_of(c),
        .seed = (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32,
        .now_ms = now_ms,
        .lookup = a->daemon ? lookup : NULL,
        .ctx = a,
        .log = &a->log,
    };
    weir_exactly_once_tell(&a->exactly_once, c, &o);
    if (a->ports) {
        take_ports(a->ports, &o);
    }
    return weir_handlers_new(&o, &a->handlers, err);
}

/* ---- Kafka --------------------------------------------------------------------------------------
 */

/* Where emits and dead letters go. */
static weir_status open_producers(
    weir_app *a, const weir_kafka_property *producer, size_t n, weir_error *err)
{
    const weir_config *c = a->config;
    weir_kafka_emitter_options e = {.properties = producer,
        .n_properties = n,
        .in_flight_bytes = c->limits.emit_bytes,
        .timeout_ms = weir_letter_timeout_ms(c),
        .alive = weir_run_alive,
        .log = &a->log};
    weir_transactions_options t = {.config = c, .arena = &a->arena, .kafka = &e, .log = &a->log};
    weir_status s = weir_transactions_open(a->transactions, &t, err);
    s = s ? s
          : weir_exactly_once_open(
                &a->exactly_once, c, producer, n, a->source, &a->arena, &a->log, err);
    if (s || a->exactly_once.transactor) {
        return s;
    }
    s = weir_kafka_emitter_open(&e, &a->emitter, err);
    if (s || c->errors.reject != WEIR_CONFIG_REJECT_DEAD_LETTER) {
        return s;
    }
    weir_kafka_dead_letter_options d = {.properties = producer,
        .n_properties = n,
        .topic = c->errors.dead_letter.topic,
        .group = c->name,
        .timeout_ms = weir_letter_timeout_ms(c),
        .hold = c->errors.dead_letter.on_unwritable == WEIR_CONFIG_OR_HOLD,
        .log = &a->log};
    return weir_kafka_dead_letters_open(&d, &a->dead_letters, err);
}

/* The name, or for a pattern a regular expression of librdkafka's, in which a dot is a dot. */
static const char *subscribed(weir_app *a, const char *topic)
{
    size_t begin = weir_topic_begin(topic);
    weir_buf b = {0};
    if (!begin) {
        return topic;
    }
    weir_buf_putc(&b, '^');
    for (size_t i = 0; i < begin; i++) {
        weir_buf_puts(&b, topic[i] == '.' ? "[.]" : "");
        weir_buf_put(&b, topic + i, topic[i] != '.');
    }
    weir_buf_puts(&b, ".*");
    const char *text = b.failed ? NULL : weir_arena_copy(&a->arena, weir_buf_view(&b)).ptr;
    weir_buf_fini(&b);
    return text;
}

static bool is_broadcast(const weir_config *c)
{
    return c->broadcast != WEIR_CONFIG_BROADCAST_OFF;
}

static weir_status open_source(weir_app *a, weir_error *err)
{
    const weir_config *c = a->config;
    const char **names = weir_arena_alloc(&a->arena, a->n_topics * sizeof(const char *));
    weir_kafka_property *consumer, *producer;
    size_t n_consumer, n_producer;
    consumer = weir_kafka_properties(c, &c->kafka.consumer, &a->arena, &n_consumer);
    producer = weir_kafka_properties(c, &c->kafka.producer, &a->arena, &n_producer);
    if (!names || !consumer || !producer) {
        return weir_fail_oom(err);
    }
    for (size_t i = 0; i < a->n_topics; i++) {
        names[i] = subscribed(a, a->topics[i].topic);
        if (!names[i]) {
            return weir_fail_oom(err);
        }
    }
    weir_kafka_source_options o = {.properties = consumer,
        .n_properties = n_consumer,
        .topics = names,
        .n_topics = a->n_topics,
        .group = is_broadcast(c) ? NULL : c->name,
        .instance = c->instance,
        .may_grow = true,
        .from_end = c->broadcast == WEIR_CONFIG_BROADCAST_FROM_END,
        .in_flight_bytes = c->limits.in_flight_bytes,
        .log = &a->log};
    weir_status s = weir_kafka_source_open(&o, &a->source, err);
    return s ? s : open_producers(a, producer, n_producer, err);
}

static bool no_drain(void *ctx)
{
    (void)ctx;
    return false;
}

static weir_status open_engine(weir_app *a, weir_error *err)
{
    const weir_config *c = a->config;
    weir_engine_options o = {.name = c->name,
        .lanes = weir_lanes_of(c),
        .in_flight_bytes = weir_engine_bytes_of(c),
        .group = !a->exactly_once.transactor && !is_broadcast(c), /* who commits */
        .resume = !is_broadcast(c),
        .drain_ms = c->limits.drain_ms,
        .tag = weir_handlers_tag,
        .ctx = a->handlers,
        .log = &a->log};
    if (a->ports) {
        o.lanes = 1;
        o.wait = no_drain;
        a->source = a->ports->source;
    }
    weir_processor p = {&weir_handlers_processor, a->handlers};
    weir_status s = weir_engine_init(&a->engine, &o, a->source, p, err);
    if (!s) {
        weir_handlers_attach(a->handlers, &a->engine);
        weir_exactly_once_attach(&a->exactly_once, a->handlers, &a->engine);
    }
    return s;
}

static weir_status open_topics(weir_app *a, weir_error *err)
{
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < a->n_topics && !s; i++) {
        if (weir_topic_begin(a->topics[i].topic)) {
            continue; /* its topics come with their records */
        }
        s = a->ports->topic(a->ports->ctx, a->topics[i].topic, err);
    }
    weir_transactions_options t = {.config = a->config,
        .arena = &a->arena,
        .emitter = a->ports->emitter,
        .now_ms = a->ports->now_ms,
        .ctx = a->ports->ctx,
        .log = &a->log};
    return s ? s : weir_transactions_open(a->transactions, &t, err);
}

static weir_status open_all(weir_app *a, weir_error *err)
{
    weir_status s = weir_validations_open(a->config, a->schemas, &a->validations, NULL, err);
    s = s ? s : gather_topics(a, err);
    if (!s && !a->ports) {
        s = weir_patterns_take(a->config, NULL, WEIR_PATTERNS_TRIES, &a->log, err);
    }
    if (!s && a->config->followed.count && !a->ports) {
        s = weir_daemon_open(a->config, NULL, &a->log, &a->daemon, err);
    }
    if (s || !a->n_topics) {
        return s;
    }
    s = a->ports ? open_topics(a, err) : open_source(a, err);
    s = s ? s : open_handlers(a, err);
    return s ? s : open_engine(a, err);
}

static weir_status load(weir_app *a, const char *path, weir_error *err)
{
    weir_config_problems problems;
    weir_config_problems_init(&problems);
    weir_status s = strchr(path, '\n') ? weir_config_parse(weir_view_of(path), "config", NULL,
                                             &a->config, &problems, err)
                                       : weir_config_load(path, NULL, &a->config, &problems, err);
    weir_config_problems_fini(&problems);
    if (!s) {
        weir_log_of_config(a->config, a->ports != NULL, &a->log);
        if (a->given_log) {
            a->log.write = a->given_log->write;
            a->log.ctx = a->given_log->ctx;
        }
    }
    return s;
}

static weir_status open_app(
    weir_app *a, const char *config, weir_setup_fn *setup, void *ctx, weir_error *err)
{
    weir_status s = load(a, config, err);
    s = s ? s : weir_registry_of(a->config, &a->schemas, err);
    if (!s) {
        setup(a, ctx);
        if (a->setup_error.status && err) {
            *err = a->setup_error;
        }
        s = a->setup_error.status;
    }
    return s ? s : open_all(a, err);
}

weir_app *weir_app_new(const char *config_path, weir_setup_fn *setup, void *ctx, weir_error *err)
{
    weir_app *a = weir_calloc(1, sizeof *a);
    if (!a) {
        weir_fail_oom(err);
        return NULL;
    }
    weir_arena_init(&a->arena, 0);
    weir_health_init(&a->health);
    if (open_app(a, config_path, setup, ctx, err)) {
        weir_app_free(a);
        return NULL;
    }
    return a;
}

weir_status weir_app_open_with(const char *config, weir_setup_fn *setup, void *ctx,
    const weir_app_ports *ports, const weir_log *log, weir_app **out, weir_error *err)
{
    weir_app *a = *out = weir_calloc(1, sizeof *a);
    if (!a) {
        return weir_fail_oom(err);
    }
    weir_arena_init(&a->arena, 0);
    weir_health_init(&a->health);
    a->ports = ports;
    a->given_log = log;
    weir_status s = open_app(a, config, setup, ctx, err);
    if (s) {
        weir_app_free(a);
        *out = NULL;
    }
    return s;
}

weir_engine *weir_app_engine(weir_app *a)
{
    return a->engine.queues ? &a->engine : NULL;
}

const weir_config_source *weir_app_source_of(
    const weir_config *config, const char *name, const char **table)
{
    *table = name;
    for (size_t i = 0; i < config->sources.count && parts_of(name) > 2; i++) {
        const weir_config_source *s = &config->sources.items[i];
        size_t len = strlen(s->name);
        if (strncmp(name, s->name, len) == 0 && name[len] == '.') {
            *table = name + len + 1;
            return s;
        }
    }
    return config->sources.count && parts_of(name) == 2 ? &config->sources.items[0] : NULL;
}

/* ---- Running ------------------------------------------------------------------------------------
 */

weir_status weir_app_start(weir_app *a, weir_error *err)
{
    weir_status s = a->daemon ? weir_daemon_start(a->daemon, err) : WEIR_OK;
    if (!s && a->handlers) {
        s = weir_transactions_start(a->transactions, a->config->limits.drain_ms, err);
    }
    if (!s && a->handlers) {
        s = weir_run_start(&a->run, &a->engine, weir_exactly_once_background(&a->exactly_once),
            a->config->limits.drain_ms, err);
        a->started = !s;
    }
    return s;
}

void weir_app_stop(weir_app *a)
{
    if (a->started) {
        weir_run_stop(&a->run);
    }
}

bool weir_app_ended(const weir_app *a)
{
    bool handlers_ended = !a->handlers || weir_run_ended(&a->run);
    bool caches_failed = a->daemon && weir_daemon_ended(a->daemon);
    return (a->handlers && handlers_ended) || caches_failed;
}

/* Handlers first: while they drain, they may still look into caches. */
weir_status weir_app_wait(weir_app *a, weir_error *err)
{
    weir_error why;
    weir_status s = WEIR_OK;
    if (a->started) {
        while (!weir_app_ended(a)) {
            usleep(20000);
        }
        weir_run_stop(&a->run);
        s = weir_run_wait(&a->run, err);
        a->started = false;
    }
    weir_transactions_stop(a->transactions);
    weir_status d = a->daemon ? weir_daemon_wait(a->daemon, &why) : WEIR_OK;
    if (d && !s && err) {
        *err = why;
    }
    return s ? s : d;
}

bool weir_app_ready(const weir_app *a)
{
    return !a->daemon || weir_daemon_ready(a->daemon);
}

bool weir_app_live(const weir_app *a, weir_error *why)
{
    if (a->daemon && !weir_daemon_live(a->daemon)) {
        weir_fail(why, WEIR_E_HANDLER_STUCK, "a thread of a cache stands still");
        return false;
    }
    if (!a->started) {
        return true;
    }
    weir_silence silence = weir_run_silence(&a->run, weir_monotonic_ms());
    int64_t bound_ms =
        a->config->limits.stuck_after_ms + a->config->limits.drain_ms + WEIR_POLL_WAITS_MS;
    if (silence.ms > bound_ms && silence.thread == WEIR_THREAD_POLL) { /* it may wait for a drain */
        weir_fail(why, WEIR_E_HANDLER_STUCK, "the poll thread stands still");
        return false;
    }
    return !weir_handlers_stuck(a->handlers, why);
}

bool weir_app_look(weir_app *a, weir_health_figures *figures, weir_error *why)
{
    *figures = (weir_health_figures){.stalled = 0};
    return a->started && weir_health_look(&a->health, &a->engine, a->handlers,
                             a->config->limits.stuck_after_ms, figures, why);
}

weir_status weir_app_health(weir_app *a, weir_error *given)
{
    weir_error own, *why = given ? given : &own;
    weir_health_figures figures;
    if (!weir_app_live(a, why) || weir_app_look(a, &figures, why)) {
        return why->status;
    }
    return WEIR_OK;
}

const weir_config *weir_app_config(const weir_app *a)
{
    return a->config;
}

const weir_log *weir_app_log(const weir_app *a)
{
    return &a->log;
}

weir_daemon *weir_app_daemon(const weir_app *a)
{
    return a->daemon;
}

weir_handlers *weir_app_handlers(const weir_app *a)
{
    return a->handlers;
}

size_t weir_app_breakers(const weir_app *a, weir_breaker_view *out, size_t max)
{
    size_t n = 0;
    for (weir_app_breaker *b = a->breakers; b && n < max; b = b->next) {
        out[n++] = weir_breaker_look(&b->breaker);
    }
    return n;
}

bool weir_app_exactly_once(const weir_app *a, weir_transactor_counters *out)
{
    const weir_transactor *t = a->exactly_once.transactor;
    if (t) {
        *out = weir_transactor_count(t);
    }
    return t;
}

const weir_validations *weir_app_validations(const weir_app *a)
{
    return &a->validations;
}

weir_transactions *weir_app_transactions(const weir_app *a)
{
    return a->transactions;
}

uint64_t weir_app_records(weir_app *a)
{
    uint64_t handled = a->handlers ? weir_engine_get_counts(&a->engine).settled : 0;
    return handled + (a->daemon ? weir_daemon_count(a->daemon).settled : 0);
}

void weir_app_free(weir_app *a)
{
    if (!a) {
        return;
    }
    if (a->engine.queues) {
        weir_engine_fini(&a->engine);
        if (a->engine.queues) {
            return; /* messages that their users never settled still need it, and so does the source
                     */
        }
    } else if (a->source.ops) {
        a->source.ops->close(a->source.self);
    }
    weir_run_fini(&a->run);
    if (a->emitter.self) {
        weir_kafka_emitter_close(&a->emitter);
    }
    weir_exactly_once_close(&a->exactly_once);
    weir_handlers_free(a->handlers);
    weir_transactions_close(a->transactions);
    weir_kafka_dead_letters_close(&a->dead_letters);
    weir_daemon_close(a->daemon);
    weir_validations_close(&a->validations);
    weir_avro_schemas_free(a->schemas);
    for (weir_app_breaker *b = a->breakers; b; b = b->next) {
        weir_breaker_fini(&b->breaker);
    }
    weir_config_free(a->config);
    weir_health_fini(&a->health);
    weir_arena_fini(&a->arena);
    weir_free(a);
}
