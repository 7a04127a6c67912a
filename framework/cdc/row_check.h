/* Rows against JSON Schemas, before they are applied or handled.
 *
 * What is checked is the row in the row contract, with all its columns, as a change brings it. A
 * change that lacks a value (a placeholder) is no whole row: it is counted as not judged and
 * passes. Deletes, truncates and tombstones have no row.
 *
 * Thread: a rule is shared, its counts are atomic; a checker has one owner at a time (a lane). */
#ifndef WEIR_CDC_ROW_CHECK_H
#define WEIR_CDC_ROW_CHECK_H

#include <weir/schema.h>

#include "cdc/invalid.h"

typedef struct weir_row_counts {
    atomic_ullong invalid, unjudged;
} weir_row_counts;

/* Borrowed, outlives the checkers. */
typedef struct weir_row_rule {
    const weir_schema *schema;
    const char *name; /* of the schema, for messages: its file */
    weir_on_invalid on_fail;
    weir_row_counts *counts;
} weir_row_rule;

typedef struct weir_row_checker {
    const weir_row_rule *rule; /* NULL: everything passes */
    weir_validator *validator; /* owned */
    const weir_log *log;
    const char *who; /* in log lines */
} weir_row_checker;

/* rule NULL: a checker that lets everything pass. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_row_checker_init(weir_row_checker *c, const weir_row_rule *rule,
    const weir_log *log, const char *who, weir_error *err);
void weir_row_checker_fini(weir_row_checker *c);

/* The event of the decoder's last read. Errors: ROW_INVALID (REJECT, or FATAL where the rule says
 * stop; err->where is a JSON pointer into the row), SCHEMA_LIMIT likewise, and those of
 * weir_decoder_row. */
WEIR_MUST_USE weir_status weir_row_check(const weir_row_checker *c, weir_decoder *d,
    const weir_raw_record *record, const weir_event *event, weir_arena *arena, weir_error *err);

#endif
