/* A member of a group against librdkafka's mock cluster: it says how long it has had no place in
 * its group, from its start and from when the broker went away. */
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

enum { WAIT_MS = 30000, POLL_MS = 50 };

static weir_partition partition; /* stands for what an engine would make of it */

static weir_partition *on_assigned(void *engine, weir_view topic, int32_t number, int64_t start)
{
    (void)engine, (void)topic, (void)number, (void)start;
    return &partition;
}

static void on_revoked(void *engine, weir_partition **partitions, size_t n, bool lost)
{
    (void)engine, (void)partitions, (void)n, (void)lost;
}

static void on_end(void *engine, weir_partition *p, int64_t offset)
{
    (void)engine, (void)p, (void)offset;
}

static void on_error(void *engine, const weir_error *err)
{
    (void)engine, (void)err;
}

static const weir_source_events events = {
    .assigned = on_assigned, .revoked = on_revoked, .end = on_end, .error = on_error};

/* Polls until it is in, or out, of its group. */
static bool becomes(const weir_record_source *source, weir_engine *engine, bool member)
{
    weir_error err;
    int64_t out_ms = member;
    for (int64_t end = weir_monotonic_ms() + WAIT_MS; (out_ms == 0) != member;) {
        if (weir_monotonic_ms() > end) {
            return false;
        }
        assert_int_equal(
            source->ops->poll(source->self, &events, engine, 10, POLL_MS, &err), WEIR_OK);
        assert_true(weir_kafka_source_out(source, &out_ms));
    }
    return true;
}

static void test_says_how_long_it_is_out(void **state)
{
    static const char *const topics[] = {"in"};
    weir_record_source source;
    weir_engine engine = {.n_partitions = 0};
    weir_error err;
    int64_t out_ms;
    char why[200];
    (void)state;
    pthread_mutex_init(&engine.lock, NULL);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(rk, 1);
    assert_int_equal(rd_kafka_mock_topic_create(mock, "in", 1, 1), 0);
    const weir_kafka_property properties[] = {
        {"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(mock), NULL},
        {"session.timeout.ms", "4000", NULL}, {"heartbeat.interval.ms", "200", NULL}};
    weir_kafka_source_options o = {
        .properties = properties, .n_properties = 3, .topics = topics, .n_topics = 1, .group = "g"};
    partition = (weir_partition){.topic = (char *)(uintptr_t)topics[0]};
    assert_int_equal(weir_kafka_source_open(&o, &source, &err), WEIR_OK);
    assert_true(weir_kafka_source_out(&source, &out_ms));
    assert_true(becomes(&source, &engine, true));
    assert_int_equal(rd_kafka_mock_broker_set_down(mock, 1), 0);
    assert_true(becomes(&source, &engine, false));
    assert_int_equal(rd_kafka_mock_broker_set_up(mock, 1), 0);
    assert_true(becomes(&source, &engine, true));
    source.ops->close(source.self);
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(rk);
    pthread_mutex_destroy(&engine.lock);
}

static int32_t told;

static weir_status two_at_most(void *ctx, weir_view topic, int32_t n, weir_error *err)
{
    (void)ctx;
    told = n;
    assert_true(weir_view_is(topic, "in"));
    return n > 2 ? weir_fail(err, WEIR_E_KAFKA_PARTITIONS_ADDED, "%d", (int)n) : WEIR_OK;
}

/* Polls until it is told, or has failed. */
static weir_status poll_until_told(const weir_record_source *source, weir_engine *engine)
{
    weir_error err;
    weir_status st = WEIR_OK;
    told = 0;
    for (int64_t end = weir_monotonic_ms() + WAIT_MS; !st && !told;) {
        assert_true(weir_monotonic_ms() < end);
        st = source->ops->poll(source->self, &events, engine, 10, POLL_MS, &err);
    }
    return st;
}

/* Before it reads what it was given. */
static void test_tells_how_many_partitions_there_are(void **state)
{
    static const char *const topics[] = {"in"};
    (void)state;
    char why[200];
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    for (int n = 2; n <= 3; n++) {
        weir_record_source source;
        weir_engine engine = {.n_partitions = 0};
        weir_error err;
        pthread_mutex_init(&engine.lock, NULL);
        rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(rk, 1);
        assert_int_equal(rd_kafka_mock_topic_create(mock, "in", n, 1), 0);
        const weir_kafka_property properties[] = {
            {"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(mock), NULL}};
        weir_kafka_source_options o = {.properties = properties,
            .n_properties = 1,
            .topics = topics,
            .n_topics = 1,
            .group = "g",
            .counted = two_at_most};
        partition = (weir_partition){.topic = (char *)(uintptr_t)topics[0]};
        assert_int_equal(weir_kafka_source_open(&o, &source, &err), WEIR_OK);
        assert_int_equal(poll_until_told(&source, &engine), n > 2 ? WEIR_FATAL : WEIR_OK);
        assert_int_equal(told, n);
        source.ops->close(source.self);
        rd_kafka_mock_cluster_destroy(mock);
        pthread_mutex_destroy(&engine.lock);
    }
    rd_kafka_destroy(rk);
}

/* Who reads all partitions is in no group. */
static void test_not_of_a_reader(void **state)
{
    static const char *const topics[] = {"in"};
    weir_record_source source;
    weir_error err;
    int64_t out_ms;
    (void)state;
    const weir_kafka_property properties[] = {{"bootstrap.servers", "127.0.0.1:1", NULL}};
    weir_kafka_source_options o = {
        .properties = properties, .n_properties = 1, .topics = topics, .n_topics = 1};
    assert_int_equal(weir_kafka_source_open(&o, &source, &err), WEIR_OK);
    assert_false(weir_kafka_source_out(&source, &out_ms));
    source.ops->close(source.self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_how_long_it_is_out),
        cmocka_unit_test(test_tells_how_many_partitions_there_are),
        cmocka_unit_test(test_not_of_a_reader),
    };
    return cmocka_run_group_tests_name("kafka_member", tests, NULL, NULL);
}
