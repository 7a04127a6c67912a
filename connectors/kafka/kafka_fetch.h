/* How a consumer fetches: its configuration, and telling librdkafka that there is room again.
 *
 * A partition whose queue has reached queued.max.messages.kbytes is left out of fetches. When that
 * is so for all of a broker's partitions, its thread of librdkafka sleeps, and what is taken from
 * the queues does not wake it: it looks again after a second (librdkafka#2879). Since 2.2 the
 * property fetch.queue.backoff.ms says after how long; before, only something that wakes the
 * brokers' threads helps. Of what the public API has, that is setting the SASL credentials, to what
 * they are already: a nudge. It changes nothing where there is no SASL, or PLAIN or SCRAM, and is
 * not given under other mechanisms.
 *
 * Thread: one owner. */
#ifndef WEIR_KAFKA_FETCH_H
#define WEIR_KAFKA_FETCH_H

#include "kafka/kafka_client.h"
#include "kafka/kafka_source.h"

typedef struct weir_kafka_nudge {
    bool needed;
    const char *username, *password; /* borrowed from the source's properties */
    bool due;                        /* records were taken since the last one */
    int64_t last_ms;
} weir_kafka_nudge;

/* What a partition's queue may hold where there are so many: all queues together a quarter of
 * in_flight_bytes, within bounds: more than a MiB of one makes nothing faster. 0 partitions: it is
 * not known how many there are. */
size_t weir_kafka_queue_bytes(size_t in_flight_bytes, size_t partitions);

/* The consumer's configuration: fetch sizes from queue_bytes, the user's properties over these, and
 * what weir stands on over all. Also says whether nudges are needed. The properties must live as
 * long as the nudge. */
WEIR_MUST_USE weir_status weir_kafka_consumer_conf(const weir_kafka_source_options *options,
    size_t queue_bytes, weir_kafka_nudge *nudge, rd_kafka_conf_t **out, weir_error *err);

/* Gives the nudge that is due, but not more often than every few milliseconds. Returns in how many
 * milliseconds to call again, since the last records that are taken need one, too; -1: none is due.
 */
int weir_kafka_give_nudge(weir_kafka_nudge *n, rd_kafka_t *rk, int64_t now_ms);

#endif
