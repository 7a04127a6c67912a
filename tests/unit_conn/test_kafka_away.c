/* A broker that is gone, and comes back: librdkafka tells of neither while no record comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#include <librdkafka/rdkafka_mock.h>

#include "engine/engine.h"
#include "engine/run.h"
#include "kafka/kafka_source.h"

enum { PATIENCE_MS = 20000 };

static weir_partition partition; /* stands for what an engine would make of it */
static int assigned;

static weir_partition *on_assigned(void *engine, weir_view topic, int32_t number, int64_t start)
{
    (void)engine, (void)topic, (void)number, (void)start;
    assigned++;
    return &partition;
}

static void on_end(void *engine, weir_partition *p, int64_t offset)
{
    (void)engine, (void)p, (void)offset;
}

static void on_revoked(void *engine, weir_partition **partitions, size_t n, bool lost)
{
    (void)engine, (void)partitions, (void)n, (void)lost;
}

static void on_error(void *engine, const weir_error *err)
{
    (void)engine;
    assert_int_equal(err->status, WEIR_HOLD);
}

static const weir_source_events events = {
    .assigned = on_assigned, .revoked = on_revoked, .end = on_end, .error = on_error};

static void poll_until(weir_record_source *source, weir_engine *e, bool away)
{
    int64_t away_ms;
    weir_error err;
    for (int64_t end = weir_monotonic_ms() + PATIENCE_MS;
         !assigned || weir_kafka_source_away(source, &away_ms) != away;) {
        assert_true(weir_monotonic_ms() < end);
        assert_int_equal(source->ops->poll(source->self, &events, e, 10, 50, &err), WEIR_OK);
    }
    assert_true(away ? away_ms >= 0 : away_ms == 0);
}

static void come_and_go(const char *group)
{
    static const char *const topics[] = {"in"};
    char why[200];
    weir_engine engine = {.now_ms = 0};
    weir_record_source source;
    weir_error err;
    assigned = 0;
    partition = (weir_partition){.topic = (char *)(uintptr_t)topics[0]};
    pthread_mutex_init(&engine.lock, NULL);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(rk, 1);
    assert_int_equal(rd_kafka_mock_topic_create(mock, "in", 1, 1), 0);
    weir_kafka_property at = {"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(mock), NULL};
    weir_kafka_source_options o = {
        .properties = &at, .n_properties = 1, .topics = topics, .n_topics = 1, .group = group};
    assert_int_equal(weir_kafka_source_open(&o, &source, &err), WEIR_OK);
    poll_until(&source, &engine, false);
    rd_kafka_mock_broker_set_down(mock, 1);
    poll_until(&source, &engine, true);
    rd_kafka_mock_broker_set_up(mock, 1);
    poll_until(&source, &engine, false);
    source.ops->close(source.self);
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(rk);
    pthread_mutex_destroy(&engine.lock);
}

static void test_all_partitions(void **state)
{
    (void)state;
    come_and_go(NULL);
}

static void test_member(void **state)
{
    (void)state;
    come_and_go("g");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_partitions),
        cmocka_unit_test(test_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
