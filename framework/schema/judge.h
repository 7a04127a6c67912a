/* A judge of documents: is this JSON, or are these Avro bytes, what a schema allows?
 *
 *   document   schema        what is judged
 *   JSON       JSON Schema   the document
 *   JSON       Avro          can it be written by the schema? (no member too many, defaults for
 * what is not there) Avro       Avro          can the schema read what the writer's schema wrote?
 *   Avro       JSON Schema   the value as JSON: bytes as base64, unions without their branch's name
 *   Avro       none          is it what its writer's schema says?
 *   JSON       none          by the schema that the document itself names
 *
 * Thread: one owner at a time; the schemas may be shared. */
#ifndef WEIR_SCHEMA_JUDGE_H
#define WEIR_SCHEMA_JUDGE_H

#include "schema/any_schema.h"

typedef struct weir_written {
    weir_view bytes;
    const weir_any_schema *own; /* that it names: the writer's, of Avro; NULL: it names none, and is
                                 * JSON */
} weir_written;

typedef struct weir_judge weir_judge;

/* schema: borrowed; NULL: each document by its own. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_judge_new(
    const weir_any_schema *schema, weir_judge **out, weir_error *err);
void weir_judge_free(weir_judge *j);
/* The schemas that documents have named until now go. */
void weir_judge_forget(weir_judge *j);

/* *value: what the document says, in the arena, also of an invalid one (of Avro read by an Avro
 * schema: as a value of that). Not valid and WEIR_OK: weir_judge_explain says why. Errors: JSON_*,
 * AVRO_DATA, AVRO_LIMIT (it cannot be read), AVRO_RESOLUTION, AVRO_VALUE (it does not fit the Avro
 * schema; where: a JSON pointer), SCHEMA_LIMIT, SCHEMA_INVALID (there is no schema to go by),
 * OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_judge_read(weir_judge *j, const weir_written *d, weir_arena *arena,
    const weir_value **value, bool *valid, weir_error *err);

/* Of the document that was read last, while its arena lives. *text: what lines and columns are of.
 * See weir_validator_explain. */
WEIR_MUST_USE weir_status weir_judge_explain(
    weir_judge *j, size_t most, weir_view *text, weir_schema_explanation *out, weir_error *err);

/* Does this error of weir_judge_read say that the document does not fit (and not: no verdict)? */
bool weir_judge_misfit(const weir_error *err);

/* The first thing that is wrong, depth first; of an anyOf or oneOf, in the branch that came
 * nearest. NULL: nothing. */
const weir_schema_unit *weir_first_failure(const weir_schema_unit *u);

#endif
