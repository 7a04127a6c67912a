/* Units, paths and places of an explanation. See explain.h. */
#include "schema/explain.h"

#include <stdarg.h>
#include <stdio.h>

#include "value/text.h"
#include "value/utf8.h"

/* ---- paths ---------------------------------------------------------------------------------- */

size_t weir_path_push(weir_buf *path, weir_view token)
{
    size_t before = path->len;
    weir_buf_putc(path, '/');
    for (size_t i = 0; i < token.len; i++) {
        char c = token.ptr[i];
        if (c == '~' || c == '/') {
            weir_buf_puts(path, c == '~' ? "~0" : "~1");
        } else {
            weir_buf_putc(path, c);
        }
    }
    return before;
}

size_t weir_path_push_index(weir_buf *path, uint32_t index)
{
    size_t before = path->len;
    weir_buf_printf(path, "/%u", index);
    return before;
}

void weir_path_back(weir_buf *path, size_t len)
{
    path->len = len < path->len ? len : path->len;
}

/* Appends the pointer from one node to another below it. */
static void put_pointer(weir_buf *to, const weir_value *at, const weir_value *target)
{
    weir_arena names;
    weir_arena_init(&names, 0);
    while (at != target) {
        uint32_t i = 0;
        const weir_value *child = at + 1, *name = NULL;
        if (at->type == WEIR_OBJECT) {
            name = child++;
        }
        while (target >= child + child->skip) {
            child += child->skip;
            name = name ? child++ : NULL;
            i++;
        }
        if (name && target < child) {
            child = name; /* the target is a name */
        }
        if (name) {
            weir_path_push(to, weir_string(name, &names));
        } else {
            weir_path_push_index(to, i);
        }
        if (child == name) {
            break;
        }
        at = child;
    }
    weir_arena_fini(&names);
}

static weir_view copy_of(weir_explainer *e, const weir_buf *b)
{
    weir_view copy = weir_arena_copy(e->arena, weir_buf_view(b));
    e->out_of_memory |= b->failed || !copy.ptr;
    return copy.ptr ? copy : weir_view_of("");
}

/* ---- places --------------------------------------------------------------------------------- */

/* Counted on from the place before, since values mostly come in the text's order. */
static void find_place(weir_explainer *e, const weir_value *v, weir_schema_unit *unit)
{
    const char *at = weir_source(v).ptr, *end = e->text.ptr + e->text.len;
    if (!e->text.ptr || at < e->text.ptr || at > end) {
        return; /* a value of decoded content */
    }
    if (!e->place_at || at < e->place_at) {
        e->place_at = e->text.ptr;
        e->line = e->column = 1;
        e->run.steps -= (at - e->text.ptr) / 64;
    }
    for (; e->place_at < at; e->place_at++) {
        if (*e->place_at == '\n') {
            e->line++;
            e->column = 1;
        } else {
            e->column += !weir_utf8_tail(*e->place_at);
        }
    }
    unit->line = e->line;
    unit->column = e->column;
}

static void find_schema(weir_explainer *e, const weir_block *b, weir_schema_unit *unit)
{
    if (!b->at) {
        return;
    }
    const weir_resource *r = &e->run.schema->resources[b->resource];
    const weir_schema_document *d = &e->run.schema->documents[r->document];
    weir_buf path = {0};
    weir_buf_putv(&path, r->uri);
    weir_buf_putc(&path, '#');
    put_pointer(&path, r->root, b->at);
    unit->schema = copy_of(e, &path);
    weir_buf_fini(&path);
    const char *at = weir_source(b->at).ptr;
    unit->schema_line = unit->schema_column = 1;
    for (const char *p = d->text.ptr; p < at; p++) {
        unit->schema_line += *p == '\n';
        unit->schema_column = *p == '\n' ? 1 : unit->schema_column + (uint32_t)!weir_utf8_tail(*p);
    }
    e->run.steps -= (at - d->text.ptr) / 64;
}

/* ---- units ---------------------------------------------------------------------------------- */

static weir_schema_unit *new_unit(weir_explainer *e, const weir_block *b, const weir_value *v)
{
    weir_schema_unit *unit = weir_arena_alloc(e->arena, sizeof *unit);
    if (!unit) {
        e->out_of_memory = true;
        return NULL;
    }
    *unit = (weir_schema_unit){.schema = weir_view_of("")};
    unit->instance = copy_of(e, &e->instance);
    unit->evaluation = copy_of(e, &e->evaluation);
    find_place(e, v, unit);
    find_schema(e, b, unit);
    return unit;
}

void weir_unit_fail(
    weir_explainer *e, weir_unit_maker *m, const char *keyword, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    if (e->count == e->most) {
        e->full = true;
        return;
    }
    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    size_t used = len < (int)sizeof text ? (size_t)len : sizeof text - 1;
    while (used < (size_t)len && used && weir_utf8_tail(text[used])) {
        used--;
    }
    weir_schema_failure *f = weir_arena_alloc(e->arena, sizeof *f);
    weir_view copy = weir_arena_copy(e->arena, weir_view_make(text, used));
    if (!f || !copy.ptr) {
        e->out_of_memory = true;
        return;
    }
    *f = (weir_schema_failure){keyword, copy, NULL};
    *m->failures = f;
    m->failures = (weir_schema_failure **)(uintptr_t)&f->next;
    e->count++;
}

static const char *type_names(uint16_t types, char out[96])
{
    static const struct {
        uint16_t bits;
        const char *name;
    } names[] = {{1 << WEIR_NULL, "null"}, {1 << WEIR_BOOL, "boolean"},
        {1 << WEIR_NUMBER, "number"}, {1 << WEIR_INT, "integer"}, {1 << WEIR_STRING, "string"},
        {1 << WEIR_ARRAY, "array"}, {1 << WEIR_OBJECT, "object"}};
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool within = names[i].bits == 1 << WEIR_INT && types & 1 << WEIR_NUMBER;
        if (types & names[i].bits && !within) {
            len += (size_t)snprintf(out + len, 96 - len, "%s%s", len ? " or " : "", names[i].name);
        }
    }
    return out;
}

static void fail_type(weir_explainer *e, weir_unit_maker *m, uint16_t types, const weir_value *v,
    const char *keyword, const char *why)
{
    static const char *const met[] = {[WEIR_NULL] = "null",
        [WEIR_BOOL] = "a boolean",
        [WEIR_INT] = "an integer",
        [WEIR_NUMBER] = "a number",
        [WEIR_STRING] = "a string",
        [WEIR_BYTES] = "a string",
        [WEIR_ARRAY] = "an array",
        [WEIR_OBJECT] = "an object"};
    char names[96];
    if (!types) {
        weir_unit_fail(e, m, keyword, "%s", why);
    } else {
        weir_unit_fail(e, m, "type", "is %s, must be %s", met[v->type], type_names(types, names));
    }
}

/* Operations that fail are described; the number of them. */
static uint32_t explain_ops(
    weir_explainer *e, weir_unit_maker *m, weir_op_list ops, const weir_value *v, weir_track *track)
{
    uint32_t failed = 0;
    for (uint32_t i = 0; i < ops.count && !e->run.stopped && !e->full; i++) {
        if (!weir_run_op(&e->run, &ops.first[i], v, track) && !e->run.stopped) {
            failed++;
            weir_describe(e, m, &ops.first[i], v);
        }
    }
    return failed;
}

/* What unevaluated* leave over is known only where all else holds. */
static void explain_tracking(
    weir_explainer *e, weir_unit_maker *m, const weir_block *b, const weir_value *v)
{
    weir_track track;
    if (!weir_track_init(&e->run, &track, v)) {
        return;
    }
    uint32_t failed = explain_ops(e, m, weir_ops_of(b, v), v, &track);
    failed += explain_ops(e, m, b->ops[WEIR_KIND_ANY], v, &track);
    const weir_op_list *last = &b->ops[WEIR_KIND_LAST];
    for (uint32_t i = 0; i < last->count && !failed; i++) {
        uint32_t at = 0;
        bool object = last->first[i].code == WEIR_OP_UNEVALUATED_PROPERTIES;
        const char *why = object ? "is not allowed: no schema has evaluated this property"
                                 : "is not allowed: no schema has evaluated this item";
        if (v->type != (object ? WEIR_OBJECT : WEIR_ARRAY)) {
            continue;
        }
        for (const weir_value *p = v + 1; p < v + v->skip && !e->full; at++) {
            const weir_value *name = p, *value = object ? p + 1 : p;
            if (!weir_track_has(&track, at) &&
                !weir_run_block(&e->run, last->first[i].block, value, NULL)) {
                size_t back = object ? weir_path_push(&e->instance, weir_string(name, e->arena))
                                     : weir_path_push_index(&e->instance, at);
                size_t path = weir_path_push(&e->evaluation, weir_view_of(last->first[i].keyword));
                weir_unit_child(e, m, last->first[i].block, value, last->first[i].keyword, why);
                weir_path_back(&e->evaluation, path);
                weir_path_back(&e->instance, back);
            }
            p = value + value->skip;
        }
    }
    weir_track_fini(&track);
}

static void explain_block(
    weir_explainer *e, weir_unit_maker *m, const weir_block *b, const weir_value *v)
{
    const weir_scope scope = {e->run.scope, b->resource}, *outer = e->run.scope;
    if (e->run.schema->dynamic && (!outer || outer->resource != b->resource)) {
        e->run.scope = &scope;
    }
    if (b->tracks) {
        explain_tracking(e, m, b, v);
    } else {
        explain_ops(e, m, weir_ops_of(b, v), v, NULL);
        explain_ops(e, m, b->ops[WEIR_KIND_ANY], v, NULL);
    }
    e->run.scope = outer;
}

static weir_schema_unit *explain_unit(
    weir_explainer *e, uint32_t block, const weir_value *v, const char *keyword, const char *why)
{
    const weir_block *b = &e->run.schema->blocks[block];
    weir_schema_unit *unit = new_unit(e, b, v);
    if (!unit || e->run.depth >= WEIR_EVALUATE_DEPTH) {
        e->run.stopped = unit ? WEIR_E_SCHEMA_LIMIT : e->run.stopped;
        return NULL;
    }
    weir_unit_maker m = {unit, (weir_schema_failure **)(uintptr_t)&unit->failures, &unit->children};
    e->run.depth++;
    if (!weir_types_allow(b->types, v)) {
        fail_type(e, &m, b->types, v, keyword, why);
    } else {
        explain_block(e, &m, b, v);
    }
    e->run.depth--;
    return unit;
}

weir_schema_unit *weir_unit_child(weir_explainer *e, weir_unit_maker *m, uint32_t block,
    const weir_value *v, const char *keyword, const char *why)
{
    if (e->full || e->out_of_memory || e->run.stopped) {
        return NULL;
    }
    weir_schema_unit *unit = explain_unit(e, block, v, keyword, why);
    if (unit) {
        *m->children = unit;
        m->children = &unit->next;
    }
    return unit;
}

const weir_schema_unit *weir_explain_root(weir_explainer *e, const weir_value *root)
{
    weir_schema_unit *unit =
        explain_unit(e, e->run.schema->root, root, "", "is not allowed: the schema is false");
    return e->out_of_memory || e->run.stopped ? NULL : unit;
}
