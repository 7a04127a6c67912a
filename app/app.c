/* Apps: a config and some handlers. See <weir/app.h>.
 *
 * An app has two readers at most: its consumer group, for handlers, and for each local store one
 * that holds all partitions (app/daemon.h). Here it begins, runs and ends; what it is made of is in
 * register.c, app_handlers.c and app_open.c. */
#include <string.h>
#include <unistd.h>

#include "app_state.h"
#include "base/alloc.h"
#include "kafka/kafka_dead_letter.h"
#include "kafka/kafka_emitter.h"
#include "kafka_properties.h"
#include "registry.h"

enum { WAIT_US = 20000, AFTER_DRAIN_MS = 5000 };

static weir_status load(weir_app *a, const char *path, weir_error *err)
{
    weir_config_problems problems;
    weir_config_problems_init(&problems);
    const weir_config_options *o = a->ports ? &weir_config_of_test : NULL;
    weir_status s = strchr(path, '\n') ? weir_config_parse(weir_view_of(path), "config", o,
                                             &a->config, &problems, err)
                                       : weir_config_load(path, o, &a->config, &problems, err);
    weir_config_problems_fini(&problems);
    if (!s) {
        weir_log_of_config(a->config, a->ports != NULL, &a->log);
        if (a->given_log) {
            a->log.write = a->given_log->write;
            a->log.ctx = a->given_log->ctx;
        }
    }
    return s;
}

static weir_status open_app(
    weir_app *a, const char *config, weir_setup_fn *setup, void *ctx, weir_error *err)
{
    weir_status s = load(a, config, err);
    s = s ? s : weir_registry_of(a->config, &a->schemas, err);
    if (!s && !setup) {
        return weir_fail(err, WEIR_E_APP_SETUP, "an app without a setup function");
    }
    if (!s) {
        setup(a, ctx);
        weir_check_setup(a);
        if (a->setup_error.status && err) {
            *err = a->setup_error;
        }
        s = a->setup_error.status;
    }
    return s ? s : weir_app_open_all(a, err);
}

weir_app *weir_app_new(const char *config_path, weir_setup_fn *setup, void *ctx, weir_error *err)
{
    weir_app *a = weir_calloc(1, sizeof *a);
    if (!a) {
        weir_fail_oom(err);
        return NULL;
    }
    weir_arena_init(&a->arena, 0);
    weir_health_init(&a->health);
    if (open_app(a, config_path, setup, ctx, err)) {
        weir_app_free(a);
        return NULL;
    }
    return a;
}

weir_status weir_app_open_with(const char *config, weir_setup_fn *setup, void *ctx,
    const weir_app_ports *ports, const weir_log *log, weir_app **out, weir_error *err)
{
    weir_app *a = *out = weir_calloc(1, sizeof *a);
    if (!a) {
        return weir_fail_oom(err);
    }
    weir_arena_init(&a->arena, 0);
    weir_health_init(&a->health);
    a->ports = ports;
    a->given_log = log;
    weir_status s = open_app(a, config, setup, ctx, err);
    if (s) {
        weir_app_free(a);
        *out = NULL;
    }
    return s;
}

weir_engine *weir_app_engine(weir_app *a)
{
    return a->engine.queues ? &a->engine : NULL;
}

/* ---- Running ------------------------------------------------------------------------------------
 */

weir_status weir_app_start(weir_app *a, weir_error *err)
{
    if (a->begun) {
        return weir_fail(err, WEIR_E_APP_SETUP, "an app is started once");
    }
    a->begun = true;
    weir_status s = a->daemon ? weir_daemon_start(a->daemon, err) : WEIR_OK;
    if (!s && a->handlers) {
        s = weir_transactions_start(a->transactions, a->config->limits.drain_ms, err);
        s = s ? s : weir_app_parking_start(&a->parking, err);
    }
    if (!s && a->handlers) {
        s = weir_run_start(&a->run, &a->engine, weir_exactly_once_background(&a->exactly_once),
            a->config->limits.drain_ms, err);
        a->started = !s;
    }
    return s;
}

void weir_app_stop(weir_app *a)
{
    if (a->started) {
        weir_run_stop(&a->run);
    }
}

bool weir_app_ended(const weir_app *a)
{
    bool handlers_ended = !a->handlers || weir_run_ended(&a->run);
    bool caches_failed = a->daemon && weir_daemon_ended(a->daemon);
    return (a->handlers && handlers_ended) || caches_failed;
}

bool weir_app_drained(const weir_app *a)
{
    return !a->started || weir_run_ended(&a->run);
}

bool weir_app_hangs(const weir_app *a)
{
    return a->hangs;
}

/* The drain's bound has passed, and still a handler has not come back: nothing that it may touch
 * can be taken away. */
static weir_status give_up(weir_app *a, weir_error *err)
{
    weir_error own, *why = err ? err : &own;
    a->hangs = true;
    if (weir_engine_failure(&a->engine, why)) {
        return why->status;
    }
    if (!weir_handlers_running(a->handlers, why)) {
        weir_fail(why, WEIR_E_HANDLER_STUCK, "a thread of the handlers does not come back");
    }
    return why->status = WEIR_FATAL;
}

/* Handlers first: while they drain, they may still look into caches. */
weir_status weir_app_wait(weir_app *a, weir_error *err)
{
    weir_error why;
    weir_status s = WEIR_OK;
    if (a->started) {
        while (!weir_app_ended(a)) {
            usleep(WAIT_US);
        }
        weir_run_stop(&a->run);
        while (!weir_app_drained(a)) { /* it was a cache that has ended */
            usleep(WAIT_US);
        }
        if (!weir_run_lanes_left(&a->run, AFTER_DRAIN_MS)) {
            return give_up(a, err);
        }
        s = weir_run_wait(&a->run, err);
        a->started = false;
    }
    weir_transactions_stop(a->transactions);
    weir_app_parking_stop(&a->parking);
    weir_status d = a->daemon ? weir_daemon_wait(a->daemon, &why) : WEIR_OK;
    if (d && !s && err) {
        *err = why;
    }
    return s ? s : d;
}

/* Handlers have had a place in their group: from then on it says if that is lost. */
static bool has_joined(const weir_app *a)
{
    return !a->handlers || (a->started && weir_kafka_source_joined(&a->engine.source));
}

const char *weir_app_waits_for(const weir_app *a)
{
    return a->daemon && !weir_daemon_ready(a->daemon)
               ? "what was in the caches' topics at the start"
           : !has_joined(a) ? "a place in the group"
                            : NULL;
}

bool weir_app_ready(const weir_app *a)
{
    return !weir_app_waits_for(a);
}

bool weir_app_live(const weir_app *a, weir_error *why)
{
    if (a->daemon && !weir_daemon_live(a->daemon)) {
        weir_fail(why, WEIR_E_HANDLER_STUCK, "a thread of a cache stands still");
        return false;
    }
    if (!a->started) {
        return true;
    }
    int64_t poll_may_ms = a->config->limits.drain_ms + WEIR_POLL_WAITS_MS;
    weir_silence silence = weir_run_overdue(&a->run, weir_monotonic_ms(), poll_may_ms);
    if (silence.ms > a->config->limits.stuck_after_ms && silence.thread == WEIR_THREAD_POLL) {
        weir_fail(why, WEIR_E_HANDLER_STUCK, "the poll thread stands still");
        return false;
    }
    return !weir_handlers_stuck(a->handlers, why);
}

bool weir_app_look(weir_app *a, weir_health_figures *figures, weir_error *why)
{
    *figures = (weir_health_figures){.stalled = 0};
    if (!a->started) {
        return false;
    }
    weir_status s = weir_health_look(
        &a->health, &a->engine, a->handlers, a->config->limits.stuck_after_ms, figures, why);
    return s || (a->parking.parking && weir_parking_unwell(a->parking.parking, why));
}

weir_status weir_app_health(weir_app *a, weir_error *given)
{
    weir_error own, *why = given ? given : &own;
    weir_health_figures figures;
    if (!weir_app_live(a, why) || weir_app_look(a, &figures, why)) {
        return why->status;
    }
    return WEIR_OK;
}

const weir_config *weir_app_config(const weir_app *a)
{
    return a->config;
}

const weir_log *weir_app_log(const weir_app *a)
{
    return &a->log;
}

size_t weir_app_topics(const weir_app *a, weir_arena *arena, const char ***out)
{
    *out = weir_arena_alloc(arena, (a->n_topics + 1) * sizeof **out);
    for (size_t i = 0; *out && i < a->n_topics; i++) {
        (*out)[i] = a->topics[i].topic;
    }
    return *out ? a->n_topics : 0;
}

weir_daemon *weir_app_daemon(const weir_app *a)
{
    return a->daemon;
}

weir_handlers *weir_app_handlers(const weir_app *a)
{
    return a->handlers;
}

weir_transactor *weir_app_transactor(const weir_app *a)
{
    return a->exactly_once.transactor;
}

weir_parking *weir_app_parking_of(const weir_app *a)
{
    return a->parking.parking;
}

size_t weir_app_breakers(const weir_app *a, weir_breaker_view *out, size_t max)
{
    size_t n = 0;
    for (weir_app_breaker *b = a->breakers; b && n < max; b = b->next) {
        out[n++] = weir_breaker_look(&b->breaker);
    }
    return n;
}

bool weir_app_exactly_once(const weir_app *a, weir_transactor_counters *out)
{
    const weir_transactor *t = a->exactly_once.transactor;
    if (t) {
        *out = weir_transactor_count(t);
    }
    return t;
}

const weir_validations *weir_app_validations(const weir_app *a)
{
    return &a->validations;
}

weir_transactions *weir_app_transactions(const weir_app *a)
{
    return a->transactions;
}

uint64_t weir_app_records(weir_app *a)
{
    uint64_t handled = a->handlers ? weir_engine_get_counts(&a->engine).settled : 0;
    return handled + (a->daemon ? weir_daemon_count(a->daemon).settled : 0);
}

void weir_app_free(weir_app *a)
{
    if (!a || a->hangs) {
        return;
    }
    weir_app_parking_stop(&a->parking); /* it may look at the engine */
    if (a->engine.queues) {
        weir_engine_fini(&a->engine);
        if (a->engine.queues) {
            return; /* messages that their users never settled still need it, and so does the source
                     */
        }
    } else if (a->source.ops) {
        a->source.ops->close(a->source.self);
    }
    weir_run_fini(&a->run);
    if (a->emitter.self) {
        weir_kafka_emitter_close(&a->emitter);
    }
    weir_exactly_once_close(&a->exactly_once);
    weir_handlers_free(a->handlers);
    weir_app_parking_close(&a->parking);
    weir_transactions_close(a->transactions);
    weir_kafka_dead_letters_close(&a->dead_letters);
    weir_daemon_close(a->daemon);
    weir_validations_close(&a->validations);
    weir_avro_schemas_free(a->schemas);
    for (weir_app_breaker *b = a->breakers; b; b = b->next) {
        weir_breaker_fini(&b->breaker);
    }
    weir_config_free(a->config);
    weir_health_fini(&a->health);
    weir_arena_fini(&a->arena);
    weir_free(a);
}
