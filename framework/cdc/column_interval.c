/* Intervals: a number of micro- or nanoseconds, ISO 8601 text, or a structure of parts, written in
 * PostgreSQL's own style ("1 year 2 mons 3 days 04:05:06.789"). A number has lost months and days:
 * it is written as hours, minutes and seconds, which is the same length by Debezium's reckoning. */
#include "cdc/column_kind.h"

enum { NANOS = 1000000000 };

/* seconds and nanos have the same sign, as PostgreSQL's one field of microseconds does. */
typedef struct span {
    int64_t months, days, seconds;
    int32_t nanos;
} span;

/* ---- writing --------------------------------------------------------------------------------- */

/* PostgreSQL marks a positive part with a plus only when the part before it was negative. */
typedef struct writer {
    weir_buf *to;
    bool any, after_negative;
} writer;

static void put_part(writer *w, int64_t n, const char *unit)
{
    if (n == 0) {
        return;
    }
    weir_buf_puts(w->to, w->any ? " " : "");
    weir_buf_puts(w->to, w->after_negative && n > 0 ? "+" : "");
    weir_buf_int(w->to, n);
    weir_buf_puts(w->to, unit);
    weir_buf_puts(w->to, n == 1 ? "" : "s");
    w->any = true;
    w->after_negative = n < 0;
}

static void put_two(weir_buf *to, int64_t n)
{
    weir_buf_puts(to, n < 10 ? "0" : "");
    weir_buf_int(to, n);
}

static void put_fraction(weir_buf *to, int32_t nanos)
{
    char digits[9];
    size_t len = sizeof digits;
    for (size_t i = len; i > 0; nanos /= 10) {
        digits[--i] = (char)('0' + nanos % 10);
    }
    while (len && digits[len - 1] == '0') {
        len--;
    }
    weir_buf_puts(to, len ? "." : "");
    weir_buf_put(to, digits, len);
}

static void put_clock(writer *w, const span *s)
{
    bool negative = s->seconds < 0 || s->nanos < 0;
    if (w->any && s->seconds == 0 && s->nanos == 0) {
        return;
    }
    int64_t seconds = s->seconds < 0 ? -s->seconds : s->seconds;
    weir_buf_puts(w->to, w->any ? " " : "");
    weir_buf_puts(w->to, negative ? "-" : w->after_negative ? "+" : "");
    put_two(w->to, seconds / 3600);
    weir_buf_putc(w->to, ':');
    put_two(w->to, seconds / 60 % 60);
    weir_buf_putc(w->to, ':');
    put_two(w->to, seconds % 60);
    put_fraction(w->to, s->nanos < 0 ? -s->nanos : s->nanos);
}

static void put_span(weir_buf *to, const span *s)
{
    writer w = {.to = to};
    weir_buf_putc(to, '"');
    put_part(&w, s->months / 12, " year");
    put_part(&w, s->months % 12, " mon");
    put_part(&w, s->days, " day");
    put_clock(&w, s);
    weir_buf_putc(to, '"');
}

/* ---- adding up ------------------------------------------------------------------------------- */

/* *sum += n * factor; false on overflow. INT64_MIN is left out: it has no absolute value. */
static bool add(int64_t *sum, int64_t n, int64_t factor)
{
    int64_t product;
    return !__builtin_mul_overflow(n, factor, &product) &&
           !__builtin_add_overflow(*sum, product, sum) && *sum != INT64_MIN;
}

/* Gives seconds and nanos one sign. */
static bool settle(span *s, int64_t nanos)
{
    if (!add(&s->seconds, nanos / NANOS, 1)) {
        return false;
    }
    nanos %= NANOS;
    if (s->seconds > 0 && nanos < 0) {
        s->seconds--;
        nanos += NANOS;
    } else if (s->seconds < 0 && nanos > 0) {
        s->seconds++;
        nanos -= NANOS;
    }
    s->nanos = (int32_t)nanos;
    return true;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* One "-12" or "6.789" of an ISO text. */
typedef struct amount {
    bool negative;
    int64_t whole;
    int32_t nanos;
} amount;

static bool take_amount(const char **at, const char *end, amount *a)
{
    const char *p = *at;
    *a = (amount){.negative = p < end && *p == '-'};
    p += p < end && (*p == '-' || *p == '+');
    const char *first = p;
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        if (p - first == 18) {
            return false;
        }
        a->whole = a->whole * 10 + (*p - '0');
    }
    bool any = p > first;
    if (p < end && *p == '.') {
        int32_t unit = NANOS / 10;
        for (p++; p < end && *p >= '0' && *p <= '9'; p++, unit /= 10) {
            a->nanos += (*p - '0') * unit;
        }
    }
    *at = p;
    return any;
}

/* Adds an amount of a unit; a letter out of place is refused. */
static bool add_amount(span *s, int64_t *nanos, const amount *a, char unit, bool time)
{
    int64_t n = a->negative ? -a->whole : a->whole;
    if (a->nanos && !(time && unit == 'S')) {
        return false;
    }
    switch (unit) {
    case 'Y':
        return !time && add(&s->months, n, 12);
    case 'M':
        return time ? add(&s->seconds, n, 60) : add(&s->months, n, 1);
    case 'W':
        return !time && add(&s->days, n, 7);
    case 'D':
        return !time && add(&s->days, n, 1);
    case 'H':
        return time && add(&s->seconds, n, 3600);
    case 'S':
        *nanos += a->negative ? -a->nanos : a->nanos;
        return time && add(&s->seconds, n, 1);
    default:
        return false;
    }
}

/* "P1Y2M3DT4H5M6.789S", each part with a sign of its own. */
static bool span_of_text(weir_view text, span *s)
{
    const char *p = text.ptr, *end = p + text.len;
    bool time = false;
    int64_t nanos = 0;
    if (p == end || *p++ != 'P' || p == end) {
        return false;
    }
    while (p < end) {
        amount a;
        if (*p == 'T' && !time) {
            time = true;
            p++;
        } else if (!take_amount(&p, end, &a) || p == end ||
                   !add_amount(s, &nanos, &a, *p++, time)) {
            return false;
        }
    }
    return settle(s, nanos);
}

static int64_t member(const weir_value *v, const char *name)
{
    int64_t n;
    return weir_to_int64(weir_gets(v, name), &n) ? n : 0;
}

static bool span_of_members(const weir_value *v, span *s)
{
    return add(&s->months, member(v, "years"), 12) && add(&s->months, member(v, "months"), 1) &&
           add(&s->days, member(v, "days"), 1) && add(&s->seconds, member(v, "hours"), 3600) &&
           add(&s->seconds, member(v, "minutes"), 60) &&
           add(&s->seconds, member(v, "seconds"), 1) && settle(s, member(v, "nanos"));
}

static bool span_of_integer(const weir_value *v, int32_t scale, span *s)
{
    int64_t n, units = scale == 9 ? NANOS : scale == 3 ? 1000 : 1000000;
    if (!weir_to_int64(v, &n)) {
        return false;
    }
    s->seconds = n / units;
    s->nanos = (int32_t)(n % units * (NANOS / units));
    return true;
}

weir_status weir_render_interval(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    (void)scratch;
    span s = {0};
    bool good = v->type == WEIR_STRING   ? span_of_text(weir_raw(v), &s)
                : v->type == WEIR_OBJECT ? span_of_members(v, &s)
                                         : span_of_integer(v, c->scale, &s);
    if (!good) {
        return weir_column_refuse(c, v, "not an interval", err);
    }
    put_span(to, &s);
    return WEIR_OK;
}
