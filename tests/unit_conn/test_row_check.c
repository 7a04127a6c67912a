/* Rows against JSON Schemas on their way into a cache: rejected, reported, stopped, not judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/scripted_sync.h"

typedef struct checked {
    world w;
    weir_schema *schema;
    weir_row_counts counts;
    weir_row_rule rule;
} checked;

/* Rows need a v of 5 at most. */
static void open_checked(checked *c, weir_on_invalid on_fail)
{
    weir_error err;
    gate_open();
    init(&c->w);
    assert_int_equal(
        weir_schema_compile(
            weir_view_of("{\"required\":[\"v\"],\"properties\":{\"v\":{\"maximum\":5}}}"), NULL,
            &c->schema, &err),
        WEIR_OK);
    atomic_store(&c->counts.invalid, 0);
    atomic_store(&c->counts.unjudged, 0);
    c->rule = (weir_row_rule){
        .schema = c->schema, .name = "v.json", .on_fail = on_fail, .counts = &c->counts};
    c->w.topics[0].check = &c->rule;
    c->w.options.on_reject = WEIR_REJECT_SKIP;
    assert_int_equal(open_sync(&c->w, &err), WEIR_OK);
}

static void close_checked(checked *c)
{
    end(&c->w);
    weir_schema_free(c->schema);
    gate_close();
}

static void expect_counts(const checked *c, unsigned invalid, unsigned unjudged)
{
    assert_int_equal(atomic_load(&c->counts.invalid), invalid);
    assert_int_equal(atomic_load(&c->counts.unjudged), unjudged);
}

/* As a record that cannot be decoded: its key is not to be trusted until a whole row fits. */
static void test_rejected(void **state)
{
    (void)state;
    checked c;
    open_checked(&c, WEIR_INVALID_REJECT);
    change(&c.w, 0, K1, 'c', 10, "{\"id\":1,\"v\":5}");
    change(&c.w, 1, K1, 'u', 20, "{\"id\":1,\"v\":6}");
    change(&c.w, 2, K2, 'c', 30, "{\"id\":2}");
    run(&c.w);
    expect_counts(&c, 2, 0);
    assert_int_equal(weir_sync_rejected(c.w.sync), 2);
    expect_row(1, K1, "{\"id\":1,\"v\":5}");
    expect_row(1, K2, NULL);
    assert_true(is_quarantined(K1));
    assert_int_equal(stored(), 3);
    close_checked(&c);
}

static void test_reported(void **state)
{
    (void)state;
    checked c;
    open_checked(&c, WEIR_INVALID_REPORT);
    change(&c.w, 0, K1, 'c', 10, "{\"id\":1,\"v\":6}");
    run(&c.w);
    expect_counts(&c, 1, 0);
    assert_int_equal(weir_sync_rejected(c.w.sync), 0);
    assert_int_equal(c.w.log.lines, 1);
    expect_row(1, K1, "{\"id\":1,\"v\":6}");
    close_checked(&c);
}

/* Many say no more than some. */
static void test_reports_are_bounded(void **state)
{
    (void)state;
    enum { ROWS = 30, LOGGED = 10 };
    checked c;
    open_checked(&c, WEIR_INVALID_REPORT);
    for (int i = 0; i < ROWS; i++) {
        change(&c.w, i, K1, 'c', 10 + i, "{\"id\":1}");
        run(&c.w);
    }
    expect_counts(&c, ROWS, 0);
    assert_int_equal(c.w.log.lines, LOGGED);
    close_checked(&c);
}

static void test_stopped(void **state)
{
    (void)state;
    checked c;
    open_checked(&c, WEIR_INVALID_STOP);
    change(&c.w, 0, K1, 'c', 10, "{\"id\":1,\"v\":5}");
    run(&c.w);
    change(&c.w, 1, K1, 'u', 20, "{\"id\":1,\"v\":6}");
    (void)poll(&c.w);
    expect_failure(&c.w, "ROW_INVALID", "s.public.t/0@1");
    assert_int_equal(stored(), 1);
    close_checked(&c);
}

/* A placeholder stands for a value that is not known here; a delete and a truncate have no row. */
static void test_not_judged(void **state)
{
    (void)state;
    checked c;
    open_checked(&c, WEIR_INVALID_REJECT);
    change(&c.w, 0, K1, 'c', 10, "{\"id\":1,\"v\":1,\"t\":\"long\"}");
    change(&c.w, 1, K1, 'u', 20, "{\"id\":1,\"v\":9,\"t\":\"__debezium_unavailable_value\"}");
    run(&c.w);
    expect_counts(&c, 0, 1);
    expect_row(1, K1, "{\"id\":1,\"v\":9,\"t\":\"long\"}");
    change(&c.w, 2, K1, 'd', 30, "null");
    change(&c.w, 3, NULL, 't', 40, "null");
    run(&c.w);
    expect_counts(&c, 0, 1);
    expect_row(1, K1, NULL);
    assert_int_equal(weir_sync_rejected(c.w.sync), 0);
    close_checked(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rejected),
        cmocka_unit_test(test_reported),
        cmocka_unit_test(test_reports_are_bounded),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_not_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
