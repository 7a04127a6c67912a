/* What handlers may emit, and what a message has emitted. See <weir/emit.h>. Private to service/
 * and to who opens handlers. */
#ifndef WEIR_SERVICE_EMIT_H
#define WEIR_SERVICE_EMIT_H

#include <weir/emit.h>

#include "base/buf.h"
#include "service/emitter.h"

/* Of the config's `events`. Borrowed, outlives the handlers. */
typedef struct weir_emit_rule {
    const char *type, *topic;
    bool cloudevents;         /* headers of CloudEvents' binary mode */
    const char *avro_subject; /* written by its latest schema of the registry; NULL: as JSON */
} weir_emit_rule;

typedef struct weir_emit_rules {
    const weir_emit_rule *items;
    size_t count;
    const char *source; /* who emits: ce_source */
} weir_emit_rules;

enum { WEIR_EMIT_MOST_BYTES = 64 << 20 }; /* of one record's emits */

/* The emits of a message, in its arena. */
typedef struct weir_emits {
    weir_outgoing *first, *last;
    size_t count, bytes;
} weir_emits;

/* "name":value, as JSON. Thread: any. */
void weir_field_put(weir_buf *to, const weir_field *f);

#endif
