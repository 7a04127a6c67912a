/* SPDX-License-Identifier: Apache-2.0
 * <weir/defer.h>: keep a message and complete it later, from any thread. Thousands can be in flight
 * on a few threads; the message's key stays busy, so key order holds.
 * Take what you need of the event or row before you defer (<weir/read.h>): its columns cannot be
 * read later. What was read stays, and so do the id, the key and the headers. */
#ifndef WEIR_DEFER_H
#define WEIR_DEFER_H

#include <weir/message.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Inside a handler, as its last word: `return weir_defer(m, deadline_ms);`. The message is the
 * caller's until weir_settle. Past the deadline (0: limits.stuck_after) the key counts as stuck:
 * liveness and the log say so; nothing is taken away. Returns WEIR_DEFERRED. */
WEIR_API weir_status weir_defer(weir_message *m, uint32_t deadline_ms);
/* Its partition has left this instance: finish soon; the record will be handled again elsewhere.
 * Thread: any. */
WEIR_API bool weir_revoked(const weir_message *m);
/* Completes a deferred message, exactly once; it is gone after it. Status: as a handler returns,
 * but not WEIR_DEFERRED. Thread: any. */
WEIR_API void weir_settle(weir_message *given, weir_status status);

#ifdef __cplusplus
}
#endif
#endif
