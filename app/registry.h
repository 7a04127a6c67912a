/* The schemas of a registry: of the config's, or of one by its address. Thread: plain functions. */
#ifndef WEIR_APP_REGISTRY_H
#define WEIR_APP_REGISTRY_H

#include "config.h"
#include "schema/avro_schemas.h"

/* *out NULL: the config has no registry. Nothing is asked yet. Borrows the config. Errors:
 * FILE_UNREADABLE (the directory), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_registry_of(
    const weir_config *config, weir_avro_schemas **out, weir_error *err);
/* where: a URL (http:// or https://), or a directory. Errors: the same; CONFIG_BAD_VALUE: a URL
 * with a user, whose password every message would show. */
WEIR_MUST_USE weir_status weir_registry_at(
    const char *where, int64_t timeout_ms, weir_avro_schemas **out, weir_error *err);

/* The server itself, for questions that no directory can answer (registry/registry_subject.h).
 * Errors: as above; REGISTRY_ANSWER: the config has none, or a directory. */
WEIR_MUST_USE weir_status weir_registry_server_of(
    const weir_config *config, weir_registry *out, weir_error *err);
WEIR_MUST_USE weir_status weir_registry_server_at(
    const char *url, int64_t timeout_ms, weir_registry *out, weir_error *err);

#endif
