/* Stored offsets. See offsets.h. */
#include "sync/offsets.h"

#include <stdio.h>

#include "base/alloc.h"
#include "sync/job.h"
#include "value/value.h"

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

/* The key "offset:PARTITION:TOPIC", in a buffer of the caller's. */
static weir_view key_of(
    const weir_sync *s, const struct weir_stored_offset *o, char *to, size_t size)
{
    int n = snprintf(to, size, "offset:%d:%s", (int)o->number, s->options.topics[o->tag].topic);
    return (weir_view){to, n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1};
}

static weir_status load_count(weir_sync *s, weir_view topic, weir_view value, weir_error *err)
{
    uint32_t tag = weir_sync_tag(s, topic);
    int64_t n;
    if (!weir_text_to_int64(value, &n) || n < 0 || n > INT32_MAX) {
        return weir_fail(err, WEIR_E_STORE_BROKEN, "a stored number of partitions is damaged");
    }
    if (tag != UINT32_MAX) {
        atomic_store(&s->partition_counts[tag], (int)n);
        s->stored_counts[tag] = (int)n;
    }
    return WEIR_OK;
}

static weir_status load_one(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    weir_sync *s = ctx;
    const char *colon;
    int64_t number, next;
    (void)remove;
    if (key.len > 11 && memcmp(key.ptr, "partitions:", 11) == 0) {
        return load_count(s, (weir_view){key.ptr + 11, key.len - 11}, value, err);
    }
    if (key.len < 7 || memcmp(key.ptr, "offset:", 7) != 0) {
        return WEIR_OK;
    }
    weir_view rest = {key.ptr + 7, key.len - 7};
    colon = memchr(rest.ptr, ':', rest.len);
    if (!colon || !weir_text_to_int64((weir_view){rest.ptr, (size_t)(colon - rest.ptr)}, &number) ||
        !weir_text_to_int64(value, &next)) {
        return weir_fail(
            err, WEIR_E_STORE_BROKEN, "a stored offset is damaged: %.*s", WEIR_ARG(key));
    }
    weir_view topic = {colon + 1, (size_t)(rest.ptr + rest.len - colon - 1)};
    uint32_t tag = weir_sync_tag(s, topic);
    if (tag == UINT32_MAX) {
        return WEIR_OK; /* a topic that is not synced any more */
    }
    struct weir_stored_offset *o = offset_of(s, tag, (int32_t)number);
    if (!o) {
        return weir_fail_oom(err);
    }
    o->next = o->stored = next;
    return WEIR_OK;
}

weir_status weir_sync_offsets_load(weir_sync *s, weir_error *err)
{
    return s->store.ops->each(
        s->store.self, 0, WEIR_SPACE_META, (weir_view){"", 0}, load_one, s, err);
}

weir_status weir_sync_offsets_drop(weir_sync *s, uint32_t tag, weir_error *err)
{
    char key[300];
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < s->n_offsets && !st; i++) {
        if (s->offsets[i].tag == tag) {
            st = s->store.ops->del(
                s->store.self, 0, WEIR_SPACE_META, key_of(s, &s->offsets[i], key, sizeof key), err);
            s->offsets[i].next = s->offsets[i].stored = -1;
        }
    }
    return st;
}

static void look(void *ctx, const weir_partition *p, int64_t next)
{
    weir_sync *s = ctx;
    struct weir_stored_offset *o = offset_of(s, p->tag, p->number);
    if (o) {
        o->next = next;
    } else {
        s->offsets_failed = true;
    }
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

/* "partitions:TOPIC" -> how many there were when the topic's caches were made. */
static weir_status put_counts(weir_sync *s, weir_error *err)
{
    char key[300], text[24];
    weir_status st = WEIR_OK;
    for (uint32_t t = 0; t < s->options.n_topics && !st; t++) {
        int n = atomic_load(&s->partition_counts[t]);
        if (n != s->stored_counts[t]) {
            int k = snprintf(key, sizeof key, "partitions:%s", s->options.topics[t].topic);
            int v = snprintf(text, sizeof text, "%d", n);
            st = s->store.ops->put(s->store.self, 0, WEIR_SPACE_META, (weir_view){key, (size_t)k},
                (weir_view){text, (size_t)v}, err);
        }
    }
    return st;
}

weir_status weir_sync_offsets_put(weir_sync *s, weir_error *err)
{
    char key[300], text[24];
    s->offsets_failed = false;
    weir_engine_frontiers(s->engine, look, s);
    weir_status st = s->offsets_failed ? weir_fail_oom(err) : WEIR_OK;
    for (size_t i = 0; i < s->n_offsets && !st; i++) {
        const struct weir_stored_offset *o = &s->offsets[i];
        if (o->next != o->stored) {
            int n = snprintf(text, sizeof text, "%lld", (long long)o->next);
            st = s->store.ops->put(s->store.self, 0, WEIR_SPACE_META, key_of(s, o, key, sizeof key),
                (weir_view){text, (size_t)n}, err);
        }
    }
    return st ? st : put_counts(s, err);
}

void weir_sync_offsets_stored(weir_sync *s)
{
    for (size_t i = 0; i < s->n_offsets; i++) {
        s->offsets[i].stored = s->offsets[i].next;
    }
    for (uint32_t t = 0; t < s->options.n_topics; t++) {
        s->stored_counts[t] = atomic_load(&s->partition_counts[t]);
    }
}

int64_t weir_sync_offset(const weir_sync *s, weir_view topic, int32_t partition)
{
    uint32_t tag = weir_sync_tag((void *)(uintptr_t)s, topic);
    for (size_t i = 0; i < s->n_offsets; i++) {
        if (s->offsets[i].tag == tag && s->offsets[i].number == partition) {
            return s->offsets[i].stored;
        }
    }
    return -1;
}

weir_status weir_sync_check_partitions(weir_sync *s, weir_view topic, int32_t n, weir_error *err)
{
    uint32_t tag = weir_sync_tag(s, topic);
    if (tag == UINT32_MAX) {
        return WEIR_OK;
    }
    int known = atomic_load(&s->partition_counts[tag]);
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
    atomic_store(&s->partition_counts[tag], (int)n);
    return WEIR_OK;
}
