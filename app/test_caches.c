/* Caches of a test's service. See test_caches.h. */
#include "test_caches.h"

#include <string.h>

#include "base/alloc.h"
#include "lookup.h"
#include "memory/memory_source.h"
#include "memory/memory_store.h"
#include "rules.h"

/* One for each store of the config. */
typedef struct world {
    weir_rules rules;
    weir_store store;
    weir_sync *sync;
    weir_memory_source *source;
    weir_engine engine;
    bool opened;
    struct world *next;
} world;

struct weir_test_caches {
    world *first;
    int64_t now_ms;
};

static int64_t wall_ms(void *ctx)
{
    (void)ctx;
    return 1767225600000; /* a new year: marks do not expire in a test */
}

static bool wait_never(void *ctx, int64_t ms)
{
    (void)ctx, (void)ms;
    return false;
}

static bool no_drain(void *ctx)
{
    (void)ctx;
    return false;
}

/* ---- Opening ------------------------------------------------------------------------------------
 */

static weir_status open_engine(world *w, const weir_log *log, weir_error *err)
{
    weir_record_source port;
    weir_status s = weir_memory_source_new(&w->source, &port, err);
    for (size_t i = 0; i < w->rules.n_topics && !s; i++) {
        s = weir_memory_source_topic(w->source, w->rules.topic_names[i], err);
    }
    weir_engine_options o = {.name = "test",
        .lanes = 1,
        .tag = weir_sync_tag,
        .wait = no_drain,
        .ctx = w->sync,
        .log = log};
    s = s ? s
          : weir_engine_init(
                &w->engine, &o, port, (weir_processor){&weir_sync_processor, w->sync}, err);
    if (!s) {
        w->opened = true;
        weir_sync_attach(w->sync, &w->engine);
    }
    return s;
}

static weir_status open_world(const weir_config *config, const weir_config_store *store,
    const weir_dead_letters *letters, const weir_log *log, world *w, weir_error *err)
{
    static const weir_reject_policy policies[] = {
        [WEIR_CONFIG_REJECT_DEAD_LETTER] = WEIR_REJECT_DEAD_LETTER,
        [WEIR_CONFIG_REJECT_STOP] = WEIR_REJECT_STOP,
        [WEIR_CONFIG_REJECT_SKIP] = WEIR_REJECT_SKIP,
    };
    weir_status s = weir_rules_build(config, store, &w->rules, err);
    s = s ? s : weir_memory_store_open(0, &w->store, err);
    weir_sync_options o = {.name = store->name,
        .caches = w->rules.caches,
        .n_caches = w->rules.n_caches,
        .topics = w->rules.topics,
        .n_topics = w->rules.n_topics,
        .lanes = 1,
        .on_reject = policies[config->errors.reject],
        .dead_letters = *letters,
        .trust_rejected_keys = !config->errors.quarantine_key,
        .wall_ms = wall_ms,
        .wait = wait_never,
        .log = log};
    s = s ? s : weir_sync_new(&o, w->store, &w->sync, err);
    return s ? s : open_engine(w, log, err);
}

static bool is_used(const weir_config *config, const weir_config_store *store)
{
    for (size_t i = 0; i < config->followed.count; i++) {
        if (config->followed.items[i]->store == store) {
            return true;
        }
    }
    return false;
}

weir_status weir_test_caches_new(const weir_config *config, const weir_dead_letters *letters,
    const weir_log *log, weir_test_caches **out, weir_error *err)
{
    weir_test_caches *c = *out = weir_calloc(1, sizeof *c);
    weir_status s = c ? WEIR_OK : weir_fail_oom(err);
    for (size_t i = 0; i < config->stores.count && !s; i++) {
        world *w = is_used(config, &config->stores.items[i]) ? weir_calloc(1, sizeof *w) : NULL;
        if (w) {
            w->next = c->first;
            c->first = w;
            s = open_world(config, &config->stores.items[i], letters, log, w, err);
        }
    }
    if (s) {
        weir_test_caches_free(c);
        *out = NULL;
    }
    return s;
}

void weir_test_caches_free(weir_test_caches *c)
{
    while (c && c->first) {
        world *w = c->first;
        c->first = w->next;
        if (w->opened) {
            weir_engine_abandon(&w->engine);
            weir_sync_abandon(w->sync);
            weir_engine_fini(&w->engine);
        }
        weir_sync_free(w->sync);
        if (w->store.ops) {
            w->store.ops->close(w->store.self);
        }
        weir_memory_source_free(w->source);
        weir_rules_fini(&w->rules);
        weir_free(w);
    }
    weir_free(c);
}

/* ---- Running ------------------------------------------------------------------------------------
 */

weir_status weir_test_caches_add(weir_test_caches *c, const char *topic, weir_view key,
    weir_view value, const weir_field *headers, int64_t at_ms, bool *taken, weir_error *err)
{
    weir_status s = WEIR_OK;
    *taken = false;
    for (world *w = c->first; w && !s; w = w->next) {
        int64_t offset = -1;
        s = weir_memory_source_add(w->source, topic, key, value, headers, at_ms, &offset, err);
        *taken |= offset >= 0;
    }
    return s;
}

/* Its headers as fields, in the arena. NULL: out of memory. */
static const weir_field *headers_of(const weir_raw_record *r, weir_arena *arena)
{
    weir_view name, value;
    size_t n = 0;
    while (r->headers.at && r->headers.at(r->headers.self, n, &name, &value)) {
        n++;
    }
    weir_field *f = weir_arena_alloc(arena, (n + 1) * sizeof *f);
    for (size_t i = 0; f && i < n; i++) {
        (void)r->headers.at(r->headers.self, i, &name, &value);
        f[i] = (weir_field){
            .name = weir_arena_copy(arena, name).ptr, .kind = WEIR_FIELD_TEXT, .text = value};
    }
    if (f) {
        f[n] = (weir_field){.kind = WEIR_FIELD_END};
    }
    return arena->failed ? NULL : f;
}

weir_status weir_test_caches_record(
    weir_test_caches *c, const weir_raw_record *record, bool *taken, weir_error *err)
{
    weir_arena arena;
    weir_arena_init(&arena, 0);
    const char *topic = weir_arena_copy(&arena, record->topic).ptr;
    const weir_field *headers = headers_of(record, &arena);
    weir_status s = topic && headers ? weir_test_caches_add(c, topic, record->key, record->value,
                                           headers, record->timestamp_ms, taken, err)
                                     : weir_fail_oom(err);
    weir_arena_fini(&arena);
    return s;
}

static weir_status run_world(world *w, int64_t now_ms, weir_error *err)
{
    const weir_processor_ops *ops = w->engine.processor.ops;
    bool more = true;
    while (more) {
        weir_status s = weir_engine_poll(&w->engine, now_ms, 0);
        weir_chunk *chunk = s ? NULL : weir_engine_next(&w->engine, 0, 0);
        more = chunk;
        if (chunk) {
            ops->take(w->sync, 0, chunk);
        }
        ops->step(w->sync, 0, now_ms);
        s = s ? s : weir_sync_write(w->sync, 0);
        if (s || weir_engine_failure(&w->engine, err)) {
            (void)weir_engine_failure(&w->engine, err);
            return WEIR_FATAL;
        }
    }
    return WEIR_OK;
}

weir_status weir_test_caches_run(weir_test_caches *c, weir_error *err)
{
    weir_status s = WEIR_OK;
    c->now_ms++;
    for (world *w = c->first; w && !s; w = w->next) {
        s = run_world(w, c->now_ms, err);
    }
    return s;
}

static weir_status each_row(
    weir_store store, unsigned cache, weir_store_each_fn *fn, void *ctx, weir_error *err)
{
    weir_status s = store.ops->begin(store.self, err);
    if (s) {
        return s;
    }
    s = store.ops->each(store.self, cache, WEIR_SPACE_ROW, (weir_view){"", 0}, fn, ctx, err);
    store.ops->abort(store.self);
    return s;
}

weir_status weir_test_caches_each(
    weir_test_caches *c, const char *cache, weir_store_each_fn *fn, void *ctx, weir_error *err)
{
    for (world *w = c->first; w; w = w->next) {
        for (size_t i = 0; i < w->rules.n_caches; i++) {
            if (strcmp(w->rules.caches[i].name, cache) == 0) {
                return each_row(w->store, (unsigned)i + 1, fn, ctx, err);
            }
        }
    }
    return weir_fail(err, WEIR_E_NO_CACHE, "there is no cache %.60s", cache);
}

weir_status weir_test_caches_lookup(weir_test_caches *c, const char *cache, weir_view key,
    weir_buf *row, bool *found, weir_error *err)
{
    *found = false;
    for (world *w = c->first; w; w = w->next) {
        for (size_t i = 0; i < w->rules.n_caches; i++) {
            if (strcmp(w->rules.caches[i].name, cache) == 0) {
                return weir_lookup_row(w->sync, w->store, i, key, row, found, err);
            }
        }
    }
    return weir_fail(err, WEIR_E_NO_CACHE, "there is no cache %.60s", cache);
}
