/* Arena on a chain of blocks that double in size. With WEIR_ARENA_DEBUG each piece is a block of
 * its own, so that AddressSanitizer sees an overrun of a single piece. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/alloc.h"

enum { FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20, ALIGN = 16 };

struct weir_arena_block {
    weir_arena_block *next;
    size_t bytes; /* of data */
    _Alignas(ALIGN) char data[];
};

void weir_arena_init(weir_arena *a, size_t max_bytes)
{
    *a = (weir_arena){.max_bytes = max_bytes ? max_bytes : SIZE_MAX};
}

static void free_chain(weir_arena_block *b)
{
    while (b) {
        weir_arena_block *next = b->next;
        weir_free(b);
        b = next;
    }
}

void weir_arena_fini(weir_arena *a)
{
    free_chain(a->first);
    free_chain(a->spare);
    *a = (weir_arena){0};
}

void weir_arena_keep(weir_arena *a, size_t bytes)
{
    a->keep_bytes = bytes;
}

#ifndef WEIR_ARENA_DEBUG
/* The largest come first, for they are the most. */
static void spare_or_free(weir_arena *a, weir_arena_block *b)
{
    if (b->bytes > LARGEST_BLOCK || b->bytes > a->keep_bytes - a->spare_bytes) {
        weir_free(b);
        return;
    }
    b->next = a->spare;
    a->spare = b;
    a->spare_bytes += b->bytes;
}
#endif

void weir_arena_reset(weir_arena *a)
{
#ifdef WEIR_ARENA_DEBUG
    size_t max = a->max_bytes, keep = a->keep_bytes;
    weir_arena_fini(a);
    weir_arena_init(a, max);
    weir_arena_keep(a, keep);
#else
    weir_arena_block *first = a->first;
    for (weir_arena_block *b = first ? first->next : NULL, *next; b; b = next) {
        next = b->next;
        spare_or_free(a, b);
    }
    /* A unit with one huge record must not keep its memory for ever. */
    if (first && first->bytes > LARGEST_BLOCK) {
        weir_free(first);
        first = NULL;
    }
    a->first = a->last = first;
    a->next = first ? first->data : NULL;
    a->end = first ? first->data + first->bytes : NULL;
    a->used_bytes = 0;
    a->failed = false;
    if (first) {
        first->next = NULL;
    }
#endif
}

/* One that was kept, of `bytes` at least, and within the bound; NULL: there is none such. */
static weir_arena_block *take_spare(weir_arena *a, size_t bytes, size_t room)
{
    weir_arena_block *b = a->spare;
    if (!b || b->bytes < bytes || b->bytes > room) {
        return NULL;
    }
    a->spare = b->next;
    a->spare_bytes -= b->bytes;
    return b;
}

/* Makes the last block one of `size` bytes, or of `bytes` where the bound is near. */
static bool add_block(weir_arena *a, size_t bytes, size_t size)
{
    size_t used = a->used_bytes + (a->last ? a->last->bytes : 0), room = a->max_bytes - used;
    size = size > room ? bytes : size; /* the bound is near: take no more than is asked for */
    weir_arena_block *b = take_spare(a, bytes, room);
    bool fits = size <= room && size <= SIZE_MAX - sizeof *b;
    if (!b && fits && (b = weir_alloc(sizeof *b + size))) {
        b->bytes = size;
    }
    if (!b) {
        a->failed = true;
        return false;
    }
    b->next = NULL;
    if (a->last) {
        a->used_bytes += a->last->bytes;
        a->last->next = b;
    } else {
        a->first = b;
    }
    a->last = b;
    a->next = b->data;
    a->end = b->data + b->bytes;
    return true;
}

/* Makes the last block one with room for `bytes`. */
static bool grow(weir_arena *a, size_t bytes)
{
    size_t size = a->last ? a->last->bytes * 2 : FIRST_BLOCK;
    size = size > LARGEST_BLOCK ? LARGEST_BLOCK : size;
    size = size < bytes ? bytes : size;
#ifdef WEIR_ARENA_DEBUG
    size = bytes;
#endif
    return add_block(a, bytes, size);
}

bool weir_arena_reserve(weir_arena *a, size_t bytes)
{
#ifdef WEIR_ARENA_DEBUG
    (void)bytes; /* each piece is a block of its own */
    return !a->failed;
#else
    return !a->failed &&
           (!bytes || (size_t)(a->end - a->next) >= bytes || add_block(a, bytes, bytes));
#endif
}

char *weir_arena_bytes(weir_arena *a, size_t bytes)
{
    if (a->failed || ((size_t)(a->end - a->next) < bytes && !grow(a, bytes))) {
        return NULL;
    }
    if (!a->next && !grow(a, bytes ? bytes : 1)) {
        return NULL;
    }
    char *p = a->next;
    a->next += bytes;
    return p;
}

void *weir_arena_alloc(weir_arena *a, size_t bytes)
{
    if (bytes > SIZE_MAX - ALIGN) {
        a->failed = true;
        return NULL;
    }
    size_t pad = (size_t)(-(uintptr_t)a->next) & (ALIGN - 1);
    if (a->failed) {
        return NULL;
    }
    if (!a->next || (size_t)(a->end - a->next) < bytes + pad) {
        if (!grow(a, bytes)) { /* a block's data is aligned */
            return NULL;
        }
        pad = 0;
    }
    char *p = a->next + pad;
    a->next = p + bytes;
    return p;
}

weir_view weir_arena_copy(weir_arena *a, weir_view v)
{
    char *p = v.ptr && v.len < SIZE_MAX ? weir_arena_bytes(a, v.len + 1) : NULL;
    if (!p) {
        return (weir_view){NULL, 0};
    }
    if (v.len) {
        memcpy(p, v.ptr, v.len);
    }
    p[v.len] = '\0';
    return (weir_view){p, v.len};
}

weir_view weir_arena_printf(weir_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : weir_arena_bytes(a, (size_t)n + 1);
    if (!p) {
        return (weir_view){NULL, 0};
    }
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (weir_view){p, (size_t)n};
}

size_t weir_arena_used(const weir_arena *a)
{
    return a->used_bytes + (a->last ? (size_t)(a->next - a->last->data) : 0);
}

size_t weir_arena_footprint(const weir_arena *a)
{
    return a->used_bytes + (a->last ? a->last->bytes : 0);
}
