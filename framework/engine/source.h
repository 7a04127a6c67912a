/* The source port: where records come from. Implementations: connectors/kafka, connectors/file, and
 * the simulator's broker (tests/sim).
 *
 * Thread: all calls on the engine's poll thread, but release, wake and end_offset: any thread.
 * end_offset is called under the engine's lock: it must not call back. */
#ifndef WEIR_ENGINE_SOURCE_H
#define WEIR_ENGINE_SOURCE_H

#include "base/err.h"
#include "engine/record.h"

/* What a source tells its engine while it is polled. */
typedef struct weir_source_events {
    /* A partition is assigned, to be read from `start` (-1: as the source decides). NULL: out of
     * memory. */
    weir_partition *(*assigned)(void *engine, weir_view topic, int32_t number, int64_t start);
    /* What the group's last commit said of it in its metadata: right behind `assigned`, before its
     * first record. Not called: nothing. */
    void (*resume)(void *engine, weir_partition *p, weir_view metadata);
    /* It will be taken away. Waits until its records are settled, or the drain bound has passed,
     * then commits; `lost`: it is gone already, nothing is waited for or committed. The object is
     * not the source's any more. */
    void (*revoked)(void *engine, weir_partition **partitions, size_t n, bool lost);
    /* A record. The engine owns `message` until it calls release. */
    void (*record)(void *engine, weir_partition *p, const weir_raw_record *raw, void *message);
    /* Everything that was there when the source looked has been delivered. */
    void (*end)(void *engine, weir_partition *p, int64_t offset);
    /* An answer to a commit that was not waited for. */
    void (*committed)(void *engine, const char *topic, int32_t number, int64_t next);
    /* Something went wrong that is no record's fault: ends the engine unless it is a HOLD (logged).
     */
    void (*error)(void *engine, const weir_error *err);
} weir_source_events;

typedef struct weir_offset {
    const char *topic;
    int32_t number;
    int64_t next;
    weir_view metadata; /* empty: none */
    uint64_t changes;   /* the engine's own */
} weir_offset;

typedef struct weir_source_ops {
    const char *type; /* "kafka", "file" */
    /* Delivers what is there for partitions with room (weir_partition_room), at most max_records;
     * waits up to timeout_ms for something. WEIR_OK; anything else ends the engine (err says why).
     */
    weir_status (*poll)(void *self, const weir_source_events *events, void *engine,
        unsigned max_records, int timeout_ms, weir_error *err);
    /* Commits for the group. wait: until the broker has answered. HOLD: try again later; an offset
     * of a partition that is not the group member's any more is refused without harm. */
    weir_status (*commit)(
        void *self, const weir_offset *offsets, size_t n, bool wait, weir_error *err);
    void (*release)(void *self, void *message);
    /* Makes a waiting poll return. */
    void (*wake)(void *self);
    /* The partition's end as last heard, or -1. */
    int64_t (*end_offset)(void *self, const weir_partition *p);
    /* No more records will ever come (a file). */
    bool (*finished)(void *self);
    void (*close)(void *self);
} weir_source_ops;

typedef struct weir_record_source {
    const weir_source_ops *ops;
    void *self;
} weir_record_source;

#endif
