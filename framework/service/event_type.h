/* The type of an event of no CDC topic: in a header, a CloudEvent, a field of its own.
 * Thread: one owner. */
#ifndef WEIR_SERVICE_EVENT_TYPE_H
#define WEIR_SERVICE_EVENT_TYPE_H

#include "service/handlers.h"

/* An event, as far as it was read on the way. */
typedef struct weir_typed_event {
    const weir_raw_record *record;
    weir_event_checker *events;
    weir_arena *arena;
    bool parsed;                /* `value` is read */
    const weir_value *value;    /* NULL: not read, or there is none */
    const weir_value *envelope; /* a structured CloudEvent's; its data is `value` */
    weir_view type;             /* ptr NULL: not found yet */
} weir_typed_event;

/* places NULL: the usual ones. Where none has a type, it is the topic. Errors: those of reading the
 * value, where the type is looked for in it. */
WEIR_MUST_USE weir_status weir_event_find_type(
    weir_typed_event *e, const weir_type_place *places, size_t n, weir_error *err);
/* Of a CloudEvent what its data is judged by: the record with the data alone as its value. That of
 * an envelope in Avro is JSON then, or its bytes, and the headers, which name the envelope's
 * schema, are gone. Borrows the data. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_event_take_data(
    weir_raw_record *record, const weir_value *data, weir_arena *arena, weir_error *err);

#endif
