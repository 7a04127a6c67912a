/* The formats of JSON Schema 2020-12 (and those of the drafts before it, which are among them).
 * A format that is not known is valid, as the standard has it. Thread: immutable tables. */
#ifndef WEIR_SCHEMA_FORMAT_H
#define WEIR_SCHEMA_FORMAT_H

#include <weir/schema.h>

#include "schema/idn.h"

typedef struct weir_format_tools {
    const weir_idn *idn; /* for those formats that need it; else NULL */
    weir_regex_scratch *scratch;
} weir_format_tools;

/* text: UTF-8. Bounded: linear in its length. */
typedef bool weir_format_check(weir_view text, const weir_format_tools *tools);

typedef struct weir_format {
    const char *name;
    weir_format_check *check;
    bool needs_idn;
} weir_format;

/* NULL when there is none of this name. A hostname is RFC 1123's up to draft 6, since then its
 * labels may be A-labels of IDNA, and are checked. */
const weir_format *weir_format_find(weir_view name, weir_draft draft);

/* One file a family; the table is in format.c. */
weir_format_check weir_format_date_time, weir_format_date, weir_format_time, weir_format_duration;
weir_format_check weir_format_email, weir_format_idn_email, weir_format_hostname,
    weir_format_plain_hostname, weir_format_idn_hostname;
weir_format_check weir_format_uri_template, weir_format_json_pointer,
    weir_format_relative_json_pointer, weir_format_uuid;

#endif
