/* The arena: alignment, growth, its bound, and failing allocations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "sim/prng.h"

enum { PIECES = 400 };

/* AddressSanitizer stops at sizes that no machine has; malloc says NULL. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* Pieces of any size are aligned, apart from each other, and keep what was written. */
static void test_pieces(void **state)
{
    (void)state;
    weir_arena a;
    weir_arena_init(&a, 0);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        sim_rng rng = sim_rng_of(seed, 1);
        unsigned char *pieces[PIECES];
        size_t sizes[PIECES], total = 0;
        for (int i = 0; i < PIECES; i++) {
            bool aligned = sim_chance(&rng, .5);
            sizes[i] = sim_exponential(&rng, SIM_PICK(&rng, 3, 100, 5000));
            pieces[i] = aligned ? weir_arena_alloc(&a, sizes[i])
                                : (unsigned char *)weir_arena_bytes(&a, sizes[i]);
            assert_non_null(pieces[i]);
            assert_true(!aligned || (uintptr_t)pieces[i] % _Alignof(max_align_t) == 0);
            memset(pieces[i], i & 0xFF, sizes[i]);
            total += sizes[i];
        }
        for (int i = 0; i < PIECES; i++) {
            for (size_t at = 0; at < sizes[i]; at++) {
                assert_int_equal(pieces[i][at], i & 0xFF);
            }
        }
        assert_true(weir_arena_footprint(&a) >= total);
        weir_arena_reset(&a);
    }
    weir_arena_fini(&a);
    assert_int_equal(weir_arena_footprint(&a), 0);
    assert_int_equal(weir_alloc_live(), 0);
}

static void test_copies(void **state)
{
    (void)state;
    weir_arena a;
    weir_arena_init(&a, 0);
    char text[] = "text\0more";
    weir_view copy = weir_arena_copy(&a, (weir_view){text, 9});
    text[0] = 'T';
    assert_int_equal(copy.len, 9);
    assert_memory_equal(copy.ptr, "text\0more\0", 10);
    weir_view none = weir_arena_copy(&a, (weir_view){NULL, 0});
    assert_null(none.ptr);
    weir_view empty = weir_arena_copy(&a, (weir_view){"", 0});
    assert_non_null(empty.ptr);
    assert_int_equal(empty.len, 0);
    assert_int_equal(empty.ptr[0], 0);
    weir_view formatted = weir_arena_printf(&a, "%s %05d", "number", 42);
    assert_true(weir_view_is(formatted, "number 00042"));
    assert_int_equal(formatted.ptr[formatted.len], 0);
    weir_arena_fini(&a);
}

/* Past its bound it refuses, and goes on refusing, small pieces too, until the reset. */
static void test_bound(void **state)
{
    (void)state;
    static const size_t bounds[] = {1, 100, 4095, 4096, 10000, 100000};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        weir_arena a;
        weir_arena_init(&a, bounds[i]);
        for (int round = 0; round < 3; round++) {
            assert_non_null(weir_arena_bytes(&a, bounds[i]));
            assert_true(weir_arena_footprint(&a) <= bounds[i]);
            assert_null(weir_arena_bytes(&a, bounds[i]));
            assert_true(a.failed);
            assert_null(weir_arena_bytes(&a, 1));
            assert_null(weir_arena_alloc(&a, 1));
            assert_null(weir_arena_copy(&a, weir_view_of("x")).ptr);
            assert_null(weir_arena_printf(&a, "%d", 1).ptr);
            weir_arena_reset(&a);
            assert_false(a.failed);
        }
        size_t taken = 0;
        while (weir_arena_bytes(&a, 1)) {
            taken++;
        }
        assert_int_equal(taken, bounds[i]); /* small pieces come to the bound exactly */
        weir_arena_fini(&a);
    }
}

static void test_sizes_that_overflow(void **state)
{
    (void)state;
    static const size_t sizes[] = {
        SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX - 16, SIZE_MAX - 64, SIZE_MAX / 2 + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        weir_arena a;
        weir_arena_init(&a, 0);
        assert_non_null(weir_arena_bytes(&a, 3));
        assert_null(weir_arena_alloc(&a, sizes[i]));
        assert_true(a.failed);
        weir_arena_reset(&a);
        assert_null(weir_arena_bytes(&a, sizes[i]));
        weir_arena_fini(&a);
    }
}

/* A reset keeps one block, but not a huge one. */
static void test_reset(void **state)
{
    (void)state;
    weir_arena a;
    weir_arena_init(&a, 0);
    for (int i = 0; i < 100; i++) {
        assert_non_null(weir_arena_bytes(&a, 1000));
    }
    weir_arena_reset(&a);
    size_t kept = weir_arena_footprint(&a);
#ifdef WEIR_ARENA_DEBUG /* each piece is a block, none is kept */
    assert_int_equal(kept, 0);
#else
    assert_in_range(kept, 1, 100000);
    weir_alloc_fail_at(1, true);
    assert_non_null(weir_arena_bytes(&a, kept)); /* without a new block */
    weir_alloc_fail_at(0, 0);
#endif
    weir_arena_fini(&a);

    weir_arena_init(&a, 0);
    assert_non_null(weir_arena_bytes(&a, 8 << 20));
    weir_arena_reset(&a);
    assert_int_equal(weir_arena_footprint(&a), 0);
    assert_non_null(weir_arena_bytes(&a, 1));
    weir_arena_fini(&a);
}

/* What is filled again is not taken from the system again, and what is beyond the bound is given
 * back. */
static void test_keep(void **state)
{
    (void)state;
    enum { KEEP = 1 << 20, PIECE = 1000 };
    weir_arena a;
    weir_arena_init(&a, 0);
    weir_arena_keep(&a, KEEP);
    for (int round = 0; round < 3; round++) {
#ifndef WEIR_ARENA_DEBUG /* there each piece is a block, none is kept */
        weir_alloc_fail_at(round ? 1 : 0, true);
#endif
        for (int i = 0; i < PIECES; i++) {
            char *p = weir_arena_bytes(&a, PIECE);
            assert_non_null(p);
            memset(p, i, PIECE);
        }
        weir_alloc_fail_at(0, 0);
        weir_arena_reset(&a);
        assert_int_equal(weir_arena_used(&a), 0);
    }
    for (int i = 0; i < 10 * KEEP / PIECE; i++) {
        assert_non_null(weir_arena_bytes(&a, PIECE));
    }
    weir_arena_reset(&a);
    assert_in_range(a.spare_bytes, 0, KEEP);
    weir_arena_fini(&a);
    assert_int_equal(weir_alloc_live(), 0);
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
    bool done = false;
    for (long at = 1; !done; at++) {
        weir_arena a;
        weir_arena_init(&a, 0);
        weir_alloc_fail_at(at, false);
        bool refused = false;
        for (int i = 0; i < 100; i++) {
            char *p = weir_arena_bytes(&a, 1000);
            refused = refused || !p;
            assert_int_equal(p == NULL, refused); /* it sticks */
        }
        done = weir_alloc_fail_at(0, 0) < at;
        assert_int_equal(refused, !done);
        assert_int_equal(a.failed, refused);
        weir_arena_reset(&a);
        assert_non_null(weir_arena_bytes(&a, 1000));
        weir_arena_fini(&a);
        assert_int_equal(weir_alloc_live(), 0);
    }
}

/* What is reserved comes from one block of that size, whatever is asked for by pieces. */
static void test_reserve(void **state)
{
    (void)state;
    weir_arena a;
    weir_arena_init(&a, 0);
    assert_true(weir_arena_reserve(&a, 1000));
    char *first = weir_arena_bytes(&a, 400), *second = weir_arena_bytes(&a, 600);
    assert_non_null(first);
    assert_non_null(second);
    assert_int_equal(weir_arena_used(&a), 1000);
#ifndef WEIR_ARENA_DEBUG
    assert_ptr_equal(second, first + 400);
    assert_int_equal(weir_arena_footprint(&a), 1000);
    assert_true(weir_arena_reserve(&a, 0));
    assert_int_equal(weir_arena_footprint(&a), 1000);
#endif
    weir_arena_fini(&a);
    weir_arena_init(&a, 100);
    memset(weir_arena_bytes(&a, 60), 0, 60);
    assert_int_equal(weir_arena_used(&a), 60);
#ifndef WEIR_ARENA_DEBUG
    assert_false(weir_arena_reserve(&a, 101));
    assert_true(a.failed);
#endif
    weir_arena_fini(&a);
    assert_int_equal(weir_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_sizes_that_overflow),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_keep),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
