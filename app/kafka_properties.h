/* From the config to what the Kafka clients and threads are made with. Thread: plain functions. */
#ifndef WEIR_APP_KAFKA_PROPERTIES_H
#define WEIR_APP_KAFKA_PROPERTIES_H

#include "config.h"
#include "kafka/kafka_source.h"

/* The properties for one kind of client: client.id, the common ones, then its own, so that those
 * win. In the arena; NULL: out of memory. */
weir_kafka_property *weir_kafka_properties(
    const weir_config *config, const weir_config_pairs *own, weir_arena *arena, size_t *n);
/* limits.lanes, or one for each processor. */
unsigned weir_lanes_of(const weir_config *config);
/* What of limits.in_flight an engine may hold: the consumer's queues, and what a store's
 * transaction takes, are to fit beside it. */
size_t weir_engine_bytes_of(const weir_config *config);
/* How long a dead letter's write may wait for the broker, so that neither a drain is held up much
 * longer than limits.drain, nor a thread that waits is taken for stuck. */
int weir_letter_timeout_ms(const weir_config *config);
/* A log to stderr as the config has it. quiet: errors only. */
void weir_log_of_config(const weir_config *config, bool quiet, weir_log *out);

#endif
