/* Dead letters into a Kafka topic: the original key, value and headers, and why in `weir.dead.*`
 * headers; one that is too large for the broker goes bare (engine/dead_letter.h). A write of one
 * ends within three times timeout_ms (and a second or two that librdkafka takes to look at its
 * clock): it waits so long for its turn, and for each of the broker's answers. Thread: write from
 * any, one at a time. */
#ifndef WEIR_KAFKA_DEAD_LETTER_H
#define WEIR_KAFKA_DEAD_LETTER_H

#include "engine/dead_letter.h"
#include "kafka/kafka_source.h"

typedef struct weir_kafka_dead_letter_options {
    const weir_kafka_property *properties;
    size_t n_properties;
    const char *topic;
    const char *group; /* in a header: who could not use the record */
    int timeout_ms;    /* for the broker's answer; then HOLD */
    bool hold;         /* what the broker refuses is held, instead of being fatal */
    const weir_log *log;
} weir_kafka_dead_letter_options;

WEIR_MUST_USE weir_status weir_kafka_dead_letters_open(
    const weir_kafka_dead_letter_options *options, weir_dead_letters *out, weir_error *err);
void weir_kafka_dead_letters_close(weir_dead_letters *d);

#endif
