/* All partitions of the topics, for who is in no group. See kafka_source.h. */
#include "kafka/kafka_source_inside.h"

enum { LOOK_FOR_TOPICS_MS = 2000, LOOK_FOR_PARTITIONS_MS = 30000 };

static weir_status missing_topic(
    weir_kafka_live_source *s, weir_kafka_known_topic *t, weir_error *err)
{
    if (!s->options.wait_for || !s->options.wait_for[t - s->topics]) {
        return weir_fail(err, WEIR_E_KAFKA_NO_TOPIC, "topic %s is not there", t->name);
    }
    if (!t->missing_logged) {
        weir_log_line(s->options.log, WEIR_LOG_WARN, "kafka",
            "topic %s is not there yet: waiting for it", t->name);
        t->missing_logged = true;
    }
    return WEIR_OK;
}

/* Where reading of a partition begins; -1: at its first record. */
static weir_status start_of(weir_kafka_live_source *s, const weir_kafka_known_topic *t, int32_t p,
    int32_t n, int64_t *start, weir_error *err)
{
    *start = -1;
    weir_status st = s->options.start
                         ? s->options.start(s->options.ctx, weir_view_of(t->name), p, n, start, err)
                         : WEIR_OK;
    /* Partitions that were added later hold nothing that was there before. */
    return st || !s->options.from_end || t->n_partitions
               ? st
               : weir_kafka_ask_end(s->rk, t->name, p, start, err);
}

/* Serves the partitions of a topic up to `n` that are not served yet, adding them to the
 * assignment: all of them, or, where their starts are not known, none. */
static weir_status serve_topic(weir_kafka_live_source *s, weir_kafka_known_topic *t, int32_t n,
    rd_kafka_topic_partition_list_t *list, weir_error *err)
{
    int64_t *starts = weir_alloc((size_t)n * sizeof *starts);
    weir_status st = starts ? WEIR_OK : weir_fail_oom(err);
    for (int32_t p = t->n_partitions; p < n && !st; p++) {
        st = start_of(s, t, p, n, &starts[p], err);
    }
    for (int32_t p = t->n_partitions; p < n && !st; p++) {
        if (!weir_kafka_serve(s, t->name, p, starts[p])) {
            st = weir_fail_oom(err);
            break;
        }
        rd_kafka_topic_partition_list_add(list, t->name, p)->offset =
            starts[p] < 0 ? RD_KAFKA_OFFSET_BEGINNING : starts[p];
    }
    t->n_partitions = st ? t->n_partitions : n;
    weir_free(starts);
    return st;
}

static weir_status look_at_topic(weir_kafka_live_source *s, weir_kafka_known_topic *t,
    rd_kafka_topic_partition_list_t *added, weir_error *err)
{
    int32_t n;
    bool no_leader;
    weir_status st =
        weir_kafka_ask_partitions(s->rk, t->name, WEIR_KAFKA_ANSWER_MS, &n, &no_leader, err);
    if (st) {
        return st;
    }
    atomic_store(&s->connected, true);
    if (n == 0) {
        atomic_store(&t->missing, !no_leader);
        return t->n_partitions ? WEIR_OK : missing_topic(s, t, err);
    }
    if (t->n_partitions && n > t->n_partitions && !s->options.may_grow) {
        return weir_fail(err, WEIR_E_KAFKA_PARTITIONS_ADDED,
            "topic %s has %d partitions now, it had %d", t->name, (int)n, (int)t->n_partitions);
    }
    return n > t->n_partitions ? serve_topic(s, t, n, added, err) : WEIR_OK;
}

static bool all_known(const weir_kafka_live_source *s)
{
    for (size_t i = 0; i < s->options.n_topics; i++) {
        if (!s->topics[i].n_partitions) {
            return false;
        }
    }
    return true;
}

/* Looks for topics that are not there yet, and for partitions that were added. */
weir_status weir_kafka_look_at_topics(weir_kafka_live_source *s, weir_error *err)
{
    rd_kafka_topic_partition_list_t *added =
        rd_kafka_topic_partition_list_new((int)s->options.n_topics);
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < s->options.n_topics && !st; i++) {
        st = look_at_topic(s, &s->topics[i], added, err);
    }
    if (added->cnt) { /* also where a later topic could not be asked for */
        weir_kafka_fail_assign(s, rd_kafka_incremental_assign(s->rk, added));
    }
    rd_kafka_topic_partition_list_destroy(added);
    s->look_ms = weir_monotonic_ms() + (all_known(s) ? LOOK_FOR_PARTITIONS_MS : LOOK_FOR_TOPICS_MS);
    if (st == WEIR_HOLD) {
        s->events->error(s->engine, err);
        return WEIR_OK;
    }
    return st;
}

/* A member of a group is given what it is to read, and tells how many partitions there are. One
 * that cannot be asked for is asked again. */
weir_status weir_kafka_tell_partitions(weir_kafka_live_source *s, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < s->options.n_topics && !st; i++) {
        const char *topic = s->options.topics[i];
        int32_t n = 0;
        bool no_leader;
        st = weir_kafka_ask_partitions(s->rk, topic, WEIR_KAFKA_ANSWER_MS, &n, &no_leader, err);
        if (!st && n > 0) {
            st = s->options.counted(s->options.ctx, weir_view_of(topic), n, err);
        }
    }
    s->look_ms =
        weir_monotonic_ms() + (st == WEIR_HOLD ? LOOK_FOR_TOPICS_MS : LOOK_FOR_PARTITIONS_MS);
    if (st == WEIR_HOLD) {
        s->events->error(s->engine, err);
        return WEIR_OK;
    }
    return st;
}
