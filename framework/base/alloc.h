/* Memory of weir's own code. Every allocation of the framework goes through these, so that a test
 * can fail each one in turn (tests/oom). Out of memory is NULL, an error that travels: never an
 * abort. Thread: any. */
#ifndef WEIR_BASE_ALLOC_H
#define WEIR_BASE_ALLOC_H

#include <stddef.h>

/* 0 bytes give a valid pointer. The memory is not cleared. */
void *weir_alloc(size_t bytes) __attribute__((malloc, warn_unused_result));
/* count * size, cleared; NULL also when the product overflows. */
void *weir_calloc(size_t count, size_t size) __attribute__((malloc, warn_unused_result));
/* On failure the old block is still valid and owned by the caller. */
void *weir_realloc(void *old, size_t bytes) __attribute__((warn_unused_result));
/* A NUL-terminated copy of len bytes. */
char *weir_strndup(const char *text, size_t len) __attribute__((malloc, warn_unused_result));
char *weir_strdup(const char *text) __attribute__((malloc, warn_unused_result));
void weir_free(void *block);

#ifdef WEIR_FAULTS
/* Test builds only. Fails the n-th allocation from now (1 is the next); `lasting`: and all after
 * it. 0 switches failing off. Returns how many allocations happened since the last call. */
long weir_alloc_fail_at(long n, int lasting);
/* Blocks that are allocated and not yet freed. */
long weir_alloc_live(void);
#endif

#endif
