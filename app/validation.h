/* The schemas of the config's `validation`: read, asked for and compiled once, at start.
 * Thread: immutable once opened but for the rules' counts, which are atomic. */
#ifndef WEIR_APP_VALIDATION_H
#define WEIR_APP_VALIDATION_H

#include "cdc/event_check.h"
#include "cdc/row_check.h"
#include "config.h"

typedef struct weir_validations {
    const weir_config *config;
    /* One per entry of the config: */
    weir_any_schema *schemas;
    weir_row_rule *rows;
    weir_row_counts *counts; /* of events: invalid alone */
    weir_event_rule *events; /* those alone that are of events */
    size_t n, n_events;
} weir_validations;

/* registry: of the config, or NULL: then what is a registry's is left out, and nothing is asked.
 * One that does not answer is asked again when the first event needs it. Errors: FILE_UNREADABLE,
 * JSON_*, SCHEMA_*, AVRO_SCHEMA, REGISTRY_*, OUT_OF_MEMORY; *failed (or NULL) is then the entry. */
WEIR_MUST_USE weir_status weir_validations_open(const weir_config *config,
    weir_avro_schemas *registry, weir_validations *out, const weir_config_validation **failed,
    weir_error *err);
void weir_validations_close(weir_validations *v);

/* The rule of a source's table ("schema.table"), or NULL. Borrowed. */
const weir_row_rule *weir_validations_find(
    const weir_validations *v, const weir_config_source *source, const char *table_name);

/* How many rows did not fit, and how many were not judged. Thread: any. */
uint64_t weir_validations_invalid(const weir_validations *v);
uint64_t weir_validations_unjudged(const weir_validations *v);

#endif
