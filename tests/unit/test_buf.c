/* The growing buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"

static void assert_holds(const weir_buf *b, const char *expected)
{
    assert_false(b->failed);
    assert_int_equal(b->len, strlen(expected));
    assert_memory_equal(weir_buf_view(b).ptr, expected, b->len);
}

static void test_empty(void **state)
{
    (void)state;
    weir_buf b;
    weir_buf_init(&b);
    assert_non_null(weir_buf_view(&b).ptr);
    assert_int_equal(weir_buf_view(&b).len, 0);
    weir_buf_put(&b, NULL, 0);
    weir_buf_putv(&b, (weir_view){NULL, 0});
    assert_string_equal(weir_buf_str(&b), "");
    weir_buf_fini(&b);
    weir_buf_fini(&b); /* twice is allowed */
}

static void test_append(void **state)
{
    (void)state;
    weir_buf b;
    weir_buf_init(&b);
    weir_buf_put(&b, "ab\0d", 4);
    assert_int_equal(b.len, 4);
    assert_memory_equal(b.ptr, "ab\0d", 4);
    weir_buf_clear(&b);
    weir_buf_puts(&b, "one");
    weir_buf_putc(&b, ' ');
    weir_buf_putv(&b, weir_view_of("two"));
    weir_buf_printf(&b, " %s-%03d", "three", 7);
    weir_buf_printf(&b, "%s", "");
    assert_holds(&b, "one two three-007");
    assert_string_equal(weir_buf_str(&b), "one two three-007");
    assert_holds(&b, "one two three-007"); /* the NUL is behind it */
    weir_buf_fini(&b);
}

static void test_consume(void **state)
{
    (void)state;
    weir_buf b;
    weir_buf_init(&b);
    weir_buf_consume(&b, 0); /* of one that has no memory yet */
    weir_buf_puts(&b, "one two");
    weir_buf_consume(&b, 4);
    assert_holds(&b, "two");
    weir_buf_consume(&b, 0);
    assert_holds(&b, "two");
    weir_buf_consume(&b, 3);
    assert_holds(&b, "");
    weir_buf_puts(&b, "three");
    assert_holds(&b, "three");
    weir_buf_fini(&b);
}

/* Every length across several growths. */
static void test_growth(void **state)
{
    (void)state;
    weir_buf b;
    weir_buf_init(&b);
    for (size_t i = 0; i < 5000; i++) {
        weir_buf_putc(&b, (char)('a' + i % 26));
    }
    assert_int_equal(b.len, 5000);
    for (size_t i = 0; i < 5000; i++) {
        assert_int_equal(b.ptr[i], 'a' + i % 26);
    }
    size_t capacity = b.cap;
    weir_buf_clear(&b);
    assert_int_equal(b.cap, capacity);
    assert_true(weir_buf_reserve(&b, capacity));
    assert_int_equal(b.cap, capacity);
    assert_true(weir_buf_reserve(&b, 10 * capacity));
    assert_true(b.cap >= 10 * capacity);
    weir_buf_fini(&b);
}

static void test_numbers(void **state)
{
    (void)state;
    static const int64_t cases[] = {0, 1, -1, 9, 10, -10, 1234567890123, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_buf b;
        char expected[32];
        weir_buf_init(&b);
        weir_buf_int(&b, cases[i]);
        snprintf(expected, sizeof expected, "%lld", (long long)cases[i]);
        assert_holds(&b, expected);
        weir_buf_clear(&b);
        weir_buf_uint(&b, (uint64_t)cases[i]);
        snprintf(expected, sizeof expected, "%llu", (unsigned long long)cases[i]);
        assert_holds(&b, expected);
        weir_buf_fini(&b);
    }
}

static void put_one(weir_buf *b, int how)
{
    switch (how) {
    case 0:
        weir_buf_putc(b, 'x');
        break;
    case 1:
        weir_buf_puts(b, "x");
        break;
    case 2:
        weir_buf_int(b, -1);
        break;
    default:
        weir_buf_printf(b, "%d", 1);
    }
}

/* A refusal sticks, whoever met it, until the buffer is cleared. */
static void test_failure_sticks(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        weir_buf b;
        weir_buf_init(&b);
        weir_alloc_fail_at(1, false);
        put_one(&b, how);
        weir_alloc_fail_at(0, 0);
        assert_true(b.failed);
        assert_int_equal(b.len, 0);
        for (int next = 0; next < 4; next++) {
            put_one(&b, next);
            assert_true(b.failed);
            assert_int_equal(b.len, 0);
        }
        assert_string_equal(weir_buf_str(&b), "");
        weir_buf_clear(&b);
        put_one(&b, how);
        assert_false(b.failed);
        assert_true(b.len > 0);
        weir_buf_fini(&b);
    }
}

static void test_too_much(void **state)
{
    (void)state;
    weir_buf b;
    weir_buf_init(&b);
    weir_buf_puts(&b, "x");
    assert_false(weir_buf_reserve(&b, SIZE_MAX));
    assert_true(b.failed);
    weir_buf_clear(&b);
    assert_false(weir_buf_grow(&b, SIZE_MAX / 2 + 1));
    weir_buf_fini(&b);
    assert_int_equal(weir_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_consume),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_failure_sticks),
        cmocka_unit_test(test_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
