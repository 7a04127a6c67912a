/* A recording in memory: what a real connector sent to Kafka about the tables of a config, decoded,
 * in the order in which it was sent.
 *
 * Immutable once loaded. It is a test: what cannot be loaded ends it. */
#ifndef RECORDINGS_RECORDED_H
#define RECORDINGS_RECORDED_H

#include "file/recording.h"
#include "rules.h"
#include "sim/schedule.h"

enum { RECORDED_TABLES = 5 }; /* at most */

typedef struct recorded_row {
    sim_record sim; /* its first member: tests/sim/schedule.h cuts and repeats these */
    weir_recorded *bytes;
    bool unusable; /* sync refuses it: the rows stay as they are */
    /* Where the source's history has it. */
    struct recorded_place {
        int stage; /* rows of an initial snapshot come first */
        uint64_t commit, l;
        bool incremental, second; /* second: not the old half of a move */
    } place;
} recorded_row;

typedef struct recorded_table {
    const weir_sync_topic *topic;
    unsigned cache;
    recorded_row *items;
    size_t count, capacity;
} recorded_table;

typedef struct recording {
    const char *name;
    weir_config *config;
    weir_rules rules;
    weir_arena arena;
    recorded_table tables[RECORDED_TABLES]; /* by the rules' topics */
    size_t n_tables;
    bool positions;
} recording;

/* in_order: the file's lines stand in the order in which they were sent; else the positions tell,
 * within which each partition keeps its own. */
void recording_load(
    recording *r, const char *name, const char *path, const char *config, bool in_order);
void recording_free(recording *r);

/* The table's records, each in the partition it was recorded in. */
sim_sequence recording_sequence(const recorded_table *table);

static inline const recorded_row *recorded_row_of(const sim_record *sim)
{
    return (const recorded_row *)(const void *)sim;
}

/* Ends the test. */
_Noreturn void recording_die(const char *what, const char *why);

#endif
