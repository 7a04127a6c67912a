/* The lint: what no single key shows to be wrong. It works on the typed config, of which parts may
 * be missing (NULL) where an earlier step has refused them. */
#include "config_load.h"
#include "base/ascii.h"

#include <stdio.h>
#include <stdlib.h>

#include "cdc/column.h"
#include "config_node.h"
#include "config_value.h"

/* ---- kafka ------------------------------------------------------------------------------- */

static void check_property(
    const weir_config_loader *loader, const weir_config_scope *scope, const weir_config_pair *p)
{
    const weir_config_property *known = weir_config_property_named(p->name);
    weir_config_scope inner = {scope, p->name};
    if (!known) {
        return;
    }
    if (known->refused) {
        weir_config_error(loader, &inner, p->place, WEIR_E_CONFIG_FORBIDDEN_PROPERTY,
            "not to be set here: %s", known->help);
    } else if (known->only && !weir_ascii_same(p->value, known->only) && known->risk) {
        weir_config_warn(loader, &inner, p->place, WEIR_E_CONFIG_INSECURE,
            "anything but `%s` is a risk: %s", known->only, known->help);
    } else if (known->only && !weir_ascii_same(p->value, known->only)) {
        weir_config_error(loader, &inner, p->place, WEIR_E_CONFIG_FORBIDDEN_PROPERTY,
            "must stay `%s`: %s", known->only, known->help);
    }
}

static void check_properties(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_pairs *properties)
{
    for (size_t i = 0; i < properties->count; i++) {
        check_property(loader, scope, &properties->items[i]);
    }
}

static void check_required_property(const weir_config_loader *loader,
    const weir_config_scope *scope, const weir_config_property *required)
{
    const weir_config_kafka *kafka = &loader->config->kafka;
    const weir_config_entry *entry = weir_config_node_get(kafka->node, required->name);
    for (size_t i = 0; i < kafka->properties.count; i++) {
        const weir_config_pair *p = &kafka->properties.items[i];
        if (strcmp(p->name, required->name) == 0 && !*p->value) {
            weir_config_error(loader, scope, p->place, WEIR_E_CONFIG_BAD_VALUE, "`%s` is empty: %s",
                required->name, required->help);
        }
    }
    if (kafka->node && !entry) {
        weir_config_error(loader, scope, weir_config_place_of(loader->config->node, "kafka"),
            WEIR_E_CONFIG_MISSING_KEY, "`%s` is missing: %s", required->name, required->help);
    }
}

static void check_kafka(const weir_config_loader *loader)
{
    const weir_config_kafka *kafka = &loader->config->kafka;
    weir_config_scope scope = {NULL, "kafka"};
    weir_config_scope consumer = {&scope, "consumer"}, producer = {&scope, "producer"};
    check_properties(loader, &scope, &kafka->properties);
    check_properties(loader, &consumer, &kafka->consumer);
    check_properties(loader, &producer, &kafka->producer);
    for (const weir_config_property *p = weir_config_kafka_properties; p->name; p++) {
        if (p->required) {
            check_required_property(loader, &scope, p);
        }
    }
}

/* ---- sources ----------------------------------------------------------------------------- */

/* The modes of the config are those of the framework, in the same order. */
_Static_assert((int)WEIR_CONFIG_DECIMAL_DOUBLE == (int)WEIR_DECIMAL_DOUBLE, "decimal modes");
_Static_assert((int)WEIR_CONFIG_TIME_STRUCTURED == (int)WEIR_TIME_STRUCTURED, "time modes");
_Static_assert((int)WEIR_CONFIG_BINARY_HEX == (int)WEIR_BINARY_HEX, "binary modes");

/* A type is known when a column of it can be made. */
static void check_types(
    const weir_config_loader *loader, const weir_config_scope *scope, const weir_config_source *s)
{
    weir_arena *arena = &loader->config->arena;
    weir_column_modes modes = {(weir_decimal_mode)s->modes.decimal, (weir_time_mode)s->modes.time,
        (weir_binary_mode)s->modes.binary};
    for (size_t i = 0; i < s->types.count && !arena->failed; i++) {
        const weir_config_column_type *t = &s->types.items[i];
        weir_config_scope types = {scope, "types"}, table = {&types, t->table};
        weir_config_scope column_scope = {&table, t->column};
        weir_column column;
        weir_status status = weir_column_from_pg(
            weir_view_of(t->column), weir_view_of(t->type), &modes, arena, &column, NULL);
        if (status == WEIR_REJECT) {
            weir_config_error(loader, &column_scope, t->place, WEIR_E_CONFIG_BAD_VALUE,
                "`%s` is no type that weir knows; `enum` stands for any that arrives as text",
                t->type);
        }
    }
}

static void check_source(const weir_config_loader *loader, const weir_config_source *s)
{
    weir_config_scope sources = {NULL, "sources"}, item = {&sources, s->name};
    weir_config_scope unwrapped = {&item, "unwrapped"}, delete_mode = {&unwrapped, "delete_mode"};
    if (s->unwrapped.node && s->format == WEIR_CONFIG_FORMAT_CLOUDEVENTS) {
        weir_config_error(loader, &unwrapped, weir_config_place_of(s->node, "unwrapped"),
            WEIR_E_CONFIG_CONFLICT,
            "CloudEvents carry whole envelopes: drop `unwrapped`, or `format: cloudevents`");
    }
    if (s->unwrapped.delete_mode == WEIR_CONFIG_DELETE_DROP) {
        weir_config_warn(loader, &delete_mode,
            weir_config_place_of(s->unwrapped.node, "delete_mode"), WEIR_E_CONFIG_NO_DELETES,
            "with `drop` no delete ever arrives, so deleted rows stay in the caches");
    }
    check_types(loader, &item, s);
}

/* ---- stores ------------------------------------------------------------------------------ */

static void check_store_paths(const weir_config_loader *loader)
{
    const weir_config_stores *stores = &loader->config->stores;
    for (size_t i = 1; i < stores->count; i++) {
        const weir_config_store *s = &stores->items[i];
        size_t other = 0;
        while (other < i && !(s->path && stores->items[other].path &&
                                weir_config_same_place(s->path, stores->items[other].path))) {
            other++;
        }
        if (other < i) {
            weir_config_scope scope = {NULL, "stores"}, item = {&scope, s->name};
            weir_config_scope path = {&item, "path"};
            weir_config_error(loader, &path, weir_config_place_of(s->node, "path"),
                WEIR_E_CONFIG_CONFLICT,
                "`%s` is the path of `%s` already; a database has one "
                "writer",
                s->path, stores->items[other].name);
        }
    }
}

/* name, or in PostgreSQL schema.name. */
static void check_table_name(const weir_config_loader *loader, const weir_config_store *s,
    const char *section, const weir_config_node *node, const char *name)
{
    weir_config_scope all = {NULL, "stores"}, item = {&all, s->name}, inner = {&item, section};
    weir_config_scope scope = {&inner, "table"};
    const char *dot = name ? strchr(name, '.') : NULL;
    bool ok = name && (!dot || (s->type == WEIR_CONFIG_STORE_POSTGRES && dot != name && dot[1] &&
                                   !strchr(dot + 1, '.')));
    if (name && !ok) {
        weir_config_error(loader, &scope, weir_config_place_of(node, "table"),
            WEIR_E_CONFIG_BAD_VALUE, "`%s` is no name of a table%s", name,
            s->type == WEIR_CONFIG_STORE_POSTGRES ? ", with its schema or without" : "");
    }
}

/* What a failed statement may come to. */
static bool class_of(const char *word, weir_status *out)
{
    static const weir_status classes[] = {WEIR_RETRY, WEIR_HOLD, WEIR_REJECT, WEIR_FATAL};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (strcmp(word, weir_status_name(classes[i])) == 0) {
            *out = classes[i];
            return true;
        }
    }
    return false;
}

static bool is_state(const weir_config_store *s, const char *state)
{
    size_t len = strlen(state);
    bool two_or_five = len == 2 || len == 5;
    return s->type == WEIR_CONFIG_STORE_SQLITE
               ? strncmp(state, "SQLITE_", 7) == 0
               : two_or_five && strspn(state, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == len;
}

static void check_sql_errors(const weir_config_loader *loader, const weir_config_store *s)
{
    weir_config_scope all = {NULL, "stores"}, item = {&all, s->name}, map = {&item, "sql_errors"};
    weir_status status;
    for (size_t i = 0; i < s->sql_errors.count; i++) {
        const weir_config_pair *p = &s->sql_errors.items[i];
        weir_config_scope scope = {&map, p->name};
        if (!class_of(p->value, &status)) {
            weir_config_error(loader, &scope, p->place, WEIR_E_CONFIG_BAD_VALUE,
                "`%s` is none of retry, hold, reject and fatal", p->value);
        } else if (!is_state(s, p->name)) {
            weir_config_error(loader, &scope, p->place, WEIR_E_CONFIG_BAD_VALUE,
                s->type == WEIR_CONFIG_STORE_SQLITE
                    ? "`%s` is no name of SQLite's codes: SQLITE_CONSTRAINT_UNIQUE"
                    : "`%s` is neither an SQLSTATE nor the first two characters of one, in quotes",
                p->name);
        }
    }
}

static void check_transactions(const weir_config_loader *loader)
{
    const weir_config_stores *stores = &loader->config->stores;
    for (size_t i = 0; i < stores->count; i++) {
        const weir_config_store *s = &stores->items[i];
        check_sql_errors(loader, s);
        if (s->type == WEIR_CONFIG_STORE_POSTGRES || s->type == WEIR_CONFIG_STORE_SQLITE) {
            check_table_name(loader, s, "inbox", s->inbox.node, s->inbox.table);
            check_table_name(loader, s, "outbox", s->outbox.node, s->outbox.table);
        }
    }
}

/* Who reads all partitions and keeps the offsets beside the rows is one. */
static void check_writers(const weir_config_loader *loader)
{
    const weir_config_stores *stores = &loader->config->stores;
    for (size_t i = 0; i < stores->count; i++) {
        const weir_config_store *s = &stores->items[i];
        if (s->writers > 1 && !weir_config_store_is_shared(s)) {
            weir_config_scope all = {NULL, "stores"}, item = {&all, s->name},
                              writers = {&item, "writers"};
            weir_config_error(loader, &writers, weir_config_place_of(s->node, "writers"),
                WEIR_E_CONFIG_CONFLICT, "`mode: replicate` has one writer");
        }
    }
}

static void check_mixed_stores(const weir_config_loader *loader)
{
    const weir_config_stores *stores = &loader->config->stores;
    const weir_config_store *local = NULL, *shared = NULL;
    for (size_t i = 0; i < stores->count; i++) {
        *(weir_config_store_is_shared(&stores->items[i]) ? &shared : &local) = &stores->items[i];
    }
    if (local && shared) {
        weir_config_scope scope = {NULL, "stores"};
        weir_config_warn(loader, &scope, weir_config_place_of(loader->config->node, "stores"),
            WEIR_E_CONFIG_MIXED_STORES,
            "`%s` is local, so each instance reads every partition into it (replicate); `%s` is "
            "shared, so the instances split the partitions (share): two consumers run",
            local->name, shared->name);
    }
}

/* ---- caches ------------------------------------------------------------------------------ */

static const weir_config_text *text_in(const weir_config_texts *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].text, text) == 0) {
            return &list->items[i];
        }
    }
    return NULL;
}

static void check_rename(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_columns *columns, size_t at)
{
    const weir_config_pair *p = &columns->rename.items[at];
    weir_config_scope rename = {scope, "rename"}, inner = {&rename, p->name};
    bool is_kept = !columns->keep.count || text_in(&columns->keep, p->name);
    if (!is_kept || text_in(&columns->drop, p->name)) {
        weir_config_error(loader, &inner, p->place, WEIR_E_CONFIG_CONFLICT,
            "a column that is left out cannot be renamed");
    }
    size_t other = 0;
    while (other < at && strcmp(columns->rename.items[other].value, p->value) != 0) {
        other++;
    }
    const weir_config_text *kept = text_in(&columns->keep, p->value);
    bool is_moved_away = false;
    for (size_t i = 0; kept && i < columns->rename.count; i++) {
        is_moved_away |= strcmp(columns->rename.items[i].name, p->value) == 0;
    }
    if (other < at || (kept && !is_moved_away)) {
        weir_config_error(loader, &inner, p->place, WEIR_E_CONFIG_CONFLICT,
            "two columns would be called `%s`", p->value);
    }
}

static void check_columns(const weir_config_loader *loader, const weir_config_cache *cache)
{
    const weir_config_columns *c = &cache->columns;
    weir_config_scope caches = {NULL, weir_config_section_of(cache)}, item = {&caches, cache->name};
    weir_config_scope scope = {&item, "columns"};
    if (c->keep.count && c->drop.count) {
        weir_config_error(loader, &scope, weir_config_place_of(c->node, "drop"),
            WEIR_E_CONFIG_CONFLICT, "`keep` and `drop` contradict each other; write one of them");
    }
    for (size_t i = 0; i < c->rename.count; i++) {
        check_rename(loader, &scope, c, i);
    }
}

/* The source decides how a topic's records are read, so a topic cannot have two. */
static void check_topic(const weir_config_loader *loader, size_t at)
{
    const weir_config_followed *all = &loader->config->followed;
    const weir_config_cache *c = all->items[at];
    for (size_t i = 0; i < at; i++) {
        const weir_config_cache *other = all->items[i];
        if (weir_config_same(c->topic, other->topic) && c->source != other->source) {
            weir_config_scope scope = {NULL, weir_config_section_of(c)}, item = {&scope, c->name};
            weir_config_scope from = {&item, "from"};
            weir_config_error(loader, &from, weir_config_place_of(c->node, "from"),
                WEIR_E_CONFIG_CONFLICT,
                "its topic `%s` is read for `%s` already, as records of the source `%s`", c->topic,
                other->name, other->source->name);
            return;
        }
    }
}

/* ---- errors ------------------------------------------------------------------------------ */

/* What the topic is to this config, or NULL when it is not one of those that are read. */
static const char *read_as(const weir_config *c, const char *topic)
{
    for (size_t i = 0; i < c->followed.count; i++) {
        if (weir_config_same(topic, c->followed.items[i]->topic)) {
            return "the topic of a cache";
        }
    }
    for (size_t i = 0; i < c->sources.count; i++) {
        const weir_config_source *s = &c->sources.items[i];
        for (size_t t = 0; t < s->topics.count; t++) {
            if (weir_config_same(topic, s->topics.items[t].value)) {
                return "a topic of a source";
            }
        }
        if (weir_config_same(topic, s->heartbeat_topic)) {
            return "the heartbeat topic of a source";
        }
    }
    return NULL;
}

static void check_parked(const weir_config_loader *loader, const weir_config_scope *scope)
{
    const weir_config *c = loader->config;
    const weir_config_errors *e = &c->errors;
    const char *use = weir_config_same(e->parked, e->dead_letter.topic) ? "the dead letters' topic"
                      : weir_config_same(e->parked, e->dead_letter.replay) ? "the topic of replays"
                                                                           : read_as(c, e->parked);
    weir_config_scope parked = {scope, "parked"}, followers = {scope, "followers"};
    if (use) {
        weir_config_error(loader, &parked, weir_config_place_of(e->node, "parked"),
            WEIR_E_CONFIG_CONFLICT, "`%s` is %s: parked records need a topic of their own",
            e->parked, use);
    }
    if (e->followers != WEIR_CONFIG_FOLLOWERS_PARK) {
        return;
    }
    if (e->reject != WEIR_CONFIG_REJECT_DEAD_LETTER || c->broadcast != WEIR_CONFIG_BROADCAST_OFF) {
        weir_config_error(loader, &followers, weir_config_place_of(e->node, "followers"),
            WEIR_E_CONFIG_CONFLICT,
            "`park` needs `reject: dead_letter`, and a group (no broadcast)");
    }
}

static void check_errors(const weir_config_loader *loader)
{
    const weir_config *c = loader->config;
    const weir_config_errors *e = &c->errors;
    const char *use = read_as(c, e->dead_letter.topic);
    weir_config_scope scope = {NULL, "errors"};
    if (use) {
        weir_config_scope inner = {&scope, "dead_letter"}, topic = {&inner, "topic"};
        const weir_config_node *node = e->dead_letter.node ? e->dead_letter.node : c->node;
        weir_config_error(loader, &topic, weir_config_place_of(node, "topic"),
            WEIR_E_CONFIG_CONFLICT,
            "`%s` is %s: dead letters would be read as changes; give them a topic of their own",
            e->dead_letter.topic, use);
    }
    check_parked(loader, &scope);
    if (e->retry.backoff_ms > e->retry.max_backoff_ms) {
        weir_config_scope retry = {&scope, "retry"}, key = {&retry, "backoff"};
        weir_config_error(loader, &key, weir_config_place_of(e->retry.node, "backoff"),
            WEIR_E_CONFIG_CONFLICT, "is longer than `max_backoff`, the longest wait there may be");
    }
}

/* ---- limits ------------------------------------------------------------------------------ */

enum { POLL_INTERVAL_MS = 300000 }; /* librdkafka's default */

/* Kafka takes a member's partitions away when it does not poll for max.poll.interval.ms, and a
 * drain holds the thread that polls. */
static void check_drain(const weir_config_loader *loader)
{
    const weir_config *c = loader->config;
    const weir_config_pairs *lists[] = {&c->kafka.properties, &c->kafka.consumer};
    weir_config_scope limits = {NULL, "limits"}, key = {&limits, "drain"};
    long long interval_ms = POLL_INTERVAL_MS;
    for (size_t l = 0; l < 2; l++) {
        for (size_t i = 0; i < lists[l]->count; i++) {
            const weir_config_pair *p = &lists[l]->items[i];
            interval_ms =
                strcmp(p->name, "max.poll.interval.ms") == 0 ? atoll(p->value) : interval_ms;
        }
    }
    if (interval_ms > 0 && c->limits.drain_ms > interval_ms / 2) {
        weir_config_warn(loader, &key,
            weir_config_place_of(c->limits.node ? c->limits.node : c->node, "drain"),
            WEIR_E_CONFIG_CONFLICT,
            "a drain of %lld ms is not well below `max.poll.interval.ms`, %lld ms: a member that "
            "drains so long loses its partitions, and records are handled again",
            (long long)c->limits.drain_ms, interval_ms);
    }
}

/* ---- http -------------------------------------------------------------------------------- */

static bool is_loopback(const char *host)
{
    bool is_v4 = strspn(host, "0123456789.") == strlen(host);
    return weir_config_same(host, "localhost") || weir_config_same(host, "::1") ||
           (is_v4 && strncmp(host, "127.", 4) == 0);
}

static void check_http(const weir_config_loader *loader)
{
    const weir_config_http *http = &loader->config->http;
    weir_config_scope scope = {NULL, "http"}, key = {&scope, "listen"};
    if (http->listen.host && !is_loopback(http->listen.host)) {
        weir_config_warn(loader, &key, weir_config_place_of(http->node, "listen"),
            WEIR_E_CONFIG_PUBLIC_ADDRESS,
            "whoever reaches `%s` reads /live, /ready and /metrics: there is no password",
            http->listen.host);
    }
}

/* The password must not travel openly, and the schemas are in one place. */
static void check_registry(const weir_config_loader *loader)
{
    const weir_config_registry *r = &loader->config->registry;
    weir_config_scope scope = {NULL, "registry"}, url = {&scope, "url"};
    if (!r->node) {
        return;
    }
    if (!r->url == !r->directory) {
        weir_config_error(loader, &scope, weir_config_place_of(loader->config->node, "registry"),
            r->url ? WEIR_E_CONFIG_CONFLICT : WEIR_E_CONFIG_MISSING_KEY, "%s",
            r->url ? "has both `url` and `directory`, and schemas are in one place: take one away"
                   : "needs one of `url` and `directory`");
    }
    if (r->url && strncmp(r->url, "https://", 8) != 0 && strncmp(r->url, "http://", 7) != 0) {
        weir_config_error(loader, &url, weir_config_place_of(r->node, "url"),
            WEIR_E_CONFIG_BAD_VALUE, "takes an address that begins with https:// or http://");
    } else if (r->url && strchr(r->url, '@')) {
        weir_config_error(loader, &url, weir_config_place_of(r->node, "url"),
            WEIR_E_CONFIG_BAD_VALUE, "a user and a password have keys of their own");
    } else if (r->url && r->password && r->url[4] == ':') {
        weir_config_warn(loader, &url, weir_config_place_of(r->node, "url"), WEIR_E_CONFIG_INSECURE,
            "the password travels openly: use https");
    }
}

/* A record that was handled may be handled again before its transaction was committed. */
static void check_deduplicate(const weir_config_loader *loader)
{
    const weir_config *c = loader->config;
    weir_config_scope scope = {NULL, "deduplicate"};
    if (c->deduplicate.node && c->delivery == WEIR_CONFIG_DELIVERY_EXACTLY_ONCE) {
        weir_config_error(loader, &scope, c->deduplicate.node->place, WEIR_E_CONFIG_CONFLICT,
            "is for `delivery: at_least_once`");
    }
}

/* Transactions are made of a group's offsets. */
static void check_broadcast(const weir_config_loader *loader)
{
    const weir_config *c = loader->config;
    weir_config_scope scope = {NULL, "broadcast"};
    if (c->broadcast != WEIR_CONFIG_BROADCAST_OFF &&
        c->delivery == WEIR_CONFIG_DELIVERY_EXACTLY_ONCE) {
        weir_config_error(loader, &scope, weir_config_place_of(c->node, "broadcast"),
            WEIR_E_CONFIG_CONFLICT, "is for `delivery: at_least_once`: it commits no offsets");
    }
}

void weir_config_check(const weir_config_loader *loader)
{
    const weir_config *c = loader->config;
    check_kafka(loader);
    for (size_t i = 0; i < c->sources.count; i++) {
        check_source(loader, &c->sources.items[i]);
    }
    check_store_paths(loader);
    check_writers(loader);
    check_mixed_stores(loader);
    check_transactions(loader);
    for (size_t i = 0; i < c->followed.count; i++) {
        check_columns(loader, c->followed.items[i]);
        check_topic(loader, i);
    }
    for (size_t i = 0; i < c->moulds.count; i++) {
        check_columns(loader, c->moulds.items[i]);
    }
    check_registry(loader);
    check_deduplicate(loader);
    check_broadcast(loader);
    for (size_t i = 0; i < c->validations.count; i++) {
        weir_config_check_validation(loader, &c->validations.items[i]);
    }
    weir_config_check_event_type(loader);
    for (size_t i = 0; i < c->events.count; i++) {
        weir_config_check_event(loader, &c->events.items[i]);
    }
    check_errors(loader);
    check_drain(loader);
    check_http(loader);
}
