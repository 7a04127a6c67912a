/* Schemas as they are read to be compared, and when two of them are the same. See compat_json.h. */
#include "schema/compat_json.h"

#include "schema/decimal.h"
#include "schema/equal.h"

typedef weir_compat_json_checker checker;
typedef weir_compat_view view;

enum { DEPTH = 500 };

/* ---- types ---------------------------------------------------------------------------------- */

static unsigned type_named(const weir_value *name, uint8_t draft)
{
    static const struct {
        const char *name;
        unsigned bits;
    } types[] = {{"integer", WEIR_COMPAT_INT | WEIR_COMPAT_INTEGRAL},
        {"number", WEIR_COMPAT_NUMBER}, {"string", WEIR_COMPAT_STRING},
        {"boolean", WEIR_COMPAT_BOOLEAN}, {"null", WEIR_COMPAT_NULL}, {"array", WEIR_COMPAT_ARRAY},
        {"object", WEIR_COMPAT_OBJECT}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (weir_string_is(name, weir_view_of(types[i].name))) {
            bool four = draft == WEIR_DRAFT_4 && i == 0;
            return four ? WEIR_COMPAT_INT : types[i].bits;
        }
    }
    return 0;
}

static unsigned types_named(const weir_value *type, uint8_t draft)
{
    unsigned bits = 0;
    if (!weir_is(type, WEIR_ARRAY)) {
        return type ? type_named(type, draft) : WEIR_COMPAT_ALL_TYPES;
    }
    WEIR_EACH_ITEM(type, item)
    {
        bits |= type_named(item, draft);
    }
    return bits;
}

/* 1 and 1.0 are the same value to enum and const. */
static unsigned types_of_value(const weir_value *v)
{
    static const unsigned bits[] = {[WEIR_NULL] = WEIR_COMPAT_NULL,
        [WEIR_BOOL] = WEIR_COMPAT_BOOLEAN,
        [WEIR_INT] = WEIR_COMPAT_INT | WEIR_COMPAT_INTEGRAL,
        [WEIR_NUMBER] = WEIR_COMPAT_FRACTION,
        [WEIR_STRING] = WEIR_COMPAT_STRING,
        [WEIR_BYTES] = WEIR_COMPAT_STRING,
        [WEIR_ARRAY] = WEIR_COMPAT_ARRAY,
        [WEIR_OBJECT] = WEIR_COMPAT_OBJECT};
    if (v->type == WEIR_NUMBER) {
        weir_decimal d = weir_decimal_of(weir_raw(v));
        return weir_decimal_is_integer(&d) ? bits[WEIR_INT] : bits[WEIR_NUMBER];
    }
    return bits[v->type];
}

static unsigned types_left(const view *v)
{
    const weir_value *list = v->keywords[WEIR_KW_ENUM], *only = v->keywords[WEIR_KW_CONST];
    unsigned bits = v->named, listed = 0;
    if (weir_is(list, WEIR_ARRAY)) {
        WEIR_EACH_ITEM(list, item)
        {
            listed |= types_of_value(item);
        }
        bits &= listed;
    }
    return only ? bits & types_of_value(only) : bits;
}

/* ---- references ----------------------------------------------------------------------------- */

/* What is followed may bring documents in. NULL: it leads nowhere that is known. */
static const weir_value *follow(
    checker *c, weir_compiler *side, weir_node from, const weir_value *ref, weir_node *to)
{
    weir_error err = {.status = WEIR_OK};
    side->err = &err;
    weir_status s = weir_compiler_follow(side, from, ref, to);
    side->err = NULL;
    c->arena.failed |= s == WEIR_RETRY || side->s->arena.failed;
    return s ? NULL : to->at;
}

static const weir_anchor *dynamic_anchor(weir_compiler *side, uint32_t resource, weir_view name)
{
    const weir_anchor *a = weir_compiler_anchor(side, resource, name);
    return a && a->dynamic ? a : NULL;
}

/* Where it leads depends on how it was come to, unless the outermost schema has the anchor: that
 * one is always entered first. */
static const weir_value *follow_dynamic(
    checker *c, weir_compiler *side, weir_node from, const weir_value *ref, weir_view name)
{
    weir_node to, root = {0, side->s->documents[0].root};
    if (!follow(c, side, from, ref, &to)) {
        return NULL;
    }
    const weir_anchor *own = dynamic_anchor(side, weir_compiler_resource(side, to), name);
    if (!own || own->at != to.at) {
        return to.at;
    }
    const weir_anchor *outermost = dynamic_anchor(side, weir_compiler_resource(side, root), name);
    return outermost ? outermost->at : NULL;
}

static weir_view anchor_name(const weir_value *ref)
{
    const char *hash = memchr(ref->at, '#', ref->len);
    bool is_name = hash && (size_t)(hash - ref->at) + 1 < ref->len && hash[1] != '/';
    return is_name ? weir_view_make(hash + 1, ref->len - (size_t)(hash + 1 - ref->at))
                   : weir_view_of("\n"); /* no anchor's name */
}

static void read_references(checker *c, view *v, weir_node node)
{
    const weir_value *ref = v->keywords[WEIR_KW_REF];
    const weir_value *dynamic = v->keywords[WEIR_KW_DYNAMIC_REF];
    weir_view name = weir_is(dynamic, WEIR_STRING) ? anchor_name(dynamic) : weir_view_of("");
    weir_node to;
    dynamic = dynamic ? dynamic : v->keywords[WEIR_KW_RECURSIVE_REF];
    if (ref) {
        v->targets[0] = follow(c, v->side, node, ref, &to);
    }
    if (dynamic) {
        v->targets[1] = follow_dynamic(c, v->side, node, dynamic, name);
    }
    v->lost = ref && !v->targets[0] ? ref : dynamic && !v->targets[1] ? dynamic : NULL;
}

/* ---- views ---------------------------------------------------------------------------------- */

static bool find_node(weir_compiler *side, const weir_value *at, weir_node *out)
{
    for (uint32_t i = 0; i < side->s->n_documents; i++) {
        const weir_value *root = side->s->documents[i].root;
        if (root && at >= root && at < root + root->skip) {
            *out = (weir_node){i, at};
            return true;
        }
    }
    return false;
}

/* Keywords that do nothing without another one. */
static void drop_idle(view *v)
{
    static const weir_keyword needs[][2] = {{WEIR_KW_THEN, WEIR_KW_IF}, {WEIR_KW_ELSE, WEIR_KW_IF},
        {WEIR_KW_MIN_CONTAINS, WEIR_KW_CONTAINS}, {WEIR_KW_MAX_CONTAINS, WEIR_KW_CONTAINS}};
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        if (!v->keywords[needs[i][1]]) {
            v->keywords[needs[i][0]] = NULL;
        }
    }
}

/* Before 2020-12 `items` may be the list, and `additionalItems` the rest. */
static void read_items(view *v)
{
    const weir_value *items = v->keywords[WEIR_KW_ITEMS];
    v->list = v->keywords[WEIR_KW_PREFIX_ITEMS];
    v->rest = items;
    if (v->draft < WEIR_DRAFT_2020_12 && weir_is(items, WEIR_ARRAY)) {
        v->list = items;
        v->rest = v->keywords[WEIR_KW_ADDITIONAL_ITEMS];
    }
    v->list = weir_is(v->list, WEIR_ARRAY) ? v->list : NULL;
}

/* Those that do not look at values by themselves. */
static bool is_silent(weir_keyword k)
{
    switch (k) {
    case WEIR_KW_ID4:
    case WEIR_KW_ID:
    case WEIR_KW_SCHEMA:
    case WEIR_KW_VOCABULARY:
    case WEIR_KW_ANCHOR:
    case WEIR_KW_DYNAMIC_ANCHOR:
    case WEIR_KW_RECURSIVE_ANCHOR:
    case WEIR_KW_DEFS:
    case WEIR_KW_DEFINITIONS:
        return true;
    default:
        return false;
    }
}

static void read_view(checker *c, view *v)
{
    weir_node node = {0, v->at};
    v->side = find_node(&c->sides[0], v->at, &node) ? &c->sides[0] : &c->sides[1];
    if (v->side == &c->sides[1]) {
        (void)find_node(v->side, v->at, &node);
    }
    uint32_t resource = weir_compiler_resource(v->side, node);
    weir_dialect dialect = resource < v->side->s->n_resources
                               ? v->side->s->resources[resource].dialect
                               : v->side->dialect;
    v->draft = dialect.draft;
    weir_compiler_keywords(v->at, dialect, v->keywords);
    drop_idle(v);
    v->any = true;
    for (int k = 0; k < WEIR_KEYWORDS; k++) {
        v->keywords[k] = is_silent((weir_keyword)k) ? NULL : v->keywords[k];
        v->any = v->any && !v->keywords[k];
    }
    read_items(v);
    read_references(c, v, node);
    v->named = types_named(v->keywords[WEIR_KW_TYPE], v->draft);
    v->types = types_left(v);
}

const view *weir_compat_view_of(checker *c, const weir_value *schema)
{
    static const view anything = {.any = true, .types = WEIR_COMPAT_ALL_TYPES};
    weir_map_entry *e =
        weir_map_add(&c->views, weir_view_make((const char *)&schema, sizeof(void *)));
    view *v = e && !e->value ? weir_arena_alloc(&c->arena, sizeof *v) : NULL;
    if (!e || (!e->value && !v)) {
        c->arena.failed = true;
        return &anything;
    }
    if (v) {
        *v = (view){.at = schema, .any = true, .types = WEIR_COMPAT_ALL_TYPES};
        e->value = v;
        v->none = weir_is(schema, WEIR_BOOL) && !(schema->flags & WEIR_TRUE);
        v->any = !v->none;
        v->types = v->none ? 0 : v->types;
        if (weir_is(schema, WEIR_OBJECT)) {
            read_view(c, v);
        }
        return v;
    }
    return e->value;
}

/* ---- regular expressions -------------------------------------------------------------------- */

static weir_regex *compile(checker *c, weir_view pattern)
{
    weir_regex *regex = NULL;
    weir_error err;
    c->arena.failed |= weir_regex_compile(pattern, &regex, &err) == WEIR_RETRY;
    return regex;
}

weir_regex_verdict weir_compat_matches(checker *c, const weir_value *pattern, weir_view name)
{
    weir_view text = weir_string(pattern, &c->arena);
    weir_map_entry *e = text.ptr ? weir_map_add(&c->regexes, text) : NULL;
    if (!e) {
        c->arena.failed = true;
        return WEIR_REGEX_GAVE_UP;
    }
    e->value = e->value ? e->value : compile(c, text);
    return e->value ? weir_regex_match(e->value, c->scratch, name) : WEIR_REGEX_GAVE_UP;
}

/* ---- the same ------------------------------------------------------------------------------- */

static bool same_schemas(checker *c, const weir_value *a, const weir_value *b)
{
    return weir_compat_same(c, weir_compat_view_of(c, a), weir_compat_view_of(c, b));
}

static bool same_lists(checker *c, const weir_value *a, const weir_value *b)
{
    bool same = a->type == WEIR_ARRAY && b->type == WEIR_ARRAY && a->len == b->len;
    const weir_value *other = same && b->len ? weir_child(b) : NULL;
    WEIR_EACH_ITEM(a, item)
    {
        same = same && other && same_schemas(c, item, other);
        other = same ? weir_next(other) : NULL;
    }
    return same;
}

/* Members of `dependencies` may be lists of names. */
static bool same_maps(checker *c, const weir_value *a, const weir_value *b)
{
    bool same = a->type == WEIR_OBJECT && b->type == WEIR_OBJECT && a->len == b->len;
    if (!same) {
        return false;
    }
    WEIR_EACH_MEMBER(a, name, value)
    {
        const weir_value *other = weir_get(b, weir_string(name, &c->arena));
        bool names = weir_is(other, WEIR_ARRAY) || value->type == WEIR_ARRAY;
        same = same && other &&
               (names ? weir_equal(value, other, &c->steps) : same_schemas(c, value, other));
    }
    return same;
}

static bool same_values(checker *c, const weir_value *a, const weir_value *b, int shape)
{
    bool list = shape == WEIR_SHAPE_LIST || a->type == WEIR_ARRAY || b->type == WEIR_ARRAY;
    switch (shape) {
    case WEIR_SHAPE_NONE:
        return weir_equal(a, b, &c->steps);
    case WEIR_SHAPE_MAP:
        return same_maps(c, a, b);
    default:
        return list ? same_lists(c, a, b) : same_schemas(c, a, b);
    }
}

/* One that depends on how it was come to is the same only where all is. */
static bool same_lost(checker *c, const view *a, const view *b)
{
    bool text = a->lost && b->lost && weir_equal(a->lost, b->lost, &c->steps);
    bool out = a->lost == a->keywords[WEIR_KW_REF] && b->lost == b->keywords[WEIR_KW_REF];
    return text && (out || weir_equal(c->roots[0], c->roots[1], &c->steps));
}

bool weir_compat_same_keyword(checker *c, const view *a, const view *b, weir_keyword k)
{
    const weir_value *x = a->keywords[k], *y = b->keywords[k];
    if (!x || !y) {
        return x == y;
    }
    bool dynamic = k == WEIR_KW_DYNAMIC_REF || k == WEIR_KW_RECURSIVE_REF;
    if (k != WEIR_KW_REF && !dynamic) {
        return same_values(c, x, y, weir_keywords[k].shape);
    }
    const weir_value *to = a->targets[dynamic], *other = b->targets[dynamic];
    return to && other ? same_schemas(c, to, other) : !to && !other && same_lost(c, a, b);
}

static bool same_keywords(checker *c, const view *a, const view *b)
{
    bool same = a->draft == b->draft;
    for (int k = 0; k < WEIR_KEYWORDS && same; k++) {
        same = !a->keywords[k] == !b->keywords[k];
    }
    for (int k = 0; k < WEIR_KEYWORDS && same; k++) {
        same = weir_compat_same_keyword(c, a, b, (weir_keyword)k);
    }
    return same;
}

static const char yes, no, maybe;

static void keep(checker *c, const view *a, const view *b, const char *verdict)
{
    const view *pair[2] = {a, b};
    weir_map_entry *e = weir_map_find(&c->known, weir_view_make((const char *)pair, sizeof pair));
    if (e && (verdict == &no || e->value == &maybe)) {
        e->value = (void *)(uintptr_t)verdict;
    }
}

/* All that was taken as the same on the way is so, or is not known. */
static void settle(checker *c, bool same)
{
    for (const weir_compat_twins *t = c->twins; t; t = t->up) {
        keep(c, t->a, t->b, same ? &yes : NULL);
    }
    c->twins = NULL;
}

/* A pair that is met again while it is compared is the same, if the rest is: so each pair is looked
 * at once, and one difference decides it for all of them. */
bool weir_compat_same(checker *c, const view *a, const view *b)
{
    if (a == b || a->any || b->any || a->none || b->none) {
        return a == b || (a->any == b->any && a->none == b->none);
    }
    const view *pair[2] = {a, b};
    weir_map_entry *e = weir_map_add(&c->known, weir_view_make((const char *)pair, sizeof pair));
    weir_compat_twins *twins = weir_arena_alloc(&c->arena, sizeof *twins);
    if (!e || !twins || --c->steps < 0 || c->same_depth > DEPTH) {
        c->arena.failed |= !e;
        return false;
    }
    if (e->value) {
        return e->value != &no;
    }
    e->value = (void *)(uintptr_t)&maybe;
    *twins = (weir_compat_twins){a, b, c->twins};
    c->twins = twins;
    c->same_depth++;
    bool same = same_keywords(c, a, b);
    c->same_depth--;
    if (!same) {
        keep(c, a, b, c->steps < 0 ? NULL : &no);
    }
    if (!c->same_depth) {
        settle(c, same);
    }
    return same;
}

const weir_value *weir_compat_item_of(const view *v, size_t i)
{
    if (!v->list || i >= v->list->len) {
        return v->rest;
    }
    const weir_value *item = weir_child(v->list);
    for (; i > 0; i--) {
        item = weir_next(item);
    }
    return item;
}
