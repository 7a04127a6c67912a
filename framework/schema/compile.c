/* From a schema's text to its program. See compiler.h. */
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "schema/compiler.h"
#include "schema/decimal.h"
#include "value/json.h"

enum { MOST_BLOCKS = 4000000, MOST_STEPS = 100000000 };
static const size_t MOST_BYTES = (size_t)256 << 20;

/* ---- errors --------------------------------------------------------------------------------- */

weir_status(weir_compiler_oom)(weir_compiler *c)
{
    const weir_arena *a = &c->s->arena;
    /* A block of an arena may be as large as all before it together. */
    return weir_arena_footprint(a) > a->max_bytes / 4
               ? weir_fail(c->err, WEIR_E_SCHEMA_LIMIT,
                     "the schema needs more than the %zu MiB of memory it may take",
                     a->max_bytes >> 20)
               : weir_fail_oom(c->err);
}

weir_status weir_compiler_place(weir_compiler *c, weir_node at, weir_status status)
{
    if (!c->err || !at.at) {
        return status;
    }
    const weir_schema_document *d = &c->s->documents[at.document];
    weir_place p = weir_json_place(d->text, weir_source(at.at).ptr);
    if (!at.document) {
        return weir_at(c->err, "%u:%u", p.line, p.column);
    }
    int len = d->uri.len < 70 ? (int)d->uri.len : 70;
    return weir_at(c->err, "%.*s:%u:%u", len, d->uri.ptr, p.line, p.column);
}

weir_status(weir_compiler_refuse)(
    weir_compiler *c, weir_node at, weir_code code, const char *fmt, ...)
{
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return weir_compiler_place(c, at, weir_fail(c->err, code, "%s", text));
}

/* ---- blocks --------------------------------------------------------------------------------- */

static weir_status new_block(weir_compiler *c, weir_block block, weir_node node, uint32_t *out)
{
    weir_schema *s = c->s;
    if (s->n_blocks == MOST_BLOCKS) {
        return weir_fail(c->err, WEIR_E_SCHEMA_LIMIT, "more than %d subschemas", MOST_BLOCKS);
    }
    if (!c->queue || (s->n_blocks & (s->n_blocks - 1)) == 0) {
        size_t count = s->n_blocks ? 2 * (size_t)s->n_blocks : 1;
        weir_block *blocks = weir_realloc(s->blocks, count * sizeof *blocks);
        s->blocks = blocks ? blocks : s->blocks;
        weir_node *queue = weir_realloc(c->queue, count * sizeof *queue);
        c->queue = queue ? queue : c->queue;
        if (!blocks || !queue) {
            return weir_compiler_oom(c);
        }
    }
    c->queue[s->n_blocks] = node;
    s->blocks[s->n_blocks] = block;
    *out = s->n_blocks++;
    return WEIR_OK;
}

weir_status weir_compiler_block(weir_compiler *c, weir_node node, uint32_t *block)
{
    const weir_schema_document *d = &c->s->documents[node.document];
    uint32_t *known = &d->block_of[node.at - d->root];
    if (*known) {
        *block = *known - 1;
        return WEIR_OK;
    }
    if (node.at->type != WEIR_OBJECT && node.at->type != WEIR_BOOL) {
        return weir_compiler_refuse(
            c, node, WEIR_E_SCHEMA_INVALID, "a schema is an object, true or false");
    }
    weir_block b = {.at = node.at, .resource = weir_compiler_resource(c, node)};
    weir_status s = new_block(c, b, node, block);
    *known = s ? 0 : *block + 1;
    return s;
}

weir_status weir_making_block(weir_making *m, const weir_value *at, uint32_t *block)
{
    return weir_compiler_block(m->c, weir_making_node(m, at), block);
}

void weir_making_put(weir_making *m, weir_op_kind kind, weir_schema_op op)
{
    weir_buf_put(&m->c->pending[kind], &op, sizeof op);
}

void *weir_making_alloc(weir_making *m, size_t bytes)
{
    void *block = weir_arena_alloc(&m->c->s->arena, bytes);
    if (block) {
        memset(block, 0, bytes);
    }
    return block;
}

weir_status weir_making_count(
    weir_making *m, weir_keyword keyword, uint32_t otherwise, uint32_t *out)
{
    const weir_value *v = m->keywords[keyword];
    *out = otherwise;
    if (!v) {
        return WEIR_OK;
    }
    bool number = v->type == WEIR_INT || v->type == WEIR_NUMBER;
    weir_decimal d = number ? weir_decimal_of(weir_raw(v)) : (weir_decimal){.negative = true};
    if (d.negative || !weir_decimal_is_integer(&d)) {
        return weir_compiler_refuse(m->c, weir_making_node(m, v), WEIR_E_SCHEMA_INVALID,
            "%s takes a count: an integer from 0", weir_keywords[keyword].name);
    }
    uint64_t n = 0;
    const char *at = d.digits;
    for (int64_t i = 0; i < d.exponent && n <= UINT32_MAX; i++) {
        unsigned digit = 0;
        if (i < d.count) {
            at += *at == '.';
            digit = (unsigned)(*at++ - '0');
        }
        n = n * 10 + digit;
    }
    *out = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX; /* no value is larger */
    return WEIR_OK;
}

void weir_compiler_keywords(
    const weir_value *at, weir_dialect dialect, const weir_value *keywords[WEIR_KEYWORDS])
{
    WEIR_EACH_MEMBER(at, name, value)
    {
        int k = weir_keyword_of(name, dialect.draft);
        if (k >= 0 && dialect.vocabularies >> weir_keywords[k].vocabulary & 1) {
            keywords[k] = value;
        }
    }
    /* Up to draft 7, what stands beside a $ref is not looked at. */
    if (dialect.draft <= WEIR_DRAFT_7 && keywords[WEIR_KW_REF]) {
        const weir_value *ref = keywords[WEIR_KW_REF];
        memset(keywords, 0, WEIR_KEYWORDS * sizeof *keywords);
        keywords[WEIR_KW_REF] = ref;
    }
}

static weir_status store_operations(weir_making *m, weir_block *b)
{
    weir_compiler *c = m->c;
    for (int k = 0; k < WEIR_KINDS; k++) {
        weir_view ops = weir_buf_view(&c->pending[k]);
        if (c->pending[k].failed) {
            return weir_compiler_oom(c);
        }
        if (ops.len) {
            weir_schema_op *copy = weir_arena_alloc(&c->s->arena, ops.len);
            if (!copy) {
                return weir_compiler_oom(c);
            }
            memcpy(copy, ops.ptr, ops.len);
            b->ops[k] = (weir_op_list){copy, (uint32_t)(ops.len / sizeof *copy)};
        }
    }
    return WEIR_OK;
}

static weir_status compile_object_schema(weir_making *m)
{
    weir_compiler_keywords(m->node.at, m->resource->dialect, m->keywords);
    weir_status s = weir_compile_any(m);
    s = s ? s : weir_compile_scalars(m);
    s = s ? s : weir_compile_object(m);
    return s ? s : weir_compile_array(m);
}

static weir_status compile_block(weir_compiler *c, uint32_t index)
{
    weir_node node = c->queue[index];
    weir_making m = {.c = c, .node = node, .block = index, .types = WEIR_ALL_TYPES};
    m.resource = &c->s->resources[c->s->blocks[index].resource];
    weir_status s = WEIR_OK;
    for (int k = 0; k < WEIR_KINDS; k++) {
        weir_buf_clear(&c->pending[k]);
    }
    if (node.at->type == WEIR_BOOL) {
        m.types = node.at->flags & WEIR_TRUE ? WEIR_ALL_TYPES : 0;
    } else {
        s = compile_object_schema(&m);
    }
    weir_block *b = &c->s->blocks[index];
    s = s ? s : store_operations(&m, b);
    b->types = m.types;
    b->tracks = b->ops[WEIR_KIND_LAST].count > 0;
    b->simple = true;
    for (int k = 0; k < WEIR_KINDS; k++) {
        b->simple = b->simple && !b->ops[k].count;
    }
    return s;
}

/* ---- everything ----------------------------------------------------------------------------- */

/* Blocks of dynamic anchors: any of them may be entered. They come when all else is there, since
 * until then it is not known which resources there are. */
static weir_status queue_dynamic(weir_compiler *c)
{
    weir_status s = WEIR_OK;
    for (weir_dynamic_anchor *d = c->s->dynamic_anchors; d && !s; d = d->next) {
        if (d->block == WEIR_NO_BLOCK && c->s->dynamic) {
            weir_node node = {c->s->resources[d->resource].document, d->at};
            s = weir_compiler_block(c, node, &d->block);
        }
    }
    return s;
}

static weir_status queue_everything(weir_compiler *c)
{
    weir_status s = WEIR_OK;
    const weir_schema_document *d = &c->s->documents[0];
    for (uint32_t i = 0; c->options->everything && i < d->root->skip && !s; i++) {
        uint32_t block;
        if (d->resource_of[i]) {
            s = weir_compiler_block(c, (weir_node){0, d->root + i}, &block);
        }
        d = &c->s->documents[0];
    }
    return s;
}

static weir_status compile_queue(weir_compiler *c)
{
    weir_status s = WEIR_OK;
    while (c->done < c->s->n_blocks && !s) {
        s = compile_block(c, c->done++);
        if (!s && c->done == c->s->n_blocks) {
            s = queue_dynamic(c);
        }
    }
    return s;
}

static weir_status compile_all(weir_compiler *c, weir_view text)
{
    uint32_t document, ignored;
    const weir_block yes = {.types = WEIR_ALL_TYPES, .simple = true};
    const weir_block no = {.types = 0, .simple = true};
    const char *base = c->options->base_uri;
    weir_status s = new_block(c, yes, (weir_node){0, NULL}, &ignored);
    s = s ? s : new_block(c, no, (weir_node){0, NULL}, &ignored);
    c->done = c->s->n_blocks;
    weir_view uri = weir_view_of(base ? base : "");
    const char *hash = uri.len ? memchr(uri.ptr, '#', uri.len) : NULL;
    if (!s && text.len > c->s->arena.max_bytes / 2) {
        return weir_fail(c->err, WEIR_E_SCHEMA_LIMIT, "the schema's text is larger than its bound");
    }
    uri.len = hash ? (size_t)(hash - uri.ptr) : uri.len;
    s = s ? s : weir_compiler_add(c, uri, text, &document);
    s = s ? s
          : weir_compiler_block(
                c, (weir_node){document, c->s->documents[document].root}, &c->s->root);
    s = s ? s : queue_everything(c);
    s = s ? s : compile_queue(c);
    return s ? s : weir_compiler_link(c);
}

void weir_compiler_init(
    weir_compiler *c, weir_schema *schema, const weir_schema_options *options, weir_error *err)
{
    static const weir_schema_options defaults = {0};
    *c = (weir_compiler){.s = schema, .options = options ? options : &defaults, .err = err};
    weir_draft draft = c->options->draft ? c->options->draft : WEIR_DRAFT_2020_12;
    c->dialect = (weir_dialect){(uint8_t)draft, 0x3F};
    weir_arena_init(&schema->arena, c->options->max_bytes ? c->options->max_bytes : MOST_BYTES);
}

void weir_compiler_fini(weir_compiler *c)
{
    for (int k = 0; k < WEIR_KINDS; k++) {
        weir_buf_fini(&c->pending[k]);
    }
    weir_map_fini(&c->by_uri, NULL);
    weir_map_fini(&c->names, NULL);
    weir_map_fini(&c->anchors, NULL);
    weir_map_fini(&c->members, NULL);
    weir_free(c->queue);
}

weir_status weir_schema_compile(
    weir_view text, const weir_schema_options *options, weir_schema **out, weir_error *err)
{
    weir_error unwanted;
    weir_schema *schema = weir_calloc(1, sizeof *schema);
    *out = NULL;
    err = err ? err : &unwanted;
    err->where[0] = '\0';
    if (!schema) {
        return weir_fail_oom(err);
    }
    weir_compiler c;
    weir_compiler_init(&c, schema, options, err);
    schema->most_steps = c.options->most_steps ? (int64_t)c.options->most_steps : MOST_STEPS;
    weir_status s = compile_all(&c, text);
    weir_compiler_fini(&c);
    if (s) {
        weir_schema_free(schema);
        return s;
    }
    *out = schema;
    return WEIR_OK;
}

void weir_schema_free(weir_schema *schema)
{
    if (!schema) {
        return;
    }
    for (uint32_t i = 0; i < schema->n_regexes; i++) {
        weir_regex_free(schema->regexes[i]);
    }
    weir_free(schema->regexes);
    weir_idn_free(schema->idn);
    weir_free(schema->documents);
    weir_free(schema->resources);
    weir_free(schema->blocks);
    weir_free(schema->fast);
    weir_free(schema->plans);
    weir_arena_fini(&schema->arena);
    weir_free(schema);
}
