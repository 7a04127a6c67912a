/* Avro's object container files: the header and the blocks of a file that is in memory. What a
 * codec does to a block is the caller's. Thread: one owner at a time. */
#ifndef WEIR_SCHEMA_AVRO_FILE_H
#define WEIR_SCHEMA_AVRO_FILE_H

#include "schema/avro_schema.h"

typedef struct weir_avro_file {
    weir_view schema; /* its JSON; borrows the bytes */
    weir_view codec;  /* "null", "deflate", … */
    weir_view rest;   /* private: the blocks that are left */
    const char *sync; /* private */
    const char *start;
} weir_avro_file;

typedef struct weir_avro_block {
    int64_t count;   /* of values */
    weir_view bytes; /* as the codec has made them */
} weir_avro_block;

/* "Obj" and 1 at the start? */
bool weir_avro_is_file(weir_view bytes);
/* Reads the header. Errors: AVRO_DATA (where: "byte N"), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_avro_file_open(
    weir_view bytes, weir_arena *arena, weir_avro_file *out, weir_error *err);
/* The next block; *more false: there is none. Errors: AVRO_DATA. */
WEIR_MUST_USE weir_status weir_avro_file_next(
    weir_avro_file *f, weir_avro_block *out, bool *more, weir_error *err);

#endif
