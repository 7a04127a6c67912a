/* Compatibility of JSON Schemas: arrays. See compat_json.h. */
#include <stdio.h>

#include "schema/compat_json.h"

typedef weir_compat_json_checker checker;
typedef weir_compat_view view;
typedef weir_compat_facts facts;

static const weir_view nothing = {"", 0};

/* ---- items ---------------------------------------------------------------------------------- */

static void compare_item(
    checker *c, const char *place, const weir_value *r, const facts *w, size_t i)
{
    facts item;
    if (!r) {
        return;
    }
    weir_compat_item(c, w, i, &item);
    if (item.types && weir_compat_view_of(c, r)->none) {
        weir_compat_json_add(c, WEIR_COMPAT_ITEMS_NARROWED, place, "no items any more", nothing);
    } else {
        c->level++;
        weir_compat_json_compare_at(c, place, r, &item);
        c->level--;
    }
}

/* So many items have schemas of their own in what is known. */
static size_t listed(checker *c, const facts *w)
{
    size_t most = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        const view *v = w->at[i];
        size_t here = v->list ? v->list->len : 0;
        if (v->keywords[WEIR_KW_UNEVALUATED_ITEMS]) {
            size_t may = weir_compat_may_evaluate_items(c, v);
            here = may != SIZE_MAX && may > here ? may : here;
        }
        most = here > most ? here : most;
    }
    return most;
}

static void compare_items(checker *c, const view *r, const facts *w)
{
    size_t n = r->list ? r->list->len : 0, old = listed(c, w);
    for (size_t i = 0; (i < n || i < old) && (r->list || r->rest); i++) {
        char place[48];
        snprintf(place, sizeof place, "/prefixItems/%zu", i);
        compare_item(c, place, weir_compat_item_of(r, i), w, i);
    }
    compare_item(c, "/items", r->rest, w, SIZE_MAX);
}

/* Items that are evaluated for sure are none of its own; of all others each must fit. */
static void compare_unevaluated(checker *c, const view *r, const facts *w)
{
    const weir_value *schema = r->keywords[WEIR_KW_UNEVALUATED_ITEMS];
    size_t first = weir_compat_evaluates_items(c, r), old = listed(c, w);
    if (!schema || first == SIZE_MAX) {
        return;
    }
    for (size_t i = first; i < old; i++) {
        compare_item(c, "/unevaluatedItems", schema, w, i);
    }
    compare_item(c, "/unevaluatedItems", schema, w, SIZE_MAX);
}

/* ---- contains ------------------------------------------------------------------------------- */

/* -1: there is no such bound. */
static int64_t count_of(const view *v, weir_keyword k, int64_t otherwise)
{
    int64_t n;
    return !v->keywords[k] ? otherwise : weir_to_int64(v->keywords[k], &n) ? n : -1;
}

static bool includes(checker *c, const weir_value *r, const weir_value *w)
{
    facts f;
    weir_compat_facts_init(&f);
    weir_compat_add_fact(c, &f, w);
    c->level++;
    bool does = weir_compat_json_accepts(c, r, &f);
    c->level--;
    return does;
}

/* As many that fit into what was asked for fit into what is asked for. */
static bool contains_enough(checker *c, const view *r, const facts *w)
{
    int64_t least = count_of(r, WEIR_KW_MIN_CONTAINS, 1);
    for (uint32_t i = 0; i < w->n && least != 0; i++) {
        const view *v = w->at[i];
        const weir_value *old = v->keywords[WEIR_KW_CONTAINS];
        if (old && least > 0 && count_of(v, WEIR_KW_MIN_CONTAINS, 1) >= least &&
            includes(c, r->keywords[WEIR_KW_CONTAINS], old)) {
            return true;
        }
    }
    return least == 0;
}

/* The other way round: what is counted now was counted before. */
static bool contains_few(checker *c, const view *r, const facts *w)
{
    int64_t most = count_of(r, WEIR_KW_MAX_CONTAINS, INT64_MAX);
    bool exact = c->exact, few = most == INT64_MAX;
    c->exact = true;
    for (uint32_t i = 0; i < w->n && !few; i++) {
        const view *v = w->at[i];
        const weir_value *old = v->keywords[WEIR_KW_CONTAINS];
        int64_t was = count_of(v, WEIR_KW_MAX_CONTAINS, INT64_MAX);
        few = old && was >= 0 && was <= most && includes(c, old, r->keywords[WEIR_KW_CONTAINS]);
    }
    c->exact = exact;
    return few;
}

static void compare_contains(checker *c, const view *r, const facts *w)
{
    if (!r->keywords[WEIR_KW_CONTAINS]) {
        return;
    }
    if (!contains_enough(c, r, w)) {
        weir_compat_json_add(c, WEIR_COMPAT_ITEMS_NARROWED, "/contains",
            "nothing that was written promises so many", nothing);
    }
    if (!contains_few(c, r, w)) {
        weir_compat_json_add(
            c, WEIR_COMPAT_ITEMS_NARROWED, "/maxContains", "more may have been written", nothing);
    }
}

/* ---- uniqueItems ---------------------------------------------------------------------------- */

static bool is_true(const weir_value *v)
{
    return weir_is(v, WEIR_BOOL) && v->flags & WEIR_TRUE;
}

static void compare_unique(checker *c, const view *r, const facts *w)
{
    bool unique = !is_true(r->keywords[WEIR_KW_UNIQUE_ITEMS]);
    for (uint32_t i = 0; i < w->n && !unique; i++) {
        int64_t most = count_of(w->at[i], WEIR_KW_MAX_ITEMS, INT64_MAX);
        unique = is_true(w->at[i]->keywords[WEIR_KW_UNIQUE_ITEMS]) || most == 0 || most == 1;
    }
    if (!unique) {
        weir_compat_json_add(c, WEIR_COMPAT_UNIQUE_ITEMS_ADDED, "/uniqueItems", "", nothing);
    }
}

void weir_compat_json_array(checker *c, const view *r, const facts *w)
{
    if (w->types & WEIR_COMPAT_ARRAY) {
        compare_items(c, r, w);
        compare_unevaluated(c, r, w);
        compare_contains(c, r, w);
        compare_unique(c, r, w);
    }
}
