/* Which registry a command asks: --registry, else the config's. Thread: the main thread. */
#ifndef WEIR_CLI_REGISTRY_OPTION_H
#define WEIR_CLI_REGISTRY_OPTION_H

#include "cli.h"
#include "registry.h"

#define WEIR_REGISTRY_OPTION                                                       \
    {                                                                              \
        "--registry", "WHERE",                                                     \
            "a registry's URL, or a directory of schemas, instead of the config's" \
    }

/* The option's value; NULL: it is not there. */
const char *weir_registry_option(weir_cli *cli);

/* *out NULL: neither the option nor the config (NULL: none) has one. Exit code. */
int weir_registry_schemas(
    weir_cli *cli, const char *where, const weir_config *config, weir_avro_schemas **out);

#endif
