/* What the steps of loading share: who is being loaded, where in it one is, and how a problem is
 * reported.
 *
 * Text -> config_yaml.c: nodes -> config_bind.c: typed structs (config_interpolate.c,
 * config_value.c, config_list.c) -> config_resolve.c: computed defaults and references ->
 * config_check.c: the lint.
 *
 * Out of memory is the arena's or the problem list's sticky failure; each step goes on as far as it
 * can, and config.c looks at both in the end. */
#ifndef WEIR_APP_CONFIG_LOAD_H
#define WEIR_APP_CONFIG_LOAD_H

#include "config.h"
#include "config_node.h"
#include "config_table.h"

typedef struct weir_config_loader {
    weir_config *config;
    const weir_config_options *options;
    weir_config_problems *problems;
} weir_config_loader;

/* Where in the tree of keys one is: a chain on the stack, from the inside out. NULL: the top. */
typedef struct weir_config_scope {
    const struct weir_config_scope *up;
    const char *name;
} weir_config_scope;

/* Reports an error, and is false. Messages may quote the file freely: what is known as a secret is
 * hidden, what is not printable is replaced. */
bool weir_config_error(const weir_config_loader *loader, const weir_config_scope *scope,
    weir_config_place place, weir_code code, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void weir_config_warn(const weir_config_loader *loader, const weir_config_scope *scope,
    weir_config_place place, weir_code code, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

static inline bool weir_config_is_before(weir_config_place a, weir_config_place b)
{
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

/* ---- config_yaml.c ----------------------------------------------------------------------- */

/* The root of the text's one document, or NULL when it could not be read. */
const weir_config_node *weir_config_yaml_read(const weir_config_loader *loader, weir_view text);

/* ---- config_interpolate.c ---------------------------------------------------------------- */

/* A scalar of the file with each ${…} replaced. */
typedef struct weir_config_value {
    const char *text;
    weir_config_place place;
    bool null;    /* YAML's null: nothing, ~ or null, without quotes */
    bool plain;   /* as it stands in the file: not quoted and nothing replaced */
    bool literal; /* nothing of it came from the environment or from a file */
    bool secret;  /* some of it came from a file: never to be shown */
} weir_config_value;

/* False when the entry's value is no scalar or a ${…} has no value: then that was reported. */
bool weir_config_value_of(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_entry *entry, weir_config_value *out);

/* ---- config_secret.c --------------------------------------------------------------------- */

/* The text for messages: *** for a secret. */
const char *weir_config_shown(const weir_config_value *value);
/* A secret's value: a warning when it stands in the file itself. */
void weir_config_warn_literal(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_value *value);
/* From now on `text` is not to be shown. */
void weir_config_remember_secret(const weir_config_loader *loader, const char *text);
bool weir_config_is_secret(const weir_config *config, const char *text);
/* weir_config_redact in place; also hides the start of a secret at the text's end. */
void weir_config_hide_secrets(const weir_config *config, char *text);

/* ---- config_bind.c ----------------------------------------------------------------------- */

/* Sets every field of a section to its default. */
void weir_config_bind_defaults(
    const weir_config_loader *loader, weir_config_section_id id, void *section);
/* Reads a mapping into a section's struct, whose defaults are set. */
void weir_config_bind(const weir_config_loader *loader, const weir_config_scope *scope,
    weir_config_section_id id, const weir_config_node *node, weir_config_place place,
    void *section);

/* ---- config_list.c ----------------------------------------------------------------------- */

/* Reads the lists and maps of config.def (TEXTS to PROPERTIES) into the key's field. */
void weir_config_bind_list(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_key *key, const weir_config_entry *entry, void *field);
/* Adds one librdkafka property to a list that has room for it. */
void weir_config_bind_property(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_entry *entry, weir_config_pairs *to);
/* Is the entry's value a mapping, or a list? An empty value passes as an empty one (*count 0). */
bool weir_config_is_map(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_entry *entry, size_t *count);
bool weir_config_is_list(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_entry *entry, size_t *count);

/* ---- config_resolve.c, config_check.c ---------------------------------------------------- */

/* Fills in what is computed from other keys, and what names stand for. */
void weir_config_resolve(const weir_config_loader *loader);
/* Fills in `checked`. */
void weir_config_gather_checks(const weir_config_loader *loader);
void weir_config_check_validation(
    const weir_config_loader *loader, const weir_config_validation *v);
void weir_config_check_event_type(const weir_config_loader *loader);
void weir_config_check_event(const weir_config_loader *loader, const weir_config_event *e);

/* "1" of the first entry of `validation`: how messages name it. */
void weir_config_number_of(
    const weir_config_loader *loader, const weir_config_validation *v, char out[24]);
/* config_tables.c: makes one list of caches and tables; and what drivers want to know of tables,
 * once names are resolved. */
void weir_config_gather(const weir_config_loader *loader);
void weir_config_resolve_tables(const weir_config_loader *loader);
/* One of them: its store has room for it. */
void weir_config_add_table(const weir_config_loader *loader, const weir_config_table *t);
/* What `from` stands for. */
void weir_config_resolve_from(const weir_config_loader *loader, weir_config_cache *cache);
WEIR_MUST_USE weir_status weir_config_first_error(
    const char *file, const weir_config_problems *problems, weir_error *err);

/* ---- config_pattern.c -------------------------------------------------------------------- */

bool weir_config_is_pattern(const char *from);
/* What is wrong with a template of names; false: nothing. */
bool weir_config_template_wrong(const char *text, char *why, size_t room);
/* A template with its words replaced; NULL: out of memory (the arena's failure). */
const char *weir_config_fill(weir_arena *arena, weir_view template, const weir_config_cache *c);

/* What no single key shows to be wrong. */
void weir_config_check(const weir_config_loader *loader);

/* config_path.c: do two paths lead to one place, by the file system as far as that has them? */
bool weir_config_same_place(const char *a, const char *b);

#endif
