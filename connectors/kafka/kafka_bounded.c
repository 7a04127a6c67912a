/* Waiting with a bound. See kafka_bounded.h. */
#include "kafka/kafka_bounded.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "engine/run.h"

enum { LOOK_MS = 100 };

static void close_consumer(rd_kafka_t *rk, int timeout_ms)
{
    rd_kafka_queue_t *events = rd_kafka_queue_new(rk);
    int64_t until = weir_monotonic_ms() + timeout_ms;
    rd_kafka_error_t *refused = rd_kafka_consumer_close_queue(rk, events);
    while (!refused && !rd_kafka_consumer_closed(rk) && weir_monotonic_ms() < until) {
        rd_kafka_queue_poll_callback(events, LOOK_MS);
    }
    rd_kafka_error_destroy(refused);
    rd_kafka_queue_destroy(events);
}

/* ---- Destroying ---------------------------------------------------------------------------------
 * In a thread of its own. Who leaves last, it or the one who waits, frees what they share.
 */

typedef struct farewell {
    rd_kafka_t *rk;
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool gone;  /* the consumer is */
    bool alone; /* nobody waits any more */
} farewell;

static void free_farewell(farewell *f)
{
    pthread_cond_destroy(&f->over);
    pthread_mutex_destroy(&f->lock);
    weir_free(f);
}

static void *destroy(void *arg)
{
    farewell *f = arg;
    rd_kafka_destroy_flags(f->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    pthread_mutex_lock(&f->lock);
    f->gone = true;
    bool alone = f->alone;
    pthread_cond_signal(&f->over);
    pthread_mutex_unlock(&f->lock);
    if (alone) {
        free_farewell(f);
    }
    return NULL;
}

/* False: not within the time, or there is no memory to try it. */
static bool destroy_within(rd_kafka_t *rk, int timeout_ms)
{
    farewell *f = weir_calloc(1, sizeof *f);
    if (!f) {
        return false;
    }
    struct timespec until = weir_in_ms(timeout_ms);
    pthread_t thread;
    f->rk = rk;
    pthread_mutex_init(&f->lock, NULL);
    weir_cond_init(&f->over);
    if (pthread_create(&thread, NULL, destroy, f)) {
        free_farewell(f);
        return false;
    }
    pthread_mutex_lock(&f->lock);
    while (!f->gone && pthread_cond_timedwait(&f->over, &f->lock, &until) == 0) {
    }
    bool gone = f->gone;
    f->alone = !gone;
    pthread_mutex_unlock(&f->lock);
    if (!gone) {
        pthread_detach(thread);
        return false;
    }
    pthread_join(thread, NULL);
    free_farewell(f);
    return true;
}

bool weir_kafka_close_within(rd_kafka_t *rk, weir_kafka_queues *queues, int timeout_ms)
{
    close_consumer(rk, timeout_ms);
    weir_kafka_queues_empty(queues);
    weir_kafka_queues_fini(queues);
    return destroy_within(rk, timeout_ms);
}
