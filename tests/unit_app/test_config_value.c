/* Single values: what is read, what is refused, and what is printed. */
#include "config_support.h"

#include "config_value.h"

/* One key of each kind that a text can be. */
static const weir_config_key *key_of(const char *path)
{
    static const struct {
        const char *path;
        weir_config_section_id section;
        const char *name;
    } keys[] = {
        {"backoff", WEIR_CONFIG_RETRY, "backoff"},
        {"drain", WEIR_CONFIG_LIMITS, "drain"},
        {"marks", WEIR_CONFIG_CACHE, "delete_marks"},
        {"size", WEIR_CONFIG_STORE, "map_size"},
        {"attempts", WEIR_CONFIG_RETRY, "max_attempts"},
        {"lanes", WEIR_CONFIG_LIMITS, "lanes"},
        {"flag", WEIR_CONFIG_ERRORS, "quarantine_key"},
        {"choice", WEIR_CONFIG_STORE, "type"},
        {"address", WEIR_CONFIG_HTTP, "listen"},
        {"topic", WEIR_CONFIG_SOURCE, "topic_prefix"},
        {"name", WEIR_CONFIG_CACHE, "store"},
        {"app", WEIR_CONFIG_ROOT, "name"},
        {"from", WEIR_CONFIG_CACHE, "from"},
        {"path", WEIR_CONFIG_STORE, "path"},
        {"prefix", WEIR_CONFIG_UNWRAPPED, "prefix"},
        {"header_prefix", WEIR_CONFIG_UNWRAPPED, "header_prefix"},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i].path, path) == 0) {
            return weir_config_key_named(keys[i].section, keys[i].name);
        }
    }
    fail_msg("no key %s", path);
    return NULL;
}

static const struct {
    const char *key, *text;
    const char *printed; /* NULL: it is refused, */
    const char *code;    /* with this code, */
    const char *part;    /* and this in the text */
} cases[] = {
    {"backoff", "1ms", "1ms", NULL, NULL},
    {"backoff", "1000ms", "1s", NULL, NULL},
    {"backoff", "90s", "90s", NULL, NULL},
    {"backoff", "120s", "2m", NULL, NULL},
    {"backoff", "1h", "1h", NULL, NULL},
    {"backoff", "61m", NULL, "CONFIG_BAD_VALUE", "`61m` is too large: at most 1h"},
    {"backoff", "0s", NULL, "CONFIG_BAD_VALUE", "`0s` is too small: at least 1ms"},
    {"backoff", "20", NULL, "CONFIG_NO_UNIT", "`20` has no unit: put one of ms, s, m, h, d"},
    {"backoff", "0", NULL, "CONFIG_NO_UNIT", "`0` has no unit"},
    {"backoff", "s", NULL, "CONFIG_BAD_VALUE", "is not a duration"},
    {"backoff", "", NULL, "CONFIG_BAD_VALUE", "is empty"},
    {"backoff", "1 s", NULL, "CONFIG_BAD_VALUE", "is not a duration"},
    {"backoff", "-1s", NULL, "CONFIG_BAD_VALUE", "is not a duration"},
    {"backoff", "1.5s", NULL, "CONFIG_BAD_VALUE", "is not a duration"},
    {"backoff", "1S", NULL, "CONFIG_BAD_VALUE", "is not a duration"},
    {"backoff", "1MiB", NULL, "CONFIG_BAD_VALUE", "is not a duration"},
    {"backoff", "99999999999999999999ms", NULL, "CONFIG_BAD_VALUE", "is too large"},
    {"backoff", "18446744073709551615d", NULL, "CONFIG_BAD_VALUE", "is too large"},
    {"drain", "0ms", "0s", NULL, NULL},
    {"marks", "7d", "7d", NULL, NULL},
    {"marks", "36500d", "36500d", NULL, NULL},
    {"size", "1MiB", "1MiB", NULL, NULL},
    {"size", "1048576B", "1MiB", NULL, NULL},
    {"size", "1048577B", "1048577B", NULL, NULL},
    {"size", "2000kB", "2MB", NULL, NULL},
    {"size", "64GiB", "64GiB", NULL, NULL},
    {"size", "3TB", "3TB", NULL, NULL},
    {"size", "1TiB", "1TiB", NULL, NULL},
    {"size", "1024KiB", "1MiB", NULL, NULL},
    {"size", "1048575B", NULL, "CONFIG_BAD_VALUE", "at least 1MiB"},
    {"size", "65TiB", NULL, "CONFIG_BAD_VALUE", "at most 64TiB"},
    {"size", "18446744073709551615TiB", NULL, "CONFIG_BAD_VALUE", "at most 64TiB"},
    {"size", "1G", NULL, "CONFIG_BAD_VALUE", "is not a size"},
    {"size", "1KB", NULL, "CONFIG_BAD_VALUE", "is not a size"},
    {"size", "1024", NULL, "CONFIG_NO_UNIT", "put one of B, KiB"},
    {"attempts", "4", "4", NULL, NULL},
    {"attempts", "0004", "4", NULL, NULL},
    {"attempts", "0", NULL, "CONFIG_BAD_VALUE", "at least 1"},
    {"attempts", "1001", NULL, "CONFIG_BAD_VALUE", "at most 1000"},
    {"attempts", "4.0", NULL, "CONFIG_BAD_VALUE", "is not a whole number"},
    {"attempts", "+4", NULL, "CONFIG_BAD_VALUE", "is not a whole number"},
    {"attempts", "4294967300", NULL, "CONFIG_BAD_VALUE", "at most 1000"},
    {"lanes", "auto", "auto", NULL, NULL},
    {"lanes", "1024", "1024", NULL, NULL},
    {"lanes", "0", NULL, "CONFIG_BAD_VALUE", "at least 1"},
    {"lanes", "many", NULL, "CONFIG_BAD_VALUE", "nor `auto`"},
    {"flag", "true", "true", NULL, NULL},
    {"flag", "false", "false", NULL, NULL},
    {"flag", "True", NULL, "CONFIG_BAD_VALUE", "neither `true` nor `false`"},
    {"flag", "1", NULL, "CONFIG_BAD_VALUE", "neither"},
    {"choice", "lmdb", "lmdb", NULL, NULL},
    {"choice", "lmbd", NULL, "CONFIG_BAD_VALUE", "did you mean `lmdb`?"},
    {"choice", "rocks", NULL, "CONFIG_BAD_VALUE", "is not one of `lmdb`, `memory`"},
    {"choice", "redis", NULL, "CONFIG_NOT_YET", "`redis` is not in this version; use `lmdb`"},
    {"address", "127.0.0.1:8080", "127.0.0.1:8080", NULL, NULL},
    {"address", "host:0", "host:0", NULL, NULL},
    {"address", "[::1]:65535", "[::1]:65535", NULL, NULL},
    {"address", "host:65536", NULL, "CONFIG_BAD_VALUE", "is not host:port"},
    {"address", "host:99999999999999999999", NULL, "CONFIG_BAD_VALUE", "is not host:port"},
    {"address", "host", NULL, "CONFIG_BAD_VALUE", "is not host:port"},
    {"address", "host:", NULL, "CONFIG_BAD_VALUE", "is not host:port"},
    {"address", ":8080", NULL, "CONFIG_BAD_VALUE", "is not host:port"},
    {"address", "::1:8080", NULL, "CONFIG_BAD_VALUE", "is not host:port"},
    {"address", "[]:8080", NULL, "CONFIG_BAD_VALUE", "is not host:port"},
    {"address", "host:80a", NULL, "CONFIG_BAD_VALUE", "is not host:port"},
    {"topic", "a.B_c-9", "a.B_c-9", NULL, NULL},
    {"topic", "..", NULL, "CONFIG_BAD_VALUE", "Kafka takes"},
    {"topic", "a b", NULL, "CONFIG_BAD_VALUE", "Kafka takes"},
    {"topic", "größe", NULL, "CONFIG_BAD_VALUE", "Kafka takes"},
    {"name", "a_B-9", "a_B-9", NULL, NULL},
    {"name", "a.b", NULL, "CONFIG_BAD_VALUE", "a name is 1 to 63"},
    {"name", "-a", NULL, "CONFIG_BAD_VALUE", "a name is 1 to 63"},
    {"from", "shop.public.orders", "shop.public.orders", NULL, NULL},
    {"from", "shop.public.a.b c", "shop.public.a.b c", NULL, NULL},
    {"from", "public.orders", NULL, "CONFIG_BAD_VALUE", "it is source.schema.table"},
    {"from", "shop..orders", NULL, "CONFIG_BAD_VALUE", "it is source.schema.table"},
    {"from", "shop.public.", NULL, "CONFIG_BAD_VALUE", "it is source.schema.table"},
    {"from", ".public.orders", NULL, "CONFIG_BAD_VALUE", "it is source.schema.table"},
    {"path", "/a b", "/a b", NULL, NULL},
    {"path", "", NULL, "CONFIG_BAD_VALUE", "is empty"},
    {"header_prefix", "", "", NULL, NULL},
    {"prefix", "", NULL, "CONFIG_BAD_VALUE", "is empty"},
};

static void test_cases(void **state)
{
    (void)state;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        union {
            weir_config_address address; /* the largest, and aligned for the rest */
            uint64_t number;
        } field = {{NULL, 0}};
        weir_config_refusal why = {WEIR_E_NONE, ""};
        const weir_config_key *key = key_of(cases[i].key);
        bool ok = weir_config_value_read(key, cases[i].text, cases[i].text, &arena, &field, &why);
        if (ok != (cases[i].printed != NULL)) {
            fail_msg("%s `%s`: %s", cases[i].key, cases[i].text, ok ? "was taken" : why.text);
        }
        weir_buf printed = {0};
        if (ok) {
            weir_config_value_put(key, &field, &printed);
            assert_string_equal(weir_buf_str(&printed), cases[i].printed);
        } else if (!strstr(why.text, cases[i].part)) {
            fail_msg("%s `%s`: %s", cases[i].key, cases[i].text, why.text);
        } else {
            assert_string_equal(weir_code_get(why.code)->name, cases[i].code);
        }
        weir_buf_fini(&printed);
    }
    weir_arena_fini(&arena);
}

static void test_tables(void **state)
{
    (void)state;
    const char *must_be = NULL;
    assert_true(weir_config_is_table("a.b", &must_be));
    assert_true(weir_config_is_table("Sales Ops.b.c", &must_be));
    assert_false(weir_config_is_table("orders", &must_be));
    assert_false(weir_config_is_table(".orders", &must_be));
    assert_false(weir_config_is_table("public.", &must_be));
    assert_false(weir_config_is_table("", &must_be));
    assert_string_equal(must_be, "a table is named as schema.table");
}

static void test_longest(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        size_t most;
    } lengths[] = {{"topic", 249}, {"name", 63}, {"app", 200}};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char text[300];
        memset(text, 'a', sizeof text);
        text[lengths[i].most + 1] = '\0';
        const char *field;
        weir_config_refusal why;
        const weir_config_key *key = key_of(lengths[i].key);
        assert_false(weir_config_value_read(key, text, text, NULL, &field, &why));
        text[lengths[i].most] = '\0';
        assert_true(weir_config_value_read(key, text, text, NULL, &field, &why));
        assert_ptr_equal(field, text);
    }
}

/* A refused choice is still known, so that later steps can speak of it. */
static void test_refused_choice_is_set(void **state)
{
    (void)state;
    weir_config_store_type type = WEIR_CONFIG_STORE_LMDB;
    weir_config_refusal why;
    assert_false(weir_config_value_read(key_of("choice"), "redis", "redis", NULL, &type, &why));
    assert_int_equal(type, WEIR_CONFIG_STORE_REDIS);
}

/* A value that is a secret is not shown by the refusal. */
static void test_shown(void **state)
{
    (void)state;
    weir_config_refusal why;
    int64_t ms;
    assert_false(weir_config_value_read(key_of("backoff"), "hunter2", "***", NULL, &ms, &why));
    assert_non_null(strstr(why.text, "`***`"));
    assert_null(strstr(why.text, "hunter2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_refused_choice_is_set),
        cmocka_unit_test(test_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
