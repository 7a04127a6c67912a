/* The membership of a source's group. See kafka_membership.h. */
#include "kafka/kafka_source_inside.h"

void weir_kafka_remember_membership(
    weir_kafka_live_source *s, rd_kafka_consumer_group_metadata_t *now)
{
    pthread_mutex_lock(&s->lock);
    rd_kafka_consumer_group_metadata_t *before = s->membership;
    s->membership = now;
    pthread_mutex_unlock(&s->lock);
    if (before) {
        rd_kafka_consumer_group_metadata_destroy(before);
    }
}

rd_kafka_consumer_group_metadata_t *weir_kafka_source_membership(const weir_record_source *source)
{
    weir_kafka_live_source *s = source->self;
    rd_kafka_consumer_group_metadata_t *copy = NULL;
    void *bytes;
    size_t size;
    pthread_mutex_lock(&s->lock);
    rd_kafka_error_t *error =
        s->membership ? rd_kafka_consumer_group_metadata_write(s->membership, &bytes, &size) : NULL;
    if (s->membership && !error) { /* there is no other way to copy it */
        error = rd_kafka_consumer_group_metadata_read(&copy, bytes, size);
        rd_kafka_mem_free(s->rk, bytes);
    }
    pthread_mutex_unlock(&s->lock);
    if (error) {
        rd_kafka_error_destroy(error);
        return NULL;
    }
    return copy;
}

static bool is_same(const rd_kafka_topic_partition_t *tp, const weir_offset *o)
{
    return tp->offset == o->next && tp->metadata_size == o->metadata.len &&
           (!o->metadata.len || memcmp(tp->metadata, o->metadata.ptr, o->metadata.len) == 0);
}

weir_status weir_kafka_source_has_committed(const weir_record_source *source,
    const weir_offset *offsets, size_t n, bool *has, weir_error *err)
{
    weir_kafka_live_source *s = source->self;
    rd_kafka_topic_partition_list_t *list = weir_kafka_offsets(offsets, n, false);
    if (!list) {
        return weir_fail_oom(err);
    }
    weir_status st = weir_kafka_ask_committed(s->rk, list, err);
    *has = !st && n > 0;
    for (size_t i = 0; i < n && *has; i++) {
        *has = is_same(&list->elems[i], &offsets[i]);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return st;
}
