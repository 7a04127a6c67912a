/* The YAML reader: what it takes, and the bounds on what a text can make it do. What it says about
 * mistakes is in tests/cases/config. */
#include "config_support.h"

#define HEAD "weir: 1\nname: a\nkafka: {bootstrap.servers: b}\n"

static void expect_error(const char *text, const char *code, const char *part)
{
    loaded l = parse(text);
    assert_int_equal(l.status, WEIR_FATAL);
    assert_string_equal(l.err.code, code);
    if (!strstr(l.err.text, part)) {
        fail_msg("`%s` is not in `%s`", part, l.err.text);
    }
    unload(&l);
}

static void expect_ok(const char *text)
{
    loaded l = parse(text);
    if (l.status != WEIR_OK) {
        fail_msg("%s: %s", l.err.where, l.err.text);
    }
    unload(&l);
}

static void test_forms_of_text(void **state)
{
    (void)state;
    expect_ok("\xEF\xBB\xBF" HEAD);
    expect_ok("weir: 1\r\nname: a\r\nkafka:\r\n  bootstrap.servers: b\r\n");
    expect_ok("%YAML 1.1\n---\n" HEAD "...\n");
    expect_ok("{weir: 1, 'name': \"a\", kafka: {bootstrap.servers: b}}");
    expect_ok("weir: 1\nname: a\nkafka:\n  bootstrap.servers: >-\n    a,\n    b\n");
    expect_ok(HEAD "stores:\ncaches: ~\nsources: null\n");
}

static void test_nothing(void **state)
{
    (void)state;
    weir_config *c = NULL;
    weir_config_problems problems = {0};
    weir_error err;
    weir_view none = {NULL, 0};
    assert_int_equal(weir_config_parse(none, "t", &test_options, &c, &problems, &err), WEIR_FATAL);
    assert_string_equal(err.code, "CONFIG_MISSING_KEY");
    weir_config_problems_fini(&problems);
    expect_error("~", "CONFIG_BAD_VALUE", "a config is a mapping");
    expect_error("text", "CONFIG_BAD_VALUE", "a config is a mapping");
    expect_error("{a: 1", "CONFIG_SYNTAX", "did not find expected");
}

/* Opens `depth` collections, one inside the other. */
static void nest(weir_buf *to, const char *opening, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++) {
        weir_buf_puts(to, opening);
    }
}

static void test_depth(void **state)
{
    (void)state;
    weir_buf deep = {0};
    weir_buf_puts(&deep, HEAD "x: ");
    nest(&deep, "[", 15);
    nest(&deep, "]", 15);
    expect_error(weir_buf_str(&deep), "CONFIG_UNKNOWN_KEY", "x: unknown key");
    weir_buf_clear(&deep);
    weir_buf_puts(&deep, HEAD "x: ");
    nest(&deep, "[", 16);
    expect_error(weir_buf_str(&deep), "CONFIG_TOO_LARGE", "nested more than 16 deep");
    weir_buf_clear(&deep);
    nest(&deep, "{a: ", 100000);
    expect_error(weir_buf_str(&deep), "CONFIG_TOO_LARGE", "nested more than 16 deep");
    weir_buf_fini(&deep);
}

static void test_billion_laughs(void **state)
{
    (void)state;
    weir_buf text = {0};
    weir_buf_puts(&text, HEAD "x:\n- &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for (int i = 1; i < 10; i++) {
        weir_buf_printf(&text, "- &a%d [*a%d", i, i - 1);
        for (int n = 1; n < 10; n++) {
            weir_buf_printf(&text, ", *a%d", i - 1);
        }
        weir_buf_puts(&text, "]\n");
    }
    expect_error(weir_buf_str(&text), "CONFIG_TOO_LARGE", "more than 100,000 values");
    weir_buf_fini(&text);
}

static void test_number_of_values(void **state)
{
    (void)state;
    weir_buf text = {0};
    weir_buf_puts(&text, HEAD "x: [");
    for (int i = 0; i < 100001; i++) {
        weir_buf_puts(&text, "1,");
    }
    weir_buf_puts(&text, "]");
    expect_error(weir_buf_str(&text), "CONFIG_TOO_LARGE", "more than 100,000 values");
    weir_buf_fini(&text);
}

static void test_number_of_anchors(void **state)
{
    (void)state;
    for (int anchors = 100; anchors <= 101; anchors++) {
        weir_buf text = {0};
        weir_buf_puts(&text, HEAD "sources: {shop: {connector: none, full_images: [");
        for (int i = 0; i < anchors; i++) {
            weir_buf_printf(&text, "&a%d a.b,", i);
        }
        weir_buf_puts(&text, "]}}");
        if (anchors == 100) {
            expect_ok(weir_buf_str(&text));
        } else {
            expect_error(weir_buf_str(&text), "CONFIG_TOO_LARGE", "more than 100 anchors");
        }
        weir_buf_fini(&text);
    }
}

/* The latest anchor of a name counts. */
static void test_anchor_again(void **state)
{
    (void)state;
    loaded l = parse("weir: 1\nname: &n a\nkafka: {bootstrap.servers: &n b, x: *n}\n");
    assert_int_equal(l.status, WEIR_OK);
    assert_string_equal(l.config->kafka.properties.items[1].value, "b");
    unload(&l);
}

static void test_size_of_text(void **state)
{
    (void)state;
    enum { MOST = 1 << 20 };
    weir_buf text = {0};
    weir_buf_puts(&text, HEAD "#");
    while (text.len < MOST) {
        weir_buf_putc(&text, ' ');
    }
    expect_ok(weir_buf_str(&text));
    weir_buf_putc(&text, ' ');
    expect_error(weir_buf_str(&text), "CONFIG_TOO_LARGE", "more than 1 MiB");
    weir_buf_fini(&text);
}

static void test_length_of_key(void **state)
{
    (void)state;
    for (size_t len = 300; len <= 301; len++) {
        weir_buf text = {0};
        weir_buf_puts(&text, "weir: 1\nname: a\nkafka: {bootstrap.servers: b, ");
        for (size_t i = 0; i < len; i++) {
            weir_buf_putc(&text, 'k');
        }
        weir_buf_puts(&text, ": 1}");
        if (len == 300) {
            expect_ok(weir_buf_str(&text));
        } else {
            expect_error(weir_buf_str(&text), "CONFIG_SYNTAX", "a key is at most 300 bytes");
        }
        weir_buf_fini(&text);
    }
}

static void test_number_of_sections(void **state)
{
    (void)state;
    weir_buf text = {0};
    weir_buf_puts(&text, HEAD "stores:\n");
    for (int i = 0; i < 10000; i++) {
        weir_buf_printf(&text, " s%d: {type: memory}\n", i);
    }
    expect_ok(weir_buf_str(&text));
    weir_buf_puts(&text, " more: {type: memory}\n");
    expect_error(weir_buf_str(&text), "CONFIG_TOO_LARGE", "more than 10,000 entries");
    weir_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms_of_text),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_billion_laughs),
        cmocka_unit_test(test_number_of_values),
        cmocka_unit_test(test_number_of_anchors),
        cmocka_unit_test(test_anchor_again),
        cmocka_unit_test(test_size_of_text),
        cmocka_unit_test(test_length_of_key),
        cmocka_unit_test(test_number_of_sections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
