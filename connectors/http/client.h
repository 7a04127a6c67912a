/* One GET over HTTP, by libcurl: for the commands that ask a running daemon, and for schemas that
 * are to be fetched. What is near follows no redirects and uses no proxy. Thread: any. */
#ifndef WEIR_HTTP_CLIENT_H
#define WEIR_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/err.h"

typedef struct weir_http_request {
    const char *url; /* http:// or https:// */
    int timeout_ms;  /* of the whole */
    size_t max_bytes;
    bool far; /* beyond this machine: up to five redirects, by the environment's proxy */
} weir_http_request;

/* Appends the answer's body; *status is its HTTP status, whatever it is. Errors: HTTP_UNREACHABLE
 * (names the URL), HTTP_ANSWER (it is longer than max_bytes, or no HTTP), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_http_get(
    const weir_http_request *request, unsigned *status, weir_buf *body, weir_error *err);

#endif
