/* Events that leave in Avro. See emit_avro.h. */
#include "service/emit_avro.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "schema/avro_write.h"
#include "value/json.h"

/* A subject that is not there, or is no Avro, is no event's fault. */
static weir_status ask(
    weir_emit_avro *out, const char *subject, weir_avro_schemas *schemas, weir_error *err)
{
    weir_status s = weir_avro_schemas_latest(schemas, subject, &out->schema, &out->ref, err);
    if (!s && (!out->schema.avro || out->ref.kind == WEIR_REF_NONE)) {
        s = weir_fail(err, WEIR_E_SCHEMA_INVALID, "the registry has no Avro schema with an id");
        weir_any_schema_free(&out->schema);
    }
    if (s == WEIR_REJECT) {
        s = err->status = WEIR_FATAL;
    }
    if (s) {
        (void)weir_at(err, "subject %s", subject);
    }
    return s;
}

static weir_status find(weir_emit_avro *a, pthread_mutex_t *lock, const char *subject,
    weir_avro_schemas *schemas, weir_error *err)
{
    weir_emit_avro found = {.schema = {.avro = NULL}};
    pthread_mutex_lock(lock);
    bool has = a->schema.avro;
    pthread_mutex_unlock(lock);
    weir_status s = has ? WEIR_OK : ask(&found, subject, schemas, err);
    if (has || s) {
        return s;
    }
    pthread_mutex_lock(lock);
    bool late = a->schema.avro; /* another thread has asked, too */
    *a = late ? *a : found;
    pthread_mutex_unlock(lock);
    if (late) {
        weir_any_schema_free(&found.schema);
    }
    return WEIR_OK;
}

weir_status weir_emit_avro_write(weir_emit_avro *a, pthread_mutex_t *lock,
    const weir_emit_rule *rule, weir_avro_schemas *schemas, weir_view json, weir_arena *arena,
    weir_view *out, weir_error *err)
{
    char frame[17];
    weir_buf bytes = {0};
    const weir_value *value;
    weir_status s = find(a, lock, rule->avro_subject, schemas, err);
    s = s ? s : weir_json_read(json, arena, &value, err);
    if (s) {
        return s;
    }
    weir_buf_put(&bytes, frame, weir_wire_put_frame(&a->ref, frame));
    s = weir_avro_write(weir_avro_root(a->schema.avro), value, &bytes, err);
    *out = s || bytes.failed ? (weir_view){NULL, 0} : weir_arena_copy(arena, weir_buf_view(&bytes));
    weir_buf_fini(&bytes);
    return s || out->ptr ? s : weir_fail_oom(err);
}

void weir_emit_avro_free(weir_emit_avro *a, size_t n)
{
    for (size_t i = 0; a && i < n; i++) {
        weir_any_schema_free(&a[i].schema);
    }
    weir_free(a);
}
