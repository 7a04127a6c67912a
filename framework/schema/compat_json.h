/* What the files that compare JSON Schemas share, and nobody else. */
#ifndef WEIR_SCHEMA_COMPAT_JSON_H
#define WEIR_SCHEMA_COMPAT_JSON_H

#include "schema/compat_report.h"

/* Pairs that are compared already: a $ref that comes back to one is taken as right. */
typedef struct weir_compat_pair {
    const weir_value *r, *w;
    const struct weir_compat_pair *up;
} weir_compat_pair;

typedef struct weir_compat_json_checker {
    const weir_value *reader, *writer; /* the roots */
    bool lenient;
    weir_compat_report *to;
    weir_buf path;
    const weir_compat_pair *open;
    unsigned depth;
    int64_t steps; /* left */
} weir_compat_json_checker;

/* r and w NULL: anything is allowed. */
void weir_compat_json_compare(
    weir_compat_json_checker *c, const weir_value *r, const weir_value *w);
/* The same at a place below. */
void weir_compat_json_compare_at(
    weir_compat_json_checker *c, const char *keyword, const weir_value *r, const weir_value *w);
/* Without a report: is it compatible? */
bool weir_compat_json_accepts(
    weir_compat_json_checker *c, const weir_value *r, const weir_value *w);
void weir_compat_json_object(weir_compat_json_checker *c, const weir_value *r, const weir_value *w);
void weir_compat_json_scalar(weir_compat_json_checker *c, const weir_value *r, const weir_value *w);

void weir_compat_json_add(weir_compat_json_checker *c, weir_compat_rule rule, const char *keyword,
    const char *text, weir_view what);

/* true, {} or not there: it allows anything; false: it allows nothing. */
static inline bool weir_compat_is_any(const weir_value *schema)
{
    return !schema || (schema->type == WEIR_OBJECT && !schema->len) ||
           (schema->type == WEIR_BOOL && schema->flags & WEIR_TRUE);
}
static inline bool weir_compat_is_none(const weir_value *schema)
{
    return weir_is(schema, WEIR_BOOL) && !(schema->flags & WEIR_TRUE);
}

#endif
