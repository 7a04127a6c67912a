/* Questions to a Kafka cluster. Nothing here creates or changes anything, but for what says so:
 * topics are looked up in the list of all, since asking for one by its name makes some brokers
 * create it.
 *
 * Thread: one owner. */
#ifndef WEIR_KAFKA_ADMIN_H
#define WEIR_KAFKA_ADMIN_H

#include "kafka/kafka_source.h"

typedef struct weir_kafka_admin weir_kafka_admin;

typedef struct weir_kafka_admin_options {
    const weir_kafka_property *properties;
    size_t n_properties;
    int timeout_ms; /* of each question */
    const weir_log *log;
} weir_kafka_admin_options;

/* Errors: KAFKA_CONFIG, OUT_OF_MEMORY. Connects with the first question. */
WEIR_MUST_USE weir_status weir_kafka_admin_open(
    const weir_kafka_admin_options *options, weir_kafka_admin **out, weir_error *err);
/* NULL is allowed. */
void weir_kafka_admin_close(weir_kafka_admin *a);

/* Calls fn with the name of each property that librdkafka has. */
void weir_kafka_each_property(void (*fn)(void *ctx, const char *name), void *ctx);
/* Would librdkafka take this property? Errors: KAFKA_CONFIG. Asks no broker. */
WEIR_MUST_USE weir_status weir_kafka_try_property(const weir_kafka_property *p, weir_error *err);

/* Asks for brokers and topics; to be called before the two below. Errors of all questions:
 * KAFKA_UNREACHABLE, KAFKA_REFUSED. */
WEIR_MUST_USE weir_status weir_kafka_admin_look(weir_kafka_admin *a, weir_error *err);
int weir_kafka_admin_brokers(const weir_kafka_admin *a);
/* The names of all topics, one by one; NULL: there are no more. */
const char *weir_kafka_admin_topic(const weir_kafka_admin *a, size_t i);
/* How many partitions the topic has. Errors: KAFKA_NO_TOPIC (or this user may not see it),
 * KAFKA_REFUSED. */
WEIR_MUST_USE weir_status weir_kafka_admin_partitions(
    const weir_kafka_admin *a, const char *topic, int32_t *n, weir_error *err);

/* The first offset there is, and the next one to be written. */
WEIR_MUST_USE weir_status weir_kafka_admin_ends(weir_kafka_admin *a, const char *topic,
    int32_t partition, int64_t *first, int64_t *end, weir_error *err);

/* Makes a topic, replicated as the broker has it by default; it is no error that it is there. The
 * settings end with a NULL name; NULL: none. Errors: also KAFKA_UNSUPPORTED. */
WEIR_MUST_USE weir_status weir_kafka_admin_create_topic(weir_kafka_admin *a, const char *topic,
    int32_t partitions, const char *const (*settings)[2], weir_error *err);

/* Sets a group's offsets. Errors: KAFKA_REFUSED also where the group has members. */
WEIR_MUST_USE weir_status weir_kafka_admin_set_offsets(
    weir_kafka_admin *a, const char *group, const weir_offset *offsets, size_t n, weir_error *err);

typedef struct weir_kafka_topic_config {
    bool compacted, deleted;   /* cleanup.policy */
    int64_t retention_ms;      /* -1: for ever */
    int64_t retention_bytes;   /* of a partition; -1: no bound */
    int64_t max_message_bytes; /* -1: the broker did not say */
} weir_kafka_topic_config;
/* Errors: also KAFKA_UNSUPPORTED: the broker does not answer this question. */
WEIR_MUST_USE weir_status weir_kafka_admin_topic_config(
    weir_kafka_admin *a, const char *topic, weir_kafka_topic_config *out, weir_error *err);

#endif
