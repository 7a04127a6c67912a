/* What the files of the Avro model share, and nobody else. */
#ifndef WEIR_SCHEMA_AVRO_PARSE_H
#define WEIR_SCHEMA_AVRO_PARSE_H

#include "schema/avro_schema.h"

struct weir_avro_schema {
    weir_arena arena;
    weir_view text;
    const weir_avro_type *root;
    uint32_t types;
};

/* Sets the logical type from the JSON, where the type can have it. */
void weir_avro_read_logical(weir_avro_type *t);

#endif
