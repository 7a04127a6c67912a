/* Tables of PostgreSQL whose definition somebody else changes while they are written, and values
 * that a column would round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/postgres_tables.h"

static void assert_written(weir_store s, const char *key, const char *state, const char *row)
{
    weir_error err;
    if (write_one(s, key, state, row, &err)) {
        fail_msg("%s: %s", err.code, err.text);
    }
    assert_stored(s, key, state, row);
}

static void assert_refused(weir_store s, const char *key, const char *row, const char *why)
{
    weir_error err;
    assert_int_equal(write_one(s, key, "refused", row, &err), WEIR_REJECT);
    assert_string_equal(err.code, "TABLE_REFUSED");
    if (!strstr(err.text, why)) {
        fail_msg("%s", err.text);
    }
}

/* Rows that are there are written by a stage, or by statements that were prepared: both have been
 * made before the operator widens the columns. */
static void test_widened_beside(void **state)
{
    (void)state;
    const char *k = "{\"id\":1}";
    weir_table_rule rule = rule_for("wide", "wide");
    run_sql("drop table if exists wide; create table wide (id bigint primary key, price "
            "numeric(10,2), at timestamp(0), n integer, short varchar(3), _weir_pos bytea)");
    weir_store s = open_one(&rule);
    static const char before[] =
        "{\"id\":1,\"price\":1.%d,\"at\":\"2024-01-01T00:00:00\",\"n\":1,\"short\":\"abc\"}";
    for (int i = 25; i < 28; i++) {
        char row[200], at[8];
        snprintf(row, sizeof row, before, i);
        snprintf(at, sizeof at, "s%d", i);
        assert_written(s, k, at, row);
    }
    run_sql("alter table wide alter price type numeric(14,4), alter at type timestamp(6), alter n "
            "type bigint, alter short type varchar(20)");
    assert_written(s, k, "s3",
        "{\"id\":1,\"price\":1.2345,\"at\":\"2024-01-01T00:00:01.987654\",\"n\":3000000000,"
        "\"short\":\"abcdef\"}");
    run_sql("alter table wide alter price type numeric(14,3) using 1"); /* and narrower */
    assert_refused(s, k, "{\"id\":1,\"price\":1.2345}", "numeric(14,3)");
    s.ops->close(s.self);
}

/* A key's column; another table in its place; a column that comes and goes. */
static void test_changed_beside(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("other", "other");
    rule.on_ddl = WEIR_DDL_IGNORE;
    run_sql("drop table if exists other; create table other (id integer primary key, _weir_pos "
            "bytea)");
    weir_store s = open_one(&rule);
    assert_written(s, "{\"id\":1}", "s", "{\"id\":1}");
    assert_written(s, "{\"id\":1}", "s1", "{\"id\":1}");
    run_sql("alter table other alter id type bigint");
    assert_written(s, "{\"id\":3000000000}", "s", "{\"id\":3000000000}");
    run_sql("alter table other add more text");
    assert_written(s, "{\"id\":1}", "s2", "{\"id\":1,\"more\":\"x\"}");
    run_sql("alter table other drop more");
    assert_written(s, "{\"id\":1}", "s3", "{\"id\":1}");
    run_sql("drop table other; create table other (id bigint primary key, _weir_pos bytea)");
    assert_written(s, "{\"id\":1}", "s4", "{\"id\":1}");
    s.ops->close(s.self);
}

/* From the first touch on, the transaction keeps others from changing the table. */
static void test_locked_while_written(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("kept", "kept");
    run_sql("drop table if exists kept; create table kept (id bigint primary key, price "
            "numeric(10,2), _weir_pos bytea)");
    weir_store s = open_one(&rule);
    weir_error err;
    for (int i = 0; i < 8; i++) { /* until plans are kept */
        char at[8];
        snprintf(at, sizeof at, "s%d", i);
        begin(s);
        put(s, "{\"id\":1}", at, "{\"id\":1,\"price\":1.25}");
        assert_int_equal(s.ops->write_now(s.self, true, &err), WEIR_OK);
        PGconn *c = PQconnectdb(getenv("WEIR_TEST_PG"));
        PQclear(PQexec(c, "set lock_timeout = '20ms'"));
        PGresult *r = PQexec(c, "alter table kept alter price type numeric(14,4)");
        assert_string_equal(PQresultErrorField(r, PG_DIAG_SQLSTATE), "55P03");
        PQclear(r);
        PQfinish(c);
        commit(s);
    }
    begin(s); /* the question alone locks it */
    weir_view v;
    assert_int_equal(
        s.ops->get(s.self, TABLE, WEIR_SPACE_STATE, text_of("{\"id\":1}"), &v, &err), WEIR_OK);
    assert_int_equal(
        number_of("select count(*) from pg_locks where relation = 'kept'::regclass"), 1);
    s.ops->abort(s.self);
    s.ops->close(s.self);
}

/* What PostgreSQL would round or cut in silence is refused, by the column's name; a row that is new
 * goes another way than one that is there. */
static void test_rounded(void **state)
{
    (void)state;
    static const char *const refused[][2] = {
        {"\"price\":1.2345", "\"price\" is numeric(10,2)"},
        {"\"hundreds\":1250", "numeric(5,-2)"},
        {"\"money\":0.125", "\"money\" is money_of_ours"},
        {"\"at\":\"2024-01-01T00:00:01.5\"", "timestamp(0) without time zone"},
        {"\"zoned\":\"2024-01-01T00:00:01.1234+00:00\"", "timestamp(3) with time zone"},
        {"\"span\":\"00:00:01.55\"", "interval(1)"},
        {"\"day\":\"2024-01-01T10:00:00\"", "date"},
        {"\"small\":0.123456789", "real"},
        {"\"short\":\"abc \"", "character varying(3)"},
        {"\"list\":[1.25,[1.125]]", "numeric(10,2)[]"},
    };
    static const char fits[] =
        "{\"id\":%d,\"price\":1.25,\"hundreds\":1200,\"money\":0.25,"
        "\"at\":\"2024-01-01T00:00:01\",\"zoned\":\"2024-01-01T00:00:01.123+00:00\","
        "\"span\":\"00:00:01.5\",\"day\":\"2024-01-01\",\"small\":0.1,\"short\":\"ab \","
        "\"list\":[1.25,null]}";
    char row[400];
    weir_table_rule rule = rule_for("rounds", "rounds");
    run_sql(
        "drop table if exists rounds; drop domain if exists money_of_ours, cents; create domain "
        "cents as numeric(10,2); create domain money_of_ours as cents; create table rounds (id "
        "bigint primary key, price numeric(10,2), hundreds numeric(5,-2), money money_of_ours, "
        "at timestamp(0), zoned timestamptz(3), span interval(1), day date, small real, short "
        "varchar(3), list numeric(10,2)[], _weir_pos bytea)");
    weir_store s = open_one(&rule);
    snprintf(row, sizeof row, fits, 1);
    assert_written(s, "{\"id\":1}", "s", row);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        for (int id = 1; id <= 2; id++) {
            char key[40];
            snprintf(key, sizeof key, "{\"id\":%d}", id);
            snprintf(row, sizeof row, "{\"id\":%d,%s}", id, refused[i][0]);
            assert_refused(s, key, row, refused[i][1]);
        }
    }
    snprintf(row, sizeof row, fits, 1);
    assert_stored(s, "{\"id\":1}", "s", row);
    s.ops->close(s.self);
}

/* A type that the config names is one that may round. */
static void test_cast_may_round(void **state)
{
    (void)state;
    const weir_view cast[][2] = {{text_of("price"), text_of("numeric(10,2)")}};
    weir_table_rule rule = rule_for("cast_rounds", "cast_rounds");
    weir_error err;
    rule.cast = cast;
    rule.n_cast = 1;
    run_sql("drop table if exists cast_rounds; create table cast_rounds (id bigint primary key, "
            "price numeric(10,2), _weir_pos bytea)");
    weir_store s = open_one(&rule);
    assert_int_equal(write_one(s, "{\"id\":1}", "s", "{\"id\":1,\"price\":1.2345}", &err), WEIR_OK);
    assert_stored(s, "{\"id\":1}", "s", "{\"id\":1,\"price\":1.23}");
    s.ops->close(s.self);
}

/* A key that a column would cut is not another row's. */
static void test_long_key(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("long_key", "long_key");
    weir_error err;
    run_sql("drop table if exists long_key; create table long_key (id varchar(3) primary key, "
            "_weir_pos bytea)");
    weir_store s = open_one(&rule);
    assert_written(s, "{\"id\":\"abc\"}", "s", "{\"id\":\"abc\"}");
    assert_int_equal(write_one(s, "{\"id\":\"abcdef\"}", "s2", NULL, &err), WEIR_OK);
    assert_stored(s, "{\"id\":\"abc\"}", "s", "{\"id\":\"abc\"}");
    assert_refused(s, "{\"id\":\"abcdef\"}", "{\"id\":\"abcdef\"}", "too long");
    assert_stored(s, "{\"id\":\"abc\"}", "s", "{\"id\":\"abc\"}");
    s.ops->close(s.self);
}

/* Columns that an index only includes are none of its key. */
static void test_included(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("included", "included");
    run_sql("drop table if exists included; create table included (id bigint, name text, "
            "_weir_pos bytea, primary key (id) include (name))");
    weir_store s = open_one(&rule);
    assert_written(s, "{\"id\":1}", "s", "{\"id\":1,\"name\":\"a\"}");
    assert_written(s, "{\"id\":1}", "s2", "{\"id\":1,\"name\":\"b\"}");
    s.ops->close(s.self);
    run_sql("drop table included; create table included (id bigint, name text, _weir_pos bytea); "
            "create unique index on included (id) include (name)");
    const weir_view key[] = {text_of("id")};
    rule.key = key;
    rule.n_key = 1;
    s = open_one(&rule);
    assert_written(s, "{\"id\":1}", "s", "{\"id\":1,\"name\":\"a\"}");
    s.ops->close(s.self);
}

/* One table by two names, of which only the database knows that they are; made by the first one, or
 * there before. */
static void test_two_names(void **state)
{
    (void)state;
    static const weir_shape_column columns[] = {{{"id", 2}, {"bigint", 6}}};
    weir_table_rule rules[] = {rule_for("bare", "twice"), rule_for("full", "twice")};
    weir_error err;
    rules[1].schema = "public";
    run_sql("drop table if exists twice");
    weir_store s = open_tables(rules, 2);
    assert_int_equal(s.ops->open_cache(s.self, TABLE, "bare", &err), WEIR_OK);
    assert_int_equal(s.ops->open_cache(s.self, TABLE + 1, "full", &err), WEIR_OK);
    shape(s, columns, 1);
    weir_view row = text_of("{\"id\":1}");
    begin(s);
    put(s, row.ptr, "s", row.ptr);
    assert_int_equal(s.ops->shape(s.self, TABLE + 1, &(weir_shape){columns, 1}, &err), WEIR_OK);
    assert_int_equal(s.ops->put(s.self, TABLE + 1, WEIR_SPACE_STATE, row, row, &err), WEIR_OK);
    assert_int_equal(s.ops->put(s.self, TABLE + 1, WEIR_SPACE_ROW, row, row, &err), WEIR_OK);
    assert_int_equal(s.ops->commit(s.self, &err), WEIR_FATAL);
    assert_string_equal(err.code, "CONFIG_CONFLICT");
    run_sql("create table twice (id bigint primary key, _weir_pos bytea)");
    s.ops->close(s.self);
    s = open_tables(rules, 2);
    assert_int_equal(s.ops->open_cache(s.self, TABLE, "bare", &err), WEIR_OK);
    assert_int_equal(s.ops->open_cache(s.self, TABLE + 1, "full", &err), WEIR_FATAL);
    assert_string_equal(err.code, "CONFIG_CONFLICT");
    s.ops->close(s.self);
}

#define BOTH(test) cmocka_unit_test(test), cmocka_unit_test_setup_teardown(test, in_order, at_once)

static int in_order(void **state)
{
    (void)state;
    by_transaction = true;
    return 0;
}

static int at_once(void **state)
{
    (void)state;
    by_transaction = false;
    return 0;
}

int main(void)
{
    if (!getenv("WEIR_TEST_PG")) {
        printf("skipped: PostgreSQL is not installed\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        BOTH(test_widened_beside),
        BOTH(test_changed_beside),
        BOTH(test_locked_while_written),
        BOTH(test_rounded),
        BOTH(test_cast_may_round),
        BOTH(test_long_key),
        BOTH(test_included),
        BOTH(test_two_names),
    };
    return cmocka_run_group_tests(tests, empty_database, NULL);
}
