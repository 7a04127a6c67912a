/* One run of the merge rule over one topic: transactions of random size, crashes and failing
 * allocations in between, and checks after every record and at the end. */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "cdc/merge.h"
#include "sim/schedule.h"

typedef struct sim_run sim_run;

typedef struct sim_plan {
    const sim_source *source;
    const sim_topic *topic;
    sim_row final[SIM_KEYS]; /* what the rows must be in the end */
    bool check_steps;        /* each row shown must be a version that the source had */
    bool monotone;           /* … and none older than one shown before */
    bool may_be_incomplete;  /* rows flagged incomplete count as reported, not as wrong */
    bool new_snapshot;       /* the alarm of a second initial snapshot is expected */
    bool loses_tail;         /* old halves of moves may be left, whose new ones were never sent */
    bool made;               /* the cache is made from the topic's beginning */
    bool gap_rule;
    bool compacted; /* the other half of a move may be gone; rows may be flagged as unclear */
    bool expires;   /* delete marks and halves of moves go as soon as all partitions have passed */
    bool no_rewinds;
    bool one_lane;          /* partitions keep their order */
    const size_t *pause_at; /* per partition: all goes up to here first, then on; NULL: no pause */
    double crash_chance;    /* per transaction */
    double fault_chance;    /* per record */
    /* Called after every record; may be NULL. */
    void (*watch)(const sim_run *run, const weir_change *c);
    /* Called when the cache is made; may be NULL. */
    void (*watch_made)(const sim_run *run);
} sim_plan;

struct sim_run {
    const sim_plan *plan;
    sim_rng *rng;
    weir_store store;
    weir_merge merge;
    sim_schedule schedule;
    int shown[SIM_KEYS], shown_at_commit[SIM_KEYS]; /* versions */
    int64_t session_start[SIM_PARTITIONS];          /* offsets at which the consumer began */
    int crashes;
    uint64_t applied; /* records */
    weir_buf expire_from;
    uint64_t expired;                /* delete marks and moves */
    uint64_t faults;                 /* allocations that failed */
    bool has_newest[SIM_PARTITIONS]; /* made: by partition, had it rows of the newest snapshot? */
    uint64_t gone;                   /* rows that an older snapshot had and the newest had not */
    unsigned flagged, stale;         /* rows at the end: incomplete; wrong and not flagged */
    char failure[200];               /* empty: none */
};

/* True if all checks held. */
bool sim_run_all(sim_run *r, const sim_plan *plan, sim_rng *rng);
void sim_run_end(sim_run *r);

/* The key's state and row as the open transaction has them; false if there is no state. */
bool sim_run_look(const sim_run *r, int key, weir_state *state, weir_view *row);
size_t sim_run_count(const sim_run *r, weir_space space);

#endif
