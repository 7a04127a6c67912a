/* What can be seen of handlers from outside: counts, stuck keys, the watchdog. See handlers.h. */
#include <stdio.h>

#include "base/alloc.h"
#include "service/handler_lane.h"

enum { STUCK_KEYS = 256 };

/* ---- Counts -------------------------------------------------------------------------------------
 */

weir_handlers_counters weir_handlers_count(weir_handlers *h)
{
    weir_handlers_counters sum = {0};
    for (unsigned i = 0; i < h->options.lanes; i++) {
        weir_handler_lane *l = &h->lanes[i];
        sum.handled += atomic_load(&l->count.handled);
        sum.retried += atomic_load(&l->count.retried);
        sum.held += atomic_load(&l->count.held);
        sum.rejected += atomic_load(&l->count.rejected);
        sum.dead_lettered += atomic_load(&l->count.dead_lettered);
        sum.unrouted += atomic_load(&l->count.unrouted);
        sum.broken += atomic_load(&l->count.broken);
        sum.duplicates += atomic_load(&l->count.duplicates);
        sum.parked += atomic_load(&l->count.parked);
        sum.emitted += atomic_load(&l->count.emitted);
        sum.deferred += atomic_load(&l->count.deferred);
    }
    return sum;
}

/* ---- Stuck keys ---------------------------------------------------------------------------------
 */

static void show(const weir_blocked_view *view, int64_t now_ms, weir_stuck_key *k)
{
    const weir_record *r = view->record;
    weir_view key = r->raw.key;
    snprintf(k->topic, sizeof k->topic, "%s", r->partition->topic);
    snprintf(k->key, sizeof k->key, "%.*s",
        (int)(key.len < sizeof k->key ? key.len : sizeof k->key - 1), key.ptr ? key.ptr : "");
    k->partition = r->raw.partition;
    k->offset = r->raw.offset;
    k->attempt = r->attempt;
    k->followers = view->followers;
    k->due_in_ms = view->due_ms == INT64_MAX ? -1
                   : view->due_ms < now_ms   ? 0
                                             : view->due_ms - now_ms;
    if (r->why) {
        k->error = *(const weir_error *)r->why;
    }
}

void weir_handlers_publish(weir_handlers *h, weir_handler_lane *l)
{
    pthread_mutex_lock(&l->lock);
    bool wanted = l->wants_stuck;
    l->wants_stuck = false;
    pthread_mutex_unlock(&l->lock);
    if (!wanted) {
        return;
    }
    weir_blocked_view views[STUCK_KEYS];
    size_t n = weir_lane_blocked(&l->lane, views, STUCK_KEYS);
    n = n < STUCK_KEYS ? n : STUCK_KEYS;
    weir_stuck_key *keys = weir_calloc(n, sizeof *keys);
    int64_t now_ms = weir_handlers_now(h);
    for (size_t i = 0; keys && i < n; i++) {
        show(&views[i], now_ms, &keys[i]);
    }
    pthread_mutex_lock(&l->lock);
    weir_free(l->stuck);
    l->stuck = keys;
    l->n_stuck = keys ? n : 0;
    pthread_mutex_unlock(&l->lock);
}

size_t weir_handlers_stuck_keys(weir_handlers *h, weir_stuck_key *out, size_t max)
{
    size_t n = 0;
    for (unsigned i = 0; i < h->options.lanes; i++) {
        weir_handler_lane *l = &h->lanes[i];
        pthread_mutex_lock(&l->lock);
        for (size_t k = 0; k < l->n_stuck && n < max; k++) {
            out[n++] = l->stuck[k];
        }
        l->wants_stuck = true;
        pthread_mutex_unlock(&l->lock);
        weir_engine_wake(h->engine, i);
    }
    return n;
}

/* ---- The watchdog -------------------------------------------------------------------------------
 */

/* Has the lane's handler been in the same call for too long? */
static bool hangs(weir_handler_lane *l, int64_t now_ms)
{
    unsigned long long calls = atomic_load(&l->calls);
    if (calls % 2 == 0 || calls != atomic_load(&l->seen_calls)) {
        atomic_store(&l->seen_calls, calls);
        atomic_store(&l->seen_ms, now_ms);
        return false;
    }
    return now_ms - atomic_load(&l->seen_ms) > atomic_load(&l->running_limit_ms);
}

weir_status weir_at_place(const weir_handlers *h, const weir_seen_place *p, weir_error *err)
{
    unsigned tag = atomic_load(&p->tag);
    return weir_at(err, "%.60s/%d@%lld",
        tag < h->options.n_topics ? h->options.topics[tag].topic : "?", atomic_load(&p->partition),
        atomic_load(&p->offset));
}

static bool stuck_at(
    const weir_handlers *h, const weir_seen_place *p, const char *what, weir_error *err)
{
    weir_fail(err, WEIR_E_HANDLER_STUCK, "%s", what);
    (void)weir_at_place(h, p, err);
    return true;
}

bool weir_handlers_running(const weir_handlers *h, weir_error *err)
{
    for (unsigned i = 0; i < h->options.lanes; i++) {
        const weir_handler_lane *l = &h->lanes[i];
        if (atomic_load(&l->calls) % 2) {
            return stuck_at(h, &l->running, "a handler does not come back", err);
        }
    }
    return false;
}

bool weir_handlers_stuck(weir_handlers *h, weir_error *err)
{
    int64_t now_ms = weir_handlers_now(h);
    for (unsigned i = 0; i < h->options.lanes; i++) {
        weir_handler_lane *l = &h->lanes[i];
        if (hangs(l, now_ms)) {
            return stuck_at(h, &l->running, "a handler has not come back", err);
        }
        if (atomic_load(&l->first_deadline_ms) < now_ms) {
            return stuck_at(
                h, &l->first_deferred, "a deferred message was not settled by its deadline", err);
        }
    }
    return false;
}
