/* An arena: memory that is taken piece by piece and given back all at once. One per unit of work.
 * Bounded: past `max_bytes` it refuses, and the refusal sticks until the next reset, so that a long
 * build-up can check once at its end.
 * Thread: one owner at a time. */
#ifndef WEIR_BASE_ARENA_H
#define WEIR_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <weir/view.h>

typedef struct weir_arena_block weir_arena_block;

typedef struct weir_arena {
    weir_arena_block *first, *last; /* first is kept by a reset … */
    weir_arena_block *spare;        /* … and so are others, if it is to keep some */
    char *next, *end;               /* free space of the last block */
    size_t used_bytes;              /* in full blocks, the last one not counted */
    size_t spare_bytes, keep_bytes;
    size_t max_bytes;
    bool failed; /* sticky: out of memory or over max_bytes */
} weir_arena;

/* Allocates nothing yet. max_bytes 0: no bound of its own. */
void weir_arena_init(weir_arena *a, size_t max_bytes);
void weir_arena_fini(weir_arena *a);
/* All memory taken from it is gone. Clears `failed`. Keeps one block for reuse. */
void weir_arena_reset(weir_arena *a);
/* A reset keeps so much more: for who fills it again at once, for whom new pages would cost more
 * than what is written to them. */
void weir_arena_keep(weir_arena *a, size_t bytes);

/* Aligned for any type, not cleared; NULL when refused. */
void *weir_arena_alloc(weir_arena *a, size_t bytes) __attribute__((malloc, warn_unused_result));
/* Unaligned bytes, for text. */
char *weir_arena_bytes(weir_arena *a, size_t bytes) __attribute__((malloc, warn_unused_result));
/* So many bytes that are taken next come from one block, which is no larger than they need where
 * the arena was empty: for who knows beforehand how much there will be. False when refused. */
bool weir_arena_reserve(weir_arena *a, size_t bytes);
/* A copy of the view, NUL behind it (not counted); {NULL, 0} when refused or v.ptr is NULL. */
weir_view weir_arena_copy(weir_arena *a, weir_view v);
/* Formats into the arena; {NULL, 0} when refused. */
weir_view weir_arena_printf(weir_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Bytes that were taken from it, what padding cost included. */
size_t weir_arena_used(const weir_arena *a);
/* Bytes taken from the system now, for bounds and metrics; without what is kept. */
size_t weir_arena_footprint(const weir_arena *a);

#endif
