/* What is known of values that are compared. See compat_json.h. */
#include "schema/compat_json.h"

#include "schema/decimal.h"
#include "schema/equal.h"

typedef weir_compat_json_checker checker;
typedef weir_compat_view view;
typedef weir_compat_facts facts;

enum { MOST_BRANCHES = 64 };

void weir_compat_facts_init(facts *f)
{
    f->types = WEIR_COMPAT_ALL_TYPES;
    f->value = NULL;
    f->n = f->n_nots = f->n_has = f->n_splits = 0;
    f->chosen_of = NULL;
    f->chosen = 0;
}

/* ---- schemas -------------------------------------------------------------------------------- */

static bool contains(const view *const *list, uint32_t n, const view *v)
{
    for (uint32_t i = 0; i < n; i++) {
        if (list[i] == v) {
            return true;
        }
    }
    return false;
}

static void add_list(checker *c, facts *f, const weir_value *list)
{
    if (weir_is(list, WEIR_ARRAY)) {
        WEIR_EACH_ITEM(list, item)
        {
            weir_compat_add_fact(c, f, item);
        }
    }
}

void weir_compat_add_fact(checker *c, facts *f, const weir_value *schema)
{
    const view *v = weir_compat_view_of(c, schema);
    if (v->any || f->n == WEIR_COMPAT_MOST_FACTS || contains(f->at, f->n, v)) {
        return;
    }
    f->types &= v->types;
    if (v->none) {
        return;
    }
    f->at[f->n++] = v;
    for (size_t i = 0; i < 2; i++) {
        if (v->targets[i]) {
            weir_compat_add_fact(c, f, v->targets[i]);
        }
    }
    add_list(c, f, v->keywords[WEIR_KW_ALL_OF]);
    if (v->keywords[WEIR_KW_NOT]) {
        weir_compat_add_not(c, f, v->keywords[WEIR_KW_NOT]);
    }
}

/* Has it no keyword but this one? */
static bool has_only(const view *v, weir_keyword only)
{
    for (int k = 0; k < WEIR_KEYWORDS; k++) {
        if (v->keywords[k] && k != (int)only) {
            return false;
        }
    }
    return v->keywords[only] != NULL;
}

void weir_compat_add_not(checker *c, facts *f, const weir_value *schema)
{
    const view *v = weir_compat_view_of(c, schema);
    if (v->any || has_only(v, WEIR_KW_TYPE)) {
        f->types &= v->any ? 0 : ~v->types;
    } else if (!v->none && f->n_nots < WEIR_COMPAT_MOST_FACTS && !contains(f->nots, f->n_nots, v)) {
        f->nots[f->n_nots++] = v;
    }
}

/* ---- unions --------------------------------------------------------------------------------- */

static bool was_chosen(const facts *f, const weir_value *list)
{
    for (uint32_t i = 0; i < f->n_splits; i++) {
        if (f->splits[i] == list) {
            return true;
        }
    }
    return false;
}

const weir_value *weir_compat_next_union(const facts *f)
{
    static const weir_keyword kinds[] = {WEIR_KW_ANY_OF, WEIR_KW_ONE_OF};
    for (uint32_t i = 0; i < 2 * f->n && f->n_splits < WEIR_COMPAT_MOST_SPLITS; i++) {
        const weir_value *list = f->at[i / 2]->keywords[kinds[i % 2]];
        if (weir_is(list, WEIR_ARRAY) && list->len <= MOST_BRANCHES && !was_chosen(f, list)) {
            return list;
        }
    }
    return NULL;
}

static bool is_one_of(const facts *f, const weir_value *list)
{
    for (uint32_t i = 0; i < f->n; i++) {
        if (f->at[i]->keywords[WEIR_KW_ONE_OF] == list) {
            return true;
        }
    }
    return false;
}

/* Of oneOf the other branches do not hold. */
void weir_compat_choose(
    checker *c, const facts *f, const weir_value *list, size_t branch, facts *to)
{
    bool one = is_one_of(f, list);
    size_t i = 0;
    *to = *f;
    to->splits[to->n_splits++] = list;
    to->chosen_of = one ? "oneOf" : "anyOf";
    to->chosen = branch;
    WEIR_EACH_ITEM(list, item)
    {
        if (i == branch) {
            weir_compat_add_fact(c, to, item);
        } else if (one) {
            weir_compat_add_not(c, to, item);
        }
        i++;
    }
}

/* ---- listed values -------------------------------------------------------------------------- */

const weir_value *weir_compat_listed(const facts *f, bool *is_list)
{
    const weir_value *list = NULL;
    *is_list = false;
    if (f->value) {
        return f->value;
    }
    for (uint32_t i = 0; i < f->n; i++) {
        const weir_value *only = f->at[i]->keywords[WEIR_KW_CONST];
        const weir_value *here = f->at[i]->keywords[WEIR_KW_ENUM];
        if (only) {
            return only;
        }
        list = list ? list : weir_is(here, WEIR_ARRAY) ? here : NULL;
    }
    *is_list = list != NULL;
    return list;
}

static bool lists(checker *c, const view *v, const weir_value *value)
{
    const weir_value *list = v->keywords[WEIR_KW_ENUM], *only = v->keywords[WEIR_KW_CONST];
    bool found = !weir_is(list, WEIR_ARRAY);
    if (!found) {
        WEIR_EACH_ITEM(list, item)
        {
            found = found || weir_equal(item, value, &c->steps);
        }
    }
    return found && (!only || weir_equal(only, value, &c->steps));
}

static unsigned types_of(const weir_value *v)
{
    switch ((weir_value_type)v->type) {
    case WEIR_NULL:
        return WEIR_COMPAT_NULL;
    case WEIR_BOOL:
        return WEIR_COMPAT_BOOLEAN;
    case WEIR_INT:
    case WEIR_NUMBER:
        return WEIR_COMPAT_NUMBER;
    case WEIR_ARRAY:
        return WEIR_COMPAT_ARRAY;
    case WEIR_OBJECT:
        return WEIR_COMPAT_OBJECT;
    default:
        return WEIR_COMPAT_STRING;
    }
}

bool weir_compat_may_be(checker *c, const facts *f, const weir_value *v)
{
    bool may = types_of(v) & f->types;
    for (uint32_t i = 0; i < f->n && may; i++) {
        may = lists(c, f->at[i], v);
    }
    for (uint32_t i = 0; i < f->n_nots && may; i++) {
        bool values = has_only(f->nots[i], WEIR_KW_ENUM) || has_only(f->nots[i], WEIR_KW_CONST);
        may = !values || !lists(c, f->nots[i], v);
    }
    return may;
}

/* ---- properties ----------------------------------------------------------------------------- */

static bool names(const weir_value *list, weir_view name)
{
    if (weir_is(list, WEIR_ARRAY)) {
        WEIR_EACH_ITEM(list, item)
        {
            if (weir_string_is(item, name)) {
                return true;
            }
        }
    }
    return false;
}

bool weir_compat_required(const facts *f, weir_view name)
{
    for (uint32_t i = 0; i < f->n_has; i++) {
        if (weir_view_eq(f->has[i], name)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < f->n; i++) {
        if (names(f->at[i]->keywords[WEIR_KW_REQUIRED], name)) {
            return true;
        }
    }
    return false;
}

/* By the patterns of a schema that the name matches. *certain: no other can be matched. */
static bool add_by_pattern(
    checker *c, const weir_value *patterns, weir_view name, facts *to, bool *certain)
{
    bool found = false;
    *certain = true;
    if (weir_is(patterns, WEIR_OBJECT)) {
        WEIR_EACH_MEMBER(patterns, pattern, schema)
        {
            weir_regex_verdict verdict = weir_compat_matches(c, pattern, name);
            *certain = *certain && verdict != WEIR_REGEX_GAVE_UP;
            if (verdict == WEIR_REGEX_YES) {
                weir_compat_add_fact(c, to, schema);
                found = true;
            }
        }
    }
    return found;
}

static bool add_property(checker *c, const view *v, weir_view name, facts *to)
{
    const weir_value *schema = weir_get(v->keywords[WEIR_KW_PROPERTIES], name);
    const weir_value *others = v->keywords[WEIR_KW_ADDITIONAL_PROPERTIES];
    const weir_value *rest = v->keywords[WEIR_KW_UNEVALUATED_PROPERTIES];
    bool certain, found = schema != NULL;
    if (schema) {
        weir_compat_add_fact(c, to, schema);
    }
    found |= add_by_pattern(c, v->keywords[WEIR_KW_PATTERN_PROPERTIES], name, to, &certain);
    if (!found && certain && others) {
        weir_compat_add_fact(c, to, others);
    }
    if (rest && !weir_compat_may_evaluate(c, v, &name)) {
        weir_compat_add_fact(c, to, rest);
    }
    return found || (others && !weir_compat_view_of(c, others)->any);
}

bool weir_compat_property(checker *c, const facts *f, weir_view name, facts *to)
{
    bool known = false;
    weir_compat_facts_init(to);
    for (uint32_t i = 0; i < f->n; i++) {
        known |= add_property(c, f->at[i], name, to);
    }
    return known;
}

void weir_compat_others(checker *c, const facts *f, facts *to)
{
    weir_compat_facts_init(to);
    for (uint32_t i = 0; i < f->n; i++) {
        const weir_value *others = f->at[i]->keywords[WEIR_KW_ADDITIONAL_PROPERTIES];
        const weir_value *rest = f->at[i]->keywords[WEIR_KW_UNEVALUATED_PROPERTIES];
        if (others) {
            weir_compat_add_fact(c, to, others);
        }
        if (rest && !weir_compat_may_evaluate(c, f->at[i], NULL)) {
            weir_compat_add_fact(c, to, rest);
        }
    }
}

/* ---- items ---------------------------------------------------------------------------------- */

/* Can there be an item i? */
static bool has_room(const view *v, size_t i)
{
    const weir_value *most = v->keywords[WEIR_KW_MAX_ITEMS];
    int64_t n;
    return !most || !weir_to_int64(most, &n) || n < 0 || (uint64_t)n > i;
}

void weir_compat_item(checker *c, const facts *f, size_t i, facts *to)
{
    weir_compat_facts_init(to);
    for (uint32_t k = 0; k < f->n; k++) {
        const view *v = f->at[k];
        const weir_value *schema = weir_compat_item_of(v, i);
        const weir_value *rest = v->keywords[WEIR_KW_UNEVALUATED_ITEMS];
        if (schema) {
            weir_compat_add_fact(c, to, schema);
        }
        size_t evaluated = rest ? weir_compat_may_evaluate_items(c, v) : SIZE_MAX;
        if (evaluated <= i && evaluated != SIZE_MAX) {
            weir_compat_add_fact(c, to, rest);
        }
        to->types = i == SIZE_MAX || has_room(v, i) ? to->types : 0;
    }
}
