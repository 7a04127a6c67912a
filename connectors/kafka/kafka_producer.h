/* An idempotent producer that can be made anew: what emits, dead letters and transactions share.
 * Private to connectors/kafka. Thread: one owner. */
#ifndef WEIR_KAFKA_PRODUCER_H
#define WEIR_KAFKA_PRODUCER_H

#include "kafka/kafka_client.h"
#include "service/emitter.h"

/* The first member of its owner, which is the opaque of librdkafka's callbacks. */
typedef struct weir_kafka_producer {
    rd_kafka_t *rk; /* NULL: there is none */
    const weir_log *log;
} weir_kafka_producer;

typedef struct weir_kafka_producer_options {
    const weir_kafka_property *properties;
    size_t n_properties;
    int delivery_ms;              /* of a record, and of a transaction */
    const char *transactional_id; /* NULL: without transactions */
    /* How large a record may be is the broker's to say, unless the user's message.max.bytes does: a
     * dead letter is its record with some headers more, larger than what the record's own producer
     * was allowed. */
    bool broker_judges_sizes;
    /* How large batches may be; a larger record has one of its own. 1: all have; 0: as configured.
     * A broker refuses a batch that is too large as a whole, small records of it as well; which
     * only tells them apart when they come alone, and one batch after the other. */
    int batch_bytes;
    void (*delivered)(rd_kafka_t *rk, const rd_kafka_message_t *m, void *owner);
} weir_kafka_producer_options;

/* Would librdkafka take these properties? Errors: KAFKA_CONFIG. */
WEIR_MUST_USE weir_status weir_kafka_producer_try(
    const weir_kafka_producer_options *o, weir_error *err);
/* Errors: KAFKA_CONFIG; then there is none. */
WEIR_MUST_USE weir_status weir_kafka_producer_make(
    weir_kafka_producer *p, const weir_kafka_producer_options *o, weir_error *err);
/* Everything under way is answered before it goes. */
void weir_kafka_producer_end(weir_kafka_producer *p);

/* Hands a record over, copied; what librdkafka says of it then has the opaque. */
WEIR_MUST_USE rd_kafka_resp_err_t weir_kafka_produce(
    rd_kafka_t *rk, const weir_outgoing *o, void *opaque);

/* Is the record itself too large, whatever else is well? */
bool weir_kafka_is_too_large(rd_kafka_resp_err_t code);

#endif
