/* The status document and the words of /ready. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "snapshot_cases.h"
#include "status.h"
#include "value/json.h"

/* ---- The document -------------------------------------------------------------------------------
 */

static void test_document(void **state)
{
    (void)state;
    static const struct {
        const char *pointer, *source; /* of the JSON text */
    } cases[] = {
        {"/name", "\"shop\\\\\\\"sync\\n\""},
        {"/version", "\"" WEIR_VERSION "\""},
        {"/time", "\"2026-11-22T19:13:06.298Z\""},
        {"/uptime_seconds", "3723.004"},
        {"/live", "false"},
        {"/stopping", "false"},
        {"/stores/0/name", "\"local\""},
        {"/stores/0/live", "true"},
        {"/stores/0/held", "null"},
        {"/stores/0/failure", "null"},
        {"/stores/0/silence/thread", "\"lane 3\""},
        {"/stores/0/silence/seconds", "0.085"},
        {"/stores/0/limit_bytes", "68719476736"},
        {"/stores/1/limit_bytes", "null"},
        {"/stores/0/delivered", "9"},
        {"/stores/0/settled", "7"},
        {"/stores/0/in_flight_records", "2"},
        {"/stores/0/in_flight_limit_bytes", "1048576"},
        {"/stores/0/caches/0/from", "\"shop.public.orders\""},
        {"/stores/0/caches/0/rows", "2"},
        {"/stores/0/caches/0/applied/time", "\"2026-11-22T19:13:06.298Z\""},
        {"/stores/0/caches/0/applied/lsn", "\"1/6B6C50F0\""},
        {"/stores/0/caches/0/counts/inserts", "3"},
        {"/stores/0/partitions/0/lag", "0"},
        {"/stores/0/partitions/0/state", "\"current\""},
        {"/stores/0/partitions/1/partition", "1"},
        {"/stores/0/partitions/1/end", "null"},
        {"/stores/0/partitions/1/lag", "null"},
        {"/stores/0/partitions/1/open", "2"},
        {"/stores/1/held/code", "\"STORE_FULL\""},
        {"/stores/1/held/text", "\"there is \\\"no\\\" room\""},
        {"/stores/1/silence/thread", "\"the writer\""},
        {"/stores/1/rejected", "3"},
        {"/stores/1/caches/0/applied", "null"},
        {"/stores/0/caches/0/written", "null"},
        {"/stores/1/caches/0/written/rows", "90"},
        {"/stores/1/caches/0/written/batches", "3"},
        {"/stores/1/caches/0/written/seconds", "1.234"},
        {"/stores/1/partitions/0/partition", "null"},
        {"/stores/1/partitions/0/frontier", "null"},
        {"/stores/1/partitions/1/state", "\"held\""},
        {"/stores/1/partitions/1/lag", "600"},
    };
    snapshot_case c;
    fill_case(&c);
    weir_buf text = {0};
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_status_put(&c.snapshot, &text);
    const weir_value *root = NULL;
    weir_error err = {.status = WEIR_OK};
    if (weir_json_read(weir_buf_view(&text), &arena, &root, &err)) {
        fail_msg("%s: %s: %s", err.where, err.text, weir_buf_str(&text));
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const weir_value *v = weir_pointer(root, cases[i].pointer);
        if (!v || !weir_view_is(weir_source(v), cases[i].source)) {
            fail_msg("%s is not %s: %s", cases[i].pointer, cases[i].source, weir_buf_str(&text));
        }
    }
    weir_arena_fini(&arena);
    weir_buf_fini(&text);
}

static void test_states_have_names(void **state)
{
    (void)state;
    for (int i = WEIR_PARTITION_STOPPED; i <= WEIR_PARTITION_BEHIND; i++) {
        for (int k = WEIR_PARTITION_STOPPED; k < i; k++) {
            assert_string_not_equal(weir_partition_state_name((weir_partition_state)i),
                weir_partition_state_name((weir_partition_state)k));
        }
    }
}

static void test_document_out_of_memory(void **state)
{
    (void)state;
    snapshot_case c;
    fill_case(&c);
    for (long n = 1;; n++) {
        weir_buf text = {0};
        weir_alloc_fail_at(n, 0);
        weir_status_put(&c.snapshot, &text);
        bool done = weir_alloc_fail_at(0, 0) < n;
        assert_int_equal(text.failed, !done);
        weir_buf_fini(&text);
        if (done) {
            break;
        }
    }
    assert_int_equal(weir_alloc_live(), 0);
}

/* ---- Readiness ----------------------------------------------------------------------------------
 */

static void expect_ready(const snapshot_case *c, const char *expected)
{
    weir_buf text = {0};
    weir_status_put_ready(&c->snapshot, &text);
    assert_string_equal(weir_buf_str(&text), expected);
    weir_buf_fini(&text);
}

#define QUARANTINED "cache labels: 3 keys were quarantined since the start\n"

static void test_ready(void **state)
{
    (void)state;
    snapshot_case c;
    fill_case(&c);
    expect_ready(&c, "not ready: store local: shop.public.orders/1: what was there at the start is "
                     "still being applied\n" QUARANTINED);
    c.stores[0].ready = true;
    expect_ready(&c, "not ready: store hot: shop.public.labels: waiting for topic; and 1 more of "
                     "its partitions\n" QUARANTINED);
    c.partitions[2].state = WEIR_PARTITION_CURRENT;
    expect_ready(&c, "not ready: store hot: shop.public.lines/0 lags by 600 records: held by "
                     "STORE_FULL: there is \"no\" room\n" QUARANTINED);
    c.stores[1].n_partitions = 0;
    expect_ready(&c, "not ready: store hot: no partition was met yet\n" QUARANTINED);
    c.snapshot.stopping = true;
    expect_ready(&c, "not ready: stopping\n" QUARANTINED);
    c.snapshot.stopping = false;
    c.snapshot.ready = true;
    expect_ready(&c, "ready\n" QUARANTINED);
    c.caches[1].stats.count.quarantined = 0;
    expect_ready(&c, "ready\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_states_have_names),
        cmocka_unit_test(test_document_out_of_memory),
        cmocka_unit_test(test_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
