/* The JSON reader's error texts and places. See json_error.h. */
#include "value/json_error.h"

#include <stdio.h>

#include "value/json.h"
#include "value/utf8.h"

weir_place weir_json_place(weir_view text, const char *at)
{
    weir_place place = {1, 1};
    for (const char *p = text.ptr; p < at && p < text.ptr + text.len; p++) {
        if (*p == '\n') {
            place.line++;
            place.column = 1;
        } else if (!weir_utf8_tail(*p)) {
            place.column++;
        }
    }
    return place;
}

static weir_status place(weir_error *err, weir_status status, weir_view text, const char *at)
{
    weir_place p = weir_json_place(text, at);
    (void)weir_at(err, "%u:%u", p.line, p.column);
    return status;
}

weir_status weir_json_refuse(
    weir_error *err, weir_code code, weir_view text, const char *at, const char *why)
{
    return place(err, weir_fail(err, code, "%s", why), text, at);
}

typedef struct description {
    char text[48];
} description;

/* What stands at `at`, for a reader's eyes. length: bytes of the character there. */
static description describe(const char *at, size_t length)
{
    description d;
    unsigned char c = (unsigned char)*at;
    if (length == 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0) {
        snprintf(d.text, sizeof d.text, "a byte order mark");
    } else if (c < ' ' || c == 0x7F) {
        snprintf(d.text, sizeof d.text, "the control character U+%04X", c);
    } else {
        snprintf(d.text, sizeof d.text, "'%.*s'", (int)length, at);
    }
    return d;
}

weir_status weir_json_unexpected(
    weir_error *err, weir_view text, const char *at, const char *expected)
{
    const char *end = text.ptr + text.len;
    if (at == end) {
        weir_status status =
            weir_fail(err, WEIR_E_JSON_SYNTAX, "expected %s, met the end of the text", expected);
        return place(err, status, text, at);
    }
    size_t length = weir_utf8_length(at, end);
    if (!length) {
        weir_status status = weir_fail(
            err, WEIR_E_JSON_UTF8, "the byte 0x%02x is not UTF-8 here", (unsigned char)*at);
        return place(err, status, text, at);
    }
    description met = describe(at, length);
    weir_status status =
        weir_fail(err, WEIR_E_JSON_SYNTAX, "expected %s, met %s", expected, met.text);
    return place(err, status, text, at);
}

/* As many whole characters of a name as fit into an error's text. */
static int shown(weir_view name)
{
    size_t len = name.len < 100 ? name.len : 100;
    while (len < name.len && len > 0 && weir_utf8_tail(name.ptr[len])) {
        len--;
    }
    return (int)len;
}

weir_status weir_json_duplicate(
    weir_error *err, weir_view text, const weir_value *first, const weir_value *second)
{
    weir_view name = weir_raw(second);
    weir_place before = weir_json_place(text, weir_source(first).ptr);
    weir_status status = weir_fail(err, WEIR_E_JSON_DUPLICATE_KEY,
        "the name \"%.*s\" is there twice; first at %u:%u", shown(name), name.ptr, before.line,
        before.column);
    return place(err, status, text, weir_source(second).ptr);
}
