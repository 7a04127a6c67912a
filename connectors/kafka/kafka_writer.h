/* Plain writing of records to Kafka as they are: partition, key, value, headers and timestamp. For
 * replays. The order within a partition is kept, and each record is written once, as long as the
 * writer lives.
 *
 * Thread: one owner. */
#ifndef WEIR_KAFKA_WRITER_H
#define WEIR_KAFKA_WRITER_H

#include "kafka/kafka_source.h"

enum { WEIR_KAFKA_APART = 16384 };

typedef struct weir_kafka_writer weir_kafka_writer;

typedef struct weir_kafka_writer_options {
    const weir_kafka_property *properties;
    size_t n_properties;
    int timeout_ms; /* of a record's delivery */
    const weir_log *log;
    /* How large a record may be is the topic's to say, unless the user's message.max.bytes does;
     * and what is larger than WEIR_KAFKA_APART shares no batch with others, which a broker refuses
     * as a whole. */
    bool large;
} weir_kafka_writer_options;

WEIR_MUST_USE weir_status weir_kafka_writer_open(
    const weir_kafka_writer_options *options, weir_kafka_writer **out, weir_error *err);
/* Drops what is not delivered yet. NULL is allowed. */
void weir_kafka_writer_close(weir_kafka_writer *w);

/* Hands a copy over; waits while too much is under way. The topic is told apart from the record's
 * own name for it. Errors, also of a record before: KAFKA_PRODUCE (by its delivery),
 * KAFKA_NO_TOPIC, KAFKA_REFUSED. */
WEIR_MUST_USE weir_status weir_kafka_writer_put(
    weir_kafka_writer *w, const char *topic, const weir_raw_record *record, weir_error *err);
/* The same, and waits until it is delivered. *refused: it is too large, and is not; others may go
 * on. For records of more than WEIR_KAFKA_APART bytes. */
WEIR_MUST_USE weir_status weir_kafka_writer_put_apart(weir_kafka_writer *w, const char *topic,
    const weir_raw_record *record, bool *refused, weir_error *err);
/* Waits until everything is delivered. */
WEIR_MUST_USE weir_status weir_kafka_writer_flush(weir_kafka_writer *w, weir_error *err);

#endif
