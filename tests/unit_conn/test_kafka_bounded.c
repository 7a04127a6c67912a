/* A consumer's end, against librdkafka's mock cluster: it is waited for within a bound, also when
 * librdkafka never comes to one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "engine/run.h"
#include "kafka/kafka_bounded.h"
#include "kafka/kafka_mock.h"

enum { BOUND_MS = 1500, SLACK_MS = 3000, ARRIVES_MS = 10000 };

typedef struct fixture {
    weir_kafka_mock *mock;
    rd_kafka_t *rk;
    weir_kafka_queues queues;
    rd_kafka_queue_t *queue; /* of the only partition */
} fixture;

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[200];
    assert_int_equal(rd_kafka_conf_set(conf, name, value, why, sizeof why), RD_KAFKA_CONF_OK);
}

static void open_consumer(fixture *f)
{
    char why[200];
    *f = (fixture){0};
    assert_int_equal(weir_kafka_mock_open(NULL, &f->mock, NULL), WEIR_OK);
    assert_int_equal(weir_kafka_mock_create_topic(f->mock, "orders", 1, NULL), WEIR_OK);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", weir_kafka_mock_address(f->mock));
    set(conf, "group.id", "bounded");
    set(conf, "enable.partition.eof", "true");
    f->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    assert_non_null(f->rk);
    rd_kafka_poll_set_consumer(f->rk);
    f->queue = weir_kafka_queues_take(&f->queues, f->rk, "orders", 0);
    assert_non_null(f->queue);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, "orders", 0)->offset = 0;
    assert_int_equal(rd_kafka_assign(f->rk, list), 0);
    rd_kafka_topic_partition_list_destroy(list);
}

/* The partition's end, which comes at once: it is empty. */
static rd_kafka_message_t *take_end(const fixture *f)
{
    rd_kafka_message_t *m = rd_kafka_consume_queue(f->queue, ARRIVES_MS);
    assert_non_null(m);
    assert_int_equal(m->err, RD_KAFKA_RESP_ERR__PARTITION_EOF);
    return m;
}

static void test_closes(void **state)
{
    fixture f;
    (void)state;
    open_consumer(&f);
    rd_kafka_message_destroy(take_end(&f));
    assert_true(weir_kafka_close_within(f.rk, &f.queues, BOUND_MS));
    assert_int_equal(f.queues.n, 0);
    weir_kafka_mock_close(f.mock);
}

/* What is held of a topic keeps librdkafka from its end. */
static void test_gives_up(void **state)
{
    fixture f;
    (void)state;
    open_consumer(&f);
    rd_kafka_topic_t *held = rd_kafka_topic_new(f.rk, "orders", NULL);
    rd_kafka_message_t *m = take_end(&f);
    int64_t from_ms = weir_monotonic_ms();
    assert_false(weir_kafka_close_within(f.rk, &f.queues, BOUND_MS));
    assert_in_range(weir_monotonic_ms() - from_ms, BOUND_MS, 2 * BOUND_MS + SLACK_MS);
    rd_kafka_message_destroy(m);
    rd_kafka_topic_destroy(held);
    weir_kafka_mock_close(f.mock);
}

static void test_gives_up_without_memory(void **state)
{
    fixture f;
    (void)state;
    open_consumer(&f);
    rd_kafka_message_destroy(take_end(&f));
    weir_alloc_fail_at(1, 1);
    bool closed = weir_kafka_close_within(f.rk, &f.queues, BOUND_MS);
    weir_alloc_fail_at(0, 0);
    assert_false(closed);
    rd_kafka_destroy_flags(f.rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    weir_kafka_mock_close(f.mock);
}

/* A partition that is served again has one place, with the queue that was taken last. */
static void test_keeps_one_queue_a_partition(void **state)
{
    fixture f;
    (void)state;
    open_consumer(&f);
    assert_non_null(weir_kafka_queues_take(&f.queues, f.rk, "orders", 0));
    assert_int_equal(f.queues.n, 1);
    assert_non_null(weir_kafka_queues_take(&f.queues, f.rk, "orders", 1));
    assert_non_null(weir_kafka_queues_take(&f.queues, f.rk, "items", 0));
    assert_int_equal(f.queues.n, 3);
    weir_alloc_fail_at(1, 1);
    rd_kafka_queue_t *none = weir_kafka_queues_take(&f.queues, f.rk, "items", 1);
    weir_alloc_fail_at(0, 0);
    assert_null(none);
    assert_int_equal(f.queues.n, 3);
    assert_true(weir_kafka_close_within(f.rk, &f.queues, BOUND_MS + SLACK_MS));
    weir_kafka_mock_close(f.mock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closes),
        cmocka_unit_test(test_gives_up),
        cmocka_unit_test(test_gives_up_without_memory),
        cmocka_unit_test(test_keeps_one_queue_a_partition),
    };
    return cmocka_run_group_tests_name("kafka_bounded", tests, NULL, NULL);
}
