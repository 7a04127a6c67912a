/* SPDX-License-Identifier: Apache-2.0
 * <weir/emit.h>: events that a handler sends.
 *
 *   return weir_emit(m, .type = "payment.completed",
 *       .fields = W_OBJECT(W_TEXT("orderId", id), W_NUMBER("amount", digits)));
 *
 * An emit is checked at once and leaves when its handler ends with WEIR_OK: the record settles only
 * when the broker has acknowledged every emit of it. If it does not, the record is handled again,
 * and the same emits leave again under the same ids: at least once. Where a type goes, and what it
 * must look like, is the config's `events` (docs/services.md).
 *
 * Beside its own headers an emit carries `id`, `type`, `causation_id` (the weir_id of the record
 * that is handled) and, from that record, `traceparent`, `tracestate`, `baggage` and
 * `correlation_id`; in CloudEvents' form `ce_id`, `ce_type`, `ce_source`, … */
#ifndef WEIR_EMIT_H
#define WEIR_EMIT_H

#include <weir/message.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A named value: a member of an event's object, a header, a parameter. Borrowed. */
typedef enum weir_field_kind {
    WEIR_FIELD_END = 0,
    WEIR_FIELD_TEXT,   /* text: UTF-8; ptr NULL is null */
    WEIR_FIELD_NUMBER, /* text: exact digits, as JSON writes a number; ptr NULL is null */
    WEIR_FIELD_INT,    /* number */
    WEIR_FIELD_BOOL,   /* number: 0 or 1 */
    WEIR_FIELD_NULL,
    WEIR_FIELD_JSON,  /* text: a JSON document, taken as it is; ptr NULL is null */
    WEIR_FIELD_BYTES, /* text: any bytes; ptr NULL is null. In JSON "\\x" and hexadecimal digits */
} weir_field_kind;

typedef struct weir_field {
    const char *name;
    weir_field_kind kind;
    weir_view text;
    int64_t number;
} weir_field;

#ifndef __cplusplus
/* A list of fields that lives until its block ends. Numbers are digits, never doubles: money. */
#define W_OBJECT(...) ((const weir_field[]){__VA_ARGS__, {0}})
#define W_TEXT(name, view)                 \
    {                                      \
        (name), WEIR_FIELD_TEXT, (view), 0 \
    }
#define W_STR(name, str)                              \
    {                                                 \
        (name), WEIR_FIELD_TEXT, weir_view_of(str), 0 \
    }
#define W_NUMBER(name, view)                 \
    {                                        \
        (name), WEIR_FIELD_NUMBER, (view), 0 \
    }
#define W_INT(name, n)                   \
    {                                    \
        (name), WEIR_FIELD_INT, {0}, (n) \
    }
#define W_BOOL(name, b)                           \
    {                                             \
        (name), WEIR_FIELD_BOOL, {0}, (b) ? 1 : 0 \
    }
#define W_NULL(name)                    \
    {                                   \
        (name), WEIR_FIELD_NULL, {0}, 0 \
    }
#define W_BYTES(name, view)                 \
    {                                       \
        (name), WEIR_FIELD_BYTES, (view), 0 \
    }
#define W_JSON(name, view)                 \
    {                                      \
        (name), WEIR_FIELD_JSON, (view), 0 \
    }
#endif

struct json_t; /* jansson's */

/* Zero what you do not need. Everything is borrowed, and copied by the call, except for `json`. */
typedef struct weir_emission {
    const char *type; /* required */
    /* The body is one of these; of several, bytes, then fields: */
    const weir_field *fields;  /* an object; W_OBJECT(…) */
    struct json_t *json;       /* given, on failure too */
    weir_view bytes;           /* as they are; ptr NULL: not given */
    weir_view key;             /* ptr NULL: the key of the record that is handled */
    const char *topic;         /* NULL: where the config's `events` sends the type */
    const weir_field *headers; /* texts; one of a carried header's name replaces it */
    weir_view id; /* len 0: the record's weir_id and the emit's number: the same on each attempt */
} weir_emission;

/* In C: `weir_emit(m, .type = …, …)`. May be called by a handler, or by who has deferred its
 * message, until it is settled; a record's emits leave in the order of the calls. Thread: the
 * message's owner.
 * Errors, with the reason in the message's error, so that a handler may return them:
 * EMIT_INVALID (REJECT: the body does not fit its type's schema), EMIT_TOO_LARGE (REJECT),
 * EMIT_EMPTY (RETRY: there is no body; json_pack returns NULL when it fails), EMIT_UNKNOWN (FATAL:
 * neither the config nor the call has a topic for the type), HANDLER_STATUS (FATAL: the message is
 * settled), OUT_OF_MEMORY. */
WEIR_API WEIR_MUST_USE weir_status weir_emit_event(
    weir_message *m, size_t size, const weir_emission *e);
#ifndef __cplusplus
#define weir_emit(m, ...) \
    weir_emit_event((m), sizeof(weir_emission), &(const weir_emission){__VA_ARGS__})
#endif

#ifdef __cplusplus
}
#endif
#endif
