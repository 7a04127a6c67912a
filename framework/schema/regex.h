/* ECMA-262 regular expressions, as JSON Schema has them: Unicode mode, unanchored.
 *
 * Most patterns of real schemas are a prefix, a length or a few classes one after the other; these
 * are matched by hand (regex_simple.c). The rest is translated to PCRE2 and matched by its JIT
 * under a match limit.
 *
 * Thread: a regex is immutable, any thread matches with a scratch of its own. */
#ifndef WEIR_SCHEMA_REGEX_H
#define WEIR_SCHEMA_REGEX_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

typedef struct weir_regex weir_regex;
typedef struct weir_regex_scratch weir_regex_scratch;

enum { WEIR_REGEX_LONGEST = 65536 }; /* bytes of a pattern */

/* Errors: SCHEMA_REGEX, OUT_OF_MEMORY. The pattern is not kept. */
WEIR_MUST_USE weir_status weir_regex_compile(weir_view pattern, weir_regex **out, weir_error *err);
/* A pattern in PCRE2's own language: weir's own tables (idn.c). */
WEIR_MUST_USE weir_status weir_regex_compile_own(
    const char *pattern, weir_regex **out, weir_error *err);
void weir_regex_free(weir_regex *r);

weir_regex_scratch *weir_regex_scratch_new(void);
void weir_regex_scratch_free(weir_regex_scratch *s);

typedef enum weir_regex_verdict {
    WEIR_REGEX_NO,
    WEIR_REGEX_YES,
    WEIR_REGEX_GAVE_UP, /* its limit, or memory, ran out */
} weir_regex_verdict;
/* text: UTF-8. */
weir_regex_verdict weir_regex_match(
    const weir_regex *r, weir_regex_scratch *scratch, weir_view text);

/* Appends the pattern in PCRE2's language. False: it is no ECMA-262 pattern, *why says so
 * (static). out NULL: only looks. */
bool weir_regex_translate(weir_view pattern, weir_buf *out, const char **why);

#endif
