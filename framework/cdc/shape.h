/* The shape of rows to come: their columns, under the names that they are shown by, and
 * PostgreSQL's names of their types. A store that keeps rows as columns of a table makes and
 * extends it by them. Thread: immutable once made. */
#ifndef WEIR_CDC_SHAPE_H
#define WEIR_CDC_SHAPE_H

#include "cdc/decoder.h"

typedef struct weir_shape_column {
    weir_view name;
    weir_view type; /* as format_type() prints it; "": not known */
} weir_shape_column;

typedef struct weir_shape {
    const weir_shape_column *columns;
    size_t n_columns;
} weir_shape;

/* Appends PostgreSQL's name of the type that holds what the column renders: what the config gave,
 * else what a schema tells. Nothing when it is not known. */
void weir_column_type_put(weir_buf *to, const weir_column *column);

/* Of what a plan's rows become behind the projection (NULL: all of it). All of it lives in the
 * arena. NULL: out of memory. */
const weir_shape *weir_shape_of(
    const weir_row_plan *plan, const weir_projection *projection, weir_arena *arena);

#endif
