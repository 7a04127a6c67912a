/* Compatibility of JSON Schemas: types, values, bounds and what can only be equal. See
 * compat_json.h. */
#include <stdio.h>

#include "schema/compat_json.h"
#include "schema/decimal.h"
#include "schema/equal.h"

typedef weir_compat_json_checker checker;
typedef weir_compat_view view;
typedef weir_compat_facts facts;

static const weir_view nothing = {"", 0};

/* The value of a keyword in the first fact that has it. */
static const weir_value *first_of(const facts *w, weir_keyword k)
{
    for (uint32_t i = 0; i < w->n; i++) {
        if (w->at[i]->keywords[k]) {
            return w->at[i]->keywords[k];
        }
    }
    return NULL;
}

/* ---- types --------------------------------------------------------------------------------- */

static void compare_types(checker *c, const view *r, const facts *w)
{
    if (r->keywords[WEIR_KW_TYPE] && w->types & ~r->named) {
        const weir_value *type = first_of(w, WEIR_KW_TYPE);
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

static void compare_enum(checker *c, const view *r, const facts *w)
{
    const weir_value *now = r->keywords[WEIR_KW_ENUM];
    bool is_list;
    const weir_value *then = weir_compat_listed(w, &is_list);
    if (!weir_is(now, WEIR_ARRAY)) {
        return;
    }
    if (!then) {
        weir_compat_json_add(c, WEIR_COMPAT_ENUM_NARROWED, "/enum", "added", nothing);
    } else if (!is_list) {
        if (weir_compat_may_be(c, w, then) && !holds(c, now, then)) {
            weir_compat_json_add(c, WEIR_COMPAT_ENUM_NARROWED, "/enum",
                "the const that was written is not among them", nothing);
        }
    } else {
        WEIR_EACH_ITEM(then, v)
        {
            if (weir_compat_may_be(c, w, v) && !holds(c, now, v)) {
                weir_compat_json_add(
                    c, WEIR_COMPAT_ENUM_NARROWED, "/enum", "without ", weir_source(v));
            }
        }
    }
}

static void compare_const(checker *c, const view *r, const facts *w)
{
    const weir_value *now = r->keywords[WEIR_KW_CONST];
    bool is_list, same = now != NULL;
    const weir_value *then = weir_compat_listed(w, &is_list);
    if (!now) {
        return;
    }
    if (then && is_list) {
        WEIR_EACH_ITEM(then, v)
        {
            same = same && (!weir_compat_may_be(c, w, v) || weir_equal(now, v, &c->steps));
        }
    } else {
        same = then && (!weir_compat_may_be(c, w, then) || weir_equal(now, then, &c->steps));
    }
    if (!same) {
        weir_compat_json_add(c, WEIR_COMPAT_CONST_CHANGED, "/const",
            then && !is_list ? "changed" : "added", nothing);
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

static const struct limit {
    weir_keyword inclusive, exclusive;
    unsigned types;
    int sign; /* 1: a lower bound */
} limits[] = {
    {WEIR_KW_MINIMUM, WEIR_KW_EXCLUSIVE_MINIMUM, WEIR_COMPAT_NUMBER, 1},
    {WEIR_KW_MAXIMUM, WEIR_KW_EXCLUSIVE_MAXIMUM, WEIR_COMPAT_NUMBER, -1},
    {WEIR_KW_MIN_LENGTH, WEIR_KEYWORDS, WEIR_COMPAT_STRING, 1},
    {WEIR_KW_MAX_LENGTH, WEIR_KEYWORDS, WEIR_COMPAT_STRING, -1},
    {WEIR_KW_MIN_ITEMS, WEIR_KEYWORDS, WEIR_COMPAT_ARRAY, 1},
    {WEIR_KW_MAX_ITEMS, WEIR_KEYWORDS, WEIR_COMPAT_ARRAY, -1},
    {WEIR_KW_MIN_PROPERTIES, WEIR_KEYWORDS, WEIR_COMPAT_OBJECT, 1},
    {WEIR_KW_MAX_PROPERTIES, WEIR_KEYWORDS, WEIR_COMPAT_OBJECT, -1},
};

/* The tighter of the two; draft 4's exclusiveMinimum is a flag. */
static bound bound_of(const view *v, const struct limit *l)
{
    const weir_value *plain = v->keywords[l->inclusive];
    const weir_value *open = l->exclusive < WEIR_KEYWORDS ? v->keywords[l->exclusive] : NULL;
    bound b = {is_number(plain) ? plain : NULL,
        v->draft == WEIR_DRAFT_4 && weir_is(open, WEIR_BOOL) && open->flags & WEIR_TRUE};
    if (v->draft > WEIR_DRAFT_4 && is_number(open) &&
        (!b.value || l->sign * order(open, b.value) >= 0)) {
        b = (bound){open, true};
    }
    return b;
}

/* Is `now` tighter than `then`? */
static bool tightens(bound now, bound then, int sign)
{
    int o = then.value ? sign * order(now.value, then.value) : 1;
    return o > 0 || (o == 0 && now.exclusive && !then.exclusive);
}

static bool is_zero(const weir_value *v)
{
    weir_decimal d = weir_decimal_of(weir_raw(v));
    return d.count == 0;
}

/* The tightest bound that is known. */
static bound known_bound(const facts *w, const struct limit *l)
{
    bound tightest = {NULL, false};
    for (uint32_t i = 0; i < w->n; i++) {
        bound here = bound_of(w->at[i], l);
        if (here.value && tightens(here, tightest, l->sign)) {
            tightest = here;
        }
    }
    return tightest;
}

static void compare_limits(checker *c, const view *r, const facts *w)
{
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const struct limit *l = &limits[i];
        bound now = bound_of(r, l), then = known_bound(w, l);
        bool counts = l->exclusive == WEIR_KEYWORDS; /* a length is never below 0 */
        if (!now.value || !(w->types & l->types) || !tightens(now, then, l->sign) ||
            (counts && l->sign > 0 && is_zero(now.value))) {
            continue;
        }
        weir_keyword k = now.exclusive && r->draft > WEIR_DRAFT_4 ? l->exclusive : l->inclusive;
        char place[32];
        snprintf(place, sizeof place, "/%s", weir_keywords[k].name);
        weir_compat_json_add(c,
            l->sign > 0 ? WEIR_COMPAT_MINIMUM_RAISED : WEIR_COMPAT_MAXIMUM_LOWERED, place,
            then.value ? "written was " : "added", then.value ? weir_raw(then.value) : nothing);
    }
}

static bool divides(const weir_decimal *divisor, weir_view number)
{
    weir_decimal d = weir_decimal_of(number);
    return divisor->count <= WEIR_DIVISOR_DIGITS && weir_decimal_is_multiple(&d, divisor);
}

static void compare_multiple(checker *c, const view *r, const facts *w)
{
    const weir_value *now = r->keywords[WEIR_KW_MULTIPLE_OF];
    if (!is_number(now) || is_zero(now) || !(w->types & WEIR_COMPAT_NUMBER)) {
        return;
    }
    weir_decimal divisor = weir_decimal_of(weir_raw(now));
    bool fine = !(w->types & WEIR_COMPAT_FRACTION) && divides(&divisor, weir_view_of("1"));
    for (uint32_t i = 0; i < w->n && !fine; i++) {
        const weir_value *then = w->at[i]->keywords[WEIR_KW_MULTIPLE_OF];
        fine = is_number(then) && !is_zero(then) && divides(&divisor, weir_raw(then));
    }
    if (!fine) {
        weir_compat_json_add(c, WEIR_COMPAT_MULTIPLE_OF_NARROWED, "/multipleOf",
            first_of(w, WEIR_KW_MULTIPLE_OF) ? "changed" : "added", nothing);
    }
}

/* ---- keywords that can only be equal ------------------------------------------------------- */

static const struct equal {
    weir_keyword keyword;
    weir_compat_rule rule;
} equals[] = {
    {WEIR_KW_PATTERN, WEIR_COMPAT_PATTERN_CHANGED},
    {WEIR_KW_FORMAT, WEIR_COMPAT_FORMAT_CHANGED},
    {WEIR_KW_CONTENT_ENCODING, WEIR_COMPAT_FORMAT_CHANGED},
    {WEIR_KW_CONTENT_MEDIA_TYPE, WEIR_COMPAT_FORMAT_CHANGED},
    {WEIR_KW_CONTENT_SCHEMA, WEIR_COMPAT_FORMAT_CHANGED},
};

/* Formats of numbers are not known to the standard, but to others. */
static void compare_equals(checker *c, const view *r, const facts *w)
{
    for (size_t i = 0; i < sizeof equals / sizeof *equals; i++) {
        weir_keyword k = equals[i].keyword;
        bool matters = w->types & WEIR_COMPAT_STRING || k == WEIR_KW_FORMAT;
        if (r->keywords[k] && matters && !weir_compat_some_says(c, r, w, k)) {
            char place[32];
            snprintf(place, sizeof place, "/%s", weir_keywords[k].name);
            weir_compat_json_add(
                c, equals[i].rule, place, first_of(w, k) ? "changed" : "added", nothing);
        }
    }
}

void weir_compat_json_scalar(checker *c, const view *r, const facts *w)
{
    compare_types(c, r, w);
    compare_enum(c, r, w);
    compare_const(c, r, w);
    compare_limits(c, r, w);
    compare_multiple(c, r, w);
    compare_equals(c, r, w);
}
