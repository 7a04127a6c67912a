/* Compatibility of schemas: can what was written by one be read by another?
 *
 *   BACKWARD: the new schema reads what the old one wrote; FORWARD: the old reads what the new
 * writes; FULL: both. Each also TRANSITIVE: against every old one, not the last alone.
 *
 * A checker gathers findings: the rule's name, where (a JSON pointer into the reader's schema), and
 * what was met. Thread: plain functions; one owner of a report at a time. */
#ifndef WEIR_SCHEMA_COMPAT_H
#define WEIR_SCHEMA_COMPAT_H

#include <weir/schema.h>

#include "schema/avro_schema.h"

typedef enum weir_compat_rule {
#define X(rule, meaning, advice) WEIR_COMPAT_##rule,
#include "schema/compat_rules.def"
#undef X
    WEIR_COMPAT_RULES
} weir_compat_rule;

const char *weir_compat_rule_name(weir_compat_rule rule);
const char *weir_compat_meaning(weir_compat_rule rule);
const char *weir_compat_advice(weir_compat_rule rule);

typedef struct weir_compat_finding {
    weir_compat_rule rule;
    weir_view path; /* "/fields/2/type" */
    weir_view text; /* what was met */
    struct weir_compat_finding *next;
} weir_compat_finding;

typedef struct weir_compat_report {
    weir_compat_finding *first, *last; /* in the arena, as are their texts */
    size_t count;
    weir_arena arena;
} weir_compat_report;

void weir_compat_report_init(weir_compat_report *r);
void weir_compat_report_fini(weir_compat_report *r);

/* Adds what keeps `reader` from reading what `writer` wrote; nothing: they are compatible. Names
 * match without their name space, or by the reader's aliases. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_compat_avro(const weir_avro_schema *reader,
    const weir_avro_schema *writer, weir_compat_report *to, weir_error *err);

typedef struct weir_compat_json_schema {
    weir_view text;                     /* JSON */
    const char *base_uri;               /* where its relative references start; NULL: nowhere */
    const weir_schema_options *options; /* draft and resolve; NULL for the defaults */
} weir_compat_json_schema;

/* The same for JSON Schemas: must every value that `writer` allows be allowed by `reader`? What
 * cannot be told is a finding, too; a property that is required and has a default counts as
 * written. `lenient`: what nobody is likely to have written counts as not written (docs). Errors:
 * those of weir_schema_compile as far as references are followed, SCHEMA_LIMIT (a comparison that
 * takes too long), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_compat_json(const weir_compat_json_schema *reader,
    const weir_compat_json_schema *writer, bool lenient, weir_compat_report *to, weir_error *err);

#endif
