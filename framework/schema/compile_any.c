/* Keywords for any value: type, enum, const, references, and the applicators in place. */
#include "schema/compiler.h"
#include "schema/equal.h"

static weir_status invalid(weir_making *m, weir_keyword k, const char *takes)
{
    return weir_compiler_refuse(m->c, weir_making_node(m, m->keywords[k]), WEIR_E_SCHEMA_INVALID,
        "%s takes %s", weir_keywords[k].name, takes);
}

/* ---- type ----------------------------------------------------------------------------------- */

static bool add_type(weir_making *m, const weir_value *name)
{
    static const struct {
        const char *name;
        uint16_t types;
    } known[] = {{"null", 1 << WEIR_NULL}, {"boolean", 1 << WEIR_BOOL},
        {"number", 1 << WEIR_INT | 1 << WEIR_NUMBER}, {"integer", 1 << WEIR_INT | WEIR_INTEGRAL},
        {"string", 1 << WEIR_STRING | 1 << WEIR_BYTES}, {"array", 1 << WEIR_ARRAY},
        {"object", 1 << WEIR_OBJECT}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (weir_string_is(name, weir_view_of(known[i].name))) {
            m->types |= known[i].types;
            return true;
        }
    }
    return false;
}

static weir_status compile_type(weir_making *m)
{
    const weir_value *type = m->keywords[WEIR_KW_TYPE];
    if (!type) {
        return WEIR_OK;
    }
    bool good = true;
    m->types = 0;
    if (type->type == WEIR_ARRAY) {
        WEIR_EACH_ITEM(type, name)
        {
            good = good && add_type(m, name);
        }
    } else {
        good = add_type(m, type);
    }
    if (m->types & 1 << WEIR_NUMBER || m->resource->dialect.draft == WEIR_DRAFT_4) {
        m->types &= (uint16_t)~WEIR_INTEGRAL; /* draft 4: 1.0 is no integer */
    }
    return good ? WEIR_OK
                : invalid(m, WEIR_KW_TYPE,
                      "null, boolean, integer, number, string, array, object, or a list of such");
}

/* ---- enum and const ------------------------------------------------------------------------- */

static uint16_t type_bits(const weir_value *v)
{
    bool number = v->type == WEIR_INT || v->type == WEIR_NUMBER;
    return (uint16_t)(number ? 1 << WEIR_INT | 1 << WEIR_NUMBER : 1 << v->type);
}

static void add_value(weir_enum_rule *rule, const weir_value **slots, uint64_t *hashes,
    const weir_value *v, bool hashed)
{
    uint64_t hash = weir_value_hash(v);
    uint32_t at = (uint32_t)hash & rule->mask;
    rule->types |= type_bits(v);
    while (slots[at]) {
        if (hashed && hashes[at] == hash) {
            int64_t steps = 1000000;
            if (weir_equal(slots[at], v, &steps)) {
                return;
            }
        }
        at = (at + 1) & rule->mask;
    }
    slots[at] = v;
    hashes[at] = hash;
}

static weir_status compile_values(weir_making *m, const weir_value *list, bool is_const)
{
    uint32_t count = is_const ? 1 : list->len, size = 2;
    while (size < 2 * count) {
        size *= 2;
    }
    weir_enum_rule *rule = weir_making_alloc(m, sizeof *rule);
    const weir_value **slots = weir_making_alloc(m, size * sizeof *slots);
    uint64_t *hashes = weir_making_alloc(m, size * sizeof *hashes);
    if (!rule || !slots || !hashes) {
        return weir_compiler_oom(m->c);
    }
    *rule = (weir_enum_rule){slots, hashes, size - 1, 0, is_const, list};
    if (is_const) {
        add_value(rule, slots, hashes, list, false);
    } else {
        WEIR_EACH_ITEM(list, item)
        {
            add_value(rule, slots, hashes, item, true);
        }
    }
    weir_making_put(m, WEIR_KIND_ANY,
        (weir_schema_op){
            .code = WEIR_OP_ENUM, .keyword = is_const ? "const" : "enum", .rule = rule});
    return WEIR_OK;
}

static weir_status compile_enum(weir_making *m)
{
    const weir_value *list = m->keywords[WEIR_KW_ENUM], *value = m->keywords[WEIR_KW_CONST];
    weir_status s = WEIR_OK;
    if (list && list->type != WEIR_ARRAY) {
        return invalid(m, WEIR_KW_ENUM, "a list of values");
    }
    if (list) {
        s = compile_values(m, list, false);
    }
    return s || !value ? s : compile_values(m, value, true);
}

/* ---- references ----------------------------------------------------------------------------- */

static weir_status compile_ref(weir_making *m)
{
    const weir_value *ref = m->keywords[WEIR_KW_REF];
    weir_node to;
    uint32_t block;
    if (!ref) {
        return WEIR_OK;
    }
    weir_status s = weir_compiler_follow(m->c, m->node, ref, &to);
    s = s ? s : weir_compiler_block(m->c, to, &block);
    if (!s) {
        weir_making_put(m, WEIR_KIND_ANY,
            (weir_schema_op){.code = WEIR_OP_REF, .keyword = "$ref", .block = block});
    }
    return s;
}

/* It leads where its name is; where that is a dynamic anchor, the dynamic scope decides. */
static weir_status compile_dynamic(weir_making *m, weir_keyword k, weir_view name)
{
    weir_node to;
    uint32_t block = 0;
    weir_compiler *c = m->c;
    weir_status s = weir_compiler_follow(c, m->node, m->keywords[k], &to);
    s = s ? s : weir_compiler_block(c, to, &block);
    if (s) {
        return s;
    }
    const weir_anchor *a =
        name.ptr ? weir_compiler_anchor(c, weir_compiler_resource(c, to), name) : NULL;
    if (c->s->arena.failed) {
        return weir_compiler_oom(c);
    }
    bool dynamic = a && a->dynamic && a->at == to.at;
    c->s->dynamic |= dynamic;
    weir_making_put(m, WEIR_KIND_ANY,
        (weir_schema_op){.code = dynamic ? WEIR_OP_DYNAMIC_REF : WEIR_OP_REF,
            .keyword = weir_keywords[k].name,
            .block = block,
            .count = dynamic ? a->dynamic->name_id : 0});
    return WEIR_OK;
}

static weir_status compile_dynamic_refs(weir_making *m)
{
    const weir_value *ref = m->keywords[WEIR_KW_DYNAMIC_REF];
    weir_status s = WEIR_OK;
    if (m->keywords[WEIR_KW_RECURSIVE_REF]) {
        s = compile_dynamic(m, WEIR_KW_RECURSIVE_REF, weir_view_of(""));
    }
    if (s || !ref) {
        return s;
    }
    const char *hash = memchr(ref->at, '#', ref->len);
    weir_view name = {NULL, 0};
    if (weir_is(ref, WEIR_STRING) && hash && hash[1] != '/') {
        name = weir_view_make(hash + 1, ref->len - (size_t)(hash + 1 - ref->at));
    }
    return compile_dynamic(m, WEIR_KW_DYNAMIC_REF, name);
}

/* ---- applicators ---------------------------------------------------------------------------- */

static weir_status compile_list(weir_making *m, weir_keyword k, weir_op_code code)
{
    const weir_value *list = m->keywords[k];
    if (!list) {
        return WEIR_OK;
    }
    if (list->type != WEIR_ARRAY || !list->len) {
        return invalid(m, k, "a list of schemas, one at least");
    }
    weir_block_list *rule = weir_making_alloc(m, sizeof *rule);
    uint32_t *blocks = weir_making_alloc(m, list->len * sizeof *blocks);
    if (!rule || !blocks) {
        return weir_compiler_oom(m->c);
    }
    *rule = (weir_block_list){blocks, list->len};
    weir_status s = WEIR_OK;
    WEIR_EACH_ITEM(list, item)
    {
        s = s ? s : weir_making_block(m, item, blocks++);
    }
    weir_making_put(m, WEIR_KIND_ANY,
        (weir_schema_op){.code = (uint16_t)code, .keyword = weir_keywords[k].name, .rule = rule});
    return s;
}

static weir_status compile_not(weir_making *m)
{
    uint32_t block;
    if (!m->keywords[WEIR_KW_NOT]) {
        return WEIR_OK;
    }
    weir_status s = weir_making_block(m, m->keywords[WEIR_KW_NOT], &block);
    if (!s) {
        weir_making_put(m, WEIR_KIND_ANY,
            (weir_schema_op){.code = WEIR_OP_NOT, .keyword = "not", .block = block});
    }
    return s;
}

static weir_status compile_if(weir_making *m)
{
    const weir_value *condition = m->keywords[WEIR_KW_IF], *then = m->keywords[WEIR_KW_THEN],
                     *otherwise = m->keywords[WEIR_KW_ELSE];
    if (!condition) {
        return WEIR_OK;
    }
    weir_if_rule *rule = weir_making_alloc(m, sizeof *rule);
    if (!rule) {
        return weir_compiler_oom(m->c);
    }
    *rule = (weir_if_rule){WEIR_NO_BLOCK, WEIR_NO_BLOCK, WEIR_NO_BLOCK};
    weir_status s = weir_making_block(m, condition, &rule->condition);
    if (!s && then) {
        s = weir_making_block(m, then, &rule->then);
    }
    if (!s && otherwise) {
        s = weir_making_block(m, otherwise, &rule->otherwise);
    }
    weir_making_put(
        m, WEIR_KIND_ANY, (weir_schema_op){.code = WEIR_OP_IF, .keyword = "if", .rule = rule});
    return s;
}

weir_status weir_compile_any(weir_making *m)
{
    weir_status s = compile_type(m);
    s = s ? s : compile_enum(m);
    s = s ? s : compile_ref(m);
    m->resource = &m->c->s->resources[m->c->s->blocks[m->block].resource];
    s = s ? s : compile_dynamic_refs(m);
    m->resource = &m->c->s->resources[m->c->s->blocks[m->block].resource];
    s = s ? s : compile_list(m, WEIR_KW_ALL_OF, WEIR_OP_ALL_OF);
    s = s ? s : compile_list(m, WEIR_KW_ANY_OF, WEIR_OP_ANY_OF);
    s = s ? s : compile_list(m, WEIR_KW_ONE_OF, WEIR_OP_ONE_OF);
    s = s ? s : compile_not(m);
    return s ? s : compile_if(m);
}
