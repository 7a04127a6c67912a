/* What a daemon is doing, at one moment: gathered once, then shown as the status, as metrics or as
 * the answer of /ready. Plain data, so that what is shown can be tested without a daemon.
 *
 * Everything lives in the arena it was taken into, but names, which are the config's.
 * Thread: immutable once taken; taking one from any thread while the daemon is open. */
#ifndef WEIR_APP_SNAPSHOT_H
#define WEIR_APP_SNAPSHOT_H

#include "daemon.h"
#include "health.h"
#include "service/handlers.h"
#include "service/relay.h"
#include "validation.h"

/* How a partition is doing. When several apply, the first of them. */
typedef enum weir_partition_state {
    WEIR_PARTITION_STOPPED,  /* the store's sync has failed */
    WEIR_PARTITION_CURRENT,  /* all that is there is applied */
    WEIR_PARTITION_HELD,     /* the store, or the dead-letter topic, cannot be written */
    WEIR_PARTITION_HANGING,  /* a thread stands still */
    WEIR_PARTITION_STUCK,    /* a key that is being retried has too many records behind it */
    WEIR_PARTITION_WAITING,  /* the source has trouble, or the topic was not found yet */
    WEIR_PARTITION_STARTING, /* what was there at the start is still being applied */
    WEIR_PARTITION_BEHIND,   /* nothing is wrong: throughput */
} weir_partition_state;
/* "current", "held", … */
const char *weir_partition_state_name(weir_partition_state state);

typedef struct weir_partition_status {
    const char *topic;
    int32_t number;        /* -1: a topic whose partitions are not known */
    int64_t end, frontier; /* -1: not known */
    int64_t lag_records;   /* -1: not known */
    uint64_t open_records; /* taken, not settled */
    weir_partition_state state;
    const char *why; /* "" when there is nothing to say */
} weir_partition_status;

typedef struct weir_cache_status {
    const char *name, *from;
    bool has_lsn; /* positions are PostgreSQL's LSNs; else there are none */
    weir_sync_stats stats;
} weir_cache_status;

typedef struct weir_store_status {
    const char *name, *type;
    bool live, ready, held;
    weir_error held_why, failure; /* failure.status WEIR_OK: none */
    uint64_t bytes, limit_bytes;  /* limit_bytes 0: there is none */
    uint64_t transactions, rejected;
    uint64_t invalid, unjudged; /* rows, by their schemas */
    weir_engine_counts counts;
    weir_silence silence;
    int64_t away_ms; /* for so long no broker has been reached; 0: one is */
    weir_cache_status *caches;
    size_t n_caches;
    weir_partition_status *partitions; /* by topic and number */
    size_t n_partitions;
} weir_store_status;

enum { /* are shown */
    WEIR_MOST_BREAKERS = 64,
    WEIR_MOST_OUTBOXES = 8,
    WEIR_MOST_PARKED = 64,
    WEIR_MOST_HOLDS = 64,
};

/* Of a store of handlers with `.tx`. */
typedef struct weir_outbox_status {
    const char *store;
    weir_relay_status relay;
} weir_outbox_status;

/* Of a service's handlers. */
typedef struct weir_handlers_status {
    weir_handlers_counters counts;
    weir_health_figures health;
    weir_error unwell; /* what weir_app_health knows beside liveness; status WEIR_OK: nothing */
    weir_stuck_key holds[WEIR_MOST_HOLDS]; /* records whose handler says HOLD */
    size_t n_holds;
    weir_partition_status *partitions; /* of the handlers' topics, by topic and number */
    size_t n_partitions;
    int64_t away_ms; /* as a store's */
    bool exactly_once;
    weir_transactor_counters transactions; /* with it */
    const weir_validations *validations;
    weir_breaker_view breakers[WEIR_MOST_BREAKERS];
    size_t n_breakers;
    weir_outbox_status outboxes[WEIR_MOST_OUTBOXES];
    size_t n_outboxes;
    bool parks;                   /* followers of rejected records, in places: */
    weir_parking_figures parking; /* with it */
    weir_parked_view parked[WEIR_MOST_PARKED];
    size_t n_parked;
} weir_handlers_status;

typedef struct weir_snapshot {
    const char *app; /* the config's name */
    bool live, ready, stopping;
    int64_t taken_ms, uptime_ms; /* taken_ms: since 1970 */
    uint64_t in_flight_limit_bytes;
    weir_store_status *stores;
    size_t n_stores;
    const weir_handlers_status *handlers; /* NULL: it has none */
} weir_snapshot;

/* Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_snapshot_take(
    const weir_daemon *d, weir_arena *arena, weir_snapshot *out, weir_error *err);

/* The partitions of handlers: what is assigned now, and of a group that it has no place in, its
 * topics. What they hold is in `h` already. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_snapshot_take_handlers(weir_engine *e, const char *const *topics,
    size_t n_topics, weir_arena *arena, weir_handlers_status *h, weir_error *err);

/* "the poll thread", "lane 2", "the writer". */
void weir_silence_put(const weir_silence *s, weir_buf *to);

#endif
