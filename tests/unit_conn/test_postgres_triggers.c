/* Tables of PostgreSQL whose triggers and policies decide what becomes of a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/postgres_tables.h"

/* A trigger that leaves rows out without a word is no other process, for which it would be waited
 * for ever, nor is the row in: it is refused, and a delete that is not done ends it. */
static void test_rows_left_out(void **state)
{
    (void)state;
    for (int with_position = 0; with_position < 2; with_position++) {
        run_sql(with_position ? "drop table if exists left_out; create table left_out (_weir_pos "
                                "bytea)"
                              : "drop table if exists left_out; create table left_out ()");
        run_sql("alter table left_out add id bigint primary key, add name text, add amount "
                "numeric(12,2); create or replace function leave_out() "
                "returns trigger language plpgsql as $$ begin if tg_op = 'DELETE' then return case "
                "when old.id = 3 then null else old end; end if; return case when new.id = 2 or "
                "new.name = 'no' then null else new end; end $$; create trigger a before insert or "
                "update or delete on left_out for each row execute function leave_out()");
        weir_table_rule rule = rule_for(with_position ? "left_out" : "left_out2", "left_out");
        rule.position_column = with_position ? "_weir_pos" : NULL;
        weir_store s = open_one(&rule);
        assert_left_out(s, "{\"id\":2}");
        s.ops->close(s.self);
    }
}

/* A trigger that puts rows into tables that inherit from this one leaves none out. */
static void test_rows_put_elsewhere(void **state)
{
    (void)state;
    run_sql(
        "drop table if exists whole cascade; create table whole (id bigint primary key, name "
        "text, amount numeric(12,2), _weir_pos bytea); create table part (primary key (id)) "
        "inherits (whole); create or replace function redirect() returns trigger language plpgsql "
        "as $$ begin insert into part values (new.*); return null; end $$; create trigger a before "
        "insert on whole for each row execute function redirect()");
    weir_table_rule rule = rule_for("whole", "whole");
    weir_store s = open_one(&rule);
    weir_error err;
    for (int i = 1; i < 4; i++) {
        char key[40], row[100];
        snprintf(key, sizeof key, "{\"id\":%d}", i % 3);
        snprintf(row, sizeof row, "{\"id\":%d,\"name\":\"n%d\",\"amount\":1.00}", i % 3, i);
        assert_int_equal(write_one(s, key, "s", row, &err), WEIR_OK);
        assert_stored(s, key, "s", row);
    }
    assert_int_equal(write_one(s, "{\"id\":1}", "dead", NULL, &err), WEIR_OK);
    assert_int_equal(number_of("select count(*) from part"), 2);
    s.ops->close(s.self);
}

/* Whatever state a trigger raises of its own language, and what is too large for an index, is of
 * the row. */
static void test_states_of_rows(void **state)
{
    (void)state;
    static const char *const raised[] = {"raise exception ''no''", "raise no_data_found",
        "assert false", "raise sqlstate ''38000''"};
    weir_error err;
    weir_table_rule rule = rule_for("raises", "raises");
    for (size_t i = 0; i < sizeof raised / sizeof *raised; i++) {
        char sql[600];
        snprintf(sql, sizeof sql,
            "drop table if exists raises; create table raises (id bigint primary key, _weir_pos "
            "bytea); create or replace function raises() returns trigger language plpgsql as "
            "'begin if new.id = 2 then %s; end if; return new; end'; create trigger a before "
            "insert "
            "on raises for each row execute function raises()",
            raised[i]);
        run_sql(sql);
        weir_store s = open_one(&rule);
        assert_int_equal(write_one(s, "{\"id\":1}", "s", "{\"id\":1}", &err), WEIR_OK);
        assert_int_equal(write_one(s, "{\"id\":2}", "s", "{\"id\":2}", &err), WEIR_REJECT);
        assert_string_equal(err.code, "TABLE_REFUSED");
        s.ops->close(s.self);
    }
}

static void test_too_large_for_an_index(void **state)
{
    (void)state;
    enum { LONG = 400000 };
    weir_error err;
    weir_table_rule rule = rule_for("indexed", "indexed");
    run_sql("drop table if exists indexed; create table indexed (id bigint primary key, name text, "
            "_weir_pos bytea); create index on indexed (name)");
    weir_store s = open_one(&rule);
    weir_buf row = {0};
    weir_buf_puts(&row, "{\"id\":1,\"name\":\"");
    for (unsigned i = 0, x = 1; i < LONG; i++, x = x * 1103515245 + 12345) {
        weir_buf_putc(&row, (char)('a' + (x >> 16) % 26));
    }
    weir_buf_puts(&row, "\"}");
    assert_int_equal(write_one(s, "{\"id\":1}", "s", weir_buf_str(&row), &err), WEIR_REJECT);
    assert_string_equal(err.code, "TABLE_REFUSED");
    weir_buf_fini(&row);
    s.ops->close(s.self);
}

int main(void)
{
    if (!getenv("WEIR_TEST_PG")) {
        printf("skipped: PostgreSQL is not installed\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_left_out),
        cmocka_unit_test(test_rows_put_elsewhere),
        cmocka_unit_test(test_states_of_rows),
        cmocka_unit_test(test_too_large_for_an_index),
    };
    return cmocka_run_group_tests(tests, empty_database, NULL);
}
