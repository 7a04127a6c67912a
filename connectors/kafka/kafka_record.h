/* A librdkafka message as a record. Private to connectors/kafka. Thread: any. */
#ifndef WEIR_KAFKA_RECORD_H
#define WEIR_KAFKA_RECORD_H

#include <librdkafka/rdkafka.h>

#include "cdc/decoder.h"

/* Borrows from the message, and the topic's name. */
weir_raw_record weir_kafka_record(const rd_kafka_message_t *m, weir_view topic);

#endif
