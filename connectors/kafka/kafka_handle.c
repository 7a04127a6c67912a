/* A librdkafka client for one purpose. See kafka_handle.h. */
#include "kafka/kafka_handle.h"

#include <stdarg.h>
#include <stdio.h>

/* On librdkafka's threads. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    const weir_kafka_handle *h = rd_kafka_opaque(rk);
    weir_kafka_log(h ? h->log : NULL, level, facility, text);
}

static bool is_refusal(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL ||
           code == RD_KAFKA_RESP_ERR__FATAL;
}

/* Inside a poll. What follows from a refusal (all brokers down) does not hide it. */
static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    weir_kafka_handle *h = opaque;
    (void)rk;
    if (!is_refusal(h->heard) && code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        h->heard = (rd_kafka_resp_err_t)code;
        snprintf(h->heard_text, sizeof h->heard_text, "%s", reason);
    }
}

weir_status weir_kafka_handle_open(weir_kafka_handle *h, rd_kafka_type_t type,
    const weir_kafka_property *properties, size_t n, const char *const (*fixed)[2],
    weir_kafka_delivered *delivered, const weir_log *log, weir_error *err)
{
    rd_kafka_conf_t *conf;
    char why[256];
    *h = (weir_kafka_handle){.log = log};
    weir_status s = weir_kafka_conf(properties, n, &conf, err);
    if (s) {
        return s;
    }
    for (; fixed && (*fixed)[0] && !s; fixed++) {
        s = weir_kafka_set(conf, (*fixed)[0], (*fixed)[1], err);
    }
    rd_kafka_conf_set_opaque(conf, h);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    if (delivered) {
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    }
    h->rk = s ? NULL : rd_kafka_new(type, conf, why, sizeof why);
    if (!h->rk) {
        rd_kafka_conf_destroy(conf);
        return s ? s : weir_fail(err, WEIR_E_KAFKA_CONFIG, "%s", why);
    }
    return WEIR_OK;
}

void weir_kafka_handle_close(weir_kafka_handle *h)
{
    if (h->rk) {
        rd_kafka_destroy(h->rk);
        h->rk = NULL;
    }
}

static bool nobody_answered(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT ||
           code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
}

weir_status weir_kafka_handle_fail(
    weir_kafka_handle *h, rd_kafka_resp_err_t code, weir_error *err, const char *fmt, ...)
{
    char what[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    rd_kafka_poll(h->rk, 0); /* errors that wait to be heard */
    if (nobody_answered(code) && h->heard) {
        return weir_kafka_fail(err, h->heard, "%s: %s", what, h->heard_text);
    }
    return weir_kafka_fail(err, code, "%s", what);
}

bool weir_kafka_handle_hopeless(weir_kafka_handle *h, weir_error *err)
{
    if (is_refusal(h->heard)) {
        weir_kafka_fail(err, h->heard, "%s", h->heard_text);
        return true;
    }
    return false;
}
