/* Waiting for a position. See freshness.h. */
#include "freshness.h"

#include <time.h>

#include "base/alloc.h"
#include "engine/run.h"
#include "kafka.h"
#include "kafka/kafka_admin.h"

enum { STEP_MS = 10 };

typedef struct waiting {
    const weir_cli *cli;
    const weir_config *config;
    const weir_config_cache *cache;
    weir_store store;
    uint64_t lsn;
    bool *opened;  /* by the caches of the config; owned */
    int64_t *ends; /* by partition; NULL: not known. Owned */
    int32_t n_ends;
} waiting;

/* ---- Evidence: some table of the source is past the position --------------------------------- */

/* Opens the source's caches in the store, behind the one that is read, by their place in the
 * config. What the store has not yet is left out. */
static weir_status open_siblings(waiting *w, weir_error *err)
{
    const weir_config_caches *caches = &w->config->caches;
    w->opened = weir_calloc(caches->count, sizeof *w->opened);
    for (size_t i = 0; w->opened && i < caches->count; i++) {
        const weir_config_cache *c = &caches->items[i];
        weir_error absent;
        w->opened[i] = c->source == w->cache->source && c->store == w->cache->store &&
                       !w->store.ops->open_cache(
                           w->store.self, WEIR_CLI_CACHE + 1 + (unsigned)i, c->name, &absent);
    }
    return w->opened ? WEIR_OK : weir_fail_oom(err);
}

/* In the store's transaction. */
static weir_status source_passed(const waiting *w, bool *passed, weir_error *err)
{
    weir_status s = WEIR_OK;
    *passed = false;
    for (size_t i = 0; i < w->config->caches.count && !s && !*passed; i++) {
        weir_stored_position p = {.high_H = 0};
        if (w->opened[i]) {
            s = weir_stored_position_of(w->store, WEIR_CLI_CACHE + 1 + (unsigned)i, &p, err);
        }
        *passed = !s && p.high_H >= w->lsn;
    }
    return s;
}

/* ---- End offsets ----------------------------------------------------------------------------- */

static weir_status ask_ends(waiting *w, weir_kafka_admin *a, weir_error *err)
{
    weir_status s = weir_kafka_admin_look(a, err);
    s = s ? s : weir_kafka_admin_partitions(a, w->cache->topic, &w->n_ends, err);
    int64_t *ends = s ? NULL : weir_calloc((size_t)w->n_ends, sizeof *ends);
    if (!s && !ends) {
        return weir_fail_oom(err);
    }
    for (int32_t p = 0; p < w->n_ends && !s; p++) {
        int64_t first;
        s = weir_kafka_admin_ends(a, w->cache->topic, p, &first, &ends[p], err);
    }
    if (s) {
        weir_free(ends);
        return s;
    }
    w->ends = ends;
    return WEIR_OK;
}

static weir_status learn_ends(waiting *w, weir_error *err)
{
    weir_cli_kafka k;
    weir_kafka_admin *a = NULL;
    weir_status s = weir_cli_kafka_init(&k, w->config, NULL, err);
    weir_kafka_admin_options o = {k.reader, k.n_reader, w->cli->timeout_ms, NULL};
    s = s ? s : weir_kafka_admin_open(&o, &a, err);
    s = s ? s : ask_ends(w, a, err);
    weir_kafka_admin_close(a);
    weir_cli_kafka_fini(&k);
    return s;
}

static weir_status reached_ends(const waiting *w, bool *reached, weir_error *err)
{
    weir_status s = WEIR_OK;
    *reached = true;
    for (int32_t p = 0; p < w->n_ends && !s && *reached; p++) {
        int64_t next;
        s = weir_stored_offset(w->store, w->cache->topic, p, &next, err);
        *reached = next >= w->ends[p];
    }
    return s;
}

/* ---- Waiting --------------------------------------------------------------------------------- */

/* One look at what is committed now. */
static weir_status look(waiting *w, weir_cli_fresh *out, weir_error *err)
{
    const weir_store_ops *ops = w->store.ops;
    weir_status s = ops->begin(w->store.self, err);
    if (s) {
        return s;
    }
    s = weir_stored_position_of(w->store, WEIR_CLI_CACHE, &out->position, err);
    if (!s && !out->seen) {
        s = source_passed(w, &out->seen, err);
    }
    if (!s && w->ends) {
        s = reached_ends(w, &out->passed, err);
    }
    ops->abort(w->store.self);
    return s;
}

static weir_status await(waiting *w, int64_t wait_ms, weir_cli_fresh *out, weir_error *err)
{
    const struct timespec step = {0, STEP_MS * 1000000L};
    int64_t until = weir_monotonic_ms() + wait_ms;
    for (;;) {
        weir_status s = look(w, out, err);
        if (s || out->passed) {
            return s;
        }
        if (out->seen && !w->ends) {
            s = learn_ends(w, err);
            if (s) {
                return s;
            }
        } else if (weir_monotonic_ms() >= until) {
            return WEIR_OK;
        } else {
            nanosleep(&step, NULL);
        }
    }
}

weir_status weir_cli_await(const weir_cli *cli, const weir_config *config,
    const weir_config_cache *cache, weir_store store, uint64_t lsn, int64_t wait_ms,
    weir_cli_fresh *out, weir_error *err)
{
    waiting w = {.cli = cli, .config = config, .cache = cache, .store = store, .lsn = lsn};
    *out = (weir_cli_fresh){.passed = !lsn};
    weir_status s = open_siblings(&w, err);
    s = s ? s : lsn ? await(&w, wait_ms, out, err) : look(&w, out, err);
    weir_free(w.ends);
    weir_free(w.opened);
    return s;
}
