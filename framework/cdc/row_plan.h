/* Row plans: the columns of a table as a record's schema or the config gives them, and which member
 * of a row is which column. Thread: a plan is immutable once compiled. */
#ifndef WEIR_CDC_ROW_PLAN_H
#define WEIR_CDC_ROW_PLAN_H

#include "cdc/decoder.h"

/* From a Connect struct ({"type":"struct","fields":[…]}); fields that ExtractNewRecordState added
 * are left out when `added_prefix` is not empty. types (or NULL): the config's types for this
 * table. All of it lives in the arena. Errors: CDC_BAD_SCHEMA, CDC_UNKNOWN_TYPE, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_row_plan_of_connect(const weir_value *row_struct,
    const weir_table_types *types, const weir_column_modes *modes, weir_view added_prefix,
    weir_arena *arena, weir_row_plan *out, weir_error *err);

/* From the config alone, for records without types. Errors: CDC_UNKNOWN_TYPE, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_row_plan_of_types(const weir_table_types *types,
    const weir_column_modes *modes, weir_arena *arena, weir_row_plan *out, weir_error *err);

/* The column of this name, or NULL. *next: where it is expected (from 0 on), since rows usually
 * have their columns in the plan's order. */
const weir_column *weir_row_plan_find(const weir_row_plan *plan, weir_view name, size_t *next);

#endif
