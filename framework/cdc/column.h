/* Columns: from what a connector put on the wire to what PostgreSQL's to_json would write.
 *
 * A weir_column says how one column is rendered. It is compiled once per schema (from the Connect
 * schema of a record's schema block, or from a PostgreSQL type name of the config) and used for
 * every row. Rendering is exact: every decimal, time, binary, interval and hstore mode of Debezium
 * ends in the same text wherever its encoding has kept the information. docs/row-contract.md lists
 * every rule and every exception.
 *
 * Thread: a compiled column is immutable; any thread may render. */
#ifndef WEIR_CDC_COLUMN_H
#define WEIR_CDC_COLUMN_H

#include "base/arena.h"
#include "base/err.h"
#include "value/value.h"

typedef struct weir_column weir_column;

/* How a column is read and written: an entry of the static table behind column_kind.h. */
typedef struct weir_column_kind weir_column_kind;

enum { WEIR_SCALE_UNKNOWN = INT32_MIN };

struct weir_column {
    weir_view name;
    const weir_column_kind *kind;
    const weir_column *item; /* arrays: their items; maps: their values; structs: `length` fields */
    int32_t scale;           /* decimals: digits behind the point, or WEIR_SCALE_UNKNOWN;
                              * times: the integer counts 10^-scale seconds (3: ms, 6: µs, 9: ns) */
    int32_t length;          /* bit strings: bits, 0 unknown; structs: fields; integers: bytes,
                              * decimals: digits, 0 unknown */
    weir_view type;          /* PostgreSQL's name of it, as the config gives it, or a schema's name
                              * where the kind does not tell it; "": not given */
};

/* How the connector was told to write what its JSON alone does not tell. Debezium's settings of the
 * same name (`*.handling.mode`, `time.precision.mode`); 0 is its default. The interval and hstore
 * modes are not among them: the JSON's shape tells them. */
typedef enum weir_decimal_mode {
    WEIR_DECIMAL_PRECISE, /* a string is base64 of the unscaled number */
    WEIR_DECIMAL_STRING,  /* a string is decimal text; "1234" would be base64 as well */
    WEIR_DECIMAL_DOUBLE,
} weir_decimal_mode;

typedef enum weir_time_mode {
    WEIR_TIME_ADAPTIVE, /* integers: ms up to three digits of precision, else µs */
    WEIR_TIME_ADAPTIVE_TIME_MICROSECONDS,
    WEIR_TIME_CONNECT, /* ms */
    WEIR_TIME_ISOSTRING,
    WEIR_TIME_MICROSECONDS,
    WEIR_TIME_NANOSECONDS,
    WEIR_TIME_STRUCTURED,
} weir_time_mode;

typedef enum weir_binary_mode {
    WEIR_BINARY_BYTES, /* base64 in JSON */
    WEIR_BINARY_BASE64,
    WEIR_BINARY_BASE64_URL_SAFE,
    WEIR_BINARY_HEX,
} weir_binary_mode;

typedef struct weir_column_modes {
    weir_decimal_mode decimal;
    weir_time_mode time;
    weir_binary_mode binary;
} weir_column_modes;

/* Compiles one field of a Connect schema (JSON form:
 * {"type":"int32","name":"io.debezium.time.Date",…}). The column and what it needs live in the
 * arena; names are copied there. `override` (may be empty) is the config's PostgreSQL type name for
 * this column; it refines what the schema leaves open (money, oid, bit(1), hstore, …) and must fit
 * the wire type. Units and scales are the schema's where it names them; `modes` (NULL: Debezium's
 * defaults) says the rest and is not kept. Errors: CDC_BAD_SCHEMA, CDC_UNKNOWN_TYPE (names the
 * column), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_column_from_connect(const weir_value *field, weir_view override,
    const weir_column_modes *modes, weir_arena *arena, weir_column *out, weir_error *err);

/* Compiles a column from a PostgreSQL type name as format_type() prints it ("numeric(12,2)",
 * "timestamp without time zone", "timestamptz", "text[]", "character varying(20)"), for records
 * that carry no types. "enum" stands for any type that arrives as text. A column without a type:
 * pass an empty type; it is passed through as it is. `modes` (NULL: Debezium's defaults) is not
 * kept. Errors: CDC_UNKNOWN_TYPE, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_column_from_pg(weir_view name, weir_view type,
    const weir_column_modes *modes, weir_arena *arena, weir_column *out, weir_error *err);

/* Appends the column's value as PostgreSQL's to_json would write it (a JSON text). `v` NULL or a
 * JSON null is `null`. `scratch` is for intermediate text. Errors: CDC_BAD_VALUE (the text names
 * column, type and what was met; nothing useful is then in `to`), OUT_OF_MEMORY (of scratch).
 * Buffer failure is left to the caller. */
WEIR_MUST_USE weir_status weir_column_render(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err);

/* Is this Debezium's stand-in for an unchanged TOAST value? By kind: the text itself, its bytes as
 * base64 or hex, one-element arrays of it, its character codes, its uuid, its hstore
 * (docs/row-contract.md). `text` is the configured placeholder, by default
 * __debezium_unavailable_value. */
bool weir_column_is_placeholder(const weir_column *c, const weir_value *v, weir_view text);

#endif
