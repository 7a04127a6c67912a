/* What is said about each operation that fails. See explain.h. */
#include <stdio.h>
#include <string.h>

#include "schema/explain.h"
#include "value/json.h"
#include "value/utf8.h"

#define NOT_ALLOWED "is not allowed: the schema is false"

typedef struct excerpt {
    char text[84];
} excerpt;

/* A value as a few words of a sentence. */
static excerpt show(const weir_value *v)
{
    enum { MOST = 60 };
    excerpt x;
    if (v->type == WEIR_ARRAY || v->type == WEIR_OBJECT) {
        if (v->span <= MOST) {
            weir_view s = weir_source(v);
            bool lines = memchr(s.ptr, '\n', s.len) != NULL;
            if (!lines) {
                snprintf(x.text, sizeof x.text, "%.*s", WEIR_ARG(s));
                return x;
            }
        }
        snprintf(x.text, sizeof x.text, "an %s of %u", v->type == WEIR_ARRAY ? "array" : "object",
            v->len);
        return x;
    }
    weir_view s = weir_source(v);
    size_t len = s.len < MOST ? s.len : MOST;
    while (len < s.len && len && weir_utf8_tail(s.ptr[len])) {
        len--;
    }
    snprintf(x.text, sizeof x.text, "%.*s%s", (int)len, s.ptr, len < s.len ? "…" : "");
    return x;
}

static weir_view name_of(weir_explainer *e, const weir_value *name)
{
    weir_view text = weir_string(name, e->arena);
    e->out_of_memory |= !text.ptr;
    return text.ptr ? text : weir_view_of("");
}

/* A subschema of a keyword, at the same value, below "keyword" or "keyword/index". */
static weir_schema_unit *child_in_place(weir_explainer *e, weir_unit_maker *m,
    const weir_schema_op *op, const weir_value *v, uint32_t block, int64_t index)
{
    size_t back = weir_path_push(&e->evaluation, weir_view_of(op->keyword));
    if (index >= 0) {
        weir_path_push_index(&e->evaluation, (uint32_t)index);
    }
    weir_schema_unit *unit = weir_unit_child(e, m, block, v, op->keyword, NOT_ALLOWED);
    weir_path_back(&e->evaluation, back);
    return unit;
}

/* ---- any value ------------------------------------------------------------------------------ */

static void put_values(weir_buf *b, const weir_enum_rule *rule)
{
    uint32_t shown = 0;
    WEIR_EACH_ITEM(rule->source, item)
    {
        if (shown == 8) {
            weir_buf_printf(b, ", … (%u in all)", rule->source->len);
            break;
        }
        weir_buf_printf(b, "%s%s", shown++ ? ", " : "", show(item).text);
    }
}

static void describe_enum(weir_explainer *e, weir_unit_maker *m, const weir_schema_op *op,
    const weir_enum_rule *rule, const weir_value *v)
{
    if (rule->is_const) {
        weir_unit_fail(
            e, m, op->keyword, "is %s, must be %s", show(v).text, show(rule->source).text);
        return;
    }
    weir_buf values = {0};
    put_values(&values, rule);
    weir_unit_fail(
        e, m, op->keyword, "is %s, must be one of %s", show(v).text, weir_buf_str(&values));
    e->out_of_memory |= values.failed;
    weir_buf_fini(&values);
}

/* How far a branch is from holding: the lower, the nearer. A wrong type says that another branch
 * was meant, and so does a wrong constant, by which branches are mostly told apart. */
static int distance(const weir_schema_unit *unit, int depth)
{
    int sum = 0;
    for (const weir_schema_failure *f = unit->failures; f; f = f->next) {
        bool type = strcmp(f->keyword, "type") == 0;
        bool constant = strcmp(f->keyword, "const") == 0 || strcmp(f->keyword, "enum") == 0;
        sum += type && !depth ? 100000 : constant && depth <= 1 ? 10000 : 100 / (depth + 1) + 1;
    }
    for (const weir_schema_unit *c = unit->children; c && sum < 1000000; c = c->next) {
        bool deeper = c->instance.len > unit->instance.len;
        sum += c->branch && !c->nearest ? 0 : distance(c, depth + deeper);
    }
    return sum;
}

static void describe_branches(weir_explainer *e, weir_unit_maker *m, const weir_schema_op *op,
    const weir_block_list *list, const weir_value *v)
{
    weir_schema_unit *nearest = NULL;
    int least = 0;
    for (uint32_t i = 0; i < list->count && !e->run.stopped && !e->full; i++) {
        weir_schema_unit *unit = child_in_place(e, m, op, v, list->blocks[i], i);
        if (!unit) {
            return;
        }
        unit->branch = true;
        int d = distance(unit, 0);
        if (!nearest || d < least) {
            nearest = unit;
            least = d;
        }
    }
    if (nearest) {
        nearest->nearest = true;
    }
}

static void describe_any(weir_explainer *e, weir_unit_maker *m, const weir_schema_op *op,
    const weir_block_list *list, const weir_value *v)
{
    weir_unit_fail(e, m, op->keyword, "fits none of the %u alternatives", list->count);
    describe_branches(e, m, op, list, v);
}

static void describe_one(weir_explainer *e, weir_unit_maker *m, const weir_schema_op *op,
    const weir_block_list *list, const weir_value *v)
{
    uint32_t holds = 0, which[2] = {0, 0};
    for (uint32_t i = 0; i < list->count && holds < 2; i++) {
        if (weir_run_block(&e->run, list->blocks[i], v, NULL)) {
            which[holds++] = i;
        }
    }
    if (holds) {
        weir_unit_fail(e, m, op->keyword,
            "fits more than one of the %u alternatives: those at %u and %u", list->count, which[0],
            which[1]);
    } else {
        describe_any(e, m, op, list, v);
    }
}

static void describe_all(weir_explainer *e, weir_unit_maker *m, const weir_schema_op *op,
    const weir_block_list *list, const weir_value *v)
{
    for (uint32_t i = 0; i < list->count && !e->run.stopped; i++) {
        if (!weir_run_block(&e->run, list->blocks[i], v, NULL)) {
            child_in_place(e, m, op, v, list->blocks[i], i);
        }
    }
}

static void describe_if(
    weir_explainer *e, weir_unit_maker *m, const weir_if_rule *rule, const weir_value *v)
{
    bool then = weir_run_block(&e->run, rule->condition, v, NULL);
    weir_schema_op branch = {.keyword = then ? "then" : "else"};
    uint32_t block = then ? rule->then : rule->otherwise;
    if (block != WEIR_NO_BLOCK) {
        child_in_place(e, m, &branch, v, block, -1);
    }
}

/* ---- scalars -------------------------------------------------------------------------------- */

static void describe_length(
    weir_explainer *e, weir_unit_maker *m, const weir_length_rule *rule, const weir_value *v)
{
    uint32_t n = weir_length_of(v, UINT32_MAX);
    bool few = n < rule->least;
    weir_unit_fail(e, m, few ? "minLength" : "maxLength",
        "has %u characters, must have at %s %u: %s", n, few ? "least" : "most",
        few ? rule->least : rule->most, show(v).text);
}

static void describe_bound(
    weir_explainer *e, weir_unit_maker *m, const weir_bound *b, bool least, const weir_value *v)
{
    const char *words =
        least ? (b->exclusive ? "above" : "at least") : (b->exclusive ? "below" : "at most");
    int len = b->text.len < 60 ? (int)b->text.len : 60;
    weir_unit_fail(
        e, m, b->keyword, "is %s, must be %s %.*s", show(v).text, words, len, b->text.ptr);
}

static void describe_bounds(
    weir_explainer *e, weir_unit_maker *m, const weir_bounds_rule *rule, const weir_value *v)
{
    if (rule->least.there && !weir_within(&rule->least, 1, v)) {
        describe_bound(e, m, &rule->least, true, v);
    }
    if (rule->most.there && !weir_within(&rule->most, -1, v)) {
        describe_bound(e, m, &rule->most, false, v);
    }
}

static void describe_pattern(
    weir_explainer *e, weir_unit_maker *m, const weir_pattern_rule *rule, const weir_value *v)
{
    int len = rule->source.len < 200 ? (int)rule->source.len : 200;
    weir_unit_fail(
        e, m, "pattern", "is %s, which does not match %.*s", show(v).text, len, rule->source.ptr);
}

static void describe_content(weir_explainer *e, weir_unit_maker *m, const weir_schema_op *op)
{
    const weir_content_rule *rule = op->rule;
    weir_unit_fail(e, m, op->keyword, "is not %s%s%s", rule->base64 ? "base64" : "",
        rule->base64 && rule->json ? " of " : "", rule->json ? "JSON as the schema wants it" : "");
}

/* ---- objects -------------------------------------------------------------------------------- */

/* A subschema at a member's value. token: behind the keyword; ptr NULL: none. */
static void child_of_member(weir_explainer *e, weir_unit_maker *m, const char *keyword,
    weir_view token, uint32_t block, const weir_value *name, const weir_value *value)
{
    const char *why = strcmp(keyword, "additionalProperties") == 0
                          ? "is not allowed: the schema has no such property"
                          : NOT_ALLOWED;
    size_t instance = weir_path_push(&e->instance, name_of(e, name));
    size_t back = weir_path_push(&e->evaluation, weir_view_of(keyword));
    if (token.ptr) {
        weir_path_push(&e->evaluation, token);
    }
    weir_unit_child(e, m, block, value, keyword, why);
    weir_path_back(&e->evaluation, back);
    weir_path_back(&e->instance, instance);
}

static void describe_member(weir_explainer *e, weir_unit_maker *m, const weir_members_rule *rule,
    const weir_value *name, const weir_value *value)
{
    const weir_property *p = weir_find_property(rule, name);
    bool declared = p && p->declared, matched = false;
    if (declared && !weir_run_block(&e->run, p->block, value, NULL)) {
        child_of_member(e, m, "properties", weir_view_make(p->name, p->len), p->block, name, value);
    }
    for (uint32_t i = 0; i < rule->n_patterns; i++) {
        const weir_pattern_property *pattern = &rule->patterns[i];
        if (weir_pattern_matches(&e->run, &pattern->pattern, name)) {
            matched = true;
            if (!weir_run_block(&e->run, pattern->block, value, NULL)) {
                child_of_member(e, m, "patternProperties", pattern->pattern.source, pattern->block,
                    name, value);
            }
        }
    }
    if (!declared && !matched && rule->additional != WEIR_NO_BLOCK &&
        !weir_run_block(&e->run, rule->additional, value, NULL)) {
        child_of_member(
            e, m, "additionalProperties", (weir_view){NULL, 0}, rule->additional, name, value);
    }
}

static void describe_missing(
    weir_explainer *e, weir_unit_maker *m, const weir_members_rule *rule, const weir_value *v)
{
    for (uint32_t i = 0; i < rule->count && rule->required && !e->full; i++) {
        const weir_property *p = &rule->properties[i];
        if (p->required && !weir_get(v, weir_view_make(p->name, p->len))) {
            weir_unit_fail(e, m, "required", "lacks the property \"%.*s\"",
                p->len < 200 ? (int)p->len : 200, p->name);
        }
        e->run.steps -= v->len / 8;
    }
}

static void describe_count(weir_explainer *e, weir_unit_maker *m, const char *const keywords[2],
    const char *what, uint32_t least, uint32_t most, uint32_t count)
{
    if (count < least || count > most) {
        bool few = count < least;
        weir_unit_fail(e, m, keywords[!few], "has %u %s, must have at %s %u", count, what,
            few ? "least" : "most", few ? least : most);
    }
}

static void describe_members(
    weir_explainer *e, weir_unit_maker *m, const weir_members_rule *rule, const weir_value *v)
{
    static const char *const counts[2] = {"minProperties", "maxProperties"};
    describe_missing(e, m, rule, v);
    describe_count(e, m, counts, "properties", rule->least, rule->most, v->len);
    WEIR_EACH_MEMBER(v, name, value)
    {
        if (!e->full && !e->run.stopped) {
            describe_member(e, m, rule, name, value);
        }
    }
}

static void describe_names(
    weir_explainer *e, weir_unit_maker *m, const weir_schema_op *op, const weir_value *v)
{
    WEIR_EACH_MEMBER(v, name, value)
    {
        if (!weir_run_block(&e->run, op->block, name, NULL)) {
            child_of_member(e, m, op->keyword, (weir_view){NULL, 0}, op->block, name, name);
        }
    }
}

static void describe_dependent(
    weir_explainer *e, weir_unit_maker *m, const weir_dependent_rule *rule, const weir_value *v)
{
    for (uint32_t i = 0; i < rule->count && !e->full; i++) {
        const weir_dependency *d = &rule->items[i];
        if (!weir_get(v, d->name)) {
            continue;
        }
        for (uint32_t k = 0; k < d->n_required; k++) {
            if (!weir_get(v, d->required[k])) {
                weir_unit_fail(e, m, d->keyword, "has \"%.*s\" but lacks \"%.*s\"",
                    WEIR_ARG(d->name), WEIR_ARG(d->required[k]));
            }
        }
        if (d->block != WEIR_NO_BLOCK && !weir_run_block(&e->run, d->block, v, NULL)) {
            size_t back = weir_path_push(&e->evaluation, weir_view_of(d->keyword));
            weir_path_push(&e->evaluation, d->name);
            weir_unit_child(e, m, d->block, v, d->keyword, NOT_ALLOWED);
            weir_path_back(&e->evaluation, back);
        }
    }
}

/* ---- arrays --------------------------------------------------------------------------------- */

static void child_of_item(weir_explainer *e, weir_unit_maker *m, const weir_items_rule *rule,
    const weir_value *item, uint32_t index)
{
    bool prefix = index < rule->prefix.count;
    const char *keyword = prefix ? rule->prefix_keyword : rule->rest_keyword;
    size_t instance = weir_path_push_index(&e->instance, index);
    size_t back = weir_path_push(&e->evaluation, weir_view_of(keyword));
    if (prefix) {
        weir_path_push_index(&e->evaluation, index);
    }
    weir_unit_child(e, m, prefix ? rule->prefix.blocks[index] : rule->rest, item, keyword,
        "is not allowed: the schema has no such item");
    weir_path_back(&e->evaluation, back);
    weir_path_back(&e->instance, instance);
}

static void describe_items(
    weir_explainer *e, weir_unit_maker *m, const weir_items_rule *rule, const weir_value *v)
{
    static const char *const counts[2] = {"minItems", "maxItems"};
    uint32_t i = 0;
    describe_count(e, m, counts, "items", rule->least, rule->most, v->len);
    WEIR_EACH_ITEM(v, item)
    {
        uint32_t block = i < rule->prefix.count ? rule->prefix.blocks[i] : rule->rest;
        if (block != WEIR_NO_BLOCK && !weir_run_block(&e->run, block, item, NULL)) {
            child_of_item(e, m, rule, item, i);
        }
        i++;
        if (e->full || e->run.stopped) {
            break;
        }
    }
}

static void describe_contains(
    weir_explainer *e, weir_unit_maker *m, const weir_contains_rule *rule, const weir_value *v)
{
    uint32_t found = 0;
    WEIR_EACH_ITEM(v, item)
    {
        found += weir_run_block(&e->run, rule->block, item, NULL);
    }
    bool few = found < rule->least;
    const char *keyword = !few ? "maxContains" : rule->least == 1 ? "contains" : "minContains";
    weir_unit_fail(e, m, keyword, "has %u items that fit, must have at %s %u", found,
        few ? "least" : "most", few ? rule->least : rule->most);
}

static uint32_t position_of(const weir_value *array, const weir_value *wanted)
{
    uint32_t i = 0;
    WEIR_EACH_ITEM(array, item)
    {
        if (item == wanted) {
            break;
        }
        i++;
    }
    return i;
}

static void describe_unique(weir_explainer *e, weir_unit_maker *m, const weir_value *v)
{
    const weir_value *first = NULL, *second = weir_find_duplicate(&e->run, v, &first);
    if (second) {
        weir_unit_fail(e, m, "uniqueItems", "has equal items at %u and %u: %s",
            position_of(v, first), position_of(v, second), show(second).text);
    }
}

/* ---- operations ----------------------------------------------------------------------------- */

static void describe_other(
    weir_explainer *e, weir_unit_maker *m, const weir_schema_op *op, const weir_value *v)
{
    const weir_multiple_rule *multiple = op->rule;
    const weir_format *format = op->rule;
    switch (op->code) {
    case WEIR_OP_MULTIPLE_OF:
        weir_unit_fail(e, m, "multipleOf", "is %s, must be a multiple of %.*s", show(v).text,
            multiple->text.len < 60 ? (int)multiple->text.len : 60, multiple->text.ptr);
        break;
    case WEIR_OP_FORMAT:
        weir_unit_fail(e, m, "format", "is %s, which is no %s", show(v).text, format->name);
        break;
    case WEIR_OP_NOT:
        weir_unit_fail(e, m, "not", "is %s, which the schema excludes", show(v).text);
        break;
    case WEIR_OP_CONTENT:
        describe_content(e, m, op);
        break;
    case WEIR_OP_UNIQUE:
        describe_unique(e, m, v);
        break;
    case WEIR_OP_REF:
        child_in_place(e, m, op, v, op->block, -1);
        break;
    case WEIR_OP_DYNAMIC_REF:
        child_in_place(e, m, op, v, weir_dynamic_target(&e->run, op), -1);
        break;
    default: /* unevaluated*: explain.c */
        break;
    }
}

void weir_describe(
    weir_explainer *e, weir_unit_maker *m, const weir_schema_op *op, const weir_value *v)
{
    switch ((weir_op_code)op->code) {
    case WEIR_OP_ENUM:
        describe_enum(e, m, op, op->rule, v);
        break;
    case WEIR_OP_ALL_OF:
        describe_all(e, m, op, op->rule, v);
        break;
    case WEIR_OP_ANY_OF:
        describe_any(e, m, op, op->rule, v);
        break;
    case WEIR_OP_ONE_OF:
        describe_one(e, m, op, op->rule, v);
        break;
    case WEIR_OP_IF:
        describe_if(e, m, op->rule, v);
        break;
    case WEIR_OP_LENGTH:
        describe_length(e, m, op->rule, v);
        break;
    case WEIR_OP_PATTERN:
        describe_pattern(e, m, op->rule, v);
        break;
    case WEIR_OP_BOUNDS:
        describe_bounds(e, m, op->rule, v);
        break;
    case WEIR_OP_MEMBERS:
        describe_members(e, m, op->rule, v);
        break;
    case WEIR_OP_NAMES:
        describe_names(e, m, op, v);
        break;
    case WEIR_OP_DEPENDENT:
        describe_dependent(e, m, op->rule, v);
        break;
    case WEIR_OP_ITEMS:
        describe_items(e, m, op->rule, v);
        break;
    case WEIR_OP_CONTAINS:
        describe_contains(e, m, op->rule, v);
        break;
    default:
        describe_other(e, m, op, v);
    }
}
