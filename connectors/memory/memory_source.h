/* A source of records in memory, for tests: topics of one partition each, a group's commits, and
 * partitions that are taken away and given back. One engine reads it.
 * Thread: one. */
#ifndef WEIR_MEMORY_SOURCE_H
#define WEIR_MEMORY_SOURCE_H

#include <weir/emit.h>

#include "engine/engine.h"

typedef struct weir_memory_source weir_memory_source;

WEIR_MUST_USE weir_status weir_memory_source_new(
    weir_memory_source **out, weir_record_source *port, weir_error *err);
/* After the engine that has the port; NULL is allowed. */
void weir_memory_source_free(weir_memory_source *s);

/* A topic that the engine reads from its next poll on; there already: nothing. */
WEIR_MUST_USE weir_status weir_memory_source_topic(
    weir_memory_source *s, const char *topic, weir_error *err);

/* Appends a record, copied, with headers of the kind text; *offset (or NULL) is its own. A topic
 * that is not there: nothing, and *offset -1. */
WEIR_MUST_USE weir_status weir_memory_source_add(weir_memory_source *s, const char *topic,
    weir_view key, weir_view value, const weir_field *headers, int64_t timestamp_ms,
    int64_t *offset, weir_error *err);

/* With the next poll the topic's partition leaves and comes again, at this offset. */
void weir_memory_source_rewind(weir_memory_source *s, const char *topic, int64_t offset);
/* The same, as a group takes a partition away and gives it back: at what is committed when it has
 * left, if that is before the offset; where commits are made in the engine's place, at that. */
void weir_memory_source_give_again(weir_memory_source *s, const char *topic, int64_t offset);
/* A rewind, with what a commit said of it in its metadata; borrowed until then. */
void weir_memory_source_resume(
    weir_memory_source *s, const char *topic, int64_t offset, weir_view metadata);
/* Commits in the engine's place; a partition that comes again begins there from then on, with what
 * the commit said. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_memory_source_commit(
    weir_memory_source *s, const weir_offset *offsets, size_t n, weir_error *err);
/* What was committed; -1: nothing, or no such topic. */
int64_t weir_memory_source_committed(const weir_memory_source *s, const char *topic);
/* Records of the topic; 0: none, or no such topic. */
int64_t weir_memory_source_end(const weir_memory_source *s, const char *topic);
/* A record that was added, as it was; borrowed as long as the source lives. False: there is none,
 * or it was forgotten. */
bool weir_memory_source_at(
    const weir_memory_source *s, weir_view topic, int64_t offset, weir_raw_record *out);
/* Retention has taken what the topic has by now; who has not read it still gets it. */
void weir_memory_source_forget(weir_memory_source *s, const char *topic);
/* The i-th topic's name, NULL: there are fewer. */
const char *weir_memory_source_name(const weir_memory_source *s, size_t i);

#endif
