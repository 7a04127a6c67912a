/* Is a text a URI or an IRI, or an IP address (RFC 3986, 3987, 2673, 4291)? See uri.h. */
#include "schema/uri.h"

#include <string.h>

#include "value/utf8.h"

static bool is_alpha(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

/* Characters beyond ASCII that an IRI may have: ucschar, and iprivate in its query. */
static bool is_wide(uint32_t c, bool query)
{
    bool plane = (c & 0xFFFF) <= 0xFFFD;
    if (c >= 0xE000 && c <= 0xF8FF) {
        return query;
    }
    if (c >= 0xF0000) {
        return query && plane;
    }
    return c >= 0xA0 && (c < 0xD800 || c > 0xF8FF) && !(c >= 0xFDD0 && c <= 0xFDEF) &&
           !(c >= 0xFFF0 && c <= 0xFFFF) && plane && !(c >= 0xE0000 && c < 0xE1000);
}

static uint32_t code_at(const char *p, size_t length)
{
    uint32_t c = (unsigned char)*p & (0xFFU >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        c = c << 6 | ((unsigned char)p[i] & 0x3FU);
    }
    return c;
}

/* Every character is unreserved, a sub-delimiter, percent-encoded, one of `more`, or beyond ASCII
 * where that is allowed. */
static bool has_only(weir_view v, const char *more, unsigned kind, bool query)
{
    for (size_t i = 0; i < v.len;) {
        char c = v.ptr[i];
        if ((unsigned char)c >= 0x80) {
            size_t length = weir_utf8_length(v.ptr + i, v.ptr + v.len);
            if (!(kind & WEIR_URI_IRI) || !length || !is_wide(code_at(v.ptr + i, length), query)) {
                return false;
            }
            i += length;
        } else if (c == '%') {
            if (i + 2 >= v.len || !is_hex(v.ptr[i + 1]) || !is_hex(v.ptr[i + 2])) {
                return false;
            }
            i += 3;
        } else if (is_alpha(c) || is_digit(c) || is_one_of(c, "-._~!$&'()*+,;=") ||
                   is_one_of(c, more)) {
            i++;
        } else {
            return false;
        }
    }
    return true;
}

static bool scheme_is_valid(weir_view s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!is_alpha(c) && (i == 0 || !(is_digit(c) || is_one_of(c, "+-.")))) {
            return false;
        }
    }
    return s.len > 0;
}

static bool future_ip_is_valid(weir_view v)
{
    size_t i = 1;
    while (i < v.len && is_hex(v.ptr[i])) {
        i++;
    }
    return i > 1 && i + 1 < v.len && v.ptr[i] == '.' && !memchr(v.ptr, '%', v.len) &&
           has_only(weir_view_make(v.ptr + i + 1, v.len - i - 1), ":", 0, false);
}

static bool bracketed_is_valid(weir_view v)
{
    return v.len && (v.ptr[0] | 0x20) == 'v' ? future_ip_is_valid(v) : weir_ipv6_is_valid(v);
}

static bool authority_is_valid(weir_view a, unsigned kind)
{
    const char *at = a.len ? memrchr(a.ptr, '@', a.len) : NULL;
    if (at) {
        if (!has_only(weir_view_make(a.ptr, (size_t)(at - a.ptr)), ":", kind, false)) {
            return false;
        }
        a = weir_view_make(at + 1, a.len - (size_t)(at + 1 - a.ptr));
    }
    size_t end = 0;
    if (a.len && a.ptr[0] == '[') {
        const char *close = memchr(a.ptr, ']', a.len);
        end = close ? (size_t)(close - a.ptr) : 0;
        if (!close || !bracketed_is_valid(weir_view_make(a.ptr + 1, end - 1))) {
            return false;
        }
        end++;
    } else {
        while (end < a.len && a.ptr[end] != ':') {
            end++;
        }
        if (!has_only(weir_view_make(a.ptr, end), "", kind, false)) {
            return false;
        }
    }
    if (end < a.len && a.ptr[end] != ':') {
        return false;
    }
    for (size_t i = end + 1; i < a.len; i++) {
        if (!is_digit(a.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool weir_uri_is_valid(weir_view text, unsigned kind)
{
    weir_uri u = weir_uri_of(text);
    if (u.scheme.ptr ? !scheme_is_valid(u.scheme) : (kind & WEIR_URI_ABSOLUTE) != 0) {
        return false;
    }
    if (!u.scheme.ptr && !u.authority.ptr) {
        /* a colon in the first segment would read as a scheme's */
        size_t first = 0;
        while (first < u.path.len && u.path.ptr[first] != '/') {
            if (u.path.ptr[first++] == ':') {
                return false;
            }
        }
    }
    return (!u.authority.ptr || authority_is_valid(u.authority, kind)) &&
           has_only(u.path, ":@/", kind, false) && has_only(u.query, ":@/?", kind, true) &&
           has_only(u.fragment, ":@/?", kind, false);
}

/* ---- addresses ------------------------------------------------------------------------------ */

bool weir_ipv4_is_valid(weir_view text)
{
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        unsigned n = 0;
        size_t start = at;
        while (at < text.len && is_digit(text.ptr[at]) && at - start < 3) {
            n = n * 10 + (unsigned)(text.ptr[at++] - '0');
        }
        if (at == start || n > 255 || (text.ptr[start] == '0' && at - start > 1)) {
            return false;
        }
        if (part < 3 && (at == text.len || text.ptr[at++] != '.')) {
            return false;
        }
    }
    return at == text.len;
}

bool weir_ipv6_is_valid(weir_view text)
{
    int groups = 0;
    bool gap = false;
    size_t at = 0;
    if (text.len >= 2 && text.ptr[0] == ':' && text.ptr[1] == ':') {
        gap = true;
        at = 2;
    }
    while (at < text.len) {
        size_t start = at;
        while (at < text.len && is_hex(text.ptr[at])) {
            at++;
        }
        if (at < text.len && text.ptr[at] == '.') {
            groups += 2;
            bool last = weir_ipv4_is_valid(weir_view_make(text.ptr + start, text.len - start));
            return last && (gap ? groups < 8 : groups == 8);
        }
        if (at == start || at - start > 4) {
            return false;
        }
        groups++;
        if (at == text.len) {
            break;
        }
        if (text.ptr[at++] != ':' || at == text.len) {
            return false;
        }
        if (text.ptr[at] == ':') {
            if (gap) {
                return false;
            }
            gap = true;
            at++;
        }
    }
    return gap ? groups < 8 : groups == 8;
}
