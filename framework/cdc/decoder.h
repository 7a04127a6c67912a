/* The decoder: from a Kafka record of a Debezium topic to what it says.
 *
 * It reads JSON with and without the schema block, plain and unwrapped (ExtractNewRecordState), outbox
 * events, CloudEvents, and recognises what is no row: heartbeats, transaction metadata, schema changes,
 * logical messages, notifications. Two memos make it fast: the schema block of a topic is not parsed
 * again while its bytes equal the last one, and its columns are compiled once.
 *
 * Thread: a decoder has one owner at a time (one per lane); what it returns lives in the unit's arena
 * and borrows the record's bytes. */
#ifndef WEIR_CDC_DECODER_H
#define WEIR_CDC_DECODER_H

#include "base/arena.h"
#include "base/err.h"
#include "cdc/change.h"
#include "cdc/column.h"
#include "value/value.h"

/* How a source's topics are to be read; borrowed, outlives the decoder. From `sources:` of the config. */
typedef enum weir_source_format {
    WEIR_FORMAT_AUTO, /* told by the bytes: JSON, JSON with schema, CloudEvents; Avro is refused */
    WEIR_FORMAT_JSON,
    WEIR_FORMAT_CLOUDEVENTS,
} weir_source_format;

typedef struct weir_typed_column {
    weir_view name, type; /* PostgreSQL's name of the type */
} weir_typed_column;

/* What is known of a table beforehand. */
typedef struct weir_table_types {
    weir_view table; /* "schema.table" */
    const weir_typed_column *columns;
    size_t n_columns;
} weir_table_types;

typedef struct weir_source_rules {
    weir_view topic_prefix;
    weir_view heartbeat_topic; /* empty: __debezium-heartbeat.<prefix> */
    weir_view placeholder;     /* empty: __debezium_unavailable_value */
    weir_source_format format;
    bool positions; /* connector: postgresql; false: `none`, Kafka's offsets are the order */
    bool unwrapped; /* flattened rows */
    weir_view added_prefix; /* of the fields and headers that the transform adds; empty: "__" */
    const weir_column_modes *modes; /* NULL: Debezium's defaults */
    const weir_table_types *types;
    size_t n_types;
} weir_source_rules;

typedef enum weir_event_kind {
    WEIR_EVENT_CHANGE, /* a row change, a truncate or a tombstone */
    WEIR_EVENT_HEARTBEAT,
    WEIR_EVENT_TRANSACTION,
    WEIR_EVENT_SCHEMA_CHANGE,
    WEIR_EVENT_MESSAGE, /* a logical decoding message, op m */
    WEIR_EVENT_NOTIFICATION,
    WEIR_EVENT_OUTBOX, /* an event of the outbox router, told by its topic or header id */
    WEIR_EVENT_OTHER,  /* JSON, but nothing of Debezium's */
} weir_event_kind;

/* A record as the decoder takes it; views borrow from the Kafka message. */
typedef struct weir_header_list {
    /* The i-th header; false past the end. value.ptr NULL for a null value. */
    bool (*at)(const void *self, size_t i, weir_view *name, weir_view *value);
    const void *self;
} weir_header_list;

typedef struct weir_raw_record {
    weir_view topic, key, value; /* ptr NULL: null */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;
    weir_header_list headers; /* at NULL: none */
} weir_raw_record;

/* A table's columns as a record's schema or the config gives them. Compiled once, kept by the decoder. */
typedef struct weir_row_plan {
    const weir_column *columns; /* in table order */
    size_t n_columns;
    bool typed; /* false: nothing is known, values are passed through as they are */
} weir_row_plan;

typedef struct weir_event {
    weir_event_kind kind;
    weir_change change; /* of a change: all but `row`, `missing` and `before`, which weir_decoder_row gives */
    weir_view table;    /* "schema.table", "" if unknown (a tombstone: told by the topic) */
    weir_view db;
    weir_view message_prefix; /* of a message */
    const weir_value *payload; /* the envelope, row or event; NULL for a null value */
    const weir_value *key;     /* the key's payload; NULL for a null key */
    const weir_value *after, *before; /* objects, or NULL */
    const weir_row_plan *plan; /* how `after` and `before` are rendered */
} weir_event;

typedef struct weir_decoder weir_decoder;

WEIR_MUST_USE weir_status weir_decoder_new(
    const weir_source_rules *rules, weir_decoder **out, weir_error *err);
void weir_decoder_free(weir_decoder *d);

/* Decodes one record. Errors: JSON_*, CDC_*, OUT_OF_MEMORY; err->where is a JSON pointer or line:column
 * (the caller adds topic, partition and offset). On an error, event->change.key is still set where the
 * key could be read: a quarantine needs it. */
WEIR_MUST_USE weir_status weir_decoder_read(weir_decoder *d, const weir_raw_record *record,
    weir_arena *arena, weir_event *event, weir_error *err);

/* Which columns of a row are kept, and how they are called; NULL: all. Borrowed. */
typedef struct weir_projection {
    const weir_view *keep; /* or NULL */
    size_t n_keep;
    const weir_view *drop; /* or NULL */
    size_t n_drop;
    const weir_view (*rename)[2]; /* from, to */
    size_t n_rename;
} weir_projection;

/* Renders the change's row in the row contract, columns in table order, placeholders as null and named
 * in `missing`. Fills c->row and c->missing (a copy of event->change is the usual start), and for a d
 * with a full `before` c->before. Text lives in the arena. `deep_before`: render `before` too.
 * Errors: CDC_BAD_VALUE, CDC_UNKNOWN_TYPE, CDC_NO_ROW, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_decoder_row(weir_decoder *d, const weir_event *event,
    const weir_projection *projection, bool deep_before, weir_arena *arena, weir_change *c,
    weir_error *err);

/* The canonical form of a key: compact JSON, an object's members sorted by name. Appended.
 * A key that is no object (a bare 10 or "x") stays as it is. */
void weir_key_put(weir_buf *to, const weir_value *key);

#endif
