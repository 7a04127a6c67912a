/* Which types are wider than which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "table/table_type.h"

static const struct {
    const char *from, *to;
    bool widens;
} pairs[] = {
    {"smallint", "integer", true},
    {"integer", "bigint", true},
    {"int4", "int8", true},
    {"bigint", "integer", false},
    {"bigint", "bigint", false},
    {"integer", "numeric", true},
    {"integer", "numeric(10,0)", true},
    {"integer", "numeric(10,2)", false}, /* 8 digits before the point */
    {"bigint", "numeric(19,0)", true},
    {"integer", "double precision", false},
    {"numeric(10,2)", "numeric(12,2)", true},
    {"numeric(10,2)", "numeric(12,4)", true},
    {"numeric(10,2)", "numeric(10,4)", false},
    {"numeric(10,2)", "numeric(12,1)", false},
    {"numeric(10,2)", "numeric(10,2)", false},
    {"numeric(10,2)", "decimal(11, 2)", true},
    {"numeric(10,2)", "numeric", true},
    {"numeric(10)", "numeric(12)", true},
    {"numeric", "numeric(12,2)", false},
    {"numeric", "numeric", false},
    {"real", "double precision", true},
    {"float4", "float8", true},
    {"double precision", "real", false},
    {"character varying(20)", "character varying(21)", true},
    {"varchar(20)", "character varying", true},
    {"character varying(20)", "text", true},
    {"character varying", "text", true},
    {"character varying(20)", "character varying(19)", false},
    {"character varying", "character varying(20)", false},
    {"text", "character varying(20)", false},
    {"character(3)", "text", false}, /* its spaces */
    {"bit varying(3)", "bit varying(8)", true},
    {"bit(3)", "bit(8)", false},
    {"timestamp(3) without time zone", "timestamp without time zone", true},
    {"timestamp(3) without time zone", "timestamp", true},
    {"timestamp(3) without time zone", "timestamp(6) without time zone", true},
    {"timestamp(6) without time zone", "timestamp(3)", false},
    {"timestamp(3) with time zone", "timestamptz", true},
    {"timestamp(3) without time zone", "timestamp with time zone", false},
    {"time(3) without time zone", "time", true},
    {"date", "timestamp", false},
    {"integer[]", "bigint[]", false},
    {"", "text", false},
    {"text", "", false},
    {"a type with a name that is longer than any that is known to weir", "text", false},
};

static void test_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        bool widens = weir_type_widens(weir_view_of(pairs[i].from), weir_view_of(pairs[i].to));
        if (widens != pairs[i].widens) {
            fail_msg("%s to %s", pairs[i].from, pairs[i].to);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
