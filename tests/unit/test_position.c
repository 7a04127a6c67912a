/* Positions: source.sequence and what takes its place, as docs/merge-rule.md reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cdc/position.h"
#include "value/json.h"

typedef struct position_case {
    char op;
    const char *source; /* the members of a source block */
    const char *code;   /* of the error, or NULL */
    weir_change_kind kind;
    bool has_commit, has_tx;
    uint64_t commit, H, l, tx;
} position_case;

#define SEQUENCE(pair) "\"sequence\":\"" pair "\""

static const position_case cases[] = {
    {'u', SEQUENCE("[\\\"100\\\",\\\"120\\\"]") ",\"txId\":7", NULL, WEIR_STREAMED, true, true, 100,
        120, 120, 7},
    {'d', SEQUENCE("[\\\"130\\\",\\\"120\\\"]"), NULL, WEIR_STREAMED, true, false, 130, 130, 120,
        0},
    {'c', SEQUENCE("[null,\\\"120\\\"]"), NULL, WEIR_STREAMED, false, false, 0, 120, 120, 0},
    {'t', SEQUENCE("[\\\"1\\\",null]") ",\"lsn\":5", NULL, WEIR_STREAMED, true, false, 1, 5, 5, 0},
    {'u', "\"lsn\":5,\"sequence\":null,\"txId\":null", NULL, WEIR_STREAMED, false, false, 0, 5, 5,
        0},
    {'u', SEQUENCE("[\\\"1\\\",\\\"0\\\"]") ",\"lsn\":5", NULL, WEIR_STREAMED, true, false, 1, 5, 5,
        0},
    {'u', SEQUENCE("[\\\"9223372036854775807\\\",\\\"1\\\"]"), NULL, WEIR_STREAMED, true, false,
        INT64_MAX, INT64_MAX, 1, 0},
    {'u', "\"sequence\":[1,2]", NULL, WEIR_STREAMED, true, false, 1, 2, 2, 0},
    {'u', SEQUENCE("[1,2]"), NULL, WEIR_STREAMED, true, false, 1, 2, 2, 0},
    {'u', "\"lsn\":\"5\",\"txId\":\"7:100\"", NULL, WEIR_STREAMED, false, true, 0, 5, 5, 7},
    {'r', SEQUENCE("[null,\\\"50\\\"]") ",\"snapshot\":\"first\"", NULL, WEIR_READ, false, false, 0,
        50, 50, 0},
    {'r', SEQUENCE("[\\\"40\\\",\\\"50\\\"]") ",\"snapshot\":\"true\"", NULL, WEIR_READ, true,
        false, 40, 50, 50, 0},
    {'r', "\"lsn\":50,\"snapshot\":true", NULL, WEIR_READ, false, false, 0, 50, 50, 0},
    {'r', "\"lsn\":50", NULL, WEIR_READ, false, false, 0, 50, 50, 0},
    {'r', SEQUENCE("[\\\"60\\\",\\\"60\\\"]") ",\"snapshot\":\"incremental\"", NULL,
        WEIR_INCREMENTAL, true, false, 60, 60, 60, 0},
    {'r', SEQUENCE("[\\\"60\\\",null]") ",\"snapshot\":\"incremental\"", NULL, WEIR_INCREMENTAL,
        true, false, 60, 60, 0, 0},
    {'u', "\"lsn\":5,\"snapshot\":\"incremental\"", NULL, WEIR_STREAMED, false, false, 0, 5, 5, 0},
    {'u', "", "CDC_NO_POSITION", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE("[\\\"60\\\",null]"), "CDC_NO_POSITION", 0, false, false, 0, 0, 0, 0},
    {'u', "\"lsn\":0", "CDC_NO_POSITION", 0, false, false, 0, 0, 0, 0},
    {'u', "\"lsn\":-5", "CDC_NO_POSITION", 0, false, false, 0, 0, 0, 0},
    {'r', SEQUENCE("[null,null]") ",\"snapshot\":\"incremental\"", "CDC_NO_POSITION", 0, false,
        false, 0, 0, 0, 0},
    {'u', SEQUENCE("[1]"), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE("[\\\"1\\\",[]]"), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE(""), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE("["), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE("[]"), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE("[\\\"1\\\""), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE("[\\\"1\\\","), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE("[\\\"1\\\",nul"), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE("[\\\"1\\\",\\\"2"), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE("[\\\"1\\\",\\\"2]"), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE("[\\\"1\\\",\\\"2\\\""), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE("[\\\"1\\\",\\\"2\\\"]]"), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE("[\\\"\\\",\\\"2\\\"]"), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE("[\\\"null\\\",\\\"2\\\"]"), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE("[1,2,3]"), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE("[-1,2]"), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE("[1,99999999999999999999]"), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', SEQUENCE("[1,2.5]"), "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
    {'u', "\"sequence\":{}", "CDC_BAD_VALUE", 0, false, false, 0, 0, 0, 0},
};

static void check_case(const position_case *k, weir_arena *arena)
{
    weir_view text = weir_arena_printf(arena, "{\"op\":\"x\",\"source\":{%s}}", k->source);
    const weir_value *payload;
    weir_fields fields = {{NULL}};
    weir_error err = {.status = WEIR_OK};
    assert_int_equal(weir_json_read(text, arena, &payload, NULL), WEIR_OK);
    weir_fields_of_envelope(payload, &fields);
    weir_change c = {.op = k->op};
    weir_status s = weir_position_read(&fields, arena, &c, &err);
    if (k->code) {
        assert_int_equal(s, WEIR_REJECT);
        assert_string_equal(err.code, k->code);
        assert_string_equal(err.where, "/source/sequence");
        assert_int_equal(weir_position_read(&fields, arena, &c, NULL), WEIR_REJECT);
        return;
    }
    assert_int_equal(s, WEIR_OK);
    assert_int_equal(c.kind, k->kind);
    assert_int_equal(c.has_commit, k->has_commit);
    assert_int_equal(c.has_tx, k->has_tx);
    assert_int_equal(c.commit, k->commit);
    assert_int_equal(c.at.H, k->H);
    assert_int_equal(c.at.l, k->l);
    assert_int_equal(c.tx, k->tx);
}

static void test_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_arena arena;
        weir_arena_init(&arena, 0);
        check_case(&cases[i], &arena);
        weir_arena_fini(&arena);
    }
}

static void test_by_offset(void **state)
{
    (void)state;
    static const struct {
        char op, becomes;
    } ops[] = {{'c', 'c'}, {'u', 'u'}, {'d', 'd'}, {'t', 't'}, {'r', 'u'}};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        weir_change c = {.kind = WEIR_TOMBSTONE,
            .op = ops[i].op,
            .offset = 0,
            .has_tx = true,
            .other = weir_view_of("{}")};
        weir_position_by_offset(&c);
        assert_int_equal(c.kind, WEIR_STREAMED);
        assert_int_equal(c.op, ops[i].becomes);
        assert_int_equal(c.at.l, 1); /* 0 would be "none" */
        assert_int_equal(c.at.H, 1);
        assert_true(c.has_commit && !c.has_tx && !c.other.ptr);
        c.offset = INT64_MAX;
        weir_position_by_offset(&c);
        assert_true(c.at.l == (uint64_t)INT64_MAX + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_by_offset),
    };
    return cmocka_run_group_tests_name("position", tests, NULL, NULL);
}
