/* Documents of schemas, and what in them can be referred to. See compiler.h.
 *
 * A document is walked once: each schema in it gets its resource (the nearest $id above), and its
 * anchors are noted. Only places that hold schemas are walked; an "$id" inside an enum is data. A
 * reference into a place that was not walked (under an unknown keyword) has it walked then. */
#include <stdio.h>

#include "base/alloc.h"
#include "schema/compiler.h"
#include "schema/uri.h"
#include "value/json.h"

enum { MOST_META_DEPTH = 8, MOST_DOCUMENTS = 1000, MOST_RESOURCES = 1000000 };

static uint32_t index_of(const weir_compiler *c, weir_node node)
{
    return (uint32_t)(node.at - c->s->documents[node.document].root);
}

uint32_t weir_compiler_resource(const weir_compiler *c, weir_node node)
{
    return c->s->documents[node.document].resource_of[index_of(c, node)] - 1;
}

static weir_view string_of(weir_compiler *c, const weir_value *v)
{
    return weir_is(v, WEIR_STRING) ? weir_string(v, &c->s->arena) : (weir_view){NULL, 0};
}

/* Room for one more; doubles at powers of two. */
static void *grow(void *old, uint32_t count, size_t size)
{
    bool full = (count & (count - 1)) == 0;
    return full ? weir_realloc(old, (count ? 2 * (size_t)count : 1) * size) : old;
}

/* ---- resources and anchors ------------------------------------------------------------------ */

static weir_status name_resource(weir_compiler *c, weir_view uri, uint32_t resource)
{
    weir_map_entry *e = weir_map_add(&c->by_uri, uri);
    if (!e) {
        return weir_compiler_oom(c);
    }
    if (!e->value) { /* the first one of a name stays */
        e->value = (void *)(uintptr_t)(resource + 1);
    }
    return WEIR_OK;
}

static weir_status add_resource(weir_compiler *c, weir_resource r, uint32_t *out)
{
    weir_schema *s = c->s;
    if (s->n_resources == MOST_RESOURCES) {
        return weir_fail(c->err, WEIR_E_SCHEMA_LIMIT,
            "the schema and what it refers to are more than %d schemas with a URI", MOST_RESOURCES);
    }
    weir_resource *all = grow(s->resources, s->n_resources, sizeof *all);
    if (!all) {
        return weir_compiler_oom(c);
    }
    s->resources = all;
    *out = s->n_resources++;
    all[*out] = r;
    return name_resource(c, r.uri, *out);
}

/* A number and a name as one key of a map. */
typedef struct pair_key {
    weir_buf bytes;
} pair_key;

static weir_view pair_of(pair_key *k, uint64_t number, weir_view name)
{
    k->bytes = (weir_buf){0};
    weir_buf_put(&k->bytes, &number, sizeof number);
    weir_buf_putv(&k->bytes, name);
    return weir_buf_view(&k->bytes);
}

/* Finds, or adds with the value NULL. NULL: no memory. */
static weir_map_entry *add_pair(weir_map *map, uint64_t number, weir_view name)
{
    pair_key key;
    weir_view bytes = pair_of(&key, number, name);
    weir_map_entry *e = key.bytes.failed ? NULL : weir_map_add(map, bytes);
    weir_buf_fini(&key.bytes);
    return e;
}

/* NULL: there is none, or (then the arena has failed too) no memory to look. */
static void *find_pair(const weir_compiler *c, const weir_map *map, uint64_t number, weir_view name)
{
    pair_key key;
    weir_view bytes = pair_of(&key, number, name);
    void *value = key.bytes.failed ? NULL : weir_map_get(map, bytes);
    c->s->arena.failed |= key.bytes.failed;
    weir_buf_fini(&key.bytes);
    return value;
}

const weir_anchor *weir_compiler_anchor(const weir_compiler *c, uint32_t resource, weir_view name)
{
    return find_pair(c, &c->anchors, resource, name);
}

static weir_status add_dynamic(
    weir_compiler *c, weir_node node, uint32_t resource, weir_view name, weir_anchor *anchor)
{
    weir_map_entry *e = weir_map_add(&c->names, name);
    weir_dynamic_anchor *d = weir_arena_alloc(&c->s->arena, sizeof *d);
    if (!e || !d) {
        return weir_compiler_oom(c);
    }
    if (!e->value) {
        e->value = (void *)(uintptr_t)c->names.count;
    }
    *d = (weir_dynamic_anchor){name, node.at, resource, WEIR_NO_BLOCK,
        (uint32_t)(uintptr_t)e->value, c->s->dynamic_anchors};
    c->s->dynamic_anchors = d;
    anchor->dynamic = d;
    return WEIR_OK;
}

static weir_status add_anchor(
    weir_compiler *c, weir_node node, uint32_t resource, weir_view name, bool dynamic)
{
    weir_map_entry *e = add_pair(&c->anchors, resource, name);
    weir_anchor *a = weir_arena_alloc(&c->s->arena, sizeof *a);
    if (!e || !a) {
        return weir_compiler_oom(c);
    }
    *a = (weir_anchor){node.at, NULL};
    e->value = a;
    return dynamic ? add_dynamic(c, node, resource, name, a) : WEIR_OK;
}

/* ---- dialects ------------------------------------------------------------------------------- */

static const uint16_t all_vocabularies = 0x3F; /* but for the assertion of formats */

static weir_view without_fragment(weir_view uri)
{
    const char *hash = memchr(uri.ptr, '#', uri.len);
    return weir_view_make(uri.ptr, hash ? (size_t)(hash - uri.ptr) : uri.len);
}

static bool known_dialect(weir_view uri, weir_dialect *out)
{
    static const weir_draft drafts[] = {
        WEIR_DRAFT_4, WEIR_DRAFT_6, WEIR_DRAFT_7, WEIR_DRAFT_2019_09, WEIR_DRAFT_2020_12};
    for (size_t i = 0; i < sizeof drafts / sizeof *drafts; i++) {
        weir_view known = without_fragment(weir_view_of(weir_meta_schema_uri(drafts[i])));
        bool secure = uri.len == known.len + 1 && memcmp(uri.ptr, "https:", 6) == 0 &&
                      memcmp(known.ptr, "http:", 5) == 0 &&
                      memcmp(uri.ptr + 5, known.ptr + 4, uri.len - 5) == 0;
        if (weir_view_eq(uri, known) || secure) {
            *out = (weir_dialect){(uint8_t)drafts[i], all_vocabularies};
            return true;
        }
    }
    return false;
}

/* The bit of a vocabulary's URI; 0: not known. */
static uint16_t vocabulary_bit(weir_view uri)
{
    static const struct {
        const char *name;
        uint16_t bits;
    } known[] = {{"core", 1 << WEIR_VOCABULARY_CORE},
        {"applicator", 1 << WEIR_VOCABULARY_APPLICATOR},
        {"unevaluated", 1 << WEIR_VOCABULARY_UNEVALUATED},
        {"validation", 1 << WEIR_VOCABULARY_VALIDATION}, {"format", 1 << WEIR_VOCABULARY_FORMAT},
        {"format-annotation", 1 << WEIR_VOCABULARY_FORMAT},
        {"format-assertion", 1 << WEIR_VOCABULARY_FORMAT | 1 << WEIR_VOCABULARY_FORMAT_ASSERTION},
        {"content", 1 << WEIR_VOCABULARY_CONTENT}, {"meta-data", 1 << WEIR_VOCABULARY_CORE}};
    static const char *const roots[] = {"https://json-schema.org/draft/2019-09/vocab/",
        "https://json-schema.org/draft/2020-12/vocab/"};
    for (size_t r = 0; r < 2; r++) {
        size_t len = strlen(roots[r]);
        bool ours = uri.len > len && memcmp(uri.ptr, roots[r], len) == 0;
        for (size_t i = 0; ours && i < sizeof known / sizeof *known; i++) {
            if (weir_view_is(weir_view_make(uri.ptr + len, uri.len - len), known[i].name)) {
                return known[i].bits;
            }
        }
    }
    return 0;
}

/* $vocabulary of a meta-schema. */
static weir_status read_vocabularies(weir_compiler *c, weir_node meta, weir_dialect *d)
{
    const weir_value *list = weir_gets(meta.at, "$vocabulary");
    if (!weir_is(list, WEIR_OBJECT) || d->draft < WEIR_DRAFT_2019_09) {
        return WEIR_OK;
    }
    uint16_t bits = 1 << WEIR_VOCABULARY_CORE;
    WEIR_EACH_MEMBER(list, name, needed)
    {
        uint16_t bit = vocabulary_bit(string_of(c, name));
        bool must = weir_is(needed, WEIR_BOOL) && (needed->flags & WEIR_TRUE);
        if (!bit && must) {
            return weir_compiler_refuse(c, (weir_node){meta.document, name},
                WEIR_E_SCHEMA_VOCABULARY, "the vocabulary %.*s is required and not known",
                WEIR_ARG(weir_raw(name)));
        }
        /* In 2019-09 a format vocabulary that is `true` asserts. */
        bool asserts = d->draft == WEIR_DRAFT_2019_09 && must && bit == 1 << WEIR_VOCABULARY_FORMAT;
        bits |= bit | (asserts ? 1 << WEIR_VOCABULARY_FORMAT_ASSERTION : 0);
    }
    if (d->draft == WEIR_DRAFT_2019_09 && bits & 1 << WEIR_VOCABULARY_APPLICATOR) {
        bits |= 1 << WEIR_VOCABULARY_UNEVALUATED; /* it was part of it then */
    }
    d->vocabularies = bits;
    return WEIR_OK;
}

/* The dialect that a document's or a resource's $schema names. */
static weir_status read_dialect(weir_compiler *c, weir_node node, weir_dialect *out)
{
    const weir_value *name = weir_gets(node.at, "$schema");
    weir_view uri = string_of(c, name);
    if (!uri.ptr || known_dialect(without_fragment(uri), out)) {
        return WEIR_OK;
    }
    if (c->meta_depth == MOST_META_DEPTH) {
        return weir_compiler_refuse(
            c, (weir_node){node.document, name}, WEIR_E_SCHEMA_LOOP, "$schema leads in a circle");
    }
    weir_node meta = {0, NULL};
    c->meta_depth++;
    weir_status s = weir_compiler_follow(c, (weir_node){node.document, NULL}, name, &meta);
    c->meta_depth--;
    if (s) {
        return s;
    }
    *out = c->s->documents[meta.document].dialect;
    return read_vocabularies(c, meta, out);
}

/* ---- the walk ------------------------------------------------------------------------------- */

static weir_status walk(weir_compiler *c, weir_node node, uint32_t resource);

static weir_status walk_list(weir_compiler *c, weir_node list, uint32_t resource)
{
    weir_status s = WEIR_OK;
    WEIR_EACH_ITEM(list.at, item)
    {
        s = s ? s : walk(c, (weir_node){list.document, item}, resource);
    }
    return s;
}

static weir_status walk_map(weir_compiler *c, weir_node map, uint32_t resource)
{
    weir_status s = WEIR_OK;
    WEIR_EACH_MEMBER(map.at, name, value)
    {
        s = s ? s : walk(c, (weir_node){map.document, value}, resource);
    }
    return s;
}

static weir_status walk_keyword(weir_compiler *c, weir_node value, int shape, uint32_t resource)
{
    bool is_list = value.at->type == WEIR_ARRAY, is_map = value.at->type == WEIR_OBJECT;
    if (shape == WEIR_SHAPE_LIST || (shape == WEIR_SHAPE_ONE_OR_LIST && is_list)) {
        return is_list ? walk_list(c, value, resource) : WEIR_OK;
    }
    if (shape == WEIR_SHAPE_MAP) {
        return is_map ? walk_map(c, value, resource) : WEIR_OK;
    }
    return shape == WEIR_SHAPE_NONE ? WEIR_OK : walk(c, value, resource);
}

/* A new $id: the resource that begins here. */
static weir_status enter_resource(
    weir_compiler *c, weir_node node, weir_view id, uint32_t *resource)
{
    weir_resource r = c->s->resources[*resource];
    bool same = r.root == node.at;
    r.uri = weir_uri_resolve(r.uri, without_fragment(id), &c->s->arena);
    if (!r.uri.ptr) {
        return weir_compiler_oom(c);
    }
    if (same) { /* a document's root: it keeps the name that it was asked for by too */
        c->s->resources[*resource].uri = r.uri;
        return name_resource(c, r.uri, *resource);
    }
    r.root = node.at;
    weir_status s = WEIR_OK;
    if (r.dialect.draft >= WEIR_DRAFT_2019_09 || weir_gets(node.at, "$schema")) {
        s = read_dialect(c, node, &r.dialect);
    }
    return s ? s : add_resource(c, r, resource);
}

static weir_status read_id(weir_compiler *c, weir_node node, uint32_t *resource)
{
    uint8_t draft = c->s->resources[*resource].dialect.draft;
    bool old = draft <= WEIR_DRAFT_7;
    weir_view id = string_of(c, weir_gets(node.at, draft == WEIR_DRAFT_4 ? "id" : "$id"));
    if (!id.ptr || (old && weir_gets(node.at, "$ref"))) {
        return WEIR_OK;
    }
    weir_status s = WEIR_OK;
    if (without_fragment(id).len) {
        s = enter_resource(c, node, id, resource);
    }
    weir_view fragment = weir_uri_of(id).fragment;
    if (!s && old && fragment.len && fragment.ptr[0] != '/') {
        s = add_anchor(c, node, *resource, fragment, false);
    }
    return s;
}

static weir_status read_anchors(weir_compiler *c, weir_node node, uint32_t resource)
{
    uint8_t draft = c->s->resources[resource].dialect.draft;
    weir_status s = WEIR_OK;
    if (draft < WEIR_DRAFT_2019_09) {
        return s;
    }
    weir_view anchor = string_of(c, weir_gets(node.at, "$anchor"));
    if (anchor.ptr) {
        s = add_anchor(c, node, resource, anchor, false);
    }
    anchor = string_of(c, weir_gets(node.at, "$dynamicAnchor"));
    if (!s && anchor.len && draft == WEIR_DRAFT_2020_12) {
        s = add_anchor(c, node, resource, anchor, true);
    }
    const weir_value *recursive = weir_gets(node.at, "$recursiveAnchor");
    if (!s && draft == WEIR_DRAFT_2019_09 && weir_is(recursive, WEIR_BOOL) &&
        (recursive->flags & WEIR_TRUE) && c->s->resources[resource].root == node.at) {
        s = add_anchor(c, node, resource, weir_view_of(""), true);
    }
    return s;
}

static weir_status walk(weir_compiler *c, weir_node node, uint32_t resource)
{
    uint32_t *known = &c->s->documents[node.document].resource_of[index_of(c, node)];
    if (*known) {
        return WEIR_OK;
    }
    *known = resource + 1;
    if (node.at->type != WEIR_OBJECT) {
        return WEIR_OK;
    }
    weir_status s = read_id(c, node, &resource);
    /* Documents may have been added meanwhile: `known` may point nowhere. */
    c->s->documents[node.document].resource_of[index_of(c, node)] = resource + 1;
    s = s ? s : read_anchors(c, node, resource);
    uint8_t draft = c->s->resources[resource].dialect.draft;
    WEIR_EACH_MEMBER(node.at, name, value)
    {
        int k = weir_keyword_of(name, draft);
        if (k >= 0 && !s) {
            s = walk_keyword(
                c, (weir_node){node.document, value}, weir_keywords[k].shape, resource);
        }
    }
    return s;
}

weir_status weir_compiler_know(weir_compiler *c, weir_node node, uint32_t resource)
{
    return walk(c, node, resource);
}

/* ---- documents ------------------------------------------------------------------------------ */

static weir_status read_document(weir_compiler *c, weir_view text, weir_schema_document *d)
{
    weir_arena *arena = &c->s->arena;
    d->text = weir_arena_copy(arena, text);
    if (!d->text.ptr) {
        return weir_compiler_oom(c);
    }
    weir_status s = weir_json_read(d->text, arena, &d->root, c->err);
    if (s) {
        if (c->err && d->uri.len && c->s->n_documents) {
            char where[sizeof c->err->where];
            snprintf(where, sizeof where, "%.*s:%.20s", d->uri.len < 70 ? (int)d->uri.len : 70,
                d->uri.ptr, c->err->where);
            memcpy(c->err->where, where, sizeof where);
        }
        return s;
    }
    size_t bytes = d->root->skip * sizeof(uint32_t);
    d->resource_of = weir_arena_alloc(arena, bytes);
    d->block_of = weir_arena_alloc(arena, bytes);
    if (!d->resource_of || !d->block_of) {
        return weir_compiler_oom(c);
    }
    memset(d->resource_of, 0, bytes);
    memset(d->block_of, 0, bytes);
    return WEIR_OK;
}

weir_status weir_compiler_add(weir_compiler *c, weir_view uri, weir_view text, uint32_t *document)
{
    weir_schema *schema = c->s;
    weir_schema_document d = {.dialect = c->dialect};
    d.uri = weir_arena_copy(&schema->arena, uri.ptr ? uri : weir_view_of(""));
    if (!d.uri.ptr) {
        return weir_compiler_oom(c);
    }
    if (schema->n_documents == MOST_DOCUMENTS) {
        return weir_fail(c->err, WEIR_E_SCHEMA_LIMIT,
            "the schema refers to more than %d documents, one by another", MOST_DOCUMENTS);
    }
    weir_status s = read_document(c, text, &d);
    weir_schema_document *all = s ? NULL : grow(schema->documents, schema->n_documents, sizeof d);
    if (!all) {
        return s ? s : weir_compiler_oom(c);
    }
    schema->documents = all;
    *document = schema->n_documents++;
    all[*document] = d;
    /* It has its name before its $schema is followed: a meta-schema may be its own. */
    uint32_t resource = 0;
    weir_resource r = {d.uri, d.root, *document, d.dialect};
    s = add_resource(c, r, &resource);
    s = s ? s : read_dialect(c, (weir_node){*document, d.root}, &d.dialect);
    if (s) {
        return s;
    }
    schema->documents[*document].dialect = d.dialect;
    schema->resources[resource].dialect = d.dialect;
    return walk(c, (weir_node){*document, d.root}, resource);
}

/* ---- references ----------------------------------------------------------------------------- */

static weir_status unresolved(weir_compiler *c, weir_node at, weir_view uri, const char *what)
{
    int len = uri.len < 150 ? (int)uri.len : 150;
    return weir_compiler_refuse(c, at, WEIR_E_SCHEMA_UNRESOLVED, "%s: %.*s", what, len, uri.ptr);
}

/* The resource of an absolute URI; it is loaded where it is not known yet. */
static weir_status find_resource(weir_compiler *c, weir_node at, weir_view uri, uint32_t *resource)
{
    uintptr_t known = (uintptr_t)weir_map_get(&c->by_uri, uri);
    if (known) {
        *resource = (uint32_t)known - 1;
        return WEIR_OK;
    }
    weir_view text = weir_meta_schema(uri);
    weir_status s = WEIR_OK;
    if (!text.ptr && c->options->resolve) {
        weir_view name = weir_arena_copy(&c->s->arena, uri);
        s = name.ptr ? c->options->resolve(c->options->resolve_ctx, name.ptr, &text, c->err)
                     : weir_compiler_oom(c);
    }
    if (s) {
        return weir_compiler_place(c, at, s);
    }
    if (!text.ptr) {
        return unresolved(c, at, uri, "no schema is found at");
    }
    uint32_t document;
    s = weir_compiler_add(c, uri, text, &document);
    known = (uintptr_t)weir_map_get(&c->by_uri, uri);
    *resource = (uint32_t)known - 1;
    return s;
}

static weir_status find_anchor(
    weir_compiler *c, weir_node at, uint32_t resource, weir_view name, weir_node *to)
{
    const weir_anchor *a = weir_compiler_anchor(c, resource, name);
    if (!a) {
        return c->s->arena.failed
                   ? weir_compiler_oom(c)
                   : unresolved(c, at, name, "the resource has no anchor of this name");
    }
    *to = (weir_node){c->s->resources[resource].document, a->at};
    return WEIR_OK;
}

enum { FEW_MEMBERS = 64 };

/* A member of a large object, which many references may lead through: by a map. The members are
 * added to it once; the empty name stands for that this was done. NULL: none, or no memory. */
static const weir_value *step_large(weir_compiler *c, const weir_value *object, weir_view token)
{
    uint64_t number = (uint64_t)(uintptr_t)object;
    weir_map_entry *done = add_pair(&c->members, number, weir_view_of(""));
    if (done && !done->value) {
        done->value = c;
        WEIR_EACH_MEMBER(object, name, value)
        {
            weir_view text = string_of(c, name);
            weir_map_entry *e = text.len ? add_pair(&c->members, number, text) : NULL;
            c->s->arena.failed |= text.len && !e;
            if (e) {
                e->value = (void *)(uintptr_t)value;
            }
        }
    }
    return find_pair(c, &c->members, number, token);
}

/* The node that one token of a JSON Pointer leads to. */
static const weir_value *step(weir_compiler *c, const weir_value *v, weir_view token)
{
    bool plain = token.len && !memchr(token.ptr, '~', token.len);
    if (v->type == WEIR_OBJECT && v->len > FEW_MEMBERS && plain) {
        return step_large(c, v, token);
    }
    weir_view copy = weir_arena_printf(&c->s->arena, "/%.*s", WEIR_ARG(token));
    return copy.ptr ? weir_pointer(v, copy.ptr) : NULL;
}

/* Follows a JSON Pointer; resources that begin on the way are entered. */
static weir_status find_pointer(
    weir_compiler *c, weir_node at, uint32_t resource, weir_view pointer, weir_node *to)
{
    weir_node node = {c->s->resources[resource].document, c->s->resources[resource].root};
    weir_view rest = pointer;
    while (rest.len) {
        rest = weir_view_make(rest.ptr + 1, rest.len - 1);
        const char *slash = memchr(rest.ptr, '/', rest.len);
        size_t len = slash ? (size_t)(slash - rest.ptr) : rest.len;
        node.at = step(c, node.at, weir_view_make(rest.ptr, len));
        if (!node.at) {
            return c->s->arena.failed
                       ? weir_compiler_oom(c)
                       : unresolved(c, at, pointer, "the JSON Pointer leads nowhere");
        }
        uint32_t own = weir_compiler_resource(c, node);
        resource = own != UINT32_MAX ? own : resource;
        rest = weir_view_make(rest.ptr + len, rest.len - len);
    }
    *to = node;
    return walk(c, node, resource);
}

weir_status weir_compiler_follow(
    weir_compiler *c, weir_node from, const weir_value *reference, weir_node *to)
{
    weir_node at = {from.document, reference};
    weir_view text = string_of(c, reference);
    if (!text.ptr) {
        return c->s->arena.failed
                   ? weir_compiler_oom(c)
                   : weir_compiler_refuse(c, at, WEIR_E_SCHEMA_INVALID, "a reference is a text");
    }
    /* from.at NULL: a $schema, relative to nothing. */
    uint32_t resource = from.at ? weir_compiler_resource(c, from) : 0;
    weir_status s = WEIR_OK;
    if (without_fragment(text).len || !from.at) {
        weir_view base = from.at ? c->s->resources[resource].uri : weir_view_of("");
        weir_view uri = weir_uri_resolve(base, without_fragment(text), &c->s->arena);
        s = uri.ptr ? find_resource(c, at, uri, &resource) : weir_compiler_oom(c);
    }
    weir_view fragment = s ? text : weir_uri_fragment(text, &c->s->arena);
    if (s || !fragment.ptr) {
        return s ? s : weir_compiler_oom(c);
    }
    return fragment.len && fragment.ptr[0] != '/' ? find_anchor(c, at, resource, fragment, to)
                                                  : find_pointer(c, at, resource, fragment, to);
}
