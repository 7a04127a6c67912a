/* A process that keeps the caches of a recording's config: a real engine and a real sync, over logs
 * in memory and a store that outlives them, stepped at random from a seed.
 *
 * Which partition is read on, for how many records, which lane works and when the writer commits is
 * the seed's. The process dies between two steps and between two calls of its store, starts again
 * from the offsets that are stored, and now and then from older ones. */
#ifndef RECORDINGS_PROCESS_H
#define RECORDINGS_PROCESS_H

#include "recordings/recorded.h"
#include "sim/faulty_store.h"
#include "sync/job.h"

enum { PROCESS_LANES = 4, PROCESS_PARTITIONS = RECORDED_TABLES * SIM_PARTITIONS };

typedef struct process_partition {
    const sim_log *log;
    const char *topic;
    int number, n_partitions; /* of its topic */
    weir_partition *held;     /* the engine's */
    size_t next;              /* offset */
    bool end_told;
} process_partition;

typedef struct process {
    const recording *recording;
    sim_rng rng;
    process_partition partitions[PROCESS_PARTITIONS];
    size_t n_partitions;
    weir_store inner; /* what outlives it */
    sim_faulty_store store;
    weir_sync_options sync_options;
    weir_engine_options engine_options;

    /* What the seed has drawn. */
    enum { ONE_BY_ONE, SINGLE_RECORDS, BURSTS } style;
    size_t order[PROCESS_PARTITIONS]; /* of partitions, one by one */
    double lane_wakes[PROCESS_LANES], writer_wakes;
    int crashes_left;
    long rereads_left; /* records */

    /* The process. */
    bool running, assigned;
    weir_engine engine;
    weir_sync *sync;
    size_t current, burst_left;
    uint64_t out; /* records delivered and not released */
    long kill_in; /* steps; 0: it is not killed */

    char failure[400];
    uint64_t delivered, starts, crashes;
} process;

/* topics: by the recording's tables; borrowed until the end. */
void process_init(process *p, const recording *r, const sim_topic *topics, sim_rng rng);
void process_fini(process *p);
/* Until all is read, applied and stored, for good. False: `failure` says why not. */
bool process_run(process *p);
bool process_fail(process *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
