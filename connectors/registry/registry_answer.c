/* Answers of a registry. See registry_answer.h. */
#include "registry/registry_answer.h"

#include "value/json.h"

enum { MOST_TEXTS = 200, DEPTH = 20 };

typedef struct gathering {
    weir_registry_subject_fn *ask;
    void *ctx;
    weir_arena *arena;
    weir_view texts[MOST_TEXTS], names[MOST_TEXTS];
    weir_view subjects[MOST_TEXTS]; /* of texts that were referred to … */
    int64_t versions[MOST_TEXTS];   /* … */
    size_t count, n_subjects;
    int64_t id; /* of the answer that was given */
    weir_error *err;
} gathering;

static weir_status refuse(const gathering *g, const char *why)
{
    return weir_fail(g->err, WEIR_E_REGISTRY_ANSWER, "%s", why);
}

static weir_status gather(
    gathering *g, weir_view answer, weir_view name, unsigned depth, weir_registered_kind *kind);

static bool is_known(const gathering *g, weir_view subject, int64_t version)
{
    for (size_t i = 0; i < g->n_subjects; i++) {
        if (g->versions[i] == version && weir_view_eq(g->subjects[i], subject)) {
            return true;
        }
    }
    return false;
}

static weir_status gather_reference(gathering *g, const weir_value *reference, unsigned depth)
{
    const weir_value *subject = weir_gets(reference, "subject");
    int64_t version;
    if (!weir_is(subject, WEIR_STRING) ||
        !weir_to_int64(weir_gets(reference, "version"), &version)) {
        return refuse(g, "a reference of a schema without a subject and a version");
    }
    const weir_value *named = weir_gets(reference, "name");
    weir_view of = weir_string(subject, g->arena), answer;
    weir_view name = weir_is(named, WEIR_STRING) ? weir_string(named, g->arena) : of;
    if (!of.ptr || !name.ptr) {
        return weir_fail_oom(g->err);
    }
    if (is_known(g, of, version)) {
        return WEIR_OK;
    }
    if (depth == DEPTH || g->n_subjects == MOST_TEXTS) {
        return refuse(g, "a schema refers to more others than can be");
    }
    g->subjects[g->n_subjects] = of;
    g->versions[g->n_subjects++] = version;
    weir_registered_kind kind;
    weir_status s = g->ask(g->ctx, of, version, g->arena, &answer, g->err);
    return s ? s : gather(g, answer, name, depth + 1, &kind);
}

static weir_registered_kind kind_of(const weir_value *type)
{
    return !type || type->type == WEIR_NULL || weir_string_is(type, weir_view_of("AVRO"))
               ? WEIR_REGISTERED_AVRO
           : weir_string_is(type, weir_view_of("JSON")) ? WEIR_REGISTERED_JSON
                                                        : WEIR_REGISTERED_OTHER;
}

/* A schema itself: `{"type": "string"}` could be of both kinds, and is Connect's in Avro. */
static weir_registered_kind kind_of_bare(const weir_value *json)
{
    bool of_json = weir_gets(json, "$schema") ||
                   weir_string_is(weir_gets(json, "type"), weir_view_of("object"));
    return of_json ? WEIR_REGISTERED_JSON : WEIR_REGISTERED_AVRO;
}

static weir_status gather(
    gathering *g, weir_view answer, weir_view name, unsigned depth, weir_registered_kind *kind)
{
    const weir_value *json;
    weir_status s = weir_json_read(answer, g->arena, &json, g->err);
    if (s) {
        return s == WEIR_REJECT ? refuse(g, "an answer that is no JSON") : s;
    }
    const weir_value *schema = weir_gets(json, "schema");
    const weir_value *references = weir_gets(json, "references");
    bool wrapped = weir_is(schema, WEIR_STRING);
    *kind = wrapped ? kind_of(weir_gets(json, "schemaType")) : kind_of_bare(json);
    if (wrapped && weir_is(references, WEIR_ARRAY)) {
        WEIR_EACH_ITEM(references, reference)
        {
            s = s ? s : gather_reference(g, reference, depth);
        }
    }
    if (s) {
        return s;
    }
    if (g->count == MOST_TEXTS) {
        return refuse(g, "a schema refers to more others than can be");
    }
    weir_view text = wrapped ? weir_string(schema, g->arena) : answer;
    if (!depth && (!wrapped || !weir_to_int64(weir_gets(json, "id"), &g->id))) {
        g->id = 0;
    }
    g->names[g->count] = name;
    g->texts[g->count++] = text;
    return text.ptr ? WEIR_OK : weir_fail_oom(g->err);
}

weir_status weir_registry_answer_read(weir_view answer, weir_registry_subject_fn *ask, void *ctx,
    weir_arena *arena, weir_registered *out, weir_error *err)
{
    gathering *g = weir_arena_alloc(arena, sizeof *g);
    if (!g) {
        return weir_fail_oom(err);
    }
    *g = (gathering){.ask = ask, .ctx = ctx, .arena = arena, .err = err};
    weir_status s = gather(g, answer, (weir_view){"", 0}, 0, &out->kind);
    out->texts = g->texts;
    out->names = g->names;
    out->count = g->count;
    out->id = g->id;
    return s;
}
