/* The list of problems: its order, its bound, and what reaches a terminal. */
#include "config_support.h"

#include "base/alloc.h"
#include "config_load.h"

typedef struct fixture {
    weir_config config;
    weir_config_problems problems;
    weir_config_loader loader;
} fixture;

static void open_fixture(fixture *f)
{
    *f = (fixture){0};
    f->loader = (weir_config_loader){&f->config, &test_options, &f->problems};
}

static void add(fixture *f, bool warning, uint32_t line, const char *text)
{
    weir_config_place place = {line, 1};
    if (warning) {
        weir_config_warn(&f->loader, NULL, place, WEIR_E_CONFIG_INSECURE, "%s", text);
    } else {
        assert_false(
            weir_config_error(&f->loader, NULL, place, WEIR_E_CONFIG_BAD_VALUE, "%s", text));
    }
}

static void expect(fixture *f, const char *text)
{
    weir_buf actual = {0};
    put_problems(&f->problems, &actual);
    assert_string_equal(weir_buf_str(&actual), text);
    weir_buf_fini(&actual);
    weir_config_problems_fini(&f->problems);
}

/* In the file's order; those of one place in the order in which they came. */
static void test_order(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f);
    add(&f, false, 5, "e");
    add(&f, true, 2, "b");
    add(&f, false, 5, "f");
    add(&f, false, 2, "c");
    add(&f, false, 1, "a");
    add(&f, false, 3, "d");
    assert_int_equal(f.problems.errors, 5);
    assert_int_equal(f.problems.warnings, 1);
    expect(&f, "test.yaml:1:1: error: a [CONFIG_BAD_VALUE]\n"
               "test.yaml:2:1: warning: b [CONFIG_INSECURE]\n"
               "test.yaml:2:1: error: c [CONFIG_BAD_VALUE]\n"
               "test.yaml:3:1: error: d [CONFIG_BAD_VALUE]\n"
               "test.yaml:5:1: error: e [CONFIG_BAD_VALUE]\n"
               "test.yaml:5:1: error: f [CONFIG_BAD_VALUE]\n");
}

static void test_first_hundred(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f);
    for (uint32_t line = 150; line > 0; line--) {
        add(&f, false, line, "x");
    }
    assert_int_equal(f.problems.errors, 150);
    assert_int_equal(f.problems.count, WEIR_CONFIG_PROBLEMS_KEPT);
    for (uint32_t i = 0; i < WEIR_CONFIG_PROBLEMS_KEPT; i++) {
        assert_int_equal(f.problems.items[i].place.line, i + 1);
    }
    weir_config_problems_fini(&f.problems);
}

/* Warnings give way to errors, never the other way round. */
static void test_errors_win(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f);
    for (uint32_t line = 1; line <= 100; line++) {
        add(&f, true, line, "w");
    }
    add(&f, false, 200, "late error");
    assert_int_equal(f.problems.count, 100);
    assert_int_equal(f.problems.items[98].place.line, 99);
    assert_false(f.problems.items[99].warning);
    add(&f, true, 1, "early warning");
    assert_int_equal(f.problems.items[97].place.line, 97);
    assert_int_equal(f.problems.items[98].place.line, 98);
    add(&f, true, 300, "late warning");
    assert_int_equal(f.problems.items[98].place.line, 98);
    assert_int_equal(f.problems.warnings, 102);
    for (uint32_t line = 101; line <= 220; line++) {
        add(&f, false, line, "e");
    }
    for (size_t i = 0; i < 100; i++) {
        assert_false(f.problems.items[i].warning);
        assert_int_equal(f.problems.items[i].place.line, 101 + i - (i > 99));
    }
    weir_config_problems_fini(&f.problems);
}

static void test_path_of_key(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f);
    weir_config_scope a = {NULL, "caches"}, b = {&a, "or\nders"}, c = {&b, "store"};
    weir_config_place nowhere = {0, 0};
    weir_config_error(&f.loader, &c, nowhere, WEIR_E_CONFIG_BAD_VALUE, "is %d", 7);
    expect(&f, "test.yaml: error: caches.or?ders.store: is 7 [CONFIG_BAD_VALUE]\n");
}

/* The inner end of a path is what helps. */
static void test_long_path(void **state)
{
    (void)state;
    char name[251];
    fixture f;
    open_fixture(&f);
    for (size_t i = 0; i < 250; i += 2) {
        memcpy(name + i, "ä", 2);
    }
    name[250] = '\0';
    weir_config_scope a = {NULL, name}, b = {&a, "key"};
    weir_config_error(&f.loader, &b, (weir_config_place){1, 1}, WEIR_E_CONFIG_BAD_VALUE, "x");
    const char *where = f.problems.items[0].where;
    assert_true(strlen(where) < sizeof f.problems.items[0].where);
    assert_memory_equal(where, "ä", 2);
    assert_string_equal(where + strlen(where) - 6, "ä.key");
    weir_config_problems_fini(&f.problems);
}

static void test_printable(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"a\x1b[31mb\x7f", "a?[31mb?"},
        {"a\tb\nc", "a?b?c"},
        {"\xc2\x9b", "??"}, /* a terminal's control sequence in one character */
        {"\xc2\xa0", "\xc2\xa0"},
        {"größe", "größe"},
        {"half \xc3", "half ?"},
        {"\xff\xfe", "??"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fixture f;
        open_fixture(&f);
        add(&f, false, 1, texts[i][0]);
        assert_string_equal(f.problems.items[0].text, texts[i][1]);
        weir_config_problems_fini(&f.problems);
    }
}

static void test_long_text(void **state)
{
    (void)state;
    char text[1000];
    fixture f;
    open_fixture(&f);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    memcpy(text + sizeof f.problems.items[0].text - 2, "ä", 2); /* where the cut comes */
    add(&f, false, 1, text);
    assert_int_equal(strlen(f.problems.items[0].text), sizeof f.problems.items[0].text - 2);
    weir_config_problems_fini(&f.problems);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f);
    weir_alloc_fail_at(1, 1);
    add(&f, false, 1, "x");
    weir_alloc_fail_at(0, 0);
    assert_true(f.problems.failed);
    assert_int_equal(f.problems.count, 0);
    assert_int_equal(f.problems.errors, 1);
    weir_config_problems_fini(&f.problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_first_hundred),
        cmocka_unit_test(test_errors_win),
        cmocka_unit_test(test_path_of_key),
        cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_printable),
        cmocka_unit_test(test_long_text),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
