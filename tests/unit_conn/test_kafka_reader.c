/* Reading plainly, against librdkafka's mock cluster: an offset that librdkafka takes for gone, and
 * that is there, is read; one that is gone is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <string.h>

#include "engine/run.h"
#include "kafka/kafka_reader.h"

enum { RECORDS = 20, FETCH = 1, ARRIVES_MS = 20000 };

typedef struct fixture {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *mock;
} fixture;

static void open_mock(fixture *f)
{
    char why[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(
        rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why, sizeof why), RD_KAFKA_CONF_OK);
    f->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    f->mock = rd_kafka_handle_mock_cluster(f->rk);
    assert_non_null(f->mock);
    assert_int_equal(rd_kafka_mock_topic_create(f->mock, "orders", 1, 1), 0);
    for (int i = 0; i < RECORDS; i++) {
        assert_int_equal(
            rd_kafka_producev(f->rk, RD_KAFKA_V_TOPIC("orders"), RD_KAFKA_V_PARTITION(0),
                RD_KAFKA_V_VALUE("v", 1), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
            0);
    }
    assert_int_equal(rd_kafka_flush(f->rk, ARRIVES_MS), 0);
}

static weir_kafka_reader *open_reader(const fixture *f, int64_t offset)
{
    weir_kafka_reader *r;
    const weir_kafka_property brokers = {
        "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(f->mock), NULL};
    weir_kafka_place place = {"orders", 0, offset};
    weir_kafka_reader_options o = {&brokers, 1, &place, 1, NULL};
    assert_int_equal(weir_kafka_reader_open(&o, &r, NULL), WEIR_OK);
    return r;
}

/* The offsets in order from `next` on, each once, up to the end. */
static weir_status read_from(weir_kafka_reader *r, int64_t next, weir_error *err)
{
    weir_status s = WEIR_OK;
    int64_t until = weir_monotonic_ms() + ARRIVES_MS;
    while (!s && next < RECORDS && weir_monotonic_ms() < until) {
        weir_kafka_read what;
        weir_raw_record record;
        s = weir_kafka_reader_next(r, 100, &what, &record, err);
        if (!s && what == WEIR_KAFKA_RECORD) {
            assert_int_equal(record.offset, next);
            next++;
        }
    }
    if (!s) {
        assert_int_equal(next, RECORDS);
    }
    return s;
}

static void test_an_offset_that_is_there(void **state)
{
    fixture f;
    weir_error err = {.status = WEIR_OK};
    (void)state;
    open_mock(&f);
    rd_kafka_mock_push_request_errors(f.mock, FETCH, 1, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
    weir_kafka_reader *r = open_reader(&f, 5);
    assert_int_equal(read_from(r, 5, &err), WEIR_OK);
    weir_kafka_reader_close(r);
    rd_kafka_destroy(f.rk);
}

static void test_an_offset_that_is_gone(void **state)
{
    fixture f;
    weir_error err = {.status = WEIR_OK};
    (void)state;
    open_mock(&f);
    weir_kafka_reader *r = open_reader(&f, RECORDS + 100);
    assert_int_equal(read_from(r, 0, &err), WEIR_FATAL);
    assert_string_equal(err.code, "KAFKA_OFFSETS_LOST");
    weir_kafka_reader_close(r);
    rd_kafka_destroy(f.rk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_offset_that_is_there),
        cmocka_unit_test(test_an_offset_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
