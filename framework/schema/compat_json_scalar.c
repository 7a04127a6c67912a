/* Compatibility of JSON Schemas: types, values and bounds. See compat.h. */
#include <stdio.h>

#include "schema/compat_json.h"
#include "schema/decimal.h"
#include "schema/equal.h"

typedef weir_compat_json_checker checker;

static const weir_view nothing = {"", 0};

/* ---- types --------------------------------------------------------------------------------- */

enum { INTEGER = 1 << 0, FRACTION = 1 << 1, ALL_TYPES = (1 << 7) - 1 };

/* "number" is both kinds of numbers. */
static unsigned type_named(const weir_value *name)
{
    static const struct {
        const char *name;
        unsigned bits;
    } types[] = {{"integer", INTEGER}, {"number", INTEGER | FRACTION}, {"string", 1 << 2},
        {"boolean", 1 << 3}, {"null", 1 << 4}, {"array", 1 << 5}, {"object", 1 << 6}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (weir_string_is(name, weir_view_of(types[i].name))) {
            return types[i].bits;
        }
    }
    return 0;
}

static unsigned types_of(const weir_value *schema)
{
    const weir_value *type = weir_gets(schema, "type");
    unsigned bits = 0;
    if (weir_is(type, WEIR_ARRAY)) {
        WEIR_EACH_ITEM(type, item)
        {
            bits |= type_named(item);
        }
        return bits;
    }
    return type ? type_named(type) : ALL_TYPES;
}

/* Values that are listed have their types with them. */
static void compare_types(checker *c, const weir_value *r, const weir_value *w)
{
    bool listed = weir_gets(w, "enum") || weir_gets(w, "const");
    if (types_of(w) & ~types_of(r) && (!listed || weir_gets(w, "type"))) {
        const weir_value *type = weir_gets(w, "type");
        weir_compat_json_add(c, WEIR_COMPAT_TYPE_NARROWED, "/type", "written was ",
            type ? weir_source(type) : weir_view_of("anything"));
    }
}

/* ---- values -------------------------------------------------------------------------------- */

static bool holds(checker *c, const weir_value *list, const weir_value *v)
{
    WEIR_EACH_ITEM(list, item)
    {
        if (weir_equal(item, v, &c->steps)) {
            return true;
        }
    }
    return false;
}

static void compare_enum(checker *c, const weir_value *r, const weir_value *w)
{
    const weir_value *now = weir_gets(r, "enum"), *then = weir_gets(w, "enum");
    const weir_value *only = weir_gets(w, "const");
    if (!weir_is(now, WEIR_ARRAY)) {
        return;
    }
    if (only ? !holds(c, now, only) : !weir_is(then, WEIR_ARRAY)) {
        weir_compat_json_add(c, WEIR_COMPAT_ENUM_NARROWED, "/enum",
            only ? "the const that was written is not among them" : "added", nothing);
    } else if (!only) {
        WEIR_EACH_ITEM(then, v)
        {
            if (!holds(c, now, v)) {
                weir_compat_json_add(
                    c, WEIR_COMPAT_ENUM_NARROWED, "/enum", "without ", weir_source(v));
            }
        }
    }
}

static void compare_const(checker *c, const weir_value *r, const weir_value *w)
{
    const weir_value *now = weir_gets(r, "const"), *then = weir_gets(w, "const");
    const weir_value *list = weir_gets(w, "enum");
    if (!then && weir_is(list, WEIR_ARRAY) && list->len == 1) {
        then = weir_child(list);
    }
    if (now && (!then || !weir_equal(now, then, &c->steps))) {
        weir_compat_json_add(
            c, WEIR_COMPAT_CONST_CHANGED, "/const", then ? "changed" : "added", nothing);
    }
}

/* ---- bounds -------------------------------------------------------------------------------- */

typedef struct bound {
    const weir_value *value; /* a number; NULL: none */
    bool exclusive;
} bound;

static bool is_number(const weir_value *v)
{
    return weir_is(v, WEIR_INT) || weir_is(v, WEIR_NUMBER);
}

static int order(const weir_value *a, const weir_value *b)
{
    weir_decimal x = weir_decimal_of(weir_raw(a)), y = weir_decimal_of(weir_raw(b));
    return weir_decimal_compare(&x, &y);
}

/* The tighter of the two; draft 4's exclusiveMinimum is a flag. sign: 1 for lower bounds. */
static bound bound_of(
    const weir_value *schema, const char *inclusive, const char *exclusive, int sign)
{
    const weir_value *plain = weir_gets(schema, inclusive), *open = weir_gets(schema, exclusive);
    bound b = {
        is_number(plain) ? plain : NULL, weir_is(open, WEIR_BOOL) && open->flags & WEIR_TRUE};
    if (is_number(open) && (!b.value || sign * order(open, b.value) >= 0)) {
        b = (bound){open, true};
    }
    return b;
}

/* Is `now` tighter than `then`? */
static bool tightens(bound now, bound then, int sign)
{
    if (!now.value) {
        return false;
    }
    int o = then.value ? sign * order(now.value, then.value) : 1;
    return o > 0 || (o == 0 && now.exclusive && !then.exclusive);
}

static const struct limit {
    const char *inclusive, *exclusive;
    int sign;
} limits[] = {
    {"minimum", "exclusiveMinimum", 1},
    {"maximum", "exclusiveMaximum", -1},
    {"minLength", "", 1},
    {"maxLength", "", -1},
    {"minItems", "", 1},
    {"maxItems", "", -1},
    {"minProperties", "", 1},
    {"maxProperties", "", -1},
    {"minContains", "", 1},
    {"maxContains", "", -1},
};

static bool is_zero(const weir_value *v)
{
    weir_decimal d = weir_decimal_of(weir_raw(v));
    return d.count == 0;
}

static void compare_limits(checker *c, const weir_value *r, const weir_value *w)
{
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const struct limit *l = &limits[i];
        bound now = bound_of(r, l->inclusive, l->exclusive, l->sign);
        bound then = bound_of(w, l->inclusive, l->exclusive, l->sign);
        bool least = l->sign > 0 && !*l->exclusive; /* a length is never below 0 */
        if (tightens(now, then, l->sign) && !(least && is_zero(now.value))) {
            char place[32];
            snprintf(place, sizeof place, "/%s",
                now.exclusive && *l->exclusive ? l->exclusive : l->inclusive);
            weir_compat_json_add(c,
                l->sign > 0 ? WEIR_COMPAT_MINIMUM_RAISED : WEIR_COMPAT_MAXIMUM_LOWERED, place,
                then.value ? "written was " : "added", then.value ? weir_raw(then.value) : nothing);
        }
    }
}

static void compare_multiple(checker *c, const weir_value *r, const weir_value *w)
{
    const weir_value *now = weir_gets(r, "multipleOf"), *then = weir_gets(w, "multipleOf");
    if (!is_number(now) || is_zero(now)) {
        return;
    }
    weir_decimal divisor = weir_decimal_of(weir_raw(now));
    weir_decimal old = weir_decimal_of(is_number(then) ? weir_raw(then) : weir_view_of("0"));
    bool fine = old.count && divisor.count <= WEIR_DIVISOR_DIGITS &&
                weir_decimal_is_multiple(&old, &divisor);
    if (!fine) {
        weir_compat_json_add(c, WEIR_COMPAT_MULTIPLE_OF_NARROWED, "/multipleOf",
            then ? "changed" : "added", nothing);
    }
}

static void compare_unique(checker *c, const weir_value *r, const weir_value *w)
{
    const weir_value *now = weir_gets(r, "uniqueItems"), *then = weir_gets(w, "uniqueItems");
    bool was = weir_is(then, WEIR_BOOL) && then->flags & WEIR_TRUE;
    if (weir_is(now, WEIR_BOOL) && now->flags & WEIR_TRUE && !was) {
        weir_compat_json_add(c, WEIR_COMPAT_UNIQUE_ITEMS_ADDED, "/uniqueItems", "", nothing);
    }
}

void weir_compat_json_scalar(checker *c, const weir_value *r, const weir_value *w)
{
    compare_types(c, r, w);
    compare_enum(c, r, w);
    compare_const(c, r, w);
    compare_limits(c, r, w);
    compare_multiple(c, r, w);
    compare_unique(c, r, w);
}
