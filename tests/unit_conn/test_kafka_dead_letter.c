/* Dead letters against librdkafka's mock cluster: a broker that hangs holds nobody for long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "engine/run.h"
#include "kafka/kafka_dead_letter.h"
#include "kafka/kafka_reader.h"
#include "value/value.h"

enum { PRODUCE = 0 /* of Kafka's requests */ };
enum { TIMEOUT_MS = 1000, SLACK_MS = 3000, LANES = 4, HANGS_MS = 60000 };

typedef struct fixture {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *mock;
    weir_dead_letters letters;
} fixture;

static void open_all(fixture *f)
{
    char why[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    weir_error err = {.status = WEIR_OK};
    f->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    f->mock = rd_kafka_mock_cluster_new(f->rk, 1);
    assert_non_null(f->mock);
    assert_int_equal(rd_kafka_mock_topic_create(f->mock, "dead", 1, 1), 0);
    const weir_kafka_property brokers = {
        "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(f->mock), NULL};
    weir_kafka_dead_letter_options o = {.properties = &brokers,
        .n_properties = 1,
        .topic = "dead",
        .group = "test",
        .timeout_ms = TIMEOUT_MS};
    assert_int_equal(weir_kafka_dead_letters_open(&o, &f->letters, &err), WEIR_OK);
}

static void close_all(fixture *f)
{
    weir_kafka_dead_letters_close(&f->letters);
    rd_kafka_mock_cluster_destroy(f->mock);
    rd_kafka_destroy(f->rk);
}

static weir_status write_one(const fixture *f, weir_error *err)
{
    weir_raw_record r = {.topic = weir_view_of("orders"),
        .key = weir_view_of("k"),
        .value = weir_view_of("v"),
        .offset = 7};
    weir_dead_letter letter = {.record = &r, .attempts = 1};
    weir_fail(&letter.error, WEIR_E_CDC_NO_OP, "no op");
    return f->letters.write(f->letters.self, &letter, 1, err);
}

/* The header's number; -1: it is not there. */
static int64_t number_in(const weir_raw_record *r, const char *header)
{
    weir_view name, value;
    int64_t n = -1;
    for (size_t i = 0; r->headers.at && r->headers.at(r->headers.self, i, &name, &value); i++) {
        if (weir_view_is(name, header)) {
            assert_true(weir_text_to_int64(value, &n));
        }
    }
    return n;
}

/* The broker refuses it as too large, once: it is written without its value, and says where the
 * record is. */
static void test_a_letter_that_is_too_large(void **state)
{
    fixture f;
    weir_error err = {.status = WEIR_OK};
    weir_kafka_reader *reader;
    weir_kafka_read what = WEIR_KAFKA_NOTHING;
    weir_raw_record r;
    (void)state;
    open_all(&f);
    rd_kafka_mock_push_request_errors(f.mock, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    weir_status s = write_one(&f, &err);
    for (int i = 0; i < 10 && s == WEIR_HOLD; i++) {
        s = write_one(&f, &err); /* a busy machine */
    }
    assert_int_equal(s, WEIR_OK);
    const weir_kafka_property brokers = {
        "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(f.mock), NULL};
    const weir_kafka_place place = {"dead", 0, 0};
    const weir_kafka_reader_options o = {&brokers, 1, &place, 1, NULL};
    assert_int_equal(weir_kafka_reader_open(&o, &reader, &err), WEIR_OK);
    for (int i = 0; i < 100 && what != WEIR_KAFKA_RECORD; i++) {
        assert_int_equal(weir_kafka_reader_next(reader, 100, &what, &r, &err), WEIR_OK);
    }
    assert_int_equal(what, WEIR_KAFKA_RECORD);
    assert_null(r.value.ptr);
    assert_true(weir_view_is(r.key, "k"));
    assert_int_equal(number_in(&r, "weir.dead.offset"), 7);
    assert_int_equal(number_in(&r, WEIR_DEAD_LETTER_LACKS), 1);
    weir_kafka_reader_close(reader);
    close_all(&f);
}

typedef struct lane {
    pthread_t thread;
    const fixture *f;
    weir_status status;
    int64_t ms;
} lane;

static void *lane_main(void *arg)
{
    lane *l = arg;
    weir_error err = {.status = WEIR_OK};
    int64_t from_ms = weir_monotonic_ms();
    l->status = write_one(l->f, &err);
    l->ms = weir_monotonic_ms() - from_ms;
    return NULL;
}

/* Every lane is held within a bound, not one behind the other. */
static void test_a_broker_that_hangs(void **state)
{
    fixture f;
    lane lanes[LANES];
    weir_error err = {.status = WEIR_OK};
    (void)state;
    open_all(&f);
    weir_status first = write_one(&f, &err);
    for (int i = 0; i < 10 && first == WEIR_HOLD; i++) {
        first = write_one(&f, &err); /* a busy machine */
    }
    assert_int_equal(first, WEIR_OK);
    assert_int_equal(rd_kafka_mock_broker_set_rtt(f.mock, -1, HANGS_MS), 0);
    for (int i = 0; i < LANES; i++) {
        lanes[i] = (lane){.f = &f};
        assert_int_equal(pthread_create(&lanes[i].thread, NULL, lane_main, &lanes[i]), 0);
    }
    for (int i = 0; i < LANES; i++) {
        pthread_join(lanes[i].thread, NULL);
        assert_int_equal(lanes[i].status, WEIR_HOLD);
        assert_in_range(lanes[i].ms, 0, 2 * TIMEOUT_MS + SLACK_MS);
    }
    close_all(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_letter_that_is_too_large),
        cmocka_unit_test(test_a_broker_that_hangs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
