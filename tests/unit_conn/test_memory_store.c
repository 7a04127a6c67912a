/* The store in memory: what the port promises, whatever fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/alloc.h"
#include "memory/memory_store.h"
#include "sim/prng.h"

enum { CACHE = 2 };

/* ---- Short hands: they assert that the call succeeds -------------------------------------------
 */

static weir_store store_of(uint64_t max_bytes)
{
    weir_store s;
    assert_int_equal(weir_memory_store_open(max_bytes, &s, NULL), WEIR_OK);
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

static weir_status try_put(weir_store s, const char *key, const char *value)
{
    return s.ops->put(s.self, CACHE, WEIR_SPACE_ROW, weir_view_of(key), weir_view_of(value), NULL);
}

static void put(weir_store s, const char *key, const char *value)
{
    assert_int_equal(try_put(s, key, value), WEIR_OK);
}

static void del(weir_store s, const char *key)
{
    assert_int_equal(s.ops->del(s.self, CACHE, WEIR_SPACE_ROW, weir_view_of(key), NULL), WEIR_OK);
}

/* Inside a transaction; expected NULL: not there. */
static void assert_gets(weir_store s, const char *key, const char *expected)
{
    weir_view v;
    assert_int_equal(
        s.ops->get(s.self, CACHE, WEIR_SPACE_ROW, weir_view_of(key), &v, NULL), WEIR_OK);
    if (expected) {
        assert_non_null(v.ptr);
        assert_true(weir_view_is(v, expected));
    } else {
        assert_null(v.ptr);
    }
}

/* Outside of one. */
static void assert_reads(weir_store s, const char *key, const char *expected)
{
    weir_buf b;
    bool found;
    weir_buf_init(&b);
    weir_buf_puts(&b, "before ");
    assert_int_equal(
        s.ops->read(s.self, CACHE, WEIR_SPACE_ROW, weir_view_of(key), &b, &found, NULL), WEIR_OK);
    assert_int_equal(found, expected != NULL);
    char whole[64];
    snprintf(whole, sizeof whole, "before %s", expected ? expected : "");
    assert_true(weir_view_is(weir_buf_view(&b), whole));
    weir_buf_fini(&b);
}

/* ---- Transactions -----------------------------------------------------------------------------
 */

static void test_commit(void **state)
{
    (void)state;
    weir_store s = store_of(0);
    assert_reads(s, "a", NULL);
    begin(s);
    assert_gets(s, "a", NULL);
    put(s, "a", "1");
    put(s, "b", "");
    assert_gets(s, "a", "1");
    assert_gets(s, "b", "");
    commit(s);
    assert_reads(s, "a", "1");
    assert_reads(s, "b", "");
    begin(s);
    put(s, "a", "2");
    del(s, "b");
    del(s, "never there");
    assert_gets(s, "b", NULL);
    commit(s);
    assert_reads(s, "a", "2");
    assert_reads(s, "b", NULL);
    assert_int_equal(s.ops->count(s.self, CACHE, WEIR_SPACE_ROW), 1);
    s.ops->close(s.self);
}

static void test_abort(void **state)
{
    (void)state;
    weir_store s = store_of(0);
    begin(s);
    put(s, "kept", "1");
    put(s, "gone", "2");
    commit(s);
    uint64_t bytes = s.ops->bytes(s.self);
    begin(s);
    put(s, "kept", "longer than it was");
    del(s, "gone");
    put(s, "new", "3");
    s.ops->abort(s.self);
    assert_reads(s, "kept", "1");
    assert_reads(s, "gone", "2");
    assert_reads(s, "new", NULL);
    assert_int_equal(s.ops->bytes(s.self), bytes);
    assert_int_equal(s.ops->count(s.self, CACHE, WEIR_SPACE_ROW), 2);
    s.ops->close(s.self);
}

/* One key changes several times within one transaction: P puts, D deletes. It was there or not, and
 * the transaction commits or aborts. */
static void test_one_key_again_and_again(void **state)
{
    (void)state;
    static const char *const courses[] = {"P", "D", "PP", "PD", "DP", "DD", "PDP", "DPD", "PPDDPP"};
    for (size_t i = 0; i < sizeof courses / sizeof *courses; i++) {
        for (int variant = 0; variant < 4; variant++) {
            bool there = variant & 1, commits = variant & 2;
            weir_store s = store_of(0);
            begin(s);
            if (there) {
                put(s, "key", "old");
            }
            commit(s);
            begin(s);
            const char *last = there ? "old" : NULL;
            char value[8];
            for (const char *step = courses[i]; *step; step++) {
                snprintf(value, sizeof value, "%td", step - courses[i]);
                last = *step == 'P' ? value : NULL;
                if (last) {
                    put(s, "key", value);
                } else {
                    del(s, "key");
                }
                assert_gets(s, "key", last);
            }
            if (commits) {
                commit(s);
            } else {
                s.ops->abort(s.self);
                last = there ? "old" : NULL;
            }
            assert_reads(s, "key", last);
            assert_int_equal(s.ops->count(s.self, CACHE, WEIR_SPACE_ROW), last != NULL);
            s.ops->close(s.self);
        }
    }
}

/* Caches and spaces are maps of their own. */
static void test_spaces(void **state)
{
    (void)state;
    weir_store s = store_of(0);
    const weir_view key = weir_view_of("key");
    assert_int_equal(s.ops->open_cache(s.self, 1, "one", NULL), WEIR_OK);
    begin(s);
    for (unsigned cache = 0; cache < 3; cache++) {
        for (int space = 0; space < WEIR_SPACES; space++) {
            char value[3] = {(char)('0' + cache), (char)('0' + space), 0};
            assert_int_equal(
                s.ops->put(s.self, cache, (weir_space)space, key, weir_view_of(value), NULL),
                WEIR_OK);
        }
    }
    commit(s);
    for (unsigned cache = 0; cache < 3; cache++) {
        for (int space = 0; space < WEIR_SPACES; space++) {
            char value[3] = {(char)('0' + cache), (char)('0' + space), 0};
            weir_buf b;
            bool found;
            weir_buf_init(&b);
            assert_int_equal(
                s.ops->read(s.self, cache, (weir_space)space, key, &b, &found, NULL), WEIR_OK);
            assert_true(found && weir_view_is(weir_buf_view(&b), value));
            weir_buf_fini(&b);
            assert_int_equal(s.ops->count(s.self, cache, (weir_space)space), 1);
        }
    }
    assert_int_equal(s.ops->count(s.self, 7, WEIR_SPACE_ROW), 0);
    s.ops->close(s.self);
}

/* ---- Walks ------------------------------------------------------------------------------------
 */

typedef struct walk {
    char met[1024];
    size_t left;
    char next[16];
    bool remove;
} walk;

static weir_status walk_on(void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    walk *w = ctx;
    (void)err;
    if (!w->left) {
        snprintf(w->next, sizeof w->next, "%.*s", WEIR_ARG(key));
        return WEIR_DEFERRED;
    }
    w->left--;
    w->next[0] = 0;
    size_t used = strlen(w->met);
    snprintf(w->met + used, sizeof w->met - used, "%.*s=%.*s ", WEIR_ARG(key), WEIR_ARG(value));
    *remove = w->remove;
    return WEIR_OK;
}

static void test_each(void **state)
{
    (void)state;
    weir_store s = store_of(0);
    begin(s);
    for (int i = 0; i < 20; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%d", i);
        put(s, key, "v");
    }
    del(s, "k7");
    /* In steps of three, each from where the last one ended: every key once. */
    walk w = {.left = 0};
    do {
        w.left = 3;
        (void)s.ops->each(s.self, CACHE, WEIR_SPACE_ROW, weir_view_of(w.next), walk_on, &w, NULL);
    } while (w.next[0]);
    for (int i = 0; i < 20; i++) {
        char item[12];
        snprintf(item, sizeof item, "k%d=v ", i);
        const char *first = strstr(w.met, item);
        assert_int_equal(first != NULL, i != 7);
        assert_true(!first || !strstr(first + 1, item));
    }
    walk all = {.left = SIZE_MAX, .remove = true};
    assert_int_equal(
        s.ops->each(s.self, CACHE, WEIR_SPACE_ROW, weir_view_of(""), walk_on, &all, NULL), WEIR_OK);
    assert_gets(s, "k3", NULL);
    s.ops->abort(s.self);
    assert_int_equal(s.ops->count(s.self, CACHE, WEIR_SPACE_ROW), 0);
    s.ops->close(s.self);
}

static void test_clear(void **state)
{
    (void)state;
    weir_store s = store_of(0);
    begin(s);
    put(s, "a", "1");
    put(s, "b", "2");
    commit(s);
    begin(s);
    put(s, "c", "3");
    assert_int_equal(s.ops->clear(s.self, CACHE, WEIR_SPACE_ROW, NULL), WEIR_OK);
    assert_gets(s, "a", NULL);
    put(s, "b", "again");
    commit(s);
    assert_reads(s, "a", NULL);
    assert_reads(s, "b", "again");
    assert_reads(s, "c", NULL);
    begin(s);
    assert_int_equal(s.ops->clear(s.self, CACHE, WEIR_SPACE_ROW, NULL), WEIR_OK);
    commit(s);
    assert_int_equal(s.ops->bytes(s.self), 0);
    s.ops->close(s.self);
}

/* ---- Bounds -----------------------------------------------------------------------------------
 */

static void test_full(void **state)
{
    (void)state;
    weir_store probe = store_of(0);
    begin(probe);
    put(probe, "a", "12345678");
    commit(probe);
    uint64_t one = probe.ops->bytes(probe.self);
    probe.ops->close(probe.self);

    weir_store s = store_of(2 * one);
    weir_error err;
    begin(s);
    put(s, "a", "12345678");
    put(s, "b", "12345678");
    commit(s);
    begin(s);
    assert_int_equal(
        s.ops->put(s.self, CACHE, WEIR_SPACE_ROW, weir_view_of("c"), weir_view_of("1"), &err),
        WEIR_HOLD);
    assert_string_equal(err.code, "STORE_FULL");
    put(s, "a", "abcdefgh"); /* in place of one as large */
    assert_int_equal(try_put(s, "a", "abcdefghi"), WEIR_HOLD);
    assert_gets(s, "a", "abcdefgh");
    assert_gets(s, "c", NULL);
    s.ops->abort(s.self);
    assert_reads(s, "a", "12345678");
    begin(s);
    del(s, "b");
    put(s, "c", "1234");
    commit(s);
    assert_reads(s, "c", "1234");
    assert_true(s.ops->bytes(s.self) <= 2 * one);
    s.ops->close(s.self);
}

/* ---- Failing allocations ----------------------------------------------------------------------
 */

/* Enough keys that maps and the log grow. */
static weir_status change_much(weir_store s)
{
    weir_status st = try_put(s, "first", "changed");
    for (int i = 0; i < 300 && !st; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%d", i);
        st = try_put(s, key, "value");
    }
    st = st ? st : s.ops->del(s.self, CACHE, WEIR_SPACE_ROW, weir_view_of("second"), NULL);
    st = st ? st : try_put(s, "second", "again");
    return st ? st
              : s.ops->put(
                    s.self, CACHE + 1, WEIR_SPACE_META, weir_view_of("x"), weir_view_of("y"), NULL);
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
    long before = weir_alloc_live();
    bool done = false;
    for (long n = 1; !done; n++) {
        weir_store s = store_of(0);
        begin(s);
        put(s, "first", "1");
        put(s, "second", "2");
        commit(s);
        uint64_t bytes = s.ops->bytes(s.self);
        begin(s);
        weir_alloc_fail_at(n, false);
        weir_status st = change_much(s);
        done = weir_alloc_fail_at(0, 0) < n;
        assert_int_equal(st, done ? WEIR_OK : WEIR_RETRY);
        s.ops->abort(s.self);
        assert_reads(s, "first", "1");
        assert_reads(s, "second", "2");
        assert_reads(s, "k0", NULL);
        assert_int_equal(s.ops->bytes(s.self), bytes);
        begin(s);
        assert_int_equal(change_much(s), WEIR_OK);
        commit(s);
        assert_reads(s, "first", "changed");
        assert_reads(s, "second", "again");
        assert_int_equal(s.ops->count(s.self, CACHE, WEIR_SPACE_ROW), 302);
        s.ops->close(s.self);
        assert_int_equal(weir_alloc_live(), before);
    }
}

static void test_open_and_read_out_of_memory(void **state)
{
    (void)state;
    weir_store s;
    weir_alloc_fail_at(1, false);
    assert_int_equal(weir_memory_store_open(0, &s, NULL), WEIR_RETRY);
    s = store_of(0);
    for (long n = 1; n <= 2; n++) {
        weir_alloc_fail_at(n, false);
        assert_int_equal(s.ops->open_cache(s.self, 3, "x", NULL), WEIR_RETRY);
    }
    begin(s);
    weir_view v;
    weir_alloc_fail_at(1, false);
    assert_int_equal(
        s.ops->get(s.self, 9, WEIR_SPACE_ROW, weir_view_of("a"), &v, NULL), WEIR_RETRY);
    weir_alloc_fail_at(1, false);
    assert_int_equal(s.ops->del(s.self, 9, WEIR_SPACE_ROW, weir_view_of("a"), NULL), WEIR_RETRY);
    weir_alloc_fail_at(1, false);
    assert_int_equal(s.ops->clear(s.self, 9, WEIR_SPACE_ROW, NULL), WEIR_RETRY);
    weir_alloc_fail_at(0, 0);
    put(s, "a", "1");
    commit(s);
    weir_buf b;
    bool found;
    weir_buf_init(&b);
    weir_alloc_fail_at(1, false);
    assert_int_equal(
        s.ops->read(s.self, CACHE, WEIR_SPACE_ROW, weir_view_of("a"), &b, &found, NULL),
        WEIR_RETRY);
    weir_alloc_fail_at(0, 0);
    weir_buf_fini(&b);
    s.ops->close(s.self);
}

/* ---- Against a model --------------------------------------------------------------------------
 */

enum { MODEL_KEYS = 40 };

/* What each key's value is; 0: not there. */
typedef struct model {
    int now[MODEL_KEYS], at_begin[MODEL_KEYS];
} model;

static void assert_model(weir_store s, const model *m)
{
    size_t there = 0;
    for (int k = 0; k < MODEL_KEYS; k++) {
        char key[8], value[16];
        snprintf(key, sizeof key, "key%d", k);
        snprintf(value, sizeof value, "%d", m->now[k]);
        assert_reads(s, key, m->now[k] ? value : NULL);
        there += m->now[k] != 0;
    }
    assert_int_equal(s.ops->count(s.self, CACHE, WEIR_SPACE_ROW), there);
}

static void change_something(weir_store s, model *m, sim_rng *rng)
{
    int k = (int)sim_below(rng, MODEL_KEYS);
    char key[8], value[16];
    snprintf(key, sizeof key, "key%d", k);
    if (sim_chance(rng, .4)) {
        del(s, key);
        m->now[k] = 0;
        return;
    }
    int n = sim_between(rng, 1, 1000000);
    snprintf(value, sizeof value, "%d", n);
    long fail_at = sim_chance(rng, .2) ? sim_between(rng, 1, 4) : 0;
    weir_alloc_fail_at(fail_at, false);
    weir_status st = try_put(s, key, value);
    bool failed = fail_at && weir_alloc_fail_at(0, 0) >= fail_at;
    weir_alloc_fail_at(0, 0);
    assert_int_equal(st, failed ? WEIR_RETRY : WEIR_OK);
    m->now[k] = failed ? m->now[k] : n;
    snprintf(value, sizeof value, "%d", m->now[k]);
    assert_gets(s, key, m->now[k] ? value : NULL);
}

static void test_random_transactions(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        sim_rng rng = sim_rng_of(seed, 1);
        weir_store s = store_of(0);
        model m = {{0}, {0}};
        for (int t = 0; t < 20; t++) {
            begin(s);
            memcpy(m.at_begin, m.now, sizeof m.now);
            for (size_t n = sim_below(&rng, 60); n; n--) {
                change_something(s, &m, &rng);
            }
            if (sim_chance(&rng, .3)) {
                s.ops->abort(s.self);
                memcpy(m.now, m.at_begin, sizeof m.now);
            } else {
                commit(s);
            }
            assert_model(s, &m);
        }
        s.ops->close(s.self);
    }
}

/* ---- Threads ----------------------------------------------------------------------------------
 */

enum { ROUNDS = 2000 };

/* Reads while another thread commits "even" and aborts "odd". */
static void *read_on(void *ctx)
{
    weir_store *s = ctx;
    intptr_t odd = 0;
    weir_buf b;
    weir_buf_init(&b);
    for (int i = 0; i < ROUNDS; i++) {
        bool found;
        weir_buf_clear(&b);
        weir_status st =
            s->ops->read(s->self, CACHE, WEIR_SPACE_ROW, weir_view_of("key"), &b, &found, NULL);
        odd += st != WEIR_OK || (found && !weir_view_is(weir_buf_view(&b), "even"));
    }
    weir_buf_fini(&b);
    return (void *)odd;
}

static void test_readers_see_committed_data(void **state)
{
    (void)state;
    weir_store s = store_of(0);
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, read_on, &s), 0);
    for (int i = 0; i < ROUNDS; i++) {
        begin(s);
        put(s, "key", i % 2 ? "odd" : "even");
        if (i % 2) {
            s.ops->abort(s.self);
        } else {
            commit(s);
        }
    }
    void *odd;
    assert_int_equal(pthread_join(reader, &odd), 0);
    assert_null(odd);
    s.ops->close(s.self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_one_key_again_and_again),
        cmocka_unit_test(test_spaces),
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_clear),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_open_and_read_out_of_memory),
        cmocka_unit_test(test_random_transactions),
        cmocka_unit_test(test_readers_see_committed_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
