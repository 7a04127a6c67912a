/* Dates and times: days and fractions of a second since the epoch, ISO texts, or structures of
 * their parts, written as PostgreSQL does in UTC.
 *
 * The calendar is the proleptic Gregorian one, as in PostgreSQL and java.time; year 0 is 1 BC.
 *
 * Infinity has no number of its own in Debezium: it sends the ends of java.util.Date's range, cut
 * to the column's width. Those that stand for dates lie before PostgreSQL's first day (4714-11-24
 * BC), those that stand for timestamps are single instants of the years 294247 and 290309 BC, so
 * they are told apart from everything else (docs/row-contract.md has the list). */
#include "cdc/column_kind.h"

enum { SECONDS_OF_DAY = 86400, NANOS = 1000000000, ERA_YEARS = 400, ERA_DAYS = 146097 };

/* A point of time without a zone. */
typedef struct moment {
    int64_t days; /* since 1970-01-01 */
    int64_t seconds;
    int32_t nanos;
    int32_t offset_seconds; /* east of UTC; only where a zone was given */
} moment;

typedef struct day {
    int64_t year; /* 0 is 1 BC */
    unsigned month, day;
} day;

typedef enum parsed {
    PARSED,
    PARSED_INFINITY,
    PARSED_MINUS_INFINITY,
    NOT_PARSED,
} parsed;

/* ---- the calendar ---------------------------------------------------------------------------- */

static int64_t floor_div(int64_t n, int64_t by)
{
    return n / by - (n % by < 0);
}

/* Years begin in March here, so that the leap day is a year's last. Day 0 is 0000-03-01. */
static const int64_t march_first_of_year_0 = -719468;

static int64_t days_of(day d)
{
    int64_t year = d.year - (d.month <= 2);
    int64_t era = floor_div(year, ERA_YEARS);
    unsigned of_era = (unsigned)(year - era * ERA_YEARS);
    unsigned month = (d.month + 9) % 12;
    unsigned of_year = (153 * month + 2) / 5 + d.day - 1;
    return march_first_of_year_0 + era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 +
           of_year;
}

static day day_of(int64_t days)
{
    days -= march_first_of_year_0;
    int64_t era = floor_div(days, ERA_DAYS);
    unsigned of_era = (unsigned)(days - era * ERA_DAYS);
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA_DAYS - 1)) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153;
    day d = {
        .day = of_year - (153 * month + 2) / 5 + 1, .month = month < 10 ? month + 3 : month - 9};
    d.year = year + era * ERA_YEARS + (d.month <= 2);
    return d;
}

static bool is_day(int64_t year, int64_t month, int64_t mday)
{
    static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || mday < 1 || mday > lengths[month - 1]) {
        return false;
    }
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month != 2 || mday < 29 || leap;
}

/* ---- infinity -------------------------------------------------------------------------------- */

/* 292278994-08-16 and 292269055-12-02 as the snapshot reads them (a day later where the connector
 * runs east of UTC), -5877611-06-21 and -22 as the stream does. Integers are cut to 32 bits, ISO
 * texts are not. */
static parsed infinite_date(int64_t days)
{
    switch ((int32_t)(uint32_t)(uint64_t)days) {
    case -622191234:
    case -622191233:
    case -2147472692:
        return PARSED_INFINITY;
    case -625821272:
    case -625821271:
    case -2147472691:
        return PARSED_MINUS_INFINITY;
    default:
        return PARSED;
    }
}

/* +294247-01-10T04:00:25.2 and -290308-12-21T19:59:27.6, in whichever unit. */
static parsed infinite_timestamp(const moment *m)
{
    int64_t seconds = m->days * SECONDS_OF_DAY + m->seconds;
    return seconds == 9223372036825 && m->nanos == 200000000    ? PARSED_INFINITY
           : seconds == -9223372036833 && m->nanos == 600000000 ? PARSED_MINUS_INFINITY
                                                                : PARSED;
}

static parsed infinite_word(weir_view text)
{
    return weir_view_is(text, "infinity")    ? PARSED_INFINITY
           : weir_view_is(text, "-infinity") ? PARSED_MINUS_INFINITY
                                             : NOT_PARSED;
}

/* ---- writing --------------------------------------------------------------------------------- */

enum { LONGEST = 80 }; /* of any text written here */

/* n < 100 */
static char *put_two(char *p, unsigned n)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    memcpy(p, pairs + 2 * n, 2);
    return p + 2;
}

static char *put_long(char *p, uint64_t n)
{
    char digits[20];
    int at = sizeof digits;
    for (; n > 0; n /= 10) {
        digits[--at] = (char)('0' + n % 10);
    }
    memcpy(p, digits + at, sizeof digits - (size_t)at);
    return p + sizeof digits - at;
}

static char *put_year(char *p, uint64_t n)
{
    return n < 10000 ? put_two(put_two(p, (unsigned)n / 100), (unsigned)n % 100) : put_long(p, n);
}

static char *put_hours(char *p, uint64_t n)
{
    return n < 100 ? put_two(p, (unsigned)n) : put_long(p, n);
}

/* `year` as PostgreSQL counts: there is no year 0. */
static char *put_day(char *p, day d)
{
    p = put_year(p, (uint64_t)(d.year > 0 ? d.year : 1 - d.year));
    *p++ = '-';
    p = put_two(p, d.month);
    *p++ = '-';
    return put_two(p, d.day);
}

static char *put_era(char *p, day d)
{
    memcpy(p, " BC", 3);
    return d.year > 0 ? p : p + 3;
}

/* Without trailing zeros, and without a point when nothing is left. */
static char *put_fraction(char *p, unsigned nanos)
{
    if (nanos == 0) {
        return p;
    }
    *p++ = '.';
    unsigned micros = nanos / 1000;
    p = put_two(p, micros / 10000);
    p = put_two(p, micros / 100 % 100);
    p = put_two(p, micros % 100);
    if (nanos % 1000) {
        *p++ = (char)('0' + nanos / 100 % 10);
        p = put_two(p, nanos % 100);
    }
    while (p[-1] == '0') {
        p--;
    }
    return p;
}

static char *put_clock(char *p, int64_t seconds, int32_t nanos)
{
    unsigned of_hour = (unsigned)(seconds % 3600);
    p = put_hours(p, (uint64_t)seconds / 3600);
    *p++ = ':';
    p = put_two(p, of_hour / 60);
    *p++ = ':';
    p = put_two(p, of_hour % 60);
    return put_fraction(p, (unsigned)nanos);
}

/* "+02", "+05:30", "-00:19:32" */
static char *put_offset(char *p, int32_t offset_seconds)
{
    unsigned n = (unsigned)(offset_seconds < 0 ? -offset_seconds : offset_seconds);
    *p++ = offset_seconds < 0 ? '-' : '+';
    p = put_two(p, n / 3600);
    if (n % 3600) {
        *p++ = ':';
        p = put_two(p, n / 60 % 60);
    }
    if (n % 60) {
        *p++ = ':';
        p = put_two(p, n % 60);
    }
    return p;
}

static void put_infinity(weir_buf *to, parsed which)
{
    weir_buf_puts(to, which == PARSED_INFINITY ? "\"infinity\"" : "\"-infinity\"");
}

static void put_timestamp(weir_buf *to, const moment *m, bool zoned)
{
    char text[LONGEST], *p = text;
    day d = day_of(m->days);
    *p++ = '"';
    p = put_day(p, d);
    *p++ = 'T';
    p = put_clock(p, m->seconds, m->nanos);
    if (zoned) {
        memcpy(p, "+00:00", 6);
        p += 6;
    }
    p = put_era(p, d);
    *p++ = '"';
    weir_buf_put(to, text, (size_t)(p - text));
}

/* ---- reading ISO texts ----------------------------------------------------------------------- */

typedef struct cursor {
    const char *at, *end;
} cursor;

static bool take_char(cursor *c, char wanted)
{
    if (c->at < c->end && *c->at == wanted) {
        c->at++;
        return true;
    }
    return false;
}

/* Between `least` and `most` digits. */
static bool take_number(cursor *c, int least, int most, int64_t *out)
{
    int count = 0;
    *out = 0;
    for (; count < most && c->at < c->end && *c->at >= '0' && *c->at <= '9'; count++) {
        *out = *out * 10 + (*c->at++ - '0');
    }
    return count >= least;
}

/* "2026-02-28", "+10000-01-01", "-0043-03-15" */
static bool take_day(cursor *c, moment *m)
{
    bool negative = take_char(c, '-');
    if (!negative) {
        take_char(c, '+');
    }
    int64_t year, month, mday;
    if (!take_number(c, 4, 10, &year) || !take_char(c, '-') || !take_number(c, 2, 2, &month) ||
        !take_char(c, '-') || !take_number(c, 2, 2, &mday)) {
        return false;
    }
    year = negative ? -year : year;
    m->days = days_of((day){year, (unsigned)month, (unsigned)mday});
    return is_day(year, month, mday);
}

static bool take_fraction(cursor *c, int32_t *nanos)
{
    int64_t n;
    const char *first = c->at;
    if (!take_number(c, 1, 9, &n)) {
        return false;
    }
    for (ptrdiff_t digits = c->at - first; digits < 9; digits++) {
        n *= 10;
    }
    *nanos = (int32_t)n;
    return true;
}

/* "10:00", "10:00:00", "23:59:59.999999", "24:00:00" */
static bool take_clock(cursor *c, moment *m)
{
    int64_t hour, minute, second = 0;
    if (!take_number(c, 2, 2, &hour) || !take_char(c, ':') || !take_number(c, 2, 2, &minute) ||
        (take_char(c, ':') && !take_number(c, 2, 2, &second))) {
        return false;
    }
    m->nanos = 0;
    if (take_char(c, '.') && !take_fraction(c, &m->nanos)) {
        return false;
    }
    m->seconds = hour * 3600 + minute * 60 + second;
    return minute < 60 && second < 60 && m->seconds <= SECONDS_OF_DAY;
}

/* "Z", "+02", "+02:00", "+00:19:32", or nothing, which is UTC. */
static bool take_offset(cursor *c, moment *m)
{
    m->offset_seconds = 0;
    if (c->at == c->end || take_char(c, 'Z')) {
        return true;
    }
    bool west = take_char(c, '-');
    int64_t hour, minute = 0, second = 0;
    if ((!west && !take_char(c, '+')) || !take_number(c, 2, 2, &hour) ||
        (take_char(c, ':') && !take_number(c, 2, 2, &minute)) ||
        (take_char(c, ':') && !take_number(c, 2, 2, &second))) {
        return false;
    }
    int64_t offset = hour * 3600 + minute * 60 + second;
    m->offset_seconds = (int32_t)(west ? -offset : offset);
    return true;
}

static parsed finish(const cursor *c, bool good)
{
    return good && c->at == c->end ? PARSED : NOT_PARSED;
}

static parsed date_of_text(weir_view text, moment *m)
{
    cursor c = {text.ptr, text.ptr + text.len};
    parsed word = infinite_word(text);
    return word != NOT_PARSED ? word : finish(&c, take_day(&c, m) && take_offset(&c, m));
}

static parsed time_of_text(weir_view text, moment *m)
{
    cursor c = {text.ptr, text.ptr + text.len};
    return finish(&c, take_clock(&c, m) && take_offset(&c, m));
}

static parsed timestamp_of_text(weir_view text, moment *m)
{
    cursor c = {text.ptr, text.ptr + text.len};
    parsed word = infinite_word(text);
    if (word != NOT_PARSED) {
        return word;
    }
    bool day_read = take_day(&c, m) && (take_char(&c, 'T') || take_char(&c, ' '));
    return finish(&c, day_read && take_clock(&c, m) && take_offset(&c, m));
}

/* ---- reading structures (io.debezium.time.Structured…) --------------------------------------- */

/* False when there is none. */
static bool take_member(const weir_value *v, const char *name, int64_t *out)
{
    return weir_to_int64(weir_gets(v, name), out);
}

static parsed special_member(const weir_value *v)
{
    const weir_value *special = weir_gets(v, "specialValue");
    return weir_string_is(special, weir_view_of("POSITIVE_INFINITY"))   ? PARSED_INFINITY
           : weir_string_is(special, weir_view_of("NEGATIVE_INFINITY")) ? PARSED_MINUS_INFINITY
                                                                        : NOT_PARSED;
}

static bool day_members(const weir_value *v, moment *m)
{
    int64_t year, month, mday;
    if (!take_member(v, "year", &year) || !take_member(v, "month", &month) ||
        !take_member(v, "day", &mday) || year < INT32_MIN || year > INT32_MAX ||
        !is_day(year, month, mday)) {
        return false;
    }
    m->days = days_of((day){year, (unsigned)month, (unsigned)mday});
    return true;
}

static bool clock_members(const weir_value *v, moment *m)
{
    int64_t hour, minute, second, nanos = 0, offset = 0;
    if (!take_member(v, "hour", &hour) || !take_member(v, "minute", &minute) ||
        !take_member(v, "second", &second)) {
        return false;
    }
    take_member(v, "nanos", &nanos);
    take_member(v, "offsetSeconds", &offset);
    if (hour < 0 || hour > 24 || minute < 0 || minute > 59 || second < 0 || second > 59 ||
        nanos < 0 || nanos >= NANOS || offset <= -SECONDS_OF_DAY || offset >= SECONDS_OF_DAY) {
        return false;
    }
    m->seconds = hour * 3600 + minute * 60 + second;
    m->nanos = (int32_t)nanos;
    m->offset_seconds = (int32_t)offset;
    return true;
}

static parsed date_of_members(const weir_value *v, moment *m)
{
    parsed special = special_member(v);
    return special != NOT_PARSED ? special : day_members(v, m) ? PARSED : NOT_PARSED;
}

static parsed timestamp_of_members(const weir_value *v, moment *m)
{
    parsed special = special_member(v);
    return special != NOT_PARSED                      ? special
           : day_members(v, m) && clock_members(v, m) ? PARSED
                                                      : NOT_PARSED;
}

/* ---- reading integers ------------------------------------------------------------------------ */

static int64_t units_of_second(int32_t scale)
{
    return scale == 3 ? 1000 : scale == 9 ? NANOS : 1000000;
}

static inline void split(int64_t n, int64_t units, moment *m)
{
    int64_t seconds = floor_div(n, units), rest = n % units;
    m->nanos = (int32_t)((rest < 0 ? rest + units : rest) * (NANOS / units));
    m->days = floor_div(seconds, SECONDS_OF_DAY);
    m->seconds = seconds - m->days * SECONDS_OF_DAY;
}

/* Days and time of day. The nanosecond form has infinities of its own: the ends of its range. */
static parsed timestamp_of_integer(int64_t n, int32_t scale, moment *m)
{
    switch (scale) { /* dividing by constants is several times faster */
    case 3:
        split(n, 1000, m);
        return PARSED;
    case 9:
        split(n, NANOS, m);
        return n == INT64_MAX ? PARSED_INFINITY : n == INT64_MIN ? PARSED_MINUS_INFINITY : PARSED;
    default:
        split(n, 1000000, m);
        return PARSED;
    }
}

/* ---- columns --------------------------------------------------------------------------------- */

weir_status weir_render_date(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    (void)scratch;
    moment m = {0};
    parsed how = v->type == WEIR_STRING   ? date_of_text(weir_raw(v), &m)
                 : v->type == WEIR_OBJECT ? date_of_members(v, &m)
                 : weir_to_int64(v, &m.days) && m.days >= INT32_MIN && m.days <= INT32_MAX
                     ? PARSED
                     : NOT_PARSED;
    if (how == NOT_PARSED) {
        return weir_column_refuse(c, v, "not a date", err);
    }
    how = how == PARSED ? infinite_date(m.days) : how;
    if (how != PARSED) {
        put_infinity(to, how);
        return WEIR_OK;
    }
    char text[LONGEST], *p = text;
    day d = day_of(m.days);
    *p++ = '"';
    p = put_era(put_day(p, d), d);
    *p++ = '"';
    weir_buf_put(to, text, (size_t)(p - text));
    return WEIR_OK;
}

/* A time may be 24:00:00. MySQL's go from -838:59:59 to 838:59:59. */
static weir_status render_time(
    const weir_column *c, const weir_value *v, bool zoned, weir_buf *to, weir_error *err)
{
    moment m = {0};
    bool negative = false, good;
    if (v->type == WEIR_INT) {
        int64_t n = 0, units = units_of_second(c->scale);
        good = weir_to_int64(v, &n) && n != INT64_MIN;
        negative = n < 0;
        n = good && negative ? -n : n;
        m.seconds = n / units;
        m.nanos = (int32_t)(n % units * (NANOS / units));
    } else {
        good =
            v->type == WEIR_STRING ? time_of_text(weir_raw(v), &m) == PARSED : clock_members(v, &m);
    }
    if (!good) {
        return weir_column_refuse(c, v, "not a time", err);
    }
    char text[LONGEST], *p = text;
    *p++ = '"';
    *p = '-';
    p = put_clock(p + negative, m.seconds, m.nanos);
    p = zoned ? put_offset(p, m.offset_seconds) : p;
    *p++ = '"';
    weir_buf_put(to, text, (size_t)(p - text));
    return WEIR_OK;
}

weir_status weir_render_time(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    (void)scratch;
    return render_time(c, v, false, to, err);
}

weir_status weir_render_timetz(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    (void)scratch;
    return render_time(c, v, true, to, err);
}

static void move_to_utc(moment *m)
{
    int64_t seconds = m->seconds - m->offset_seconds;
    int64_t days = floor_div(seconds, SECONDS_OF_DAY);
    m->days += days;
    m->seconds = seconds - days * SECONDS_OF_DAY;
}

static weir_status render_timestamp(
    const weir_column *c, const weir_value *v, bool zoned, weir_buf *to, weir_error *err)
{
    moment m = {0};
    int64_t n;
    parsed how = v->type == WEIR_STRING   ? timestamp_of_text(weir_raw(v), &m)
                 : v->type == WEIR_OBJECT ? timestamp_of_members(v, &m)
                 : weir_to_int64(v, &n)   ? timestamp_of_integer(n, c->scale, &m)
                                          : NOT_PARSED;
    if (how == NOT_PARSED) {
        return weir_column_refuse(c, v, "not a timestamp", err);
    }
    if (how == PARSED) {
        move_to_utc(&m);
        how = infinite_timestamp(&m);
    }
    if (how == PARSED) {
        put_timestamp(to, &m, zoned);
    } else {
        put_infinity(to, how);
    }
    return WEIR_OK;
}

weir_status weir_render_timestamp(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    (void)scratch;
    return render_timestamp(c, v, false, to, err);
}

weir_status weir_render_timestamptz(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    (void)scratch;
    return render_timestamp(c, v, true, to, err);
}
