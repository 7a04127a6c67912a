/* What librdkafka would wait for without end: a commit and a consumer's close while its coordinator
 * takes requests but answers none, and the end of its threads while anything of it is still held.
 * Private to connectors/kafka. Thread: the consumer's poll. */
#ifndef WEIR_KAFKA_BOUNDED_H
#define WEIR_KAFKA_BOUNDED_H

#include <librdkafka/rdkafka.h>

#include <stdbool.h>

#include "kafka/kafka_queues.h"

/* Commits and waits for the answer, which sets the `err` of each offset;
 * RD_KAFKA_RESP_ERR__TIMED_OUT: there was none, it may still come to pass. */
rd_kafka_resp_err_t weir_kafka_commit_within(
    rd_kafka_t *rk, rd_kafka_topic_partition_list_t *offsets, int timeout_ms);

/* Closes the consumer, callbacks included; when the time has passed, its group is left to find out
 * that it is gone. Frees `queues` in any case, and then the consumer, within the time again. False:
 * librdkafka does not come to an end, its threads go on and may still log; nothing else of it may
 * be touched. */
bool weir_kafka_close_within(rd_kafka_t *rk, weir_kafka_queues *queues, int timeout_ms);

#endif
