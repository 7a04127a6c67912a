/* What the writer of a sync does beside applying records: offsets that have moved without one,
 * delete marks that expire, caches that have been made, a store that was away. See writer.h. */
#include "sync/offsets.h"
#include "sync/writer.h"

enum {
    LOOK_AGAIN_MS = 1000,
    EXPIRE_EVERY_MS = 10000,
    EXPIRE_STATES = 20000,
};

/* How many partitions the cache's topics have; 0: not known. */
static int32_t partitions_of(const weir_sync *s, size_t cache)
{
    int n = 0;
    for (size_t t = 0; t < s->options.n_topics; t++) {
        const weir_sync_topic *topic = &s->options.topics[t];
        int count = atomic_load(&s->partition_counts[t]);
        for (size_t i = 0; i < topic->n_caches; i++) {
            n = topic->caches[i] == cache && count > n ? count : n;
        }
    }
    return n;
}

/* A member of a group is given some of the partitions, and does not see how many there are. */
static void ask_partitions(weir_sync *s, size_t cache)
{
    for (size_t t = 0; t < s->options.n_topics; t++) {
        const weir_sync_topic *topic = &s->options.topics[t];
        bool of_cache = false;
        for (size_t i = 0; i < topic->n_caches; i++) {
            of_cache |= topic->caches[i] == cache;
        }
        if (of_cache && !atomic_load(&s->partition_counts[t])) {
            atomic_store(
                &s->partition_counts[t], (int)s->options.partitions(s->options.ctx, topic->topic));
        }
    }
}

/* Every partition has passed this position. 0: one has delivered nothing yet. */
static uint64_t passed_by_all(const weir_sync *s, size_t cache)
{
    const weir_merge *m = &s->merges[cache];
    int32_t n = partitions_of(s, cache);
    uint64_t low = n && m->n_partitions >= n ? UINT64_MAX : 0;
    for (int32_t i = 0; i < m->n_partitions; i++) {
        low = m->partitions[i].high_commit < low ? m->partitions[i].high_commit : low;
    }
    return low;
}

/* Removes some delete marks. *wrote: something was committed. */
static weir_status expire_some(
    weir_sync *s, size_t cache, int64_t before_ms, bool *wrote, weir_error *err)
{
    uint64_t removed = 0;
    bool shared = s->store.ops->shared;
    if (shared && s->options.partitions) {
        ask_partitions(s, cache);
    }
    weir_status st = s->store.ops->begin(s->store.self, err);
    if (st) {
        return st;
    }
    st = shared ? weir_merge_load(&s->merges[cache], err) : WEIR_OK;
    uint64_t passed = passed_by_all(s, cache);
    if (!st && passed) {
        st = weir_merge_expire(
            &s->merges[cache], passed, before_ms, EXPIRE_STATES, &s->expire_from, &removed, err);
    }
    if (st || !removed) {
        s->store.ops->abort(s->store.self);
        return st;
    }
    st = s->store.ops->commit(s->store.self, err);
    *wrote |= !st;
    return st;
}

/* A slice of the walk over delete marks, one cache at a time. */
static weir_status expire(weir_sync *s, bool *wrote, weir_error *err)
{
    int64_t now_ms = s->options.wall_ms(s->options.ctx);
    if (now_ms < s->next_expire_ms || !s->options.n_caches) {
        return WEIR_OK;
    }
    s->next_expire_ms = now_ms + EXPIRE_EVERY_MS;
    size_t cache = s->expire_cache;
    int64_t kept_ms = s->options.caches[cache].delete_marks_ms;
    weir_status st = kept_ms ? expire_some(s, cache, now_ms - kept_ms, wrote, err) : WEIR_OK;
    if (!s->expire_from.len) {
        s->expire_cache = (cache + 1) % s->options.n_caches;
    }
    return st;
}

/* In one transaction: what the newest of several initial snapshots does not hold goes. */
static weir_status end_making(weir_sync *s, size_t cache, weir_error *err)
{
    weir_merge *m = &s->merges[cache];
    uint64_t gone, distrusted = m->count.quarantined;
    weir_status st = s->store.ops->begin(s->store.self, err);
    if (st) {
        return st;
    }
    st = weir_merge_made(m, &gone, err);
    if (st) {
        s->store.ops->abort(s->store.self);
    }
    st = st ? st : s->store.ops->commit(s->store.self, err);
    if (st) {
        m->count.quarantined = distrusted;
        return st;
    }
    m->making.on = false;
    atomic_fetch_sub(&s->n_making, 1);
    pthread_mutex_lock(&s->stats_lock);
    s->stats[cache].count = m->count;
    pthread_mutex_unlock(&s->stats_lock);
    if (gone) {
        weir_log_line(s->options.log, WEIR_LOG_INFO, s->options.name,
            "cache %s: %llu rows of an older initial snapshot are gone",
            s->options.caches[cache].name, (unsigned long long)gone);
    }
    return WEIR_OK;
}

/* What a topic held when it was read is applied: the caches that it makes anew are made. */
static weir_status end_makings(weir_sync *s, bool *wrote, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < s->options.n_caches && !st; i++) {
        if (s->merges[i].making.on && weir_engine_ready(s->engine)) {
            st = end_making(s, i, err);
            *wrote |= !st;
        }
    }
    return st;
}

/* A store that could not be reached is looked at again although nothing waits for it: whoever asks
 * is told how it is, not how it was. What is full shows only by writing. */
static weir_status look_at_store(weir_sync *s, weir_error *err)
{
    weir_error why;
    int64_t now_ms = s->options.wall_ms(s->options.ctx);
    if (now_ms < s->next_look_ms || !weir_sync_held(s, &why) ||
        strcmp(why.code, weir_code_get(WEIR_E_STORE_FULL)->name) == 0) {
        return WEIR_OK;
    }
    s->next_look_ms = now_ms + LOOK_AGAIN_MS;
    weir_status st = s->store.ops->begin(s->store.self, err);
    if (!st) {
        s->store.ops->abort(s->store.self);
        weir_sync_go_on(s);
    }
    return st;
}

weir_status weir_sync_housekeep(weir_sync *s, bool idle, weir_error *err)
{
    weir_status st = WEIR_OK;
    bool wrote = false;
    if (idle && !s->store.ops->shared && weir_sync_offsets_moved(s)) {
        st = weir_sync_store_offsets(s, err);
        wrote = !st;
    }
    st = st ? st : end_makings(s, &wrote, err);
    st = st ? st : expire(s, &wrote, err);
    st = st || !idle ? st : look_at_store(s, err);
    if (wrote) {
        weir_sync_go_on(s);
    }
    if (st == WEIR_RETRY && strcmp(err->code, "TABLE_MOVED") == 0) {
        return WEIR_OK; /* another process does it, or did */
    }
    if (st == WEIR_HOLD || st == WEIR_RETRY) {
        weir_sync_hold(s, err);
        return WEIR_OK;
    }
    return st;
}
