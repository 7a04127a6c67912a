/* Avro schemas: logical types, looking things up, and which values fit. See avro_schema.h. */
#include "schema/avro_schema.h"

#include "schema/avro_parse.h"

const weir_avro_type *weir_avro_root(const weir_avro_schema *s)
{
    return s->root;
}

weir_view weir_avro_text(const weir_avro_schema *s)
{
    return s->text;
}

uint32_t weir_avro_types(const weir_avro_schema *s)
{
    return s->types;
}

size_t weir_avro_bytes(const weir_avro_schema *s)
{
    return sizeof *s + weir_arena_footprint(&s->arena);
}

weir_view weir_avro_short_name(weir_view full)
{
    size_t at = full.len;
    while (at > 0 && full.ptr[at - 1] != '.') {
        at--;
    }
    return weir_view_make(full.ptr + at, full.len - at);
}

weir_view weir_avro_type_name(const weir_avro_type *t)
{
    return weir_avro_is_named(t) ? t->name : weir_view_of(weir_avro_kind_name(t->kind));
}

const weir_avro_field *weir_avro_field_named(const weir_avro_type *record, weir_view name)
{
    for (uint32_t i = 0; i < record->count; i++) {
        if (weir_view_eq(record->fields[i].name, name)) {
            return &record->fields[i];
        }
    }
    return NULL;
}

int32_t weir_avro_symbol_of(const weir_avro_type *enumeration, weir_view symbol)
{
    for (uint32_t i = 0; i < enumeration->count; i++) {
        if (weir_view_eq(enumeration->symbols[i], symbol)) {
            return (int32_t)i;
        }
    }
    return -1;
}

/* ---- logical types ------------------------------------------------------------------------- */

static const struct logical_name {
    const char *name;
    weir_avro_kind kind;
    weir_avro_logical logical;
} logical_names[] = {
    {"date", WEIR_AVRO_INT, WEIR_AVRO_DATE},
    {"time-millis", WEIR_AVRO_INT, WEIR_AVRO_TIME_MILLIS},
    {"time-micros", WEIR_AVRO_LONG, WEIR_AVRO_TIME_MICROS},
    {"timestamp-millis", WEIR_AVRO_LONG, WEIR_AVRO_TIMESTAMP_MILLIS},
    {"timestamp-micros", WEIR_AVRO_LONG, WEIR_AVRO_TIMESTAMP_MICROS},
    {"timestamp-nanos", WEIR_AVRO_LONG, WEIR_AVRO_TIMESTAMP_NANOS},
    {"local-timestamp-millis", WEIR_AVRO_LONG, WEIR_AVRO_LOCAL_TIMESTAMP_MILLIS},
    {"local-timestamp-micros", WEIR_AVRO_LONG, WEIR_AVRO_LOCAL_TIMESTAMP_MICROS},
    {"local-timestamp-nanos", WEIR_AVRO_LONG, WEIR_AVRO_LOCAL_TIMESTAMP_NANOS},
    {"uuid", WEIR_AVRO_STRING, WEIR_AVRO_UUID},
    {"uuid", WEIR_AVRO_FIXED, WEIR_AVRO_UUID},
    {"duration", WEIR_AVRO_FIXED, WEIR_AVRO_DURATION},
    {"decimal", WEIR_AVRO_BYTES, WEIR_AVRO_DECIMAL},
    {"decimal", WEIR_AVRO_FIXED, WEIR_AVRO_DECIMAL},
};

static bool read_decimal(weir_avro_type *t)
{
    int64_t precision, scale = 0;
    const weir_value *given = weir_gets(t->json, "scale");
    if (!weir_to_int64(weir_gets(t->json, "precision"), &precision) ||
        (given && !weir_to_int64(given, &scale)) || precision < 1 || precision > INT32_MAX ||
        scale < 0 || scale > precision) {
        return false;
    }
    t->precision = (int32_t)precision;
    t->scale = (int32_t)scale;
    return true;
}

static bool has_size(const weir_avro_type *t, weir_avro_logical logical)
{
    return t->kind != WEIR_AVRO_FIXED || logical == WEIR_AVRO_DECIMAL ||
           t->size == (logical == WEIR_AVRO_UUID ? 16 : 12);
}

void weir_avro_read_logical(weir_avro_type *t)
{
    const weir_value *name = weir_gets(t->json, "logicalType");
    for (size_t i = 0; name && i < sizeof logical_names / sizeof *logical_names; i++) {
        const struct logical_name *l = &logical_names[i];
        if (l->kind == t->kind && weir_string_is(name, weir_view_of(l->name)) &&
            has_size(t, l->logical) && (l->logical != WEIR_AVRO_DECIMAL || read_decimal(t))) {
            t->logical = l->logical;
        }
    }
}

/* ---- which values fit ---------------------------------------------------------------------- */

typedef struct fitting {
    weir_arena *scratch;
    unsigned steps; /* taken */
} fitting;

static bool fits(const weir_avro_type *t, const weir_value *v, fitting *f);

/* How many bytes the characters of a default stand for; -1: one is beyond U+00FF. */
static int64_t bytes_of(const weir_value *v, fitting *f)
{
    weir_view text = weir_string(v, f->scratch);
    int64_t n = 0;
    if (!text.ptr) {
        return -1;
    }
    for (size_t i = 0; i < text.len; n++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c > 0xC3) {
            return -1;
        }
        i += c >= 0x80 ? 2 : 1;
    }
    return n;
}

static bool fits_number(const weir_value *v)
{
    return v->type == WEIR_INT || v->type == WEIR_NUMBER ||
           weir_string_is(v, weir_view_of("NaN")) || weir_string_is(v, weir_view_of("Infinity")) ||
           weir_string_is(v, weir_view_of("-Infinity"));
}

static bool fits_record(const weir_avro_type *t, const weir_value *v, fitting *f)
{
    if (v->type != WEIR_OBJECT) {
        return false;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        const weir_value *member = weir_get(v, t->fields[i].name);
        if (member ? !fits(t->fields[i].type, member, f) : !t->fields[i].fallback) {
            return false;
        }
    }
    return true;
}

static bool fits_map(const weir_avro_type *t, const weir_value *v, fitting *f)
{
    if (v->type != WEIR_OBJECT) {
        return false;
    }
    WEIR_EACH_MEMBER(v, name, value)
    {
        if (!fits(t->item, value, f)) {
            return false;
        }
    }
    return true;
}

static bool fits_array(const weir_avro_type *t, const weir_value *v, fitting *f)
{
    if (v->type != WEIR_ARRAY) {
        return false;
    }
    WEIR_EACH_ITEM(v, item)
    {
        if (!fits(t->item, item, f)) {
            return false;
        }
    }
    return true;
}

static bool fits_union(const weir_avro_type *t, const weir_value *v, fitting *f)
{
    for (uint32_t i = 0; i < t->count; i++) {
        if (fits(t->branches[i], v, f)) {
            return true;
        }
    }
    return false;
}

static bool fits_scalar(const weir_avro_type *t, const weir_value *v, fitting *f)
{
    int64_t n;
    switch (t->kind) {
    case WEIR_AVRO_NULL:
        return v->type == WEIR_NULL;
    case WEIR_AVRO_BOOLEAN:
        return v->type == WEIR_BOOL;
    case WEIR_AVRO_INT:
        return weir_to_int64(v, &n) && n >= INT32_MIN && n <= INT32_MAX;
    case WEIR_AVRO_LONG:
        return weir_to_int64(v, &n);
    case WEIR_AVRO_FLOAT:
    case WEIR_AVRO_DOUBLE:
        return fits_number(v);
    case WEIR_AVRO_BYTES:
        return v->type == WEIR_BYTES || (v->type == WEIR_STRING && bytes_of(v, f) >= 0);
    case WEIR_AVRO_FIXED:
        return (v->type == WEIR_BYTES && v->len == t->size) ||
               (v->type == WEIR_STRING && bytes_of(v, f) == t->size);
    case WEIR_AVRO_ENUM:
        return v->type == WEIR_STRING && weir_avro_symbol_of(t, weir_string(v, f->scratch)) >= 0;
    default:
        return v->type == WEIR_STRING;
    }
}

/* Its depth is that of the value, which the JSON reader has bounded. */
static bool fits(const weir_avro_type *t, const weir_value *v, fitting *f)
{
    enum { MOST_STEPS = 1000000 };
    if (++f->steps > MOST_STEPS) {
        return false;
    }
    switch (t->kind) {
    case WEIR_AVRO_RECORD:
        return fits_record(t, v, f);
    case WEIR_AVRO_ARRAY:
        return fits_array(t, v, f);
    case WEIR_AVRO_MAP:
        return fits_map(t, v, f);
    case WEIR_AVRO_UNION:
        return fits_union(t, v, f);
    default:
        return fits_scalar(t, v, f);
    }
}

bool weir_avro_fits(const weir_avro_type *t, const weir_value *v, weir_arena *scratch)
{
    fitting f = {.scratch = scratch};
    return fits(t, v, &f);
}
