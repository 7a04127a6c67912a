/* What the files that compare JSON Schemas share, and nobody else.
 *
 * The question is always: does `r` allow every value of which these *facts* are known? Facts are
 * the schemas that the value is valid by: of what was written, and of conditions and branches that
 * are looked at one by one. A keyword of `r` has to follow from them. To know less is never wrong,
 * it only finds more; so what is not understood is left out of the facts, and is a finding in `r`.
 *
 * Schemas are read as the compiler reads them: by its keywords of their draft, and its references.
 */
#ifndef WEIR_SCHEMA_COMPAT_JSON_H
#define WEIR_SCHEMA_COMPAT_JSON_H

#include "base/map.h"
#include "schema/compat_report.h"
#include "schema/compiler.h"
#include "schema/regex.h"

/* Types of values, finer than the keyword's: of draft 4, 1.0 is no integer. */
enum {
    WEIR_COMPAT_INT = 1 << 0,      /* 1 */
    WEIR_COMPAT_INTEGRAL = 1 << 1, /* 1.0 */
    WEIR_COMPAT_FRACTION = 1 << 2,
    WEIR_COMPAT_NUMBER = WEIR_COMPAT_INT | WEIR_COMPAT_INTEGRAL | WEIR_COMPAT_FRACTION,
    WEIR_COMPAT_STRING = 1 << 3,
    WEIR_COMPAT_BOOLEAN = 1 << 4,
    WEIR_COMPAT_NULL = 1 << 5,
    WEIR_COMPAT_ARRAY = 1 << 6,
    WEIR_COMPAT_OBJECT = 1 << 7,
    WEIR_COMPAT_ALL_TYPES = (1 << 8) - 1,
};

/* A schema, as it is read in its dialect. */
typedef struct weir_compat_view {
    const weir_value *at;
    weir_compiler *side; /* whose document it stands in */
    uint8_t draft;
    bool any, none;                            /* it allows anything, nothing */
    unsigned named;                            /* by `type` */
    unsigned types;                            /* that type, enum and const leave */
    const weir_value *keywords[WEIR_KEYWORDS]; /* those that act, else NULL */
    const weir_value *targets[2];              /* what its references lead to, else NULL */
    const weir_value *lost; /* a reference that leads out of the text, or cannot be followed */
    const weir_value *list, *rest; /* schemas of the first items, and of the others */
} weir_compat_view;

enum {
    WEIR_COMPAT_MOST_FACTS = 48,
    WEIR_COMPAT_MOST_NAMES = 8,
    WEIR_COMPAT_MOST_SPLITS = 4,
};

typedef struct weir_compat_facts {
    unsigned types;          /* that are possible; 0: there is no such value */
    const weir_value *value; /* it is this one; NULL: not known */
    uint32_t n, n_nots, n_has, n_splits;
    const weir_compat_view *at[WEIR_COMPAT_MOST_FACTS];   /* it is valid by them */
    const weir_compat_view *nots[WEIR_COMPAT_MOST_FACTS]; /* it is not valid by them */
    weir_view has[WEIR_COMPAT_MOST_NAMES];                /* properties that it has */
    const weir_value *splits[WEIR_COMPAT_MOST_SPLITS];    /* unions whose branch was chosen */
    const char *chosen_of; /* the keyword of the last one, and its branch */
    size_t chosen;
} weir_compat_facts;

/* Pairs that are compared now: a $ref that comes back to one at a level below is taken as right,
 * since the values there are smaller. */
typedef struct weir_compat_pair {
    const weir_compat_view *r;
    const weir_compat_facts *w;
    unsigned level;
    const struct weir_compat_pair *up;
} weir_compat_pair;

/* Pairs of schemas that are the same if all that is being compared is. */
typedef struct weir_compat_twins {
    const weir_compat_view *a, *b;
    const struct weir_compat_twins *up;
} weir_compat_twins;

typedef struct weir_compat_json_checker {
    weir_schema schemas[2];
    weir_compiler sides[2]; /* the reader's, the writer's */
    const weir_value *roots[2];
    bool lenient;
    bool exact; /* within what must not be allowed: neither lenient nor with defaults */
    bool quiet; /* only whether there is a finding */
    weir_compat_report *to;
    weir_buf path;
    weir_map views;   /* by node */
    weir_map regexes; /* by pattern */
    weir_map known;   /* pairs of schemas that are the same, or not */
    weir_map refused; /* pairs of a schema and facts that it was found not to accept */
    weir_regex_scratch *scratch;
    const weir_compat_pair *open;
    const weir_compat_twins *twins;
    unsigned level; /* so many steps into the value, to a property or an item */
    unsigned depth, same_depth, contradictions;
    int64_t steps; /* left */
    weir_arena arena;
} weir_compat_json_checker;

/* ---- compat_view.c -------------------------------------------------------------------------- */

/* Never NULL: out of memory is the arena's sticky failure. */
/* The schema of item i: of the list, else of the rest. */
const weir_value *weir_compat_item_of(const weir_compat_view *v, size_t i);
const weir_compat_view *weir_compat_view_of(weir_compat_json_checker *c, const weir_value *schema);
/* Do both allow the same for sure, but for annotations? */
bool weir_compat_same(
    weir_compat_json_checker *c, const weir_compat_view *a, const weir_compat_view *b);
bool weir_compat_same_keyword(weir_compat_json_checker *c, const weir_compat_view *a,
    const weir_compat_view *b, weir_keyword k);
/* GAVE_UP: nobody knows. */
weir_regex_verdict weir_compat_matches(
    weir_compat_json_checker *c, const weir_value *pattern, weir_view name);

/* ---- compat_facts.c ------------------------------------------------------------------------- */

void weir_compat_facts_init(weir_compat_facts *f);
void weir_compat_add_fact(
    weir_compat_json_checker *c, weir_compat_facts *f, const weir_value *schema);
void weir_compat_add_not(
    weir_compat_json_checker *c, weir_compat_facts *f, const weir_value *schema);
/* A copy in which the union of `list` is decided. */
void weir_compat_choose(weir_compat_json_checker *c, const weir_compat_facts *f,
    const weir_value *list, size_t branch, weir_compat_facts *to);
/* A union whose branch is not chosen yet; NULL. */
const weir_value *weir_compat_next_union(const weir_compat_facts *f);
/* The values that are listed: an array, or one value. NULL: there is no list. */
const weir_value *weir_compat_listed(const weir_compat_facts *f, bool *is_list);
/* May it be this value, by the types and lists that are known? */
bool weir_compat_may_be(
    weir_compat_json_checker *c, const weir_compat_facts *f, const weir_value *v);
bool weir_compat_required(const weir_compat_facts *f, weir_view name);
/* What is known of a property; false: its name stands nowhere. */
bool weir_compat_property(
    weir_compat_json_checker *c, const weir_compat_facts *f, weir_view name, weir_compat_facts *to);
/* What is known of properties whose names stand nowhere and match no pattern. */
void weir_compat_others(
    weir_compat_json_checker *c, const weir_compat_facts *f, weir_compat_facts *to);
/* Of item i; SIZE_MAX: of those behind all lists. */
void weir_compat_item(
    weir_compat_json_checker *c, const weir_compat_facts *f, size_t i, weir_compat_facts *to);

/* ---- compat_evaluated.c --------------------------------------------------------------------- */

/* Is the property (a name; NULL: one that stands nowhere) evaluated by the schema, its own
 * unevaluatedProperties left out: possibly, or for sure? */
bool weir_compat_may_evaluate(
    weir_compat_json_checker *c, const weir_compat_view *v, const weir_view *name);
bool weir_compat_evaluates(
    weir_compat_json_checker *c, const weir_compat_view *v, const weir_view *name);
/* So many items at the front are evaluated at most, or for sure; SIZE_MAX: all. */
size_t weir_compat_may_evaluate_items(weir_compat_json_checker *c, const weir_compat_view *v);
size_t weir_compat_evaluates_items(weir_compat_json_checker *c, const weir_compat_view *v);
enum { WEIR_COMPAT_MOST_LISTED = 4096 };
typedef struct weir_compat_names {
    weir_map seen;
    bool failed; /* there are more of them, or no memory */
} weir_compat_names;
/* The names of properties that schemas of the facts list; of those with unevaluatedProperties also
 * the names that any of their branches lists. */
void weir_compat_list_names(
    weir_compat_json_checker *c, const weir_compat_facts *f, weir_compat_names *to);

/* ---- compat_contradiction.c ----------------------------------------------------------------- */

/* Is there no such value, as far as it is seen? */
bool weir_compat_contradiction(weir_compat_json_checker *c, const weir_compat_facts *f);

/* ---- compat_json.c and those of keywords ---------------------------------------------------- */

void weir_compat_json_compare(
    weir_compat_json_checker *c, const weir_value *r, const weir_compat_facts *w);
/* The same at a place below. */
void weir_compat_json_compare_at(weir_compat_json_checker *c, const char *keyword,
    const weir_value *r, const weir_compat_facts *w);
/* Without a report: is it compatible? */
bool weir_compat_json_accepts(
    weir_compat_json_checker *c, const weir_value *r, const weir_compat_facts *w);
bool weir_compat_some_says(weir_compat_json_checker *c, const weir_compat_view *r,
    const weir_compat_facts *w, weir_keyword k);

void weir_compat_json_object(
    weir_compat_json_checker *c, const weir_compat_view *r, const weir_compat_facts *w);
void weir_compat_json_array(
    weir_compat_json_checker *c, const weir_compat_view *r, const weir_compat_facts *w);
void weir_compat_json_scalar(
    weir_compat_json_checker *c, const weir_compat_view *r, const weir_compat_facts *w);
void weir_compat_json_combined(
    weir_compat_json_checker *c, const weir_compat_view *r, const weir_compat_facts *w);
void weir_compat_json_dependencies(
    weir_compat_json_checker *c, const weir_compat_view *r, const weir_compat_facts *w);

void weir_compat_json_add(weir_compat_json_checker *c, weir_compat_rule rule, const char *keyword,
    const char *text, weir_view what);
/* The same of a name below the keyword; text: what was met. */
void weir_compat_json_add_named(
    weir_compat_json_checker *c, weir_compat_rule rule, const char *keyword, weir_view name);

static inline const weir_value *weir_compat_keyword(const weir_compat_view *v, weir_keyword k)
{
    return v->keywords[k];
}

#endif
