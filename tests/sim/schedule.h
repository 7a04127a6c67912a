/* What can happen to a source's records on their way: to Kafka's partitions (a source that sends
 * stretches again, another number of partitions), and from there to the merge rule (any
 * interleaving of partitions, consumers that go back). All of it seeded. */
#ifndef SIM_SCHEDULE_H
#define SIM_SCHEDULE_H

#include "sim/source.h"

/* Records in the order in which they were sent, each with its partition. */
typedef struct sim_sent {
    const sim_record *record;
    int partition;
} sim_sent;

typedef struct sim_sequence {
    sim_sent *items;
    size_t count, capacity;
} sim_sequence;

/* A partition: the index is the offset. NULL: compaction took the record. */
typedef struct sim_log {
    const sim_record **items;
    size_t count, capacity;
} sim_log;

typedef struct sim_topic {
    sim_log logs[SIM_PARTITIONS];
    int n_partitions;
} sim_topic;

sim_sequence sim_sequence_of(const sim_source *s);
void sim_sequence_free(sim_sequence *q);

/* The source falls quiet earlier: keeps a prefix that ends between two transactions. */
void sim_cut(sim_sequence *q, sim_rng *rng);
/* The rows that the sequence leads to, whatever is repeated in it. */
void sim_replay(const sim_sequence *q, sim_row rows[SIM_KEYS]);
/* The same records on another number of partitions. */
void sim_reshuffle(sim_sequence *q, sim_rng *rng);
/* The source restarts `times` times: all from an older place up to the crash is sent again,
 * snapshot rows excepted (a restarted snapshot reads anew). */
void sim_repeat_stretches(sim_sequence *q, sim_rng *rng, int times);

void sim_topic_fill(sim_topic *t, const sim_sequence *q);
void sim_topic_free(sim_topic *t);
/* Arbitrary older stretches of a partition appear again, anywhere later in it. */
void sim_repeat_fragments(sim_topic *t, sim_rng *rng, int times);

enum { SIM_LANES = 4 }; /* at most */

/* In which order the merge rule gets the records: partitions interleave, and within a partition so
 * do the lanes that its keys are spread over. Each key's records stay in order. */
typedef struct sim_schedule {
    const sim_topic *topic;
    sim_rng *rng;
    enum { SIM_ONE_BY_ONE, SIM_SINGLE_RECORDS, SIM_BURSTS } style;
    int n_lanes;
    int order[SIM_PARTITIONS * SIM_LANES];  /* of lanes: partition * n_lanes + lane */
    size_t next[SIM_PARTITIONS][SIM_LANES]; /* the offset to go on at … */
    size_t end[SIM_PARTITIONS]; /* … and how far it goes; may be changed between two records */
    int partition, lane;        /* of the burst … */
    size_t burst_left;
    bool goes_back; /* … and whether it ends in a rewind */
    long rewinds;   /* records that may still be repeated */
} sim_schedule;

void sim_schedule_init(sim_schedule *s, const sim_topic *topic, sim_rng *rng, bool one_lane);
/* The next record's place; false at the end. */
bool sim_schedule_next(sim_schedule *s, int *partition, size_t *offset);
/* The offset below which everything was delivered. */
size_t sim_schedule_frontier(sim_schedule *s, int partition);
/* The consumer crashed and goes on at these offsets. */
void sim_schedule_resume(sim_schedule *s, const int64_t offsets[SIM_PARTITIONS]);

#endif
