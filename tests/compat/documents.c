/* Random documents for schemas. See documents.h. */
#include "compat/documents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PARTS = 24 };

/* What a value is to be valid by: the schema, what it refers to, one branch of each union. */
typedef struct parts {
    const tree *at[MOST_PARTS];
    size_t n;
} parts;

typedef struct writer {
    maker *m;
    const tree *roots[2];
    weir_buf *to;
} writer;

static void put(writer *w, const parts *p, int depth);

/* ---- parts ---------------------------------------------------------------------------------- */

static const tree *target(const writer *w, size_t side, const char *ref)
{
    const tree *root = w->roots[side];
    char name[2] = {0};
    if (sscanf(ref, "\"#/definitions/%1[a-z]", name) == 1) {
        return tree_get(tree_get(root, "definitions"), name);
    }
    const char *known = strcmp(ref, "\"urn:z\"") == 0      ? "z"
                        : strcmp(ref, "\"#anchor\"") == 0  ? "w"
                        : strcmp(ref, "\"#dynamic\"") == 0 ? "v"
                                                           : NULL;
    return known ? tree_get(tree_get(root, "definitions"), known) : root;
}

static void add_part(writer *w, parts *p, const tree *s, size_t side)
{
    static const char *const refs[] = {"$ref", "$dynamicRef", "$recursiveRef"};
    static const char *const lists[] = {"anyOf", "oneOf", "allOf", "allOf"};
    static const char *const ones[] = {"if", "then", "else"};
    if (!s || s->kind != '{' || p->n == MOST_PARTS) {
        return;
    }
    p->at[p->n++] = s;
    for (size_t i = 0; i < 3; i++) {
        const tree *ref = tree_get(s, refs[i]), *one = tree_get(s, ones[i]);
        if (ref) {
            add_part(w, p, target(w, side, ref->text), side);
        }
        if (one && sim_chance(w->m->rng, 0.4)) {
            add_part(w, p, one, side);
        }
    }
    for (size_t i = 0; i < 4; i++) {
        const tree *list = tree_get(s, lists[i]);
        if (list && list->n) {
            add_part(w, p, list->items[sim_below(w->m->rng, list->n)], side);
        }
    }
}

/* A keyword's value in one of the parts; NULL: none has it, or another way is to be tried. */
static const tree *said(writer *w, const parts *p, const char *keyword)
{
    const tree *found = NULL;
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        const tree *here = tree_get(p->at[i], keyword);
        if (here && sim_below(w->m->rng, ++n) == 0) {
            found = here;
        }
    }
    return found;
}

/* Of which side a part is does not matter much: the second schema's references lead into the first
 * one's, most of the time to the same. */
static void put_by(writer *w, const tree *a, const tree *b, int depth)
{
    parts p = {.n = 0};
    add_part(w, &p, a, 0);
    if (b && sim_chance(w->m->rng, 0.7)) {
        add_part(w, &p, b, 1);
    }
    put(w, &p, depth);
}

/* ---- scalars -------------------------------------------------------------------------------- */

static void put_number(writer *w, const parts *p)
{
    static const char *const bounds[] = {
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"};
    const tree *bound = said(w, p, bounds[sim_below(w->m->rng, 5)]);
    const tree *divisor = said(w, p, "multipleOf");
    if (divisor && sim_chance(w->m->rng, 0.6)) {
        double by = strtod(divisor->text, NULL);
        weir_buf_printf(w->to, "%g", by * (double)sim_between(w->m->rng, -2, 5));
    } else if (bound && bound->text[0] != 't' && bound->text[0] != 'f' &&
               sim_chance(w->m->rng, 0.8)) {
        double at = strtod(bound->text, NULL);
        weir_buf_printf(w->to, "%g", at + 0.5 * (double)sim_between(w->m->rng, -3, 3));
    } else {
        weir_buf_puts(w->to, make_number(w->m));
    }
}

static void put_string(writer *w, const parts *p)
{
    const tree *bound = said(w, p, sim_chance(w->m->rng, 0.5) ? "minLength" : "maxLength");
    if (!bound || sim_chance(w->m->rng, 0.4)) {
        weir_buf_puts(w->to, make_text(w->m));
        return;
    }
    int length = atoi(bound->text) + sim_between(w->m->rng, -1, 1);
    weir_buf_putc(w->to, '"');
    for (int i = 0; i < length; i++) {
        weir_buf_putc(w->to, (char)('a' + sim_below(w->m->rng, 3)));
    }
    weir_buf_putc(w->to, '"');
}

/* ---- containers ----------------------------------------------------------------------------- */

static int count_near(writer *w, const parts *p, const char *least, const char *most)
{
    const tree *bound = said(w, p, sim_chance(w->m->rng, 0.5) ? least : most);
    int n = bound && sim_chance(w->m->rng, 0.8)
                ? (int)strtod(bound->text, NULL) + sim_between(w->m->rng, -1, 1)
                : sim_between(w->m->rng, 0, 3);
    return n < 0 ? 0 : n;
}

static const tree *item_schema(writer *w, const parts *p, size_t i)
{
    static const char *const keywords[] = {
        "prefixItems", "items", "additionalItems", "contains", "unevaluatedItems"};
    const tree *s = said(w, p, keywords[sim_below(w->m->rng, 5)]);
    s = s ? s : said(w, p, "prefixItems");
    s = s ? s : said(w, p, "items");
    if (s && s->kind == '[') {
        return i < s->n ? s->items[i] : NULL;
    }
    return s;
}

static void put_array(writer *w, const parts *p, int depth)
{
    int n = count_near(w, p, "minItems", "maxItems");
    weir_buf_putc(w->to, '[');
    for (int i = 0; i < n; i++) {
        weir_buf_puts(w->to, i ? "," : "");
        put_by(w, item_schema(w, p, (size_t)i), item_schema(w, p, (size_t)i), depth - 1);
    }
    weir_buf_putc(w->to, ']');
}

static bool matches(const char *pattern, const char *name)
{
    size_t n = strlen(name);
    return strcmp(pattern, "^a") == 0        ? name[0] == 'a'
           : strcmp(pattern, "b$") == 0      ? name[n - 1] == 'b'
           : strcmp(pattern, "^c") == 0      ? name[0] == 'c'
           : strcmp(pattern, "^[ab]+$") == 0 ? strspn(name, "ab") == n
           : strcmp(pattern, "^ab$") == 0    ? strcmp(name, "ab") == 0
                                             : true;
}

/* One of the schemas that a property has. */
static const tree *property_schema(writer *w, const parts *p, const char *name)
{
    const tree *found = NULL;
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        const tree *own = tree_get(tree_get(p->at[i], "properties"), name);
        const tree *patterns = tree_get(p->at[i], "patternProperties");
        if (own && sim_below(w->m->rng, ++n) == 0) {
            found = own;
        }
        for (size_t k = 0; patterns && k < patterns->n; k++) {
            if (matches(patterns->names[k], name) && sim_below(w->m->rng, ++n) == 0) {
                found = patterns->items[k];
            }
        }
    }
    found = found ? found : said(w, p, "additionalProperties");
    return found ? found : said(w, p, "unevaluatedProperties");
}

static bool is_required(const parts *p, const char *name)
{
    char quoted[16];
    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    for (size_t i = 0; i < p->n; i++) {
        const tree *list = tree_get(p->at[i], "required");
        for (size_t k = 0; list && k < list->n; k++) {
            if (tree_is(list->items[k], quoted)) {
                return true;
            }
        }
    }
    return false;
}

static void put_object(writer *w, const parts *p, int depth)
{
    static const char *const names[] = {"a", "b", "ab", "c", "ba", "d", "zz"};
    double rate = sim_unit(w->m->rng) * 0.7;
    bool first = true;
    weir_buf_putc(w->to, '{');
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const tree *schema = property_schema(w, p, names[i]);
        bool listed = schema && !tree_is(schema, "false");
        bool demanded = is_required(p, names[i]) && sim_chance(w->m->rng, 0.95);
        if (demanded || sim_chance(w->m->rng, listed ? rate : rate * 0.25)) {
            weir_buf_printf(w->to, "%s\"%s\":", first ? "" : ",", names[i]);
            put_by(w, schema, property_schema(w, p, names[i]), depth - 1);
            first = false;
        }
    }
    weir_buf_putc(w->to, '}');
}

/* ---- one value ------------------------------------------------------------------------------ */

static const char *pick_type(writer *w, const parts *p)
{
    const tree *type = said(w, p, "type");
    if (type && type->kind == '[' && type->n) {
        type = type->items[sim_below(w->m->rng, type->n)];
    }
    if (type && type->kind == 's' && sim_chance(w->m->rng, 0.95)) {
        return type->text;
    }
    return PICK_TEXT(w->m->rng, "\"object\"", "\"object\"", "\"array\"", "\"string\"", "\"number\"",
        "\"boolean\"", "\"null\"");
}

static bool put_listed(writer *w, const parts *p)
{
    const tree *only = said(w, p, "const"), *list = said(w, p, "enum");
    if ((!only && !list) || sim_chance(w->m->rng, 0.1)) {
        return false;
    }
    tree_put(w->to, only ? only : list->items[sim_below(w->m->rng, list->n)]);
    return true;
}

static void put(writer *w, const parts *p, int depth)
{
    const char *type = pick_type(w, p);
    if (put_listed(w, p)) {
        return;
    }
    if (depth <= 0 || sim_chance(w->m->rng, 0.03)) {
        tree_put(w->to, make_value(w->m, 1));
    } else if (strcmp(type, "\"object\"") == 0) {
        put_object(w, p, depth);
    } else if (strcmp(type, "\"array\"") == 0) {
        put_array(w, p, depth);
    } else if (strcmp(type, "\"string\"") == 0) {
        put_string(w, p);
    } else if (strcmp(type, "\"boolean\"") == 0 || strcmp(type, "\"null\"") == 0) {
        weir_buf_puts(w->to, type[1] == 'n' ? "null" : PICK_TEXT(w->m->rng, "true", "false"));
    } else {
        put_number(w, p);
    }
}

void make_document(maker *m, const tree *root, const tree *other, weir_buf *to)
{
    writer w = {m, {root, other}, to};
    put_by(&w, root, sim_chance(m->rng, 0.7) ? other : NULL, 4);
}
