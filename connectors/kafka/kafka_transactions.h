/* Transactions of Kafka, by one transactional producer: what records have come to, and the offsets
 * of the records, committed by the membership of their source.
 *
 * Its transactional.id is one instance's: whoever starts later under the same one ends the open
 * transaction of the one before and fences it; the group's generation fences who has lost its
 * partitions. A producer that turned fatal for another reason is replaced; if that was in a commit,
 * the group's offsets tell whether it came to pass.
 *
 * Bounded: a transaction is open for at most half of transaction.timeout.ms before its commit
 * begins; each question to a broker has a bound, and is asked again until it is answered or the
 * port is cancelled.
 * Thread: one, but for cancel. */
#ifndef WEIR_KAFKA_TRANSACTIONS_H
#define WEIR_KAFKA_TRANSACTIONS_H

#include "kafka/kafka_source.h"
#include "service/transaction_port.h"

typedef struct weir_kafka_transactions_options {
    const weir_kafka_property *properties; /* borrowed, outlive the port */
    size_t n_properties;
    const char *transactional_id;
    int transaction_ms;        /* transaction.timeout.ms; 0: 60,000 */
    weir_record_source source; /* of Kafka, of a group; outlives the last call of commit */
    /* Called while a broker is waited for: it holds, it does not hang. NULL: not. */
    void (*alive)(void);
    const weir_log *log;
} weir_kafka_transactions_options;

/* The producer is made with the first begin. Errors: KAFKA_CONFIG, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_kafka_transactions_open(
    const weir_kafka_transactions_options *options, weir_transaction_port *out, weir_error *err);
void weir_kafka_transactions_close(weir_transaction_port *t);
/* As if the producer had turned fatal, for tests: librdkafka's own test of it. Thread: begin's. */
void weir_kafka_transactions_break(weir_transaction_port *t);

#endif
