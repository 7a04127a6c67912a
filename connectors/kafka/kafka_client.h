/* What consumer and producer share: making a librdkafka handle from the config's properties, and
 * telling its errors apart. Private to connectors/kafka. Thread: any. */
#ifndef WEIR_KAFKA_CLIENT_H
#define WEIR_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>

#include "base/err.h"
#include "base/log.h"
#include "kafka/kafka_source.h"

/* A configuration with our defaults, then the user's properties (a refused one is KAFKA_CONFIG with
 * its place), then what must not be changed. */
WEIR_MUST_USE weir_status weir_kafka_conf(
    const weir_kafka_property *properties, size_t n, rd_kafka_conf_t **out, weir_error *err);
WEIR_MUST_USE weir_status weir_kafka_set(
    rd_kafka_conf_t *conf, const char *name, const char *value, weir_error *err);

/* A log line of librdkafka's, at our level. Thread: any. */
void weir_kafka_log(const weir_log *log, int level, const char *facility, const char *text);

/* Our class for a librdkafka error. */
weir_status weir_kafka_fail(weir_error *err, rd_kafka_resp_err_t code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Says where: "topic/partition@offset", as much of it as there is (partition and offset < 0: none).
 */
void weir_kafka_at(weir_error *err, const char *topic, int32_t partition, int64_t offset);

#endif
