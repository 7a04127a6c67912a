/* Decimals and money. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/column_cases.h"

static void test_cases(void **state)
{
    (void)state;
    run_column_cases("decimal.tsv");
}

static void test_without_memory(void **state)
{
    (void)state;
    starve_column_cases("decimal.tsv");
}

enum { MOST_BYTES = 61440 };

/* 2^(8 * (len - 1)) as numeric(p,0). */
static weir_status render_power(size_t len, weir_buf *to)
{
    static char bytes[MOST_BYTES + 1];
    memset(bytes, 0, sizeof bytes);
    bytes[0] = 1;
    weir_value v = {
        .at = bytes, .len = (uint32_t)len, .span = (uint32_t)len, .type = WEIR_BYTES, .skip = 1};
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_column column;
    assert_int_equal(weir_column_from_pg(weir_view_of("c"), weir_view_of("numeric(9)"), NULL,
                         &arena, &column, NULL),
        WEIR_OK);
    weir_status status = weir_column_render(&column, &v, &arena, to, NULL);
    weir_arena_fini(&arena);
    return status;
}

/* The decimal text doubled, eight times: what 256 times it must be. */
static void multiply_by_256(char *digits, size_t len)
{
    unsigned carry = 0;
    for (size_t i = len; i > 0; i--) {
        unsigned n = (unsigned)(digits[i - 1] - '0') * 256 + carry;
        digits[i - 1] = (char)('0' + n % 10);
        carry = n / 10;
    }
    assert_int_equal(carry, 0);
}

/* Every length up to 200 bytes, against schoolbook multiplication. */
static void test_every_length(void **state)
{
    (void)state;
    enum { ROOM = 500, LONGEST = 200 };
    char digits[ROOM];
    memset(digits, '0', sizeof digits);
    digits[ROOM - 1] = '1';
    weir_buf to;
    weir_buf_init(&to);
    for (size_t len = 1; len <= LONGEST; len++) {
        weir_buf_clear(&to);
        assert_int_equal(render_power(len, &to), WEIR_OK);
        assert_true(to.len <= ROOM);
        assert_memory_equal(to.ptr, digits + ROOM - to.len, to.len);
        assert_true(to.ptr[0] != '0');
        multiply_by_256(digits, ROOM);
    }
    weir_buf_fini(&to);
}

/* PostgreSQL's largest numeric is read; a longer one is refused before it costs anything. */
static void test_bound(void **state)
{
    (void)state;
    weir_buf to;
    weir_buf_init(&to);
    assert_int_equal(render_power(MOST_BYTES, &to), WEIR_OK);
    assert_int_equal(to.len, 147960); /* floor(8 * 61439 * log10(2)) + 1 */
    assert_int_equal(render_power(MOST_BYTES + 1, &to), WEIR_REJECT);
    weir_buf_fini(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
