/* From a schema's JSON to the model. See avro_schema.h.
 *
 * One walk over the JSON, depth first: a named type is entered in the table of names before its
 * fields are read, so that it may refer to itself. */
#include "base/alloc.h"
#include "base/map.h"
#include "schema/avro_parse.h"
#include "value/json.h"
#include "value/text.h"

enum {
    LARGEST_TEXT = 4 << 20,
    MOST_TYPES = 1 << 17,
    MOST_BYTES = 64 << 20, /* of the model */
    MOST_HEIGHT = 1000,    /* so that who walks over types may recurse */
};

typedef struct parser {
    weir_avro_schema *s;
    weir_map names; /* weir_avro_type, by full name */
    weir_view text; /* the one that is read */
    weir_error *err;
} parser;

/* ---- failing ------------------------------------------------------------------------------- */

static weir_status refuse(parser *p, const weir_value *at, const char *why, weir_view what)
{
    weir_status s = what.ptr ? weir_fail(p->err, WEIR_E_AVRO_SCHEMA, "%s: \"%.*s\"", why,
                                   (int)(what.len < 100 ? what.len : 100), what.ptr)
                             : weir_fail(p->err, WEIR_E_AVRO_SCHEMA, "%s", why);
    weir_place place = weir_json_place(p->text, at->at);
    (void)weir_at(p->err, "%u:%u", place.line, place.column);
    return s;
}

static const weir_view nothing = {NULL, 0};

static weir_status no_memory(parser *p)
{
    if (p->s->arena.max_bytes && weir_arena_used(&p->s->arena) > p->s->arena.max_bytes / 2) {
        return weir_fail(p->err, WEIR_E_TOO_LARGE, "the Avro schema takes too much memory");
    }
    return weir_fail_oom(p->err);
}

/* ---- names --------------------------------------------------------------------------------- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* [A-Za-z_][A-Za-z0-9_]*, `dots`: several of them. */
static bool is_name(weir_view name, bool dots)
{
    bool first = true;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool dot = dots && c == '.' && !first;
        if (!dot && !is_letter(c) && (first || c < '0' || c > '9')) {
            return false;
        }
        first = dot;
    }
    return !first;
}

static weir_status text_of(parser *p, const weir_value *v, weir_view *out)
{
    *out = weir_string(v, &p->s->arena);
    return out->ptr ? WEIR_OK : no_memory(p);
}

/* The part before the last dot; "" if there is none. */
static weir_view space_of(weir_view full)
{
    size_t len = full.len - weir_avro_short_name(full).len;
    return weir_view_make(full.ptr, len ? len - 1 : 0);
}

/* name itself, if it has a dot or there is no name space. */
static weir_status qualify(parser *p, weir_view name, weir_view space, weir_view *out)
{
    bool full = !space.len || (name.len && memchr(name.ptr, '.', name.len));
    *out =
        full ? name : weir_arena_printf(&p->s->arena, "%.*s.%.*s", WEIR_ARG(space), WEIR_ARG(name));
    return out->ptr ? WEIR_OK : no_memory(p);
}

/* Strings of names; `space` NULL: they are not qualified. */
static weir_status read_names(parser *p, const weir_value *list, const weir_view *space,
    const char *why, weir_avro_names *out)
{
    if (!weir_is(list, WEIR_ARRAY)) {
        return refuse(p, list, why, nothing);
    }
    weir_view *names = weir_arena_alloc(&p->s->arena, list->len * sizeof *names);
    if (!names) {
        return no_memory(p);
    }
    uint32_t n = 0;
    WEIR_EACH_ITEM(list, item)
    {
        weir_view text;
        if (!weir_is(item, WEIR_STRING)) {
            return refuse(p, item, why, nothing);
        }
        weir_status s = text_of(p, item, &text);
        names[n] = text;
        s = s || !space ? s : qualify(p, text, *space, &names[n]);
        if (s) {
            return s;
        }
        if (!is_name(text, space != NULL)) {
            return refuse(p, item, why, text);
        }
        n++;
    }
    *out = (weir_avro_names){names, n};
    return WEIR_OK;
}

static weir_status read_aliases(
    parser *p, const weir_value *json, const weir_view *space, weir_avro_names *out)
{
    const weir_value *aliases = weir_gets(json, "aliases");
    return !aliases || aliases->type == WEIR_NULL
               ? WEIR_OK
               : read_names(p, aliases, space, "aliases must be a list of names", out);
}

/* The name of a record, enum or fixed, its aliases, and its entry among the names. */
static weir_status read_full_name(parser *p, weir_avro_type *t, weir_view outer)
{
    const weir_value *name = weir_gets(t->json, "name"), *space = weir_gets(t->json, "namespace");
    weir_view text, in = outer;
    if (!weir_is(name, WEIR_STRING)) {
        return refuse(p, t->json, "a named type needs a name", nothing);
    }
    weir_status s = text_of(p, name, &text);
    s = s || !weir_is(space, WEIR_STRING) ? s : text_of(p, space, &in);
    s = s ? s : qualify(p, text, in, &t->name);
    if (s) {
        return s;
    }
    if (!is_name(t->name, true)) {
        return refuse(p, name, "not a name ([A-Za-z_][A-Za-z0-9_]*, with dots between)", t->name);
    }
    if (weir_map_get(&p->names, t->name)) {
        return refuse(p, name, "a name is defined twice", t->name);
    }
    weir_map_entry *e = weir_map_add(&p->names, t->name);
    if (!e) {
        return weir_fail_oom(p->err);
    }
    e->value = t;
    in = space_of(t->name);
    return read_aliases(p, t->json, &in, &t->aliases);
}

/* ---- types --------------------------------------------------------------------------------- */

static weir_status read_type(
    parser *p, const weir_value *json, weir_view space, const weir_avro_type **out);

static weir_avro_type *new_type(parser *p, weir_avro_kind kind, const weir_value *json)
{
    weir_avro_type *t = p->s->types < MOST_TYPES ? weir_arena_alloc(&p->s->arena, sizeof *t) : NULL;
    if (t) {
        *t = (weir_avro_type){
            .kind = kind, .id = p->s->types++, .height = 1, .fallback_symbol = -1, .json = json};
    }
    return t;
}

static uint32_t plus(uint32_t a, uint32_t b)
{
    enum { ENOUGH = 1 << 30 };
    return a + b < ENOUGH ? a + b : ENOUGH;
}

static weir_status read_default(parser *p, weir_avro_field *f)
{
    f->fallback = weir_gets(f->json, "default");
    if (f->fallback && !weir_avro_fits(f->type, f->fallback, &p->s->arena)) {
        if (p->s->arena.failed) {
            return no_memory(p);
        }
        return refuse(p, f->fallback, "the default is no value of the type of field", f->name);
    }
    return WEIR_OK;
}

static weir_status read_order(parser *p, const weir_value *json)
{
    const weir_value *order = weir_gets(json, "order");
    bool known = !order || weir_string_is(order, weir_view_of("ascending")) ||
                 weir_string_is(order, weir_view_of("descending")) ||
                 weir_string_is(order, weir_view_of("ignore"));
    return known ? WEIR_OK : refuse(p, order, "order is ascending, descending or ignore", nothing);
}

static weir_status read_field(
    parser *p, const weir_value *json, weir_view space, weir_avro_field *f)
{
    const weir_value *name = weir_gets(json, "name"), *type = weir_gets(json, "type");
    *f = (weir_avro_field){.json = json};
    if (!weir_is(name, WEIR_STRING) || !type) {
        return refuse(p, json, "a field needs a name and a type", nothing);
    }
    weir_status s = text_of(p, name, &f->name);
    if (!s && !is_name(f->name, false)) {
        return refuse(p, name, "not a field's name ([A-Za-z_][A-Za-z0-9_]*)", f->name);
    }
    f->key = (weir_value){.at = f->name.ptr,
        .len = (uint32_t)f->name.len,
        .span = (uint32_t)f->name.len,
        .skip = 1,
        .type = WEIR_STRING,
        .hash = weir_name_hash(f->name)};
    s = s ? s : read_type(p, type, space, &f->type);
    s = s ? s : read_aliases(p, json, NULL, &f->aliases);
    s = s ? s : read_order(p, json);
    return s ? s : read_default(p, f);
}

/* t stands around another type. One that is not finished, t itself perhaps, has no height yet. */
static void stand_around(weir_avro_type *t, const weir_avro_type *inner)
{
    t->height = inner->height >= t->height ? inner->height + 1 : t->height;
}

/* Which of the names was there before; one of them is `last`. */
static weir_status add_once(
    parser *p, weir_map *seen, weir_view name, const weir_value *at, const char *why)
{
    weir_map_entry *e = weir_map_add(seen, name);
    if (!e) {
        return weir_fail_oom(p->err);
    }
    if (e->value) {
        return refuse(p, at, why, name);
    }
    e->value = p;
    return WEIR_OK;
}

static weir_status read_fields(parser *p, weir_avro_type *t, const weir_value *list)
{
    weir_avro_field *fields = weir_arena_alloc(&p->s->arena, list->len * sizeof *fields);
    weir_map seen = {0};
    weir_status s = fields ? WEIR_OK : no_memory(p);
    t->fields = fields;
    WEIR_EACH_ITEM(list, item)
    {
        weir_avro_field *f = s ? NULL : &fields[t->count];
        s = s ? s : read_field(p, item, space_of(t->name), f);
        s = s ? s : add_once(p, &seen, f->name, item, "a record has two fields of one name");
        if (s) {
            break;
        }
        t->fewest_bytes = plus(t->fewest_bytes, f->type->fewest_bytes);
        stand_around(t, f->type);
        t->count++; /* only what is whole is counted, should the record refer to itself */
    }
    weir_map_fini(&seen, NULL);
    return s;
}

static weir_status read_record(parser *p, weir_avro_type *t, weir_view space)
{
    const weir_value *list = weir_gets(t->json, "fields");
    weir_status s = read_full_name(p, t, space);
    if (!s && !weir_is(list, WEIR_ARRAY)) {
        return refuse(p, t->json, "a record needs a list of fields", nothing);
    }
    return s ? s : read_fields(p, t, list);
}

static weir_status read_fallback_symbol(parser *p, weir_avro_type *t)
{
    const weir_value *fallback = weir_gets(t->json, "default");
    if (!fallback || fallback->type == WEIR_NULL) {
        return WEIR_OK;
    }
    weir_view text = {NULL, 0};
    weir_status s = weir_is(fallback, WEIR_STRING) ? text_of(p, fallback, &text) : WEIR_OK;
    if (s) {
        return s;
    }
    t->fallback_symbol = text.ptr ? weir_avro_symbol_of(t, text) : -1;
    return t->fallback_symbol >= 0
               ? WEIR_OK
               : refuse(p, fallback, "an enum's default must be one of its symbols", nothing);
}

static weir_status read_enum(parser *p, weir_avro_type *t, weir_view space)
{
    const weir_value *list = weir_gets(t->json, "symbols");
    weir_avro_names symbols;
    weir_status s = read_full_name(p, t, space);
    if (!s && (!weir_is(list, WEIR_ARRAY) || !list->len)) {
        return refuse(p, t->json, "an enum needs a list of symbols", nothing);
    }
    s = s ? s : read_names(p, list, NULL, "not a symbol ([A-Za-z_][A-Za-z0-9_]*)", &symbols);
    if (s) {
        return s;
    }
    t->symbols = symbols.of;
    t->count = symbols.count;
    t->fewest_bytes = 1;
    weir_map seen = {0};
    for (uint32_t i = 0; i < t->count && !s; i++) {
        s = add_once(p, &seen, t->symbols[i], list, "an enum has a symbol twice");
    }
    weir_map_fini(&seen, NULL);
    return s ? s : read_fallback_symbol(p, t);
}

static weir_status read_fixed(parser *p, weir_avro_type *t, weir_view space)
{
    const weir_value *given = weir_gets(t->json, "size");
    int64_t size;
    weir_status s = read_full_name(p, t, space);
    if (!s && (!weir_to_int64(given, &size) || size < 0 || size > INT32_MAX)) {
        return refuse(p, t->json, "a fixed needs a size from 0 to 2147483647", nothing);
    }
    if (!s) {
        t->size = (uint32_t)size;
        t->fewest_bytes = plus(0, t->size);
    }
    return s;
}

/* Items of an array, values of a map. */
static weir_status read_item(parser *p, weir_avro_type *t, const char *name, weir_view space)
{
    const weir_value *item = weir_gets(t->json, name);
    t->fewest_bytes = 1;
    if (!item) {
        return refuse(p, t->json, "an array needs items, a map needs values", nothing);
    }
    weir_status s = read_type(p, item, space, &t->item);
    if (!s) {
        stand_around(t, t->item);
    }
    return s;
}

/* ---- unions -------------------------------------------------------------------------------- */

static bool is_same_branch(const weir_avro_type *a, const weir_avro_type *b)
{
    return a->kind == b->kind && (!weir_avro_is_named(a) || weir_view_eq(a->name, b->name));
}

static weir_status check_branch(
    parser *p, const weir_avro_type *const *branches, uint32_t n, const weir_value *at)
{
    if (branches[n]->kind == WEIR_AVRO_UNION) {
        return refuse(p, at, "a union may not stand directly in a union", nothing);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (is_same_branch(branches[i], branches[n])) {
            return refuse(p, at, "a union has a branch twice", weir_avro_type_name(branches[n]));
        }
    }
    return WEIR_OK;
}

static weir_status read_union(parser *p, weir_avro_type *t, weir_view space)
{
    enum { MOST_BRANCHES = 1000 };
    if (!t->json->len || t->json->len > MOST_BRANCHES) {
        return refuse(p, t->json, "a union has 1 to 1000 branches", nothing);
    }
    const weir_avro_type **branches =
        weir_arena_alloc(&p->s->arena, t->json->len * sizeof(const weir_avro_type *));
    if (!branches) {
        return no_memory(p);
    }
    t->branches = branches;
    uint32_t fewest = UINT32_MAX;
    WEIR_EACH_ITEM(t->json, item)
    {
        weir_status s = read_type(p, item, space, &branches[t->count]);
        s = s ? s : check_branch(p, branches, t->count, item);
        if (s) {
            return s;
        }
        stand_around(t, branches[t->count]);
        uint32_t bytes = branches[t->count++]->fewest_bytes;
        fewest = bytes < fewest ? bytes : fewest;
    }
    t->fewest_bytes = plus(1, fewest);
    return WEIR_OK;
}

/* ---- one type ------------------------------------------------------------------------------ */

static const char *const kind_names[] = {"null", "boolean", "int", "long", "float", "double",
    "bytes", "string", "record", "enum", "array", "map", "fixed", "union"};

static bool kind_of(weir_view name, weir_avro_kind *out)
{
    for (size_t i = 0; i < WEIR_AVRO_UNION; i++) {
        if (weir_view_is(name, kind_names[i])) {
            *out = (weir_avro_kind)i;
            return true;
        }
    }
    if (weir_view_is(name, "error")) {
        *out = WEIR_AVRO_RECORD; /* of a protocol */
        return true;
    }
    return false;
}

static weir_status read_complex(parser *p, weir_avro_type *t, weir_view space)
{
    static const uint32_t fewest[] = {0, 1, 1, 1, 4, 8, 1, 1};
    weir_status s = WEIR_OK;
    switch (t->kind) {
    case WEIR_AVRO_RECORD:
        s = read_record(p, t, space);
        break;
    case WEIR_AVRO_ENUM:
        s = read_enum(p, t, space);
        break;
    case WEIR_AVRO_FIXED:
        s = read_fixed(p, t, space);
        break;
    case WEIR_AVRO_ARRAY:
        s = read_item(p, t, "items", space);
        break;
    case WEIR_AVRO_MAP:
        s = read_item(p, t, "values", space);
        break;
    default:
        t->fewest_bytes = fewest[t->kind];
    }
    if (!s) {
        weir_avro_read_logical(t);
    }
    return s;
}

/* A primitive type, or one that was defined before. */
static weir_status read_named(parser *p, const weir_value *json, const weir_value *name,
    weir_view space, const weir_avro_type **out)
{
    weir_avro_kind kind;
    weir_view text, full;
    weir_status s = text_of(p, name, &text);
    if (s) {
        return s;
    }
    if (kind_of(text, &kind)) {
        if (kind > WEIR_AVRO_STRING && json == name) {
            return refuse(p, name, "a complex type must be an object", text);
        }
        weir_avro_type *t = new_type(p, kind, json);
        *out = t;
        return t ? read_complex(p, t, space) : no_memory(p);
    }
    s = qualify(p, text, space, &full);
    *out = s ? NULL : weir_map_get(&p->names, full);
    if (!s && !*out) {
        *out = weir_map_get(&p->names, text); /* of no name space */
    }
    return s || *out ? s : refuse(p, name, "a type that is not defined before it is used", full);
}

static weir_status read_any_type(
    parser *p, const weir_value *json, weir_view space, const weir_avro_type **out)
{
    if (json->type == WEIR_STRING) {
        return read_named(p, json, json, space, out);
    }
    if (json->type == WEIR_ARRAY) {
        weir_avro_type *t = new_type(p, WEIR_AVRO_UNION, json);
        *out = t;
        return t ? read_union(p, t, space) : no_memory(p);
    }
    const weir_value *type = weir_gets(json, "type");
    if (!weir_is(type, WEIR_STRING)) {
        return refuse(
            p, json, "a schema is a name, a list, or an object with a `type` that is one", nothing);
    }
    return read_named(p, json, type, space, out);
}

static weir_status read_type(
    parser *p, const weir_value *json, weir_view space, const weir_avro_type **out)
{
    weir_status s = read_any_type(p, json, space, out);
    return s || !*out || (*out)->height <= MOST_HEIGHT
               ? s
               : refuse(p, json, "types in types, more than 1000 deep", nothing);
}

/* ---- the whole ----------------------------------------------------------------------------- */

static weir_status read_text(parser *p, weir_view text)
{
    weir_avro_schema *s = p->s;
    if (text.len > LARGEST_TEXT) {
        return weir_fail(p->err, WEIR_E_TOO_LARGE, "an Avro schema of more than 4 MiB");
    }
    s->text = weir_arena_copy(&s->arena, text);
    if (!s->text.ptr) {
        return weir_fail_oom(p->err);
    }
    p->text = s->text;
    const weir_value *json;
    weir_status st = weir_json_read(s->text, &s->arena, &json, p->err);
    return st ? st : read_type(p, json, weir_view_make("", 0), &s->root);
}

weir_status weir_avro_schema_parse(
    const weir_view *texts, size_t count, weir_avro_schema **out, weir_error *err)
{
    *out = NULL;
    weir_avro_schema *s = weir_calloc(1, sizeof *s);
    if (!s) {
        return weir_fail_oom(err);
    }
    weir_arena_init(&s->arena, MOST_BYTES);
    parser p = {.s = s, .err = err};
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < count && !st; i++) {
        st = read_text(&p, texts[i]);
    }
    weir_map_fini(&p.names, NULL);
    if (st) {
        weir_avro_schema_free(s);
        return st;
    }
    *out = s;
    return WEIR_OK;
}

void weir_avro_schema_free(weir_avro_schema *s)
{
    if (s) {
        weir_arena_fini(&s->arena);
        weir_free(s);
    }
}

const char *weir_avro_kind_name(weir_avro_kind kind)
{
    return kind_names[kind];
}
