/* Exact decimal numbers. See decimal.h. */
#include "schema/decimal.h"

enum {
    LIMB = 1000000000, /* the base of a remainder too long for a word */
    LIMB_DIGITS = 9,
    MOST_LIMBS = WEIR_DIVISOR_DIGITS / LIMB_DIGITS + 2,
    WORD_DIGITS = 18,
};
static const int64_t MOST_EXPONENT = 1000000000000000000;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The number behind an 'e', as far as it is told apart. */
static int64_t read_exponent(const char *at, const char *end)
{
    bool negative = at < end && *at == '-';
    int64_t n = 0;
    for (at += at < end && !is_digit(*at); at < end; at++) {
        n = n < MOST_EXPONENT / 10 ? n * 10 + (*at - '0') : MOST_EXPONENT;
    }
    return negative ? -n : n;
}

weir_decimal weir_decimal_of(weir_view text)
{
    const char *at = text.ptr, *end = at + text.len;
    weir_decimal d = {.negative = at < end && *at == '-'};
    uint32_t seen = 0; /* digits from the first that is not zero on */
    bool fraction = false;
    for (at += d.negative; at < end && (*at | 0x20) != 'e'; at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        if (*at != '0' || seen) {
            d.digits = seen ? d.digits : at;
            seen++;
            d.exponent += !fraction;
            d.count = *at != '0' ? seen : d.count;
        } else {
            d.exponent -= fraction;
        }
    }
    if (at < end) {
        d.exponent += read_exponent(at + 1, end);
    }
    if (!d.count) {
        d.negative = false;
        d.exponent = 0;
    }
    return d;
}

/* The digit at `*at`, which moves on to the next one. */
static unsigned take_digit(const char **at)
{
    *at += **at == '.';
    return (unsigned)(*(*at)++ - '0');
}

static int compare_size(const weir_decimal *a, const weir_decimal *b)
{
    if (!a->count || !b->count) {
        return (a->count > 0) - (b->count > 0);
    }
    if (a->exponent != b->exponent) {
        return a->exponent < b->exponent ? -1 : 1;
    }
    const char *x = a->digits, *y = b->digits;
    uint32_t common = a->count < b->count ? a->count : b->count;
    for (uint32_t i = 0; i < common; i++) {
        int order = (int)take_digit(&x) - (int)take_digit(&y);
        if (order) {
            return order;
        }
    }
    return (a->count > b->count) - (a->count < b->count);
}

int weir_decimal_compare(const weir_decimal *a, const weir_decimal *b)
{
    if (a->negative != b->negative) {
        return a->negative ? -1 : 1;
    }
    int size = compare_size(a, b);
    return a->negative ? -size : size;
}

bool weir_decimal_is_integer(const weir_decimal *d)
{
    return d->exponent >= (int64_t)d->count;
}

uint64_t weir_decimal_hash(const weir_decimal *d)
{
    uint64_t hash = (uint64_t)d->exponent * 2 + d->negative;
    const char *at = d->digits;
    for (uint32_t i = 0; i < d->count; i++) {
        hash = (hash ^ take_digit(&at)) * 0x9E3779B97F4A7C15U;
    }
    return hash ^ hash >> 32;
}

/* ---- divisibility ---------------------------------------------------------------------------
 * Both are integers times a power of ten; without trailing zeros, the dividend's power must not be
 * the lower one. The divisor's integer has at most 3.33 times as many factors of two or five as it
 * has digits, so more tens than four times its digits change nothing. */

static bool is_multiple_of_word(const weir_decimal *d, const weir_decimal *divisor, int64_t tens)
{
    uint64_t modulus = 0, rest = 0;
    const char *at = divisor->digits;
    for (uint32_t i = 0; i < divisor->count; i++) {
        modulus = modulus * 10 + take_digit(&at);
    }
    if (!modulus) {
        return false; /* no divisor is 0 */
    }
    at = d->digits;
    for (uint32_t i = 0; i < d->count; i++) {
        rest = (rest * 10 + take_digit(&at)) % modulus;
    }
    for (; tens > 0 && rest; tens--) {
        rest = rest * 10 % modulus;
    }
    return rest == 0;
}

/* Little-endian limbs. */
typedef struct big {
    uint32_t limb[MOST_LIMBS];
} big;

/* n * 10 + digit */
static void push_digit(big *n, uint32_t used, unsigned digit)
{
    uint64_t carry = digit;
    for (uint32_t i = 0; i < used; i++) {
        carry += (uint64_t)n->limb[i] * 10;
        n->limb[i] = (uint32_t)(carry % LIMB);
        carry /= LIMB;
    }
}

static bool is_below(const big *a, const big *b, uint32_t used)
{
    for (uint32_t i = used; i-- > 0;) {
        if (a->limb[i] != b->limb[i]) {
            return a->limb[i] < b->limb[i];
        }
    }
    return false;
}

static void subtract(big *a, const big *b, uint32_t used)
{
    int64_t borrow = 0;
    for (uint32_t i = 0; i < used; i++) {
        int64_t n = (int64_t)a->limb[i] - b->limb[i] - borrow;
        borrow = n < 0;
        a->limb[i] = (uint32_t)(n + borrow * LIMB);
    }
}

static void push_reduced(big *rest, const big *modulus, uint32_t used, unsigned digit)
{
    push_digit(rest, used, digit);
    while (!is_below(rest, modulus, used)) {
        subtract(rest, modulus, used);
    }
}

static bool is_zero(const big *n, uint32_t used)
{
    uint32_t any = 0;
    for (uint32_t i = 0; i < used; i++) {
        any |= n->limb[i];
    }
    return !any;
}

static bool is_multiple_of_long(const weir_decimal *d, const weir_decimal *divisor, int64_t tens)
{
    big modulus = {{0}}, rest = {{0}};
    uint32_t used = divisor->count / LIMB_DIGITS + 2; /* one digit more than the modulus has */
    const char *at = divisor->digits;
    for (uint32_t i = 0; i < divisor->count; i++) {
        push_digit(&modulus, used, take_digit(&at));
    }
    at = d->digits;
    for (uint32_t i = 0; i < d->count; i++) {
        push_reduced(&rest, &modulus, used, take_digit(&at));
    }
    for (; tens > 0 && !is_zero(&rest, used); tens--) {
        push_reduced(&rest, &modulus, used, 0);
    }
    return is_zero(&rest, used);
}

bool weir_decimal_is_multiple(const weir_decimal *d, const weir_decimal *divisor)
{
    int64_t tens = (d->exponent - d->count) - (divisor->exponent - divisor->count);
    if (!d->count || tens < 0) {
        return !d->count;
    }
    int64_t enough = 4 * (int64_t)divisor->count;
    tens = tens < enough ? tens : enough;
    return divisor->count <= WORD_DIGITS ? is_multiple_of_word(d, divisor, tens)
                                         : is_multiple_of_long(d, divisor, tens);
}
