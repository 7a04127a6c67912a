/* Lookups by a running daemon: over a recording, in a store that outlives it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lookup.h"

static const char recording[] = "tests/data/storm/r21.jsonl.xz";
static char folder[] = "/tmp/test_lookup.XXXXXX";

static weir_config *load(void)
{
    weir_config *config;
    weir_config_problems problems;
    weir_error err;
    weir_config_problems_init(&problems);
    setenv("STORE", folder, 1);
    assert_int_equal(
        weir_config_load("tests/data/storm/storm.yaml", NULL, &config, &problems, &err), WEIR_OK);
    weir_config_problems_fini(&problems);
    return config;
}

/* To the recording's end. */
static weir_daemon *run(const weir_config *config)
{
    weir_daemon *d;
    weir_error err;
    const struct timespec step = {0, 5000000};
    assert_int_equal(weir_daemon_open(config, recording, NULL, &d, &err), WEIR_OK);
    assert_int_equal(weir_daemon_start(d, &err), WEIR_OK);
    while (!weir_daemon_ended(d)) {
        nanosleep(&step, NULL);
    }
    assert_int_equal(weir_daemon_wait(d, &err), WEIR_OK);
    return d;
}

static weir_status find(weir_daemon *d, const char *cache, const char *key, const char *lsn,
    bool *found, weir_error *err)
{
    weir_buf row = {0};
    weir_freshness min = {lsn, 20};
    weir_status s =
        weir_daemon_lookup(d, cache, weir_view_of(key), lsn ? &min : NULL, NULL, &row, found, err);
    assert_int_equal(*found, row.len > 0);
    weir_buf_fini(&row);
    return s;
}

/* Also of a key without a row; the recording is of long ago. */
static void expect_known(weir_daemon *d, const char *key, bool there)
{
    bool found;
    weir_error err;
    weir_buf row = {0};
    weir_sync_stats stats;
    int64_t age_ms = -1, now_ms = (int64_t)time(NULL) * 1000;
    weir_sync_get_stats(weir_replica_sync(weir_daemon_replica(d, 0)), 0, &stats);
    assert_int_equal(
        weir_daemon_lookup(d, "t", weir_view_of(key), NULL, &age_ms, &row, &found, &err), WEIR_OK);
    assert_int_equal(found, there);
    assert_int_equal(row.len > 0, there);
    assert_in_range(age_ms, now_ms - stats.applied_ms - 5000, now_ms - stats.applied_ms + 5000);
    weir_buf_fini(&row);
}

/* What is no key of the table would only never be found. */
static void expect_no_key(weir_daemon *d)
{
    static const char *const keys[] = {"{\"key\":\"k0\"}", "{\"id\":7}", "{}", "[]", "\"k0\"",
        "{\"id\":\"k0\",\"x\":1}", "{\"id\":{}}"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        bool found;
        weir_error err;
        assert_int_equal(find(d, "t", keys[i], NULL, &found, &err), WEIR_REJECT);
        assert_string_equal(err.code, "LOOKUP_KEY");
        assert_non_null(strstr(err.text, "{\"id\":\"…\"}"));
    }
}

static void expect_lookups(weir_daemon *d)
{
    bool found;
    weir_error err;
    weir_sync_stats stats;
    char newest[32], newer[32];
    weir_sync_get_stats(weir_replica_sync(weir_daemon_replica(d, 0)), 0, &stats);
    assert_true(stats.applied_high > 0);
    snprintf(newest, sizeof newest, "%" PRIu64, stats.applied_high);
    snprintf(newer, sizeof newer, "%" PRIX64 "/%" PRIX64, (stats.applied_high + 1) >> 32,
        (stats.applied_high + 1) & UINT32_MAX);
    assert_int_equal(find(d, "t", "{\"id\":\"k0\"}", NULL, &found, &err), WEIR_OK);
    assert_true(found);
    assert_int_equal(find(d, "t", "{\"id\":\"none\"}", NULL, &found, &err), WEIR_OK);
    assert_false(found);
    assert_int_equal(find(d, "t", "{\"id\":\"k0\"}", newer, &found, &err), WEIR_RETRY);
    assert_string_equal(err.code, "CACHE_NOT_FRESH");
    for (int i = 0; i < 2; i++) { /* the second time it is known */
        assert_int_equal(find(d, "t", "{\"id\":\"k0\"}", newest, &found, &err), WEIR_OK);
        assert_true(found);
        assert_int_equal(weir_replica_past(weir_daemon_replica(d, 0), 0), stats.applied_high);
    }
    assert_int_equal(find(d, "t", "{\"id\":\"k0\"}", "0/x", &found, &err), WEIR_REJECT);
    assert_string_equal(err.code, "FIELD_TYPE");
    expect_known(d, "{\"id\":\"k0\"}", true);
    expect_known(d, "{\"id\":\"none\"}", false);
    expect_no_key(d);
    assert_int_equal(find(d, "none", "{\"id\":\"k0\"}", NULL, &found, &err), WEIR_FATAL);
    assert_string_equal(err.code, "NO_CACHE");
}

/* The second daemon applies nothing: what it knows of positions is in the store. */
static void test_lookups(void **state)
{
    (void)state;
    weir_config *config = load();
    for (int i = 0; i < 2; i++) {
        weir_daemon *d = run(config);
        expect_lookups(d);
        weir_daemon_close(d);
    }
    weir_config_free(config);
}

/* It has not been started: nothing says that it has caught up, but its rows are there. */
static void test_what_is_known_before_it_is_ready(void **state)
{
    (void)state;
    bool found;
    weir_error err;
    weir_daemon *d;
    weir_config *config = load();
    assert_int_equal(weir_daemon_open(config, recording, NULL, &d, &err), WEIR_OK);
    assert_int_equal(find(d, "t", "{\"id\":\"k0\"}", NULL, &found, &err), WEIR_HOLD);
    assert_string_equal(err.code, "CACHE_NOT_READY");
    expect_known(d, "{\"id\":\"k0\"}", true);
    weir_daemon_close(d);
    weir_config_free(config);
}

static void test_positions_of_a_cache_only_rise(void **state)
{
    (void)state;
    weir_config *config = load();
    weir_daemon *d = run(config);
    weir_replica *r = weir_daemon_replica(d, 0);
    weir_replica_set_past(r, 0, 20);
    weir_replica_set_past(r, 0, 10);
    assert_int_equal(weir_replica_past(r, 0), 20);
    weir_daemon_close(d);
    weir_config_free(config);
}

static int remove_folder(void **state)
{
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookups),
        cmocka_unit_test(test_what_is_known_before_it_is_ready),
        cmocka_unit_test(test_positions_of_a_cache_only_rise),
    };
    if (!mkdtemp(folder)) {
        return 2;
    }
    return cmocka_run_group_tests(tests, NULL, remove_folder);
}
