/* Of table_cases.h: tables and their columns. */
#ifndef WEIR_TEST_TABLE_COLUMN_CASES_H
#define WEIR_TEST_TABLE_COLUMN_CASES_H

#include "support/table_fixture.h"

/* A table of the user's own, with rows of before: they are taken over. */
static void case_adopted(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("adopted", "adopted");
    run_sql("create table adopted (id bigint primary key, name text, _weir_pos blob)");
    run_sql("insert into adopted values (1, 'before', null)");
    weir_store s = open_one(&rule);
    begin(s);
    assert_space(s, WEIR_SPACE_STATE, "{\"id\":1}", NULL);
    put(s, "{\"id\":1}", "s", "{\"id\":1,\"name\":\"now\"}");
    put(s, "{\"id\":2}", "s", "{\"id\":2,\"name\":\"now\"}");
    commit(s);
    assert_stored(s, "{\"id\":1}", "s", "{\"id\":1,\"name\":\"now\"}");
    s.ops->close(s.self);
}

/* Columns that the source adds; what the rule says of them. */
static void case_new_columns(void **state)
{
    (void)state;
    static const weir_shape_column more[] = {{{"id", 2}, {"bigint", 6}}, {{"name", 4}, {"text", 4}},
        {{"amount", 6}, {"numeric(12,2)", 13}}, {{"extra", 5}, {"text", 4}}};
    weir_table_rule rule = rule_for("wider", "wider");
    const char *row = "{\"id\":2,\"name\":\"b\",\"amount\":2.00,\"extra\":\"e\"}";
    weir_store s = open_one(&rule);
    weir_error err;
    shape(s, simple, 3);
    begin(s);
    put(s, "{\"id\":1}", "s", "{\"id\":1,\"name\":\"a\",\"amount\":1.00}");
    commit(s);
    begin(s);
    put(s, "{\"id\":1}", "s2", "{\"id\":1,\"name\":\"z\",\"amount\":1.00}");
    put(s, "{\"id\":2}", "s", row);
    assert_int_equal(s.ops->commit(s.self, &err), WEIR_FATAL);
    assert_string_equal(err.code, "TABLE_NO_TYPE");
    assert_non_null(strstr(err.text, "\"extra\""));
    shape(s, more, 4);
    begin(s);
    put(s, "{\"id\":1}", "s2", "{\"id\":1,\"name\":\"z\",\"amount\":1.00}");
    put(s, "{\"id\":2}", "s", row);
    commit(s);
    assert_stored(s, "{\"id\":2}", "s", row);
    assert_stored(
        s, "{\"id\":1}", "s2", "{\"id\":1,\"name\":\"z\",\"amount\":1.00,\"extra\":null}");
    s.ops->close(s.self);
    rule.on_ddl = WEIR_DDL_STOP;
    s = open_one(&rule);
    begin(s);
    put(s, "{\"id\":3}", "s", "{\"id\":3,\"later\":1}");
    assert_int_equal(s.ops->commit(s.self, &err), WEIR_FATAL);
    assert_string_equal(err.code, "TABLE_COLUMN");
    assert_non_null(strstr(err.text, "\"later\""));
    s.ops->close(s.self);
    rule.on_ddl = WEIR_DDL_IGNORE;
    s = open_one(&rule);
    begin(s);
    put(s, "{\"id\":3}", "s", "{\"id\":3,\"later\":1,\"name\":\"c\"}");
    commit(s);
    assert_stored(s, "{\"id\":3}", "s", "{\"id\":3,\"name\":\"c\",\"amount\":null,\"extra\":null}");
    s.ops->close(s.self);
}

/* Reserved words, quotes, blanks, other letters, 63 bytes; keys of several columns in any order. */
static void case_odd_names(void **state)
{
    (void)state;
    static const weir_shape_column odd[] = {{{"Order", 5}, {"integer", 7}},
        {{"select", 6}, {"text", 4}}, {{"a \"b\" c", 7}, {"text", 4}}, {{"größe", 7}, {"text", 4}},
        {{"a23456789_123456789_123456789_123456789_123456789_123456789_123", 63}, {"boolean", 7}}};
    const char *key = "{\"Order\":1,\"select\":\"x'y\"}";
    const char *row =
        "{\"Order\":1,\"select\":\"x'y\",\"a \\\"b\\\" c\":\"\\\\tab\\t\",\"größe\":\"ü\","
        "\"a23456789_123456789_123456789_123456789_123456789_123456789_123\":true}";
    weir_table_rule rule = rule_for("odd", "Sélect \"from\"");
    weir_store s = open_one(&rule);
    shape(s, odd, 5);
    begin(s);
    put(s, key, "s", row);
    commit(s);
    assert_stored(s, key, "s", row);
    begin(s);
    put(s, key, "s2", row);
    commit(s);
    assert_stored(s, key, "s2", row);
    s.ops->close(s.self);
}

static void case_renamed(void **state)
{
    (void)state;
    static const weir_view rename[][2] = {{{"id", 2}, {"number", 6}}};
    static const weir_shape_column columns[] = {
        {{"number", 6}, {"bigint", 6}}, {{"name", 4}, {"text", 4}}};
    weir_table_rule rule = rule_for("renamed", "renamed");
    rule.rename = rename;
    rule.n_rename = 1;
    weir_store s = open_one(&rule);
    shape(s, columns, 2);
    begin(s);
    put(s, "{\"id\":5}", "s", "{\"number\":5,\"name\":\"n\"}");
    commit(s);
    assert_stored(s, "{\"id\":5}", "s", "{\"number\":5,\"name\":\"n\"}");
    begin(s);
    assert_int_equal(walk(s, WEIR_SPACE_STATE, "{\"id\":5}", 0), 1);
    s.ops->abort(s.self);
    s.ops->close(s.self);
}

static void assert_opening_fails(const weir_table_rule *rule, const char *code)
{
    weir_error err;
    weir_store s = open_tables(rule, 1);
    assert_int_equal(s.ops->open_cache(s.self, TABLE, rule->cache, &err), WEIR_FATAL);
    assert_string_equal(err.code, code);
    s.ops->close(s.self);
}

static void case_wrong_targets(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("none", "not_there");
    rule.create = false;
    assert_opening_fails(&rule, "TABLE_MISSING");
    run_sql("create table no_key (id bigint, _weir_pos blob)");
    rule = rule_for("no_key", "no_key");
    assert_opening_fails(&rule, "TABLE_KEY");
    const weir_view id = {"id", 2};
    rule.key = &id;
    rule.n_key = 1;
    assert_opening_fails(&rule, "TABLE_KEY"); /* nothing keeps it unique */
    run_sql("create unique index no_key_id on no_key (id)");
    weir_store s = open_one(&rule);
    s.ops->close(s.self);
    run_sql("create table no_position (id bigint primary key)");
    rule = rule_for("no_position", "no_position");
    assert_opening_fails(&rule, "TABLE_COLUMN");
    rule = rule_for("other_key", "life");
    s = open_one(&rule);
    weir_error err;
    begin(s);
    put(s, "{\"number\":1}", "s", "{\"id\":1}");
    assert_int_equal(s.ops->commit(s.self, &err), WEIR_FATAL);
    assert_string_equal(err.code, "TABLE_KEY");
    s.ops->close(s.self);
}

/* Types that the source has widened, in the middle of a stream, keys too; an older shape beside the
 * newer one takes nothing back. */
static void case_widened(void **state)
{
    (void)state;
    static const weir_shape_column first[] = {{{"id", 2}, {"integer", 7}},
        {{"amount", 6}, {"numeric(6,2)", 12}}, {{"name", 4}, {"character varying(3)", 20}}};
    static const weir_shape_column second[] = {{{"id", 2}, {"bigint", 6}},
        {{"amount", 6}, {"numeric(12,4)", 13}}, {{"name", 4}, {"text", 4}}};
    weir_table_rule rule = rule_for("wide", "wide");
    rule.on_ddl = WEIR_DDL_EVOLVE;
    weir_store s = open_one(&rule);
    const char *small = "{\"id\":1,\"amount\":1.50,\"name\":\"abc\"}",
               *large = "{\"id\":9000000000,\"amount\":12345678.1234,\"name\":\"abcdef\"}",
               *later = "{\"id\":9000000001,\"amount\":12345678.1234,\"name\":\"abcdef\"}";
    shape(s, first, 3);
    begin(s);
    put(s, "{\"id\":1}", "s", small);
    commit(s);
    shape(s, second, 3);
    shape(s, first, 3); /* of a lane that is behind */
    begin(s);
    put(s, "{\"id\":9000000000}", "s", large);
    s.ops->abort(s.self); /* as if it had not been */
    begin(s);
    put(s, "{\"id\":9000000000}", "s", large);
    commit(s);
    assert_stored(s, "{\"id\":9000000000}", "s", large);
    s.ops->close(s.self);
    s = open_one(&rule);
    shape(s, first, 3); /* and a process that has just begun with an older record */
    begin(s);
    put(s, "{\"id\":2}", "s", "{\"id\":2,\"amount\":1.00,\"name\":\"x\"}");
    put(s, "{\"id\":9000000001}", "s", later);
    commit(s);
    assert_stored(s, "{\"id\":9000000001}", "s", later);
    s.ops->close(s.self);
}

/* Columns have the types that the config gives them, in a table that is made and in one that is
 * there; and a column that is weir's own is none of the row's. */
static void case_cast(void **state)
{
    (void)state;
    const weir_view casts[][2] = {
        {{"amount", 6}, {"float8", 6}}, {{"extra", 5}, {"varchar(20)", 11}}};
    weir_table_rule rule = rule_for("cast", "casted");
    rule.cast = casts;
    rule.n_cast = 2;
    weir_store s = open_one(&rule);
    weir_error err;
    shape(s, simple, 3);
    begin(s);
    put(s, "{\"id\":1}", "s", "{\"id\":1,\"name\":\"a\",\"amount\":1.50}");
    commit(s);
    assert_stored(s, "{\"id\":1}", "s", "{\"id\":1,\"name\":\"a\",\"amount\":1.5}");
    const weir_shape_column more[] = {simple[0], simple[1], simple[2], {{"extra", 5}, {NULL, 0}}};
    shape(s, more, 4);
    begin(s); /* a type that the records do not tell */
    put(s, "{\"id\":2}", "s", "{\"id\":2,\"name\":\"b\",\"amount\":2,\"extra\":\"x\"}");
    commit(s);
    s.ops->close(s.self);
    s = open_one(&rule);
    begin(s);
    put(s, "{\"id\":3}", "s", "{\"id\":3,\"_weir_pos\":\"x\"}");
    assert_int_equal(s.ops->commit(s.self, &err), WEIR_FATAL);
    assert_string_equal(err.code, "TABLE_COLUMN");
    s.ops->close(s.self);
    const weir_view others[][2] = {{{"amount", 6}, {"integer", 7}}};
    rule.cast = others;
    rule.n_cast = 1;
    s = open_tables(&rule, 1);
    assert_int_equal(s.ops->open_cache(s.self, TABLE, "cast", &err), WEIR_FATAL);
    assert_string_equal(err.code, "TABLE_COLUMN");
    assert_non_null(strstr(err.text, "`cast` says integer"));
    s.ops->close(s.self);
}

/* A number with decimals is no integer, in SQLite neither, which would round it. */
static void case_cast_to_whole(void **state)
{
    (void)state;
    run_sql("create table whole (id bigint primary key, name text, amount integer, _weir_pos "
            "bytea)");
    weir_table_rule rule = rule_for("whole", "whole");
    weir_store s = open_one(&rule);
    weir_error err;
    begin(s);
    put(s, "{\"id\":1}", "s", "{\"id\":1,\"name\":\"a\",\"amount\":12}");
    commit(s);
    weir_status st = WEIR_RETRY;
    for (int attempt = 0; attempt < 3 && st == WEIR_RETRY; attempt++) { /* it looks closer */
        begin(s);
        put(s, "{\"id\":2}", "s", "{\"id\":2,\"name\":\"b\",\"amount\":12345678901234567890.25}");
        st = s.ops->commit(s.self, &err);
    }
    assert_int_equal(st, WEIR_REJECT);
    assert_true(weir_view_is(refused_key(s, 0, &err), "{\"id\":2}"));
    assert_string_equal(err.code, "TABLE_REFUSED");
    s.ops->close(s.self);
}

/* Rows with a column that weir keeps something in: the table is not made of them. */
static void case_own_columns(void **state)
{
    (void)state;
    static const weir_shape_column columns[] = {
        {{"id", 2}, {"bigint", 6}}, {{"_weir_pos", 9}, {"text", 4}}, {{"gone_at", 7}, {"text", 4}}};
    static const char *const rows[] = {
        "{\"id\":1,\"_weir_pos\":\"x\"}", "{\"id\":1,\"gone_at\":\"x\"}"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const weir_shape_column shown[] = {columns[0], columns[1 + i]};
        weir_table_rule rule = rule_for("own_columns", "own_columns");
        weir_error err;
        rule.soft_delete = "gone_at";
        weir_store s = open_one(&rule);
        shape(s, shown, 2);
        begin(s);
        put(s, "{\"id\":1}", "s", rows[i]);
        assert_int_equal(s.ops->commit(s.self, &err), WEIR_FATAL);
        assert_string_equal(err.code, "TABLE_COLUMN");
        assert_non_null(strstr(err.text, "weir's own"));
        s.ops->close(s.self);
    }
}

#endif
