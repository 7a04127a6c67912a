/* Dates, times and durations (RFC 3339). See format.h. */
#include <string.h>

#include "schema/format.h"

typedef struct clock_time {
    int hour, minute, second;
} clock_time;

/* `digits` decimal digits; -1 when they are not there. */
static int take_number(weir_view *v, size_t digits)
{
    int n = 0;
    if (v->len < digits) {
        return -1;
    }
    for (size_t i = 0; i < digits; i++) {
        if (v->ptr[i] < '0' || v->ptr[i] > '9') {
            return -1;
        }
        n = n * 10 + (v->ptr[i] - '0');
    }
    *v = weir_view_make(v->ptr + digits, v->len - digits);
    return n;
}

static bool take(weir_view *v, char c)
{
    if (!v->len || v->ptr[0] != c) {
        return false;
    }
    *v = weir_view_make(v->ptr + 1, v->len - 1);
    return true;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool take_date(weir_view *v)
{
    int year = take_number(v, 4);
    if (year < 0 || !take(v, '-')) {
        return false;
    }
    int month = take_number(v, 2);
    if (month < 1 || month > 12 || !take(v, '-')) {
        return false;
    }
    int day = take_number(v, 2);
    return day >= 1 && day <= days_of(year, month);
}

static bool take_clock(weir_view *v, clock_time *t)
{
    t->hour = take_number(v, 2);
    if (t->hour < 0 || t->hour > 23 || !take(v, ':')) {
        return false;
    }
    t->minute = take_number(v, 2);
    if (t->minute < 0 || t->minute > 59 || !take(v, ':')) {
        return false;
    }
    t->second = take_number(v, 2);
    if (t->second < 0 || t->second > 60) {
        return false;
    }
    if (!take(v, '.')) {
        return true;
    }
    size_t before = v->len;
    while (take_number(v, 1) >= 0) {
    }
    return v->len < before;
}

/* Z, or hours and minutes; *east in minutes. */
static bool take_offset(weir_view *v, int *east)
{
    *east = 0;
    if (take(v, 'Z') || take(v, 'z')) {
        return true;
    }
    int sign = take(v, '+') ? 1 : take(v, '-') ? -1 : 0;
    if (!sign) {
        return false;
    }
    int hour = take_number(v, 2);
    if (hour < 0 || hour > 23 || !take(v, ':')) {
        return false;
    }
    int minute = take_number(v, 2);
    *east = sign * (hour * 60 + minute);
    return minute >= 0 && minute <= 59;
}

static bool take_time(weir_view *v)
{
    clock_time t;
    int east;
    if (!take_clock(v, &t) || !take_offset(v, &east)) {
        return false;
    }
    /* A leap second is the last one of a day in UTC. */
    int minute = (t.hour * 60 + t.minute - east + 2 * 1440) % 1440;
    return t.second < 60 || minute == 1439;
}

bool weir_format_date(weir_view text, const weir_format_tools *tools)
{
    (void)tools;
    return take_date(&text) && !text.len;
}

bool weir_format_time(weir_view text, const weir_format_tools *tools)
{
    (void)tools;
    return take_time(&text) && !text.len;
}

bool weir_format_date_time(weir_view text, const weir_format_tools *tools)
{
    (void)tools;
    return take_date(&text) && (take(&text, 'T') || take(&text, 't')) && take_time(&text) &&
           !text.len;
}

/* Numbers with units of `units`, each following one that stands next to it before; the number of
 * them, or -1. */
static int take_parts(weir_view *v, const char *units)
{
    int parts = 0;
    const char *last = NULL;
    while (v->len && v->ptr[0] != 'T') {
        size_t before = v->len;
        while (take_number(v, 1) >= 0) {
        }
        const char *unit = before > v->len && v->len ? strchr(units, v->ptr[0]) : NULL;
        if (!unit || !*unit || (last && unit != last + 1)) {
            return -1;
        }
        last = unit;
        take(v, *unit);
        parts++;
    }
    return parts;
}

/* RFC 3339, appendix A. */
bool weir_format_duration(weir_view text, const weir_format_tools *tools)
{
    (void)tools;
    if (!take(&text, 'P')) {
        return false;
    }
    weir_view weeks = text;
    if (take_parts(&weeks, "W") == 1 && !weeks.len) {
        return true;
    }
    int days = take_parts(&text, "YMD");
    if (days < 0 || !take(&text, 'T')) {
        return days > 0;
    }
    return take_parts(&text, "HMS") > 0 && !text.len;
}
