/* Branches of anyOf and oneOf that can be told apart by one member of the object: "type" or "kind"
 * with a const or an enum in each. A table from the member's string to the branches that take it
 * saves trying the others. See program.h.
 *
 * For each branch one has to know the strings that it takes for a member, if it says so, and
 * whether the member must be there: a branch is a list of steps, which all must hold, so any step
 * that says it will do. A branch may itself be branches with such a table.
 *   - a bit that is set where it need not be costs time only; one that is missing would be wrong.
 */
#include "schema/compiler.h"
#include "schema/evaluate.h"

enum {
    MOST_TRIED = 8,
    MOST_TEXTS = 4096,
    MOST_WORK = 2000000, /* slots that are looked at, for all of a schema: 10 ms, 50 MB at most */
};

typedef struct picking {
    weir_schema *s;
    const weir_branches *all;
    weir_pick *pick;
    weir_pick_slot *slots; /* NULL: only counting */
    uint32_t count;        /* of texts, equal ones counted again */
    uint32_t telling;      /* branches that say which strings they take */
    int64_t work;          /* done */
} picking;

static const weir_property *property_of(const weir_members_rule *rule, const weir_pick *p)
{
    const weir_value name = {
        .type = WEIR_STRING, .at = p->name, .len = p->len, .hash = p->hash, .skip = 1};
    return weir_find_property(rule, &name);
}

static void add(picking *k, weir_text text, uint32_t branch)
{
    k->count++;
    if (!k->slots) {
        return;
    }
    uint32_t at = weir_text_hash(text.ptr, text.len) & k->pick->mask;
    while (k->slots[at].ptr && (k->slots[at].len != text.len ||
                                   !weir_same_bytes(k->slots[at].ptr, text.ptr, text.len))) {
        at = (at + 1) & k->pick->mask;
    }
    k->slots[at].ptr = text.ptr;
    k->slots[at].len = text.len;
    k->slots[at].branches |= 1ULL << branch;
}

/* The strings that a member's schema takes. False: it does not say. */
static bool add_texts(picking *k, const weir_step *steps, uint32_t branch)
{
    for (; steps && steps->code != WEIR_STEP_END; steps++) {
        if (steps->code == WEIR_STEP_FAIL) {
            return true;
        }
        const weir_texts_rule *rule = steps->rule;
        k->work += steps->code == WEIR_STEP_TEXTS ? rule->mask : 1;
        for (uint32_t i = 0; steps->code == WEIR_STEP_TEXTS && i <= rule->mask; i++) {
            if (rule->slots[i].ptr) {
                add(k, rule->slots[i], branch);
            }
        }
        if (steps->code == WEIR_STEP_TEXTS) {
            return true;
        }
    }
    return false;
}

/* The same for branches that have a table themselves. */
static bool add_picked(picking *k, const weir_pick *p, uint32_t branch)
{
    if (!p || p->others || p->hash != k->pick->hash || p->len != k->pick->len ||
        !weir_same_bytes(p->name, k->pick->name, p->len)) {
        return false;
    }
    k->work += p->mask;
    for (uint32_t i = 0; i <= p->mask; i++) {
        if (p->slots[i].ptr) {
            add(k, (weir_text){p->slots[i].ptr, p->slots[i].len}, branch);
        }
    }
    return true;
}

static void add_branch(picking *k, uint32_t branch)
{
    bool tells = false, required = false;
    for (const weir_step *s = k->all->steps[branch]; s->code != WEIR_STEP_END; s++) {
        const weir_branches *inner = s->rule;
        k->work++;
        const weir_property *p =
            s->code == WEIR_STEP_MEMBERS ? property_of(s->rule, k->pick) : NULL;
        if (p) {
            tells = tells || add_texts(k, p->plan->by_type[WEIR_STRING], branch);
            required |= p->required;
        } else if (!tells && (s->code == WEIR_STEP_ANY_OF || s->code == WEIR_STEP_ONE_OF)) {
            tells = add_picked(k, inner->pick, branch);
            required |= tells && !inner->pick->absent;
        }
    }
    k->telling += tells;
    k->pick->others |= (uint64_t)!tells << branch;
    k->pick->absent |= (uint64_t)!required << branch;
}

static void add_branches(picking *k)
{
    k->pick->others = k->pick->absent = 0;
    k->count = k->telling = 0;
    for (uint32_t i = 0; i < k->all->count; i++) {
        add_branch(k, i);
    }
}

/* A member that the branch's own step, or the table of its branches, asks for. */
static bool candidate(const weir_step *s, uint32_t i, weir_pick *out)
{
    const weir_members_rule *rule = s->rule;
    const weir_branches *inner = s->rule;
    if (s->code == WEIR_STEP_MEMBERS && i < rule->count) {
        const weir_property *p = &rule->properties[i];
        *out = (weir_pick){.name = p->name, .len = p->len, .hash = p->hash};
        return true;
    }
    if ((s->code == WEIR_STEP_ANY_OF || s->code == WEIR_STEP_ONE_OF) && i == 0 && inner->pick) {
        *out = (weir_pick){
            .name = inner->pick->name, .len = inner->pick->len, .hash = inner->pick->hash};
        return true;
    }
    return false;
}

/* The member by which most branches can be told apart: at least two, and half of them. */
static bool best_member(weir_schema *s, const weir_branches *all, weir_pick *best, int64_t *work)
{
    uint32_t most = 1, tried = 0;
    for (uint32_t b = 0; b < 2 && b < all->count; b++) {
        for (const weir_step *step = all->steps[b]; step->code != WEIR_STEP_END; step++) {
            weir_pick p;
            for (uint32_t i = 0; tried < MOST_TRIED && candidate(step, i, &p); i++, tried++) {
                picking k = {.s = s, .all = all, .pick = &p};
                add_branches(&k);
                *work += 2 * k.work; /* it may be done once more */
                if (k.telling > most && k.telling >= all->count / 2 && k.count <= MOST_TEXTS) {
                    most = k.telling;
                    *best = p;
                }
            }
        }
    }
    return most > 1;
}

static bool make_pick(weir_schema *s, weir_branches *all, int64_t *work)
{
    weir_pick best;
    if (!best_member(s, all, &best, work)) {
        return true;
    }
    weir_pick *pick = weir_arena_alloc(&s->arena, sizeof *pick);
    picking k = {.s = s, .all = all, .pick = &best};
    add_branches(&k);
    uint32_t size = 2;
    while (size < 2 * k.count) {
        size *= 2;
    }
    k.slots = weir_arena_alloc(&s->arena, size * sizeof *k.slots);
    if (!pick || !k.slots) {
        return false;
    }
    memset(k.slots, 0, size * sizeof *k.slots);
    best.mask = size - 1;
    best.slots = k.slots;
    add_branches(&k);
    *pick = best;
    all->pick = pick;
    return true;
}

bool weir_pick_all(weir_schema *s, weir_branches *last)
{
    /* Inner ones were made before the outer ones. */
    weir_branches *first = NULL;
    while (last) {
        weir_branches *before = last->next;
        last->next = first;
        first = last;
        last = before;
    }
    int64_t work = 0;
    for (; first && work < MOST_WORK; first = first->next) {
        if (!make_pick(s, first, &work)) {
            return false;
        }
    }
    return true;
}
