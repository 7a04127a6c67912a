/* Rebuilding caches whose offsets are lost. See lost_offsets.h. */
#include "lost_offsets.h"

#include <string.h>

#include "replica.h"
#include "sync/stored.h"

static bool has_full_images(const weir_config_cache *c)
{
    for (size_t i = 0; i < c->source->full_images.count; i++) {
        if (strcmp(c->source->full_images.items[i].text, c->table_name) == 0) {
            return true;
        }
    }
    return false;
}

bool weir_may_rebuild(const weir_config *config, const weir_error *failure)
{
    if (strcmp(failure->code, weir_code_get(WEIR_E_KAFKA_OFFSETS_LOST)->name) != 0) {
        return false;
    }
    for (size_t i = 0; i < config->followed.count; i++) {
        const weir_config_cache *c = config->followed.items[i];
        if (c->source->on_offsets_lost != WEIR_CONFIG_OFFSETS_LOST_REBUILD || !has_full_images(c)) {
            return false;
        }
    }
    return config->followed.count > 0;
}

/* Inside a transaction. */
static weir_status forget(
    const weir_config *config, const weir_config_store *of, weir_store store, weir_error *err)
{
    unsigned number = 0;
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < config->followed.count && !s; i++) {
        const weir_config_cache *c = config->followed.items[i];
        if (c->store == of) {
            s = weir_stored_forget_cache(store, ++number, c->name, err);
            s = s ? s : weir_stored_forget_offsets(store, c->topic, err);
            s = s ? s : weir_stored_partitions_set(store, c->topic, 0, err);
        }
    }
    return s;
}

static weir_status open_caches(
    const weir_config *config, const weir_config_store *of, weir_store store, weir_error *err)
{
    unsigned number = 0;
    weir_status s = store.ops->open_cache(store.self, 0, ".weir", err);
    for (size_t i = 0; i < config->followed.count && !s; i++) {
        if (config->followed.items[i]->store == of) {
            s = store.ops->open_cache(store.self, ++number, config->followed.items[i]->name, err);
        }
    }
    return s;
}

static weir_status rebuild_store(
    const weir_config *config, const weir_config_store *of, weir_error *err)
{
    weir_store store;
    weir_status s = weir_open_store(of, false, NULL, &store, err);
    if (s) {
        return s;
    }
    s = open_caches(config, of, store, err);
    s = s ? s : store.ops->begin(store.self, err);
    if (!s) {
        s = forget(config, of, store, err);
        if (s) {
            store.ops->abort(store.self);
        } else {
            s = store.ops->commit(store.self, err);
        }
    }
    store.ops->close(store.self);
    return s;
}

weir_status weir_rebuild_all(const weir_config *config, weir_error *err)
{
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < config->stores.count && !s; i++) {
        if (config->stores.items[i].type !=
            WEIR_CONFIG_STORE_MEMORY) { /* one in memory is gone anyway */
            s = rebuild_store(config, &config->stores.items[i], err);
        }
    }
    return s;
}
