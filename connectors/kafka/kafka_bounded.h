/* What librdkafka would wait for without end: a consumer's close while its coordinator takes
 * requests but answers none, and the end of its threads while anything of it is still held. Private
 * to connectors/kafka. Thread: the consumer's poll. */
#ifndef WEIR_KAFKA_BOUNDED_H
#define WEIR_KAFKA_BOUNDED_H

#include <librdkafka/rdkafka.h>

#include <stdbool.h>

#include "kafka/kafka_queues.h"

/* Closes the consumer, callbacks included; when the time has passed, its group is left to find out
 * that it is gone. Frees `queues` in any case, and then the consumer, within the time again. False:
 * librdkafka does not come to an end, its threads go on and may still log; nothing else of it may
 * be touched. */
bool weir_kafka_close_within(rd_kafka_t *rk, weir_kafka_queues *queues, int timeout_ms);

#endif
