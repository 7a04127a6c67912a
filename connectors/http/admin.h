/* The admin server: /live, /ready, /metrics and /status over HTTP, for GET and HEAD; anything else
 * is 404 or 405. It knows nothing of what it serves: a page is a function that fills a buffer.
 *
 * Bounded: 64 connections, 16 KiB of request each, 10 s of silence, no request bodies; one thread
 * serves them all, so that pages are asked for one at a time.
 *
 * Thread: open and close from one owner; the address from any. */
#ifndef WEIR_HTTP_ADMIN_H
#define WEIR_HTTP_ADMIN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"

/* Fills the body and returns the HTTP status. Must not wait. Thread: the server's. */
typedef unsigned weir_admin_page_fn(void *ctx, weir_buf *body);

typedef struct weir_admin_pages {
    weir_admin_page_fn *live, *ready; /* text */
    weir_admin_page_fn *metrics;      /* Prometheus' text format 0.0.4 */
    weir_admin_page_fn *status;       /* JSON */
    void *ctx;                        /* for all; outlives the server */
} weir_admin_pages;

typedef struct weir_admin_options {
    const char *host; /* an address or a name; an IPv6 address without brackets */
    uint16_t port;    /* 0: any free one */
    weir_admin_pages pages;
    const weir_log *log;
} weir_admin_options;

typedef struct weir_admin weir_admin;

/* Listens and serves at once; logs the address. Errors: HTTP_LISTEN, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_admin_open(
    const weir_admin_options *options, weir_admin **out, weir_error *err);
/* Where it listens really: "127.0.0.1:41807", "[::1]:8080". */
const char *weir_admin_address(const weir_admin *a);
/* Ends the answers in progress and the thread. NULL is allowed. */
void weir_admin_close(weir_admin *a);

#endif
