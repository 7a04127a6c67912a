/* What a store keeps by name: written, read, forgotten, and told when it is damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "cdc/merge.h"
#include "memory/memory_store.h"
#include "sync/stored.h"

static weir_store new_store(void)
{
    weir_store s;
    assert_int_equal(weir_memory_store_open(0, &s, NULL), WEIR_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(s.ops->open_cache(s.self, i, "c", NULL), WEIR_OK);
    }
    assert_int_equal(s.ops->begin(s.self, NULL), WEIR_OK);
    return s;
}

static void end(weir_store s)
{
    assert_int_equal(s.ops->commit(s.self, NULL), WEIR_OK);
    s.ops->close(s.self);
}

static void put(weir_store s, unsigned cache, weir_space space, const char *key, const char *value)
{
    assert_int_equal(
        s.ops->put(s.self, cache, space, weir_view_of(key), weir_view_of(value), NULL), WEIR_OK);
}

static int64_t offset(weir_store s, const char *topic, int32_t partition)
{
    int64_t next = -2;
    assert_int_equal(weir_stored_offset(s, topic, partition, &next, NULL), WEIR_OK);
    return next;
}

static void set(weir_store s, const char *topic, int32_t partition, int64_t next)
{
    assert_int_equal(weir_stored_offset_set(s, topic, partition, next, NULL), WEIR_OK);
}

/* ---- Offsets --------------------------------------------------------------------------------- */

typedef struct sum {
    int met;
    int64_t total;
} sum;

static weir_status add(void *ctx, weir_view topic, int32_t partition, int64_t next, weir_error *err)
{
    sum *s = ctx;
    (void)err;
    assert_true(weir_view_is(topic, "t:x") || weir_view_is(topic, "other"));
    assert_true(partition >= 0);
    s->met++;
    s->total += next;
    return WEIR_OK;
}

static void test_offsets(void **state)
{
    (void)state;
    weir_store s = new_store();
    assert_int_equal(offset(s, "t:x", 0), -1);
    set(s, "t:x", 0, 5);
    set(s, "t:x", 11, 70);
    set(s, "other", 0, 900);
    put(s, 0, WEIR_SPACE_META, "format", "weir store 1"); /* passed over by the walk */
    assert_int_equal(offset(s, "t:x", 0), 5);
    assert_int_equal(offset(s, "t:x", 11), 70);
    assert_int_equal(offset(s, "t:x", 1), -1);
    sum all = {0};
    assert_int_equal(weir_stored_offsets(s, add, &all, NULL), WEIR_OK);
    assert_int_equal(all.met, 3);
    assert_int_equal(all.total, 975);
    set(s, "t:x", 11, -1);
    assert_int_equal(offset(s, "t:x", 11), -1);
    assert_int_equal(weir_stored_forget_offsets(s, "t:x", NULL), WEIR_OK);
    assert_int_equal(offset(s, "t:x", 0), -1);
    assert_int_equal(offset(s, "other", 0), 900);
    end(s);
}

static void test_damaged_offsets(void **state)
{
    static const char *const cases[][2] = {{"offset:0:t", "x"}, {"offset:0:t", "-3"},
        {"offset:x:t", "1"}, {"offset:-1:t", "1"}, {"offset:4294967296:t", "1"}, {"offset:7", "1"},
        {"offset:0:t", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_store s = new_store();
        weir_error err;
        sum all = {0};
        put(s, 0, WEIR_SPACE_META, cases[i][0], cases[i][1]);
        assert_int_equal(weir_stored_offsets(s, add, &all, &err), WEIR_FATAL);
        assert_string_equal(err.code, "STORE_BROKEN");
        end(s);
    }
}

/* ---- Partitions and rules -------------------------------------------------------------------- */

static void test_partitions(void **state)
{
    (void)state;
    weir_store s = new_store();
    weir_error err;
    int32_t n = -1;
    assert_int_equal(weir_stored_partitions(s, "t", &n, NULL), WEIR_OK);
    assert_int_equal(n, 0);
    assert_int_equal(weir_stored_partitions_set(s, "t", 12, NULL), WEIR_OK);
    assert_int_equal(weir_stored_partitions(s, "t", &n, NULL), WEIR_OK);
    assert_int_equal(n, 12);
    assert_int_equal(weir_stored_partitions_set(s, "t", 0, NULL), WEIR_OK);
    assert_int_equal(weir_stored_partitions(s, "t", &n, NULL), WEIR_OK);
    assert_int_equal(n, 0);
    put(s, 0, WEIR_SPACE_META, "partitions:t", "99999999999");
    assert_int_equal(weir_stored_partitions(s, "t", &n, &err), WEIR_FATAL);
    assert_string_equal(err.code, "STORE_BROKEN");
    end(s);
}

static void test_forgets_a_cache(void **state)
{
    (void)state;
    weir_store s = new_store();
    weir_view rule, value;
    for (unsigned cache = 1; cache < 3; cache++) {
        for (int space = 0; space < WEIR_SPACES; space++) {
            put(s, cache, (weir_space)space, "k", "v");
        }
    }
    assert_int_equal(weir_stored_rule_set(s, "one", weir_view_of("from a"), NULL), WEIR_OK);
    assert_int_equal(weir_stored_rule_set(s, "two", weir_view_of("from b"), NULL), WEIR_OK);
    assert_int_equal(weir_stored_rule(s, "one", &rule, NULL), WEIR_OK);
    assert_true(weir_view_is(rule, "from a"));
    assert_int_equal(weir_stored_forget_cache(s, 1, "one", NULL), WEIR_OK);
    assert_int_equal(weir_stored_rule(s, "one", &rule, NULL), WEIR_OK);
    assert_null(rule.ptr);
    assert_int_equal(weir_stored_rule(s, "two", &rule, NULL), WEIR_OK);
    assert_true(weir_view_is(rule, "from b"));
    for (int space = 0; space < WEIR_SPACES; space++) {
        for (unsigned cache = 1; cache < 3; cache++) {
            assert_int_equal(
                s.ops->get(s.self, cache, (weir_space)space, weir_view_of("k"), &value, NULL),
                WEIR_OK);
            assert_int_equal(value.ptr != NULL, cache == 2);
        }
    }
    end(s);
}

/* ---- Position -------------------------------------------------------------------------------- */

static void apply(weir_merge *m, int32_t partition, uint64_t l, int64_t ms)
{
    const weir_change c = {.kind = WEIR_STREAMED,
        .op = 'c',
        .partition = partition,
        .offset = (int64_t)l,
        .gap = -1,
        .at = {l, l},
        .ts_ms = ms,
        .key = weir_view_of("{\"id\":1}"),
        .row = weir_view_of("{\"id\":1}"),
        .missing = {"", 0}};
    assert_int_equal(weir_merge_apply(m, &c, 0, NULL), WEIR_OK);
}

static void test_position(void **state)
{
    (void)state;
    weir_store s = new_store();
    weir_stored_position p;
    weir_merge m;
    assert_int_equal(weir_stored_position_of(s, 1, &p, NULL), WEIR_OK);
    assert_int_equal(p.high_H, 0);
    assert_int_equal(p.high_ms, 0);
    weir_merge_init(&m, s, 1);
    assert_int_equal(weir_merge_load(&m, NULL), WEIR_OK);
    apply(&m, 0, 100, 7);
    apply(&m, 2, 300, 5);
    assert_int_equal(weir_merge_save(&m, NULL), WEIR_OK);
    weir_merge_fini(&m);
    assert_int_equal(weir_stored_position_of(s, 1, &p, NULL), WEIR_OK);
    assert_int_equal(p.high_H, 300);
    assert_int_equal(p.high_ms, 7);
    assert_int_equal(weir_stored_position_of(s, 2, &p, NULL), WEIR_OK);
    assert_int_equal(p.high_H, 0);
    end(s);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    weir_store s = new_store();
    set(s, "t", 0, 1);
    long live = weir_alloc_live();
    weir_alloc_fail_at(1, 1);
    assert_int_equal(weir_stored_offset_set(s, "t", 1, 5, NULL), WEIR_RETRY);
    assert_int_equal(weir_stored_partitions_set(s, "t", 5, NULL), WEIR_RETRY);
    assert_int_equal(weir_stored_rule_set(s, "c", weir_view_of("r"), NULL), WEIR_RETRY);
    weir_alloc_fail_at(0, 0);
    assert_int_equal(weir_alloc_live(), live);
    assert_int_equal(offset(s, "t", 0), 1);
    assert_int_equal(offset(s, "t", 1), -1);
    end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_damaged_offsets),
        cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_forgets_a_cache),
        cmocka_unit_test(test_position),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
