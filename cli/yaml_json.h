/* YAML as JSON text, so that a schema looks at one kind of value. One document after the other.
 *
 * The JSON has a node a line (names of members are nodes too): the place of a line of it in the
 * YAML is marks[line - 1]. Plain scalars have the types of YAML 1.2's core schema; what JSON has no
 * number for (.inf, .nan) is a string. Tags other than those, keys that are no scalars, and aliases
 * that would make the text larger than its bound are refused.
 * Thread: one owner. */
#ifndef WEIR_CLI_YAML_JSON_H
#define WEIR_CLI_YAML_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "value/json.h"

typedef struct weir_yaml weir_yaml;

/* text: borrowed until the close. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_yaml_open(weir_view text, weir_yaml **out, weir_error *err);
void weir_yaml_close(weir_yaml *y);
/* The next document; *json is borrowed until the next call, ptr NULL at the end. marks: as many as
 * the JSON has lines, borrowed as well. Errors: YAML_SYNTAX, TOO_LARGE, OUT_OF_MEMORY; where
 * "line:column". */
WEIR_MUST_USE weir_status weir_yaml_next(
    weir_yaml *y, weir_view *json, const weir_place **marks, size_t *n_marks, weir_error *err);

#endif
