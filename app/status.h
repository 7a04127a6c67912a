/* The status of a daemon: a snapshot as one JSON document (docs/http.md), and the word of /ready.
 * Thread: any. */
#ifndef WEIR_APP_STATUS_H
#define WEIR_APP_STATUS_H

#include "snapshot.h"

/* Appends the document. What is not known is null. */
void weir_status_put(const weir_snapshot *s, weir_buf *to);

/* Appends "ready", or "not ready: " and why: one line; then a line for each cache that has
 * quarantined keys. */
void weir_status_put_ready(const weir_snapshot *s, weir_buf *to);

#endif
