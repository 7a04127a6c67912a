/* JSON in and out. The reader is strict RFC 8259 with checked UTF-8, exact numbers, a bound on
 * depth and duplicate names refused. It exists because no packaged library keeps both exact numbers
 * and source positions, and jansson is ten times too slow for the hot path (docs/ARCHITECTURE.md).
 * Thread: a reader has one owner at a time. */
#ifndef WEIR_VALUE_JSON_H
#define WEIR_VALUE_JSON_H

#include <stdbool.h>

#include "base/err.h"
#include "value/value.h"

enum { WEIR_JSON_DEPTH = 512 };

/* Reads one document that fills `text` (white space around it is allowed). *out is its root; nodes
 * live in the arena, which may also be used for something else. A byte order mark is an error.
 * Errors: JSON_SYNTAX, JSON_UTF8, JSON_DEPTH, JSON_DUPLICATE_KEY, TOO_LARGE (a text of 2 GiB or
 * more, or one whose nodes alone are more than the arena may hold), OUT_OF_MEMORY. err->where is
 * "line:column" (from 1; columns in characters) for the errors of the text itself.
 * Memory: one array of 24 bytes a node, taken for a node per 8 bytes of text (4096 at first at
 * most) and doubled when there are more; the arrays it outgrew stay in the arena until its reset.
 */
WEIR_MUST_USE weir_status weir_json_read(
    weir_view text, weir_arena *arena, const weir_value **out, weir_error *err);

/* Where a place in the text is: line and column from 1, columns in characters (code points). */
typedef struct weir_place {
    uint32_t line, column;
} weir_place;
weir_place weir_json_place(weir_view text, const char *at);

/* Writers append to a buffer, whose sticky failure says if memory ran out. */

/* A string with quotes, escaped as PostgreSQL's to_json does: only `"`, `\` and control characters
 * (\b \f \n \r \t, else \u00xx in lower case). `text` must be UTF-8. */
void weir_json_put_string(weir_buf *to, weir_view text);
/* The same without the quotes around it. */
void weir_json_put_escaped(weir_buf *to, weir_view text);
/* The value compactly: no white space, strings escaped as above, numbers as their exact text.
 * WEIR_BYTES become a string of base64. */
void weir_json_put(weir_buf *to, const weir_value *v);

#endif
