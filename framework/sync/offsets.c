/* Stored offsets. See offsets.h. */
#include "sync/offsets.h"

#include "base/alloc.h"
#include "sync/job.h"
#include "sync/stored.h"

/* Lock: offsets_lock. */
static struct weir_stored_offset *offset_of(weir_sync *s, uint32_t tag, int32_t number)
{
    for (size_t i = 0; i < s->n_offsets; i++) {
        if (s->offsets[i].tag == tag && s->offsets[i].number == number) {
            return &s->offsets[i];
        }
    }
    if (s->n_offsets == s->offsets_capacity) {
        size_t capacity = s->offsets_capacity ? s->offsets_capacity * 2 : 16;
        struct weir_stored_offset *grown = weir_realloc(s->offsets, capacity * sizeof *grown);
        if (!grown) {
            return NULL;
        }
        s->offsets = grown;
        s->offsets_capacity = capacity;
    }
    s->offsets[s->n_offsets] = (struct weir_stored_offset){tag, number, -1, -1};
    return &s->offsets[s->n_offsets++];
}

/* Of a topic that is not synced any more, it stays where it is. */
static weir_status load_one(
    void *ctx, weir_view topic, int32_t number, int64_t next, weir_error *err)
{
    weir_sync *s = ctx;
    uint32_t tag = weir_sync_tag(s, topic);
    if (tag == UINT32_MAX) {
        return WEIR_OK;
    }
    struct weir_stored_offset *o = offset_of(s, tag, number);
    if (!o) {
        return weir_fail_oom(err);
    }
    o->next = o->stored = next;
    return WEIR_OK;
}

weir_status weir_sync_offsets_load(weir_sync *s, weir_error *err)
{
    weir_status st = weir_stored_offsets(s->store, load_one, s, err);
    for (size_t t = 0; t < s->options.n_topics && !st; t++) {
        int32_t n;
        st = weir_stored_partitions(s->store, s->options.topics[t].topic, &n, err);
        if (!st) {
            atomic_store(&s->partition_counts[t], (int)n);
            s->stored_counts[t] = (struct weir_stored_count){(int)n, (int)n};
        }
    }
    return st;
}

weir_status weir_sync_offsets_drop(weir_sync *s, uint32_t tag, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < s->n_offsets && !st; i++) {
        struct weir_stored_offset *o = &s->offsets[i];
        if (o->tag == tag) {
            st = weir_stored_offset_set(s->store, s->options.topics[tag].topic, o->number, -1, err);
            o->next = o->stored = -1;
        }
    }
    return st;
}

static void look(void *ctx, const weir_partition *p, int64_t next)
{
    weir_sync *s = ctx;
    pthread_mutex_lock(&s->offsets_lock);
    struct weir_stored_offset *o = offset_of(s, p->tag, p->number);
    if (o) {
        o->next = next;
    } else {
        s->offsets_failed = true;
    }
    pthread_mutex_unlock(&s->offsets_lock);
}

bool weir_sync_offsets_moved(weir_sync *s)
{
    weir_engine_frontiers(s->engine, look, s);
    for (size_t i = 0; i < s->n_offsets; i++) {
        if (s->offsets[i].next != s->offsets[i].stored) {
            return true;
        }
    }
    return false;
}

/* Are there as many as there were? */
static weir_status compare(weir_view topic, int32_t n, int known, weir_error *err)
{
    if (known && n > known) {
        return weir_fail(err, WEIR_E_KAFKA_PARTITIONS_ADDED,
            "topic %.*s has %d partitions, it had %d when its caches were made", WEIR_ARG(topic),
            (int)n, known);
    }
    if (known && n < known) {
        return weir_fail(err, WEIR_E_KAFKA_OFFSETS_LOST,
            "topic %.*s has %d partitions, it had %d: it was made anew", WEIR_ARG(topic), (int)n,
            known);
    }
    return WEIR_OK;
}

/* Where others write too, one of them may have counted, before or behind a change. */
static weir_status put_count(weir_sync *s, uint32_t t, int n, weir_error *err)
{
    const char *topic = s->options.topics[t].topic;
    int32_t known = 0;
    weir_status st =
        s->store.ops->shared ? weir_stored_partitions(s->store, topic, &known, err) : WEIR_OK;
    st = st ? st : compare(weir_view_of(topic), n, known, err);
    return st || known == n ? st : weir_stored_partitions_set(s->store, topic, n, err);
}

weir_status weir_sync_counts_put(weir_sync *s, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (uint32_t t = 0; t < s->options.n_topics && !st; t++) {
        int n = s->stored_counts[t].written = atomic_load(&s->partition_counts[t]);
        if (n != s->stored_counts[t].stored) {
            st = put_count(s, t, n, err);
        }
    }
    return st;
}

void weir_sync_counts_stored(weir_sync *s)
{
    for (uint32_t t = 0; t < s->options.n_topics; t++) {
        s->stored_counts[t].stored = s->stored_counts[t].written;
    }
}

weir_status weir_sync_offsets_put(weir_sync *s, weir_error *err)
{
    s->offsets_failed = false;
    weir_engine_frontiers(s->engine, look, s);
    weir_status st = s->offsets_failed ? weir_fail_oom(err) : WEIR_OK;
    for (size_t i = 0; i < s->n_offsets && !st; i++) {
        const struct weir_stored_offset *o = &s->offsets[i];
        if (o->next != o->stored) {
            st = weir_stored_offset_set(
                s->store, s->options.topics[o->tag].topic, o->number, o->next, err);
        }
    }
    return st ? st : weir_sync_counts_put(s, err);
}

void weir_sync_offsets_stored(weir_sync *s)
{
    pthread_mutex_lock(&s->offsets_lock);
    for (size_t i = 0; i < s->n_offsets; i++) {
        s->offsets[i].stored = s->offsets[i].next;
    }
    pthread_mutex_unlock(&s->offsets_lock);
    weir_sync_counts_stored(s);
}

int64_t weir_sync_offset(weir_sync *s, weir_view topic, int32_t partition)
{
    uint32_t tag = weir_sync_tag(s, topic);
    int64_t stored = -1;
    pthread_mutex_lock(&s->offsets_lock);
    for (size_t i = 0; i < s->n_offsets; i++) {
        if (s->offsets[i].tag == tag && s->offsets[i].number == partition) {
            stored = s->offsets[i].stored;
        }
    }
    pthread_mutex_unlock(&s->offsets_lock);
    return stored;
}

weir_status weir_sync_check_partitions(weir_sync *s, weir_view topic, int32_t n, weir_error *err)
{
    uint32_t tag = weir_sync_tag(s, topic);
    if (tag == UINT32_MAX) {
        return WEIR_OK;
    }
    if (s->options.topics[tag].transactions && n > 1) {
        return weir_fail(err, WEIR_E_TRANSACTION_METADATA,
            "topic %.*s has %d partitions: transactions have an order in one only", WEIR_ARG(topic),
            (int)n);
    }
    weir_status st = compare(topic, n, atomic_load(&s->partition_counts[tag]), err);
    if (st) {
        return st;
    }
    atomic_store(&s->partition_counts[tag], (int)n);
    return WEIR_OK;
}
