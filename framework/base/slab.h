/* Small blocks that live long, cut from large pieces: for what holds millions of them and frees
 * them one by one.
 *
 * Why not malloc: glibc grows the heap of a thread other than the first by a page at a time, each
 * by a system call that interrupts all processors; a store that fills up spent half of its time so.
 *
 * A freed block serves the next one of its size (in steps of 16 bytes); the pieces are given back
 * when the slab ends. Blocks above WEIR_SLAB_LARGEST are weir_alloc's; with WEIR_ARENA_DEBUG, and
 * where tests let allocations fail, all are, so that each one is seen. Thread: one owner at a time.
 */
#ifndef WEIR_BASE_SLAB_H
#define WEIR_BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>

enum { WEIR_SLAB_STEP = 16, WEIR_SLAB_LARGEST = 1024 };

typedef struct weir_slab_piece weir_slab_piece;

typedef struct weir_slab {
    weir_slab_piece *pieces;                             /* owned; the first one is cut up now */
    size_t left;                                         /* bytes of it */
    void *freed[WEIR_SLAB_LARGEST / WEIR_SLAB_STEP + 1]; /* by size; chained */
} weir_slab;

/* All zeros is an empty slab. */
void weir_slab_fini(weir_slab *s);
/* 0 bytes give a valid pointer; NULL: out of memory. */
void *weir_slab_alloc(weir_slab *s, size_t bytes) __attribute__((warn_unused_result));
/* bytes: as it was asked for. block may be NULL. */
void weir_slab_free(weir_slab *s, void *block, size_t bytes);

#endif
