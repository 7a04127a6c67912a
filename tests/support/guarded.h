/* Text whose end is the end of readable memory: whoever reads one byte beyond it crashes, with or
 * without a sanitizer. */
#ifndef WEIR_TESTS_GUARDED_H
#define WEIR_TESTS_GUARDED_H

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <weir/view.h>

typedef struct guarded {
    char *pages;
    size_t bytes; /* before the guard page */
} guarded;

static inline guarded guarded_new(size_t at_least)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = (at_least / page + 1) * page;
    char *pages =
        mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + bytes, page, PROT_NONE) != 0) {
        abort();
    }
    return (guarded){pages, bytes};
}

static inline void guarded_free(guarded *g)
{
    munmap(g->pages, g->bytes + (size_t)sysconf(_SC_PAGESIZE));
}

/* A copy of text (no longer than the guarded memory) right before the guard page; the one before it
 * is gone. */
static inline weir_view guarded_copy(const guarded *g, weir_view text)
{
    char *copy = g->pages + g->bytes - text.len;
    if (text.len) {
        memmove(copy, text.ptr, text.len);
    }
    return weir_view_make(copy, text.len);
}

#endif
