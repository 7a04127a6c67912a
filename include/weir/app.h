/* SPDX-License-Identifier: Apache-2.0
 * <weir/app.h>: an app is a config and some handlers.
 *
 *   static weir_status on_order(weir_message *m, void *ctx) { … return WEIR_OK; }
 *
 *   static void setup(weir_app *a, void *ctx)
 *   {
 *       weir_on(a, .change = "public.orders", .fn = on_order);
 *   }
 *
 *   int main(int argc, char **argv)
 *   {
 *       return weir_main(argc, argv, setup, NULL);
 *   }
 */
#ifndef WEIR_APP_H
#define WEIR_APP_H

#include <weir/batch.h>
#include <weir/emit.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_app weir_app;

/* What has happened to a row, for weir_handler.ops. */
enum {
    WEIR_INSERT = 1 << 0,
    WEIR_UPDATE = 1 << 1,
    WEIR_DELETE = 1 << 2,
    WEIR_SNAPSHOT = 1 << 3, /* it was read */
    WEIR_TRUNCATE = 1 << 4,
};

/* What becomes of the records behind a rejected one with an equal key. */
enum weir_followers {
    WEIR_FOLLOWERS_AS_CONFIGURED = 0, /* errors.followers */
    WEIR_FOLLOWERS_GO_ON,
    WEIR_FOLLOWERS_PARK, /* they wait in a topic until an operator decides (`weir stuck`) */
};

/* Returns what becomes of the record (<weir/status.h>). Called on a lane's thread; records with
 * equal keys in a partition one after the other, different keys side by side. */
typedef weir_status weir_handler_fn(weir_message *m, void *ctx);

/* Zero what you do not need. Texts are copied. */
typedef struct weir_handler {
    /* Exactly one of change, topic and event; an event that the config's `events` does not have
     * needs a topic too. */
    const char
        *change; /* rows of "schema.table", of any source in the config; or "source.schema.table" */
    /* every record of this topic, undecoded unless it is read; `orders.*`: of all topics that begin
     * with `orders.`, also of those that are made later. A topic of its own name goes before, then
     * the longest pattern. */
    const char *topic;
    const char *event;   /* records of this type (docs/services.md: where it is found), in its topic
                   of the config's `events`, or in `topic` */
    weir_handler_fn *fn; /* or .batch */
    void *ctx;           /* shared by all lanes: must be thread-safe */

    /* Filters: only records whose fields (by name or JSON Pointer) and headers are equal to these;
     * the first handler that takes a record gets it. `.where = W_OBJECT(W_STR("status", "new"))` */
    const weir_field *where, *headers;

    /* Policy; 0 and NULL: as `errors` of the config has it for all handlers. */
    uint32_t max_attempts; /* in all, before a record is rejected */
    uint32_t backoff_ms, max_backoff_ms;
    uint32_t timeout_ms;     /* past it the handler, or its deferred message, counts as stuck */
    const char *dead_letter; /* the topic for its rejected records */
    /* The dependency it asks: while its breaker is open, records HOLD. Each RETRY counts as a
     * failure of it. Its rule is in the config's `breakers`, or is the default one. */
    const char *breaker;
    uint32_t max_in_flight; /* of its messages running or deferred at once; 0: no bound */
    /* A store of the config: its records are handled once, in a transaction there (<weir/sql.h>).
     */
    const char *tx;

    /* With change: only rows to which this has happened, `WEIR_INSERT | WEIR_UPDATE`; 0: any. */
    unsigned ops;

    /* Where this handler rejects a record. */
    enum weir_followers followers;

    /* In the place of fn: several records at once (<weir/batch.h>), at most so many (0: 100); a
     * batch that is not full waits so long for more (0: not at all). */
    weir_batch_fn *batch;
    uint32_t batch_most, batch_wait_ms;
} weir_handler;

/* Registers a handler; in C `weir_on(app, .change = "public.users", .fn = f)`. A mistake is kept
 * and told when the app starts. */
WEIR_API void weir_on_handler(weir_app *a, size_t size, const weir_handler *h);
#ifndef __cplusplus
#define weir_on(app, ...) \
    weir_on_handler((app), sizeof(weir_handler), &(const weir_handler){__VA_ARGS__})
#endif

/* Middleware: what runs around every handler (logging, timing, checks of one's own), the one
 * registered first outermost. It calls the rest by weir_call_rest, once or not at all, and returns
 * what becomes of the record. Of a deferred message it sees WEIR_DEFERRED, not the end, and has to
 * return that; by then the message is with whoever settles it, so what is to be known of it is
 * asked for before.
 *
 *   static weir_status timed(weir_message *m, const weir_rest *rest, void *ctx)
 *   {
 *       weir_view type = weir_type(m);
 *       int64_t begun = now();
 *       weir_status s = weir_call_rest(rest, m);
 *       note(ctx, type, now() - begun, s);
 *       return s;
 *   } */
typedef struct weir_rest weir_rest;
typedef weir_status weir_middleware_fn(weir_message *m, const weir_rest *rest, void *ctx);
/* Thread: the handler's. */
WEIR_API WEIR_MUST_USE weir_status weir_call_rest(const weir_rest *rest, weir_message *m);
/* In the setup function; ctx is shared by all lanes. */
WEIR_API void weir_use(weir_app *a, weir_middleware_fn *fn, void *ctx);

/* The same around handlers of batches (.batch): weir_use is for one message, and does not run
 * around them. So an app with both has to say what does: a check that was left out is an error when
 * the app starts. fn NULL: nothing is meant to. Whoever answers for a record (weir_batch_answer)
 * keeps it from the rest, which gets the others, if there are any. */
typedef weir_status weir_batch_middleware_fn(weir_batch *b, const weir_rest *rest, void *ctx);
/* Thread: the handler's. */
WEIR_API WEIR_MUST_USE weir_status weir_call_batch_rest(const weir_rest *rest, weir_batch *b);
/* In the setup function; ctx is shared by all lanes. */
WEIR_API void weir_use_batch(weir_app *a, weir_batch_middleware_fn *fn, void *ctx);

typedef void weir_setup_fn(weir_app *a, void *ctx);

/* A whole program: flags (--config FILE, --help, …), signals, run, exit code (docs/commands.md).
 * SIGTERM and SIGINT drain; a second one ends the process at once, and what was in hand comes again
 * (exit code 5, as where a handler has not come back). */
WEIR_API int weir_main(int argc, char **argv, weir_setup_fn *setup, void *ctx);

/* Embedding: no signal handlers, no exit, nothing on stdout. */

/* Loads the config (its problems go to err, the first one, and to stderr never) and calls setup.
 * NULL: err says why. Thread: any, one owner. */
WEIR_API weir_app *weir_app_new(
    const char *config_path, weir_setup_fn *setup, void *ctx, weir_error *err);
/* Starts the threads, once. */
WEIR_API WEIR_MUST_USE weir_status weir_app_start(weir_app *a, weir_error *err);
/* Asks it to drain and end. Thread: any. */
WEIR_API void weir_app_stop(weir_app *a);
/* Waits until it has ended. WEIR_OK, or why it failed. HANDLER_STUCK (FATAL): limits.drain and five
 * seconds have passed, and a handler has not come back; *err names its record. Its thread lives on,
 * so weir_app_free then frees nothing: end the process. */
WEIR_API WEIR_MUST_USE weir_status weir_app_wait(weir_app *a, weir_error *err);
/* Has it ended by itself? */
WEIR_API bool weir_app_ended(const weir_app *a);
/* Its caches have what was there at the start, and its handlers have had a place in their group. */
WEIR_API bool weir_app_ready(const weir_app *a);
/* No thread stands still and no handler is stuck; else *why (may be NULL) names the record. */
WEIR_API bool weir_app_live(const weir_app *a, weir_error *why);
/* WEIR_OK, or what is not as it should be, whether or not a new start would help: not live
 * (HANDLER_STUCK), no place in the group for limits.stuck_after (GROUP_LOST), a partition without
 * progress as long (PARTITION_STALLED; *why has its place, and the key that it waits for), keys
 * that wait for an operator's decision (KEY_PARKED). What stands still is told by comparing calls:
 * call it every second or so; weir_main does, and logs it. why may be NULL. Thread: any. */
WEIR_API weir_status weir_app_health(weir_app *a, weir_error *why);
/* After weir_app_wait, or if it was never started. NULL is allowed. */
WEIR_API void weir_app_free(weir_app *a);

#ifdef __cplusplus
}
#endif
#endif
