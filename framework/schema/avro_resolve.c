/* Which types read which. See avro_resolve.h. */
#include "schema/avro_resolve.h"

#include "base/alloc.h"
#include "base/map.h"

/* A pair that is being judged counts as read until the contrary is found. */
struct weir_avro_pairs {
    weir_map known; /* by the two ids: reads, or does_not */
    bool failed, too_deep;
    unsigned depth;
};

enum { DEPTH = 3000 };

static char reads, does_not;

weir_status weir_avro_pairs_new(weir_avro_pairs **out, weir_error *err)
{
    *out = weir_calloc(1, sizeof **out);
    return *out ? WEIR_OK : weir_fail_oom(err);
}

void weir_avro_pairs_free(weir_avro_pairs *p)
{
    if (p) {
        weir_map_fini(&p->known, NULL);
        weir_free(p);
    }
}

weir_status weir_avro_pairs_check(const weir_avro_pairs *p, weir_error *err)
{
    return p->failed     ? weir_fail_oom(err)
           : p->too_deep ? weir_fail(err, WEIR_E_SCHEMA_LIMIT,
                               "the schemas refer to themselves in circles of thousands of types")
                         : WEIR_OK;
}

static bool is_alias(const weir_avro_names *aliases, weir_view name)
{
    for (uint32_t i = 0; i < aliases->count; i++) {
        if (weir_view_eq(aliases->of[i], name)) {
            return true;
        }
    }
    return false;
}

bool weir_avro_names_match(const weir_avro_type *reader, const weir_avro_type *writer)
{
    return weir_view_eq(weir_avro_short_name(reader->name), weir_avro_short_name(writer->name)) ||
           is_alias(&reader->aliases, writer->name);
}

bool weir_avro_promotes(weir_avro_kind reader, weir_avro_kind writer)
{
    switch (reader) {
    case WEIR_AVRO_LONG:
        return writer == WEIR_AVRO_INT;
    case WEIR_AVRO_FLOAT:
        return writer == WEIR_AVRO_INT || writer == WEIR_AVRO_LONG;
    case WEIR_AVRO_DOUBLE:
        return writer == WEIR_AVRO_INT || writer == WEIR_AVRO_LONG || writer == WEIR_AVRO_FLOAT;
    case WEIR_AVRO_BYTES:
        return writer == WEIR_AVRO_STRING;
    case WEIR_AVRO_STRING:
        return writer == WEIR_AVRO_BYTES;
    default:
        return false;
    }
}

const weir_avro_field *weir_avro_written_field(
    const weir_avro_field *reader, const weir_avro_type *writer)
{
    const weir_avro_field *f = weir_avro_field_named(writer, reader->name);
    for (uint32_t i = 0; !f && i < reader->aliases.count; i++) {
        f = weir_avro_field_named(writer, reader->aliases.of[i]);
    }
    return f;
}

/* ---- pairs --------------------------------------------------------------------------------- */

static bool reads_record(weir_avro_pairs *p, const weir_avro_type *r, const weir_avro_type *w)
{
    for (uint32_t i = 0; i < r->count; i++) {
        const weir_avro_field *from = weir_avro_written_field(&r->fields[i], w);
        if (from ? !weir_avro_reads(p, r->fields[i].type, from->type) : !r->fields[i].fallback) {
            return false;
        }
    }
    return true;
}

static bool reads_enum(const weir_avro_type *r, const weir_avro_type *w)
{
    for (uint32_t i = 0; i < w->count && r->fallback_symbol < 0; i++) {
        if (weir_avro_symbol_of(r, w->symbols[i]) < 0) {
            return false;
        }
    }
    return true;
}

static bool reads_same_kind(weir_avro_pairs *p, const weir_avro_type *r, const weir_avro_type *w)
{
    if (weir_avro_is_named(r) && !weir_avro_names_match(r, w)) {
        return false;
    }
    switch (r->kind) {
    case WEIR_AVRO_RECORD:
        return reads_record(p, r, w);
    case WEIR_AVRO_ENUM:
        return reads_enum(r, w);
    case WEIR_AVRO_FIXED:
        return r->size == w->size;
    case WEIR_AVRO_ARRAY:
    case WEIR_AVRO_MAP:
        return weir_avro_reads(p, r->item, w->item);
    default:
        return true;
    }
}

static bool judge(weir_avro_pairs *p, const weir_avro_type *r, const weir_avro_type *w)
{
    if (w->kind == WEIR_AVRO_UNION) {
        for (uint32_t i = 0; i < w->count; i++) {
            if (!weir_avro_reads(p, r, w->branches[i])) {
                return false;
            }
        }
        return true;
    }
    if (r->kind == WEIR_AVRO_UNION) {
        return weir_avro_branch_for(p, r, w) >= 0;
    }
    return r->kind == w->kind ? reads_same_kind(p, r, w) : weir_avro_promotes(r->kind, w->kind);
}

bool weir_avro_reads(weir_avro_pairs *p, const weir_avro_type *reader, const weir_avro_type *writer)
{
    uint32_t ids[2] = {reader->id, writer->id};
    weir_view key = {(const char *)(const void *)ids, sizeof ids};
    weir_map_entry *e = weir_map_add(&p->known, key);
    if (!e) {
        p->failed = true;
        return false;
    }
    if (!e->value && p->depth == DEPTH) {
        p->too_deep = true;
        return false;
    }
    if (!e->value) {
        e->value = &reads;
        p->depth++;
        bool yes = judge(p, reader, writer);
        p->depth--;
        e = weir_map_find(&p->known, key); /* the map has grown meanwhile */
        e->value = yes ? &reads : &does_not;
    }
    return e->value == &reads;
}

static bool is_same_type(const weir_avro_type *r, const weir_avro_type *w)
{
    return r->kind == w->kind && (!weir_avro_is_named(r) || weir_view_eq(r->name, w->name));
}

int32_t weir_avro_branch_for(
    weir_avro_pairs *p, const weir_avro_type *union_reader, const weir_avro_type *writer)
{
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < union_reader->count; i++) {
            const weir_avro_type *b = union_reader->branches[i];
            if ((pass || is_same_type(b, writer)) && weir_avro_reads(p, b, writer)) {
                return (int32_t)i;
            }
        }
    }
    return -1;
}
