/* What is left when all blocks are there: loops are refused, references that only lead on are
 * resolved, and what the fast pass asks first is put where it looks. See compiler.h. */
#include "base/alloc.h"
#include "schema/compiler.h"

/* ---- loops: references that come back to a schema at the same value ------------------------- */

/* How far the walk over the blocks that b applies to the same value has come. */
typedef struct edges {
    const weir_block *b;
    uint32_t op, at;
} edges;

/* Where there is none: the block that leads nowhere on. */
static uint32_t or_true(uint32_t block)
{
    return block == WEIR_NO_BLOCK ? WEIR_BLOCK_TRUE : block;
}

/* The i-th block that an operation applies in place; WEIR_NO_BLOCK: there are no more. */
static uint32_t in_place(const weir_schema_op *op, uint32_t i)
{
    const weir_block_list *list = op->rule;
    const weir_if_rule *condition = op->rule;
    const weir_dependent_rule *dependent = op->rule;
    switch (op->code) {
    case WEIR_OP_REF:
    case WEIR_OP_NOT:
        return i ? WEIR_NO_BLOCK : op->block;
    case WEIR_OP_ALL_OF:
    case WEIR_OP_ANY_OF:
    case WEIR_OP_ONE_OF:
        return i < list->count ? list->blocks[i] : WEIR_NO_BLOCK;
    case WEIR_OP_IF:
        return i == 0   ? condition->condition
               : i == 1 ? or_true(condition->then)
               : i == 2 ? or_true(condition->otherwise)
                        : WEIR_NO_BLOCK;
    case WEIR_OP_DEPENDENT:
        return i < dependent->count ? or_true(dependent->items[i].block) : WEIR_NO_BLOCK;
    default:
        return WEIR_NO_BLOCK;
    }
}

/* The next block that e's block applies in place. */
static uint32_t next_edge(edges *e)
{
    const weir_op_list *any = &e->b->ops[WEIR_KIND_ANY], *object = &e->b->ops[WEIR_KIND_OBJECT];
    while (e->op < any->count + object->count) {
        const weir_schema_op *op =
            e->op < any->count ? &any->first[e->op] : &object->first[e->op - any->count];
        uint32_t block = in_place(op, e->at++);
        if (block != WEIR_NO_BLOCK) {
            return block;
        }
        e->op++;
        e->at = 0;
    }
    return WEIR_NO_BLOCK;
}

typedef struct search {
    edges *stack;
    uint32_t *path;
    uint8_t *state; /* 0: not seen, 1: on the path, 2: done */
} search;

/* Depth first from one block; the block that a circle comes back to, or WEIR_NO_BLOCK. */
static uint32_t find_loop(const weir_schema *s, search *f, uint32_t from)
{
    uint32_t depth = 1;
    f->stack[0] = (edges){&s->blocks[from], 0, 0};
    f->path[0] = from;
    f->state[from] = 1;
    while (depth) {
        uint32_t next = next_edge(&f->stack[depth - 1]);
        if (next == WEIR_NO_BLOCK) {
            f->state[f->path[--depth]] = 2;
        } else if (f->state[next] == 1) {
            return next;
        } else if (!f->state[next]) {
            f->state[next] = 1;
            f->path[depth] = next;
            f->stack[depth++] = (edges){&s->blocks[next], 0, 0};
        }
    }
    return WEIR_NO_BLOCK;
}

static weir_status refuse_loops(weir_compiler *c)
{
    const weir_schema *s = c->s;
    search f = {weir_calloc(s->n_blocks, sizeof *f.stack), weir_calloc(s->n_blocks, sizeof *f.path),
        weir_calloc(s->n_blocks, 1)};
    weir_status status = f.stack && f.path && f.state ? WEIR_OK : weir_compiler_oom(c);
    for (uint32_t i = 0; i < s->n_blocks && !status; i++) {
        uint32_t loop = f.state[i] ? WEIR_NO_BLOCK : find_loop(s, &f, i);
        if (loop != WEIR_NO_BLOCK) {
            status = weir_compiler_refuse(c, c->queue[loop], WEIR_E_SCHEMA_LOOP,
                "the references of this schema lead back to it at the same value");
        }
    }
    weir_free(f.stack);
    weir_free(f.path);
    weir_free(f.state);
    return status;
}

/* ---- the fast pass's blocks ----------------------------------------------------------------- */

/* What a block refers to that is nothing but a reference; else WEIR_NO_BLOCK. */
static uint32_t referred(const weir_block *b)
{
    const weir_op_list *any = &b->ops[WEIR_KIND_ANY];
    bool only = any->count == 1 && any->first->code == WEIR_OP_REF && b->types == WEIR_ALL_TYPES;
    for (int k = 0; k < WEIR_KINDS; k++) {
        only = only && (k == WEIR_KIND_ANY || !b->ops[k].count);
    }
    return only ? any->first->block : WEIR_NO_BLOCK;
}

/* Where a chain of such blocks ends, for each of them. There are no circles any more. */
static void lead_on(const weir_schema *s, uint32_t *ends, uint32_t block)
{
    uint32_t end = block, next;
    while (!ends[end] && (next = referred(&s->blocks[end])) != WEIR_NO_BLOCK) {
        end = next;
    }
    end = ends[end] ? ends[end] : end;
    while (!ends[block]) {
        next = referred(&s->blocks[block]);
        ends[block] = end;
        block = next == WEIR_NO_BLOCK ? block : next;
    }
}

static weir_status make_fast(weir_compiler *c)
{
    weir_schema *s = c->s;
    uint32_t *ends = weir_calloc(s->n_blocks, sizeof *ends); /* 0: not known yet */
    s->fast = weir_calloc(s->n_blocks, sizeof *s->fast);
    if (!ends || !s->fast) {
        weir_free(ends);
        return weir_compiler_oom(c);
    }
    s->fast[WEIR_BLOCK_TRUE] = s->blocks[WEIR_BLOCK_TRUE];
    for (uint32_t i = WEIR_BLOCK_FALSE; i < s->n_blocks; i++) {
        lead_on(s, ends, i);
        s->fast[i] = s->blocks[s->dynamic ? i : ends[i]];
    }
    weir_free(ends);
    return WEIR_OK;
}

static void set_properties(const weir_schema *s, const weir_schema_op *op)
{
    const weir_members_rule *rule = op->rule;
    for (uint32_t i = 0; i < rule->count; i++) {
        weir_property *p = &rule->properties[i];
        p->types = s->fast[p->block].types;
        p->simple = s->fast[p->block].simple;
    }
}

static void set_items(const weir_schema *s, const weir_schema_op *op)
{
    weir_items_rule *rule = (weir_items_rule *)(uintptr_t)op->rule;
    if (rule->rest != WEIR_NO_BLOCK) {
        rule->rest_types = s->fast[rule->rest].types;
        rule->rest_simple = s->fast[rule->rest].simple;
    }
}

static void set_rules(const weir_schema *s, const weir_op_list *ops)
{
    for (uint32_t i = 0; i < ops->count; i++) {
        if (ops->first[i].code == WEIR_OP_MEMBERS) {
            set_properties(s, &ops->first[i]);
        } else if (ops->first[i].code == WEIR_OP_ITEMS) {
            set_items(s, &ops->first[i]);
        }
    }
}

/* ---- dynamic references --------------------------------------------------------------------- */

/* Does the dynamic scope decide anything? Not where each name has one anchor alone. */
static bool names_are_ambiguous(const weir_schema *s)
{
    for (const weir_dynamic_anchor *d = s->dynamic_anchors; d; d = d->next) {
        for (const weir_dynamic_anchor *other = d->next; other; other = other->next) {
            if (other->name_id == d->name_id) {
                return true;
            }
        }
    }
    return false;
}

/* Dynamic references that can lead to one place only become plain ones. */
static void settle_dynamic(weir_schema *s)
{
    if (!s->dynamic || names_are_ambiguous(s)) {
        return;
    }
    for (uint32_t i = 0; i < s->n_blocks; i++) {
        const weir_op_list *any = &s->blocks[i].ops[WEIR_KIND_ANY];
        for (uint32_t k = 0; k < any->count; k++) {
            if (any->first[k].code == WEIR_OP_DYNAMIC_REF) {
                ((weir_schema_op *)(uintptr_t)&any->first[k])->code = WEIR_OP_REF;
            }
        }
    }
    s->dynamic = false;
}

weir_status weir_compiler_link(weir_compiler *c)
{
    weir_schema *s = c->s;
    settle_dynamic(s);
    weir_status status = refuse_loops(c);
    if (status) {
        return status;
    }
    status = make_fast(c);
    for (uint32_t i = 0; i < s->n_blocks && !status; i++) {
        set_rules(s, &s->blocks[i].ops[WEIR_KIND_OBJECT]);
        set_rules(s, &s->blocks[i].ops[WEIR_KIND_ARRAY]);
    }
    return status || s->dynamic ? status : weir_compiler_plan(c);
}
