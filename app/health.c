/* The health of handlers. See health.h. */
#include "health.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/run.h"
#include "kafka/kafka_source.h"

enum { KEYS = 64 };

void weir_health_init(weir_health *h)
{
    pthread_mutex_init(&h->lock, NULL);
    h->stalls = (weir_stalls){.n = 0};
}

void weir_health_fini(weir_health *h)
{
    weir_stalls_fini(&h->stalls);
    pthread_mutex_destroy(&h->lock);
}

/* Which key it may wait for: the one at its frontier, or any that is blocked. What the lanes show
 * is of the look before. */
static bool find_key(weir_handlers *handlers, const weir_stall *w, weir_stuck_key *out)
{
    weir_stuck_key *keys = weir_calloc(KEYS, sizeof *keys);
    size_t n = keys ? weir_handlers_stuck_keys(handlers, keys, KEYS) : 0;
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        bool its = keys[i].partition == w->number && strcmp(keys[i].topic, w->topic) == 0;
        bool first = its && keys[i].offset == w->frontier;
        if (its && (!found || first)) {
            *out = keys[i];
            found = true;
        }
        if (first) {
            break;
        }
    }
    weir_free(keys);
    return found;
}

static weir_status tell_stall(
    weir_handlers *handlers, const weir_stall *w, int64_t now_ms, weir_error *why)
{
    weir_stuck_key key;
    long long seconds = (now_ms - w->since_ms) / 1000;
    if (find_key(handlers, w, &key)) {
        weir_fail(why, WEIR_E_PARTITION_STALLED, "no progress for %lld s; key %.60s: %.100s",
            seconds, key.key, key.error.status ? key.error.text : "its handler has it");
    } else {
        weir_fail(why, WEIR_E_PARTITION_STALLED, "no progress for %lld s", seconds);
    }
    (void)weir_at(why, "%.60s/%d@%lld", w->topic, (int)w->number, (long long)w->frontier);
    return why->status;
}

static weir_status tell_out(weir_engine *e, int64_t out_ms, weir_error *why)
{
    weir_error trouble;
    int64_t told_ms;
    bool known = weir_engine_waiting(e, &trouble, &told_ms);
    return weir_fail(why, WEIR_E_GROUP_LOST, "no member of the group for %lld s%s%.150s",
        (long long)out_ms / 1000, known ? ": " : "", known ? trouble.text : "");
}

/* Without memory it is as it was. */
static void look_at_partitions(weir_health *h, weir_engine *e, int64_t now_ms, int64_t after_ms)
{
    size_t n = weir_engine_partitions(e, NULL, 0);
    weir_partition_view *views = weir_calloc(n, sizeof *views);
    if (views) {
        size_t there = weir_engine_partitions(e, views, n);
        (void)weir_stalls_look(&h->stalls, views, there < n ? there : n, now_ms, after_ms);
    }
    weir_free(views);
}

weir_status weir_health_look(weir_health *h, weir_engine *e, weir_handlers *handlers,
    int64_t after_ms, weir_health_figures *figures, weir_error *why)
{
    int64_t now_ms = weir_monotonic_ms();
    weir_status s = WEIR_OK;
    pthread_mutex_lock(&h->lock);
    look_at_partitions(h, e, now_ms, after_ms);
    figures->stalled = h->stalls.stalled;
    figures->has_group = weir_kafka_source_out(&e->source, &figures->out_ms);
    const weir_stall *oldest = weir_stalls_oldest(&h->stalls);
    if (weir_stalls_any_stands(&h->stalls, now_ms - after_ms / 2)) {
        (void)weir_handlers_stuck_keys(handlers, NULL, 0); /* which lanes show a while later */
    }
    if (figures->has_group && figures->out_ms >= after_ms) {
        s = tell_out(e, figures->out_ms, why);
    } else if (oldest) {
        s = tell_stall(handlers, oldest, now_ms, why);
    }
    pthread_mutex_unlock(&h->lock);
    return s;
}
