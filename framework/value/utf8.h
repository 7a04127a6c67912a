/* UTF-8 (RFC 3629): one character checked, one character written.
 * Thread: any. */
#ifndef WEIR_VALUE_UTF8_H
#define WEIR_VALUE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool weir_utf8_tail(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Bytes of the character at p, 1 to 4; 0 when there is none before end: a stray continuation byte,
 * an overlong form, a surrogate, a number beyond U+10FFFF, or a character cut off. */
static inline size_t weir_utf8_length(const char *p, const char *end)
{
    unsigned char lead = (unsigned char)*p;
    size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (length < 2) {
        return length;
    }
    if (lead > 0xF4 || (size_t)(end - p) < length) {
        return 0;
    }
    /* Where the second byte is bound more narrowly than 80 to BF (RFC 3629, section 4). */
    unsigned char second = (unsigned char)p[1];
    unsigned char least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    bool valid = second >= least && second <= most;
    for (size_t i = 2; i < length; i++) {
        valid = valid && weir_utf8_tail(p[i]);
    }
    return valid ? length : 0;
}

static inline bool weir_utf8_valid(const char *p, size_t len)
{
    const char *end = p + len;
    size_t n = 1;
    while (p < end && (n = weir_utf8_length(p, end))) {
        p += n;
    }
    return n > 0;
}

/* Writes a code point that is no surrogate; returns its bytes, 1 to 4. */
static inline size_t weir_utf8_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (char)((0xF00U >> length) | code); /* as many leading ones as there are bytes */
    return length;
}

#endif
