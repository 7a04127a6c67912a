/* Exactly once by Kafka's transactions, for an app. See exactly_once.h. */
#include "exactly_once.h"

#include <time.h>

static void fit(void *ctx, weir_record *r)
{
    weir_handlers_fit_effects(((weir_exactly_once *)ctx)->handlers, r);
}

static weir_status reject(void *ctx, weir_record *r, const weir_outgoing *refused, weir_error *why)
{
    return weir_handlers_reject_effects(((weir_exactly_once *)ctx)->handlers, r, refused, why);
}

static bool may_hold(void *ctx, const weir_record *r, weir_error *why)
{
    return weir_handlers_may_hold(((weir_exactly_once *)ctx)->handlers, r, why);
}

static int64_t now_ms(void *ctx)
{
    const weir_exactly_once *x = ctx;
    return x->now_ms ? x->now_ms(x->now_ctx) : weir_monotonic_ms();
}

static int64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static weir_status open_port(weir_exactly_once *x, const weir_config *c,
    const weir_kafka_property *producer, size_t n, weir_record_source source, weir_arena *arena,
    const weir_log *log, weir_error *err)
{
    weir_kafka_transactions_options o = {.properties = producer,
        .n_properties = n,
        .transactional_id = weir_arena_printf(arena, "%s.%s", c->name, c->instance).ptr,
        .transaction_ms = (int)c->limits.transaction_ms,
        .source = source,
        .alive = weir_run_alive,
        .log = log};
    return o.transactional_id ? weir_kafka_transactions_open(&o, &x->port, err)
                              : weir_fail_oom(err);
}

static weir_status open_transactor(
    weir_exactly_once *x, const weir_config *config, const weir_log *log, weir_error *err)
{
    weir_transactor_options t = {.name = config->name,
        .port = x->port,
        .most_bytes = config->limits.emit_bytes,
        .list = weir_handlers_list,
        .bytes = weir_handlers_bytes,
        .free = weir_handlers_free_effects,
        .fit = fit,
        .reject = reject,
        .may_hold = may_hold,
        .ctx = x,
        .now_ms = now_ms,
        .log = log};
    return weir_transactor_new(&t, &x->transactor, err);
}

weir_status weir_exactly_once_open(weir_exactly_once *x, const weir_config *config,
    const weir_kafka_property *producer, size_t n, weir_record_source source, weir_arena *arena,
    const weir_log *log, weir_error *err)
{
    if (config->delivery != WEIR_CONFIG_DELIVERY_EXACTLY_ONCE) {
        return WEIR_OK;
    }
    weir_status s = open_port(x, config, producer, n, source, arena, log, err);
    return s ? s : open_transactor(x, config, log, err);
}

weir_status weir_exactly_once_open_with(weir_exactly_once *x, const weir_config *config,
    const weir_transaction_port *port, int64_t (*clock)(void *ctx), void *clock_ctx,
    const weir_log *log, weir_error *err)
{
    if (config->delivery != WEIR_CONFIG_DELIVERY_EXACTLY_ONCE) {
        return WEIR_OK;
    }
    x->port = *port;
    x->given = true;
    x->now_ms = clock;
    x->now_ctx = clock_ctx;
    return open_transactor(x, config, log, err);
}

void weir_exactly_once_tell(
    const weir_exactly_once *x, const weir_config *config, weir_handlers_options *o)
{
    o->transactor = x->transactor;
    o->letter_topic = config->errors.dead_letter.topic;
    o->letter_group = config->name;
    o->letters_hold = config->errors.dead_letter.on_unwritable == WEIR_CONFIG_OR_HOLD;
    o->wall_ms = wall_ms;
}

void weir_exactly_once_attach(weir_exactly_once *x, weir_handlers *h, weir_engine *e)
{
    x->handlers = h;
    if (x->transactor) {
        weir_transactor_attach(x->transactor, e);
    }
}

weir_background weir_exactly_once_background(const weir_exactly_once *x)
{
    return x->transactor ? weir_transactor_background(x->transactor)
                         : (weir_background){.work = NULL};
}

void weir_exactly_once_close(weir_exactly_once *x)
{
    if (!x->given) {
        weir_kafka_transactions_close(&x->port);
    }
    weir_transactor_free(x->transactor);
    x->transactor = NULL;
}
