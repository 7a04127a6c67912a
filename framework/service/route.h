/* Which handler a record goes to: by table or event type, then by what its filters say. Private to
 * service/. Thread: the lane's worker. */
#ifndef WEIR_SERVICE_ROUTE_H
#define WEIR_SERVICE_ROUTE_H

#include "service/message.h"

/* *out NULL: it is no handler's. Errors: those of reading it, where its table or a filter must be
 * read. */
WEIR_MUST_USE weir_status weir_route_of(weir_message *m, const weir_route **out);

/* Does it tell of a row? Others, such as tombstones, are no handler's. */
bool weir_route_is_row(const weir_event *ev);

/* Runs the handler inside of its middleware. */
weir_status weir_route_call(weir_message *m, const weir_route *to);
weir_status weir_route_call_batch(weir_batch *b, const weir_route *to);

#endif
