/* Compatibility of Avro schemas, by the specification's rules of schema resolution. See compat.h.
 *
 * Types may refer to themselves, so a pair of types that is looked at already counts as compatible
 * until the contrary is found. Each pair is judged once: its verdict is kept, and what is wrong
 * with it is reported where it is met first. */
#include "base/map.h"
#include "schema/avro_resolve.h"
#include "schema/compat_report.h"

typedef struct checker {
    weir_compat_report *to;
    weir_map seen; /* pairs that were reported on */
    weir_buf path;
    weir_avro_pairs *pairs;
    unsigned depth;
    bool too_deep;
} checker;

enum { DEPTH = 3000 };

static void check(checker *c, const weir_avro_type *r, const weir_avro_type *w);

#define NAME(t) WEIR_ARG(weir_avro_type_name(t))

static void check_at(checker *c, const char *step, const weir_avro_type *r, const weir_avro_type *w)
{
    size_t up = weir_compat_enter(&c->path, step);
    check(c, r, w);
    weir_compat_leave(&c->path, up);
}

static bool check_name(checker *c, const weir_avro_type *r, const weir_avro_type *w)
{
    bool same = weir_avro_names_match(r, w);
    if (!same) {
        size_t up = weir_compat_enter(&c->path, "/name");
        weir_compat_add(c->to, WEIR_COMPAT_NAME_MISMATCH, &c->path,
            "expected %.*s, written was %.*s", NAME(r), NAME(w));
        weir_compat_leave(&c->path, up);
    }
    return same;
}

static void check_record(checker *c, const weir_avro_type *r, const weir_avro_type *w)
{
    check_name(c, r, w);
    for (uint32_t i = 0; i < r->count; i++) {
        const weir_avro_field *f = &r->fields[i], *from = weir_avro_written_field(f, w);
        size_t up = weir_compat_enter(&c->path, "/fields");
        (void)weir_compat_enter_index(&c->path, i);
        if (from) {
            check_at(c, "/type", f->type, from->type);
        } else if (!f->fallback) {
            weir_compat_add(c->to, WEIR_COMPAT_READER_FIELD_MISSING_DEFAULT_VALUE, &c->path,
                "field %.*s", WEIR_ARG(f->name));
        }
        weir_compat_leave(&c->path, up);
    }
}

static void check_enum(checker *c, const weir_avro_type *r, const weir_avro_type *w)
{
    check_name(c, r, w);
    size_t up = weir_compat_enter(&c->path, "/symbols");
    for (uint32_t i = 0; i < w->count && r->fallback_symbol < 0; i++) {
        if (weir_avro_symbol_of(r, w->symbols[i]) < 0) {
            weir_compat_add(c->to, WEIR_COMPAT_MISSING_ENUM_SYMBOLS, &c->path, "symbol %.*s",
                WEIR_ARG(w->symbols[i]));
        }
    }
    weir_compat_leave(&c->path, up);
}

static void check_fixed(checker *c, const weir_avro_type *r, const weir_avro_type *w)
{
    check_name(c, r, w);
    if (r->size != w->size) {
        size_t up = weir_compat_enter(&c->path, "/size");
        weir_compat_add(c->to, WEIR_COMPAT_FIXED_SIZE_MISMATCH, &c->path,
            "expected %u, written was %u", r->size, w->size);
        weir_compat_leave(&c->path, up);
    }
}

static void check_logical(checker *c, const weir_avro_type *r, const weir_avro_type *w)
{
    bool both = r->logical != WEIR_AVRO_PLAIN && w->logical != WEIR_AVRO_PLAIN;
    if (both && r->logical != w->logical) {
        weir_compat_add(c->to, WEIR_COMPAT_LOGICAL_TYPE_MISMATCH, &c->path,
            "another logical type of %s", weir_avro_kind_name(r->kind));
    } else if (both && r->logical == WEIR_AVRO_DECIMAL &&
               (r->scale != w->scale || r->precision < w->precision)) {
        weir_compat_add(c->to, WEIR_COMPAT_DECIMAL_MISMATCH, &c->path,
            "expected decimal(%d,%d), written was decimal(%d,%d)", r->precision, r->scale,
            w->precision, w->scale);
    }
}

static void check_same_kind(checker *c, const weir_avro_type *r, const weir_avro_type *w)
{
    switch (r->kind) {
    case WEIR_AVRO_RECORD:
        check_record(c, r, w);
        break;
    case WEIR_AVRO_ENUM:
        check_enum(c, r, w);
        break;
    case WEIR_AVRO_FIXED:
        check_fixed(c, r, w);
        break;
    case WEIR_AVRO_ARRAY:
        check_at(c, "/items", r->item, w->item);
        break;
    case WEIR_AVRO_MAP:
        check_at(c, "/values", r->item, w->item);
        break;
    default:
        break;
    }
    check_logical(c, r, w);
}

/* A branch that one of the reader's fits is looked into, so that what logical types say of it is
 * reported, too. */
static void check_into_union(checker *c, const weir_avro_type *r, const weir_avro_type *w)
{
    int32_t branch = weir_avro_branch_for(c->pairs, r, w);
    if (branch < 0) {
        weir_compat_add(c->to, WEIR_COMPAT_MISSING_UNION_BRANCH, &c->path,
            "nothing in the union reads %.*s", NAME(w));
        return;
    }
    size_t up = weir_compat_enter_index(&c->path, (size_t)branch);
    check(c, r->branches[branch], w);
    weir_compat_leave(&c->path, up);
}

static bool is_new_pair(checker *c, const weir_avro_type *r, const weir_avro_type *w)
{
    uint32_t ids[2] = {r->id, w->id};
    weir_map_entry *e =
        weir_map_add(&c->seen, weir_view_make((const char *)(const void *)ids, sizeof ids));
    if (!e) {
        c->to->arena.failed = true;
        return false;
    }
    bool is_new = !e->value;
    e->value = c;
    return is_new;
}

static void check_pair(checker *c, const weir_avro_type *r, const weir_avro_type *w)
{
    if (w->kind == WEIR_AVRO_UNION) {
        for (uint32_t i = 0; i < w->count; i++) {
            check(c, r, w->branches[i]);
        }
    } else if (r->kind == WEIR_AVRO_UNION) {
        check_into_union(c, r, w);
    } else if (r->kind == w->kind) {
        check_same_kind(c, r, w);
    } else if (!weir_avro_promotes(r->kind, w->kind)) {
        weir_compat_add(c->to, WEIR_COMPAT_TYPE_MISMATCH, &c->path,
            "expected %.*s, written was %.*s", NAME(r), NAME(w));
    } else {
        check_logical(c, r, w);
    }
}

static void check(checker *c, const weir_avro_type *r, const weir_avro_type *w)
{
    if (c->depth == DEPTH) {
        c->too_deep = true;
    } else if (is_new_pair(c, r, w)) {
        c->depth++;
        check_pair(c, r, w);
        c->depth--;
    }
}

weir_status weir_compat_avro(const weir_avro_schema *reader, const weir_avro_schema *writer,
    weir_compat_report *to, weir_error *err)
{
    checker c = {.to = to};
    weir_status s = weir_avro_pairs_new(&c.pairs, err);
    if (s) {
        return s;
    }
    check(&c, weir_avro_root(reader), weir_avro_root(writer));
    s = to->arena.failed || c.path.failed ? weir_fail_oom(err)
                                          : weir_avro_pairs_check(c.pairs, err);
    if (!s && c.too_deep) {
        s = weir_fail(err, WEIR_E_SCHEMA_LIMIT,
            "the schemas refer to themselves in circles of thousands of types");
    }
    weir_avro_pairs_free(c.pairs);
    weir_map_fini(&c.seen, NULL);
    weir_buf_fini(&c.path);
    return s;
}
