/* Dead letters into a topic. See kafka_dead_letter.h. A producer that turned fatal is replaced. */
#include "kafka/kafka_dead_letter.h"

#include <pthread.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "kafka/kafka_producer.h"

enum { POLL_MS = 100 };

typedef struct writer {
    weir_kafka_producer producer; /* first; none: it turned fatal */
    weir_kafka_producer_options how;
    weir_kafka_dead_letter_options options;
    pthread_mutex_t lock;
    pthread_cond_t over; /* a write has ended */
    bool busy;           /* one runs. Lock: lock; the rest is of the one who set it */
    /* Of the write that runs: */
    size_t open;
    rd_kafka_resp_err_t failure;
} writer;

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    writer *w = opaque;
    (void)rk;
    w->open--;
    w->failure = m->err ? m->err : w->failure;
}

/* ---- Headers ------------------------------------------------------------------------------------
 */

static void add(void *ctx, weir_view name, weir_view value)
{
    rd_kafka_header_add(ctx, name.ptr, (ssize_t)name.len, value.ptr, (ssize_t)value.len);
}

static rd_kafka_headers_t *headers_of(const writer *w, const weir_dead_letter *d)
{
    rd_kafka_headers_t *h = rd_kafka_headers_new(16);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    weir_dead_letter_headers(
        d, w->options.group, now.tv_sec * 1000 + now.tv_nsec / 1000000, add, h);
    return h;
}

/* ---- Writing ------------------------------------------------------------------------------------
 */

static rd_kafka_resp_err_t produce(writer *w, const weir_dead_letter *d)
{
    weir_view key = weir_dead_letter_key(d), value = weir_dead_letter_value(d);
    rd_kafka_headers_t *h = headers_of(w, d);
    rd_kafka_resp_err_t code =
        rd_kafka_producev(w->producer.rk, RD_KAFKA_V_TOPIC(d->topic ? d->topic : w->options.topic),
            RD_KAFKA_V_KEY((void *)(uintptr_t)key.ptr, key.len),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)value.ptr, value.len),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(h), RD_KAFKA_V_END);
    if (code) {
        rd_kafka_headers_destroy(h);
    } else {
        w->open++;
    }
    return code;
}

/* Until none is open. A fatal producer answers all of them; it is thrown away. */
static rd_kafka_resp_err_t await(writer *w)
{
    while (w->open) {
        rd_kafka_poll(w->producer.rk, POLL_MS);
    }
    char why[128];
    if (rd_kafka_fatal_error(w->producer.rk, why, sizeof why)) {
        weir_log_line(w->options.log, WEIR_LOG_WARN, "kafka",
            "the dead letters' producer is replaced: %s", why);
        weir_kafka_producer_end(&w->producer);
    }
    return w->failure;
}

static weir_status refused(const writer *w, rd_kafka_resp_err_t code, weir_error *err)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
        weir_fail(err, WEIR_E_DEAD_LETTER_REFUSED, "dead-letter topic %s: %s", w->options.topic,
            rd_kafka_err2str(code));
        err->status = w->options.hold ? WEIR_HOLD : err->status;
        return err->status;
    default:
        return weir_fail(err, WEIR_E_KAFKA_PRODUCE, "dead-letter topic %s: %s", w->options.topic,
            rd_kafka_err2str(code));
    }
}

/* False: other writes took too long. */
static bool take_turn(writer *w)
{
    struct timespec until = weir_in_ms(w->options.timeout_ms);
    pthread_mutex_lock(&w->lock);
    while (w->busy && pthread_cond_timedwait(&w->over, &w->lock, &until) == 0) {
    }
    bool mine = !w->busy;
    w->busy = true; /* as it is, or by this one */
    pthread_mutex_unlock(&w->lock);
    return mine;
}

static void end_turn(writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->busy = false;
    pthread_cond_signal(&w->over);
    pthread_mutex_unlock(&w->lock);
}

/* *code: the broker's answer, where there is one. */
static weir_status write_one(
    writer *w, const weir_dead_letter *d, rd_kafka_resp_err_t *code, weir_error *err)
{
    weir_status s = w->producer.rk ? WEIR_OK : weir_kafka_producer_make(&w->producer, &w->how, err);
    *code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!s) {
        w->failure = produce(w, d);
        *code = await(w);
        s = *code ? refused(w, *code, err) : WEIR_OK;
    }
    return s;
}

/* One that is too large for the broker goes without the most of its record. */
static weir_status write_somehow(writer *w, const weir_dead_letter *d, weir_error *err)
{
    rd_kafka_resp_err_t code;
    weir_status s = write_one(w, d, &code, err);
    if (weir_kafka_is_too_large(code)) {
        const weir_raw_record *r = d->record;
        weir_dead_letter bare = *d;
        bare.bare = true;
        weir_log_line(w->options.log, WEIR_LOG_WARN, "kafka",
            "the dead letter of %.*s/%d@%lld is written without its value: %s", WEIR_ARG(r->topic),
            (int)r->partition, (long long)r->offset, rd_kafka_err2str(code));
        s = write_one(w, &bare, &code, err);
    }
    return s;
}

static weir_status dead_letters_write(
    void *self, const weir_dead_letter *letters, size_t n, weir_error *err)
{
    writer *w = self;
    weir_status s = WEIR_OK;
    if (!take_turn(w)) {
        return weir_fail(err, WEIR_E_KAFKA_PRODUCE,
            "dead-letter topic %s: the letters before are not written yet", w->options.topic);
    }
    for (size_t i = 0; i < n && !s; i++) {
        s = write_somehow(w, &letters[i], err);
    }
    end_turn(w);
    return s;
}

static void free_writer(writer *w)
{
    weir_kafka_producer_end(&w->producer);
    pthread_cond_destroy(&w->over);
    pthread_mutex_destroy(&w->lock);
    weir_free(w);
}

weir_status weir_kafka_dead_letters_open(
    const weir_kafka_dead_letter_options *options, weir_dead_letters *out, weir_error *err)
{
    writer *w = weir_calloc(1, sizeof *w);
    if (!w) {
        return weir_fail_oom(err);
    }
    w->options = *options;
    w->producer.log = options->log;
    w->how = (weir_kafka_producer_options){.properties = options->properties,
        .n_properties = options->n_properties,
        .delivery_ms = options->timeout_ms,
        .broker_judges_sizes = true,
        .delivered = on_delivery};
    pthread_mutex_init(&w->lock, NULL);
    weir_cond_init(&w->over);
    weir_status s = weir_kafka_producer_make(&w->producer, &w->how,
        err); /* a refused property is told at the start, not at the first letter */
    if (s) {
        free_writer(w);
        return s;
    }
    *out = (weir_dead_letters){dead_letters_write, w};
    return WEIR_OK;
}

void weir_kafka_dead_letters_close(weir_dead_letters *d)
{
    writer *w = d->self;
    if (!w) {
        return;
    }
    free_writer(w);
    *d = (weir_dead_letters){NULL, NULL};
}
