/* Keywords for objects. */
#include "schema/compiler.h"
#include "value/text.h"

static weir_status invalid(
    weir_making *m, const weir_value *at, const char *keyword, const char *takes)
{
    return weir_compiler_refuse(
        m->c, weir_making_node(m, at), WEIR_E_SCHEMA_INVALID, "%s takes %s", keyword, takes);
}

static bool expects(const weir_value *v, weir_value_type type)
{
    return !v || v->type == type;
}

/* ---- properties and required ---------------------------------------------------------------- */

enum { MOST_PROPERTIES = 32767 };

/* The slot of a name, or the free one where it belongs. */
static uint16_t *slot_of(
    const weir_members_rule *rule, uint16_t *slots, weir_view name, uint16_t hash)
{
    uint32_t at = hash & rule->mask;
    while (slots[at]) {
        const weir_property *p = &rule->properties[slots[at] - 1];
        if (p->hash == hash && weir_view_eq(weir_view_make(p->name, p->len), name)) {
            break;
        }
        at = (at + 1) & rule->mask;
    }
    return &slots[at];
}

/* The property of a name; it is added where it is new. */
static weir_property *property(weir_making *m, weir_members_rule *rule, const weir_value *name)
{
    weir_view text = weir_string(name, &m->c->s->arena);
    if (!text.ptr) {
        return NULL;
    }
    uint16_t hash = weir_name_hash(text);
    uint16_t *slot = slot_of(rule, (uint16_t *)(uintptr_t)rule->slots, text, hash);
    if (!*slot) {
        rule->properties[rule->count] = (weir_property){
            .name = text.ptr, .len = (uint32_t)text.len, .hash = hash, .block = WEIR_BLOCK_TRUE};
        *slot = (uint16_t)++rule->count;
    }
    return &rule->properties[*slot - 1];
}

static weir_status make_table(weir_making *m, weir_members_rule *rule, uint32_t most)
{
    uint32_t size = 4;
    while (size < 2 * most) {
        size *= 2;
    }
    if (most > MOST_PROPERTIES) {
        return weir_compiler_refuse(
            m->c, m->node, WEIR_E_SCHEMA_LIMIT, "more than 32,767 properties of one object");
    }
    rule->properties = weir_making_alloc(m, (most + 1) * sizeof *rule->properties);
    rule->slots = weir_making_alloc(m, size * sizeof *rule->slots);
    rule->mask = size - 1;
    return rule->properties && rule->slots ? WEIR_OK : weir_compiler_oom(m->c);
}

static weir_status compile_required(weir_making *m, weir_members_rule *rule)
{
    const weir_value *required = m->keywords[WEIR_KW_REQUIRED];
    WEIR_EACH_ITEM(required, name)
    {
        if (name->type != WEIR_STRING) {
            return invalid(m, name, "required", "a list of names");
        }
        weir_property *p = property(m, rule, name);
        if (!p) {
            return weir_compiler_oom(m->c);
        }
        rule->required += !p->required;
        p->required = true;
    }
    return WEIR_OK;
}

static weir_status compile_properties(weir_making *m, weir_members_rule *rule)
{
    const weir_value *properties = m->keywords[WEIR_KW_PROPERTIES],
                     *required = m->keywords[WEIR_KW_REQUIRED];
    if (!expects(properties, WEIR_OBJECT)) {
        return invalid(m, properties, "properties", "an object of schemas");
    }
    if (!expects(required, WEIR_ARRAY)) {
        return invalid(m, required, "required", "a list of names");
    }
    uint64_t most = (properties ? properties->len : 0) + (uint64_t)(required ? required->len : 0);
    weir_status s = make_table(m, rule, most < UINT32_MAX / 4 ? (uint32_t)most : UINT32_MAX / 4);
    if (s || !properties) {
        return s || !required ? s : compile_required(m, rule);
    }
    WEIR_EACH_MEMBER(properties, name, value)
    {
        weir_property *p = property(m, rule, name);
        s = p ? weir_making_block(m, value, &p->block) : weir_compiler_oom(m->c);
        if (s) {
            return s;
        }
        p->declared = true;
    }
    return required ? compile_required(m, rule) : WEIR_OK;
}

static weir_status compile_patterns(weir_making *m, weir_members_rule *rule)
{
    const weir_value *patterns = m->keywords[WEIR_KW_PATTERN_PROPERTIES];
    if (!patterns) {
        return WEIR_OK;
    }
    if (patterns->type != WEIR_OBJECT) {
        return invalid(m, patterns, "patternProperties", "an object of schemas");
    }
    weir_pattern_property *all = weir_making_alloc(m, patterns->len * sizeof *all);
    if (!all) {
        return weir_compiler_oom(m->c);
    }
    rule->patterns = all;
    rule->n_patterns = patterns->len;
    weir_status s = WEIR_OK;
    WEIR_EACH_MEMBER(patterns, name, value)
    {
        weir_view text = weir_string(name, &m->c->s->arena);
        if (!text.ptr) {
            return weir_compiler_oom(m->c);
        }
        s = s ? s : weir_compile_regex(m, weir_making_node(m, name), text, &all->pattern);
        s = s ? s : weir_making_block(m, value, &all->block);
        all++;
    }
    return s;
}

static weir_status compile_members(weir_making *m)
{
    static const weir_keyword ours[] = {WEIR_KW_PROPERTIES, WEIR_KW_REQUIRED,
        WEIR_KW_PATTERN_PROPERTIES, WEIR_KW_ADDITIONAL_PROPERTIES, WEIR_KW_MIN_PROPERTIES,
        WEIR_KW_MAX_PROPERTIES};
    bool any = false;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        any |= m->keywords[ours[i]] != NULL;
    }
    if (!any) {
        return WEIR_OK;
    }
    weir_members_rule *rule = weir_making_alloc(m, sizeof *rule);
    if (!rule) {
        return weir_compiler_oom(m->c);
    }
    const weir_value *additional = m->keywords[WEIR_KW_ADDITIONAL_PROPERTIES];
    rule->additional = WEIR_NO_BLOCK;
    rule->marks_all = additional != NULL;
    weir_status s = compile_properties(m, rule);
    s = s ? s : compile_patterns(m, rule);
    if (!s && additional) {
        s = weir_making_block(m, additional, &rule->additional);
    }
    s = s ? s : weir_making_count(m, WEIR_KW_MIN_PROPERTIES, 0, &rule->least);
    s = s ? s : weir_making_count(m, WEIR_KW_MAX_PROPERTIES, UINT32_MAX, &rule->most);
    weir_making_put(m, WEIR_KIND_OBJECT,
        (weir_schema_op){.code = WEIR_OP_MEMBERS, .keyword = "properties", .rule = rule});
    return s;
}

/* ---- dependencies --------------------------------------------------------------------------- */

static weir_status compile_names(weir_making *m, const weir_value *list, weir_dependency *d)
{
    weir_view *names = weir_making_alloc(m, list->len * sizeof *names);
    if (!names) {
        return weir_compiler_oom(m->c);
    }
    d->required = names;
    d->n_required = list->len;
    WEIR_EACH_ITEM(list, name)
    {
        if (name->type != WEIR_STRING) {
            return invalid(m, name, d->keyword, "lists of names");
        }
        *names = weir_string(name, &m->c->s->arena);
        if (!names->ptr) {
            return weir_compiler_oom(m->c);
        }
        names++;
    }
    return WEIR_OK;
}

static weir_status compile_dependencies(weir_making *m, weir_keyword k)
{
    const weir_value *map = m->keywords[k];
    if (!map) {
        return WEIR_OK;
    }
    if (map->type != WEIR_OBJECT) {
        return invalid(m, map, weir_keywords[k].name, "an object");
    }
    weir_dependent_rule *rule = weir_making_alloc(m, sizeof *rule);
    weir_dependency *d = weir_making_alloc(m, map->len * sizeof *d);
    if (!rule || !d) {
        return weir_compiler_oom(m->c);
    }
    *rule = (weir_dependent_rule){d, map->len};
    weir_making_put(m, WEIR_KIND_OBJECT,
        (weir_schema_op){
            .code = WEIR_OP_DEPENDENT, .keyword = weir_keywords[k].name, .rule = rule});
    weir_status s = WEIR_OK;
    WEIR_EACH_MEMBER(map, name, value)
    {
        bool names = value->type == WEIR_ARRAY && k != WEIR_KW_DEPENDENT_SCHEMAS;
        d->name = weir_string(name, &m->c->s->arena);
        d->block = WEIR_NO_BLOCK;
        d->keyword = weir_keywords[k].name;
        if (!d->name.ptr) {
            return weir_compiler_oom(m->c);
        }
        if (!names && k == WEIR_KW_DEPENDENT_REQUIRED) {
            return invalid(m, value, d->keyword, "lists of names");
        }
        s = s ? s : names ? compile_names(m, value, d) : weir_making_block(m, value, &d->block);
        d++;
    }
    return s;
}

weir_status weir_compile_object(weir_making *m)
{
    weir_status s = compile_members(m);
    uint32_t block;
    if (!s && m->keywords[WEIR_KW_PROPERTY_NAMES]) {
        s = weir_making_block(m, m->keywords[WEIR_KW_PROPERTY_NAMES], &block);
        weir_making_put(m, WEIR_KIND_OBJECT,
            (weir_schema_op){.code = WEIR_OP_NAMES, .keyword = "propertyNames", .block = block});
    }
    s = s ? s : compile_dependencies(m, WEIR_KW_DEPENDENT_REQUIRED);
    s = s ? s : compile_dependencies(m, WEIR_KW_DEPENDENT_SCHEMAS);
    return s ? s : compile_dependencies(m, WEIR_KW_DEPENDENCIES);
}
