/* Escapes, order and hashes of strings. See text.h. */
#include "value/text.h"

#include "value/utf8.h"

static uint32_t hex4(const char *p)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t c = (unsigned char)p[i];
        code = code << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return code;
}

size_t weir_unescape(const char **at, char out[4])
{
    const char *p = *at + 1;
    if (*p != 'u') {
        static const char decoded[128] = {['"'] = '"',
            ['\\'] = '\\',
            ['/'] = '/',
            ['b'] = '\b',
            ['f'] = '\f',
            ['n'] = '\n',
            ['r'] = '\r',
            ['t'] = '\t'};
        out[0] = decoded[*p & 0x7F];
        *at = p + 1;
        return 1;
    }
    uint32_t code = hex4(p + 1);
    p += 5;
    if (code >= 0xD800 && code <= 0xDBFF) {
        code = 0x10000 + ((code - 0xD800) << 10) + (hex4(p + 2) - 0xDC00);
        p += 6;
    }
    *at = p;
    return weir_utf8_encode(code, out);
}

weir_characters weir_characters_of(const weir_value *v)
{
    return (weir_characters){
        .at = v->at, .end = v->at + v->len, .escaped = v->flags & WEIR_ESCAPED};
}

int weir_characters_next(weir_characters *d)
{
    if (d->next == d->count) {
        if (d->at == d->end) {
            return -1;
        }
        if (*d->at != '\\' || !d->escaped) {
            return (unsigned char)*d->at++;
        }
        d->count = weir_unescape(&d->at, d->bytes);
        d->next = 0;
    }
    return (unsigned char)d->bytes[d->next++];
}

static int order_decoded(const weir_value *a, const weir_value *b)
{
    weir_characters left = weir_characters_of(a), right = weir_characters_of(b);
    int x, y;
    do {
        x = weir_characters_next(&left);
        y = weir_characters_next(&right);
    } while (x == y && x >= 0);
    return x - y;
}

int weir_string_order(const weir_value *a, const weir_value *b)
{
    if ((a->flags | b->flags) & WEIR_ESCAPED) {
        return order_decoded(a, b);
    }
    uint32_t common = a->len < b->len ? a->len : b->len;
    int order = common ? memcmp(a->at, b->at, common) : 0;
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

static uint64_t byte_at(const char *p, size_t i)
{
    return (uint64_t)(unsigned char)p[i] << (8 * i);
}

/* The first (up to) eight bytes of p, as weir_load8 would see them with zeros behind the last. The
 * reads of a short word overlap, so that no loop is needed. */
static uint64_t load_up_to_8(const char *p, size_t len)
{
    if (len >= 8) {
        return weir_load8(p);
    }
    if (len >= 4) {
        uint64_t low = weir_load4(p), high = weir_load4(p + len - 4);
        return low | high << (8 * (len - 4));
    }
    return len ? byte_at(p, 0) | byte_at(p, len / 2) | byte_at(p, len - 1) : 0;
}

uint16_t weir_name_hash(weir_view name)
{
    uint64_t head = load_up_to_8(name.ptr, name.len);
    uint64_t tail = name.len > 8 ? weir_load8(name.ptr + name.len - 8) : head;
    return weir_hash_mix(head, tail, name.len);
}

uint16_t weir_hash_escaped(const weir_value *name)
{
    weir_characters d = weir_characters_of(name);
    uint64_t head = 0, tail = 0, len = 0;
    for (int c; (c = weir_characters_next(&d)) >= 0; len++) {
        if (len < 8) {
            head |= (uint64_t)c << (8 * len);
        }
        tail = tail >> 8 | (uint64_t)c << 56;
    }
    return weir_hash_mix(head, len < 8 ? head : tail, len);
}
