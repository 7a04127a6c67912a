/* Allocation with one place to fail it. See alloc.h. */
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef WEIR_FAULTS
#include <stdatomic.h>

static atomic_long seen, fail_at, live;
static atomic_int fail_lasting;

long weir_alloc_fail_at(long n, int lasting)
{
    long before = atomic_exchange(&seen, 0);
    atomic_store(&fail_lasting, lasting);
    atomic_store(&fail_at, n);
    return before;
}

long weir_alloc_live(void)
{
    return atomic_load(&live);
}

static int refuse(void)
{
    long mine = atomic_fetch_add(&seen, 1) + 1, at = atomic_load(&fail_at);
    return at && (mine == at || (mine > at && atomic_load(&fail_lasting)));
}

static void *count(void *block)
{
    if (block) {
        atomic_fetch_add(&live, 1);
    }
    return block;
}

static void uncount(void *block)
{
    if (block) {
        atomic_fetch_sub(&live, 1);
    }
}
#else
static inline int refuse(void)
{
    return 0;
}
static inline void *count(void *block)
{
    return block;
}
static inline void uncount(void *block)
{
    (void)block;
}
#endif

void *weir_alloc(size_t bytes)
{
    return refuse() ? NULL : count(malloc(bytes ? bytes : 1));
}

void *weir_calloc(size_t number, size_t size)
{
    return refuse() ? NULL : count(calloc(number ? number : 1, size ? size : 1));
}

void *weir_realloc(void *old, size_t bytes)
{
    if (refuse()) {
        return NULL;
    }
    void *block = realloc(old, bytes ? bytes : 1);
    return old ? block : count(block);
}

char *weir_strndup(const char *text, size_t len)
{
    char *copy = len < SIZE_MAX ? weir_alloc(len + 1) : NULL;
    if (!copy) {
        return NULL;
    }
    if (len) {
        memcpy(copy, text, len);
    }
    copy[len] = '\0';
    return copy;
}

char *weir_strdup(const char *text)
{
    return weir_strndup(text, strlen(text));
}

void weir_free(void *block)
{
    uncount(block);
    free(block);
}
