/* What every store of tables must do, whatever its database. The includer has what table_fixture.h
 * asks for, and calls the cases from its own list of tests. */
#ifndef WEIR_TEST_TABLE_CASES_H
#define WEIR_TEST_TABLE_CASES_H

#include "support/table_column_cases.h"
#include "support/table_fixture.h"
#include "support/table_key_cases.h"
#include "support/table_policy_cases.h"

/* A row comes, changes, dies, and comes again; an abort is nothing. */
static void case_life_of_a_row(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("life", "life");
    weir_store s = open_one(&rule);
    const char *k = "{\"id\":1}", *one = "{\"id\":1,\"name\":\"a\",\"amount\":1.50}",
               *two = "{\"id\":1,\"name\":null,\"amount\":-2.00}";
    shape(s, simple, 3);
    begin(s);
    assert_space(s, WEIR_SPACE_STATE, k, NULL);
    put(s, k, "s1", one);
    assert_space(s, WEIR_SPACE_ROW, k, one); /* its own writes are seen */
    commit(s);
    assert_stored(s, k, "s1", one);
    begin(s);
    assert_space(s, WEIR_SPACE_STATE, k, "s1");
    put(s, k, "s2", two);
    s.ops->abort(s.self);
    assert_stored(s, k, "s1", one);
    begin(s);
    put(s, k, "s2", one);
    put(s, k, "s3", two); /* many changes are one */
    commit(s);
    assert_stored(s, k, "s3", two);
    assert_int_equal(s.ops->count(s.self, TABLE, WEIR_SPACE_ROW), 1);
    begin(s);
    put(s, k, "dead", NULL);
    commit(s);
    assert_stored(s, k, "dead", NULL);
    assert_int_equal(s.ops->count(s.self, TABLE, WEIR_SPACE_ROW), 0);
    begin(s);
    put(s, k, "s4", one);
    commit(s);
    assert_stored(s, k, "s4", one);
    s.ops->close(s.self);
    s = open_one(&rule); /* another process finds it */
    assert_stored(s, k, "s4", one);
    s.ops->close(s.self);
}

static void case_read_by_others(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("others", "others");
    weir_store s = open_one(&rule);
    weir_buf b = {0};
    bool found;
    weir_view k = text_of("{\"id\":7}");
    shape(s, simple, 3);
    begin(s);
    put(s, "{\"id\":7}", "s", "{\"id\":7,\"name\":\"x\",\"amount\":0.10}");
    commit(s);
    assert_int_equal(s.ops->read(s.self, TABLE, WEIR_SPACE_ROW, k, &b, &found, NULL), WEIR_OK);
    assert_true(
        found && weir_view_is(weir_buf_view(&b), "{\"id\":7,\"name\":\"x\",\"amount\":0.10}"));
    weir_buf_clear(&b);
    k = text_of("{\"id\":8}");
    assert_int_equal(s.ops->read(s.self, TABLE, WEIR_SPACE_ROW, k, &b, &found, NULL), WEIR_OK);
    assert_false(found);
    weir_buf_fini(&b);
    s.ops->close(s.self);
}

/* What is not of a row: META and MOVE, with keys of any bytes. */
static void case_names(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("names", "names");
    weir_store s = open_one(&rule);
    const weir_store_ops *ops = s.ops;
    weir_view odd = {"\0\xff'\"\\", 5}, v;
    begin(s);
    assert_int_equal(ops->put(s.self, 0, WEIR_SPACE_META, odd, odd, NULL), WEIR_OK);
    assert_int_equal(ops->put(s.self, TABLE, WEIR_SPACE_MOVE, odd, odd, NULL), WEIR_OK);
    commit(s);
    begin(s);
    assert_int_equal(ops->get(s.self, 0, WEIR_SPACE_META, odd, &v, NULL), WEIR_OK);
    assert_true(v.ptr && weir_view_eq(v, odd));
    assert_int_equal(ops->put(s.self, 0, WEIR_SPACE_META, odd, text_of("new"), NULL), WEIR_OK);
    assert_int_equal(ops->del(s.self, TABLE, WEIR_SPACE_MOVE, odd, NULL), WEIR_OK);
    commit(s);
    begin(s);
    assert_int_equal(ops->get(s.self, 0, WEIR_SPACE_META, odd, &v, NULL), WEIR_OK);
    assert_true(weir_view_is(v, "new"));
    assert_int_equal(ops->get(s.self, TABLE, WEIR_SPACE_MOVE, odd, &v, NULL), WEIR_OK);
    assert_null(v.ptr);
    assert_int_equal(ops->del(s.self, 0, WEIR_SPACE_META, odd, NULL), WEIR_OK);
    commit(s);
    ops->close(s.self);
}

/* More than any page or batch: rows and marks are walked together, and removed on the way. */
static void case_many(void **state)
{
    (void)state;
    enum { ROWS = 20000, MARKS = 2500 };
    weir_table_rule rule = rule_for("many", "many");
    weir_store s = open_one(&rule);
    shape(s, simple, 3);
    begin(s);
    for (int i = 0; i < ROWS + MARKS; i++) {
        char key[40], row[100];
        snprintf(key, sizeof key, "{\"id\":%d}", i);
        snprintf(row, sizeof row, "{\"id\":%d,\"name\":\"n\",\"amount\":%d.00}", i, i);
        put(s, key, "s", i < ROWS ? row : NULL);
    }
    assert_int_equal(walk(s, WEIR_SPACE_STATE, "", 0), ROWS + MARKS); /* before it is committed */
    commit(s);
    begin(s);
    assert_int_equal(walk(s, WEIR_SPACE_ROW, "", 0), ROWS);
    assert_int_equal(walk(s, WEIR_SPACE_ROW, "{\"id\":19990}", 0), 10);
    assert_int_equal(walk(s, WEIR_SPACE_STATE, "", 2), ROWS + MARKS);
    assert_int_equal(walk(s, WEIR_SPACE_STATE, "", 0), (ROWS + MARKS) / 2);
    assert_int_equal(walk(s, WEIR_SPACE_ROW, "", 0), ROWS / 2);
    commit(s);
    assert_int_equal(s.ops->count(s.self, TABLE, WEIR_SPACE_ROW), ROWS / 2);
    begin(s);
    assert_int_equal(s.ops->clear(s.self, TABLE, WEIR_SPACE_ROW, NULL), WEIR_OK);
    assert_int_equal(s.ops->clear(s.self, TABLE, WEIR_SPACE_STATE, NULL), WEIR_OK);
    assert_int_equal(walk(s, WEIR_SPACE_STATE, "", 0), 0);
    commit(s);
    s.ops->close(s.self);
}

/* Rows that a check refuses are named, all of them; without them their neighbours go in. */
static void case_refused(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("refused", "refused");
    weir_error err;
    run_sql("create table refused (id bigint primary key, name text not null check (name <> 'no'), "
            "_weir_pos blob)");
    weir_store s = open_one(&rule);
    for (int attempt = 0; attempt < 2; attempt++) {
        begin(s);
        for (int i = 0; i < 100; i++) {
            char key[40], row[100];
            snprintf(key, sizeof key, "{\"id\":%d}", i);
            snprintf(row, sizeof row, "{\"id\":%d,\"name\":%s}", i,
                i == 17   ? "\"no\""
                : i == 80 ? "null"
                : i == 99 ? "\"\\u0000\""
                          : "\"yes\"");
            put(s, key, "s", row);
        }
        weir_status st = s.ops->commit(s.self, &err);
        assert_int_equal(
            st, attempt ? WEIR_REJECT : st); /* the first one may only look closer next time */
        if (st == WEIR_REJECT) {
            attempt = 1;
        }
    }
    unsigned met = 0;
    for (size_t i = 0; i < 3; i++) {
        weir_view key = refused_key(s, i, &err);
        assert_non_null(key.ptr);
        assert_string_equal(err.code, "TABLE_REFUSED");
        met |= weir_view_is(key, "{\"id\":17}")   ? 1
               : weir_view_is(key, "{\"id\":80}") ? 2
               : weir_view_is(key, "{\"id\":99}") ? 4
                                                  : 8;
    }
    assert_int_equal(met, 7);
    assert_null(refused_key(s, 3, &err).ptr);
    begin(s);
    put(s, "{\"id\":16}", "s", "{\"id\":16,\"name\":\"yes\"}");
    commit(s);
    assert_stored(s, "{\"id\":16}", "s", "{\"id\":16,\"name\":\"yes\"}");
    s.ops->close(s.self);
}

/* A row that is not as it was read: the transaction is to be done again, and then it goes. */
static void case_moved(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("moved", "moved");
    weir_store s = open_one(&rule);
    weir_error err;
    const char *k = "{\"id\":1}", *row = "{\"id\":1,\"name\":\"a\",\"amount\":1.00}";
    shape(s, simple, 3);
    begin(s);
    put(s, k, "s1", row);
    commit(s);
    const weir_expected absent = {.key = {"{\"id\":1}", 8}, .absent = true};
    begin(s);
    assert_int_equal(s.ops->expect(s.self, TABLE, &absent, 1, NULL), WEIR_OK);
    assert_space(s, WEIR_SPACE_STATE, k, NULL); /* a wrong guess */
    put(s, k, "s2", row);
    assert_int_equal(s.ops->commit(s.self, &err), WEIR_RETRY);
    assert_string_equal(err.code, "TABLE_MOVED");
    begin(s);
    assert_int_equal(s.ops->expect(s.self, TABLE, &absent, 1, NULL), WEIR_OK);
    assert_space(s, WEIR_SPACE_STATE, k, "s1"); /* now it has asked */
    put(s, k, "s2", row);
    commit(s);
    assert_stored(s, k, "s2", row);
    s.ops->close(s.self);
}

/* What stands beside the rows is walked alone: marks of dead keys, not those of living ones. */
static void case_aside(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("aside", "aside");
    weir_store s = open_one(&rule);
    weir_error err;
    seen w = {0, 2};
    shape(s, simple, 3);
    put_all(s, 0, 10, "s");
    begin(s);
    for (int i = 5; i < 9; i++) {
        char key[40];
        snprintf(key, sizeof key, "{\"id\":%d}", i);
        put(s, key, "dead", NULL);
    }
    commit(s);
    begin(s);
    assert_int_equal(
        s.ops->each_aside(s.self, TABLE, WEIR_SPACE_STATE, text_of(""), see_one, &w, &err),
        WEIR_OK);
    assert_int_equal(w.n, 4);
    commit(s);
    assert_int_equal(
        number_of("select count(*) from weir_state where cache = 'aside' and space = 1"), 2);
    assert_int_equal(number_of("select count(*) from aside"), 6);
    s.ops->close(s.self);
}

/* Every call of the driver that needs memory can be refused it; nothing leaks, and the next try is
 * as the first. */
static void case_memory(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("memory", "memory");
    weir_store s = open_one(&rule);
    weir_error err;
    shape(s, simple, 3);
    begin(s);
    put(s, "{\"id\":0}", "s", "{\"id\":0,\"name\":\"a\",\"amount\":1.00}");
    commit(s);
    bool failed = true;
    for (int n = 1; failed && n < 2000; n++) {
        failed = false;
        begin(s);
        weir_alloc_fail_at(n, 0);
        weir_view v;
        weir_status st =
            s.ops->get(s.self, TABLE, WEIR_SPACE_STATE, text_of("{\"id\":0}"), &v, &err);
        for (int i = 0; i < 3 && !st; i++) {
            char key[40], row[100];
            snprintf(key, sizeof key, "{\"id\":%d}", i);
            snprintf(row, sizeof row, "{\"id\":%d,\"name\":\"b\",\"amount\":1.00}", i);
            st = s.ops->put(s.self, TABLE, WEIR_SPACE_STATE, text_of(key), text_of("t"), &err);
            st = st ? st
                    : s.ops->put(s.self, TABLE, WEIR_SPACE_ROW, text_of(key), text_of(row), &err);
        }
        if (st) {
            s.ops->abort(s.self);
        } else {
            st = s.ops->commit(s.self, &err);
        }
        weir_alloc_fail_at(0, 0);
        failed = st != WEIR_OK;
        if (failed && strcmp(err.code, "OUT_OF_MEMORY") != 0) {
            fail_msg("%d: %s: %s", n, err.code, err.text);
        }
    }
    assert_false(failed);
    assert_stored(s, "{\"id\":2}", "t", "{\"id\":2,\"name\":\"b\",\"amount\":1.00}");
    s.ops->close(s.self);
}

#define TABLE_CASES                                                                                \
    cmocka_unit_test(case_life_of_a_row), cmocka_unit_test(case_read_by_others),                   \
        cmocka_unit_test(case_names), cmocka_unit_test(case_many), cmocka_unit_test(case_refused), \
        cmocka_unit_test(case_moved), cmocka_unit_test(case_adopted),                              \
        cmocka_unit_test(case_new_columns), cmocka_unit_test(case_odd_names),                      \
        cmocka_unit_test(case_rendered_keys), cmocka_unit_test(case_renamed),                      \
        cmocka_unit_test(case_wrong_targets), cmocka_unit_test(case_soft_deletes),                 \
        cmocka_unit_test(case_soft_revived), cmocka_unit_test(case_soft_last),                     \
        cmocka_unit_test(case_soft_emptied), cmocka_unit_test(case_soft_moved),                    \
        cmocka_unit_test(case_cast), cmocka_unit_test(case_cast_to_whole),                         \
        cmocka_unit_test(case_aside), cmocka_unit_test(case_keys_of_types),                        \
        cmocka_unit_test(case_pairs_of_types), cmocka_unit_test(case_widened),                     \
        cmocka_unit_test(case_positions_beside), cmocka_unit_test(case_unguarded),                 \
        cmocka_unit_test(case_positions_beside_moved), cmocka_unit_test(case_key_of_another_type), \
        cmocka_unit_test(case_own_columns), cmocka_unit_test(case_memory)

#endif
