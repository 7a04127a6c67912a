/* Feeds a recording to Kafka: partition, key, value, headers and timestamp of each record as they
 * were recorded; the offsets are the broker's. Creates no topic.
 * Thread: the main thread. */
#ifndef WEIR_CLI_FEED_H
#define WEIR_CLI_FEED_H

#include "kafka/kafka_source.h"
#include "pace.h"

typedef struct weir_feed_options {
    const char *path;                           /* "-": standard input */
    const weir_kafka_property *reader, *writer; /* of a client that asks, and of one that writes */
    size_t n_reader, n_writer;
    int timeout_ms;
    const char *prefix, *new_prefix; /* topics that begin with it are renamed; NULL: none */
    int64_t rate;                    /* records a second; 0: as fast as it goes */
    int64_t ahead;   /* so many records of a partition at most before what `pace` has read */
    weir_pace *pace; /* NULL: no such bound */
} weir_feed_options;

typedef struct weir_feed weir_feed;

/* Errors: FILE_UNREADABLE, KAFKA_CONFIG, KAFKA_UNREACHABLE, KAFKA_REFUSED, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_feed_open(
    const weir_feed_options *options, weir_feed **out, weir_error *err);
/* NULL is allowed. */
void weir_feed_close(weir_feed *f);

/* Goes on for a little while, or waits one. *more: there is more to come; else everything is
 * delivered. Errors: RECORDING_LINE, KAFKA_NO_TOPIC (also: too few partitions), KAFKA_PRODUCE, … */
WEIR_MUST_USE weir_status weir_feed_some(weir_feed *f, bool *more, weir_error *err);

uint64_t weir_feed_records(const weir_feed *f);
/* Bytes of the file, for a progress bar (all 0: unknown). */
void weir_feed_progress(const weir_feed *f, uint64_t *done, uint64_t *all);

/* What topics a recording has, and how many partitions of each: reads all of it. */
typedef weir_status weir_feed_topic_fn(
    void *ctx, const char *topic, int32_t partitions, weir_error *err);
WEIR_MUST_USE weir_status weir_feed_topics(
    const char *path, weir_feed_topic_fn *fn, void *ctx, weir_error *err);

#endif
