/* The text of strings as JSON writes it, and names: their escapes, order and hash. All of it works
 * on text that the reader has checked already. Thread: any. */
#ifndef WEIR_VALUE_TEXT_H
#define WEIR_VALUE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "value/value.h"

/* Decodes the escape at *at (its backslash; a pair of surrogates is one escape) and moves *at
 * behind it. Returns the bytes put into out. */
size_t weir_unescape(const char **at, char out[4]);

/* The decoded bytes of a string, one after the other, without memory. */
typedef struct weir_characters {
    const char *at, *end;
    bool escaped;  /* a backslash is an escape, not itself */
    char bytes[4]; /* of the last escape */
    size_t next, count;
} weir_characters;
weir_characters weir_characters_of(const weir_value *v);
/* 0 to 255, or -1 behind the last one. */
int weir_characters_next(weir_characters *d);

/* Byte order of two decoded strings: below, equal to, above 0. */
int weir_string_order(const weir_value *a, const weir_value *b);

/* ---- the hash of a name -------------------------------------------------------------------------
 * Of its length and its first and last eight decoded bytes: a handful of instructions. It rejects
 * unequal names; it never decides that two are equal, so nothing depends on it against an
 * adversary. */

static inline uint32_t weir_load4(const char *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

static inline uint64_t weir_load8(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* head and tail: the first and last (up to) eight bytes as little-endian numbers. */
static inline uint16_t weir_hash_mix(uint64_t head, uint64_t tail, uint64_t len)
{
    uint64_t turned = tail << 29 | tail >> 35;
    return (uint16_t)(((head ^ turned ^ len) * 0x9E3779B97F4A7C15U) >> 48);
}

/* For a name inside a longer text, with at least eight readable bytes from its start on: no
 * branches. */
static inline uint16_t weir_hash_inside(const char *p, size_t len)
{
    size_t bits = (len < 8 ? len : 8) * 4;
    uint64_t mask = ((1ULL << bits) << bits) - 1; /* two steps: shifting by 64 is undefined */
    uint64_t head = weir_load8(p) & mask;
    uint64_t tail = weir_load8(p + (len > 8 ? len - 8 : 0)) & mask;
    return weir_hash_mix(head, tail, len);
}

/* The same for any memory. */
uint16_t weir_name_hash(weir_view name);
/* The same for a string that still has its escapes. */
uint16_t weir_hash_escaped(const weir_value *name);

#endif
