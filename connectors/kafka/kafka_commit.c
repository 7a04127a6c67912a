/* A group's commits. See kafka_commit.h. */
#include "kafka/kafka_commit.h"

#include <stdlib.h>

#include "engine/run.h"
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

/* ---- The one that is open -----------------------------------------------------------------------
 */

void weir_kafka_commits_fini(weir_kafka_commits *c)
{
    if (c->open) {
        rd_kafka_queue_destroy(c->open);
        c->open = NULL;
    }
}

static rd_kafka_event_t *wait_for_answer(weir_kafka_commits *c, int64_t until_ms)
{
    int64_t left_ms = until_ms - weir_monotonic_ms();
    rd_kafka_event_t *answer =
        c->open ? rd_kafka_queue_poll(c->open, left_ms > 0 ? (int)left_ms : 0) : NULL;
    if (answer) {
        weir_kafka_commits_fini(c);
    }
    return answer;
}

rd_kafka_event_t *weir_kafka_commits_answer(weir_kafka_commits *c)
{
    return wait_for_answer(c, 0);
}

/* Anything but OK: refused at once, there will be no answer. */
static rd_kafka_resp_err_t send_one(
    weir_kafka_commits *c, rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list)
{
    weir_kafka_commits_fini(c);
    c->open = rd_kafka_queue_new(rk);
    c->open_until_ms = weir_monotonic_ms() + LOST_MS;
    rd_kafka_resp_err_t code = rd_kafka_commit_queue(rk, list, c->open, NULL, NULL);
    if (code) {
        weir_kafka_commits_fini(c);
    }
    return code;
}

/* What the broker says of each partition. */
static void take_errors(
    rd_kafka_topic_partition_list_t *offsets, const rd_kafka_topic_partition_list_t *answered)
{
    for (int i = 0; answered && i < answered->cnt; i++) {
        const rd_kafka_topic_partition_t *from = &answered->elems[i];
        rd_kafka_topic_partition_t *to =
            rd_kafka_topic_partition_list_find(offsets, from->topic, from->partition);
        if (to) {
            to->err = from->err;
        }
    }
}

/* One partition's refusal is the commit's: librdkafka says so only where all are refused. */
static rd_kafka_resp_err_t whole_of(
    rd_kafka_resp_err_t code, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; list && i < list->cnt && !code; i++) {
        code = list->elems[i].err;
    }
    return code;
}

/* Sets the `err` of each offset. __TIMED_OUT: there was no answer, it may still come to pass. */
static rd_kafka_resp_err_t send_and_wait(
    weir_kafka_commits *c, rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list)
{
    int64_t until_ms = weir_monotonic_ms() + ANSWER_MS;
    rd_kafka_event_destroy(wait_for_answer(c, until_ms - ANSWER_MS / 2));
    rd_kafka_resp_err_t code = send_one(c, rk, list);
    rd_kafka_event_t *answer = code ? NULL : wait_for_answer(c, until_ms);
    if (!code) {
        code = answer ? rd_kafka_event_error(answer) : RD_KAFKA_RESP_ERR__TIMED_OUT;
        take_errors(list, answer ? rd_kafka_event_topic_partition_list(answer) : NULL);
    }
    rd_kafka_event_destroy(answer);
    return whole_of(code, list);
}

/* ---- Committing ---------------------------------------------------------------------------------
 */

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
    if (!wait && c->open && weir_monotonic_ms() < c->open_until_ms) {
        return WEIR_OK;
    }
    rd_kafka_topic_partition_list_t *list = weir_kafka_offsets(offsets, n, !c->offsets_alone);
    if (!list) {
        return weir_fail_oom(err);
    }
    rd_kafka_resp_err_t code = wait ? send_and_wait(c, rk, list) : send_one(c, rk, list);
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
    weir_error err = {.status = WEIR_OK};
    code = whole_of(code, list);
    bool failed = code && code != RD_KAFKA_RESP_ERR__NO_OFFSET;
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
