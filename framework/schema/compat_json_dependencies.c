/* Compatibility of JSON Schemas: what a property demands where it is there. See compat_json.h. */
#include <stdio.h>

#include "schema/compat_json.h"

typedef weir_compat_json_checker checker;
typedef weir_compat_view view;
typedef weir_compat_facts facts;

static const weir_keyword kinds[] = {
    WEIR_KW_DEPENDENT_REQUIRED, WEIR_KW_DEPENDENT_SCHEMAS, WEIR_KW_DEPENDENCIES};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void add_name(facts *f, weir_view name)
{
    if (name.ptr && f->n_has < WEIR_COMPAT_MOST_NAMES) {
        f->has[f->n_has++] = name;
    }
}

static void add_demand(checker *c, const weir_value *demand, facts *to)
{
    if (weir_is(demand, WEIR_ARRAY)) {
        WEIR_EACH_ITEM(demand, item)
        {
            add_name(
                to, weir_is(item, WEIR_STRING) ? weir_string(item, &c->arena) : (weir_view){0});
        }
    } else if (demand) {
        weir_compat_add_fact(c, to, demand);
    }
}

/* What was written is an object that has the property, and so all that it demanded. */
static void suppose(checker *c, const facts *w, weir_view name, facts *to)
{
    *to = *w;
    to->types &= WEIR_COMPAT_OBJECT;
    add_name(to, name);
    for (uint32_t i = 0; i < w->n * KINDS; i++) {
        const weir_value *map = w->at[i / KINDS]->keywords[kinds[i % KINDS]];
        add_demand(c, weir_get(map, name), to);
    }
}

static bool all_required(checker *c, const weir_value *list, const facts *w)
{
    bool all = true;
    WEIR_EACH_ITEM(list, item)
    {
        weir_view name = weir_is(item, WEIR_STRING) ? weir_string(item, &c->arena) : (weir_view){0};
        all = all && name.ptr && weir_compat_required(w, name);
    }
    return all;
}

static bool is_promised(checker *c, weir_view name, const weir_value *demand, const facts *w)
{
    facts supposed;
    suppose(c, w, name, &supposed);
    if (weir_compat_contradiction(c, &supposed)) {
        return true;
    }
    return weir_is(demand, WEIR_ARRAY) ? all_required(c, demand, &supposed)
                                       : weir_compat_json_accepts(c, demand, &supposed);
}

void weir_compat_json_dependencies(checker *c, const view *r, const facts *w)
{
    for (size_t i = 0; i < KINDS; i++) {
        const weir_value *map = r->keywords[kinds[i]];
        bool all = true;
        if (!weir_is(map, WEIR_OBJECT) || weir_compat_some_says(c, r, w, kinds[i])) {
            continue;
        }
        WEIR_EACH_MEMBER(map, key, demand)
        {
            weir_view name = weir_string(key, &c->arena);
            all = all && name.ptr && is_promised(c, name, demand, w);
        }
        if (!all) {
            char place[32];
            snprintf(place, sizeof place, "/%s", weir_keywords[kinds[i]].name);
            weir_compat_json_add(c, WEIR_COMPAT_DEPENDENCY_ADDED, place,
                "what was written does not promise it", weir_view_of(""));
        }
    }
}
