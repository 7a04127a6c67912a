/* Equality of values. See equal.h. */
#include "schema/equal.h"

#include "schema/decimal.h"
#include "value/text.h"

static bool is_number(const weir_value *v)
{
    return v->type == WEIR_INT || v->type == WEIR_NUMBER;
}

static bool numbers_equal(const weir_value *a, const weir_value *b)
{
    if (weir_view_eq(weir_raw(a), weir_raw(b))) {
        return true;
    }
    weir_decimal x = weir_decimal_of(weir_raw(a)), y = weir_decimal_of(weir_raw(b));
    return weir_decimal_compare(&x, &y) == 0;
}

static bool arrays_equal(const weir_value *a, const weir_value *b, int64_t *steps)
{
    const weir_value *other = weir_child(b);
    WEIR_EACH_ITEM(a, item)
    {
        if (!weir_equal(item, other, steps)) {
            return false;
        }
        other = weir_next(other);
    }
    return true;
}

/* The member of b by a name of a; the members of one kind of object mostly stand in one order, so
 * `expected` is looked at first. */
static const weir_value *same_member(
    const weir_value *b, const weir_value *name, const weir_value *expected, int64_t *steps)
{
    if (expected && expected->hash == name->hash && weir_string_order(expected, name) == 0) {
        return expected + 1;
    }
    *steps -= b->len;
    WEIR_EACH_MEMBER(b, other, value)
    {
        if (other->hash == name->hash && weir_string_order(other, name) == 0) {
            return value;
        }
    }
    return NULL;
}

static bool objects_equal(const weir_value *a, const weir_value *b, int64_t *steps)
{
    const weir_value *expected = weir_child(b), *end = weir_next(b);
    WEIR_EACH_MEMBER(a, name, value)
    {
        const weir_value *other = same_member(b, name, expected < end ? expected : NULL, steps);
        if (!other || !weir_equal(value, other, steps)) {
            return false;
        }
        expected = weir_next(other);
    }
    return true;
}

bool weir_equal(const weir_value *a, const weir_value *b, int64_t *steps)
{
    if (--*steps <= 0) {
        return false;
    }
    if (is_number(a)) {
        return is_number(b) && numbers_equal(a, b);
    }
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case WEIR_NULL:
        return true;
    case WEIR_BOOL:
        return a->flags == b->flags;
    case WEIR_ARRAY:
        return a->len == b->len && arrays_equal(a, b, steps);
    case WEIR_OBJECT:
        return a->len == b->len && objects_equal(a, b, steps);
    default:
        return weir_string_order(a, b) == 0;
    }
}

static uint64_t mix(uint64_t hash, uint64_t more)
{
    hash = (hash ^ more) * 0x9E3779B97F4A7C15U;
    return hash ^ hash >> 29;
}

static uint64_t string_hash(const weir_value *v)
{
    uint64_t hash = 5;
    if (!(v->flags & WEIR_ESCAPED)) {
        uint32_t i = 0;
        for (; i + 8 <= v->len; i += 8) {
            hash = mix(hash, weir_load8(v->at + i));
        }
        uint64_t rest = 0;
        for (uint32_t k = i; k < v->len; k++) {
            rest |= (uint64_t)(unsigned char)v->at[k] << (8 * (k - i));
        }
        return mix(mix(hash, rest), v->len);
    }
    weir_characters d = weir_characters_of(v);
    uint64_t word = 0, len = 0;
    for (int c; (c = weir_characters_next(&d)) >= 0;) {
        word |= (uint64_t)c << (8 * (len % 8));
        if (++len % 8 == 0) {
            hash = mix(hash, word);
            word = 0;
        }
    }
    return mix(mix(hash, word), len);
}

uint64_t weir_value_hash(const weir_value *v)
{
    uint64_t hash = mix(v->type, v->len);
    if (is_number(v)) {
        weir_decimal d = weir_decimal_of(weir_raw(v));
        return weir_decimal_hash(&d);
    }
    switch (v->type) {
    case WEIR_NULL:
        return 1;
    case WEIR_BOOL:
        return 2 + v->flags;
    case WEIR_ARRAY: {
        WEIR_EACH_ITEM(v, item)
        {
            hash = mix(hash, weir_value_hash(item));
        }
        return hash;
    }
    case WEIR_OBJECT: { /* a sum: the order of members is nobody's business */
        uint64_t sum = 0;
        WEIR_EACH_MEMBER(v, name, value)
        {
            sum += mix(string_hash(name), weir_value_hash(value));
        }
        return mix(hash, sum);
    }
    default:
        return string_hash(v);
    }
}
