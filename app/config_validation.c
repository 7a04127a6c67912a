/* Entries of `validation`: what no single key of them shows to be wrong. */
#include <stdio.h>

#include "config_load.h"
#include "config_node.h"
#include "config_value.h"

void weir_config_number_of(
    const weir_config_loader *loader, const weir_config_validation *v, char out[24])
{
    snprintf(out, 24, "%td", v - loader->config->validations.items + 1);
}

/* Exactly one of three keys is written. */
static bool has_one(const weir_config_loader *loader, const weir_config_scope *item,
    const weir_config_validation *v, const char *const keys[3])
{
    int n = 0;
    for (int i = 0; i < 3; i++) {
        bool off = strcmp(keys[i], "by_record") == 0 && !v->by_record; /* as it is by default */
        n += !off && weir_config_node_get(v->node, keys[i]);
    }
    return n == 1 || weir_config_error(loader, item, v->node->place,
                         n ? WEIR_E_CONFIG_CONFLICT : WEIR_E_CONFIG_MISSING_KEY,
                         "needs one of `%s`, `%s` and `%s`%s", keys[0], keys[1], keys[2],
                         n ? ", and no other beside it" : "");
}

static void check_twice(const weir_config_loader *loader, const weir_config_scope *item,
    const weir_config_validation *v)
{
    for (const weir_config_validation *o = loader->config->validations.items; o < v; o++) {
        const char *key = weir_config_same(o->table, v->table)   ? "table"
                          : weir_config_same(o->event, v->event) ? "event"
                          : weir_config_same(o->topic, v->topic) ? "topic"
                                                                 : NULL;
        if (key) {
            weir_config_scope scope = {item, key};
            weir_config_error(loader, &scope, weir_config_place_of(v->node, key),
                WEIR_E_CONFIG_CONFLICT, "`%s` has a schema already",
                v->table   ? v->table
                : v->event ? v->event
                           : v->topic);
            return;
        }
    }
}

/* A service may handle the table's changes, which only its program says. */
static bool is_used(const weir_config *c, const weir_config_validation *v)
{
    bool used = !v->table_name || !(c->followed.count + c->moulds.count) ||
                weir_config_is_pattern(v->table_name);
    for (size_t i = 0; i < c->followed.count; i++) {
        const weir_config_cache *f = c->followed.items[i];
        used |= f->source == v->source && weir_config_same(f->table_name, v->table_name);
    }
    for (size_t i = 0; i < c->moulds.count; i++) {
        const weir_config_cache *f = c->moulds.items[i];
        used |= f->source == v->source && f->table_name &&
                weir_config_matches(f->table_name, v->table_name);
    }
    return used;
}

void weir_config_check_validation(const weir_config_loader *loader, const weir_config_validation *v)
{
    const weir_config *c = loader->config;
    char number[24];
    if (!v->node) { /* it is no mapping, and that was said */
        return;
    }
    weir_config_number_of(loader, v, number);
    weir_config_scope all = {NULL, "validation"}, item = {&all, number};
    const char *of_registry = v->subject ? "subject" : v->by_record ? "by_record" : NULL;
    weir_config_scope scope = {&item, of_registry};
    if (has_one(loader, &item, v, (const char *const[]){"table", "event", "topic"}) && v->table &&
        of_registry) {
        weir_config_error(loader, &scope, weir_config_place_of(v->node, of_registry),
            WEIR_E_CONFIG_CONFLICT,
            "a row has a `schema` of its own: the registry's is of the whole event");
    } else if (of_registry && !c->registry.node) {
        weir_config_error(loader, &scope, weir_config_place_of(v->node, of_registry),
            WEIR_E_CONFIG_MISSING_KEY, "needs a `registry`");
    }
    (void)has_one(loader, &item, v, (const char *const[]){"schema", "subject", "by_record"});
    if (v->table && v->source && !is_used(c, v)) {
        weir_config_scope table = {&item, "table"};
        weir_config_warn(loader, &table, weir_config_place_of(v->node, "table"),
            WEIR_E_CONFIG_DANGLING_NAME,
            "nothing here follows such a table; only a program's handler could use it");
    }
    check_twice(loader, &item, v);
}
