/* Looking up rows. See lookup.h. */
#include "lookup.h"

#include <stdlib.h>
#include <time.h>

#include "cdc/decoder.h"
#include "value/json.h"

enum { STEP_MS = 2 };

bool weir_lsn_of(const char *text, uint64_t *out)
{
    char *end;
    unsigned long long high = strtoull(text, &end, 16);
    if (end != text && *end == '/') {
        const char *low_text = end + 1;
        unsigned long long low = strtoull(low_text, &end, 16);
        *out = (uint64_t)high << 32 | low;
        return end != low_text && !*end && high <= UINT32_MAX && low <= UINT32_MAX;
    }
    *out = strtoull(text, &end, 10);
    return end != text && !*end;
}

static weir_replica *replica_of(weir_daemon *d, const char *cache, size_t *index)
{
    for (size_t i = 0; d && i < weir_daemon_replicas(d); i++) {
        weir_replica *r = weir_daemon_replica(d, i);
        const weir_rules *rules = weir_replica_rules(r);
        for (*index = 0; *index < rules->n_caches; ++*index) {
            if (strcmp(rules->caches[*index].name, cache) == 0) {
                return r;
            }
        }
    }
    return NULL;
}

/* Waits until the cache has applied the position. */
static weir_status wait_fresh(
    weir_replica *r, size_t index, const weir_freshness *min, weir_error *err)
{
    uint64_t wanted;
    if (!min || !min->lsn) {
        return WEIR_OK;
    }
    if (!weir_lsn_of(min->lsn, &wanted)) {
        return weir_fail(
            err, WEIR_E_FIELD_TYPE, "%.40s is no LSN (0/16B3748, or decimal)", min->lsn);
    }
    for (int64_t until = weir_monotonic_ms() + min->wait_ms;;) {
        weir_sync_stats stats;
        weir_sync_get_stats(weir_replica_sync(r), index, &stats);
        if (stats.applied_high >= wanted) {
            return WEIR_OK;
        }
        if (weir_monotonic_ms() >= until) {
            return weir_fail(err, WEIR_E_CACHE_NOT_FRESH, "the cache is at %llu, asked for %llu",
                (unsigned long long)stats.applied_high, (unsigned long long)wanted);
        }
        struct timespec step = {0, STEP_MS * 1000000L};
        nanosleep(&step, NULL);
    }
}

/* The key as the store has it. */
static weir_status canonical(weir_view key, weir_buf *to, weir_error *err)
{
    weir_arena arena;
    const weir_value *value;
    weir_arena_init(&arena, 0);
    weir_status s = weir_json_read(key, &arena, &value, err);
    if (!s) {
        weir_key_put(to, value);
    }
    weir_arena_fini(&arena);
    return s ? s : to->failed ? weir_fail_oom(err) : WEIR_OK;
}

weir_status weir_daemon_lookup(weir_daemon *d, const char *cache, weir_view key,
    const weir_freshness *min, weir_buf *row, bool *found, weir_error *err)
{
    size_t index;
    weir_replica *r = replica_of(d, cache, &index);
    *found = false;
    if (!r) {
        weir_fail(err, WEIR_E_NO_CACHE, "there is no cache %.60s", cache);
        return err ? err->status = WEIR_REJECT : WEIR_REJECT;
    }
    if (!weir_replica_ready(r)) {
        return weir_fail(err, WEIR_E_CACHE_NOT_READY, "cache %.60s has not caught up yet", cache);
    }
    weir_status s = wait_fresh(r, index, min, err);
    weir_buf text = {0};
    s = s ? s : canonical(key, &text, err);
    if (!s) {
        weir_store store = weir_replica_store(r);
        s = store.ops->read(
            store.self, (unsigned)index + 1, WEIR_SPACE_ROW, weir_buf_view(&text), row, found, err);
    }
    weir_buf_fini(&text);
    return s;
}
