/* Looking up rows. See lookup.h. */
#include "lookup.h"

#include <stdlib.h>
#include <time.h>

#include "cdc/decoder.h"
#include "cdc/key_like.h"
#include "fresh.h"
#include "value/json.h"

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

/* Of several members of a group the first: each has the whole database. *ready: all are. */
static weir_replica *replica_of(weir_daemon *d, const char *cache, size_t *index, bool *ready)
{
    for (size_t i = 0; d && i < weir_daemon_replicas(d); i++) {
        weir_replica *r = weir_daemon_replica(d, i);
        const weir_rules *rules = weir_replica_rules(r);
        for (*index = 0; *index < rules->n_caches; ++*index) {
            if (strcmp(rules->caches[*index].name, cache) == 0) {
                *ready = true;
                for (size_t m = 0; m < weir_daemon_members(d, i); m++) {
                    *ready = *ready && weir_replica_ready(weir_daemon_replica(d, i + m));
                }
                return r;
            }
        }
    }
    return NULL;
}

/* ---- Freshness --------------------------------------------------------------------------------
 */

/* A cache of a replica in this process. */
typedef struct looking {
    weir_replica *replica;
    const weir_sync_topic *topic;
} looking;

/* A table that is kept in another store is read by another engine: it tells nothing here. */
static weir_status look(void *self, uint64_t *newest, int64_t *next, int32_t n, weir_error *err)
{
    const looking *l = self;
    const weir_rules *rules = weir_replica_rules(l->replica);
    weir_sync *sync = weir_replica_sync(l->replica);
    (void)err;
    *newest = 0;
    for (size_t t = 0; t < rules->n_topics; t++) {
        const weir_sync_topic *topic = &rules->topics[t];
        for (size_t i = 0; topic->source == l->topic->source && i < topic->n_caches; i++) {
            weir_sync_stats stats;
            weir_sync_get_stats(sync, topic->caches[i], &stats);
            *newest = stats.applied_high > *newest ? stats.applied_high : *newest;
        }
    }
    for (int32_t p = 0; p < n; p++) {
        next[p] = weir_sync_offset(sync, weir_view_of(l->topic->topic), p);
    }
    return WEIR_OK;
}

static weir_status ask_ends(void *self, int64_t **ends, int32_t *n, weir_error *err)
{
    const looking *l = self;
    return weir_replica_ends(l->replica, l->topic->topic, ends, n, err);
}

static const weir_sync_topic *topic_of(const weir_rules *rules, size_t cache)
{
    for (size_t t = 0; t < rules->n_topics; t++) {
        for (size_t i = 0; i < rules->topics[t].n_caches; i++) {
            if (rules->topics[t].caches[i] == cache) {
                return &rules->topics[t];
            }
        }
    }
    return NULL;
}

/* Waits until the cache is past the position. */
static weir_status await(weir_replica *r, size_t cache, const weir_freshness *min, weir_error *err)
{
    static const weir_fresh_ops ops = {look, ask_ends};
    looking l = {r, topic_of(weir_replica_rules(r), cache)};
    weir_fresh fresh;
    uint64_t wanted;
    if (!weir_lsn_of(min->lsn, &wanted)) {
        return weir_fail(
            err, WEIR_E_FIELD_TYPE, "%.40s is no LSN (0/16B3748, or decimal)", min->lsn);
    }
    if (weir_replica_past(r, cache) >= wanted) {
        return WEIR_OK;
    }
    weir_status s = weir_await_position(&ops, &l, wanted, min->wait_ms, &fresh, err);
    if (!s && !fresh.passed) {
        return weir_fail(err, WEIR_E_CACHE_NOT_FRESH,
            fresh.seen ? "the cache has not read its topic up to %llu yet; the source is at %llu"
                       : "no table of the source in the store is known to be past %llu; the newest "
                         "change is at %llu",
            (unsigned long long)wanted, (unsigned long long)fresh.newest);
    }
    if (!s) {
        weir_replica_set_past(r, cache, fresh.past);
    }
    return s;
}

/* ---- Rows -------------------------------------------------------------------------------------
 */

/* A key that does not look like the cache's is a mistake of who wrote it, not a row that is not
 * there. */
static weir_status check_key(weir_sync *sync, size_t index, weir_view key,
    const weir_value *written, weir_arena *arena, weir_error *err)
{
    weir_buf some = {0}, like = {0};
    const weir_value *stored;
    weir_sync_some_key(sync, index, &some);
    weir_status s = some.failed ? weir_fail_oom(err) : WEIR_OK;
    if (!s && some.len) {
        s = weir_json_read(weir_buf_view(&some), arena, &stored, err);
        const char *why = s ? NULL : weir_key_unlike(stored, written);
        if (why) {
            weir_key_put_like(&like, stored);
            s = weir_fail(err, WEIR_E_LOOKUP_KEY, "%.*s %s; the key is %.100s",
                (int)(key.len > 80 ? 80 : key.len), key.ptr, why, weir_buf_str(&like));
        }
    }
    weir_buf_fini(&like);
    weir_buf_fini(&some);
    return s;
}

weir_status weir_lookup_row(weir_sync *sync, weir_store store, size_t index, weir_view key,
    weir_buf *row, bool *found, weir_error *err)
{
    weir_buf text = {0}; /* the key as the store has it */
    weir_arena arena;
    const weir_value *value;
    weir_arena_init(&arena, 0);
    weir_status s = weir_json_read(key, &arena, &value, err);
    if (!s) {
        weir_key_put(&text, value);
        s = text.failed ? weir_fail_oom(err) : WEIR_OK;
    }
    s = s ? s
          : store.ops->read(store.self, (unsigned)index + 1, WEIR_SPACE_ROW, weir_buf_view(&text),
                row, found, err);
    s = s || *found ? s : check_key(sync, index, key, value, &arena, err);
    weir_arena_fini(&arena);
    weir_buf_fini(&text);
    return s;
}

/* Since the newest change of the cache's source was made; -1: none has come. A source's clock may
 * be ahead of ours. */
static int64_t age_of(weir_replica *r, size_t cache)
{
    const weir_rules *rules = weir_replica_rules(r);
    const weir_sync_topic *topic = topic_of(rules, cache);
    int64_t newest_ms = 0;
    struct timespec now;
    for (size_t t = 0; t < rules->n_topics; t++) {
        for (size_t i = 0;
             rules->topics[t].source == topic->source && i < rules->topics[t].n_caches; i++) {
            weir_sync_stats stats;
            weir_sync_get_stats(weir_replica_sync(r), rules->topics[t].caches[i], &stats);
            newest_ms = stats.applied_ms > newest_ms ? stats.applied_ms : newest_ms;
        }
    }
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age_ms = now.tv_sec * 1000 + now.tv_nsec / 1000000 - newest_ms;
    return !newest_ms ? -1 : age_ms > 0 ? age_ms : 0;
}

weir_status weir_daemon_lookup(weir_daemon *d, const char *cache, weir_view key,
    const weir_freshness *min, int64_t *age_ms, weir_buf *row, bool *found, weir_error *err)
{
    size_t index;
    bool ready;
    weir_replica *r = replica_of(d, cache, &index, &ready);
    *found = false;
    if (!r) {
        return weir_fail(err, WEIR_E_NO_CACHE, "there is no cache %.60s", cache);
    }
    if (age_ms) {
        *age_ms = age_of(r, index);
        return weir_lookup_row(
            weir_replica_sync(r), weir_replica_store(r), index, key, row, found, err);
    }
    if (!ready) {
        return weir_fail(err, WEIR_E_CACHE_NOT_READY, "cache %.60s has not caught up yet", cache);
    }
    weir_status s = min && min->lsn ? await(r, index, min, err) : WEIR_OK;
    return s ? s
             : weir_lookup_row(
                   weir_replica_sync(r), weir_replica_store(r), index, key, row, found, err);
}
