/* Handlers: runs an app's functions over records, with per-key order, retries that park the key,
 * holds, dead letters and deferred completion. A processor of the engine.
 *
 * Invariants
 *  1. A record is settled only when its handler said yes, it is no handler's, or its dead letter is
 * safe.
 *  2. Equal keys of a partition are handled in offset order, retries included (engine/lane.h).
 *  3. A record whose handler emitted is settled only when each of its emits is acknowledged; its
 * key is busy until then. What is not acknowledged is handled again.
 *  4. A message is its user's from WEIR_DEFERRED to weir_settle, which counts once.
 *
 * Thread: take, step and abandon on lanes; settle from any. */
#ifndef WEIR_SERVICE_HANDLERS_H
#define WEIR_SERVICE_HANDLERS_H

#include <weir/app.h>
#include <weir/cache.h>

#include "cdc/event_check.h"
#include "cdc/row_check.h"
#include "engine/dead_letter.h"
#include "engine/engine.h"
#include "service/breaker.h"
#include "service/emit.h"
#include "service/inbox.h"
#include "service/parking.h"
#include "service/transactor.h"

/* What a topic's records are for. Borrowed, outlives the handlers. */
typedef struct weir_route {
    const char *table; /* rows of this "schema.table"; or */
    const char *event; /* records of this type; neither: every record */
    weir_handler_fn *fn;
    weir_batch_fn *batch; /* in its place, for several records at once: */
    uint32_t batch_most;  /* at least 1 */
    int64_t batch_wait_ms;
    void *ctx;
    const weir_field *where, *headers; /* filters, ending with WEIR_FIELD_END; NULL: none */
    unsigned ops;                      /* of a table: WEIR_INSERT, …; 0: all */
    /* 0 and NULL: as all handlers. */
    uint32_t max_attempts;
    int64_t backoff_ms, max_backoff_ms, timeout_ms;
    const char *dead_letter_topic;
    weir_breaker *breaker;  /* NULL: none */
    uint32_t max_in_flight; /* deferred at once; 0: no bound */
    atomic_uint *in_flight; /* with it: how many are */
    weir_inbox *inbox;      /* of its transaction, one of the handlers' inboxes; NULL: none */
    const char *inbox_name; /* with it: what the handler is called there, for good */
    enum weir_followers followers; /* of a rejected record's key */
} weir_route;

typedef struct weir_middleware {
    weir_middleware_fn *fn;
    void *ctx;
} weir_middleware;

typedef struct weir_batch_middleware {
    weir_batch_middleware_fn *fn;
    void *ctx;
} weir_batch_middleware;

/* Where an event's type may be found. */
typedef enum weir_type_place_kind {
    WEIR_TYPE_HEADER,
    WEIR_TYPE_CLOUDEVENT, /* a CloudEvent in structured mode, by its content-type */
    WEIR_TYPE_FIELD,      /* a name or JSON pointer; a text */
    WEIR_TYPE_TOPIC,
} weir_type_place_kind;
typedef struct weir_type_place {
    weir_type_place_kind kind;
    const char *name;
} weir_type_place;

/* Of a pattern (`orders.*`: all topics that begin so) how many letters stand before its star; 0: it
 * is a topic's name. */
static inline size_t weir_topic_begin(const char *topic)
{
    size_t len = strlen(topic);
    return len && topic[len - 1] == '*' ? len - 1 : 0;
}

typedef struct weir_routed_topic {
    const char *topic;               /* or a pattern */
    const weir_source_rules *source; /* a CDC topic's; NULL: no CDC topic */
    const weir_route *routes;
    size_t n_routes;
    const weir_row_rule *check; /* what rows that go to a handler must fit; NULL: nothing */
    bool replays;               /* dead letters come back by it: each is the record that it was */
} weir_routed_topic;

typedef enum weir_on_reject {
    WEIR_ON_REJECT_DEAD_LETTER,
    WEIR_ON_REJECT_STOP,
    WEIR_ON_REJECT_SKIP,
} weir_on_reject;

typedef struct weir_handlers_options {
    const char *name;
    const weir_routed_topic *topics;
    size_t n_topics;
    unsigned lanes;
    uint32_t max_attempts;
    int64_t backoff_ms, max_backoff_ms;
    unsigned followers_limit;
    uint32_t recent_most; /* ids that each lane remembers, so as to drop duplicates; 0: none. With a
                           * transactor there are none: handled is not committed */
    int64_t recent_window_ms;
    int64_t stuck_after_ms;
    weir_on_reject on_reject;
    weir_dead_letters dead_letters;
    weir_parking *parking;        /* of keys with a rejected record; NULL: their followers go on */
    bool park;                    /* with it: all handlers do, unless they say otherwise */
    weir_event_rules events;      /* what records of topics without a source, and emits, must fit */
    const weir_type_place *types; /* the first that has one; NULL: headers ce_type, type and
                                     eventType, then a structured CloudEvent's */
    size_t n_types;
    const weir_middleware *middleware; /* the outermost first */
    size_t n_middleware;
    const weir_batch_middleware *batch_middleware; /* the same of batches */
    size_t n_batch_middleware;
    weir_emit_rules emits;      /* where emits go */
    weir_emitter emitter;       /* send NULL: handlers cannot emit */
    weir_inbox *const *inboxes; /* of handlers with a transaction; borrowed */
    size_t n_inboxes;
    size_t emit_bytes; /* the most that an event of such a handler may have; 0: no bound */
    /* Instead of the emitter and the dead letters' port: exactly once. NULL: at least once. */
    weir_transactor *transactor;
    const char *letter_topic, *letter_group; /* with it: where dead letters go, and who rejected */
    bool letters_hold; /* what the broker refuses, a letter or a parked record, is tried until it is
                        * taken */
    int64_t (*wall_ms)(void);     /* the time of day; NULL: 0 */
    uint64_t seed;                /* of the backoff's jitter */
    int64_t (*now_ms)(void *ctx); /* monotonic */
    /* Appends the row of a cache; see weir_lookup, and weir_lookup_known where age_ms is given. */
    weir_status (*lookup)(void *ctx, const char *cache, weir_view key, const weir_freshness *min,
        int64_t *age_ms, weir_buf *row, bool *found, weir_error *err);
    void *ctx;
    const weir_log *log;
} weir_handlers_options;

typedef struct weir_handlers weir_handlers;

WEIR_MUST_USE weir_status weir_handlers_new(
    const weir_handlers_options *options, weir_handlers **out, weir_error *err);
/* The engine must have ended. */
void weir_handlers_free(weir_handlers *h);
void weir_handlers_attach(weir_handlers *h, weir_engine *e);

/* What a transactor asks of a record that was handled (service/transactor.h). ctx: the handlers. */
const weir_outgoing *weir_handlers_list(const weir_record *r);
size_t weir_handlers_bytes(const weir_record *r);
void weir_handlers_free_effects(void *ctx, weir_record *r);
void weir_handlers_fit_effects(void *ctx, weir_record *r);
weir_status weir_handlers_reject_effects(
    void *ctx, weir_record *r, const weir_outgoing *refused, weir_error *why);
bool weir_handlers_may_hold(void *ctx, const weir_record *r, weir_error *why);

extern const weir_processor_ops weir_handlers_processor;
uint32_t weir_handlers_tag(void *handlers, weir_view topic);

typedef struct weir_handlers_counters {
    uint64_t handled, retried, held, rejected, dead_lettered, unrouted, deferred, emitted,
        broken,     /* not handled, because a breaker was open */
        duplicates, /* not handled, because they were before */
        parked;     /* not handled, because a record of their key was rejected */
} weir_handlers_counters;
weir_handlers_counters weir_handlers_count(weir_handlers *h);

/* Is a handler in a call, for however long? *err names the record. Thread: any. */
bool weir_handlers_running(const weir_handlers *h, weir_error *err);
/* Is a handler or a deferred message stuck for longer than stuck_after? *err names the record.
 * Thread: any. */
bool weir_handlers_stuck(weir_handlers *h, weir_error *err);

/* A key that is parked, held or busy. */
typedef struct weir_stuck_key {
    char topic[250], key[128];
    int32_t partition;
    int64_t offset;
    uint32_t attempt, followers;
    int64_t due_in_ms; /* -1: busy */
    weir_error error;  /* of the last attempt */
} weir_stuck_key;
size_t weir_handlers_stuck_keys(weir_handlers *h, weir_stuck_key *out, size_t max);

#endif
