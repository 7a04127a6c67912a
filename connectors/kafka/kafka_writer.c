/* Plain writing of records. See kafka_writer.h. */
#include "kafka/kafka_writer.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "kafka/kafka_handle.h"
#include "kafka/kafka_producer.h"

enum { POLL_MS = 50 };

struct weir_kafka_writer {
    weir_kafka_handle handle;    /* first: librdkafka has its address */
    size_t open;                 /* handed over, not answered */
    rd_kafka_resp_err_t failure; /* the first one */
    char failed_at[128];
};

/* Inside a poll. */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    weir_kafka_writer *w = m->_private;
    (void)rk, (void)opaque;
    w->open--;
    if (m->err && !w->failure) {
        w->failure = m->err;
        snprintf(w->failed_at, sizeof w->failed_at, "%s/%d", rd_kafka_topic_name(m->rkt),
            (int)m->partition);
    }
}

static bool names(const weir_kafka_writer_options *o, const char *property)
{
    for (size_t i = 0; i < o->n_properties; i++) {
        if (strcmp(o->properties[i].name, property) == 0) {
            return true;
        }
    }
    return false;
}

weir_status weir_kafka_writer_open(
    const weir_kafka_writer_options *options, weir_kafka_writer **out, weir_error *err)
{
    char timeout[16], apart[16];
    snprintf(timeout, sizeof timeout, "%d", options->timeout_ms);
    snprintf(apart, sizeof apart, "%d", WEIR_KAFKA_APART);
    bool bounded = !options->large || names(options, "message.max.bytes");
    const char *const fixed[][2] = {{"enable.idempotence", "true"},
        {"delivery.timeout.ms", timeout}, {options->large ? "batch.size" : NULL, apart},
        {bounded ? NULL : "message.max.bytes", "1000000000"}, {NULL, NULL}};
    *out = NULL;
    weir_kafka_writer *w = weir_calloc(1, sizeof *w);
    if (!w) {
        return weir_fail_oom(err);
    }
    weir_status s = weir_kafka_handle_open(&w->handle, RD_KAFKA_PRODUCER, options->properties,
        options->n_properties, fixed, on_delivery, options->log, err);
    if (s) {
        weir_free(w);
        return s;
    }
    *out = w;
    return WEIR_OK;
}

void weir_kafka_writer_close(weir_kafka_writer *w)
{
    if (!w) {
        return;
    }
    rd_kafka_purge(w->handle.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (w->open) {
        rd_kafka_poll(w->handle.rk, POLL_MS);
    }
    weir_kafka_handle_close(&w->handle);
    weir_free(w);
}

static rd_kafka_headers_t *headers_of(const weir_raw_record *r)
{
    weir_view name, value;
    rd_kafka_headers_t *h = NULL;
    for (size_t i = 0; r->headers.at && r->headers.at(r->headers.self, i, &name, &value); i++) {
        h = h ? h : rd_kafka_headers_new(8);
        rd_kafka_header_add(h, name.ptr, (ssize_t)name.len, value.ptr, (ssize_t)value.len);
    }
    return h;
}

static rd_kafka_resp_err_t produce(
    weir_kafka_writer *w, const char *topic, const weir_raw_record *r)
{
    rd_kafka_headers_t *h = headers_of(r);
    rd_kafka_resp_err_t code =
        rd_kafka_producev(w->handle.rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(r->partition),
            RD_KAFKA_V_KEY((void *)(uintptr_t)r->key.ptr, r->key.len),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)r->value.ptr, r->value.len),
            RD_KAFKA_V_TIMESTAMP(r->timestamp_ms > 0 ? r->timestamp_ms : 0),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(w), RD_KAFKA_V_HEADERS(h),
            RD_KAFKA_V_END);
    if (code && h) {
        rd_kafka_headers_destroy(h);
    }
    w->open += code == RD_KAFKA_RESP_ERR_NO_ERROR;
    return code;
}

static weir_status failure_of(weir_kafka_writer *w, weir_error *err)
{
    if (!w->failure) {
        return weir_kafka_handle_hopeless(&w->handle, err) ? err->status : WEIR_OK;
    }
    if (w->failure == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT && w->handle.heard) {
        return weir_kafka_fail(
            err, w->handle.heard, "writing %s: %s", w->failed_at, w->handle.heard_text);
    }
    weir_status s = weir_kafka_fail(err, w->failure, "writing %s", w->failed_at);
    return s != WEIR_HOLD ? s
                          : weir_fail(err, WEIR_E_KAFKA_PRODUCE, "writing %s: %s", w->failed_at,
                                rd_kafka_err2str(w->failure));
}

weir_status weir_kafka_writer_put(
    weir_kafka_writer *w, const char *topic, const weir_raw_record *record, weir_error *err)
{
    rd_kafka_resp_err_t code;
    while ((code = produce(w, topic, record)) == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        rd_kafka_poll(w->handle.rk, POLL_MS);
        if (w->failure) {
            break;
        }
    }
    rd_kafka_poll(w->handle.rk, 0);
    return code && !w->failure ? weir_kafka_handle_fail(&w->handle, code, err, "writing %s", topic)
                               : failure_of(w, err);
}

weir_status weir_kafka_writer_put_apart(weir_kafka_writer *w, const char *topic,
    const weir_raw_record *record, bool *refused, weir_error *err)
{
    *refused = false;
    weir_status s = weir_kafka_writer_flush(w, err);
    if (s) {
        return s;
    }
    rd_kafka_resp_err_t code = produce(w, topic, record);
    if (code && !weir_kafka_is_too_large(code)) {
        return weir_kafka_handle_fail(&w->handle, code, err, "writing %s", topic);
    }
    while (w->open) {
        (void)rd_kafka_flush(w->handle.rk, POLL_MS);
    }
    code = code ? code : w->failure;
    *refused = weir_kafka_is_too_large(code);
    w->failure = *refused ? RD_KAFKA_RESP_ERR_NO_ERROR : w->failure;
    return failure_of(w, err);
}

weir_status weir_kafka_writer_flush(weir_kafka_writer *w, weir_error *err)
{
    weir_status s = failure_of(w, err);
    while (!s && w->open) {
        rd_kafka_flush(w->handle.rk, POLL_MS); /* also ends what lingers */
        s = failure_of(w, err);
    }
    return s;
}
