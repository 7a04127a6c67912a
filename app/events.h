/* The events of the config, as handlers' emits go by them. Thread: plain functions. */
#ifndef WEIR_APP_EVENTS_H
#define WEIR_APP_EVENTS_H

#include "config.h"
#include "service/emit.h"

/* In the arena; borrows the config. as_json: what leaves in Avro elsewhere leaves as JSON, for
 * tests that read it. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_emit_rules_of(const weir_config *config, bool as_json,
    weir_arena *arena, weir_emit_rules *out, weir_error *err);

#endif
