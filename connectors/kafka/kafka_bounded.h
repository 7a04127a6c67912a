/* What librdkafka would wait for without end while its coordinator takes requests but answers none:
 * a commit, and a consumer's close. Private to connectors/kafka. Thread: the consumer's poll. */
#ifndef WEIR_KAFKA_BOUNDED_H
#define WEIR_KAFKA_BOUNDED_H

#include <librdkafka/rdkafka.h>

/* Commits and waits for the answer; RD_KAFKA_RESP_ERR__TIMED_OUT: there was none, it may still
 * come to pass. */
rd_kafka_resp_err_t weir_kafka_commit_within(
    rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *offsets, int timeout_ms);

/* Closes the consumer, callbacks included, and frees it. When the time has passed, its group is
 * left to find out that it is gone. */
void weir_kafka_close_within(rd_kafka_t *rk, int timeout_ms);

#endif
