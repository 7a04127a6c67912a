/* The outbox: events as rows of a database, written in the transaction of the record that they come
 * of, and sent by the relay (service/relay.h). A row has everything of the Kafka record: topic,
 * key, value, and headers as JSON, [["id","o1/1"],["h",{"base64":"AAE="}],["none",null]]. Thread:
 * plain functions. */
#ifndef WEIR_SERVICE_OUTBOX_H
#define WEIR_SERVICE_OUTBOX_H

#include "base/arena.h"
#include "base/buf.h"
#include "service/emitter.h"
#include "service/tx.h"

/* Appends an emit's headers. */
void weir_outbox_put_headers(weir_buf *to, const weir_outgoing *o);

/* A row as it is read: its columns in this order. */
#define WEIR_OUTBOX_COLUMNS "seq, topic, key, value, headers, at_ms"
enum { WEIR_OUTBOX_CELLS = 6 };

typedef struct weir_outbox_row {
    int64_t seq, at_ms;
    weir_outgoing out; /* everything in the arena */
} weir_outbox_row;

/* Errors: STORE_BROKEN (somebody else has written the row), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_outbox_read(
    const weir_field *cells, size_t n, weir_arena *arena, weir_outbox_row *out, weir_error *err);

#endif
