/* The schemas of the config's `validation`: read and compiled once, at start.
 * Thread: immutable once opened but for the rules' counts, which are atomic. */
#ifndef WEIR_APP_VALIDATION_H
#define WEIR_APP_VALIDATION_H

#include "cdc/row_check.h"
#include "config.h"

typedef struct weir_validations {
    const weir_config *config;
    weir_row_rule *rules; /* one per entry of the config */
    weir_row_counts *counts;
    size_t n;
} weir_validations;

/* Errors: FILE_UNREADABLE, JSON_*, SCHEMA_*, OUT_OF_MEMORY; *failed (or NULL) is then the entry. */
WEIR_MUST_USE weir_status weir_validations_open(const weir_config *config, weir_validations *out,
    const weir_config_validation **failed, weir_error *err);
void weir_validations_close(weir_validations *v);

/* The rule of a source's table ("schema.table"), or NULL. Borrowed. */
const weir_row_rule *weir_validations_find(
    const weir_validations *v, const weir_config_source *source, const char *table_name);

/* How many rows did not fit, and how many were not judged. Thread: any. */
uint64_t weir_validations_invalid(const weir_validations *v);
uint64_t weir_validations_unjudged(const weir_validations *v);

#endif
