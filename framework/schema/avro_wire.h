/* How a record says by which schema its bytes are written. Thread: plain functions.
 *
 *   00 and 4 bytes     Confluent's frame: an id of the registry
 *   01 and 16 bytes    its newer form: a GUID
 *   C3 01 and 8 bytes  Avro's single-object encoding: the fingerprint, little-endian
 *   headers            __key_schema_id, __value_schema_id: one of the first two, the body bare;
 *                      apicurio.value.globalId, .contentId (and of key): 8 or 4 bytes
 *
 * No JSON text begins like one of the frames. */
#ifndef WEIR_SCHEMA_AVRO_WIRE_H
#define WEIR_SCHEMA_AVRO_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <weir/view.h>

typedef enum weir_schema_ref_kind {
    WEIR_REF_NONE,
    WEIR_REF_ID,
    WEIR_REF_GUID,
    WEIR_REF_FINGERPRINT, /* CRC-64-AVRO */
    WEIR_REF_GLOBAL_ID,   /* Apicurio's */
    WEIR_REF_CONTENT_ID,
} weir_schema_ref_kind;

typedef struct weir_schema_ref {
    weir_schema_ref_kind kind;
    uint64_t number;
    unsigned char guid[16];
} weir_schema_ref;

/* The frame at the start of the bytes; returns its length, 0: there is none. */
size_t weir_wire_frame(weir_view bytes, weir_schema_ref *out);
/* Does this header name a schema of the key, or of the value? */
bool weir_wire_header(weir_view name, weir_view value, bool of_key, weir_schema_ref *out);

/* "7", "0f2e…-…" (a GUID), "c15d213aa4d7a795" (a fingerprint): also the name of its file in a
 * directory of schemas. Returns its length, below WEIR_REF_TEXT. */
enum { WEIR_REF_TEXT = 40 };
size_t weir_schema_ref_text(const weir_schema_ref *ref, char out[WEIR_REF_TEXT]);
/* Its bytes as a key of maps. */
enum { WEIR_REF_KEY = 17 };
void weir_schema_ref_key(const weir_schema_ref *ref, char out[WEIR_REF_KEY]);

/* Puts a frame before bytes that are then written: 5, 17 or 10 bytes. 0: the kind has no frame. */
size_t weir_wire_put_frame(const weir_schema_ref *ref, char out[17]);

#endif
