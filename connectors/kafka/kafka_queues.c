/* The partitions' own queues. See kafka_queues.h. */
#include "kafka/kafka_queues.h"

#include <string.h>

#include "base/alloc.h"

typedef struct weir_kafka_kept_queue {
    char *topic;
    int32_t number;
    rd_kafka_queue_t *queue;
} kept_queue;

static void empty(rd_kafka_queue_t *queue)
{
    rd_kafka_message_t *m;
    while ((m = rd_kafka_consume_queue(queue, 0))) {
        rd_kafka_message_destroy(m);
    }
}

static void let_go(rd_kafka_queue_t *queue)
{
    rd_kafka_queue_cb_event_enable(queue, NULL, NULL);
    rd_kafka_queue_destroy(queue);
}

static kept_queue *find(const weir_kafka_queues *q, const char *topic, int32_t number)
{
    for (size_t i = 0; i < q->n; i++) {
        if (q->kept[i].number == number && strcmp(q->kept[i].topic, topic) == 0) {
            return &q->kept[i];
        }
    }
    return NULL;
}

/* A place without a queue. */
static kept_queue *add(weir_kafka_queues *q, const char *topic, int32_t number)
{
    if (q->n == q->capacity) {
        size_t capacity = q->capacity ? q->capacity * 2 : 16;
        kept_queue *grown = weir_realloc(q->kept, capacity * sizeof *grown);
        if (!grown) {
            return NULL;
        }
        q->kept = grown;
        q->capacity = capacity;
    }
    char *name = weir_strdup(topic);
    if (!name) {
        return NULL;
    }
    q->kept[q->n] = (kept_queue){.topic = name, .number = number};
    return &q->kept[q->n++];
}

rd_kafka_queue_t *weir_kafka_queues_take(
    weir_kafka_queues *q, rd_kafka_t *rk, const char *topic, int32_t number)
{
    kept_queue *kept = find(q, topic, number);
    kept = kept ? kept : add(q, topic, number);
    rd_kafka_queue_t *queue = kept ? rd_kafka_queue_get_partition(rk, topic, number) : NULL;
    if (!queue) {
        return NULL;
    }
    if (kept->queue) {
        empty(kept->queue); /* of a topic that was made again, it is another one */
        let_go(kept->queue);
    }
    kept->queue = queue;
    rd_kafka_queue_forward(queue, NULL);
    return queue;
}

void weir_kafka_queues_empty(weir_kafka_queues *q)
{
    for (size_t i = 0; i < q->n; i++) {
        if (q->kept[i].queue) {
            empty(q->kept[i].queue);
        }
    }
}

void weir_kafka_queues_fini(weir_kafka_queues *q)
{
    for (size_t i = 0; i < q->n; i++) {
        if (q->kept[i].queue) {
            let_go(q->kept[i].queue);
        }
        weir_free(q->kept[i].topic);
    }
    weir_free(q->kept);
    *q = (weir_kafka_queues){0};
}
