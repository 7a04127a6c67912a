/* A member of the group in a process of its own: the engine with its threads, handlers, the Kafka
 * source and dead letters, put together as an app does it. What the source tells the engine, and
 * each record that is handled, is reported (group_report.h). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

#include "engine/run.h"
#include "group_report.h"
#include "kafka/kafka_dead_letter.h"
#include "kafka/kafka_source.h"
#include "service/handlers.h"

enum {
    COMMIT_MS = 100,
    DRAIN_MS = 2000,
    LOOK_MS = 20,
    RETRY_ONE_IN = 64,
    HANDLER_MOST_US = 800,
    CANNOT_START = 70,
};

/* The engine is first: it is what a source's events are told with. */
typedef struct member {
    weir_engine engine;
    weir_record_source source; /* what is watched */
    bool begun[PARTITIONS];    /* poll thread */
    weir_handlers *handlers;
    weir_kafka_property properties[6], letter_properties[2]; /* live as long as who has them */
    weir_dead_letters letters;
    weir_run run;
    weir_log log;
    uint8_t number;
    uint32_t seed;
} member;

static void tell(const member *m, report r)
{
    r.member = m->number;
    r.at_ms = weir_monotonic_ms();
    if (write(REPORT_FD, &r, sizeof r) != sizeof r) {
        _exit(CANNOT_START); /* the test is gone */
    }
}

/* ---- What the source says
 * ------------------------------------------------------------------------- */

static weir_partition *on_assigned(void *engine, weir_view topic, int32_t number, int64_t start)
{
    member *m = engine;
    m->begun[number] = false;
    tell(m, (report){.kind = REPORT_ASSIGNED, .partition = (uint8_t)number, .offset = start});
    return weir_engine_events.assigned(engine, topic, number, start);
}

static void on_resume(void *engine, weir_partition *p, weir_view metadata)
{
    weir_engine_events.resume(engine, p, metadata);
}

static void on_revoked(void *engine, weir_partition **partitions, size_t n, bool lost)
{
    uint8_t numbers[PARTITIONS]; /* the objects are gone afterwards */
    for (size_t i = 0; i < n; i++) {
        numbers[i] = (uint8_t)partitions[i]->number;
    }
    weir_engine_events.revoked(engine, partitions, n, lost);
    bool drained = !lost && !weir_engine_failed(engine); /* one that has failed drains nothing */
    for (size_t i = 0; i < n; i++) {
        report r = {.kind = drained ? REPORT_REVOKED : REPORT_LOST, .partition = numbers[i]};
        tell(engine, r);
    }
}

static void on_record(void *engine, weir_partition *p, const weir_raw_record *raw, void *message)
{
    member *m = engine;
    if (!m->begun[p->number]) {
        m->begun[p->number] = true;
        report r = {.kind = REPORT_BEGUN, .partition = (uint8_t)p->number, .offset = raw->offset};
        tell(m, r);
    }
    weir_engine_events.record(engine, p, raw, message);
}

static void on_end(void *engine, weir_partition *p, int64_t offset)
{
    weir_engine_events.end(engine, p, offset);
}

static void tell_committed(const member *m, int32_t number, int64_t next)
{
    tell(m, (report){.kind = REPORT_COMMITTED, .partition = (uint8_t)number, .offset = next});
}

static void on_committed(void *engine, const char *topic, int32_t number, int64_t next)
{
    tell_committed(engine, number, next);
    weir_engine_events.committed(engine, topic, number, next);
}

static void on_error(void *engine, const weir_error *err)
{
    weir_engine_events.error(engine, err);
}

static const weir_source_events watching = {
    .assigned = on_assigned,
    .resume = on_resume,
    .revoked = on_revoked,
    .record = on_record,
    .end = on_end,
    .committed = on_committed,
    .error = on_error,
};

/* ---- The source, watched
 * -------------------------------------------------------------------------- */

static weir_status watched_poll(void *self, const weir_source_events *events, void *engine,
    unsigned max_records, int timeout_ms, weir_error *err)
{
    member *m = self;
    (void)events;
    return m->source.ops->poll(m->source.self, &watching, engine, max_records, timeout_ms, err);
}

static weir_status watched_commit(
    void *self, const weir_offset *offsets, size_t n, bool wait, weir_error *err)
{
    member *m = self;
    weir_status s = m->source.ops->commit(m->source.self, offsets, n, wait, err);
    for (size_t i = 0; i < n && wait && !s; i++) {
        tell_committed(m, offsets[i].number, offsets[i].next);
    }
    return s;
}

static void watched_release(void *self, void *message)
{
    member *m = self;
    m->source.ops->release(m->source.self, message);
}

static void watched_wake(void *self)
{
    member *m = self;
    m->source.ops->wake(m->source.self);
}

static int64_t watched_end_offset(void *self, const weir_partition *p)
{
    member *m = self;
    return m->source.ops->end_offset(m->source.self, p);
}

static bool watched_finished(void *self)
{
    member *m = self;
    return m->source.ops->finished(m->source.self);
}

static void watched_close(void *self)
{
    member *m = self;
    m->source.ops->close(m->source.self);
}

static const weir_source_ops watched = {
    .type = "watched",
    .poll = watched_poll,
    .commit = watched_commit,
    .release = watched_release,
    .wake = watched_wake,
    .end_offset = watched_end_offset,
    .finished = watched_finished,
    .close = watched_close,
};

/* ---- The handler
 * ---------------------------------------------------------------------------------- */

/* The same for a record in every member and at each delivery. */
static uint32_t chance(const member *m, const weir_message *msg)
{
    uint64_t x = ((uint64_t)m->seed << 32) ^ ((uint64_t)weir_partition_number(msg) << 28) ^
                 (uint64_t)weir_record_offset(msg);
    x = (x ^ x >> 31) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(x >> 32);
}

static weir_status handle(weir_message *msg, void *ctx)
{
    member *m = ctx;
    uint32_t c = chance(m, msg);
    struct timespec pause = {.tv_nsec = (long)(c % HANDLER_MOST_US) * 1000};
    nanosleep(&pause, NULL);
    if (weir_attempt(msg) == 1 && c % RETRY_ONE_IN == 0) {
        return weir_retry(msg, 1 + c % 30, "not at the first attempt");
    }
    bool rejected = weir_value_bytes(msg).ptr[0] == VALUE_REJECT;
    tell(m, (report){.kind = REPORT_HANDLED,
                .partition = (uint8_t)weir_partition_number(msg),
                .key = (uint8_t)(weir_key(msg).ptr[0] - 'a'),
                .rejected = rejected,
                .offset = weir_record_offset(msg)});
    return rejected ? weir_reject(msg, "REFUSED", "as its value says") : WEIR_OK;
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

static int64_t now_ms(void *ctx)
{
    (void)ctx;
    return weir_monotonic_ms();
}

/* The session is as short as the mock can bear: it waits for most of it at each rebalance, and for
 * three seconds at the first one, in which a session must not end. */
static weir_status open_source(
    member *m, const char *brokers, const char *instance, weir_error *err)
{
    static const char *const topics[] = {TOPIC};
    const weir_kafka_property properties[] = {
        {"bootstrap.servers", brokers, NULL},
        {"reconnect.backoff.ms", "50", NULL},
        {"reconnect.backoff.max.ms", "500", NULL},
        {"session.timeout.ms", "4000", NULL},
        {"heartbeat.interval.ms", "150", NULL},
        {"topic.metadata.refresh.interval.ms", "2000", NULL},
    };
    _Static_assert(sizeof properties == sizeof m->properties, "all of them");
    memcpy(m->properties, properties, sizeof properties);
    weir_kafka_source_options o = {.properties = m->properties,
        .n_properties = sizeof properties / sizeof *properties,
        .topics = topics,
        .n_topics = 1,
        .group = GROUP,
        .instance = instance,
        .log = &m->log};
    return weir_kafka_source_open(&o, &m->source, err);
}

static weir_status open_letters(member *m, const char *brokers, weir_error *err)
{
    m->letter_properties[0] = (weir_kafka_property){"bootstrap.servers", brokers, NULL};
    m->letter_properties[1] = (weir_kafka_property){"reconnect.backoff.max.ms", "500", NULL};
    weir_kafka_dead_letter_options o = {.properties = m->letter_properties,
        .n_properties = 2,
        .topic = DEAD_TOPIC,
        .group = GROUP,
        .log = &m->log};
    return weir_kafka_dead_letters_open(&o, &m->letters, err);
}

static weir_status open_engine(member *m, const weir_routed_topic *topic, weir_error *err)
{
    weir_handlers_options h = {.name = GROUP,
        .topics = topic,
        .n_topics = 1,
        .lanes = LANES,
        .max_attempts = 5,
        .backoff_ms = 100,
        .max_backoff_ms = 1000,
        .stuck_after_ms = 60000,
        .on_reject = WEIR_ON_REJECT_DEAD_LETTER,
        .dead_letters = m->letters,
        .seed = m->seed,
        .now_ms = now_ms,
        .log = &m->log};
    weir_status s = weir_handlers_new(&h, &m->handlers, err);
    if (s) {
        return s;
    }
    weir_engine_options e = {.name = GROUP,
        .lanes = LANES,
        .group = true,
        .resume = true,
        .commit_interval_ms = COMMIT_MS,
        .drain_ms = DRAIN_MS,
        .tag = weir_handlers_tag,
        .ctx = m->handlers,
        .log = &m->log};
    s = weir_engine_init(&m->engine, &e, (weir_record_source){&watched, m},
        (weir_processor){&weir_handlers_processor, m->handlers}, err);
    if (!s) {
        weir_handlers_attach(m->handlers, &m->engine);
    }
    return s;
}

static void run_until_told(member *m, const sigset_t *told)
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000};
    while (!weir_run_ended(&m->run)) {
        if (sigtimedwait(told, NULL, &look) > 0) {
            weir_run_stop(&m->run);
        }
    }
}

int group_member_main(int argc, char **argv)
{
    if (argc < 3) {
        return CANNOT_START;
    }
    member m = {.number = (uint8_t)atoi(argv[0]), .seed = (uint32_t)strtoul(argv[2], NULL, 10)};
    m.log = (weir_log){.write = weir_log_to_fd, .ctx = (void *)(intptr_t)STDERR_FILENO};
    atomic_init(&m.log.level, WEIR_LOG_INFO);
    weir_route route = {.fn = handle, .ctx = &m};
    weir_routed_topic topic = {.topic = TOPIC, .routes = &route, .n_routes = 1};
    sigset_t told;
    sigemptyset(&told);
    sigaddset(&told, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &told, NULL);
    weir_error err = {.status = WEIR_OK};
    weir_status s = open_source(&m, argv[1], argc > 3 ? argv[3] : NULL, &err);
    s = s ? s : open_letters(&m, argv[1], &err);
    s = s ? s : open_engine(&m, &topic, &err);
    s = s ? s : weir_run_start(&m.run, &m.engine, (weir_background){0}, DRAIN_MS, &err);
    if (s) {
        fprintf(stderr, "member %d cannot start: %s\n", m.number, err.text);
        return CANNOT_START;
    }
    run_until_told(&m, &told);
    s = weir_run_wait(&m.run, &err);
    fprintf(stderr, "member %d ends: %s %s\n", m.number, weir_status_name(s), s ? err.code : "");
    weir_engine_fini(&m.engine);
    weir_run_fini(&m.run);
    weir_handlers_free(m.handlers);
    weir_kafka_dead_letters_close(&m.letters);
    return s ? 1 : 0;
}
