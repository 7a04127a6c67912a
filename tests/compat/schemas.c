/* Random JSON Schemas, and random changes of them. See schemas.h. */
#include "compat/schemas.h"

#include <stdlib.h>
#include <string.h>

/* ---- what they are made of ------------------------------------------------------------------ */

const char *make_name(maker *m)
{
    return PICK_TEXT(m->rng, "a", "b", "ab", "c", "ba", "d");
}

static const char *make_pattern(maker *m)
{
    return PICK_TEXT(m->rng, "^a", "b$", "^c", ".", "^[ab]+$", "^ab$");
}

const char *make_number(maker *m)
{
    return PICK_TEXT(m->rng, "-1", "0", "1", "1.0", "1.5", "2", "3", "4", "2.5", "10", "6", "-0.5");
}

const char *make_text(maker *m)
{
    return PICK_TEXT(m->rng, "\"\"", "\"a\"", "\"ab\"", "\"b\"", "\"abc\"", "\"c\"",
        "\"2020-02-02\"", "\"YQ==\"");
}

static tree *scalar(maker *m, const char *text)
{
    return tree_scalar(m->arena, "%s", text);
}

tree *make_value(maker *m, int depth)
{
    size_t kind = sim_below(m->rng, depth > 0 ? 9 : 7);
    if (kind < 3) {
        return scalar(m, make_number(m));
    }
    if (kind < 5) {
        return scalar(m, make_text(m));
    }
    if (kind < 7) {
        return scalar(m, PICK_TEXT(m->rng, "true", "false", "null"));
    }
    tree *t = tree_new(m->arena, kind == 7 ? '[' : '{');
    for (size_t n = sim_below(m->rng, 4); n > 0; n--) {
        if (kind == 7) {
            tree_push(t, make_value(m, depth - 1));
        } else {
            tree_set(t, make_name(m), make_value(m, depth - 1));
        }
    }
    return t;
}

/* ---- keywords ------------------------------------------------------------------------------- */

static tree *make_sub(maker *m, int depth);

static const char *make_type(maker *m)
{
    return PICK_TEXT(m->rng, "\"object\"", "\"array\"", "\"string\"", "\"integer\"", "\"number\"",
        "\"boolean\"", "\"null\"");
}

static void add_type(maker *m, tree *s)
{
    if (sim_chance(m->rng, 0.7)) {
        tree_set(s, "type", scalar(m, make_type(m)));
        return;
    }
    tree *list = tree_new(m->arena, '[');
    for (size_t n = 1 + sim_below(m->rng, 3); n > 0; n--) {
        const char *type = make_type(m);
        bool there = false;
        for (size_t i = 0; i < list->n; i++) {
            there |= tree_is(list->items[i], type);
        }
        if (!there) {
            tree_push(list, scalar(m, type));
        }
    }
    tree_set(s, "type", list);
}

static void add_values(maker *m, tree *s)
{
    if (m->draft > 4 && sim_chance(m->rng, 0.4)) {
        tree_set(s, "const", make_value(m, 1));
        return;
    }
    tree *list = tree_new(m->arena, '[');
    for (size_t n = 1 + sim_below(m->rng, 4); n > 0; n--) {
        tree_push(list, make_value(m, 1));
    }
    tree_set(s, "enum", list);
}

static void add_bound(maker *m, tree *s)
{
    const char *inclusive = PICK_TEXT(m->rng, "minimum", "maximum");
    const char *exclusive =
        *inclusive == 'm' && inclusive[1] == 'i' ? "exclusiveMinimum" : "exclusiveMaximum";
    if (sim_chance(m->rng, 0.2)) {
        tree_set(s, "multipleOf", scalar(m, PICK_TEXT(m->rng, "1", "2", "0.5", "3", "1.5", "6")));
    } else if (sim_chance(m->rng, 0.6)) {
        tree_set(s, inclusive, scalar(m, make_number(m)));
    } else if (m->draft > 4) {
        tree_set(s, exclusive, scalar(m, make_number(m)));
    } else {
        tree_set(s, inclusive, scalar(m, make_number(m)));
        tree_set(s, exclusive, scalar(m, PICK_TEXT(m->rng, "true", "false")));
    }
}

static void add_count(maker *m, tree *s)
{
    tree_set(s,
        PICK_TEXT(m->rng, "minLength", "maxLength", "minItems", "maxItems", "minProperties",
            "maxProperties"),
        scalar(m, PICK_TEXT(m->rng, "0", "1", "2", "3")));
}

static void add_string(maker *m, tree *s)
{
    switch (sim_below(m->rng, 4)) {
    case 0:
        tree_set(s, "format", scalar(m, PICK_TEXT(m->rng, "\"date\"", "\"ipv4\"")));
        break;
    case 1:
        tree_set(s, "contentEncoding", scalar(m, "\"base64\""));
        break;
    default:
        tree_set(s, "pattern", tree_scalar(m->arena, "\"%s\"", make_pattern(m)));
    }
}

static void add_map(maker *m, tree *s, const char *keyword, int depth)
{
    tree *map = tree_get(s, keyword);
    bool patterns = keyword[1] == 'a';
    map = map ? map : tree_new(m->arena, '{');
    for (size_t n = 1 + sim_below(m->rng, 3); n > 0; n--) {
        tree_set(map, patterns ? make_pattern(m) : make_name(m), make_sub(m, depth - 1));
    }
    tree_set(s, keyword, map);
}

static tree *make_names(maker *m)
{
    tree *list = tree_new(m->arena, '[');
    const char *first = make_name(m), *second = make_name(m);
    tree_push(list, tree_scalar(m->arena, "\"%s\"", first));
    if (strcmp(first, second) != 0) {
        tree_push(list, tree_scalar(m->arena, "\"%s\"", second));
    }
    return list;
}

static void add_dependency(maker *m, tree *s, int depth)
{
    bool names = sim_chance(m->rng, 0.5);
    tree *map = tree_new(m->arena, '{');
    tree_set(map, make_name(m), names ? make_names(m) : make_sub(m, depth - 1));
    tree_set(s,
        m->draft < 19 ? "dependencies"
        : names       ? "dependentRequired"
                      : "dependentSchemas",
        map);
}

static void add_object(maker *m, tree *s, int depth)
{
    size_t which = sim_below(m->rng, 10);
    if (which < 4) {
        add_map(m, s, "properties", depth);
    } else if (which == 4) {
        add_map(m, s, "patternProperties", depth);
    } else if (which == 5) {
        tree_set(s, "required", make_names(m));
    } else if (which == 6) {
        add_dependency(m, s, depth);
    } else if (which == 7 && m->draft > 4) {
        tree_set(s, "propertyNames", make_sub(m, depth - 1));
    } else {
        bool rest = m->draft >= 19 && sim_chance(m->rng, 0.4);
        tree_set(s, rest ? "unevaluatedProperties" : "additionalProperties",
            sim_chance(m->rng, 0.6) ? scalar(m, "false") : make_sub(m, depth - 1));
    }
}

static tree *make_list(maker *m, int depth, size_t most)
{
    tree *list = tree_new(m->arena, '[');
    for (size_t n = 1 + sim_below(m->rng, most); n > 0; n--) {
        tree_push(list, make_sub(m, depth - 1));
    }
    return list;
}

static void add_array(maker *m, tree *s, int depth)
{
    size_t which = sim_below(m->rng, 7);
    tree *sub = sim_chance(m->rng, 0.2) ? scalar(m, "false") : make_sub(m, depth - 1);
    if (which == 0) {
        tree_set(s, m->draft == 20 ? "prefixItems" : "items", make_list(m, depth, 2));
    } else if (which == 1) {
        tree_set(s, m->draft == 20 ? "items" : "additionalItems", sub);
    } else if (which == 2) {
        tree_set(s, "uniqueItems", scalar(m, PICK_TEXT(m->rng, "true", "true", "false")));
    } else if (which == 3 && m->draft >= 19) {
        tree_set(s, "unevaluatedItems", sub);
    } else if (which < 5 && m->draft > 4) {
        tree_set(s, "contains", make_sub(m, depth - 1));
        if (sim_chance(m->rng, 0.4)) {
            tree_set(s, PICK_TEXT(m->rng, "minContains", "maxContains"),
                scalar(m, PICK_TEXT(m->rng, "0", "1", "2")));
        }
    } else {
        tree_set(s, "items", sub);
    }
}

static void add_combination(maker *m, tree *s, int depth)
{
    size_t which = sim_below(m->rng, 8);
    if (which < 5) {
        tree_set(s, PICK_TEXT(m->rng, "anyOf", "oneOf", "oneOf", "allOf"), make_list(m, depth, 3));
    } else if (which == 5 || m->draft < 7) {
        tree_set(s, "not", make_sub(m, depth - 1));
    } else {
        tree_set(s, "if", make_sub(m, depth - 1));
        tree_set(s, PICK_TEXT(m->rng, "then", "else"), make_sub(m, depth - 1));
    }
}

static void add_reference(maker *m, tree *s)
{
    const char *to = PICK_TEXT(m->rng, "\"#/definitions/x\"", "\"#/definitions/y\"", "\"#\"");
    if (m->draft >= 19 && sim_chance(m->rng, 0.3)) {
        to = PICK_TEXT(m->rng, "\"#anchor\"", "\"urn:z\"");
    }
    if (m->draft == 20 && sim_chance(m->rng, 0.3)) {
        tree_set(s, "$dynamicRef", scalar(m, "\"#dynamic\""));
    } else if (m->draft == 19 && sim_chance(m->rng, 0.3)) {
        tree_set(s, "$recursiveRef", scalar(m, "\"#\""));
    } else {
        tree_set(s, "$ref", scalar(m, to));
    }
}

static void add_keyword(maker *m, tree *s, int depth)
{
    size_t which = sim_below(m->rng, depth > 0 ? 20 : 8);
    if (depth > 0 && sim_chance(m->rng, 0.5)) {
        which = m->favourite;
    }
    if (which < 3) {
        add_type(m, s);
    } else if (which == 3) {
        add_values(m, s);
    } else if (which < 6) {
        add_bound(m, s);
    } else if (which == 6) {
        add_count(m, s);
    } else if (which == 7) {
        add_string(m, s);
    } else if (which < 13) {
        add_object(m, s, depth);
    } else if (which < 16) {
        add_array(m, s, depth);
    } else if (which < 19) {
        add_combination(m, s, depth);
    } else {
        add_reference(m, s);
    }
}

static tree *make_sub(maker *m, int depth)
{
    if (sim_chance(m->rng, 0.08)) {
        return m->draft > 4 ? scalar(m, PICK_TEXT(m->rng, "true", "false"))
                            : tree_new(m->arena, '{');
    }
    tree *s = tree_new(m->arena, '{');
    if (sim_chance(m->rng, 0.5)) {
        add_type(m, s);
    }
    for (size_t n = sim_below(m->rng, 3); n > 0 || !s->n; n -= n > 0) {
        add_keyword(m, s, depth);
    }
    return s;
}

static const char *meta_schema(int draft)
{
    return draft == 4    ? "\"http://json-schema.org/draft-04/schema#\""
           : draft == 6  ? "\"http://json-schema.org/draft-06/schema#\""
           : draft == 7  ? "\"http://json-schema.org/draft-07/schema#\""
           : draft == 19 ? "\"https://json-schema.org/draft/2019-09/schema\""
                         : "\"https://json-schema.org/draft/2020-12/schema\"";
}

static tree *make_named(maker *m, const char *keyword, const char *name)
{
    tree *s = tree_new(m->arena, '{');
    tree_set(s, keyword, scalar(m, name));
    add_keyword(m, s, 1);
    return s;
}

tree *make_schema(maker *m)
{
    tree *s = tree_new(m->arena, '{'), *definitions = tree_new(m->arena, '{');
    tree_set(s, "$schema", scalar(m, meta_schema(m->draft)));
    if (sim_chance(m->rng, 0.2)) {
        tree_set(s, "type", scalar(m, "\"object\""));
    }
    for (size_t n = 1 + sim_below(m->rng, 4); n > 0; n--) {
        add_keyword(m, s, 3);
    }
    tree_set(definitions, "x", make_sub(m, 1));
    tree_set(definitions, "y", make_sub(m, 1));
    if (m->draft >= 19) {
        tree_set(definitions, "z", make_named(m, "$id", "\"urn:z\""));
        tree_set(definitions, "w", make_named(m, "$anchor", "\"anchor\""));
    }
    if (m->draft == 20) {
        tree_set(definitions, "v", make_named(m, "$dynamicAnchor", "\"dynamic\""));
    }
    tree_set(s, "definitions", definitions);
    return s;
}

/* ---- changes -------------------------------------------------------------------------------- */

enum { MOST_PLACES = 200 };

/* Where schemas stand in a schema. */
typedef struct places {
    tree **at[MOST_PLACES]; /* the slots that hold them */
    size_t n;
} places;

static bool is_map(const char *keyword)
{
    return strcmp(keyword, "properties") == 0 || strcmp(keyword, "patternProperties") == 0 ||
           strcmp(keyword, "dependentSchemas") == 0 || strcmp(keyword, "dependencies") == 0 ||
           strcmp(keyword, "definitions") == 0;
}

static bool holds_data(const char *keyword)
{
    return strcmp(keyword, "enum") == 0 || strcmp(keyword, "const") == 0 ||
           strcmp(keyword, "required") == 0 || strcmp(keyword, "dependentRequired") == 0 ||
           strcmp(keyword, "type") == 0;
}

static void find_places(maker *m, places *p, tree **slot)
{
    tree *s = *slot;
    bool boolean = tree_is(s, "true") || tree_is(s, "false");
    if (p->n == MOST_PLACES || (s->kind != '{' && !boolean)) {
        return;
    }
    p->at[p->n++] = slot;
    for (size_t i = 0; i < s->n; i++) {
        tree *value = s->items[i];
        bool several = value->kind == '[' || (value->kind == '{' && is_map(s->names[i]));
        bool aside = strcmp(s->names[i], "definitions") == 0 && sim_chance(m->rng, 0.7);
        if (aside || holds_data(s->names[i]) || strcmp(s->names[i], "uniqueItems") == 0 ||
            strncmp(s->names[i], "exclusive", 9) == 0) {
            continue;
        }
        if (!several) {
            find_places(m, p, &s->items[i]);
        }
        for (size_t k = 0; several && k < value->n; k++) {
            find_places(m, p, &value->items[k]);
        }
    }
}

static bool is_fixed(const char *keyword)
{
    return *keyword == '$' || strcmp(keyword, "definitions") == 0;
}

/* A keyword that may go or change; SIZE_MAX: there is none. */
static size_t pick_keyword(maker *m, const tree *s)
{
    size_t i = s->n ? sim_below(m->rng, s->n) : 0;
    return s->n && (!is_fixed(s->names[i]) || strcmp(s->names[i], "$ref") == 0) ? i : SIZE_MAX;
}

/* What stands in a list or a map, or a number that is a little more or less. */
static void change_value(maker *m, tree *s, size_t i)
{
    tree *v = s->items[i];
    char *end;
    double number = v->kind == 's' ? strtod(v->text, &end) : 0;
    if (tree_is(v, "true") || tree_is(v, "false")) {
        s->items[i] = scalar(m, tree_is(v, "true") ? "false" : "true");
    } else if (v->kind == 's' && *v->text != '"' && !*end) {
        number += (double)SIM_PICK(m->rng, -1, 1, 1, 2);
        s->items[i] = tree_scalar(m->arena, "%g", number < 0 && s->names[i][3] != 'i' ? 0 : number);
    } else if (v->kind != 's' && v->n && (v->kind == '[' || is_map(s->names[i]))) {
        if (v->n > 1 || (v->kind == '{' && sim_chance(m->rng, 0.5))) {
            tree_drop(v, sim_below(m->rng, v->n));
        } else if (v->kind == '[' && strcmp(s->names[i], "enum") == 0) {
            tree_push(v, make_value(m, 1));
        }
    }
}

static void add_branch(maker *m, tree *s, size_t i)
{
    tree *v = s->items[i];
    if (v->kind == '[' && strcmp(s->names[i], "enum") == 0) {
        tree_push(v, make_value(m, 1));
    } else if (v->kind == '[' && !holds_data(s->names[i])) {
        tree_push(v, make_sub(m, 1));
    } else if (v->kind == '{' && is_map(s->names[i])) {
        tree_set(v, *s->names[i] == 'p' && s->names[i][1] == 'a' ? make_pattern(m) : make_name(m),
            make_sub(m, 1));
    }
}

/* The schema becomes a branch of a combination, or what a definition says. */
static tree *wrapped(maker *m, tree *s)
{
    const char *keyword = PICK_TEXT(m->rng, "anyOf", "oneOf", "allOf");
    tree *outer = tree_new(m->arena, '{'), *list = tree_new(m->arena, '[');
    tree_push(list, s);
    if (sim_chance(m->rng, 0.6)) {
        tree_push(list, make_sub(m, 1));
    }
    tree_set(outer, keyword, list);
    return outer;
}

static void widen_type(maker *m, tree *s)
{
    tree *type = tree_get(s, "type"), *list = tree_new(m->arena, '[');
    if (tree_is(type, "\"integer\"") && sim_chance(m->rng, 0.5)) {
        tree_set(s, "type", scalar(m, "\"number\""));
    } else if (type && type->kind == 's' && !tree_is(type, "\"null\"")) {
        tree_push(list, type);
        tree_push(list, scalar(m, "\"null\""));
        tree_set(s, "type", list);
    } else if (!type) {
        add_type(m, s);
    }
}

static void change_schema(maker *m, tree **slot, bool root)
{
    tree *s = *slot;
    size_t i = s->kind == '{' ? pick_keyword(m, s) : SIZE_MAX;
    size_t what = sim_below(m->rng, 12);
    if (s->kind != '{') {
        *slot = make_sub(m, 1);
    } else if (what < 3 && i != SIZE_MAX) {
        tree_drop(s, i);
    } else if (what < 6 && i != SIZE_MAX) {
        change_value(m, s, i);
    } else if (what < 8 && i != SIZE_MAX) {
        add_branch(m, s, i);
    } else if (what == 8) {
        widen_type(m, s);
    } else if (what == 9 && !root && !tree_get(s, "$id")) {
        *slot = sim_chance(m->rng, 0.8) ? wrapped(m, s) : make_sub(m, 1);
    } else {
        add_keyword(m, s, 1);
    }
}

void mutate(maker *m, tree *root)
{
    places p = {.n = 0};
    tree *top = root;
    find_places(m, &p, &top);
    size_t i = sim_below(m->rng, p.n);
    if (sim_chance(m->rng, 0.04)) { /* as other drafts read it */
        m->draft = SIM_PICK(m->rng, 4, 7, 19, 20);
        tree_set(root, "$schema", scalar(m, meta_schema(m->draft)));
        return;
    }
    change_schema(m, p.at[i], *p.at[i] == root);
}
