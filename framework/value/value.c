/* The value tree: looking things up, and what scalars mean. See value.h. */
#include "value/value.h"

#include "value/text.h"

/* ---- members and items --------------------------------------------------------------------- */

const weir_value *weir_get(const weir_value *v, weir_view name)
{
    if (!weir_is(v, WEIR_OBJECT)) {
        return NULL;
    }
    uint16_t hash = weir_name_hash(name);
    WEIR_EACH_MEMBER(v, key, value)
    {
        if (key->hash == hash && weir_string_is(key, name)) {
            return value;
        }
    }
    return NULL;
}

const weir_value *weir_gets(const weir_value *v, const char *name)
{
    return weir_get(v, weir_view_of(name));
}

/* A token of a JSON Pointer has "~1" for "/" and "~0" for "~"; another "~" is an error and names
 * nothing. */
static bool token_is(weir_view token, const weir_value *name)
{
    weir_characters d = weir_characters_of(name);
    for (size_t i = 0; i < token.len; i++) {
        char c = token.ptr[i];
        if (c == '~') {
            char escape = ++i < token.len ? token.ptr[i] : '\0';
            if (escape != '0' && escape != '1') {
                return false;
            }
            c = escape == '0' ? '~' : '/';
        }
        if (weir_characters_next(&d) != (unsigned char)c) {
            return false;
        }
    }
    return weir_characters_next(&d) < 0;
}

static const weir_value *member_at(const weir_value *object, weir_view token)
{
    if (!token.len || !memchr(token.ptr, '~', token.len)) {
        return weir_get(object, token);
    }
    WEIR_EACH_MEMBER(object, name, value)
    {
        if (token_is(token, name)) {
            return value;
        }
    }
    return NULL;
}

static const weir_value *item_at(const weir_value *array, weir_view token)
{
    int64_t index;
    bool digits = token.len && token.ptr[0] >= '0' && (token.ptr[0] > '0' || token.len == 1);
    if (!digits || !weir_text_to_int64(token, &index) || index >= array->len) {
        return NULL;
    }
    const weir_value *item = weir_child(array);
    for (; index > 0; index--) {
        item = weir_next(item);
    }
    return item;
}

const weir_value *weir_pointer(const weir_value *v, const char *pointer)
{
    while (v && *pointer == '/') {
        weir_view token = {pointer + 1, strcspn(pointer + 1, "/")};
        v = v->type == WEIR_OBJECT  ? member_at(v, token)
            : v->type == WEIR_ARRAY ? item_at(v, token)
                                    : NULL;
        pointer = token.ptr + token.len;
    }
    return *pointer ? NULL : v;
}

/* ---- strings ------------------------------------------------------------------------------- */

/* Decodes into out, which has room for v->len bytes: no escape is shorter than what it stands for.
 */
static size_t decode_into(char *out, const weir_value *v)
{
    const char *at = v->at, *end = at + v->len;
    char *to = out;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((escape ? escape : end) - at);
        memcpy(to, at, plain);
        to += plain;
        at += plain;
        if (at < end) {
            to += weir_unescape(&at, to);
        }
    }
    return (size_t)(to - out);
}

weir_view weir_string(const weir_value *v, weir_arena *arena)
{
    if (!(v->flags & WEIR_ESCAPED)) {
        return weir_raw(v);
    }
    char *out = weir_arena_bytes(arena, v->len);
    return out ? weir_view_make(out, decode_into(out, v)) : (weir_view){NULL, 0};
}

bool weir_string_is(const weir_value *v, weir_view text)
{
    if (!weir_is(v, WEIR_STRING) || text.len > v->len) {
        return false;
    }
    if (!(v->flags & WEIR_ESCAPED)) {
        return weir_view_eq(weir_raw(v), text);
    }
    if (!text.len) {
        return false; /* an escape stands for something; text.ptr may be NULL */
    }
    weir_value other = {.at = text.ptr, .len = (uint32_t)text.len};
    return weir_string_order(v, &other) == 0;
}

void weir_string_put(weir_buf *to, const weir_value *v)
{
    if (!(v->flags & WEIR_ESCAPED)) {
        weir_buf_putv(to, weir_raw(v));
    } else if (weir_buf_reserve(to, v->len)) {
        to->len += decode_into(to->ptr + to->len, v);
    }
}

/* ---- integers ------------------------------------------------------------------------------ */

bool weir_to_int64(const weir_value *v, int64_t *out)
{
    return weir_is(v, WEIR_INT) && weir_text_to_int64(weir_raw(v), out);
}

bool weir_text_to_int64(weir_view text, int64_t *out)
{
    bool negative = text.len > 1 && text.ptr[0] == '-';
    if (text.len <= 18 && text.len) { /* cannot overflow */
        int64_t few = 0;
        for (size_t i = negative; i < text.len; i++) {
            unsigned digit = (unsigned)(text.ptr[i] - '0');
            if (digit > 9) {
                return false;
            }
            few = few * 10 + digit;
        }
        *out = negative ? -few : few;
        return true;
    }
    int64_t n = 0; /* kept negative: INT64_MIN has no positive counterpart */
    for (size_t i = negative; i < text.len; i++) {
        int digit = text.ptr[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_sub_overflow(n, digit, &n)) {
            return false;
        }
    }
    if (!text.len || (!negative && n == INT64_MIN)) {
        return false;
    }
    *out = negative ? n : -n;
    return true;
}
