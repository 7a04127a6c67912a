/* Internationalised labels of host names (IDNA 2008: RFC 5890 to 5893) and Punycode (RFC 3492).
 * PCRE2 brings Unicode's properties; idn_classes.h what it lacks. Not checked: that a label is in
 * normalisation form C.
 * Thread: a weir_idn is immutable; a weir_idn_name has one owner. */
#ifndef WEIR_SCHEMA_IDN_H
#define WEIR_SCHEMA_IDN_H

#include "schema/regex.h"

typedef struct weir_idn weir_idn;

/* Errors: OUT_OF_MEMORY; SCHEMA_REGEX when the PCRE2 of this machine lacks properties. */
WEIR_MUST_USE weir_status weir_idn_new(weir_idn **out, weir_error *err);
void weir_idn_free(weir_idn *i);

/* One host name: whether it has a label of right-to-left text is known at its end only. */
typedef struct weir_idn_name {
    const weir_idn *tools;
    weir_regex_scratch *scratch;
    bool has_rtl, breaks_bidi;
} weir_idn_name;

/* "xn--…", its letters in any case. */
bool weir_idn_a_label(weir_idn_name *name, weir_view label);
/* A label with characters beyond ASCII. *ascii: the length of its A-label. */
bool weir_idn_u_label(weir_idn_name *name, weir_view label, size_t *ascii);
/* A label of ASCII alone: only the Bidi rule looks at it. True. */
bool weir_idn_plain_label(weir_idn_name *name, weir_view label);
/* The Bidi rule (RFC 5893, 2) for all labels seen. */
bool weir_idn_bidi_is_valid(const weir_idn_name *name);

#endif
