/* Columns: from what a connector put on the wire to what PostgreSQL's to_json would write.
 *
 * A weir_column says how one column is rendered. It is compiled once per schema (from the Connect
 * schema of a record's schema block, or from a PostgreSQL type name of the config) and used for every
 * row. Rendering is exact: every decimal, time, binary, interval and hstore mode of Debezium ends in
 * the same text wherever its encoding has kept the information. docs/row-contract.md lists every
 * rule and every exception.
 *
 * Thread: a compiled column is immutable; any thread may render. */
#ifndef WEIR_CDC_COLUMN_H
#define WEIR_CDC_COLUMN_H

#include "base/arena.h"
#include "base/err.h"
#include "value/value.h"

typedef struct weir_column weir_column;

/* The kinds of columns a row can have; what each wire form becomes is in column.c's table. */
struct weir_column {
    weir_view name;
    const struct weir_column_kind *kind; /* static table entry: the render function and its name */
    const weir_column *item;             /* arrays: their items; maps: their values */
    int32_t scale;                       /* decimals: from the schema; -1: from the value or unknown */
    int32_t length;                      /* bit strings, char(n): from the schema; 0: unknown */
};

/* Compiles one field of a Connect schema (JSON form: {"type":"int32","name":"io.debezium.time.Date",…}).
 * The column and what it needs live in the arena; names are copied there.
 * `override` (may be empty) is the config's PostgreSQL type name for this column; it refines what the
 * schema leaves open (money, oid, bit(1), enum, …) and must fit the wire type.
 * Errors: CDC_BAD_SCHEMA, CDC_UNKNOWN_TYPE (names the column), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_column_from_connect(const weir_value *field, weir_view override,
    weir_arena *arena, weir_column *out, weir_error *err);

/* Compiles a column from a PostgreSQL type name as format_type() prints it ("numeric(12,2)",
 * "timestamp without time zone", "timestamptz", "text[]", "character varying(20)"), for records that
 * carry no types. A column without a type: pass an empty type; it is passed through as it is.
 * Errors: CDC_UNKNOWN_TYPE, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_column_from_pg(weir_view name, weir_view type, weir_arena *arena,
    weir_column *out, weir_error *err);

/* Appends the column's value as PostgreSQL's to_json would write it (a JSON text). `v` NULL or a JSON
 * null is `null`. `scratch` is for intermediate text. Errors: CDC_BAD_VALUE (the text names column,
 * type and what was met; nothing useful is then in `to`). Buffer failure is left to the caller. */
WEIR_MUST_USE weir_status weir_column_render(const weir_column *c, const weir_value *v,
    weir_arena *scratch, weir_buf *to, weir_error *err);

/* Is this Debezium's stand-in for an unchanged TOAST value? By kind: the text itself, its bytes as
 * base64 or hex, one-element arrays of it, its character codes, its uuid, its hstore (CDC.md).
 * `text` is the configured placeholder, by default __debezium_unavailable_value. */
bool weir_column_is_placeholder(const weir_column *c, const weir_value *v, weir_view text);

#endif
