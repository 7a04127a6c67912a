/* Tables of PostgreSQL that several instances write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>

#include "cdc/merge.h"
#include "support/postgres_tables.h"

static weir_status drop_all(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    (void)ctx, (void)key, (void)value, (void)err;
    *remove = true;
    return WEIR_OK;
}

static weir_store open_shared(const weir_table_rule *rule)
{
    weir_postgres_options o = {
        .conninfo = getenv("WEIR_TEST_PG"), .shared = true, .tables = rule, .n_tables = 1};
    weir_store s;
    weir_error err;
    assert_int_equal(weir_postgres_store_open(&o, &s, &err), WEIR_OK);
    assert_int_equal(s.ops->open_cache(s.self, 0, ".weir", &err), WEIR_OK);
    assert_int_equal(s.ops->open_cache(s.self, TABLE, rule->cache, &err), WEIR_OK);
    return s;
}

/* Marks expire beside the transactions of others, and give way where one of them was quicker. */
static void test_marks_of_a_shared_store(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("marks", "marks");
    weir_store a = open_shared(&rule), b = open_shared(&rule);
    weir_error err;
    const char *one = "{\"id\":1}", *row = "{\"id\":1,\"name\":\"a\",\"amount\":1.00}";
    shape(a, simple, 3);
    shape(b, simple, 3);
    begin(a);
    put(a, one, "dead", NULL);
    put(a, "{\"id\":2}", "dead", NULL);
    commit(a);
    begin(b); /* stays open meanwhile */
    begin(a);
    assert_int_equal(
        a.ops->each_aside(a.self, TABLE, WEIR_SPACE_STATE, text_of(""), drop_all, NULL, &err),
        WEIR_OK);
    commit(a);
    b.ops->abort(b.self);
    assert_stored(b, one, NULL, NULL);
    begin(a);
    put(a, one, "dead", NULL);
    commit(a);
    begin(b);
    assert_space(b, WEIR_SPACE_STATE, one, "dead");
    begin(a);
    assert_int_equal(
        a.ops->each_aside(a.self, TABLE, WEIR_SPACE_STATE, text_of(""), drop_all, NULL, &err),
        WEIR_OK);
    commit(a);
    put(b, one, "s2", row); /* read before the mark went */
    assert_int_equal(b.ops->commit(b.self, &err), WEIR_RETRY);
    assert_string_equal(err.code, "TABLE_MOVED");
    begin(b);
    put(b, one, "s2", row);
    commit(b);
    assert_stored(a, one, "s2", row);
    a.ops->close(a.self);
    b.ops->close(b.self);
}

/* Who opened the store when there was no table finds the rows of another one, that has made it
 * since: else it would leave a delete mark beside a row that lives on. */
static void test_a_table_that_another_one_has_made(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("made", "made");
    const char *k = "{\"id\":1}", *row = "{\"id\":1,\"name\":\"a\",\"amount\":1.00}";
    weir_store early = open_shared(&rule), maker = open_shared(&rule);
    weir_expected key = {.key = weir_view_of(k), .partition = 0};
    shape(maker, simple, 3);
    begin(maker);
    put(maker, k, "s1", row);
    commit(maker);
    begin(early);
    assert_int_equal(early.ops->expect(early.self, TABLE, &key, 1, NULL), WEIR_OK);
    assert_space(early, WEIR_SPACE_STATE, k, "s1");
    put(early, k, "dead", NULL);
    commit(early);
    assert_int_equal(number_of("select count(*) from made"), 0);
    assert_stored(maker, k, "dead", NULL);
    early.ops->close(early.self);
    maker.ops->close(maker.self);
}

/* The halves of a move, by two instances at once: the one with the old half has read the new key
 * before the other one wrote it, and finds that it waits. Its row must be filled all the same. */
static void test_halves_by_two_instances(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("halves", "halves");
    weir_store a = open_shared(&rule), b = open_shared(&rule);
    weir_merge of_a, of_b;
    weir_error err;
    const weir_change base = {
        .kind = WEIR_STREAMED, .has_commit = true, .has_tx = true, .tx = 7, .ts_ms = 1};
    weir_change row = base, old_half = base, new_half = base;
    row.op = 'c';
    row.at = (weir_position){10, 10};
    row.key = weir_view_of("{\"id\":1}");
    row.row = weir_view_of("{\"id\":1,\"name\":\"toast\",\"amount\":1.00}");
    old_half.op = 'd';
    old_half.at = (weir_position){20, 20};
    old_half.key = row.key;
    old_half.other = weir_view_of("{\"id\":2}");
    old_half.offset = 1;
    new_half.op = 'c';
    new_half.at = old_half.at;
    new_half.key = old_half.other;
    new_half.other = row.key;
    new_half.row = weir_view_of("{\"id\":2,\"name\":null,\"amount\":1.00}");
    new_half.missing = weir_view_of("[\"name\"]");
    new_half.partition = 1;
    weir_merge_init(&of_a, a, TABLE);
    weir_merge_init(&of_b, b, TABLE);
    shape(a, simple, 3);
    shape(b, simple, 3);
    begin(a);
    assert_int_equal(weir_merge_apply(&of_a, &row, 1, &err), WEIR_OK);
    commit(a);
    const weir_expected keys[] = {{.key = old_half.key, .row = true, .partition = 0},
        {.key = old_half.other, .partition = -1}};
    begin(a);
    assert_int_equal(a.ops->expect(a.self, TABLE, keys, 2, &err), WEIR_OK);
    begin(b);
    assert_int_equal(weir_merge_apply(&of_b, &new_half, 1, &err), WEIR_OK);
    commit(b);
    assert_int_equal(weir_merge_apply(&of_a, &old_half, 1, &err), WEIR_OK);
    commit(a);
    begin(b);
    assert_space(b, WEIR_SPACE_ROW, "{\"id\":2}", "{\"id\":2,\"name\":\"toast\",\"amount\":1.00}");
    assert_space(b, WEIR_SPACE_ROW, "{\"id\":1}", NULL);
    b.ops->abort(b.self);
    assert_int_equal(
        number_of("select count(*) from weir_state where cache = 'halves' and space = 2"), 0);
    weir_merge_fini(&of_a);
    weir_merge_fini(&of_b);
    a.ops->close(a.self);
    b.ops->close(b.self);
}

static void *open_and_close(void *rule)
{
    weir_postgres_options o = {.conninfo = getenv("WEIR_TEST_PG"),
        .side_table = "made_at_once",
        .shared = true,
        .tables = rule,
        .n_tables = 1};
    weir_store s;
    weir_error err;
    if (weir_postgres_store_open(&o, &s, &err)) {
        fprintf(stderr, "%s: %s\n", err.code, err.text);
        return NULL;
    }
    weir_status st = s.ops->open_cache(s.self, 0, ".weir", &err);
    st = st ? st : s.ops->begin(s.self, &err);
    s.ops->abort(s.self);
    s.ops->close(s.self);
    return st ? NULL : rule;
}

/* "create table if not exists" is no promise: two that make it at once meet in the catalog. */
static void test_many_make_the_side_table(void **state)
{
    (void)state;
    enum { ROUNDS = 20, MAKERS = 6 };
    weir_table_rule rule = rule_for("made", "made");
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t makers[MAKERS];
        run_sql("drop table if exists made_at_once");
        for (int m = 0; m < MAKERS; m++) {
            assert_int_equal(pthread_create(&makers[m], NULL, open_and_close, &rule), 0);
        }
        for (int m = 0; m < MAKERS; m++) {
            void *done;
            pthread_join(makers[m], &done);
            assert_non_null(done);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks_of_a_shared_store),
        cmocka_unit_test(test_a_table_that_another_one_has_made),
        cmocka_unit_test(test_halves_by_two_instances),
        cmocka_unit_test(test_many_make_the_side_table),
    };
    if (!getenv("WEIR_TEST_PG")) {
        printf("skipped: PostgreSQL is not installed, or this was not run by with-postgres\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, empty_database, NULL);
}
