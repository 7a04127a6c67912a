/* A store over another one, which is only read: what is written stays in memory and is gone in the
 * end. For dry runs: what would this change do to that store?
 * Thread: as the port says. */
#ifndef WEIR_OVERLAY_STORE_H
#define WEIR_OVERLAY_STORE_H

#include "cdc/store.h"

/* base: borrowed, outlives the overlay, and is in no transaction; ops NULL: an empty one. A commit
 * keeps the writes in the overlay, an abort drops them; the base sees neither. */
WEIR_MUST_USE weir_status weir_overlay_store_open(
    weir_store base, weir_store *out, weir_error *err);

#endif
