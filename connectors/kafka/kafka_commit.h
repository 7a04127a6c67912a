/* A group's commits. One is open at a time, since librdkafka tries one that a coordinator could not
 * take again by itself, behind what was sent since, which would take the group's offset back; and
 * while a coordinator does not answer, it would queue each and let all of them fail at once. What
 * is skipped meanwhile is in the next one, since a commit is of all that the engine has settled by
 * then; one that is waited for first waits for the one that is open. The log tells that they fail
 * once, and once that they work again.
 *
 * Thread: the consumer's poll. */
#ifndef WEIR_KAFKA_COMMIT_H
#define WEIR_KAFKA_COMMIT_H

#include <librdkafka/rdkafka.h>

#include "base/log.h"
#include "engine/source.h"

typedef struct weir_kafka_commits {
    rd_kafka_queue_t *open; /* where the answer to the one that is open comes; NULL: none is */
    int64_t open_until_ms;
    bool failing;
    bool offsets_alone; /* the broker refuses what we say beside them */
} weir_kafka_commits;

/* As a list of librdkafka's, with metadata or without; NULL: out of memory. */
rd_kafka_topic_partition_list_t *weir_kafka_offsets(
    const weir_offset *offsets, size_t n, bool metadata);
/* As the port's commit does. */
WEIR_MUST_USE weir_status weir_kafka_commit(weir_kafka_commits *c, rd_kafka_t *rk,
    const weir_offset *offsets, size_t n, bool wait, weir_error *err);
/* The answer to the one that is open, given; NULL: none yet. Does not wait. */
rd_kafka_event_t *weir_kafka_commits_answer(weir_kafka_commits *c);
/* What such an answer says goes to the log; list: its partitions, or NULL. */
void weir_kafka_commit_answered(weir_kafka_commits *c, rd_kafka_resp_err_t code,
    const rd_kafka_topic_partition_list_t *list, const weir_log *log);
/* Nobody waits for an answer any more. Before the consumer goes. */
void weir_kafka_commits_fini(weir_kafka_commits *c);

#endif
