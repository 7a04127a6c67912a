/* Commits that are not waited for: one is open at a time, and the log says when they begin to fail
 * and when they work again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/run.h"
#include "kafka/kafka_commit.h"

enum { LAST = 400 };

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

/* A consumer without a group refuses each commit that it is asked for. */
static void test_one_is_open(void **state)
{
    const weir_offset offset = {.topic = "orders", .number = 0, .next = 7};
    weir_kafka_commits c = {0};
    char why[200];
    (void)state;
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, rd_kafka_conf_new(), why, sizeof why);
    assert_non_null(rk);
    assert_int_equal(weir_kafka_commit(&c, rk, &offset, 1, false, NULL), WEIR_HOLD);
    assert_int_equal(c.open_until_ms, 0);
    c.open_until_ms = weir_monotonic_ms() + 60000;
    assert_int_equal(weir_kafka_commit(&c, rk, &offset, 1, false, NULL), WEIR_OK);
    assert_int_equal(weir_kafka_commit(&c, rk, &offset, 1, true, NULL), WEIR_HOLD);
    assert_int_equal(weir_kafka_commit(&c, rk, &offset, 1, false, NULL), WEIR_OK);
    weir_kafka_commit_answered(&c, RD_KAFKA_RESP_ERR_NO_ERROR, NULL, NULL);
    assert_int_equal(weir_kafka_commit(&c, rk, &offset, 1, false, NULL), WEIR_HOLD);
    c.open_until_ms = weir_monotonic_ms() - 1;
    assert_int_equal(weir_kafka_commit(&c, rk, &offset, 1, false, NULL), WEIR_HOLD);
    rd_kafka_destroy(rk);
}

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
        cmocka_unit_test(test_one_is_open),
        cmocka_unit_test(test_metadata_may_be_too_large),
        cmocka_unit_test(test_metadata_goes_along),
    };
    return cmocka_run_group_tests_name("kafka_commit", tests, NULL, NULL);
}
