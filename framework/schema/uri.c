/* URIs: parts and resolving. See uri.h. */
#include "schema/uri.h"

#include <string.h>

/* Bytes of `text` before the first of `stops`. */
static size_t span_until(weir_view text, const char *stops)
{
    size_t n = 0;
    while (n < text.len && (!text.ptr[n] || !strchr(stops, text.ptr[n]))) {
        n++;
    }
    return n;
}

static weir_view drop(weir_view v, size_t n)
{
    return weir_view_make(v.ptr + n, v.len - n);
}

weir_uri weir_uri_of(weir_view text)
{
    weir_uri u = {0};
    if (!text.ptr) {
        text = weir_view_of("");
    }
    size_t n = span_until(text, ":/?#");
    if (n && n < text.len && text.ptr[n] == ':') {
        u.scheme = weir_view_make(text.ptr, n);
        text = drop(text, n + 1);
    }
    if (text.len >= 2 && text.ptr[0] == '/' && text.ptr[1] == '/') {
        text = drop(text, 2);
        n = span_until(text, "/?#");
        u.authority = weir_view_make(text.ptr, n);
        text = drop(text, n);
    }
    n = span_until(text, "?#");
    u.path = weir_view_make(text.ptr, n);
    text = drop(text, n);
    if (text.len && text.ptr[0] == '?') {
        n = span_until(text, "#");
        u.query = weir_view_make(text.ptr + 1, n - 1);
        text = drop(text, n);
    }
    if (text.len) {
        u.fragment = drop(text, 1);
    }
    return u;
}

/* ---- resolving (RFC 3986, 5.2) ---------------------------------------------------------------
 */

/* Takes the last segment of out away, with its slash. */
static size_t cut_segment(const char *out, size_t len)
{
    while (len && out[len - 1] != '/') {
        len--;
    }
    return len ? len - 1 : 0;
}

/* "." and ".." segments are followed in place; returns the new length. */
static size_t remove_dots(char *path, size_t len)
{
    size_t out = 0, at = 0;
    bool absolute = len && path[0] == '/';
    while (at < len) {
        size_t slash = path[at] == '/', end = at + slash;
        while (end < len && path[end] != '/') {
            end++;
        }
        size_t segment = end - at - slash;
        const char *name = path + at + slash;
        bool one = segment == 1 && name[0] == '.';
        bool two = segment == 2 && name[0] == '.' && name[1] == '.';
        if (two) {
            out = cut_segment(path, out);
        } else if (!one) {
            memmove(path + out, path + at, end - at);
            out += end - at;
        }
        if ((one || two) && end == len && (out || absolute)) {
            path[out++] = '/';
        }
        at = end;
    }
    return out;
}

static char *put(char *to, const char *before, weir_view v, const char *behind)
{
    to = stpcpy(to, before);
    memcpy(to, v.ptr, v.len);
    return stpcpy(to + v.len, behind);
}

/* The path of a reference without authority, put behind the base's last slash. */
static char *put_merged(char *to, const weir_uri *base, weir_view path)
{
    char *start = to;
    if (path.len && path.ptr[0] == '/') {
        to = put(to, "", path, "");
    } else {
        size_t keep = base->path.len;
        while (keep && base->path.ptr[keep - 1] != '/') {
            keep--;
        }
        to = put(to, "", weir_view_make(base->path.ptr, keep), "");
        if (!base->path.len && base->authority.ptr) {
            *to++ = '/';
        }
        to = put(to, "", path, "");
    }
    return start + remove_dots(start, (size_t)(to - start));
}

weir_view weir_uri_resolve(weir_view base_text, weir_view reference, weir_arena *arena)
{
    weir_uri base = weir_uri_of(base_text), r = weir_uri_of(reference);
    char *out = weir_arena_bytes(arena, base_text.len + reference.len + 8), *to = out;
    if (!out) {
        return (weir_view){NULL, 0};
    }
    bool own = r.scheme.ptr != NULL, own_place = own || r.authority.ptr;
    const weir_uri *place = own_place ? &r : &base;
    weir_view scheme = own ? r.scheme : base.scheme;
    if (scheme.ptr) {
        to = put(to, "", scheme, ":");
    }
    if (place->authority.ptr) {
        to = put(to, "//", place->authority, "");
    }
    weir_view query = r.query;
    if (own_place) {
        char *start = to;
        to = put(to, "", r.path, "");
        to = start + remove_dots(start, (size_t)(to - start));
    } else if (!r.path.len) {
        to = put(to, "", base.path, "");
        query = r.query.ptr ? r.query : base.query;
    } else {
        to = put_merged(to, &base, r.path);
    }
    if (query.ptr) {
        to = put(to, "?", query, "");
    }
    return weir_view_make(out, (size_t)(to - out));
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

weir_view weir_uri_fragment(weir_view reference, weir_arena *arena)
{
    weir_view f = weir_uri_of(reference).fragment;
    if (!f.len) {
        return weir_view_of("");
    }
    char *out = weir_arena_bytes(arena, f.len);
    size_t n = 0;
    for (size_t i = 0; out && i < f.len; i++) {
        bool escape = f.ptr[i] == '%' && i + 2 < f.len && hex_value(f.ptr[i + 1]) >= 0 &&
                      hex_value(f.ptr[i + 2]) >= 0;
        int byte = escape ? hex_value(f.ptr[i + 1]) * 16 + hex_value(f.ptr[i + 2]) : f.ptr[i];
        out[n++] = (char)byte;
        i += escape ? 2 : 0;
    }
    return weir_view_make(out, out ? n : 0);
}
