/* The schemas of the config's registry. Thread: plain functions. */
#ifndef WEIR_APP_REGISTRY_H
#define WEIR_APP_REGISTRY_H

#include "config.h"
#include "schema/avro_schemas.h"

/* *out NULL: the config has no registry. Nothing is asked yet. Borrows the config. Errors:
 * FILE_UNREADABLE (the directory), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_registry_of(
    const weir_config *config, weir_avro_schemas **out, weir_error *err);

#endif
