/* How a consumer fetches. See kafka_fetch.h. */
#include "kafka/kafka_fetch.h"
#include "base/ascii.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

enum {
    NUDGE_MS = 2, /* rarer than rounds, more often than a queue is emptied */
    MANY_PARTITIONS = 64,
    RECORD_BYTES = 512, /* that librdkafka takes for a record beside what it counts, about */
};

/* ---- Configuration ------------------------------------------------------------------------------
 */

static size_t within(size_t n, size_t least, size_t most)
{
    return n < least ? least : n > most ? most : n;
}

/* As the user has set it; "": not at all. */
static const char *property(const weir_kafka_source_options *o, const char *name)
{
    const char *value = "";
    for (size_t i = 0; i < o->n_properties; i++) {
        value = strcmp(o->properties[i].name, name) == 0 ? o->properties[i].value : value;
    }
    return value;
}

static size_t in_flight_of(size_t bytes)
{
    return bytes ? bytes : (size_t)256 << 20;
}

size_t weir_kafka_queue_bytes(size_t in_flight_bytes, size_t partitions)
{
    size_t all = in_flight_of(in_flight_bytes) / 4, most = within(all / 64, 1 << 20, 16 << 20);
    return within(all / (partitions ? partitions : MANY_PARTITIONS), 64 << 10, most);
}

/* The defaults, and the user's properties, which are set after them. A partition whose queue is
 * full is left out of the next fetch, which may then wait for the others: two fetches fit into a
 * queue, so that one that is read at once never is. */
static weir_status set_properties(
    const weir_kafka_source_options *o, size_t queue, rd_kafka_conf_t **out, weir_error *err)
{
    char queue_kb[24], queue_records[24], partition_fetch[24], fetch[24];
    size_t bytes = in_flight_of(o->in_flight_bytes);
    size_t largest = (size_t)strtoull(property(o, "message.max.bytes"), NULL, 10);
    size_t least = largest > 1 << 20 ? largest : 1 << 20; /* librdkafka refuses less */
    snprintf(queue_kb, sizeof queue_kb, "%zu", queue / 1024);
    snprintf(queue_records, sizeof queue_records, "%zu", queue / RECORD_BYTES);
    snprintf(partition_fetch, sizeof partition_fetch, "%zu", within(queue / 2, 0, 1 << 20));
    snprintf(
        fetch, sizeof fetch, "%zu", within(bytes / 16, least, least > 50 << 20 ? least : 50 << 20));
    const weir_kafka_property defaults[] = {
        {"queued.max.messages.kbytes", queue_kb, NULL},
        {"queued.min.messages", queue_records, NULL}, /* no more is fetched from so many on */
        {"fetch.message.max.bytes", partition_fetch, NULL},
        {"fetch.max.bytes", fetch, NULL},
        {"fetch.wait.max.ms", "50", NULL},
        /* librdkafka's own bound, 100 MB, would hold a partition up at a record as large. */
        {"receive.message.max.bytes", "1073741824", NULL},
        {"fetch.error.backoff.ms", "100", NULL},
        {"topic.metadata.refresh.interval.ms", "30000", NULL},
    };
    size_t n = sizeof defaults / sizeof *defaults;
    weir_kafka_property *all = weir_calloc(o->n_properties + n, sizeof *all);
    if (!all) {
        return weir_fail_oom(err);
    }
    memcpy(all, defaults, sizeof defaults);
    if (o->n_properties) {
        memcpy(all + n, o->properties, o->n_properties * sizeof *all);
    }
    weir_status s = weir_kafka_conf(all, n + o->n_properties, out, err);
    weir_free(all);
    return s;
}

static weir_status set_fixed(
    const weir_kafka_source_options *o, rd_kafka_conf_t *conf, weir_error *err)
{
    static const char *const fixed[][2] = {
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"enable.partition.eof", "true"},
        {"auto.offset.reset", "error"},
        {"partition.assignment.strategy", "range,roundrobin"},
    };
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed && !s; i++) {
        s = weir_kafka_set(conf, fixed[i][0], fixed[i][1], err);
    }
    s = s ? s : weir_kafka_set(conf, "group.id", o->group ? o->group : "weir-reader", err);
    if (!s && o->group && o->instance) {
        s = weir_kafka_set(conf, "group.instance.id", o->instance, err);
    }
    return s;
}

/* ---- Nudges -------------------------------------------------------------------------------------
 */

static bool begins(const char *text, const char *with)
{
    return weir_ascii_same_n(text, with, strlen(with));
}

/* Are the credentials without effect, or ours to set? */
static bool may_be_nudged(const rd_kafka_conf_t *conf)
{
    char protocol[64] = "", mechanism[64] = "";
    size_t size = sizeof protocol;
    rd_kafka_conf_get(conf, "security.protocol", protocol, &size);
    size = sizeof mechanism;
    rd_kafka_conf_get(conf, "sasl.mechanisms", mechanism, &size);
    return !begins(protocol, "sasl") || begins(mechanism, "PLAIN") || begins(mechanism, "SCRAM");
}

static void prepare_nudges(
    const weir_kafka_source_options *o, rd_kafka_conf_t *conf, weir_kafka_nudge *n)
{
    char value[32];
    size_t size = sizeof value;
    *n = (weir_kafka_nudge){
        .username = property(o, "sasl.username"), .password = property(o, "sasl.password")};
    if (rd_kafka_conf_get(conf, "fetch.queue.backoff.ms", value, &size) != RD_KAFKA_CONF_OK) {
        n->needed = may_be_nudged(conf);
    } else if (!*property(o, "fetch.queue.backoff.ms")) {
        char why[128];
        rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", "2", why, sizeof why);
    }
}

int weir_kafka_give_nudge(weir_kafka_nudge *n, rd_kafka_t *rk, int64_t now_ms)
{
    if (!n->due || !n->needed) {
        return -1;
    }
    if (now_ms - n->last_ms < NUDGE_MS) {
        return NUDGE_MS;
    }
    n->last_ms = now_ms;
    n->due = false;
    rd_kafka_error_t *error = rd_kafka_sasl_set_credentials(rk, n->username, n->password);
    if (error) {
        rd_kafka_error_destroy(error);
        n->needed = false;
    }
    return -1;
}

weir_status weir_kafka_consumer_conf(const weir_kafka_source_options *options, size_t queue_bytes,
    weir_kafka_nudge *nudge, rd_kafka_conf_t **out, weir_error *err)
{
    weir_status s = set_properties(options, queue_bytes, out, err);
    if (s) {
        return s;
    }
    s = set_fixed(options, *out, err);
    if (s) {
        rd_kafka_conf_destroy(*out);
        return s;
    }
    prepare_nudges(options, *out, nudge);
    return WEIR_OK;
}
