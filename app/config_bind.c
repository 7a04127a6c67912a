/* From the tree of nodes to the typed structs, by the table of config.def. See config_load.h. */
#include "config_load.h"

#include <stdio.h>

#include "config_value.h"

enum { MOST_OF_EACH = 10000 }; /* some checks compare each with each */

static void *field_of(void *section, const weir_config_key *key)
{
    return (char *)section + key->offset;
}

void weir_config_bind_defaults(
    const weir_config_loader *loader, weir_config_section_id id, void *section)
{
    const weir_config_key *key = NULL;
    while ((key = weir_config_next_key(id, key)) != NULL) {
        void *field = field_of(section, key);
        weir_config_refusal why;
        if (key->kind == WEIR_CONFIG_KIND_SUBSECTION) {
            weir_config_bind_defaults(loader, key->child, field);
        } else if (key->fallback && !weir_config_value_read(key, key->fallback, key->fallback,
                                        &loader->config->arena, field, &why)) {
            weir_config_error(loader, NULL, (weir_config_place){0, 0}, WEIR_E_INTERNAL,
                "the default of `%s`: %s", key->name, why.text);
        }
    }
}

/* ---- unknown keys ------------------------------------------------------------------------ */

static const char *nearest_key(weir_config_section_id id, const char *name)
{
    weir_config_nearest nearest = {.word = name};
    const weir_config_key *key = NULL;
    while ((key = weir_config_next_key(id, key)) != NULL) {
        weir_config_offer(&nearest, key->name);
    }
    return weir_config_meant(&nearest);
}

/* The section that has a key of this name, where there is one only. */
static const weir_config_section *section_with(const char *name)
{
    const weir_config_section *found = NULL;
    for (const weir_config_key *key = weir_config_keys; key->name; key++) {
        if (strcmp(key->name, name) == 0 && key->section != WEIR_CONFIG_ROOT) {
            if (found) {
                return NULL;
            }
            found = &weir_config_sections[key->section];
        }
    }
    return found;
}

static void put_known_keys(weir_config_section_id id, weir_buf *to)
{
    const weir_config_key *key = NULL;
    const char *before = "known here: ";
    while ((key = weir_config_next_key(id, key)) != NULL) {
        if (!key->later) {
            weir_buf_printf(to, "%s%s", before, key->name);
            before = ", ";
        }
    }
}

static void report_unknown(const weir_config_loader *loader, const weir_config_scope *scope,
    weir_config_section_id id, const weir_config_entry *entry)
{
    const char *nearest = nearest_key(id, entry->key);
    const weir_config_section *other = section_with(entry->key);
    weir_config_scope inner = {scope, entry->key};
    weir_buf hint = {0};
    if (nearest) {
        weir_buf_printf(&hint, "did you mean `%s`?", nearest);
    } else if (other) {
        weir_buf_printf(&hint, "there is one under `%s`", other->path);
    } else if (id == WEIR_CONFIG_ROOT && strchr(entry->key, '.')) {
        weir_buf_puts(&hint, "properties of librdkafka belong under `kafka`");
    } else {
        put_known_keys(id, &hint);
    }
    weir_config_error(loader, &inner, entry->key_place, WEIR_E_CONFIG_UNKNOWN_KEY,
        "unknown key; %s", weir_buf_str(&hint));
    loader->config->arena.failed |= hint.failed;
    weir_buf_fini(&hint);
}

/* ---- keys -------------------------------------------------------------------------------- */

/* A libpq connection string that brings its own: password=…, or user:…@ in a URI. */
static bool has_password(const char *conninfo)
{
    const char *host = strstr(conninfo, "://"), *at = host ? strchr(host, '@') : NULL;
    return strstr(conninfo, "password=") || (at && memchr(host + 3, ':', (size_t)(at - host) - 3));
}

static bool bind_scalar(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_key *key, const weir_config_entry *entry, void *field)
{
    weir_config_value value;
    weir_config_refusal why;
    if (key->kind == WEIR_CONFIG_KIND_ROW_SOURCE && entry->value->kind == WEIR_CONFIG_LIST) {
        return weir_config_error(loader, scope, entry->place, WEIR_E_CONFIG_BAD_VALUE,
            "takes one table, not a list: positions of several say nothing of each other; give "
            "each an entry, or all of them a pattern (docs/tables.md)");
    }
    if (!weir_config_value_of(loader, scope, entry, &value)) {
        return false;
    }
    if (value.null) {
        return weir_config_error(loader, scope, entry->key_place, WEIR_E_CONFIG_BAD_VALUE,
            "has no value; %s", key->required ? "it is required" : "remove it for its default");
    }
    if (key->secret) {
        weir_config_remember_secret(loader, value.text);
        weir_config_warn_literal(loader, scope, &value);
    } else if (strcmp(key->name, "conninfo") == 0 && has_password(value.text)) {
        weir_config_warn_literal(loader, scope, &value);
    }
    if (weir_config_value_read(
            key, value.text, weir_config_shown(&value), &loader->config->arena, field, &why)) {
        return true;
    }
    return weir_config_error(loader, scope, value.place, why.code, "%s", why.text);
}

/* One of several sections, which has its defaults already. */
static void bind_item(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_key *key, const weir_config_entry *e, weir_config_place place, void *item)
{
    size_t members;
    weir_config_bind_defaults(loader, key->child, item);
    if (weir_config_is_map(loader, scope, e, &members)) {
        weir_config_bind(loader, scope, key->child, e->value, place, item);
    }
}

static void bind_named(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_key *key, const weir_config_entry *e, char *item)
{
    weir_config_scope inner = {scope, e->key};
    const char *must_be;
    if (!(key->child == WEIR_CONFIG_EVENT ? weir_config_is_event : weir_config_is_name)(
            e->key, &must_be)) {
        weir_config_error(
            loader, scope, e->key_place, WEIR_E_CONFIG_BAD_VALUE, "`%.60s`: %s", e->key, must_be);
    }
    memcpy(item + weir_config_sections[key->child].name_offset, &e->key, sizeof e->key);
    bind_item(loader, &inner, key, e, e->key_place, item);
}

/* EACH: a mapping of names; ITEMS: a list, whose items are called by their number in messages. */
static void bind_sections(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_key *key, const weir_config_entry *entry, void *field)
{
    size_t size = weir_config_sections[key->child].size, count;
    bool named = key->kind == WEIR_CONFIG_KIND_EACH;
    if (!(named ? weir_config_is_map : weir_config_is_list)(loader, scope, entry, &count) ||
        count == 0) {
        return;
    }
    if (count > MOST_OF_EACH) {
        weir_config_error(loader, scope, entry->place, WEIR_E_CONFIG_TOO_LARGE,
            "more than 10,000 entries; a config needs fewer");
        return;
    }
    char *items = weir_arena_alloc(&loader->config->arena, count * size), *item = items;
    if (!items) {
        return;
    }
    memset(items, 0, count * size);
    for (const weir_config_entry *e = entry->value->first; e; e = e->next, item += size) {
        char number[24];
        snprintf(number, sizeof number, "%td", (item - items) / (ptrdiff_t)size + 1);
        weir_config_scope inner = {scope, number};
        if (named) {
            bind_named(loader, scope, key, e, item);
        } else {
            bind_item(loader, &inner, key, e, e->place, item);
        }
    }
    weir_config_list list = {items, count};
    memcpy(field, &list, sizeof list);
}

/* False when the value was refused. */
static bool bind_key(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_key *key, const weir_config_entry *entry, void *section)
{
    weir_config_scope inner = {scope, key->name};
    void *field = field_of(section, key);
    size_t count;
    switch (key->kind) {
    case WEIR_CONFIG_KIND_LATER:
        return weir_config_error(loader, &inner, entry->key_place, WEIR_E_CONFIG_NOT_YET,
            "is not in this version; %s", key->later);
    case WEIR_CONFIG_KIND_SUBSECTION:
        if (weir_config_is_map(loader, &inner, entry, &count)) {
            weir_config_bind(loader, &inner, key->child, entry->value, entry->key_place, field);
        }
        return true;
    case WEIR_CONFIG_KIND_EACH:
    case WEIR_CONFIG_KIND_ITEMS:
        bind_sections(loader, &inner, key, entry, field);
        return true;
    default:
        if (key->kind < WEIR_CONFIG_KIND_TEXTS || key->kind == WEIR_CONFIG_KIND_CHOICE) {
            return bind_scalar(loader, &inner, key, entry, field);
        }
        weir_config_bind_list(loader, &inner, key, entry, field);
        return true;
    }
}

/* ---- sections ---------------------------------------------------------------------------- */

/* Reads the keys that any section of this kind has, and notes what is unknown. */
static bool bind_common_keys(const weir_config_loader *loader, const weir_config_scope *scope,
    weir_config_section_id id, const weir_config_node *node, void *section)
{
    bool ok = true;
    for (const weir_config_entry *e = node->first; e; e = e->next) {
        const weir_config_key *key = weir_config_key_named(id, e->key);
        if (key && !key->only_for) {
            ok = bind_key(loader, scope, key, e, section) && ok;
        } else if (!key && id == WEIR_CONFIG_KAFKA) {
            weir_config_bind_property(
                loader, scope, e, &((weir_config_kafka *)section)->properties);
        } else if (!key) {
            report_unknown(loader, scope, id, e);
        }
    }
    return ok;
}

static void report_missing(const weir_config_loader *loader, const weir_config_scope *scope,
    weir_config_section_id id, weir_config_place place, const char *name)
{
    const weir_config_key *key = weir_config_key_named(id, name);
    weir_config_error(
        loader, scope, place, WEIR_E_CONFIG_MISSING_KEY, "`%s` is missing: %s", name, key->help);
}

/* Reads the keys that belong to one `type` of the section only. */
static void bind_keys_for_type(const weir_config_loader *loader, const weir_config_scope *scope,
    weir_config_section_id id, const weir_config_node *node, weir_config_place place, void *section)
{
    const weir_config_key *selector = weir_config_key_named(id, "type"), *key = NULL;
    weir_buf type = {0};
    weir_config_value_put(selector, field_of(section, selector), &type);
    const char *word = weir_buf_str(&type);
    while ((key = weir_config_next_key(id, key)) != NULL) {
        const weir_config_entry *e = weir_config_node_get(node, key->name);
        weir_config_scope inner = {scope, key->name};
        if (!key->only_for) {
            continue;
        }
        char types[64];
        bool fits = weir_config_lists(key->only_for, word);
        if (e && fits) {
            bind_key(loader, scope, key, e, section);
        } else if (e) {
            weir_config_error(loader, &inner, e->key_place, WEIR_E_CONFIG_CONFLICT,
                "belongs to `type: %s`, and this is `type: %s`",
                weir_config_alternatives(key->only_for, types, sizeof types), word);
        } else if (fits && key->required) {
            report_missing(loader, scope, id, place, key->name);
        }
    }
    loader->config->arena.failed |= type.failed;
    weir_buf_fini(&type);
}

void weir_config_bind(const weir_config_loader *loader, const weir_config_scope *scope,
    weir_config_section_id id, const weir_config_node *node, weir_config_place place, void *section)
{
    memcpy((char *)section + weir_config_sections[id].node_offset, &node, sizeof node);
    if (id == WEIR_CONFIG_KAFKA && node->count) {
        weir_config_pairs *p = &((weir_config_kafka *)section)->properties;
        p->items = weir_arena_alloc(&loader->config->arena, node->count * sizeof *p->items);
        if (!p->items) {
            return;
        }
    }
    bool ok = bind_common_keys(loader, scope, id, node, section);
    const weir_config_key *key = NULL;
    bool has_type = false;
    while ((key = weir_config_next_key(id, key)) != NULL) {
        bool is_there = weir_config_node_get(node, key->name) != NULL;
        has_type = has_type || (is_there && strcmp(key->name, "type") == 0);
        if (key->required && !key->only_for && !is_there) {
            report_missing(loader, scope, id, place, key->name);
        }
    }
    if (ok && has_type) {
        bind_keys_for_type(loader, scope, id, node, place, section);
    }
}
