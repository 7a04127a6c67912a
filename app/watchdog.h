/* A service's watchdog: what weir_app_live and weir_app_ready say, over HTTP where http.listen is
 * set, and in the log when it changes; and in the log that handlers hold records, which they do
 * while something that they depend on is down, and that they hold none any more.
 *
 * /live and /ready are the app's; so is /metrics, with those of its caches; /status is that of its
 * caches, and 404 where it has none. Thread: one owner. */
#ifndef WEIR_WATCHDOG_H
#define WEIR_WATCHDOG_H

#include "app_inside.h"
#include "http/admin.h"

typedef struct weir_watchdog {
    weir_app *app; /* borrowed */
    int64_t began_ms;
    weir_admin *admin;
    bool stuck;        /* and the log says so */
    bool holds;        /* and the log says so, too */
    weir_error unwell; /* as the log has it; status WEIR_OK: all is well */
    int64_t health_ms; /* when to look at that again */
    uint64_t held_seen;
    unsigned hold_looks; /* left: is what was held a moment ago still held? */
    int64_t hold_began_ms;
} weir_watchdog;

/* Errors: HTTP_LISTEN. */
WEIR_MUST_USE weir_status weir_watchdog_open(weir_watchdog *w, weir_app *app, weir_error *err);
/* To be called every now and then. */
void weir_watchdog_look(weir_watchdog *w);
void weir_watchdog_close(weir_watchdog *w);

#endif
