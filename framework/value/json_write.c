/* The JSON writer. See json.h. */
#include "value/json.h"

#include "value/scan.h"
#include "value/text.h"

/* ---- strings ------------------------------------------------------------------------------- */

static void put_escape(weir_buf *to, char c)
{
    static const char letters[128] = {['"'] = '"',
        ['\\'] = '\\',
        ['\b'] = 'b',
        ['\f'] = 'f',
        ['\n'] = 'n',
        ['\r'] = 'r',
        ['\t'] = 't'};
    static const char hex[] = "0123456789abcdef";
    char letter = letters[c & 0x7F];
    if (letter) {
        weir_buf_put(to, (char[]){'\\', letter}, 2);
    } else {
        weir_buf_put(to, (char[]){'\\', 'u', '0', '0', hex[c >> 4 & 1], hex[c & 15]}, 6);
    }
}

void weir_json_put_escaped(weir_buf *to, weir_view text)
{
    const char *at = text.len ? text.ptr : "", *end = at + text.len;
    while (at < end) {
        const char *stop = weir_scan_unsafe(at, end);
        weir_buf_put(to, at, (size_t)(stop - at));
        if (stop < end) {
            put_escape(to, *stop++);
        }
        at = stop;
    }
}

void weir_json_put_string(weir_buf *to, weir_view text)
{
    weir_buf_putc(to, '"');
    weir_json_put_escaped(to, text);
    weir_buf_putc(to, '"');
}

/* A string that still has its escapes: they are decoded and written anew, in the writer's own way
 * ("\u0041" is "A", "\/" is "/"); what lies between them is written as it is. */
static void put_reescaped(weir_buf *to, const weir_value *v)
{
    const char *at = v->at, *end = at + v->len;
    weir_buf_putc(to, '"');
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        const char *stop = escape ? escape : end;
        weir_buf_put(to, at, (size_t)(stop - at));
        at = stop;
        if (at < end) {
            char bytes[4];
            size_t count = weir_unescape(&at, bytes);
            weir_json_put_escaped(to, weir_view_make(bytes, count));
        }
    }
    weir_buf_putc(to, '"');
}

/* ---- bytes --------------------------------------------------------------------------------- */

static void put_base64(weir_buf *to, weir_view bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    weir_buf_putc(to, '"');
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t count = bytes.len - at < 3 ? bytes.len - at : 3;
        uint32_t group = 0;
        for (size_t i = 0; i < 3; i++) {
            group = group << 8 | (i < count ? (unsigned char)bytes.ptr[at + i] : 0U);
        }
        char out[4] = {digits[group >> 18], digits[group >> 12 & 63], digits[group >> 6 & 63],
            digits[group & 63]};
        if (count < 3) {
            memset(out + count + 1, '=', 3 - count);
        }
        weir_buf_put(to, out, sizeof out);
    }
    weir_buf_putc(to, '"');
}

/* ---- values -------------------------------------------------------------------------------- */

static void put_object(weir_buf *to, const weir_value *object)
{
    char separator = '{';
    WEIR_EACH_MEMBER(object, name, value)
    {
        weir_buf_putc(to, separator);
        weir_json_put(to, name);
        weir_buf_putc(to, ':');
        weir_json_put(to, value);
        separator = ',';
    }
    weir_buf_puts(to, object->len ? "}" : "{}");
}

static void put_array(weir_buf *to, const weir_value *array)
{
    char separator = '[';
    WEIR_EACH_ITEM(array, item)
    {
        weir_buf_putc(to, separator);
        weir_json_put(to, item);
        separator = ',';
    }
    weir_buf_puts(to, array->len ? "]" : "[]");
}

void weir_json_put(weir_buf *to, const weir_value *v)
{
    switch ((weir_value_type)v->type) {
    case WEIR_NULL:
        weir_buf_puts(to, "null");
        break;
    case WEIR_BOOL:
        weir_buf_puts(to, v->flags & WEIR_TRUE ? "true" : "false");
        break;
    case WEIR_INT:
    case WEIR_NUMBER:
        weir_buf_putv(to, weir_raw(v));
        break;
    case WEIR_STRING:
        if (v->flags & WEIR_ESCAPED) {
            put_reescaped(to, v);
        } else if (v->span == v->len + 2) {
            weir_buf_putv(to, weir_source(v)); /* read from JSON, where it needed no escapes */
        } else {
            weir_json_put_string(to, weir_raw(v));
        }
        break;
    case WEIR_BYTES:
        put_base64(to, weir_raw(v));
        break;
    case WEIR_ARRAY:
        put_array(to, v);
        break;
    case WEIR_OBJECT:
        put_object(to, v);
        break;
    }
}
