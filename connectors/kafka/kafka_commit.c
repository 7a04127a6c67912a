/* A group's commits. See kafka_commit.h. */
#include "kafka/kafka_commit.h"

#include "engine/run.h"
#include "kafka/kafka_bounded.h"
#include "kafka/kafka_client.h"

enum {
    ANSWER_MS = 5000,
    LOST_MS = 120000, /* librdkafka answers each one long before; if not, it is as good as lost */
};

static rd_kafka_topic_partition_list_t *list_of(const weir_offset *offsets, size_t n)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++) {
        rd_kafka_topic_partition_list_add(list, offsets[i].topic, offsets[i].number)->offset =
            offsets[i].next;
    }
    return list;
}

/* False: one is open already. */
static bool open_one(weir_kafka_commits *c)
{
    int64_t now_ms = weir_monotonic_ms();
    if (now_ms < c->open_until_ms) {
        return false;
    }
    c->open_until_ms = now_ms + LOST_MS;
    return true;
}

weir_status weir_kafka_commit(weir_kafka_commits *c, rd_kafka_t *rk, const weir_offset *offsets,
    size_t n, bool wait, weir_error *err)
{
    if (!wait && !open_one(c)) {
        return WEIR_OK;
    }
    rd_kafka_topic_partition_list_t *list = list_of(offsets, n);
    rd_kafka_resp_err_t code =
        wait ? weir_kafka_commit_within(rk, list, ANSWER_MS) : rd_kafka_commit(rk, list, true);
    rd_kafka_topic_partition_list_destroy(list);
    if (code && !wait) {
        c->open_until_ms = 0; /* refused at once: there will be no answer */
    }
    if (code == RD_KAFKA_RESP_ERR__NO_OFFSET) {
        code = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    return code ? weir_kafka_fail(err, code, "committing") : WEIR_OK;
}

/* The partition of which the answer says why, or NULL. */
static const rd_kafka_topic_partition_t *failed(const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; list && i < list->cnt; i++) {
        if (list->elems[i].err) {
            return &list->elems[i];
        }
    }
    return NULL;
}

void weir_kafka_commit_answered(weir_kafka_commits *c, rd_kafka_resp_err_t code,
    const rd_kafka_topic_partition_list_t *list, const weir_log *log)
{
    const rd_kafka_topic_partition_t *where = failed(list);
    weir_error err = {.status = WEIR_OK};
    c->open_until_ms = 0;
    code = code == RD_KAFKA_RESP_ERR__NO_OFFSET ? RD_KAFKA_RESP_ERR_NO_ERROR : code;
    if (!code && c->failing) {
        weir_log_line(log, WEIR_LOG_INFO, "kafka", "commits work again");
    }
    if (code && !c->failing) {
        weir_kafka_fail(&err, code, "committing");
        if (where) {
            weir_kafka_at(&err, where->topic, where->partition, where->offset);
        }
        weir_log_error(
            log, WEIR_LOG_WARN, "kafka", &err, "a commit failed; it is tried again until it works");
    }
    c->failing = code != RD_KAFKA_RESP_ERR_NO_ERROR;
}
