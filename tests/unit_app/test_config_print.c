/* The printed config: texts come back as they were, secrets do not come out. What a whole config
 * looks like is in tests/cases/config. */
#include "config_support.h"

#include <stdio.h>

static int read_text(void *ctx, const char *path, size_t most, weir_buf *to)
{
    (void)path;
    (void)most;
    weir_buf_puts(to, ctx);
    return 0;
}

/* ---- round trip -------------------------------------------------------------------------- */

static const char *const texts[] = {
    "plain",
    " leading and trailing ",
    "null",
    "~",
    "- [a, {b: c}] # not a comment",
    "\"quoted\" and 'quoted' and \\n backslash",
    "$ $$ ${A} ${",
    "line\nline\n\ttab\r\n",
    "\x01\x1f\x7f",
    "größe € \xf0\x9f\x90\x9f",
    "\xc2\x85 \xc2\x80 \xe2\x80\xa8 \xe2\x80\xa9 \xef\xbb\xbf \xef\xbf\xbe \xef\xbf\xbf",
    "& * ! | > % @ `",
};

static const char *from_table(void *ctx, const char *name)
{
    (void)name;
    return ctx;
}

/* A text of any kind gets in by the environment, as a value and as a column's name. */
static void test_texts_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        weir_config_options options = {
            .environment = from_table, .ctx = (void *)texts[i], .host_name = "h"};
        static const char text[] = "{weir: 1, name: a, kafka: {bootstrap.servers: b, p: '${P}'},"
                                   " sources: {s: {connector: none, placeholder: '${P}'}}}";
        loaded first = {0};
        first.status = weir_config_parse(
            weir_view_of(text), "test.yaml", &options, &first.config, &first.problems, &first.err);
        assert_int_equal(first.status, WEIR_OK);
        weir_buf printed = {0};
        weir_config_print(first.config, &printed);
        loaded second = parse(weir_buf_str(&printed));
        if (second.status != WEIR_OK) {
            fail_msg("%s\n%s", second.err.text, weir_buf_str(&printed));
        }
        assert_string_equal(second.config->kafka.properties.items[1].value, texts[i]);
        assert_string_equal(second.config->sources.items[0].placeholder, texts[i]);
        weir_buf_fini(&printed);
        unload(&first);
        unload(&second);
    }
}

static void test_keys_come_back(void **state)
{
    (void)state;
    loaded first = parse("{weir: 1, name: a, kafka: {bootstrap.servers: b, '': x, '$A ${B}': y,"
                         " \"q\\\"\\\\\": z, '- a': 1, 9: 2, 'a: b': 3, 'größe': 4, null: 5}}");
    assert_int_equal(first.status, WEIR_OK);
    weir_buf printed = {0};
    weir_config_print(first.config, &printed);
    loaded second = parse(weir_buf_str(&printed));
    assert_int_equal(second.status, WEIR_OK);
    assert_int_equal(second.config->kafka.properties.count, 9);
    for (size_t i = 0; i < 9; i++) {
        assert_string_equal(second.config->kafka.properties.items[i].name,
            first.config->kafka.properties.items[i].name);
    }
    weir_buf_fini(&printed);
    unload(&first);
    unload(&second);
}

/* ---- secrets ----------------------------------------------------------------------------- */

static void test_no_secret_is_printed(void **state)
{
    (void)state;
    static const char *const secrets[] = {"hunter2", "x", "pass \"word\"", "größe"};
    static const char text[] = "weir: 1\nname: a\n"
                               "kafka:\n"
                               "  bootstrap.servers: b\n"
                               "  sasl.password: ${file:/f}\n"
                               "  ssl.ca.pem: ${file:/f}\n"
                               "  sasl.oauthbearer.config: user=me password=${file:/f}\n"
                               "sources: {s: {connector: none, placeholder: '${file:/f}', "
                               "full_images: ['a.${file:/f}']}}\n"
                               "stores: {m: {type: lmdb, path: '/d/${file:/f}'}}\n"
                               "caches: {c: {from: s.a.b, store: m, where: {d: '${file:/f}'}}}\n";
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        weir_config_options options = {
            .read_file = read_text, .ctx = (void *)secrets[i], .host_name = "h"};
        loaded l = {0};
        l.status = weir_config_parse(
            weir_view_of(text), "test.yaml", &options, &l.config, &l.problems, &l.err);
        assert_int_equal(l.status, WEIR_OK);
        weir_buf printed = {0};
        weir_config_print(l.config, &printed);
        size_t hidden = 0;
        const char *shown = weir_buf_str(&printed);
        for (const char *at = shown; (at = strstr(at, "\"***\"")) != NULL; at++) {
            hidden++;
        }
        assert_int_equal(hidden, 7);
        if (strlen(secrets[i]) > 1 && strstr(shown, secrets[i])) {
            fail_msg("%s", shown);
        }
        weir_buf_fini(&printed);
        unload(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_come_back),
        cmocka_unit_test(test_keys_come_back),
        cmocka_unit_test(test_no_secret_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
