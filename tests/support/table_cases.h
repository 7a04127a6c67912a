/* What every store of tables must do, whatever its database. The includer has
 *   static weir_store open_tables(const weir_table_rule *rules, size_t n);   the same database each
 * time static void run_sql(const char *sql);                                    beside the store
 *   static long number_of(const char *sql);                                  a question, likewise
 * and calls the cases from its own list of tests. */
#ifndef WEIR_TEST_TABLE_CASES_H
#define WEIR_TEST_TABLE_CASES_H

#include "cdc/shape.h"
#include "cdc/state.h"
#include "table/table_rule.h"

static weir_store open_tables(const weir_table_rule *rules, size_t n);
static void run_sql(const char *sql);
static long number_of(const char *sql);

enum { TABLE = 1 };

static weir_table_rule rule_for(const char *cache, const char *table)
{
    return (weir_table_rule){
        .cache = cache, .table = table, .position_column = "_weir_pos", .create = true};
}

static weir_store open_one(const weir_table_rule *rule)
{
    weir_error err;
    weir_store s = open_tables(rule, 1);
    assert_int_equal(s.ops->open_cache(s.self, 0, ".weir", &err), WEIR_OK);
    weir_status st = s.ops->open_cache(s.self, TABLE, rule->cache, &err);
    if (st) {
        fail_msg("%s", err.text);
    }
    return s;
}

static void shape(weir_store s, const weir_shape_column *columns, size_t n)
{
    weir_shape told = {columns, n};
    assert_int_equal(s.ops->shape(s.self, TABLE, &told, NULL), WEIR_OK);
}

static const weir_shape_column simple[] = {
    {{"id", 2}, {"bigint", 6}}, {{"name", 4}, {"text", 4}}, {{"amount", 6}, {"numeric(12,2)", 13}}};

static weir_view text_of(const char *text)
{
    return weir_view_of(text);
}

static void put(weir_store s, const char *key, const char *state, const char *row)
{
    weir_error err;
    const weir_store_ops *ops = s.ops;
    weir_view k = text_of(key);
    weir_status st = ops->put(s.self, TABLE, WEIR_SPACE_STATE, k, text_of(state), &err);
    st = st    ? st
         : row ? ops->put(s.self, TABLE, WEIR_SPACE_ROW, k, text_of(row), &err)
               : ops->del(s.self, TABLE, WEIR_SPACE_ROW, k, &err);
    assert_int_equal(st, WEIR_OK);
}

static void begin(weir_store s)
{
    weir_error err;
    if (s.ops->begin(s.self, &err)) {
        fail_msg("%s", err.text);
    }
}

static void commit(weir_store s)
{
    weir_error err;
    if (s.ops->commit(s.self, &err)) {
        fail_msg("%s: %s", err.code, err.text);
    }
}

/* value NULL: nothing is there. */
static void assert_space(weir_store s, weir_space space, const char *key, const char *value)
{
    weir_view v;
    weir_error err;
    if (s.ops->get(s.self, TABLE, space, text_of(key), &v, &err)) {
        fail_msg("%s", err.text);
    }
    if (!value != !v.ptr || (value && !weir_view_is(v, value))) {
        fail_msg("%s is %.*s, should be %s", key, v.ptr ? (int)v.len : 7, v.ptr ? v.ptr : "nothing",
            value ? value : "nothing");
    }
}

static void assert_stored(weir_store s, const char *key, const char *state, const char *row)
{
    begin(s);
    assert_space(s, WEIR_SPACE_STATE, key, state);
    assert_space(s, WEIR_SPACE_ROW, key, row);
    s.ops->abort(s.self);
}

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

typedef struct seen {
    unsigned n, remove_every;
} seen;

static weir_status see_one(void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    seen *w = ctx;
    (void)value, (void)err;
    assert_true(key.len > 6);
    *remove = w->remove_every && w->n % w->remove_every == 0;
    w->n++;
    return WEIR_OK;
}

static unsigned walk(weir_store s, weir_space space, const char *from, unsigned remove_every)
{
    seen w = {0, remove_every};
    weir_error err;
    if (s.ops->each(s.self, TABLE, space, text_of(from), see_one, &w, &err)) {
        fail_msg("%s", err.text);
    }
    return w.n;
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

static weir_view refused_key(weir_store s, size_t i, weir_error *why)
{
    unsigned cache = 0;
    weir_view key = {NULL, 0};
    bool any = s.ops->refused(s.self, i, &cache, &key, why);
    assert_true(!any || cache == TABLE);
    return key;
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

/* A key whose JSON is not that of the row: dates are days, decimals are base64. */
static void case_rendered_keys(void **state)
{
    (void)state;
    static const weir_shape_column columns[] = {{{"day", 3}, {"date", 4}},
        {{"price", 5}, {"numeric(8,2)", 12}}, {{"n", 1}, {"integer", 7}}};
    const char *key = "{\"day\":20000,\"price\":\"ANI=\"}";
    const char *row = "{\"day\":\"2024-10-04\",\"price\":2.10,\"n\":1}";
    weir_table_rule rule = rule_for("rendered", "rendered");
    const weir_view names[] = {{"price", 5}, {"day", 3}};
    rule.key = names;
    rule.n_key = 2;
    weir_store s = open_one(&rule);
    weir_error err;
    shape(s, columns, 3);
    begin(s);
    put(s, key, "s", row);
    commit(s);
    assert_stored(s, key, "s", row);
    begin(s);
    assert_int_equal(walk(s, WEIR_SPACE_STATE, "", 1), 1); /* by its own key */
    commit(s);
    assert_stored(s, key, NULL, NULL);
    begin(s);
    put(s, key, "s", "{\"day\":\"2024-10-05\",\"price\":2.10,\"n\":1}");
    assert_int_equal(s.ops->commit(s.self, &err), WEIR_FATAL); /* it would not be found again */
    assert_string_equal(err.code, "TABLE_KEY");
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

/* Where rows have been deleted softly, a guess that all are new may be wrong once. */
static void put_again(weir_store s, const char *key, const char *state, const char *row)
{
    weir_error err;
    weir_status st = WEIR_RETRY;
    for (int i = 0; i < 2 && st == WEIR_RETRY; i++) {
        begin(s);
        put(s, key, state, row);
        st = s.ops->commit(s.self, &err);
    }
    assert_int_equal(st, WEIR_OK);
}

/* A row that goes stays, with a time, and is not there for anybody else; one that comes again takes
 * its place. */
static void case_soft_deletes(void **state)
{
    (void)state;
    weir_table_rule rule = rule_for("soft", "soft");
    rule.soft_delete = "gone_at";
    weir_store s = open_one(&rule);
    const char *k = "{\"id\":1}", *one = "{\"id\":1,\"name\":\"a\",\"amount\":1.50}",
               *two = "{\"id\":1,\"name\":null,\"amount\":-2.00}";
    weir_buf b = {0};
    bool found = true;
    shape(s, simple, 3);
    begin(s);
    put(s, k, "s1", one);
    put(s, "{\"id\":2}", "s1", "{\"id\":2,\"name\":\"b\",\"amount\":1.00}");
    put(s, "{\"id\":3}", "s1", "{\"id\":3,\"name\":\"c\",\"amount\":1.00}");
    commit(s);
    assert_int_equal(number_of("select count(*) from soft where gone_at is null"), 3);
    begin(s);
    put(s, k, "dead", NULL);
    commit(s);
    assert_stored(s, k, "dead", NULL);
    assert_int_equal(
        number_of(
            "select count(*) from soft where gone_at is not null and id = 1 and name = 'a' and "
            "_weir_pos is null"),
        1);
    assert_int_equal(s.ops->count(s.self, TABLE, WEIR_SPACE_ROW), 2);
    assert_int_equal(
        s.ops->read(s.self, TABLE, WEIR_SPACE_ROW, text_of(k), &b, &found, NULL), WEIR_OK);
    assert_false(found);
    weir_buf_fini(&b);
    begin(s);
    assert_int_equal(walk(s, WEIR_SPACE_ROW, "", 0), 2);
    assert_int_equal(walk(s, WEIR_SPACE_ROW, "{\"id\":1}", 0), 2);
    assert_int_equal(walk(s, WEIR_SPACE_STATE, "", 0), 3);
    s.ops->abort(s.self);
    begin(s); /* deleted again: nothing, the time stays */
    put(s, k, "dead too", NULL);
    commit(s);
    put_again(s, k, "s4", two);
    assert_stored(s, k, "s4", two);
    assert_int_equal(number_of("select count(*) from soft where gone_at is null"), 3);
    assert_int_equal(number_of("select count(*) from soft"), 3);
    begin(s); /* within one transaction */
    put(s, k, "dead", NULL);
    put(s, k, "s5", one);
    put(s, "{\"id\":2}", "dead", NULL);
    commit(s);
    assert_stored(s, k, "s5", one);
    begin(s); /* it came and went, or changed and went: what it was last stays */
    put(s, "{\"id\":4}", "s1", "{\"id\":4,\"name\":\"d\",\"amount\":1.00}");
    put(s, "{\"id\":4}", "dead", NULL);
    put(s, "{\"id\":3}", "s2", "{\"id\":3,\"name\":\"last\",\"amount\":1.00}");
    put(s, "{\"id\":3}", "s3", NULL);
    commit(s);
    assert_stored(s, "{\"id\":4}", "dead", NULL);
    assert_int_equal(number_of("select count(*) from soft where gone_at is not null and _weir_pos "
                               "is null and (id, name) in ((4, 'd'), (3, 'last'))"),
        2);
    put_again(s, "{\"id\":3}", "s4", "{\"id\":3,\"name\":\"c\",\"amount\":1.00}");
    run_sql("delete from soft where id = 4");
    begin(s);
    assert_int_equal(s.ops->del(s.self, TABLE, WEIR_SPACE_STATE, text_of("{\"id\":4}"), NULL), 0);
    commit(s);
    s.ops->close(s.self);
    s = open_one(&rule);
    assert_int_equal(s.ops->count(s.self, TABLE, WEIR_SPACE_ROW), 2);
    begin(s); /* all of them, as a truncate does */
    assert_int_equal(walk(s, WEIR_SPACE_STATE, "", 1), 3);
    commit(s);
    assert_int_equal(number_of("select count(*) from soft where gone_at is not null"), 3);
    put_again(s, k, "s6", one);
    begin(s);
    assert_int_equal(s.ops->clear(s.self, TABLE, WEIR_SPACE_ROW, NULL), WEIR_OK);
    commit(s);
    assert_int_equal(number_of("select count(*) from soft where gone_at is not null"), 3);
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

static void put_all(weir_store s, int from, int to, const char *state)
{
    begin(s);
    for (int i = from; i < to; i++) {
        char key[40], row[100];
        snprintf(key, sizeof key, "{\"id\":%d}", i);
        snprintf(row, sizeof row, "{\"id\":%d,\"name\":\"n\",\"amount\":%d.00}", i, i);
        put(s, key, state, row);
    }
    commit(s);
}

/* Positions in the state table: the target has the row's columns and no other; all else is as ever.
 */
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

/* Keys of every type, as Debezium writes them and as rows have them: found, changed, walked to and
 * gone. */
static void case_keys_of_types(void **state)
{
    (void)state;
    static const struct {
        const char *type, *key, *row; /* the value in either */
    } kinds[] = {
        {"smallint", "-7", "-7"},
        {"integer", "2147483647", "2147483647"},
        {"bigint", "-9223372036854775808", "-9223372036854775808"},
        {"boolean", "true", "true"},
        {"text", "\"a \\\"b\\\" \\\\ {c,d} \\u00e9\"", "\"a \\\"b\\\" \\\\ {c,d} \u00e9\""},
        {"text", "\"\"", "\"\""},
        {"character varying(20)", "\"NULL\"", "\"NULL\""},
        {"character(4)", "\"ab  \"", "\"ab  \""},
        {"uuid", "\"0b7e6c5d-1111-2222-3333-444455556666\"",
            "\"0b7e6c5d-1111-2222-3333-444455556666\""},
        {"date", "20000", "\"2024-10-04\""},
        {"date", "-1", "\"1969-12-31\""},
        {"time without time zone", "45296123456", "\"12:34:56.123456\""},
        {"timestamp without time zone", "1735689600123456", "\"2025-01-01T00:00:00.123456\""},
        {"timestamp with time zone", "\"2025-01-01T00:00:00.123456Z\"",
            "\"2025-01-01T00:00:00.123456+00:00\""},
        {"numeric(8,2)", "\"ANI=\"", "2.10"},
        {"numeric(20,0)", "\"AN4LazpwYA==\"", "244140624998496"},
        {"bytea", "\"AP8n\"", "\"\\\\x00ff27\""},
        {"double precision", "0.30000000000000004", "0.30000000000000004"},
        {"boolean", "false", "false"},
    };
    weir_error err;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char name[24], key[120], row[160], changed[160], pair[200], pair_row[240];
        snprintf(name, sizeof name, "keys_%zu", i);
        const weir_shape_column columns[] = {{{"k", 1}, weir_view_of(kinds[i].type)},
            {{"r", 1}, {"integer", 7}}, {{"v", 1}, {"integer", 7}}};
        snprintf(key, sizeof key, "{\"k\":%s}", kinds[i].key);
        snprintf(row, sizeof row, "{\"k\":%s,\"r\":1,\"v\":1}", kinds[i].row);
        snprintf(changed, sizeof changed, "{\"k\":%s,\"r\":1,\"v\":2}", kinds[i].row);
        weir_table_rule rule = rule_for(name, name);
        weir_store s = open_one(&rule);
        shape(s, columns, 3);
        begin(s);
        put(s, key, "s1", row);
        if (s.ops->commit(s.self, &err)) {
            fail_msg("%s: %s", kinds[i].type, err.text);
        }
        assert_stored(s, key, "s1", row);
        begin(s);
        put(s, key, "s2", changed);
        commit(s);
        s.ops->close(s.self);
        s = open_one(&rule); /* by who has not written it */
        assert_stored(s, key, "s2", changed);
        begin(s);
        assert_int_equal(walk(s, WEIR_SPACE_STATE, key, 0), 1);
        assert_int_equal(walk(s, WEIR_SPACE_STATE, key, 1), 1);
        commit(s);
        assert_stored(s, key, NULL, NULL);
        s.ops->close(s.self);
        snprintf(name, sizeof name, "pairs_%zu", i); /* and as one of two */
        rule = rule_for(name, name);
        s = open_one(&rule);
        shape(s, columns, 3);
        snprintf(pair, sizeof pair, "{\"k\":%s,\"r\":1}", kinds[i].key);
        snprintf(pair_row, sizeof pair_row, "%s", row);
        begin(s);
        put(s, pair, "s1", pair_row);
        commit(s);
        put_again(s, pair, "s2", changed);
        assert_stored(s, pair, "s2", changed);
        begin(s);
        put(s, pair, "dead", NULL);
        commit(s);
        assert_stored(s, pair, "dead", NULL);
        s.ops->close(s.self);
    }
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
    for (int attempt = 0; attempt < 2;
         attempt++) { /* the first one may only look closer next time */
        begin(s);
        put(s, "{\"id\":2}", "s", "{\"id\":2,\"name\":\"b\",\"amount\":12345678901234567890.25}");
        weir_status st = s.ops->commit(s.self, &err);
        assert_int_equal(st, attempt ? WEIR_REJECT : st);
        attempt += st == WEIR_REJECT;
    }
    assert_true(weir_view_is(refused_key(s, 0, &err), "{\"id\":2}"));
    assert_string_equal(err.code, "TABLE_REFUSED");
    s.ops->close(s.self);
}

/* A key that stands otherwise in the row than in the record's key would make a row that is not the
 * source's, whatever the types are. */
static void case_key_of_another_type(void **state)
{
    (void)state;
    run_sql("create table days (day text primary key, n integer, _weir_pos blob)");
    weir_table_rule rule = rule_for("days", "days");
    weir_store s = open_one(&rule);
    weir_error err;
    begin(s);
    put(s, "{\"day\":20000}", "s", "{\"day\":\"2024-10-04\",\"n\":1}");
    assert_int_equal(s.ops->commit(s.self, &err), WEIR_FATAL);
    assert_string_equal(err.code, "TABLE_KEY");
    s.ops->close(s.self);
}

#define TABLE_CASES                                                                                \
    cmocka_unit_test(case_life_of_a_row), cmocka_unit_test(case_read_by_others),                   \
        cmocka_unit_test(case_names), cmocka_unit_test(case_many), cmocka_unit_test(case_refused), \
        cmocka_unit_test(case_moved), cmocka_unit_test(case_adopted),                              \
        cmocka_unit_test(case_new_columns), cmocka_unit_test(case_odd_names),                      \
        cmocka_unit_test(case_rendered_keys), cmocka_unit_test(case_renamed),                      \
        cmocka_unit_test(case_wrong_targets), cmocka_unit_test(case_soft_deletes),                 \
        cmocka_unit_test(case_soft_moved), cmocka_unit_test(case_cast),                            \
        cmocka_unit_test(case_cast_to_whole), cmocka_unit_test(case_aside),                        \
        cmocka_unit_test(case_keys_of_types), cmocka_unit_test(case_widened),                      \
        cmocka_unit_test(case_positions_beside), cmocka_unit_test(case_unguarded),                 \
        cmocka_unit_test(case_positions_beside_moved), cmocka_unit_test(case_key_of_another_type), \
        cmocka_unit_test(case_memory)

#endif
