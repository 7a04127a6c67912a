/* A growing byte buffer with a sticky failure: write on, check once at the end.
 * Thread: one owner at a time. */
#ifndef WEIR_BASE_BUF_H
#define WEIR_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <weir/view.h>

typedef struct weir_buf {
    char *ptr; /* owned; NULL while nothing was written */
    size_t len, cap;
    bool failed; /* sticky: out of memory; the contents are then cut off somewhere */
} weir_buf;

static inline void weir_buf_init(weir_buf *b)
{
    *b = (weir_buf){0};
}
void weir_buf_fini(weir_buf *b);
/* Empties it, keeps the memory, clears `failed`. */
void weir_buf_clear(weir_buf *b);
/* Takes away the first `bytes` of it. */
void weir_buf_consume(weir_buf *b, size_t bytes);
/* Room for `bytes` more behind len; false when refused. */
bool weir_buf_grow(weir_buf *b, size_t bytes);

static inline bool weir_buf_reserve(weir_buf *b, size_t bytes)
{
    return b->cap - b->len >= bytes ? !b->failed : weir_buf_grow(b, bytes);
}

static inline void weir_buf_put(weir_buf *b, const void *bytes, size_t len)
{
    if (weir_buf_reserve(b, len) && len) {
        memcpy(b->ptr + b->len, bytes, len);
        b->len += len;
    }
}

static inline void weir_buf_putc(weir_buf *b, char c)
{
    if (weir_buf_reserve(b, 1)) {
        b->ptr[b->len++] = c;
    }
}

static inline void weir_buf_puts(weir_buf *b, const char *text)
{
    weir_buf_put(b, text, strlen(text));
}

static inline void weir_buf_putv(weir_buf *b, weir_view v)
{
    weir_buf_put(b, v.ptr, v.len);
}

void weir_buf_int(weir_buf *b, int64_t n);
void weir_buf_uint(weir_buf *b, uint64_t n);
void weir_buf_printf(weir_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The contents; valid until the next write. */
static inline weir_view weir_buf_view(const weir_buf *b)
{
    return (weir_view){b->ptr ? b->ptr : "", b->len};
}
/* The contents as a C string (a NUL is kept behind them); "" when it failed. */
const char *weir_buf_str(weir_buf *b);

#endif
