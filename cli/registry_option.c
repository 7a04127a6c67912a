/* The registry of a command. See registry_option.h. */
#include "registry_option.h"

const char *weir_registry_option(weir_cli *cli)
{
    return weir_cli_option(cli, "--registry");
}

int weir_registry_schemas(
    weir_cli *cli, const char *where, const weir_config *config, weir_avro_schemas **out)
{
    weir_error err = {.status = WEIR_OK};
    weir_status s = WEIR_OK;
    *out = NULL;
    if (where) {
        s = weir_registry_at(where, cli->timeout_ms, out, &err);
    } else if (config) {
        s = weir_registry_of(config, out, &err);
    }
    return s ? weir_cli_fail(cli, &err) : EXIT_YES;
}
