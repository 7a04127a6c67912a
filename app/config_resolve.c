/* What follows from other keys: defaults that are computed, and what names stand for. */
#include "config_load.h"

#include <stdio.h>
#include <unistd.h>

static const char *format(const weir_config_loader *loader, const char *before, const char *after)
{
    return weir_arena_printf(&loader->config->arena, "%s%s", before, after).ptr;
}

static const char *host_name(const weir_config_loader *loader)
{
    char own[250] = "";
    const char *name = loader->options->host_name;
    if (!name) {
        name = gethostname(own, sizeof own - 1) == 0 && *own ? own : "localhost";
    }
    return weir_arena_copy(&loader->config->arena, weir_view_of(name)).ptr;
}

static void resolve_source(const weir_config_loader *loader, weir_config_source *s)
{
    if (!s->topic_prefix) {
        s->topic_prefix = s->name;
    }
    if (!s->heartbeat_topic) {
        s->heartbeat_topic = format(loader, "__debezium-heartbeat.", s->topic_prefix);
    }
}

/* ---- caches ------------------------------------------------------------------------------ */

/* Debezium writes `_` for each UTF-16 unit that a topic name cannot have. */
static void sanitise(weir_buf *to, const char *name)
{
    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
        if (is_letter) {
            weir_buf_putc(to, (char)c);
        } else if (c < 0x80 || c >= 0xC0) { /* one for a character, not one for a byte */
            weir_buf_puts(to, c >= 0xF0 ? "__" : "_");
        }
    }
}

static const char *topic_of(
    const weir_config_loader *loader, const weir_config_source *source, const char *table_name)
{
    for (size_t i = 0; i < source->topics.count; i++) {
        if (strcmp(source->topics.items[i].name, table_name) == 0) {
            return source->topics.items[i].value;
        }
    }
    weir_arena *arena = &loader->config->arena;
    weir_buf topic = {0};
    weir_buf_printf(&topic, "%s.", source->topic_prefix);
    sanitise(&topic, table_name);
    arena->failed = arena->failed || topic.failed;
    const char *copy = weir_arena_copy(arena, weir_buf_view(&topic)).ptr;
    weir_buf_fini(&topic);
    return copy;
}

/* "shop.public.orders" into its parts; a table's name may have dots, the others not. */
static void split_from(const weir_config_loader *loader, weir_config_cache *cache)
{
    weir_arena *arena = &loader->config->arena;
    const char *schema = strchr(cache->from, '.') + 1;
    const char *dot = strchr(schema, '.');
    cache->table_name = schema;
    cache->schema = weir_arena_copy(arena, weir_view_make(schema, (size_t)(dot - schema))).ptr;
    cache->table = dot + 1;
}

static void report_dangling(const weir_config_loader *loader, const weir_config_cache *cache,
    const char *key, const char *noun, const weir_config_nearest *nearest)
{
    weir_config_scope caches = {NULL, weir_config_section_of(cache)}, item = {&caches, cache->name};
    weir_config_scope scope = {&item, key};
    const char *meant = weir_config_meant(nearest);
    weir_config_error(loader, &scope, weir_config_place_of(cache->node, key),
        WEIR_E_CONFIG_DANGLING_NAME, "there is no %s `%s`%s%s%s", noun, nearest->word,
        meant ? "; did you mean `" : "", meant ? meant : "", meant ? "`?" : "");
}

void weir_config_resolve_from(const weir_config_loader *loader, weir_config_cache *cache)
{
    const weir_config *c = loader->config;
    weir_view name = {cache->from, (size_t)(strchr(cache->from, '.') - cache->from)};
    const char *source = weir_arena_copy(&loader->config->arena, name).ptr;
    if (!source) {
        return;
    }
    cache->source = weir_config_source_named(c, source);
    if (!cache->source) {
        weir_config_nearest nearest = {.word = source};
        for (size_t i = 0; i < c->sources.count; i++) {
            weir_config_offer(&nearest, c->sources.items[i].name);
        }
        report_dangling(loader, cache, "from", "source", &nearest);
        return;
    }
    split_from(loader, cache);
    cache->topic = topic_of(loader, cache->source, cache->table_name);
}

static void resolve_store(const weir_config_loader *loader, weir_config_cache *cache)
{
    const weir_config *c = loader->config;
    cache->store = weir_config_store_named(c, cache->store_name);
    if (!cache->store) {
        weir_config_nearest nearest = {.word = cache->store_name};
        for (size_t i = 0; i < c->stores.count; i++) {
            weir_config_offer(&nearest, c->stores.items[i].name);
        }
        report_dangling(loader, cache, "store", "store", &nearest);
    }
}

/* ---- validation -------------------------------------------------------------------------- */

static void resolve_table(const weir_config_loader *loader, weir_config_validation *v)
{
    const weir_config *c = loader->config;
    char number[24];
    weir_config_scope all = {NULL, "validation"}, item = {&all, number}, scope = {&item, "table"};
    weir_config_number_of(loader, v, number);
    const char *dot = strchr(v->table, '.');
    weir_view name = {v->table, (size_t)(dot - v->table)};
    for (size_t i = 0; i < c->sources.count; i++) {
        v->source = weir_view_is(name, c->sources.items[i].name) ? &c->sources.items[i] : v->source;
    }
    v->table_name = dot + 1;
    if (!v->source) {
        weir_config_error(loader, &scope, weir_config_place_of(v->node, "table"),
            WEIR_E_CONFIG_DANGLING_NAME, "there is no source `%.*s`", WEIR_ARG(name));
    }
}

/* ---- the whole --------------------------------------------------------------------------- */

void weir_config_resolve(const weir_config_loader *loader)
{
    weir_config *c = loader->config;
    if (!c->instance) {
        c->instance = host_name(loader);
    }
    if (c->name && !c->errors.dead_letter.topic) {
        c->errors.dead_letter.topic = format(loader, c->name, ".dead");
    }
    if (c->name && !c->errors.parked) {
        c->errors.parked = format(loader, c->name, ".parked");
    }
    for (size_t i = 0; i < c->sources.count; i++) {
        resolve_source(loader, &c->sources.items[i]);
    }
    weir_config_gather(loader);
    for (size_t i = 0; i < c->followed.count + c->moulds.count; i++) {
        weir_config_cache *cache =
            i < c->followed.count ? c->followed.items[i] : c->moulds.items[i - c->followed.count];
        if (cache->from) { /* what is missing has been reported */
            weir_config_resolve_from(loader, cache);
        }
        if (cache->store_name) {
            resolve_store(loader, cache);
        }
    }
    for (size_t i = 0; i < c->validations.count; i++) {
        if (c->validations.items[i].table) {
            resolve_table(loader, &c->validations.items[i]);
        }
    }
    weir_config_gather_checks(loader);
    weir_config_resolve_tables(loader);
}
