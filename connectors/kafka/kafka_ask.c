/* Questions to the broker. See kafka_ask.h. */
#include "kafka/kafka_ask.h"

#include "kafka/kafka_client.h"

enum {
    ANSWER_MS =
        5000,        /* the thread that polls waits so long, and is not taken for stuck meanwhile */
    RANGE_MS = 2000, /* other partitions are not read meanwhile */
};

static bool says_missing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

weir_status weir_kafka_ask_partitions(
    rd_kafka_t *rk, const char *topic, int timeout_ms, int32_t *n, bool *no_leader, weir_error *err)
{
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
    rd_kafka_resp_err_t why =
        t ? rd_kafka_metadata(rk, 0, t, &md, timeout_ms) : rd_kafka_last_error();
    *n = 0;
    if (!why && md) {
        why = md->topic_cnt ? md->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        *n = why ? 0 : md->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(md);
    }
    if (t) {
        rd_kafka_topic_destroy(t);
    }
    *no_leader = why == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    if (why && !says_missing(why)) {
        weir_kafka_fail(err, why, "asking for topic %s", topic);
        weir_kafka_at(err, topic, -1, -1);
        return err->status;
    }
    return WEIR_OK;
}

weir_status weir_kafka_ask_committed(
    rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, weir_error *err)
{
    static const char what[] = "asking for committed offsets";
    rd_kafka_resp_err_t code = rd_kafka_committed(rk, list, ANSWER_MS);
    if (code) {
        return weir_kafka_fail(err, code, what);
    }
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *tp = &list->elems[i];
        if (tp->err) {
            weir_kafka_fail(err, tp->err, what);
            weir_kafka_at(err, tp->topic, tp->partition, -1);
            return err->status;
        }
        tp->offset = tp->offset == RD_KAFKA_OFFSET_INVALID ? RD_KAFKA_OFFSET_BEGINNING : tp->offset;
    }
    return WEIR_OK;
}

weir_status weir_kafka_ask_end(
    rd_kafka_t *rk, const char *topic, int32_t partition, int64_t *end, weir_error *err)
{
    int64_t low;
    rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(rk, topic, partition, &low, end, RANGE_MS);
    if (code) {
        weir_kafka_fail(err, code, "asking for the last offset");
        weir_kafka_at(err, topic, partition, -1);
        return err->status = WEIR_HOLD;
    }
    return WEIR_OK;
}

weir_status weir_kafka_ask_range(
    rd_kafka_t *rk, const char *topic, int32_t partition, int64_t offset, weir_error *err)
{
    int64_t low, high;
    rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(rk, topic, partition, &low, &high, RANGE_MS);
    if (code) {
        weir_kafka_fail(err, code, "asking for the first and the last offset");
        err->status = WEIR_HOLD; /* librdkafka itself tells of a topic that is gone for good */
    } else if (offset < 0 || (offset >= low && offset <= high)) {
        return WEIR_OK;
    } else {
        weir_fail(err, WEIR_E_KAFKA_OFFSETS_LOST,
            "the offset to go on from is gone: the partition has %lld up to %lld", (long long)low,
            (long long)high);
    }
    weir_kafka_at(err, topic, partition, offset);
    return err->status;
}
