/* The engine's figures: what is assigned, how far it is, what is ready. See engine.h. */
#include "engine/parts.h"

static bool partition_ready(const weir_partition *p)
{
    return p->end_seq != UINT64_MAX && p->released_head >= p->end_seq;
}

bool weir_engine_ready(weir_engine *e)
{
    pthread_mutex_lock(&e->lock);
    bool ready = e->n_partitions > 0;
    for (size_t i = 0; i < e->n_partitions; i++) {
        ready = ready && partition_ready(e->partitions[i]);
    }
    pthread_mutex_unlock(&e->lock);
    return ready;
}

bool weir_engine_has(weir_engine *e, uint32_t tag)
{
    bool has = false;
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->n_partitions && !has; i++) {
        has = e->partitions[i]->tag == tag;
    }
    pthread_mutex_unlock(&e->lock);
    return has;
}

size_t weir_engine_partitions(weir_engine *e, weir_partition_view *out, size_t max)
{
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->n_partitions && i < max; i++) {
        const weir_partition *p = e->partitions[i];
        out[i] = (weir_partition_view){.number = p->number,
            .end = e->source.ops->end_offset(e->source.self, p),
            .frontier = weir_frontier_next(&p->frontier),
            .committed = p->committed,
            .open_records = p->open_records,
            .ready = partition_ready(p),
            .congested = weir_partition_held_back(e, p)};
        size_t len = strnlen(p->topic, sizeof out[i].topic - 1);
        memcpy(out[i].topic, p->topic, len);
    }
    size_t n = e->n_partitions;
    pthread_mutex_unlock(&e->lock);
    return n;
}

void weir_engine_frontiers(
    weir_engine *e, void (*fn)(void *ctx, const weir_partition *p, int64_t next), void *ctx)
{
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->n_partitions; i++) {
        if (e->partitions[i]->frontier.next >= 0) {
            fn(ctx, e->partitions[i], e->partitions[i]->frontier.next);
        }
    }
    pthread_mutex_unlock(&e->lock);
}

weir_engine_counts weir_engine_get_counts(weir_engine *e)
{
    pthread_mutex_lock(&e->lock);
    weir_engine_counts c = {e->delivered, e->settled_total, e->open_records, e->open_bytes};
    pthread_mutex_unlock(&e->lock);
    return c;
}
