/* Keywords for arrays. */
#include "schema/compiler.h"

static weir_status invalid(weir_making *m, weir_keyword k, const char *takes)
{
    return weir_compiler_refuse(m->c, weir_making_node(m, m->keywords[k]), WEIR_E_SCHEMA_INVALID,
        "%s takes %s", weir_keywords[k].name, takes);
}

static weir_status compile_prefix(weir_making *m, const weir_value *list, weir_items_rule *rule)
{
    uint32_t *blocks = weir_making_alloc(m, list->len * sizeof *blocks);
    if (!blocks) {
        return weir_compiler_oom(m->c);
    }
    rule->prefix = (weir_block_list){blocks, list->len};
    weir_status s = WEIR_OK;
    WEIR_EACH_ITEM(list, item)
    {
        s = s ? s : weir_making_block(m, item, blocks++);
    }
    return s;
}

/* prefixItems and items since 2020-12; items and additionalItems before. */
static weir_status compile_item_schemas(weir_making *m, weir_items_rule *rule)
{
    const weir_value *items = m->keywords[WEIR_KW_ITEMS];
    const weir_value *prefix = m->keywords[WEIR_KW_PREFIX_ITEMS], *rest = items;
    rule->prefix_keyword = "prefixItems";
    rule->rest_keyword = "items";
    if (m->resource->dialect.draft < WEIR_DRAFT_2020_12 && weir_is(items, WEIR_ARRAY)) {
        prefix = items;
        rest = m->keywords[WEIR_KW_ADDITIONAL_ITEMS];
        rule->prefix_keyword = "items";
        rule->rest_keyword = "additionalItems";
    }
    weir_status s = WEIR_OK;
    if (prefix && prefix->type != WEIR_ARRAY) {
        return invalid(m, WEIR_KW_PREFIX_ITEMS, "a list of schemas");
    }
    if (prefix) {
        s = compile_prefix(m, prefix, rule);
    }
    return s || !rest ? s : weir_making_block(m, rest, &rule->rest);
}

static weir_status compile_items(weir_making *m)
{
    if (!m->keywords[WEIR_KW_ITEMS] && !m->keywords[WEIR_KW_PREFIX_ITEMS] &&
        !m->keywords[WEIR_KW_MIN_ITEMS] && !m->keywords[WEIR_KW_MAX_ITEMS]) {
        return WEIR_OK;
    }
    weir_items_rule *rule = weir_making_alloc(m, sizeof *rule);
    if (!rule) {
        return weir_compiler_oom(m->c);
    }
    rule->rest = WEIR_NO_BLOCK;
    weir_status s = compile_item_schemas(m, rule);
    s = s ? s : weir_making_count(m, WEIR_KW_MIN_ITEMS, 0, &rule->least);
    s = s ? s : weir_making_count(m, WEIR_KW_MAX_ITEMS, UINT32_MAX, &rule->most);
    weir_making_put(m, WEIR_KIND_ARRAY,
        (weir_schema_op){.code = WEIR_OP_ITEMS, .keyword = "items", .rule = rule});
    return s;
}

static weir_status compile_contains(weir_making *m)
{
    if (!m->keywords[WEIR_KW_CONTAINS]) {
        return WEIR_OK;
    }
    weir_contains_rule *rule = weir_making_alloc(m, sizeof *rule);
    if (!rule) {
        return weir_compiler_oom(m->c);
    }
    rule->marks = m->resource->dialect.draft >= WEIR_DRAFT_2020_12;
    weir_status s = weir_making_block(m, m->keywords[WEIR_KW_CONTAINS], &rule->block);
    s = s ? s : weir_making_count(m, WEIR_KW_MIN_CONTAINS, 1, &rule->least);
    s = s ? s : weir_making_count(m, WEIR_KW_MAX_CONTAINS, UINT32_MAX, &rule->most);
    weir_making_put(m, WEIR_KIND_ARRAY,
        (weir_schema_op){.code = WEIR_OP_CONTAINS, .keyword = "contains", .rule = rule});
    return s;
}

static weir_status compile_unevaluated(weir_making *m, weir_keyword k, weir_op_code code)
{
    uint32_t block;
    if (!m->keywords[k]) {
        return WEIR_OK;
    }
    weir_status s = weir_making_block(m, m->keywords[k], &block);
    if (!s) {
        weir_making_put(m, WEIR_KIND_LAST,
            (weir_schema_op){
                .code = (uint16_t)code, .keyword = weir_keywords[k].name, .block = block});
    }
    return s;
}

weir_status weir_compile_array(weir_making *m)
{
    const weir_value *unique = m->keywords[WEIR_KW_UNIQUE_ITEMS];
    weir_status s = compile_items(m);
    s = s ? s : compile_contains(m);
    if (!s && unique && unique->type != WEIR_BOOL) {
        s = invalid(m, WEIR_KW_UNIQUE_ITEMS, "true or false");
    }
    if (!s && unique && (unique->flags & WEIR_TRUE)) {
        weir_making_put(
            m, WEIR_KIND_ARRAY, (weir_schema_op){.code = WEIR_OP_UNIQUE, .keyword = "uniqueItems"});
    }
    s = s ? s
          : compile_unevaluated(m, WEIR_KW_UNEVALUATED_PROPERTIES, WEIR_OP_UNEVALUATED_PROPERTIES);
    return s ? s : compile_unevaluated(m, WEIR_KW_UNEVALUATED_ITEMS, WEIR_OP_UNEVALUATED_ITEMS);
}
