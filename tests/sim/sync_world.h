/* A world of one sync for the simulator: a synthetic table's topic on the simulated broker, a store
 * that fails, and a process that keeps caches equal to the table, stepped in virtual time.
 *
 * Watched all the while:
 *  - a transaction stores no offset above a record that is not applied by then;
 *  - it is ready only when everything that was there at its start is applied and committed;
 *  - a record that cannot be used has a dead letter, one for each time that it was delivered. */
#ifndef SIM_SYNC_WORLD_H
#define SIM_SYNC_WORLD_H

#include "sim/faulty_store.h"
#include "sim/render.h"
#include "sim/schedule.h"
#include "sync/job.h"

enum { SIM_SYNC_LANES = 3, SIM_SYNC_CACHES = 2, SIM_GARBAGE = -2, SIM_HEARTBEAT = -3 };

typedef struct sim_sync_world {
    sim_rng rng;
    bool verbose;
    int64_t now_ms;
    sim_broker broker;
    sim_source source;
    sim_topic log; /* what is still to come, by partition */
    size_t sent[SIM_BROKER_PARTITIONS];
    sim_row final[SIM_KEYS];
    weir_store inner;
    sim_faulty_store store;
    weir_arena texts;
    weir_source_rules rules;
    weir_sync_cache caches[SIM_SYNC_CACHES];
    unsigned numbers[SIM_SYNC_CACHES];
    weir_sync_topic topics[2];
    weir_sync_options options;
    weir_engine_options engine_options;
    double garbage, faults;
    bool letters_fail, memory_fails, healed, truncated;

    /* The process. */
    bool running, stopping, inside_writer, lane_busy[SIM_SYNC_LANES], was_ready;
    int64_t lane_due_ms[SIM_SYNC_LANES], writer_due_ms, stop_until_ms;
    int64_t ends_at_start[SIM_BROKER_PARTITIONS];
    int inside; /* steps */
    int depth;  /* of steps within steps */
    weir_engine engine;
    weir_sync *sync;

    unsigned *delivered[SIM_BROKER_PARTITIONS], *letters[SIM_BROKER_PARTITIONS]; /* by entry */
    char failure[240];
    uint64_t starts, released, transactions;
} sim_sync_world;

/* Everything that a seed decides. */
void sim_sync_world_init(sim_sync_world *w, uint64_t seed, bool verbose);
void sim_sync_world_fini(sim_sync_world *w);
void sim_sync_fail(sim_sync_world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_sync_say(const sim_sync_world *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A random step of anything, for a wait of the writer. */
void sim_sync_step(sim_sync_world *w);
/* The next record of a partition comes; false: there is none. */
bool sim_sync_produce(sim_sync_world *w, int partition);

/* False: it could not be opened, and is to be tried again. */
bool sim_sync_start(sim_sync_world *w);
/* Not in order: it dies, with what it has in hand. */
void sim_sync_end(sim_sync_world *w, bool in_order);
void sim_sync_stop(sim_sync_world *w);
void sim_sync_poll(sim_sync_world *w);
void sim_sync_lane(sim_sync_world *w, unsigned lane);
void sim_sync_write(sim_sync_world *w);
bool sim_sync_lane_is_awake(const sim_sync_world *w, unsigned lane);
bool sim_sync_writer_is_awake(const sim_sync_world *w);

/* From its next start on there is one cache more, to be made from the topic's beginning. */
void sim_sync_add_cache(sim_sync_world *w);
/* Everything is quiet: the rows are the source's, and all that was sent is stored. */
void sim_sync_check_end(sim_sync_world *w);

#endif
