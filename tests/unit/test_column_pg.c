/* Columns from PostgreSQL's names of types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cdc/column_kind.h"
#include "support/column_cases.h"

static weir_status compile(const char *type, const weir_column_modes *modes, weir_arena *arena,
    weir_column *out, weir_error *err)
{
    return weir_column_from_pg(weir_view_of("c"), weir_view_of(type), modes, arena, out, err);
}

/* Kind, scale and length, by type and mode. */
static void test_details(void **state)
{
    (void)state;
    enum { NONE = WEIR_SCALE_UNKNOWN };
    static const struct {
        const char *type;
        weir_column_modes modes;
        weir_kind kind;
        int32_t scale, length;
    } cases[] = {
        {"", {0}, WEIR_KIND_RAW, NONE, 0},
        {"numeric", {0}, WEIR_KIND_NUMERIC, NONE, 0},
        {"numeric(12)", {0}, WEIR_KIND_NUMERIC, 0, 0},
        {"numeric(12,2)", {0}, WEIR_KIND_NUMERIC, 2, 0},
        {"numeric( 12 , 2 )", {0}, WEIR_KIND_NUMERIC, 2, 0},
        {"numeric(3,-2)", {0}, WEIR_KIND_NUMERIC, NONE, 0},
        {"numeric(12,1001)", {0}, WEIR_KIND_NUMERIC, NONE, 0},
        {"decimal(5,1)", {.decimal = WEIR_DECIMAL_STRING}, WEIR_KIND_NUMERIC_TEXT, 1, 0},
        {"numeric(5,1)", {.decimal = WEIR_DECIMAL_DOUBLE}, WEIR_KIND_NUMERIC_TEXT, 1, 0},
        {"money", {0}, WEIR_KIND_MONEY, 2, 0},
        {"money", {.decimal = WEIR_DECIMAL_STRING}, WEIR_KIND_MONEY_TEXT, 2, 0},
        {"bytea", {0}, WEIR_KIND_BYTEA, NONE, 0},
        {"bytea", {.binary = WEIR_BINARY_BASE64}, WEIR_KIND_BYTEA, NONE, 0},
        {"bytea", {.binary = WEIR_BINARY_BASE64_URL_SAFE}, WEIR_KIND_BYTEA, NONE, 0},
        {"bytea", {.binary = WEIR_BINARY_HEX}, WEIR_KIND_BYTEA_HEX, NONE, 0},
        {"bit", {0}, WEIR_KIND_BIT, NONE, 1},
        {"bit(9)", {0}, WEIR_KIND_BIT, NONE, 9},
        {"bit varying", {0}, WEIR_KIND_VARBIT, NONE, 0},
        {"bit varying(12)", {0}, WEIR_KIND_VARBIT, NONE, 12},
        {"bit varying(99999999999)", {0}, WEIR_KIND_VARBIT, NONE, 0},
        {"time", {0}, WEIR_KIND_TIME, 6, 0},
        {"time(3)", {0}, WEIR_KIND_TIME, 3, 0},
        {"time(3)", {.time = WEIR_TIME_ADAPTIVE_TIME_MICROSECONDS}, WEIR_KIND_TIME, 6, 0},
        {"timestamp", {0}, WEIR_KIND_TIMESTAMP, 6, 0},
        {"timestamp(0)", {0}, WEIR_KIND_TIMESTAMP, 3, 0},
        {"timestamp(3)", {.time = WEIR_TIME_ADAPTIVE_TIME_MICROSECONDS}, WEIR_KIND_TIMESTAMP, 3, 0},
        {"timestamp(4)", {0}, WEIR_KIND_TIMESTAMP, 6, 0},
        {"timestamp(6)", {.time = WEIR_TIME_CONNECT}, WEIR_KIND_TIMESTAMP, 3, 0},
        {"timestamp(3)", {.time = WEIR_TIME_MICROSECONDS}, WEIR_KIND_TIMESTAMP, 6, 0},
        {"timestamp(3)", {.time = WEIR_TIME_NANOSECONDS}, WEIR_KIND_TIMESTAMP, 9, 0},
        {"timestamp with time zone", {0}, WEIR_KIND_TIMESTAMPTZ, 6, 0},
        {"timestamp(3) with time zone", {0}, WEIR_KIND_TIMESTAMPTZ, 3, 0},
        {"interval", {0}, WEIR_KIND_INTERVAL, 6, 0},
        {"interval year to month", {0}, WEIR_KIND_INTERVAL, 6, 0},
        {"interval(3)", {0}, WEIR_KIND_INTERVAL, 6, 0},
        {"float", {0}, WEIR_KIND_FLOAT8, NONE, 0},
        {"float(24)", {0}, WEIR_KIND_FLOAT4, NONE, 0},
        {"\"char\"", {0}, WEIR_KIND_TEXT, NONE, 0},
        {"DOUBLE  PRECISION", {0}, WEIR_KIND_FLOAT8, NONE, 0},
        {"geometry(Point,4326)", {0}, WEIR_KIND_GEOMETRY, NONE, 0},
        {"postgis.geography(Point,4326)", {0}, WEIR_KIND_GEOMETRY, NONE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_arena arena;
        weir_arena_init(&arena, 0);
        weir_column c;
        assert_int_equal(compile(cases[i].type, &cases[i].modes, &arena, &c, NULL), WEIR_OK);
        if (c.kind->id != cases[i].kind || c.scale != cases[i].scale ||
            c.length != cases[i].length) {
            fail_msg("%s: %s, scale %d, length %d", cases[i].type, c.kind->name, c.scale, c.length);
        }
        weir_arena_fini(&arena);
    }
}

static void test_arrays(void **state)
{
    (void)state;
    static const char *const types[] = {
        "numeric(8,2)[]", "numeric(8,2)[][]", "numeric(8,2)[3][4]", "numeric(8,2) []"};
    weir_arena arena;
    weir_arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        weir_column c;
        assert_int_equal(compile(types[i], NULL, &arena, &c, NULL), WEIR_OK);
        assert_int_equal(c.kind->id, WEIR_KIND_ARRAY);
        assert_int_equal(c.item->kind->id, WEIR_KIND_NUMERIC);
        assert_int_equal(c.item->scale, 2);
        assert_true(weir_view_is(c.item->name, "c"));
    }
    weir_arena_fini(&arena);
}

/* The names that PostgreSQL 15's catalogs print for base types, ranges and the usual extensions',
 * and the short ones. */
static void test_catalog(void **state)
{
    (void)state;
    static const char *const types[] = {
        "boolean",
        "bytea",
        "\"char\"",
        "bigint",
        "smallint",
        "integer",
        "regproc",
        "text",
        "oid",
        "tid",
        "xid",
        "cid",
        "json",
        "xml",
        "xid8",
        "path",
        "polygon",
        "real",
        "double precision",
        "circle",
        "money",
        "macaddr",
        "inet",
        "cidr",
        "macaddr8",
        "aclitem",
        "character",
        "character varying",
        "date",
        "time without time zone",
        "timestamp without time zone",
        "timestamp with time zone",
        "interval",
        "time with time zone",
        "bit",
        "bit varying",
        "numeric",
        "refcursor",
        "regprocedure",
        "regoper",
        "regoperator",
        "regclass",
        "regcollation",
        "regtype",
        "regrole",
        "regnamespace",
        "uuid",
        "pg_lsn",
        "tsvector",
        "tsquery",
        "regconfig",
        "regdictionary",
        "jsonb",
        "jsonpath",
        "txid_snapshot",
        "pg_snapshot",
        "int4range",
        "numrange",
        "tsrange",
        "tstzrange",
        "daterange",
        "int8range",
        "int4multirange",
        "nummultirange",
        "tsmultirange",
        "tstzmultirange",
        "datemultirange",
        "int8multirange",
        "citext",
        "ltree",
        "lquery",
        "ltxtquery",
        "ean13",
        "isbn13",
        "ismn13",
        "issn13",
        "hstore",
        "isbn",
        "ismn",
        "issn",
        "upc",
        "cube",
        "seg",
        "name",
        "point",
        "lseg",
        "box",
        "line",
        "bpchar",
        "varchar",
        "int2",
        "int4",
        "int8",
        "float4",
        "float8",
        "bool",
        "varbit",
        "timestamptz",
        "timetz",
        "smallserial",
        "serial",
        "bigserial",
        "vector",
        "halfvec",
        "sparsevec",
        "geometry",
        "geography",
        "enum",
    };
    weir_arena arena;
    weir_arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        weir_column c;
        weir_error err = {0};
        if (compile(types[i], NULL, &arena, &c, &err) != WEIR_OK) {
            fail_msg("%s: %s", types[i], err.text);
        }
        assert_int_not_equal(c.kind->id, WEIR_KIND_RAW);
    }
    weir_arena_fini(&arena);
}

static void test_unknown(void **state)
{
    (void)state;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_column c;
    weir_error err = {0};
    assert_int_equal(compile("numeric(,2)", NULL, &arena, &c, &err), WEIR_REJECT);
    assert_int_equal(compile("decimal(12,x)", NULL, &arena, &c, &err), WEIR_REJECT);
    assert_int_equal(compile("mood", NULL, &arena, &c, &err), WEIR_REJECT);
    assert_string_equal(err.code, "CDC_UNKNOWN_TYPE");
    assert_string_equal(err.text,
        "column \"c\": type \"mood\" is not known; an enum or another type "
        "that arrives as text is \"enum\"");
    weir_arena_fini(&arena);
}

static void test_name_is_copied(void **state)
{
    (void)state;
    char name[] = "total";
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_column c;
    assert_int_equal(
        weir_column_from_pg(weir_view_of(name), weir_view_of("int4"), NULL, &arena, &c, NULL),
        WEIR_OK);
    memset(name, 'x', sizeof name - 1);
    assert_true(weir_view_is(c.name, "total"));
    weir_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_details),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_catalog),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_name_is_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
