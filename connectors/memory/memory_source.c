/* Records in memory. See memory_source.h. */
#include "memory/memory_source.h"

#include "base/alloc.h"
#include "base/arena.h"

typedef struct kept_record {
    weir_view key, value;
    const weir_field *headers; /* ends with WEIR_FIELD_END */
    int64_t timestamp_ms;
} kept_record;

typedef struct kept_topic {
    const char *name;
    kept_record *records;
    int64_t count, capacity, forgotten;
    weir_partition *partition; /* the engine's; NULL: not assigned */
    int64_t next, committed;
    bool rewind, ended; /* ended: its end was told at `next` */
    bool resumes;       /* rewind: from what is committed by then, if that is before `next` */
    weir_view metadata; /* for its next assignment */
    bool transacted;    /* commits are made in the engine's place: … */
    weir_view said;     /* … what the last one said */
    struct kept_topic *after;
} kept_topic;

struct weir_memory_source {
    weir_arena arena;
    kept_topic *first;
};

static kept_topic *find(const weir_memory_source *s, weir_view name)
{
    for (kept_topic *t = s->first; t; t = t->after) {
        if (weir_view_is(name, t->name)) {
            return t;
        }
    }
    return NULL;
}

/* ---- The port -----------------------------------------------------------------------------------
 */

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const weir_field *f = self;
    for (size_t k = 0; k <= i; k++) {
        if (!f[k].kind) {
            return false;
        }
    }
    *name = weir_view_of(f[i].name);
    *value = f[i].text;
    return true;
}

static weir_raw_record raw_of(const kept_topic *t, int64_t offset)
{
    const kept_record *r = &t->records[offset];
    return (weir_raw_record){.topic = weir_view_of(t->name),
        .key = r->key,
        .value = r->value,
        .partition = 0,
        .offset = offset,
        .timestamp_ms = r->timestamp_ms,
        .headers = {header_at, r->headers}};
}

bool weir_memory_source_at(
    const weir_memory_source *s, weir_view topic, int64_t offset, weir_raw_record *out)
{
    const kept_topic *t = find(s, topic);
    bool has = t && offset >= t->forgotten && offset < t->count;
    if (has) {
        *out = raw_of(t, offset);
    }
    return has;
}

void weir_memory_source_forget(weir_memory_source *s, const char *topic)
{
    kept_topic *t = find(s, weir_view_of(topic));
    if (t) {
        t->forgotten = t->count;
    }
}

static void deliver(kept_topic *t, const weir_source_events *events, void *engine)
{
    weir_raw_record raw = raw_of(t, t->next++);
    t->ended = false;
    events->record(engine, t->partition, &raw, t);
}

static void give_back(kept_topic *t, const weir_source_events *events, void *engine)
{
    weir_partition *p = t->partition;
    t->partition = NULL;
    t->rewind = false;
    if (p) {
        events->revoked(engine, &p, 1, false);
    }
    if (t->resumes) {
        int64_t committed = t->committed < 0 ? 0 : t->committed;
        t->metadata = t->transacted ? t->said : t->metadata;
        t->next = t->transacted || committed < t->next ? committed : t->next;
        t->resumes = false;
    }
}

static bool assign(kept_topic *t, const weir_source_events *events, void *engine)
{
    t->partition = events->assigned(engine, weir_view_of(t->name), 0, t->next);
    if (t->partition && t->metadata.len) {
        events->resume(engine, t->partition, t->metadata);
    }
    t->metadata.len = 0;
    return t->partition;
}

static weir_status source_poll(void *self, const weir_source_events *events, void *engine,
    unsigned max_records, int timeout_ms, weir_error *err)
{
    weir_memory_source *s = self;
    (void)timeout_ms;
    for (kept_topic *t = s->first; t; t = t->after) {
        if (t->rewind) {
            give_back(t, events, engine);
        }
        if (!t->partition && !assign(t, events, engine)) {
            return weir_fail_oom(err);
        }
        for (; t->next < t->count && max_records && weir_partition_room(engine, t->partition);
             max_records--) {
            deliver(t, events, engine);
        }
        if (t->next == t->count && !t->ended) {
            t->ended = true;
            events->end(engine, t->partition, t->next);
        }
    }
    return WEIR_OK;
}

static weir_status source_commit(
    void *self, const weir_offset *offsets, size_t n, bool wait, weir_error *err)
{
    (void)wait, (void)err;
    for (size_t i = 0; i < n; i++) {
        kept_topic *t = find(self, weir_view_of(offsets[i].topic));
        if (t) {
            t->committed = offsets[i].next;
        }
    }
    return WEIR_OK;
}

static void source_release(void *self, void *message)
{
    (void)self, (void)message;
}

static void source_wake(void *self)
{
    (void)self;
}

static int64_t source_end_offset(void *self, const weir_partition *p)
{
    const kept_topic *t = find(self, weir_view_of(p->topic));
    return t ? t->count : -1;
}

static bool source_finished(void *self)
{
    (void)self;
    return false;
}

static void source_close(void *self)
{
    (void)self; /* its owner frees it */
}

static const weir_source_ops source_ops = {.type = "memory",
    .poll = source_poll,
    .commit = source_commit,
    .release = source_release,
    .wake = source_wake,
    .end_offset = source_end_offset,
    .finished = source_finished,
    .close = source_close};

/* ---- Filling ------------------------------------------------------------------------------------
 */

weir_status weir_memory_source_topic(weir_memory_source *s, const char *topic, weir_error *err)
{
    if (find(s, weir_view_of(topic))) {
        return WEIR_OK;
    }
    kept_topic *t = weir_arena_alloc(&s->arena, sizeof *t);
    const char *name = weir_arena_copy(&s->arena, weir_view_of(topic)).ptr;
    if (!t || !name) {
        return weir_fail_oom(err);
    }
    *t = (kept_topic){.name = name, .committed = -1};
    kept_topic **end = &s->first;
    while (*end) {
        end = &(*end)->after;
    }
    *end = t;
    return WEIR_OK;
}

static const weir_field *copy_headers(weir_memory_source *s, const weir_field *headers)
{
    size_t n = 0;
    while (headers && headers[n].kind) {
        n++;
    }
    weir_field *to = weir_arena_alloc(&s->arena, (n + 1) * sizeof *to);
    for (size_t i = 0; to && i < n; i++) {
        to[i] = headers[i];
        to[i].name = weir_arena_copy(&s->arena, weir_view_of(headers[i].name)).ptr;
        to[i].text = weir_arena_copy(&s->arena, headers[i].text);
    }
    if (to) {
        to[n] = (weir_field){.kind = WEIR_FIELD_END};
    }
    return to;
}

static bool grow(kept_topic *t)
{
    if (t->count < t->capacity) {
        return true;
    }
    int64_t more = t->capacity ? t->capacity * 2 : 16;
    kept_record *records = weir_realloc(t->records, (size_t)more * sizeof *records);
    if (records) {
        t->records = records;
        t->capacity = more;
    }
    return records;
}

weir_status weir_memory_source_add(weir_memory_source *s, const char *topic, weir_view key,
    weir_view value, const weir_field *headers, int64_t timestamp_ms, int64_t *offset,
    weir_error *err)
{
    kept_topic *t = find(s, weir_view_of(topic));
    int64_t none;
    offset = offset ? offset : &none;
    *offset = -1;
    if (!t) {
        return WEIR_OK;
    }
    kept_record r = {weir_arena_copy(&s->arena, key), weir_arena_copy(&s->arena, value),
        copy_headers(s, headers), timestamp_ms};
    if (s->arena.failed || !grow(t)) {
        return weir_fail_oom(err);
    }
    *offset = t->count;
    t->records[t->count++] = r;
    return WEIR_OK;
}

void weir_memory_source_rewind(weir_memory_source *s, const char *topic, int64_t offset)
{
    kept_topic *t = find(s, weir_view_of(topic));
    if (t && offset <= t->count) {
        t->next = offset;
        t->rewind = true;
        t->ended = false;
    }
}

void weir_memory_source_give_again(weir_memory_source *s, const char *topic, int64_t offset)
{
    kept_topic *t = find(s, weir_view_of(topic));
    weir_memory_source_rewind(s, topic, offset);
    if (t) {
        t->resumes = true;
    }
}

void weir_memory_source_resume(
    weir_memory_source *s, const char *topic, int64_t offset, weir_view metadata)
{
    kept_topic *t = find(s, weir_view_of(topic));
    weir_memory_source_rewind(s, topic, offset);
    if (t) {
        t->metadata = metadata;
    }
}

weir_status weir_memory_source_commit(
    weir_memory_source *s, const weir_offset *offsets, size_t n, weir_error *err)
{
    for (size_t i = 0; i < n; i++) {
        kept_topic *t = find(s, weir_view_of(offsets[i].topic));
        if (!t) {
            continue;
        }
        t->committed = offsets[i].next;
        t->transacted = true;
        t->said = weir_arena_copy(&s->arena, offsets[i].metadata);
        if (s->arena.failed) {
            return weir_fail_oom(err);
        }
    }
    return WEIR_OK;
}

int64_t weir_memory_source_committed(const weir_memory_source *s, const char *topic)
{
    const kept_topic *t = find(s, weir_view_of(topic));
    return t ? t->committed : -1;
}

int64_t weir_memory_source_end(const weir_memory_source *s, const char *topic)
{
    const kept_topic *t = find(s, weir_view_of(topic));
    return t ? t->count : 0;
}

const char *weir_memory_source_name(const weir_memory_source *s, size_t i)
{
    const kept_topic *t = s->first;
    while (t && i--) {
        t = t->after;
    }
    return t ? t->name : NULL;
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

weir_status weir_memory_source_new(
    weir_memory_source **out, weir_record_source *port, weir_error *err)
{
    weir_memory_source *s = *out = weir_calloc(1, sizeof *s);
    if (!s) {
        return weir_fail_oom(err);
    }
    weir_arena_init(&s->arena, 0);
    *port = (weir_record_source){&source_ops, s};
    return WEIR_OK;
}

void weir_memory_source_free(weir_memory_source *s)
{
    for (kept_topic *t = s ? s->first : NULL; t; t = t->after) {
        weir_free(t->records);
    }
    if (s) {
        weir_arena_fini(&s->arena);
        weir_free(s);
    }
}
