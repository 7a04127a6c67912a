/* Handlers on lanes: routes, events, settling in time, and memory that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <unistd.h>

#include "support/scripted_app.h"

/* ---- Routes -------------------------------------------------------------------------------------
 */

static void deliver(app *a, int64_t offset, const char *value, const char *header)
{
    script_add(&a->script, (script_deed){.kind = SCRIPT_RECORD,
                               .offset = offset,
                               .key = "{\"id\":1}",
                               .value = value,
                               .header = header});
}

static void expect_handled(const app *a, const int64_t *offsets, size_t n)
{
    assert_int_equal(a->n_calls, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(a->calls[i].offset, offsets[i]);
    }
}

static void test_routes_by_type(void **state)
{
    (void)state;
    app a;
    app_init(&a);
    a.routes[0].event = "order.placed";
    assert_int_equal(app_open(&a), WEIR_OK);
    deliver(&a, 0, "{}", "order.placed");
    deliver(&a, 1, "{}", "order.cancelled");
    deliver(&a, 2, "{}", NULL);
    deliver(&a, 3, "no JSON at all", "order.placed"); /* nobody reads it */
    app_run(&a);
    expect_handled(&a, (const int64_t[]){0, 3}, 2);
    assert_int_equal(app_committed(&a), 4); /* what is nobody's is done */
    assert_int_equal(weir_handlers_count(a.handlers).unrouted, 2);
    app_end(&a);
}

#define CHANGE(op, table, after)                                                                \
    "{\"before\":null,\"after\":" after ",\"source\":{\"connector\":\"postgresql\",\"schema\":" \
    "\"public\",\"table\":\"" table "\",\"sequence\":\"[\\\"10\\\",\\\"20\\\"]\",\"txId\":7,"   \
    "\"lsn\":20,\"snapshot\":\"false\",\"ts_ms\":1,\"db\":\"d\"},\"op\":\"" op "\",\"ts_ms\":2}"

static const weir_source_rules rules = {.topic_prefix = {"s", 1}, .positions = true};

static void begin_changes(app *a)
{
    app_init(a);
    a->topic.source = &rules;
    a->routes[0].table = "public.orders";
    assert_int_equal(app_open(a), WEIR_OK);
}

/* A tombstone says nothing that its delete has not said; a row of another table whose topic has the
 * same name is not ours. */
static void test_routes_by_table(void **state)
{
    (void)state;
    app a;
    begin_changes(&a);
    deliver(&a, 0, CHANGE("c", "orders", "{\"id\":1}"), NULL);
    deliver(&a, 1, CHANGE("c", "others", "{\"id\":1}"), NULL);
    deliver(&a, 2, CHANGE("d", "orders", "null"), NULL);
    deliver(&a, 3, NULL, NULL);
    app_run(&a);
    expect_handled(&a, (const int64_t[]){0, 2}, 2);
    assert_int_equal(app_committed(&a), 4);
    app_end(&a);
}

static void test_routes_by_operation(void **state)
{
    (void)state;
    static const struct op_case {
        unsigned ops;
        int64_t handled[5];
        size_t n;
    } cases[] = {
        {0, {0, 1, 2, 3}, 4},
        {WEIR_INSERT, {0}, 1},
        {WEIR_UPDATE | WEIR_DELETE, {1, 2}, 2},
        {WEIR_SNAPSHOT, {3}, 1},
        {WEIR_TRUNCATE, {0}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const char *const values[] = {CHANGE("c", "orders", "{\"id\":1}"),
            CHANGE("u", "orders", "{\"id\":1}"), CHANGE("d", "orders", "null"),
            CHANGE("r", "orders", "{\"id\":1}")};
        app a;
        app_init(&a);
        a.topic.source = &rules;
        a.routes[0].table = "public.orders";
        a.routes[0].ops = cases[i].ops;
        assert_int_equal(app_open(&a), WEIR_OK);
        for (int64_t offset = 0; offset < 4; offset++) {
            deliver(&a, offset, values[offset], NULL);
        }
        app_run(&a);
        expect_handled(&a, cases[i].handled, cases[i].n);
        assert_int_equal(app_committed(&a), 4);
        app_end(&a);
    }
}

static void test_what_cannot_be_decoded_is_rejected(void **state)
{
    (void)state;
    app a;
    begin_changes(&a);
    deliver(&a, 0, "{\"before\":", NULL);
    app_run(&a);
    assert_int_equal(a.n_calls, 0);
    assert_int_equal(a.n_letters, 1);
    assert_string_equal(a.letters[0].error.code, "JSON_SYNTAX");
    assert_string_equal(a.letters[0].value, "{\"before\":");
    app_end(&a);
}

/* A row that does not fit its schema never comes to its handler; what is tried again was checked.
 */
static void test_rows_fit_their_schema(void **state)
{
    (void)state;
    app a;
    weir_error err;
    weir_schema *schema;
    weir_row_counts counts = {0};
    assert_int_equal(
        weir_schema_compile(weir_view_of("{\"required\":[\"id\"]}"), NULL, &schema, &err), WEIR_OK);
    weir_row_rule rule = {.schema = schema, .name = "orders.json", .counts = &counts};
    app_init(&a);
    a.topic.source = &rules;
    a.topic.check = &rule;
    a.routes[0].table = "public.orders";
    assert_int_equal(app_open(&a), WEIR_OK);
    deliver(&a, 0, CHANGE("c", "orders", "{\"id\":1}"), NULL);
    deliver(&a, 1, CHANGE("c", "orders", "{\"key\":1}"), NULL);
    deliver(&a, 2, CHANGE("c", "others", "{\"key\":1}"), NULL);
    deliver(&a, 3, CHANGE("d", "orders", "null"), NULL);
    app_run(&a);
    expect_handled(&a, (const int64_t[]){0, 3}, 2);
    assert_int_equal(a.n_letters, 1);
    assert_string_equal(a.letters[0].error.code, "ROW_INVALID");
    assert_int_equal(atomic_load(&counts.invalid), 1);
    assert_int_equal(app_committed(&a), 4);
    weir_schema_free(schema);
    app_end(&a);
}

/* A registry whose one schema, of JSON Schema, any fingerprint names; it may be away. */
static bool away;

static weir_status fetch(void *self, const weir_schema_ref *ref, weir_arena *arena,
    weir_registered *out, weir_error *err)
{
    static const weir_view text = {"{}", 2};
    (void)self, (void)ref, (void)arena;
    *out = (weir_registered){.kind = WEIR_REGISTERED_JSON, .texts = &text, .count = 1};
    return away ? weir_fail(err, WEIR_E_REGISTRY_UNREACHABLE, "away") : WEIR_OK;
}

static void closes(void *self)
{
    (void)self;
}

static const weir_registry_ops registry = {.fetch = fetch, .close = closes};
#define FRAME  \
    "\xC3\x01" \
    "AAAAAAAA"

/* What waited for its schema is checked once that is there. */
static void test_rows_are_checked_after_a_hold(void **state)
{
    (void)state;
    app a;
    weir_schema *schema;
    weir_avro_schemas *schemas;
    weir_row_counts counts = {0};
    assert_int_equal(
        weir_schema_compile(weir_view_of("{\"required\":[\"id\"]}"), NULL, &schema, NULL), WEIR_OK);
    assert_int_equal(
        weir_avro_schemas_new((weir_registry){&registry, NULL}, &schemas, NULL), WEIR_OK);
    weir_source_rules by_registry = {
        .topic_prefix = {"s", 1}, .positions = true, .schemas = schemas};
    weir_row_rule rule = {.schema = schema, .name = "orders.json", .counts = &counts};
    app_init(&a);
    a.topic.source = &by_registry;
    a.topic.check = &rule;
    a.routes[0].table = "public.orders";
    assert_int_equal(app_open(&a), WEIR_OK);
    away = true;
    deliver(&a, 0, FRAME CHANGE("c", "orders", "{\"key\":1}"), NULL);
    app_run(&a);
    assert_int_equal(weir_handlers_count(a.handlers).held, 1);
    away = false;
    app_run_due(&a);
    assert_int_equal(a.n_calls, 0);
    assert_int_equal(a.n_letters, 1);
    assert_string_equal(a.letters[0].error.code, "ROW_INVALID");
    assert_int_equal(atomic_load(&counts.invalid), 1);
    weir_schema_free(schema);
    weir_avro_schemas_free(schemas);
    app_end(&a);
}

/* ---- Events -------------------------------------------------------------------------------------
 */

static weir_status read_id(app *a, weir_message *m)
{
    weir_reader r = weir_read(m);
    (void)weir_int(&r, "id");
    (void)a;
    return weir_attempt(m) == 1 ? weir_retry(m, 0, "again") : weir_read_end(&r);
}

/* By its type, else by its topic; in each policy; what is tried again is not counted again. */
static void test_events_fit_their_schema(void **state)
{
    (void)state;
    static const struct {
        weir_on_invalid on_fail;
        size_t calls, letters, invalid;
    } policies[] = {{WEIR_INVALID_REJECT, 2, 2, 2}, {WEIR_INVALID_REPORT, 6, 1, 2},
        {WEIR_INVALID_STOP, 0, 0, 1}};
    weir_view text = weir_view_of("{\"properties\":{\"id\":{\"maximum\":5}}}");
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
        app a;
        weir_any_schema schema;
        assert_int_equal(weir_any_schema_compile(text, false, NULL, &schema, NULL), WEIR_OK);
        atomic_ullong invalid = 0;
        weir_event_rule rule = {.event = "order.placed",
            .schema = &schema,
            .name = "order.json",
            .on_fail = policies[i].on_fail,
            .invalid = &invalid};
        app_init(&a);
        a.handle = read_id;
        a.options.events = (weir_event_rules){.items = &rule, .count = 1, .log = &a.log.log};
        assert_int_equal(app_open(&a), WEIR_OK);
        deliver(&a, 0, "{\"id\":9}", "order.placed");
        deliver(&a, 1, "{", "order.placed");
        deliver(&a, 2, "{\"id\":9}", "order.paid");
        weir_status s = app_run(&a);
        for (int due = 0; due < 4 && !s && app_next_due(&a) != INT64_MAX; due++) {
            app_run_due(&a);
        }
        assert_int_equal(a.n_calls, policies[i].calls);
        assert_int_equal(a.n_letters, policies[i].letters);
        assert_int_equal(atomic_load(&invalid), policies[i].invalid);
        weir_error err;
        assert_int_equal(
            weir_engine_failure(&a.engine, &err), policies[i].on_fail == WEIR_INVALID_STOP);
        if (policies[i].on_fail == WEIR_INVALID_REJECT) {
            assert_string_equal(a.letters[0].error.code, "EVENT_INVALID");
            assert_string_equal(a.letters[0].error.where, "/id");
            assert_string_equal(a.letters[0].value, "{\"id\":9}");
        }
        weir_any_schema_free(&schema);
        app_end(&a);
    }
}

static void deliver_cloud_event(app *a, int64_t offset, const char *value)
{
    script_add(&a->script, (script_deed){.kind = SCRIPT_RECORD,
                               .offset = offset,
                               .key = "{\"id\":1}",
                               .value = value,
                               .header = "application/cloudevents+json",
                               .header_name = "content-type"});
}

/* A CloudEvent's schema is the data's; without data there is nothing to judge. */
static void test_cloud_events_fit_their_schema(void **state)
{
    (void)state;
    app a;
    weir_any_schema schema;
    weir_view text = weir_view_of("{\"required\":[\"id\"]}");
    assert_int_equal(weir_any_schema_compile(text, false, NULL, &schema, NULL), WEIR_OK);
    atomic_ullong invalid = 0;
    weir_event_rule rule = {
        .event = "paid", .schema = &schema, .name = "paid.json", .invalid = &invalid};
    app_init(&a);
    a.options.events = (weir_event_rules){.items = &rule, .count = 1, .log = &a.log.log};
    assert_int_equal(app_open(&a), WEIR_OK);
    deliver_cloud_event(&a, 0, "{\"specversion\":\"1.0\",\"type\":\"paid\",\"data\":{\"id\":1}}");
    deliver_cloud_event(&a, 1, "{\"specversion\":\"1.0\",\"type\":\"paid\"}");
    deliver_cloud_event(
        &a, 2, "{\"specversion\":\"1.0\",\"type\":\"paid\",\"id\":\"1\",\"data\":{}}");
    app_run(&a);
    expect_handled(&a, (const int64_t[]){0, 1}, 2);
    assert_int_equal(a.n_letters, 1);
    weir_any_schema_free(&schema);
    app_end(&a);
}

/* ---- Settling in time ---------------------------------------------------------------------------
 */

static weir_status slow_and_watching(app *a, weir_message *m)
{
    int64_t offset = weir_record_offset(m);
    assert_int_equal(a->script.n_released, offset); /* those before it are settled by now */
    a->now_ms += 10;
    return WEIR_OK;
}

static void test_a_slow_handler_holds_up_no_other(void **state)
{
    (void)state;
    app a;
    app_begin(&a, slow_and_watching);
    for (int i = 0; i < 5; i++) {
        script_record(&a.script, 0, i, NULL);
    }
    app_run(&a);
    assert_int_equal(a.n_calls, 5);
    app_end(&a);
}

/* ---- Out of memory ------------------------------------------------------------------------------
 */

static weir_status variety(app *a, weir_message *m)
{
    switch (weir_record_offset(m) % 5) {
    case 0:
        return weir_attempt(m) < 3 ? weir_retry(m, 0, "again") : WEIR_OK;
    case 1:
        return weir_reject(m, "NO", "never");
    case 2:
        return app_defer(a, m);
    case 3:
        return weir_id(m).ptr ? WEIR_OK : weir_fail_oom(&m->error);
    default:
        return WEIR_OK;
    }
}

/* A life with everything in it. What could not be done for want of memory is done later, or the
 * engine has failed by it; nothing is lost, nothing leaks. */
static weir_status live(app *a)
{
    static const char *const keys[] = {"a", "b", "c", NULL};
    app_init(a);
    a->handle = variety;
    a->options.followers_limit = 2;
    weir_status s = app_open(a);
    if (s) {
        return s;
    }
    for (int i = 0; i < 15; i++) {
        script_record(&a->script, 0, i, keys[i % 4]);
    }
    for (int rounds = 0; rounds < 40 && !s; rounds++) {
        s = app_run(a);
        for (size_t i = 0; i < a->n_kept; i++) {
            weir_settle(a->kept[i], WEIR_OK);
        }
        a->n_kept = 0;
        a->now_ms += 500;
    }
    for (size_t i = 0; i < a->n_kept; i++) {
        weir_settle(a->kept[i], WEIR_OK);
    }
    return s;
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    static app a;
    long at = 1;
    for (bool met = true; met; at++) {
        weir_alloc_fail_at(at, 0);
        weir_status s = live(&a);
        met = weir_alloc_fail_at(0, 0) >= at;
        if (!a.engine.queues) {
            assert_int_equal(s, WEIR_RETRY);
            assert_int_equal(weir_alloc_live(), 0);
            continue;
        }
        weir_error err;
        if (weir_engine_failure(&a.engine, &err)) {
            assert_true(met);
            assert_int_equal(s, WEIR_FATAL);
            assert_string_equal(err.code, "OUT_OF_MEMORY");
        } else {
            assert_int_equal(app_committed(&a), 15);
            assert_int_equal(a.n_letters, 3);
        }
        app_end(&a);
    }
    assert_true(at > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes_by_type),
        cmocka_unit_test(test_routes_by_table),
        cmocka_unit_test(test_routes_by_operation),
        cmocka_unit_test(test_rows_fit_their_schema),
        cmocka_unit_test(test_rows_are_checked_after_a_hold),
        cmocka_unit_test(test_events_fit_their_schema),
        cmocka_unit_test(test_cloud_events_fit_their_schema),
        cmocka_unit_test(test_what_cannot_be_decoded_is_rejected),
        cmocka_unit_test(test_a_slow_handler_holds_up_no_other),
        cmocka_unit_test(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
