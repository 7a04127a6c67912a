/* Which columns of a row are kept, and how they are called (weir_projection). Thread: any. */
#ifndef WEIR_CDC_PROJECTION_H
#define WEIR_CDC_PROJECTION_H

#include "cdc/decoder.h"

/* p NULL: all are. *next: where among those kept it is expected, from 0 on. */
bool weir_projection_keeps(const weir_projection *p, weir_view name, size_t *next);
/* p NULL: as they are. */
weir_view weir_projection_shows(const weir_projection *p, weir_view name);

/* Does it fit this row and its record's key (JSON, or ptr NULL)? Errors: CONFIG_COLUMN_TWICE,
 * CONFIG_COLUMN_OF_KEY, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_projection_check(const weir_projection *p, const weir_value *row,
    weir_view key, weir_arena *scratch, weir_error *err);

#endif
