/* weir schema compat: can what was written by one schema be read by another?
 * Thread: the main thread. */
#ifndef WEIR_CLI_SCHEMA_COMPAT_H
#define WEIR_CLI_SCHEMA_COMPAT_H

#include "schema_files.h"

typedef struct weir_compat_request {
    const char *mode; /* as it is shown: "FULL_TRANSITIVE" */
    const char *type; /* "avro", "json"; NULL: told by the files */
    bool backward, forward;
    bool transitive; /* every old schema, not the last alone */
    bool lenient, json;
    const weir_schema_options *options; /* how JSON Schemas are read */
} weir_compat_request;

/* Takes the options out of the arguments. Exit code. */
int weir_compat_request_of(weir_cli *cli, weir_compat_request *out);
/* Compares the schemas that the arguments name, the last with those before it. Exit code. */
int weir_schema_compat(weir_cli *cli, weir_schema_files *files, const weir_compat_request *request);

#define WEIR_COMPAT_OPTIONS                                                                     \
    {"--mode", "MODE",                                                                          \
        "compat: backward (by default), forward, full, and each with -transitive: with every "  \
        "OLD, not the last alone"},                                                             \
        {"--lenient", NULL, "compat: a property that is new in JSON Schema was never written"}, \
    {                                                                                           \
        "--type", "TYPE", "avro or json, where the files do not show it"                        \
    }

#endif
