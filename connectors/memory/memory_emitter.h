/* Emits kept in memory, for tests: what was sent can be looked at, held back, and refused.
 * Thread: send and cancel from any; the rest from one owner, while nobody sends. */
#ifndef WEIR_MEMORY_EMITTER_H
#define WEIR_MEMORY_EMITTER_H

#include <stdbool.h>

#include "service/emitter.h"

/* A record that was acknowledged; a copy. */
typedef struct weir_memory_emit {
    char *topic;
    weir_view key, value;
    weir_outgoing_header *headers;
    size_t n_headers;
} weir_memory_emit;

typedef struct weir_memory_emitter weir_memory_emitter;

WEIR_MUST_USE weir_status weir_memory_emitter_new(
    weir_memory_emitter **out, weir_emitter *port, weir_error *err);
/* NULL is allowed. Nothing may be held back any more. */
void weir_memory_emitter_free(weir_memory_emitter *e);

size_t weir_memory_emitter_count(const weir_memory_emitter *e);
const weir_memory_emit *weir_memory_emitter_at(const weir_memory_emitter *e, size_t i);
/* The value of a header, {NULL, 0}: there is none. */
weir_view weir_memory_emit_header(const weir_memory_emit *e, const char *name);

/* The next n sendings are answered with this error instead of being kept. */
void weir_memory_emitter_fail(weir_memory_emitter *e, size_t n, const weir_error *why);
/* Of this topic, what is larger (key, value and headers) is refused for good from now on. */
void weir_memory_emitter_limit(weir_memory_emitter *e, const char *topic, size_t most_bytes);
bool weir_memory_emitter_refuses(const weir_memory_emitter *e, const weir_outgoing *o);
/* held: what is sent from now on is not answered until it is false again. */
void weir_memory_emitter_hold(weir_memory_emitter *e, bool held);

#endif
