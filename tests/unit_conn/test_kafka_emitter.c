/* Emits against librdkafka's mock cluster: acknowledged, held back by a broker that hangs, and past
 * a producer that turned fatal. */
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
#include <time.h>

#include "engine/run.h"
#include "kafka/kafka_emitter.h"
#include "kafka/kafka_reader.h"
#include "value/value.h"

enum { MANY = 2000, KEYS = 700 };
enum { PRODUCE = 0 /* of Kafka's requests */ };
enum { TIMEOUT_MS = 1500, HANGS_MS = 60000, BOUND = 4096 };

typedef struct fixture {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *mock;
    weir_emitter emitter;
    weir_kafka_property
        properties[2]; /* borrowed by the emitter: it starts with the first sending */
} fixture;

/* one_by_one: each record is a request of its own. */
static void open_with(fixture *f, bool one_by_one)
{
    char why[200];
    weir_error err = {.status = WEIR_OK};
    f->rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    f->mock = rd_kafka_mock_cluster_new(f->rk, 1);
    assert_non_null(f->mock);
    assert_int_equal(rd_kafka_mock_topic_create(f->mock, "payments", 1, 1), 0);
    f->properties[0] =
        (weir_kafka_property){"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(f->mock), NULL};
    f->properties[1] = (weir_kafka_property){"batch.num.messages", "1", NULL};
    weir_kafka_emitter_options o = {.properties = f->properties,
        .n_properties = one_by_one ? 2 : 1,
        .in_flight_bytes = BOUND,
        .timeout_ms = TIMEOUT_MS};
    assert_int_equal(weir_kafka_emitter_open(&o, &f->emitter, &err), WEIR_OK);
}

static void open_all(fixture *f)
{
    open_with(f, false);
}

static void close_all(fixture *f)
{
    weir_kafka_emitter_close(&f->emitter);
    rd_kafka_mock_cluster_destroy(f->mock);
    rd_kafka_destroy(f->rk);
}

/* ---- A sending with two records -----------------------------------------------------------------
 */

typedef struct sent {
    weir_sending sending; /* first */
    weir_outgoing records[2];
    weir_outgoing_header header;
    atomic_int answers;
    weir_error error;
} sent;

static void on_done(weir_sending *s, const weir_error *err)
{
    sent *t = (sent *)s;
    t->error = *err;
    atomic_fetch_add(&t->answers, 1);
}

static void send_bytes(const fixture *f, sent *t, size_t bytes)
{
    static const char payload[BOUND] = "x";
    *t = (sent){.header = {weir_view_of("id"), weir_view_of("1")}};
    for (int i = 0; i < 2; i++) {
        t->records[i] = (weir_outgoing){.topic = "payments",
            .key = weir_view_of("k"),
            .value = weir_view_make(payload, bytes / 2),
            .headers = &t->header,
            .n_headers = 1};
    }
    t->records[0].next = &t->records[1];
    t->sending = (weir_sending){.first = t->records, .bytes = bytes, .done = on_done};
    f->emitter.send(f->emitter.self, &t->sending);
}

static weir_status answer_of(const sent *t)
{
    for (int i = 0; i < 600 && !atomic_load(&t->answers); i++) {
        nanosleep(&(struct timespec){0, 20 * 1000000L}, NULL);
    }
    assert_int_equal(atomic_load(&t->answers), 1);
    return t->error.status;
}

/* ---- Tests --------------------------------------------------------------------------------------
 */

static void test_what_the_broker_has_is_acknowledged(void **state)
{
    (void)state;
    fixture f;
    sent t;
    open_all(&f);
    send_bytes(&f, &t, 100);
    assert_int_equal(answer_of(&t), WEIR_OK);
    close_all(&f);
}

static void test_a_broker_that_hangs_is_a_hold(void **state)
{
    (void)state;
    fixture f;
    sent t;
    open_all(&f);
    rd_kafka_mock_broker_set_rtt(f.mock, 1, HANGS_MS);
    send_bytes(&f, &t, 100);
    assert_int_equal(answer_of(&t), WEIR_HOLD);
    assert_string_equal(t.error.code, "KAFKA_PRODUCE");
    close_all(&f);
}

/* Past the bound the one who sends waits, and only so long. */
static void test_a_slow_broker_holds_who_sends(void **state)
{
    (void)state;
    fixture f;
    sent warm, first, second;
    open_all(&f);
    send_bytes(&f, &warm, 100);
    assert_int_equal(answer_of(&warm), WEIR_OK);
    rd_kafka_mock_broker_set_rtt(f.mock, 1, 800);
    int64_t begun_ms = weir_monotonic_ms();
    send_bytes(&f, &first, BOUND);
    assert_true(weir_monotonic_ms() - begun_ms < 500);
    send_bytes(&f, &second, BOUND);
    assert_true(weir_monotonic_ms() - begun_ms >= 500); /* until the first was answered */
    assert_int_equal(answer_of(&first), WEIR_OK);
    rd_kafka_mock_broker_set_rtt(f.mock, 1, 0);
    (void)answer_of(&second);
    close_all(&f);
}

static void test_a_fatal_producer_is_replaced(void **state)
{
    (void)state;
    fixture f;
    sent before, under_way, after;
    open_all(&f);
    send_bytes(&f, &before, 100);
    assert_int_equal(answer_of(&before), WEIR_OK);
    rd_kafka_mock_broker_set_rtt(f.mock, 1, 1000);
    send_bytes(&f, &under_way, 100);
    weir_kafka_emitter_break(&f.emitter);
    assert_int_equal(answer_of(&under_way), WEIR_HOLD); /* it will be handled again */
    rd_kafka_mock_broker_set_rtt(f.mock, 1, 0);
    weir_status s = WEIR_HOLD;
    for (int i = 0; i < 20 && s; i++) {
        send_bytes(&f, &after, 100);
        s = answer_of(&after);
    }
    assert_int_equal(s, WEIR_OK);
    close_all(&f);
}

static void test_cancelling_answers_at_once(void **state)
{
    (void)state;
    fixture f;
    sent t, late;
    open_all(&f);
    rd_kafka_mock_broker_set_rtt(f.mock, 1, HANGS_MS);
    send_bytes(&f, &t, 100);
    int64_t begun_ms = weir_monotonic_ms();
    f.emitter.cancel(f.emitter.self);
    assert_int_equal(answer_of(&t), WEIR_HOLD);
    assert_true(weir_monotonic_ms() - begun_ms < 1000);
    send_bytes(&f, &late, 100);
    assert_int_equal(answer_of(&late), WEIR_HOLD);
    close_all(&f);
}

static void test_what_is_too_large_is_rejected(void **state)
{
    (void)state;
    fixture f;
    sent t;
    static char large[3 << 20];
    memset(large, 'x', sizeof large);
    open_all(&f);
    t = (sent){.records = {{.topic = "payments", .value = {large, sizeof large}}}};
    t.sending = (weir_sending){.first = t.records, .bytes = sizeof large, .done = on_done};
    f.emitter.send(f.emitter.self, &t.sending); /* alone, though it is larger than the bound */
    assert_int_equal(answer_of(&t), WEIR_REJECT);
    assert_string_equal(t.error.code, "EMIT_TOO_LARGE");
    close_all(&f);
}

/* The end of the topic. */
static int64_t written(const fixture *f)
{
    weir_error err;
    weir_kafka_reader *reader;
    weir_kafka_read what = WEIR_KAFKA_NOTHING;
    weir_raw_record r = {.offset = -1};
    const weir_kafka_place place = {"payments", 0, 0};
    const weir_kafka_reader_options o = {f->properties, 1, &place, 1, NULL};
    assert_int_equal(weir_kafka_reader_open(&o, &reader, &err), WEIR_OK);
    for (int i = 0; i < 100 + MANY && what != WEIR_KAFKA_END; i++) {
        assert_int_equal(weir_kafka_reader_next(reader, 100, &what, &r, &err), WEIR_OK);
    }
    assert_int_equal(what, WEIR_KAFKA_END);
    int64_t end = r.offset;
    weir_kafka_reader_close(reader);
    return end;
}

/* The broker refuses the first of two records of a key, and would take the second. */
static void test_a_key_goes_no_further_than_a_refusal(void **state)
{
    (void)state;
    fixture f;
    sent warm, refused, after;
    open_with(&f, true);
    send_bytes(&f, &warm, 100);
    assert_int_equal(answer_of(&warm), WEIR_OK);
    assert_int_equal(written(&f), 2);
    rd_kafka_mock_push_request_errors(f.mock, PRODUCE, 2, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
        RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE); /* in whatever batch, and alone */
    send_bytes(&f, &refused, 100);
    assert_int_equal(answer_of(&refused), WEIR_REJECT);
    assert_int_equal(written(&f), 2);
    weir_status s = WEIR_HOLD;
    for (int i = 0; i < 20 && s; i++) {
        send_bytes(&f, &after, 100);
        s = answer_of(&after);
    }
    assert_int_equal(s, WEIR_OK);
    assert_int_equal(written(&f), 4);
    close_all(&f);
}

/* The broker refuses a batch for the one record that is too large; alone the others fit. */
static void test_what_has_shared_a_batch_is_sent_alone(void **state)
{
    (void)state;
    enum { TOGETHER = 20 };
    fixture f;
    static sent t[TOGETHER];
    open_with(&f, true);
    rd_kafka_mock_push_request_errors(f.mock, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    for (int i = 0; i < TOGETHER; i++) {
        send_bytes(&f, &t[i], 100);
    }
    for (int i = 0; i < TOGETHER; i++) {
        assert_int_equal(answer_of(&t[i]), WEIR_OK);
    }
    assert_int_equal(written(&f), 2 * TOGETHER);
    close_all(&f);
}

/* More keys than a wave has, each three times. */
static void test_many_records_leave_in_their_order(void **state)
{
    (void)state;
    fixture f;
    static weir_outgoing records[MANY];
    static char keys[KEYS][8], values[MANY][8];
    static int last[KEYS];
    sent t = {.answers = 0};
    weir_error err;
    weir_kafka_reader *reader;
    weir_kafka_read what = WEIR_KAFKA_NOTHING;
    weir_raw_record r;
    open_all(&f);
    for (int i = 0; i < MANY; i++) {
        snprintf(keys[i % KEYS], sizeof keys[0], "%d", i % KEYS);
        snprintf(values[i], sizeof values[0], "%d", i);
        records[i] = (weir_outgoing){.topic = "payments",
            .key = weir_view_of(keys[i % KEYS]),
            .value = weir_view_of(values[i]),
            .next = i + 1 < MANY ? &records[i + 1] : NULL};
    }
    t.sending = (weir_sending){.first = records, .bytes = BOUND, .done = on_done};
    f.emitter.send(f.emitter.self, &t.sending);
    assert_int_equal(answer_of(&t), WEIR_OK);
    assert_int_equal(written(&f), MANY);
    const weir_kafka_place place = {"payments", 0, 0};
    const weir_kafka_reader_options o = {f.properties, 1, &place, 1, NULL};
    assert_int_equal(weir_kafka_reader_open(&o, &reader, &err), WEIR_OK);
    while (what != WEIR_KAFKA_END) {
        assert_int_equal(weir_kafka_reader_next(reader, 1000, &what, &r, &err), WEIR_OK);
        if (what == WEIR_KAFKA_RECORD) {
            int64_t key, value;
            assert_true(weir_text_to_int64(r.key, &key) && weir_text_to_int64(r.value, &value));
            assert_true(value >= last[key]);
            last[key] = (int)value;
        }
    }
    weir_kafka_reader_close(reader);
    close_all(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_broker_has_is_acknowledged),
        cmocka_unit_test(test_a_key_goes_no_further_than_a_refusal),
        cmocka_unit_test(test_what_has_shared_a_batch_is_sent_alone),
        cmocka_unit_test(test_many_records_leave_in_their_order),
        cmocka_unit_test(test_a_broker_that_hangs_is_a_hold),
        cmocka_unit_test(test_a_slow_broker_holds_who_sends),
        cmocka_unit_test(test_a_fatal_producer_is_replaced),
        cmocka_unit_test(test_cancelling_answers_at_once),
        cmocka_unit_test(test_what_is_too_large_is_rejected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
