/* What a registration says beside its function, as handlers take it: filters, policy, breakers; and
 * where the config finds an event's type. Everything lives in the app's arena.
 * Thread: plain functions; a breaker's from any. */
#ifndef WEIR_APP_POLICY_H
#define WEIR_APP_POLICY_H

#include "config.h"
#include "service/handlers.h"

typedef struct weir_app_breaker {
    weir_breaker breaker;
    struct weir_app_breaker *next;
} weir_app_breaker;

/* A copy of fields with their texts; NULL stays NULL. *ok false: out of memory. */
const weir_field *weir_copy_fields(weir_arena *arena, const weir_field *fields, bool *ok);
/* Fills in filters and policy; the breaker is found in the list by its name, or added to it. False:
 * out of memory. */
bool weir_policy_of(const weir_config *config, const weir_handler *h, weir_arena *arena,
    weir_app_breaker **breakers, weir_route *out);
/* Errors: APP_SETUP (a place that is none), OUT_OF_MEMORY. *out NULL: the usual ones. */
WEIR_MUST_USE weir_status weir_type_places_of(const weir_config *config, weir_arena *arena,
    const weir_type_place **out, size_t *n, weir_error *err);

#endif
