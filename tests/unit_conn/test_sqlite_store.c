/* Tables of SQLite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/sqlite_tables.h"
#include "support/table_cases.h"

/* One process writes a file; another one may read it. */
static void test_lock(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("life", "life");
    weir_store s = open_tables(&rule, 1), other;
    weir_sqlite_options o = {.path = path, .tables = &rule, .n_tables = 1};
    weir_error err;
    assert_int_equal(weir_sqlite_store_open(&o, &other, &err), WEIR_FATAL);
    assert_string_equal(err.code, "STORE_LOCKED");
    o.read_only = true;
    assert_int_equal(weir_sqlite_store_open(&o, &other, &err), WEIR_OK);
    other.ops->close(other.self);
    s.ops->close(s.self);
}

/* What is committed stands in the log of writes first. */
static void test_bytes(void **state)
{
    (void)state;
    struct stat file, log;
    char name[200];
    weir_table_rule rule = rule_for("life", "life");
    weir_store s = open_tables(&rule, 1);
    run_sql(
        "create table filling(x); with recursive n(i) as (select 1 union all select i + 1 from n "
        "where i < 500) insert into filling select hex(randomblob(200)) from n");
    run_sql("begin immediate; insert into filling select x from filling; commit");
    snprintf(name, sizeof name, "%s-wal", path);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(stat(name, &log), 0);
    assert_true(log.st_size > 0);
    assert_int_equal(s.ops->bytes(s.self), file.st_size + log.st_size);
    s.ops->close(s.self);
}

/* Each value must come back as the JSON that it was, and SQL must see it as what it is. */
static void test_values(void **state)
{
    (void)state;
    static const struct {
        const char *type, *json, *sql_type;
    } values[] = {
        {"boolean", "true", "integer"},
        {"boolean", "false", "integer"},
        {"bigint", "9223372036854775807", "integer"},
        {"numeric", "1.50", "text"},
        {"numeric(40,20)", "12345678901234567890.12345678901234567890", "text"},
        {"numeric", "\"NaN\"", "text"},
        {"real", "0.1", "real"},
        {"real", "1.6777216e+07", "real"},
        {"real", "0.1234567890123", "real"}, /* a table of the user's, and doubles */
        {"real", "1234567.53125", "real"},
        {"double precision", "0.30000000000000004", "real"},
        {"double precision", "-0", "blob"},
        {"double precision", "1e+20", "real"},
        {"double precision", "\"Infinity\"", "blob"},
        {"text", "\"001\"", "text"},
        {"text", "\"\"", "text"},
        {"character varying(5)", "\"1.0\"", "text"},
        {"uuid", "\"b68a35a7-17ad-35b3-af2a-ae46edb4545a\"", "text"},
        {"bytea", "\"\\\\x00ff10\"", "blob"},
        {"bytea", "\"\\\\x\"", "blob"},
        {"date", "\"2026-02-28\"", "text"},
        {"timestamp(3) without time zone", "\"2026-02-28T00:00:00.5\"", "text"},
        {"timestamp with time zone", "\"2026-02-28T00:00:00+00:00\"", "text"},
        {"interval", "\"1 day\"", "text"},
        {"point", "\"(1,2)\"", "text"},
        {"int4range", "\"[1,5)\"", "text"},
        {"json", "{\"a\": 1.0}", "text"},
        {"jsonb", "1.0", "text"},
        {"jsonb", "\"x\"", "text"},
        {"integer[]", "[1,null,3]", "text"},
        {"hstore", "{\"a\": \"1\"}", "text"},
        {"oid", "\"42\"", "text"},
        {"bit(3)", "\"001\"", "text"},
        {"money", "\"$1.00\"", "text"},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char table[40], row[200], check[200];
        snprintf(table, sizeof table, "value_%zu", i);
        snprintf(row, sizeof row, "{\"id\":1,\"v\":%s}", values[i].json);
        weir_table_rule rule = rule_for(table, table);
        const weir_shape_column columns[] = {
            {{"id", 2}, {"bigint", 6}}, {{"v", 1}, weir_view_of(values[i].type)}};
        weir_store s = open_one(&rule);
        shape(s, columns, 2);
        begin(s);
        put(s, "{\"id\":1}", "s", row);
        commit(s);
        s.ops->close(s.self);
        s = open_one(&rule);
        assert_stored(s, "{\"id\":1}", "s", row);
        s.ops->close(s.self);
        snprintf(check, sizeof check,
            "create temp table t (x check (x = '%s')); insert into t select typeof(v) from %s",
            values[i].sql_type, table);
        run_sql(check);
    }
}

/* A column that would round is told, not written to. */
static void test_affinity(void **state)
{
    (void)state;
    run_sql("create table rounds (id integer primary key, amount numeric(12,2), _weir_pos blob)");
    weir_table_rule rule = rule_for("rounds", "rounds");
    assert_opening_fails(&rule, "TABLE_SCHEMA");
}

/* What SQLite cannot widen is said; what it need not widen is not. */
static void test_widening(void **state)
{
    (void)state;
    static const weir_shape_column first[] = {{{"id", 2}, {"bigint", 6}}, {{"x", 1}, {"real", 4}}};
    static const weir_shape_column second[] = {
        {{"id", 2}, {"bigint", 6}}, {{"x", 1}, {"double precision", 16}}};
    weir_table_rule rule = rule_for("reals", "reals");
    rule.on_ddl = WEIR_DDL_EVOLVE;
    weir_store s = open_one(&rule);
    weir_error err;
    shape(s, first, 2);
    begin(s);
    put(s, "{\"id\":1}", "s", "{\"id\":1,\"x\":0.1}");
    commit(s);
    shape(s, second, 2);
    begin(s);
    put(s, "{\"id\":2}", "s", "{\"id\":2,\"x\":0.123456789012345}");
    assert_int_equal(s.ops->commit(s.self, &err), WEIR_FATAL);
    assert_string_equal(err.code, "TABLE_COLUMN");
    assert_non_null(strstr(err.text, "SQLite cannot change"));
    s.ops->close(s.self);
}

/* A trigger that leaves rows out without a word is no other process, for which it would be waited
 * for ever: the row is refused, and a delete that is not done ends it. */
static void test_rows_left_out(void **state)
{
    (void)state;
    for (int with_position = 0; with_position < 2; with_position++) {
        run_sql("drop table if exists left_out; create table left_out (id integer primary key, "
                "name text, amount DECIMAL_TEXT)");
        run_sql(with_position ? "alter table left_out add _weir_pos blob" : "select 1");
        run_sql("create trigger a before insert "
                "on left_out when new.id = 2 begin select raise(ignore); end; create trigger b "
                "before update on left_out when new.name = 'no' begin select raise(ignore); end; "
                "create trigger c before delete on left_out when old.id = 3 begin select "
                "raise(ignore); end");
        weir_table_rule rule = rule_for(with_position ? "left_out" : "left_out2", "left_out");
        rule.position_column = with_position ? "_weir_pos" : NULL;
        weir_store s = open_one(&rule);
        assert_left_out(s, "{\"id\":2}");
        s.ops->close(s.self);
    }
}

/* What is committed is counted, and the commit's time is the table's: SQLite takes most of it
 * there.
 */
static void test_written(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("counted", "counted");
    weir_store s = open_one(&rule);
    weir_error err;
    weir_store_written w;
    shape(s, simple, 3);
    put_all(s, 0, 10, "s");
    s.ops->written(s.self, TABLE, &w);
    assert_int_equal(w.rows, 10);
    assert_int_equal(w.batches, 1);
    assert_true(w.busy_us > 0);
    begin(s);
    put(s, "{\"id\":1}", "s2", "{\"id\":1,\"name\":\"m\",\"amount\":1.00}");
    assert_int_equal(s.ops->write_now(s.self, true, &err), WEIR_OK);
    s.ops->abort(s.self);
    put_all(s, 20, 25, "s");
    s.ops->written(s.self, TABLE, &w);
    assert_int_equal(w.rows, 15);
    assert_int_equal(w.batches, 2);
    s.ops->close(s.self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TABLE_CASES,
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_affinity),
        cmocka_unit_test(test_widening),
        cmocka_unit_test(test_rows_left_out),
        cmocka_unit_test(test_written),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
