/* A value as Avro's bytes, for events that are emitted and for schema resolution.
 * Thread: plain functions; a resolver has one owner at a time. */
#ifndef WEIR_SCHEMA_AVRO_WRITE_H
#define WEIR_SCHEMA_AVRO_WRITE_H

#include "base/buf.h"
#include "schema/avro_resolve.h"

/* Appends the value by the schema. It may be from JSON (bytes are then characters up to U+00FF, as
 * in defaults) or from Avro. A field that is not there has its default; a member that is no field
 * is refused. Of a union the first branch that fits is taken, one of the value's own kind first.
 * Errors: AVRO_VALUE (where: a JSON pointer), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_avro_write(
    const weir_avro_type *t, const weir_value *v, weir_buf *to, weir_error *err);

/* Reads what one schema wrote as a value of another, by the specification's schema resolution:
 * defaults, aliases, promotions, enums by name and by their default. */
typedef struct weir_avro_resolver weir_avro_resolver;

/* Borrows both schemas. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_avro_resolver_new(const weir_avro_type *reader,
    const weir_avro_type *writer, weir_avro_resolver **out, weir_error *err);
void weir_avro_resolver_free(weir_avro_resolver *r);
/* Errors: weir_avro_read's, AVRO_RESOLUTION (where: a JSON pointer), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_avro_resolver_read(weir_avro_resolver *r, weir_view bytes,
    weir_arena *arena, const weir_value **out, weir_error *err);

#endif
