/* Waiting for a position: a scripted cache, whose lanes run ahead of each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/alloc.h"
#include "fresh.h"

enum { LOOKS = 4, PARTITIONS = 3, LSN = 100 };

/* What each look sees, the last one for ever. */
typedef struct script {
    const char *name;
    struct seen {
        uint64_t newest;
        int64_t next[PARTITIONS];
    } looks[LOOKS];
    int n_looks;
    int64_t ends[PARTITIONS];
    int32_t n_ends;
    int64_t wait_ms;
    /* What is to come of it. */
    bool seen, passed;
    uint64_t past;
    int asks, at_look; /* how often the ends are asked for, and behind which look */

    int looked, asked, asked_at;
    weir_code look_fails, ask_fails;
} script;

static weir_status look(void *self, uint64_t *newest, int64_t *next, int32_t n, weir_error *err)
{
    script *s = self;
    const struct seen *now = &s->looks[s->looked < s->n_looks ? s->looked : s->n_looks - 1];
    s->looked++;
    if (s->look_fails) {
        return weir_fail(err, s->look_fails, "scripted");
    }
    *newest = now->newest;
    assert_int_equal(n, s->asked ? s->n_ends : 0);
    for (int32_t p = 0; p < n; p++) {
        next[p] = now->next[p];
    }
    return WEIR_OK;
}

static weir_status ask_ends(void *self, int64_t **ends, int32_t *n, weir_error *err)
{
    script *s = self;
    s->asked++;
    s->asked_at = s->looked;
    if (s->ask_fails) {
        return weir_fail(err, s->ask_fails, "scripted");
    }
    *n = s->n_ends;
    *ends = weir_calloc((size_t)s->n_ends, sizeof **ends);
    if (!*ends) {
        return weir_fail_oom(err);
    }
    for (int32_t p = 0; p < s->n_ends; p++) {
        (*ends)[p] = s->ends[p];
    }
    return WEIR_OK;
}

static const weir_fresh_ops ops = {look, ask_ends};

static const script scripts[] = {
    {"the source is not there yet", .looks = {{99, {0}}}, .n_looks = 1, .n_ends = 1},
    {"one lane is past it, another has not read its partition", .looks = {{100, {5, 2, -1}}},
        .n_looks = 1, .ends = {5, 3, 0}, .n_ends = 3, .seen = true, .past = 100, .asks = 1,
        .at_look = 1},
    {"read to the ends",
        .looks = {{99, {5, 2, -1}}, {130, {5, 2, -1}}, {130, {5, 2, -1}}, {140, {6, 3, -1}}},
        .n_looks = 4, .ends = {5, 3, 0}, .n_ends = 3, .wait_ms = 2000, .seen = true, .passed = true,
        .past = 130, /* what was seen before the ends were asked for */
        .asks = 1, .at_look = 2},
    {"nothing was ever read of a partition that has records", .looks = {{100, {5, -1}}},
        .n_looks = 1, .ends = {5, 1}, .n_ends = 2, .seen = true, .past = 100, .asks = 1,
        .at_look = 1},
    {"no partition is left to be read", .looks = {{100, {0}}}, .n_looks = 1, .seen = true,
        .passed = true, .past = 100, .asks = 1, .at_look = 1},
};

static void test_scripts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        script s = scripts[i];
        weir_error err;
        weir_fresh f;
        print_message("%s\n", s.name);
        assert_int_equal(weir_await_position(&ops, &s, LSN, s.wait_ms, &f, &err), WEIR_OK);
        assert_int_equal(f.seen, s.seen);
        assert_int_equal(f.passed, s.passed);
        assert_int_equal(s.asked, s.asks);
        assert_int_equal(s.asked_at, s.at_look);
        assert_int_equal(f.past, s.past);
        assert_int_equal(weir_alloc_live(), 0);
    }
}

static void test_waits(void **state)
{
    (void)state;
    script s = scripts[0];
    weir_error err;
    weir_fresh f;
    assert_int_equal(weir_await_position(&ops, &s, LSN, 20, &f, &err), WEIR_OK);
    assert_true(s.looked > 1);
    assert_int_equal(f.newest, 99);
}

static void test_errors_travel(void **state)
{
    (void)state;
    script s = scripts[2];
    weir_error err;
    weir_fresh f;
    s.look_fails = WEIR_E_STORE_IO;
    assert_int_equal(weir_await_position(&ops, &s, LSN, 20, &f, &err), WEIR_HOLD);
    assert_string_equal(err.code, "STORE_IO");
    s = scripts[2];
    s.ask_fails = WEIR_E_KAFKA_UNREACHABLE;
    assert_int_equal(weir_await_position(&ops, &s, LSN, 20, &f, &err), WEIR_HOLD);
    assert_string_equal(err.code, "KAFKA_UNREACHABLE");
    assert_false(f.passed);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    long n = 1;
    for (bool failed = true; failed; n++) {
        script s = scripts[2];
        weir_error err;
        weir_fresh f;
        weir_alloc_fail_at(n, 0);
        weir_status st = weir_await_position(&ops, &s, LSN, 2000, &f, &err);
        failed = weir_alloc_fail_at(0, 0) >= n;
        assert_int_equal(st, failed ? WEIR_RETRY : WEIR_OK);
        assert_int_equal(f.passed, !failed);
        assert_int_equal(weir_alloc_live(), 0);
    }
    assert_true(n > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_errors_travel),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
