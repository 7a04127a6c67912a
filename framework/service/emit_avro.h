/* Events that leave in Avro: by the latest schema of a subject, in Confluent's frame. The schema is
 * asked for when the first event needs it, and is then the lane's for good: an event never waits
 * twice. Private to service/.
 *
 * Thread: any of the lane's. Lock: the lane's emit_lock, taken inside, and not held while the
 * registry is asked: what others emit does not wait for its answer. */
#ifndef WEIR_SERVICE_EMIT_AVRO_H
#define WEIR_SERVICE_EMIT_AVRO_H

#include <pthread.h>

#include "base/arena.h"
#include "schema/avro_schemas.h"
#include "service/emit.h"

typedef struct weir_emit_avro {
    weir_any_schema schema; /* none: not asked for yet; else it stays. Lock: emit_lock … */
    weir_schema_ref ref;    /* … until it is there */
} weir_emit_avro;

/* *out: `json` written by the rule's subject, in the arena. Errors: AVRO_VALUE (where: a JSON
 * pointer); the registry's, FATAL where no event could mend it; SCHEMA_INVALID (FATAL: the subject
 * is no Avro), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_emit_avro_write(weir_emit_avro *a, pthread_mutex_t *lock,
    const weir_emit_rule *rule, weir_avro_schemas *schemas, weir_view json, weir_arena *arena,
    weir_view *out, weir_error *err);
/* n of them, and their memory. */
void weir_emit_avro_free(weir_emit_avro *a, size_t n);

#endif
