/* Schemas under their subjects in a registry: register, look up, ask whether one may follow. The
 * registry is one of registry_client.h. Thread: any. */
#ifndef WEIR_REGISTRY_SUBJECT_H
#define WEIR_REGISTRY_SUBJECT_H

#include "base/buf.h"
#include "schema/avro_schemas.h"

/* How a subject is named after what is written under it (Confluent's strategies). */
typedef enum weir_subject_naming {
    WEIR_SUBJECT_TOPIC,        /* "orders-value", "orders-key" */
    WEIR_SUBJECT_RECORD,       /* "shop.Order" */
    WEIR_SUBJECT_TOPIC_RECORD, /* "orders-shop.Order" */
} weir_subject_naming;

/* The name of a schema's record: Avro's full name, JSON Schema's title; empty: it has none. In the
 * arena. Errors: JSON_*, AVRO_SCHEMA, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_schema_record_name(
    weir_view text, bool is_avro, weir_arena *arena, weir_view *out, weir_error *err);
/* Appends. What the naming has no use for may be empty. */
void weir_subject_put(
    weir_buf *to, weir_subject_naming naming, weir_view topic, weir_view record, bool of_key);

typedef struct weir_registry_reference {
    weir_view name, subject;
    int64_t version;
} weir_registry_reference;

typedef struct weir_registry_entry {
    weir_view subject;
    weir_registered_kind kind; /* Avro or JSON Schema */
    weir_view text;
    const weir_registry_reference *references;
    size_t n_references;
} weir_registry_entry;

/* One that is there already keeps its id. Errors: REGISTRY_INCOMPATIBLE, SCHEMA_INVALID (the
 * registry takes it for none), REGISTRY_UNREACHABLE, REGISTRY_REFUSED, REGISTRY_ANSWER,
 * OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_registry_register(
    weir_registry r, const weir_registry_entry *e, int64_t *id, weir_error *err);
/* Errors: REGISTRY_NO_SCHEMA (it is not registered under this subject), and the others. */
WEIR_MUST_USE weir_status weir_registry_lookup(
    weir_registry r, const weir_registry_entry *e, int64_t *id, int64_t *version, weir_error *err);
/* May it follow what the subject has, by the level that the registry has for it? messages: gets
 * why not, a line each. Errors: REGISTRY_NO_SCHEMA (the subject has none yet), and the others. */
WEIR_MUST_USE weir_status weir_registry_may_follow(
    weir_registry r, const weir_registry_entry *e, bool *yes, weir_buf *messages, weir_error *err);

#endif
