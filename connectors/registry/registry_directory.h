/* A directory of schemas instead of a registry: ID.json, GUID.json or FINGERPRINT.json, each a
 * schema or what Confluent's API answers for its id; SUBJECT/VERSION.json for references. A file
 * that comes later is found the next time it is asked for. Thread: any. */
#ifndef WEIR_REGISTRY_DIRECTORY_H
#define WEIR_REGISTRY_DIRECTORY_H

#include "schema/avro_schemas.h"

/* Errors: FILE_UNREADABLE (there is no such directory), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_registry_directory_open(
    const char *path, weir_registry *out, weir_error *err);

#endif
