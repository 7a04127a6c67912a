/* Interpolation: a value as written, and what becomes of it. */
#include "config_support.h"

#include <stdio.h>

static const struct {
    const char *written;
    const char *value; /* NULL: an error */
    const char *error; /* a part of its text */
} cases[] = {
    {"plain", "plain", NULL},
    {"${NUMBER}", "42", NULL},
    {"a${NUMBER}b${NUMBER}c", "a42b42c", NULL},
    {"${NUMBER:-7}", "42", NULL},
    {"${UNSET:-7}", "7", NULL},
    {"${UNSET:-}", "", NULL},
    {"${UNSET:-a:-b}", "a:-b", NULL},
    {"${UNSET:-$}", "$", NULL},
    {"${EMPTY}", "", NULL},
    {"${EMPTY:-7}", "7", NULL},
    {"$$", "$", NULL},
    {"$${NUMBER}", "${NUMBER}", NULL},
    {"$$$${NUMBER}$$", "$${NUMBER}$", NULL},
    /* What comes from outside is not looked at again. */
    {"${DOLLAR}", "${HOME}$$", NULL},
    {"${file:tests/cases/config/secret.txt}", "correct horse", NULL},
    {"<${file:tests/cases/config/secret.txt}>", "<correct horse>", NULL},
    {"${_a0}", NULL, "has no `_a0`"},
    {"${Z9}", NULL, "has no `Z9`"},
    {"${UNSET}", NULL, "has no `UNSET`: set it, or write a default as ${UNSET:-default}"},
    {"$NUMBER", NULL, "a `$` is written `$$`"},
    {"100$", NULL, "a `$` is written `$$`"},
    {"${NUMBER", NULL, "without its `}`"},
    {"${}", NULL, "is one of ${NAME}"},
    {"${1A}", NULL, "is one of ${NAME}"},
    {"${A-b}", NULL, "is one of ${NAME}"},
    {"${:-b}", NULL, "is one of ${NAME}"},
    {"${A B}", NULL, "is one of ${NAME}"},
    {"${file:}", NULL, "a path belongs in"},
    {"${file:/no/such/file}", NULL, "`/no/such/file` cannot be read: No such file"},
    {"${LATIN1}", NULL, "`LATIN1` is not UTF-8"},
};

static loaded parse_value(const char *written, const weir_config_options *options)
{
    char text[300];
    snprintf(
        text, sizeof text, "weir: 1\nname: a\nkafka: {bootstrap.servers: b, p: '%s'}", written);
    loaded l = {0};
    l.status =
        weir_config_parse(weir_view_of(text), "test.yaml", options, &l.config, &l.problems, &l.err);
    return l;
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        loaded l = parse_value(cases[i].written, &test_options);
        if (cases[i].value) {
            assert_int_equal(l.status, WEIR_OK);
            assert_string_equal(l.config->kafka.properties.items[1].value, cases[i].value);
        } else {
            assert_string_equal(l.err.code, "CONFIG_INTERPOLATION");
            if (!strstr(l.err.text, cases[i].error)) {
                fail_msg("%s: %s", cases[i].written, l.err.text);
            }
        }
        unload(&l);
    }
}

/* ---- files that a test makes up ---------------------------------------------------------- */

typedef struct made_up_file {
    const char *bytes;
    size_t len;
    int error;
} made_up_file;

static int read_made_up(void *ctx, const char *path, size_t most, weir_buf *to)
{
    const made_up_file *f = ctx;
    assert_string_equal(path, "/f");
    assert_true(f->error == EFBIG || f->len <= most);
    weir_buf_put(to, f->bytes, f->len);
    return f->error;
}

static void test_file_contents(void **state)
{
    (void)state;
    static const struct {
        made_up_file file;
        const char *value, *error;
    } files[] = {
        {{"", 0, 0}, "", NULL},
        {{"\n", 1, 0}, "", NULL},
        {{"a\r\n", 3, 0}, "a", NULL},
        {{"a\n\n", 3, 0}, "a\n", NULL},
        {{" a \n", 4, 0}, " a ", NULL},
        {{"${NUMBER}$", 10, 0}, "${NUMBER}$", NULL},
        {{"a\0b", 3, 0}, NULL, "is not UTF-8 text"},
        {{"caf\xe9", 4, 0}, NULL, "is not UTF-8 text"},
        {{"", 0, EPERM}, NULL, "cannot be read: Operation not permitted"},
        {{"", 0, EFBIG}, NULL, "cannot be read: File too large"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        weir_config_options options = {
            .read_file = read_made_up, .ctx = (void *)&files[i].file, .host_name = "h"};
        loaded l = parse_value("${file:/f}", &options);
        if (files[i].value) {
            assert_int_equal(l.status, WEIR_OK);
            assert_string_equal(l.config->kafka.properties.items[1].value, files[i].value);
            assert_true(l.config->kafka.properties.items[1].secret);
        } else if (!strstr(l.err.text, files[i].error)) {
            fail_msg("%s", l.err.text);
        }
        unload(&l);
    }
}

/* Values are texts once something was put into them, and keys are left alone. */
static void test_only_values(void **state)
{
    (void)state;
    loaded l = parse(
        "weir: ${ONE:-1}\nname: a\n"
        "kafka: {bootstrap.servers: b, '${NUMBER}': x}\n"
        "stores: {s: {type: '${TYPE:-memory}'}}\n"
        "sources: {shop: {connector: none}}\n"
        "caches: {c: {from: shop.a.b, store: s, where: {n: '${NUMBER}', k: '${NULL:-null}'}}}");
    assert_int_equal(l.status, WEIR_OK);
    assert_string_equal(l.config->kafka.properties.items[1].name, "${NUMBER}");
    assert_int_equal(l.config->stores.items[0].type, WEIR_CONFIG_STORE_MEMORY);
    assert_int_equal(l.config->caches.items[0].where.items[0].kind, WEIR_CONFIG_TEXT);
    assert_int_equal(l.config->caches.items[0].where.items[1].kind, WEIR_CONFIG_TEXT);
    unload(&l);
}

/* A test reaches no broker and no store: whom the config names need not be known. What says
 * something of records must be. */
static void test_of_test(void **state)
{
    (void)state;
    loaded l = {0};
    l.status = weir_config_parse(
        weir_view_of("weir: 1\nname: a\n"
                     "kafka: {bootstrap.servers: '${NO_BROKER}:9092', sasl.password: "
                     "'${file:/no/such/file}'}\n"
                     "stores: {s: {type: lmdb, path: '${NO_STATE}/s'}}\n"
                     "sources: {shop: {connector: none}}\n"
                     "caches: {c: {from: shop.a.b, store: s}}"),
        "test.yaml", &weir_config_of_test, &l.config, &l.problems, &l.err);
    assert_int_equal(l.status, WEIR_OK);
    assert_string_equal(l.config->kafka.properties.items[0].value, "NO_BROKER:9092");
    assert_true(l.config->kafka.properties.items[1].secret);
    assert_string_equal(l.config->stores.items[0].path, "NO_STATE/s");
    unload(&l);
    l = (loaded){0};
    l.status = weir_config_parse(
        weir_view_of("weir: 1\nname: '${NO_NAME}'\nkafka: {bootstrap.servers: b}"), "test.yaml",
        &weir_config_of_test, &l.config, &l.problems, &l.err);
    assert_string_equal(l.err.code, "CONFIG_INTERPOLATION");
    unload(&l);
}

/* Who asks no broker needs his stores all the same. */
static void test_without_kafka(void **state)
{
    (void)state;
    static const char *const paths[] = {"s", "'${NO_STATE}/s'"};
    for (size_t i = 0; i < 2; i++) {
        char text[256];
        loaded l = {0};
        snprintf(text, sizeof text,
            "weir: 1\nname: a\nkafka: {bootstrap.servers: '${NO_BROKER}'}\n"
            "stores: {s: {type: lmdb, path: %s}}\nsources: {shop: {connector: none}}\n"
            "caches: {c: {from: shop.a.b, store: s}}",
            paths[i]);
        l.status = weir_config_parse(weir_view_of(text), "dump.yaml", &weir_config_without_kafka,
            &l.config, &l.problems, &l.err);
        assert_string_equal(i ? l.err.code : "", i ? "CONFIG_INTERPOLATION" : "");
        assert_int_equal(l.status == WEIR_OK, i == 0);
        unload(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_file_contents),
        cmocka_unit_test(test_only_values),
        cmocka_unit_test(test_of_test),
        cmocka_unit_test(test_without_kafka),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
