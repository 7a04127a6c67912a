/* Schemas by id. See avro_schemas.h.
 *
 * The lock is not held while the registry is asked, so an answer that is late holds up only those
 * who need it; of two that asked for the same schema, the first to come back keeps it. */
#include "schema/avro_schemas.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/map.h"
#include "schema/avro_connect.h"
#include "schema/program.h"
#include "value/json.h"

enum { MOST_BYTES = 256 << 20, MOST_JSON_BYTES = 16 << 20 };

struct weir_avro_schemas {
    weir_registry registry;
    pthread_mutex_t lock;
    weir_map known; /* weir_known_avro, by weir_schema_ref_key */
    size_t bytes;
};

static void free_known(void *value)
{
    weir_known_avro *k = value;
    if (k) {
        weir_any_schema_free(&k->own);
        weir_arena_fini(&k->arena);
        weir_free(k);
    }
}

weir_status weir_avro_schemas_new(weir_registry registry, weir_avro_schemas **out, weir_error *err)
{
    weir_avro_schemas *s = *out = weir_calloc(1, sizeof *s);
    if (!s) {
        if (registry.ops) {
            registry.ops->close(registry.self);
        }
        return weir_fail_oom(err);
    }
    s->registry = registry;
    pthread_mutex_init(&s->lock, NULL);
    return WEIR_OK;
}

void weir_avro_schemas_free(weir_avro_schemas *s)
{
    if (s) {
        weir_map_fini(&s->known, free_known);
        pthread_mutex_destroy(&s->lock);
        if (s->registry.ops) {
            s->registry.ops->close(s->registry.self);
        }
        weir_free(s);
    }
}

/* ---- one schema ---------------------------------------------------------------------------- */

/* A JSON text of our own making can only fail for want of memory. */
static weir_status make_connect(weir_known_avro *k, weir_error *err)
{
    weir_buf text = {0};
    bool fits = weir_avro_connect_put(&text, weir_avro_root(k->own.avro));
    weir_status s = text.failed ? weir_fail_oom(err) : WEIR_OK;
    if (!s && fits) {
        weir_view kept = weir_arena_copy(&k->arena, weir_buf_view(&text));
        s = kept.ptr ? weir_json_read(kept, &k->arena, &k->connect, err) : weir_fail_oom(err);
    }
    weir_buf_fini(&text);
    return s;
}

static const char base[] = "registry:///"; /* so that relative references are found */

/* A reference by the name that the registry has for it. */
static weir_status resolve(void *ctx, const char *uri, weir_view *out, weir_error *err)
{
    const weir_registered *r = ctx;
    size_t skip = strncmp(uri, base, sizeof base - 1) == 0 ? sizeof base - 1 : 0;
    (void)err;
    *out = (weir_view){NULL, 0};
    for (size_t i = 0; r->names && i + 1 < r->count; i++) {
        if (weir_view_is(r->names[i], uri) || weir_view_is(r->names[i], uri + skip)) {
            *out = r->texts[i];
        }
    }
    return WEIR_OK;
}

/* *failed: why it is no schema. Another status: of our own. */
static weir_status compile(
    const weir_registered *r, weir_any_schema *out, weir_error *failed, weir_error *err)
{
    weir_status s = WEIR_OK;
    *out = (weir_any_schema){.json = NULL};
    if (r->kind == WEIR_REGISTERED_AVRO) {
        s = weir_avro_schema_parse(r->texts, r->count, &out->avro, failed);
    } else if (r->kind == WEIR_REGISTERED_JSON) {
        weir_schema_options o = {.base_uri = base,
            .resolve = resolve,
            .resolve_ctx = (void *)(uintptr_t)r,
            .max_bytes = MOST_JSON_BYTES};
        s = weir_schema_compile(r->texts[r->count - 1], &o, &out->json, failed);
    }
    return s == WEIR_RETRY ? weir_fail_oom(err) : WEIR_OK;
}

static weir_status make_known(const weir_registered *r, weir_known_avro **out, weir_error *err)
{
    weir_known_avro *k = *out = weir_calloc(1, sizeof *k);
    if (!k) {
        return weir_fail_oom(err);
    }
    weir_arena_init(&k->arena, 0);
    k->kind = r->kind;
    weir_status s = compile(r, &k->own, &k->error, err); /* what it is, it stays */
    if (!s && k->own.avro) {
        s = make_connect(k, err);
    }
    if (s) {
        free_known(k);
        *out = NULL;
    }
    return s;
}

static weir_status fetch(
    weir_avro_schemas *s, const weir_schema_ref *ref, weir_known_avro **out, weir_error *err)
{
    char text[WEIR_REF_TEXT];
    weir_schema_ref_text(ref, text);
    if (!s->registry.ops) {
        return weir_fail(err, WEIR_E_REGISTRY_NO_SCHEMA, "schema %s: no registry is given", text);
    }
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_registered r = {.count = 0};
    weir_status st = s->registry.ops->fetch(s->registry.self, ref, &arena, &r, err);
    st = st ? st : make_known(&r, out, err);
    weir_arena_fini(&arena);
    return st;
}

/* ---- all of them --------------------------------------------------------------------------- */

static size_t bytes_of(const weir_known_avro *k)
{
    return sizeof *k + weir_arena_footprint(&k->arena) +
           (k->own.avro ? weir_avro_bytes(k->own.avro) : 0) +
           (k->own.json ? weir_arena_footprint(&k->own.json->arena) : 0);
}

/* Takes k over. */
static weir_status keep(
    weir_avro_schemas *s, weir_view key, weir_known_avro *k, weir_known_avro **out, weir_error *err)
{
    weir_status st = WEIR_OK;
    pthread_mutex_lock(&s->lock);
    weir_map_entry *e = weir_map_find(&s->known, key);
    if (e) {
        free_known(k);
        *out = e->value;
    } else if (s->bytes + bytes_of(k) > MOST_BYTES) {
        free_known(k);
        st = weir_fail(err, WEIR_E_TOO_LARGE, "the schemas of this registry take too much memory");
    } else if (!(e = weir_map_add(&s->known, key))) {
        free_known(k);
        st = weir_fail_oom(err);
    } else {
        *out = e->value = k;
        s->bytes += bytes_of(k);
    }
    pthread_mutex_unlock(&s->lock);
    return st;
}

weir_status weir_avro_schemas_get(
    weir_avro_schemas *s, const weir_schema_ref *ref, const weir_known_avro **out, weir_error *err)
{
    char bytes[WEIR_REF_KEY];
    weir_schema_ref_key(ref, bytes);
    weir_view key = {bytes, sizeof bytes};
    pthread_mutex_lock(&s->lock);
    weir_known_avro *known = weir_map_get(&s->known, key);
    pthread_mutex_unlock(&s->lock);
    weir_status st = WEIR_OK;
    if (!known) {
        st = fetch(s, ref, &known, err);
        st = st ? st : keep(s, key, known, &known, err);
    }
    if (!st && known->error.status && known->kind == WEIR_REGISTERED_AVRO) {
        st = known->error.status;
        if (err) {
            *err = known->error;
        }
    }
    *out = st ? NULL : known;
    return st;
}

weir_status weir_avro_schemas_latest(weir_avro_schemas *s, const char *subject,
    weir_any_schema *out, weir_schema_ref *ref, weir_error *err)
{
    *out = (weir_any_schema){.json = NULL};
    if (!s || !s->registry.ops) {
        return weir_fail(err, WEIR_E_REGISTRY_NO_SCHEMA, "%.100s: no registry is given", subject);
    }
    weir_arena arena;
    weir_error failed = {.status = WEIR_OK};
    weir_registered r = {.count = 0};
    weir_arena_init(&arena, 0);
    weir_status st =
        s->registry.ops->latest(s->registry.self, weir_view_of(subject), &arena, &r, err);
    st = st ? st : compile(&r, out, &failed, err);
    if (!st && failed.status) {
        st = failed.status;
        if (err) {
            *err = failed;
        }
    } else if (!st && r.kind == WEIR_REGISTERED_OTHER) {
        st = weir_fail(err, WEIR_E_SCHEMA_INVALID,
            "the schema of %.100s is neither Avro nor JSON Schema", subject);
    }
    if (ref) {
        bool known = !st && r.id > 0 && r.id <= UINT32_MAX;
        *ref = (weir_schema_ref){
            .kind = known ? WEIR_REF_ID : WEIR_REF_NONE, .number = known ? (uint64_t)r.id : 0};
    }
    weir_arena_fini(&arena);
    return st;
}
