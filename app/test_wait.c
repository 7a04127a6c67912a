/* Real time for deferred messages, which other threads complete: virtual time says nothing of
 * those. See test_kit_inside.h. */
#include <pthread.h>

#include "base/clock.h"
#include "service/handler_lane.h"
#include "test_kit_inside.h"

bool weir_test_deferred(weir_app *app)
{
    weir_handlers *h = weir_app_handlers(app);
    return h && weir_app_engine(app) && h->lanes[0].deferred;
}

bool weir_test_lane_has_more(weir_lane_queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool more = q->first || q->woken;
    pthread_mutex_unlock(&q->lock);
    return more;
}

bool weir_test_await(weir_app *app, int64_t *left_ms)
{
    if (*left_ms <= 0 || !weir_test_deferred(app)) {
        return false;
    }
    weir_lane_queue *q = &weir_app_engine(app)->queues[0];
    int64_t begin_ms = weir_monotonic_ms();
    struct timespec until = weir_in_ms(*left_ms);
    pthread_mutex_lock(&q->lock);
    while (!q->woken && pthread_cond_timedwait(&q->filled, &q->lock, &until) == 0) {
    }
    bool completed = q->woken;
    pthread_mutex_unlock(&q->lock);
    if (!completed) {
        *left_ms -= weir_monotonic_ms() - begin_ms;
    }
    return completed;
}
