/* The decoder: from a Kafka record of a Debezium topic to what it says.
 *
 * It reads JSON with and without the schema block, and Avro by a registry's schemas, plain and
 * unwrapped (ExtractNewRecordState), outbox events, CloudEvents, and recognises what is no row:
 * heartbeats, transaction metadata, schema changes, logical messages, notifications. A memo makes
 * it fast: the schema block of a topic is not parsed again while its bytes equal one of the last
 * few, and its columns are compiled once.
 *
 * The order. With `positions` a change stands where the source says (cdc/position.h). Without,
 * Kafka's offset is the order, which holds for one key within one partition: every change is a
 * streamed one at offset + 1, a snapshot row is an upsert, the halves of a primary-key move are a
 * delete and an insert. A truncate then compares with its own partition only, so where a topic has
 * more than one the caller must not apply it.
 *
 * Deletes of an unwrapped stream, by delete.tombstone.handling.mode: rewrite and
 * rewrite-with-tombstone send the row with `__deleted`; tombstone and delete-to-tombstone send a
 * null (or the four bytes `null`), whose position is in the headers if add.headers has
 * source.sequence,source.txId; drop sends nothing, and no consumer can know. A null with a
 * position, or of a source without positions, is a `d`; any other null is a tombstone with
 * `unwrapped` set.
 *
 * Keys stay as they are, the field of the topic router (__dbz__physicalTableIdentifier) included:
 * it is what keeps rows of several tables apart in one topic.
 *
 * Thread: a decoder has one owner at a time (one per lane); what it returns lives in the unit's
 * arena and borrows the record's bytes. */
#ifndef WEIR_CDC_DECODER_H
#define WEIR_CDC_DECODER_H

#include "base/arena.h"
#include "base/err.h"
#include "cdc/change.h"
#include "cdc/column.h"
#include "schema/avro_schemas.h"
#include "value/value.h"

/* How a source's topics are to be read; borrowed, outlives the decoder. From `sources:` of the
 * config. */
typedef enum weir_source_format {
    WEIR_FORMAT_AUTO, /* told by the bytes and headers: JSON, JSON with schema, CloudEvents, Avro */
    WEIR_FORMAT_JSON,
    WEIR_FORMAT_AVRO, /* or what else names a schema of the registry */
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
    weir_avro_schemas *schemas; /* borrowed; NULL: no registry is known */
    bool positions; /* connector: postgresql; false: `none`, Kafka's offsets are the order */
    bool unwrapped; /* flattened rows */
    bool keyless;   /* rows without a key are taken where they are inserted or read: change.key.ptr
                     * is NULL then */
    weir_view added_prefix;         /* of the fields that the transform adds, and of no column;
                                     * empty: "__" */
    weir_view header_prefix;        /* of the headers that it adds; ptr NULL: as the fields' */
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

/* A table's columns as a record's schema or the config gives them. Compiled once, kept by the
 * decoder. A member of a row that is no column of the plan is passed through as it is. */
typedef struct weir_row_plan {
    const weir_column *columns;
    size_t n_columns;
    bool typed;            /* false: nothing is known */
    const uint32_t *index; /* private: by hash of the name */
    size_t index_mask;
} weir_row_plan;

typedef struct weir_event {
    weir_event_kind kind;
    weir_change change; /* all but `row`, `missing` and `before`, which weir_decoder_row gives */
    /* "schema.table", "db.table" of a source without schemas; "" if the record does not say (a
     * tombstone, most unwrapped rows): told by the topic. */
    weir_view table;
    weir_view db;
    weir_view message_prefix;         /* of a message */
    const weir_value *payload;        /* the envelope, row or event; NULL for a null value */
    const weir_value *key;            /* the key's payload; NULL for a null key */
    const weir_value *after, *before; /* objects, or NULL; unwrapped: with the added fields */
    const weir_row_plan *plan; /* how `after` and `before` are rendered; until the next read */
    uint64_t reading;          /* private: which read of the decoder made it */
} weir_event;

typedef struct weir_decoder weir_decoder;

WEIR_MUST_USE weir_status weir_decoder_new(
    const weir_source_rules *rules, weir_decoder **out, weir_error *err);
void weir_decoder_free(weir_decoder *d);

/* Decodes one record. The event's plan, and so weir_decoder_row, is good until the next read.
 * Errors: JSON_*, AVRO_*, REGISTRY_*, CDC_*, TOO_LARGE, OUT_OF_MEMORY; err->where is a JSON pointer
 * into the payload
 * ("/source/sequence"), or part, line and column of a text that is no JSON ("value 1:120"; of Avro
 * "value byte 12", behind the frame); the
 * caller adds topic, partition and offset. On an error, event->change.key is still set where the
 * key could be read: a quarantine needs it. What the topic's name tells to be no row (a heartbeat,
 * a message) is no error whatever it contains; its payload is then NULL. */
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

/* Renders the change's row in the row contract, columns in the record's order (which is the
 * table's), placeholders as null and named in `missing`. Fills c->row and c->missing (a copy of
 * event->change is the usual start), and c->before of a d when `deep_before` asks for it and
 * `before` has all the columns. Text lives in the arena. `deep_before`: the table has REPLICA
 * IDENTITY FULL; without it `before` is the key plus fillers that look like values, and a record
 * does not tell which it is. In a snapshot's row (with positions) nothing is a placeholder: it was
 * selected, not logged. Errors: CDC_BAD_VALUE, CDC_NO_ROW (where: a JSON pointer), INTERNAL (an
 * event of an earlier read), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_decoder_row(weir_decoder *d, const weir_event *event,
    const weir_projection *projection, bool deep_before, weir_arena *arena, weir_change *c,
    weir_error *err);

/* The canonical form of a key: compact JSON, members of objects sorted by name. Appended.
 * A key that is no object (a bare 10 or "x") stays as it is. */
void weir_key_put(weir_buf *to, const weir_value *key);

#endif
