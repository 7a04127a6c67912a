/* Waiting for a position. See freshness.h. */
#include "freshness.h"

#include <time.h>

#include "base/alloc.h"
#include "engine/run.h"
#include "kafka/kafka_admin.h"
#include "kafka_properties.h"

enum { STEP_MS = 10 };

typedef struct waiting {
    const weir_cli *cli;
    const weir_config *config;
    const weir_config_cache *cache;
    weir_store store;
    uint64_t lsn;
    bool *opened;  /* by the caches of the config; owned */
    bool asked;    /* for the ends, in vain or not */
    int64_t *ends; /* by partition; NULL: not known. Owned */
    int32_t n_ends;
} waiting;

/* ---- Evidence: some table of the source is past the position -----------------------------------
 */

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
            s = weir_stored_position_of(w->store, WEIR_CLI_CACHE + 1 + (unsigned)i,
                w->config->caches.items[i].topic, &p, err);
        }
        *passed = !s && p.high_H >= w->lsn;
    }
    return s;
}

/* ---- End offsets -------------------------------------------------------------------------------
 */

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

/* Where Kafka does not answer, the changes alone must tell. */
static void learn_ends(waiting *w)
{
    weir_arena arena;
    weir_kafka_admin *a = NULL;
    weir_error err = {.status = WEIR_OK};
    weir_arena_init(&arena, 0);
    size_t n;
    weir_kafka_property *p =
        weir_kafka_properties(w->config, &w->config->kafka.consumer, &arena, &n);
    weir_kafka_admin_options o = {p, n, w->cli->timeout_ms, NULL};
    weir_status s = p ? weir_kafka_admin_open(&o, &a, &err) : weir_fail_oom(&err);
    s = s ? s : ask_ends(w, a, &err);
    if (s && !w->cli->quiet) {
        fprintf(stderr, "weir %s: the topic's end is not known: %s [%s]\n", w->cli->command->name,
            err.text, err.code);
    }
    weir_kafka_admin_close(a);
    weir_arena_fini(&arena);
    w->asked = true;
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

/* ---- Waiting -----------------------------------------------------------------------------------
 */

/* One look at what is committed now. *ask: the ends are worth asking for. */
static weir_status look(waiting *w, weir_cli_fresh *out, bool *ask, weir_error *err)
{
    const weir_store_ops *ops = w->store.ops;
    bool source = false;
    weir_status s = ops->begin(w->store.self, err);
    if (s) {
        return s;
    }
    s = weir_stored_position_of(w->store, WEIR_CLI_CACHE, w->cache->topic, &out->position, err);
    out->passed = !s && out->position.passed_H >= w->lsn;
    if (!s && !out->passed && w->ends) {
        s = reached_ends(w, &out->by_ends, err);
        out->passed = !s && out->by_ends;
    } else if (!s && !out->passed && !w->asked) {
        s = source_passed(w, &source, err);
    }
    ops->abort(w->store.self);
    *ask = source;
    return s;
}

weir_status weir_cli_await(const weir_cli *cli, const weir_config *config,
    const weir_config_cache *cache, weir_store store, uint64_t lsn, int64_t wait_ms,
    weir_cli_fresh *out, weir_error *err)
{
    waiting w = {.cli = cli, .config = config, .cache = cache, .store = store, .lsn = lsn};
    int64_t until = weir_monotonic_ms() + wait_ms;
    bool ask = false;
    *out = (weir_cli_fresh){.passed = false};
    weir_status s = open_siblings(&w, err);
    s = s ? s : look(&w, out, &ask, err);
    while (!s && !out->passed && (ask || weir_monotonic_ms() < until)) {
        if (ask) {
            learn_ends(&w);
        } else {
            struct timespec step = {0, STEP_MS * 1000000L};
            nanosleep(&step, NULL);
        }
        s = look(&w, out, &ask, err);
    }
    weir_free(w.ends);
    weir_free(w.opened);
    return s;
}
