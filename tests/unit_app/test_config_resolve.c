/* What follows from other keys: the parts of `from`, and the topic as Debezium names it. */
#include "config_support.h"

#include <stdio.h>

static const struct {
    const char *from, *schema, *table, *topic;
} tables[] = {
    {"s.public.orders", "public", "orders", "pre.fix.public.orders"},
    {"s.public.Orders_0-9", "public", "Orders_0-9", "pre.fix.public.Orders_0-9"},
    {"s.public.azAZ09", "public", "azAZ09", "pre.fix.public.azAZ09"},
    {"s.public.part.2026", "public", "part.2026", "pre.fix.public.part.2026"},
    {"s.Sales Ops.a/b:c`d{e@f[g", "Sales Ops", "a/b:c`d{e@f[g", "pre.fix.Sales_Ops.a_b_c_d_e_f_g"},
    /* One `_` for a UTF-16 unit: one for ö and €, two for the fish. */
    {"s.public.größe€\xf0\x9f\x90\x9f", "public", "größe€\xf0\x9f\x90\x9f",
        "pre.fix.public.gr__e___"},
    {"s.public.moved", "public", "moved", "elsewhere"},
};

static void test_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char text[400];
        snprintf(text, sizeof text,
            "weir: 1\nname: a\nkafka: {bootstrap.servers: b}\nstores: {m: {type: memory}}\n"
            "sources: {s: {connector: none, topic_prefix: pre.fix,"
            " topics: {public.other: no, public.moved: elsewhere}}}\n"
            "caches:\n  c:\n    store: m\n    from: \"%s\"\n",
            tables[i].from);
        loaded l = parse(text);
        assert_int_equal(l.status, WEIR_OK);
        const weir_config_cache *c = &l.config->caches.items[0];
        assert_string_equal(c->schema, tables[i].schema);
        assert_string_equal(c->table, tables[i].table);
        assert_string_equal(c->table_name, tables[i].from + 2);
        assert_string_equal(c->topic, tables[i].topic);
        unload(&l);
    }
}

static void test_computed_defaults(void **state)
{
    (void)state;
    loaded l = parse("weir: 1\nname: app\nkafka: {bootstrap.servers: b}\n"
                     "sources: {shop: {connector: none},"
                     " other: {connector: none, topic_prefix: p}}\n");
    assert_int_equal(l.status, WEIR_OK);
    const weir_config_source *s = l.config->sources.items;
    assert_string_equal(s[0].topic_prefix, "shop");
    assert_string_equal(s[0].heartbeat_topic, "__debezium-heartbeat.shop");
    assert_string_equal(s[1].heartbeat_topic, "__debezium-heartbeat.p");
    assert_string_equal(l.config->errors.dead_letter.topic, "app.dead");
    assert_string_equal(l.config->instance, "test-host");
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_computed_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
