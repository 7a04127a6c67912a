/* Plans: for each block and type of a value what is left to do when the type is known. See
 * program.h.
 *
 * A list of steps is made of a block's operations, and of the lists of the blocks that it applies
 * to the same value. These need their own lists first, so making one recurses, up to MOST_DEPTH:
 * below it, a list calls another plan that is made later.
 *   - a list that cannot hold is weir_steps_fail and nothing else;
 *   - a list that always holds is NULL;
 *   - a list is made once, `made` says which are there. */
#include "base/alloc.h"
#include "schema/compiler.h"
#include "schema/evaluate.h"

enum {
    TYPES = 8,
    MOST_DEPTH = 64,
    MOST_IN_LINE = 8, /* steps of another block; longer lists are called */
};

typedef struct planner {
    weir_compiler *c;
    weir_schema *s;
    uint8_t *made; /* by block: bits by type */
    int depth;
    weir_branches *branches; /* of objects, the last first */
    weir_status status;
} planner;

/* The list that is being made. */
typedef struct making_list {
    weir_buf steps;
    weir_value_type type;
    bool fails;
} making_list;

static const weir_step steps_fail[] = {{.code = WEIR_STEP_FAIL}, {.code = WEIR_STEP_END}};

static bool always_fails(const weir_step *steps)
{
    return steps && steps->code == WEIR_STEP_FAIL;
}

static void put(making_list *l, weir_step_code code, uint32_t block, const void *rule)
{
    weir_step step = {.code = (uint16_t)code, .block = block, .rule = rule};
    weir_buf_put(&l->steps, &step, sizeof step);
}

static void fail_oom(planner *p)
{
    p->status = p->status ? p->status : weir_compiler_oom(p->c);
}

static void make_list(planner *p, uint32_t block, weir_value_type type);

/* False: not known yet. *steps: the list of a block for a type. */
static bool list_of(planner *p, uint32_t block, weir_value_type type, const weir_step **steps)
{
    if (!(p->made[block] >> type & 1)) {
        if (p->depth == MOST_DEPTH) {
            return false;
        }
        p->depth++;
        make_list(p, block, type);
        p->depth--;
    }
    *steps = p->s->plans[block].by_type[type];
    return true;
}

/* ---- what is applied in place --------------------------------------------------------------- */

static void put_steps(making_list *l, const weir_step *steps, uint32_t block)
{
    uint32_t count = 0;
    if (!steps) {
        return;
    }
    l->fails |= always_fails(steps);
    while (steps[count].code != WEIR_STEP_END) {
        count++;
    }
    if (count <= MOST_IN_LINE) {
        weir_buf_put(&l->steps, steps, count * sizeof *steps);
    } else {
        put(l, WEIR_STEP_CALL, block, NULL);
    }
}

static void put_block(planner *p, making_list *l, uint32_t block)
{
    const weir_step *steps;
    if (list_of(p, block, l->type, &steps)) {
        put_steps(l, steps, block);
    } else {
        put(l, WEIR_STEP_CALL, block, NULL);
    }
}

typedef struct chosen {
    const weir_step **steps;
    uint32_t count, holding, last;
    bool unknown;
} chosen;

/* The branches that may hold or not; how many always hold. */
static bool choose(planner *p, making_list *l, const weir_block_list *list, chosen *out)
{
    *out = (chosen){.steps = weir_arena_alloc(&p->s->arena, list->count * sizeof *out->steps)};
    if (!out->steps) {
        fail_oom(p);
        return false;
    }
    for (uint32_t i = 0; i < list->count && !p->status; i++) {
        const weir_step *steps;
        if (!list_of(p, list->blocks[i], l->type, &steps)) {
            out->unknown = true;
        } else if (!steps) {
            out->holding++;
        } else if (!always_fails(steps)) {
            out->last = list->blocks[i];
            out->steps[out->count++] = steps;
        }
    }
    return !p->status;
}

static void put_branches(
    planner *p, making_list *l, weir_step_code code, const chosen *all, const weir_schema_op *op)
{
    if (all->unknown) {
        put(l, WEIR_STEP_OP, 0, op);
        return;
    }
    weir_branches *rule = weir_arena_alloc(&p->s->arena, sizeof *rule);
    if (!rule) {
        fail_oom(p);
        return;
    }
    *rule = (weir_branches){.steps = all->steps, .count = all->count};
    if (l->type == WEIR_OBJECT && all->count <= WEIR_MOST_PICKED) {
        rule->next = p->branches;
        p->branches = rule;
    }
    put(l, code, 0, rule);
}

static void put_any_of(planner *p, making_list *l, const weir_schema_op *op)
{
    chosen all;
    if (!choose(p, l, op->rule, &all) || all.holding) {
        return;
    }
    if (!all.unknown && all.count <= 1) {
        put_steps(l, all.count ? all.steps[0] : steps_fail, all.last);
        return;
    }
    put_branches(p, l, WEIR_STEP_ANY_OF, &all, op);
}

static void put_one_of(planner *p, making_list *l, const weir_schema_op *op)
{
    chosen all;
    if (!choose(p, l, op->rule, &all)) {
        return;
    }
    if (!all.unknown && (all.holding > 1 || all.holding + all.count == 0)) {
        put_steps(l, steps_fail, 0);
    } else if (!all.unknown && !all.holding && all.count == 1) {
        put_steps(l, all.steps[0], all.last);
    } else if (all.holding && !all.count && !all.unknown) {
        return;
    } else if (all.holding) {
        put(l, WEIR_STEP_OP, 0, op);
    } else {
        put_branches(p, l, WEIR_STEP_ONE_OF, &all, op);
    }
}

static void put_not(planner *p, making_list *l, const weir_schema_op *op)
{
    const weir_step *steps;
    bool known = list_of(p, op->block, l->type, &steps);
    if (known && !steps) {
        put_steps(l, steps_fail, 0);
    } else if (!known || !always_fails(steps)) {
        put(l, WEIR_STEP_OP, 0, op);
    }
}

static void put_if(planner *p, making_list *l, const weir_schema_op *op)
{
    const weir_if_rule *rule = op->rule;
    const weir_step *steps;
    if (!list_of(p, rule->condition, l->type, &steps) || (steps && !always_fails(steps))) {
        put(l, WEIR_STEP_OP, 0, op);
        return;
    }
    uint32_t next = steps ? rule->otherwise : rule->then;
    if (next != WEIR_NO_BLOCK) {
        put_block(p, l, next);
    }
}

/* ---- enums ---------------------------------------------------------------------------------- */

static void add_text(const weir_texts_rule *rule, weir_text *slots, weir_text text)
{
    uint32_t at = weir_text_hash(text.ptr, text.len) & rule->mask;
    while (slots[at].ptr) {
        at = (at + 1) & rule->mask;
    }
    slots[at] = text;
}

static void put_texts(planner *p, making_list *l, const weir_schema_op *op)
{
    const weir_enum_rule *values = op->rule;
    uint32_t count = 0, size = 2;
    for (uint32_t i = 0; i <= values->mask; i++) {
        count += weir_is(values->slots[i], WEIR_STRING);
    }
    while (size < 2 * count) {
        size *= 2;
    }
    weir_texts_rule *rule = weir_arena_alloc(&p->s->arena, sizeof *rule);
    weir_text *slots = weir_arena_alloc(&p->s->arena, size * sizeof *slots);
    if (!rule || !slots) {
        fail_oom(p);
        return;
    }
    memset(slots, 0, size * sizeof *slots);
    *rule = (weir_texts_rule){slots, size - 1, op};
    for (uint32_t i = 0; i <= values->mask; i++) {
        if (weir_is(values->slots[i], WEIR_STRING)) {
            weir_view text = weir_string(values->slots[i], &p->s->arena);
            if (!text.ptr) {
                fail_oom(p);
                return;
            }
            add_text(rule, slots, (weir_text){text.ptr, (uint32_t)text.len});
        }
    }
    put(l, WEIR_STEP_TEXTS, 0, rule);
}

static void put_enum(planner *p, making_list *l, const weir_schema_op *op)
{
    const weir_enum_rule *rule = op->rule;
    if (!(rule->types >> l->type & 1)) {
        put_steps(l, steps_fail, 0);
    } else if (l->type == WEIR_STRING) {
        put_texts(p, l, op);
    } else if (l->type != WEIR_NULL) { /* the one null is among the values */
        put(l, WEIR_STEP_OP, 0, op);
    }
}

/* ---- lists ---------------------------------------------------------------------------------- */

static void put_op(planner *p, making_list *l, const weir_schema_op *op)
{
    const weir_block_list *list = op->rule;
    switch (op->code) {
    case WEIR_OP_ENUM:
        put_enum(p, l, op);
        return;
    case WEIR_OP_REF:
        put_block(p, l, op->block);
        return;
    case WEIR_OP_ALL_OF:
        for (uint32_t i = 0; i < list->count; i++) {
            put_block(p, l, list->blocks[i]);
        }
        return;
    case WEIR_OP_ANY_OF:
        put_any_of(p, l, op);
        return;
    case WEIR_OP_ONE_OF:
        put_one_of(p, l, op);
        return;
    case WEIR_OP_NOT:
        put_not(p, l, op);
        return;
    case WEIR_OP_IF:
        put_if(p, l, op);
        return;
    case WEIR_OP_LENGTH:
        put(l, WEIR_STEP_LENGTH, 0, op->rule);
        return;
    case WEIR_OP_PATTERN:
        put(l, WEIR_STEP_PATTERN, 0, op->rule);
        return;
    case WEIR_OP_BOUNDS:
        put(l, WEIR_STEP_BOUNDS, 0, op->rule);
        return;
    case WEIR_OP_MEMBERS:
        put(l, WEIR_STEP_MEMBERS, 0, op->rule);
        return;
    case WEIR_OP_ITEMS:
        put(l, WEIR_STEP_ITEMS, 0, op->rule);
        return;
    default:
        put(l, WEIR_STEP_OP, 0, op);
    }
}

static void put_ops(planner *p, making_list *l, weir_op_list ops)
{
    for (uint32_t i = 0; i < ops.count && !l->fails && !p->status; i++) {
        put_op(p, l, &ops.first[i]);
    }
}

static size_t length_of(const weir_step *steps)
{
    size_t count = 1;
    while (steps[count - 1].code != WEIR_STEP_END) {
        count++;
    }
    return count * sizeof *steps;
}

/* The finished list; one that another type of the block has already is shared. */
static const weir_step *keep(planner *p, making_list *l, uint32_t block)
{
    if (l->fails) {
        return steps_fail;
    }
    if (!l->steps.len && !l->steps.failed) {
        return NULL;
    }
    put(l, WEIR_STEP_END, 0, NULL);
    weir_view all = weir_buf_view(&l->steps);
    for (int t = 0; t < TYPES && !l->steps.failed; t++) {
        const weir_step *other = p->s->plans[block].by_type[t];
        if (other && length_of(other) == all.len && memcmp(other, all.ptr, all.len) == 0) {
            return other;
        }
    }
    weir_step *copy = l->steps.failed ? NULL : weir_arena_alloc(&p->s->arena, all.len);
    if (!copy) {
        fail_oom(p);
        return NULL;
    }
    memcpy(copy, all.ptr, all.len);
    return copy;
}

static void make_list(planner *p, uint32_t block, weir_value_type type)
{
    const weir_block *b = &p->s->blocks[block];
    making_list l = {.type = type};
    bool integral = type == WEIR_NUMBER && (b->types & WEIR_INTEGRAL) && !(b->types >> type & 1);
    if (!integral && !(b->types >> type & 1)) {
        l.fails = true;
    } else if (b->tracks) {
        put(&l, WEIR_STEP_BLOCK, block, NULL);
    } else {
        const weir_value v = {.type = (uint8_t)type};
        if (integral) {
            put(&l, WEIR_STEP_INTEGRAL, 0, NULL);
        }
        put_ops(p, &l, weir_ops_of(b, &v));
        put_ops(p, &l, b->ops[WEIR_KIND_ANY]);
    }
    p->s->plans[block].by_type[type] = keep(p, &l, block);
    p->made[block] |= (uint8_t)(1U << type);
    weir_buf_fini(&l.steps);
}

/* ---- the rules' plans ----------------------------------------------------------------------- */

static void set_members(const weir_schema *s, weir_members_rule *rule)
{
    for (uint32_t i = 0; i < rule->count; i++) {
        rule->properties[i].plan = &s->plans[rule->properties[i].block];
    }
    for (uint32_t i = 0; i < rule->n_patterns; i++) {
        rule->patterns[i].plan = &s->plans[rule->patterns[i].block];
    }
    uint32_t additional = rule->additional == WEIR_NO_BLOCK ? WEIR_BLOCK_TRUE : rule->additional;
    rule->additional_plan = &s->plans[additional];
}

static void set_items(const weir_schema *s, weir_items_rule *rule)
{
    rule->rest_plan = &s->plans[rule->rest == WEIR_NO_BLOCK ? WEIR_BLOCK_TRUE : rule->rest];
}

static void set_rules(const weir_schema *s, weir_op_list ops)
{
    for (uint32_t i = 0; i < ops.count; i++) {
        void *rule = (void *)(uintptr_t)ops.first[i].rule;
        if (ops.first[i].code == WEIR_OP_MEMBERS) {
            set_members(s, rule);
        } else if (ops.first[i].code == WEIR_OP_ITEMS) {
            set_items(s, rule);
        }
    }
}

weir_status weir_compiler_plan(weir_compiler *c)
{
    weir_schema *s = c->s;
    planner p = {.c = c, .s = s, .made = weir_calloc(s->n_blocks, 1)};
    s->plans = weir_calloc(s->n_blocks, sizeof *s->plans);
    if (!p.made || !s->plans) {
        fail_oom(&p);
    }
    for (uint32_t i = 0; i < s->n_blocks && !p.status; i++) {
        for (int t = 0; t < TYPES && !p.status; t++) {
            const weir_step *ignored;
            (void)list_of(&p, i, (weir_value_type)t, &ignored);
        }
        set_rules(s, s->blocks[i].ops[WEIR_KIND_OBJECT]);
        set_rules(s, s->blocks[i].ops[WEIR_KIND_ARRAY]);
    }
    weir_free(p.made);
    if (!p.status && !weir_pick_all(s, p.branches)) {
        fail_oom(&p);
    }
    return p.status;
}
