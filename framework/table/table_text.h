/* From a row's JSON to the text that a column's input function reads. Thread: plain functions. */
#ifndef WEIR_SQL_TABLE_TEXT_H
#define WEIR_SQL_TABLE_TEXT_H

#include "table/table.h"
#include "value/value.h"

/* *text ptr NULL: NULL. Borrowed from the row or from the arena. Errors: TABLE_REFUSED (a character
 * that no text of a database holds), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_table_text(const weir_table_column *c, const weir_value *v,
    weir_arena *arena, weir_view *text, weir_error *err);

/* Would the column keep it as it is? Errors: TABLE_REFUSED, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_table_check(
    const weir_table_column *c, const weir_value *v, weir_arena *arena, weir_error *err);
WEIR_MUST_USE weir_status weir_table_check_text(
    const weir_table_column *c, weir_view text, weir_error *err);

#endif
