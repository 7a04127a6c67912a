/* Which schema of a registry a record's key or value names: by a header, else by its first bytes.
 * Thread: plain functions. */
#ifndef WEIR_CDC_NAMED_SCHEMA_H
#define WEIR_CDC_NAMED_SCHEMA_H

#include "cdc/decoder.h"

/* *frame: how many bytes stand before the body. A header tells before a frame does: the body behind
 * it is bare and may begin like a frame. False: none is named. */
bool weir_named_schema(const weir_header_list *headers, weir_view bytes, bool of_key,
    weir_schema_ref *ref, size_t *frame);

#endif
