/* What an app runs on: Kafka, or what tests give it; its databases, its caches, its engine. */
#include <string.h>

#include "app_state.h"
#include "kafka/kafka_dead_letter.h"
#include "kafka/kafka_emitter.h"
#include "kafka/kafka_source.h"
#include "kafka_properties.h"
#include "patterns.h"
#include "rules.h"

/* Where emits and dead letters go. */
static weir_status open_producers(
    weir_app *a, const weir_kafka_property *producer, size_t n, weir_error *err)
{
    const weir_config *c = a->config;
    weir_kafka_emitter_options e = {.properties = producer,
        .n_properties = n,
        .in_flight_bytes = c->limits.emit_bytes,
        .timeout_ms = weir_letter_timeout_ms(c),
        .alive = weir_run_alive,
        .log = &a->log};
    weir_transactions_options t = {.config = c, .arena = &a->arena, .kafka = &e, .log = &a->log};
    weir_status s = weir_transactions_open(a->transactions, &t, err);
    s = s ? s
          : weir_exactly_once_open(
                &a->exactly_once, c, producer, n, a->source, &a->arena, &a->log, err);
    if (s || a->exactly_once.transactor) {
        return s;
    }
    s = weir_kafka_emitter_open(&e, &a->emitter, err);
    if (s || c->errors.reject != WEIR_CONFIG_REJECT_DEAD_LETTER) {
        return s;
    }
    weir_kafka_dead_letter_options d = {.properties = producer,
        .n_properties = n,
        .topic = c->errors.dead_letter.topic,
        .group = c->name,
        .timeout_ms = weir_letter_timeout_ms(c),
        .hold = c->errors.dead_letter.on_unwritable == WEIR_CONFIG_OR_HOLD,
        .log = &a->log};
    return weir_kafka_dead_letters_open(&d, &a->dead_letters, err);
}

/* The name, or for a pattern a regular expression of librdkafka's, in which a dot is a dot. */
static const char *subscribed(weir_app *a, const char *topic)
{
    size_t begin = weir_topic_begin(topic);
    weir_buf b = {0};
    if (!begin) {
        return topic;
    }
    weir_buf_putc(&b, '^');
    for (size_t i = 0; i < begin; i++) {
        weir_buf_puts(&b, topic[i] == '.' ? "[.]" : "");
        weir_buf_put(&b, topic + i, topic[i] != '.');
    }
    weir_buf_puts(&b, ".*");
    const char *text = b.failed ? NULL : weir_arena_copy(&a->arena, weir_buf_view(&b)).ptr;
    weir_buf_fini(&b);
    return text;
}

static bool is_broadcast(const weir_config *c)
{
    return c->broadcast != WEIR_CONFIG_BROADCAST_OFF;
}

static bool parks(const weir_app *a)
{
    return a->parks || a->config->errors.followers == WEIR_CONFIG_FOLLOWERS_PARK;
}

static weir_status open_source(weir_app *a, weir_error *err)
{
    const weir_config *c = a->config;
    const char **names = weir_arena_alloc(&a->arena, a->n_topics * sizeof(const char *));
    weir_kafka_property *consumer, *producer;
    size_t n_consumer, n_producer;
    consumer = weir_kafka_properties(c, &c->kafka.consumer, &a->arena, &n_consumer);
    producer = weir_kafka_properties(c, &c->kafka.producer, &a->arena, &n_producer);
    if (!names || !consumer || !producer) {
        return weir_fail_oom(err);
    }
    for (size_t i = 0; i < a->n_topics; i++) {
        names[i] = subscribed(a, a->topics[i].topic);
        if (!names[i]) {
            return weir_fail_oom(err);
        }
    }
    weir_kafka_source_options o = {.properties = consumer,
        .n_properties = n_consumer,
        .topics = names,
        .n_topics = a->n_topics,
        .group = is_broadcast(c) ? NULL : c->name,
        .instance = c->instance,
        .may_grow = true,
        .from_end = c->broadcast == WEIR_CONFIG_BROADCAST_FROM_END,
        .in_flight_bytes = c->limits.in_flight_bytes,
        .log = &a->log};
    weir_status s = weir_kafka_source_open(&o, &a->source, err);
    if (!s && parks(a)) {
        s = weir_app_parking_open(&a->parking, c, consumer, n_consumer, NULL, &a->log, err);
    }
    return s ? s : open_producers(a, producer, n_producer, err);
}

static bool no_drain(void *ctx)
{
    (void)ctx;
    return false;
}

static weir_status open_engine(weir_app *a, weir_error *err)
{
    const weir_config *c = a->config;
    weir_engine_options o = {.name = c->name,
        .lanes = weir_lanes_of(c),
        .in_flight_bytes = weir_engine_bytes_of(c),
        .group = !a->exactly_once.transactor && !is_broadcast(c), /* who commits */
        .resume = !is_broadcast(c),
        .drain_ms = c->limits.drain_ms,
        .tag = weir_handlers_tag,
        .ctx = a->handlers,
        .log = &a->log};
    if (a->ports) {
        o.lanes = 1;
        o.wait = no_drain;
        a->source = a->ports->source;
    }
    weir_processor p = {&weir_handlers_processor, a->handlers};
    weir_status s = weir_engine_init(&a->engine, &o, a->source, p, err);
    if (!s) {
        weir_handlers_attach(a->handlers, &a->engine);
        weir_exactly_once_attach(&a->exactly_once, a->handlers, &a->engine);
        weir_app_parking_attach(&a->parking, &a->engine);
    }
    return s;
}

static weir_status open_topics(weir_app *a, weir_error *err)
{
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < a->n_topics && !s; i++) {
        if (weir_topic_begin(a->topics[i].topic)) {
            continue; /* its topics come with their records */
        }
        s = a->ports->topic(a->ports->ctx, a->topics[i].topic, err);
    }
    if (!s && parks(a)) {
        const weir_parked_log *log = &a->ports->parked;
        s = weir_app_parking_open(&a->parking, a->config, NULL, 0, log, &a->log, err);
    }
    s = s ? s
          : weir_exactly_once_open_with(&a->exactly_once, a->config, &a->ports->transactions,
                a->ports->now_ms, a->ports->ctx, &a->log, err);
    weir_transactions_options t = {.config = a->config,
        .arena = &a->arena,
        .emitter = a->ports->emitter,
        .now_ms = a->ports->now_ms,
        .ctx = a->ports->ctx,
        .log = &a->log};
    return s ? s : weir_transactions_open(a->transactions, &t, err);
}

/* A service that has nothing to do would run for ever and do nothing: its handlers were forgotten,
 * or the config is another one's. */
static weir_status has_work(const weir_app *a, weir_error *err)
{
    const weir_config *c = a->config;
    if (a->n_topics || c->followed.count || c->moulds.count) {
        return WEIR_OK;
    }
    return weir_fail(err, WEIR_E_APP_SETUP,
        "there is nothing to do: no handler is registered, and the config has no caches or tables; "
        "register one with weir_on, or add caches or tables");
}

weir_status weir_app_open_all(weir_app *a, weir_error *err)
{
    weir_status s = weir_validations_open(a->config, a->schemas, &a->validations, NULL, err);
    s = s ? s : weir_app_gather_topics(a, err);
    s = s ? s : has_work(a, err);
    if (!s && !a->ports) {
        s = weir_patterns_take(a->config, NULL, WEIR_PATTERNS_TRIES, &a->log, err);
    }
    if (!s && a->config->followed.count && !a->ports) {
        s = weir_daemon_open(a->config, NULL, &a->log, &a->daemon, err);
    }
    if (s || !a->n_topics) {
        return s;
    }
    s = a->ports ? open_topics(a, err) : open_source(a, err);
    s = s ? s : weir_app_open_handlers(a, err);
    return s ? s : open_engine(a, err);
}
