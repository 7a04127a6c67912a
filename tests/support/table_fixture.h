/* What tests of stores of tables work with, whatever the database. The includer has open_tables
 * (the same database each time) and, beside the store, run_sql and number_of, a question. */
#ifndef WEIR_TEST_TABLE_FIXTURE_H
#define WEIR_TEST_TABLE_FIXTURE_H

#include "cdc/shape.h"
#include "cdc/state.h"
#include "table/table_rule.h"

static weir_store open_tables(const weir_table_rule *rules, size_t n);
static void run_sql(const char *sql);
static long number_of(const char *sql);

enum { TABLE = 1 };

static inline weir_table_rule rule_for(const char *cache, const char *table)
{
    return (weir_table_rule){
        .cache = cache, .table = table, .position_column = "_weir_pos", .create = true};
}

static inline weir_store open_one(const weir_table_rule *rule)
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

static inline void shape(weir_store s, const weir_shape_column *columns, size_t n)
{
    weir_shape told = {columns, n};
    assert_int_equal(s.ops->shape(s.self, TABLE, &told, NULL), WEIR_OK);
}

static const weir_shape_column simple[] = {
    {{"id", 2}, {"bigint", 6}}, {{"name", 4}, {"text", 4}}, {{"amount", 6}, {"numeric(12,2)", 13}}};

static inline weir_view text_of(const char *text)
{
    return weir_view_of(text);
}

static inline void put(weir_store s, const char *key, const char *state, const char *row)
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

static inline void begin(weir_store s)
{
    weir_error err;
    if (s.ops->begin(s.self, &err)) {
        fail_msg("%s", err.text);
    }
}

static inline void commit(weir_store s)
{
    weir_error err;
    if (s.ops->commit(s.self, &err)) {
        fail_msg("%s: %s", err.code, err.text);
    }
}

/* value NULL: nothing is there. */
static inline void assert_space(weir_store s, weir_space space, const char *key, const char *value)
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

static inline void assert_stored(weir_store s, const char *key, const char *state, const char *row)
{
    begin(s);
    assert_space(s, WEIR_SPACE_STATE, key, state);
    assert_space(s, WEIR_SPACE_ROW, key, row);
    s.ops->abort(s.self);
}

static inline void put_all(weir_store s, int from, int to, const char *state)
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

/* Where rows have been deleted softly, a guess that all are new may be wrong once. */
static inline void put_again(weir_store s, const char *key, const char *state, const char *row)
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

typedef struct seen {
    unsigned n, remove_every;
} seen;

static inline weir_status see_one(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    seen *w = ctx;
    (void)value, (void)err;
    assert_true(key.len > 6);
    *remove = w->remove_every && w->n % w->remove_every == 0;
    w->n++;
    return WEIR_OK;
}

static inline unsigned walk(weir_store s, weir_space space, const char *from, unsigned remove_every)
{
    seen w = {0, remove_every};
    weir_error err;
    if (s.ops->each(s.self, TABLE, space, text_of(from), see_one, &w, &err)) {
        fail_msg("%s", err.text);
    }
    return w.n;
}

static inline weir_view refused_key(weir_store s, size_t i, weir_error *why)
{
    unsigned cache = 0;
    weir_view key = {NULL, 0};
    bool any = s.ops->refused(s.self, i, &cache, &key, why);
    assert_true(!any || cache == TABLE);
    return key;
}

/* As the writer does it: what is to be done again is done again. */
static inline weir_status write_one(
    weir_store s, const char *key, const char *state, const char *row, weir_error *err)
{
    weir_status st = WEIR_RETRY;
    for (int i = 0; i < 5 && st == WEIR_RETRY; i++) {
        begin(s);
        put(s, key, state, row);
        st = s.ops->write_now(s.self, true, err);
        st = st ? st : s.ops->commit(s.self, err);
        if (st) {
            s.ops->abort(s.self);
        }
    }
    return st;
}

/* A table of id, name and amount, which takes no row 2, nor the name "no", and keeps row 3. */
static inline void assert_left_out(weir_store s, const char *second)
{
    weir_error err, why;
    const char *one = "{\"id\":1,\"name\":\"a\",\"amount\":1.00}", *first = "{\"id\":1}";
    const char *three = "{\"id\":3,\"name\":\"a\",\"amount\":1.00}", *third = "{\"id\":3}";
    assert_int_equal(write_one(s, first, "s1", one, &err), WEIR_OK);
    assert_int_equal(write_one(s, third, "s1", three, &err), WEIR_OK);
    for (int i = 0; i < 2; i++) {
        const char *row = "{\"id\":2,\"name\":\"a\",\"amount\":1.00}";
        assert_int_equal(write_one(s, second, "s1", row, &err), WEIR_REJECT);
        assert_string_equal(err.code, "TABLE_REFUSED");
        assert_non_null(strstr(err.text, "trigger"));
        assert_true(weir_view_is(refused_key(s, 0, &why), second));
    }
    const char *no = "{\"id\":1,\"name\":\"no\",\"amount\":1.00}";
    assert_int_equal(write_one(s, first, "s2", no, &err), WEIR_REJECT);
    assert_string_equal(err.code, "TABLE_REFUSED");
    assert_int_equal(write_one(s, third, "dead", NULL, &err), WEIR_FATAL);
    assert_string_equal(err.code, "TABLE_SCHEMA");
    assert_stored(s, first, "s1", one);
    assert_stored(s, third, "s1", three);
    assert_stored(s, second, NULL, NULL);
}

#endif
