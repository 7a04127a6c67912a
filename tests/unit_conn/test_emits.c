/* Emits of handlers, into memory: when they leave, what they carry, and what becomes of their
 * record when they do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <jansson.h>

#include "memory/memory_emitter.h"
#include "schema/avro_schemas.h"
#include "service/handler_lane.h"
#include "support/scripted_app.h"

/* ---- A service that emits -----------------------------------------------------------------------
 */

static const weir_emit_rule emit_rules[] = {
    {.type = "paid", .topic = "payments"},
    {.type = "told", .topic = "news", .cloudevents = true},
};

static weir_memory_emitter *emitter;

static void begin_with(app *a, weir_status (*handle)(app *a, weir_message *m),
    const weir_event_rule *events, size_t n_events)
{
    app_init(a);
    a->handle = handle;
    assert_int_equal(weir_memory_emitter_new(&emitter, &a->options.emitter, NULL), WEIR_OK);
    a->options.emits = (weir_emit_rules){emit_rules, 2, "shop"};
    a->options.events = (weir_event_rules){.items = events, .count = n_events};
    assert_int_equal(app_open(a), WEIR_OK);
}

static void begin(app *a, weir_status (*handle)(app *a, weir_message *m))
{
    begin_with(a, handle, NULL, 0);
}

/* schema: what the rules had, or NULL. */
static void end_with(app *a, weir_any_schema *schema)
{
    weir_engine_abandon(&a->engine);
    weir_engine_fini(&a->engine);
    weir_handlers_free(a->handlers);
    weir_memory_emitter_free(emitter);
    if (schema) {
        weir_any_schema_free(schema);
    }
    assert_int_equal(a->script.n_released, a->script.n_messages);
    assert_int_equal(weir_alloc_live(), 0);
}

static void end(app *a)
{
    end_with(a, NULL);
}

static void deliver(app *a, int64_t offset)
{
    script_add(&a->script, (script_deed){.kind = SCRIPT_RECORD,
                               .offset = offset,
                               .key = "k",
                               .value = "{}",
                               .header = "00-abc",
                               .header_name = "traceparent"});
}

static void run_through(app *a)
{
    (void)app_run(a);
    app_run_lanes(a);
    (void)app_run(a);
}

static void expect_body(size_t i, const char *value)
{
    const weir_memory_emit *e = weir_memory_emitter_at(emitter, i);
    assert_non_null(e);
    assert_true(weir_view_is(e->value, value));
}

static void expect_header(size_t i, const char *name, const char *value)
{
    weir_view v = weir_memory_emit_header(weir_memory_emitter_at(emitter, i), name);
    if (value) {
        assert_true(weir_view_is(v, value));
    } else {
        assert_null(v.ptr);
    }
}

/* ---- What is sent -------------------------------------------------------------------------------
 */

static weir_status pay(app *a, weir_message *m)
{
    (void)a;
    return weir_emit(m, .type = "paid",
        .fields = W_OBJECT(W_STR("order", "o\"1"), W_NUMBER("amount", weir_view_of("12.30")),
            W_INT("n", -3), W_BOOL("new", true), W_NULL("note"),
            W_JSON("tags", weir_view_of("[1]"))));
}

static void test_an_emit_is_typed_keyed_and_carries_on(void **state)
{
    (void)state;
    app a;
    begin(&a, pay);
    deliver(&a, 7);
    run_through(&a);
    assert_int_equal(weir_memory_emitter_count(emitter), 1);
    expect_body(0,
        "{\"order\":\"o\\\"1\",\"amount\":12.30,\"n\":-3,\"new\":true,\"note\":null,\"tags\":[1]}");
    assert_string_equal(weir_memory_emitter_at(emitter, 0)->topic, "payments");
    assert_true(weir_view_is(weir_memory_emitter_at(emitter, 0)->key, "k"));
    expect_header(0, "type", "paid");
    expect_header(0, "id", "orders/0/7/1");
    expect_header(0, "causation_id", "orders/0/7");
    expect_header(0, "traceparent", "00-abc");
    assert_int_equal(app_committed(&a), 8);
    assert_int_equal(weir_handlers_count(a.handlers).emitted, 1);
    end(&a);
}

static weir_status tell(app *a, weir_message *m)
{
    (void)a;
    weir_status s = weir_emit(m, .type = "told", .json = json_pack("{s:i}", "n", 1),
        .key = weir_view_of("other"), .id = weir_view_of("mine"),
        .headers = W_OBJECT(W_STR("traceparent", "00-def"), W_STR("who", "me")));
    return s ? s : weir_emit(m, .type = "more", .topic = "else", .bytes = weir_view_of("no JSON"));
}

static void test_cloudevents_and_what_the_call_says(void **state)
{
    (void)state;
    app a;
    begin(&a, tell);
    deliver(&a, 0);
    run_through(&a);
    assert_int_equal(weir_memory_emitter_count(emitter), 2);
    expect_body(0, "{\"n\":1}");
    expect_header(0, "ce_type", "told");
    expect_header(0, "ce_id", "mine");
    expect_header(0, "ce_source", "shop");
    expect_header(0, "ce_specversion", "1.0");
    expect_header(0, "type", NULL);
    expect_header(0, "traceparent", "00-def");
    expect_header(0, "who", "me");
    assert_true(weir_view_is(weir_memory_emitter_at(emitter, 0)->key, "other"));
    assert_string_equal(weir_memory_emitter_at(emitter, 1)->topic, "else");
    expect_body(1, "no JSON");
    expect_header(1, "id", "orders/0/0/2");
    end(&a);
}

/* ---- When it settles ----------------------------------------------------------------------------
 */

/* The key's next record waits, too: equal keys in order, what they emit included. */
static void test_a_record_settles_when_its_emits_are_acknowledged(void **state)
{
    (void)state;
    app a;
    begin(&a, pay);
    weir_memory_emitter_hold(emitter, true);
    deliver(&a, 0);
    deliver(&a, 1);
    run_through(&a);
    assert_int_equal(a.n_calls, 1);
    assert_int_equal(app_committed(&a), 0);
    weir_memory_emitter_hold(emitter, false);
    run_through(&a);
    run_through(&a);
    assert_int_equal(a.n_calls, 2);
    assert_int_equal(weir_memory_emitter_count(emitter), 2);
    assert_int_equal(app_committed(&a), 2);
    end(&a);
}

static void test_what_is_not_acknowledged_is_handled_again(void **state)
{
    (void)state;
    app a;
    weir_error why;
    begin(&a, pay);
    weir_fail(&why, WEIR_E_KAFKA_PRODUCE, "the broker is away");
    weir_memory_emitter_fail(emitter, 2, &why);
    deliver(&a, 0);
    run_through(&a);
    assert_int_equal(app_committed(&a), 0);
    for (int i = 0; i < 2; i++) {
        app_run_due(&a);
        run_through(&a);
    }
    assert_int_equal(a.n_calls, 3);
    assert_int_equal(a.calls[2].attempt, 1); /* a HOLD counts nothing */
    assert_int_equal(weir_memory_emitter_count(emitter), 1);
    expect_header(0, "id", "orders/0/0/1");
    assert_int_equal(app_committed(&a), 1);
    end(&a);
}

static void test_what_is_too_large_for_the_broker_is_rejected(void **state)
{
    (void)state;
    app a;
    weir_error why;
    begin(&a, pay);
    weir_fail(&why, WEIR_E_EMIT_TOO_LARGE, "no");
    weir_memory_emitter_fail(emitter, 1, &why);
    deliver(&a, 0);
    run_through(&a);
    assert_int_equal(a.n_letters, 1);
    assert_string_equal(a.letters[0].error.code, "EMIT_TOO_LARGE");
    assert_int_equal(app_committed(&a), 1);
    end(&a);
}

static weir_status pay_and_retry(app *a, weir_message *m)
{
    weir_status s = pay(a, m);
    return s ? s : weir_attempt(m) < 3 ? weir_retry(m, 0, "not yet") : WEIR_OK;
}

static void test_what_a_failed_attempt_emitted_never_leaves(void **state)
{
    (void)state;
    app a;
    begin(&a, pay_and_retry);
    deliver(&a, 0);
    run_through(&a);
    app_run_due(&a);
    app_run_due(&a);
    run_through(&a);
    assert_int_equal(a.n_calls, 3);
    assert_int_equal(weir_memory_emitter_count(emitter), 1);
    assert_int_equal(app_committed(&a), 1);
    end(&a);
}

static weir_status pay_later(app *a, weir_message *m)
{
    return app_defer(a, m);
}

static void test_a_deferred_message_emits_until_it_is_settled(void **state)
{
    (void)state;
    app a;
    begin(&a, pay_later);
    deliver(&a, 0);
    run_through(&a);
    assert_int_equal(pay(&a, a.kept[0]), WEIR_OK);
    assert_int_equal(weir_memory_emitter_count(emitter), 0);
    weir_settle(a.kept[0], WEIR_OK);
    run_through(&a);
    assert_int_equal(weir_memory_emitter_count(emitter), 1);
    assert_int_equal(app_committed(&a), 1);
    end(&a);
}

static void test_an_emit_of_a_settled_message_stops_the_app(void **state)
{
    (void)state;
    app a;
    begin(&a, pay_later);
    weir_memory_emitter_hold(emitter, true);
    deliver(&a, 0);
    run_through(&a);
    assert_int_equal(pay(&a, a.kept[0]), WEIR_OK);
    weir_settle(a.kept[0], WEIR_OK);
    app_run_lanes(&a);
    assert_int_equal(pay(&a, a.kept[0]), WEIR_FATAL); /* they are under way */
    app_expect_failure(&a, "HANDLER_STATUS", "orders/0@0");
    end(&a);
}

/* The engine ends while emits are under way: they are given up, and the record comes again. */
static void test_the_end_gives_up_what_is_under_way(void **state)
{
    (void)state;
    app a;
    begin(&a, pay);
    weir_memory_emitter_hold(emitter, true);
    deliver(&a, 0);
    run_through(&a);
    end(&a);
    assert_int_equal(app_committed(&a), 0);
}

/* ---- Refusals -----------------------------------------------------------------------------------
 */

static weir_status emit_nothing(app *a, weir_message *m)
{
    (void)a;
    return weir_emit(m, .type = "paid", .json = NULL);
}

static void test_no_body_is_an_error_that_is_tried_again(void **state)
{
    (void)state;
    app a;
    begin(&a, emit_nothing);
    deliver(&a, 0);
    run_through(&a);
    for (int i = 0; i < 3; i++) {
        app_run_due(&a);
    }
    run_through(&a);
    assert_int_equal(a.n_letters, 1);
    assert_string_equal(a.letters[0].error.code, "EMIT_EMPTY");
    assert_int_equal(a.letters[0].attempts, 4);
    end(&a);
}

static weir_status emit_unknown(app *a, weir_message *m)
{
    (void)a;
    return weir_emit(m, .type = "nobody's", .fields = W_OBJECT(W_INT("n", 1)));
}

static void test_a_type_without_a_topic_stops_the_app(void **state)
{
    (void)state;
    app a;
    begin(&a, emit_unknown);
    deliver(&a, 0);
    run_through(&a);
    app_expect_failure(&a, "EMIT_UNKNOWN", "orders/0@0");
    assert_int_equal(app_committed(&a), 0);
    end(&a);
}

static void test_an_emit_fits_its_types_schema(void **state)
{
    (void)state;
    app a;
    weir_error err;
    weir_any_schema schema = {0};
    atomic_ullong invalid = 0;
    assert_int_equal(
        weir_schema_compile(weir_view_of("{\"properties\":{\"amount\":{\"type\":\"string\"}}}"),
            NULL, &schema.json, &err),
        WEIR_OK);
    weir_event_rule rule = {
        .event = "paid", .schema = &schema, .name = "paid.json", .invalid = &invalid};
    begin_with(&a, pay, &rule, 1);
    deliver(&a, 0);
    run_through(&a);
    assert_int_equal(weir_memory_emitter_count(emitter), 0);
    assert_int_equal(a.n_letters, 1);
    assert_string_equal(a.letters[0].error.code, "EMIT_INVALID");
    assert_string_equal(a.letters[0].error.where, "/amount");
    assert_int_equal(atomic_load(&invalid), 1);
    end_with(&a, &schema);
}

/* Fields are checked to be JSON even without a schema: digits may be none. */
static weir_status emit_no_digits(app *a, weir_message *m)
{
    (void)a;
    return weir_emit(
        m, .type = "paid", .fields = W_OBJECT(W_NUMBER("amount", weir_view_of("twelve"))));
}

static void test_a_body_is_json(void **state)
{
    (void)state;
    app a;
    begin(&a, emit_no_digits);
    deliver(&a, 0);
    run_through(&a);
    assert_int_equal(a.n_letters, 1);
    assert_string_equal(a.letters[0].error.code, "EMIT_INVALID");
    end(&a);
}

/* Wherever memory runs out, the record is handled again or the app stops; nothing leaks. */
static void test_memory_runs_out(void **state)
{
    (void)state;
    for (long n = 1; n < 60; n++) {
        app a;
        begin(&a, pay);
        deliver(&a, 0);
        weir_alloc_fail_at(n, 0);
        run_through(&a);
        weir_alloc_fail_at(0, 0);
        weir_error err;
        if (!weir_engine_failure(&a.engine, &err) && !app_committed(&a)) {
            if (app_next_due(&a) != INT64_MAX) {
                app_run_due(&a);
            }
            run_through(&a);
            run_through(&a);
            assert_true(
                weir_engine_failure(&a.engine, &err) || app_committed(&a) == 1 || a.n_calls == 0);
        }
        assert_true(weir_memory_emitter_count(emitter) <= 1);
        end(&a);
    }
}

/* ---- In Avro ------------------------------------------------------------------------------------
 */

static const weir_handlers *asked_by;
static const char *registered; /* NULL: the registry does not answer */
static int64_t registered_id;

static weir_status latest(
    void *self, weir_view subject, weir_arena *arena, weir_registered *out, weir_error *err)
{
    (void)self;
    assert_true(weir_view_is(subject, "payments-value"));
    for (unsigned i = 0; asked_by && i < asked_by->options.lanes; i++) { /* others may emit */
        assert_int_equal(pthread_mutex_trylock(&asked_by->lanes[i].emit_lock), 0);
        pthread_mutex_unlock(&asked_by->lanes[i].emit_lock);
    }
    if (!registered) {
        return weir_fail(err, WEIR_E_REGISTRY_UNREACHABLE, "scripted");
    }
    weir_view *text = weir_arena_alloc(arena, sizeof *text);
    *text = weir_view_of(registered);
    *out = (weir_registered){
        .kind = WEIR_REGISTERED_AVRO, .texts = text, .count = 1, .id = registered_id};
    return WEIR_OK;
}

static void close_registry(void *self)
{
    (void)self;
}

static const weir_registry_ops registry_ops = {.latest = latest, .close = close_registry};
static const weir_emit_rule avro_rules[] = {
    {.type = "paid", .topic = "payments", .avro_subject = "payments-value"}};
static const char paid_schema[] = "{\"type\":\"record\",\"name\":\"Paid\",\"fields\":[{\"name\":"
                                  "\"n\",\"type\":\"long\"},{\"name\":\"note\",\"type\":[\"null\","
                                  "\"string\"],\"default\":null}]}";

static weir_status pay_in_avro(app *a, weir_message *m)
{
    (void)a;
    return weir_record_offset(m) == 9
               ? weir_emit(m, .type = "paid", .fields = W_OBJECT(W_STR("n", "no number")))
               : weir_emit(m, .type = "paid", .fields = W_OBJECT(W_INT("n", -3)));
}

static weir_avro_schemas *begin_avro(app *a, const char *schema, int64_t id)
{
    weir_avro_schemas *schemas;
    registered = schema;
    registered_id = id;
    app_init(a);
    a->handle = pay_in_avro;
    assert_int_equal(weir_memory_emitter_new(&emitter, &a->options.emitter, NULL), WEIR_OK);
    assert_int_equal(
        weir_avro_schemas_new((weir_registry){&registry_ops, NULL}, &schemas, NULL), WEIR_OK);
    a->options.emits = (weir_emit_rules){avro_rules, 1, "shop"};
    a->options.events = (weir_event_rules){.schemas = schemas};
    assert_int_equal(app_open(a), WEIR_OK);
    asked_by = a->handlers;
    return schemas;
}

static void end_avro(app *a, weir_avro_schemas *schemas)
{
    asked_by = NULL;
    weir_engine_abandon(&a->engine);
    weir_engine_fini(&a->engine);
    weir_handlers_free(a->handlers);
    weir_memory_emitter_free(emitter);
    weir_avro_schemas_free(schemas);
    assert_int_equal(weir_alloc_live(), 0);
}

/* By the subject's schema, its defaults filled in, behind its id. */
static void test_an_event_leaves_in_avro(void **state)
{
    static const char bytes[] = {0, 0, 0, 1, 7, 5, 0};
    (void)state;
    app a;
    weir_avro_schemas *schemas = begin_avro(&a, paid_schema, 0x107);
    deliver(&a, 7);
    run_through(&a);
    registered = NULL; /* it is not asked again */
    deliver(&a, 8);
    run_through(&a);
    assert_int_equal(weir_memory_emitter_count(emitter), 2);
    for (size_t i = 0; i < 2; i++) {
        weir_view v = weir_memory_emitter_at(emitter, i)->value;
        assert_int_equal(v.len, sizeof bytes);
        assert_memory_equal(v.ptr, bytes, sizeof bytes);
        expect_header(i, "type", "paid");
    }
    deliver(&a, 9);
    run_through(&a);
    assert_int_equal(a.n_letters, 1);
    assert_string_equal(a.letters[0].error.code, "EMIT_INVALID");
    assert_string_equal(a.letters[0].error.where, "/n");
    end_avro(&a, schemas);
}

static void test_a_registry_that_does_not_answer_holds_emits(void **state)
{
    (void)state;
    app a;
    weir_avro_schemas *schemas = begin_avro(&a, NULL, 7);
    deliver(&a, 7);
    run_through(&a);
    assert_int_equal(weir_memory_emitter_count(emitter), 0);
    assert_int_equal(weir_handlers_count(a.handlers).held, 1);
    registered = paid_schema;
    a.now_ms += 1000;
    run_through(&a);
    assert_int_equal(weir_memory_emitter_count(emitter), 1);
    end_avro(&a, schemas);
}

/* No event could mend that. */
static void test_a_subject_that_is_no_avro_with_an_id_stops(void **state)
{
    (void)state;
    app a;
    weir_avro_schemas *schemas = begin_avro(&a, paid_schema, 0);
    deliver(&a, 7);
    run_through(&a);
    app_expect_failure(&a, "SCHEMA_INVALID", "subject payments-value");
    end_avro(&a, schemas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_event_leaves_in_avro),
        cmocka_unit_test(test_a_registry_that_does_not_answer_holds_emits),
        cmocka_unit_test(test_a_subject_that_is_no_avro_with_an_id_stops),
        cmocka_unit_test(test_an_emit_is_typed_keyed_and_carries_on),
        cmocka_unit_test(test_cloudevents_and_what_the_call_says),
        cmocka_unit_test(test_a_record_settles_when_its_emits_are_acknowledged),
        cmocka_unit_test(test_what_is_not_acknowledged_is_handled_again),
        cmocka_unit_test(test_what_is_too_large_for_the_broker_is_rejected),
        cmocka_unit_test(test_what_a_failed_attempt_emitted_never_leaves),
        cmocka_unit_test(test_a_deferred_message_emits_until_it_is_settled),
        cmocka_unit_test(test_an_emit_of_a_settled_message_stops_the_app),
        cmocka_unit_test(test_the_end_gives_up_what_is_under_way),
        cmocka_unit_test(test_no_body_is_an_error_that_is_tried_again),
        cmocka_unit_test(test_a_type_without_a_topic_stops_the_app),
        cmocka_unit_test(test_an_emit_fits_its_types_schema),
        cmocka_unit_test(test_a_body_is_json),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
