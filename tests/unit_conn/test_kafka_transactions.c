/* Transactions against librdkafka's mock cluster: committed, given up for a record that is too
 * large, past a producer that turned fatal, and without a membership. That they are atomic, and who
 * is fenced, is a real broker's to show (tests/stack/check-exactly-once). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <unistd.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"
#include "engine/run.h"
#include "kafka/kafka_transactions.h"

enum { WAIT_MS = 20000, LARGE = 2 << 20, ADD_OFFSETS_TO_TXN = 25, END_TXN = 26, PRODUCE = 0 };

typedef struct fixture {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *mock;
    weir_kafka_property properties[2];
    weir_record_source source;
    weir_transaction_port port;
    weir_partition partition; /* stands for what an engine would make of it */
    weir_engine engine;
    int assigned;
} fixture;

/* ---- A source that is only a member -------------------------------------------------------------
 */

static fixture *now;
static int transaction_ms = 8000, stands_still_ms;

static void stand_still(void)
{
    usleep((unsigned)stands_still_ms * 1000);
}

static weir_partition *on_assigned(void *engine, weir_view topic, int32_t number, int64_t start)
{
    (void)engine, (void)topic, (void)number, (void)start;
    now->assigned++;
    return &now->partition;
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

static void poll_once(fixture *f)
{
    weir_error err;
    assert_int_equal(
        f->source.ops->poll(f->source.self, &events, &f->engine, 10, 50, &err), WEIR_OK);
}

static void join(fixture *f)
{
    for (int64_t end = weir_monotonic_ms() + WAIT_MS; !f->assigned;) {
        assert_true(weir_monotonic_ms() < end);
        poll_once(f);
    }
}

/* ---- Opening ------------------------------------------------------------------------------------
 */

static void open_all(fixture *f)
{
    static const char *const topics[] = {"in"};
    char why[200];
    weir_error err;
    *f = (fixture){.partition = {.topic = (char *)(uintptr_t)topics[0]}};
    now = f;
    pthread_mutex_init(&f->engine.lock, NULL);
    f->rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    f->mock = rd_kafka_mock_cluster_new(f->rk, 1);
    assert_int_equal(rd_kafka_mock_topic_create(f->mock, "in", 1, 1), 0);
    assert_int_equal(rd_kafka_mock_topic_create(f->mock, "out", 1, 1), 0);
    f->properties[0] =
        (weir_kafka_property){"bootstrap.servers", rd_kafka_mock_cluster_bootstraps(f->mock), NULL};
    weir_kafka_source_options s = {.properties = f->properties,
        .n_properties = 1,
        .topics = topics,
        .n_topics = 1,
        .group = "g"};
    assert_int_equal(weir_kafka_source_open(&s, &f->source, &err), WEIR_OK);
    weir_kafka_transactions_options t = {.properties = f->properties,
        .n_properties = 1,
        .transactional_id = "g.one",
        .transaction_ms = transaction_ms,
        .alive = stand_still,
        .source = f->source};
    assert_int_equal(weir_kafka_transactions_open(&t, &f->port, &err), WEIR_OK);
}

static void close_all(fixture *f)
{
    weir_kafka_transactions_close(&f->port);
    f->source.ops->close(f->source.self);
    rd_kafka_mock_cluster_destroy(f->mock);
    rd_kafka_destroy(f->rk);
    pthread_mutex_destroy(&f->engine.lock);
}

/* ---- A transaction of two records ---------------------------------------------------------------
 */

static weir_status transact(fixture *f, size_t bytes, weir_fault *fault, weir_error *err)
{
    static char large[LARGE];
    weir_outgoing first = {.topic = "out", .value = weir_view_of("first")};
    weir_outgoing second = {.topic = "out", .value = {large, bytes}};
    const weir_outgoing *lists[] = {&first, NULL, &second};
    weir_offset offset = {.topic = "in", .next = 7, .metadata = {"said", 4}};
    weir_transaction t = {lists, 3, &offset, 1};
    *fault = (weir_fault){.list = WEIR_NO_FAULT};
    weir_status s = f->port.begin(f->port.self, err);
    return s ? s : f->port.commit(f->port.self, &t, fault, err);
}

static void expect_committed(fixture *f)
{
    weir_error err = {.status = WEIR_OK};
    weir_fault fault;
    weir_status s = WEIR_HOLD;
    for (int64_t end = weir_monotonic_ms() + WAIT_MS; s == WEIR_HOLD;) {
        assert_true(weir_monotonic_ms() < end);
        s = transact(f, 10, &fault, &err);
    }
    assert_int_equal(s, WEIR_OK);
}

static void test_needs_a_membership(void **state)
{
    (void)state;
    static fixture f;
    weir_error err;
    weir_fault fault;
    open_all(&f);
    assert_int_equal(transact(&f, 10, &fault, &err), WEIR_HOLD);
    join(&f);
    expect_committed(&f);
    close_all(&f);
}

static void test_what_is_too_large_is_named(void **state)
{
    (void)state;
    static fixture f;
    weir_error err;
    weir_fault fault;
    open_all(&f);
    join(&f);
    assert_int_equal(transact(&f, LARGE, &fault, &err), WEIR_REJECT);
    assert_string_equal(err.code, "EMIT_TOO_LARGE");
    assert_int_equal(fault.list, 2);
    expect_committed(&f); /* the one before was aborted */
    close_all(&f);
}

/* Which of a batch the broker has refused is seen when they come one by one. */
static void test_what_has_shared_a_batch_is_written_alone(void **state)
{
    (void)state;
    static fixture f;
    weir_error err;
    weir_fault fault;
    open_all(&f);
    join(&f);
    rd_kafka_mock_push_request_errors(f.mock, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    assert_int_equal(transact(&f, 10, &fault, &err), WEIR_HOLD);
    assert_int_equal(fault.list, WEIR_NO_FAULT);
    rd_kafka_mock_push_request_errors(f.mock, PRODUCE, 2, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
        RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE); /* in a small batch, and alone */
    weir_status s = WEIR_HOLD;
    for (int64_t end = weir_monotonic_ms() + WAIT_MS; s == WEIR_HOLD;) {
        assert_true(weir_monotonic_ms() < end);
        s = transact(&f, 10, &fault, &err);
    }
    assert_int_equal(s, WEIR_REJECT);
    assert_string_equal(err.code, "EMIT_TOO_LARGE");
    assert_int_equal(fault.list, 0);
    expect_committed(&f);
    expect_committed(&f); /* by the producer that writes many at once */
    close_all(&f);
}

static void test_a_fatal_producer_is_replaced(void **state)
{
    (void)state;
    static fixture f;
    weir_error err;
    weir_fault fault;
    open_all(&f);
    join(&f);
    expect_committed(&f);
    weir_kafka_transactions_break(&f.port);
    assert_int_equal(transact(&f, 10, &fault, &err), WEIR_OK);
    close_all(&f);
}

/* It turns fatal within the commit: the group's offsets tell whether that came to pass. (The mock
 * keeps no offsets of transactions; the second time they are there beforehand.) */
static void test_a_commit_in_doubt(void **state)
{
    (void)state;
    static fixture f;
    weir_error err;
    weir_fault fault;
    const weir_offset offset = {.topic = "in", .next = 7, .metadata = {"said", 4}};
    open_all(&f);
    join(&f);
    expect_committed(&f);
    for (int came_to_pass = 0; came_to_pass < 2; came_to_pass++) {
        if (came_to_pass) {
            assert_int_equal(f.source.ops->commit(f.source.self, &offset, 1, true, &err), WEIR_OK);
        }
        rd_kafka_mock_push_request_errors(f.mock, END_TXN, 1, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE);
        weir_status s = transact(&f, 10, &fault, &err);
        assert_int_equal(s, came_to_pass ? WEIR_OK : WEIR_HOLD);
    }
    expect_committed(&f);
    close_all(&f);
}

/* The group has gone on without it: nothing of the transaction comes to pass. */
static void test_a_stale_member_is_refused(void **state)
{
    (void)state;
    static fixture f;
    weir_error err;
    weir_fault fault;
    open_all(&f);
    join(&f);
    expect_committed(&f);
    rd_kafka_mock_push_request_errors(
        f.mock, 28 /* TxnOffsetCommit */, 1, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    assert_int_equal(transact(&f, 10, &fault, &err), WEIR_HOLD);
    assert_string_equal(err.code, "KAFKA_PRODUCE");
    expect_committed(&f);
    close_all(&f);
}

static void test_who_is_fenced_is_told(void **state)
{
    (void)state;
    static fixture f;
    weir_error err;
    weir_fault fault;
    open_all(&f);
    join(&f);
    expect_committed(&f);
    rd_kafka_mock_push_request_errors(
        f.mock, ADD_OFFSETS_TO_TXN, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    assert_int_equal(transact(&f, 10, &fault, &err), WEIR_FATAL);
    assert_string_equal(err.code, "KAFKA_FENCED");
    close_all(&f);
}

/* The broker has ended its transaction, which was too old. */
static void test_what_stood_open_for_too_long_is_told(void **state)
{
    (void)state;
    enum { SHORT_MS = 1000, LATE_MS = 1200 };
    static fixture f;
    weir_error err;
    weir_fault fault;
    transaction_ms = SHORT_MS;
    open_all(&f);
    join(&f);
    expect_committed(&f);
    stands_still_ms = LATE_MS;
    rd_kafka_mock_push_request_errors(f.mock, END_TXN, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    assert_int_equal(transact(&f, 10, &fault, &err), WEIR_FATAL);
    assert_string_equal(err.code, "KAFKA_EXPIRED");
    transaction_ms = 8000;
    stands_still_ms = 0;
    close_all(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_needs_a_membership),
        cmocka_unit_test(test_what_is_too_large_is_named),
        cmocka_unit_test(test_what_has_shared_a_batch_is_written_alone),
        cmocka_unit_test(test_a_fatal_producer_is_replaced),
        cmocka_unit_test(test_a_commit_in_doubt),
        cmocka_unit_test(test_a_stale_member_is_refused),
        cmocka_unit_test(test_who_is_fenced_is_told),
        cmocka_unit_test(test_what_stood_open_for_too_long_is_told),
    };
    return cmocka_run_group_tests_name("kafka_transactions", tests, NULL, NULL);
}
