/* The table of config.def: that it is whole, and the lookups in it. */
#include "config_support.h"

#include "config_table.h"
#include "config_value.h"

/* Help is one sentence of prose that fits a Markdown table. */
static void check_help(const char *name, const char *help)
{
    size_t len = strlen(help);
    if (len < 10 || help[len - 1] != '.' || strpbrk(help, "|\n")) {
        fail_msg("%s: %s", name, help);
    }
}

static void test_keys(void **state)
{
    (void)state;
    for (const weir_config_key *key = weir_config_keys; key->name; key++) {
        assert_ptr_equal(weir_config_key_named(key->section, key->name), key);
        check_help(key->name, key->help);
        int ways = key->required + (key->fallback != NULL) + (key->computed != NULL);
        if (ways > 1) {
            fail_msg("%s is required and has a default, or has two", key->name);
        }
        assert_true(!key->max || key->min <= key->max);
        assert_true(!key->only_for || weir_config_key_named(key->section, "type"));
        assert_true((key->kind == WEIR_CONFIG_KIND_LATER) == (key->later != NULL));
    }
}

/* The default is a value that the reader takes, and is written as the printer writes it. */
static void test_defaults(void **state)
{
    (void)state;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    size_t defaults = 0;
    for (const weir_config_key *key = weir_config_keys; key->name; key++) {
        weir_config_refusal why;
        uint64_t field = 0;
        weir_buf printed = {0};
        if (key->fallback) {
            assert_true(
                weir_config_value_read(key, key->fallback, key->fallback, &arena, &field, &why));
            weir_config_value_put(key, &field, &printed);
            bool is_a_minute = strcmp(key->fallback, "60s") == 0;
            assert_string_equal(weir_buf_str(&printed), is_a_minute ? "1m" : key->fallback);
            defaults++;
        }
        weir_buf_fini(&printed);
    }
    assert_true(defaults > 20);
    weir_arena_fini(&arena);
}

/* Every section but the top is the child of one key. */
static void test_sections(void **state)
{
    (void)state;
    int parents[WEIR_CONFIG_SECTIONS] = {0};
    for (const weir_config_key *key = weir_config_keys; key->name; key++) {
        bool is_each = key->kind == WEIR_CONFIG_KIND_EACH;
        if (is_each || key->kind == WEIR_CONFIG_KIND_SUBSECTION ||
            key->kind == WEIR_CONFIG_KIND_ITEMS) {
            parents[key->child]++;
            assert_int_equal(is_each, weir_config_sections[key->child].named);
            const char *end = strstr(weir_config_sections[key->child].path, key->name);
            assert_non_null(end);
        }
    }
    for (int i = 0; i < WEIR_CONFIG_SECTIONS; i++) {
        assert_int_equal(parents[i], i != WEIR_CONFIG_ROOT);
        check_help(weir_config_sections[i].path, weir_config_sections[i].help);
    }
}

static void test_choices(void **state)
{
    (void)state;
    for (const weir_config_key *key = weir_config_keys; key->name; key++) {
        assert_int_equal(key->kind == WEIR_CONFIG_KIND_CHOICE, key->choices.count > 0);
        for (size_t i = 0; i < key->choices.count; i++) {
            for (size_t j = 0; j < i; j++) {
                assert_string_not_equal(
                    key->choices.items[i].spelling, key->choices.items[j].spelling);
            }
        }
    }
}

static void test_properties(void **state)
{
    (void)state;
    for (const weir_config_property *p = weir_config_kafka_properties; p->name; p++) {
        assert_ptr_equal(weir_config_property_named(p->name), p);
        assert_int_equal(p->required + p->secret + p->refused + (p->only != NULL), 1);
        assert_true(!p->risk || p->only);
        assert_null(strchr(p->help, '|'));
    }
    assert_null(weir_config_property_named("linger.ms"));
}

static void test_kinds(void **state)
{
    (void)state;
    for (int kind = 0; kind <= WEIR_CONFIG_KIND_LATER; kind++) {
        assert_non_null(weir_config_kind_words((weir_config_kind)kind));
    }
}

static void test_lists(void **state)
{
    (void)state;
    assert_true(weir_config_lists("lmdb", "lmdb"));
    assert_true(weir_config_lists("lmdb sqlite", "sqlite"));
    assert_true(weir_config_lists(" ~ null", ""));
    assert_false(weir_config_lists("lmdb sqlite", "lmd"));
    assert_false(weir_config_lists("lmdb sqlite", "lmdb sqlite"));
    assert_false(weir_config_lists("lmdb sqlite", ""));
    assert_false(weir_config_lists("", "lmdb"));
}

static const struct {
    const char *word, *offered, *meant;
} words[] = {
    {"stroe", "name store stores", "store"}, /* letters swapped */
    {"stor", "name store", "store"},         /* one missing */
    {"storre", "name store", "store"},       /* one too many */
    {"stare", "name store", "store"},        /* one wrong */
    {"topic-prefix", "topic topic_prefix", "topic_prefix"},
    {"frm", "from form", "from"},
    {"mode", "node", "node"},
    {"sources", "stores", NULL},
    {"retry", "reject", NULL},
    {"abcdef", "fedcba", NULL},
    {"id", "type path", NULL},
    {"", "type path", NULL},
    {"completely", "different", NULL},
    {"store", "", NULL},
};

static void test_nearest(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        weir_config_nearest nearest = {.word = words[i].word};
        char offered[100];
        strcpy(offered, words[i].offered);
        for (char *w = strtok(offered, " "); w; w = strtok(NULL, " ")) {
            weir_config_offer(&nearest, w);
        }
        const char *meant = weir_config_meant(&nearest);
        if (words[i].meant) {
            assert_non_null(meant);
            assert_string_equal(meant, words[i].meant);
        } else {
            assert_null(meant);
        }
    }
}

static void test_long_words_are_far(void **state)
{
    (void)state;
    char word[66];
    memset(word, 'a', 65);
    word[65] = '\0';
    weir_config_nearest nearest = {.word = word};
    weir_config_offer(&nearest, word);
    assert_null(weir_config_meant(&nearest));
    word[64] = '\0';
    nearest = (weir_config_nearest){.word = word};
    weir_config_offer(&nearest, word);
    assert_string_equal(weir_config_meant(&nearest), word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_long_words_are_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
