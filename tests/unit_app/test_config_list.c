/* Lists and maps: what a condition's value is taken for. What is refused is in tests/cases/config.
 */
#include "config_support.h"

#include <stdio.h>

static const struct {
    const char *written;
    weir_config_scalar kind;
    const char *text; /* NULL: as written */
} conditions[] = {
    {"null", WEIR_CONFIG_NULL, NULL},
    {"~", WEIR_CONFIG_NULL, NULL},
    {"", WEIR_CONFIG_NULL, NULL},
    {"'null'", WEIR_CONFIG_TEXT, "null"},
    {"''", WEIR_CONFIG_TEXT, ""},
    {"true", WEIR_CONFIG_TRUE, NULL},
    {"false", WEIR_CONFIG_FALSE, NULL},
    {"True", WEIR_CONFIG_TEXT, NULL},
    {"'true'", WEIR_CONFIG_TEXT, "true"},
    {"yes", WEIR_CONFIG_TEXT, NULL},
    {"0", WEIR_CONFIG_NUMBER, NULL},
    {"-0", WEIR_CONFIG_NUMBER, NULL},
    {"10", WEIR_CONFIG_NUMBER, NULL},
    {"-12.50", WEIR_CONFIG_NUMBER, NULL},
    {"0.0", WEIR_CONFIG_NUMBER, NULL},
    {"1e5", WEIR_CONFIG_NUMBER, NULL},
    {"1.5E-10", WEIR_CONFIG_NUMBER, NULL},
    {"2e+3", WEIR_CONFIG_NUMBER, NULL},
    {"12345678901234567890123", WEIR_CONFIG_NUMBER, NULL},
    {"'7'", WEIR_CONFIG_TEXT, "7"},
    {"01", WEIR_CONFIG_TEXT, NULL},
    {"+1", WEIR_CONFIG_TEXT, NULL},
    {"1.", WEIR_CONFIG_TEXT, NULL},
    {".5", WEIR_CONFIG_TEXT, NULL},
    {"1e", WEIR_CONFIG_TEXT, NULL},
    {"1e+", WEIR_CONFIG_TEXT, NULL},
    {"-x", WEIR_CONFIG_TEXT, NULL},
    {"1 2", WEIR_CONFIG_TEXT, NULL},
    {"0x10", WEIR_CONFIG_TEXT, NULL},
    {"1_000", WEIR_CONFIG_TEXT, NULL},
    {".inf", WEIR_CONFIG_TEXT, NULL},
    {"2026-11-22", WEIR_CONFIG_TEXT, NULL},
};

static void test_conditions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
        char text[300];
        snprintf(text, sizeof text,
            "weir: 1\nname: a\nkafka: {bootstrap.servers: b}\nsources: {s: {connector: none}}\n"
            "stores: {m: {type: memory}}\ncaches:\n  c:\n    from: s.a.b\n    store: m\n"
            "    where:\n      col: %s\n",
            conditions[i].written);
        loaded l = parse(text);
        assert_int_equal(l.status, WEIR_OK);
        const weir_config_condition *c = &l.config->caches.items[0].where.items[0];
        const char *expected = conditions[i].text ? conditions[i].text : conditions[i].written;
        assert_string_equal(c->column, "col");
        assert_string_equal(c->text, expected);
        if (c->kind != conditions[i].kind) {
            fail_msg("%s is of kind %d", conditions[i].written, (int)c->kind);
        }
        unload(&l);
    }
}

/* An empty list is one, and so is one that is left empty. */
static void test_empty(void **state)
{
    (void)state;
    loaded l = parse("weir: 1\nname: a\nkafka: {bootstrap.servers: b, consumer: , producer: {}}\n"
                     "sources: {s: {connector: none, full_images: [], types: {a.b: }, topics: }}\n"
                     "stores: {m: {type: memory}}\n"
                     "caches: {c: {from: s.a.b, store: m, where: {}, columns: {drop: }}}\n");
    assert_int_equal(l.status, WEIR_OK);
    const weir_config_source *s = &l.config->sources.items[0];
    assert_int_equal(s->full_images.count + s->types.count + s->topics.count, 0);
    assert_int_equal(l.config->kafka.consumer.count + l.config->kafka.producer.count, 0);
    assert_int_equal(l.config->caches.items[0].columns.drop.count, 0);
    assert_non_null(l.config->caches.items[0].columns.node);
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
