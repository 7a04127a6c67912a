/* What the rest of app/ sees of a weir_app. Private to it. */
#ifndef WEIR_APP_INSIDE_H
#define WEIR_APP_INSIDE_H

#include <weir/weir.h>

#include "config.h"
#include "daemon.h"
#include "service/handlers.h"
#include "validation.h"

const weir_config *weir_app_config(const weir_app *a);
const weir_log *weir_app_log(const weir_app *a);
/* What keeps its caches; NULL: it has none. */
weir_daemon *weir_app_daemon(const weir_app *a);
/* What runs its handlers; NULL: it has none. */
weir_handlers *weir_app_handlers(const weir_app *a);
/* Its circuit breakers, as they are; at most max. Thread: any. */
size_t weir_app_breakers(const weir_app *a, weir_breaker_view *out, size_t max);
/* What rows and events must fit. */
const weir_validations *weir_app_validations(const weir_app *a);
/* Records that are done with, by handlers and by caches. */
uint64_t weir_app_records(weir_app *a);

#endif
