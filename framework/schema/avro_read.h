/* Avro's binary encoding into the value tree: one pass, bounded in time, memory and depth whatever
 * the bytes are.
 *
 * What it makes: integers and floats are their decimal text (the shortest that reads back as the
 * same float or double; NaN, Infinity and -Infinity are strings), bytes and fixed are WEIR_BYTES,
 * enums their symbol, records and maps objects. A union's value is that of its branch, without the
 * branch's name. Strings borrow the bytes and have no quotes around them (value.h), names borrow
 * the schema. A value's `hash` says which branch of its union it was.
 *
 * Thread: plain functions. */
#ifndef WEIR_SCHEMA_AVRO_READ_H
#define WEIR_SCHEMA_AVRO_READ_H

#include "schema/avro_schema.h"

enum {
    WEIR_AVRO_DEPTH = 256,         /* of values in values */
    WEIR_AVRO_EMPTY_ITEMS = 65536, /* items that take no bytes, in all of a value */
};

/* Reads one value. `used` NULL: it must fill the bytes; else it says how many it took. The tree
 * lives as long as the bytes, the schema and the arena. Errors: AVRO_DATA, AVRO_LIMIT (err->where:
 * "byte N"), TOO_LARGE (2 GiB or more), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_avro_read(const weir_avro_type *t, weir_view bytes,
    weir_arena *arena, const weir_value **out, size_t *used, weir_error *err);

enum { WEIR_AVRO_DIGITS = 32 };
/* The shortest decimal text that reads as the same double, or float; returns its length. x is
 * finite. */
size_t weir_avro_put_float(char out[WEIR_AVRO_DIGITS], double x, bool single);

#endif
