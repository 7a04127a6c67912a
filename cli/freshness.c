/* Waiting for a position, beside a running daemon. See freshness.h. */
#include "freshness.h"

#include "base/alloc.h"
#include "fresh.h"
#include "kafka.h"
#include "topic_ends.h"

/* A cache in a store that is read. */
typedef struct reading {
    const weir_cli *cli;
    const weir_config *config;
    const weir_config_cache *cache;
    weir_store store;
    bool *opened; /* by the caches of the config; owned */
    weir_stored_position position;
} reading;

/* Opens the source's caches in the store, behind the one that is read, by their place in the
 * config. What the store has not yet is left out. */
static weir_status open_siblings(reading *r, weir_error *err)
{
    const weir_config_followed *caches = &r->config->followed;
    r->opened = weir_calloc(caches->count, sizeof *r->opened);
    for (size_t i = 0; r->opened && i < caches->count; i++) {
        const weir_config_cache *c = caches->items[i];
        weir_error absent;
        r->opened[i] = c->source == r->cache->source && c->store == r->cache->store &&
                       !r->store.ops->open_cache(
                           r->store.self, WEIR_CLI_CACHE + 1 + (unsigned)i, c->name, &absent);
    }
    return r->opened ? WEIR_OK : weir_fail_oom(err);
}

/* In the store's transaction. */
static weir_status newest_of_source(const reading *r, uint64_t *newest, weir_error *err)
{
    weir_status s = WEIR_OK;
    *newest = r->position.high_H;
    for (size_t i = 0; i < r->config->followed.count && !s; i++) {
        weir_stored_position p = {.high_H = 0};
        if (r->opened[i]) {
            s = weir_stored_position_of(r->store, WEIR_CLI_CACHE + 1 + (unsigned)i, &p, err);
        }
        *newest = p.high_H > *newest ? p.high_H : *newest;
    }
    return s;
}

static weir_status look(void *self, uint64_t *newest, int64_t *next, int32_t n, weir_error *err)
{
    reading *r = self;
    const weir_store_ops *ops = r->store.ops;
    weir_status s = ops->begin(r->store.self, err);
    if (s) {
        return s;
    }
    s = weir_stored_position_of(r->store, WEIR_CLI_CACHE, &r->position, err);
    s = s ? s : newest_of_source(r, newest, err);
    for (int32_t p = 0; p < n && !s; p++) {
        s = weir_stored_offset(r->store, r->cache->topic, p, &next[p], err);
    }
    ops->abort(r->store.self);
    return s;
}

static weir_status ask_ends(void *self, int64_t **ends, int32_t *n, weir_error *err)
{
    const reading *r = self;
    weir_cli_kafka k;
    weir_status s = weir_cli_kafka_init(&k, r->config, NULL, err);
    weir_kafka_admin_options o = {k.reader, k.n_reader, r->cli->timeout_ms, NULL};
    s = s ? s : weir_topic_ends(&o, r->cache->topic, ends, n, err);
    weir_cli_kafka_fini(&k);
    return s;
}

weir_status weir_cli_await(const weir_cli *cli, const weir_config *config,
    const weir_config_cache *cache, weir_store store, uint64_t lsn, int64_t wait_ms,
    weir_cli_fresh *out, weir_error *err)
{
    static const weir_fresh_ops ops = {look, ask_ends};
    reading r = {.cli = cli, .config = config, .cache = cache, .store = store};
    weir_fresh fresh = {.passed = !lsn};
    weir_status s = open_siblings(&r, err);
    s = s     ? s
        : lsn ? weir_await_position(&ops, &r, lsn, wait_ms, &fresh, err)
              : look(&r, &fresh.newest, NULL, 0, err);
    *out = (weir_cli_fresh){r.position, fresh.seen, fresh.passed};
    weir_free(r.opened);
    return s;
}
