/* Floats as decimal text. See avro_read.h.
 *
 * Nearly all doubles that people store are short decimals: m / 10^k with m below 10^15. Division
 * is rounded right, so where m / 10^k gives the double back, the text of m with its point is one of
 * its texts, and as no two texts of up to 15 digits share a double, the first k is the shortest.
 * The rest goes through libc, digits only, so that no locale's decimal point matters. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "schema/avro_read.h"

static size_t put_unsigned(char *out, uint64_t n)
{
    char digits[20];
    size_t len = 0;
    do {
        digits[sizeof digits - ++len] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    memcpy(out, digits + sizeof digits - len, len);
    return len;
}

/* m / 10^k with the point in its place: 1234 and 2 are 12.34, 5 and 0 are 5.0. */
static size_t put_fixed(char *out, uint64_t m, int k)
{
    char digits[24];
    size_t len = put_unsigned(digits, m), at = 0;
    size_t behind = (size_t)k;
    if (len <= behind) {
        memmove(digits + behind + 1 - len, digits, len);
        memset(digits, '0', behind + 1 - len);
        len = behind + 1;
    }
    memcpy(out, digits, len - behind);
    at = len - behind;
    out[at++] = '.';
    if (!behind) {
        out[at++] = '0';
    }
    memcpy(out + at, digits + len - behind, behind);
    return at + behind;
}

static bool is_same(double back, double x, bool single)
{
    return single ? (float)back == (float)x : back == x;
}

/* 0: it is no short decimal. */
static size_t put_short(char *out, double x, bool single)
{
    static const double powers[] = {
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    double most = single ? 1e6 : 1e15;
    for (int k = 0; k < 16 && x * powers[k] < most; k++) {
        double m = rint(x * powers[k]);
        if (is_same(m / powers[k], x, single)) {
            return put_fixed(out, (uint64_t)m, k);
        }
    }
    return 0;
}

/* The digits of x to this precision, without a point, and the power of ten behind the last. */
static int digits_of(double x, int precision, char digits[20])
{
    char text[40];
    snprintf(text, sizeof text, "%.*e", precision - 1, x);
    int n = 0, exponent = 0;
    const char *p = text;
    for (; *p && *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9' && n < 19) {
            digits[n++] = *p;
        }
    }
    digits[n] = '\0';
    exponent = *p ? (int)strtol(p + 1, NULL, 10) : 0;
    return exponent - n + 1;
}

/* 0.00ddd or dd.d: where the point stands among the digits, or a few places before them. */
static size_t put_pointed(char *out, const char *digits, size_t n, int first)
{
    size_t before = first < 0 ? 0 : (size_t)first + 1, at = 0;
    size_t zeros = first < 0 ? (size_t)-first : 0; /* one of them stands before the point */
    memset(out, '0', zeros);
    memcpy(out, digits, before);
    at = before + (zeros ? 1 : 0);
    out[at++] = '.';
    zeros -= zeros ? 1 : 0;
    memset(out + at, '0', zeros);
    memcpy(out + at + zeros, digits + before, n - before);
    return at + zeros + n - before;
}

/* d.ddde-7 */
static size_t put_digits(char *out, const char *digits, int exponent)
{
    size_t n = strlen(digits), at = 0;
    exponent += (int)n - 1;
    if (exponent >= -5 && exponent + 1 < (int)n) {
        return put_pointed(out, digits, n, exponent);
    }
    out[at++] = digits[0];
    out[at++] = '.';
    if (n == 1) {
        out[at++] = '0';
    }
    memcpy(out + at, digits + 1, n - 1);
    at += n - 1;
    out[at++] = 'e';
    if (exponent < 0) {
        out[at++] = '-';
    }
    return at + put_unsigned(out + at, (uint64_t)abs(exponent));
}

static size_t put_long(char *out, double x, bool single)
{
    char digits[20], text[40];
    int exponent = 0;
    bool normal = x >= (single ? FLT_MIN : DBL_MIN); /* the others have fewer digits */
    int precision = !normal ? 1 : single ? 6 : 15;
    for (; precision <= 17; precision++) {
        exponent = digits_of(x, precision, digits);
        snprintf(text, sizeof text, "%se%d", digits, exponent);
        if (is_same(single ? (double)strtof(text, NULL) : strtod(text, NULL), x, single)) {
            break;
        }
    }
    for (size_t n = strlen(digits); n > 1 && digits[n - 1] == '0'; n--) {
        digits[n - 1] = '\0';
        exponent++;
    }
    return put_digits(out, digits, exponent);
}

size_t weir_avro_put_float(char out[WEIR_AVRO_DIGITS], double x, bool single)
{
    size_t minus = signbit(x) ? 1 : 0;
    out[0] = '-';
    x = fabs(x);
    bool plain = x == 0 || (x >= 1e-5 && x < (single ? 1e6 : 1e15));
    size_t len = plain ? put_short(out + minus, x, single) : 0;
    return minus + (len ? len : put_long(out + minus, x, single));
}
