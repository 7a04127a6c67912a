/* Partitions that are served, and how a group gives and takes them. See kafka_source.h. */
#include "kafka/kafka_source_inside.h"

bool weir_kafka_serve(weir_kafka_live_source *s, const char *topic, int32_t number, int64_t start)
{
    if (s->n_served == s->served_capacity) {
        size_t capacity = s->served_capacity ? s->served_capacity * 2 : 16;
        weir_kafka_served *grown = weir_realloc(s->served, capacity * sizeof *grown);
        if (!grown) {
            return false;
        }
        s->served = grown;
        s->served_capacity = capacity;
    }
    rd_kafka_queue_t *queue = weir_kafka_queues_take(&s->queues, s->rk, topic, number);
    weir_partition *p =
        queue ? s->events->assigned(s->engine, weir_view_of(topic), number, start) : NULL;
    if (!p) {
        return false;
    }
    rd_kafka_queue_cb_event_enable(queue, weir_kafka_on_queue, s);
    s->served[s->n_served++] = (weir_kafka_served){p, queue, start, 0};
    return true;
}

static void weir_kafka_let_partitions_go(weir_kafka_live_source *s, bool lost)
{
    size_t n = s->n_served;
    weir_partition **partitions = weir_alloc(n * sizeof(weir_partition *));
    s->n_served = 0; /* nothing is delivered from here on */
    for (size_t i = 0; i < n; i++) {
        rd_kafka_queue_cb_event_enable(s->served[i].queue, NULL, NULL);
        if (partitions) {
            partitions[i] = s->served[i].partition;
        } else {
            s->events->revoked(s->engine, &s->served[i].partition, 1, lost);
        }
    }
    if (partitions && n) {
        s->events->revoked(s->engine, partitions, n, lost);
    }
    weir_free(partitions);
}

void weir_kafka_fail_assign(weir_kafka_live_source *s, rd_kafka_error_t *error)
{
    if (error) {
        weir_kafka_fail(&s->failure, rd_kafka_error_code(error), "assigning partitions");
        rd_kafka_error_destroy(error);
    }
}

void weir_kafka_forget_given(weir_kafka_live_source *s)
{
    if (s->given) {
        rd_kafka_topic_partition_list_destroy(s->given);
        s->given = NULL;
    }
}

/* Nothing begins before it is known where: auto.offset.reset is `error`, and librdkafka, asked to
 * find out, leaves a partition alone for ever behind an answer like NOT_COORDINATOR. */
void weir_kafka_assign_given(weir_kafka_live_source *s)
{
    weir_error err;
    if (weir_kafka_ask_committed(s->rk, s->given, &err)) {
        s->events->error(s->engine, &err);
        s->ask_ms = weir_monotonic_ms() + WEIR_KAFKA_ASK_AGAIN_MS;
        return;
    }
    atomic_store(&s->connected, true);
    for (int i = 0; i < s->given->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = &s->given->elems[i];
        if (!weir_kafka_serve(s, tp->topic, tp->partition, tp->offset < 0 ? -1 : tp->offset)) {
            weir_fail_oom(&s->failure);
            return;
        }
        if (tp->offset >= 0 && tp->metadata_size && s->events->resume) {
            weir_view said = {tp->metadata, tp->metadata_size};
            s->events->resume(s->engine, s->served[s->n_served - 1].partition, said);
        }
    }
    weir_kafka_remember_membership(s, rd_kafka_consumer_group_metadata(s->rk));
    atomic_store(&s->out_since_ms, 0);
    atomic_store(&s->joined, true);
    s->look_ms = 0; /* partitions may have been added, which is why it was given some */
    weir_log_line(s->options.log, WEIR_LOG_INFO, "kafka", "assigned %d partitions", s->given->cnt);
    rd_kafka_resp_err_t code = rd_kafka_assign(s->rk, s->given);
    if (code) {
        weir_kafka_fail(&s->failure, code, "assigning partitions");
    }
    weir_kafka_forget_given(s);
}

void weir_kafka_on_rebalance(
    rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list, void *opaque)
{
    weir_kafka_live_source *s = opaque;
    weir_kafka_forget_given(s);
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !s->closing) {
        s->given = rd_kafka_topic_partition_list_copy(list);
        weir_kafka_assign_given(s);
        return;
    }
    weir_kafka_let_partitions_go(s, rd_kafka_assignment_lost(rk));
    weir_kafka_remember_membership(s, NULL); /* what was drained was committed by it */
    atomic_store(&s->out_since_ms, weir_monotonic_ms());
    rd_kafka_assign(rk, NULL);
}
