/* Compatibility of JSON Schemas: what an object may and must have. See compat_json.h.
 *
 * An object is open unless additionalProperties or unevaluatedProperties say otherwise. Strictly, a
 * property that gets a schema in an open model narrows it: something else may have been written
 * under its name. Leniently it is new, and nothing was. */
#include "schema/compat_json.h"

typedef weir_compat_json_checker checker;
typedef weir_compat_view view;
typedef weir_compat_facts facts;

static bool is_lenient(const checker *c)
{
    return c->lenient && !c->exact;
}

static void compare_named(
    checker *c, const char *keyword, weir_view name, const weir_value *r, const facts *w)
{
    size_t up = weir_compat_enter(&c->path, keyword);
    (void)weir_compat_enter_name(&c->path, name);
    c->level++;
    weir_compat_json_compare(c, r, w);
    c->level--;
    weir_compat_leave(&c->path, up);
}

static bool accepts_below(checker *c, const weir_value *r, const facts *w)
{
    c->level++;
    bool accepted = weir_compat_json_accepts(c, r, w);
    c->level--;
    return accepted;
}

/* ---- properties ----------------------------------------------------------------------------- */

static bool knows_nothing(const facts *f)
{
    return !f->n && !f->n_nots && f->types == WEIR_COMPAT_ALL_TYPES;
}

static void compare_properties(checker *c, const view *r, const facts *w)
{
    const weir_value *properties = r->keywords[WEIR_KW_PROPERTIES];
    if (!weir_is(properties, WEIR_OBJECT)) {
        return;
    }
    WEIR_EACH_MEMBER(properties, key, schema)
    {
        weir_view name = weir_string(key, &c->arena);
        facts property;
        bool known = weir_compat_property(c, w, name, &property);
        if (known || !knows_nothing(&property)) {
            compare_named(c, "/properties", name, schema, &property);
        } else if (!is_lenient(c) && !weir_compat_view_of(c, schema)->any) {
            weir_compat_json_add_named(
                c, WEIR_COMPAT_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL, "/properties", name);
        }
    }
}

/* ---- patternProperties ---------------------------------------------------------------------- */

/* Every pattern of what is known, one after the other: at *i and *at, which begin at 0 and NULL.
 * NULL: there are no more. */
static const weir_value *next_pattern(const facts *w, uint32_t *i, const weir_value **at)
{
    while (*i < w->n) {
        const weir_value *map = w->at[*i]->keywords[WEIR_KW_PATTERN_PROPERTIES];
        if (weir_is(map, WEIR_OBJECT) && map->len) {
            *at = *at ? weir_next(*at + 1) : weir_child(map);
            if (*at < map + map->skip) {
                return *at;
            }
        }
        *at = NULL;
        ++*i;
    }
    return NULL;
}

/* What is known of all that match a pattern: what the same pattern says. */
static void by_same_pattern(checker *c, const facts *w, weir_view pattern, facts *to)
{
    weir_compat_facts_init(to);
    for (uint32_t i = 0; i < w->n; i++) {
        const weir_value *schema =
            weir_get(w->at[i]->keywords[WEIR_KW_PATTERN_PROPERTIES], pattern);
        if (schema) {
            weir_compat_add_fact(c, to, schema);
        }
    }
}

/* Names that match both the pattern and another one. */
static void compare_with_patterns(
    checker *c, weir_view pattern, const weir_value *schema, const facts *w)
{
    uint32_t i = 0;
    const weir_value *at = NULL, *other;
    while ((other = next_pattern(w, &i, &at)) != NULL) {
        facts both;
        by_same_pattern(c, w, pattern, &both);
        weir_compat_add_fact(c, &both, other + 1);
        compare_named(c, "/patternProperties", pattern, schema, &both);
    }
}

/* Names that stand somewhere and match the pattern, or may do so. */
static void compare_with_names(checker *c, const weir_value *pattern, const weir_value *schema,
    const facts *w, const weir_compat_names *names)
{
    size_t at = 0;
    weir_view shown = weir_string(pattern, &c->arena);
    for (weir_map_entry *e; (e = weir_map_next(&names->seen, &at)) != NULL;) {
        weir_view name = {e->key, e->key_len};
        facts property;
        if (weir_compat_matches(c, pattern, name) != WEIR_REGEX_NO) {
            (void)weir_compat_property(c, w, name, &property);
            compare_named(c, "/patternProperties", shown, schema, &property);
        }
    }
}

static void compare_pattern(checker *c, const weir_value *pattern, const weir_value *schema,
    const facts *w, const weir_compat_names *names)
{
    weir_view text = weir_string(pattern, &c->arena);
    facts same, others;
    by_same_pattern(c, w, text, &same);
    bool known = same.n || same.n_nots || same.types != WEIR_COMPAT_ALL_TYPES;
    if (known && accepts_below(c, schema, &same)) {
        return;
    }
    compare_with_names(c, pattern, schema, w, names);
    compare_with_patterns(c, text, schema, w);
    weir_compat_others(c, w, &others);
    if (known || !knows_nothing(&others)) {
        compare_named(c, "/patternProperties", text, schema, known ? &same : &others);
    } else if (!is_lenient(c)) {
        weir_compat_json_add_named(
            c, WEIR_COMPAT_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL, "/patternProperties", text);
    }
}

static void compare_patterns(
    checker *c, const view *r, const facts *w, const weir_compat_names *names)
{
    const weir_value *patterns = r->keywords[WEIR_KW_PATTERN_PROPERTIES];
    if (weir_is(patterns, WEIR_OBJECT)) {
        WEIR_EACH_MEMBER(patterns, pattern, schema)
        {
            if (!weir_compat_view_of(c, schema)->any) {
                compare_pattern(c, pattern, schema, w, names);
            }
        }
    }
}

/* ---- additionalProperties, unevaluatedProperties -------------------------------------------- */

/* The rest of a schema: of which names it is, and what it demands of them. */
typedef struct rest {
    const view *r;
    const weir_value *schema;
    bool evaluated; /* unevaluatedProperties */
} rest;

static const char *rest_keyword(const rest *of)
{
    return of->evaluated ? "/unevaluatedProperties" : "/additionalProperties";
}

/* Is the name none of the rest's, for sure? */
static bool has_own(checker *c, const rest *of, weir_view name)
{
    if (of->evaluated) {
        return weir_compat_evaluates(c, of->r, &name);
    }
    const weir_value *patterns = of->r->keywords[WEIR_KW_PATTERN_PROPERTIES];
    bool own = weir_get(of->r->keywords[WEIR_KW_PROPERTIES], name) != NULL;
    if (weir_is(patterns, WEIR_OBJECT)) {
        WEIR_EACH_MEMBER(patterns, pattern, schema)
        {
            own = own || weir_compat_matches(c, pattern, name) == WEIR_REGEX_YES;
        }
    }
    return own;
}

static void compare_removed(
    checker *c, const rest *of, const char *keyword, weir_view name, const facts *w)
{
    bool none = weir_compat_view_of(c, of->schema)->none;
    if (!none) {
        compare_named(c, rest_keyword(of), name, of->schema, w);
    } else if (w->types && !is_lenient(c)) {
        weir_compat_json_add_named(
            c, WEIR_COMPAT_PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL, keyword, name);
    }
}

static void compare_listed(
    checker *c, const rest *of, const facts *w, const weir_compat_names *names)
{
    size_t at = 0;
    for (weir_map_entry *e; (e = weir_map_next(&names->seen, &at)) != NULL;) {
        weir_view name = {e->key, e->key_len};
        facts property;
        if (!has_own(c, of, name)) {
            (void)weir_compat_property(c, w, name, &property);
            compare_removed(c, of, "/properties", name, &property);
        }
    }
    uint32_t i = 0;
    const weir_value *last = NULL, *pattern;
    while ((pattern = next_pattern(w, &i, &last)) != NULL) {
        weir_view text = weir_string(pattern, &c->arena);
        facts some;
        if (!weir_get(of->r->keywords[WEIR_KW_PATTERN_PROPERTIES], text)) {
            by_same_pattern(c, w, text, &some);
            compare_removed(c, of, "/patternProperties", text, &some);
        }
    }
}

static bool closes(const facts *w)
{
    for (uint32_t i = 0; i < w->n; i++) {
        if (w->at[i]->keywords[WEIR_KW_ADDITIONAL_PROPERTIES] ||
            w->at[i]->keywords[WEIR_KW_UNEVALUATED_PROPERTIES]) {
            return true;
        }
    }
    return false;
}

static void compare_others(checker *c, const rest *of, const facts *w)
{
    facts others;
    weir_compat_others(c, w, &others);
    bool none = weir_compat_view_of(c, of->schema)->none;
    if (!others.types) {
        return;
    }
    if (!knows_nothing(&others) && !none) {
        c->level++;
        weir_compat_json_compare_at(c, rest_keyword(of), of->schema, &others);
        c->level--;
    } else if (!is_lenient(c) || closes(w) || !none) {
        weir_compat_json_add(c, WEIR_COMPAT_ADDITIONAL_PROPERTIES_NARROWED, rest_keyword(of), "",
            weir_view_make("", 0));
    }
}

static void compare_rest(
    checker *c, const view *r, const facts *w, bool evaluated, const weir_compat_names *names)
{
    const rest of = {r,
        r->keywords[evaluated ? WEIR_KW_UNEVALUATED_PROPERTIES : WEIR_KW_ADDITIONAL_PROPERTIES],
        evaluated};
    if (!of.schema || weir_compat_view_of(c, of.schema)->any ||
        (evaluated && weir_compat_evaluates(c, r, NULL))) {
        return;
    }
    compare_listed(c, &of, w, names);
    compare_others(c, &of, w);
    if (names->failed) {
        weir_compat_json_add(c, WEIR_COMPAT_ADDITIONAL_PROPERTIES_NARROWED, rest_keyword(&of),
            "too many names to compare", weir_view_make("", 0));
    }
}

/* ---- names that must be there, or may be ---------------------------------------------------- */

/* What was not written has its default. */
static void compare_required(checker *c, const view *r, const facts *w)
{
    const weir_value *now = r->keywords[WEIR_KW_REQUIRED];
    if (!weir_is(now, WEIR_ARRAY)) {
        return;
    }
    WEIR_EACH_ITEM(now, item)
    {
        weir_view name = weir_is(item, WEIR_STRING) ? weir_string(item, &c->arena) : (weir_view){0};
        const weir_value *schema = weir_get(r->keywords[WEIR_KW_PROPERTIES], name);
        bool has_default = !c->exact && weir_gets(schema, "default");
        if (name.ptr && !has_default && !weir_compat_required(w, name)) {
            weir_compat_json_add_named(c, WEIR_COMPAT_REQUIRED_PROPERTY_ADDED, "/required", name);
        }
    }
}

/* A name is a string. */
static void compare_names(checker *c, const view *r, const facts *w)
{
    const weir_value *now = r->keywords[WEIR_KW_PROPERTY_NAMES];
    facts name;
    if (!now) {
        return;
    }
    weir_compat_facts_init(&name);
    name.types = WEIR_COMPAT_STRING;
    bool some = false;
    for (uint32_t i = 0; i < w->n; i++) {
        const weir_value *then = w->at[i]->keywords[WEIR_KW_PROPERTY_NAMES];
        some = some || then;
        if (then) {
            weir_compat_add_fact(c, &name, then);
        }
    }
    if (!accepts_below(c, now, &name)) {
        weir_compat_json_add(c, WEIR_COMPAT_PATTERN_CHANGED, "/propertyNames",
            some ? "changed" : "added", weir_view_make("", 0));
    }
}

void weir_compat_json_object(checker *c, const view *r, const facts *w)
{
    weir_compat_names names;
    if (!(w->types & WEIR_COMPAT_OBJECT)) {
        return;
    }
    weir_compat_list_names(c, w, &names);
    compare_properties(c, r, w);
    compare_patterns(c, r, w, &names);
    compare_rest(c, r, w, false, &names);
    compare_rest(c, r, w, true, &names);
    compare_required(c, r, w);
    compare_names(c, r, w);
    weir_compat_json_dependencies(c, r, w);
    weir_map_fini(&names.seen, NULL);
}
