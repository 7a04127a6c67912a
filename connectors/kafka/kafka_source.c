/* Kafka as a source. See kafka_source.h.
 *
 * Invariants
 *  1. `served` has exactly the partitions that are assigned now; each with its own queue, which
 *     `queues` keeps.
 *  2. Records of a partition are delivered only while it is in `served`.
 *  3. librdkafka's threads only signal: all state is the poll thread's. */
#include "kafka/kafka_source.h"

#include "kafka/kafka_bounded.h"
#include "kafka/kafka_record.h"
#include "kafka/kafka_source_inside.h"

enum {
    SIZE_UP_MS = 1000, /* asked again and again: a stop is heard in between */
    NOT_THERE_YET = 4, /* partitions that a topic is likely to have when it comes */
};

/* ---- Waking ---- */

static void wake(weir_kafka_live_source *s)
{
    pthread_mutex_lock(&s->lock);
    s->signal = true;
    pthread_cond_signal(&s->signalled);
    pthread_mutex_unlock(&s->lock);
}

void weir_kafka_on_queue(rd_kafka_t *rk, void *opaque)
{
    (void)rk;
    wake(opaque);
}

static void kafka_wake(void *self)
{
    wake(self);
}

static void wait_for_signal(weir_kafka_live_source *s, int timeout_ms)
{
    struct timespec until = weir_in_ms(timeout_ms);
    pthread_mutex_lock(&s->lock);
    while (!s->signal && pthread_cond_timedwait(&s->signalled, &s->lock, &until) == 0) {
    }
    s->signal = false;
    pthread_mutex_unlock(&s->lock);
}

/* ---- What librdkafka says ---- */

/* Is this a topic that need not be there yet? A group hears so of each one it has subscribed to. */
static bool waits_for(const weir_kafka_live_source *s, const rd_kafka_message_t *m)
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
static void report_message(weir_kafka_live_source *s, const rd_kafka_message_t *m)
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

/* ---- Polling ---- */

static weir_status size_up(weir_kafka_live_source *s, weir_error *err);

static void deliver(weir_kafka_live_source *s, weir_kafka_served *sp, rd_kafka_message_t *m)
{
    weir_partition *p = sp->partition;
    weir_raw_record raw = weir_kafka_record(m, weir_view_of(p->topic));
    sp->next = m->offset + 1;
    s->events->record(s->engine, p, &raw, m);
}

/* An error, or the end, which has come in the place of a record. */
static void take_notice(
    weir_kafka_live_source *s, weir_kafka_served *sp, const rd_kafka_message_t *m)
{
    switch (m->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        s->events->end(s->engine, sp->partition, m->offset);
        break;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        if (weir_kafka_tells_truncation(rd_kafka_message_errstr(m))) {
            report_message(s, m);
        } else {
            weir_kafka_doubt(sp);
        }
        break;
    default:
        report_message(s, m);
    }
}

static unsigned serve_queue(weir_kafka_live_source *s, weir_kafka_served *sp, unsigned max)
{
    unsigned room = weir_partition_room(s->engine, sp->partition);
    max = room < max ? room : max;
    max = max < WEIR_KAFKA_BATCH ? max : WEIR_KAFKA_BATCH;
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
static void serve_events(weir_kafka_live_source *s)
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

static unsigned serve_all(weir_kafka_live_source *s, unsigned max_records)
{
    unsigned delivered = 0;
    for (size_t i = 0; i < s->n_served && delivered < max_records; i++) {
        weir_kafka_served *sp = &s->served[(s->first + i) % s->n_served];
        delivered += serve_queue(s, sp, max_records - delivered);
    }
    s->first++;
    s->nudge.due |= delivered > 0;
    return delivered;
}

/* The answer to a commit that was not waited for. */
static void hear_commit(weir_kafka_live_source *s)
{
    rd_kafka_event_t *answer = weir_kafka_commits_answer(&s->commits);
    if (!answer) {
        return;
    }
    rd_kafka_resp_err_t code = rd_kafka_event_error(answer);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(answer);
    for (int i = 0; list && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = &list->elems[i];
        if (!code && !tp->err) {
            s->events->committed(s->engine, tp->topic, tp->partition, tp->offset);
        }
    }
    weir_kafka_commit_answered(&s->commits, code, list, s->options.log);
    rd_kafka_event_destroy(answer);
}

static weir_status kafka_poll(void *self, const weir_source_events *events, void *engine,
    unsigned max_records, int timeout_ms, weir_error *err)
{
    weir_kafka_live_source *s = self;
    s->events = events;
    s->engine = engine;
    serve_events(s);
    hear_commit(s);
    if (!s->sized_up) {
        weir_status st = size_up(s, err);
        if (st || !s->sized_up) {
            return st;
        }
    }
    if (s->given && weir_monotonic_ms() >= s->ask_ms) {
        weir_kafka_assign_given(s);
    }
    weir_kafka_settle_doubt(s);
    weir_kafka_probe(s);
    bool looks = !s->options.group || (s->options.counted && s->n_served);
    if (looks && weir_monotonic_ms() >= s->look_ms) {
        weir_status st = s->options.group ? weir_kafka_tell_partitions(s, err)
                                          : weir_kafka_look_at_topics(s, err);
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

static weir_status kafka_commit(
    void *self, const weir_offset *offsets, size_t n, bool wait, weir_error *err)
{
    weir_kafka_live_source *s = self;
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
    weir_kafka_live_source *s = self;
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
static bool close_client(weir_kafka_live_source *s)
{
    for (size_t i = 0; i < s->n_served; i++) {
        rd_kafka_queue_cb_event_enable(s->served[i].queue, NULL, NULL);
    }
    s->n_served = 0;
    if (s->events_queue) {
        rd_kafka_queue_cb_event_enable(s->events_queue, NULL, NULL);
        rd_kafka_queue_destroy(s->events_queue);
    }
    weir_kafka_commits_fini(&s->commits);
    bool closed = !s->rk || weir_kafka_close_within(s->rk, &s->queues, WEIR_KAFKA_ANSWER_MS);
    s->rk = NULL;
    s->events_queue = NULL;
    weir_kafka_forget_given(s);
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
    weir_kafka_live_source *s = self;
    s->closing = true;
    bool closed = close_client(s) && !s->left_behind;
    weir_kafka_remember_membership(s, NULL);
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

weir_kafka_live_source *weir_kafka_live(const weir_record_source *source)
{
    return source->ops == &kafka_ops ? source->self : NULL;
}

bool weir_kafka_source_misses(const weir_record_source *source, size_t topic)
{
    weir_kafka_live_source *s = weir_kafka_live(source);
    return s && atomic_load(&s->topics[topic].missing);
}

bool weir_kafka_source_out(const weir_record_source *source, int64_t *out_ms)
{
    weir_kafka_live_source *s = weir_kafka_live(source);
    if (!s || !s->options.group) {
        *out_ms = 0;
        return false;
    }
    int64_t since_ms = atomic_load(&s->out_since_ms);
    *out_ms = since_ms ? weir_monotonic_ms() - since_ms : 0;
    return true;
}

bool weir_kafka_source_joined(const weir_record_source *source)
{
    int64_t out_ms;
    return !weir_kafka_source_out(source, &out_ms) || atomic_load(&weir_kafka_live(source)->joined);
}

/* ---- Opening ---- */

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    weir_kafka_live_source *s = rd_kafka_opaque(rk);
    if (s) {
        pthread_mutex_lock(&s->log_lock);
        weir_kafka_log(s->options.log, level, facility, text);
        pthread_mutex_unlock(&s->log_lock);
    }
}

/* Inside consumer_poll. Informational but for fatal ones: librdkafka goes on trying. */
static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    weir_kafka_live_source *s = opaque;
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
        if (strcmp(err.code, "KAFKA_UNREACHABLE") == 0) {
            weir_kafka_lost_connection(s);
        }
        s->events->error(s->engine, &err);
    }
}

static weir_status subscribe(weir_kafka_live_source *s, weir_error *err)
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

static weir_status name_topics(weir_kafka_live_source *s, weir_error *err)
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

static weir_status start_client(weir_kafka_live_source *s, weir_error *err)
{
    rd_kafka_conf_t *conf;
    char why[256];
    weir_status st = weir_kafka_consumer_conf(&s->options, s->queue_bytes, &s->nudge, &conf, err);
    if (st) {
        return st;
    }
    rd_kafka_conf_set_opaque(conf, s);
    rd_kafka_conf_set_rebalance_cb(conf, weir_kafka_on_rebalance);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    s->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!s->rk) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_E_KAFKA_CONFIG, "%s", why);
    }
    rd_kafka_poll_set_consumer(s->rk);
    s->events_queue = rd_kafka_queue_get_consumer(s->rk);
    rd_kafka_queue_cb_event_enable(s->events_queue, weir_kafka_on_queue, s);
    return WEIR_OK;
}

/* ---- Sizing up ---- */

/* All topics' partitions: as many as this process may have to read. HOLD: the broker does not say
 * now. */
static weir_status count_partitions(weir_kafka_live_source *s, size_t *count, weir_error *err)
{
    weir_status st = WEIR_OK;
    *count = 0;
    for (size_t i = 0; i < s->options.n_topics && !st; i++) {
        int32_t n = 0;
        bool no_leader;
        st = weir_kafka_ask_partitions(s->rk, s->topics[i].name, SIZE_UP_MS, &n, &no_leader, err);
        *count += n ? (size_t)n : NOT_THERE_YET;
    }
    return st;
}

/* What each partition's queue may hold is a property of the client, and cannot be changed: it is
 * made anew where another share is right. It has done nothing yet. */
static weir_status make_for(weir_kafka_live_source *s, size_t partitions, weir_error *err)
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

static weir_status size_up(weir_kafka_live_source *s, weir_error *err)
{
    size_t partitions;
    weir_status st = count_partitions(s, &partitions, err);
    if (st == WEIR_HOLD) {
        weir_kafka_is_away(s);
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
    weir_kafka_live_source *s = weir_calloc(1, sizeof *s);
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
