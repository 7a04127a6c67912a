/* Of table_cases.h: keys. */
#ifndef WEIR_TEST_TABLE_KEY_CASES_H
#define WEIR_TEST_TABLE_KEY_CASES_H

#include "support/table_fixture.h"

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

typedef struct key_kind {
    const char *type, *key, *row; /* the value in either */
} key_kind;

static const key_kind key_kinds[] = {
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

typedef struct key_texts {
    weir_shape_column columns[3];
    char key[120], pair[200], row[160], changed[160];
} key_texts;

static key_texts texts_of(const key_kind *kind)
{
    key_texts t = {.columns = {{{"k", 1}, weir_view_of(kind->type)}, {{"r", 1}, {"integer", 7}},
                       {{"v", 1}, {"integer", 7}}}};
    snprintf(t.key, sizeof t.key, "{\"k\":%s}", kind->key);
    snprintf(t.pair, sizeof t.pair, "{\"k\":%s,\"r\":1}", kind->key);
    snprintf(t.row, sizeof t.row, "{\"k\":%s,\"r\":1,\"v\":1}", kind->row);
    snprintf(t.changed, sizeof t.changed, "{\"k\":%s,\"r\":1,\"v\":2}", kind->row);
    return t;
}

/* Keys of every type, as Debezium writes them and as rows have them: found, changed, walked to and
 * gone. */
static void case_keys_of_types(void **state)
{
    (void)state;
    weir_error err;
    for (size_t i = 0; i < sizeof key_kinds / sizeof *key_kinds; i++) {
        char name[24];
        key_texts t = texts_of(&key_kinds[i]);
        snprintf(name, sizeof name, "keys_%zu", i);
        weir_table_rule rule = rule_for(name, name);
        weir_store s = open_one(&rule);
        shape(s, t.columns, 3);
        begin(s);
        put(s, t.key, "s1", t.row);
        if (s.ops->commit(s.self, &err)) {
            fail_msg("%s: %s", key_kinds[i].type, err.text);
        }
        assert_stored(s, t.key, "s1", t.row);
        begin(s);
        put(s, t.key, "s2", t.changed);
        commit(s);
        s.ops->close(s.self);
        s = open_one(&rule); /* by who has not written it */
        assert_stored(s, t.key, "s2", t.changed);
        begin(s);
        assert_int_equal(walk(s, WEIR_SPACE_STATE, t.key, 0), 1);
        assert_int_equal(walk(s, WEIR_SPACE_STATE, t.key, 1), 1);
        commit(s);
        assert_stored(s, t.key, NULL, NULL);
        s.ops->close(s.self);
    }
}

/* And as one of two. */
static void case_pairs_of_types(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof key_kinds / sizeof *key_kinds; i++) {
        char name[24];
        key_texts t = texts_of(&key_kinds[i]);
        snprintf(name, sizeof name, "pairs_%zu", i);
        weir_table_rule rule = rule_for(name, name);
        weir_store s = open_one(&rule);
        shape(s, t.columns, 3);
        begin(s);
        put(s, t.pair, "s1", t.row);
        commit(s);
        put_again(s, t.pair, "s2", t.changed);
        assert_stored(s, t.pair, "s2", t.changed);
        begin(s);
        put(s, t.pair, "dead", NULL);
        commit(s);
        assert_stored(s, t.pair, "dead", NULL);
        s.ops->close(s.self);
    }
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

#endif
