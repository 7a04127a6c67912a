/* Questions to a Kafka cluster. See kafka_admin.h. */
#include "kafka/kafka_admin.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "kafka/kafka_handle.h"

struct weir_kafka_admin {
    weir_kafka_handle handle; /* first: librdkafka has its address */
    int timeout_ms;
    const struct rd_kafka_metadata *cluster; /* NULL: not looked yet */
};

weir_status weir_kafka_admin_open(
    const weir_kafka_admin_options *options, weir_kafka_admin **out, weir_error *err)
{
    *out = NULL;
    weir_kafka_admin *a = weir_calloc(1, sizeof *a);
    if (!a) {
        return weir_fail_oom(err);
    }
    a->timeout_ms = options->timeout_ms;
    weir_status s = weir_kafka_handle_open(&a->handle, RD_KAFKA_CONSUMER, options->properties,
        options->n_properties, NULL, NULL, options->log, err);
    if (s) {
        weir_kafka_admin_close(a);
        return s;
    }
    *out = a;
    return WEIR_OK;
}

void weir_kafka_admin_close(weir_kafka_admin *a)
{
    if (!a) {
        return;
    }
    if (a->cluster) {
        rd_kafka_metadata_destroy(a->cluster);
    }
    weir_kafka_handle_close(&a->handle);
    weir_free(a);
}

void weir_kafka_each_property(void (*fn)(void *ctx, const char *name), void *ctx)
{
    size_t n = 0;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char **names = rd_kafka_conf_dump(conf, &n); /* name, value, name, … */
    for (size_t i = 0; i + 1 < n; i += 2) {
        fn(ctx, names[i]);
    }
    rd_kafka_conf_dump_free(names, n);
    rd_kafka_conf_destroy(conf);
}

weir_status weir_kafka_try_property(const weir_kafka_property *p, weir_error *err)
{
    rd_kafka_conf_t *conf;
    weir_status s = weir_kafka_conf(p, 1, &conf, err);
    if (!s) {
        rd_kafka_conf_destroy(conf);
    }
    return s;
}

/* ---- Brokers, topics, offsets ---------------------------------------------------------------- */

weir_status weir_kafka_admin_look(weir_kafka_admin *a, weir_error *err)
{
    const struct rd_kafka_metadata *cluster;
    rd_kafka_resp_err_t code = rd_kafka_metadata(a->handle.rk, 1, NULL, &cluster, a->timeout_ms);
    if (code) {
        return weir_kafka_handle_fail(&a->handle, code, err, "asking for brokers and topics");
    }
    if (a->cluster) {
        rd_kafka_metadata_destroy(a->cluster);
    }
    a->cluster = cluster;
    return WEIR_OK;
}

int weir_kafka_admin_brokers(const weir_kafka_admin *a)
{
    return a->cluster ? a->cluster->broker_cnt : 0;
}

const char *weir_kafka_admin_topic(const weir_kafka_admin *a, size_t i)
{
    bool there = a->cluster && i < (size_t)a->cluster->topic_cnt;
    return there ? a->cluster->topics[i].topic : NULL;
}

weir_status weir_kafka_admin_partitions(
    const weir_kafka_admin *a, const char *topic, int32_t *n, weir_error *err)
{
    for (int i = 0; a->cluster && i < a->cluster->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *t = &a->cluster->topics[i];
        if (strcmp(t->topic, topic) == 0) {
            *n = t->partition_cnt;
            return t->err ? weir_kafka_fail(err, t->err, "topic %s", topic) : WEIR_OK;
        }
    }
    return weir_fail(
        err, WEIR_E_KAFKA_NO_TOPIC, "topic %s is not there, or this user may not see it", topic);
}

weir_status weir_kafka_admin_ends(weir_kafka_admin *a, const char *topic, int32_t partition,
    int64_t *first, int64_t *end, weir_error *err)
{
    rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(a->handle.rk, topic, partition, first, end, a->timeout_ms);
    return code ? weir_kafka_handle_fail(
                      &a->handle, code, err, "asking for the offsets of %s/%d", topic, partition)
                : WEIR_OK;
}

/* ---- Requests whose answer is an event ------------------------------------------------------- */

typedef struct request {
    rd_kafka_AdminOptions_t *options;
    rd_kafka_queue_t *queue;
} request;

static request begin(weir_kafka_admin *a, rd_kafka_admin_op_t what)
{
    char why[200];
    request q = {rd_kafka_AdminOptions_new(a->handle.rk, what), rd_kafka_queue_new(a->handle.rk)};
    rd_kafka_AdminOptions_set_request_timeout(q.options, a->timeout_ms, why, sizeof why);
    return q;
}

/* Ends it. *code: of the answer as a whole. The answer is to be destroyed; NULL: there is none. */
static rd_kafka_event_t *answer_to(weir_kafka_admin *a, request *q, rd_kafka_resp_err_t *code)
{
    rd_kafka_event_t *answer = rd_kafka_queue_poll(q->queue, a->timeout_ms + 1000);
    *code = answer ? rd_kafka_event_error(answer) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    rd_kafka_queue_destroy(q->queue);
    rd_kafka_AdminOptions_destroy(q->options);
    return answer;
}

static void destroy(rd_kafka_event_t *answer)
{
    if (answer) {
        rd_kafka_event_destroy(answer);
    }
}

static bool is_unsupported(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE ||
           code == RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION;
}

/* ---- Making a topic -------------------------------------------------------------------------- */

static rd_kafka_resp_err_t created(rd_kafka_event_t *answer)
{
    size_t n;
    const rd_kafka_topic_result_t **topics =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer), &n);
    return n == 1 ? rd_kafka_topic_result_error(topics[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
}

weir_status weir_kafka_admin_create_topic(weir_kafka_admin *a, const char *topic,
    int32_t partitions, const char *const (*settings)[2], weir_error *err)
{
    char why[200];
    rd_kafka_resp_err_t code;
    rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(topic, partitions, -1, why, sizeof why);
    if (!made) {
        return weir_fail(err, WEIR_E_KAFKA_CONFIG, "topic %s: %s", topic, why);
    }
    for (; settings && (*settings)[0]; settings++) {
        (void)rd_kafka_NewTopic_set_config(made, (*settings)[0], (*settings)[1]);
    }
    request q = begin(a, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(a->handle.rk, &made, 1, q.options, q.queue);
    rd_kafka_event_t *answer = answer_to(a, &q, &code);
    code = code ? code : created(answer);
    destroy(answer);
    rd_kafka_NewTopic_destroy(made);
    if (is_unsupported(code)) {
        return weir_fail(
            err, WEIR_E_KAFKA_UNSUPPORTED, "the broker makes no topics: make %s", topic);
    }
    bool there = !code || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
    return there ? WEIR_OK
                 : weir_kafka_handle_fail(&a->handle, code, err, "making topic %s", topic);
}

/* ---- Configs of topics ----------------------------------------------------------------------- */

static int64_t number_of(const char *text)
{
    return text ? strtoll(text, NULL, 10) : -1;
}

static void read_config(const rd_kafka_ConfigResource_t *resource, weir_kafka_topic_config *out)
{
    size_t n;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &n);
    *out = (weir_kafka_topic_config){
        .retention_ms = -1, .retention_bytes = -1, .max_message_bytes = -1};
    for (size_t i = 0; i < n; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (strcmp(name, "cleanup.policy") == 0 && value) {
            out->compacted = strstr(value, "compact") != NULL;
            out->deleted = strstr(value, "delete") != NULL;
        } else if (strcmp(name, "retention.ms") == 0) {
            out->retention_ms = number_of(value);
        } else if (strcmp(name, "retention.bytes") == 0) {
            out->retention_bytes = number_of(value);
        } else if (strcmp(name, "max.message.bytes") == 0) {
            out->max_message_bytes = number_of(value);
        }
    }
}

static weir_status read_answer(
    weir_kafka_admin *a, rd_kafka_event_t *answer, weir_kafka_topic_config *out, weir_error *err)
{
    size_t n;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(answer), &n);
    rd_kafka_resp_err_t code =
        n == 1 ? rd_kafka_ConfigResource_error(resources[0]) : RD_KAFKA_RESP_ERR__BAD_MSG;
    if (!code) {
        read_config(resources[0], out);
    }
    return code ? weir_kafka_handle_fail(&a->handle, code, err, "asking for the config of a topic")
                : WEIR_OK;
}

/* Any broker may answer for a topic; librdkafka by itself would wait for a controller, which not
 * every broker names. */
static void ask_any_broker(weir_kafka_admin *a, request *q)
{
    char why[200];
    if (weir_kafka_admin_brokers(a)) {
        rd_kafka_AdminOptions_set_broker(q->options, a->cluster->brokers[0].id, why, sizeof why);
    }
}

weir_status weir_kafka_admin_topic_config(
    weir_kafka_admin *a, const char *topic, weir_kafka_topic_config *out, weir_error *err)
{
    rd_kafka_resp_err_t code;
    weir_status s;
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    request q = begin(a, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    ask_any_broker(a, &q);
    rd_kafka_DescribeConfigs(a->handle.rk, &resource, 1, q.options, q.queue);
    rd_kafka_event_t *answer = answer_to(a, &q, &code);
    if (is_unsupported(code)) {
        s = weir_fail(
            err, WEIR_E_KAFKA_UNSUPPORTED, "the broker does not tell the configs of topics");
    } else if (code) {
        s = weir_kafka_handle_fail(&a->handle, code, err, "asking for the config of a topic");
    } else {
        s = read_answer(a, answer, out, err);
    }
    destroy(answer);
    rd_kafka_ConfigResource_destroy(resource);
    return s;
}

/* ---- Offsets of groups ----------------------------------------------------------------------- */

static rd_kafka_resp_err_t altered(rd_kafka_event_t *answer)
{
    size_t n = 0;
    const rd_kafka_group_result_t **groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
        rd_kafka_event_AlterConsumerGroupOffsets_result(answer), &n);
    const rd_kafka_error_t *of_group = n == 1 ? rd_kafka_group_result_error(groups[0]) : NULL;
    rd_kafka_resp_err_t code =
        of_group ? rd_kafka_error_code(of_group) : RD_KAFKA_RESP_ERR_NO_ERROR;
    const rd_kafka_topic_partition_list_t *list =
        n == 1 ? rd_kafka_group_result_partitions(groups[0]) : NULL;
    for (int i = 0; list && !code && i < list->cnt; i++) {
        code = list->elems[i].err;
    }
    return code;
}

weir_status weir_kafka_admin_set_offsets(
    weir_kafka_admin *a, const char *group, const weir_offset *offsets, size_t n, weir_error *err)
{
    rd_kafka_resp_err_t code;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++) {
        rd_kafka_topic_partition_list_add(list, offsets[i].topic, offsets[i].number)->offset =
            offsets[i].next;
    }
    rd_kafka_AlterConsumerGroupOffsets_t *alter =
        rd_kafka_AlterConsumerGroupOffsets_new(group, list);
    request q = begin(a, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS);
    rd_kafka_AlterConsumerGroupOffsets(a->handle.rk, &alter, 1, q.options, q.queue);
    rd_kafka_event_t *answer = answer_to(a, &q, &code);
    code = code ? code : altered(answer);
    destroy(answer);
    rd_kafka_AlterConsumerGroupOffsets_destroy(alter);
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || code == RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP) {
        return weir_fail(err, WEIR_E_KAFKA_REFUSED,
            "the group %s has members: stop all instances; one that was stopped is a member until "
            "session.timeout.ms has passed (45 s, unless kafka.consumer says otherwise)",
            group);
    }
    return code ? weir_kafka_handle_fail(&a->handle, code, err, "setting the offsets of %s", group)
                : WEIR_OK;
}
