/* What of a row a cache shows: which columns, under which names, and which rows at all.
 * Thread: immutable once filled. */
#ifndef WEIR_SYNC_VIEW_H
#define WEIR_SYNC_VIEW_H

#include "cdc/decoder.h"
#include "cdc/merge.h"

/* `where: { column: value }`: the row is shown while each column equals its value. */
typedef struct weir_row_condition {
    weir_view column; /* the source's name, a JSON string with its quotes */
    weir_view value;  /* JSON text in the row contract: null, "x", 1 */
} weir_row_condition;

/* Is a column's value what the condition says? scratch: for the call. */
bool weir_row_condition_holds(
    const weir_row_condition *c, const weir_value *value, weir_arena *scratch);

typedef struct weir_row_view {
    weir_projection projection; /* of the config: keep or drop, rename */
    const weir_row_condition *where;
    size_t n_where;
    bool hide_incomplete;
    /* Columns that only `where` needs: rendered and kept, but not shown. As JSON strings. */
    const weir_view *unshown;
    size_t n_unshown;
} weir_row_view;

/* A weir_merge_show_fn with a weir_row_view as ctx. */
weir_status weir_row_view_show(void *ctx, weir_view row, const weir_state *state,
    weir_arena *scratch, bool *visible, weir_view *shown, weir_error *err);

/* Is there anything to decide? False: every row is shown whole, and no show function is needed. */
bool weir_row_view_decides(const weir_row_view *v);

#endif
