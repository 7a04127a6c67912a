/* Emits in memory. See memory_emitter.h. */
#include "memory/memory_emitter.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"

enum { MOST_HELD = 4096 };

struct weir_memory_emitter {
    pthread_mutex_t lock;
    weir_arena arena; /* of the copies */
    weir_memory_emit *items;
    size_t count, capacity;
    weir_sending *held[MOST_HELD];
    size_t n_held;
    bool hold;
    size_t fails;
    weir_error why;
    char limited[250]; /* a topic, … */
    size_t most_bytes; /* … and what it takes */
};

/* ---- Keeping ------------------------------------------------------------------------------------
 */

static bool keep_headers(weir_memory_emitter *e, const weir_outgoing *o, weir_memory_emit *to)
{
    to->headers = weir_arena_alloc(&e->arena, (o->n_headers + 1) * sizeof *to->headers);
    for (size_t i = 0; to->headers && i < o->n_headers; i++) {
        to->headers[i].name = weir_arena_copy(&e->arena, o->headers[i].name);
        to->headers[i].value = weir_arena_copy(&e->arena, o->headers[i].value);
        to->n_headers++;
    }
    return to->headers && !e->arena.failed;
}

static bool keep_one(weir_memory_emitter *e, const weir_outgoing *o)
{
    if (e->count == e->capacity) {
        size_t more = e->capacity ? e->capacity * 2 : 64;
        weir_memory_emit *items = weir_realloc(e->items, more * sizeof *items);
        if (!items) {
            return false;
        }
        e->items = items;
        e->capacity = more;
    }
    weir_memory_emit to = {
        .key = weir_arena_copy(&e->arena, o->key), .value = weir_arena_copy(&e->arena, o->value)};
    weir_view topic = weir_arena_copy(&e->arena, weir_view_of(o->topic));
    to.topic = (char *)(uintptr_t)topic.ptr;
    if (!to.topic || !keep_headers(e, o, &to)) {
        return false;
    }
    e->items[e->count++] = to;
    return true;
}

void weir_memory_emitter_limit(weir_memory_emitter *e, const char *topic, size_t most_bytes)
{
    snprintf(e->limited, sizeof e->limited, "%s", topic);
    e->most_bytes = most_bytes;
}

bool weir_memory_emitter_refuses(const weir_memory_emitter *e, const weir_outgoing *o)
{
    return strcmp(o->topic, e->limited) == 0 && weir_outgoing_bytes(o) > e->most_bytes;
}

/* All of them or none. */
static weir_status keep(weir_memory_emitter *e, const weir_sending *s, weir_error *err)
{
    size_t before = e->count;
    *err = (weir_error){.status = WEIR_OK};
    if (e->fails) {
        e->fails--;
        *err = e->why;
        return err->status;
    }
    for (const weir_outgoing *o = s->first; o; o = o->next) {
        if (weir_memory_emitter_refuses(e, o)) {
            e->count = before;
            return weir_fail(err, WEIR_E_EMIT_TOO_LARGE, "emit to topic %s", o->topic);
        }
        if (!keep_one(e, o)) {
            e->count = before;
            e->arena.failed = false;
            return weir_fail_oom(err);
        }
    }
    return WEIR_OK;
}

static void emitter_send(void *self, weir_sending *s)
{
    weir_memory_emitter *e = self;
    weir_error err;
    pthread_mutex_lock(&e->lock);
    bool held = e->hold && e->n_held < MOST_HELD;
    if (held) {
        e->held[e->n_held++] = s;
    } else {
        (void)keep(e, s, &err);
    }
    pthread_mutex_unlock(&e->lock);
    if (!held) {
        s->done(s, &err);
    }
}

static void emitter_cancel(void *self)
{
    weir_memory_emitter *e = self;
    weir_error err;
    weir_fail(&err, WEIR_E_KAFKA_PRODUCE, "given up");
    pthread_mutex_lock(&e->lock);
    e->hold = false;
    size_t n = e->n_held;
    e->n_held = 0;
    pthread_mutex_unlock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        e->held[i]->done(e->held[i], &err);
    }
}

/* ---- Asking -------------------------------------------------------------------------------------
 */

size_t weir_memory_emitter_count(const weir_memory_emitter *e)
{
    return e->count;
}

const weir_memory_emit *weir_memory_emitter_at(const weir_memory_emitter *e, size_t i)
{
    return i < e->count ? &e->items[i] : NULL;
}

weir_view weir_memory_emit_header(const weir_memory_emit *e, const char *name)
{
    for (size_t i = 0; i < e->n_headers; i++) {
        if (weir_view_is(e->headers[i].name, name)) {
            return e->headers[i].value;
        }
    }
    return (weir_view){NULL, 0};
}

void weir_memory_emitter_fail(weir_memory_emitter *e, size_t n, const weir_error *why)
{
    e->fails = n;
    e->why = *why;
}

void weir_memory_emitter_hold(weir_memory_emitter *e, bool held)
{
    pthread_mutex_lock(&e->lock);
    e->hold = held;
    size_t n = held ? 0 : e->n_held;
    e->n_held = held ? e->n_held : 0;
    pthread_mutex_unlock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        emitter_send(e, e->held[i]);
    }
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

weir_status weir_memory_emitter_new(weir_memory_emitter **out, weir_emitter *port, weir_error *err)
{
    weir_memory_emitter *e = *out = weir_calloc(1, sizeof *e);
    if (!e) {
        return weir_fail_oom(err);
    }
    pthread_mutex_init(&e->lock, NULL);
    weir_arena_init(&e->arena, 0);
    *port = (weir_emitter){emitter_send, emitter_cancel, e};
    return WEIR_OK;
}

void weir_memory_emitter_free(weir_memory_emitter *e)
{
    if (e) {
        weir_arena_fini(&e->arena);
        weir_free(e->items);
        pthread_mutex_destroy(&e->lock);
        weir_free(e);
    }
}
