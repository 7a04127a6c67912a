/* Avro schemas: the model, as the specification of Avro 1.12 has it.
 *
 * Parsing is strict: names and symbols are checked, so are duplicates, unions in unions, defaults
 * against their types, and everything is bounded. What the model has no field for (connect.name,
 * connect.parameters, doc, …) is kept: each type and field knows its JSON.
 *
 * Thread: a schema is immutable once parsed; any thread may read. */
#ifndef WEIR_SCHEMA_AVRO_SCHEMA_H
#define WEIR_SCHEMA_AVRO_SCHEMA_H

#include "base/arena.h"
#include "base/err.h"
#include "value/value.h"

typedef enum weir_avro_kind {
    WEIR_AVRO_NULL,
    WEIR_AVRO_BOOLEAN,
    WEIR_AVRO_INT,
    WEIR_AVRO_LONG,
    WEIR_AVRO_FLOAT,
    WEIR_AVRO_DOUBLE,
    WEIR_AVRO_BYTES,
    WEIR_AVRO_STRING, /* the last of the primitive ones */
    WEIR_AVRO_RECORD,
    WEIR_AVRO_ENUM,
    WEIR_AVRO_ARRAY,
    WEIR_AVRO_MAP,
    WEIR_AVRO_FIXED,
    WEIR_AVRO_UNION,
} weir_avro_kind;

/* One that its type cannot have is no logical type (WEIR_AVRO_PLAIN), as the specification wants.
 */
typedef enum weir_avro_logical {
    WEIR_AVRO_PLAIN,
    WEIR_AVRO_DECIMAL,
    WEIR_AVRO_UUID,
    WEIR_AVRO_DATE,
    WEIR_AVRO_TIME_MILLIS,
    WEIR_AVRO_TIME_MICROS,
    WEIR_AVRO_TIMESTAMP_MILLIS,
    WEIR_AVRO_TIMESTAMP_MICROS,
    WEIR_AVRO_TIMESTAMP_NANOS,
    WEIR_AVRO_LOCAL_TIMESTAMP_MILLIS,
    WEIR_AVRO_LOCAL_TIMESTAMP_MICROS,
    WEIR_AVRO_LOCAL_TIMESTAMP_NANOS,
    WEIR_AVRO_DURATION,
} weir_avro_logical;

typedef struct weir_avro_type weir_avro_type;

typedef struct weir_avro_names {
    const weir_view *of;
    uint32_t count;
} weir_avro_names;

typedef struct weir_avro_field {
    weir_view name;
    weir_avro_names aliases;
    const weir_avro_type *type;
    const weir_value *fallback; /* its default; NULL: none */
    const weir_value *json;
    weir_value key; /* the name as a node of a value tree */
} weir_avro_field;

struct weir_avro_type {
    weir_avro_kind kind;
    weir_avro_logical logical;
    uint32_t id;             /* 0, 1, … within the schema */
    uint32_t count;          /* of fields, symbols or branches */
    uint32_t height;         /* of types in types below it, itself included; at most 1000 */
    uint32_t fewest_bytes;   /* that a value takes; 0: it may take none */
    uint32_t size;           /* of a fixed */
    int32_t precision;       /* of a decimal … */
    int32_t scale;           /* … */
    int32_t fallback_symbol; /* of an enum: its default's index; -1: none */
    weir_view name;          /* records, enums, fixed: the full name */
    weir_avro_names aliases; /* full names */
    union {
        const weir_avro_field *fields;
        const weir_view *symbols;
        const weir_avro_type *const *branches;
        const weir_avro_type *item; /* of arrays; of maps: the values' */
    };
    const weir_value *json; /* an object, an array or a name */
};

typedef struct weir_avro_schema weir_avro_schema;

/* Parses the last of the texts; those before it only define names that it may refer to (a
 * registry's references, in an order in which each knows the names it needs). The texts are copied.
 * Errors: JSON_*, AVRO_SCHEMA, TOO_LARGE, OUT_OF_MEMORY; where: "line:column". */
WEIR_MUST_USE weir_status weir_avro_schema_parse(
    const weir_view *texts, size_t count, weir_avro_schema **out, weir_error *err);
void weir_avro_schema_free(weir_avro_schema *s);

const weir_avro_type *weir_avro_root(const weir_avro_schema *s);
/* The JSON text that it was parsed from. */
weir_view weir_avro_text(const weir_avro_schema *s);
/* How many types it has: ids are below. */
uint32_t weir_avro_types(const weir_avro_schema *s);
/* The memory that it takes. */
size_t weir_avro_bytes(const weir_avro_schema *s);

/* "record", "int", …. */
const char *weir_avro_kind_name(weir_avro_kind kind);
/* Of a named type its name, else its kind's. */
weir_view weir_avro_type_name(const weir_avro_type *t);
/* What follows the last dot. */
weir_view weir_avro_short_name(weir_view full);
static inline bool weir_avro_is_named(const weir_avro_type *t)
{
    return t->kind == WEIR_AVRO_RECORD || t->kind == WEIR_AVRO_ENUM || t->kind == WEIR_AVRO_FIXED;
}

/* NULL or -1: there is none. */
const weir_avro_field *weir_avro_field_named(const weir_avro_type *record, weir_view name);
int32_t weir_avro_symbol_of(const weir_avro_type *enumeration, weir_view symbol);

/* Is this JSON value a value of the type, in the form that defaults have (bytes as characters up to
 * U+00FF; a union's value without its branch's name, of any branch)? Scratch is for escaped text. A
 * value that takes a million steps to decide, as unions in unions of records may, is taken for
 * none. */
bool weir_avro_fits(const weir_avro_type *t, const weir_value *v, weir_arena *scratch);

/* The parsing canonical form. Appended. */
void weir_avro_canonical_put(weir_buf *to, const weir_avro_schema *s);

/* Fingerprints of the canonical form. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_avro_fingerprint(
    const weir_avro_schema *s, uint64_t *crc64, weir_error *err);
WEIR_MUST_USE weir_status weir_avro_fingerprint_md5(
    const weir_avro_schema *s, unsigned char out[16], weir_error *err);

#endif
