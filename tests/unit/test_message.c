/* Messages: what a handler may ask of its record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/scripted_app.h"

/* ---- By hand: a message of a record -------------------------------------------------------------
 */

typedef struct header_list {
    const char *pairs[8]; /* name, value, name, value, …; a value NULL is null */
} header_list;

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const header_list *l = self;
    if (i >= 4 || !l->pairs[2 * i]) {
        return false;
    }
    *name = weir_view_of(l->pairs[2 * i]);
    *value = weir_view_of(l->pairs[2 * i + 1]);
    return true;
}

typedef struct fixture {
    weir_raw_record raw;
    weir_record record;
    weir_message message;
} fixture;

static weir_message *message_of(fixture *f, const header_list *headers)
{
    memset(f, 0, sizeof *f);
    f->raw = (weir_raw_record){.topic = weir_view_of("orders"),
        .key = weir_view_of("k"),
        .value = weir_view_of("v"),
        .partition = 3,
        .offset = 4711,
        .timestamp_ms = 1795374787948};
    if (headers) {
        f->raw.headers = (weir_header_list){header_at, headers};
    }
    f->record.attempt = 2;
    f->message.raw = &f->raw;
    f->message.record = &f->record;
    weir_arena_init(&f->message.arena, 0);
    return &f->message;
}

static void assert_view(weir_view v, const char *expected)
{
    assert_true(weir_view_is(v, expected));
}

static void test_what_the_record_says(void **state)
{
    (void)state;
    fixture f;
    weir_view v;
    weir_message *m = message_of(&f, NULL);
    assert_view(weir_topic(m), "orders");
    assert_view(weir_key(m), "k");
    assert_view(weir_value_bytes(m), "v");
    assert_int_equal(weir_partition_number(m), 3);
    assert_int_equal(weir_record_offset(m), 4711);
    assert_int_equal(weir_timestamp_ms(m), 1795374787948);
    assert_int_equal(weir_attempt(m), 2);
    assert_int_equal(weir_op(m), 0);
    assert_false(weir_header(m, "id", &v));
    weir_arena_fini(&m->arena);
}

static void test_the_last_header_of_a_name(void **state)
{
    (void)state;
    static const header_list headers = {{"a", "1", "b", "2", "a", "3", "c", NULL}};
    fixture f;
    weir_view v;
    weir_message *m = message_of(&f, &headers);
    assert_true(weir_header(m, "a", &v));
    assert_view(v, "3");
    assert_true(weir_header(m, "c", &v));
    assert_null(v.ptr);
    assert_false(weir_header(m, "d", &v));
    weir_arena_fini(&m->arena);
}

static void test_ids_and_types(void **state)
{
    (void)state;
    static const struct {
        header_list headers;
        const char *id, *type;
    } cases[] = {
        {{{NULL}}, "orders/3/4711", "orders"},
        {{{"id", "x-1", "type", "order.placed"}}, "x-1", "order.placed"},
        {{{"ce_id", "x-2", "ce_type", "order.paid"}}, "x-2", "order.paid"},
        {{{"ce_id", "x-2", "id", "x-1", "type", "a", "ce_type", "b"}}, "x-1", "b"},
        {{{"eventType", "OrderPlaced"}}, "orders/3/4711", "OrderPlaced"},
        {{{"id", ""}}, "orders/3/4711", "orders"},
        {{{"id", NULL, "ce_id", "x-2"}}, "orders/3/4711", "orders"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f;
        weir_message *m = message_of(&f, &cases[i].headers);
        assert_view(weir_id(m), cases[i].id);
        assert_view(weir_id(m), cases[i].id); /* as it was */
        assert_view(weir_type(m), cases[i].type);
        weir_arena_fini(&m->arena);
    }
}

static void test_reasons(void **state)
{
    (void)state;
    fixture f;
    char long_code[64];
    weir_message *m = message_of(&f, NULL);
    assert_int_equal(weir_retry(m, 70, "away for %d s", 5), WEIR_RETRY);
    assert_int_equal(m->error.status, WEIR_RETRY);
    assert_string_equal(m->error.code, "HANDLER_RETRY");
    assert_string_equal(m->error.text, "away for 5 s");
    assert_int_equal(m->after_ms, 70);
    assert_int_equal(weir_hold(m, "%s", "down"), WEIR_HOLD);
    assert_string_equal(m->error.code, "HANDLER_HOLD");
    /* Even a reason that is made of the last one. */
    assert_int_equal(weir_reject(m, "NO", "was %s", m->error.text), WEIR_REJECT);
    assert_string_equal(m->error.text, "was down");
    memset(long_code, 'X', sizeof long_code - 1);
    long_code[sizeof long_code - 1] = '\0';
    assert_int_equal(weir_reject(m, long_code, " "), WEIR_REJECT);
    assert_int_equal(strlen(m->error.code), sizeof m->error.code - 1);
    weir_arena_fini(&m->arena);
}

/* ---- Changes ------------------------------------------------------------------------------------
 */

static const weir_source_rules rules = {.topic_prefix = {"s", 1}, .positions = true};

#define CHANGE(op, after)                                                                       \
    "{\"before\":null,\"after\":" after ",\"source\":{\"connector\":\"postgresql\",\"schema\":" \
    "\"public\",\"table\":\"orders\",\"sequence\":\"[\\\"10\\\",\\\"20\\\"]\",\"txId\":7,"      \
    "\"lsn\":20,\"snapshot\":\"false\",\"ts_ms\":1,\"db\":\"d\"},\"op\":\"" op "\",\"ts_ms\":2}"

static char ops[8]; /* by offset */

static weir_status note_op(app *a, weir_message *m)
{
    (void)a;
    ops[weir_record_offset(m)] = weir_op(m);
    assert_view(weir_type(m), "public.orders");
    return WEIR_OK;
}

static void test_ops(void **state)
{
    (void)state;
    static const char *const values[] = {CHANGE("c", "{\"id\":1}"), CHANGE("u", "{\"id\":1}"),
        CHANGE("r", "{\"id\":1}"), CHANGE("d", "null"), CHANGE("t", "null")};
    app a;
    app_init(&a);
    a.handle = note_op;
    a.topic.source = &rules;
    a.routes[0].table = "public.orders";
    assert_int_equal(app_open(&a), WEIR_OK);
    for (int i = 0; i < 5; i++) {
        script_add(&a.script, (script_deed){.kind = SCRIPT_RECORD,
                                  .offset = i,
                                  .key = i < 4 ? "{\"id\":1}" : NULL,
                                  .value = values[i]});
    }
    app_run(&a);
    assert_int_equal(a.n_calls, 5);
    assert_string_equal(ops, "curdt");
    app_end(&a);
}

/* ---- Lookups ------------------------------------------------------------------------------------
 */

static weir_status find_row(void *ctx, const char *cache, weir_view key, const weir_freshness *min,
    int64_t *age_ms, weir_buf *row, bool *found, weir_error *err)
{
    (void)ctx, (void)min;
    if (age_ms) {
        *age_ms = 5000;
    } else if (strcmp(cache, "users") != 0) {
        return weir_fail(err, WEIR_E_CACHE_NOT_READY, "it has not caught up");
    }
    *found = weir_view_is(key, "7");
    if (*found) {
        weir_buf_puts(row, "{\"id\":7,\"name\":\"Ada\"}");
    }
    return row->failed ? weir_fail_oom(err) : WEIR_OK;
}

static weir_status look_up(app *a, weir_message *m)
{
    bool found;
    weir_reader row;
    (void)a;
    weir_status s = weir_lookup(m, "users", weir_view_of("7"), NULL, &found, &row);
    if (s) {
        return s;
    }
    assert_true(found && weir_view_is(weir_text(&row, "name"), "Ada"));
    s = weir_lookup(m, "users", weir_view_of("8"), NULL, &found, &row);
    assert_int_equal(s, WEIR_OK);
    assert_false(found || weir_has(&row, "name"));
    assert_int_equal(weir_read_end(&row), WEIR_REJECT);
    s = weir_lookup(m, "orders", weir_view_of("8"), NULL, &found, &row);
    assert_int_equal(s, WEIR_HOLD);
    assert_int_equal(weir_read_end(&row), WEIR_HOLD);
    assert_string_equal(m->error.code, "CACHE_NOT_READY");
    int64_t age_ms;
    s = weir_lookup_known(m, "orders", weir_view_of("7"), &age_ms, &found, &row);
    if (s) {
        return s;
    }
    assert_true(found && age_ms == 5000 && weir_view_is(weir_text(&row, "name"), "Ada"));
    return WEIR_OK;
}

static void begin_lookups(app *a, bool with_caches)
{
    app_init(a);
    a->handle = look_up;
    a->options.lookup = with_caches ? find_row : NULL;
    assert_int_equal(app_open(a), WEIR_OK);
    script_record(&a->script, 0, 0, "a");
}

static void test_lookups(void **state)
{
    (void)state;
    app a;
    begin_lookups(&a, true);
    app_run(&a);
    assert_int_equal(weir_handlers_count(a.handlers).handled, 1);
    app_end(&a);
    begin_lookups(&a, false);
    assert_int_equal(app_run(&a), WEIR_FATAL);
    app_expect_failure(&a, "NO_CACHE", "orders/0@0");
    app_end(&a);
}

static void test_lookups_without_memory(void **state)
{
    (void)state;
    static app a;
    long at = 1;
    for (bool met = true; met; at++) {
        begin_lookups(&a, true);
        weir_alloc_fail_at(at, 0);
        weir_status s = app_run(&a);
        for (int i = 0; i < 3 && !s && app_next_due(&a) != INT64_MAX; i++) {
            app_run_due(&a);
        }
        met = weir_alloc_fail_at(0, 0) >= at;
        assert_true(s == WEIR_FATAL || weir_handlers_count(a.handlers).handled == 1);
        app_end(&a);
    }
    assert_true(at > 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_record_says),
        cmocka_unit_test(test_the_last_header_of_a_name),
        cmocka_unit_test(test_ids_and_types),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_ops),
        cmocka_unit_test(test_lookups),
        cmocka_unit_test(test_lookups_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
