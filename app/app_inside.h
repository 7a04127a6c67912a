/* What the rest of app/ sees of a weir_app. Private to it. */
#ifndef WEIR_APP_INSIDE_H
#define WEIR_APP_INSIDE_H

#include <weir/weir.h>

#include "config.h"
#include "daemon.h"
#include "health.h"
#include "service/handlers.h"
#include "transactions.h"
#include "validation.h"

/* What an app is given instead of Kafka, clocks and caches: for tests. All borrowed. */
typedef struct weir_app_ports {
    weir_record_source source; /* closed with the app's engine */
    weir_dead_letters dead_letters;
    weir_emitter emitter;
    weir_parked_log parked;
    weir_transaction_port transactions;
    int64_t (*now_ms)(void *ctx);
    weir_status (*lookup)(void *ctx, const char *cache, weir_view key, const weir_freshness *min,
        int64_t *age_ms, weir_buf *row, bool *found, weir_error *err);
    /* A topic that the app's handlers read. */
    weir_status (*topic)(void *ctx, const char *topic, weir_error *err);
    void *ctx;
} weir_app_ports;

/* config: a path, or YAML, which has a newline. The app is not started, but driven by who opened
 * it: one lane, and a drain waits for nothing. */
WEIR_MUST_USE weir_status weir_app_open_with(const char *config, weir_setup_fn *setup, void *ctx,
    const weir_app_ports *ports, const weir_log *log, weir_app **out, weir_error *err);
weir_engine *weir_app_engine(weir_app *a);
/* After weir_app_stop: is nothing in hand any more, or has limits.drain passed? */
bool weir_app_drained(const weir_app *a);
/* After weir_app_wait: a handler has not come back, and its thread lives on. */
bool weir_app_hangs(const weir_app *a);
/* The source of "schema.table" or "source.schema.table"; *table is what stands behind the source.
 * NULL: there is none. */
const weir_config_source *weir_app_source_of(
    const weir_config *config, const char *name, const char **table);
/* Says that there is none, and how it would be written. Returns the error's status. */
weir_status weir_app_no_source(
    const weir_config *config, const char *name, weir_code code, weir_error *err);
/* The topic of a source's table. NULL: out of memory. */
const char *weir_topic_of_table(weir_arena *arena, const weir_config_source *s, const char *table);

const weir_config *weir_app_config(const weir_app *a);
const weir_log *weir_app_log(const weir_app *a);
/* The topics of its handlers, and patterns of such, as the config and the code name them; *out
 * NULL: out of memory. Returns how many. */
size_t weir_app_topics(const weir_app *a, weir_arena *arena, const char ***out);
/* What keeps its caches; NULL: it has none. */
weir_daemon *weir_app_daemon(const weir_app *a);
/* Why it is not ready; NULL: it is. Thread: any. */
const char *weir_app_waits_for(const weir_app *a);
/* What runs its handlers; NULL: it has none. */
weir_handlers *weir_app_handlers(const weir_app *a);
/* What commits for it; NULL: it handles at least once. */
weir_transactor *weir_app_transactor(const weir_app *a);
/* Which of its keys are parked; NULL: none ever is. */
weir_parking *weir_app_parking_of(const weir_app *a);
/* Its circuit breakers, as they are; at most max. Thread: any. */
size_t weir_app_breakers(const weir_app *a, weir_breaker_view *out, size_t max);
/* The databases of its handlers, as a list; NULL: there are none. */
weir_transactions *weir_app_transactions(const weir_app *a);
/* Is something not well with its handlers, though they live? Thread: any. */
bool weir_app_look(weir_app *a, weir_health_figures *figures, weir_error *why);
/* False: it has none, since it handles at least once. Thread: any. */
bool weir_app_exactly_once(const weir_app *a, weir_transactor_counters *out);
/* What rows and events must fit. */
const weir_validations *weir_app_validations(const weir_app *a);
/* Records that are done with, by handlers and by caches. */
uint64_t weir_app_records(weir_app *a);

#endif
