/* The kinds of columns, shared by the column_*.c files and nobody else.
 *
 * A kind is what a value is written as (PostgreSQL's type), plus, where the JSON's shape does not
 * tell it, how it is read: NUMERIC reads a string as base64, NUMERIC_TEXT as decimal text.
 * Everything else is told by the shape: a date may be an integer, an ISO text or a structure of its
 * parts, and each of them ends in the same text. */
#ifndef WEIR_CDC_COLUMN_KIND_H
#define WEIR_CDC_COLUMN_KIND_H

#include "cdc/column.h"

/* JSON shapes, as bits of weir_column_kind.accepts. */
enum {
    WEIR_AS_BOOL = 1 << WEIR_BOOL,
    WEIR_AS_INT = 1 << WEIR_INT,
    WEIR_AS_NUMBER = 1 << WEIR_NUMBER,
    WEIR_AS_STRING = 1 << WEIR_STRING,
    WEIR_AS_BYTES = 1 << WEIR_BYTES,
    WEIR_AS_ARRAY = 1 << WEIR_ARRAY,
    WEIR_AS_OBJECT = 1 << WEIR_OBJECT,
    WEIR_AS_FLOAT = WEIR_AS_INT | WEIR_AS_NUMBER | WEIR_AS_STRING,
    WEIR_AS_DECIMAL = WEIR_AS_FLOAT | WEIR_AS_BYTES | WEIR_AS_OBJECT,
    WEIR_AS_BINARY = WEIR_AS_STRING | WEIR_AS_BYTES,
    WEIR_AS_BITS = WEIR_AS_BINARY | WEIR_AS_BOOL,
    WEIR_AS_CLOCK = WEIR_AS_INT | WEIR_AS_STRING | WEIR_AS_OBJECT,
    WEIR_AS_ANY = 0xff,
};

/* What a column's scale counts. */
typedef enum weir_scale {
    WEIR_SCALE_NONE,
    WEIR_SCALE_DECIMAL, /* digits behind the point */
    WEIR_SCALE_TIME,    /* digits of a second */
} weir_scale;

/*        kind          name in messages     render function       accepted shapes    scale */
#define WEIR_COLUMN_KINDS(X)                                                                 \
    X(RAW, "value of unknown type", weir_render_raw, WEIR_AS_ANY, NONE)                      \
    X(BOOLEAN, "boolean", weir_render_boolean, WEIR_AS_BOOL | WEIR_AS_INT, NONE)             \
    X(INTEGER, "integer", weir_render_integer, WEIR_AS_INT, NONE)                            \
    X(OID, "oid", weir_render_oid, WEIR_AS_INT | WEIR_AS_STRING, NONE)                       \
    X(FLOAT4, "real", weir_render_float4, WEIR_AS_FLOAT, NONE)                               \
    X(FLOAT8, "double precision", weir_render_float8, WEIR_AS_FLOAT, NONE)                   \
    X(NUMERIC, "numeric", weir_render_numeric, WEIR_AS_DECIMAL, DECIMAL)                     \
    X(NUMERIC_TEXT, "numeric as text", weir_render_numeric_text, WEIR_AS_DECIMAL, DECIMAL)   \
    X(MONEY, "money", weir_render_money, WEIR_AS_DECIMAL, DECIMAL)                           \
    X(MONEY_TEXT, "money as text", weir_render_money_text, WEIR_AS_DECIMAL, DECIMAL)         \
    X(TEXT, "text", weir_render_text, WEIR_AS_STRING, NONE)                                  \
    X(UUID, "uuid", weir_render_text, WEIR_AS_STRING, NONE)                                  \
    X(BYTEA, "bytea", weir_render_bytea, WEIR_AS_BINARY, NONE)                               \
    X(BYTEA_HEX, "bytea as hex", weir_render_bytea_hex, WEIR_AS_BINARY, NONE)                \
    X(BIT, "bit string", weir_render_bit, WEIR_AS_BITS, NONE)                                \
    X(VARBIT, "bit varying", weir_render_varbit, WEIR_AS_BITS, NONE)                         \
    X(DATE, "date", weir_render_date, WEIR_AS_CLOCK, NONE)                                   \
    X(TIME, "time", weir_render_time, WEIR_AS_CLOCK, TIME)                                   \
    X(TIMETZ, "time with time zone", weir_render_timetz, WEIR_AS_CLOCK, TIME)                \
    X(TIMESTAMP, "timestamp", weir_render_timestamp, WEIR_AS_CLOCK, TIME)                    \
    X(TIMESTAMPTZ, "timestamp with time zone", weir_render_timestamptz, WEIR_AS_CLOCK, TIME) \
    X(INTERVAL, "interval", weir_render_interval, WEIR_AS_CLOCK, TIME)                       \
    X(JSON, "json", weir_render_json, WEIR_AS_ANY, NONE)                                     \
    X(HSTORE, "hstore", weir_render_hstore, WEIR_AS_OBJECT | WEIR_AS_STRING, NONE)           \
    X(MAP, "map", weir_render_map, WEIR_AS_OBJECT, NONE)                                     \
    X(STRUCT, "struct", weir_render_struct, WEIR_AS_OBJECT, NONE)                            \
    X(ARRAY, "array", weir_render_array, WEIR_AS_ARRAY, NONE)                                \
    X(VECTOR, "vector", weir_render_vector, WEIR_AS_ARRAY, NONE)                             \
    X(SPARSEVEC, "sparse vector", weir_render_sparsevec, WEIR_AS_OBJECT, NONE)               \
    X(POINT, "point", weir_render_point, WEIR_AS_OBJECT, NONE)                               \
    X(LINE, "line", weir_render_line, WEIR_AS_OBJECT, NONE)                                  \
    X(CIRCLE, "circle", weir_render_circle, WEIR_AS_OBJECT, NONE)                            \
    X(GEOMETRY, "geometry", weir_render_geometry, WEIR_AS_OBJECT, NONE)

typedef enum weir_kind {
#define X(id, name, render, accepts, scale) WEIR_KIND_##id,
    WEIR_COLUMN_KINDS(X)
#undef X
        WEIR_KIND_COUNT
} weir_kind;

/* Called with a value that is not null and has an accepted shape. */
typedef weir_status weir_column_fn(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err);

struct weir_column_kind {
    weir_kind id;
    weir_scale scale;
    unsigned accepts;
    const char *name;
    weir_column_fn *render;
};

#define X(id, name, render, accepts, scale) weir_column_fn render;
WEIR_COLUMN_KINDS(X)
#undef X

const weir_column_kind *weir_column_kind_of(weir_kind id);

/* A column of a kind with nothing known beyond it. */
static inline weir_column weir_column_make(weir_view name, weir_kind kind)
{
    return (weir_column){
        .name = name, .kind = weir_column_kind_of(kind), .scale = WEIR_SCALE_UNKNOWN};
}

/* CDC_BAD_VALUE: column, type, why, and what was met (cut short). */
weir_status weir_column_refuse(
    const weir_column *c, const weir_value *v, const char *why, weir_error *err);

/* The bytes of a JSON string of base64 (either alphabet, padded or not), or of WEIR_BYTES. Borrowed
 * or from scratch. Errors: CDC_BAD_VALUE, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_column_bytes(const weir_column *c, const weir_value *v,
    weir_arena *scratch, weir_view *out, weir_error *err);

/* A string's text, and the JSON document that it is. Errors: CDC_BAD_VALUE, TOO_LARGE,
 * OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_column_json(const weir_column *c, const weir_value *v,
    weir_arena *scratch, weir_view *text, const weir_value **document, weir_error *err);

/* Decimal text ("-2.0", "1.0E10", "12") as PostgreSQL's float8out writes the nearest double, or
 * float4out the nearest float. False when it is no finite number; nothing is then appended. */
bool weir_float_put(weir_buf *to, weir_view text, bool single);
void weir_float_put_double(weir_buf *to, double x);
/* The nearest double, whatever the locale. False when the text is no number, or one of no double.
 */
bool weir_float_read(weir_view text, double *x);

/* "NaN", "Infinity" or "-Infinity" for any spelling that floats and decimals arrive in; NULL for
 * anything else. */
const char *weir_special_number(weir_view text);

#endif
