/* One schema out of many documents. Thread: the main thread. */
#ifndef WEIR_CLI_SCHEMA_BUNDLE_H
#define WEIR_CLI_SCHEMA_BUNDLE_H

#include "schema_files.h"

/* Appends the schema with all documents that it refers to under $defs (definitions up to draft 7),
 * each with its $id. Errors: those of weir_schema_compile; SCHEMA_UNRESOLVED also when a bundle
 * cannot stand for its documents. */
WEIR_MUST_USE weir_status weir_schema_bundle(const weir_schema_file *file,
    const weir_schema_options *options, weir_buf *out, weir_error *err);

#endif
