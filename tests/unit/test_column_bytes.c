/* bytea and bit strings. */
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
    run_column_cases("binary.tsv");
}

static void test_without_memory(void **state)
{
    (void)state;
    starve_column_cases("binary.tsv");
}

/* Values that are no JSON carry their bytes as they are. */
static void test_raw_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *type, *expected;
        weir_binary_mode mode;
    } cases[] = {
        {"bytea", "\"\\\\x0155\"", WEIR_BINARY_BYTES},
        {"bytea", "\"\\\\x0155\"", WEIR_BINARY_HEX},
        {"bit(16)", "\"0101010100000001\"", WEIR_BINARY_BYTES},
        {"numeric(5,2)", "3.41", WEIR_BINARY_BYTES},
    };
    weir_value bytes = {.at = "\x01\x55", .len = 2, .span = 2, .type = WEIR_BYTES, .skip = 1};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_arena arena;
        weir_arena_init(&arena, 0);
        weir_buf to;
        weir_buf_init(&to);
        weir_column column;
        weir_column_modes modes = {.binary = cases[i].mode};
        assert_int_equal(weir_column_from_pg(weir_view_of("c"), weir_view_of(cases[i].type), &modes,
                             &arena, &column, NULL),
            WEIR_OK);
        assert_int_equal(weir_column_render(&column, &bytes, &arena, &to, NULL), WEIR_OK);
        assert_string_equal(weir_buf_str(&to), cases[i].expected);
        weir_buf_fini(&to);
        weir_arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_raw_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
