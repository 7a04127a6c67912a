/* Metrics: the text of a snapshot, and the table that it comes from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "metrics.h"
#include "snapshot_cases.h"

static void put_case(weir_buf *text)
{
    snapshot_case c;
    fill_case(&c);
    *text = (weir_buf){0};
    weir_metrics_put(&c.snapshot, text);
    assert_false(text->failed);
}

/* ---- Samples ------------------------------------------------------------------------------------
 */

#define APP "app=\"shop\\\\\\\"sync\\n\""

static void test_samples(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "# TYPE weir_build_info gauge\nweir_build_info{" APP ",version=\"" WEIR_VERSION "\"} 1\n",
        "weir_uptime_seconds{" APP "} 3723.004\n",
        "weir_live{" APP "} 0\n",
        "weir_ready{" APP ",store=\"local\"} 0\nweir_ready{" APP ",store=\"hot\"} 0\n# HELP",
        "weir_thread_silence_seconds{" APP ",store=\"local\"} 0.085\n",
        "weir_thread_silence_seconds{" APP ",store=\"hot\"} 61.234\n",
        "# TYPE weir_settled_records_total counter\nweir_settled_records_total{" APP
        ",store=\"local\"} 7\n",
        "weir_in_flight_bytes{" APP ",store=\"local\"} 640\n",
        "weir_in_flight_limit_bytes{" APP ",store=\"hot\"} 1048576\n",
        "weir_rejected_records_total{" APP ",store=\"hot\"} 3\n",
        "weir_consumer_lag_records{" APP
        ",store=\"hot\",topic=\"shop.public.lines\",partition=\"0\"} 600\n",
        "weir_consumer_missing_topics{" APP ",store=\"hot\"} 1\n",
        "weir_consumer_away_seconds{" APP ",store=\"local\"} 0.000\n",
        "weir_consumer_away_seconds{" APP ",store=\"hot\"} 7.250\n",
        "weir_store_limit_bytes{" APP ",store=\"local\",type=\"lmdb\"} 68719476736\n",
        "weir_store_held{" APP ",store=\"local\",type=\"lmdb\"} 0\nweir_store_held{" APP
        ",store=\"hot\",type=\"memory\"} 1\n",
        "weir_cache_rows{" APP ",store=\"local\",cache=\"orders\"} 2\n",
        "# TYPE weir_table_written_rows_total counter\nweir_table_written_rows_total{" APP
        ",store=\"hot\",cache=\"labels\"} 90\n# HELP",
        "weir_table_write_batches_total{" APP ",store=\"hot\",cache=\"labels\"} 3\n",
        "weir_table_write_seconds_total{" APP ",store=\"hot\",cache=\"labels\"} 1.234\n",
        "weir_cache_changes_total{" APP ",store=\"local\",cache=\"orders\",kind=\"changes\"} 7\n",
        "weir_cache_changes_total{" APP ",store=\"hot\",cache=\"labels\",kind=\"quarantined\"} 3\n",
        "weir_cache_applied_time_seconds{" APP
        ",store=\"local\",cache=\"orders\"} 1795374786.298\n",
    };
    weir_buf text;
    put_case(&text);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (!strstr(weir_buf_str(&text), lines[i])) {
            fail_msg("not there: %s", lines[i]);
        }
    }
    weir_buf_fini(&text);
}

/* What is not known has no sample: a zero would be a lie. */
static void test_unknown_is_absent(void **state)
{
    (void)state;
    static const char *const absent[] = {"topic=\"shop.public.labels\"", "partition=\"-1\"",
        "weir_consumer_lag_records{" APP ",store=\"local\",topic=\"shop.public.orders\",partition="
        "\"1\"",
        "weir_consumer_end_offset{" APP ",store=\"local\",topic=\"shop.public.orders\",partition="
        "\"1\"",
        "weir_cache_applied_time_seconds{" APP ",store=\"hot\"",
        "weir_store_limit_bytes{" APP ",store=\"hot\""};
    weir_buf text;
    put_case(&text);
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        assert_null(strstr(weir_buf_str(&text), absent[i]));
    }
    weir_buf_fini(&text);
}

/* Every metric of the table has its two lines of head, once. */
static void test_heads(void **state)
{
    (void)state;
    weir_buf text;
    put_case(&text);
    for (const weir_metric_info *m = weir_metrics; m->name; m++) {
        weir_buf head = {0};
        weir_buf_printf(&head, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
        const char *at = strstr(weir_buf_str(&text), weir_buf_str(&head));
        assert_non_null(at);
        assert_null(strstr(at + 1, head.ptr));
        weir_buf_fini(&head);
    }
    weir_buf_fini(&text);
}

/* ---- The table ----------------------------------------------------------------------------------
 */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);
    return len >= n && strcmp(text + len - n, end) == 0;
}

/* Prometheus' and OpenTelemetry's rules of naming. */
static void test_names(void **state)
{
    (void)state;
    for (const weir_metric_info *m = weir_metrics; m->name; m++) {
        bool counter = strcmp(m->type, "counter") == 0;
        assert_true(counter || strcmp(m->type, "gauge") == 0);
        assert_int_equal(strncmp(m->name, "weir_", 5), 0);
        assert_int_equal(strspn(m->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(m->name));
        assert_int_equal(strspn(m->labels, "abcdefghijklmnopqrstuvwxyz_,"), strlen(m->labels));
        assert_int_equal(ends_with(m->name, "_total"), counter);
        if (*m->unit && strcmp(m->unit, "topics") != 0 && !strstr(m->name, m->unit)) {
            fail_msg("%s has the unit %s", m->name, m->unit);
        }
        assert_true(ends_with(m->help, "."));
        assert_null(strchr(m->help, '\n'));
    }
}

/* Out of memory leaves a buffer that says so. */
static void test_out_of_memory(void **state)
{
    (void)state;
    snapshot_case c;
    fill_case(&c);
    for (long n = 1;; n++) {
        weir_buf text = {0};
        weir_alloc_fail_at(n, 0);
        weir_metrics_put(&c.snapshot, &text);
        bool done = weir_alloc_fail_at(0, 0) < n;
        assert_int_equal(text.failed, !done);
        weir_buf_fini(&text);
        if (done) {
            break;
        }
    }
    assert_int_equal(weir_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_unknown_is_absent),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
