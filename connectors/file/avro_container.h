/* The values of an object container file of Avro's, whose bytes are in memory.
 *
 * Everything is bounded: a block's unpacked bytes (avro_codec.h), values (schema/avro_read.h), and
 * how many values of a block may take no bytes at all. A value that cannot be read is told with its
 * number; what stands behind it in its block cannot be found any more, and the next value is the
 * next block's first. Thread: one owner at a time. */
#ifndef WEIR_FILE_AVRO_CONTAINER_H
#define WEIR_FILE_AVRO_CONTAINER_H

#include "schema/avro_file.h"

typedef struct weir_avro_container {
    weir_avro_schema *schema; /* the writer's; owned */
    uint64_t number;          /* of the value that came last, from 1 */
    weir_avro_file file;      /* private, as what follows */
    weir_arena words;
    weir_buf block;
    size_t at;
    int64_t left;   /* values of the block */
    uint64_t empty; /* values of the file that took no bytes */
} weir_avro_container;

/* Borrows the bytes. To be closed in any case. Errors: AVRO_DATA (no such file, or a codec that is
 * not known), AVRO_SCHEMA and JSON_* (its schema is none), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_avro_container_open(
    weir_avro_container *c, weir_view bytes, weir_error *err);
void weir_avro_container_close(weir_avro_container *c);

/* The next value: its bytes, borrowed until the next call, and what they say, in the arena. *more
 * false: there is none. Errors of the value (*more true: the next call goes on behind it):
 * weir_avro_read's. Of the file (*more false: nothing more can be read): AVRO_DATA, AVRO_LIMIT,
 * OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_avro_container_next(weir_avro_container *c, weir_arena *arena,
    weir_view *bytes, const weir_value **value, bool *more, weir_error *err);

#endif
