/* A service's watchdog. See watchdog.h. */
#include "watchdog.h"

#include "pages.h"

enum { HTTP_OK = 200, HTTP_NOT_FOUND = 404, HTTP_UNAVAILABLE = 503 };

/* ---- Pages --------------------------------------------------------------------------------------
 */

static unsigned live(void *ctx, weir_buf *body)
{
    weir_error why;
    if (weir_app_live(ctx, &why)) {
        weir_buf_puts(body, "live\n");
        return HTTP_OK;
    }
    weir_buf_printf(body, "not live; %s%s%s\n", why.where, why.where[0] ? ": " : "", why.text);
    return HTTP_UNAVAILABLE;
}

static unsigned ready(void *ctx, weir_buf *body)
{
    bool is_ready = weir_app_ready(ctx);
    weir_buf_puts(body, is_ready ? "ready\n" : "not ready\n");
    return is_ready ? HTTP_OK : HTTP_UNAVAILABLE;
}

static unsigned of_caches(const weir_app *app, weir_buf *body, bool metrics)
{
    weir_daemon *d = weir_app_daemon(app);
    if (!d) {
        weir_buf_puts(body, "this service has no caches\n");
        return HTTP_NOT_FOUND;
    }
    weir_admin_pages pages = weir_pages_of(d);
    return metrics ? pages.metrics(pages.ctx, body) : pages.status(pages.ctx, body);
}

static unsigned metrics(void *ctx, weir_buf *body)
{
    return of_caches(ctx, body, true);
}

static unsigned status(void *ctx, weir_buf *body)
{
    return of_caches(ctx, body, false);
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

weir_status weir_watchdog_open(weir_watchdog *w, weir_app *app, weir_error *err)
{
    const weir_config_address *listen = &weir_app_config(app)->http.listen;
    *w = (weir_watchdog){.app = app};
    if (!listen->host) {
        return WEIR_OK;
    }
    weir_admin_options o = {
        listen->host, listen->port, {live, ready, metrics, status, app}, weir_app_log(app)};
    return weir_admin_open(&o, &w->admin, err);
}

void weir_watchdog_look(weir_watchdog *w)
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

void weir_watchdog_close(weir_watchdog *w)
{
    weir_admin_close(w->admin);
    w->admin = NULL;
}
