/* Base64. See base64.h. */
#include "base/base64.h"

void weir_base64_put(weir_buf *to, weir_view bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    size_t left = bytes.len;
    if (!weir_buf_reserve(to, left / 3 * 4 + 4)) {
        return;
    }
    for (; left; p += 3) {
        uint32_t n =
            (uint32_t)p[0] << 16 | (uint32_t)(left > 1 ? p[1] : 0) << 8 | (left > 2 ? p[2] : 0);
        char four[4] = {digits[n >> 18], digits[n >> 12 & 63], left > 1 ? digits[n >> 6 & 63] : '=',
            left > 2 ? digits[n & 63] : '='};
        weir_buf_put(to, four, 4);
        left -= left < 3 ? left : 3;
    }
}

/* 0 to 63, or -1. Both alphabets: "+/" and the URL-safe "-_". */
static int sextet(unsigned char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

ptrdiff_t weir_base64_get(weir_view text, char *out)
{
    size_t len = text.len;
    while (len && text.len - len < 2 && text.ptr[len - 1] == '=') {
        len--;
    }
    if (len % 4 == 1) {
        return -1;
    }
    uint32_t bits = 0;
    char *to = out;
    for (size_t i = 0; i < len; i++) {
        int six = sextet((unsigned char)text.ptr[i]);
        if (six < 0) {
            return -1;
        }
        bits = bits << 6 | (uint32_t)six;
        if (i % 4 == 3) {
            *to++ = (char)(bits >> 16);
            *to++ = (char)(bits >> 8);
            *to++ = (char)bits;
        }
    }
    if (len % 4 >= 2) {
        bits <<= len % 4 == 2 ? 12 : 6;
        *to++ = (char)(bits >> 16);
        if (len % 4 == 3) {
            *to++ = (char)(bits >> 8);
        }
    }
    return to - out;
}
