/* Bounds of columns that databases keep by rounding or cutting, in silence: what would not come out
 * as it goes in is refused here. Thread: plain functions. */
#ifndef WEIR_SQL_TABLE_BOUND_H
#define WEIR_SQL_TABLE_BOUND_H

#include <stdbool.h>

#include "base/err.h"

typedef enum weir_bound_kind {
    WEIR_BOUND_NONE,
    WEIR_BOUND_DECIMALS,   /* `most` digits behind the point; below 0: zeros before it */
    WEIR_BOUND_SECONDS,    /* `most` digits of a second */
    WEIR_BOUND_DAYS,       /* no time of the day */
    WEIR_BOUND_SINGLE,     /* a number of single precision */
    WEIR_BOUND_CHARACTERS, /* `most` characters: spaces beyond are cut */
} weir_bound_kind;

typedef struct weir_bound {
    weir_bound_kind kind;
    int most;
} weir_bound;

/* Does a text go in as it is? One that is no value of the kind at all is the database's to judge.
 * Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_bound_holds(
    weir_bound bound, weir_view text, bool *holds, weir_error *err);

#endif
