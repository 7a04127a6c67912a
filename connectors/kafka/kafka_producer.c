/* A producer that can be made anew. See kafka_producer.h. */
#include "kafka/kafka_producer.h"

#include <stdio.h>

enum { POLL_MS = 50 };

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const weir_kafka_producer *p = rd_kafka_opaque(rk);
    weir_kafka_log(p ? p->log : NULL, level, facility, text);
}

static bool names(const weir_kafka_producer_options *o, const char *property)
{
    for (size_t i = 0; i < o->n_properties; i++) {
        if (strcmp(o->properties[i].name, property) == 0) {
            return true;
        }
    }
    return false;
}

static weir_status set_transactions(
    const weir_kafka_producer_options *o, rd_kafka_conf_t *conf, const char *ms, weir_error *err)
{
    if (!o->transactional_id) {
        return weir_kafka_set(conf, "enable.idempotence", "true", err);
    }
    weir_status s = weir_kafka_set(conf, "transactional.id", o->transactional_id, err);
    return s ? s : weir_kafka_set(conf, "transaction.timeout.ms", ms, err);
}

static weir_status set_small_batches(rd_kafka_conf_t *conf, int bytes, weir_error *err)
{
    char text[16];
    snprintf(text, sizeof text, "%d", bytes);
    weir_status s = weir_kafka_set(conf, "batch.size", text, err);
    return s ? s : weir_kafka_set(conf, "max.in.flight", "1", err);
}

static weir_status conf_of(
    const weir_kafka_producer_options *o, rd_kafka_conf_t **out, weir_error *err)
{
    char ms[16];
    snprintf(ms, sizeof ms, "%d", o->delivery_ms);
    weir_status s = weir_kafka_conf(o->properties, o->n_properties, out, err);
    if (s) {
        return s;
    }
    if (o->broker_judges_sizes && !names(o, "message.max.bytes")) {
        s = weir_kafka_set(*out, "message.max.bytes", "1000000000", err);
    }
    s = s || !o->batch_bytes ? s : set_small_batches(*out, o->batch_bytes, err);
    s = s ? s : set_transactions(o, *out, ms, err);
    s = s ? s : weir_kafka_set(*out, "delivery.timeout.ms", ms, err);
    if (s) {
        rd_kafka_conf_destroy(*out);
    }
    return s;
}

weir_status weir_kafka_producer_try(const weir_kafka_producer_options *o, weir_error *err)
{
    rd_kafka_conf_t *conf;
    weir_status s = conf_of(o, &conf, err);
    if (!s) {
        rd_kafka_conf_destroy(conf);
    }
    return s;
}

weir_status weir_kafka_producer_make(
    weir_kafka_producer *p, const weir_kafka_producer_options *o, weir_error *err)
{
    rd_kafka_conf_t *conf;
    char why[256];
    weir_status s = conf_of(o, &conf, err);
    if (s) {
        return s;
    }
    rd_kafka_conf_set_opaque(conf, p);
    rd_kafka_conf_set_dr_msg_cb(conf, o->delivered);
    rd_kafka_conf_set_log_cb(conf, on_log);
    p->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!p->rk) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_E_KAFKA_CONFIG, "%s", why);
    }
    return WEIR_OK;
}

void weir_kafka_producer_end(weir_kafka_producer *p)
{
    if (p->rk) {
        rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        while (rd_kafka_outq_len(p->rk) > 0) {
            rd_kafka_poll(p->rk, POLL_MS);
        }
        rd_kafka_destroy(p->rk);
        p->rk = NULL;
    }
}

static rd_kafka_headers_t *headers_of(const weir_outgoing *o)
{
    rd_kafka_headers_t *h = o->n_headers ? rd_kafka_headers_new(o->n_headers) : NULL;
    for (size_t i = 0; i < o->n_headers; i++) {
        const weir_outgoing_header *from = &o->headers[i];
        rd_kafka_header_add(
            h, from->name.ptr, (ssize_t)from->name.len, from->value.ptr, (ssize_t)from->value.len);
    }
    return h;
}

rd_kafka_resp_err_t weir_kafka_produce(rd_kafka_t *rk, const weir_outgoing *o, void *opaque)
{
    rd_kafka_headers_t *h = headers_of(o);
    int32_t partition = o->place ? (int32_t)o->place - 1 : RD_KAFKA_PARTITION_UA;
    rd_kafka_resp_err_t code = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(o->topic),
        RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_KEY((void *)(uintptr_t)o->key.ptr, o->key.len),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)o->value.ptr, o->value.len),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_HEADERS(h),
        RD_KAFKA_V_END);
    if (code && h) {
        rd_kafka_headers_destroy(h);
    }
    return code;
}

bool weir_kafka_is_too_large(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
           code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE ||
           code == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE;
}
