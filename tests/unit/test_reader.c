/* Readers: tables of accesses to an event, to a row in the row contract, to an old row and a key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/scripted_app.h"

/* How a member is asked for, and what comes of it: its text, or !CODE. */
typedef enum access { TEXT, NUMBER, INT, BOOL, JSON, IS_NULL, HAS } access;

typedef struct reader_case {
    access access;
    const char *name, *expected;
} reader_case;

static const char *const access_names[] = {"text", "number", "int", "bool", "json", "null", "has"};

/* ---- What is read -------------------------------------------------------------------------------
 */

static const char event[] =
    "{\"order\":\"o-1\",\"amount\":12.50,\"count\":3,\"big\":9223372036854775808,"
    "\"paid\":true,\"note\":null,\"quoted\":\"a\\\"b\\u00e9\",\"digits\":\"0.10\","
    "\"exp\":1e3,\"empty\":\"\",\"lines\":[{\"sku\":\"s1\"},{\"sku\":\"s2\"}],"
    "\"a/b\":1}";

static const reader_case event_cases[] = {
    {TEXT, "order", "o-1"},
    {TEXT, "quoted", "a\"b\xc3\xa9"},
    {TEXT, "empty", ""},
    {TEXT, "/lines/1/sku", "s2"},
    {TEXT, "/a~1b", "!FIELD_TYPE"},
    {TEXT, "amount", "!FIELD_TYPE"},
    {TEXT, "note", "!FIELD_TYPE"},
    {TEXT, "missing", "!FIELD_MISSING"},
    {TEXT, "/lines/2/sku", "!FIELD_MISSING"},
    {NUMBER, "amount", "12.50"},
    {NUMBER, "exp", "1e3"},
    {NUMBER, "big", "9223372036854775808"},
    {NUMBER, "digits", "0.10"},
    {NUMBER, "order", "!FIELD_TYPE"},
    {NUMBER, "empty", "!FIELD_TYPE"},
    {NUMBER, "paid", "!FIELD_TYPE"},
    {NUMBER, "note", "!FIELD_TYPE"},
    {INT, "count", "3"},
    {INT, "/a~1b", "1"},
    {INT, "amount", "!FIELD_TYPE"},
    {INT, "big", "!FIELD_TYPE"},
    {INT, "missing", "!FIELD_MISSING"},
    {BOOL, "paid", "1"},
    {BOOL, "count", "!FIELD_TYPE"},
    {JSON, "lines", "[{\"sku\":\"s1\"},{\"sku\":\"s2\"}]"},
    {JSON, "/lines/0", "{\"sku\":\"s1\"}"},
    {JSON, "note", "null"},
    {IS_NULL, "note", "1"},
    {IS_NULL, "order", "0"},
    {IS_NULL, "missing", "!FIELD_MISSING"},
    {HAS, "note", "1"},
    {HAS, "missing", "0"},
    {HAS, "/lines/0/sku", "1"},
};

static const weir_typed_column columns[] = {
    {{"id", 2}, {"bigint", 6}},
    {{"total", 5}, {"numeric(12,2)", 13}},
    {{"placed_at", 9}, {"timestamp with time zone", 24}},
    {{"paid", 4}, {"boolean", 7}},
    {{"note", 4}, {"text", 4}},
    {{"doc", 3}, {"text", 4}},
};
static const weir_table_types types = {{"public.orders", 13}, columns, 6};
static const weir_source_rules rules = {
    .topic_prefix = {"s", 1}, .positions = true, .types = &types, .n_types = 1};

#define ROW(id, total)                                                                      \
    "{\"id\":" id ",\"total\":\"" total "\",\"placed_at\":\"2026-11-22T10:00:00.123456Z\"," \
    "\"paid\":false,\"note\":\"n\\\"x\",\"doc\":\"__debezium_unavailable_value\",\"more\":1}"
#define SOURCE                                                                               \
    "\"source\":{\"connector\":\"postgresql\",\"schema\":\"public\",\"table\":\"orders\","   \
    "\"sequence\":\"[\\\"10\\\",\\\"20\\\"]\",\"txId\":7,\"lsn\":20,\"snapshot\":\"false\"," \
    "\"ts_ms\":1,\"db\":\"d\"}"

static const char change[] =
    "{\"before\":" ROW("7", "AGQ=") ",\"after\":" ROW("8", "AfQ=") "," SOURCE ",\"op\":\"u\"}";
static const char deleted[] =
    "{\"before\":" ROW("7", "AGQ=") ",\"after\":null," SOURCE ",\"op\":\"d\"}";

static const reader_case row_cases[] = {
    {INT, "id", "8"},
    {NUMBER, "total", "5.00"},
    {TEXT, "placed_at", "2026-11-22T10:00:00.123456+00:00"},
    {BOOL, "paid", "0"},
    {TEXT, "note", "n\"x"},
    {JSON, "note", "\"n\\\"x\""},
    {INT, "more", "1"}, /* no column that is known: as it is */
    {TEXT, "doc", "!FIELD_PLACEHOLDER"},
    {JSON, "doc", "!FIELD_PLACEHOLDER"},
    {TEXT, "total", "!FIELD_TYPE"},
    {TEXT, "gone", "!FIELD_MISSING"},
    {HAS, "doc", "1"},
};
static const reader_case before_cases[] = {{INT, "id", "7"}, {NUMBER, "total", "1.00"}};
static const reader_case key_cases[] = {{INT, "id", "8"}, {TEXT, "id", "!FIELD_TYPE"}};
static const reader_case nothing_cases[] = {{INT, "id", "!FIELD_MISSING"}, {HAS, "id", "0"}};

/* ---- Reading ------------------------------------------------------------------------------------
 */

static void ask(weir_reader *r, const reader_case *c, char *to, size_t size)
{
    weir_view v = {NULL, 0};
    switch (c->access) {
    case TEXT:
        v = weir_text(r, c->name);
        break;
    case NUMBER:
        v = weir_number(r, c->name);
        break;
    case JSON:
        v = weir_json(r, c->name);
        break;
    case INT:
        snprintf(to, size, "%lld", (long long)weir_int(r, c->name));
        return;
    case BOOL:
        snprintf(to, size, "%d", weir_bool(r, c->name));
        return;
    case IS_NULL:
        snprintf(to, size, "%d", weir_null(r, c->name));
        return;
    case HAS:
        snprintf(to, size, "%d", weir_has(r, c->name));
        return;
    }
    app_copy(to, size, v);
}

static void check(weir_message *m, weir_reader r, const reader_case *c)
{
    char got[128];
    ask(&r, c, got, sizeof got);
    weir_status s = weir_read_end(&r);
    if (s) {
        assert_int_equal(s, m->error.status);
        snprintf(got, sizeof got, "!%s", m->error.code);
        assert_string_equal(m->error.where + (c->name[0] != '/'), c->name);
        m->error.status = WEIR_OK;
    }
    if (strcmp(got, c->expected) != 0) {
        fail_msg("%s %s is %s, not %s", access_names[c->access], c->name, got, c->expected);
    }
}

static weir_status read_event(app *a, weir_message *m)
{
    (void)a;
    for (size_t i = 0; i < sizeof event_cases / sizeof *event_cases; i++) {
        check(m, weir_read(m), &event_cases[i]);
    }
    return WEIR_OK;
}

static weir_status read_change(app *a, weir_message *m)
{
    bool is_delete = weir_op(m) == 'd';
    (void)a;
    for (size_t i = 0; i < sizeof row_cases / sizeof *row_cases && !is_delete; i++) {
        check(m, weir_read(m), &row_cases[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        check(m, weir_read_before(m), &before_cases[i]);
        check(m, weir_read_key(m), &key_cases[i]);
        if (is_delete) {
            check(m, weir_read(m), &nothing_cases[i]);
        }
    }
    return WEIR_OK;
}

static void deliver(app *a, const char *value)
{
    int64_t offset = (int64_t)a->script.n_messages + (int64_t)a->script.n_deeds;
    script_add(&a->script,
        (script_deed){
            .kind = SCRIPT_RECORD, .offset = offset, .key = "{\"id\":8}", .value = value});
}

static void run_all(app *a, size_t calls)
{
    app_run(a);
    assert_int_equal(a->n_calls, calls);
    assert_int_equal(weir_handlers_count(a->handlers).handled, calls);
    app_end(a);
}

static void test_events(void **state)
{
    (void)state;
    app a;
    app_begin(&a, read_event);
    deliver(&a, event);
    run_all(&a, 1);
}

static void begin_changes(app *a, weir_status (*handle)(app *, weir_message *))
{
    app_init(a);
    a->handle = handle;
    a->topic.source = &rules;
    a->routes[0].table = "public.orders";
    assert_int_equal(app_open(a), WEIR_OK);
}

static void test_changes(void **state)
{
    (void)state;
    app a;
    begin_changes(&a, read_change);
    deliver(&a, change);
    deliver(&a, deleted);
    run_all(&a, 2);
}

/* ---- Where there is nothing to read -------------------------------------------------------------
 */

static weir_status read_nothing(app *a, weir_message *m)
{
    (void)a;
    weir_reader r = weir_read(m);
    assert_int_equal(weir_int(&r, "id"), 0);
    assert_int_equal(weir_read_end(&r), WEIR_REJECT);
    assert_string_equal(m->error.code, weir_value_bytes(m).ptr ? "JSON_SYNTAX" : "FIELD_MISSING");
    r = weir_read_before(m);
    assert_false(weir_bool(&r, "id"));
    assert_string_equal(m->error.code, "FIELD_MISSING");
    r = weir_read_key(m);
    assert_int_equal(weir_int(&r, "id"), 8);
    return weir_read_end(&r);
}

static void test_no_value_and_no_json(void **state)
{
    (void)state;
    app a;
    app_begin(&a, read_nothing);
    deliver(&a, NULL);
    deliver(&a, "{");
    run_all(&a, 2);
}

/* Whole numbers, however they are written, and what is none. */
static weir_status read_whole(app *a, weir_message *m)
{
    (void)a;
    static const struct {
        const char *name;
        int64_t is;
    } whole[] = {{"/n/0", 9}, {"/n/1", 9}, {"/n/2", 100}, {"/n/3", 120}, {"/n/4", -7}, {"/n/5", 0},
        {"/n/6", INT64_MAX}, {"/n/7", INT64_MIN}, {"/n/8", 50}, {"/n/9", 3}};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        weir_reader r = weir_read(m);
        assert_int_equal(weir_int(&r, whole[i].name), whole[i].is);
        assert_int_equal(weir_read_end(&r), WEIR_OK);
    }
    for (int i = 0; i < 9; i++) {
        char name[16];
        snprintf(name, sizeof name, "/no/%d", i);
        weir_reader r = weir_read(m);
        assert_int_equal(weir_int(&r, name), 0);
        assert_int_equal(weir_read_end(&r), WEIR_REJECT);
        assert_string_equal(m->error.code, "FIELD_TYPE");
    }
    return WEIR_OK;
}

static void test_whole_numbers(void **state)
{
    (void)state;
    app a;
    app_begin(&a, read_whole);
    deliver(&a, "{\"n\":[9,9.0,1e2,1.2E+2,-7.000,0e5,9223372036854775807.0,-9223372036854775808.0,"
                "500e-1,\"3.0\"],"
                "\"no\":[1.5,1e19,1e400000,5e-1,\"3x\",\"1.\",\"9 \",\"9.0\\n\",\"-\"]}");
    run_all(&a, 1);
}

/* Want of memory is no fault of the record's. */
static weir_status read_in_want(app *a, weir_message *m)
{
    weir_reader r = weir_read(m);
    if (a->n_calls == 1) {
        weir_alloc_fail_at(1, 1);
        while (weir_arena_alloc(&m->arena, 1)) {
        }
        assert_int_equal(weir_int(&r, "n"), 0);
        weir_alloc_fail_at(0, 0);
        m->arena.failed = false;
        assert_string_equal(m->error.code, "OUT_OF_MEMORY");
    }
    return weir_read_end(&r);
}

static void test_a_whole_number_in_want_of_memory(void **state)
{
    (void)state;
    app a;
    app_begin(&a, read_in_want);
    deliver(&a, "{\"n\":\"9.0\"}");
    app_run(&a);
    a.now_ms += 1000;
    app_run(&a);
    assert_int_equal(a.n_calls, 2);
    assert_int_equal(a.n_letters, 0);
    assert_int_equal(weir_handlers_count(a.handlers).handled, 1);
    app_end(&a);
}

/* The first failure sticks; another reader of the message is its own. */
static weir_status stumble(app *a, weir_message *m)
{
    (void)a;
    weir_reader r = weir_read(m), other;
    assert_true(weir_view_is(weir_text(&r, "order"), "o-1"));
    assert_int_equal(weir_int(&r, "order"), 0);
    assert_int_equal(weir_int(&r, "count"), 0); /* there, and not given any more */
    assert_null(weir_text(&r, "order").ptr);
    assert_false(weir_has(&r, "order"));
    assert_string_equal(m->error.where, "/order");
    other = weir_read(m);
    assert_int_equal(weir_int(&other, "count"), 3);
    assert_int_equal(weir_read_end(&other), WEIR_OK);
    return weir_read_end(&r);
}

static void test_the_first_failure_sticks(void **state)
{
    (void)state;
    app a;
    app_begin(&a, stumble);
    deliver(&a, event);
    app_run(&a);
    assert_int_equal(a.n_letters, 1);
    assert_string_equal(a.letters[0].error.code, "FIELD_TYPE");
    assert_string_equal(a.letters[0].error.where, "/order");
    app_end(&a);
}

/* ---- Too late -----------------------------------------------------------------------------------
 */

static weir_view kept_text;
static weir_reader kept_reader;

static weir_status read_and_defer(app *a, weir_message *m)
{
    kept_reader = weir_read(m);
    kept_text = weir_text(&kept_reader, "note");
    assert_int_equal(weir_read_end(&kept_reader), WEIR_OK);
    return app_defer(a, m);
}

static void expect_too_late(weir_message *m, weir_reader r)
{
    assert_null(weir_json(&r, "id").ptr);
    assert_int_equal(weir_read_end(&r), WEIR_REJECT);
    assert_string_equal(m->error.code, "READ_TOO_LATE");
}

/* The lane's decoder has gone on: what was read stays, nothing more is to be had. */
static void test_changes_are_read_in_the_handler(void **state)
{
    (void)state;
    app a;
    begin_changes(&a, read_and_defer);
    deliver(&a, change);
    app_run(&a);
    weir_message *m = a.kept[0];
    assert_true(weir_view_is(kept_text, "n\"x"));
    expect_too_late(m, kept_reader);
    expect_too_late(m, weir_read(m));
    expect_too_late(m, weir_read_before(m));
    expect_too_late(m, weir_read_key(m));
    weir_settle(m, WEIR_OK);
    app_end(&a);
}

static weir_status read_order_and_defer(app *a, weir_message *m)
{
    kept_reader = weir_read(m);
    kept_text = weir_text(&kept_reader, "order");
    return app_defer(a, m);
}

/* An event that was read is its message's: all of it can still be asked for. */
static void test_events_stay(void **state)
{
    (void)state;
    app a;
    app_begin(&a, read_order_and_defer);
    deliver(&a, event);
    app_run(&a);
    assert_true(weir_view_is(kept_text, "o-1"));
    assert_int_equal(weir_int(&kept_reader, "count"), 3);
    expect_too_late(a.kept[0], weir_read_key(a.kept[0]));
    weir_settle(a.kept[0], WEIR_OK);
    app_end(&a);
}

/* ---- Out of memory ------------------------------------------------------------------------------
 */

static weir_status sum_up(app *a, weir_message *m)
{
    (void)a;
    weir_reader r = weir_read(m), before = weir_read_before(m), key = weir_read_key(m);
    weir_view note = weir_text(&r, "note"), total = weir_number(&r, "total");
    int64_t id = weir_int(&before, "id") + weir_int(&key, "id");
    weir_status s = weir_read_end(&r)        ? weir_read_end(&r)
                    : weir_read_end(&before) ? weir_read_end(&before)
                                             : weir_read_end(&key);
    assert_true(s || (weir_view_is(note, "n\"x") && weir_view_is(total, "5.00") && id == 15));
    return s;
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    static app a;
    long at = 1;
    for (bool met = true; met; at++) {
        begin_changes(&a, sum_up);
        deliver(&a, change);
        weir_alloc_fail_at(at, 0);
        weir_status s = app_run(&a);
        for (int i = 0; i < 3 && !s && app_next_due(&a) != INT64_MAX; i++) {
            app_run_due(&a); /* it was held */
        }
        met = weir_alloc_fail_at(0, 0) >= at;
        assert_true(s == WEIR_FATAL || weir_handlers_count(a.handlers).handled == 1);
        assert_int_equal(a.n_letters, 0);
        app_end(&a);
    }
    assert_true(at > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_no_value_and_no_json),
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_a_whole_number_in_want_of_memory),
        cmocka_unit_test(test_the_first_failure_sticks),
        cmocka_unit_test(test_changes_are_read_in_the_handler),
        cmocka_unit_test(test_events_stay),
        cmocka_unit_test(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
