/* Which handler a record goes to, and what that handler's own policy does with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/scripted_app.h"

static void deliver(
    app *a, int64_t offset, const char *value, const char *header_name, const char *header)
{
    script_add(&a->script, (script_deed){.kind = SCRIPT_RECORD,
                               .offset = offset,
                               .key = "k",
                               .value = value,
                               .header = header,
                               .header_name = header_name});
}

/* ---- Types: the first record is for the handler, the second is not ------------------------------
 */

static weir_view seen_id, seen_name;
static char seen[2][64];

static weir_status look(app *a, weir_message *m)
{
    (void)a;
    weir_reader r = weir_read(m);
    seen_id = weir_id(m);
    seen_name = weir_text(&r, "name");
    snprintf(seen[0], sizeof seen[0], "%.*s", WEIR_ARG(seen_id));
    snprintf(seen[1], sizeof seen[1], "%.*s", WEIR_ARG(seen_name));
    return weir_read_end(&r);
}

static void test_where_a_type_is_found(void **state)
{
    (void)state;
    static const struct type_case {
        const char *what;
        weir_type_place place;
        const char *header_name, *header, *value, *other_value;
        const char *id; /* that its handler sees */
    } cases[] = {
        {"a header", {WEIR_TYPE_HEADER, "kind"}, "kind", "paid", "{\"name\":\"n\"}", NULL,
            "orders/0/0"},
        {"a field", {WEIR_TYPE_FIELD, "/meta/type"}, NULL, NULL,
            "{\"name\":\"n\",\"meta\":{\"type\":\"paid\"}}", "{\"meta\":{\"type\":\"lost\"}}",
            "orders/0/0"},
        {"a CloudEvent", {WEIR_TYPE_CLOUDEVENT, NULL}, "content-type",
            "application/cloudevents+json; charset=utf-8",
            "{\"specversion\":\"1.0\",\"id\":\"i1\",\"type\":\"paid\",\"data\":{\"name\":\"n\"}}",
            "{\"specversion\":\"1.0\",\"id\":\"i2\",\"type\":\"lost\",\"data\":{}}", "i1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct type_case *c = &cases[i];
        app a;
        app_init(&a);
        a.handle = look;
        a.routes[0].event = "paid";
        a.options.types = &c->place;
        a.options.n_types = 1;
        assert_int_equal(app_open(&a), WEIR_OK);
        deliver(&a, 0, c->value, c->header_name, c->header);
        deliver(&a, 1, c->other_value ? c->other_value : "{}",
            c->other_value ? c->header_name : NULL, c->header);
        app_run(&a);
        assert_int_equal(a.n_calls, 1);
        assert_string_equal(seen[0], c->id);
        assert_string_equal(seen[1], "n");
        assert_int_equal(weir_handlers_count(a.handlers).unrouted, 1);
        assert_int_equal(app_committed(&a), 2);
        app_end(&a);
    }
}

/* A type that somebody has misspelt is seen in the log, not only in a figure: once. */
static void test_a_type_without_a_handler_is_told_once(void **state)
{
    (void)state;
    app a;
    app_init(&a);
    a.routes[0].event = "paid";
    assert_int_equal(app_open(&a), WEIR_OK);
    atomic_store(&a.log.log.level, WEIR_LOG_INFO);
    for (int64_t at = 0; at < 6; at++) {
        deliver(&a, at, "{}", "type", at % 2 ? "piad" : "lost");
        app_run(&a);
        assert_int_equal(a.log.lines, at < 2 ? at + 1 : 2);
    }
    assert_non_null(strstr(a.log.last, "no handler takes orders/0@1, of the type piad"));
    assert_int_equal(weir_handlers_count(a.handlers).unrouted, 6);
    app_end(&a);
}

/* ---- Filters ------------------------------------------------------------------------------------
 */

static void test_filters(void **state)
{
    (void)state;
    static const weir_field where[] = {{"status", WEIR_FIELD_TEXT, {"new", 3}, 0},
        {"/order/lines", WEIR_FIELD_INT, {0}, 2}, {"gone", WEIR_FIELD_NULL, {0}, 0},
        {"vip", WEIR_FIELD_BOOL, {0}, 1}, {0}};
    static const weir_field headers[] = {{"region", WEIR_FIELD_TEXT, {"eu", 2}, 0}, {0}};
    static const struct {
        const char *value, *region;
        bool fits;
    } cases[] = {
        {"{\"status\":\"new\",\"order\":{\"lines\":2},\"gone\":null,\"vip\":true}", "eu", true},
        {"{\"status\":\"new\",\"order\":{\"lines\":2},\"gone\":null,\"vip\":true}", "us", false},
        {"{\"status\":\"old\",\"order\":{\"lines\":2},\"gone\":null,\"vip\":true}", "eu", false},
        {"{\"status\":\"new\",\"order\":{\"lines\":3},\"gone\":null,\"vip\":true}", "eu", false},
        {"{\"status\":\"new\",\"order\":{\"lines\":2},\"gone\":1,\"vip\":true}", "eu", false},
        {"{\"status\":\"new\",\"order\":{\"lines\":2},\"gone\":null,\"vip\":false}", "eu", false},
        {"{\"status\":\"new\",\"order\":{\"lines\":2.0},\"gone\":null,\"vip\":true}", "eu", true},
        {"{\"status\":\"new\",\"order\":{\"lines\":0.2e1},\"gone\":null,\"vip\":true}", "eu", true},
        {"{\"status\":\"new\",\"order\":{\"lines\":2.1},\"gone\":null,\"vip\":true}", "eu", false},
        {"{\"status\":\"new\",\"order\":{\"lines\":\"2\"},\"gone\":null,\"vip\":true}", "eu",
            false},
        {"{\"status\":7}", "eu", false},
        {"[]", "eu", false},
    };
    app a;
    size_t fitting = 0, n = sizeof cases / sizeof *cases;
    app_init(&a);
    a.routes[0].where = where;
    a.routes[0].headers = headers;
    assert_int_equal(app_open(&a), WEIR_OK);
    for (size_t i = 0; i < n; i++) {
        deliver(&a, (int64_t)i, cases[i].value, "region", cases[i].region);
        fitting += cases[i].fits;
    }
    app_run(&a);
    assert_int_equal(a.n_calls, fitting);
    assert_int_equal(a.calls[0].offset, 0);
    assert_int_equal(weir_handlers_count(a.handlers).unrouted, n - fitting);
    assert_int_equal(a.n_letters, 0);
    app_end(&a);
}

/* ---- Policy -------------------------------------------------------------------------------------
 */

static weir_status always_retry(app *a, weir_message *m)
{
    (void)a;
    return weir_retry(m, 0, "no");
}

static const char *letter_topic;

static weir_status write_letter(
    void *self, const weir_dead_letter *letters, size_t n, weir_error *err)
{
    letter_topic = letters->topic;
    return app_write_letters(self, letters, n, err);
}

static void test_a_handler_has_attempts_backoff_and_letters_of_its_own(void **state)
{
    (void)state;
    app a;
    app_init(&a);
    a.handle = always_retry;
    a.routes[0].max_attempts = 2;
    a.routes[0].backoff_ms = 1000;
    a.routes[0].dead_letter_topic = "orders.lost";
    a.options.dead_letters.write = write_letter;
    assert_int_equal(app_open(&a), WEIR_OK);
    deliver(&a, 0, "{}", NULL, NULL);
    app_run(&a);
    app_run_due(&a);
    assert_int_equal(a.n_calls, 2);
    assert_true(a.calls[1].at_ms - a.calls[0].at_ms >= 900);
    assert_int_equal(a.n_letters, 1);
    assert_int_equal(a.letters[0].attempts, 2);
    assert_string_equal(letter_topic, "orders.lost");
    app_end(&a);
}

static bool provider_is_down;

static weir_status ask_provider(app *a, weir_message *m)
{
    (void)a;
    return provider_is_down ? weir_retry(m, 1, "down") : WEIR_OK;
}

/* Behind five failures nobody is called, and no attempts are counted, until a probe succeeds. */
static void test_an_open_breaker_holds_records(void **state)
{
    (void)state;
    app a;
    weir_breaker b;
    char keys[20][16];
    atomic_uint in_flight = 0;
    weir_breaker_init(&b, &(weir_breaker_rule){"provider", 5, 1000, 30000});
    app_init(&a);
    a.handle = ask_provider;
    a.routes[0].breaker = &b;
    a.routes[0].max_attempts = 3;
    a.routes[0].max_in_flight = 20;
    a.routes[0].in_flight = &in_flight;
    provider_is_down = true;
    assert_int_equal(app_open(&a), WEIR_OK);
    for (int i = 0; i < 20; i++) {
        snprintf(keys[i], sizeof keys[i], "k%d", i);
        script_record(&a.script, 0, i, keys[i]);
    }
    app_run(&a);
    assert_int_equal(a.n_calls, 5);
    assert_int_equal(weir_handlers_count(a.handlers).broken, 15);
    a.now_ms += 500;
    app_run_lanes(&a);
    assert_int_equal(a.n_calls, 5);
    a.now_ms += 600;
    app_run_lanes(&a);
    assert_int_equal(a.n_calls, 6); /* the probe: it fails */
    provider_is_down = false;
    for (int i = 0; i < 200 && app_next_due(&a) != INT64_MAX; i++) {
        app_run_due(&a);
    }
    app_run(&a);
    assert_int_equal(app_committed(&a), 20);
    assert_int_equal(a.n_letters, 0);
    assert_int_equal(weir_breaker_look(&b).state, WEIR_BREAKER_CLOSED);
    assert_int_equal(atomic_load(&in_flight), 0); /* who is not let through takes no place */
    app_end(&a);
    weir_breaker_fini(&b);
}

static weir_status defer_it(app *a, weir_message *m)
{
    return app_defer(a, m);
}

static void test_no_more_are_deferred_than_may_be(void **state)
{
    (void)state;
    app a;
    static const char *const keys[] = {"a", "b", "c", "d"};
    atomic_uint in_flight = 0;
    app_init(&a);
    a.handle = defer_it;
    a.routes[0].max_in_flight = 2;
    a.routes[0].in_flight = &in_flight;
    assert_int_equal(app_open(&a), WEIR_OK);
    for (int i = 0; i < 4; i++) {
        script_record(&a.script, 0, i, keys[i]);
    }
    app_run(&a);
    assert_int_equal(a.n_kept, 2);
    weir_settle(a.kept[0], WEIR_OK);
    app_run_lanes(&a);
    app_run_due(&a);
    assert_int_equal(a.n_kept, 3);
    for (size_t i = 1; i < a.n_kept; i++) {
        weir_settle(a.kept[i], WEIR_OK);
        app_run_lanes(&a);
        while (a.n_kept < 4 && app_next_due(&a) != INT64_MAX) {
            app_run_due(&a);
        }
    }
    app_run(&a);
    assert_int_equal(app_committed(&a), 4);
    app_end(&a);
}

/* ---- Middleware ---------------------------------------------------------------------------------
 */

static char order[16];

static weir_status outer(weir_message *m, const weir_rest *rest, void *ctx)
{
    (void)ctx;
    strcat(order, "(");
    weir_status s = weir_call_rest(rest, m);
    strcat(order, ")");
    return s;
}

static weir_status inner(weir_message *m, const weir_rest *rest, void *ctx)
{
    (void)ctx;
    strcat(order, "[");
    weir_status s = weir_record_offset(m) == 1 ? weir_reject(m, "FORBIDDEN", "not this one")
                                               : weir_call_rest(rest, m);
    strcat(order, "]");
    return s;
}

static void test_middleware_is_around_every_handler(void **state)
{
    (void)state;
    app a;
    static const weir_middleware both[] = {{outer, NULL}, {inner, NULL}};
    order[0] = '\0';
    app_init(&a);
    a.options.middleware = both;
    a.options.n_middleware = 2;
    assert_int_equal(app_open(&a), WEIR_OK);
    deliver(&a, 0, "{}", NULL, NULL);
    deliver(&a, 1, "{}", NULL, NULL);
    app_run(&a);
    assert_string_equal(order, "([])([])");
    assert_int_equal(a.n_calls, 1);
    assert_int_equal(a.n_letters, 1);
    assert_string_equal(a.letters[0].error.code, "FORBIDDEN");
    app_end(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where_a_type_is_found),
        cmocka_unit_test(test_a_type_without_a_handler_is_told_once),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_a_handler_has_attempts_backoff_and_letters_of_its_own),
        cmocka_unit_test(test_an_open_breaker_holds_records),
        cmocka_unit_test(test_no_more_are_deferred_than_may_be),
        cmocka_unit_test(test_middleware_is_around_every_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
