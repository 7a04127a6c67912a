/* Runs a compiled schema over a value: the fast pass, which wants the verdict alone. It allocates
 * nothing but for what is rare: objects and arrays of more than 256 entries under unevaluated*,
 * uniqueItems of more than 32, strings with escapes that a pattern looks at.
 *
 * It is bounded: by steps (a schema at a value is one), by depth, and regular expressions by
 * PCRE2's limits. When a bound is met there is no verdict: `stopped` says why, and every result
 * since means nothing.
 * Thread: a run has one owner; the schema is shared. */
#ifndef WEIR_SCHEMA_EVALUATE_H
#define WEIR_SCHEMA_EVALUATE_H

#include <string.h>

#include "schema/program.h"
#include "value/text.h"

enum { WEIR_EVALUATE_DEPTH = 3000 };

/* Resources entered on the way, the innermost first. */
typedef struct weir_scope {
    const struct weir_scope *outer;
    uint32_t resource;
} weir_scope;

typedef struct weir_run {
    const weir_schema *schema;
    weir_arena *arena; /* for decoded strings; reset by the owner */
    weir_regex_scratch *scratch;
    const weir_scope *scope;
    int64_t steps; /* left */
    uint32_t depth;
    weir_code stopped;
} weir_run;

/* Which members or items of the value at hand have been evaluated. */
typedef struct weir_track {
    uint64_t *bits;
    uint64_t few[4];
    uint32_t count;
} weir_track;

/* Does the value satisfy the block? track: NULL where nobody asks. */
bool weir_run_block(weir_run *r, uint32_t block, const weir_value *v, weir_track *track);
/* The same block as it was written, not its plan. */
bool weir_run_block_as_is(weir_run *r, uint32_t block, const weir_value *v, weir_track *track);
/* The steps of a plan for a value of this type; not NULL. run_plan.c */
bool weir_run_steps(weir_run *r, const weir_step *steps, const weir_value *v);
bool weir_run_give_up(weir_run *r, weir_code why); /* false */
/* One operation of a block that looks at this kind of value. */
bool weir_run_op(weir_run *r, const weir_schema_op *op, const weir_value *v, weir_track *track);
bool weir_types_allow(uint16_t types, const weir_value *v);
/* False: no memory, the run is stopped. */
bool weir_track_init(weir_run *r, weir_track *t, const weir_value *v);
void weir_track_fini(weir_track *t);
void weir_track_merge(weir_track *to, const weir_track *from);
static inline bool weir_track_has(const weir_track *t, uint32_t i)
{
    return t->bits[i >> 6] >> (i & 63) & 1;
}

static inline bool weir_run_plan(weir_run *r, const weir_plan *plan, const weir_value *v)
{
    const weir_step *steps = plan->by_type[v->type];
    return !steps || weir_run_steps(r, steps, v);
}

/* What the explanation asks too. */
weir_op_list weir_ops_of(const weir_block *b, const weir_value *v); /* by the value's kind */
const weir_property *weir_find_property(const weir_members_rule *rule, const weir_value *name);
bool weir_pattern_matches(weir_run *r, const weir_pattern_rule *p, const weir_value *string);
uint32_t weir_dynamic_target(weir_run *r, const weir_schema_op *op);
/* The number of characters of a string, counted up to `enough`. */
uint32_t weir_length_of(const weir_value *string, uint32_t enough);
/* The first item that is there before; NULL: all differ. *first: the one before. */
const weir_value *weir_find_duplicate(
    weir_run *r, const weir_value *array, const weir_value **first);
bool weir_within(const weir_bound *b, int sign, const weir_value *v);
bool weir_run_length(const weir_length_rule *rule, const weir_value *v);
bool weir_run_bounds(const weir_bounds_rule *rule, const weir_value *v);

/* ---- short texts: names, the values of an enum ---- */

static inline bool weir_same_bytes(const char *a, const char *b, uint32_t len)
{
    if (len > 16) {
        return memcmp(a, b, len) == 0;
    }
    if (len >= 8) {
        return weir_load8(a) == weir_load8(b) && weir_load8(a + len - 8) == weir_load8(b + len - 8);
    }
    if (len >= 4) {
        return weir_load4(a) == weir_load4(b) && weir_load4(a + len - 4) == weir_load4(b + len - 4);
    }
    return !len || (a[0] == b[0] && a[len / 2] == b[len / 2] && a[len - 1] == b[len - 1]);
}

static inline uint32_t weir_text_hash(const char *p, uint32_t len)
{
    uint64_t word = 0;
    if (len >= 8) {
        uint64_t tail = weir_load8(p + len - 8);
        word = weir_load8(p) ^ (tail << 29 | tail >> 35);
    } else if (len >= 4) {
        word = (uint64_t)weir_load4(p) << 32 | weir_load4(p + len - 4);
    } else if (len) {
        word = (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[len / 2] << 8 |
               (unsigned char)p[len - 1];
    }
    return (uint32_t)(((word ^ len) * 0x9E3779B97F4A7C15U) >> 40);
}

#endif
