/* Small blocks: as large as was asked for, apart from each other, used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define WEIR_SLAB_PIECES /* else a test build has one allocation a block */
#include "base/alloc.h"
#include "base/slab.c"
#include "sim/prng.h"

enum { BLOCKS = 400, LARGEST = 1500 }; /* also some above WEIR_SLAB_LARGEST */

typedef struct block {
    unsigned char *at; /* NULL: none */
    size_t bytes;
    unsigned char filled;
} block;

static void fill(block *b, weir_slab *s, size_t bytes, unsigned char with)
{
    *b = (block){weir_slab_alloc(s, bytes), bytes, with};
    assert_non_null(b->at);
    assert_int_equal((uintptr_t)b->at % 8, 0);
    memset(b->at, with, bytes);
}

static void assert_untouched(const block *b)
{
    for (size_t i = 0; i < b->bytes; i++) {
        assert_int_equal(b->at[i], b->filled);
    }
}

static void test_blocks_are_apart(void **state)
{
    (void)state;
    static block blocks[BLOCKS];
    weir_slab s = {0};
    sim_rng rng = sim_rng_of(7, 1);
    for (int step = 0; step < 20000; step++) {
        block *b = &blocks[sim_below(&rng, BLOCKS)];
        if (b->at) {
            assert_untouched(b);
            weir_slab_free(&s, b->at, b->bytes);
            b->at = NULL;
        } else {
            fill(b, &s, sim_below(&rng, LARGEST), (unsigned char)step);
        }
    }
    for (int i = 0; i < BLOCKS; i++) {
        if (blocks[i].at) {
            assert_untouched(&blocks[i]);
            weir_slab_free(&s, blocks[i].at, blocks[i].bytes);
        }
    }
    weir_slab_free(&s, NULL, 10);
    weir_slab_fini(&s);
    assert_int_equal(weir_alloc_live(), 0);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    weir_slab s = {0};
    weir_alloc_fail_at(1, 0);
    assert_null(weir_slab_alloc(&s, 20));
    void *b = weir_slab_alloc(&s, 20);
    assert_non_null(b);
    weir_slab_free(&s, b, 20);
    weir_slab_fini(&s);
    assert_int_equal(weir_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_are_apart),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
