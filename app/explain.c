/* One record run dry. See explain.h. */
#include "explain.h"

#include <time.h>

#include "memory/overlay_store.h"
#include "registry.h"
#include "replica.h"
#include "rules.h"
#include "sync/render.h"
#include "sync/stored.h"

enum { CACHE = 1 }; /* its number in the store; 0 is the store's own */

/* ---- The store ------------------------------------------------------------------------------- */

static weir_status open_both(weir_store store, const char *cache, weir_error *err)
{
    weir_status s = store.ops->open_cache(store.self, 0, ".weir", err);
    return s ? s : store.ops->open_cache(store.self, CACHE, cache, err);
}

static void close_store(weir_store *s)
{
    if (s->ops) {
        s->ops->close(s->self);
        s->ops = NULL;
    }
}

/* Opens what can be seen of the cache's store; ops NULL: nothing, and *why says why. */
static void open_base(const weir_config_cache *c, weir_store *base, weir_error *why)
{
    *base = (weir_store){NULL, NULL};
    *why = (weir_error){.status = WEIR_OK};
    if (c->store->type == WEIR_CONFIG_STORE_MEMORY) {
        weir_fail(
            why, WEIR_E_CACHE_IN_MEMORY, "store %s is in the memory of its daemon", c->store->name);
        return;
    }
    weir_status s = weir_open_store(c->store, true, NULL, base, why);
    s = s ? s : open_both(*base, c->name, why);
    if (s) {
        close_store(base);
    }
}

static weir_status keep(weir_explanation *e, weir_view *v, weir_error *err)
{
    *v = v->ptr ? weir_arena_copy(&e->arena, *v) : *v;
    return e->arena.failed ? weir_fail_oom(err) : WEIR_OK;
}

/* In a transaction. */
static weir_status look_at_key(
    weir_explanation *e, weir_store store, weir_view key, weir_key_look *out, weir_error *err)
{
    weir_view bytes;
    *out = (weir_key_look){.exists = false};
    weir_status s = store.ops->get(store.self, CACHE, WEIR_SPACE_STATE, key, &bytes, err);
    out->exists = !s && bytes.ptr;
    s = s ? s : keep(e, &bytes, err);
    s = s || !out->exists ? s : weir_state_get(bytes, &out->state, err);
    s = s ? s : store.ops->get(store.self, CACHE, WEIR_SPACE_ROW, key, &out->shown, err);
    return s ? s : keep(e, &out->shown, err);
}

/* ---- The merge ------------------------------------------------------------------------------- */

static int64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* As sync sets it up, but that missing offsets are taken for compaction's without asking. */
static void set_up(weir_merge *m, const weir_sync_cache *cache)
{
    m->gap_rule = !cache->full_images;
    if (weir_row_view_decides(&cache->view)) {
        m->show = weir_row_view_show;
        m->show_ctx = (void *)(uintptr_t)&cache->view;
    }
}

/* In a transaction of the overlay. */
static weir_status merge(weir_explanation *e, weir_store store, const weir_sync_topic *topic,
    const weir_sync_cache *cache, weir_explained_cache *x, weir_error *err)
{
    weir_merge m;
    bool has_key = x->change.op != 't';
    weir_merge_init(&m, store, CACHE);
    set_up(&m, cache);
    weir_status s = weir_merge_load(&m, err);
    s = s ? s : weir_stored_offset(store, topic->topic, x->change.partition, &x->next, err);
    s = s || !has_key ? s : look_at_key(e, store, x->change.key, &x->before, err);
    if (!s) {
        x->alarm = weir_merge_alarm_of(&m, &x->change);
        s = weir_merge_apply(&m, &x->change, wall_ms(), err);
    }
    s = s || !has_key ? s : look_at_key(e, store, x->change.key, &x->after, err);
    x->count = m.count;
    x->merged = !s;
    weir_merge_fini(&m);
    return s;
}

static weir_status run_dry(weir_explanation *e, const weir_sync_topic *topic,
    const weir_sync_cache *cache, weir_explained_cache *x, weir_error *err)
{
    weir_store base, overlay = {NULL, NULL};
    open_base(x->cache, &base, &x->store);
    weir_status s = weir_overlay_store_open(base, &overlay, err);
    s = s ? s : open_both(overlay, x->cache->name, err);
    s = s ? s : overlay.ops->begin(overlay.self, err);
    if (!s) {
        s = merge(e, overlay, topic, cache, x, err);
        overlay.ops->abort(overlay.self);
    }
    close_store(&overlay);
    close_store(&base);
    return s;
}

/* ---- Caches ---------------------------------------------------------------------------------- */

static weir_status explain_cache(weir_explanation *e, weir_decoder *d, const weir_sync_topic *topic,
    const weir_sync_cache *cache, weir_explained_cache *x, weir_error *err)
{
    weir_status s = weir_sync_render(d, &e->event, cache, &e->arena, &x->change, &x->rendering);
    if (s == WEIR_REJECT) {
        return WEIR_OK; /* told in x->rendering */
    }
    if (s) {
        *err = x->rendering;
        return s;
    }
    x->change.gap = -1; /* of this record itself it is not known */
    return run_dry(e, topic, cache, x, err);
}

static weir_status explain_topic(weir_explanation *e, const weir_config *config, weir_decoder *d,
    const weir_rules *rules, const weir_sync_topic *topic, weir_error *err)
{
    weir_status s = WEIR_OK;
    bool is_change = !e->decoding.status && weir_sync_is_change(topic, &e->event);
    e->other_table = !e->decoding.status && e->event.kind == WEIR_EVENT_CHANGE && !is_change;
    for (size_t i = 0; i < topic->n_caches && !s; i++) {
        const weir_sync_cache *cache = &rules->caches[topic->caches[i]];
        weir_explained_cache *x = &e->caches[e->n_caches++];
        *x = (weir_explained_cache){
            .cache = weir_config_cache_named(config, cache->name), .next = -1};
        s = is_change ? explain_cache(e, d, topic, cache, x, err) : WEIR_OK;
    }
    return s;
}

/* The caches of one store that read the record's topic. */
static weir_status explain_store(weir_explanation *e, const weir_config *config, weir_decoder *d,
    const weir_config_store *store, weir_error *err)
{
    weir_rules rules;
    weir_status s = weir_rules_build(config, store, &rules, err);
    if (s) {
        return s;
    }
    for (size_t i = 0; i < rules.n_topics && !s; i++) {
        if (weir_view_is(e->record->topic, rules.topics[i].topic)) {
            s = explain_topic(e, config, d, &rules, &rules.topics[i], err);
        }
    }
    weir_rules_fini(&rules);
    return s;
}

/* ---- The record ------------------------------------------------------------------------------ */

static bool begins_with(weir_view topic, const char *prefix)
{
    size_t n = strlen(prefix);
    return topic.len >= n && memcmp(topic.ptr, prefix, n) == 0;
}

/* Whose topic is it? A cache's, else by the prefix, else the first source's. */
static const weir_config_source *source_of(const weir_config *config, weir_view topic)
{
    for (size_t i = 0; i < config->followed.count; i++) {
        if (weir_view_is(topic, config->followed.items[i]->topic)) {
            return config->followed.items[i]->source;
        }
    }
    for (size_t i = 0; i < config->sources.count; i++) {
        const weir_config_source *s = &config->sources.items[i];
        if (begins_with(topic, s->topic_prefix) || weir_view_is(topic, s->heartbeat_topic)) {
            return s;
        }
    }
    return config->sources.count ? &config->sources.items[0] : NULL;
}

static weir_status decode(weir_explanation *e, weir_decoder *d, weir_error *err)
{
    weir_status s = weir_decoder_read(d, e->record, &e->arena, &e->event, &e->decoding);
    if (s && s != WEIR_REJECT) {
        *err = e->decoding;
        return s;
    }
    return WEIR_OK;
}

static weir_status explain_with(weir_explanation *e, const weir_config *config, weir_error *err)
{
    weir_decoder *d;
    weir_status s = weir_registry_of(config, &e->schemas, err);
    if (s) {
        return s;
    }
    const weir_source_rules *rules = weir_source_rules_of(
        e->source, e->schemas, weir_takes_keyless(config, e->source), &e->arena);
    e->caches = weir_arena_alloc(&e->arena, config->followed.count * sizeof *e->caches);
    if (!rules || !e->caches) {
        return weir_fail_oom(err);
    }
    s = weir_decoder_new(rules, &d, err);
    if (s) {
        return s;
    }
    s = decode(e, d, err);
    for (size_t i = 0; i < config->stores.count && !s; i++) {
        s = explain_store(e, config, d, &config->stores.items[i], err);
    }
    weir_decoder_free(d);
    return s;
}

weir_status weir_explain(const weir_config *config, const weir_raw_record *record,
    weir_explanation *out, weir_error *err)
{
    *out = (weir_explanation){.record = record, .source = source_of(config, record->topic)};
    weir_arena_init(&out->arena, 0);
    weir_status s = out->source ? explain_with(out, config, err)
                                : weir_fail(err, WEIR_E_CONFIG_MISSING_KEY,
                                      "the config has no source to read the record by");
    if (s) {
        weir_explanation_fini(out);
    }
    return s;
}

void weir_explanation_fini(weir_explanation *e)
{
    weir_arena_fini(&e->arena);
    weir_avro_schemas_free(e->schemas);
    e->schemas = NULL;
}
