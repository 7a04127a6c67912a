/* A key's or a value's JSON without the schema block around it, or its Avro without the frame.
 * Thread: plain functions. */
#ifndef WEIR_CDC_DOCUMENT_H
#define WEIR_CDC_DOCUMENT_H

#include "cdc/schema_memo.h"

typedef struct weir_document {
    const weir_value *payload; /* what the record says; a JSON null is a node too */
    const weir_value *schema;  /* of the block around it; NULL: none, or it is known */
    weir_known_schema *known;  /* the block's, when its bytes were met before */
    const weir_value
        *connect;     /* of Avro: its schema in Connect's form, known or not; may be NULL */
    weir_view prefix; /* with schema: the bytes before the payload; "" if they cannot serve */
} weir_document;

/* May the text be a block? Only then is it worth looking for known schemas. */
bool weir_document_may_be_block(weir_view text);

/* `known` (NULL: nothing is) are the schemas met on this topic. Errors: the JSON reader's. */
WEIR_MUST_USE weir_status weir_document_read(weir_known_schemas *known, weir_view text,
    weir_arena *arena, weir_document *out, weir_error *err);

/* Takes the block off a value that was read already, if there is one: {"schema":…,"payload":…}. */
void weir_document_unwrap(const weir_value *value, weir_document *out);

#endif
