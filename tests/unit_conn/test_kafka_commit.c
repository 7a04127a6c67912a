/* Commits: one is open at a time, whatever comes in its way, so that none overtakes another; the
 * log says when they begin to fail and when they work again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "engine/run.h"
#include "kafka/kafka_commit.h"

enum { LAST = 400, OFFSET_COMMIT = 8, WAIT_MS = 10000 };

typedef struct heard {
    int lines;
    char last[LAST];
} heard;

static void on_line(void *ctx, const char *line, size_t len)
{
    heard *h = ctx;
    h->lines++;
    snprintf(h->last, sizeof h->last, "%.*s", (int)len, line);
}

static rd_kafka_topic_partition_list_t *answer(rd_kafka_resp_err_t of_second)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(2);
    rd_kafka_topic_partition_list_add(list, "orders", 0)->offset = 7;
    rd_kafka_topic_partition_list_add(list, "orders", 3)->offset = 11;
    list->elems[1].err = of_second;
    return list;
}

typedef struct answer_case {
    rd_kafka_resp_err_t code;
    int lines;        /* that the log has then */
    const char *says; /* in the last of them */
} answer_case;

static const answer_case answers[] = {
    {RD_KAFKA_RESP_ERR_NO_ERROR, 0, ""},
    {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, 1, "orders/3@11"},
    {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 1, "a commit failed"},
    {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, 1, "a commit failed"},
    {RD_KAFKA_RESP_ERR__NO_OFFSET, 2, "work again"},
    {RD_KAFKA_RESP_ERR_NO_ERROR, 2, "work again"},
    {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, 3, "orders/3@11"},
};

static void test_is_told_once(void **state)
{
    heard h = {0};
    weir_log log = {.write = on_line, .ctx = &h};
    weir_kafka_commits c = {0};
    (void)state;
    atomic_init(&log.level, WEIR_LOG_INFO);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        rd_kafka_topic_partition_list_t *list = answer(answers[i].code);
        weir_kafka_commit_answered(&c, answers[i].code, list, &log);
        rd_kafka_topic_partition_list_destroy(list);
        assert_int_equal(h.lines, answers[i].lines);
        assert_non_null(strstr(h.last, answers[i].says));
    }
}

/* ---- A member of a group ------------------------------------------------------------------------
 */

typedef struct member {
    rd_kafka_t *producer, *rk;
    rd_kafka_mock_cluster_t *mock;
    weir_kafka_commits commits;
} member;

static void on_rebalance(
    rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list, void *opaque)
{
    bool given = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    *(bool *)opaque = given;
    rd_kafka_assign(rk, given ? list : NULL);
}

static bool assigned;

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[200];
    assert_int_equal(rd_kafka_conf_set(conf, name, value, why, sizeof why), RD_KAFKA_CONF_OK);
}

static void join(member *m)
{
    char why[200];
    *m = (member){0};
    m->producer = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    m->mock = rd_kafka_mock_cluster_new(m->producer, 1);
    assert_int_equal(rd_kafka_mock_topic_create(m->mock, "orders", 2, 1), 0);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(m->mock));
    set(conf, "group.id", "g");
    set(conf, "enable.auto.commit", "false");
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_opaque(conf, &assigned);
    assigned = false;
    m->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    rd_kafka_poll_set_consumer(m->rk);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, "orders", RD_KAFKA_PARTITION_UA);
    assert_int_equal(rd_kafka_subscribe(m->rk, topics), 0);
    rd_kafka_topic_partition_list_destroy(topics);
    for (int64_t until = weir_monotonic_ms() + WAIT_MS; !assigned;) {
        assert_true(weir_monotonic_ms() < until);
        rd_kafka_consumer_poll(m->rk, 50);
    }
}

static void leave(member *m)
{
    weir_kafka_commits_fini(&m->commits);
    rd_kafka_consumer_close(m->rk);
    rd_kafka_destroy(m->rk);
    rd_kafka_mock_cluster_destroy(m->mock);
    rd_kafka_destroy(m->producer);
}

static weir_status commit(member *m, int64_t next, bool wait, weir_error *err)
{
    const weir_offset offset = {.topic = "orders", .number = 0, .next = next};
    return weir_kafka_commit(&m->commits, m->rk, &offset, 1, wait, err);
}

static int64_t committed(member *m)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, "orders", 0);
    assert_int_equal(rd_kafka_committed(m->rk, list, WAIT_MS), 0);
    int64_t offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return offset;
}

/* librdkafka tries one again by itself, behind what was sent since. */
static void test_none_overtakes_another(void **state)
{
    static const rd_kafka_resp_err_t troubles[] = {RD_KAFKA_RESP_ERR_NO_ERROR,
        RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
        RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT};
    member m;
    weir_error err;
    (void)state;
    join(&m);
    for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
        int64_t next = 10 * (int64_t)(i + 1);
        rd_kafka_mock_push_request_errors(m.mock, OFFSET_COMMIT, 1, troubles[i]);
        assert_int_equal(commit(&m, next, false, &err), WEIR_OK);
        assert_int_equal(commit(&m, next + 1, true, &err), WEIR_OK);
        rd_kafka_consumer_poll(m.rk, 500);
        assert_int_equal(committed(&m), next + 1);
    }
    leave(&m);
}

static rd_kafka_event_t *take_answer(member *m)
{
    rd_kafka_event_t *answer = NULL;
    for (int64_t until = weir_monotonic_ms() + WAIT_MS; !answer;) {
        assert_true(weir_monotonic_ms() < until);
        rd_kafka_consumer_poll(m->rk, 10);
        answer = weir_kafka_commits_answer(&m->commits);
    }
    return answer;
}

/* What is asked for meanwhile is in the next one. */
static void test_one_is_open(void **state)
{
    member m;
    weir_error err;
    (void)state;
    join(&m);
    assert_int_equal(commit(&m, 7, false, &err), WEIR_OK);
    assert_int_equal(commit(&m, 8, false, &err), WEIR_OK);
    rd_kafka_event_t *answer = take_answer(&m);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(answer);
    assert_int_equal(list->elems[0].offset, 7);
    rd_kafka_event_destroy(answer);
    assert_int_equal(committed(&m), 7);
    assert_null(weir_kafka_commits_answer(&m.commits));
    assert_int_equal(commit(&m, 9, false, &err), WEIR_OK);
    m.commits.open_until_ms = weir_monotonic_ms() - 1; /* it is as good as lost */
    assert_int_equal(commit(&m, 10, false, &err), WEIR_OK);
    rd_kafka_event_destroy(take_answer(&m));
    assert_int_equal(committed(&m), 10);
    leave(&m);
}

/* Who waits hears that the group has gone on without it. */
static void test_refused(void **state)
{
    static const struct {
        rd_kafka_resp_err_t code;
        const char *name;
    } refusals[] = {{RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, "KAFKA_NOT_MEMBER"},
        {RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE, "KAFKA_UNREACHABLE"},
        {RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, "KAFKA_NOT_MEMBER"}};
    member m;
    weir_error err;
    (void)state;
    join(&m);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        rd_kafka_mock_push_request_errors(m.mock, OFFSET_COMMIT, 1, refusals[i].code);
        assert_int_equal(commit(&m, 7, true, &err), WEIR_HOLD);
        assert_string_equal(err.code, refusals[i].name);
        assert_string_equal(err.where, "orders/0@7");
    }
    leave(&m);
}

/* A consumer without a group refuses each commit that it is asked for. */
static void test_refused_at_once(void **state)
{
    const weir_offset offset = {.topic = "orders", .number = 0, .next = 7};
    weir_kafka_commits c = {0};
    char why[200];
    (void)state;
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, rd_kafka_conf_new(), why, sizeof why);
    assert_non_null(rk);
    for (int wait = 0; wait < 2; wait++) {
        assert_int_equal(weir_kafka_commit(&c, rk, &offset, 1, wait, NULL), WEIR_HOLD);
        assert_null(c.open);
    }
    rd_kafka_destroy(rk);
}

/* ---- Metadata -----------------------------------------------------------------------------------
 */

/* A broker may keep less beside an offset than we say: offsets alone then, and it is told once. */
static void test_metadata_may_be_too_large(void **state)
{
    heard h = {0};
    weir_log log = {.write = on_line, .ctx = &h};
    weir_kafka_commits c = {0};
    (void)state;
    atomic_init(&log.level, WEIR_LOG_INFO);
    for (int i = 0; i < 2; i++) {
        rd_kafka_topic_partition_list_t *list =
            answer(i ? 0 : RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE);
        rd_kafka_resp_err_t code = list->elems[1].err;
        weir_kafka_commit_answered(&c, code, list, &log);
        rd_kafka_topic_partition_list_destroy(list);
        assert_true(c.offsets_alone);
        assert_int_equal(h.lines, 1);
        assert_non_null(strstr(h.last, "offset.metadata.max.bytes"));
    }
}

static void test_metadata_goes_along(void **state)
{
    const weir_offset offset = {.topic = "orders", .next = 7, .metadata = {"said", 4}};
    (void)state;
    rd_kafka_topic_partition_list_t *with = weir_kafka_offsets(&offset, 1, true);
    rd_kafka_topic_partition_list_t *without = weir_kafka_offsets(&offset, 1, false);
    assert_int_equal(with->elems[0].offset, 7);
    assert_int_equal(with->elems[0].metadata_size, 4);
    assert_memory_equal(with->elems[0].metadata, "said", 4);
    assert_int_equal(without->elems[0].offset, 7);
    assert_int_equal(without->elems[0].metadata_size, 0);
    rd_kafka_topic_partition_list_destroy(with);
    rd_kafka_topic_partition_list_destroy(without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_told_once),
        cmocka_unit_test(test_none_overtakes_another),
        cmocka_unit_test(test_one_is_open),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_at_once),
        cmocka_unit_test(test_metadata_may_be_too_large),
        cmocka_unit_test(test_metadata_goes_along),
    };
    return cmocka_run_group_tests_name("kafka_commit", tests, NULL, NULL);
}
