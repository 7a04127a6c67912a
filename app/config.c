/* Loading a config, and asking it. See config.h; how loading works is in config_load.h. */
#include "config.h"

#include <errno.h>

#include "base/alloc.h"
#include "config_file.h"
#include "config_load.h"

enum {
    MOST_ARENA_BYTES = 64 << 20, /* what a config of the largest size takes, several times over */
    MOST_FILE_BYTES = 1 << 20,
    THIS_VERSION = 1,
};

void weir_config_free(weir_config *config)
{
    if (config) {
        weir_arena_fini(&config->arena);
        weir_free(config);
    }
}

/* Another version's keys may mean anything, so nothing else is looked at then. */
static bool is_this_version(const weir_config_loader *loader, const weir_config_node *root)
{
    const weir_config_entry *e = weir_config_node_get(root, "weir");
    weir_config_scope scope = {NULL, "weir"};
    const char *text = e && e->value->kind == WEIR_CONFIG_SCALAR ? e->value->text : "";
    bool is_number = *text && strspn(text, "0123456789") == strlen(text);
    return !is_number || strcmp(text, "1") == 0 ||
           weir_config_error(loader, &scope, e->place, WEIR_E_CONFIG_VERSION,
               "a config of version %.20s; this program reads version %d", text, THIS_VERSION);
}

static void load(const weir_config_loader *loader, weir_view text)
{
    weir_config *c = loader->config;
    const weir_config_node *root = weir_config_yaml_read(loader, text);
    if (!root) {
        return;
    }
    if (root->kind != WEIR_CONFIG_MAP) {
        weir_config_error(loader, NULL, root->place, WEIR_E_CONFIG_BAD_VALUE,
            "a config is a mapping, and begins with `weir: 1`");
        return;
    }
    if (!is_this_version(loader, root)) {
        return;
    }
    weir_config_bind_defaults(loader, WEIR_CONFIG_ROOT, c);
    weir_config_bind(loader, NULL, WEIR_CONFIG_ROOT, root, root->place, c);
    if (c->arena.failed) {
        return;
    }
    weir_config_resolve(loader);
    weir_config_check(loader);
}

weir_status weir_config_first_error(
    const char *file, const weir_config_problems *problems, weir_error *err)
{
    const weir_config_problem *p = problems->items;
    while (p->warning) {
        p++;
    }
    weir_status status =
        weir_fail(err, p->code, "%s%s%s", p->where, p->where[0] ? ": " : "", p->text);
    weir_at(err, "%s:%u:%u", file, p->place.line, p->place.column);
    return status;
}

const weir_config_options weir_config_of_test = {
    .unreached = (const char *const[]){"kafka", "registry", "stores", NULL}};
const weir_config_options weir_config_without_kafka = {
    .unreached = (const char *const[]){"kafka", NULL}};

weir_status weir_config_parse(weir_view text, const char *name, const weir_config_options *options,
    weir_config **out, weir_config_problems *problems, weir_error *err)
{
    static const weir_config_options none = {0};
    *out = NULL;
    weir_config *c = weir_calloc(1, sizeof *c);
    if (!c) {
        return weir_fail_oom(err);
    }
    weir_arena_init(&c->arena, MOST_ARENA_BYTES);
    c->file = weir_arena_copy(&c->arena, weir_view_of(name)).ptr;
    weir_config_loader loader = {c, options ? options : &none, problems};
    load(&loader, text);
    if (loader.options->seen && !c->arena.failed) {
        loader.options->seen(loader.options->ctx, c);
    }
    weir_status status = WEIR_OK;
    if (c->arena.failed || problems->failed) {
        status = weir_fail_oom(err);
    } else if (problems->errors) {
        status = weir_config_first_error(name, problems, err);
    }
    if (status != WEIR_OK) {
        weir_config_free(c);
        return status;
    }
    *out = c;
    return WEIR_OK;
}

weir_status weir_config_load(const char *path, const weir_config_options *options,
    weir_config **out, weir_config_problems *problems, weir_error *err)
{
    *out = NULL;
    weir_buf text = {0};
    weir_status status;
    int error = weir_config_read_file(path, MOST_FILE_BYTES, &text);
    if (error == ENOMEM) {
        status = weir_fail_oom(err);
    } else if (error && error != EFBIG) {
        char reason[100];
        status = weir_fail(err, WEIR_E_CONFIG_UNREADABLE, "cannot be read: %s",
            strerror_r(error, reason, sizeof reason));
        weir_at(err, "%s", path);
    } else { /* one that is too large is reported like any other problem */
        status = weir_config_parse(weir_buf_view(&text), path, options, out, problems, err);
    }
    weir_buf_fini(&text);
    return status;
}

/* ---- asking ------------------------------------------------------------------------------ */

bool weir_config_store_is_shared(const weir_config_store *store)
{
    return (store->type == WEIR_CONFIG_STORE_POSTGRES && store->mode == WEIR_CONFIG_STORE_SHARE) ||
           store->type == WEIR_CONFIG_STORE_REDIS;
}

unsigned weir_config_writers(const weir_config_store *store)
{
    return weir_config_store_is_shared(store) && store->writers ? store->writers : 1;
}

bool weir_config_has_text(const weir_config_texts *t, const char *text)
{
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->items[i].text, text) == 0) {
            return true;
        }
    }
    return false;
}

const char *weir_config_name_in_row(const weir_config_columns *c, const char *column)
{
    for (size_t i = 0; i < c->rename.count; i++) {
        if (strcmp(c->rename.items[i].name, column) == 0) {
            return c->rename.items[i].value;
        }
    }
    return column;
}

bool weir_config_leaves_out(const weir_config_columns *c, const char *column)
{
    return weir_config_has_text(&c->drop, column) ||
           (c->keep.count && !weir_config_has_text(&c->keep, column));
}

const weir_config_source *weir_config_source_named(const weir_config *config, const char *name)
{
    for (size_t i = 0; i < config->sources.count; i++) {
        if (strcmp(config->sources.items[i].name, name) == 0) {
            return &config->sources.items[i];
        }
    }
    return NULL;
}

const weir_config_store *weir_config_store_named(const weir_config *config, const char *name)
{
    for (size_t i = 0; i < config->stores.count; i++) {
        if (strcmp(config->stores.items[i].name, name) == 0) {
            return &config->stores.items[i];
        }
    }
    return NULL;
}

const weir_config_event *weir_config_event_named(const weir_config *config, const char *type)
{
    for (size_t i = 0; i < config->events.count; i++) {
        if (strcmp(config->events.items[i].name, type) == 0) {
            return &config->events.items[i];
        }
    }
    return NULL;
}

const weir_config_cache *weir_config_cache_named(const weir_config *config, const char *name)
{
    for (size_t i = 0; i < config->followed.count; i++) {
        if (strcmp(config->followed.items[i]->name, name) == 0) {
            return config->followed.items[i];
        }
    }
    return NULL;
}

const char *weir_config_section_of(const weir_config_cache *cache)
{
    return cache->as_table ? "tables" : "caches";
}
