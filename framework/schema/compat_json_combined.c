/* Compatibility of JSON Schemas: references, combinations, conditions. See compat_json.h. */
#include <stdio.h>

#include "schema/compat_json.h"

typedef weir_compat_json_checker checker;
typedef weir_compat_view view;
typedef weir_compat_facts facts;

static const weir_view nothing = {"", 0};

/* ---- references ----------------------------------------------------------------------------- */

static void compare_references(checker *c, const view *r, const facts *w)
{
    static const weir_keyword kinds[] = {WEIR_KW_REF, WEIR_KW_DYNAMIC_REF, WEIR_KW_RECURSIVE_REF};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const weir_value *target = r->targets[i > 0];
        if (!r->keywords[kinds[i]]) {
            continue;
        }
        if (target) {
            weir_compat_json_compare(c, target, w);
        } else if (!weir_compat_some_says(c, r, w, kinds[i])) {
            char place[32];
            snprintf(place, sizeof place, "/%s", weir_keywords[kinds[i]].name);
            weir_compat_json_add(c, WEIR_COMPAT_REFERENCE_UNRESOLVED, place, "", nothing);
        }
    }
}

/* ---- unions --------------------------------------------------------------------------------- */

/* Does the branch refuse all that is known? */
static bool is_apart(checker *c, const weir_value *branch, const facts *w)
{
    facts both = *w;
    weir_compat_add_fact(c, &both, branch);
    return weir_compat_contradiction(c, &both);
}

/* Of oneOf: is no branch but this one met? */
static bool is_alone(checker *c, const weir_value *list, const weir_value *branch, const facts *w)
{
    WEIR_EACH_ITEM(list, other)
    {
        if (other != branch && !is_apart(c, other, w)) {
            return false;
        }
    }
    return true;
}

/* How far a union takes what is known. */
typedef enum fit { FITS_NONE, FITS_SEVERAL, FITS } fit;

static fit fit_whole(checker *c, const weir_value *list, bool one, const facts *w)
{
    fit best = FITS_NONE;
    WEIR_EACH_ITEM(list, branch)
    {
        if (weir_compat_json_accepts(c, branch, w)) {
            best = FITS_SEVERAL;
            if (!one || is_alone(c, list, branch, w)) {
                return FITS;
            }
        }
    }
    return best;
}

static fit fit_part(checker *c, const weir_value *list, bool one, const facts *part, fit so_far)
{
    fit here = weir_compat_contradiction(c, part) ? FITS : fit_whole(c, list, one, part);
    return here < so_far ? here : so_far;
}

/* Each value that is listed by itself. */
static fit fit_values(checker *c, const weir_value *list, bool one, const facts *w)
{
    bool is_list;
    fit all = FITS;
    facts part = *w;
    const weir_value *values = weir_compat_listed(w, &is_list);
    if (!values || !is_list) {
        return FITS_NONE;
    }
    WEIR_EACH_ITEM(values, value)
    {
        part.value = value;
        all = all && weir_compat_may_be(c, w, value) ? fit_part(c, list, one, &part, all) : all;
    }
    return all;
}

/* Each type by itself. */
static fit fit_types(checker *c, const weir_value *list, bool one, const facts *w)
{
    static const unsigned groups[] = {WEIR_COMPAT_NUMBER, WEIR_COMPAT_STRING, WEIR_COMPAT_BOOLEAN,
        WEIR_COMPAT_NULL, WEIR_COMPAT_ARRAY, WEIR_COMPAT_OBJECT};
    fit all = FITS;
    for (size_t i = 0; i < sizeof groups / sizeof *groups && all; i++) {
        facts part = *w;
        part.types &= groups[i];
        all = part.types == w->types ? FITS_NONE : fit_part(c, list, one, &part, all);
    }
    return all;
}

static void add_union(checker *c, weir_keyword k, fit best, const facts *w)
{
    char place[16], text[80];
    snprintf(place, sizeof place, "/%s", weir_keywords[k].name);
    if (best == FITS_SEVERAL) {
        weir_compat_json_add(c, WEIR_COMPAT_SUM_TYPE_OVERLAPS, place,
            "another branch may match what one of them accepts", nothing);
        return;
    }
    if (w->chosen_of) {
        snprintf(text, sizeof text, "branch %zu of %s is not accepted", w->chosen, w->chosen_of);
    } else {
        snprintf(text, sizeof text, "what was written fits none of the branches");
    }
    weir_compat_json_add(c, WEIR_COMPAT_SUM_TYPE_NARROWED, place, text, nothing);
}

static void compare_union(checker *c, const view *r, const facts *w, weir_keyword k)
{
    const weir_value *list = r->keywords[k];
    bool one = k == WEIR_KW_ONE_OF;
    if (!weir_is(list, WEIR_ARRAY) || weir_compat_some_says(c, r, w, k)) {
        return;
    }
    fit best = fit_whole(c, list, one, w);
    fit by_values = best == FITS ? best : fit_values(c, list, one, w);
    fit by_types = by_values == FITS ? FITS : fit_types(c, list, one, w);
    best = by_values > best ? by_values : best;
    best = by_types > best ? by_types : best;
    if (best != FITS) {
        add_union(c, k, best, w);
    }
}

/* ---- allOf, not ------------------------------------------------------------------------------ */

static void compare_product(checker *c, const view *r, const facts *w)
{
    const weir_value *demands = r->keywords[WEIR_KW_ALL_OF];
    if (!weir_is(demands, WEIR_ARRAY)) {
        return;
    }
    WEIR_EACH_ITEM(demands, demand)
    {
        if (!weir_compat_json_accepts(c, demand, w)) {
            weir_compat_json_add(c, WEIR_COMPAT_PRODUCT_TYPE_EXTENDED, "/allOf",
                "nothing that was written promises it", nothing);
        }
    }
}

static void compare_not(checker *c, const view *r, const facts *w)
{
    const weir_value *refused = r->keywords[WEIR_KW_NOT];
    if (refused && !is_apart(c, refused, w)) {
        bool some = false;
        for (uint32_t i = 0; i < w->n; i++) {
            some = some || w->at[i]->keywords[WEIR_KW_NOT];
        }
        weir_compat_json_add(
            c, WEIR_COMPAT_NOT_CHANGED, "/not", some ? "changed" : "added", nothing);
    }
}

/* ---- conditions ------------------------------------------------------------------------------ */

/* What was written, where the condition holds or does not hold; with what its own conditions that
 * are the same say then. */
static void suppose(checker *c, const view *r, const facts *w, bool holds, facts *to)
{
    const weir_value *condition = r->keywords[WEIR_KW_IF];
    *to = *w;
    if (holds) {
        weir_compat_add_fact(c, to, condition);
    } else {
        weir_compat_add_not(c, to, condition);
    }
    for (uint32_t i = 0; i < w->n; i++) {
        const view *v = w->at[i];
        const weir_value *then = v->keywords[holds ? WEIR_KW_THEN : WEIR_KW_ELSE];
        if (then && weir_compat_same_keyword(c, r, v, WEIR_KW_IF)) {
            weir_compat_add_fact(c, to, then);
        }
    }
}

static void compare_condition(checker *c, const view *r, const facts *w)
{
    static const weir_keyword arms[] = {WEIR_KW_ELSE, WEIR_KW_THEN};
    for (int i = 1; i >= 0 && r->keywords[WEIR_KW_IF]; i--) {
        const weir_value *arm = r->keywords[arms[i]];
        facts supposed;
        if (!arm) {
            continue;
        }
        suppose(c, r, w, i, &supposed);
        if (!weir_compat_contradiction(c, &supposed) &&
            !weir_compat_json_accepts(c, arm, &supposed)) {
            weir_compat_json_add(c, WEIR_COMPAT_CONDITION_CHANGED, i ? "/then" : "/else",
                "what was written does not promise it", nothing);
        }
    }
}

void weir_compat_json_combined(checker *c, const view *r, const facts *w)
{
    compare_references(c, r, w);
    compare_union(c, r, w, WEIR_KW_ANY_OF);
    compare_union(c, r, w, WEIR_KW_ONE_OF);
    compare_product(c, r, w);
    compare_not(c, r, w);
    compare_condition(c, r, w);
}
