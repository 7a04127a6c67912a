/* What the engine's own files share: engine.c, intake.c, assignment.c, commit.c, recall.c,
 * figures.c, and run.c. Private to them. */
#ifndef WEIR_ENGINE_PARTS_H
#define WEIR_ENGINE_PARTS_H

#include "engine/engine.h"

/* A reason that needs no more words. */
void weir_engine_fail_oom(weir_engine *e);
/* Lock: `lock`. */
void weir_partition_unref(weir_partition *p);

/* What the source says while it is polled; ctx is the engine. Thread: poll. */
void weir_intake_record(void *engine, weir_partition *p, const weir_raw_record *raw, void *message);
/* Hands what has come so far to the lanes. */
void weir_intake_flush(weir_engine *e);

/* Which lane a key of the partition is on. */
unsigned weir_lane_of(const weir_engine *e, const weir_partition *p, weir_view key, uint32_t *hash);
/* Gives a chunk to its lane. */
void weir_push_chunk(weir_engine *e, weir_chunk *c);

/* commit.c: commits for these. Thread: poll. */
weir_status weir_commit_some(
    weir_engine *e, weir_partition **partitions, size_t n, bool wait, weir_error *err);
/* Warns of what these have settled and no commit is known to tell of, if there is any. */
void weir_commit_tell_missing(
    weir_engine *e, weir_partition *const *partitions, size_t n, const weir_error *err);
/* What the source says of a commit. */
void weir_commit_answered(void *engine, const char *topic, int32_t number, int64_t next);

/* Keys with too many followers, or settled records too far ahead of a stuck one: it is not served
 * until that has passed. Lock: `lock`. */
bool weir_partition_held_back(const weir_engine *e, const weir_partition *p);

#endif
