/* Emits into Kafka, by one idempotent producer: each is written once and in order as long as the
 * producer lives. One that turned fatal is replaced; what it had under way is answered with a HOLD,
 * so that it is handled, and sent, again.
 *
 * Bounded: past `in_flight_bytes` a sending waits for room, and so does the lane that sends;
 * polling is another thread's. Every sending is answered within three times timeout_ms. Thread:
 * send and cancel from any; a thread of its own hears the broker's answers. */
#ifndef WEIR_KAFKA_EMITTER_H
#define WEIR_KAFKA_EMITTER_H

#include "kafka/kafka_source.h"
#include "service/emitter.h"

typedef struct weir_kafka_emitter_options {
    const weir_kafka_property *properties; /* borrowed, outlive the emitter */
    size_t n_properties;
    size_t in_flight_bytes;
    int timeout_ms; /* of a delivery, and of the wait for room; then HOLD */
    /* Called now and then by a thread that waits for room: it holds, it does not hang. NULL: not.
     */
    void (*alive)(void);
    const weir_log *log;
} weir_kafka_emitter_options;

/* The producer is made with the first sending: who never emits has none. Errors: KAFKA_CONFIG,
 * OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_kafka_emitter_open(
    const weir_kafka_emitter_options *options, weir_emitter *out, weir_error *err);
/* Cancels, and waits until all are answered. */
void weir_kafka_emitter_close(weir_emitter *e);
/* As if the producer had turned fatal, for tests: librdkafka's own test of it. */
void weir_kafka_emitter_break(weir_emitter *e);

#endif
