/* One question to a schema registry over HTTP, by libcurl. Redirects are not followed: they would
 * carry the password away. Thread: any. */
#ifndef WEIR_REGISTRY_HTTP_H
#define WEIR_REGISTRY_HTTP_H

#include "base/buf.h"
#include "base/err.h"
#include "registry/registry_client.h"

typedef struct weir_registry_question {
    const char *url;
    weir_view body; /* JSON to be posted; ptr NULL: a GET */
} weir_registry_question;

/* Replaces *answer. Errors: REGISTRY_UNREACHABLE (no answer, or one that says "later": 408, 429,
 * 5xx), REGISTRY_REFUSED (401, 403; a certificate that is not trusted, or a CA file that is none),
 * REGISTRY_STRANGER (HTML, a redirect, a status without a registry's own error), REGISTRY_NO_SCHEMA
 * (404), REGISTRY_INCOMPATIBLE (409), SCHEMA_INVALID (422), REGISTRY_ANSWER, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_registry_ask_once(const weir_registry_client_options *options,
    const weir_registry_question *q, weir_buf *answer, weir_error *err);

#endif
