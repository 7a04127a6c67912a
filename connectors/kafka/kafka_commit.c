/* A group's commits. See kafka_commit.h. */
#include "kafka/kafka_commit.h"

#include <stdlib.h>

#include "engine/run.h"
#include "kafka/kafka_bounded.h"
#include "kafka/kafka_client.h"

enum {
    ANSWER_MS = 5000,
    LOST_MS = 120000, /* librdkafka answers each one long before; if not, it is as good as lost */
};

/* The list owns its metadata, which librdkafka frees; NULL: out of memory. */
rd_kafka_topic_partition_list_t *weir_kafka_offsets(
    const weir_offset *offsets, size_t n, bool metadata)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++) {
        rd_kafka_topic_partition_t *tp =
            rd_kafka_topic_partition_list_add(list, offsets[i].topic, offsets[i].number);
        weir_view said = offsets[i].metadata;
        tp->offset = offsets[i].next;
        if (!metadata || !said.len) {
            continue;
        }
        tp->metadata = malloc(said.len);
        if (!tp->metadata) {
            rd_kafka_topic_partition_list_destroy(list);
            return NULL;
        }
        memcpy(tp->metadata, said.ptr, said.len);
        tp->metadata_size = said.len;
    }
    return list;
}

/* Brokers are told how much they may keep beside an offset (offset.metadata.max.bytes); where that
 * is less than we say, offsets alone are committed. */
static bool is_too_much(const rd_kafka_topic_partition_list_t *list, rd_kafka_resp_err_t code)
{
    bool too_much = code == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE;
    for (int i = 0; list && i < list->cnt; i++) {
        too_much |= list->elems[i].err == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE;
    }
    return too_much;
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
    rd_kafka_topic_partition_list_t *list = weir_kafka_offsets(offsets, n, !c->offsets_alone);
    if (!list) {
        c->open_until_ms = wait ? c->open_until_ms : 0;
        return weir_fail_oom(err);
    }
    rd_kafka_resp_err_t code =
        wait ? weir_kafka_commit_within(rk, list, ANSWER_MS) : rd_kafka_commit(rk, list, true);
    if (code && !wait) {
        c->open_until_ms = 0; /* refused at once: there will be no answer */
    }
    if (wait && !c->offsets_alone && is_too_much(list, code)) {
        rd_kafka_topic_partition_list_destroy(list);
        c->offsets_alone = true;
        return weir_kafka_commit(c, rk, offsets, n, wait, err);
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
    if (failed && !c->offsets_alone && is_too_much(list, code)) {
        c->offsets_alone = true;
        weir_log_line(log, WEIR_LOG_WARN, "kafka",
            "the broker keeps less than 4096 bytes beside an offset (offset.metadata.max.bytes): "
            "attempts and what is settled beyond the offset do not survive a restart");
        return;
    }
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
