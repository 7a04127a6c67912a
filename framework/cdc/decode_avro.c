/* Avro keys and values: by the schema that the record names, with the columns' types of that
 * schema. See decoding.h. */
#include "cdc/decoding.h"
#include "cdc/named_schema.h"
#include "schema/avro_read.h"

static weir_status schema_of(
    weir_decoder *d, const weir_schema_ref *ref, const weir_known_avro **out, weir_error *err)
{
    char key[WEIR_REF_KEY];
    weir_schema_ref_key(ref, key);
    weir_recent_schema *r = &d->recent[ref->number % WEIR_RECENT_SCHEMAS];
    if (r->known && memcmp(r->key, key, sizeof key) == 0) {
        *out = r->known;
        return WEIR_OK;
    }
    weir_status s = weir_avro_schemas_get(d->rules->schemas, ref, out, err);
    if (!s) {
        memcpy(r->key, key, sizeof key);
        r->known = *out;
    }
    return s;
}

/* The columns of a schema are compiled once a topic; its frame tells it again. */
static void tell_schema(
    weir_decoding *at, const weir_known_avro *known, weir_view frame, weir_document *out)
{
    weir_topic_schemas *topic = weir_schema_memo_topic(&at->d->memo, at->record->topic);
    out->connect = known->connect;
    out->prefix = frame;
    out->known =
        topic && frame.len ? weir_known_schema_match(&topic->values, at->record->value) : NULL;
    if (!out->known) {
        out->schema = known->connect;
    }
}

static weir_status read_by(weir_decoding *at, const weir_known_avro *known, weir_view frame,
    weir_view body, bool of_key, weir_document *out, weir_error *err)
{
    if (known->kind == WEIR_REGISTERED_JSON) {
        return weir_document_read(NULL, body, at->arena, out, err);
    }
    if (known->kind != WEIR_REGISTERED_AVRO) {
        return weir_fail(err, WEIR_E_CDC_AVRO, "the schema is neither Avro nor JSON Schema");
    }
    weir_status s =
        weir_avro_read(weir_avro_root(known->own.avro), body, at->arena, &out->payload, NULL, err);
    if (!s && !of_key) {
        tell_schema(at, known, frame, out);
    }
    return s;
}

bool weir_decoding_avro(weir_decoding *at, weir_view text, bool of_key, weir_document *out,
    weir_error *err, weir_status *s)
{
    const weir_source_rules *rules = at->d->rules;
    weir_schema_ref ref;
    size_t frame;
    if (!rules->schemas || rules->format == WEIR_FORMAT_JSON) {
        return false;
    }
    *out = (weir_document){.prefix = {"", 0}};
    if (!weir_named_schema(&at->record->headers, text, of_key, &ref, &frame)) {
        bool must = rules->format == WEIR_FORMAT_AVRO;
        *s = must ? weir_fail(err, WEIR_E_CDC_AVRO, "neither its bytes nor a header name a schema")
                  : WEIR_OK;
        return must;
    }
    const weir_known_avro *known;
    weir_view body = {text.ptr + frame, text.len - frame};
    *s = schema_of(at->d, &ref, &known, err);
    if (!*s) {
        *s = read_by(at, known, weir_view_make(text.ptr, frame), body, of_key, out, err);
    }
    return true;
}
