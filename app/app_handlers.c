/* The handlers of an app: what was registered, by topic, and what the config says of all of them.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app_state.h"
#include "config_value.h"
#include "events.h"
#include "kafka_properties.h"
#include "lookup.h"
#include "rules.h"

enum { DEFAULT_MESSAGE_BYTES = 1000000 }; /* librdkafka's message.max.bytes */

/* NULL: out of memory. */
static weir_routed_topic *routed(weir_app *a, const weir_routed_handler *r)
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

/* Does the first of two handlers take all that the second one would? */
static bool takes_all(const weir_route *first, const weir_route *second)
{
    unsigned all = WEIR_INSERT | WEIR_UPDATE | WEIR_DELETE | WEIR_SNAPSHOT | WEIR_TRUNCATE;
    unsigned of = second->ops ? second->ops : all;
    return !first->where && !first->headers &&
           weir_config_same_or_none(first->table, second->table) &&
           (!first->event || weir_config_same_or_none(first->event, second->event)) &&
           (!first->ops || (first->ops & of) == of);
}

/* A record goes to the first handler that it fits. */
static weir_status check_reach(const weir_routed_topic *t, weir_error *err)
{
    for (size_t second = 1; second < t->n_routes; second++) {
        for (size_t first = 0; first < second; first++) {
            if (takes_all(&t->routes[first], &t->routes[second])) {
                return weir_fail(err, WEIR_E_APP_SETUP,
                    "handler %zu of topic %s is never called: handler %zu, registered before it, "
                    "takes all of its records",
                    second + 1, t->topic, first + 1);
            }
        }
    }
    return WEIR_OK;
}

weir_status weir_app_gather_topics(weir_app *a, weir_error *err)
{
    size_t n = 0;
    for (const weir_routed_handler *r = a->first; r; r = r->next) {
        n++;
    }
    a->topics = weir_arena_alloc(&a->arena, (n + 1) * sizeof *a->topics);
    if (!a->topics) {
        return weir_fail_oom(err);
    }
    for (const weir_routed_handler *r = a->first; r; r = r->next) {
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
    for (size_t i = 0; i < a->n_topics; i++) {
        if (check_reach(&a->topics[i], err)) {
            return err->status;
        }
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
    int64_t *age_ms, weir_buf *row, bool *found, weir_error *err)
{
    weir_app *a = ctx;
    return weir_daemon_lookup(a->daemon, cache, key, min, age_ms, row, found, err);
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

weir_status weir_app_open_handlers(weir_app *a, weir_error *err)
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
    weir_status s = weir_emit_rules_of(c, a->ports != NULL, &a->arena, &emits, err);
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
        .parking = a->parking.parking,
        .park = c->errors.followers == WEIR_CONFIG_FOLLOWERS_PARK,
        .events = {.items = a->validations.events,
            .count = a->validations.n_events,
            .schemas = a->schemas,
            .log = &a->log,
            .who = c->name},
        .types = types,
        .n_types = n_types,
        .middleware = a->middleware,
        .n_middleware = a->n_middleware,
        .batch_middleware = a->batch_middleware,
        .n_batch_middleware = a->n_batch_middleware,
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
