/* What the JSON reader says when it refuses a text: the one slow path of all its errors. Every
 * function fills *err (NULL is allowed), places it at "line:column" and returns its class.
 * Thread: any. */
#ifndef WEIR_VALUE_JSON_ERROR_H
#define WEIR_VALUE_JSON_ERROR_H

#include "base/err.h"
#include "value/value.h"

/* "expected <expected>, met <what is there>"; JSON_UTF8 when what is there is not a character. `at`
 * may be the text's end. */
WEIR_MUST_USE weir_status weir_json_unexpected(
    weir_error *err, weir_view text, const char *at, const char *expected);
/* Any other complaint about what begins at `at`. */
WEIR_MUST_USE weir_status weir_json_refuse(
    weir_error *err, weir_code code, weir_view text, const char *at, const char *why);
/* JSON_DUPLICATE_KEY at the second of two equal names. */
WEIR_MUST_USE weir_status weir_json_duplicate(
    weir_error *err, weir_view text, const weir_value *first, const weir_value *second);

#endif
