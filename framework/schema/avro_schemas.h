/* The schemas that records name, and the port through which they come.
 *
 * A registry (a server, or a directory of files) gives texts; here they are parsed once and kept,
 * by id. What is met once is met again and again, so nothing is ever forgotten: a bound on all of
 * it stands against a stream of made-up ids. A schema that cannot be parsed is kept as its error.
 *
 * Thread: any; what is given out is immutable and lives as long as the whole. */
#ifndef WEIR_SCHEMA_AVRO_SCHEMAS_H
#define WEIR_SCHEMA_AVRO_SCHEMAS_H

#include "schema/any_schema.h"
#include "schema/avro_wire.h"

typedef enum weir_registered_kind {
    WEIR_REGISTERED_AVRO,
    WEIR_REGISTERED_JSON,  /* JSON Schema: the bytes behind the frame are JSON */
    WEIR_REGISTERED_OTHER, /* Protobuf */
} weir_registered_kind;

/* What a registry has under an id; in the caller's arena. */
typedef struct weir_registered {
    weir_registered_kind kind;
    const weir_view *texts; /* those that it refers to first, itself last */
    const weir_view *names; /* by which it refers to them; NULL: not known */
    size_t count;
    int64_t id; /* of itself, by which records name it; 0: the registry does not say */
} weir_registered;

typedef struct weir_registry_ops {
    /* May wait for an answer, within a bound. Errors: REGISTRY_NO_SCHEMA, REGISTRY_UNREACHABLE,
     * REGISTRY_REFUSED, REGISTRY_ANSWER, OUT_OF_MEMORY. Thread: any, several at once. */
    weir_status (*fetch)(void *self, const weir_schema_ref *ref, weir_arena *arena,
        weir_registered *out, weir_error *err);
    /* The latest schema of a subject; the same errors. */
    weir_status (*latest)(
        void *self, weir_view subject, weir_arena *arena, weir_registered *out, weir_error *err);
    void (*close)(void *self);
} weir_registry_ops;

typedef struct weir_registry {
    const weir_registry_ops *ops;
    void *self;
} weir_registry;

typedef struct weir_known_avro {
    weir_registered_kind kind;
    weir_any_schema own;
    const weir_value
        *connect;     /* Avro's in Connect's form (schema/avro_connect.h); NULL: too large */
    weir_error error; /* status not 0: it is no schema; of JSON Schema this is for those
                       * alone who want to validate: the bytes are JSON all the same */
    weir_arena arena;
} weir_known_avro;

typedef struct weir_avro_schemas weir_avro_schemas;

/* Takes the registry over, also on failure; ops NULL: an empty one, whose ids all are unknown. */
WEIR_MUST_USE weir_status weir_avro_schemas_new(
    weir_registry registry, weir_avro_schemas **out, weir_error *err);
void weir_avro_schemas_free(weir_avro_schemas *s);

/* Errors: the registry's; an Avro schema's own (AVRO_SCHEMA, JSON_*, TOO_LARGE), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_avro_schemas_get(
    weir_avro_schemas *s, const weir_schema_ref *ref, const weir_known_avro **out, weir_error *err);
/* Asks for the latest schema of a subject, which is the caller's to free. *ref, if it is not NULL:
 * by what records name it; WEIR_REF_NONE: the registry does not say. Errors: as above, and those of
 * weir_schema_compile. */
WEIR_MUST_USE weir_status weir_avro_schemas_latest(weir_avro_schemas *s, const char *subject,
    weir_any_schema *out, weir_schema_ref *ref, weir_error *err);

#endif
