/* Handlers on an engine over a scripted source, in virtual time, on the test's thread. Include
 * after cmocka.h. */
#ifndef WEIR_TESTS_SCRIPTED_APP_H
#define WEIR_TESTS_SCRIPTED_APP_H

#include <weir/weir.h>

#include "service/handler_lane.h"
#include "support/scripted_source.h"

enum { APP_LANES = 2, APP_CALLS = 512, APP_LETTERS = 16, APP_KEPT = 512 };

typedef struct app app;

/* A dead letter, as it was when it was written. */
typedef struct app_letter {
    int64_t offset;
    char key[64], value[64], header[64];
    weir_error error;
    uint32_t attempts;
} app_letter;

struct app {
    weir_engine engine;
    weir_handlers *handlers;
    script script;
    script_log log;
    int64_t now_ms;
    weir_handlers_options options;
    weir_engine_options engine_options;
    weir_routed_topic topic;
    weir_route routes[2];

    weir_status (*handle)(app *a, weir_message *m); /* NULL: OK */
    struct app_call {
        int64_t offset, at_ms;
        unsigned attempt;
    } calls[APP_CALLS];
    size_t n_calls;
    void *kept_flag; /* of a test's handler */
    weir_message *kept[APP_KEPT];
    size_t n_kept;

    weir_status letters_status;
    app_letter letters[APP_LETTERS];
    size_t n_letters, letters_refused;
};

static inline weir_status app_handle(weir_message *m, void *ctx)
{
    app *a = ctx;
    assert_true(a->n_calls < APP_CALLS);
    a->calls[a->n_calls++] = (struct app_call){weir_record_offset(m), a->now_ms, weir_attempt(m)};
    return a->handle ? a->handle(a, m) : WEIR_OK;
}

/* The message is kept in a->kept. */
static inline weir_status app_defer(app *a, weir_message *m)
{
    a->kept[a->n_kept++] = m;
    return weir_defer(m, 0);
}

static inline void app_copy(char *to, size_t size, weir_view v)
{
    size_t n = v.len < size ? v.len : size - 1;
    memcpy(to, v.ptr ? v.ptr : "", n);
    to[n] = '\0';
}

static inline weir_status app_write_letters(
    void *self, const weir_dead_letter *letters, size_t n, weir_error *err)
{
    app *a = self;
    assert_int_equal(n, 1);
    if (a->letters_status) {
        a->letters_refused++;
        weir_fail(err, WEIR_E_KAFKA_PRODUCE, "scripted");
        return err->status = a->letters_status;
    }
    assert_true(a->n_letters < APP_LETTERS);
    app_letter *l = &a->letters[a->n_letters++];
    const weir_raw_record *r = letters->record;
    weir_view name, value = {NULL, 0};
    r->headers.at(r->headers.self, 0, &name, &value);
    *l = (app_letter){.offset = r->offset, .error = letters->error, .attempts = letters->attempts};
    app_copy(l->key, sizeof l->key, r->key);
    app_copy(l->value, sizeof l->value, r->value);
    app_copy(l->header, sizeof l->header, value);
    return WEIR_OK;
}

static inline int64_t app_now(void *ctx)
{
    return ((app *)ctx)->now_ms;
}

static inline uint32_t app_tag(void *ctx, weir_view topic)
{
    return weir_handlers_tag(((app *)ctx)->handlers, topic);
}

static inline bool app_no_wait(void *ctx)
{
    (void)ctx;
    return false;
}

/* One topic, "orders", handled whatever its records are; to be changed before app_open. */
static inline void app_init(app *a)
{
    memset(a, 0, sizeof *a);
    a->now_ms = 1000000;
    a->routes[0] = (weir_route){.fn = app_handle, .ctx = a};
    a->topic = (weir_routed_topic){.topic = "orders", .routes = a->routes, .n_routes = 1};
    a->engine_options = (weir_engine_options){.name = "test",
        .lanes = APP_LANES,
        .group = true,
        .commit_interval_ms = 1,
        .tag = app_tag,
        .wait = app_no_wait,
        .ctx = a,
        .log = script_log_begin(&a->log)};
    a->options = (weir_handlers_options){.name = "test",
        .topics = &a->topic,
        .n_topics = 1,
        .lanes = APP_LANES,
        .max_attempts = 4,
        .backoff_ms = 100,
        .max_backoff_ms = 30000,
        .stuck_after_ms = 60000,
        .dead_letters = {app_write_letters, a},
        .now_ms = app_now,
        .ctx = a,
        .log = &a->log.log};
}

static inline weir_status app_open(app *a)
{
    weir_error err;
    weir_status s = weir_handlers_new(&a->options, &a->handlers, &err);
    if (s) {
        return s;
    }
    s = weir_engine_init(&a->engine, &a->engine_options, script_source(&a->script),
        (weir_processor){&weir_handlers_processor, a->handlers}, &err);
    if (s) {
        weir_handlers_free(a->handlers);
        return s;
    }
    weir_handlers_attach(a->handlers, &a->engine);
    script_add(&a->script, (script_deed){.kind = SCRIPT_ASSIGN, .partition = 0, .offset = 0});
    return WEIR_OK;
}

static inline void app_begin(app *a, weir_status (*handle)(app *a, weir_message *m))
{
    app_init(a);
    a->handle = handle;
    assert_int_equal(app_open(a), WEIR_OK);
}

static inline void app_run_lanes(app *a)
{
    for (unsigned lane = 0; lane < APP_LANES; lane++) {
        weir_lane_queue *q = &a->engine.queues[lane];
        do {
            weir_chunk *c = weir_engine_next(&a->engine, lane, 0);
            if (c) {
                weir_handlers_processor.take(a->handlers, lane, c);
            }
            weir_handlers_processor.step(a->handlers, lane, a->now_ms);
        } while (q->first || q->woken);
    }
}

/* Polls, lets the lanes do what is due, and polls again for the commit. */
static inline weir_status app_run(app *a)
{
    weir_status s = weir_engine_poll(&a->engine, a->now_ms, 0);
    app_run_lanes(a);
    a->now_ms++;
    weir_status again = weir_engine_poll(&a->engine, a->now_ms, 0);
    return s ? s : again;
}

/* When a lane wants to be called again. */
static inline int64_t app_next_due(app *a)
{
    int64_t next = INT64_MAX;
    for (unsigned lane = 0; lane < APP_LANES; lane++) {
        int64_t due = weir_lane_next_due(&a->handlers->lanes[lane].lane);
        next = due < next ? due : next;
    }
    return next;
}

/* To the moment when something is due, and what is due is done. */
static inline void app_run_due(app *a)
{
    int64_t due = app_next_due(a);
    assert_true(due != INT64_MAX);
    a->now_ms = due > a->now_ms ? due : a->now_ms;
    app_run_lanes(a);
}

static inline int64_t app_committed(const app *a)
{
    return a->script.n_commits ? a->script.commits[a->script.n_commits - 1].next : 0;
}

static inline void app_expect_failure(app *a, const char *code, const char *where)
{
    weir_error err;
    assert_true(weir_engine_failure(&a->engine, &err));
    assert_string_equal(err.code, code);
    assert_string_equal(err.where, where);
}

/* Takes everything down; nothing may be left. */
static inline void app_end(app *a)
{
    weir_engine_abandon(&a->engine);
    weir_engine_fini(&a->engine);
    weir_handlers_free(a->handlers);
    assert_int_equal(a->script.n_released, a->script.n_messages);
    assert_int_equal(weir_alloc_live(), 0);
}

#endif
