/* The lists and maps of the config into typed arrays. See config_load.h. */
#include "config_load.h"
#include "config_value.h"

typedef bool is_fn(const char *text, const char **must_be);

static bool is_collection(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_entry *entry, weir_config_node_kind kind, size_t *count)
{
    *count = entry->value->count;
    if (weir_config_is_null(entry) || entry->value->kind == kind) {
        return true;
    }
    return weir_config_error(loader, scope, entry->place, WEIR_E_CONFIG_BAD_VALUE,
        kind == WEIR_CONFIG_MAP ? "takes a mapping: keys with values, indented below it"
                                : "takes a list: [a, b], or one item a line behind `- `");
}

bool weir_config_is_map(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_entry *entry, size_t *count)
{
    return is_collection(loader, scope, entry, WEIR_CONFIG_MAP, count);
}

bool weir_config_is_list(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_entry *entry, size_t *count)
{
    return is_collection(loader, scope, entry, WEIR_CONFIG_LIST, count);
}

/* A scalar that is neither null nor empty; `is` (NULL: anything) says what else it must be. */
static bool text_of(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_entry *entry, is_fn *is, weir_config_value *out)
{
    const char *must_be;
    if (!weir_config_value_of(loader, scope, entry, out)) {
        return false;
    }
    if (out->null || !*out->text) {
        return weir_config_error(loader, scope, out->place, WEIR_E_CONFIG_BAD_VALUE, "is empty");
    }
    return !is || is(out->text, &must_be) ||
           weir_config_error(loader, scope, out->place, WEIR_E_CONFIG_BAD_VALUE, "`%.60s`: %s",
               weir_config_shown(out), must_be);
}

static bool key_is(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_entry *entry, is_fn *is)
{
    const char *must_be = "it is empty";
    bool ok = is ? is(entry->key, &must_be) : *entry->key != '\0';
    return ok || weir_config_error(loader, scope, entry->key_place, WEIR_E_CONFIG_BAD_VALUE,
                     "`%.60s`: %s", entry->key, must_be);
}

/* Room for `count` items of `size`; NULL also when there are none. */
static void *room_for(const weir_config_loader *loader, size_t count, size_t size)
{
    return count ? weir_arena_alloc(&loader->config->arena, count * size) : NULL;
}

static void bind_texts(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_entry *entry, is_fn *is, weir_config_texts *out)
{
    size_t count;
    if (!weir_config_is_list(loader, scope, entry, &count)) {
        return;
    }
    out->items = room_for(loader, count, sizeof *out->items);
    if (!out->items) {
        return;
    }
    for (const weir_config_entry *e = entry->value->first; e; e = e->next) {
        weir_config_value value;
        if (text_of(loader, scope, e, is, &value)) {
            out->items[out->count++] = (weir_config_text){value.text, e->place};
        }
    }
}

static void bind_pairs(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_entry *entry, is_fn *is_key, is_fn *is_value, weir_config_pairs *out)
{
    size_t count;
    if (!weir_config_is_map(loader, scope, entry, &count)) {
        return;
    }
    out->items = room_for(loader, count, sizeof *out->items);
    if (!out->items) {
        return;
    }
    for (const weir_config_entry *e = entry->value->first; e; e = e->next) {
        weir_config_scope inner = {scope, e->key};
        weir_config_value value;
        if (key_is(loader, scope, e, is_key) && text_of(loader, &inner, e, is_value, &value)) {
            out->items[out->count++] =
                (weir_config_pair){e->key, value.text, e->place, value.secret};
        }
    }
}

/* ---- column types ------------------------------------------------------------------------ */

static void bind_types_of_table(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_entry *table, weir_config_column_types *out)
{
    for (const weir_config_entry *e = table->value->first; e; e = e->next) {
        weir_config_scope inner = {scope, e->key};
        weir_config_value value;
        if (text_of(loader, &inner, e, NULL, &value)) {
            out->items[out->count++] =
                (weir_config_column_type){table->key, e->key, value.text, e->place};
        }
    }
}

static void bind_column_types(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_entry *entry, weir_config_column_types *out)
{
    size_t count, columns = 0;
    if (!weir_config_is_map(loader, scope, entry, &count)) {
        return;
    }
    for (const weir_config_entry *e = entry->value->first; e; e = e->next) {
        columns += e->value->count;
    }
    out->items = room_for(loader, columns, sizeof *out->items);
    for (const weir_config_entry *e = entry->value->first; e; e = e->next) {
        weir_config_scope inner = {scope, e->key};
        if (key_is(loader, scope, e, weir_config_is_table) &&
            weir_config_is_map(loader, &inner, e, &count) && out->items) {
            bind_types_of_table(loader, &inner, e, out);
        }
    }
}

/* ---- conditions -------------------------------------------------------------------------- */

/* A number as JSON writes it. */
static bool is_number(const char *text)
{
    static const char digits[] = "0123456789";
    const char *at = text + (*text == '-');
    size_t whole = strspn(at, digits);
    bool ok = whole > 0 && (whole == 1 || *at != '0');
    at += whole;
    if (*at == '.') {
        size_t fraction = strspn(at + 1, digits);
        ok = ok && fraction > 0;
        at += 1 + fraction;
    }
    if (*at == 'e' || *at == 'E') {
        at += 1 + (at[1] == '-' || at[1] == '+');
        size_t exponent = strspn(at, digits);
        ok = ok && exponent > 0;
        at += exponent;
    }
    return ok && *at == '\0';
}

static weir_config_scalar scalar_kind(const weir_config_value *value)
{
    return value->null                         ? WEIR_CONFIG_NULL
           : !value->plain                     ? WEIR_CONFIG_TEXT
           : strcmp(value->text, "true") == 0  ? WEIR_CONFIG_TRUE
           : strcmp(value->text, "false") == 0 ? WEIR_CONFIG_FALSE
           : is_number(value->text)            ? WEIR_CONFIG_NUMBER
                                               : WEIR_CONFIG_TEXT;
}

static void bind_conditions(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_entry *entry, weir_config_conditions *out)
{
    size_t count;
    if (!weir_config_is_map(loader, scope, entry, &count)) {
        return;
    }
    out->items = room_for(loader, count, sizeof *out->items);
    if (!out->items) {
        return;
    }
    for (const weir_config_entry *e = entry->value->first; e; e = e->next) {
        weir_config_scope inner = {scope, e->key};
        weir_config_value value;
        if (weir_config_value_of(loader, &inner, e, &value)) {
            out->items[out->count++] =
                (weir_config_condition){e->key, scalar_kind(&value), value.text, e->place};
        }
    }
}

/* ---- librdkafka's properties ------------------------------------------------------------- */

void weir_config_bind_property(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_entry *entry, weir_config_pairs *to)
{
    weir_config_scope inner = {scope, entry->key};
    const weir_config_property *known = weir_config_property_named(entry->key);
    weir_config_value value;
    if (entry->value->kind == WEIR_CONFIG_MAP) {
        weir_config_error(loader, &inner, entry->place, WEIR_E_CONFIG_BAD_VALUE,
            "librdkafka's properties are not nested: write `%.60s.…` as one key", entry->key);
        return;
    }
    if (!weir_config_value_of(loader, &inner, entry, &value)) {
        return;
    }
    if (value.null) {
        weir_config_error(loader, &inner, value.place, WEIR_E_CONFIG_BAD_VALUE,
            "has no value; remove it for librdkafka's default");
        return;
    }
    if (known && known->secret) {
        weir_config_remember_secret(loader, value.text);
        value.secret = true;
        weir_config_warn_literal(loader, &inner, &value);
    }
    to->items[to->count++] = (weir_config_pair){entry->key, value.text, entry->place, value.secret};
}

static void bind_properties(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_entry *entry, weir_config_pairs *out)
{
    size_t count;
    if (!weir_config_is_map(loader, scope, entry, &count)) {
        return;
    }
    out->items = room_for(loader, count, sizeof *out->items);
    for (const weir_config_entry *e = entry->value->first; e && out->items; e = e->next) {
        weir_config_bind_property(loader, scope, e, out);
    }
}

void weir_config_bind_list(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_key *key, const weir_config_entry *entry, void *field)
{
    switch (key->kind) {
    case WEIR_CONFIG_KIND_TEXTS:
        bind_texts(loader, scope, entry, NULL, field);
        break;
    case WEIR_CONFIG_KIND_TABLES:
        bind_texts(loader, scope, entry, weir_config_is_table, field);
        break;
    case WEIR_CONFIG_KIND_PAIRS:
        bind_pairs(loader, scope, entry, NULL, NULL, field);
        break;
    case WEIR_CONFIG_KIND_TABLE_TOPICS:
        bind_pairs(loader, scope, entry, weir_config_is_table, weir_config_is_topic, field);
        break;
    case WEIR_CONFIG_KIND_COLUMN_TYPES:
        bind_column_types(loader, scope, entry, field);
        break;
    case WEIR_CONFIG_KIND_CONDITIONS:
        bind_conditions(loader, scope, entry, field);
        break;
    default:
        bind_properties(loader, scope, entry, field);
    }
}
