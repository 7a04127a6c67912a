/* The sync daemon: a replica for each store that has caches, or several, where the store has
 * several writers: these stand one behind the other, and are members of one group. Thread: open,
 * start, wait and close from one owner; stop and the figures from any. */
#ifndef WEIR_APP_DAEMON_H
#define WEIR_APP_DAEMON_H

#include "replica.h"

typedef struct weir_daemon weir_daemon;

/* recording: read by every replica instead of Kafka; NULL: Kafka. */
WEIR_MUST_USE weir_status weir_daemon_open(const weir_config *config, const char *recording,
    const weir_log *log, weir_daemon **out, weir_error *err);
WEIR_MUST_USE weir_status weir_daemon_start(weir_daemon *d, weir_error *err);
/* Drains and ends. */
void weir_daemon_stop(weir_daemon *d);
/* All replicas have ended, or one has failed. */
bool weir_daemon_ended(const weir_daemon *d);
/* Stops what still runs, and waits. WEIR_OK, or the first failure. */
weir_status weir_daemon_wait(weir_daemon *d, weir_error *err);
void weir_daemon_close(weir_daemon *d);

size_t weir_daemon_replicas(const weir_daemon *d);
weir_replica *weir_daemon_replica(const weir_daemon *d, size_t i);
/* How many there are of the store of which i is the first. */
size_t weir_daemon_members(const weir_daemon *d, size_t i);
/* Figures of a cache, all members of its store together. */
void weir_daemon_cache_stats(
    const weir_daemon *d, size_t first, size_t cache, weir_sync_stats *out);
const weir_config *weir_daemon_config(const weir_daemon *d);
/* Since it was opened. */
int64_t weir_daemon_uptime_ms(const weir_daemon *d);
/* Was it asked to stop? */
bool weir_daemon_stopping(const weir_daemon *d);
bool weir_daemon_ready(const weir_daemon *d);
/* Records that are done with, and those among them that could not be used. */
typedef struct weir_daemon_counts {
    uint64_t settled, rejected;
} weir_daemon_counts;
weir_daemon_counts weir_daemon_count(const weir_daemon *d);
/* Warns of columns that the config names and no record has had so far, each once. */
void weir_daemon_tell_columns(weir_daemon *d);
/* Has a thread not been seen for longer than stuck_after? Holding is no reason: only a standstill
 * is. */
bool weir_daemon_live(const weir_daemon *d);

#endif
