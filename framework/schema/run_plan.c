/* The fast pass over plans (program.h): no tracking of what was evaluated, no dynamic scope; these
 * are evaluate.c's. */
#include "schema/evaluate.h"

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* ---- strings -------------------------------------------------------------------------------- */

static bool run_texts(weir_run *r, const weir_texts_rule *rule, const weir_value *v)
{
    if (UNLIKELY(v->flags & WEIR_ESCAPED)) {
        return weir_run_op(r, rule->op, v, NULL);
    }
    uint32_t at = weir_text_hash(v->at, v->len) & rule->mask;
    for (; rule->slots[at].ptr; at = (at + 1) & rule->mask) {
        const weir_text *t = &rule->slots[at];
        if (t->len == v->len && weir_same_bytes(t->ptr, v->at, t->len)) {
            return true;
        }
    }
    return false;
}

/* ---- objects -------------------------------------------------------------------------------- */

static inline bool is_named(const weir_property *p, const weir_value *name)
{
    return p->hash == name->hash && p->len == name->len && !(name->flags & WEIR_ESCAPED) &&
           weir_same_bytes(p->name, name->at, p->len);
}

/* As weir_find_property, in line. */
static inline const weir_property *find(const weir_members_rule *rule, const weir_value *name)
{
    if (UNLIKELY(name->flags & WEIR_ESCAPED)) {
        return weir_find_property(rule, name);
    }
    uint32_t at = name->hash & rule->mask;
    for (uint32_t slot; (slot = rule->slots[at]); at = (at + 1) & rule->mask) {
        const weir_property *p = &rule->properties[slot - 1];
        if (is_named(p, name)) {
            return p;
        }
    }
    return NULL;
}

/* A member that `properties` does not have, or that patterns may look at too. */
static bool run_other_member(weir_run *r, const weir_members_rule *rule, const weir_value *name,
    const weir_value *value, bool declared)
{
    for (uint32_t i = 0; i < rule->n_patterns; i++) {
        const weir_pattern_property *p = &rule->patterns[i];
        if (weir_pattern_matches(r, &p->pattern, name)) {
            declared = true;
            if (!weir_run_plan(r, p->plan, value)) {
                return false;
            }
        }
    }
    return !r->stopped && (declared || weir_run_plan(r, rule->additional_plan, value));
}

static bool run_members(weir_run *r, const weir_members_rule *rule, const weir_value *v)
{
    if (v->len < rule->least || v->len > rule->most || v->len < rule->required) {
        return false;
    }
    uint32_t required = 0;
    bool others = rule->n_patterns || rule->additional != WEIR_NO_BLOCK;
    WEIR_EACH_MEMBER(v, name, value)
    {
        const weir_property *p = find(rule, name);
        bool declared = false;
        if (p) {
            required += p->required;
            declared = p->declared;
            const weir_step *steps = p->plan->by_type[value->type];
            if (steps && !weir_run_steps(r, steps, value)) {
                return false;
            }
        }
        if (others && (!declared || rule->n_patterns) &&
            !run_other_member(r, rule, name, value, declared)) {
            return false;
        }
    }
    return required == rule->required;
}

/* ---- arrays --------------------------------------------------------------------------------- */

static bool run_items(weir_run *r, const weir_items_rule *rule, const weir_value *v)
{
    if (v->len < rule->least || v->len > rule->most) {
        return false;
    }
    uint32_t i = 0;
    WEIR_EACH_ITEM(v, item)
    {
        const weir_plan *plan = UNLIKELY(i < rule->prefix.count)
                                    ? &r->schema->plans[rule->prefix.blocks[i]]
                                    : rule->rest_plan;
        const weir_step *steps = plan->by_type[item->type];
        if (steps && !weir_run_steps(r, steps, item)) {
            return false;
        }
        i++;
    }
    return true;
}

/* ---- branches ------------------------------------------------------------------------------- */

/* The branches that may hold, as bits. */
static uint64_t pick(const weir_pick *p, const weir_value *v)
{
    WEIR_EACH_MEMBER(v, name, value)
    {
        if (name->hash != p->hash) {
            continue;
        }
        if (UNLIKELY((name->flags | value->flags) & WEIR_ESCAPED)) {
            return UINT64_MAX;
        }
        if (name->len != p->len || !weir_same_bytes(p->name, name->at, p->len)) {
            continue;
        }
        if (value->type != WEIR_STRING) {
            return UINT64_MAX;
        }
        uint32_t at = weir_text_hash(value->at, value->len) & p->mask;
        for (; p->slots[at].ptr; at = (at + 1) & p->mask) {
            const weir_pick_slot *s = &p->slots[at];
            if (s->len == value->len && weir_same_bytes(s->ptr, value->at, s->len)) {
                return s->branches | p->others;
            }
        }
        return p->others;
    }
    return p->absent;
}

static bool run_any_of(weir_run *r, const weir_branches *all, const weir_value *v)
{
    uint64_t may = all->pick ? pick(all->pick, v) : UINT64_MAX;
    for (uint32_t i = 0; i < all->count; i++) {
        if ((!all->pick || may >> i & 1) && weir_run_steps(r, all->steps[i], v)) {
            return true;
        }
    }
    return false;
}

static bool run_one_of(weir_run *r, const weir_branches *all, const weir_value *v)
{
    uint64_t may = all->pick ? pick(all->pick, v) : UINT64_MAX;
    uint32_t holds = 0;
    for (uint32_t i = 0; i < all->count && holds < 2; i++) {
        holds += (!all->pick || may >> i & 1) && weir_run_steps(r, all->steps[i], v);
    }
    return holds == 1;
}

/* ---- steps ---------------------------------------------------------------------------------- */

static inline bool run_step(weir_run *r, const weir_step *s, const weir_value *v)
{
    switch ((weir_step_code)s->code) {
    case WEIR_STEP_END:
        return true;
    case WEIR_STEP_FAIL:
        return false;
    case WEIR_STEP_INTEGRAL:
        return weir_types_allow(WEIR_INTEGRAL, v);
    case WEIR_STEP_OP:
        return weir_run_op(r, s->rule, v, NULL);
    case WEIR_STEP_CALL:
        return weir_run_plan(r, &r->schema->plans[s->block], v);
    case WEIR_STEP_BLOCK:
        return weir_run_block_as_is(r, s->block, v, NULL);
    case WEIR_STEP_MEMBERS:
        return run_members(r, s->rule, v);
    case WEIR_STEP_ITEMS:
        return run_items(r, s->rule, v);
    case WEIR_STEP_BOUNDS:
        return weir_run_bounds(s->rule, v);
    case WEIR_STEP_LENGTH:
        return weir_run_length(s->rule, v);
    case WEIR_STEP_PATTERN:
        return weir_pattern_matches(r, s->rule, v);
    case WEIR_STEP_TEXTS:
        return run_texts(r, s->rule, v);
    case WEIR_STEP_ANY_OF:
        return run_any_of(r, s->rule, v);
    case WEIR_STEP_ONE_OF:
        return run_one_of(r, s->rule, v);
    }
    return true;
}

bool weir_run_steps(weir_run *r, const weir_step *steps, const weir_value *v)
{
    if (UNLIKELY(--r->steps <= 0 || r->depth == WEIR_EVALUATE_DEPTH)) {
        return weir_run_give_up(r, WEIR_E_SCHEMA_LIMIT);
    }
    bool holds = true;
    r->depth++;
    for (; holds && steps->code != WEIR_STEP_END; steps++) {
        holds = run_step(r, steps, v);
    }
    r->depth--;
    return holds;
}
