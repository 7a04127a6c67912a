/* Headers of what is written. Private to connectors/kafka. Thread: any. */
#ifndef WEIR_KAFKA_HEADERS_H
#define WEIR_KAFKA_HEADERS_H

#include <librdkafka/rdkafka.h>

#include "service/emitter.h"

/* The caller's, until a record is produced with them; NULL: it has none. */
static inline rd_kafka_headers_t *weir_kafka_headers(const weir_outgoing *o)
{
    rd_kafka_headers_t *h = o->n_headers ? rd_kafka_headers_new(o->n_headers) : NULL;
    for (size_t i = 0; i < o->n_headers; i++) {
        const weir_outgoing_header *from = &o->headers[i];
        rd_kafka_header_add(
            h, from->name.ptr, (ssize_t)from->name.len, from->value.ptr, (ssize_t)from->value.len);
    }
    return h;
}

#endif
