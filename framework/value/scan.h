/* Looking for the next byte that matters, sixteen at a time where the processor has SSE2 (every
 * x86-64), one at a time elsewhere. No function reads at or beyond `end`.
 * Thread: any. */
#ifndef WEIR_VALUE_SCAN_H
#define WEIR_VALUE_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __SSE2__
#include <emmintrin.h>

enum { WEIR_LANES = 16 };

static inline __m128i weir_load16(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Bit i is set when byte i ends a plain run of a JSON string being read: a quote, a backslash, a
 * control character or a byte beyond ASCII. The compare is signed, so "less than a space" is true
 * for the last two alike. */
static inline unsigned weir_special16(const char *p)
{
    __m128i v = weir_load16(p);
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    __m128i other = _mm_cmplt_epi8(v, _mm_set1_epi8(' '));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), other));
}

/* Bit i is set when byte i must be escaped in a JSON string: as above without bytes beyond ASCII.
 */
static inline unsigned weir_unsafe16(const char *p)
{
    __m128i v = weir_load16(p);
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control));
}

/* Bit i is set when byte i is not a decimal digit. */
static inline unsigned weir_not_digit16(const char *p)
{
    __m128i d = _mm_sub_epi8(weir_load16(p), _mm_set1_epi8('0'));
    __m128i digit = _mm_cmpeq_epi8(_mm_min_epu8(d, _mm_set1_epi8(9)), d);
    return (unsigned)_mm_movemask_epi8(digit) ^ 0xffffU;
}

/* Moves p over whole groups of sixteen and returns at the first hit inside one. */
#define WEIR_SCAN_16(hits_of, p, end)                      \
    for (; (end) - (p) >= WEIR_LANES; (p) += WEIR_LANES) { \
        unsigned hits = hits_of(p);                        \
        if (hits) {                                        \
            return (p) + __builtin_ctz(hits);              \
        }                                                  \
    }
#else
#define WEIR_SCAN_16(hits_of, p, end)
#endif

static inline bool weir_is_unsafe(char c)
{
    return (unsigned char)c < ' ' || c == '"' || c == '\\';
}

/* The first byte from p on that ends a plain run of a string being read, or end. */
static inline const char *weir_scan_special(const char *p, const char *end)
{
    WEIR_SCAN_16(weir_special16, p, end)
    while (p < end && !weir_is_unsafe(*p) && (unsigned char)*p < 0x80) {
        p++;
    }
    return p;
}

/* The first byte from p on that must be escaped in a string being written, or end. */
static inline const char *weir_scan_unsafe(const char *p, const char *end)
{
    WEIR_SCAN_16(weir_unsafe16, p, end)
    while (p < end && !weir_is_unsafe(*p)) {
        p++;
    }
    return p;
}

/* The first byte from p on that is not a decimal digit, or end. */
static inline const char *weir_scan_digits(const char *p, const char *end)
{
    WEIR_SCAN_16(weir_not_digit16, p, end)
    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }
    return p;
}

#endif
