/* The partitions' own queues, forwarding off. Each is kept from when its partition is first served
 * until the consumer is closed, also while the partition is someone else's: when a topic is deleted
 * under its consumer, what librdkafka before 2.6.1 leaves in such a queue keeps the partition
 * alive, and rd_kafka_destroy waits for it for ever (librdkafka#4724). So somebody has to empty it.
 *
 * Thread: one owner. */
#ifndef WEIR_KAFKA_QUEUES_H
#define WEIR_KAFKA_QUEUES_H

#include <librdkafka/rdkafka.h>

#include <stddef.h>

typedef struct weir_kafka_queues {
    struct weir_kafka_kept_queue *kept;
    size_t n, capacity;
} weir_kafka_queues;

/* The queue of a partition that is to be served; borrowed, until it is taken again or closed. NULL:
 * out of memory, or librdkafka has no such partition. */
rd_kafka_queue_t *weir_kafka_queues_take(
    weir_kafka_queues *q, rd_kafka_t *rk, const char *topic, int32_t number);
/* Throws away what is in them. */
void weir_kafka_queues_empty(weir_kafka_queues *q);
/* Frees them; before the consumer is. */
void weir_kafka_queues_fini(weir_kafka_queues *q);

#endif
