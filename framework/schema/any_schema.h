/* A schema of either kind, JSON Schema or Avro. Thread: immutable once compiled. */
#ifndef WEIR_SCHEMA_ANY_SCHEMA_H
#define WEIR_SCHEMA_ANY_SCHEMA_H

#include <weir/schema.h>

#include "schema/avro_schema.h"

/* At most one of them is there. */
typedef struct weir_any_schema {
    weir_schema *json;
    weir_avro_schema *avro;
} weir_any_schema;

/* What a JSON text shows to be an Avro schema: a name, a list, or a `type` that is Avro's alone. */
bool weir_is_avro_schema(const weir_value *json);

/* Compiles a text that is of one kind or the other. options: of JSON Schema, or NULL. Errors: those
 * of weir_schema_compile and weir_avro_schema_parse. */
WEIR_MUST_USE weir_status weir_any_schema_compile(weir_view text, bool is_avro,
    const weir_schema_options *options, weir_any_schema *out, weir_error *err);
void weir_any_schema_free(weir_any_schema *s);

#endif
