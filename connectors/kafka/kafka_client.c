/* Shared by consumer and producer. See kafka_client.h. */
#include "kafka/kafka_client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

weir_status weir_kafka_set(
    rd_kafka_conf_t *conf, const char *name, const char *value, weir_error *err)
{
    char why[200];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK) {
        return WEIR_OK;
    }
    return weir_fail(err, WEIR_E_KAFKA_CONFIG, "%s: %s", name, why);
}

/* OpenSSL, asked later, names neither the property nor the file. `probe`: librdkafka looks for one.
 */
static weir_status check_file(const weir_kafka_property *p, weir_error *err)
{
    static const char ending[] = ".location";
    size_t len = strlen(p->name), n = sizeof ending - 1;
    bool is_file =
        strncmp(p->name, "ssl.", 4) == 0 && len > n && strcmp(p->name + len - n, ending) == 0;
    if (!is_file || !*p->value || strcmp(p->value, "probe") == 0 || access(p->value, R_OK) == 0) {
        return WEIR_OK;
    }
    return weir_fail(
        err, WEIR_E_KAFKA_CONFIG, "%s: %.150s: %s", p->name, p->value, strerror(errno));
}

weir_status weir_kafka_conf(
    const weir_kafka_property *properties, size_t n, rd_kafka_conf_t **out, weir_error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    weir_status s = weir_kafka_set(conf, "client.software.name", "weir", err);
    s = s ? s : weir_kafka_set(conf, "client.software.version", WEIR_VERSION, err);
    for (size_t i = 0; i < n && !s; i++) {
        s = weir_kafka_set(conf, properties[i].name, properties[i].value, err);
        s = s ? s : check_file(&properties[i], err);
        if (s && properties[i].place) {
            weir_at(err, "%s", properties[i].place);
        }
    }
    if (s) {
        rd_kafka_conf_destroy(conf);
        return s;
    }
    *out = conf;
    return WEIR_OK;
}

/* level: syslog's. */
void weir_kafka_log(const weir_log *log, int level, const char *facility, const char *text)
{
    weir_log_level ours = level <= 3   ? WEIR_LOG_ERROR
                          : level <= 4 ? WEIR_LOG_WARN
                          : level <= 6 ? WEIR_LOG_INFO
                                       : WEIR_LOG_DEBUG;
    weir_log_line(log, ours, "librdkafka", "%s: %s", facility, text);
}

static weir_code code_of(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__SSL:
        return WEIR_E_KAFKA_REFUSED;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return WEIR_E_KAFKA_NO_TOPIC;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return WEIR_E_KAFKA_OFFSETS_LOST;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
        return WEIR_E_KAFKA_DAMAGED; /* librdkafka would go on behind it, or read it for ever */
    case RD_KAFKA_RESP_ERR__FATAL:
        return WEIR_E_KAFKA_FATAL;
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
        return WEIR_E_KAFKA_NOT_MEMBER;
    default:
        return WEIR_E_KAFKA_UNREACHABLE; /* librdkafka goes on trying */
    }
}

weir_status weir_kafka_fail(weir_error *err, rd_kafka_resp_err_t code, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return weir_fail(err, code_of(code), "%s: %s", text, rd_kafka_err2str(code));
}

void weir_kafka_at(weir_error *err, const char *topic, int32_t partition, int64_t offset)
{
    if (partition < 0) {
        (void)weir_at(err, "%.60s", topic);
    } else if (offset < 0) {
        (void)weir_at(err, "%.60s/%d", topic, (int)partition);
    } else {
        (void)weir_at(err, "%.60s/%d@%lld", topic, (int)partition, (long long)offset);
    }
}
