/* Tables of PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/postgres_tables.h"
#include "support/table_cases.h"

static void test_lock(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("life", "life");
    weir_store s = open_tables(&rule, 1), other;
    weir_postgres_options o = {.conninfo = getenv("WEIR_TEST_PG"), .tables = &rule, .n_tables = 1};
    weir_error err;
    assert_int_equal(weir_postgres_store_open(&o, &other, &err), WEIR_FATAL);
    assert_string_equal(err.code, "STORE_LOCKED");
    o.read_only = true;
    assert_int_equal(weir_postgres_store_open(&o, &other, &err), WEIR_OK);
    other.ops->close(other.self);
    s.ops->close(s.self);
}

/* Whoever is in the way waits, or is waited for: nothing is lost, nothing is refused for it. */
static void test_holds(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("holds", "holds");
    const char *k = "{\"id\":1}", *row = "{\"id\":1,\"name\":\"a\",\"amount\":1.00}";
    weir_store s = open_one(&rule);
    weir_error err;
    shape(s, simple, 3);
    begin(s);
    put(s, k, "s1", row);
    run_sql(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'weir'");
    assert_int_equal(s.ops->commit(s.self, &err), WEIR_HOLD);
    assert_string_equal(err.code, "STORE_UNREACHABLE");
    for (int i = 0; i < 100 && s.ops->begin(s.self, &err); i++) {
        assert_int_equal(err.status, WEIR_HOLD); /* the old session's lock */
        usleep(10000);
    }
    put(s, k, "s1", row);
    commit(s);
    run_sql("alter database postgres set default_transaction_read_only = on");
    run_sql(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'weir'");
    weir_status st = s.ops->begin(s.self, &err);
    for (int i = 0; i < 3 && st; i++) {
        assert_int_equal(st, WEIR_HOLD);
        st = s.ops->begin(s.self, &err);
    }
    assert_int_equal(st, WEIR_HOLD); /* a standby, as far as one can tell */
    run_sql(
        "begin read write; alter database postgres reset default_transaction_read_only; commit");
    for (int i = 0; i < 100 && s.ops->begin(s.self, &err); i++) {
        usleep(10000);
    }
    put(s, k, "s2", row);
    commit(s);
    assert_stored(s, k, "s2", row);
    s.ops->close(s.self);
}

static void test_wrong_login(void **state)
{
    (void)state;
    weir_postgres_options o = {.conninfo = "host=/nonexistent port=1"};
    weir_store s;
    weir_error err;
    assert_int_equal(weir_postgres_store_open(&o, &s, &err), WEIR_HOLD);
    char info[200];
    snprintf(info, sizeof info, "%s", getenv("WEIR_TEST_PG"));
    memcpy(strstr(info, "dbname=postgres"), "dbname=nobodyss", 15);
    o.conninfo = info;
    assert_int_equal(weir_postgres_store_open(&o, &s, &err), WEIR_FATAL);
    assert_string_equal(err.code, "STORE_CONFIG");
}

/* A value out of range, named by column; a foreign key is no row's own fault. */
static void test_refusals(void **state)
{
    (void)state;
    weir_error err;
    weir_table_rule rule = rule_for("ranges", "ranges");
    run_sql("create table ranges (id bigint primary key, small smallint, short varchar(2), "
            "_weir_pos bytea)");
    weir_store s = open_one(&rule);
    weir_status st = WEIR_RETRY;
    for (int i = 0; i < 3 && st == WEIR_RETRY; i++) {
        begin(s);
        put(s, "{\"id\":1}", "s", "{\"id\":1,\"small\":1,\"short\":\"ok\"}");
        put(s, "{\"id\":2}", "s", "{\"id\":2,\"small\":70000,\"short\":\"ok\"}");
        put(s, "{\"id\":3}", "s", "{\"id\":3,\"small\":1,\"short\":\"long\"}");
        st = s.ops->commit(s.self, &err);
    }
    assert_int_equal(st, WEIR_REJECT);
    assert_true(weir_view_is(refused_key(s, 0, &err), "{\"id\":2}"));
    assert_non_null(strstr(err.text, "22003"));
    assert_non_null(strstr(err.text, "column small"));
    assert_true(weir_view_is(refused_key(s, 1, &err), "{\"id\":3}"));
    assert_non_null(strstr(err.text, "22001"));
    assert_null(refused_key(s, 2, &err).ptr);
    s.ops->close(s.self);
    run_sql("create table child (id bigint primary key, parent bigint references ranges, _weir_pos "
            "bytea)");
    rule = rule_for("child", "child");
    s = open_one(&rule);
    begin(s);
    put(s, "{\"id\":1}", "s", "{\"id\":1,\"parent\":99}");
    st = s.ops->commit(s.self, &err);
    if (st == WEIR_RETRY) {
        begin(s);
        put(s, "{\"id\":1}", "s", "{\"id\":1,\"parent\":99}");
        st = s.ops->commit(s.self, &err);
    }
    assert_int_equal(st, WEIR_FATAL);
    assert_string_equal(err.code, "TABLE_DEPENDS");
    s.ops->close(s.self);
}

/* Partitioned targets, generated columns and identities. */
static void test_targets(void **state)
{
    (void)state;
    run_sql("create table parts (id bigint, area text, double bigint generated always as (id * 2) "
            "stored, _weir_pos bytea, primary key (area, id)) partition by list (area)");
    run_sql("create table parts_a partition of parts for values in ('a')");
    run_sql("create table parts_b partition of parts default");
    weir_table_rule rule = rule_for("parts", "parts");
    weir_store s = open_one(&rule);
    for (int round = 0; round < 2; round++) {
        begin(s);
        put(s, "{\"area\":\"a\",\"id\":1}", round ? "s2" : "s",
            "{\"id\":1,\"area\":\"a\",\"double\":7}");
        put(s, "{\"area\":\"b\",\"id\":1}", round ? "s2" : "s",
            "{\"id\":1,\"area\":\"b\",\"double\":7}");
        commit(s);
    }
    assert_stored(s, "{\"area\":\"b\",\"id\":1}", "s2", "{\"id\":1,\"area\":\"b\",\"double\":2}");
    s.ops->close(s.self);
    run_sql(
        "create table ident (id bigint generated always as identity primary key, _weir_pos bytea)");
    rule = rule_for("ident", "ident");
    s = open_one(&rule);
    begin(s);
    put(s, "{\"id\":41}", "s", "{\"id\":41}");
    commit(s);
    assert_stored(s, "{\"id\":41}", "s", "{\"id\":41}");
    s.ops->close(s.self);
    rule = rule_for("in_schema", "t");
    rule.schema = "Made Here";
    s = open_one(&rule);
    shape(s, simple, 3);
    begin(s);
    put(s, "{\"id\":1}", "s", "{\"id\":1,\"name\":\"a\",\"amount\":1.00}");
    commit(s);
    assert_stored(s, "{\"id\":1}", "s", "{\"id\":1,\"name\":\"a\",\"amount\":1.00}");
    s.ops->close(s.self);
}

/* Writes a row, and says how that ended. */
static weir_status write_row(weir_store s, const char *state, weir_error *err)
{
    const char *k = "{\"id\":1}", *row = "{\"id\":1,\"name\":\"a\",\"amount\":1.00}";
    weir_view v;
    weir_status st = s.ops->get(s.self, TABLE, WEIR_SPACE_STATE, text_of(k), &v, err);
    st = st ? st : s.ops->put(s.self, TABLE, WEIR_SPACE_STATE, text_of(k), text_of(state), err);
    st = st ? st : s.ops->put(s.self, TABLE, WEIR_SPACE_ROW, text_of(k), text_of(row), err);
    if (st) {
        s.ops->abort(s.self);
        return st;
    }
    return s.ops->commit(s.self, err);
}

/* What the server cancels by a timeout is held, and done again. */
static void test_timeouts(void **state)
{
    (void)state;
    static const char *const settings[] = {"statement_timeout = '100ms'", "lock_timeout = '100ms'"};
    weir_table_rule rule = rule_for("slow", "slow");
    weir_store s = open_one(&rule);
    weir_error err;
    shape(s, simple, 3);
    begin(s);
    assert_int_equal(write_row(s, "s0", &err), WEIR_OK);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        char sql[120];
        snprintf(sql, sizeof sql, "alter database postgres set %s", settings[i]);
        run_sql(sql);
        cut_off();
        weir_status lost = s.ops->begin(s.self, &err); /* finds that its session is gone */
        if (!lost) {
            s.ops->abort(s.self);
        }
        PGconn *c = PQconnectdb(getenv("WEIR_TEST_PG"));
        PQclear(PQexec(c, "set statement_timeout = 0"));
        PQclear(PQexec(c, "begin"));
        PQclear(PQexec(c, "lock table slow in access exclusive mode"));
        begin_again(s);
        assert_int_equal(write_row(s, "s1", &err), WEIR_HOLD);
        assert_non_null(strstr(err.text, i ? "55P03" : "57014"));
        PQclear(PQexec(c, "rollback"));
        PQfinish(c);
        begin_again(s);
        assert_int_equal(write_row(s, "s1", &err), WEIR_OK);
        run_sql("set statement_timeout = 0; alter database postgres reset all");
    }
    run_sql("alter database postgres set idle_in_transaction_session_timeout = '100ms'");
    cut_off();
    weir_status lost = s.ops->begin(s.self, &err);
    if (!lost) {
        s.ops->abort(s.self);
    }
    begin_again(s);
    usleep(500000);
    assert_int_equal(write_row(s, "s2", &err), WEIR_HOLD);
    begin_again(s);
    assert_int_equal(write_row(s, "s2", &err), WEIR_OK);
    run_sql("alter database postgres reset all");
    assert_stored(s, "{\"id\":1}", "s2", "{\"id\":1,\"name\":\"a\",\"amount\":1.00}");
    s.ops->close(s.self);
}

/* Runs a command of the system on a folder; false: it cannot be, for want of rights. */
static bool can(const char *command, const char *folder)
{
    char text[300];
    snprintf(text, sizeof text, "%s %s 2>/dev/null", command, folder);
    return system(text) == 0;
}

/* A full disk is held; with more room it goes on by itself. */
static void test_full_disk(void **state)
{
    (void)state;
    char folder[] = "/tmp/weir-full-XXXXXX", sql[200];
    assert_non_null(mkdtemp(folder));
    if (!can("mount -t tmpfs -o size=400k tmpfs", folder) || !can("chown postgres", folder)) {
        printf("skipped: a small file system cannot be mounted\n");
        rmdir(folder);
        return;
    }
    snprintf(sql, sizeof sql, "create tablespace small location '%s'", folder);
    run_sql(sql);
    run_sql("create table full_disk (id bigint primary key, name text, amount numeric, _weir_pos "
            "bytea) "
            "tablespace small");
    weir_table_rule rule = rule_for("full_disk", "full_disk");
    weir_store s = open_one(&rule);
    weir_error err;
    weir_status st = WEIR_OK;
    int n = 0;
    for (int i = 0; i < 100 && !st; i++) {
        begin(s);
        for (int k = 0; k < 100 && !st; k++, n++) {
            char key[40], row[200];
            snprintf(key, sizeof key, "{\"id\":%d}", n);
            snprintf(row, sizeof row, "{\"id\":%d,\"name\":\"%0100d\",\"amount\":1}", n, n);
            put(s, key, "s", row);
        }
        st = s.ops->commit(s.self, &err);
    }
    assert_int_equal(st, WEIR_HOLD);
    assert_string_equal(err.code, "STORE_FULL");
    assert_non_null(strstr(err.text, "53100"));
    assert_true(can("mount -o remount,size=64m", folder));
    put_all(s, 0, n, "s2");
    assert_stored(s, "{\"id\":7}", "s2", "{\"id\":7,\"name\":\"n\",\"amount\":7.00}");
    s.ops->close(s.self);
    run_sql("drop table full_disk");
    run_sql("drop tablespace small");
    assert_true(can("umount", folder) && can("rmdir", folder));
}

/* A view on a column keeps PostgreSQL from changing its type: that stops, with its own words. */
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
    const char *row = "{\"id\":2,\"x\":0.123456789012345}";
    shape(s, first, 2);
    begin(s);
    put(s, "{\"id\":1}", "s", "{\"id\":1,\"x\":0.1}");
    commit(s);
    run_sql("create view of_reals as select x from reals");
    shape(s, second, 2);
    begin(s);
    put(s, "{\"id\":2}", "s", row);
    assert_int_equal(s.ops->commit(s.self, &err), WEIR_FATAL);
    assert_string_equal(err.code, "TABLE_SCHEMA");
    assert_non_null(strstr(err.text, "view"));
    run_sql("drop view of_reals");
    begin(s);
    put(s, "{\"id\":2}", "s", row);
    commit(s);
    assert_stored(s, "{\"id\":2}", "s", row);
    s.ops->close(s.self);
}

/* What the server has read of the side table, by its index or as a whole. */
static long read_aside(void)
{
    return number_of(
        "select (select coalesce(sum(idx_tup_read), 0) from pg_stat_user_indexes where "
        "relname = 'weir_state') + (select coalesce(sum(seq_tup_read), 0) from "
        "pg_stat_user_tables where relname = 'weir_state')");
}

/* Delete marks of these keys. */
static void mark_all(weir_store s, int from, int to, const char *state)
{
    begin(s);
    for (int i = from; i < to; i++) {
        char key[40];
        snprintf(key, sizeof key, "{\"id\":%d}", i);
        put(s, key, state, NULL);
    }
    commit(s);
}

/* A batch meets the marks of its own keys, however many there are. Before statistics said how many,
 * the planner took all of a cache's marks for one, and read them for every batch. */
static void test_marks_are_met_by_their_keys(void **state)
{
    enum { MARKS = 5000, BATCHES = 10, BATCH = 50, ENOUGH = 4 * BATCHES * BATCH };
    weir_table_rule rule = rule_for("marked", "marked");
    (void)state;
    weir_store s = open_one(&rule);
    run_sql("alter table weir_state set (autovacuum_enabled = off)");
    shape(s, simple, 3);
    put_all(s, MARKS, MARKS + 1, "s0"); /* so that there is a table */
    mark_all(s, 0, MARKS, "s0");
    s.ops->close(s.self);
    long before = read_aside();
    s = open_one(&rule);
    for (int i = 0; i < BATCHES; i++) {
        mark_all(s, i * BATCH, (i + 1) * BATCH, "s1"); /* other marks */
    }
    put_all(s, 0, BATCH, "s2"); /* and none */
    s.ops->close(s.self);
    long read = read_aside() - before;
    run_sql("alter table weir_state reset (autovacuum_enabled)");
    assert_in_range(read, BATCHES * BATCH, ENOUGH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TABLE_CASES,
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_holds),
        cmocka_unit_test(test_wrong_login),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_widening),
        cmocka_unit_test(test_marks_are_met_by_their_keys),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_full_disk),
    };
    if (!getenv("WEIR_TEST_PG")) {
        printf("skipped: PostgreSQL is not installed, or this was not run by with-postgres\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, empty_database, NULL);
}
