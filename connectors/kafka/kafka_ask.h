/* Questions to the broker, each with a bound of a few seconds, and what the answers mean. Private
 * to connectors/kafka. Thread: not one of librdkafka's. */
#ifndef WEIR_KAFKA_ASK_H
#define WEIR_KAFKA_ASK_H

#include <librdkafka/rdkafka.h>

#include <stdbool.h>

#include "base/err.h"

/* How many partitions a topic has; 0: it is not there, `no_leader` says whether that is only for
 * now. Errors: KAFKA_UNREACHABLE, KAFKA_REFUSED. */
WEIR_MUST_USE weir_status weir_kafka_ask_partitions(rd_kafka_t *rk, const char *topic,
    int timeout_ms, int32_t *n, bool *no_leader, weir_error *err);

/* Where the group goes on; what has no committed offset begins at its beginning. Errors: those of
 * weir_kafka_fail. */
WEIR_MUST_USE weir_status weir_kafka_ask_committed(
    rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, weir_error *err);

/* The offset behind a partition's last record. HOLD: nobody tells, ask again. */
WEIR_MUST_USE weir_status weir_kafka_ask_end(
    rd_kafka_t *rk, const char *topic, int32_t partition, int64_t *end, weir_error *err);

/* Can reading go on at this offset (-1: the partition's beginning)? librdkafka says of each
 * question for an offset that failed for good that there is "no offset to reset to", as it does of
 * one that is gone; only the partition's range tells them apart. WEIR_OK: it can; HOLD: nobody
 * tells, ask again; KAFKA_OFFSETS_LOST: it is out of the range. */
WEIR_MUST_USE weir_status weir_kafka_ask_range(
    rd_kafka_t *rk, const char *topic, int32_t partition, int64_t offset, weir_error *err);

#endif
