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

/* Its partition is named if the answer says which. */
static weir_status fail(
    weir_error *err, rd_kafka_resp_err_t code, const rd_kafka_topic_partition_list_t *list)
{
    weir_status s = weir_kafka_fail(err, code, "committing");
    for (int i = 0; list && i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *tp = &list->elems[i];
        if (tp->err) {
            weir_kafka_at(err, tp->topic, tp->partition, tp->offset);
            break;
        }
    }
    return s;
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
    if (code && !wait) {
        c->open_until_ms = 0; /* refused at once: there will be no answer */
    }
    bool done = !code || code == RD_KAFKA_RESP_ERR__NO_OFFSET;
    weir_status s = done ? WEIR_OK : fail(err, code, list);
    rd_kafka_topic_partition_list_destroy(list);
    return s;
}

void weir_kafka_commit_answered(weir_kafka_commits *c, rd_kafka_resp_err_t code,
    const rd_kafka_topic_partition_list_t *list, const weir_log *log)
{
    bool failed = code && code != RD_KAFKA_RESP_ERR__NO_OFFSET;
    weir_error err = {.status = WEIR_OK};
    c->open_until_ms = 0;
    if (!failed && c->failing) {
        weir_log_line(log, WEIR_LOG_INFO, "kafka", "commits work again");
    }
    if (failed && !c->failing) {
        (void)fail(&err, code, list);
        weir_log_error(
            log, WEIR_LOG_WARN, "kafka", &err, "a commit failed; it is tried again until it works");
    }
    c->failing = failed;
}
