/* A record at work: what the files of the decoder share, and nobody else.
 *
 * decoder.c takes the record apart into key, value and what it is; change.c makes the change of it;
 * render_row.c writes its row. */
#ifndef WEIR_CDC_DECODING_H
#define WEIR_CDC_DECODING_H

#include "base/buf.h"
#include "cdc/document.h"
#include "cdc/fields.h"

/* A table's types of the config, compiled. */
typedef struct weir_table_plan {
    const weir_table_types *types;
    weir_row_plan plan;
} weir_table_plan;

/* Schemas that were named lately: a decoder asks its registry, and so others' lock, once. */
enum { WEIR_RECENT_SCHEMAS = 16 };
typedef struct weir_recent_schema {
    char key[WEIR_REF_KEY];
    const weir_known_avro *known; /* NULL: a free place */
} weir_recent_schema;

struct weir_decoder {
    const weir_source_rules *rules;
    weir_view placeholder, added_prefix, header_prefix; /* the rules' or the defaults */
    weir_column unknown_column; /* whatever is no column of a plan: passed through as it is */
    weir_schema_memo memo;
    weir_map tables; /* weir_table_plan, by "schema.table"; in `arena` */
    weir_arena arena;
    weir_buf row, missing, key; /* scratch */
    weir_buf topic;             /* of the last record … */
    weir_event_kind topic_kind; /* … and what it says */
    uint64_t reading;
    weir_recent_schema recent[WEIR_RECENT_SCHEMAS];
};

typedef struct weir_decoding {
    weir_decoder *d;
    const weir_raw_record *record;
    weir_arena *arena;
    weir_event *event;
    weir_document value; /* after a CloudEvent was opened: its data */
    weir_fields fields;
    weir_error *err;
} weir_decoding;

/* The key's canonical form, in the arena; ptr NULL: out of memory. */
weir_view weir_decoding_key(weir_decoding *at, const weir_value *key);
/* Reads Avro that says by which schema it is written. False: it does not say. *s: how it went. */
bool weir_decoding_avro(weir_decoding *at, weir_view text, bool of_key, weir_document *out,
    weir_error *err, weir_status *s);
/* The same of data in an event, which only a frame before it can tell. */
WEIR_MUST_USE weir_status weir_decoding_framed(
    weir_decoding *at, weir_view text, weir_document *out, weir_error *err);
/* Empties a scratch buffer; one that a huge record has blown up is given back. */
void weir_decoding_trim(weir_buf *scratch);

/* The fields are those of an envelope, or of a CloudEvent that stands for one: fills the event. */
WEIR_MUST_USE weir_status weir_change_of_envelope(weir_decoding *at);
/* A flattened row (value.payload), with its added fields. */
WEIR_MUST_USE weir_status weir_change_of_row(weir_decoding *at);
/* A null value. */
WEIR_MUST_USE weir_status weir_change_of_null(weir_decoding *at);
/* db, table and, where it has one, the position of what is no row. Never an error but
 * OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_origin_of_message(weir_decoding *at);

#endif
