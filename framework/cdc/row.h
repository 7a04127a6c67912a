/* Rows as JSON text in the row contract, and what the merge rule does with their columns.
 * Rows and name lists were written by weir itself, so equal names are equal bytes.
 * Thread: plain functions. */
#ifndef WEIR_CDC_ROW_H
#define WEIR_CDC_ROW_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* Fills a row's missing columns from a base row.
 * missing, base_missing: JSON arrays of column names ("" for none). base.ptr NULL: there is no
 * base. A column that base does not have, or that is missing there too, stays missing. Appends the
 * filled row to `row_to` and what is still missing to `missing_to` (nothing when none is). Errors:
 * STORE_BROKEN when a text is not what weir writes; OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_row_fill(weir_view row, weir_view missing, weir_view base,
    weir_view base_missing, weir_arena *scratch, weir_buf *row_to, weir_buf *missing_to,
    weir_error *err);

#endif
