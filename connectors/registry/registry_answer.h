/* What a registry says of a schema: Confluent's JSON {"schema": "…", "schemaType": "AVRO",
 * "references": [{"name", "subject", "version"}]}, or the bare schema itself, as Apicurio's own API
 * and files in a directory have it. Thread: plain functions. */
#ifndef WEIR_REGISTRY_ANSWER_H
#define WEIR_REGISTRY_ANSWER_H

#include "schema/avro_schemas.h"

/* Gets what another schema refers to: the answer for a version of a subject, in the arena. */
typedef weir_status weir_registry_subject_fn(void *ctx, weir_view subject, int64_t version,
    weir_arena *arena, weir_view *answer, weir_error *err);

/* Fills *out from the answer, asking for what it refers to, each once, what is referred to first.
 * All of it lives in the arena. Errors: REGISTRY_ANSWER (no JSON, references in a circle or too
 * many), those of `ask`, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_registry_answer_read(weir_view answer, weir_registry_subject_fn *ask,
    void *ctx, weir_arena *arena, weir_registered *out, weir_error *err);

#endif
