/* A world of engines for the simulator: a broker, processes that run an engine with handlers each,
 * stepped one by one in virtual time, and the ledger that watches them.
 *
 * A process is what engine/run.c makes of an engine, without its threads: a poll and its lanes,
 * each of which runs when it would be awake. Where a real thread waits (a drain, a slow handler),
 * others go on: a step may run inside of another one, as long as no thread is in two places at
 * once. */
#ifndef SIM_ENGINE_WORLD_H
#define SIM_ENGINE_WORLD_H

#include "service/handler_lane.h"
#include "sim/ledger.h"

enum { SIM_LANES = 3, SIM_DEEPEST = 3 };

typedef struct sim_world sim_world;

typedef struct sim_process {
    sim_world *world;
    int number;
    bool running;
    bool doomed;   /* to be taken down as soon as no step is inside of it */
    bool stopping; /* drains, until … */
    int64_t stop_until_ms;
    int64_t drain_until_ms; /* of a revoke … */
    bool cut_short;         /* … that passed it */
    weir_engine engine;
    weir_handlers *handlers;
    sim_member *member;
    struct {
        bool busy;
        int64_t due_ms;
    } lanes[SIM_LANES];
    weir_transactor *transactor; /* NULL: at least once */
    struct {
        bool busy;
        int64_t due_ms;
        int64_t generation; /* by which it commits */
        bool fails;         /* the last transaction did */
    } work;
    int inside;     /* steps */
    bool cancelled; /* emits */
} sim_process;

/* A message that its handler has kept, or whose emits are under way. */
typedef struct sim_kept {
    weir_message *message;
    sim_process *process;
    sim_epoch *epoch;
    size_t index;
    bool sending;
} sim_kept;

/* How handlers behave; the rest are OK. */
typedef struct sim_manners {
    double retries, holds, rejects, dies, defers, slow, emits, emits_fail;
} sim_manners;

struct sim_world {
    sim_rng rng;
    bool verbose;
    int64_t now_ms;
    sim_broker broker;
    sim_ledger ledger;
    sim_process processes[SIM_BROKER_MEMBERS];
    int n_processes;
    weir_engine_options engine_options;
    weir_handlers_options handlers_options;
    weir_transactor_options transactor_options;
    weir_route routes[1];
    weir_breaker breaker; /* of the handlers of half of all worlds */
    weir_routed_topic topics[SIM_BROKER_PARTITIONS];
    sim_manners manners;
    double poison; /* records that can never succeed */
    struct {
        sim_kept *items;
        size_t count, capacity;
    } kept;
    bool exactly_once;
    double transactions_fail, refuses, dies_behind; /* transactions */
    bool letters_fail, memory_fails;
    bool healed;
    int depth; /* of steps inside of steps */
    uint64_t restarts;
};

/* Everything that a seed decides. */
void sim_world_init(sim_world *w, uint64_t seed, bool verbose);
void sim_world_fini(sim_world *w);
void sim_world_say(const sim_world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A random step of anything, for waits inside of a step. */
void sim_world_step(sim_world *w);

void sim_process_start(sim_process *p);
/* Not in order: it dies, with what it has in hand. Only when no step is inside of it. */
void sim_process_end(sim_process *p, bool in_order);
void sim_process_poll(sim_process *p);
void sim_process_lane(sim_process *p, unsigned lane);
/* Would the lane's thread be awake? */
bool sim_process_lane_is_awake(const sim_process *p, unsigned lane);
/* The transactor's thread. */
void sim_process_work(sim_process *p);
bool sim_process_wants_commit(const sim_process *p);
bool sim_process_work_is_awake(const sim_process *p);
void sim_world_settle(sim_world *w, size_t kept);

/* What handlers and the dead-letter port do in this world; ctx is the world. */
weir_status sim_handle(weir_message *m, void *ctx);
weir_status sim_write_letters(
    void *self, const weir_dead_letter *letters, size_t n, weir_error *err);
/* The broker that takes emits, some time later. self is unused: a sending is its message's. */
void sim_send(void *self, weir_sending *s);
void sim_cancel(void *self);
/* Exactly once: the port of transactions of a process, which is its self. */
weir_transaction_port sim_transactions(sim_process *p);
/* The record of a handler's type? */
bool sim_is_nobodys(const sim_entry *e);

#endif
