/* Judging documents. See judge.h. */
#include "schema/judge.h"

#include "base/alloc.h"
#include "schema/avro_read.h"
#include "schema/avro_write.h"
#include "schema/validate.h"
#include "value/json.h"

struct weir_judge {
    const weir_any_schema *schema; /* NULL: each document's own */
    const weir_schema *json;       /* of the validator */
    weir_validator *validator;
    const weir_avro_schema *writer; /* of the resolver */
    weir_avro_resolver *resolver;
    weir_buf scratch; /* what is written, and thrown away */
    /* The document read last, for an explanation: the JSON that was looked at. */
    weir_view text;
    const weir_value *root;
};

weir_status weir_judge_new(const weir_any_schema *schema, weir_judge **out, weir_error *err)
{
    weir_judge *j = *out = weir_calloc(1, sizeof *j);
    if (!j) {
        return weir_fail_oom(err);
    }
    j->schema = schema;
    return WEIR_OK;
}

void weir_judge_forget(weir_judge *j)
{
    weir_validator_free(j->validator);
    weir_avro_resolver_free(j->resolver);
    j->validator = NULL;
    j->resolver = NULL;
    j->json = NULL;
    j->writer = NULL;
}

void weir_judge_free(weir_judge *j)
{
    if (j) {
        weir_judge_forget(j);
        weir_buf_fini(&j->scratch);
        weir_free(j);
    }
}

/* ---- JSON Schema --------------------------------------------------------------------------------
 */

/* Documents that name their schema mostly name the same one. */
static weir_status by_json(
    weir_judge *j, const weir_schema *schema, const weir_value *value, bool *valid, weir_error *err)
{
    weir_status s = WEIR_OK;
    if (j->json != schema) {
        weir_validator_free(j->validator);
        j->json = NULL;
        s = weir_validator_new(schema, &j->validator, err);
        j->json = s ? NULL : schema;
    }
    return s ? s : weir_validator_check_value(j->validator, value, valid, err);
}

/* A value of Avro as JSON. */
static weir_status as_json(
    weir_judge *j, const weir_value *value, weir_arena *arena, weir_error *err)
{
    weir_buf_clear(&j->scratch);
    weir_json_put(&j->scratch, value);
    j->text = j->scratch.failed ? (weir_view){NULL, 0}
                                : weir_arena_copy(arena, weir_buf_view(&j->scratch));
    return j->text.ptr ? weir_json_read(j->text, arena, &j->root, err) : weir_fail_oom(err);
}

/* ---- Avro
 * ---------------------------------------------------------------------------------------- */

static weir_status resolve(weir_judge *j, const weir_written *d, weir_arena *arena,
    const weir_value **value, weir_error *err)
{
    weir_status s = WEIR_OK;
    if (j->writer != d->own->avro) {
        weir_avro_resolver_free(j->resolver);
        j->resolver = NULL;
        j->writer = NULL;
        s = weir_avro_resolver_new(
            weir_avro_root(j->schema->avro), weir_avro_root(d->own->avro), &j->resolver, err);
        j->writer = s ? NULL : d->own->avro;
    }
    return s ? s : weir_avro_resolver_read(j->resolver, d->bytes, arena, value, err);
}

static weir_status read_avro(weir_judge *j, const weir_written *d, weir_arena *arena,
    const weir_value **value, bool *valid, weir_error *err)
{
    if (j->schema && j->schema->avro) {
        weir_status s = resolve(j, d, arena, value, err);
        *valid = !s;
        return s;
    }
    weir_status s = weir_avro_read(weir_avro_root(d->own->avro), d->bytes, arena, value, NULL, err);
    *valid = !s;
    if (s || !j->schema) {
        return s;
    }
    *valid = false;
    s = as_json(j, *value, arena, err);
    return s ? s : by_json(j, j->schema->json, j->root, valid, err);
}

/* ---- JSON
 * ---------------------------------------------------------------------------------------- */

static weir_status read_json(weir_judge *j, const weir_written *d, weir_arena *arena,
    const weir_value **value, bool *valid, weir_error *err)
{
    const weir_any_schema *by = j->schema ? j->schema : d->own;
    weir_status s = weir_json_read(d->bytes, arena, value, err);
    if (s) {
        return s;
    }
    if (!by || (!by->json && !by->avro)) {
        return weir_fail(err, WEIR_E_SCHEMA_INVALID,
            by ? "the schema that it names is none" : "no schema is given, and it names none");
    }
    if (by->avro) {
        weir_buf_clear(&j->scratch);
        s = weir_avro_write(weir_avro_root(by->avro), *value, &j->scratch, err);
        *valid = !s;
        return s;
    }
    j->text = d->bytes;
    j->root = *value;
    return by_json(j, by->json, *value, valid, err);
}

weir_status weir_judge_read(weir_judge *j, const weir_written *d, weir_arena *arena,
    const weir_value **value, bool *valid, weir_error *err)
{
    *valid = false;
    *value = j->root = NULL;
    return d->own && d->own->avro ? read_avro(j, d, arena, value, valid, err)
                                  : read_json(j, d, arena, value, valid, err);
}

/* ---- Why
 * ----------------------------------------------------------------------------------------- */

weir_status weir_judge_explain(
    weir_judge *j, size_t most, weir_view *text, weir_schema_explanation *out, weir_error *err)
{
    *text = j->text;
    *out = (weir_schema_explanation){.root = NULL};
    return j->root ? weir_validator_explain_value(j->validator, j->root, j->text, most, out, err)
                   : WEIR_OK;
}

bool weir_judge_misfit(const weir_error *err)
{
    static const weir_code codes[] = {WEIR_E_AVRO_DATA, WEIR_E_AVRO_RESOLUTION, WEIR_E_AVRO_VALUE};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (strcmp(err->code, weir_code_get(codes[i])->name) == 0) {
            return true;
        }
    }
    return false;
}

const weir_schema_unit *weir_first_failure(const weir_schema_unit *u)
{
    const weir_schema_unit *found = u && u->failures ? u : NULL;
    for (const weir_schema_unit *child = u ? u->children : NULL; child; child = child->next) {
        const weir_schema_unit *below =
            child->branch && !child->nearest ? NULL : weir_first_failure(child);
        if (below) {
            return below;
        }
    }
    return found;
}
