/* The inside of a weir_app, and the steps by which it is opened. Private to app/app.c, register.c,
 * app_handlers.c and app_open.c. */
#ifndef WEIR_APP_STATE_H
#define WEIR_APP_STATE_H

#include "app_inside.h"
#include "app_parking.h"
#include "config.h"
#include "daemon.h"
#include "engine/run.h"
#include "exactly_once.h"
#include "policy.h"
#include "service/handlers.h"
#include "transactions.h"

/* A handler that was registered for a topic. */
typedef struct weir_routed_handler {
    weir_route route;
    const char *topic;
    const weir_config_source *from; /* NULL: no CDC topic */
    struct weir_routed_handler *next;
} weir_routed_handler;

struct weir_app {
    weir_config *config;
    weir_log log;
    weir_error setup_error;
    weir_arena arena; /* what is registered */
    weir_avro_schemas *schemas;
    weir_routed_handler *first, *last;
    weir_app_breaker *breakers;
    weir_transactions *transactions;
    weir_middleware *middleware;
    size_t n_middleware;
    weir_batch_middleware *batch_middleware;
    size_t n_batch_middleware;
    bool has_batches, batches_need_none;
    weir_validations validations;
    weir_routed_topic *topics;
    size_t n_topics;
    weir_daemon *daemon; /* NULL: no caches */
    weir_handlers *handlers;
    weir_record_source source;
    weir_dead_letters dead_letters;
    weir_emitter emitter;
    weir_exactly_once exactly_once; /* in place of the two before, where it is asked for */
    bool parks;                     /* a handler of it does, whatever the config says */
    weir_app_parking parking;       /* of its keys; parking NULL: their followers go on */
    weir_engine engine;
    weir_run run;
    weir_health health;
    const weir_app_ports *ports; /* NULL: Kafka, and the clock */
    const weir_log *given_log;   /* with them */
    bool begun;                  /* weir_app_start was called */
    atomic_bool started;
    bool
        hangs; /* a handler of it did not come back: its thread lives on, and so must all of this */
};

/* register.c: what no single call of the setup shows to be wrong; into setup_error. */
void weir_check_setup(weir_app *a);
/* app_handlers.c: what was registered, by topic, and the handlers of it. */
WEIR_MUST_USE weir_status weir_app_gather_topics(weir_app *a, weir_error *err);
WEIR_MUST_USE weir_status weir_app_open_handlers(weir_app *a, weir_error *err);
/* app_open.c: all that an app runs on. */
WEIR_MUST_USE weir_status weir_app_open_all(weir_app *a, weir_error *err);

#endif
