/* Waiting with a bound. See kafka_bounded.h. */
#include "kafka/kafka_bounded.h"

#include "engine/run.h"

enum { LOOK_MS = 100 };

rd_kafka_resp_err_t weir_kafka_commit_within(
    rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *offsets, int timeout_ms)
{
    rd_kafka_queue_t *answers = rd_kafka_queue_new(rk);
    rd_kafka_resp_err_t code = rd_kafka_commit_queue(rk, offsets, answers, NULL, NULL);
    if (!code) {
        rd_kafka_event_t *answer = rd_kafka_queue_poll(answers, timeout_ms);
        code = answer ? rd_kafka_event_error(answer) : RD_KAFKA_RESP_ERR__TIMED_OUT;
        rd_kafka_event_destroy(answer);
    }
    rd_kafka_queue_destroy(answers);
    return code;
}

void weir_kafka_close_within(rd_kafka_t *rk, int timeout_ms)
{
    rd_kafka_queue_t *events = rd_kafka_queue_new(rk);
    int64_t until = weir_monotonic_ms() + timeout_ms;
    rd_kafka_error_t *refused = rd_kafka_consumer_close_queue(rk, events);
    while (!refused && !rd_kafka_consumer_closed(rk) && weir_monotonic_ms() < until) {
        rd_kafka_queue_poll_callback(events, LOOK_MS);
    }
    rd_kafka_error_destroy(refused);
    rd_kafka_queue_destroy(events);
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}
