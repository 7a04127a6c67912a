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
static void tell_schema(weir_decoding *at, const weir_known_avro *known, weir_view text,
    weir_view frame, weir_document *out)
{
    weir_topic_schemas *topic = weir_schema_memo_topic(&at->d->memo, at->record->topic);
    out->connect = known->connect;
    out->prefix = frame;
    out->known = topic && frame.len ? weir_known_schema_match(&topic->values, text) : NULL;
    if (!out->known) {
        out->schema = known->connect;
    }
}

/* text: a frame of so many bytes, or none, and the body. */
static weir_status read_by(weir_decoding *at, const weir_schema_ref *ref, weir_view text,
    size_t frame, bool of_key, weir_document *out, weir_error *err)
{
    const weir_known_avro *known;
    weir_view body = {text.ptr + frame, text.len - frame};
    weir_status s = schema_of(at->d, ref, &known, err);
    if (s) {
        return s;
    }
    if (known->kind == WEIR_REGISTERED_JSON) {
        return weir_document_read(NULL, body, at->arena, out, err);
    }
    if (known->kind != WEIR_REGISTERED_AVRO) {
        return weir_fail(err, WEIR_E_CDC_AVRO, "the schema is neither Avro nor JSON Schema");
    }
    s = weir_avro_read(weir_avro_root(known->own.avro), body, at->arena, &out->payload, NULL, err);
    if (!s && !of_key) {
        tell_schema(at, known, text, weir_view_make(text.ptr, frame), out);
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
    *s = read_by(at, &ref, text, frame, of_key, out, err);
    return true;
}

weir_status weir_decoding_framed(
    weir_decoding *at, weir_view text, weir_document *out, weir_error *err)
{
    weir_schema_ref ref;
    size_t frame = weir_wire_frame(text, &ref);
    *out = (weir_document){.prefix = {"", 0}};
    if (!at->d->rules->schemas) {
        return weir_fail(
            err, WEIR_E_CDC_AVRO, "it is Avro by a schema registry, and none is in the config");
    }
    return frame ? read_by(at, &ref, text, frame, false, out, err)
                 : weir_fail(err, WEIR_E_CDC_AVRO, "its bytes name no schema");
}
