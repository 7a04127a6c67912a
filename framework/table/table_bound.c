/* What goes into a column without loss. See table_bound.h. */
#include "table/table_bound.h"

#include <string.h>

#include "base/buf.h"
#include "cdc/column_kind.h"
#include "value/utf8.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "-5" behind an e; anything beyond a million is as good as a million. False: it is none. */
static bool read_power(const char *p, const char *end, long *power)
{
    bool negative = p < end && *p == '-';
    p += p < end && (*p == '-' || *p == '+');
    long n = 0;
    for (; p < end && is_digit(*p); p++) {
        n = n < 1000000 ? n * 10 + (*p - '0') : n;
    }
    *power = negative ? -n : n;
    return p == end;
}

/* The place of the last digit that is not 0, counted from the point: 1 the tenths, 0 the ones, -1
 * the tens. */
static bool decimals_hold(weir_view text, long most)
{
    const char *p = text.ptr, *end = p + text.len;
    p += p < end && (*p == '-' || *p == '+');
    const char *first = p;
    long last = 0, power = 0;
    bool any = false;
    while (p < end && is_digit(*p)) {
        p++;
    }
    const char *point = p;
    p += p < end && *p == '.';
    while (p < end && is_digit(*p)) {
        p++;
    }
    for (const char *at = first; at < p; at++) {
        if (is_digit(*at) && *at != '0') {
            any = true;
            last = at < point ? (long)(at - point) + 1 : (long)(at - point);
        }
    }
    bool number =
        p == end || ((*p == 'e' || *p == 'E') && p > first && read_power(p + 1, end, &power));
    return !any || !number || last - power <= most;
}

static bool seconds_hold(weir_view text, int most)
{
    const char *point = memchr(text.ptr, '.', text.len), *end = text.ptr + text.len;
    int n = 0;
    for (const char *p = point ? point + 1 : end; p < end && is_digit(*p); p++) {
        n = *p == '0' ? n : (int)(p - point);
    }
    return n <= most;
}

static bool days_hold(weir_view text)
{
    const char *colon = memchr(text.ptr, ':', text.len), *end = text.ptr + text.len;
    bool zero = true;
    const char *p = colon && colon - text.ptr >= 2 ? colon - 2 : end;
    for (; p < end && (is_digit(*p) || *p == ':' || *p == '.'); p++) {
        zero &= *p < '1' || *p > '9';
    }
    return zero;
}

/* The shortest text of the single that it becomes is the shortest text of the number, too. */
static weir_status single_holds(weir_view text, bool *holds, weir_error *err)
{
    enum { SURE_DIGITS = 6 };
    weir_buf single = {0}, back = {0}, number = {0};
    if (text.len <= SURE_DIGITS || !weir_float_put(&number, text, false)) {
        *holds = true;
    } else {
        *holds = weir_float_put(&single, text, true) &&
                 weir_float_put(&back, weir_buf_view(&single), false) &&
                 weir_view_eq(weir_buf_view(&back), weir_buf_view(&number));
    }
    bool failed = single.failed || back.failed || number.failed;
    weir_buf_fini(&single);
    weir_buf_fini(&back);
    weir_buf_fini(&number);
    return failed ? weir_fail_oom(err) : WEIR_OK;
}

/* Anything but spaces beyond is refused by the database itself, in its own words. */
static bool characters_hold(weir_view text, int most)
{
    size_t at = 0, end = text.len;
    for (int n = 0; at < end && (weir_utf8_tail(text.ptr[at]) || n < most); at++) {
        n += !weir_utf8_tail(text.ptr[at]);
    }
    while (end > at && text.ptr[end - 1] == ' ') {
        end--;
    }
    return at == text.len || end > at;
}

weir_status weir_bound_holds(weir_bound bound, weir_view text, bool *holds, weir_error *err)
{
    *holds = true;
    switch (bound.kind) {
    case WEIR_BOUND_DECIMALS:
        *holds = decimals_hold(text, bound.most);
        break;
    case WEIR_BOUND_SECONDS:
        *holds = seconds_hold(text, bound.most);
        break;
    case WEIR_BOUND_DAYS:
        *holds = days_hold(text);
        break;
    case WEIR_BOUND_SINGLE:
        return single_holds(text, holds, err);
    case WEIR_BOUND_CHARACTERS:
        *holds = characters_hold(text, bound.most);
        break;
    case WEIR_BOUND_NONE:
        break;
    }
    return WEIR_OK;
}
