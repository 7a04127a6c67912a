/* The membership of a source's consumer group, for whoever commits its offsets in transactions.
 * Private to connectors/kafka. */
#ifndef WEIR_KAFKA_MEMBERSHIP_H
#define WEIR_KAFKA_MEMBERSHIP_H

#include <librdkafka/rdkafka.h>

#include "kafka/kafka_source.h"

/* As of the assignment that it has now, the caller's to destroy; NULL: it has none. Thread: any. */
rd_kafka_consumer_group_metadata_t *weir_kafka_source_membership(const weir_record_source *source);
/* Is this what the group has committed last? Its offsets and what they say beside. HOLD: nobody
 * tells. Thread: any while the source is open. */
WEIR_MUST_USE weir_status weir_kafka_source_has_committed(const weir_record_source *source,
    const weir_offset *offsets, size_t n, bool *has, weir_error *err);

#endif
