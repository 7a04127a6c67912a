/* Columns from Connect schemas in their JSON form, as a record's schema block carries them.
 *
 * The schema's semantic name (io.debezium.time.Date) decides; a schema without one, or with a name
 * that is not known here, is taken by its plain type. An override names PostgreSQL's type: it
 * decides what is written, the schema how it is read. */
#include "cdc/column_kind.h"

enum { MOST_BITS = 83886080 /* PostgreSQL's bit(n) */ };

/* Connect's own types, and the shape their values have in a row; "union" is not Connect's: it
 * stands for a union of Avro (schema/avro_connect.h). */
static const struct plain_type {
    const char *name;
    unsigned shape;
    weir_kind kind;
    int32_t length; /* of integers: bytes of the type that PostgreSQL has for it */
} plain_types[] = {
    {"int8", WEIR_AS_INT, WEIR_KIND_INTEGER, 2},
    {"int16", WEIR_AS_INT, WEIR_KIND_INTEGER, 2},
    {"int32", WEIR_AS_INT, WEIR_KIND_INTEGER, 4},
    {"int64", WEIR_AS_INT, WEIR_KIND_INTEGER, 8},
    {"float", WEIR_AS_NUMBER, WEIR_KIND_FLOAT4, 0},
    {"float32", WEIR_AS_NUMBER, WEIR_KIND_FLOAT4, 0},
    {"double", WEIR_AS_NUMBER, WEIR_KIND_FLOAT8, 0},
    {"float64", WEIR_AS_NUMBER, WEIR_KIND_FLOAT8, 0},
    {"boolean", WEIR_AS_BOOL, WEIR_KIND_BOOLEAN, 0},
    {"string", WEIR_AS_STRING, WEIR_KIND_TEXT, 0},
    {"bytes", WEIR_AS_BYTES, WEIR_KIND_BYTEA, 0},
    {"array", WEIR_AS_ARRAY, WEIR_KIND_ARRAY, 0},
    {"map", WEIR_AS_OBJECT, WEIR_KIND_MAP, 0},
    {"struct", WEIR_AS_OBJECT, WEIR_KIND_STRUCT, 0},
    {"union", WEIR_AS_ANY, WEIR_KIND_RAW, 0},
};

static const struct semantic_type {
    const char *name;
    unsigned shape; /* of its plain type; another one is a broken schema */
    weir_kind kind;
    int32_t scale; /* of times: 3 ms, 6 µs, 9 ns */
} semantic_types[] = {
    {"io.debezium.time.Date", WEIR_AS_INT, WEIR_KIND_DATE, 0},
    {"io.debezium.time.Time", WEIR_AS_INT, WEIR_KIND_TIME, 3},
    {"io.debezium.time.MicroTime", WEIR_AS_INT, WEIR_KIND_TIME, 6},
    {"io.debezium.time.NanoTime", WEIR_AS_INT, WEIR_KIND_TIME, 9},
    {"io.debezium.time.Timestamp", WEIR_AS_INT, WEIR_KIND_TIMESTAMP, 3},
    {"io.debezium.time.MicroTimestamp", WEIR_AS_INT, WEIR_KIND_TIMESTAMP, 6},
    {"io.debezium.time.NanoTimestamp", WEIR_AS_INT, WEIR_KIND_TIMESTAMP, 9},
    {"io.debezium.time.ZonedTime", WEIR_AS_STRING, WEIR_KIND_TIMETZ, 6},
    {"io.debezium.time.ZonedTimestamp", WEIR_AS_STRING, WEIR_KIND_TIMESTAMPTZ, 6},
    {"io.debezium.time.MicroDuration", WEIR_AS_INT, WEIR_KIND_INTERVAL, 6},
    {"io.debezium.time.NanoDuration", WEIR_AS_INT, WEIR_KIND_INTERVAL, 9},
    {"io.debezium.time.Interval", WEIR_AS_STRING, WEIR_KIND_INTERVAL, 6},
    {"io.debezium.time.Year", WEIR_AS_INT, WEIR_KIND_INTEGER, 0},
    {"io.debezium.time.IsoDate", WEIR_AS_STRING, WEIR_KIND_DATE, 0},
    {"io.debezium.time.IsoTime", WEIR_AS_STRING, WEIR_KIND_TIME, 6},
    {"io.debezium.time.IsoTimestamp", WEIR_AS_STRING, WEIR_KIND_TIMESTAMP, 6},
    {"io.debezium.time.StructuredDate", WEIR_AS_OBJECT, WEIR_KIND_DATE, 0},
    {"io.debezium.time.StructuredTime", WEIR_AS_OBJECT, WEIR_KIND_TIME, 6},
    {"io.debezium.time.StructuredZonedTime", WEIR_AS_OBJECT, WEIR_KIND_TIMETZ, 6},
    {"io.debezium.time.StructuredTimestamp", WEIR_AS_OBJECT, WEIR_KIND_TIMESTAMP, 6},
    {"io.debezium.time.StructuredZonedTimestamp", WEIR_AS_OBJECT, WEIR_KIND_TIMESTAMPTZ, 6},
    {"io.debezium.time.StructuredDuration", WEIR_AS_OBJECT, WEIR_KIND_INTERVAL, 6},
    {"org.apache.kafka.connect.data.Date", WEIR_AS_INT, WEIR_KIND_DATE, 0},
    {"org.apache.kafka.connect.data.Time", WEIR_AS_INT, WEIR_KIND_TIME, 3},
    {"org.apache.kafka.connect.data.Timestamp", WEIR_AS_INT, WEIR_KIND_TIMESTAMP, 3},
    {"org.apache.kafka.connect.data.Decimal", WEIR_AS_BYTES, WEIR_KIND_NUMERIC, 0},
    {"io.debezium.data.VariableScaleDecimal", WEIR_AS_OBJECT, WEIR_KIND_NUMERIC, 0},
    {"io.debezium.data.Bits", WEIR_AS_BYTES, WEIR_KIND_BIT, 0},
    {"io.debezium.data.Json", WEIR_AS_STRING, WEIR_KIND_JSON, 0},
    {"io.debezium.data.Uuid", WEIR_AS_STRING, WEIR_KIND_UUID, 0},
    {"io.debezium.data.DoubleVector", WEIR_AS_ARRAY, WEIR_KIND_VECTOR, 0},
    {"io.debezium.data.FloatVector", WEIR_AS_ARRAY, WEIR_KIND_VECTOR, 0},
    {"io.debezium.data.SparseDoubleVector", WEIR_AS_OBJECT, WEIR_KIND_SPARSEVEC, 0},
    {"io.debezium.data.geometry.Point", WEIR_AS_OBJECT, WEIR_KIND_POINT, 0},
    {"io.debezium.data.geometry.Line", WEIR_AS_OBJECT, WEIR_KIND_LINE, 0},
    {"io.debezium.data.geometry.Circle", WEIR_AS_OBJECT, WEIR_KIND_CIRCLE, 0},
    {"io.debezium.data.geometry.Geometry", WEIR_AS_OBJECT, WEIR_KIND_GEOMETRY, 0},
    {"io.debezium.data.geometry.Geography", WEIR_AS_OBJECT, WEIR_KIND_GEOMETRY, 0},
    /* Enum, EnumSet, Xml, Ltree and Tsvector are strings like any other. */
};

/* Strings that have a type of their own in every PostgreSQL, for tables that are made. */
static const struct named_string {
    const char *name, *type;
} named_strings[] = {
    {"io.debezium.data.Xml", "xml"},
    {"io.debezium.data.Tsvector", "tsvector"},
};

/* What is the same for all that is compiled for one column. */
typedef struct compiler {
    weir_view name;
    weir_arena *arena;
    weir_error *err;
} compiler;

static weir_status bad_schema(const compiler *k, const char *why)
{
    return weir_fail(k->err, WEIR_E_CDC_BAD_SCHEMA, "column \"%.*s\": %s", WEIR_ARG(k->name), why);
}

static const struct plain_type *plain_of(const weir_value *schema)
{
    const weir_value *type = weir_gets(schema, "type");
    for (size_t i = 0; i < sizeof plain_types / sizeof *plain_types; i++) {
        if (weir_string_is(type, weir_view_of(plain_types[i].name))) {
            return &plain_types[i];
        }
    }
    return NULL;
}

static const struct semantic_type *semantic_of(const weir_value *schema)
{
    const weir_value *name = weir_gets(schema, "name");
    for (size_t i = 0; name && i < sizeof semantic_types / sizeof *semantic_types; i++) {
        if (weir_string_is(name, weir_view_of(semantic_types[i].name))) {
            return &semantic_types[i];
        }
    }
    return NULL;
}

/* "": none. */
static weir_view type_of_string(const weir_value *schema, const struct plain_type *plain)
{
    const weir_value *name = weir_gets(schema, "name");
    for (size_t i = 0; name && i < sizeof named_strings / sizeof *named_strings; i++) {
        if (plain->kind == WEIR_KIND_TEXT &&
            weir_string_is(name, weir_view_of(named_strings[i].name))) {
            return weir_view_of(named_strings[i].type);
        }
    }
    return weir_view_make("", 0);
}

/* Parameters are strings: {"scale":"6"}. */
static bool parameter(const weir_value *schema, const char *name, int64_t *out)
{
    const weir_value *v = weir_gets(weir_gets(schema, "parameters"), name);
    return weir_is(v, WEIR_STRING) && weir_text_to_int64(weir_raw(v), out);
}

/* ---- the schema ------------------------------------------------------------------------------ */

static weir_status compile(const compiler *k, const weir_value *schema, weir_column *out);

static weir_status compile_item(const compiler *k, const weir_value *schema, weir_column *out)
{
    weir_column *item = weir_arena_alloc(k->arena, sizeof *item);
    if (!item) {
        return weir_fail_oom(k->err);
    }
    out->item = item;
    return compile(k, schema, item);
}

/* A map of strings is an hstore; a map whose keys are no strings is passed through. */
static weir_status compile_map(const compiler *k, const weir_value *schema, weir_column *out)
{
    const struct plain_type *keys = plain_of(weir_gets(schema, "keys"));
    if (!keys || keys->shape != WEIR_AS_STRING) {
        *out = weir_column_make(k->name, WEIR_KIND_RAW);
        return WEIR_OK;
    }
    weir_status status = compile_item(k, weir_gets(schema, "values"), out);
    if (status == WEIR_OK && out->item->kind->id == WEIR_KIND_TEXT) {
        out->kind = weir_column_kind_of(WEIR_KIND_HSTORE);
    }
    return status;
}

static weir_status compile_struct(const compiler *k, const weir_value *schema, weir_column *out)
{
    const weir_value *list = weir_gets(schema, "fields");
    if (!weir_is(list, WEIR_ARRAY) || list->len > INT32_MAX) {
        return bad_schema(k, "a struct without fields");
    }
    weir_column *fields = weir_arena_alloc(k->arena, (list->len + 1) * sizeof *fields);
    if (!fields) {
        return weir_fail_oom(k->err);
    }
    out->item = fields;
    WEIR_EACH_ITEM(list, schema_of_field)
    {
        weir_column *field = &fields[out->length++];
        weir_status status = weir_column_from_connect(
            schema_of_field, weir_view_make("", 0), NULL, k->arena, field, k->err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    return WEIR_OK;
}

static weir_status compile_plain(
    const compiler *k, const weir_value *schema, const struct plain_type *plain, weir_column *out)
{
    switch (plain->kind) {
    case WEIR_KIND_ARRAY:
        return compile_item(k, weir_gets(schema, "items"), out);
    case WEIR_KIND_MAP:
        return compile_map(k, schema, out);
    case WEIR_KIND_STRUCT:
        return compile_struct(k, schema, out);
    default:
        return WEIR_OK;
    }
}

/* A length beyond bit(n)'s is that of a bit varying without one. */
static void set_bit_length(weir_column *c, const weir_value *schema)
{
    int64_t length;
    if (parameter(schema, "length", &length) && length > 0 && length <= MOST_BITS) {
        c->length = (int32_t)length;
    }
}

static weir_status compile_semantic(const compiler *k, const weir_value *schema,
    const struct semantic_type *semantic, weir_column *out)
{
    enum { MOST_SCALE = 16383, MOST_DIGITS = 1000 };
    if (out->kind->scale == WEIR_SCALE_TIME) {
        out->scale = semantic->scale;
    }
    if (semantic->kind == WEIR_KIND_BIT) {
        set_bit_length(out, schema);
    }
    if (semantic->kind == WEIR_KIND_NUMERIC && semantic->shape == WEIR_AS_BYTES) {
        int64_t scale;
        if (!parameter(schema, "scale", &scale) || scale < -MOST_SCALE || scale > MOST_SCALE) {
            return bad_schema(k, "a Decimal without a scale");
        }
        int64_t digits;
        out->scale = (int32_t)scale;
        if (parameter(schema, "connect.decimal.precision", &digits) && digits > 0 &&
            digits <= MOST_DIGITS) {
            out->length = (int32_t)digits;
        }
    }
    return WEIR_OK;
}

static weir_status compile(const compiler *k, const weir_value *schema, weir_column *out)
{
    const struct plain_type *plain = plain_of(schema);
    const struct semantic_type *semantic = semantic_of(schema);
    if (!plain) {
        return bad_schema(k, "a schema without one of Connect's types");
    }
    if (!semantic) {
        *out = weir_column_make(k->name, plain->kind);
        out->length = plain->length;
        out->type = type_of_string(schema, plain);
        return compile_plain(k, schema, plain, out);
    }
    if (semantic->shape != plain->shape) {
        return bad_schema(k, "the schema's name does not fit its type");
    }
    *out = weir_column_make(k->name, semantic->kind);
    return compile_semantic(k, schema, semantic, out);
}

/* ---- the override ---------------------------------------------------------------------------- */

/* Gives `type` the units that the schema names. False when the type cannot be read from its shape.
 */
static bool refine(weir_column *type, const weir_value *schema, const weir_column *wire)
{
    const struct plain_type *plain = plain_of(schema);
    if (!(type->kind->accepts & plain->shape)) {
        return false;
    }
    if (wire->scale != WEIR_SCALE_UNKNOWN && wire->kind->scale == type->kind->scale) {
        type->scale = wire->scale;
    }
    return true;
}

/* The same for an array's items, of however many dimensions: int[] is also the type of
 * [[1,2],[3,4]].
 */
static bool refine_array(
    weir_column *type, const weir_value *schema, const weir_column *wire, weir_arena *arena)
{
    weir_column *item = weir_arena_alloc(arena, sizeof *item);
    if (!item) {
        return true; /* the arena's failure is sticky and checked by the caller */
    }
    *item = *type->item;
    type->item = item;
    for (; wire->kind->id == WEIR_KIND_ARRAY; wire = wire->item) {
        schema = weir_gets(schema, "items");
    }
    return refine(item, schema, wire);
}

/* Strings of a schema are never base64 of a decimal; bytes always are, whatever the modes. */
static weir_column_modes modes_of(const weir_value *schema, const weir_column_modes *modes)
{
    weir_column_modes m = modes ? *modes : (weir_column_modes){0};
    const struct plain_type *plain = plain_of(schema);
    while (plain->kind == WEIR_KIND_ARRAY) {
        schema = weir_gets(schema, "items");
        plain = plain_of(schema);
    }
    bool binary = plain->shape == WEIR_AS_BYTES || plain->shape == WEIR_AS_OBJECT;
    m.decimal = binary ? WEIR_DECIMAL_PRECISE : WEIR_DECIMAL_STRING;
    m.binary = binary ? WEIR_BINARY_BYTES : m.binary;
    return m;
}

static weir_status apply_override(const compiler *k, const weir_value *schema, weir_view override,
    const weir_column_modes *modes, weir_column *c)
{
    weir_column wire = *c;
    weir_column_modes effective = modes_of(schema, modes);
    weir_status status = weir_column_from_pg(k->name, override, &effective, k->arena, c, k->err);
    if (status != WEIR_OK) {
        return status;
    }
    bool arrays = c->kind->id == WEIR_KIND_ARRAY && wire.kind->id == WEIR_KIND_ARRAY;
    bool fits = arrays ? refine_array(c, schema, &wire, k->arena) : refine(c, schema, &wire);
    if (k->arena->failed) {
        return weir_fail_oom(k->err);
    }
    return fits ? WEIR_OK
                : weir_fail(k->err, WEIR_E_CDC_UNKNOWN_TYPE,
                      "column \"%.*s\": type \"%.*s\" cannot be read from what the schema has (%s)",
                      WEIR_ARG(k->name), WEIR_ARG(override), wire.kind->name);
}

weir_status weir_column_from_connect(const weir_value *field, weir_view override,
    const weir_column_modes *modes, weir_arena *arena, weir_column *out, weir_error *err)
{
    weir_view name = weir_view_make("", 0);
    const weir_value *given = weir_gets(field, "field");
    if (weir_is(given, WEIR_STRING)) {
        name = weir_arena_copy(arena, weir_string(given, arena));
        if (!name.ptr) {
            return weir_fail_oom(err);
        }
    }
    compiler k = {name, arena, err};
    weir_status status = compile(&k, field, out);
    return status == WEIR_OK && override.len ? apply_override(&k, field, override, modes, out)
                                             : status;
}
