/* `delivery: exactly_once` of an app: the transactor of its handlers and the transactions of Kafka
 * that it commits by. Private to app/.
 *
 * Thread: the app's owner, but for counting. */
#ifndef WEIR_APP_EXACTLY_ONCE_H
#define WEIR_APP_EXACTLY_ONCE_H

#include "config.h"
#include "engine/run.h"
#include "kafka/kafka_transactions.h"
#include "service/handlers.h"

typedef struct weir_exactly_once {
    weir_transaction_port port;
    bool given;                   /* the port, for tests */
    weir_transactor *transactor;  /* NULL: at least once */
    weir_handlers *handlers;      /* from weir_exactly_once_attach on */
    int64_t (*now_ms)(void *ctx); /* the tests'; NULL: the clock */
    void *now_ctx;
} weir_exactly_once;

/* Does nothing where the config does not ask for it. `x` must not move afterwards. */
WEIR_MUST_USE weir_status weir_exactly_once_open(weir_exactly_once *x, const weir_config *config,
    const weir_kafka_property *producer, size_t n, weir_record_source source, weir_arena *arena,
    const weir_log *log, weir_error *err);
/* The same over a port that is given, with the clock that goes with it: for tests. */
WEIR_MUST_USE weir_status weir_exactly_once_open_with(weir_exactly_once *x,
    const weir_config *config, const weir_transaction_port *port, int64_t (*now_ms)(void *ctx),
    void *now_ctx, const weir_log *log, weir_error *err);
/* What handlers are told of it. */
void weir_exactly_once_tell(
    const weir_exactly_once *x, const weir_config *config, weir_handlers_options *o);
void weir_exactly_once_attach(weir_exactly_once *x, weir_handlers *h, weir_engine *e);
/* For weir_run_start. */
weir_background weir_exactly_once_background(const weir_exactly_once *x);
/* Behind the run; the handlers are still there. */
void weir_exactly_once_close(weir_exactly_once *x);

#endif
