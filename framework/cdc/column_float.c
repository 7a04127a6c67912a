/* Floats: the shortest decimal text that reads as the same number, laid out as PostgreSQL does.
 *
 * What arrives is a producer's own idea of a short text: Java writes 1.0E10, -2.0 and 4.9E-324
 * where PostgreSQL writes 10000000000, -2 and 5e-324. A text of at most 15 significant digits (6
 * for a real) is already the shortest for its double: no two such texts share one. Longer texts go
 * through strtod and are shortened again.
 *
 * One rule is PostgreSQL's alone: its Ryu never gives a text that lies exactly half way between two
 * doubles, even where such a text reads back right (1e23 is written 9.999999999999999e+22).
 *
 * No decimal point is ever handed to libc, and none taken from it, so the process's locale does not
 * matter. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cdc/column_kind.h"

__extension__ typedef unsigned __int128 u128;

/* No double needs more digits to be read exactly (767 decide any tie). */
enum { MOST_DIGITS = 800 };

/* d[0].d[1]d[2]… × 10^exponent, without zeros at either end; zero has no digits. */
typedef struct digits {
    bool negative;
    int count, exponent;
    char digit[MOST_DIGITS];
} digits;

typedef struct format {
    int sure_digits;     /* a text of no more is the shortest */
    int most_digits;     /* enough for any number */
    int sure_exponent;   /* between -this and this every number is normal */
    int fixed_exponent;  /* from here on the notation is scientific */
    int bits;            /* of the significand */
    double exact_below;  /* and from 1e-5 on, 128 bits hold all that shortening needs */
    double least_normal; /* below, numbers have fewer bits */
} format;

static const format format_double = {15, 17, 300, 15, 53, 1e15, 0x1p-1022};
static const format format_single = {6, 9, 36, 6, 24, 1e6, 0x1p-126};

const char *weir_special_number(weir_view text)
{
    static const char *const spellings[][2] = {
        {"NaN", "NaN"},
        {"NAN", "NaN"}, /* floats; decimals in string mode */
        {"Infinity", "Infinity"},
        {"POSITIVE_INFINITY", "Infinity"},
        {"-Infinity", "-Infinity"},
        {"NEGATIVE_INFINITY", "-Infinity"},
    };
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        if (weir_view_is(text, spellings[i][0])) {
            return spellings[i][1];
        }
    }
    return NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* "E-5"; anything beyond a million is as good as a million. */
static bool read_exponent(const char **at, const char *end, int *out)
{
    const char *p = *at;
    bool negative = p < end && *p == '-';
    p += p < end && (*p == '-' || *p == '+');
    const char *first = p;
    int n = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        n = n < 1000000 ? n * 10 + (*p - '0') : n;
    }
    *out = negative ? -n : n;
    *at = p;
    return p > first;
}

/* Takes one digit of the significand; false when there are too many. */
static bool take_digit(digits *d, char digit, bool behind_point)
{
    if (d->count == 0 && digit == '0') {
        d->exponent -= behind_point;
        return true;
    }
    if (d->count == MOST_DIGITS) {
        return false;
    }
    d->digit[d->count++] = digit;
    d->exponent += !behind_point;
    return true;
}

/* Cuts trailing zeros. */
static void trim(digits *d)
{
    while (d->count && d->digit[d->count - 1] == '0') {
        d->count--;
    }
}

static bool read_digits(weir_view text, digits *d)
{
    const char *p = text.ptr, *end = p + text.len;
    d->negative = p < end && *p == '-';
    d->count = d->exponent = 0;
    p += d->negative;
    bool any = false, point = false;
    for (; p < end && ((*p >= '0' && *p <= '9') || (*p == '.' && !point)); p++) {
        if (*p == '.') {
            point = true;
        } else if (!take_digit(d, *p, point)) {
            return false;
        } else {
            any = true;
        }
    }
    int power = 0;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        any = any && read_exponent(&p, end, &power);
    }
    trim(d);
    d->exponent += power - 1;
    return any && p == end;
}

/* "12345e-3", which libc reads alike in every locale. */
static double read_binary(const digits *d, bool single)
{
    char text[MOST_DIGITS + 16], power[16];
    char *p = text + d->count, *first = power + sizeof power;
    int exponent = d->exponent - d->count + 1;
    memcpy(text, d->digit, (size_t)d->count);
    *--first = '\0';
    for (int n = abs(exponent); n > 0 || !*first; n /= 10) {
        *--first = (char)('0' + n % 10);
    }
    *p++ = 'e';
    *p++ = exponent < 0 ? '-' : '+';
    memcpy(p, first, (size_t)(power + sizeof power - first));
    return single ? (double)strtof(text, NULL) : strtod(text, NULL);
}

/* ---- shortening ------------------------------------------------------------------------------ */

/* Is it exactly half way between two neighbours? Then its odd part has one bit more than a
 * significand. Only a number with no digits behind the point can be: in others five times that many
 * significant digits would be needed than shortest texts have. */
static bool is_midpoint(const digits *d, int bits)
{
    int zeros = d->exponent - d->count + 1;
    if (zeros < 0 || zeros > 23 || d->count > 17) { /* 5^24 alone has more bits */
        return false;
    }
    uint64_t significand = 0;
    for (int i = 0; i < d->count; i++) {
        significand = significand * 10 + (uint64_t)(d->digit[i] - '0');
    }
    u128 odd = significand;
    for (; zeros > 0; zeros--) {
        odd *= 5;
    }
    while (!(odd & 1)) {
        odd >>= 1;
    }
    return odd >> bits == 1;
}

/* One more in the last place. Nines alone become zero, which no number asked for reads as. */
static void step_up(digits *d)
{
    int i = d->count - 1;
    for (; i >= 0 && d->digit[i] == '9'; i--) {
        d->digit[i] = '0';
    }
    if (i >= 0) {
        d->digit[i]++;
    }
}

/* The nearest decimal with this many digits, or the one above it. */
static void round_to(double x, int count, bool above, digits *d)
{
    char text[40]; /* "1.2345678901234567e-308", the point being whatever the locale has */
    snprintf(text, sizeof text, "%.*e", count - 1, x);
    const char *p = text;
    d->count = 0;
    for (; *p && *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9') {
            d->digit[d->count++] = *p;
        }
    }
    d->exponent = *p ? atoi(p + 1) : 0;
    if (above) {
        step_up(d);
    }
    trim(d);
}

static bool reads_as(const digits *d, double x, const format *f)
{
    return read_binary(d, f == &format_single) == x && !is_midpoint(d, f->bits);
}

/* The usual case, in integers: 1e-5 <= x < f->exact_below, x being significand / 2^(shift - 1).
 *
 * Everything is counted in 2^-shift / unit, unit being the power of ten that turns the digits
 * wanted into an integer. Then x is `value`, its neighbours are 2 * unit away, and an integer n is
 * n << shift. */
typedef struct exact {
    u128 value, unit;
    int shift;
    bool power_of_two; /* its lower neighbour is only unit away */
} exact;

/* Does n lie nearer to x than to x's neighbours? */
static bool is_nearest_to(const exact *x, uint64_t n)
{
    u128 point = (u128)n << x->shift;
    return point >= x->value ? point - x->value < x->unit
                             : (x->value - point) << x->power_of_two < x->unit;
}

/* The integer nearest to x, the even one if there are two. */
static uint64_t nearest(const exact *x)
{
    u128 half = (u128)1 << (x->shift - 1);
    uint64_t n = (uint64_t)(x->value >> x->shift);
    u128 rest = x->value - ((u128)n << x->shift);
    return n + (rest > half || (rest == half && n % 2));
}

/* n, the last of its digits counting 10^-places. */
static void set_digits(digits *d, uint64_t n, int places)
{
    char text[20];
    int at = sizeof text;
    for (; n > 0; n /= 10) {
        text[--at] = (char)('0' + n % 10);
    }
    d->count = (int)sizeof text - at;
    memcpy(d->digit, text + at, (size_t)d->count);
    d->exponent = d->count - 1 - places;
    trim(d);
}

static bool shorten_exactly(double x, const format *f, digits *d)
{
    static const double powers[] = {1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6,
        1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    if (x < powers[0] || x >= f->exact_below) {
        return false;
    }
    int exponent, places = f->sure_digits + 4; /* of a number with exponent -5 */
    uint64_t significand = (uint64_t)ldexp(frexp(x, &exponent), f->bits);
    for (int i = 1; x >= powers[i]; i++) {
        places--;
    }
    exact e = {.unit = 1,
        .shift = f->bits - exponent + 1,
        .power_of_two = significand == 1ULL << (f->bits - 1)};
    for (int i = 0; i < places; i++) {
        e.unit *= 10;
    }
    for (;; places++, e.unit *= 10) { /* ends: f->most_digits are always enough */
        e.value = 2 * significand * e.unit;
        uint64_t n = nearest(&e);
        if (is_nearest_to(&e, n) || (e.power_of_two && is_nearest_to(&e, ++n))) {
            set_digits(d, n, places);
            return true;
        }
    }
}

/* x is finite and above 0. A power of two has its lower neighbour nearer than its upper one, so the
 * decimal above may read back where the nearest one does not. */
static void shorten(double x, const format *f, digits *d)
{
    if (shorten_exactly(x, f, d)) {
        return;
    }
    int exponent, count = x < f->least_normal ? 1 : f->sure_digits;
    bool power_of_two = frexp(x, &exponent) == 0.5;
    for (; count < f->most_digits; count++) {
        round_to(x, count, false, d);
        if (reads_as(d, x, f)) {
            return;
        }
        if (power_of_two) {
            round_to(x, count, true, d);
            if (reads_as(d, x, f)) {
                return;
            }
        }
    }
    round_to(x, f->most_digits, false, d);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_zeros(weir_buf *to, int count)
{
    for (; count > 0; count--) {
        weir_buf_putc(to, '0');
    }
}

static void put_fixed(weir_buf *to, const digits *d)
{
    int whole = d->exponent + 1;
    if (whole <= 0) {
        weir_buf_puts(to, "0.");
        put_zeros(to, -whole);
        weir_buf_put(to, d->digit, (size_t)d->count);
    } else if (whole >= d->count) {
        weir_buf_put(to, d->digit, (size_t)d->count);
        put_zeros(to, whole - d->count);
    } else {
        weir_buf_put(to, d->digit, (size_t)whole);
        weir_buf_putc(to, '.');
        weir_buf_put(to, d->digit + whole, (size_t)(d->count - whole));
    }
}

static void put_scientific(weir_buf *to, const digits *d)
{
    weir_buf_putc(to, d->digit[0]);
    if (d->count > 1) {
        weir_buf_putc(to, '.');
        weir_buf_put(to, d->digit + 1, (size_t)d->count - 1);
    }
    int power = abs(d->exponent);
    weir_buf_puts(to, d->exponent < 0 ? "e-" : "e+");
    put_zeros(to, power < 10);
    weir_buf_int(to, power);
}

static void put_digits(weir_buf *to, const digits *d, const format *f)
{
    if (d->count == 0) {
        weir_buf_putc(to, '0');
    } else if (d->exponent >= -4 && d->exponent < f->fixed_exponent) {
        put_fixed(to, d);
    } else {
        put_scientific(to, d);
    }
}

bool weir_float_put(weir_buf *to, weir_view text, bool single)
{
    const format *f = single ? &format_single : &format_double;
    digits d;
    if (!read_digits(text, &d)) {
        return false;
    }
    bool negative = d.negative;
    bool sure = d.count <= f->sure_digits && abs(d.exponent) <= f->sure_exponent &&
                (d.count == 0 || !is_midpoint(&d, f->bits));
    if (!sure && d.count) {
        double x = read_binary(&d, single);
        if (isinf(x)) {
            return false;
        }
        d.count = 0;
        if (x > 0) {
            shorten(x, f, &d);
        }
    }
    if (negative) {
        weir_buf_putc(to, '-');
    }
    put_digits(to, &d, f);
    return true;
}

bool weir_float_read(weir_view text, double *x)
{
    digits d;
    if (!read_digits(text, &d)) {
        return false;
    }
    double read = d.count ? read_binary(&d, false) : 0;
    *x = d.negative ? -read : read;
    return isfinite(read);
}

void weir_float_put_double(weir_buf *to, double x)
{
    if (!isfinite(x)) {
        weir_buf_puts(to, isnan(x) ? "NaN" : x < 0 ? "-Infinity" : "Infinity");
        return;
    }
    digits d;
    d.count = 0;
    if (x != 0) {
        shorten(fabs(x), &format_double, &d);
    }
    if (signbit(x)) {
        weir_buf_putc(to, '-');
    }
    put_digits(to, &d, &format_double);
}

/* ---- columns --------------------------------------------------------------------------------- */

static weir_status render_float(
    const weir_column *c, const weir_value *v, bool single, weir_buf *to, weir_error *err)
{
    const char *special = v->type == WEIR_STRING ? weir_special_number(weir_raw(v)) : NULL;
    if (special) {
        weir_buf_putc(to, '"');
        weir_buf_puts(to, special);
        weir_buf_putc(to, '"');
        return WEIR_OK;
    }
    return weir_float_put(to, weir_raw(v), single)
               ? WEIR_OK
               : weir_column_refuse(c, v, "not a number of its range", err);
}

weir_status weir_render_float4(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    (void)scratch;
    return render_float(c, v, true, to, err);
}

weir_status weir_render_float8(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    (void)scratch;
    return render_float(c, v, false, to, err);
}
