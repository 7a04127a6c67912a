/* Growing byte buffer. See buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"

void weir_buf_fini(weir_buf *b)
{
    weir_free(b->ptr);
    *b = (weir_buf){0};
}

void weir_buf_clear(weir_buf *b)
{
    b->len = 0;
    b->failed = false;
}

void weir_buf_consume(weir_buf *b, size_t bytes)
{
    if (bytes) {
        memmove(b->ptr, b->ptr + bytes, b->len - bytes);
        b->len -= bytes;
    }
}

bool weir_buf_grow(weir_buf *b, size_t bytes)
{
    if (b->failed || bytes > SIZE_MAX / 2 - b->len) {
        b->failed = true;
        return false;
    }
    size_t cap = b->cap ? b->cap : 64;
    while (cap - b->len < bytes) {
        cap *= 2;
    }
    char *p = weir_realloc(b->ptr, cap);
    if (!p) {
        b->failed = true;
        return false;
    }
    b->ptr = p;
    b->cap = cap;
    return true;
}

void weir_buf_uint(weir_buf *b, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    weir_buf_put(b, digits + at, sizeof digits - at);
}

void weir_buf_int(weir_buf *b, int64_t n)
{
    if (n < 0) {
        weir_buf_putc(b, '-');
        weir_buf_uint(b, 0 - (uint64_t)n);
    } else {
        weir_buf_uint(b, (uint64_t)n);
    }
}

void weir_buf_printf(weir_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || !weir_buf_reserve(b, (size_t)n + 1)) {
        b->failed = true;
        return;
    }
    va_start(ap, fmt);
    vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
}

const char *weir_buf_str(weir_buf *b)
{
    if (!weir_buf_reserve(b, 1)) {
        return "";
    }
    b->ptr[b->len] = '\0';
    return b->ptr;
}
