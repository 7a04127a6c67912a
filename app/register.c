/* Registration: what the setup function of an app says. See <weir/app.h>. A mistake is kept, and
 * told when the app is opened. */
#include <stdio.h>
#include <string.h>

#include "app_state.h"
#include "config_value.h"

enum { DEFAULT_BATCH = 100, MOST_BATCH = 10000 };

static const unsigned all_ops =
    WEIR_INSERT | WEIR_UPDATE | WEIR_DELETE | WEIR_SNAPSHOT | WEIR_TRUNCATE;

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

/* A rejected record would come again as the record that is its dead letter, for ever; and what is
 * replayed, or parked, has its handlers already. */
static bool comes_back(const weir_app *a, const weir_handler *h, const char *topic)
{
    const weir_config_errors *e = &a->config->errors;
    const char *letters = h->dead_letter ? h->dead_letter : e->dead_letter.topic;
    const char *own[] = {e->reject == WEIR_CONFIG_REJECT_DEAD_LETTER ? letters : NULL,
        e->dead_letter.replay, e->parked};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (own[i] && strcmp(topic, own[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void add(weir_app *a, const weir_handler *h, const char *table, const char *topic,
    const weir_config_source *from)
{
    weir_routed_handler *r = weir_arena_alloc(&a->arena, sizeof *r);
    if (!r || !topic) {
        weir_fail_oom(&a->setup_error);
        return;
    }
    if (comes_back(a, h, topic)) {
        wrong(a,
            "a handler's topic cannot be that of its own dead letters, of their replay, or of "
            "parked records",
            topic);
        return;
    }
    *r = (weir_routed_handler){.topic = topic, .from = from};
    r->route = (weir_route){.table = table,
        .event = h->event ? copy(a, h->event) : NULL,
        .fn = h->fn,
        .ctx = h->ctx,
        .batch = h->batch,
        .batch_most = h->batch_most ? h->batch_most : DEFAULT_BATCH,
        .batch_wait_ms = h->batch_wait_ms};
    if (!weir_policy_of(a->config, h, &a->arena, &a->breakers, &r->route) ||
        !take_transaction(a, h, topic, &r->route)) {
        weir_fail_oom(&a->setup_error);
        return;
    }
    a->parks |= h->followers == WEIR_FOLLOWERS_PARK;
    a->has_batches |= h->batch != NULL;
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
               begins(h->dead_letter, h->topic) || begins(c->errors.parked, h->topic)) {
        wrong(a,
            "a pattern takes in the topic of dead letters, of their replay, or of parked records",
            h->topic);
    } else if (c->broadcast != WEIR_CONFIG_BROADCAST_OFF) {
        wrong(a, "a pattern of topics needs a group, and broadcast has none", h->topic);
    } else {
        add(a, h, NULL, copy(a, h->topic), NULL);
    }
}

static bool may_park(const weir_config *c)
{
    return c->errors.reject == WEIR_CONFIG_REJECT_DEAD_LETTER &&
           c->broadcast == WEIR_CONFIG_BROADCAST_OFF;
}

/* What is wrong with a handler's numbers; NULL: nothing. */
static const char *wrong_numbers(const weir_handler *h)
{
    if (h->batch && h->batch_most > MOST_BATCH) {
        return "batch_most is 10,000 at most";
    }
    if (!h->batch && (h->batch_most || h->batch_wait_ms)) {
        return "batch_most and batch_wait_ms are of a handler with .batch";
    }
    return h->max_backoff_ms && h->backoff_ms > h->max_backoff_ms
               ? "backoff_ms is longer than max_backoff_ms, the longest wait there may be"
               : NULL;
}

void weir_on_handler(weir_app *a, size_t size, const weir_handler *given)
{
    weir_handler h = {0};
    memcpy(&h, given, size < sizeof h ? size : sizeof h); /* an older caller's struct is shorter */
    int kinds = (h.change != NULL) + (h.topic != NULL && !h.event) + (h.event != NULL);
    const char *name = h.change ? h.change : h.event ? h.event : h.topic, *must_be;
    if (!h.fn == !h.batch) {
        wrong(a, h.fn ? "a handler has one of fn and batch" : "a handler without a function", name);
    } else if (h.dead_letter && !weir_config_is_topic(h.dead_letter, &must_be)) {
        wrong(a, must_be, h.dead_letter);
    } else if (wrong_numbers(&h)) {
        wrong(a, wrong_numbers(&h), name);
    } else if (kinds != 1) {
        wrong(a, "a handler needs one of change, topic and event", name);
    } else if (h.ops && (!h.change || h.ops & ~all_ops)) {
        wrong(a, "operations (ops) are WEIR_INSERT, … of a change", name);
    } else if ((unsigned)h.followers > WEIR_FOLLOWERS_PARK) {
        wrong(a, "followers is WEIR_FOLLOWERS_GO_ON or WEIR_FOLLOWERS_PARK", name);
    } else if (h.followers == WEIR_FOLLOWERS_PARK && !may_park(a->config)) {
        wrong(a, "to park followers needs errors.reject: dead_letter, and a group (no broadcast)",
            name);
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

/* The list with room for one more behind its n; NULL: out of memory, and that is kept. */
static void *grow(weir_app *a, const void *items, size_t n, size_t size)
{
    void *all = weir_arena_alloc(&a->arena, (n + 1) * size);
    if (!all) {
        weir_fail_oom(&a->setup_error);
    } else if (n) {
        memcpy(all, items, n * size);
    }
    return all;
}

void weir_use(weir_app *a, weir_middleware_fn *fn, void *ctx)
{
    if (!fn) {
        wrong(a, "a middleware without a function", "weir_use");
        return;
    }
    weir_middleware *all = grow(a, a->middleware, a->n_middleware, sizeof *all);
    if (all) {
        all[a->n_middleware++] = (weir_middleware){fn, ctx};
        a->middleware = all;
    }
}

void weir_use_batch(weir_app *a, weir_batch_middleware_fn *fn, void *ctx)
{
    a->batches_need_none |= !fn;
    weir_batch_middleware *all =
        fn ? grow(a, a->batch_middleware, a->n_batch_middleware, sizeof *all) : NULL;
    if (all) {
        all[a->n_batch_middleware++] = (weir_batch_middleware){fn, ctx};
        a->batch_middleware = all;
    }
}

/* A check of every message that did not run around batches would be missed by nobody. */
void weir_check_setup(weir_app *a)
{
    if (a->has_batches && a->n_middleware && !a->n_batch_middleware && !a->batches_need_none) {
        wrong(a,
            "weir_use does not run around handlers with .batch: say by weir_use_batch what does, "
            "or "
            "by weir_use_batch(app, NULL, NULL) that nothing is meant to",
            "weir_use");
    }
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

weir_status weir_app_no_source(
    const weir_config *config, const char *name, weir_code code, weir_error *err)
{
    const char *first = config->sources.count ? config->sources.items[0].name : NULL;
    return first ? weir_fail(err, code,
                       "no source of the config has the table %s: it is SCHEMA.TABLE of %s, or "
                       "SOURCE.SCHEMA.TABLE",
                       name, first)
                 : weir_fail(err, code, "the config has no sources, and so no table %s", name);
}
