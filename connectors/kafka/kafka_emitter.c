/* Emits into Kafka. See kafka_emitter.h.
 *
 * Invariants
 *  1. A sending leaves in waves, none with two records of one key of a topic: a broker that refuses
 *     the first for good would take the second before it, or without it. The next wave leaves when
 *     all of the one before are acknowledged.
 *  2. Who takes `open` of a sending to 0 has it: to answer it, once, or to go on with it. The
 *     hand-over itself counts as one, so that no wave is over while records of it are handed over.
 *  3. `producer` changes under the write lock alone; whoever produces holds the read lock. Only the
 *     poller replaces it, when it turned fatal.
 *  4. `in_flight` is the bytes of sendings that are not answered.
 *  5. A record that the broker refuses as too large may only have shared its batch with such a one:
 *     it is too large if it is refused `alone` as well. Those of a wave are sent again so when the
 *     others of it are answered, before the next wave. */
#include "kafka/kafka_emitter.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/map.h"
#include "engine/run.h"
#include "kafka/kafka_producer.h"

enum { POLL_MS = 50, WAIT_MS = 100, FULL_MS = 5, WAVE = 512, SLOTS = 1024 };

/* Of records that are sent alone: made when there is the first one. The poller's. */
typedef struct lone {
    weir_kafka_producer producer; /* first; none yet, or it turned fatal */
    struct emitter *of;
} lone;

typedef struct emitter {
    weir_kafka_producer producer; /* first; none yet, or none could be made */
    lone lone;
    weir_kafka_producer_options how;
    weir_kafka_emitter_options options;
    pthread_rwlock_t rk_lock;
    pthread_t poller;
    bool polling;
    atomic_bool over, cancelled;
    weir_sending *resumed; /* to go on with. The poller's */

    pthread_mutex_t lock;
    pthread_cond_t room;
    size_t in_flight;    /* Lock: lock */
    weir_sending *given; /* to the poller, to go on with. Lock: lock */
} emitter;

/* ---- Answers ------------------------------------------------------------------------------------
 */

static void note_failure(weir_sending *s, const weir_error *err)
{
    if (!atomic_exchange(&s->failed, true)) {
        s->error = *err; /* read by who takes `open` to 0, which comes later */
    }
}

/* One of its records, or a hand-over, is over. True: the wave is. */
static bool is_last(weir_sending *s)
{
    return atomic_fetch_sub(&s->open, 1) == 1;
}

static bool has_more(const weir_sending *s)
{
    return (s->rest || s->some_alone) && !atomic_load(&s->failed);
}

static void answer(emitter *e, weir_sending *s)
{
    pthread_mutex_lock(&e->lock);
    e->in_flight -= s->bytes;
    pthread_cond_broadcast(&e->room);
    pthread_mutex_unlock(&e->lock);
    static const weir_error none = {.status = WEIR_OK};
    weir_error err = atomic_load(&s->failed) ? s->error : none;
    s->done(s, &err);
}

/* What is too large can never go; all else is the broker's or the operator's to mend. */
static void explain(rd_kafka_resp_err_t code, const char *topic, weir_error *err)
{
    weir_fail(err, weir_kafka_is_too_large(code) ? WEIR_E_EMIT_TOO_LARGE : WEIR_E_KAFKA_PRODUCE,
        "emit to topic %s: %s", topic, rd_kafka_err2str(code));
}

/* Thread: the poller. */
static void go_on_or_answer(emitter *e, weir_sending *s)
{
    if (has_more(s)) {
        s->next = e->resumed;
        e->resumed = s;
    } else {
        answer(e, s);
    }
}

/* Thread: the poller. */
static void delivered(emitter *e, const rd_kafka_message_t *m)
{
    weir_outgoing *o = m->_private;
    weir_sending *s = o->sending;
    if (weir_kafka_is_too_large(m->err) && !o->alone) {
        o->alone = s->some_alone = true;
    } else if (m->err) {
        weir_error err;
        explain(m->err, rd_kafka_topic_name(m->rkt), &err);
        note_failure(s, &err);
    }
    if (is_last(s)) {
        go_on_or_answer(e, s);
    }
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    delivered(opaque, m);
}

static void on_lone_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    delivered(((lone *)opaque)->of, m);
}

/* ---- The producer -------------------------------------------------------------------------------
 */

static void replace_producer(emitter *e, const char *why)
{
    weir_error err;
    weir_log_line(
        e->options.log, WEIR_LOG_WARN, "kafka", "the emits' producer is replaced: %s", why);
    pthread_rwlock_wrlock(&e->rk_lock);
    weir_kafka_producer_end(&e->producer);
    if (weir_kafka_producer_make(&e->producer, &e->how, &err)) {
        weir_log_error(e->options.log, WEIR_LOG_ERROR, "kafka", &err, "there is no producer now");
    }
    pthread_rwlock_unlock(&e->rk_lock);
}

/* ---- Sending ------------------------------------------------------------------------------------
 */

/* Waits until its bytes fit; one that is larger than the bound goes alone. */
static bool take_room(emitter *e, size_t bytes)
{
    int waited_ms = 0;
    pthread_mutex_lock(&e->lock);
    while (e->in_flight && e->in_flight + bytes > e->options.in_flight_bytes &&
           waited_ms < e->options.timeout_ms && !atomic_load(&e->cancelled)) {
        struct timespec until = weir_in_ms(WAIT_MS);
        if (pthread_cond_timedwait(&e->room, &e->lock, &until)) {
            waited_ms += WAIT_MS;
        }
        if (e->options.alive) {
            e->options.alive();
        }
    }
    bool fits = (!e->in_flight || e->in_flight + bytes <= e->options.in_flight_bytes) &&
                !atomic_load(&e->cancelled);
    e->in_flight += fits ? bytes : 0;
    pthread_mutex_unlock(&e->lock);
    return fits;
}

static rd_kafka_resp_err_t produce_once(emitter *e, weir_outgoing *o)
{
    pthread_rwlock_rdlock(&e->rk_lock);
    rd_kafka_resp_err_t code =
        e->producer.rk ? weir_kafka_produce(e->producer.rk, o, o) : RD_KAFKA_RESP_ERR__DESTROY;
    pthread_rwlock_unlock(&e->rk_lock);
    return code;
}

/* librdkafka's own queue may be full of small records before the bytes are many. */
static rd_kafka_resp_err_t produce(emitter *e, weir_outgoing *o)
{
    rd_kafka_resp_err_t code;
    int waited_ms = 0;
    while ((code = produce_once(e, o)) == RD_KAFKA_RESP_ERR__QUEUE_FULL &&
           waited_ms < e->options.timeout_ms && !atomic_load(&e->cancelled)) {
        nanosleep(&(struct timespec){0, FULL_MS * 1000000L}, NULL);
        waited_ms += FULL_MS;
        if (e->options.alive) {
            e->options.alive();
        }
    }
    return code;
}

static bool is_of_key(const weir_outgoing *a, const weir_outgoing *b)
{
    return a->key.len == b->key.len && memcmp(a->key.ptr, b->key.ptr, a->key.len) == 0 &&
           strcmp(a->topic, b->topic) == 0;
}

/* False: one of its key is in the wave. */
static bool join_wave(const weir_outgoing *slots[SLOTS], const weir_outgoing *o)
{
    size_t i = weir_hash(o->key) % SLOTS;
    for (; slots[i]; i = (i + 1) % SLOTS) {
        if (is_of_key(slots[i], o)) {
            return false;
        }
    }
    slots[i] = o;
    return true;
}

/* The first record that is not in the wave which begins here; NULL: all others are. */
static weir_outgoing *end_of_wave(weir_outgoing *from)
{
    const weir_outgoing *slots[SLOTS];
    size_t n = 0;
    if (!from || !from->next) {
        return NULL;
    }
    memset(slots, 0, sizeof slots);
    for (; from && n < WAVE && (!from->key.ptr || join_wave(slots, from)); from = from->next) {
        n++;
    }
    return from;
}

typedef rd_kafka_resp_err_t producing_fn(emitter *e, weir_outgoing *o);

/* What could not be queued is left for the next wave. */
static void hand_over(emitter *e, weir_sending *s, producing_fn *fn)
{
    weir_outgoing *o = s->wave = s->rest, *end = end_of_wave(o);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (; o != end && !code && !atomic_load(&s->failed); o = code ? o : o->next) {
        o->sending = s;
        o->alone = false;
        atomic_fetch_add(&s->open, 1);
        code = fn(e, o);
        if (code) {
            atomic_fetch_sub(&s->open, 1); /* never the last: the hand-over is open */
        }
    }
    s->rest = o;
    if (code && (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || fn == produce)) {
        weir_error err;
        explain(code, o->topic, &err);
        note_failure(s, &err);
    }
}

static weir_status make_lone(emitter *e, weir_error *err)
{
    weir_kafka_producer_options how = e->how;
    how.batch_bytes = 1;
    how.delivered = on_lone_delivery;
    e->lone.of = e;
    e->lone.producer.log = e->options.log;
    return e->lone.producer.rk ? WEIR_OK : weir_kafka_producer_make(&e->lone.producer, &how, err);
}

/* Those of the last wave that were refused as too large, in whatever company. */
static void send_alone(emitter *e, weir_sending *s)
{
    weir_error err;
    if (make_lone(e, &err)) {
        note_failure(s, &err);
    }
    s->some_alone = false;
    for (weir_outgoing *o = s->wave; o != s->rest && !atomic_load(&s->failed); o = o->next) {
        if (!o->alone) {
            continue;
        }
        atomic_fetch_add(&s->open, 1);
        rd_kafka_resp_err_t code = weir_kafka_produce(e->lone.producer.rk, o, o);
        if (code) {
            atomic_fetch_sub(&s->open, 1);
            explain(code, o->topic, &err);
            note_failure(s, &err);
        }
    }
}

/* Thread: the poller. */
static void go_on(emitter *e, weir_sending *s)
{
    if (atomic_load(&e->cancelled) || weir_monotonic_ms() >= s->until_ms) {
        weir_error err;
        weir_fail(&err, WEIR_E_KAFKA_PRODUCE, "emit to topic %s: %s", s->wave->topic,
            atomic_load(&e->cancelled) ? "the service ends" : "those before it took too long");
        note_failure(s, &err);
        answer(e, s);
        return;
    }
    atomic_store(&s->open, 1);
    if (s->some_alone) {
        send_alone(e, s);
    } else {
        hand_over(e, s, produce_once);
    }
    if (is_last(s)) {
        go_on_or_answer(e, s);
    }
}

static void take_given(emitter *e)
{
    pthread_mutex_lock(&e->lock);
    while (e->given) {
        weir_sending *s = e->given;
        e->given = s->next;
        s->next = e->resumed;
        e->resumed = s;
    }
    pthread_mutex_unlock(&e->lock);
}

static void go_on_with_all(emitter *e)
{
    take_given(e);
    weir_sending *s = e->resumed;
    e->resumed = NULL;
    while (s) {
        weir_sending *next = s->next;
        go_on(e, s);
        s = next;
    }
}

/* True: records are under way by it. */
static bool poll_lone(emitter *e)
{
    char why[256];
    rd_kafka_t *rk = e->lone.producer.rk;
    if (!rk) {
        return false;
    }
    rd_kafka_poll(rk, 0);
    if (rd_kafka_fatal_error(rk, why, sizeof why)) {
        weir_kafka_producer_end(&e->lone.producer);
        return false;
    }
    return rd_kafka_outq_len(rk) > 0;
}

/* producer is read without the lock: nobody else changes it any more. */
static void *poller_main(void *arg)
{
    emitter *e = arg;
    char why[256];
    pthread_setname_np(pthread_self(), "weir-emit");
    while (!atomic_load(&e->over)) {
        go_on_with_all(e);
        if (!e->producer.rk) {
            replace_producer(e, "there is none");
            struct timespec t = {0, WAIT_MS * 1000000L};
            nanosleep(&t, NULL);
            continue;
        }
        rd_kafka_poll(e->producer.rk, poll_lone(e) ? 1 : POLL_MS);
        if (rd_kafka_fatal_error(e->producer.rk, why, sizeof why)) {
            replace_producer(e, why);
        } else if (atomic_load(&e->cancelled)) {
            rd_kafka_purge(e->producer.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
            weir_kafka_producer_end(&e->lone.producer);
        }
    }
    return NULL;
}

static void give_to_poller(emitter *e, weir_sending *s)
{
    pthread_mutex_lock(&e->lock);
    s->next = e->given;
    e->given = s;
    pthread_mutex_unlock(&e->lock);
}

/* With the first sending. */
static weir_status start(emitter *e, weir_error *err)
{
    weir_status s = WEIR_OK;
    pthread_rwlock_wrlock(&e->rk_lock);
    if (!e->polling) {
        s = e->producer.rk ? WEIR_OK : weir_kafka_producer_make(&e->producer, &e->how, err);
        if (!s && pthread_create(&e->poller, NULL, poller_main, e)) {
            s = weir_fail(err, WEIR_E_OUT_OF_MEMORY, "a thread cannot be started");
        }
        e->polling = !s;
    }
    pthread_rwlock_unlock(&e->rk_lock);
    return s;
}

static void emitter_send(void *self, weir_sending *s)
{
    emitter *e = self;
    weir_error err;
    weir_status status = start(e, &err);
    if (status) {
        s->done(s, &err);
        return;
    }
    if (!take_room(e, s->bytes)) {
        weir_fail(&err, WEIR_E_KAFKA_PRODUCE, "emits: %s",
            atomic_load(&e->cancelled) ? "the service ends"
                                       : "the broker does not take those before");
        s->done(s, &err);
        return;
    }
    s->rest = s->first;
    s->some_alone = false;
    s->until_ms = weir_monotonic_ms() + e->options.timeout_ms;
    do {
        atomic_store(&s->open, 1);
        hand_over(e, s, produce);
        if (!is_last(s)) {
            return; /* the poller goes on with it */
        }
    } while (has_more(s) && !s->some_alone);
    if (has_more(s)) {
        give_to_poller(e, s);
    } else {
        answer(e, s);
    }
}

static void emitter_cancel(void *self)
{
    emitter *e = self;
    atomic_store(&e->cancelled, true);
    pthread_mutex_lock(&e->lock);
    pthread_cond_broadcast(&e->room);
    pthread_mutex_unlock(&e->lock);
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

weir_status weir_kafka_emitter_open(
    const weir_kafka_emitter_options *options, weir_emitter *out, weir_error *err)
{
    emitter *e = weir_calloc(1, sizeof *e);
    if (!e) {
        return weir_fail_oom(err);
    }
    e->options = *options;
    e->producer.log = options->log;
    e->how = (weir_kafka_producer_options){.properties = options->properties,
        .n_properties = options->n_properties,
        .delivery_ms = options->timeout_ms,
        .delivered = on_delivery};
    weir_status s =
        weir_kafka_producer_try(&e->how, err); /* what is refused is told at the start */
    if (s) {
        weir_free(e);
        return s;
    }
    pthread_rwlock_init(&e->rk_lock, NULL);
    pthread_mutex_init(&e->lock, NULL);
    weir_cond_init(&e->room);
    *out = (weir_emitter){emitter_send, emitter_cancel, e};
    return WEIR_OK;
}

void weir_kafka_emitter_close(weir_emitter *port)
{
    emitter *e = port->self;
    if (!e) {
        return;
    }
    emitter_cancel(e);
    atomic_store(&e->over, true);
    if (e->polling) {
        pthread_join(e->poller, NULL);
    }
    weir_kafka_producer_end(&e->producer);
    weir_kafka_producer_end(&e->lone.producer);
    go_on_with_all(e);
    pthread_cond_destroy(&e->room);
    pthread_mutex_destroy(&e->lock);
    pthread_rwlock_destroy(&e->rk_lock);
    weir_free(e);
    *port = (weir_emitter){NULL, NULL, NULL};
}

void weir_kafka_emitter_break(weir_emitter *port)
{
    emitter *e = port->self;
    pthread_rwlock_rdlock(&e->rk_lock);
    if (e->producer.rk) {
        rd_kafka_test_fatal_error(
            e->producer.rk, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "a test");
    }
    pthread_rwlock_unlock(&e->rk_lock);
}
