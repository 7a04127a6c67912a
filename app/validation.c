/* Schemas of rows. See validation.h. */
#include "validation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "config_file.h"

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

static weir_status compile(
    const char *path, weir_arena *arena, const weir_schema **out, weir_error *err)
{
    weir_view text;
    weir_status s = read_file(path, arena, &text, err);
    char *real = s ? NULL : realpath(path, NULL);
    const char *uri = real ? weir_arena_printf(arena, "file://%s", real).ptr : NULL;
    free(real);
    if (s || !uri) {
        return s ? s : weir_fail_oom(err);
    }
    weir_schema *schema;
    weir_schema_options o = {.base_uri = uri, .resolve = resolve, .resolve_ctx = arena};
    s = weir_schema_compile(text, &o, &schema, err);
    s = s ? name_file(path, err) : WEIR_OK;
    *out = schema;
    return s;
}

/* ---- All of them --------------------------------------------------------------------------------
 */

weir_status weir_validations_open(const weir_config *config, weir_validations *out,
    const weir_config_validation **failed, weir_error *err)
{
    static const weir_on_invalid policies[] = {
        [WEIR_CONFIG_INVALID_REJECT] = WEIR_INVALID_REJECT,
        [WEIR_CONFIG_INVALID_REPORT] = WEIR_INVALID_REPORT,
        [WEIR_CONFIG_INVALID_STOP] = WEIR_INVALID_STOP,
    };
    size_t n = config->validations.count;
    *out = (weir_validations){.config = config};
    out->rules = weir_calloc(n, sizeof *out->rules);
    out->counts = weir_calloc(n, sizeof *out->counts);
    weir_status s = n && (!out->rules || !out->counts) ? weir_fail_oom(err) : WEIR_OK;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    for (; out->n < n && !s; out->n += !s) {
        const weir_config_validation *v = &config->validations.items[out->n];
        weir_row_rule *rule = &out->rules[out->n];
        *rule = (weir_row_rule){
            .name = v->schema, .on_fail = policies[v->on_fail], .counts = &out->counts[out->n]};
        s = compile(v->schema, &arena, &rule->schema, err);
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
    for (size_t i = 0; i < v->n; i++) {
        weir_schema_free((weir_schema *)(uintptr_t)v->rules[i].schema);
    }
    weir_free(v->rules);
    weir_free(v->counts);
    *v = (weir_validations){.rules = NULL};
}

const weir_row_rule *weir_validations_find(
    const weir_validations *v, const weir_config_source *source, const char *table_name)
{
    for (size_t i = 0; i < v->n; i++) {
        const weir_config_validation *c = &v->config->validations.items[i];
        if (c->source == source && strcmp(c->table_name, table_name) == 0) {
            return &v->rules[i];
        }
    }
    return NULL;
}

uint64_t weir_validations_invalid(const weir_validations *v)
{
    uint64_t n = 0;
    for (size_t i = 0; i < v->n; i++) {
        n += atomic_load(&v->counts[i].invalid);
    }
    return n;
}

uint64_t weir_validations_unjudged(const weir_validations *v)
{
    uint64_t n = 0;
    for (size_t i = 0; i < v->n; i++) {
        n += atomic_load(&v->counts[i].unjudged);
    }
    return n;
}
