/* A group's topic that is not there: waited for where the config says so, an end where it does not.
 * (A storm on the real broker met it: the mock's topic is told to be unknown.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#include <librdkafka/rdkafka_mock.h>

#include "engine/engine.h"
#include "engine/run.h"
#include "kafka/kafka_source.h"

enum { PATIENCE_MS = 10000 };

typedef struct heard {
    bool any;
    weir_error first;
} heard;

static void on_error(void *engine, const weir_error *err)
{
    heard *h = engine;
    if (!h->any) {
        h->first = *err;
    }
    h->any = true;
}

static const weir_source_events events = {.error = on_error};

/* What the source tells of a topic that the broker does not know. */
static weir_error told(const bool *wait_for)
{
    static const char *const topics[] = {"late"};
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why, sizeof why);
    rd_kafka_t *broker = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    rd_kafka_mock_cluster_t *mock = rd_kafka_handle_mock_cluster(broker);
    rd_kafka_mock_topic_create(mock, "late", 1, 1);
    rd_kafka_mock_topic_set_error(mock, "late", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    weir_kafka_property at = {"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(mock), NULL};
    weir_kafka_source_options o = {.properties = &at,
        .n_properties = 1,
        .topics = topics,
        .n_topics = 1,
        .group = "g",
        .wait_for = wait_for};
    weir_record_source source;
    weir_error err;
    heard h = {.any = false};
    assert_int_equal(weir_kafka_source_open(&o, &source, &err), WEIR_OK);
    for (int64_t until = weir_monotonic_ms() + PATIENCE_MS;
         !h.any && weir_monotonic_ms() < until;) {
        assert_int_equal(source.ops->poll(source.self, &events, &h, 10, 50, &err), WEIR_OK);
    }
    source.ops->close(source.self);
    rd_kafka_destroy(broker);
    assert_true(h.any);
    return h.first;
}

static void test_is_waited_for(void **state)
{
    (void)state;
    weir_error err = told(&(const bool){true});
    assert_string_equal(err.code, "KAFKA_NO_TOPIC");
    assert_int_equal(err.status, WEIR_HOLD);
}

static void test_is_an_end(void **state)
{
    (void)state;
    weir_error err = told(NULL);
    assert_string_equal(err.code, "KAFKA_NO_TOPIC");
    assert_int_equal(err.status, WEIR_FATAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_waited_for),
        cmocka_unit_test(test_is_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
