/* The hash map, against a plain array and with each allocation failing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/map.h"
#include "sim/prng.h"

enum { KEYS = 300 };

static weir_view key_text(int n, char room[16])
{
    snprintf(room, 16, "key %d", n);
    return weir_view_of(room);
}

/* What the map holds must be what the array says: looked up one by one, and walked. */
static void assert_holds(const weir_map *m, void *const values[KEYS])
{
    char room[16];
    size_t expected = 0, walked = 0;
    for (int i = 0; i < KEYS; i++) {
        weir_map_entry *e = weir_map_find(m, key_text(i, room));
        assert_int_equal(e != NULL, values[i] != NULL);
        assert_ptr_equal(weir_map_get(m, key_text(i, room)), values[i]);
        expected += values[i] != NULL;
    }
    size_t at = 0;
    for (weir_map_entry *e; (e = weir_map_next(m, &at)); walked++) {
        assert_ptr_equal(weir_map_get(m, (weir_view){e->key, e->key_len}), e->value);
    }
    assert_int_equal(m->count, expected);
    assert_int_equal(walked, expected);
}

static void test_against_an_array(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        sim_rng rng = sim_rng_of(seed, 1);
        void *values[KEYS] = {0};
        weir_map m;
        char room[16];
        weir_map_init(&m);
        for (int step = 0; step < 3000; step++) {
            int i = (int)sim_below(&rng, KEYS);
            weir_view key = key_text(i, room);
            weir_map_entry *e = weir_map_find(&m, key);
            /* It grows in the first half and shrinks in the second. */
            if (sim_chance(&rng, step < 1500 ? .8 : .3)) {
                e = weir_map_add(&m, key);
                assert_non_null(e);
                assert_ptr_equal(e->value, values[i]);
                e->value = values[i] = &values[sim_below(&rng, KEYS)];
            } else if (e) {
                weir_map_remove(&m, e);
                values[i] = NULL;
            }
            if (step % 100 == 0) {
                assert_holds(&m, values);
            }
        }
        assert_holds(&m, values);
        weir_map_fini(&m, NULL);
    }
}

/* Keys may hold any bytes, none too, and equal beginnings are not equal keys. */
static void test_keys_are_bytes(void **state)
{
    (void)state;
    static const weir_view keys[] = {{"", 0}, {"\0", 1}, {"\0\0", 2}, {"a", 1}, {"a\0", 2},
        {"a\0b", 3}, {"12345678", 8}, {"123456789", 9}, {"1234567\0", 8}};
    enum { N = sizeof keys / sizeof *keys };
    weir_map m;
    weir_map_init(&m);
    assert_null(weir_map_find(&m, keys[0]));
    for (size_t i = 0; i < N; i++) {
        assert_null(weir_map_find(&m, keys[i]));
        weir_map_add(&m, keys[i])->value = (void *)&keys[i];
    }
    for (size_t i = 0; i < N; i++) {
        assert_ptr_equal(weir_map_get(&m, keys[i]), &keys[i]);
        assert_ptr_equal(
            weir_map_find_hashed(&m, keys[i], weir_hash(keys[i])), weir_map_find(&m, keys[i]));
    }
    assert_int_equal(m.count, N);
    weir_map_fini(&m, NULL);
}

/* Hashes are never 0, and of many similar keys few fall together. */
static void test_hash(void **state)
{
    (void)state;
    enum { N = 20000, SLOTS = 1 << 16 };
    static unsigned char slots[SLOTS];
    size_t shared = 0;
    memset(slots, 0, sizeof slots);
    for (int i = 0; i < N; i++) {
        char text[40];
        snprintf(text, sizeof text, "{\"id\":%d}", i);
        uint32_t h = weir_hash(weir_view_of(text));
        assert_int_not_equal(h, 0);
        shared += slots[h % SLOTS]++ > 0;
    }
    /* By chance: N - SLOTS * (1 - e^(-N/SLOTS)) = 2764. */
    assert_in_range(shared, 2400, 3200);
    assert_int_not_equal(weir_hash(weir_view_make("", 0)), 0);
}

/* A key that lies at the end of the table goes on at its beginning; removal moves back only what
 * may move. Checked for every order of removal of small maps. */
static void test_removal_in_any_order(void **state)
{
    (void)state;
    enum { N = 6 };
    for (int order = 0; order < 720; order++) {
        weir_map m;
        char room[16];
        void *values[KEYS] = {0};
        int left[N] = {0, 1, 2, 3, 4, 5}, n = N, rest = order;
        weir_map_init(&m);
        for (int i = 0; i < N; i++) {
            weir_map_add(&m, key_text(i, room))->value = values[i] = &values[i];
        }
        for (; n; n--) {
            int i = rest % n;
            rest /= n;
            weir_map_remove(&m, weir_map_find(&m, key_text(left[i], room)));
            values[left[i]] = NULL;
            left[i] = left[n - 1];
            assert_holds(&m, values);
        }
        weir_map_fini(&m, NULL);
    }
}

static int freed;

static void count_free(void *value)
{
    freed += value != NULL;
}

static void test_values_are_freed(void **state)
{
    (void)state;
    weir_map m;
    weir_map_init(&m);
    freed = 0;
    weir_map_add(&m, weir_view_of("a"))->value = &m;
    weir_map_add(&m, weir_view_of("b"))->value = &m;
    weir_map_fini(&m, count_free);
    assert_int_equal(freed, 2);
    assert_int_equal(m.count, 0);
    assert_null(weir_map_find(&m, weir_view_of("a")));
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
    long before = weir_alloc_live();
    bool done = false;
    for (long at = 1; !done; at++) {
        weir_map m;
        void *values[KEYS] = {0};
        char room[16];
        int i = 0;
        weir_map_init(&m);
        weir_alloc_fail_at(at, false);
        weir_map_entry *e = &(weir_map_entry){0};
        while (i < 40 && (e = weir_map_add(&m, key_text(i, room)))) {
            e->value = values[i] = &values[i];
            i++;
        }
        done = weir_alloc_fail_at(0, 0) < at;
        assert_int_equal(done, e != NULL);
        assert_holds(&m, values); /* the refused one is not there, the others are */
        for (; i < 40; i++) {
            weir_map_add(&m, key_text(i, room))->value = values[i] = &values[i];
        }
        assert_holds(&m, values);
        weir_map_fini(&m, NULL);
        assert_int_equal(weir_alloc_live(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_an_array),
        cmocka_unit_test(test_keys_are_bytes),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_removal_in_any_order),
        cmocka_unit_test(test_values_are_freed),
        cmocka_unit_test(test_each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
