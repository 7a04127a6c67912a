/* A daemon's pages. See pages.h. */
#include "pages.h"

#include "metrics.h"
#include "status.h"

enum { HTTP_OK = 200, HTTP_UNAVAILABLE = 503 };

/* Takes no snapshot: a process that is short of memory is alive. */
static unsigned live(void *ctx, weir_buf *body)
{
    const weir_daemon *d = ctx;
    if (weir_daemon_live(d)) {
        weir_buf_puts(body, "live\n");
        return HTTP_OK;
    }
    weir_buf_puts(body, "not live");
    for (size_t i = 0; i < weir_daemon_replicas(d); i++) {
        const weir_replica *r = weir_daemon_replica(d, i);
        if (!weir_replica_live(r)) {
            weir_silence s = weir_replica_silence(r);
            weir_buf_printf(body, "; store %s: ", weir_replica_config(r)->name);
            weir_silence_put(&s, body);
            weir_buf_printf(body, " has stood still for %lld s", (long long)s.ms / 1000);
        }
    }
    weir_buf_putc(body, '\n');
    return HTTP_UNAVAILABLE;
}

/* Takes a snapshot and shows it. False: out of memory, and the body says so. */
static bool show(const weir_daemon *d, void (*put)(const weir_snapshot *, weir_buf *),
    weir_buf *body, bool *ready)
{
    weir_arena arena;
    weir_snapshot s;
    weir_arena_init(&arena, 0);
    bool good = weir_snapshot_take(d, &arena, &s, NULL) == WEIR_OK;
    if (good) {
        put(&s, body);
        *ready = s.ready;
    }
    weir_arena_fini(&arena);
    return good && !body->failed;
}

static unsigned ready(void *ctx, weir_buf *body)
{
    bool is_ready = false;
    return show(ctx, weir_status_put_ready, body, &is_ready) && is_ready ? HTTP_OK
                                                                         : HTTP_UNAVAILABLE;
}

static unsigned metrics(void *ctx, weir_buf *body)
{
    bool is_ready;
    return show(ctx, weir_metrics_put, body, &is_ready) ? HTTP_OK : HTTP_UNAVAILABLE;
}

static unsigned status(void *ctx, weir_buf *body)
{
    bool is_ready;
    return show(ctx, weir_status_put, body, &is_ready) ? HTTP_OK : HTTP_UNAVAILABLE;
}

weir_admin_pages weir_pages_of(weir_daemon *d)
{
    return (weir_admin_pages){live, ready, metrics, status, d};
}
