/* A schema registry with Confluent's REST API, by libcurl.
 *
 * A question is asked up to three times where no answer comes, or one that says "later" (429, 5xx);
 * then the registry counts as unreachable for a second, so that a stream of records does not become
 * a stream of questions. That an id is not there is believed for half a minute. Redirects are not
 * followed: they would carry the password away.
 *
 * Thread: any; several questions may be under way at once. */
#ifndef WEIR_REGISTRY_CLIENT_H
#define WEIR_REGISTRY_CLIENT_H

#include "base/buf.h"
#include "schema/avro_schemas.h"

typedef struct weir_registry_client_options {
    const char *url; /* http:// or https://, as far as /schemas/ids/ follows */
    const char *username, *password, *ca_file; /* NULL: none */
    int64_t timeout_ms;                        /* of one question */
} weir_registry_client_options;

/* The texts are copied. Asks nothing yet. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_registry_client_open(
    const weir_registry_client_options *options, weir_registry *out, weir_error *err);

/* Posts JSON to the address, BEFORE, the subject and BEHIND ("/subjects/", S, "/versions"); asked
 * up to three times. *answer is replaced. Errors: those of weir_registry_ask_once. */
WEIR_MUST_USE weir_status weir_registry_client_post(weir_registry r, const char *before,
    weir_view subject, const char *behind, weir_view body, weir_buf *answer, weir_error *err);

#endif
