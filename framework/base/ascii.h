/* Letters as protocols have them: in Turkish, libc's own comparison takes I and i for two. Thread:
 * plain functions. */
#ifndef WEIR_BASE_ASCII_H
#define WEIR_BASE_ASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline char weir_ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The first n bytes, or all up to a NUL in both. */
static inline bool weir_ascii_same_n(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (weir_ascii_lower(a[i]) != weir_ascii_lower(b[i])) {
            return false;
        }
        if (!a[i]) {
            return true;
        }
    }
    return true;
}

static inline bool weir_ascii_same(const char *a, const char *b)
{
    return weir_ascii_same_n(a, b, (size_t)-1);
}

#endif
