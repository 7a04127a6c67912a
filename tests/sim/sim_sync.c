/* sim-sync: the sync of a store in a simulated world.
 *
 *   sim-sync SEEDS [--seed N] [--verbose]
 *
 * Each seed is a synthetic table with its stream (tests/sim/source.h) as Debezium's JSON on a
 * simulated broker, and one process that keeps one or two caches in a store that fails: calls that
 * hold, an outage, a death between any two calls, memory that runs out. It is stopped and started
 * again in between. Then the world is healed and runs by events alone until it is quiet: the rows
 * are the source's, and the offsets are the ends. What must hold all the while is in sync_world.h.
 *
 * The last line is 'N passed, N failed, 0 skipped'. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "sim/campaign.h"
#include "sim/sync_world.h"

enum { MOST_QUIET_STEPS = 200000 };

/* ---- Random steps -------------------------------------------------------------------------------
 */

static void trouble(sim_sync_world *w)
{
    switch (sim_below(&w->rng, 5)) {
    case 0:
        w->letters_fail = !w->letters_fail;
        break;
    case 1:
        w->store.down = !w->store.down;
        break;
    case 2:
        w->store.dies_in = sim_between(&w->rng, 1, 60);
        w->store.hits_after = sim_chance(&w->rng, .5);
        break;
    case 3:
        if (w->running && !w->stopping) {
            sim_sync_stop(w);
        }
        break;
    default:
        if (w->running && !w->inside) {
            sim_sync_end(w, false);
        }
        if (!w->running && sim_chance(&w->rng, .3)) {
            sim_sync_add_cache(w);
        }
        break;
    }
}

static void run_some(sim_sync_world *w)
{
    if (!w->running) {
        sim_sync_start(w);
        return;
    }
    unsigned lane = (unsigned)sim_below(&w->rng, w->options.lanes + 2);
    if (lane < w->options.lanes) {
        if (sim_sync_lane_is_awake(w, lane)) {
            sim_sync_lane(w, lane);
        }
    } else if (lane == w->options.lanes) {
        sim_sync_poll(w);
    } else if (sim_sync_writer_is_awake(w)) {
        sim_sync_write(w);
    }
}

/* Now and then an allocation fails meanwhile. */
static void step_process(sim_sync_world *w)
{
    bool fails = !w->depth && sim_chance(&w->rng, w->faults);
    if (fails) {
        w->memory_fails = true;
        weir_alloc_fail_at(sim_between(&w->rng, 1, 60), sim_chance(&w->rng, .2));
    }
    run_some(w);
    if (fails) {
        weir_alloc_fail_at(0, 0);
        w->memory_fails = false;
    }
}

static void step(sim_sync_world *w)
{
    size_t what = sim_below(&w->rng, 100);
    if (what < 70) {
        step_process(w);
    } else if (what < 85 && !w->healed && !w->memory_fails) {
        int p = (int)sim_below(&w->rng, (size_t)w->broker.n_partitions);
        for (int n = sim_between(&w->rng, 1, 20); n && sim_sync_produce(w, p); n--) {
        }
    } else if (what < 87 && !w->healed) {
        trouble(w);
    } else {
        w->now_ms += SIM_PICK(&w->rng, 0, 1, 20, 300);
    }
}

void sim_sync_step(sim_sync_world *w)
{
    w->depth++;
    step(w);
    w->depth--;
}

/* ---- By events alone ----------------------------------------------------------------------------
 */

static void heal(sim_sync_world *w)
{
    w->healed = true;
    w->letters_fail = w->store.down = false;
    w->store.fails = 0;
    w->store.dies_in = 0;
    w->garbage = 0;
    w->broker.troubles = (sim_troubles){0};
    for (int p = 0; p < w->log.n_partitions; p++) {
        while (sim_sync_produce(w, p)) {
        }
    }
    sim_sync_say(w, "healed");
}

static bool run_awake(sim_sync_world *w)
{
    if (!w->running) {
        return sim_sync_start(w);
    }
    bool over = weir_engine_idle(&w->engine) || w->now_ms >= w->stop_until_ms;
    if (sim_member_has_news(&w->broker.members[0]) || (w->stopping && over)) {
        sim_sync_poll(w);
        return true;
    }
    for (unsigned lane = 0; lane < w->options.lanes; lane++) {
        if (sim_sync_lane_is_awake(w, lane)) {
            sim_sync_lane(w, lane);
            return true;
        }
    }
    if (sim_sync_writer_is_awake(w)) {
        sim_sync_write(w);
        return true;
    }
    return false;
}

/* Nothing is left to be done but to look for housekeeping, again and again. */
static void run_to_quiet(sim_sync_world *w)
{
    int idle = 0;
    for (int steps = 0; idle < 3 && !w->failure[0]; steps++) {
        bool was_idle = w->running && weir_engine_idle(&w->engine) && !w->stopping &&
                        !sim_member_has_news(&w->broker.members[0]);
        if (steps > MOST_QUIET_STEPS) {
            sim_sync_fail(w, "it does not come to rest");
        } else if (!run_awake(w)) {
            w->now_ms = w->writer_due_ms > w->now_ms ? w->writer_due_ms : w->now_ms + 1;
            idle = was_idle ? idle + 1 : 0;
        }
    }
}

/* ---- The program --------------------------------------------------------------------------------
 */

typedef struct campaign {
    sim_campaign of;
    uint64_t starts, released, transactions, store_failures;
} campaign;

static void run_seed(campaign *k, uint64_t seed)
{
    static sim_sync_world w;
    long live = weir_alloc_live();
    sim_sync_world_init(&w, seed, k->of.verbose);
    for (int steps = SIM_PICK(&w.rng, 20, 200, 800); steps && !w.failure[0]; steps--) {
        step(&w);
    }
    heal(&w);
    run_to_quiet(&w);
    if (!w.failure[0]) {
        sim_sync_check_end(&w);
    }
    sim_sync_world_fini(&w);
    if (weir_alloc_live() != live) {
        sim_sync_fail(&w, "%ld blocks of memory leaked", weir_alloc_live() - live);
    }
    k->starts += w.starts;
    k->released += w.released;
    k->transactions += w.transactions;
    k->store_failures += w.store.failed;
    if (sim_campaign_count(&k->of, w.failure[0])) {
        printf("FAILED: sim-sync 1 --seed %" PRIu64 ": %s\n", seed, w.failure);
    }
}

int main(int argc, char **argv)
{
    campaign k = {0};
    if (!sim_campaign_parse(&k.of, argc, argv, "sim-sync SEEDS [--seed N] [--verbose]")) {
        return 2;
    }
    for (uint64_t i = 0; i < k.of.seeds; i++) {
        run_seed(&k, k.of.first + i);
    }
    printf("%" PRIu64 " records released, %" PRIu64 " transactions, %" PRIu64
           " calls of the store failed, %" PRIu64 " processes started\n",
        k.released, k.transactions, k.store_failures, k.starts);
    return sim_campaign_end(&k.of);
}
