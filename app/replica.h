/* A replica: one local store and all partitions of its caches' topics, kept equal. It owns the
 * store, the source, the engine and their threads.
 *
 *   opened --start--> running --stop, or a recording's end--> draining --> ended --close-->
 *
 * Thread: open, start, wait and close from one owner; stop and the figures from any. */
#ifndef WEIR_APP_REPLICA_H
#define WEIR_APP_REPLICA_H

#include "config.h"
#include "engine/run.h"
#include "rules.h"
#include "sync/sync.h"

typedef struct weir_replica_options {
    const weir_config *config;
    const weir_config_store *store;
    const char *recording;    /* read this instead of Kafka, to its end; NULL: Kafka */
    unsigned member, members; /* of the members of its group that this instance has: 0 of 1 */
    const weir_log *log;
} weir_replica_options;

typedef struct weir_replica weir_replica;

/* Opens the store and its caches; does not connect yet. Errors: STORE_*, CACHE_RULE_CHANGED,
 * KAFKA_CONFIG, FILE_UNREADABLE, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_replica_open(
    const weir_replica_options *options, weir_replica **out, weir_error *err);
WEIR_MUST_USE weir_status weir_replica_start(weir_replica *r, weir_error *err);
void weir_replica_stop(weir_replica *r);
bool weir_replica_ended(const weir_replica *r);
/* Waits until it has ended. WEIR_OK, or why it failed. */
weir_status weir_replica_wait(weir_replica *r, weir_error *err);
/* Must have been waited for, if it was started. NULL is allowed. */
void weir_replica_close(weir_replica *r);

/* Figures. */
weir_engine *weir_replica_engine(weir_replica *r);
weir_sync *weir_replica_sync(weir_replica *r);
const weir_rules *weir_replica_rules(const weir_replica *r);
weir_store weir_replica_store(const weir_replica *r);
const weir_config_store *weir_replica_config(const weir_replica *r);
/* Of a topic, by its number in the rules. */
typedef enum weir_topic_state {
    WEIR_TOPIC_FOUND,   /* its partitions are read; a recording has the topics that it has */
    WEIR_TOPIC_ABSENT,  /* the broker says it is not there, and on_missing_topic is wait */
    WEIR_TOPIC_UNKNOWN, /* not found, and nobody knows yet */
} weir_topic_state;
weir_topic_state weir_replica_topic(weir_replica *r, size_t topic);
/* No topic is unknown, and everything that was there at the start is in the store. */
bool weir_replica_ready(weir_replica *r);
/* Where a topic ends now, asked of Kafka; of a recording, once it is ready: nowhere further (*n 0).
 * *ends is by partition, for weir_free. Thread: any. */
WEIR_MUST_USE weir_status weir_replica_ends(
    weir_replica *r, const char *topic, int64_t **ends, int32_t *n, weir_error *err);
/* A source position that a cache was found to be past, kept so that it is asked for once. Thread:
 * any. */
uint64_t weir_replica_past(const weir_replica *r, size_t cache);
void weir_replica_set_past(weir_replica *r, size_t cache, uint64_t position);
/* Warns of columns that the config names and no record has had so far, each once. Thread: any. */
void weir_replica_tell_columns(weir_replica *r);
/* The thread that polls may wait for answers of a broker that gives none: so long at most. */
enum { WEIR_POLL_WAITS_MS = 10000 };
/* No thread has stood still for longer than limits.stuck_after, the one that polls beyond a drain;
 * holding is no standing still. */
bool weir_replica_live(const weir_replica *r);
/* The thread that has not come round for the longest time. */
weir_silence weir_replica_silence(const weir_replica *r);
/* A recording's progress; false: it reads from Kafka. */
bool weir_replica_progress(weir_replica *r, uint64_t *read_bytes, uint64_t *all_bytes);

/* Opens a store of the config. read_only: another process may be writing it. */
WEIR_MUST_USE weir_status weir_open_store(const weir_config_store *config, bool read_only,
    const weir_log *log, weir_store *out, weir_error *err);

#endif
