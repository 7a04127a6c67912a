/* From the config, or an address, to a registry. See registry.h. */
#include "registry.h"

#include <string.h>

#include "registry/registry_client.h"
#include "registry/registry_directory.h"

static weir_registry_client_options options_of(const weir_config *config)
{
    const weir_config_registry *r = &config->registry;
    return (weir_registry_client_options){.url = r->url,
        .username = r->username,
        .password = r->password,
        .ca_file = r->ca_file,
        .timeout_ms = r->timeout_ms};
}

/* Which would be shown with every error; a command's line is no place for a password anyway. */
static weir_status refuse_user(const char *url, weir_error *err)
{
    const char *host = strstr(url, "://") + 3;
    return memchr(host, '@', strcspn(host, "/?#"))
               ? weir_fail(err, WEIR_E_CONFIG_BAD_VALUE,
                     "a user and a password are not taken from an address: -c CONFIG has them")
               : WEIR_OK;
}

static bool is_url(const char *where)
{
    return strncmp(where, "http://", 7) == 0 || strncmp(where, "https://", 8) == 0;
}

weir_status weir_registry_of(const weir_config *config, weir_avro_schemas **out, weir_error *err)
{
    const weir_config_registry *r = &config->registry;
    weir_registry registry = {NULL, NULL};
    *out = NULL;
    if (!r->node) {
        return WEIR_OK;
    }
    weir_registry_client_options o = options_of(config);
    weir_status s = r->directory ? weir_registry_directory_open(r->directory, &registry, err)
                                 : weir_registry_client_open(&o, &registry, err);
    return s ? s : weir_avro_schemas_new(registry, out, err);
}

weir_status weir_registry_at(
    const char *where, int64_t timeout_ms, weir_avro_schemas **out, weir_error *err)
{
    weir_registry registry = {NULL, NULL};
    *out = NULL;
    weir_status s = is_url(where) ? weir_registry_server_at(where, timeout_ms, &registry, err)
                                  : weir_registry_directory_open(where, &registry, err);
    return s ? s : weir_avro_schemas_new(registry, out, err);
}

weir_status weir_registry_server_of(const weir_config *config, weir_registry *out, weir_error *err)
{
    weir_registry_client_options o = options_of(config);
    return o.url ? weir_registry_client_open(&o, out, err)
                 : weir_fail(err, WEIR_E_REGISTRY_ANSWER, "the config names no registry by a URL");
}

weir_status weir_registry_server_at(
    const char *url, int64_t timeout_ms, weir_registry *out, weir_error *err)
{
    weir_registry_client_options o = {.url = url, .timeout_ms = timeout_ms};
    if (!is_url(url)) {
        return weir_fail(err, WEIR_E_REGISTRY_ANSWER,
            "%.100s is no URL: subjects are of a registry's server; a directory of schemas has "
            "none",
            url);
    }
    weir_status s = refuse_user(url, err);
    return s ? s : weir_registry_client_open(&o, out, err);
}
