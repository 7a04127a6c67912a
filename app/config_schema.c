/* The JSON Schema of a config as it is written, from config.def. See config_doc.h.
 *
 * It is for editors, and says no more than they can know: a value may be a ${…}, so wherever a text
 * is looked at, one with a `$` passes; and a section may be left empty. What it refuses, weir
 * refuses. */
#include "config_doc.h"
#include "config_table.h"
#include "value/json.h"

/* ---- JSON, indented ---------------------------------------------------------------------- */

typedef struct writer {
    weir_buf *to;
    unsigned depth;
    bool is_first; /* of its object or array */
} writer;

static void begin_value(writer *w, const char *name)
{
    if (w->depth) {
        weir_buf_puts(w->to, w->is_first ? "\n" : ",\n");
    }
    for (unsigned i = 0; i < w->depth; i++) {
        weir_buf_puts(w->to, "  ");
    }
    if (name) {
        weir_json_put_string(w->to, weir_view_of(name));
        weir_buf_puts(w->to, ": ");
    }
    w->is_first = false;
}

static void open_bracket(writer *w, const char *name, char bracket)
{
    begin_value(w, name);
    weir_buf_putc(w->to, bracket);
    w->depth++;
    w->is_first = true;
}

static void close_bracket(writer *w, char bracket)
{
    w->depth--;
    weir_buf_putc(w->to, '\n');
    for (unsigned i = 0; i < w->depth; i++) {
        weir_buf_puts(w->to, "  ");
    }
    weir_buf_putc(w->to, bracket);
    w->is_first = false;
}

static void put_string(writer *w, const char *name, const char *text)
{
    begin_value(w, name);
    weir_json_put_string(w->to, weir_view_of(text));
}

/* A value that is JSON already. */
static void put_json(writer *w, const char *name, const char *json)
{
    begin_value(w, name);
    weir_buf_puts(w->to, json);
}

static void put_uint(writer *w, const char *name, uint64_t n)
{
    begin_value(w, name);
    weir_buf_uint(w->to, n);
}

/* ---- values ------------------------------------------------------------------------------ */

/* An unquoted 42 or true is a text where a text is due. */
static const char any_scalar[] = "[\"string\", \"number\", \"boolean\"]";

static void put_count_schema(writer *w, const weir_config_key *key)
{
    put_json(w, "type", "[\"integer\", \"string\"]");
    put_uint(w, "minimum", key->zero && !key->min ? 1 : key->min);
    if (key->max) {
        put_uint(w, "maximum", key->max);
    }
    put_string(w, "pattern", key->zero ? "^([0-9]+|auto)$|\\$" : "^[0-9]+$|\\$");
}

static void put_choice_schema(writer *w, const weir_config_key *key)
{
    open_bracket(w, "anyOf", '[');
    open_bracket(w, NULL, '{');
    open_bracket(w, "enum", '[');
    for (size_t i = 0; i < key->choices.count; i++) {
        if (!key->choices.items[i].later) {
            put_string(w, NULL, key->choices.items[i].spelling);
        }
    }
    close_bracket(w, ']');
    close_bracket(w, '}');
    put_json(w, NULL, "{ \"type\": \"string\", \"pattern\": \"\\\\$\" }");
    close_bracket(w, ']');
}

static void put_map_schema(writer *w, const char *key_pattern, const char *value)
{
    put_json(w, "type", "[\"object\", \"null\"]");
    if (key_pattern) {
        open_bracket(w, "propertyNames", '{');
        put_string(w, "pattern", key_pattern);
        close_bracket(w, '}');
    }
    put_json(w, "additionalProperties", value);
}

#define SCALAR "{ \"type\": [\"string\", \"number\", \"boolean\"] }"
#define NULL_OR_SCALAR "{ \"type\": [\"string\", \"number\", \"boolean\", \"null\"] }"
#define MAP_OF_SCALARS "{ \"type\": [\"object\", \"null\"], \"additionalProperties\": " SCALAR " }"
#define NAME_PATTERN "^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$"
#define EVENT_PATTERN "^[A-Za-z0-9_./:-]{1,200}$"
#define TABLE_PATTERN "^[^.]+\\..+$"

static void put_list_schema(writer *w)
{
    put_json(w, "type", "[\"array\", \"null\"]");
    put_json(w, "items", SCALAR);
}

/* Of the kinds that are one text: the JSON types it may come as, and what it looks like. */
static const struct {
    const char *type, *pattern;
} texts[] = {
    [WEIR_CONFIG_KIND_TEXT] = {any_scalar, NULL},
    [WEIR_CONFIG_KIND_NAME] = {any_scalar, NAME_PATTERN "|\\$"},
    [WEIR_CONFIG_KIND_PATH] = {any_scalar, NULL},
    [WEIR_CONFIG_KIND_TOPIC] = {any_scalar, "^[A-Za-z0-9._-]{1,249}$|\\$"},
    [WEIR_CONFIG_KIND_ROW_SOURCE] = {any_scalar, "^[^.]+\\.[^.]+\\..+$|\\$"},
    [WEIR_CONFIG_KIND_FLAG] = {"[\"boolean\", \"string\"]", "^(true|false)$|\\$"},
    [WEIR_CONFIG_KIND_DURATION] = {"\"string\"", "^[0-9]+(ms|s|m|h|d)$|\\$"},
    [WEIR_CONFIG_KIND_SIZE] = {"\"string\"", "^[0-9]+(B|[KMGT]iB|[kMGT]B)$|\\$"},
    [WEIR_CONFIG_KIND_ADDRESS] = {"\"string\"", "^(\\[.+\\]|[^:]+):[0-9]{1,5}$|\\$"},
};

static void put_text_schema(writer *w, weir_config_kind kind)
{
    put_json(w, "type", texts[kind].type);
    if (texts[kind].pattern) {
        put_string(w, "pattern", texts[kind].pattern);
    }
}

static void put_value_schema(writer *w, const weir_config_key *key)
{
    switch (key->kind) {
    case WEIR_CONFIG_KIND_COUNT:
        put_count_schema(w, key);
        break;
    case WEIR_CONFIG_KIND_CHOICE:
        put_choice_schema(w, key);
        break;
    case WEIR_CONFIG_KIND_TEXTS:
    case WEIR_CONFIG_KIND_TABLES:
        put_list_schema(w);
        break;
    case WEIR_CONFIG_KIND_PAIRS:
    case WEIR_CONFIG_KIND_PROPERTIES:
        put_map_schema(w, NULL, SCALAR);
        break;
    case WEIR_CONFIG_KIND_TABLE_TOPICS:
        put_map_schema(w, TABLE_PATTERN, SCALAR);
        break;
    case WEIR_CONFIG_KIND_COLUMN_TYPES:
        put_map_schema(w, TABLE_PATTERN, MAP_OF_SCALARS);
        break;
    case WEIR_CONFIG_KIND_CONDITIONS:
        put_map_schema(w, NULL, NULL_OR_SCALAR);
        break;
    default:
        put_text_schema(w, key->kind);
    }
}

/* ---- sections ---------------------------------------------------------------------------- */

/* "#/$defs/sources.NAME.modes" */
static void put_reference(writer *w, weir_config_section_id id)
{
    begin_value(w, "$ref");
    weir_buf_printf(w->to, "\"#/$defs/%s\"", weir_config_sections[id].path);
}

static void put_default(writer *w, const weir_config_key *key)
{
    bool is_number = key->kind == WEIR_CONFIG_KIND_COUNT && !key->zero;
    if (key->fallback && (is_number || key->kind == WEIR_CONFIG_KIND_FLAG)) {
        put_json(w, "default", key->fallback);
    } else if (key->fallback) {
        put_string(w, "default", key->fallback);
    }
}

static void put_key(writer *w, const weir_config_key *key)
{
    open_bracket(w, key->name, '{');
    put_string(w, "description", key->help);
    switch (key->kind) {
    case WEIR_CONFIG_KIND_LATER:
        put_json(w, "not", "{}");
        put_string(w, "$comment", "Not in this version.");
        break;
    case WEIR_CONFIG_KIND_SUBSECTION:
        put_reference(w, key->child);
        break;
    case WEIR_CONFIG_KIND_EACH:
        put_json(w, "type", "[\"object\", \"null\"]");
        open_bracket(w, "propertyNames", '{');
        put_string(w, "pattern", key->child == WEIR_CONFIG_EVENT ? EVENT_PATTERN : NAME_PATTERN);
        close_bracket(w, '}');
        open_bracket(w, "additionalProperties", '{');
        put_reference(w, key->child);
        close_bracket(w, '}');
        break;
    case WEIR_CONFIG_KIND_ITEMS:
        put_json(w, "type", "[\"array\", \"null\"]");
        open_bracket(w, "items", '{');
        put_reference(w, key->child);
        close_bracket(w, '}');
        break;
    default:
        put_value_schema(w, key);
        put_default(w, key);
    }
    close_bracket(w, '}');
}

static void put_properties(writer *w)
{
    for (const weir_config_property *p = weir_config_kafka_properties; p->name; p++) {
        open_bracket(w, p->name, '{');
        put_string(w, "description", p->help);
        if (p->refused) {
            put_json(w, "not", "{}");
        } else {
            put_json(w, "type", any_scalar);
        }
        close_bracket(w, '}');
    }
}

static bool is_required(const weir_config_key *key)
{
    return key->required && !key->only_for;
}

static void put_required(writer *w, weir_config_section_id id)
{
    const weir_config_key *key = NULL;
    open_bracket(w, "required", '[');
    while ((key = weir_config_next_key(id, key)) != NULL) {
        if (is_required(key)) {
            put_string(w, NULL, key->name);
        }
    }
    if (id == WEIR_CONFIG_KAFKA) {
        put_string(w, NULL, "bootstrap.servers");
    }
    close_bracket(w, ']');
}

/* "if type is this word, then …", for the keys that belong to one type. */
static void put_rule(writer *w, const weir_config_key *key, const char *word)
{
    bool fits = weir_config_lists(key->only_for, word);
    if (fits && !key->required) {
        return;
    }
    open_bracket(w, NULL, '{');
    open_bracket(w, "if", '{');
    begin_value(w, "properties");
    weir_buf_printf(w->to, "{ \"type\": { \"const\": \"%s\" } }", word);
    put_json(w, "required", "[\"type\"]");
    close_bracket(w, '}');
    begin_value(w, "then");
    weir_buf_printf(w->to,
        fits ? "{ \"required\": [\"%s\"] }" : "{ \"properties\": { \"%s\": false } }", key->name);
    close_bracket(w, '}');
}

static void put_rules(writer *w, weir_config_section_id id)
{
    const weir_config_key *type = weir_config_key_named(id, "type"), *key = NULL;
    if (!type) {
        return;
    }
    open_bracket(w, "allOf", '[');
    while ((key = weir_config_next_key(id, key)) != NULL) {
        for (size_t i = 0; key->only_for && i < type->choices.count; i++) {
            if (key->kind != WEIR_CONFIG_KIND_LATER && !type->choices.items[i].later) {
                put_rule(w, key, type->choices.items[i].spelling);
            }
        }
    }
    close_bracket(w, ']');
}

static bool has_required(weir_config_section_id id)
{
    const weir_config_key *key = NULL;
    while ((key = weir_config_next_key(id, key)) != NULL) {
        if (is_required(key)) {
            return true;
        }
    }
    return id == WEIR_CONFIG_KAFKA;
}

static void put_section(writer *w, weir_config_section_id id)
{
    const weir_config_key *key = NULL;
    put_string(w, "description", weir_config_sections[id].help);
    put_json(w, "type", id == WEIR_CONFIG_ROOT ? "\"object\"" : "[\"object\", \"null\"]");
    open_bracket(w, "properties", '{');
    while ((key = weir_config_next_key(id, key)) != NULL) {
        put_key(w, key);
    }
    if (id == WEIR_CONFIG_KAFKA) {
        put_properties(w);
    }
    close_bracket(w, '}');
    if (has_required(id)) {
        put_required(w, id);
    }
    put_json(w, "additionalProperties", id == WEIR_CONFIG_KAFKA ? SCALAR : "false");
    put_rules(w, id);
}

void weir_config_doc_schema(weir_buf *to)
{
    writer w = {.to = to};
    open_bracket(&w, NULL, '{');
    put_string(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    put_string(&w, "$id", "urn:weir:config:1");
    put_string(&w, "title", "The config of weir");
    put_string(&w, "$comment", "Made from app/config.def by `make docs-config`.");
    put_section(&w, WEIR_CONFIG_ROOT);
    open_bracket(&w, "$defs", '{');
    for (int i = WEIR_CONFIG_ROOT + 1; i < WEIR_CONFIG_SECTIONS; i++) {
        open_bracket(&w, weir_config_sections[i].path, '{');
        put_section(&w, (weir_config_section_id)i);
        close_bracket(&w, '}');
    }
    close_bracket(&w, '}');
    close_bracket(&w, '}');
    weir_buf_putc(to, '\n');
}
