/* Events against schemas: which rule, which schema, what is said and counted, what is handed on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "cdc/event_check.h"
#include "value/json.h"

#define ORDER \
    "{\"type\":\"record\",\"name\":\"Order\",\"fields\":[{\"name\":\"id\",\"type\":\"int\"}]}"

static bool away; /* the registry */

/* 1: ORDER. 2: JSON Schema. 3: Protobuf. 4: no JSON Schema. */
static weir_status fetch(void *self, const weir_schema_ref *ref, weir_arena *arena,
    weir_registered *out, weir_error *err)
{
    static const weir_view texts[] = {{ORDER, sizeof ORDER - 1}, {"{\"required\":[\"id\"]}", 19},
        {"message M {}", 12}, {"{\"type\":7}", 10}};
    static const weir_registered_kind kinds[] = {
        WEIR_REGISTERED_AVRO, WEIR_REGISTERED_JSON, WEIR_REGISTERED_OTHER, WEIR_REGISTERED_JSON};
    (void)self, (void)arena;
    if (away) {
        return weir_fail(err, WEIR_E_REGISTRY_UNREACHABLE, "away");
    }
    if (ref->number < 1 || ref->number > 4) {
        return weir_fail(err, WEIR_E_REGISTRY_NO_SCHEMA, "there is none");
    }
    *out = (weir_registered){
        .kind = kinds[ref->number - 1], .texts = &texts[ref->number - 1], .count = 1};
    return WEIR_OK;
}

/* "order" is ORDER; others are not there. */
static weir_status latest(
    void *self, weir_view subject, weir_arena *arena, weir_registered *out, weir_error *err)
{
    weir_schema_ref ref = {.number = weir_view_is(subject, "order") ? 1 : 9};
    return fetch(self, &ref, arena, out, err);
}

static void closes(void *self)
{
    (void)self;
}

static const weir_registry_ops ops = {.fetch = fetch, .latest = latest, .close = closes};

enum { RULES = 7 };

typedef struct bench {
    weir_any_schema json, avro;
    weir_avro_schemas *schemas;
    weir_event_rule items[RULES];
    weir_event_rules rules;
    weir_event_checker *checker;
    atomic_ullong counts[RULES];
    weir_arena arena;
    const weir_value *value;
    weir_error err;
} bench;

static weir_status begin(bench *b)
{
    weir_view json = weir_view_of("{\"properties\":{\"id\":{\"maximum\":5}}}");
    weir_view avro =
        weir_view_of("{\"type\":\"record\",\"name\":\"Order\",\"fields\":[{\"name\":\"id\","
                     "\"type\":\"long\"},{\"name\":\"n\",\"type\":\"int\",\"default\":7}]}");
    *b = (bench){.schemas = NULL};
    away = false;
    weir_arena_init(&b->arena, 0);
    weir_status s = weir_any_schema_compile(json, false, NULL, &b->json, &b->err);
    s = s ? s : weir_any_schema_compile(avro, true, NULL, &b->avro, &b->err);
    s = s ? s : weir_avro_schemas_new((weir_registry){&ops, NULL}, &b->schemas, &b->err);
    const weir_event_rule items[RULES] = {
        {.topic = "orders", .schema = &b->avro, .name = "order.avsc"},
        {.event = "order.placed", .schema = &b->json, .name = "order.json"},
        {.topic = "own"},
        {.topic = "told", .schema = &b->json, .name = "order.json", .on_fail = WEIR_INVALID_REPORT},
        {.topic = "latest", .subject = "order", .name = "order"},
        {.topic = "nowhere", .subject = "nowhere", .name = "nowhere"},
        {.topic = "strict", .schema = &b->json, .name = "order.json", .on_fail = WEIR_INVALID_STOP},
    };
    for (size_t i = 0; i < RULES; i++) {
        b->items[i] = items[i];
        b->items[i].invalid = &b->counts[i];
    }
    b->rules = (weir_event_rules){.items = b->items, .count = RULES, .schemas = b->schemas};
    return s ? s : weir_event_checker_new(&b->rules, &b->checker, &b->err);
}

static void end(bench *b)
{
    weir_event_checker_free(b->checker);
    weir_avro_schemas_free(b->schemas);
    weir_any_schema_free(&b->json);
    weir_any_schema_free(&b->avro);
    weir_arena_fini(&b->arena);
}

static weir_status check(bench *b, const char *topic, const char *type, weir_view value, bool again)
{
    weir_raw_record r = {.topic = weir_view_of(topic), .value = value};
    weir_arena_reset(&b->arena);
    return weir_event_check(
        b->checker, &r, weir_view_of(type), again, &b->arena, &b->value, &b->err);
}

static const struct {
    const char *topic, *type;
    weir_view value;
    weir_status status;
    const char *code, *where, *text; /* text: a part of it */
    const char *read;                /* NULL: nothing */
} events[] = {
    {"others", "x", {"{\"id\":9}", 8}, WEIR_OK, "", "", "", "{\"id\":9}"},
    {"others", "x", {"{", 1}, WEIR_REJECT, "JSON_SYNTAX", "1:2", "", NULL},
    {"others", "x", {"\0\0\0\0\1\22", 6}, WEIR_OK, "", "", "", "{\"id\":9}"},
    {"others", "order.placed", {"{\"id\":5}", 8}, WEIR_OK, "", "", "", "{\"id\":5}"},
    {"others", "order.placed", {"{\"id\":9}", 8}, WEIR_REJECT, "EVENT_INVALID", "/id",
        "the event does not fit order.json: maximum: is 9", NULL},
    {"others", "order.placed", {"{", 1}, WEIR_REJECT, "EVENT_INVALID", "1:2", "(JSON_SYNTAX)",
        NULL},
    {"others", "order.placed", {NULL, 0}, WEIR_OK, "", "", "", NULL},
    {"orders", "order.placed", {"{\"id\":5,\"x\":1}", 14}, WEIR_OK, "", "", "",
        "{\"id\":5,\"x\":1}"},
    {"orders", "order.paid", {"{\"id\":9}", 8}, WEIR_OK, "", "", "", "{\"id\":9}"},
    {"orders", "order.paid", {"{\"id\":\"x\"}", 10}, WEIR_REJECT, "EVENT_INVALID", "/id",
        "the event does not fit order.avsc", NULL},
    {"orders", "order.paid", {"\0\0\0\0\1\22", 6}, WEIR_OK, "", "", "", "{\"id\":9,\"n\":7}"},
    {"orders", "order.placed", {"\0\0\0\0\1\22", 6}, WEIR_REJECT, "EVENT_INVALID", "/id", "maximum",
        NULL},
    {"orders", "order.paid", {"\0\0\0\0\1", 5}, WEIR_REJECT, "EVENT_INVALID", "byte 0",
        "(AVRO_DATA)", NULL},
    {"orders", "order.paid", {"\0\0\0\0\11\22", 6}, WEIR_REJECT, "EVENT_INVALID", "",
        "(REGISTRY_NO_SCHEMA)", NULL},
    {"orders", "order.paid", {"\0\0\0\0\3\22", 6}, WEIR_REJECT, "EVENT_INVALID", "", "(CDC_AVRO)",
        NULL},
    {"own", "x", {"\0\0\0\0\1\22", 6}, WEIR_OK, "", "", "", "{\"id\":9}"},
    {"own", "x", {"\0\0\0\0\2{\"id\":1}", 13}, WEIR_OK, "", "", "", "{\"id\":1}"},
    {"own", "x", {"\0\0\0\0\2{}", 7}, WEIR_REJECT, "EVENT_INVALID", "",
        "the event does not fit the schema that it names: required", NULL},
    {"own", "x", {"\0\0\0\0\4{}", 7}, WEIR_REJECT, "EVENT_INVALID", "1:9", "(SCHEMA_INVALID)",
        NULL},
    {"own", "x", {"{}", 2}, WEIR_REJECT, "EVENT_INVALID", "", "it names none", NULL},
    {"told", "x", {"{\"id\":9}", 8}, WEIR_OK, "", "", "", "{\"id\":9}"},
    {"told", "x", {"{", 1}, WEIR_OK, "", "", "", NULL},
    {"latest", "x", {"{\"id\":9}", 8}, WEIR_OK, "", "", "", "{\"id\":9}"},
    {"latest", "x", {"\0\0\0\0\1\22", 6}, WEIR_OK, "", "", "", "{\"id\":9}"},
    {"latest", "x", {"{}", 2}, WEIR_REJECT, "EVENT_INVALID", "", "the event does not fit order",
        NULL},
    {"nowhere", "x", {"{}", 2}, WEIR_FATAL, "REGISTRY_NO_SCHEMA", "subject nowhere", "", NULL},
    {"strict", "x", {"{\"id\":9}", 8}, WEIR_FATAL, "EVENT_INVALID", "strict/0@0", "(at /id)", NULL},
};

static void test_events(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        bench b;
        weir_buf text = {0};
        assert_int_equal(begin(&b), WEIR_OK);
        weir_status s = check(&b, events[i].topic, events[i].type, events[i].value, false);
        assert_int_equal(s, events[i].status);
        assert_string_equal(s ? b.err.code : "", events[i].code);
        assert_string_equal(s ? b.err.where : "", events[i].where);
        assert_true(!s || strstr(b.err.text, events[i].text));
        assert_int_equal(!s && b.value, events[i].read != NULL);
        if (events[i].read) {
            weir_json_put(&text, b.value);
            assert_string_equal(weir_buf_str(&text), events[i].read);
        }
        weir_buf_fini(&text);
        end(&b);
    }
}

/* Counted once; a registry that is away is no fault of the event's. */
static void test_counts(void **state)
{
    (void)state;
    bench b;
    weir_view framed = {"\0\0\0\0\2{}", 7};
    assert_int_equal(begin(&b), WEIR_OK);
    away = true;
    assert_int_equal(check(&b, "own", "x", framed, false), WEIR_HOLD);
    assert_string_equal(b.err.code, "REGISTRY_UNREACHABLE");
    assert_int_equal(atomic_load(&b.counts[2]), 0);
    away = false;
    assert_int_equal(check(&b, "own", "x", framed, false), WEIR_REJECT);
    assert_int_equal(check(&b, "own", "x", framed, true), WEIR_REJECT);
    assert_int_equal(atomic_load(&b.counts[2]), 1);
    away = true;
    assert_int_equal(check(&b, "latest", "x", weir_view_of("{}"), false), WEIR_HOLD);
    away = false;
    assert_int_equal(check(&b, "latest", "x", weir_view_of("{\"id\":9}"), false), WEIR_OK);
    away = true; /* it is known by now */
    assert_int_equal(check(&b, "latest", "x", weir_view_of("{\"id\":9}"), false), WEIR_OK);
    assert_int_equal(check(&b, "told", "x", weir_view_of("{\"id\":9}"), false), WEIR_OK);
    assert_int_equal(check(&b, "told", "x", weir_view_of("{\"id\":9}"), true), WEIR_OK);
    assert_int_equal(atomic_load(&b.counts[3]), 1);
    end(&b);
}

/* Keys, and values that no rule is for. */
static void test_read(void **state)
{
    (void)state;
    bench b;
    assert_int_equal(begin(&b), WEIR_OK);
    weir_raw_record r = {.topic = weir_view_of("t"), .key = {"\0\0\0\0\1\6", 6}, .value = {"7", 1}};
    assert_int_equal(weir_event_read(b.checker, &r, true, &b.arena, &b.value, &b.err), WEIR_OK);
    assert_non_null(weir_gets(b.value, "id"));
    assert_int_equal(weir_event_read(b.checker, &r, false, &b.arena, &b.value, &b.err), WEIR_OK);
    assert_int_equal(b.value->type, WEIR_INT);
    b.rules.schemas = NULL;
    assert_int_equal(weir_event_read(b.checker, &r, true, &b.arena, &b.value, &b.err), WEIR_REJECT);
    assert_string_equal(b.err.code, "CDC_AVRO");
    end(&b);
}

static void test_no_memory(void **state)
{
    (void)state;
    long live = weir_alloc_live();
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        weir_status s = WEIR_RETRY;
        for (long n = 1; s == WEIR_RETRY; n++) {
            bench b;
            (void)weir_alloc_fail_at(n, 0);
            s = begin(&b);
            s = s ? s : check(&b, events[i].topic, events[i].type, events[i].value, false);
            (void)weir_alloc_fail_at(0, 0);
            assert_true(s == WEIR_RETRY || s == events[i].status);
            end(&b);
            assert_int_equal(weir_alloc_live(), live);
            assert_true(n < 1000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
