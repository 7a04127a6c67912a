/* Of table_cases.h: soft deletes, and where positions stand. */
#ifndef WEIR_TEST_TABLE_POLICY_CASES_H
#define WEIR_TEST_TABLE_POLICY_CASES_H

#include "support/table_fixture.h"

static const char *const soft_one = "{\"id\":1,\"name\":\"a\",\"amount\":1.50}";

/* Rows 1, 2 and 3; the first one is deleted. */
static weir_store open_soft(const weir_table_rule *rule)
{
    weir_store s = open_one(rule);
    shape(s, simple, 3);
    begin(s);
    put(s, "{\"id\":1}", "s1", soft_one);
    put(s, "{\"id\":2}", "s1", "{\"id\":2,\"name\":\"b\",\"amount\":1.00}");
    put(s, "{\"id\":3}", "s1", "{\"id\":3,\"name\":\"c\",\"amount\":1.00}");
    commit(s);
    begin(s);
    put(s, "{\"id\":1}", "dead", NULL);
    commit(s);
    return s;
}

static weir_table_rule soft_rule(const char *name)
{
    weir_table_rule rule = rule_for(name, name);
    rule.soft_delete = "gone_at";
    return rule;
}

/* A row that goes stays, with a time, and is not there for anybody else. */
static void case_soft_deletes(void **state)
{
    (void)state;
    weir_table_rule rule = soft_rule("soft");
    weir_store s = open_soft(&rule);
    weir_buf b = {0};
    bool found = true;
    weir_view k = text_of("{\"id\":1}");
    assert_stored(s, k.ptr, "dead", NULL);
    assert_int_equal(
        number_of(
            "select count(*) from soft where gone_at is not null and id = 1 and name = 'a' and "
            "_weir_pos is null"),
        1);
    assert_int_equal(number_of("select count(*) from soft where gone_at is null"), 2);
    assert_int_equal(s.ops->count(s.self, TABLE, WEIR_SPACE_ROW), 2);
    assert_int_equal(s.ops->read(s.self, TABLE, WEIR_SPACE_ROW, k, &b, &found, NULL), WEIR_OK);
    assert_false(found);
    weir_buf_fini(&b);
    begin(s);
    assert_int_equal(walk(s, WEIR_SPACE_ROW, "", 0), 2);
    assert_int_equal(walk(s, WEIR_SPACE_ROW, k.ptr, 0), 2);
    assert_int_equal(walk(s, WEIR_SPACE_STATE, "", 0), 3);
    s.ops->abort(s.self);
    s.ops->close(s.self);
    s = open_one(&rule);
    assert_int_equal(s.ops->count(s.self, TABLE, WEIR_SPACE_ROW), 2);
    s.ops->close(s.self);
}

/* One that comes again takes its place. */
static void case_soft_revived(void **state)
{
    (void)state;
    weir_table_rule rule = soft_rule("revived");
    weir_store s = open_soft(&rule);
    const char *k = "{\"id\":1}", *two = "{\"id\":1,\"name\":null,\"amount\":-2.00}";
    begin(s); /* deleted again: nothing, the time stays */
    put(s, k, "dead too", NULL);
    commit(s);
    put_again(s, k, "s4", two);
    assert_stored(s, k, "s4", two);
    assert_int_equal(number_of("select count(*) from revived where gone_at is null"), 3);
    assert_int_equal(number_of("select count(*) from revived"), 3);
    begin(s); /* within one transaction */
    put(s, k, "dead", NULL);
    put(s, k, "s5", soft_one);
    put(s, "{\"id\":2}", "dead", NULL);
    commit(s);
    assert_stored(s, k, "s5", soft_one);
    assert_int_equal(number_of("select count(*) from revived where gone_at is null"), 2);
    s.ops->close(s.self);
}

/* It came and went, or changed and went, within a transaction: what it was last stays. */
static void case_soft_last(void **state)
{
    (void)state;
    weir_table_rule rule = soft_rule("last");
    weir_store s = open_soft(&rule);
    begin(s);
    put(s, "{\"id\":4}", "s1", "{\"id\":4,\"name\":\"d\",\"amount\":1.00}");
    put(s, "{\"id\":4}", "dead", NULL);
    put(s, "{\"id\":3}", "s2", "{\"id\":3,\"name\":\"last\",\"amount\":1.00}");
    put(s, "{\"id\":3}", "s3", NULL);
    commit(s);
    assert_stored(s, "{\"id\":4}", "dead", NULL);
    assert_int_equal(number_of("select count(*) from last where gone_at is not null and _weir_pos "
                               "is null and (id, name) in ((4, 'd'), (3, 'last'))"),
        2);
    put_again(s, "{\"id\":3}", "s4", "{\"id\":3,\"name\":\"c\",\"amount\":1.00}");
    assert_int_equal(number_of("select count(*) from last where gone_at is null"), 2);
    s.ops->close(s.self);
}

/* All of them, as a truncate does, and as who makes the table anew. */
static void case_soft_emptied(void **state)
{
    (void)state;
    weir_table_rule rule = soft_rule("emptied");
    weir_store s = open_soft(&rule);
    begin(s);
    assert_int_equal(walk(s, WEIR_SPACE_STATE, "", 1), 3);
    commit(s);
    assert_int_equal(number_of("select count(*) from emptied where gone_at is not null"), 3);
    put_again(s, "{\"id\":1}", "s6", soft_one);
    assert_int_equal(number_of("select count(*) from emptied where gone_at is null"), 1);
    begin(s);
    assert_int_equal(s.ops->clear(s.self, TABLE, WEIR_SPACE_ROW, NULL), WEIR_OK);
    commit(s);
    assert_int_equal(number_of("select count(*) from emptied where gone_at is not null"), 3);
    s.ops->close(s.self);
}

/* A soft delete is guarded as any other change: of a row that another process has changed, it is
 * none. */
static void case_soft_moved(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("softly", "softly");
    rule.soft_delete = "gone_at";
    weir_store s = open_one(&rule);
    weir_error err;
    const char *k = "{\"id\":1}", *row = "{\"id\":1,\"name\":\"a\",\"amount\":1.00}";
    const weir_expected absent = {.key = {"{\"id\":1}", 8}, .absent = true};
    shape(s, simple, 3);
    begin(s);
    put(s, k, "s1", row);
    commit(s);
    begin(s);
    assert_int_equal(s.ops->expect(s.self, TABLE, &absent, 1, NULL), WEIR_OK);
    put(s, k, "s2", row); /* it is there, and alive: no insert takes its place */
    assert_int_equal(s.ops->commit(s.self, &err), WEIR_RETRY);
    assert_string_equal(err.code, "TABLE_MOVED");
    assert_stored(s, k, "s1", row);
    s.ops->close(s.self);
}

/* Nothing is kept of rows: a row that is there is one that whatever comes is newer than. */
static void case_unguarded(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("unguarded", "unguarded");
    weir_error err;
    weir_view value;
    weir_state st;
    rule.position_column = NULL;
    rule.unguarded = true;
    weir_store s = open_one(&rule);
    const char *k = "{\"id\":1}", *one = "{\"id\":1,\"name\":\"a\",\"amount\":1.50}",
               *two = "{\"id\":1,\"name\":null,\"amount\":-2.00}";
    shape(s, simple, 3);
    begin(s);
    put(s, k, "known within the transaction", one);
    assert_int_equal(
        s.ops->get(s.self, TABLE, WEIR_SPACE_STATE, text_of(k), &value, &err), WEIR_OK);
    assert_true(weir_view_is(value, "known within the transaction"));
    assert_int_equal(
        s.ops->put(s.self, TABLE, WEIR_SPACE_MOVE, text_of("move"), text_of("m"), &err), WEIR_OK);
    commit(s);
    begin(s);
    assert_int_equal(
        s.ops->get(s.self, TABLE, WEIR_SPACE_MOVE, text_of("move"), &value, &err), WEIR_OK);
    assert_null(value.ptr);
    assert_int_equal(
        s.ops->get(s.self, TABLE, WEIR_SPACE_STATE, text_of(k), &value, &err), WEIR_OK);
    assert_int_equal(weir_state_get(value, &st, &err), WEIR_OK);
    assert_true(st.alive && !st.stamp.l && !st.has_mark);
    assert_int_equal(s.ops->get(s.self, TABLE, WEIR_SPACE_ROW, text_of(k), &value, &err), WEIR_OK);
    assert_true(weir_view_is(value, one));
    put(s, k, "s2", two);
    commit(s);
    assert_int_equal(number_of("select count(*) from unguarded where amount = '-2.00'"), 1);
    begin(s);
    put(s, k, "dead", NULL);
    commit(s);
    begin(s);
    assert_int_equal(
        s.ops->get(s.self, TABLE, WEIR_SPACE_STATE, text_of(k), &value, &err), WEIR_OK);
    assert_null(value.ptr);
    commit(s);
    put_all(s, 2, 3000, "s");
    assert_int_equal(number_of("select count(*) from weir_state where cache = 'unguarded'"), 0);
    begin(s);
    assert_int_equal(walk(s, WEIR_SPACE_STATE, "", 2), 2998); /* each second one goes */
    assert_int_equal(walk(s, WEIR_SPACE_ROW, "", 0), 1499);
    commit(s);
    assert_int_equal(number_of("select count(*) from unguarded"), 1499);
    s.ops->close(s.self);
}

/* Positions in the state table: the target has the row's columns and no other; all else is as ever.
 */
static void case_positions_beside(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("beside", "beside");
    rule.position_column = NULL;
    weir_store s = open_one(&rule);
    const char *k = "{\"id\":1}", *one = "{\"id\":1,\"name\":\"a\",\"amount\":1.50}",
               *two = "{\"id\":1,\"name\":null,\"amount\":-2.00}";
    shape(s, simple, 3);
    begin(s);
    put(s, k, "s1", one);
    commit(s);
    assert_stored(s, k, "s1", one);
    begin(s);
    put(s, k, "s2", two);
    commit(s);
    assert_stored(s, k, "s2", two);
    begin(s); /* only the state */
    assert_int_equal(
        s.ops->put(s.self, TABLE, WEIR_SPACE_STATE, text_of(k), text_of("s3"), NULL), WEIR_OK);
    commit(s);
    assert_stored(s, k, "s3", two);
    begin(s);
    put(s, k, "dead", NULL);
    commit(s);
    assert_stored(s, k, "dead", NULL);
    assert_int_equal(number_of("select count(*) from beside"), 0);
    put_again(s, k, "s4", one);
    s.ops->close(s.self);
    s = open_one(&rule);
    assert_stored(s, k, "s4", one);
    shape(s, simple, 3);
    put_all(s, 2, 3000, "s");
    assert_int_equal(number_of("select count(*) from beside"), 2999);
    begin(s);
    assert_int_equal(walk(s, WEIR_SPACE_STATE, "", 0), 2999);
    assert_int_equal(walk(s, WEIR_SPACE_ROW, "", 0), 2999);
    assert_int_equal(
        walk(s, WEIR_SPACE_STATE, "", 2), 2999); /* each second one goes, row and all */
    assert_int_equal(walk(s, WEIR_SPACE_STATE, "", 0), 1499);
    assert_int_equal(walk(s, WEIR_SPACE_ROW, "", 0), 1499);
    commit(s);
    assert_int_equal(s.ops->count(s.self, TABLE, WEIR_SPACE_ROW), 1499);
    s.ops->close(s.self);
}

/* The guard holds there, too: what another process has changed meanwhile is not overwritten. */
static void case_positions_beside_moved(void **state)
{
    (void)state;
    run_sql("create table besides (id bigint primary key, name text)");
    run_sql("insert into besides values (1, 'own'), (2, 'own')");
    weir_table_rule rule = rule_for("besides", "besides");
    rule.position_column = NULL;
    weir_store s = open_one(&rule);
    weir_error err;
    const char *k = "{\"id\":1}", *row = "{\"id\":1,\"name\":\"a\"}";
    begin(s);
    put(s, k, "s1", row); /* a row that was there is taken over */
    commit(s);
    assert_stored(s, k, "s1", row);
    begin(s);
    assert_space(s, WEIR_SPACE_STATE, k, "s1");
    s.ops->abort(s.self);
    const weir_expected absent = {.key = {"{\"id\":1}", 8}, .absent = true};
    begin(s);
    assert_int_equal(s.ops->expect(s.self, TABLE, &absent, 1, NULL), WEIR_OK);
    put(s, k, "s2", "{\"id\":1,\"name\":\"b\"}"); /* by who did not see it */
    assert_int_equal(s.ops->commit(s.self, &err), WEIR_RETRY);
    assert_string_equal(err.code, "TABLE_MOVED");
    assert_stored(s, k, "s1", row);
    s.ops->close(s.self);
    run_sql("create table bare (id bigint primary key)");
    weir_table_rule bare = rule_for("bare", "bare");
    bare.position_column = NULL;
    s = open_one(&bare);
    for (int i = 0; i < 3; i++) {
        char version[8];
        snprintf(version, sizeof version, "v%d", i);
        put_again(s, k, version, "{\"id\":1}");
        assert_stored(s, k, version, "{\"id\":1}");
    }
    s.ops->close(s.self);
    static const weir_shape_column columns[] = {
        {{"day", 3}, {"date", 4}}, {{"n", 1}, {"integer", 7}}};
    weir_table_rule dated = rule_for("dated", "dated");
    dated.position_column = NULL;
    s = open_one(&dated);
    shape(s, columns, 2);
    begin(s); /* such a key cannot be told from the row, and there is nothing to keep it in */
    put(s, "{\"day\":20000}", "s", "{\"day\":\"2024-10-04\",\"n\":1}");
    assert_int_equal(s.ops->commit(s.self, &err), WEIR_FATAL);
    assert_string_equal(err.code, "TABLE_KEY");
    s.ops->close(s.self);
}

#endif
