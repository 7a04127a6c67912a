/* A key of each cache, so that who looks up by another kind of key can be told. See sync.h. */
#include "base/alloc.h"
#include "sync/job.h"

void weir_sync_sample(weir_sync *s, size_t cache, weir_view key)
{
    weir_buf *sample = &s->samples[cache];
    if (sample->len || !key.len || key.ptr[0] != '{') {
        return; /* the writer alone writes it */
    }
    pthread_mutex_lock(&s->stats_lock);
    weir_buf_putv(sample, key);
    if (sample->failed) {
        weir_buf_fini(sample);
        *sample = (weir_buf){0};
    }
    pthread_mutex_unlock(&s->stats_lock);
}

/* The first that is an object: others are bare values, or longer than a store tells. */
static weir_status take_first(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    weir_buf *to = ctx;
    (void)value, (void)remove, (void)err;
    if (!key.len || key.ptr[0] != '{') {
        return WEIR_OK;
    }
    weir_buf_putv(to, key);
    return WEIR_DEFERRED; /* enough */
}

weir_status weir_sync_sample_stored(weir_sync *s, size_t cache, weir_error *err)
{
    weir_buf key = {0};
    weir_status st = s->store.ops->each(s->store.self, s->merges[cache].cache, WEIR_SPACE_ROW,
        (weir_view){"", 0}, take_first, &key, err);
    if (!key.failed) {
        weir_sync_sample(s, cache, weir_buf_view(&key));
    }
    weir_buf_fini(&key);
    return st == WEIR_DEFERRED ? WEIR_OK : st;
}

void weir_sync_some_key(weir_sync *s, size_t cache, weir_buf *to)
{
    pthread_mutex_lock(&s->stats_lock);
    weir_buf_putv(to, weir_buf_view(&s->samples[cache]));
    pthread_mutex_unlock(&s->stats_lock);
}
