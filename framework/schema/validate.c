/* Validators: the public calls around the two passes. See validate.h. */
#include "schema/validate.h"

#include "base/alloc.h"
#include "schema/explain.h"
#include "value/json.h"

enum { MOST_FAILURES = 1000 };
static const size_t MOST_ARENA = (size_t)1 << 32;

struct weir_validator {
    const weir_schema *schema;
    weir_arena document; /* of texts that are given: their nodes */
    weir_arena strings;  /* decoded while a value is looked at */
    weir_arena units;
    weir_regex_scratch *scratch;
};

weir_status weir_validator_new(const weir_schema *schema, weir_validator **out, weir_error *err)
{
    weir_validator *v = weir_calloc(1, sizeof *v);
    *out = v;
    if (!v) {
        return weir_fail_oom(err);
    }
    v->schema = schema;
    weir_arena_init(&v->document, MOST_ARENA);
    weir_arena_init(&v->strings, MOST_ARENA);
    weir_arena_init(&v->units, MOST_ARENA);
    v->scratch = weir_regex_scratch_new();
    if (!v->scratch) {
        weir_validator_free(v);
        *out = NULL;
        return weir_fail_oom(err);
    }
    return WEIR_OK;
}

void weir_validator_free(weir_validator *v)
{
    if (v) {
        weir_regex_scratch_free(v->scratch);
        weir_arena_fini(&v->document);
        weir_arena_fini(&v->strings);
        weir_arena_fini(&v->units);
        weir_free(v);
    }
}

static weir_run run_of(weir_validator *v)
{
    if (v->strings.first) {
        weir_arena_reset(&v->strings);
    }
    return (weir_run){.schema = v->schema,
        .arena = &v->strings,
        .scratch = v->scratch,
        .steps = v->schema->most_steps};
}

/* WEIR_OK when nothing stopped the run. */
static weir_status status_of(const weir_run *r, weir_error *err)
{
    if (r->stopped == WEIR_E_OUT_OF_MEMORY) {
        return weir_fail_oom(err);
    }
    if (r->stopped || r->steps <= 0) {
        return weir_fail(err, WEIR_E_SCHEMA_LIMIT, "%s",
            r->steps <= 0 ? "the validation took more steps than it may; the schema multiplies"
            : r->depth    ? "the schema's references nest too deep"
                       : "a regular expression gave up at its limit, or references nest too deep");
    }
    return WEIR_OK;
}

weir_status weir_validator_check_value(
    weir_validator *v, const weir_value *value, bool *valid, weir_error *err)
{
    weir_run r = run_of(v);
    bool holds = weir_run_block(&r, v->schema->root, value, NULL);
    weir_status s = status_of(&r, err);
    *valid = holds && !s;
    return s;
}

static weir_status explain(weir_validator *v, weir_explainer *e, const weir_value *value,
    weir_schema_explanation *out, weir_error *err)
{
    bool holds = weir_run_block(&e->run, v->schema->root, value, NULL);
    if (holds || e->run.stopped) {
        return status_of(&e->run, err);
    }
    const weir_schema_unit *root = weir_explain_root(e, value);
    weir_status s = status_of(&e->run, err);
    if (!s && (e->out_of_memory || !root)) {
        return weir_fail_oom(err);
    }
    if (!s) {
        *out = (weir_schema_explanation){root, e->count, e->full};
    }
    return s;
}

weir_status weir_validator_explain_value(weir_validator *v, const weir_value *value, weir_view text,
    size_t most, weir_schema_explanation *out, weir_error *err)
{
    weir_explainer e = {
        .run = run_of(v), .arena = &v->units, .text = text, .most = most ? most : MOST_FAILURES};
    *out = (weir_schema_explanation){NULL, 0, false};
    weir_arena_reset(&v->units);
    weir_status s = explain(v, &e, value, out, err);
    weir_buf_fini(&e.instance);
    weir_buf_fini(&e.evaluation);
    return s;
}

weir_status weir_validator_check(weir_validator *v, weir_view json, bool *valid, weir_error *err)
{
    const weir_value *root;
    *valid = false;
    weir_arena_reset(&v->document);
    weir_status s = weir_json_read(json, &v->document, &root, err);
    return s ? s : weir_validator_check_value(v, root, valid, err);
}

weir_status weir_validator_explain(
    weir_validator *v, weir_view json, size_t most, weir_schema_explanation *out, weir_error *err)
{
    const weir_value *root;
    *out = (weir_schema_explanation){NULL, 0, false};
    weir_arena_reset(&v->document);
    weir_status s = weir_json_read(json, &v->document, &root, err);
    return s ? s : weir_validator_explain_value(v, root, json, most, out, err);
}
