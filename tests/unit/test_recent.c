/* The window of ids by itself, then handlers that drop what they have handled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "service/recent.h"
#include "support/scripted_app.h"

/* ---- The window ---------------------------------------------------------------------------------
 */

static const int one, other;

static weir_view numbered(char *room, int n)
{
    snprintf(room, 16, "id-%d", n);
    return weir_view_of(room);
}

static void test_holds_so_many(void **state)
{
    (void)state;
    weir_recent r;
    char id[16];
    weir_recent_init(&r, 100, 1000);
    for (int n = 0; n < 250; n++) {
        weir_recent_add(&r, &one, numbered(id, n), 0);
        weir_recent_add(&r, &one, numbered(id, n), 0);
        assert_int_equal(r.count, n < 100 ? n + 1 : 100);
    }
    for (int n = 0; n < 250; n++) {
        assert_int_equal(weir_recent_has(&r, &one, numbered(id, n), 0), n >= 150);
        assert_false(weir_recent_has(&r, &other, numbered(id, n), 0));
    }
    weir_recent_fini(&r);
    assert_int_equal(weir_alloc_live(), 0);
}

static void test_holds_so_long(void **state)
{
    (void)state;
    weir_recent r;
    weir_recent_init(&r, 100, 1000);
    weir_recent_add(&r, &one, weir_view_of("a"), 0);
    weir_recent_add(&r, &one, weir_view_of("b"), 600);
    weir_recent_add(&r, &one, weir_view_of("a"), 900); /* as young as it was */
    assert_true(weir_recent_has(&r, &one, weir_view_of("a"), 999));
    assert_false(weir_recent_has(&r, &one, weir_view_of("a"), 1000));
    assert_true(weir_recent_has(&r, &one, weir_view_of("b"), 1599));
    assert_false(weir_recent_has(&r, &one, weir_view_of("b"), 1600));
    weir_recent_fini(&r);
}

static void test_leaves_out_what_is_too_long(void **state)
{
    (void)state;
    static char letters[WEIR_RECENT_LONGEST + 1];
    memset(letters, 'x', sizeof letters);
    weir_recent r;
    weir_recent_init(&r, 10, 1000);
    weir_recent_add(&r, &one, weir_view_make(letters, sizeof letters), 0);
    assert_int_equal(r.count, 0);
    weir_recent_add(&r, &one, weir_view_make(letters, sizeof letters - 1), 0);
    assert_true(weir_recent_has(&r, &one, weir_view_make(letters, sizeof letters - 1), 0));
    weir_recent_fini(&r);
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    for (int fails = 1; fails < 12; fails++) {
        weir_recent r;
        char id[16];
        weir_recent_init(&r, 100, 1000);
        weir_alloc_fail_at(fails, 0);
        for (int n = 0; n < 80; n++) {
            weir_recent_add(&r, &one, numbered(id, n), 0);
        }
        weir_alloc_fail_at(0, 0);
        assert_true(r.count >= 79);
        weir_recent_fini(&r);
        assert_int_equal(weir_alloc_live(), 0);
    }
}

/* ---- Handlers -----------------------------------------------------------------------------------
 */

static void deliver(app *a, int64_t offset, const char *id)
{
    script_add(&a->script, (script_deed){.kind = SCRIPT_RECORD,
                               .offset = offset,
                               .key = "k",
                               .value = "{}",
                               .header_name = "id",
                               .header = id});
}

static void begin(app *a, weir_status (*handle)(app *a, weir_message *m), uint32_t most)
{
    app_init(a);
    a->options.recent_most = most;
    a->options.recent_window_ms = 1000;
    a->handle = handle;
    assert_int_equal(app_open(a), WEIR_OK);
}

static void test_a_duplicate_is_dropped(void **state)
{
    (void)state;
    static app a;
    begin(&a, NULL, 10);
    deliver(&a, 0, "a");
    deliver(&a, 1, "a");
    deliver(&a, 2, "b");
    deliver(&a, 3, NULL); /* of no id but its place */
    app_run(&a);
    assert_int_equal(a.n_calls, 3);
    assert_int_equal(weir_handlers_count(a.handlers).duplicates, 1);
    assert_int_equal(app_committed(&a), 4);
    a.now_ms += 2000;
    deliver(&a, 4, "a");
    app_run(&a);
    assert_int_equal(a.n_calls, 4); /* it has left the window */
    app_end(&a);
}

static void test_only_by_choice(void **state)
{
    (void)state;
    static app a;
    begin(&a, NULL, 0);
    deliver(&a, 0, "a");
    deliver(&a, 1, "a");
    app_run(&a);
    assert_int_equal(a.n_calls, 2);
    app_end(&a);
}

static weir_status first_fails(app *a, weir_message *m)
{
    if (weir_record_offset(m) == 0) {
        return weir_attempt(m) == 1 ? weir_retry(m, 100, "not yet") : weir_reject(m, "NO", "never");
    }
    return weir_record_offset(m) == 1 ? app_defer(a, m) : WEIR_OK;
}

/* What was tried, or rejected, is not handled: the next one of its id is. A deferred one is, once
 * it is settled. */
static void test_only_what_was_handled_counts(void **state)
{
    (void)state;
    static app a;
    begin(&a, first_fails, 10);
    deliver(&a, 0, "a");
    deliver(&a, 1, "a");
    deliver(&a, 2, "a");
    app_run(&a);
    assert_int_equal(a.n_calls, 1);
    app_run_due(&a);
    app_run(&a);
    assert_int_equal(a.n_letters, 1);
    assert_int_equal(a.n_calls, 3);
    assert_int_equal(a.n_kept, 1);
    weir_settle(a.kept[0], WEIR_OK);
    app_run(&a);
    assert_int_equal(a.n_calls, 3);
    assert_int_equal(weir_handlers_count(a.handlers).duplicates, 1);
    assert_int_equal(app_committed(&a), 3);
    app_end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds_so_many),
        cmocka_unit_test(test_holds_so_long),
        cmocka_unit_test(test_leaves_out_what_is_too_long),
        cmocka_unit_test(test_each_allocation_may_fail),
        cmocka_unit_test(test_a_duplicate_is_dropped),
        cmocka_unit_test(test_only_by_choice),
        cmocka_unit_test(test_only_what_was_handled_counts),
    };
    return cmocka_run_group_tests_name("recent", tests, NULL, NULL);
}
