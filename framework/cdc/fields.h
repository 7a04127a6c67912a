/* The fields that make a change, wherever a record keeps them: an envelope and its source block,
 * the attributes of a CloudEvent, or what ExtractNewRecordState added to a flattened row and its
 * headers. Thread: plain functions. */
#ifndef WEIR_CDC_FIELDS_H
#define WEIR_CDC_FIELDS_H

#include "base/arena.h"
#include "base/err.h"
#include "cdc/decoder.h"
#include "value/value.h"

typedef enum weir_field {
    WEIR_FIELD_OP,
    WEIR_FIELD_BEFORE,
    WEIR_FIELD_AFTER,
    WEIR_FIELD_SOURCE,
    WEIR_FIELD_MESSAGE,
    WEIR_FIELD_SPECVERSION, /* of a CloudEvent */
    WEIR_FIELD_TYPE,
    WEIR_FIELD_DATA,
    WEIR_FIELD_CONTENT_TYPE,
    WEIR_FIELD_DELETED, /* of a flattened row: "true" or "false" */
    /* where the change comes from */
    WEIR_FIELD_DB,
    WEIR_FIELD_SCHEMA,
    WEIR_FIELD_TABLE,
    WEIR_FIELD_SNAPSHOT,
    WEIR_FIELD_SEQUENCE,
    WEIR_FIELD_LSN,
    WEIR_FIELD_TX,
    WEIR_FIELD_TS_MS, /* the source's clock */
    WEIR_FIELD_COUNT
} weir_field;

typedef struct weir_fields {
    const weir_value *of[WEIR_FIELD_COUNT]; /* NULL: not there */
} weir_fields;

/* Each adds what it finds; a field that is there already stays. What is no object has no fields. */

/* The members of an envelope, of its source block, and what tells a CloudEvent. */
void weir_fields_of_envelope(const weir_value *payload, weir_fields *to);
/* A CloudEvent's attributes. */
void weir_fields_of_cloudevent(const weir_value *event, weir_fields *to);
/* A flattened row's added fields; their names begin with the prefix. */
void weir_fields_of_row(const weir_value *row, weir_view prefix, weir_fields *to);
/* The same from headers, whose values are text or JSON. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_fields_of_headers(const weir_header_list *headers, weir_view prefix,
    weir_arena *arena, weir_fields *to, weir_error *err);

/* Is this member of a flattened row an added field, not a column? */
bool weir_is_added(weir_view name, weir_view prefix);

/* There, and not null. */
static inline bool weir_said(const weir_fields *f, weir_field field)
{
    return f->of[field] && f->of[field]->type != WEIR_NULL;
}

/* An integer, or a string of one (CloudEvents and headers have no other). Digits before a colon
 * count: a transaction's id is "txId:lsn". False: not said, or none. */
bool weir_field_int64(const weir_fields *f, weir_field field, int64_t *out);

/* Is the text at fault that could not be read, and not the memory for it? */
static inline bool weir_unreadable(weir_status s, const weir_arena *arena)
{
    return s == WEIR_REJECT && !arena->failed;
}

/* How many bytes of a text an error shows: whole characters. For "%.*s". */
static inline int weir_shown(weir_view text)
{
    size_t len = text.len < 60 ? text.len : 60;
    while (len < text.len && len > 0 && ((unsigned char)text.ptr[len] & 0xC0) == 0x80) {
        len--;
    }
    return (int)len;
}

static inline bool weir_begins(weir_view text, weir_view with)
{
    return text.len >= with.len && memcmp(text.ptr, with.ptr, with.len) == 0;
}

#endif
