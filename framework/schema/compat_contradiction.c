/* When no value can be what is known of it: so that branches of a oneOf are known to be apart, and
 * that what `not` refuses is known not to have been written. See compat_json.h.
 *
 * It is found by types, by listed values, by bounds, by a property that must be there and cannot
 * be, by schemas that must not hold and do, and by unions of which no branch is left. */
#include "schema/compat_json.h"

#include "schema/decimal.h"

typedef weir_compat_json_checker checker;
typedef weir_compat_view view;
typedef weir_compat_facts facts;

enum { DEPTH = 8, FEW = 3, STEPS = 3000 };

static bool no_value_left(checker *c, const facts *f)
{
    bool is_list;
    const weir_value *listed = weir_compat_listed(f, &is_list);
    if (!listed || !is_list) {
        return listed && !weir_compat_may_be(c, f, listed);
    }
    WEIR_EACH_ITEM(listed, item)
    {
        if (weir_compat_may_be(c, f, item)) {
            return false;
        }
    }
    return true;
}

/* ---- bounds --------------------------------------------------------------------------------- */

static bool is_number(const weir_value *v)
{
    return weir_is(v, WEIR_INT) || weir_is(v, WEIR_NUMBER);
}

static bool is_above(const weir_value *a, const weir_value *b)
{
    weir_decimal x = weir_decimal_of(weir_raw(a)), y = weir_decimal_of(weir_raw(b));
    return weir_decimal_compare(&x, &y) > 0;
}

/* A lower bound above an upper one; whether they are exclusive does not matter then. */
static bool crosses(const facts *f, const weir_keyword low[2], const weir_keyword high[2])
{
    for (uint32_t i = 0; i < 2 * f->n; i++) {
        const weir_value *least = f->at[i / 2]->keywords[low[i % 2]];
        for (uint32_t k = 0; k < 2 * f->n && is_number(least); k++) {
            const weir_value *most = f->at[k / 2]->keywords[high[k % 2]];
            if (is_number(most) && is_above(least, most)) {
                return true;
            }
        }
    }
    return false;
}

static bool bounds_cross(const facts *f)
{
    static const struct {
        unsigned types;
        weir_keyword low[2], high[2];
    } bounds[] = {
        {WEIR_COMPAT_NUMBER, {WEIR_KW_MINIMUM, WEIR_KW_EXCLUSIVE_MINIMUM},
            {WEIR_KW_MAXIMUM, WEIR_KW_EXCLUSIVE_MAXIMUM}},
        {WEIR_COMPAT_STRING, {WEIR_KW_MIN_LENGTH, WEIR_KW_MIN_LENGTH},
            {WEIR_KW_MAX_LENGTH, WEIR_KW_MAX_LENGTH}},
        {WEIR_COMPAT_ARRAY, {WEIR_KW_MIN_ITEMS, WEIR_KW_MIN_ITEMS},
            {WEIR_KW_MAX_ITEMS, WEIR_KW_MAX_ITEMS}},
        {WEIR_COMPAT_OBJECT, {WEIR_KW_MIN_PROPERTIES, WEIR_KW_MIN_PROPERTIES},
            {WEIR_KW_MAX_PROPERTIES, WEIR_KW_MAX_PROPERTIES}},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        if (!(f->types & ~bounds[i].types) && crosses(f, bounds[i].low, bounds[i].high)) {
            return true;
        }
    }
    return false;
}

/* ---- properties ----------------------------------------------------------------------------- */

static bool property_cannot_be(checker *c, const facts *f, weir_view name)
{
    facts property;
    (void)weir_compat_property(c, f, name, &property);
    c->level++;
    bool cannot = weir_compat_contradiction(c, &property);
    c->level--;
    return cannot;
}

static bool some_property_cannot_be(checker *c, const facts *f)
{
    for (uint32_t i = 0; i < f->n_has; i++) {
        if (property_cannot_be(c, f, f->has[i])) {
            return true;
        }
    }
    for (uint32_t i = 0; i < f->n; i++) {
        const weir_value *required = f->at[i]->keywords[WEIR_KW_REQUIRED];
        if (!weir_is(required, WEIR_ARRAY)) {
            continue;
        }
        WEIR_EACH_ITEM(required, item)
        {
            weir_view name =
                weir_is(item, WEIR_STRING) ? weir_string(item, &c->arena) : weir_view_of("");
            if (name.ptr && item->type == WEIR_STRING && property_cannot_be(c, f, name)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- schemas -------------------------------------------------------------------------------- */

/* Deep within others only what is plainly the same is seen: the rest would take too long. */
static bool holds(checker *c, const view *v, const facts *f)
{
    for (uint32_t i = 0; i < f->n; i++) {
        if (weir_compat_same(c, v, f->at[i])) {
            return true;
        }
    }
    if (c->contradictions > FEW) {
        return false;
    }
    bool exact = c->exact;
    c->exact = true;
    bool does = weir_compat_json_accepts(c, v->at, f);
    c->exact = exact;
    return does;
}

static bool what_must_not_hold_does(checker *c, const facts *f)
{
    for (uint32_t i = 0; i < f->n_nots; i++) {
        if (holds(c, f->nots[i], f)) {
            return true;
        }
    }
    return false;
}

static bool no_branch_left(checker *c, const facts *f)
{
    const weir_value *list = weir_compat_next_union(f);
    if (!list || c->contradictions > FEW) {
        return false;
    }
    for (size_t i = 0; i < list->len; i++) {
        facts chosen;
        weir_compat_choose(c, f, list, i, &chosen);
        if (!weir_compat_contradiction(c, &chosen)) {
            return false;
        }
    }
    return true;
}

static bool is_seen(checker *c, const facts *f)
{
    c->contradictions++;
    bool is = no_value_left(c, f) || bounds_cross(f) ||
              (f->types == WEIR_COMPAT_OBJECT && some_property_cannot_be(c, f)) ||
              what_must_not_hold_does(c, f) || no_branch_left(c, f);
    c->contradictions--;
    return is && c->steps >= 0;
}

/* What is not seen after some steps is not seen: the comparison goes on. */
bool weir_compat_contradiction(checker *c, const facts *f)
{
    if (!f->types || c->contradictions > DEPTH || --c->steps < 0) {
        return !f->types;
    }
    if (c->contradictions) {
        return is_seen(c, f);
    }
    int64_t before = c->steps, most = before < STEPS ? before : STEPS;
    c->steps = most;
    bool is = is_seen(c, f);
    c->steps = before - most + (c->steps > 0 ? c->steps : 0);
    return is;
}
