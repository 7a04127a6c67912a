/* The overlay: it is a store, the base under it never changes, and no failure leaves it broken. A
 * random run compares it with a plain store that had the same writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "memory/memory_store.h"
#include "memory/overlay_store.h"
#include "sim/prng.h"

enum { CACHE = 1, KEYS = 12, STEPS = 4000 };

/* ---- Short hands: they assert that the call succeeds ----------------------------------------- */

static weir_store memory(void)
{
    weir_store s;
    assert_int_equal(weir_memory_store_open(0, &s, NULL), WEIR_OK);
    assert_int_equal(s.ops->open_cache(s.self, CACHE, "c", NULL), WEIR_OK);
    return s;
}

static weir_store overlay_of(weir_store base)
{
    weir_store s;
    assert_int_equal(weir_overlay_store_open(base, &s, NULL), WEIR_OK);
    assert_int_equal(s.ops->open_cache(s.self, CACHE, "c", NULL), WEIR_OK);
    return s;
}

static void begin(weir_store s)
{
    assert_int_equal(s.ops->begin(s.self, NULL), WEIR_OK);
}

static void commit(weir_store s)
{
    assert_int_equal(s.ops->commit(s.self, NULL), WEIR_OK);
}

static void put(weir_store s, const char *key, const char *value)
{
    assert_int_equal(
        s.ops->put(s.self, CACHE, WEIR_SPACE_ROW, weir_view_of(key), weir_view_of(value), NULL),
        WEIR_OK);
}

static void del(weir_store s, const char *key)
{
    assert_int_equal(s.ops->del(s.self, CACHE, WEIR_SPACE_ROW, weir_view_of(key), NULL), WEIR_OK);
}

/* expected NULL: not there. */
static void assert_gets(weir_store s, const char *key, const char *expected)
{
    weir_view v;
    assert_int_equal(
        s.ops->get(s.self, CACHE, WEIR_SPACE_ROW, weir_view_of(key), &v, NULL), WEIR_OK);
    assert_int_equal(v.ptr != NULL, expected != NULL);
    assert_true(!expected || weir_view_is(v, expected));
}

static void assert_reads(weir_store s, const char *key, const char *expected)
{
    weir_buf b = {0};
    bool found;
    assert_int_equal(
        s.ops->read(s.self, CACHE, WEIR_SPACE_ROW, weir_view_of(key), &b, &found, NULL), WEIR_OK);
    assert_int_equal(found, expected != NULL);
    assert_true(!expected || weir_view_is(weir_buf_view(&b), expected));
    weir_buf_fini(&b);
}

static void close_both(weir_store overlay, weir_store base)
{
    overlay.ops->close(overlay.self);
    if (base.ops) {
        base.ops->close(base.self);
    }
}

/* ---- What a walk meets: each key's value by its number; "" for none -------------------------- */

typedef struct contents {
    char values[KEYS][8];
    int met, remove; /* remove: the number of a key to be removed; -1: none */
} contents;

static weir_status take(void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    contents *c = ctx;
    (void)err;
    int n = key.ptr[0] - 'a';
    assert_true(n >= 0 && n < KEYS && value.len < sizeof c->values[n]);
    assert_string_equal(c->values[n], ""); /* each key once */
    memcpy(c->values[n], value.ptr, value.len);
    *remove = n == c->remove;
    c->met++;
    return WEIR_OK;
}

static contents walk(weir_store s, int remove)
{
    contents c = {.remove = remove};
    assert_int_equal(
        s.ops->each(s.self, CACHE, WEIR_SPACE_ROW, (weir_view){"", 0}, take, &c, NULL), WEIR_OK);
    return c;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static weir_store base_with_two(void)
{
    weir_store base = memory();
    begin(base);
    put(base, "a", "1");
    put(base, "b", "2");
    commit(base);
    return base;
}

static void test_hides_what_is_under_it(void **state)
{
    (void)state;
    weir_store base = base_with_two(), s = overlay_of(base);
    begin(s);
    assert_gets(s, "a", "1");
    put(s, "a", "one");
    del(s, "b");
    put(s, "c", "");
    assert_gets(s, "a", "one");
    assert_gets(s, "b", NULL);
    assert_gets(s, "c", "");
    commit(s);
    assert_reads(s, "a", "one");
    assert_reads(s, "b", NULL);
    assert_reads(s, "c", "");
    assert_reads(base, "a", "1");
    assert_reads(base, "b", "2");
    assert_reads(base, "c", NULL);
    close_both(s, base);
}

static void test_abort_takes_all_back(void **state)
{
    (void)state;
    weir_store base = base_with_two(), s = overlay_of(base);
    begin(s);
    put(s, "a", "one");
    del(s, "b");
    s.ops->abort(s.self);
    assert_reads(s, "a", "1");
    assert_reads(s, "b", "2");
    close_both(s, base);
}

static void test_walks_both(void **state)
{
    (void)state;
    weir_store base = base_with_two(), s = overlay_of(base);
    begin(s);
    put(s, "a", "one");
    put(s, "c", "3");
    contents c = walk(s, 'b' - 'a');
    assert_int_equal(c.met, 3);
    assert_string_equal(c.values[0], "one");
    assert_string_equal(c.values[1], "2");
    assert_string_equal(c.values[2], "3");
    assert_gets(s, "b", NULL); /* removed by the walk */
    assert_int_equal(walk(s, 'c' - 'a').met, 2);
    assert_gets(s, "c", NULL);
    assert_int_equal(s.ops->clear(s.self, CACHE, WEIR_SPACE_ROW, NULL), WEIR_OK);
    assert_int_equal(walk(s, -1).met, 0);
    commit(s);
    assert_reads(base, "a", "1");
    close_both(s, base);
}

static void test_stands_on_nothing(void **state)
{
    (void)state;
    weir_store none = {NULL, NULL}, s = overlay_of(none);
    begin(s);
    assert_gets(s, "a", NULL);
    put(s, "a", "1");
    assert_int_equal(walk(s, -1).met, 1);
    commit(s);
    assert_reads(s, "a", "1");
    assert_int_equal(s.ops->count(s.self, CACHE, WEIR_SPACE_ROW), 0);
    assert_int_equal(s.ops->bytes(s.self), 0);
    close_both(s, none);
}

static weir_status stop(void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    (void)key, (void)value, (void)remove, (void)err;
    return ++*(int *)ctx == 1 ? WEIR_DEFERRED : WEIR_OK;
}

static void test_a_walk_may_end_early(void **state)
{
    (void)state;
    weir_store base = base_with_two(), s = overlay_of(base);
    int met = 0;
    begin(s);
    put(s, "c", "3");
    assert_int_equal(
        s.ops->each(s.self, CACHE, WEIR_SPACE_ROW, (weir_view){"", 0}, stop, &met, NULL),
        WEIR_DEFERRED);
    assert_int_equal(met, 1);
    commit(s);
    close_both(s, base);
}

/* The same writes go to a plain store: both must have the same entries all the time. */
static void test_equals_a_plain_store(void **state)
{
    (void)state;
    const uint64_t seed = 20261122;
    sim_rng r = sim_rng_of(seed, 0);
    weir_store base = base_with_two(), plain = base_with_two(), s = overlay_of(base);
    for (int step = 0; step < STEPS; step++) {
        char key[2] = {(char)('a' + sim_below(&r, KEYS)), '\0'}, value[8];
        snprintf(value, sizeof value, "%d", step);
        begin(s);
        begin(plain);
        if (sim_below(&r, 3)) {
            put(s, key, value);
            put(plain, key, value);
        } else {
            del(s, key);
            del(plain, key);
        }
        if (sim_below(&r, 4)) {
            commit(s);
            commit(plain);
        } else {
            s.ops->abort(s.self);
            plain.ops->abort(plain.self);
        }
        begin(s);
        begin(plain);
        contents a = walk(s, -1), b = walk(plain, -1);
        assert_memory_equal(a.values, b.values, sizeof a.values);
        commit(s);
        commit(plain);
    }
    assert_reads(base, "a", "1");
    plain.ops->close(plain.self);
    close_both(s, base);
}

/* Every allocation fails once: the call says so, and the overlay goes on. */
static void test_out_of_memory(void **state)
{
    (void)state;
    weir_store base = base_with_two();
    long live = weir_alloc_live();
    for (long n = 1;; n++) {
        weir_store s = {NULL, NULL};
        weir_alloc_fail_at(n, 0);
        weir_status st = weir_overlay_store_open(base, &s, NULL);
        st = st ? st : s.ops->open_cache(s.self, CACHE, "c", NULL);
        bool began = !st && !s.ops->begin(s.self, NULL);
        weir_view key = weir_view_of("a"), value = weir_view_of("one");
        st = began ? s.ops->put(s.self, CACHE, WEIR_SPACE_ROW, key, value, NULL) : WEIR_RETRY;
        st = st ? st : s.ops->del(s.self, CACHE, WEIR_SPACE_ROW, weir_view_of("b"), NULL);
        weir_alloc_fail_at(0, 0);
        if (began) {
            s.ops->abort(s.self);
        }
        if (s.ops) {
            s.ops->close(s.self);
        }
        assert_int_equal(weir_alloc_live(), live);
        if (!st) {
            assert_true(n > 3);
            break;
        }
        assert_int_equal(st, WEIR_RETRY);
    }
    base.ops->close(base.self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hides_what_is_under_it),
        cmocka_unit_test(test_abort_takes_all_back),
        cmocka_unit_test(test_walks_both),
        cmocka_unit_test(test_stands_on_nothing),
        cmocka_unit_test(test_a_walk_may_end_early),
        cmocka_unit_test(test_equals_a_plain_store),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
