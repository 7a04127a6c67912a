/* A source for one engine that does in each poll what a test has told it, and keeps what the engine
 * asks of it. Include after cmocka.h. */
#ifndef WEIR_TESTS_SCRIPTED_SOURCE_H
#define WEIR_TESTS_SCRIPTED_SOURCE_H

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"

enum { SCRIPT_DEEDS = 256, SCRIPT_PARTITIONS = 4, SCRIPT_COMMITS = 256 };

typedef enum script_kind {
    SCRIPT_ASSIGN, /* offset: start; value: the commit's metadata, or NULL */
    SCRIPT_RECORD,
    SCRIPT_END,
    SCRIPT_REVOKE, /* all partitions */
    SCRIPT_LOSE,
    SCRIPT_TROUBLE,  /* code */
    SCRIPT_ANSWER,   /* of a commit: offset */
    SCRIPT_FAIL_POLL /* code */
} script_kind;

typedef struct script_deed {
    script_kind kind;
    int partition;
    int64_t offset;
    const char *key, *value; /* NULL: null */
    const char *header;      /* NULL: none */
    const char *header_name; /* NULL: `type` */
    weir_code code;
} script_deed;

typedef struct script_commit {
    int partition;
    int64_t next;
    bool wait;
    char said[128]; /* its metadata */
} script_commit;

typedef struct script_message {
    bool released;
    const char *header, *header_name;
} script_message;

typedef struct script {
    const char *topic;
    const char *topics[SCRIPT_PARTITIONS]; /* of a partition that is of another topic */
    script_deed deeds[SCRIPT_DEEDS];       /* of the next poll */
    size_t n_deeds;
    weir_partition *held[SCRIPT_PARTITIONS];
    script_message messages[SCRIPT_DEEDS * 4];
    size_t n_messages, n_released;
    script_commit commits[SCRIPT_COMMITS];
    size_t n_commits;
    weir_code commit_fails; /* WEIR_E_NONE: it does not */
    unsigned wakes, closes;
} script;

static inline void script_add(script *s, script_deed deed)
{
    assert_true(s->n_deeds < SCRIPT_DEEDS);
    s->deeds[s->n_deeds++] = deed;
}

static inline void script_record(script *s, int partition, int64_t offset, const char *key)
{
    script_add(s, (script_deed){.kind = SCRIPT_RECORD,
                      .partition = partition,
                      .offset = offset,
                      .key = key,
                      .value = "{}"});
}

static inline bool script_header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const script_message *m = self;
    *name = weir_view_of(m->header_name ? m->header_name : "type");
    *value = weir_view_of(m->header);
    return i == 0 && m->header;
}

static inline const char *script_topic(const script *s, int partition)
{
    return s->topics[partition] ? s->topics[partition] : s->topic;
}

static inline void script_deliver(
    script *s, const script_deed *d, const weir_source_events *events, void *engine)
{
    assert_true(s->n_messages < sizeof s->messages / sizeof *s->messages);
    script_message *m = &s->messages[s->n_messages++];
    *m = (script_message){.header = d->header, .header_name = d->header_name};
    weir_raw_record raw = {.topic = weir_view_of(script_topic(s, d->partition)),
        .key = weir_view_of(d->key),
        .value = weir_view_of(d->value),
        .partition = d->partition,
        .offset = d->offset,
        .headers = {script_header_at, m}};
    events->record(engine, s->held[d->partition], &raw, m);
}

static inline void script_let_go(
    script *s, const weir_source_events *events, void *engine, bool lost)
{
    weir_partition *gone[SCRIPT_PARTITIONS];
    size_t n = 0;
    for (int i = 0; i < SCRIPT_PARTITIONS; i++) {
        if (s->held[i]) {
            gone[n++] = s->held[i];
            s->held[i] = NULL;
        }
    }
    events->revoked(engine, gone, n, lost);
}

static inline weir_status script_play(script *s, const script_deed *d,
    const weir_source_events *events, void *engine, weir_error *err)
{
    weir_error trouble;
    switch (d->kind) {
    case SCRIPT_ASSIGN:
        s->held[d->partition] = events->assigned(
            engine, weir_view_of(script_topic(s, d->partition)), d->partition, d->offset);
        if (s->held[d->partition] && d->value) {
            events->resume(engine, s->held[d->partition], weir_view_of(d->value));
        }
        break;
    case SCRIPT_RECORD:
        if (s->held[d->partition]) {
            script_deliver(s, d, events, engine);
        }
        break;
    case SCRIPT_END:
        if (s->held[d->partition]) {
            events->end(engine, s->held[d->partition], d->offset);
        }
        break;
    case SCRIPT_REVOKE:
    case SCRIPT_LOSE:
        script_let_go(s, events, engine, d->kind == SCRIPT_LOSE);
        break;
    case SCRIPT_TROUBLE:
        weir_fail(&trouble, d->code, "scripted");
        events->error(engine, &trouble);
        break;
    case SCRIPT_ANSWER:
        events->committed(engine, s->topic, d->partition, d->offset);
        break;
    case SCRIPT_FAIL_POLL:
        return weir_fail(err, d->code, "scripted");
    }
    return WEIR_OK;
}

static inline weir_status script_poll(void *self, const weir_source_events *events, void *engine,
    unsigned max_records, int timeout_ms, weir_error *err)
{
    script *s = self;
    weir_status status = WEIR_OK;
    (void)max_records, (void)timeout_ms;
    for (size_t i = 0; i < s->n_deeds && !status; i++) {
        status = script_play(s, &s->deeds[i], events, engine, err);
    }
    s->n_deeds = 0;
    return status;
}

static inline weir_status script_on_commit(
    void *self, const weir_offset *offsets, size_t n, bool wait, weir_error *err)
{
    script *s = self;
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(offsets[i].topic, s->topic);
        assert_true(s->n_commits < SCRIPT_COMMITS);
        script_commit *c = &s->commits[s->n_commits++];
        *c = (script_commit){offsets[i].number, offsets[i].next, wait, ""};
        assert_true(offsets[i].metadata.len < sizeof c->said);
        memcpy(c->said, offsets[i].metadata.ptr ? offsets[i].metadata.ptr : "",
            offsets[i].metadata.len);
    }
    return s->commit_fails ? weir_fail(err, s->commit_fails, "scripted") : WEIR_OK;
}

static inline void script_release(void *self, void *message)
{
    script *s = self;
    script_message *m = message;
    assert_false(m->released);
    m->released = true;
    s->n_released++;
}

static inline void script_wake(void *self)
{
    ((script *)self)->wakes++;
}

static inline int64_t script_end_offset(void *self, const weir_partition *p)
{
    (void)self, (void)p;
    return 777;
}

static inline bool script_finished(void *self)
{
    (void)self;
    return false;
}

static inline void script_close(void *self)
{
    ((script *)self)->closes++;
}

static const weir_source_ops script_ops = {
    .type = "script",
    .poll = script_poll,
    .commit = script_on_commit,
    .release = script_release,
    .wake = script_wake,
    .end_offset = script_end_offset,
    .finished = script_finished,
    .close = script_close,
};

static inline weir_record_source script_source(script *s)
{
    s->topic = s->topic ? s->topic : "orders";
    return (weir_record_source){&script_ops, s};
}

/* ---- A log that counts --------------------------------------------------------------------------
 */

typedef struct script_log {
    weir_log log;
    unsigned lines;
    char last[512];
} script_log;

static inline void script_log_write(void *ctx, const char *line, size_t len)
{
    script_log *l = ctx;
    l->lines++;
    len = len < sizeof l->last ? len : sizeof l->last - 1;
    memcpy(l->last, line, len);
    l->last[len] = '\0';
}

static inline const weir_log *script_log_begin(script_log *l)
{
    *l = (script_log){.log = {.write = script_log_write, .ctx = l}};
    atomic_store(&l->log.level, WEIR_LOG_WARN);
    return &l->log;
}

#endif
