/* MD5 as RFC 1321 has it. See md5.h. */
#include "base/md5.h"

#include <stdint.h>

typedef struct md5 {
    uint32_t a, b, c, d;
} md5;

static uint32_t rotate(uint32_t n, unsigned by)
{
    return n << by | n >> (32 - by);
}

/* The i-th step's function of b, c and d, and the word of the block that it takes. */
static uint32_t mix(const md5 *s, unsigned i, unsigned *word)
{
    switch (i / 16) {
    case 0:
        *word = i;
        return (s->b & s->c) | (~s->b & s->d);
    case 1:
        *word = (5 * i + 1) % 16;
        return (s->d & s->b) | (~s->d & s->c);
    case 2:
        *word = (3 * i + 5) % 16;
        return s->b ^ s->c ^ s->d;
    default:
        *word = 7 * i % 16;
        return s->c ^ (s->b | ~s->d);
    }
}

static void md5_block(md5 *state, const unsigned char block[64])
{
    static const unsigned char turns[4][4] = {
        {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    static const uint32_t sines[64] = {/* 2^32 * |sin(i + 1)| */
        0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613,
        0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193,
        0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
        0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
        0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122,
        0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
        0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244,
        0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
        0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb,
        0xeb86d391};
    md5 s = *state;
    for (unsigned i = 0; i < 64; i++) {
        unsigned word;
        uint32_t sum = s.a + mix(&s, i, &word) + sines[i];
        for (unsigned byte = 0; byte < 4; byte++) {
            sum += (uint32_t)block[word * 4 + byte] << 8 * byte;
        }
        s = (md5){s.d, s.b + rotate(sum, turns[i / 16][i % 4]), s.b, s.c};
    }
    *state = (md5){state->a + s.a, state->b + s.b, state->c + s.c, state->d + s.d};
}

void weir_md5(weir_view text, unsigned char out[16])
{
    md5 state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    unsigned char block[64];
    size_t at = 0;
    for (bool marked = false, done = false; !done; at += sizeof block) {
        size_t left = at < text.len ? text.len - at : 0;
        size_t len = left < sizeof block ? left : sizeof block;
        memset(block, 0, sizeof block);
        memcpy(block, text.ptr + text.len - left, len);
        if (len < sizeof block && !marked) {
            block[len] = 0x80;
            marked = true;
        }
        done = len < sizeof block - 8; /* room for the length in bits */
        for (unsigned i = 0; done && i < 8; i++) {
            block[56 + i] = (unsigned char)((uint64_t)text.len * 8 >> 8 * i);
        }
        md5_block(&state, block);
    }
    uint32_t words[4] = {state.a, state.b, state.c, state.d};
    for (unsigned i = 0; i < 16; i++) {
        out[i] = (unsigned char)(words[i / 4] >> 8 * (i % 4));
    }
}
