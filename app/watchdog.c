/* A service's watchdog. See watchdog.h. */
#include "watchdog.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "engine/run.h"
#include "metrics.h"
#include "status.h"

enum { HEALTH_MS = 1000 };
enum { HTTP_OK = 200, HTTP_UNAVAILABLE = 503 };

/* ---- Pages --------------------------------------------------------------------------------------
 */

static unsigned live(void *ctx, weir_buf *body)
{
    const weir_watchdog *w = ctx;
    weir_error why;
    if (weir_app_live(w->app, &why)) {
        weir_buf_puts(body, "live\n");
        return HTTP_OK;
    }
    weir_buf_printf(body, "not live; %s%s%s\n", why.where, why.where[0] ? ": " : "", why.text);
    return HTTP_UNAVAILABLE;
}

static unsigned ready(void *ctx, weir_buf *body)
{
    const weir_watchdog *w = ctx;
    const char *wanted = weir_app_waits_for(w->app);
    if (!wanted) {
        weir_buf_puts(body, "ready\n");
        return HTTP_OK;
    }
    weir_buf_printf(body, "not ready: it waits for %s\n", wanted);
    return HTTP_UNAVAILABLE;
}

/* Of a service without caches. */
static void take_bare(const weir_watchdog *w, weir_snapshot *s)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *s = (weir_snapshot){.app = weir_app_config(w->app)->name,
        .taken_ms = now.tv_sec * 1000 + now.tv_nsec / 1000000,
        .uptime_ms = weir_monotonic_ms() - w->began_ms};
}

static void take_outboxes(const weir_watchdog *w, weir_handlers_status *out)
{
    out->n_outboxes = 0;
    for (weir_transactions *t = weir_app_transactions(w->app);
         t && out->n_outboxes < WEIR_MOST_OUTBOXES; t = t->next) {
        if (t->relay) {
            out->outboxes[out->n_outboxes++] =
                (weir_outbox_status){t->store->name, weir_relay_look(t->relay)};
        }
    }
}

static void take_parked(const weir_watchdog *w, weir_handlers_status *out)
{
    weir_parking *p = weir_app_parking_of(w->app);
    out->parks = p;
    if (p) {
        out->parking = weir_parking_look(p);
        out->n_parked = weir_parking_views(p, out->parked, WEIR_MOST_PARKED);
    }
}

/* Records whose handler says HOLD; what the lanes tell is of the look before. */
static void take_holds(const weir_watchdog *w, weir_handlers_status *out)
{
    size_t n = weir_handlers_stuck_keys(weir_app_handlers(w->app), out->holds, WEIR_MOST_HOLDS);
    out->n_holds = 0;
    for (size_t i = 0; i < n; i++) {
        if (out->holds[i].error.status == WEIR_HOLD) {
            out->holds[out->n_holds++] = out->holds[i];
        }
    }
}

static bool take_handlers(const weir_watchdog *w, weir_arena *arena, weir_handlers_status *out)
{
    weir_engine *e = weir_app_engine(w->app);
    const char **topics;
    size_t n_topics = weir_app_topics(w->app, arena, &topics);
    out->counts = weir_handlers_count(weir_app_handlers(w->app));
    out->exactly_once = weir_app_exactly_once(w->app, &out->transactions);
    out->n_breakers = weir_app_breakers(w->app, out->breakers, WEIR_MOST_BREAKERS);
    if (!weir_app_look(w->app, &out->health, &out->unwell)) {
        out->unwell.status = WEIR_OK;
    }
    take_holds(w, out);
    take_outboxes(w, out);
    take_parked(w, out);
    return !e || weir_snapshot_take_handlers(e, topics, n_topics, arena, out, NULL) == WEIR_OK;
}

/* All of the service, shown by `put`. */
static unsigned show(
    const weir_watchdog *w, void (*put)(const weir_snapshot *s, weir_buf *to), weir_buf *body)
{
    weir_daemon *d = weir_app_daemon(w->app);
    weir_handlers_status handlers = {.validations = weir_app_validations(w->app)};
    weir_snapshot s;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    bool good = true;
    if (d) {
        good = weir_snapshot_take(d, &arena, &s, NULL) == WEIR_OK;
    } else {
        take_bare(w, &s);
    }
    if (good) {
        s.live = weir_app_live(w->app, NULL);
        s.ready = weir_app_ready(w->app);
        if (weir_app_handlers(w->app)) {
            good = take_handlers(w, &arena, &handlers);
            s.handlers = &handlers;
        }
    }
    if (good) {
        put(&s, body);
    }
    weir_arena_fini(&arena);
    return good && !body->failed ? HTTP_OK : HTTP_UNAVAILABLE;
}

static unsigned metrics(void *ctx, weir_buf *body)
{
    return show(ctx, weir_metrics_put, body);
}

static unsigned status(void *ctx, weir_buf *body)
{
    return show(ctx, weir_status_put, body);
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

weir_status weir_watchdog_open(weir_watchdog *w, weir_app *app, weir_error *err)
{
    const weir_config_address *listen = &weir_app_config(app)->http.listen;
    *w = (weir_watchdog){.app = app, .began_ms = weir_monotonic_ms()};
    if (!listen->host) {
        return WEIR_OK;
    }
    weir_admin_options o = {
        listen->host, listen->port, {live, ready, metrics, status, w}, weir_app_log(app)};
    return weir_admin_open(&o, &w->admin, err);
}

/* ---- Looking ------------------------------------------------------------------------------------
 */

/* What the lanes tell is of the look before, and a hold that passes at once is no news. */
enum { HOLD_LOOKS = 5, KEYS = 64 };

/* Keys that wait since their handler said HOLD. *first is one of them. */
static size_t held_keys(weir_handlers *h, weir_stuck_key *first)
{
    weir_stuck_key *keys = weir_calloc(KEYS, sizeof *keys);
    size_t n = keys ? weir_handlers_stuck_keys(h, keys, KEYS) : 0, held = 0;
    for (size_t i = 0; i < n; i++) {
        if (keys[i].error.status == WEIR_HOLD && !held++) {
            *first = keys[i];
        }
    }
    weir_free(keys);
    return held;
}

static void tell_hold(weir_watchdog *w, const weir_stuck_key *k, size_t n)
{
    char more[40] = "";
    if (n > 1) {
        snprintf(more, sizeof more, ", and %zu%s more keys", n - 1, n == KEYS ? " or" : "");
    }
    weir_log_error(weir_app_log(w->app), WEIR_LOG_WARN, "handlers", &k->error,
        "holding %s/%d@%lld, key %s%s, until it passes", k->topic, (int)k->partition,
        (long long)k->offset, k->key, more);
}

/* Once when handlers begin to hold, once when nothing is held any more. */
static void look_at_holds(weir_watchdog *w)
{
    weir_handlers *h = weir_app_handlers(w->app);
    uint64_t held = h ? weir_handlers_count(h).held : 0;
    weir_stuck_key first;
    if (held != w->held_seen) {
        w->hold_looks = HOLD_LOOKS;
        w->held_seen = held;
    }
    if (!w->hold_looks) {
        return;
    }
    size_t n = held_keys(h, &first);
    if (n && !w->holds) {
        tell_hold(w, &first, n);
        w->hold_began_ms = weir_monotonic_ms();
    }
    w->hold_looks = n ? HOLD_LOOKS : w->hold_looks - 1;
    w->holds |= n > 0;
    if (w->holds && !w->hold_looks) {
        weir_log_line(weir_app_log(w->app), WEIR_LOG_INFO, "handlers",
            "no handler holds a record any more, after %.1f s",
            (double)(weir_monotonic_ms() - w->hold_began_ms) / 1000.0);
        w->holds = false;
    }
}

static void look_at_life(weir_watchdog *w)
{
    weir_error why = {.status = WEIR_OK};
    bool stuck = !weir_app_live(w->app, &why);
    if (stuck && !w->stuck) {
        weir_log_error(weir_app_log(w->app), WEIR_LOG_ERROR, "watchdog", &why, "not live");
    } else if (!stuck && w->stuck) {
        weir_log_line(weir_app_log(w->app), WEIR_LOG_INFO, "watchdog", "live again");
    }
    w->stuck = stuck;
}

/* Of something else than before, or with the key that was not known yet. */
static bool is_news(const weir_error *before, const weir_error *now)
{
    return strcmp(before->code, now->code) != 0 || strcmp(before->where, now->where) != 0 ||
           (strchr(now->text, ';') && !strchr(before->text, ';'));
}

/* Once when something else is not well, once when all is. */
static void look_at_health(weir_watchdog *w)
{
    int64_t now_ms = weir_monotonic_ms();
    weir_error why = {.status = WEIR_OK};
    weir_health_figures figures;
    if (now_ms < w->health_ms || w->stuck) {
        return; /* not yet, or the log has said worse */
    }
    w->health_ms = now_ms + HEALTH_MS;
    bool unwell = weir_app_look(w->app, &figures, &why);
    if (unwell && is_news(&w->unwell, &why)) {
        weir_log_error(weir_app_log(w->app), WEIR_LOG_WARN, "watchdog", &why, "not well");
    } else if (!unwell && w->unwell.status) {
        weir_log_line(weir_app_log(w->app), WEIR_LOG_INFO, "watchdog", "well again");
    }
    w->unwell = why;
}

void weir_watchdog_look(weir_watchdog *w)
{
    look_at_life(w);
    look_at_health(w);
    look_at_holds(w);
}

void weir_watchdog_close(weir_watchdog *w)
{
    weir_admin_close(w->admin);
    w->admin = NULL;
}
