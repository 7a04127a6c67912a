/* From the config to its registry. See registry.h. */
#include "registry.h"

#include "registry/registry_client.h"
#include "registry/registry_directory.h"

weir_status weir_registry_of(const weir_config *config, weir_avro_schemas **out, weir_error *err)
{
    const weir_config_registry *r = &config->registry;
    weir_registry registry = {NULL, NULL};
    *out = NULL;
    if (!r->node) {
        return WEIR_OK;
    }
    weir_registry_client_options o = {.url = r->url,
        .username = r->username,
        .password = r->password,
        .ca_file = r->ca_file,
        .timeout_ms = r->timeout_ms};
    weir_status s = r->directory ? weir_registry_directory_open(r->directory, &registry, err)
                                 : weir_registry_client_open(&o, &registry, err);
    return s ? s : weir_avro_schemas_new(registry, out, err);
}
