/* URIs: the examples of RFC 3986, 5.4, and fragments. What a valid one is, the suite knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "schema/uri.h"

static void test_resolve(void **state)
{
    static const char *const cases[][3] = {
        {"http://a/b/c/d;p?q", "g:h", "g:h"},
        {"http://a/b/c/d;p?q", "g", "http://a/b/c/g"},
        {"http://a/b/c/d;p?q", "./g", "http://a/b/c/g"},
        {"http://a/b/c/d;p?q", "g/", "http://a/b/c/g/"},
        {"http://a/b/c/d;p?q", "/g", "http://a/g"},
        {"http://a/b/c/d;p?q", "//g", "http://g"},
        {"http://a/b/c/d;p?q", "?y", "http://a/b/c/d;p?y"},
        {"http://a/b/c/d;p?q", "g?y", "http://a/b/c/g?y"},
        {"http://a/b/c/d;p?q", "#s", "http://a/b/c/d;p?q"},
        {"http://a/b/c/d;p?q", "", "http://a/b/c/d;p?q"},
        {"http://a/b/c/d;p?q", ";x", "http://a/b/c/;x"},
        {"http://a/b/c/d;p?q", ".", "http://a/b/c/"},
        {"http://a/b/c/d;p?q", "./", "http://a/b/c/"},
        {"http://a/b/c/d;p?q", "..", "http://a/b/"},
        {"http://a/b/c/d;p?q", "../g", "http://a/b/g"},
        {"http://a/b/c/d;p?q", "../..", "http://a/"},
        {"http://a/b/c/d;p?q", "../../g", "http://a/g"},
        {"http://a/b/c/d;p?q", "../../../g", "http://a/g"},
        {"http://a/b/c/d;p?q", "/./g", "http://a/g"},
        {"http://a/b/c/d;p?q", "/../g", "http://a/g"},
        {"http://a/b/c/d;p?q", "g.", "http://a/b/c/g."},
        {"http://a/b/c/d;p?q", "..g", "http://a/b/c/..g"},
        {"http://a/b/c/d;p?q", "./g/.", "http://a/b/c/g/"},
        {"http://a/b/c/d;p?q", "g/../h", "http://a/b/c/h"},
        {"http://a/b/c/d;p?q", "g;x=1/../y", "http://a/b/c/y"},
        {"http://a", "g", "http://a/g"},
        {"urn:uuid:1", "#a", "urn:uuid:1"},
        {"urn:uuid:1", "http://x/y#z", "http://x/y"},
        {"", "a/b.json", "a/b.json"},
        {"dir/a.json", "b.json", "dir/b.json"},
        {"file:///x/a.json", "../b.json", "file:///b.json"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_arena a;
        weir_arena_init(&a, 0);
        weir_view got = weir_uri_resolve(weir_view_of(cases[i][0]), weir_view_of(cases[i][1]), &a);
        if (!weir_view_is(got, cases[i][2])) {
            fail_msg("%s: %.*s, not %s", cases[i][1], WEIR_ARG(got), cases[i][2]);
        }
        weir_arena_fini(&a);
    }
}

static void test_fragment(void **state)
{
    weir_arena a;
    (void)state;
    weir_arena_init(&a, 0);
    assert_true(weir_view_is(weir_uri_fragment(weir_view_of("x#/a%20b%7Ec"), &a), "/a b~c"));
    assert_true(weir_view_is(weir_uri_fragment(weir_view_of("#%zz%4"), &a), "%zz%4"));
    assert_true(weir_view_is(weir_uri_fragment(weir_view_of("x#"), &a), ""));
    assert_true(weir_view_is(weir_uri_fragment(weir_view_of("x"), &a), ""));
    weir_arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_fragment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
