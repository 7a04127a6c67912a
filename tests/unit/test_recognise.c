/* What is no row: told by topics, values and headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cdc/recognise.h"
#include "value/json.h"

typedef struct topic_case {
    const char *prefix, *heartbeat, *topic;
    weir_event_kind kind;
    const char *table;
} topic_case;

static const topic_case topics[] = {
    {"shop", "", "shop.public.orders", WEIR_EVENT_CHANGE, "public.orders"},
    {"shop", "", "shop", WEIR_EVENT_SCHEMA_CHANGE, ""},
    {"shop", "", "shop.", WEIR_EVENT_CHANGE, ""},
    {"shop", "", "shop.transaction", WEIR_EVENT_TRANSACTION, "transaction"},
    {"shop", "", "shop.transactions", WEIR_EVENT_CHANGE, "transactions"},
    {"shop", "", "shop.message", WEIR_EVENT_MESSAGE, "message"},
    {"shop", "", "shop.public.message", WEIR_EVENT_CHANGE, "public.message"},
    {"shop", "", "shopping.public.t", WEIR_EVENT_CHANGE, ""},
    {"eu.shop", "", "eu.shop.public.t", WEIR_EVENT_CHANGE, "public.t"},
    {"", "", "public.orders", WEIR_EVENT_CHANGE, ""},
    {"", "", "transaction", WEIR_EVENT_CHANGE, ""},
    {"", "", "", WEIR_EVENT_CHANGE, ""},
    {"shop", "", "__debezium-heartbeat.shop", WEIR_EVENT_HEARTBEAT, ""},
    {"shop", "", "__debezium-heartbeat.other", WEIR_EVENT_HEARTBEAT, ""},
    {"shop", "", "__debezium-heartbeat", WEIR_EVENT_CHANGE, ""},
    {"shop", "beats", "beats", WEIR_EVENT_HEARTBEAT, ""},
    {"shop", "beats", "__debezium-heartbeat.shop", WEIR_EVENT_CHANGE, ""},
    {"shop", "", "outbox.event.order", WEIR_EVENT_OUTBOX, ""},
    {"shop", "", "outbox", WEIR_EVENT_CHANGE, ""},
};

static void test_topics(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        weir_source_rules rules = {.topic_prefix = weir_view_of(topics[i].prefix),
            .heartbeat_topic = weir_view_of(topics[i].heartbeat)};
        weir_view topic = weir_view_of(topics[i].topic);
        assert_int_equal(weir_kind_of_topic(&rules, topic), topics[i].kind);
        assert_true(weir_view_is(weir_topic_table(&rules, topic), topics[i].table));
    }
}

typedef struct value_case {
    const char *value, *key;
    weir_event_kind kind;
} value_case;

static const value_case values[] = {
    {"{\"status\":\"BEGIN\",\"id\":\"1:2\",\"event_count\":null}", "1", WEIR_EVENT_TRANSACTION},
    {"{\"status\":\"END\",\"id\":\"1:2\",\"event_count\":3}", "1", WEIR_EVENT_TRANSACTION},
    {"{\"status\":\"DONE\",\"id\":\"1:2\",\"event_count\":3}", "1", WEIR_EVENT_OTHER},
    {"{\"status\":\"END\",\"event_count\":3}", "1", WEIR_EVENT_OTHER},
    {"{\"status\":\"END\",\"id\":1}", "1", WEIR_EVENT_OTHER},
    {"{\"databaseName\":\"d\",\"ddl\":\"x\"}", "1", WEIR_EVENT_SCHEMA_CHANGE},
    {"{\"databaseName\":\"d\",\"tableChanges\":[]}", "1", WEIR_EVENT_SCHEMA_CHANGE},
    {"{\"databaseName\":\"d\"}", "1", WEIR_EVENT_OTHER},
    {"{\"ddl\":\"x\"}", "1", WEIR_EVENT_OTHER},
    {"{\"aggregate_type\":\"a\",\"type\":\"t\",\"additional_data\":{}}", "1",
        WEIR_EVENT_NOTIFICATION},
    {"{\"aggregate_type\":\"a\",\"type\":\"t\"}", "1", WEIR_EVENT_OTHER},
    {"{\"aggregate_type\":\"a\",\"additional_data\":{}}", "1", WEIR_EVENT_OTHER},
    {"{\"ts_ms\":1}", "{\"serverName\":\"s\"}", WEIR_EVENT_HEARTBEAT},
    {"{\"ts_ms\":1,\"x\":2}", "{\"serverName\":\"s\"}", WEIR_EVENT_OTHER},
    {"{\"x\":1}", "{\"serverName\":\"s\"}", WEIR_EVENT_OTHER},
    {"{\"ts_ms\":1}", "{\"id\":1}", WEIR_EVENT_OTHER},
    {"[1]", "1", WEIR_EVENT_OTHER},
    {"\"BEGIN\"", "1", WEIR_EVENT_OTHER},
};

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        weir_arena arena;
        weir_arena_init(&arena, 0);
        const weir_value *value, *key;
        assert_int_equal(
            weir_json_read(weir_view_of(values[i].value), &arena, &value, NULL), WEIR_OK);
        assert_int_equal(weir_json_read(weir_view_of(values[i].key), &arena, &key, NULL), WEIR_OK);
        assert_int_equal(weir_kind_of_value(value, key), values[i].kind);
        weir_arena_fini(&arena);
    }
}

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const char *const(*pairs)[2] = self;
    *name = weir_view_of(pairs[i][0]);
    *value = weir_view_of(pairs[i][1]);
    return pairs[i][0] != NULL;
}

static void test_headers(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"a", "1"}, {"id", "x"}, {"id", "y"}, {"id", NULL}, {"b", NULL}, {NULL, NULL}};
    weir_header_list list = {header_at, pairs}, none = {NULL, NULL};
    assert_true(weir_view_is(weir_header_of(&list, "id"), "y"));
    assert_true(weir_view_is(weir_header_of(&list, "a"), "1"));
    assert_null(weir_header_of(&list, "b").ptr);
    assert_null(weir_header_of(&list, "c").ptr);
    assert_null(weir_header_of(&none, "id").ptr);
    assert_false(weir_has_registry_header(&list));
    assert_false(weir_has_registry_header(&none));
}

static void test_registries(void **state)
{
    (void)state;
    static const char *const names[] = {"__key_schema_id", "__value_schema_id",
        "apicurio.key.globalId", "apicurio.value.contentId", "apicurio.value.encoding"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *const pairs[][2] = {{"x", "1"}, {names[i], NULL}, {NULL, NULL}};
        weir_header_list list = {header_at, pairs};
        assert_true(weir_has_registry_header(&list));
    }
}

static void test_framing(void **state)
{
    (void)state;
    assert_true(weir_is_framed(weir_view_make("\0\0\0\0\1", 5)));
    assert_true(weir_is_framed(weir_view_make("\1", 1)));
    assert_false(weir_is_framed(weir_view_of("{}")));
    assert_false(weir_is_framed(weir_view_of("\2")));
    assert_false(weir_is_framed(weir_view_of("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topics),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_registries),
        cmocka_unit_test(test_framing),
    };
    return cmocka_run_group_tests_name("recognise", tests, NULL, NULL);
}
