/* Dead letters into a topic. See kafka_dead_letter.h. A producer that turned fatal is replaced. */
#include "kafka/kafka_dead_letter.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "kafka/kafka_client.h"

enum { POLL_MS = 100 };

typedef struct producer {
    weir_kafka_dead_letter_options options;
    pthread_mutex_t lock;
    pthread_cond_t over; /* a write has ended */
    bool busy;           /* one runs. Lock: lock; the rest is of the one who set it */
    rd_kafka_t *rk;      /* NULL: none, or it turned fatal */
    /* Of the write that runs: */
    size_t open;
    rd_kafka_resp_err_t failure;
} producer;

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    producer *p = opaque;
    (void)rk;
    p->open--;
    p->failure = m->err ? m->err : p->failure;
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const producer *p = rd_kafka_opaque(rk);
    weir_kafka_log(p ? p->options.log : NULL, level, facility, text);
}

/* A letter is its record with some headers more: larger than what the record's producer was
 * allowed.
 */
static weir_status let_the_broker_judge_sizes(
    const producer *p, rd_kafka_conf_t *conf, weir_error *err)
{
    for (size_t i = 0; i < p->options.n_properties; i++) {
        if (strcmp(p->options.properties[i].name, "message.max.bytes") == 0) {
            return WEIR_OK;
        }
    }
    return weir_kafka_set(conf, "message.max.bytes", "1000000000", err);
}

static weir_status start(producer *p, weir_error *err)
{
    rd_kafka_conf_t *conf;
    char why[256], ms[16];
    snprintf(ms, sizeof ms, "%d", p->options.timeout_ms);
    weir_status s = weir_kafka_conf(p->options.properties, p->options.n_properties, &conf, err);
    if (s) {
        return s;
    }
    s = let_the_broker_judge_sizes(p, conf, err);
    s = s ? s : weir_kafka_set(conf, "enable.idempotence", "true", err);
    s = s ? s : weir_kafka_set(conf, "delivery.timeout.ms", ms, err);
    if (s) {
        rd_kafka_conf_destroy(conf);
        return s;
    }
    rd_kafka_conf_set_opaque(conf, p);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_log_cb(conf, on_log);
    p->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!p->rk) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_E_KAFKA_CONFIG, "%s", why);
    }
    return WEIR_OK;
}

/* ---- Headers ------------------------------------------------------------------------------------
 */

static void add(void *ctx, weir_view name, weir_view value)
{
    rd_kafka_header_add(ctx, name.ptr, (ssize_t)name.len, value.ptr, (ssize_t)value.len);
}

static rd_kafka_headers_t *headers_of(const producer *p, const weir_dead_letter *d)
{
    rd_kafka_headers_t *h = rd_kafka_headers_new(16);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    weir_dead_letter_headers(
        d, p->options.group, now.tv_sec * 1000 + now.tv_nsec / 1000000, add, h);
    return h;
}

/* ---- Writing ------------------------------------------------------------------------------------
 */

static rd_kafka_resp_err_t produce(producer *p, const weir_dead_letter *d)
{
    const weir_raw_record *r = d->record;
    rd_kafka_headers_t *h = headers_of(p, d);
    rd_kafka_resp_err_t code =
        rd_kafka_producev(p->rk, RD_KAFKA_V_TOPIC(d->topic ? d->topic : p->options.topic),
            RD_KAFKA_V_KEY((void *)(uintptr_t)r->key.ptr, r->key.len),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)r->value.ptr, r->value.len),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(h), RD_KAFKA_V_END);
    if (code) {
        rd_kafka_headers_destroy(h);
    } else {
        p->open++;
    }
    return code;
}

/* Until none is open. A fatal producer answers all of them; it is thrown away. */
static rd_kafka_resp_err_t await(producer *p)
{
    while (p->open) {
        rd_kafka_poll(p->rk, POLL_MS);
    }
    char why[128];
    if (rd_kafka_fatal_error(p->rk, why, sizeof why)) {
        weir_log_line(p->options.log, WEIR_LOG_WARN, "kafka",
            "the dead letters' producer is replaced: %s", why);
        rd_kafka_destroy(p->rk);
        p->rk = NULL;
    }
    return p->failure;
}

static weir_status refused(const producer *p, rd_kafka_resp_err_t code, weir_error *err)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        weir_fail(err, WEIR_E_DEAD_LETTER_REFUSED, "dead-letter topic %s: %s", p->options.topic,
            rd_kafka_err2str(code));
        err->status = p->options.hold ? WEIR_HOLD : err->status;
        return err->status;
    default:
        return weir_fail(err, WEIR_E_KAFKA_PRODUCE, "dead-letter topic %s: %s", p->options.topic,
            rd_kafka_err2str(code));
    }
}

/* False: other writes took too long. */
static bool take_turn(producer *p)
{
    struct timespec until = weir_in_ms(p->options.timeout_ms);
    pthread_mutex_lock(&p->lock);
    while (p->busy && pthread_cond_timedwait(&p->over, &p->lock, &until) == 0) {
    }
    bool mine = !p->busy;
    p->busy = true; /* as it is, or by this one */
    pthread_mutex_unlock(&p->lock);
    return mine;
}

static void end_turn(producer *p)
{
    pthread_mutex_lock(&p->lock);
    p->busy = false;
    pthread_cond_signal(&p->over);
    pthread_mutex_unlock(&p->lock);
}

static weir_status dead_letters_write(
    void *self, const weir_dead_letter *letters, size_t n, weir_error *err)
{
    producer *p = self;
    if (!take_turn(p)) {
        return weir_fail(err, WEIR_E_KAFKA_PRODUCE,
            "dead-letter topic %s: the letters before are not written yet", p->options.topic);
    }
    weir_status s = p->rk ? WEIR_OK : start(p, err);
    if (!s) {
        p->failure = RD_KAFKA_RESP_ERR_NO_ERROR;
        for (size_t i = 0; i < n && !p->failure; i++) {
            p->failure = produce(p, &letters[i]);
        }
        rd_kafka_resp_err_t code = await(p);
        s = code ? refused(p, code, err) : WEIR_OK;
    }
    end_turn(p);
    return s;
}

static void free_producer(producer *p)
{
    if (p->rk) {
        rd_kafka_destroy(p->rk);
    }
    pthread_cond_destroy(&p->over);
    pthread_mutex_destroy(&p->lock);
    weir_free(p);
}

weir_status weir_kafka_dead_letters_open(
    const weir_kafka_dead_letter_options *options, weir_dead_letters *out, weir_error *err)
{
    producer *p = weir_calloc(1, sizeof *p);
    if (!p) {
        return weir_fail_oom(err);
    }
    p->options = *options;
    pthread_mutex_init(&p->lock, NULL);
    weir_cond_init(&p->over);
    weir_status s =
        start(p, err); /* a refused property is told at the start, not at the first letter */
    if (s) {
        free_producer(p);
        return s;
    }
    *out = (weir_dead_letters){dead_letters_write, p};
    return WEIR_OK;
}

void weir_kafka_dead_letters_close(weir_dead_letters *d)
{
    producer *p = d->self;
    if (!p) {
        return;
    }
    free_producer(p);
    *d = (weir_dead_letters){NULL, NULL};
}
