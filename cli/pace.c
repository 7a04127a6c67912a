/* Waiting for readers. See pace.h. */
#include "pace.h"

#include <string.h>

#include "base/alloc.h"
#include "sync/stored.h"

struct weir_pace {
    const weir_config *config;
    weir_store *stores; /* by the config's; opened when they are there. Owned */
};

weir_status weir_pace_open(const weir_config *config, weir_pace **out, weir_error *err)
{
    *out = NULL;
    for (size_t i = 0; i < config->followed.count; i++) {
        const weir_config_store *store = config->followed.items[i]->store;
        if (store->type == WEIR_CONFIG_STORE_MEMORY) {
            return weir_fail(err, WEIR_E_CACHE_IN_MEMORY,
                "store %s is in memory: how far it has read is not to be seen", store->name);
        }
    }
    weir_pace *p = weir_calloc(1, sizeof *p);
    weir_store *stores = weir_calloc(config->stores.count, sizeof *stores);
    if (!p || !stores) {
        weir_free(p);
        weir_free(stores);
        return weir_fail_oom(err);
    }
    *p = (weir_pace){config, stores};
    *out = p;
    return WEIR_OK;
}

void weir_pace_close(weir_pace *p)
{
    for (size_t i = 0; p && i < p->config->stores.count; i++) {
        weir_cli_close_store(&p->stores[i]);
    }
    if (p) {
        weir_free(p->stores);
        weir_free(p);
    }
}

static bool reads(const weir_pace *p, const weir_config_store *store, const char *topic)
{
    for (size_t i = 0; i < p->config->followed.count; i++) {
        const weir_config_cache *c = p->config->followed.items[i];
        if (c->store == store && strcmp(c->topic, topic) == 0) {
            return true;
        }
    }
    return false;
}

/* -1 also while the store is not there. */
static weir_status next_in(
    weir_pace *p, size_t i, const char *topic, int32_t partition, int64_t *next, weir_error *err)
{
    weir_store *store = &p->stores[i];
    weir_error absent;
    *next = -1;
    if (!store->ops && weir_cli_open_store(&p->config->stores.items[i], store, &absent)) {
        return WEIR_OK;
    }
    weir_status s = store->ops->begin(store->self, err);
    if (!s) {
        s = weir_stored_offset(*store, topic, partition, next, err);
        store->ops->abort(store->self);
    }
    return s;
}

weir_status weir_pace_next(
    weir_pace *p, const char *topic, int32_t partition, bool *read, int64_t *next, weir_error *err)
{
    weir_status s = WEIR_OK;
    *read = false;
    *next = -1;
    for (size_t i = 0; i < p->config->stores.count && !s; i++) {
        int64_t n;
        if (reads(p, &p->config->stores.items[i], topic)) {
            s = next_in(p, i, topic, partition, &n, err);
            *next = !*read || n < *next ? n : *next;
            *read = true;
        }
    }
    return s;
}
