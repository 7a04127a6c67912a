/* What a schema evaluates, for unevaluatedProperties and unevaluatedItems. Which of its branches
 * hold is not known, so there are two answers: what may be evaluated (by any of them), and what is
 * for sure (without them). See compat_json.h. */
#include "schema/compat_json.h"

typedef weir_compat_json_checker checker;
typedef weir_compat_view view;

enum { DEPTH = 60 };

typedef struct walk {
    checker *c;
    /* Looks at one schema by itself; true: the walk may end. */
    bool (*own)(struct walk *w, const view *v, unsigned depth);
    bool certain; /* only what holds for sure */
    const weir_view *name;
    size_t items;
    weir_compat_names *names;
} walk;

static bool go(walk *w, const weir_value *schema, unsigned depth);

static bool go_list(walk *w, const weir_value *list, unsigned depth)
{
    bool found = false;
    if (weir_is(list, WEIR_ARRAY)) {
        WEIR_EACH_ITEM(list, item)
        {
            found = found || go(w, item, depth);
        }
    }
    return found;
}

static bool go_map(walk *w, const weir_value *map, unsigned depth)
{
    bool found = false;
    if (weir_is(map, WEIR_OBJECT)) {
        WEIR_EACH_MEMBER(map, name, value)
        {
            found = found || go(w, value, depth);
        }
    }
    return found;
}

static bool go_branches(walk *w, const view *v, unsigned depth)
{
    static const weir_keyword ones[] = {WEIR_KW_IF, WEIR_KW_THEN, WEIR_KW_ELSE};
    bool found = go_list(w, v->keywords[WEIR_KW_ANY_OF], depth) ||
                 go_list(w, v->keywords[WEIR_KW_ONE_OF], depth) ||
                 go_map(w, v->keywords[WEIR_KW_DEPENDENT_SCHEMAS], depth) ||
                 go_map(w, v->keywords[WEIR_KW_DEPENDENCIES], depth);
    for (size_t i = 0; i < sizeof ones / sizeof *ones && !found; i++) {
        found = v->keywords[ones[i]] && go(w, v->keywords[ones[i]], depth);
    }
    return found;
}

static bool go_view(walk *w, const view *v, unsigned depth)
{
    if (--w->c->steps < 0 || depth > DEPTH || (v->lost && !w->certain)) {
        w->items = w->certain ? w->items : SIZE_MAX;
        if (w->names) {
            w->names->failed = true;
        }
        return !w->certain;
    }
    bool found = w->own(w, v, depth);
    for (size_t i = 0; i < 2 && !found; i++) {
        found = v->targets[i] && go(w, v->targets[i], depth + 1);
    }
    found = found || go_list(w, v->keywords[WEIR_KW_ALL_OF], depth + 1);
    return found || (!w->certain && go_branches(w, v, depth + 1));
}

static bool go(walk *w, const weir_value *schema, unsigned depth)
{
    return weir_is(schema, WEIR_OBJECT) && go_view(w, weir_compat_view_of(w->c, schema), depth);
}

/* ---- properties ----------------------------------------------------------------------------- */

/* A name that stands nowhere matches no pattern of the schema itself either. */
static bool matches_some(walk *w, const weir_value *patterns, unsigned depth)
{
    bool found = false;
    if (weir_is(patterns, WEIR_OBJECT) && !w->name) {
        return patterns->len && depth && !w->certain;
    }
    if (weir_is(patterns, WEIR_OBJECT)) {
        WEIR_EACH_MEMBER(patterns, pattern, schema)
        {
            weir_regex_verdict verdict = weir_compat_matches(w->c, pattern, *w->name);
            found = found || verdict == WEIR_REGEX_YES ||
                    (verdict == WEIR_REGEX_GAVE_UP && !w->certain);
        }
    }
    return found;
}

static bool evaluates_property(walk *w, const view *v, unsigned depth)
{
    return (w->name && weir_get(v->keywords[WEIR_KW_PROPERTIES], *w->name)) ||
           v->keywords[WEIR_KW_ADDITIONAL_PROPERTIES] ||
           (depth && v->keywords[WEIR_KW_UNEVALUATED_PROPERTIES]) ||
           matches_some(w, v->keywords[WEIR_KW_PATTERN_PROPERTIES], depth);
}

bool weir_compat_may_evaluate(checker *c, const view *v, const weir_view *name)
{
    walk w = {.c = c, .own = evaluates_property, .name = name};
    return go_view(&w, v, 0);
}

bool weir_compat_evaluates(checker *c, const view *v, const weir_view *name)
{
    walk w = {.c = c, .own = evaluates_property, .name = name, .certain = true};
    return go_view(&w, v, 0);
}

/* ---- items ---------------------------------------------------------------------------------- */

static bool evaluates_items(walk *w, const view *v, unsigned depth)
{
    bool marks = v->keywords[WEIR_KW_CONTAINS] && v->draft >= WEIR_DRAFT_2020_12;
    size_t here = v->list ? v->list->len : 0;
    if (v->rest || (depth && v->keywords[WEIR_KW_UNEVALUATED_ITEMS]) || (marks && !w->certain)) {
        here = SIZE_MAX;
    }
    w->items = here > w->items ? here : w->items;
    return w->items == SIZE_MAX;
}

size_t weir_compat_may_evaluate_items(checker *c, const view *v)
{
    walk w = {.c = c, .own = evaluates_items};
    (void)go_view(&w, v, 0);
    return w.items;
}

size_t weir_compat_evaluates_items(checker *c, const view *v)
{
    walk w = {.c = c, .own = evaluates_items, .certain = true};
    (void)go_view(&w, v, 0);
    return w.items;
}

/* ---- names ---------------------------------------------------------------------------------- */

static bool add_names(walk *w, const view *v, unsigned depth)
{
    (void)depth;
    const weir_value *properties = v->keywords[WEIR_KW_PROPERTIES];
    if (weir_is(properties, WEIR_OBJECT)) {
        WEIR_EACH_MEMBER(properties, name, schema)
        {
            weir_view text = weir_string(name, &w->c->arena);
            bool room = text.ptr && w->names->seen.count < WEIR_COMPAT_MOST_LISTED;
            w->names->failed |= !room || !weir_map_add(&w->names->seen, text);
        }
    }
    return w->names->failed;
}

void weir_compat_list_names(checker *c, const weir_compat_facts *f, weir_compat_names *to)
{
    walk w = {.c = c, .own = add_names, .names = to};
    *to = (weir_compat_names){.failed = false};
    for (uint32_t i = 0; i < f->n; i++) {
        if (f->at[i]->keywords[WEIR_KW_UNEVALUATED_PROPERTIES]) {
            (void)go_view(&w, f->at[i], 0);
        } else {
            (void)add_names(&w, f->at[i], 0);
        }
    }
}
