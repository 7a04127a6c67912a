/* Kafka as a source. See kafka_source.h.
 *
 * Invariants
 *  1. `served` has exactly the partitions that are assigned now; each with its own queue, which
 *     `queues` keeps.
 *  2. Records of a partition are delivered only while it is in `served`.
 *  3. librdkafka's threads only signal: all state is the poll thread's. */
#include "kafka/kafka_source.h"

#include <pthread.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "engine/engine.h"
#include "engine/run.h"
#include "kafka/kafka_ask.h"
#include "kafka/kafka_bounded.h"
#include "kafka/kafka_client.h"
#include "kafka/kafka_commit.h"
#include "kafka/kafka_fetch.h"
#include "kafka/kafka_membership.h"
#include "kafka/kafka_queues.h"
#include "kafka/kafka_record.h"

enum {
    BATCH = 1000,
    ASK_AGAIN_MS = 200,
    ANSWER_MS = 5000,
    SIZE_UP_MS = 1000, /* asked again and again: a stop is heard in between */
    LOOK_FOR_TOPICS_MS = 2000,
    LOOK_FOR_PARTITIONS_MS = 30000
};

typedef struct served_partition {
    weir_partition *partition;
    rd_kafka_queue_t *queue; /* borrowed */
    int64_t next;            /* to be delivered; -1: the first record there is */
    int64_t doubt_ms; /* librdkafka has stopped: when to ask if `next` is there; 0: it reads */
} served_partition;

typedef struct known_topic {
    char *name;
    int32_t n_partitions; /* 0: not there yet */
    bool missing_logged;
    atomic_bool missing; /* the broker says so */
} known_topic;

typedef struct kafka_source {
    weir_kafka_source_options options;
    rd_kafka_t *rk;
    rd_kafka_queue_t *events_queue; /* rebalances, errors, answers */
    weir_kafka_queues queues;
    known_topic *topics;
    served_partition *served;
    size_t n_served, served_capacity, first; /* first: served first in this round */
    rd_kafka_topic_partition_list_t *given;  /* by the group, not assigned yet; NULL: none */
    int64_t look_ms, ask_ms;
    size_t queue_bytes; /* of each partition, as the client is made */
    bool sized_up;      /* the client is made for as many partitions as there are */
    bool left_behind;   /* an earlier client goes on, and has the source's address */
    rd_kafka_message_t *messages[BATCH];

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
    atomic_llong out_since_ms; /* of a group: without an assignment; 0: it has one */
    pthread_mutex_t log_lock;  /* guards options.log on librdkafka's threads */
    atomic_bool connected;
} kafka_source;

/* ---- Waking ---- */

static void wake(kafka_source *s)
{
    pthread_mutex_lock(&s->lock);
    s->signal = true;
    pthread_cond_signal(&s->signalled);
    pthread_mutex_unlock(&s->lock);
}

/* A queue of librdkafka's is no longer empty. On its threads. */
static void on_queue(rd_kafka_t *rk, void *opaque)
{
    (void)rk;
    wake(opaque);
}

static void kafka_wake(void *self)
{
    wake(self);
}

static void wait_for_signal(kafka_source *s, int timeout_ms)
{
    struct timespec until = weir_in_ms(timeout_ms);
    pthread_mutex_lock(&s->lock);
    while (!s->signal && pthread_cond_timedwait(&s->signalled, &s->lock, &until) == 0) {
    }
    s->signal = false;
    pthread_mutex_unlock(&s->lock);
}

/* ---- Serving partitions ---- */

static bool serve(kafka_source *s, const char *topic, int32_t number, int64_t start)
{
    if (s->n_served == s->served_capacity) {
        size_t capacity = s->served_capacity ? s->served_capacity * 2 : 16;
        served_partition *grown = weir_realloc(s->served, capacity * sizeof *grown);
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
    rd_kafka_queue_cb_event_enable(queue, on_queue, s);
    s->served[s->n_served++] = (served_partition){p, queue, start, 0};
    return true;
}

static void let_go(kafka_source *s, bool lost)
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

static void fail_assign(kafka_source *s, rd_kafka_error_t *error)
{
    if (error) {
        weir_kafka_fail(&s->failure, rd_kafka_error_code(error), "assigning partitions");
        rd_kafka_error_destroy(error);
    }
}

/* Is this a topic that need not be there yet? A group hears so of each one it has subscribed to. */
static bool waits_for(const kafka_source *s, const rd_kafka_message_t *m)
{
    bool unknown = m->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                   m->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    for (size_t i = 0; unknown && m->rkt && s->options.wait_for && i < s->options.n_topics; i++) {
        if (strcmp(s->topics[i].name, rd_kafka_topic_name(m->rkt)) == 0) {
            return s->options.wait_for[i];
        }
    }
    return false;
}

/* Whoever takes the same instance's place puts this one out. */
static weir_status explain_fatal(rd_kafka_t *rk, weir_error *err)
{
    char text[200];
    bool fenced =
        rd_kafka_fatal_error(rk, text, sizeof text) == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    return weir_fail(err, fenced ? WEIR_E_KAFKA_FENCED : WEIR_E_KAFKA_FATAL, "%s", text);
}

/* What librdkafka says of one of its partitions or topics, or of none. */
static void report_message(kafka_source *s, const rd_kafka_message_t *m)
{
    weir_error err;
    if (m->err == RD_KAFKA_RESP_ERR__FATAL) {
        (void)explain_fatal(s->rk, &err);
    } else {
        weir_kafka_fail(&err, m->err, "%s", rd_kafka_message_errstr(m));
    }
    if (m->rkt) {
        weir_kafka_at(&err, rd_kafka_topic_name(m->rkt), m->partition, m->offset);
    }
    if (waits_for(s, m)) {
        err.status = WEIR_HOLD;
    }
    s->events->error(s->engine, &err);
}

static void forget_given(kafka_source *s)
{
    if (s->given) {
        rd_kafka_topic_partition_list_destroy(s->given);
        s->given = NULL;
    }
}

static void remember_membership(kafka_source *s, rd_kafka_consumer_group_metadata_t *now)
{
    pthread_mutex_lock(&s->lock);
    rd_kafka_consumer_group_metadata_t *before = s->membership;
    s->membership = now;
    pthread_mutex_unlock(&s->lock);
    if (before) {
        rd_kafka_consumer_group_metadata_destroy(before);
    }
}

/* Nothing begins before it is known where: auto.offset.reset is `error`, and librdkafka, asked to
 * find out, leaves a partition alone for ever behind an answer like NOT_COORDINATOR. */
static void assign_given(kafka_source *s)
{
    weir_error err;
    if (weir_kafka_ask_committed(s->rk, s->given, &err)) {
        s->events->error(s->engine, &err);
        s->ask_ms = weir_monotonic_ms() + ASK_AGAIN_MS;
        return;
    }
    atomic_store(&s->connected, true);
    for (int i = 0; i < s->given->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = &s->given->elems[i];
        if (!serve(s, tp->topic, tp->partition, tp->offset < 0 ? -1 : tp->offset)) {
            weir_fail_oom(&s->failure);
            return;
        }
        if (tp->offset >= 0 && tp->metadata_size && s->events->resume) {
            weir_view said = {tp->metadata, tp->metadata_size};
            s->events->resume(s->engine, s->served[s->n_served - 1].partition, said);
        }
    }
    remember_membership(s, rd_kafka_consumer_group_metadata(s->rk));
    atomic_store(&s->out_since_ms, 0);
    s->look_ms = 0; /* partitions may have been added, which is why it was given some */
    weir_log_line(s->options.log, WEIR_LOG_INFO, "kafka", "assigned %d partitions", s->given->cnt);
    rd_kafka_resp_err_t code = rd_kafka_assign(s->rk, s->given);
    if (code) {
        weir_kafka_fail(&s->failure, code, "assigning partitions");
    }
    forget_given(s);
}

/* Called inside rd_kafka_consumer_poll, so on the poll thread. Eager: all at once. */
static void on_rebalance(
    rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list, void *opaque)
{
    kafka_source *s = opaque;
    forget_given(s);
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !s->closing) {
        s->given = rd_kafka_topic_partition_list_copy(list);
        assign_given(s);
        return;
    }
    let_go(s, rd_kafka_assignment_lost(rk));
    remember_membership(s, NULL); /* what was drained was committed by it */
    atomic_store(&s->out_since_ms, weir_monotonic_ms());
    rd_kafka_assign(rk, NULL);
}

/* ---- All partitions of the topics ---- */

static weir_status missing_topic(kafka_source *s, known_topic *t, weir_error *err)
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
static weir_status start_of(
    kafka_source *s, const known_topic *t, int32_t p, int32_t n, int64_t *start, weir_error *err)
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
static weir_status serve_topic(kafka_source *s, known_topic *t, int32_t n,
    rd_kafka_topic_partition_list_t *list, weir_error *err)
{
    int64_t *starts = weir_alloc((size_t)n * sizeof *starts);
    weir_status st = starts ? WEIR_OK : weir_fail_oom(err);
    for (int32_t p = t->n_partitions; p < n && !st; p++) {
        st = start_of(s, t, p, n, &starts[p], err);
    }
    for (int32_t p = t->n_partitions; p < n && !st; p++) {
        if (!serve(s, t->name, p, starts[p])) {
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

static weir_status look_at_topic(
    kafka_source *s, known_topic *t, rd_kafka_topic_partition_list_t *added, weir_error *err)
{
    int32_t n;
    bool no_leader;
    weir_status st = weir_kafka_ask_partitions(s->rk, t->name, ANSWER_MS, &n, &no_leader, err);
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

static bool all_known(const kafka_source *s)
{
    for (size_t i = 0; i < s->options.n_topics; i++) {
        if (!s->topics[i].n_partitions) {
            return false;
        }
    }
    return true;
}

/* Looks for topics that are not there yet, and for partitions that were added. */
static weir_status look_at_topics(kafka_source *s, weir_error *err)
{
    rd_kafka_topic_partition_list_t *added =
        rd_kafka_topic_partition_list_new((int)s->options.n_topics);
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < s->options.n_topics && !st; i++) {
        st = look_at_topic(s, &s->topics[i], added, err);
    }
    if (added->cnt) { /* also where a later topic could not be asked for */
        fail_assign(s, rd_kafka_incremental_assign(s->rk, added));
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
static weir_status tell_partitions(kafka_source *s, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < s->options.n_topics && !st; i++) {
        const char *topic = s->options.topics[i];
        int32_t n = 0;
        bool no_leader;
        st = weir_kafka_ask_partitions(s->rk, topic, ANSWER_MS, &n, &no_leader, err);
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

/* ---- Partitions that librdkafka has stopped reading ----
 * It says that an offset is gone, which need not be so (weir_kafka_ask_range).
 */

static void doubt(served_partition *sp)
{
    sp->doubt_ms = weir_monotonic_ms() + ASK_AGAIN_MS;
}

/* The one to ask for now, or NULL: that in doubt for longest, so that one of which nobody can tell
 * does not keep back the others. */
static served_partition *in_doubt(kafka_source *s)
{
    served_partition *oldest = NULL;
    for (size_t i = 0; i < s->n_served; i++) {
        served_partition *sp = &s->served[i];
        if (sp->doubt_ms && (!oldest || sp->doubt_ms < oldest->doubt_ms)) {
            oldest = sp;
        }
    }
    return oldest && weir_monotonic_ms() >= oldest->doubt_ms ? oldest : NULL;
}

/* Reads all that are served from where they are: to take out a single one and put it in again is
 * not allowed in a group with eager rebalances. */
static void read_again(kafka_source *s)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)s->n_served);
    for (size_t i = 0; i < s->n_served; i++) {
        served_partition *sp = &s->served[i];
        rd_kafka_topic_partition_list_add(list, sp->partition->topic, sp->partition->number)
            ->offset = sp->next < 0 ? RD_KAFKA_OFFSET_BEGINNING : sp->next;
        sp->doubt_ms = 0; /* of others in doubt it will be said again */
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(s->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code) {
        weir_kafka_fail(&s->failure, code, "assigning partitions");
    }
}

/* One at a time, since the answer is waited for. */
static void settle_doubt(kafka_source *s)
{
    served_partition *sp = in_doubt(s);
    if (!sp) {
        return;
    }
    const weir_partition *p = sp->partition;
    weir_error err;
    if (weir_kafka_ask_range(s->rk, p->topic, p->number, sp->next, &err)) {
        doubt(sp);
    } else {
        weir_fail(&err, WEIR_E_KAFKA_UNREACHABLE,
            "the broker did not give an offset that is there; it is read again");
        weir_kafka_at(&err, p->topic, p->number, sp->next);
        read_again(s);
    }
    s->events->error(s->engine, &err);
}

/* ---- Polling ---- */

static weir_status size_up(kafka_source *s, weir_error *err);

static void deliver(kafka_source *s, served_partition *sp, rd_kafka_message_t *m)
{
    weir_partition *p = sp->partition;
    weir_raw_record raw = weir_kafka_record(m, weir_view_of(p->topic));
    sp->next = m->offset + 1;
    s->events->record(s->engine, p, &raw, m);
}

/* An error, or the end, which has come in the place of a record. */
static void take_notice(kafka_source *s, served_partition *sp, const rd_kafka_message_t *m)
{
    switch (m->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        s->events->end(s->engine, sp->partition, m->offset);
        break;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        doubt(sp);
        break;
    default:
        report_message(s, m);
    }
}

static unsigned serve_queue(kafka_source *s, served_partition *sp, unsigned max)
{
    unsigned room = weir_partition_room(s->engine, sp->partition);
    max = room < max ? room : max;
    max = max < BATCH ? max : BATCH;
    ssize_t n = max ? rd_kafka_consume_batch_queue(sp->queue, 0, s->messages, max) : 0;
    for (ssize_t i = 0; i < n; i++) {
        rd_kafka_message_t *m = s->messages[i];
        if (!m->err) {
            deliver(s, sp, m);
            continue;
        }
        take_notice(s, sp, m);
        rd_kafka_message_destroy(m);
    }
    return n > 0 ? (unsigned)n : 0;
}

/* Rebalances, errors and answers. */
static void serve_events(kafka_source *s)
{
    for (int i = 0; i < 100; i++) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(s->rk, 0);
        if (!m) {
            return;
        }
        if (m->err && m->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            report_message(s, m);
        }
        rd_kafka_message_destroy(m);
    }
}

static unsigned serve_all(kafka_source *s, unsigned max_records)
{
    unsigned delivered = 0;
    for (size_t i = 0; i < s->n_served && delivered < max_records; i++) {
        served_partition *sp = &s->served[(s->first + i) % s->n_served];
        delivered += serve_queue(s, sp, max_records - delivered);
    }
    s->first++;
    s->nudge.due |= delivered > 0;
    return delivered;
}

static weir_status kafka_poll(void *self, const weir_source_events *events, void *engine,
    unsigned max_records, int timeout_ms, weir_error *err)
{
    kafka_source *s = self;
    s->events = events;
    s->engine = engine;
    serve_events(s);
    if (!s->sized_up) {
        weir_status st = size_up(s, err);
        if (st || !s->sized_up) {
            return st;
        }
    }
    if (s->given && weir_monotonic_ms() >= s->ask_ms) {
        assign_given(s);
    }
    settle_doubt(s);
    bool looks = !s->options.group || (s->options.counted && s->n_served);
    if (looks && weir_monotonic_ms() >= s->look_ms) {
        weir_status st = s->options.group ? tell_partitions(s, err) : look_at_topics(s, err);
        if (st) {
            return st;
        }
    }
    if (!serve_all(s, max_records) && timeout_ms) {
        int nudge_ms = weir_kafka_give_nudge(&s->nudge, s->rk, weir_monotonic_ms());
        wait_for_signal(s, nudge_ms >= 0 && nudge_ms < timeout_ms ? nudge_ms : timeout_ms);
        serve_events(s);
        serve_all(s, max_records);
    }
    weir_kafka_give_nudge(&s->nudge, s->rk, weir_monotonic_ms());
    if (s->failure.status) {
        *err = s->failure;
        return s->failure.status;
    }
    return WEIR_OK;
}

/* ---- Committing ---- */

static void on_commit(
    rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list, void *opaque)
{
    kafka_source *s = opaque;
    (void)rk;
    for (int i = 0; !s->closing && list && i < list->cnt; i++) {
        if (!code && !list->elems[i].err) {
            s->events->committed(
                s->engine, list->elems[i].topic, list->elems[i].partition, list->elems[i].offset);
        }
    }
    weir_kafka_commit_answered(&s->commits, code, list, s->options.log);
}

static weir_status kafka_commit(
    void *self, const weir_offset *offsets, size_t n, bool wait, weir_error *err)
{
    kafka_source *s = self;
    return weir_kafka_commit(&s->commits, s->rk, offsets, n, wait, err);
}

/* ---- The rest of the port ---- */

static void kafka_release(void *self, void *message)
{
    (void)self;
    rd_kafka_message_destroy(message);
}

static int64_t kafka_end_offset(void *self, const weir_partition *p)
{
    kafka_source *s = self;
    int64_t low, high;
    rd_kafka_resp_err_t code =
        rd_kafka_get_watermark_offsets(s->rk, p->topic, p->number, &low, &high);
    return code ? -1 : high;
}

static bool kafka_finished(void *self)
{
    (void)self;
    return false;
}

/* False: librdkafka goes on, and has the source's address. */
static bool close_client(kafka_source *s)
{
    for (size_t i = 0; i < s->n_served; i++) {
        rd_kafka_queue_cb_event_enable(s->served[i].queue, NULL, NULL);
    }
    s->n_served = 0;
    if (s->events_queue) {
        rd_kafka_queue_cb_event_enable(s->events_queue, NULL, NULL);
        rd_kafka_queue_destroy(s->events_queue);
    }
    bool closed = !s->rk || weir_kafka_close_within(s->rk, &s->queues, ANSWER_MS);
    s->rk = NULL;
    s->events_queue = NULL;
    forget_given(s);
    if (!closed) {
        weir_log_line(s->options.log, WEIR_LOG_WARN, "kafka",
            "librdkafka does not come to an end; what it holds is left to the end of the process");
        pthread_mutex_lock(&s->log_lock);
        s->options.log = NULL;
        pthread_mutex_unlock(&s->log_lock);
    }
    return closed;
}

static void kafka_close(void *self)
{
    kafka_source *s = self;
    s->closing = true;
    bool closed = close_client(s) && !s->left_behind;
    remember_membership(s, NULL);
    for (size_t i = 0; s->topics && i < s->options.n_topics; i++) {
        weir_free(s->topics[i].name);
    }
    weir_free(s->topics);
    weir_free(s->served);
    if (!closed) {
        return;
    }
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->log_lock);
    pthread_cond_destroy(&s->signalled);
    weir_free(s);
}

static const weir_source_ops kafka_ops = {
    .type = "kafka",
    .poll = kafka_poll,
    .commit = kafka_commit,
    .release = kafka_release,
    .wake = kafka_wake,
    .end_offset = kafka_end_offset,
    .finished = kafka_finished,
    .close = kafka_close,
};

bool weir_kafka_source_misses(const weir_record_source *source, size_t topic)
{
    return source->ops == &kafka_ops &&
           atomic_load(&((kafka_source *)source->self)->topics[topic].missing);
}

bool weir_kafka_source_out(const weir_record_source *source, int64_t *out_ms)
{
    if (source->ops != &kafka_ops || !((kafka_source *)source->self)->options.group) {
        *out_ms = 0;
        return false;
    }
    int64_t since_ms = atomic_load(&((kafka_source *)source->self)->out_since_ms);
    *out_ms = since_ms ? weir_monotonic_ms() - since_ms : 0;
    return true;
}

/* ---- For transactions ---- */

rd_kafka_consumer_group_metadata_t *weir_kafka_source_membership(const weir_record_source *source)
{
    kafka_source *s = source->self;
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
    kafka_source *s = source->self;
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

/* ---- Opening ---- */

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    kafka_source *s = rd_kafka_opaque(rk);
    if (s) {
        pthread_mutex_lock(&s->log_lock);
        weir_kafka_log(s->options.log, level, facility, text);
        pthread_mutex_unlock(&s->log_lock);
    }
}

/* Inside consumer_poll. Informational but for fatal ones: librdkafka goes on trying. */
static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    kafka_source *s = opaque;
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        (void)explain_fatal(rk, &s->failure);
    } else if (s->events && !s->closing) {
        weir_error err;
        weir_status st = weir_kafka_fail(&err, (rd_kafka_resp_err_t)code, "%s", reason);
        /* Credentials that worked before may be rotated right now; at the start they are just
         * wrong. */
        if (st == WEIR_FATAL && atomic_load(&s->connected)) {
            err.status = WEIR_HOLD;
        }
        s->events->error(s->engine, &err);
    }
}

static weir_status subscribe(kafka_source *s, weir_error *err)
{
    const weir_kafka_source_options *o = &s->options;
    if (!o->group) {
        return WEIR_OK;
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)o->n_topics);
    for (size_t i = 0; i < o->n_topics; i++) {
        rd_kafka_topic_partition_list_add(list, o->topics[i], RD_KAFKA_PARTITION_UA);
    }
    rd_kafka_resp_err_t code = rd_kafka_subscribe(s->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? weir_kafka_fail(err, code, "subscribing") : WEIR_OK;
}

static weir_status name_topics(kafka_source *s, weir_error *err)
{
    s->topics = weir_calloc(s->options.n_topics, sizeof *s->topics);
    for (size_t i = 0; s->topics && i < s->options.n_topics; i++) {
        s->topics[i].name = weir_strdup(s->options.topics[i]);
        if (!s->topics[i].name) {
            return weir_fail_oom(err);
        }
    }
    return s->topics ? WEIR_OK : weir_fail_oom(err);
}

static weir_status start_client(kafka_source *s, weir_error *err)
{
    rd_kafka_conf_t *conf;
    char why[256];
    weir_status st = weir_kafka_consumer_conf(&s->options, s->queue_bytes, &s->nudge, &conf, err);
    if (st) {
        return st;
    }
    rd_kafka_conf_set_opaque(conf, s);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_offset_commit_cb(conf, on_commit);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    s->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!s->rk) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_E_KAFKA_CONFIG, "%s", why);
    }
    rd_kafka_poll_set_consumer(s->rk);
    s->events_queue = rd_kafka_queue_get_consumer(s->rk);
    rd_kafka_queue_cb_event_enable(s->events_queue, on_queue, s);
    return WEIR_OK;
}

/* ---- Sizing up ---- */

/* All topics' partitions: as many as this process may have to read. HOLD: the broker does not say
 * now. */
static weir_status count_partitions(kafka_source *s, size_t *count, weir_error *err)
{
    weir_status st = WEIR_OK;
    *count = 0;
    for (size_t i = 0; i < s->options.n_topics && !st; i++) {
        int32_t n = 0;
        bool no_leader;
        st = weir_kafka_ask_partitions(s->rk, s->topics[i].name, SIZE_UP_MS, &n, &no_leader, err);
        *count += (size_t)n;
    }
    return st;
}

/* What each partition's queue may hold is a property of the client, and cannot be changed: it is
 * made anew where another share is right. It has done nothing yet. */
static weir_status make_for(kafka_source *s, size_t partitions, weir_error *err)
{
    size_t bytes = weir_kafka_queue_bytes(s->options.in_flight_bytes, partitions);
    if (bytes == s->queue_bytes) {
        return WEIR_OK;
    }
    if (!close_client(s)) {
        s->left_behind = true;
        return weir_fail(err, WEIR_E_KAFKA_UNREACHABLE, "librdkafka does not come to an end");
    }
    s->queue_bytes = bytes;
    return start_client(s, err);
}

static weir_status size_up(kafka_source *s, weir_error *err)
{
    size_t partitions;
    weir_status st = count_partitions(s, &partitions, err);
    if (st == WEIR_HOLD) {
        s->events->error(s->engine, err);
        return WEIR_OK;
    }
    st = st ? st : make_for(s, partitions, err);
    st = st ? st : subscribe(s, err);
    s->sized_up = !st;
    return st;
}

weir_status weir_kafka_source_open(
    const weir_kafka_source_options *options, weir_record_source *out, weir_error *err)
{
    kafka_source *s = weir_calloc(1, sizeof *s);
    if (!s) {
        return weir_fail_oom(err);
    }
    s->options = *options;
    atomic_init(&s->out_since_ms, weir_monotonic_ms());
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->log_lock, NULL);
    weir_cond_init(&s->signalled);
    s->queue_bytes = weir_kafka_queue_bytes(options->in_flight_bytes, 0);
    weir_status st = name_topics(s, err);
    st = st ? st : start_client(s, err);
    if (st) {
        kafka_close(s);
        return st;
    }
    *out = (weir_record_source){&kafka_ops, s};
    return WEIR_OK;
}
