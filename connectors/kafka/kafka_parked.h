/* The topic of parked records in Kafka, for reading (service/parked_log.h). Reads what is
 * committed. Thread: one at a time. */
#ifndef WEIR_KAFKA_PARKED_H
#define WEIR_KAFKA_PARKED_H

#include "kafka/kafka_source.h"
#include "service/parked_log.h"

typedef struct weir_kafka_parked_options {
    const weir_kafka_property *properties; /* of a consumer; borrowed */
    size_t n_properties;
    const char *topic; /* borrowed */
    const weir_log *log;
} weir_kafka_parked_options;

/* Errors: OUT_OF_MEMORY. Nothing is connected yet. */
WEIR_MUST_USE weir_status weir_kafka_parked_open(
    const weir_kafka_parked_options *options, weir_parked_log *out, weir_error *err);
/* self NULL: nothing. */
void weir_kafka_parked_close(weir_parked_log *log);

#endif
