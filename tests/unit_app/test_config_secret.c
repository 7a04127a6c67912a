/* Secrets: which texts are, and that they are found wherever they stand. */
#include "config_support.h"

#include "config_load.h"

static loaded with_secrets(void)
{
    loaded l = parse("weir: 1\nname: a\nkafka:\n  bootstrap.servers: b\n"
                     "  sasl.password: ${SECRET}\n  ssl.key.password: abc\n"
                     "  consumer: {sasl.password: swordfish-long}\n");
    assert_int_equal(l.status, WEIR_OK);
    return l;
}

static void test_which(void **state)
{
    (void)state;
    loaded l = parse("weir: 1\nname: a\nkafka:\n  bootstrap.servers: '${SECRET}'\n"
                     "  ssl.ca.pem: ${file:tests/cases/config/secret.txt}\n"
                     "  ssl.key.pem: <${file:tests/cases/config/secret.txt}>\n"
                     "  ssl.key.password: literal\n"
                     "  producer: {sasl.password: literal}\n");
    assert_int_equal(l.status, WEIR_OK);
    assert_int_equal(l.config->secrets.count, 3);
    assert_true(weir_config_is_secret(l.config, "correct horse"));
    assert_true(weir_config_is_secret(l.config, "<correct horse>"));
    assert_true(weir_config_is_secret(l.config, "literal"));
    assert_false(weir_config_is_secret(l.config, "swordfish"));
    assert_false(weir_config_is_secret(l.config, "correct horse>"));
    unload(&l);
}

static void test_redact(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"nothing here", "nothing here"},
        {"pw is swordfish!", "pw is ***!"},
        {"swordfish", "***"},
        {"swordfishswordfish", "******"},
        {"swordfish-long", "***"}, /* the longer one of two */
        {"swordfis", "swordfis"},
        {"abc stays, too short to be told apart", "abc stays, too short to be told apart"},
    };
    loaded l = with_secrets();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_buf redacted = {0};
        weir_config_redact(l.config, weir_view_of(cases[i][0]), &redacted);
        assert_string_equal(weir_buf_str(&redacted), cases[i][1]);
        weir_buf_fini(&redacted);
    }
    unload(&l);
}

static void test_hide(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"a swordfish-long, a swordfish", "a ***, a ***"},
        {"cut inside of it: swordfis", "cut inside of it: ***"},
        {"too little to tell: swo", "too little to tell: swo"},
        {"abc", "abc"},
    };
    loaded l = with_secrets();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[100];
        strcpy(text, cases[i][0]);
        weir_config_hide_secrets(l.config, text);
        assert_string_equal(text, cases[i][1]);
    }
    unload(&l);
}

static int read_long(void *ctx, const char *path, size_t most, weir_buf *to)
{
    (void)ctx;
    (void)path;
    for (size_t i = 0; i < most; i++) {
        weir_buf_putc(to, (char)('a' + i % 26));
    }
    return 0;
}

/* A secret that is longer than any message does not begin in one either. */
static void test_long_secret(void **state)
{
    (void)state;
    static const char text[] = "weir: 1\nname: a\nkafka: {bootstrap.servers: b}\n"
                               "stores: {a: {type: lmdb, path: '/${file:/f}'},"
                               " b: {type: lmdb, path: '/${file:/f}'}}\n";
    weir_config_options options = {.read_file = read_long, .host_name = "h"};
    loaded l = {0};
    l.status = weir_config_parse(
        weir_view_of(text), "test.yaml", &options, &l.config, &l.problems, &l.err);
    assert_int_equal(l.status, WEIR_FATAL);
    assert_int_equal(l.problems.count, 1);
    assert_string_equal(l.problems.items[0].text, "`***");
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which),
        cmocka_unit_test(test_redact),
        cmocka_unit_test(test_hide),
        cmocka_unit_test(test_long_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
