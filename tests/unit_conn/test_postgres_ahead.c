/* Tables of PostgreSQL that are written in the source's order: each write of few rows is sent
 * ahead, and answered later. All that holds of tables holds of them, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/postgres_tables.h"
#include "support/table_cases.h"

/* One write of its own. */
static weir_status put_now(weir_store s, unsigned cache, const char *key, const char *state,
    const char *row, weir_error *err)
{
    weir_view k = text_of(key);
    weir_status st = s.ops->put(s.self, cache, WEIR_SPACE_STATE, k, text_of(state), err);
    st = st    ? st
         : row ? s.ops->put(s.self, cache, WEIR_SPACE_ROW, k, text_of(row), err)
               : s.ops->del(s.self, cache, WEIR_SPACE_ROW, k, err);
    return st ? st : s.ops->write_now(s.self, false, err);
}

static weir_status end(weir_store s, weir_error *err)
{
    weir_status st = s.ops->write_now(s.self, true, err);
    if (st) {
        s.ops->abort(s.self);
        return st;
    }
    return s.ops->commit(s.self, err);
}

/* More statements than are sent before answers are looked at, of each kind; a row changes many
 * times, dies and comes again. */
static void test_many_writes(void **state)
{
    (void)state;
    enum { ROWS = 400 };
    weir_table_rule rule = rule_for("many_writes", "many_writes");
    weir_store s = open_one(&rule);
    weir_error err;
    shape(s, simple, 3);
    begin(s);
    for (int i = 0; i < 3 * ROWS; i++) {
        char key[40], row[100], at[20];
        snprintf(key, sizeof key, "{\"id\":%d}", i % ROWS);
        snprintf(at, sizeof at, "s%d", i);
        snprintf(row, sizeof row, "{\"id\":%d,\"name\":\"'%d\\\"\",\"amount\":null}", i % ROWS, i);
        bool gone = i / ROWS == 1 && i % 2;
        assert_int_equal(put_now(s, TABLE, key, at, gone ? NULL : row, &err), WEIR_OK);
    }
    assert_int_equal(end(s, &err), WEIR_OK);
    assert_int_equal(number_of("select count(*) from many_writes"), ROWS);
    assert_stored(s, "{\"id\":7}", "s807", "{\"id\":7,\"name\":\"'807\\\"\",\"amount\":null}");
    assert_int_equal(number_of("select count(*) from weir_state where cache = 'many_writes'"), 0);
    begin(s);
    for (int i = 0; i < ROWS; i += 2) { /* only the position */
        char key[40];
        snprintf(key, sizeof key, "{\"id\":%d}", i);
        assert_int_equal(
            s.ops->put(s.self, TABLE, WEIR_SPACE_STATE, text_of(key), text_of("later"), &err),
            WEIR_OK);
        assert_int_equal(s.ops->write_now(s.self, false, &err), WEIR_OK);
    }
    assert_int_equal(end(s, &err), WEIR_OK);
    assert_stored(s, "{\"id\":8}", "later", "{\"id\":8,\"name\":\"'808\\\"\",\"amount\":null}");
    s.ops->close(s.self);
}

/* What is refused is found, though it was sent ahead, and with its own message. */
static void test_refused_behind_others(void **state)
{
    (void)state;
    static const char *const values[] = {"\"far too long\"", "\"\\u0000\"", "\"no\""};
    static const char *const said[] = {"too long", "0x00", "check constraint"};
    run_sql("create table strict (id bigint primary key, name varchar(3) check (name <> 'no'), "
            "_weir_pos blob)");
    weir_table_rule rule = rule_for("strict", "strict");
    weir_store s = open_one(&rule);
    weir_error err = {.status = WEIR_OK};
    for (int v = 0; v < 3; v++) {
        weir_status st = WEIR_RETRY;
        for (int attempt = 0; attempt < 4 && st == WEIR_RETRY; attempt++) {
            char bad[80];
            snprintf(bad, sizeof bad, "{\"id\":2,\"name\":%s}", values[v]);
            begin(s);
            st = put_now(s, TABLE, "{\"id\":1}", "s", "{\"id\":1,\"name\":\"a\"}", &err);
            st = st ? st : put_now(s, TABLE, "{\"id\":2}", "s", bad, &err);
            st = st ? st : put_now(s, TABLE, "{\"id\":3}", "s", "{\"id\":3,\"name\":\"c\"}", &err);
            if (st) {
                s.ops->abort(s.self);
            } else {
                st = end(s, &err);
            }
        }
        assert_int_equal(st, WEIR_REJECT);
        unsigned cache;
        weir_view key;
        assert_true(s.ops->refused(s.self, 0, &cache, &key, &err));
        assert_true(weir_view_is(key, "{\"id\":2}"));
        assert_string_equal(err.code, "TABLE_REFUSED");
        assert_non_null(strstr(err.text, said[v]));
    }
    assert_int_equal(number_of("select count(*) from strict"), 0);
    begin(s);
    assert_int_equal(
        put_now(s, TABLE, "{\"id\":1}", "s", "{\"id\":1,\"name\":\"a\"}", &err), WEIR_OK);
    assert_int_equal(end(s, &err), WEIR_OK);
    s.ops->close(s.self);
}

/* A transaction that is cut off in the midst of it is done again, by statements of the new session.
 */
static void test_cut_off(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("cut", "cut");
    weir_store s = open_one(&rule);
    weir_error err;
    const char *one = "{\"id\":1}", *row = "{\"id\":1,\"name\":\"a\",\"amount\":1.00}";
    shape(s, simple, 3);
    begin(s);
    assert_int_equal(put_now(s, TABLE, one, "s1", row, &err), WEIR_OK);
    assert_int_equal(end(s, &err), WEIR_OK);
    begin(s);
    assert_int_equal(put_now(s, TABLE, one, "s2", NULL, &err), WEIR_OK);
    cut_off();
    assert_int_equal(end(s, &err), WEIR_HOLD);
    begin_again(s);
    assert_int_equal(put_now(s, TABLE, one, "s2", NULL, &err), WEIR_OK);
    assert_int_equal(put_now(s, TABLE, one, "s3", row, &err), WEIR_OK);
    assert_int_equal(end(s, &err), WEIR_OK);
    assert_stored(s, one, "s3", row);
    s.ops->close(s.self);
}

/* Other columns: statements of a table that was changed are others. */
static void test_changed_between(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("between", "between");
    weir_store s = open_one(&rule);
    weir_error err;
    weir_shape_column more[] = {simple[0], simple[1], simple[2], {{"more", 4}, {"integer", 7}}};
    shape(s, simple, 3);
    for (int i = 0; i < 2; i++) {
        begin(s);
        assert_int_equal(put_now(s, TABLE, "{\"id\":1}", i ? "s3" : "s1",
                             "{\"id\":1,\"name\":\"a\",\"amount\":1.00}", &err),
            WEIR_OK);
        assert_int_equal(end(s, &err), WEIR_OK);
    }
    shape(s, more, 4);
    begin(s);
    assert_int_equal(put_now(s, TABLE, "{\"id\":1}", "s4",
                         "{\"id\":1,\"name\":\"b\",\"amount\":1.00,\"more\":5}", &err),
        WEIR_OK);
    assert_int_equal(end(s, &err), WEIR_OK);
    assert_stored(s, "{\"id\":1}", "s4", "{\"id\":1,\"name\":\"b\",\"amount\":1.00,\"more\":5}");
    s.ops->close(s.self);
}

/* ---- Foreign keys ------------------------------------------------------------------------------
 */

enum { CHILD = 1, PARENT, GRANDCHILD };

/* By number, children come before their parents. */
static weir_store open_family(void)
{
    static const weir_table_rule rules[] = {
        {.cache = "child", .table = "child", .position_column = "_weir_pos"},
        {.cache = "parent", .table = "parent", .position_column = "_weir_pos"},
        {.cache = "grandchild", .table = "grandchild", .position_column = "_weir_pos"}};
    weir_error err;
    weir_store s = open_tables(rules, 3);
    for (unsigned i = 0; i <= GRANDCHILD; i++) {
        assert_int_equal(
            s.ops->open_cache(s.self, i, i ? rules[i - 1].cache : ".weir", &err), WEIR_OK);
    }
    return s;
}

static void put_in(weir_store s, unsigned cache, int id, int of)
{
    char key[40], row[60];
    weir_error err;
    snprintf(key, sizeof key, "{\"id\":%d}", id);
    snprintf(row, sizeof row, "{\"id\":%d,\"of\":%d}", id, of);
    weir_view k = text_of(key);
    assert_int_equal(
        s.ops->put(s.self, cache, WEIR_SPACE_STATE, k, text_of(of ? "s" : "dead"), &err), WEIR_OK);
    weir_status st = of ? s.ops->put(s.self, cache, WEIR_SPACE_ROW, k, text_of(row), &err)
                        : s.ops->del(s.self, cache, WEIR_SPACE_ROW, k, &err);
    assert_int_equal(st, WEIR_OK);
}

/* Rows go in behind those that they refer to, and out before them; a row that comes to refer to
 * another one does so before the old one goes. */
static void test_by_foreign_keys(void **state)
{
    (void)state;
    weir_error err;
    run_sql("create table parent (id int primary key, \"of\" int, _weir_pos blob);"
            "create table child (id int primary key, \"of\" int references parent, _weir_pos "
            "blob);"
            "create table grandchild (id int primary key, \"of\" int references child, _weir_pos "
            "blob)");
    weir_store s = open_family();
    unsigned sorted[] = {GRANDCHILD, CHILD, PARENT};
    assert_int_equal(s.ops->sort(s.self, sorted, 3, &err), WEIR_OK);
    assert_true(sorted[0] == PARENT && sorted[1] == CHILD && sorted[2] == GRANDCHILD);
    begin(s);
    put_in(s, GRANDCHILD, 1, 1);
    put_in(s, CHILD, 1, 1);
    put_in(s, PARENT, 1, 9);
    assert_int_equal(end(s, &err), WEIR_OK);
    begin(s);
    put_in(s, PARENT, 1, 0);
    put_in(s, PARENT, 2, 9);
    put_in(s, CHILD, 1, 2);
    assert_int_equal(end(s, &err), WEIR_OK);
    begin(s);
    put_in(s, PARENT, 2, 0);
    put_in(s, CHILD, 1, 0);
    put_in(s, GRANDCHILD, 1, 0);
    assert_int_equal(end(s, &err), WEIR_OK);
    assert_int_equal(number_of("select (select count(*) from parent) + (select count(*) from "
                               "child) + (select count(*) from grandchild)"),
        0);
    begin(s);
    put_in(s, CHILD, 5, 5);
    assert_int_equal(end(s, &err), WEIR_FATAL);
    assert_string_equal(err.code, "TABLE_DEPENDS");
    s.ops->close(s.self);
}

static int write_ahead(void **state)
{
    by_transaction = true;
    return empty_database(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TABLE_CASES,
        cmocka_unit_test(test_many_writes),
        cmocka_unit_test(test_refused_behind_others),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_changed_between),
        cmocka_unit_test(test_by_foreign_keys),
    };
    if (!getenv("WEIR_TEST_PG")) {
        printf("skipped: PostgreSQL is not installed, or this was not run by with-postgres\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, write_ahead, NULL);
}
