/* A store in front of another one, that fails: a call now and then (HOLD), all calls for a while,
 * or for good in the middle of anything, as if the process had died there. What was committed stays
 * in the store behind it. */
#ifndef SIM_FAULTY_STORE_H
#define SIM_FAULTY_STORE_H

#include "cdc/store.h"
#include "sim/prng.h"

typedef struct sim_faulty_store {
    weir_store inner;
    sim_rng *rng;
    double fails; /* a call, with this chance */
    bool down;    /* every call */
    long dies_in; /* calls; 0: it does not */
    bool dead;
    bool by_key;     /* as of weir_store_ops */
    bool open;       /* a transaction of the inner store's */
    bool hits_after; /* it dies behind the call, not before it */
    /* Before a commit that will succeed, inside its transaction. */
    void (*committing)(void *ctx, weir_store inner);
    void *ctx;
    uint64_t calls, failed;
} sim_faulty_store;

weir_store sim_faulty_store_of(sim_faulty_store *f);
/* The process has ended: a transaction that was open is gone. The store may be opened again. */
void sim_faulty_store_recover(sim_faulty_store *f);

#endif
