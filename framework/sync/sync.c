/* Opening a store for sync, and the sync's figures. See sync.h. */
#include "sync/sync.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "sync/by_transaction.h"
#include "sync/job.h"
#include "sync/offsets.h"
#include "sync/reading.h"
#include "sync/stored.h"

/* ---- Opening ------------------------------------------------------------------------------------
 */

static const weir_view format_key = {"format", 6}, format = {"weir store 1", 12};

static weir_status check_format(weir_sync *s, weir_error *err)
{
    weir_view value;
    weir_status st = s->store.ops->get(s->store.self, 0, WEIR_SPACE_META, format_key, &value, err);
    if (st || (value.ptr && weir_view_eq(value, format))) {
        return st;
    }
    if (value.ptr) {
        return weir_fail(err, WEIR_E_STORE_BROKEN,
            "the store is of format \"%.*s\", this version reads \"%s\"", WEIR_ARG(value),
            format.ptr);
    }
    return s->store.ops->put(s->store.self, 0, WEIR_SPACE_META, format_key, format, err);
}

/* From the word on in which they begin to differ, since rules are long. */
static weir_status fail_changed(const char *name, weir_view was, weir_view is, weir_error *err)
{
    enum { SHOWN = 72 };
    size_t at = 0, same = 0;
    while (at < was.len && at < is.len && was.ptr[at] == is.ptr[at]) {
        same = was.ptr[at] == ' ' ? at : same;
        at++;
    }
    same = was.len > SHOWN || is.len > SHOWN ? same : 0;
    const char *dots = same ? "…" : "";
    size_t old = was.len - same, new = is.len - same;
    return weir_fail(err, WEIR_E_CACHE_RULE_CHANGED,
        "%s was made by the rule \"%s%.*s\", the config has \"%s%.*s\" now", name, dots,
        (int)(old > SHOWN ? SHOWN : old), was.ptr + same, dots, (int)(new > SHOWN ? SHOWN : new),
        is.ptr + same);
}

/* *is_new: the store did not have the cache. */
static weir_status check_rule(weir_sync *s, const weir_sync_cache *c, bool *is_new, weir_error *err)
{
    weir_view rule;
    weir_status st = weir_stored_rule(s->store, c->name, &rule, err);
    *is_new = !st && !rule.ptr;
    if (*is_new) {
        return weir_stored_rule_set(s->store, c->name, c->rule, err);
    }
    if (!st && !weir_view_eq(rule, c->rule)) {
        return fail_changed(c->name, rule, c->rule, err);
    }
    return st;
}

/* A cache that the store has not yet: its topics are read from their start, for the others
 * harmlessly. */
static weir_status drop_offsets_of(weir_sync *s, size_t cache, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (uint32_t t = 0; t < s->options.n_topics; t++) {
        for (size_t i = 0; i < s->options.topics[t].n_caches && !st; i++) {
            if (s->options.topics[t].caches[i] == cache) {
                st = s->options.topics[t].by_transaction ? weir_by_transaction_anew(s, t, err)
                                                         : weir_sync_offsets_drop(s, t, err);
            }
        }
    }
    return st;
}

static weir_status open_cache(weir_sync *s, size_t i, weir_error *err)
{
    const weir_sync_cache *c = &s->options.caches[i];
    weir_merge *m = &s->merges[i];
    bool is_new;
    weir_status st = check_rule(s, c, &is_new, err);
    weir_read_cache read = {(unsigned)i + 1, c->name, c->reading, is_new};
    st = st ? st : weir_reading_check(s->store, &read, err);
    if (!st && is_new) {
        st = drop_offsets_of(s, i, err);
    }
    if (weir_row_view_decides(&c->view)) {
        m->show = weir_row_view_show;
        m->show_ctx = (void *)(uintptr_t)&c->view;
    }
    m->unguarded = c->unguarded;
    st = st ? st : weir_merge_load(m, err);
    /* Who shares a store sees a part of the records: a second initial snapshot is an alarm there.
     */
    bool made = is_new && !m->shared && !m->unguarded;
    st = st || !made ? st : weir_merge_begin(m, err);
    if (!st && m->making.on) {
        atomic_fetch_add(&s->n_making, 1);
    }
    st = st ? st : weir_sync_sample_stored(s, i, err);
    if (!st) { /* how far an earlier process has come is to be known before anything new arrives */
        weir_merge_newest(m, &s->stats[i].applied_high, &s->stats[i].applied_ms);
    }
    return st;
}

static weir_status open_stored(weir_sync *s, weir_error *err)
{
    weir_status st = s->store.ops->begin(s->store.self, err);
    if (st) {
        return st;
    }
    st = check_format(s, err);
    st = st ? st : weir_sync_offsets_load(s, err);
    st = st ? st : weir_by_transaction_load(s, err);
    for (size_t i = 0; i < s->options.n_caches && !st; i++) {
        st = open_cache(s, i, err);
    }
    if (st) {
        s->store.ops->abort(s->store.self);
        return st;
    }
    return s->store.ops->commit(s->store.self, err);
}

static weir_status open_caches(weir_sync *s, weir_error *err)
{
    enum { MOST_TRIES = 20 };
    weir_status st = s->store.ops->open_cache(s->store.self, 0, ".weir", err);
    for (size_t i = 0; i < s->options.n_caches && !st; i++) {
        unsigned number = (unsigned)i + 1;
        st = s->store.ops->open_cache(s->store.self, number, s->options.caches[i].name, err);
        weir_merge_init(&s->merges[i], s->store, number);
        s->merges[i].withheld = weir_sync_is_withheld;
        s->merges[i].withheld_ctx = s;
    }
    st = st ? st : open_stored(s, err);
    for (int i = 0; i < MOST_TRIES && st == WEIR_RETRY && s->store.ops->shared; i++) {
        st = open_stored(s, err); /* another process opens it too */
    }
    return st;
}

/* An alarm that is passed over is about what comes behind it: such topics are applied as their
 * records were delivered. */
static bool may_go_by_key(const weir_sync *s)
{
    bool may = s->store.ops->by_key && !s->by_transaction;
    for (size_t t = 0; t < s->options.n_topics; t++) {
        may = may && s->options.topics[t].stop_on_regress;
    }
    return may;
}

weir_status weir_sync_new(
    const weir_sync_options *options, weir_store store, weir_sync **out, weir_error *err)
{
    *out = NULL;
    weir_sync *s = weir_calloc(1, sizeof *s);
    if (!s) {
        return weir_fail_oom(err);
    }
    s->options = *options;
    s->store = store;
    pthread_mutex_init(&s->queue_lock, NULL);
    pthread_mutex_init(&s->stats_lock, NULL);
    pthread_mutex_init(&s->offsets_lock, NULL);
    weir_cond_init(&s->queue_filled);
    s->merges = weir_calloc(options->n_caches, sizeof *s->merges);
    s->stats = weir_calloc(options->n_caches, sizeof *s->stats);
    s->samples = weir_calloc(options->n_caches, sizeof *s->samples);
    s->partition_counts = weir_calloc(options->n_topics, sizeof *s->partition_counts);
    s->stored_counts = weir_calloc(options->n_topics, sizeof *s->stored_counts);
    s->asked_compacted = weir_calloc(options->n_topics, sizeof *s->asked_compacted);
    bool got = s->merges && s->stats && s->samples && s->partition_counts && s->stored_counts &&
               s->asked_compacted;
    weir_status st = got ? weir_sync_lanes_new(s, err) : weir_fail_oom(err);
    st = st ? st : weir_by_transaction_new(s, err);
    s->by_key = may_go_by_key(s);
    st = st ? st : open_caches(s, err);
    if (st) {
        weir_sync_free(s);
        return st;
    }
    *out = s;
    return WEIR_OK;
}

void weir_sync_free(weir_sync *s)
{
    if (!s) {
        return;
    }
    weir_by_transaction_free(s);
    weir_sync_lanes_free(s);
    for (size_t i = 0; s->merges && i < s->options.n_caches; i++) {
        weir_merge_fini(&s->merges[i]);
    }
    for (size_t i = 0; s->samples && i < s->options.n_caches; i++) {
        weir_buf_fini(&s->samples[i]);
    }
    weir_free(s->merges);
    weir_free(s->stats);
    weir_free(s->samples);
    weir_free(s->offsets);
    weir_free(s->partition_counts);
    weir_free(s->stored_counts);
    weir_free(s->asked_compacted);
    weir_sync_withheld_fini(s);
    weir_free(s->ordering.entries);
    weir_free(s->ordering.spare);
    weir_free(s->ordering.ends);
    weir_buf_fini(&s->expire_from);
    pthread_mutex_destroy(&s->queue_lock);
    pthread_mutex_destroy(&s->stats_lock);
    pthread_mutex_destroy(&s->offsets_lock);
    pthread_cond_destroy(&s->queue_filled);
    weir_free(s);
}

void weir_sync_attach(weir_sync *s, weir_engine *e)
{
    s->engine = e;
}

bool weir_sync_by_transaction(const weir_sync *s)
{
    return s->by_transaction;
}

uint32_t weir_sync_tag(void *sync, weir_view topic)
{
    const weir_sync *s = sync;
    for (uint32_t i = 0; i < s->options.n_topics; i++) {
        if (weir_view_is(topic, s->options.topics[i].topic)) {
            return i;
        }
    }
    return UINT32_MAX;
}

void weir_sync_wake(weir_sync *s)
{
    pthread_mutex_lock(&s->queue_lock);
    s->woken = true;
    pthread_cond_signal(&s->queue_filled);
    pthread_mutex_unlock(&s->queue_lock);
}

/* ---- Figures ------------------------------------------------------------------------------------
 */

void weir_sync_get_stats(weir_sync *s, size_t cache, weir_sync_stats *out)
{
    pthread_mutex_lock(&s->stats_lock);
    *out = s->stats[cache];
    pthread_mutex_unlock(&s->stats_lock);
    out->rows = s->store.ops->count(s->store.self, s->merges[cache].cache, WEIR_SPACE_ROW);
    out->bytes = s->store.ops->bytes(s->store.self);
    if (s->store.ops->written) {
        s->store.ops->written(s->store.self, s->merges[cache].cache, &out->written);
    }
}

bool weir_sync_making(const weir_sync *s)
{
    return atomic_load(&s->n_making) > 0;
}

uint64_t weir_sync_transactions(weir_sync *s)
{
    pthread_mutex_lock(&s->stats_lock);
    uint64_t n = s->transactions;
    pthread_mutex_unlock(&s->stats_lock);
    return n;
}

uint64_t weir_sync_rejected(weir_sync *s)
{
    pthread_mutex_lock(&s->stats_lock);
    uint64_t n = s->rejected;
    pthread_mutex_unlock(&s->stats_lock);
    return n;
}

bool weir_sync_held(weir_sync *s, weir_error *why)
{
    pthread_mutex_lock(&s->stats_lock);
    bool held = s->held;
    if (held && why) {
        *why = s->held_why;
    }
    pthread_mutex_unlock(&s->stats_lock);
    return held;
}
