/* What the parts of the source know of each other: kafka_source.c (the port, polling, the client),
 * kafka_assign.c (partitions that a group gives), kafka_topics.c (all partitions of topics),
 * kafka_doubt.c (partitions that librdkafka has stopped reading), kafka_away.c (no broker is
 * reached), kafka_membership.c. Private to them.
 *
 * Thread: the poll thread, unless it says otherwise. */
#ifndef WEIR_KAFKA_SOURCE_INSIDE_H
#define WEIR_KAFKA_SOURCE_INSIDE_H

#include <pthread.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "engine/engine.h"
#include "engine/run.h"
#include "kafka/kafka_ask.h"
#include "kafka/kafka_client.h"
#include "kafka/kafka_commit.h"
#include "kafka/kafka_fetch.h"
#include "kafka/kafka_membership.h"
#include "kafka/kafka_queues.h"

enum { WEIR_KAFKA_BATCH = 1000, WEIR_KAFKA_ASK_AGAIN_MS = 200, WEIR_KAFKA_ANSWER_MS = 5000 };

typedef struct weir_kafka_served {
    weir_partition *partition;
    rd_kafka_queue_t *queue; /* borrowed */
    int64_t next;            /* to be delivered; -1: the first record there is */
    int64_t doubt_ms; /* librdkafka has stopped: when to ask if `next` is there; 0: it reads */
} weir_kafka_served;

typedef struct weir_kafka_known_topic {
    char *name;
    int32_t n_partitions; /* 0: not there yet */
    bool missing_logged;
    atomic_bool missing; /* the broker says so */
} weir_kafka_known_topic;

typedef struct weir_kafka_live_source {
    weir_kafka_source_options options;
    rd_kafka_t *rk;
    rd_kafka_queue_t *events_queue; /* rebalances, errors, answers */
    weir_kafka_queues queues;
    weir_kafka_known_topic *topics;
    weir_kafka_served *served;
    size_t n_served, served_capacity, first; /* first: served first in this round */
    rd_kafka_topic_partition_list_t *given;  /* by the group, not assigned yet; NULL: none */
    int64_t look_ms, ask_ms;
    size_t queue_bytes; /* of each partition, as the client is made */
    bool sized_up;      /* the client is made for as many partitions as there are */
    bool left_behind;   /* an earlier client goes on, and has the source's address */
    rd_kafka_message_t *messages[WEIR_KAFKA_BATCH];

    /* While polled: */
    const weir_source_events *events;
    void *engine;
    weir_error failure;

    weir_kafka_nudge nudge;
    weir_kafka_commits commits;
    bool closing; /* the engine's partitions are gone: nothing is told to it any more */

    pthread_mutex_t lock;
    pthread_cond_t signalled;
    bool signal;
    rd_kafka_consumer_group_metadata_t *membership; /* of the assignment; NULL: none. Lock: lock */
    atomic_bool joined;                             /* it has had an assignment */
    atomic_llong out_since_ms; /* of a group: without an assignment; 0: it has one */
    pthread_mutex_t log_lock;  /* guards options.log on librdkafka's threads */
    atomic_bool connected;
    int64_t lost_ms, probe_ms; /* a connection was lost: when, and when to ask for another; 0, … */
    atomic_llong away_since_ms; /* no broker is reached; 0: one is */
} weir_kafka_live_source;

/* The source itself; NULL: it is of another kind. */
weir_kafka_live_source *weir_kafka_live(const weir_record_source *source);
/* A queue of librdkafka's is no longer empty. On its threads. */
void weir_kafka_on_queue(rd_kafka_t *rk, void *opaque);

/* kafka_assign.c */

/* False: out of memory. */
bool weir_kafka_serve(weir_kafka_live_source *s, const char *topic, int32_t number, int64_t start);
void weir_kafka_fail_assign(weir_kafka_live_source *s, rd_kafka_error_t *error);
void weir_kafka_forget_given(weir_kafka_live_source *s);
/* Asks where to begin, and begins; asks again later where nobody tells. */
void weir_kafka_assign_given(weir_kafka_live_source *s);
/* Called inside rd_kafka_consumer_poll, so on the poll thread. Eager: all at once. */
void weir_kafka_on_rebalance(
    rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list, void *opaque);

/* kafka_topics.c */

/* Looks for topics that are not there yet, and for partitions that were added. */
weir_status weir_kafka_look_at_topics(weir_kafka_live_source *s, weir_error *err);
/* A member of a group is given what it is to read, and tells how many partitions there are. */
weir_status weir_kafka_tell_partitions(weir_kafka_live_source *s, weir_error *err);

/* kafka_doubt.c */

/* librdkafka says that an offset is gone, which need not be so (weir_kafka_ask_range). */
void weir_kafka_doubt(weir_kafka_served *sp);
/* Does it say so because the log was cut, and has other records there now? */
bool weir_kafka_tells_truncation(const char *reason);
/* One at a time, since the answer is waited for. */
void weir_kafka_settle_doubt(weir_kafka_live_source *s);

/* kafka_away.c */

/* librdkafka has lost a connection: is there another one? */
void weir_kafka_lost_connection(weir_kafka_live_source *s);
/* No broker answers. */
void weir_kafka_is_away(weir_kafka_live_source *s);
void weir_kafka_probe(weir_kafka_live_source *s);

/* kafka_membership.c. NULL: there is none any more. */
void weir_kafka_remember_membership(
    weir_kafka_live_source *s, rd_kafka_consumer_group_metadata_t *now);

#endif
