/* Where a topic ends, asked of its brokers.
 * Thread: any. */
#ifndef WEIR_APP_TOPIC_ENDS_H
#define WEIR_APP_TOPIC_ENDS_H

#include "kafka/kafka_admin.h"

/* *ends by partition: the next offset to be written; the caller's to free with weir_free. Waits for
 * the answer. Errors: those of the admin's calls, OUT_OF_MEMORY; then nothing is to be freed. */
WEIR_MUST_USE weir_status weir_topic_ends(const weir_kafka_admin_options *options,
    const char *topic, int64_t **ends, int32_t *n, weir_error *err);

#endif
