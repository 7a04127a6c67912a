/* librdkafka's mock cluster with everything a test does to it: three brokers in this process,
 * records written into a topic, errors put into answers, brokers taken down. The test's own
 * questions (what is committed, which dead letters there are) fail as others' do while a broker is
 * down.
 *
 * What librdkafka 2.0's mock cannot do, so that no test here shows it:
 *  - Errors for Metadata by request: only a topic can have one (fault_broker_topic_error), and only
 *    in the answers to Metadata.
 *  - A group's instance ids are read and forgotten: a static member that comes back is a new member
 *    to it, nobody is fenced, and the old one stays until its session ends.
 *  - Commits while members join are refused (a broker takes them until the new generation), so each
 *    rebalance makes the survivors handle again what they had not committed.
 *  - A rebalance takes a session less a second, the first one three seconds, however early all have
 *    joined.
 *  - Sequence numbers of an idempotent producer are not looked at.
 *
 * Thread: one owner. */
#ifndef WEIR_TESTS_FAULT_BROKER_H
#define WEIR_TESTS_FAULT_BROKER_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <stdbool.h>
#include <stdint.h>

/* Where things are: a topic's partitions on the first two brokers, the group's coordinator on the
 * first, dead letters on the third. */
enum { BROKERS = 3, COORDINATOR = 1, DEAD_LEADER = 3, ALL_BROKERS = -1 };

/* Kafka's numbers of requests. */
enum {
    REQUEST_PRODUCE = 0,
    REQUEST_FETCH = 1,
    REQUEST_LIST_OFFSETS = 2,
    REQUEST_OFFSET_COMMIT = 8,
    REQUEST_OFFSET_FETCH = 9,
    REQUEST_FIND_COORDINATOR = 10,
    REQUEST_JOIN_GROUP = 11,
    REQUEST_HEARTBEAT = 12,
    REQUEST_SYNC_GROUP = 14,
};

typedef struct fault_broker {
    rd_kafka_t *producer, *observer;
    rd_kafka_mock_cluster_t *cluster;
    rd_kafka_queue_t *dead_queue;
    rd_kafka_topic_t *topic, *dead;
    const char *topic_name, *group;
    int partitions;
} fault_broker;

/* dead: a dead-letter topic of one partition, or NULL; group: whose commits are looked at, or NULL.
 * False: it cannot be had. */
bool fault_broker_open(
    fault_broker *b, const char *topic, int partitions, const char *dead, const char *group);
void fault_broker_close(fault_broker *b);
const char *fault_broker_address(const fault_broker *b);

/* Hands a record over to be written; false: not now. */
bool fault_broker_put(fault_broker *b, int partition, const char *key, const char *value);
/* Serves deliveries; returns how many records are not written yet. */
int fault_broker_unwritten(fault_broker *b);

/* The next n answers to a request, of one broker or of all, are these errors. */
void fault_broker_errors(
    fault_broker *b, int broker, int request, const rd_kafka_resp_err_t *errors, int n);
/* 0: none any more. */
void fault_broker_topic_error(fault_broker *b, rd_kafka_resp_err_t error);
void fault_broker_up(fault_broker *b, int broker, bool up);
void fault_broker_slow(fault_broker *b, int broker, int rtt_ms);

/* What is committed of each partition, -1: nothing. False: nobody has answered. */
bool fault_broker_committed(fault_broker *b, int64_t *next);
/* The offset behind each partition's last record. False: nobody has answered. */
bool fault_broker_ends(fault_broker *b, int64_t *end);
/* A dead letter that was not given yet: which record it is of. False: there is none now. */
bool fault_broker_letter(fault_broker *b, int *partition, int64_t *offset);

#endif
