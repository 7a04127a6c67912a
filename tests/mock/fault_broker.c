/* The mock cluster and what is done to it. See fault_broker.h. */
#include "fault_broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_MS = 1000 };

static rd_kafka_t *client(rd_kafka_type_t type, const char *const (*properties)[2])
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[200];
    rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
    rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "300", NULL, 0);
    for (; (*properties)[0]; properties++) {
        if (rd_kafka_conf_set(conf, (*properties)[0], (*properties)[1], why, sizeof why)) {
            fprintf(stderr, "%s\n", why);
            rd_kafka_conf_destroy(conf);
            return NULL;
        }
    }
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
    }
    return rk;
}

static bool place_topics(fault_broker *b, const char *dead)
{
    rd_kafka_mock_cluster_t *c = b->cluster;
    bool fine = !rd_kafka_mock_topic_create(c, b->topic_name, b->partitions, BROKERS);
    for (int p = 0; fine && p < b->partitions; p++) {
        fine = !rd_kafka_mock_partition_set_leader(c, b->topic_name, p, 1 + p % 2);
    }
    if (fine && dead) {
        fine = !rd_kafka_mock_topic_create(c, dead, 1, BROKERS) &&
               !rd_kafka_mock_partition_set_leader(c, dead, 0, DEAD_LEADER);
    }
    if (fine && b->group) {
        fine = !rd_kafka_mock_coordinator_set(c, "group", b->group, COORDINATOR);
    }
    return fine;
}

static bool read_letters(fault_broker *b, const char *dead)
{
    b->dead = rd_kafka_topic_new(b->observer, dead, NULL);
    b->dead_queue = rd_kafka_queue_new(b->observer);
    return !rd_kafka_consume_start_queue(b->dead, 0, RD_KAFKA_OFFSET_BEGINNING, b->dead_queue);
}

bool fault_broker_open(
    fault_broker *b, const char *topic, int partitions, const char *dead, const char *group)
{
    static const char *const producer[][2] = {
        {"linger.ms", "2"}, {"topic.metadata.refresh.interval.ms", "1000"}, {NULL, NULL}};
    *b = (fault_broker){.topic_name = topic, .partitions = partitions, .group = group};
    b->producer = client(RD_KAFKA_PRODUCER, producer);
    b->cluster = b->producer ? rd_kafka_mock_cluster_new(b->producer, BROKERS) : NULL;
    if (!b->cluster || !place_topics(b, dead)) {
        return false;
    }
    const char *address = fault_broker_address(b);
    rd_kafka_brokers_add(b->producer, address);
    b->topic = rd_kafka_topic_new(b->producer, topic, NULL);
    const char *const observer[][2] = {{"bootstrap.servers", address},
        {"group.id", group ? group : "observer"}, {"enable.auto.commit", "false"}, {NULL, NULL}};
    b->observer = client(RD_KAFKA_CONSUMER, observer);
    return b->topic && b->observer && (!dead || read_letters(b, dead));
}

void fault_broker_close(fault_broker *b)
{
    if (b->dead) {
        rd_kafka_consume_stop(b->dead, 0);
        rd_kafka_topic_destroy(b->dead);
        rd_kafka_queue_destroy(b->dead_queue);
    }
    if (b->observer) {
        rd_kafka_destroy(b->observer);
    }
    if (b->topic) {
        rd_kafka_topic_destroy(b->topic);
    }
    if (b->cluster) {
        rd_kafka_mock_cluster_destroy(b->cluster);
    }
    if (b->producer) {
        rd_kafka_destroy(b->producer);
    }
}

const char *fault_broker_address(const fault_broker *b)
{
    return rd_kafka_mock_cluster_bootstraps(b->cluster);
}

/* ---- Records ------------------------------------------------------------------------------------
 */

bool fault_broker_put(fault_broker *b, int partition, const char *key, const char *value)
{
    return !rd_kafka_produce(b->topic, partition, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)value,
        strlen(value), key, strlen(key), NULL);
}

int fault_broker_unwritten(fault_broker *b)
{
    rd_kafka_poll(b->producer, 0);
    return rd_kafka_outq_len(b->producer);
}

/* ---- Faults -------------------------------------------------------------------------------------
 */

void fault_broker_errors(
    fault_broker *b, int broker, int request, const rd_kafka_resp_err_t *errors, int n)
{
    for (int i = 0; i < n; i++) {
        if (broker == ALL_BROKERS) {
            rd_kafka_mock_push_request_errors_array(b->cluster, (int16_t)request, 1, &errors[i]);
        } else {
            rd_kafka_mock_broker_push_request_error_rtts(
                b->cluster, broker, (int16_t)request, 1, errors[i], 0);
        }
    }
}

void fault_broker_topic_error(fault_broker *b, rd_kafka_resp_err_t error)
{
    rd_kafka_mock_topic_set_error(b->cluster, b->topic_name, error);
}

void fault_broker_up(fault_broker *b, int broker, bool up)
{
    (void)(up ? rd_kafka_mock_broker_set_up(b->cluster, broker)
              : rd_kafka_mock_broker_set_down(b->cluster, broker));
}

void fault_broker_slow(fault_broker *b, int broker, int rtt_ms)
{
    (void)rd_kafka_mock_broker_set_rtt(b->cluster, broker, rtt_ms);
}

/* ---- Questions ----------------------------------------------------------------------------------
 */

bool fault_broker_committed(fault_broker *b, int64_t *next)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(b->partitions);
    rd_kafka_topic_partition_list_add_range(list, b->topic_name, 0, b->partitions - 1);
    bool answered = !rd_kafka_committed(b->observer, list, ASK_MS);
    for (int p = 0; answered && p < b->partitions; p++) {
        answered = !list->elems[p].err;
        next[list->elems[p].partition] = list->elems[p].offset < 0 ? -1 : list->elems[p].offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return answered;
}

bool fault_broker_ends(fault_broker *b, int64_t *end)
{
    int64_t low;
    for (int p = 0; p < b->partitions; p++) {
        if (rd_kafka_query_watermark_offsets(
                b->observer, b->topic_name, p, &low, &end[p], ASK_MS)) {
            return false;
        }
    }
    return true;
}

static int64_t number_in_header(const rd_kafka_message_t *m, const char *name)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    char text[24];
    if (rd_kafka_message_headers(m, &headers) ||
        rd_kafka_header_get_last(headers, name, &value, &size) || size >= sizeof text) {
        return -1;
    }
    memcpy(text, value, size);
    text[size] = '\0';
    return strtoll(text, NULL, 10);
}

bool fault_broker_letter(fault_broker *b, int *partition, int64_t *offset)
{
    rd_kafka_message_t *m;
    while ((m = rd_kafka_consume_queue(b->dead_queue, 0))) {
        bool letter = !m->err;
        *partition = letter ? (int)number_in_header(m, "weir.dead.partition") : -1;
        *offset = letter ? number_in_header(m, "weir.dead.offset") : -1;
        rd_kafka_message_destroy(m);
        if (letter) {
            return true;
        }
    }
    return false;
}
