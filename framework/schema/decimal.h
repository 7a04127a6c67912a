/* Exact decimal numbers, straight from their JSON text: order and divisibility without rounding,
 * at any size. A number is its significant digits and where its point is, so that the cost follows
 * the digits that are written: 1e1000000000 costs what 10 costs.
 * Thread: plain functions over their arguments. */
#ifndef WEIR_SCHEMA_DECIMAL_H
#define WEIR_SCHEMA_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>
#include <weir/view.h>

/* 0.DIGITS times ten to the `exponent`; neither the first nor the last digit is a zero. Borrows the
 * number's text. Exponents are exact up to eighteen digits; beyond, all count as one size. */
typedef struct weir_decimal {
    const char *digits; /* may have a '.' inside */
    uint32_t count;     /* of digits; 0: the number is zero */
    bool negative;
    int64_t exponent;
} weir_decimal;

/* Of a number's text as the JSON reader has checked it. */
weir_decimal weir_decimal_of(weir_view text);
/* Below, equal to, above 0. */
int weir_decimal_compare(const weir_decimal *a, const weir_decimal *b);
/* Without a fraction. */
bool weir_decimal_is_integer(const weir_decimal *d);
/* Equal numbers have equal hashes, however they are written. */
uint64_t weir_decimal_hash(const weir_decimal *d);

enum { WEIR_DIVISOR_DIGITS = 1000 };

/* Is `d` a multiple of the divisor, which is above zero and has WEIR_DIVISOR_DIGITS digits at most?
 * The cost is bounded by the digits of both, whatever their exponents are. */
bool weir_decimal_is_multiple(const weir_decimal *d, const weir_decimal *divisor);

#endif
