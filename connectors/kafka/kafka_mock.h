/* A Kafka broker inside this process: librdkafka's mock cluster, for demos and tests. It keeps
 * about 5 MiB (as sent, so compressed) of a partition and then drops its head; nothing of it
 * outlives the process. No compaction, no admin requests; it creates a topic of four partitions
 * when it is asked for one by a name that it does not know.
 *
 * Thread: one owner; clients of it are as free as ever. */
#ifndef WEIR_KAFKA_MOCK_H
#define WEIR_KAFKA_MOCK_H

#include <stdint.h>

#include "base/log.h"

typedef struct weir_kafka_mock weir_kafka_mock;

/* Listens on 127.0.0.1, at a port that the system chooses. Errors: KAFKA_FATAL, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_kafka_mock_open(
    const weir_log *log, weir_kafka_mock **out, weir_error *err);
/* NULL is allowed. */
void weir_kafka_mock_close(weir_kafka_mock *m);
/* "127.0.0.1:42815"; lives as long as the mock. */
const char *weir_kafka_mock_address(const weir_kafka_mock *m);
/* Errors: KAFKA_FATAL (it is there already, or its name is none). */
WEIR_MUST_USE weir_status weir_kafka_mock_create_topic(
    weir_kafka_mock *m, const char *topic, int32_t partitions, weir_error *err);

#endif
