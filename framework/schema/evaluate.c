/* The fast pass. See evaluate.h. */
#include "schema/evaluate.h"

#include <string.h>

#include "base/alloc.h"
#include "schema/equal.h"
#include "value/text.h"

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

bool weir_run_give_up(weir_run *r, weir_code why)
{
    r->stopped = r->stopped ? r->stopped : why;
    return false;
}

/* ---- types ---------------------------------------------------------------------------------- */

static bool is_integral(const weir_value *v)
{
    weir_decimal d = weir_decimal_of(weir_raw(v));
    return weir_decimal_is_integer(&d);
}

bool weir_types_allow(uint16_t types, const weir_value *v)
{
    return LIKELY(types >> v->type & 1) ||
           (v->type == WEIR_NUMBER && (types & WEIR_INTEGRAL) && is_integral(v));
}

weir_op_list weir_ops_of(const weir_block *b, const weir_value *v)
{
    static const int kinds[] = {[WEIR_NULL] = -1,
        [WEIR_BOOL] = -1,
        [WEIR_INT] = WEIR_KIND_NUMBER,
        [WEIR_NUMBER] = WEIR_KIND_NUMBER,
        [WEIR_STRING] = WEIR_KIND_STRING,
        [WEIR_BYTES] = -1,
        [WEIR_ARRAY] = WEIR_KIND_ARRAY,
        [WEIR_OBJECT] = WEIR_KIND_OBJECT};
    return kinds[v->type] < 0 ? (weir_op_list){NULL, 0} : b->ops[kinds[v->type]];
}

/* ---- what was evaluated --------------------------------------------------------------------- */

bool weir_track_init(weir_run *r, weir_track *t, const weir_value *v)
{
    bool container = v->type == WEIR_ARRAY || v->type == WEIR_OBJECT;
    *t = (weir_track){.count = container ? v->len : 0};
    t->bits = t->few;
    if (t->count > 64 * 4) {
        t->bits = weir_calloc((t->count + 63) / 64, sizeof *t->bits);
        if (!t->bits) {
            t->bits = t->few;
            return weir_run_give_up(r, WEIR_E_OUT_OF_MEMORY);
        }
    }
    return true;
}

void weir_track_fini(weir_track *t)
{
    if (t->bits != t->few) {
        weir_free(t->bits);
    }
}

void weir_track_merge(weir_track *to, const weir_track *from)
{
    for (uint32_t i = 0; i < (to->count + 63) / 64; i++) {
        to->bits[i] |= from->bits[i];
    }
}

static void mark(weir_track *t, uint32_t i)
{
    if (t) {
        t->bits[i >> 6] |= 1ULL << (i & 63);
    }
}

static void mark_up_to(weir_track *t, uint32_t count)
{
    for (uint32_t i = 0; t && i < count; i++) {
        mark(t, i);
    }
}

/* A subschema in place whose failure is not the end: what it evaluates counts when it holds. */
static bool run_branch(weir_run *r, uint32_t block, const weir_value *v, weir_track *track)
{
    if (!track) {
        return weir_run_block(r, block, v, NULL);
    }
    weir_track own;
    if (!weir_track_init(r, &own, v)) {
        return false;
    }
    bool holds = weir_run_block(r, block, v, &own);
    if (holds) {
        weir_track_merge(track, &own);
    }
    weir_track_fini(&own);
    return holds;
}

/* ---- any value ------------------------------------------------------------------------------ */

static bool run_enum(weir_run *r, const weir_enum_rule *rule, const weir_value *v)
{
    if (!(rule->types >> v->type & 1)) {
        return false;
    }
    uint64_t hash = weir_value_hash(v);
    for (uint32_t at = (uint32_t)hash & rule->mask; rule->slots[at]; at = (at + 1) & rule->mask) {
        if (rule->hashes[at] == hash && weir_equal(rule->slots[at], v, &r->steps)) {
            return true;
        }
    }
    return false;
}

uint32_t weir_dynamic_target(weir_run *r, const weir_schema_op *op)
{
    uint32_t block = op->block;
    for (const weir_scope *s = r->scope; s; s = s->outer) { /* the outermost counts */
        for (const weir_dynamic_anchor *d = r->schema->dynamic_anchors; d; d = d->next) {
            r->steps--;
            if (d->resource == s->resource && d->name_id == op->count) {
                block = d->block;
            }
        }
    }
    return block;
}

static bool run_all(weir_run *r, const weir_block_list *list, const weir_value *v, weir_track *t)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (!weir_run_block(r, list->blocks[i], v, t)) {
            return false;
        }
    }
    return true;
}

static bool run_any(weir_run *r, const weir_block_list *list, const weir_value *v, weir_track *t)
{
    bool holds = false;
    for (uint32_t i = 0; i < list->count && !(holds && !t); i++) {
        holds |= run_branch(r, list->blocks[i], v, t);
    }
    return holds;
}

static bool run_one(weir_run *r, const weir_block_list *list, const weir_value *v, weir_track *t)
{
    uint32_t holds = 0;
    for (uint32_t i = 0; i < list->count && holds < 2; i++) {
        holds += run_branch(r, list->blocks[i], v, t);
    }
    return holds == 1;
}

static bool run_if(weir_run *r, const weir_if_rule *rule, const weir_value *v, weir_track *t)
{
    bool then = run_branch(r, rule->condition, v, t);
    uint32_t block = then ? rule->then : rule->otherwise;
    return block == WEIR_NO_BLOCK || weir_run_block(r, block, v, t);
}

/* ---- strings -------------------------------------------------------------------------------- */

uint32_t weir_length_of(const weir_value *string, uint32_t enough)
{
    uint32_t n = 0;
    if (!(string->flags & WEIR_ESCAPED)) {
        for (uint32_t i = 0; i < string->len && n < enough; i++) {
            n += ((unsigned char)string->at[i] & 0xC0) != 0x80;
        }
        return n;
    }
    weir_characters d = weir_characters_of(string);
    for (int c; n < enough && (c = weir_characters_next(&d)) >= 0;) {
        n += (c & 0xC0) != 0x80;
    }
    /* the rest of a last character may be left: only its first byte was counted */
    return n;
}

bool weir_run_length(const weir_length_rule *rule, const weir_value *v)
{
    /* A character is one to four bytes, twelve when it is escaped. */
    if (v->len < rule->least || v->len / 12 > rule->most) {
        return false;
    }
    bool plenty = v->len / 12 >= rule->least;
    if (plenty && v->len <= rule->most) {
        return true;
    }
    uint32_t enough = rule->most < UINT32_MAX ? rule->most + 1 : rule->least;
    uint32_t n = weir_length_of(v, enough);
    return n >= rule->least && n <= rule->most;
}

/* Its characters; ptr NULL: no memory, the run is stopped. */
static weir_view decoded(weir_run *r, const weir_value *v)
{
    weir_view text = LIKELY(!(v->flags & WEIR_ESCAPED)) ? weir_raw(v) : weir_string(v, r->arena);
    if (UNLIKELY(!text.ptr)) {
        weir_run_give_up(r, WEIR_E_OUT_OF_MEMORY);
    }
    return text;
}

bool weir_pattern_matches(weir_run *r, const weir_pattern_rule *p, const weir_value *string)
{
    weir_view text = decoded(r, string);
    if (!text.ptr) {
        return false;
    }
    weir_regex_verdict verdict = weir_regex_match(p->regex, r->scratch, text);
    return verdict == WEIR_REGEX_YES ||
           (verdict == WEIR_REGEX_GAVE_UP && weir_run_give_up(r, WEIR_E_SCHEMA_LIMIT));
}

static bool run_format(weir_run *r, const weir_format *format, const weir_value *v)
{
    const weir_format_tools tools = {r->schema->idn, r->scratch};
    weir_view text = decoded(r, v);
    return text.ptr && format->check(text, &tools);
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* sign 1: not below the bound; -1: not above it. */
bool weir_within(const weir_bound *b, int sign, const weir_value *v)
{
    int order;
    int64_t n;
    if (LIKELY(b->fits && v->type == WEIR_INT && v->len <= 18 && weir_to_int64(v, &n))) {
        order = (n > b->integer) - (n < b->integer);
    } else {
        weir_decimal d = weir_decimal_of(weir_raw(v));
        order = weir_decimal_compare(&d, &b->exact);
    }
    return b->exclusive ? sign * order > 0 : sign * order >= 0;
}

bool weir_run_bounds(const weir_bounds_rule *rule, const weir_value *v)
{
    return (!rule->least.there || weir_within(&rule->least, 1, v)) &&
           (!rule->most.there || weir_within(&rule->most, -1, v));
}

static bool run_multiple(weir_run *r, const weir_multiple_rule *rule, const weir_value *v)
{
    int64_t n;
    if (LIKELY(rule->integer && v->type == WEIR_INT && v->len <= 18 && weir_to_int64(v, &n))) {
        return n % rule->integer == 0;
    }
    weir_decimal d = weir_decimal_of(weir_raw(v));
    r->steps -= (int64_t)d.count * (1 + rule->exact.count / 8) / 8;
    return weir_decimal_is_multiple(&d, &rule->exact);
}

/* ---- objects -------------------------------------------------------------------------------- */

static inline bool is_named(const weir_property *p, const weir_value *name)
{
    if (UNLIKELY(name->flags & WEIR_ESCAPED)) {
        return weir_string_is(name, weir_view_make(p->name, p->len));
    }
    return p->len == name->len && weir_same_bytes(p->name, name->at, p->len);
}

const weir_property *weir_find_property(const weir_members_rule *rule, const weir_value *name)
{
    uint32_t at = name->hash & rule->mask;
    for (uint32_t slot; (slot = rule->slots[at]); at = (at + 1) & rule->mask) {
        const weir_property *p = &rule->properties[slot - 1];
        if (p->hash == name->hash && is_named(p, name)) {
            return p;
        }
    }
    return NULL;
}

/* A member that `properties` does not have, or that patterns may look at too. */
static bool run_other_member(weir_run *r, const weir_members_rule *rule, const weir_value *name,
    const weir_value *value, bool declared, bool *evaluated)
{
    for (uint32_t i = 0; i < rule->n_patterns; i++) {
        const weir_pattern_property *p = &rule->patterns[i];
        if (weir_pattern_matches(r, &p->pattern, name)) {
            *evaluated = true;
            if (!weir_run_block(r, p->block, value, NULL)) {
                return false;
            }
        }
    }
    if (*evaluated || declared || rule->additional == WEIR_NO_BLOCK) {
        return !r->stopped;
    }
    *evaluated = true;
    return weir_run_block(r, rule->additional, value, NULL);
}

static bool run_members(
    weir_run *r, const weir_members_rule *rule, const weir_value *v, weir_track *track)
{
    if (v->len < rule->least || v->len > rule->most || v->len < rule->required) {
        return false;
    }
    const weir_property *expected = rule->properties, *end = expected + rule->count;
    uint32_t required = 0, index = 0;
    WEIR_EACH_MEMBER(v, name, value)
    {
        /* Members mostly stand in the schema's order. */
        const weir_property *p = expected;
        if (p == end || p->hash != name->hash || !is_named(p, name)) {
            p = weir_find_property(rule, name);
        }
        bool evaluated = false;
        if (p) {
            expected = p + 1;
            required += p->required;
            evaluated = p->declared;
            if (!weir_types_allow(p->types, value) ||
                (!p->simple && !weir_run_block(r, p->block, value, NULL))) {
                return false;
            }
        }
        if ((rule->n_patterns || !evaluated) &&
            !run_other_member(r, rule, name, value, evaluated, &evaluated)) {
            return false;
        }
        if (track && evaluated) {
            mark(track, index);
        }
        index++;
    }
    return required == rule->required;
}

static bool run_names(weir_run *r, uint32_t block, const weir_value *v)
{
    WEIR_EACH_MEMBER(v, name, value)
    {
        if (!weir_run_block(r, block, name, NULL)) {
            return false;
        }
    }
    return true;
}

static bool run_dependent(
    weir_run *r, const weir_dependent_rule *rule, const weir_value *v, weir_track *track)
{
    for (uint32_t i = 0; i < rule->count; i++) {
        const weir_dependency *d = &rule->items[i];
        r->steps -= v->len;
        if (!weir_get(v, d->name)) {
            continue;
        }
        for (uint32_t k = 0; k < d->n_required; k++) {
            r->steps -= v->len;
            if (!weir_get(v, d->required[k])) {
                return false;
            }
        }
        if (d->block != WEIR_NO_BLOCK && !weir_run_block(r, d->block, v, track)) {
            return false;
        }
    }
    return true;
}

static bool run_unevaluated_properties(
    weir_run *r, uint32_t block, const weir_value *v, weir_track *track)
{
    uint32_t i = 0;
    WEIR_EACH_MEMBER(v, name, value)
    {
        if (!weir_track_has(track, i) && !weir_run_block(r, block, value, NULL)) {
            return false;
        }
        mark(track, i++);
    }
    return true;
}

/* ---- arrays --------------------------------------------------------------------------------- */

static bool run_items(
    weir_run *r, const weir_items_rule *rule, const weir_value *v, weir_track *track)
{
    if (v->len < rule->least || v->len > rule->most) {
        return false;
    }
    uint32_t i = 0;
    WEIR_EACH_ITEM(v, item)
    {
        bool in_prefix = i < rule->prefix.count;
        if (!in_prefix && rule->rest == WEIR_NO_BLOCK) {
            break;
        }
        if (!in_prefix && rule->rest_simple) {
            if (!weir_types_allow(rule->rest_types, item)) {
                return false;
            }
        } else if (!weir_run_block(
                       r, in_prefix ? rule->prefix.blocks[i] : rule->rest, item, NULL)) {
            return false;
        }
        i++;
    }
    mark_up_to(track, i);
    return true;
}

static bool run_contains(
    weir_run *r, const weir_contains_rule *rule, const weir_value *v, weir_track *track)
{
    uint32_t found = 0, i = 0;
    weir_track *marks = rule->marks ? track : NULL;
    WEIR_EACH_ITEM(v, item)
    {
        if (weir_run_block(r, rule->block, item, NULL)) {
            found++;
            mark(marks, i);
        }
        i++;
        if (found > rule->most || (found >= rule->least && rule->most == UINT32_MAX && !marks)) {
            break;
        }
    }
    return found >= rule->least && found <= rule->most;
}

static bool run_unevaluated_items(
    weir_run *r, uint32_t block, const weir_value *v, weir_track *track)
{
    uint32_t i = 0;
    WEIR_EACH_ITEM(v, item)
    {
        if (!weir_track_has(track, i) && !weir_run_block(r, block, item, NULL)) {
            return false;
        }
        mark(track, i++);
    }
    return true;
}

/* ---- uniqueItems ---------------------------------------------------------------------------- */

enum { FEW_ITEMS = 32 };

typedef struct hashed_item {
    uint64_t hash;
    const weir_value *item;
} hashed_item;

static const weir_value *find_among(weir_run *r, hashed_item *seen, uint32_t mask,
    const weir_value *array, const weir_value **first)
{
    uint32_t n = 0;
    WEIR_EACH_ITEM(array, item)
    {
        uint64_t hash = weir_value_hash(item);
        uint32_t at = mask ? (uint32_t)hash & mask : 0;
        r->steps -= item->skip;
        for (; mask ? seen[at].item != NULL : at < n; at = mask ? (at + 1) & mask : at + 1) {
            if (seen[at].hash == hash && weir_equal(seen[at].item, item, &r->steps)) {
                *first = seen[at].item;
                return item;
            }
            r->steps--;
        }
        if (r->steps <= 0) {
            weir_run_give_up(r, WEIR_E_SCHEMA_LIMIT);
            return NULL;
        }
        seen[at] = (hashed_item){hash, item};
        n++;
    }
    return NULL;
}

const weir_value *weir_find_duplicate(
    weir_run *r, const weir_value *array, const weir_value **first)
{
    hashed_item few[FEW_ITEMS];
    if (array->len <= FEW_ITEMS) {
        return find_among(r, few, 0, array, first);
    }
    uint32_t size = 64;
    while (size / 2 < array->len) {
        size *= 2;
    }
    hashed_item *seen = weir_calloc(size, sizeof *seen);
    if (!seen) {
        weir_run_give_up(r, WEIR_E_OUT_OF_MEMORY);
        return NULL;
    }
    const weir_value *found = find_among(r, seen, size - 1, array, first);
    weir_free(seen);
    return found;
}

static bool run_unique(weir_run *r, const weir_value *v)
{
    const weir_value *first;
    return v->len < 2 || (!weir_find_duplicate(r, v, &first) && !r->stopped);
}

/* ---- content -------------------------------------------------------------------------------- */

bool weir_run_content(weir_run *r, const weir_content_rule *rule, const weir_value *v);

/* ---- operations and blocks ------------------------------------------------------------------ */

bool weir_run_op(weir_run *r, const weir_schema_op *op, const weir_value *v, weir_track *track)
{
    switch ((weir_op_code)op->code) {
    case WEIR_OP_ENUM:
        return run_enum(r, op->rule, v);
    case WEIR_OP_REF:
        return weir_run_block(r, op->block, v, track);
    case WEIR_OP_DYNAMIC_REF:
        return weir_run_block(r, weir_dynamic_target(r, op), v, track);
    case WEIR_OP_ALL_OF:
        return run_all(r, op->rule, v, track);
    case WEIR_OP_ANY_OF:
        return run_any(r, op->rule, v, track);
    case WEIR_OP_ONE_OF:
        return run_one(r, op->rule, v, track);
    case WEIR_OP_NOT:
        return !run_branch(r, op->block, v, NULL);
    case WEIR_OP_IF:
        return run_if(r, op->rule, v, track);
    case WEIR_OP_LENGTH:
        return weir_run_length(op->rule, v);
    case WEIR_OP_PATTERN:
        return weir_pattern_matches(r, op->rule, v);
    case WEIR_OP_FORMAT:
        return run_format(r, op->rule, v);
    case WEIR_OP_CONTENT:
        return weir_run_content(r, op->rule, v);
    case WEIR_OP_BOUNDS:
        return weir_run_bounds(op->rule, v);
    case WEIR_OP_MULTIPLE_OF:
        return run_multiple(r, op->rule, v);
    case WEIR_OP_MEMBERS:
        return run_members(r, op->rule, v, track);
    case WEIR_OP_NAMES:
        return run_names(r, op->block, v);
    case WEIR_OP_DEPENDENT:
        return run_dependent(r, op->rule, v, track);
    case WEIR_OP_ITEMS:
        return run_items(r, op->rule, v, track);
    case WEIR_OP_CONTAINS:
        return run_contains(r, op->rule, v, track);
    case WEIR_OP_UNIQUE:
        return run_unique(r, v);
    case WEIR_OP_UNEVALUATED_PROPERTIES:
        return v->type != WEIR_OBJECT || run_unevaluated_properties(r, op->block, v, track);
    case WEIR_OP_UNEVALUATED_ITEMS:
        return v->type != WEIR_ARRAY || run_unevaluated_items(r, op->block, v, track);
    }
    return true;
}

static inline bool run_ops(weir_run *r, weir_op_list ops, const weir_value *v, weir_track *track)
{
    for (uint32_t i = 0; i < ops.count; i++) {
        if (!weir_run_op(r, &ops.first[i], v, track)) {
            return false;
        }
    }
    return true;
}

static bool run_lists(weir_run *r, const weir_block *b, const weir_value *v, weir_track *track)
{
    return run_ops(r, weir_ops_of(b, v), v, track) && run_ops(r, b->ops[WEIR_KIND_ANY], v, track);
}

/* A block with unevaluated*: what it sees is what is evaluated inside of it. */
static bool run_tracking(weir_run *r, const weir_block *b, const weir_value *v, weir_track *track)
{
    weir_track own;
    if (!weir_track_init(r, &own, v)) {
        return false;
    }
    bool holds = run_lists(r, b, v, &own) && run_ops(r, b->ops[WEIR_KIND_LAST], v, &own);
    if (holds && track) {
        weir_track_merge(track, &own);
    }
    weir_track_fini(&own);
    return holds;
}

static bool run_scoped(weir_run *r, const weir_block *b, const weir_value *v, weir_track *track)
{
    const weir_scope scope = {r->scope, b->resource}, *outer = r->scope;
    if (!outer || outer->resource != b->resource) {
        r->scope = &scope;
    }
    bool holds = b->tracks ? run_tracking(r, b, v, track) : run_lists(r, b, v, track);
    r->scope = outer;
    return holds;
}

bool weir_run_block(weir_run *r, uint32_t block, const weir_value *v, weir_track *track)
{
    const weir_plan *plans = r->schema->plans;
    return plans && !track ? weir_run_plan(r, &plans[block], v)
                           : weir_run_block_as_is(r, block, v, track);
}

bool weir_run_block_as_is(weir_run *r, uint32_t block, const weir_value *v, weir_track *track)
{
    const weir_block *b = &r->schema->fast[block];
    if (!weir_types_allow(b->types, v)) {
        return false;
    }
    if (b->simple) {
        return true;
    }
    if (UNLIKELY(--r->steps <= 0 || r->depth == WEIR_EVALUATE_DEPTH)) {
        return weir_run_give_up(r, WEIR_E_SCHEMA_LIMIT);
    }
    r->depth++;
    bool holds = UNLIKELY(r->schema->dynamic) ? run_scoped(r, b, v, track)
                 : UNLIKELY(b->tracks)        ? run_tracking(r, b, v, track)
                                              : run_lists(r, b, v, track);
    r->depth--;
    return holds;
}
