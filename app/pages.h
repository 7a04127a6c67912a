/* The pages that a daemon shows over HTTP (http/admin.h).
 *
 *   /live     200, or 503 when a thread stands still for longer than limits.stuck_after
 *   /ready    200 once the caches hold all that was there at the start, else 503 and the reason
 *   /metrics  app/metrics.h
 *   /status   app/status.h
 *
 * Thread: any, while the daemon is open. */
#ifndef WEIR_APP_PAGES_H
#define WEIR_APP_PAGES_H

#include "daemon.h"
#include "http/admin.h"

/* They borrow the daemon. */
weir_admin_pages weir_pages_of(weir_daemon *d);

#endif
