/* Kafka as the engine's source: as a member of a consumer group, or with all partitions of its
 * topics.
 *
 * Each partition has a queue of its own, forwarding off, and a full one is not served: pausing is
 * not used, since librdkafka 2.0 rewinds a partition that is resumed without being paused, keeps
 * pauses across assignments and drops what it had fetched (docs/ARCHITECTURE.md).
 *
 * Thread: as the port says. */
#ifndef WEIR_KAFKA_SOURCE_H
#define WEIR_KAFKA_SOURCE_H

#include "base/log.h"
#include "engine/source.h"

/* A librdkafka property, verbatim. place: where it stands in the config, or NULL. */
typedef struct weir_kafka_property {
    const char *name, *value, *place;
} weir_kafka_property;

typedef struct weir_kafka_source_options {
    const weir_kafka_property *properties; /* borrowed, with all texts; they outlive the source */
    size_t n_properties;
    const char *const *topics;
    size_t n_topics;
    const char *group;      /* NULL: all partitions, nothing is committed */
    const char *instance;   /* group: static membership; NULL: none */
    size_t in_flight_bytes; /* a quarter of it is for librdkafka's queues */
    const bool *wait_for;   /* by topic: a missing one is waited for; NULL: it is an error */
    bool may_grow; /* all partitions: those that are added later are read, too; else: an error */
    bool from_end; /* all partitions: reading begins behind what is there now, whatever `start` says
                    */
    /* All partitions: where reading begins (-1: the first record there is; NULL: so for all).
     * n_partitions: of the topic. Anything but WEIR_OK ends the source, or, where it is HOLD, the
     * topic is looked at again later. */
    weir_status (*start)(void *ctx, weir_view topic, int32_t partition, int32_t n_partitions,
        int64_t *offset, weir_error *err);
    /* A group: how many partitions a topic has, told before what was assigned is read, and now and
     * then. Anything but WEIR_OK ends the source. NULL: nobody is told. */
    weir_status (*counted)(void *ctx, weir_view topic, int32_t n_partitions, weir_error *err);
    void *ctx;
    const weir_log *log;
} weir_kafka_source_options;

/* Errors: KAFKA_CONFIG, OUT_OF_MEMORY. Connects while it is polled, and asks how many partitions
 * there are before it reads any or joins its group. */
WEIR_MUST_USE weir_status weir_kafka_source_open(
    const weir_kafka_source_options *options, weir_record_source *out, weir_error *err);

/* Has the broker said that this topic (by its number in the options) is not there? Stays true when
 * it is found later. Thread: any. */
bool weir_kafka_source_misses(const weir_record_source *source, size_t topic);

/* Is it to be a member of a group? Then *out_ms is how long it has had no assignment (one of no
 * partitions is one); 0: it has. Thread: any. */
bool weir_kafka_source_out(const weir_record_source *source, int64_t *out_ms);
/* Is no broker reached? Then *away_ms is since when. What is new there is not known, then. Thread:
 * any. */
bool weir_kafka_source_away(const weir_record_source *source, int64_t *away_ms);
/* Has it had an assignment, if it is to be a member of a group? Thread: any. */
bool weir_kafka_source_joined(const weir_record_source *source);

#endif
