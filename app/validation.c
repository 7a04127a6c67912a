/* Schemas of rows and events. See validation.h. */
#include "validation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "config_file.h"
#include "value/json.h"

enum { LARGEST_SCHEMA = 16 << 20 };

static const char scheme[] = "file://";

/* ---- Files --------------------------------------------------------------------------------------
 */

static weir_status read_file(const char *path, weir_arena *arena, weir_view *out, weir_error *err)
{
    weir_buf text = {0};
    int error = weir_config_read_file(path, LARGEST_SCHEMA, &text);
    weir_status s =
        error ? weir_fail(err, WEIR_E_FILE_UNREADABLE, "%s: %s", path, strerror(error)) : WEIR_OK;
    if (!s) {
        *out = weir_arena_copy(arena, weir_buf_view(&text));
        s = out->ptr ? WEIR_OK : weir_fail_oom(err);
    }
    weir_buf_fini(&text);
    return s;
}

/* Which file it was: another one's error says so itself, by its URI. */
static weir_status name_file(const char *path, weir_error *err)
{
    weir_error why = *err;
    bool other = strncmp(why.where, scheme, sizeof scheme - 1) == 0;
    snprintf(err->text, sizeof err->text, "%.100s%s%.90s: %.100s", other ? "" : path,
        other || !*why.where ? "" : ":", other ? why.where + sizeof scheme - 1 : why.where,
        why.text);
    err->where[0] = '\0';
    return err->status;
}

/* Files alone: whatever would need the network is not found. */
static weir_status resolve(void *ctx, const char *uri, weir_view *out, weir_error *err)
{
    *out = (weir_view){NULL, 0};
    return strncmp(uri, scheme, sizeof scheme - 1) == 0
               ? read_file(uri + sizeof scheme - 1, ctx, out, err)
               : WEIR_OK;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* Rows have JSON Schemas alone. */
static bool is_avro(const weir_config_validation *v, weir_view text, weir_arena *arena)
{
    const weir_value *root;
    return !v->table &&
           (ends_with(v->schema, ".avsc") ||
               (!weir_json_read(text, arena, &root, NULL) && weir_is_avro_schema(root)));
}

static weir_status compile(
    const weir_config_validation *v, weir_arena *arena, weir_any_schema *out, weir_error *err)
{
    weir_view text;
    weir_status s = read_file(v->schema, arena, &text, err);
    char *real = s ? NULL : realpath(v->schema, NULL);
    const char *uri = real ? weir_arena_printf(arena, "file://%s", real).ptr : NULL;
    free(real);
    if (s || !uri) {
        return s ? s : weir_fail_oom(err);
    }
    weir_schema_options o = {.base_uri = uri, .resolve = resolve, .resolve_ctx = arena};
    s = weir_any_schema_compile(text, is_avro(v, text, arena), &o, out, err);
    return s ? name_file(v->schema, err) : WEIR_OK;
}

/* Where the schema is the registry's. One that does not answer now is asked by the first event. */
static weir_status ask(const weir_config_validation *v, weir_avro_schemas *registry,
    weir_any_schema *out, weir_error *err)
{
    weir_status s = registry && v->subject
                        ? weir_avro_schemas_latest(registry, v->subject, out, NULL, err)
                        : WEIR_OK;
    s = s == WEIR_HOLD ? WEIR_OK : s;
    if (s) {
        (void)weir_at(err, "subject %s", v->subject);
    }
    return s;
}

/* ---- All of them --------------------------------------------------------------------------------
 */

static weir_status open_rule(weir_validations *to, const weir_config_validation *v,
    weir_avro_schemas *registry, weir_arena *arena, weir_error *err)
{
    static const weir_on_invalid policies[] = {
        [WEIR_CONFIG_INVALID_REJECT] = WEIR_INVALID_REJECT,
        [WEIR_CONFIG_INVALID_REPORT] = WEIR_INVALID_REPORT,
        [WEIR_CONFIG_INVALID_STOP] = WEIR_INVALID_STOP,
    };
    weir_any_schema *schema = &to->schemas[to->n];
    weir_row_counts *counts = &to->counts[to->n];
    const char *name = v->schema ? v->schema : v->subject;
    weir_status s = v->schema ? compile(v, arena, schema, err) : ask(v, registry, schema, err);
    if (s) {
        return s;
    }
    if (v->table) {
        to->rows[to->n] = (weir_row_rule){.schema = schema->json,
            .name = name,
            .on_fail = policies[v->on_fail],
            .counts = counts};
    } else {
        to->events[to->n_events++] = (weir_event_rule){.event = v->event,
            .topic = v->topic,
            .schema = schema->json || schema->avro ? schema : NULL,
            .subject = v->subject,
            .name = name,
            .on_fail = policies[v->on_fail],
            .invalid = &counts->invalid};
    }
    to->n++;
    return WEIR_OK;
}

weir_status weir_validations_open(const weir_config *config, weir_avro_schemas *registry,
    weir_validations *out, const weir_config_validation **failed, weir_error *err)
{
    size_t n = config->checked.count;
    *out = (weir_validations){.config = config};
    out->schemas = weir_calloc(n, sizeof *out->schemas);
    out->rows = weir_calloc(n, sizeof *out->rows);
    out->events = weir_calloc(n, sizeof *out->events);
    out->counts = weir_calloc(n, sizeof *out->counts);
    bool there = out->schemas && out->rows && out->events && out->counts;
    weir_status s = n && !there ? weir_fail_oom(err) : WEIR_OK;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    for (size_t i = 0; i < n && !s; i++) {
        const weir_config_validation *v = &config->checked.items[i];
        s = open_rule(out, v, registry, &arena, err);
        if (s && failed) {
            *failed = v;
        }
    }
    weir_arena_fini(&arena);
    if (s) {
        weir_validations_close(out);
    }
    return s;
}

void weir_validations_close(weir_validations *v)
{
    for (size_t i = 0; v->schemas && i < v->n; i++) {
        weir_any_schema_free(&v->schemas[i]);
    }
    weir_free(v->schemas);
    weir_free(v->rows);
    weir_free(v->events);
    weir_free(v->counts);
    *v = (weir_validations){.rows = NULL};
}

const weir_row_rule *weir_validations_find(
    const weir_validations *v, const weir_config_source *source, const char *table_name)
{
    const weir_row_rule *by_pattern = NULL;
    for (size_t i = 0; i < v->n; i++) {
        const weir_config_validation *c = &v->config->checked.items[i];
        if (!c->table || c->source != source) {
            continue;
        }
        if (strcmp(c->table_name, table_name) == 0) {
            return &v->rows[i];
        }
        if (!by_pattern && weir_config_matches(c->table_name, table_name)) {
            by_pattern = &v->rows[i];
        }
    }
    return by_pattern;
}

/* Of tables. */
static uint64_t sum(const weir_validations *v, bool invalid)
{
    uint64_t n = 0;
    for (size_t i = 0; i < v->n; i++) {
        if (v->config->checked.items[i].table) {
            n += atomic_load(invalid ? &v->counts[i].invalid : &v->counts[i].unjudged);
        }
    }
    return n;
}

uint64_t weir_validations_invalid(const weir_validations *v)
{
    return sum(v, true);
}

uint64_t weir_validations_unjudged(const weir_validations *v)
{
    return sum(v, false);
}
