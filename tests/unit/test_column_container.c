/* Arrays, maps, structures, vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/column_cases.h"

static void test_cases(void **state)
{
    (void)state;
    run_column_cases("container.tsv");
}

static void test_without_memory(void **state)
{
    (void)state;
    starve_column_cases("container.tsv");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
