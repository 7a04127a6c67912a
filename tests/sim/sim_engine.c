/* sim-engine: engines with handlers in a simulated world.
 *
 *   sim-engine SEEDS [--seed N] [--verbose]
 *
 * Each seed is a world: a broker of a few partitions, one to three processes, handlers with their
 * manners, and what goes wrong. First everything happens at random: records come, processes start,
 * stop and die, the group is rebalanced and loses members, handlers answer what they like and
 * emit, memory, dead letters and emits fail. Then the world is healed and runs by events alone,
 * nobody is polled who was not woken, until nothing is left to be done. What must hold all the
 * while is in ledger.h.
 *
 * SEEDS worlds are run, from seed N (1) on; a failure prints how to repeat it. --verbose tells all
 * that happens. The last line is 'N passed, N failed, 0 skipped'. */
#include "base/alloc.h"
#include "sim/campaign.h"
#include "sim/engine_world.h"
#include "sim/grow.h"

enum { MOST_QUIET_STEPS = 100000 };

/* ---- Random steps -------------------------------------------------------------------------------
 */

static sim_process *any_process(sim_world *w)
{
    return &w->processes[sim_below(&w->rng, (size_t)w->n_processes)];
}

static void produce(sim_world *w)
{
    static const char *const keys[SIM_LEDGER_KEYS] = {NULL, "a", "b", "c", "d", "e", "f", ""};
    sim_partition *p = &w->broker.partitions[sim_below(&w->rng, (size_t)w->broker.n_partitions)];
    for (int n = sim_between(&w->rng, 1, 6); n; n--) {
        int key = (int)sim_below(&w->rng, (size_t)SIM_PICK(&w->rng, 2, 4, SIM_LEDGER_KEYS));
        int64_t gap = sim_chance(&w->rng, .1) ? sim_between(&w->rng, 1, 5) : 0;
        const char *value = sim_chance(&w->rng, w->poison) ? "poison" : "some value";
        sim_entry *e = sim_partition_append(p, weir_view_of(keys[key]), weir_view_of(value), gap);
        e->user = key;
        e->header_name = weir_view_of("type");
        e->header_value = weir_view_of(sim_chance(&w->rng, .05) ? "other" : "work");
    }
    if (sim_chance(&w->rng, .2)) {
        sim_partition_mark(p);
    }
}

/* Of a key's records in the log's older part, the last one stays. */
static void compact(sim_world *w)
{
    sim_partition *p = &w->broker.partitions[sim_below(&w->rng, (size_t)w->broker.n_partitions)];
    size_t until = sim_below(&w->rng, p->entries.count + 1);
    for (size_t i = 0; i < until; i++) {
        const sim_entry *e = &p->entries.items[i];
        if (e->previous >= 0 && e->key.ptr) {
            p->entries.items[e->previous].compacted = true;
        }
    }
}

static void end_or_start(sim_world *w)
{
    sim_process *p = any_process(w);
    if (!p->running) {
        sim_process_start(p);
    } else if (sim_chance(&w->rng, .5)) {
        p->doomed = true;
        sim_member_kill(p->member);
        if (!p->inside) {
            sim_process_end(p, false);
        }
    } else if (!p->stopping) {
        sim_world_say(w, "%d: asked to stop", p->number);
        p->stopping = true;
        p->stop_until_ms = w->now_ms + w->engine_options.drain_ms;
        weir_engine_stop_taking(&p->engine);
    }
}

static void trouble(sim_world *w)
{
    sim_process *p = any_process(w);
    switch (sim_below(&w->rng, 5)) {
    case 0:
        w->letters_fail = !w->letters_fail;
        break;
    case 1:
        sim_world_say(w, "rebalance");
        sim_broker_rebalance(&w->broker);
        break;
    case 2:
        if (p->running) {
            sim_world_say(w, "%d: fenced", p->number);
            sim_member_fence(p->member);
        }
        break;
    case 3:
        compact(w);
        break;
    default:
        end_or_start(w);
        break;
    }
}

static bool poll_may_bring(const sim_process *p)
{
    return p->running && !p->member->polling && !p->doomed && sim_member_has_news(p->member);
}

static void step_process(sim_world *w, bool spurious)
{
    sim_process *p = any_process(w);
    if (!p->running || p->doomed) {
        return;
    }
    unsigned threads = w->engine_options.lanes + 1 + (p->transactor != NULL);
    unsigned lane = (unsigned)sim_below(&w->rng, threads);
    if (lane == w->engine_options.lanes) {
        bool stops = p->stopping && weir_engine_idle(&p->engine);
        if (!p->member->polling && (spurious || stops || sim_member_has_news(p->member))) {
            sim_process_poll(p);
        }
    } else if (lane > w->engine_options.lanes) {
        if (!p->work.busy && (spurious || sim_process_work_is_awake(p))) {
            sim_process_work(p);
        }
    } else if (!p->lanes[lane].busy && (spurious || sim_process_lane_is_awake(p, lane))) {
        sim_process_lane(p, lane);
    }
}

static void step(sim_world *w)
{
    size_t what = sim_below(&w->rng, 100);
    if (what < 60) {
        step_process(w, sim_chance(&w->rng, .1));
    } else if (what < 70 && !w->healed) {
        produce(w);
    } else if (what < 80 && w->kept.count) {
        sim_world_settle(w, sim_below(&w->rng, w->kept.count));
    } else if (what < 85) {
        sim_broker_tick(&w->broker);
    } else if (what < 88 && !w->healed) {
        trouble(w);
    } else {
        w->now_ms += SIM_PICK(&w->rng, 0, 1, 5, 50, 400);
    }
}

void sim_world_step(sim_world *w)
{
    w->depth++;
    step(w);
    w->depth--;
}

/* Now and then an allocation fails in a step. */
static void step_with_faults(sim_world *w, double chance)
{
    w->memory_fails = sim_chance(&w->rng, chance);
    if (w->memory_fails) {
        weir_alloc_fail_at(sim_between(&w->rng, 1, 12), sim_chance(&w->rng, .3));
    }
    step(w);
    if (w->memory_fails) {
        weir_alloc_fail_at(0, 0);
    }
    w->memory_fails = false;
}

/* ---- By events alone ----------------------------------------------------------------------------
 */

/* Runs one thing that somebody was woken for. False: there is none. */
static bool run_awake(sim_world *w, sim_process *p)
{
    if (!p->running) {
        sim_process_start(p);
        return true;
    }
    bool stops = p->stopping && (weir_engine_idle(&p->engine) || w->now_ms >= p->stop_until_ms);
    bool commits =
        !p->transactor && sim_process_wants_commit(p) && w->now_ms >= p->engine.next_commit_ms;
    if (poll_may_bring(p) || stops || commits) {
        sim_process_poll(p);
        return true;
    }
    for (unsigned lane = 0; lane < w->engine_options.lanes; lane++) {
        if (sim_process_lane_is_awake(p, lane)) {
            sim_process_lane(p, lane);
            return true;
        }
    }
    if (sim_process_work_is_awake(p)) {
        sim_process_work(p);
        return true;
    }
    return false;
}

static bool run_anything(sim_world *w)
{
    size_t first = sim_below(&w->rng, (size_t)w->n_processes);
    for (int i = 0; i < w->n_processes; i++) {
        if (run_awake(w, &w->processes[(first + (size_t)i) % (size_t)w->n_processes])) {
            return true;
        }
    }
    if (w->kept.count) {
        sim_world_settle(w, sim_below(&w->rng, w->kept.count));
        return true;
    }
    bool under_way = false;
    for (int i = 0; i < w->broker.n_members; i++) {
        under_way |= w->broker.members[i].pending.count > 0;
    }
    if (under_way) {
        sim_broker_tick(&w->broker);
    }
    return under_way;
}

/* When something will be due; INT64_MAX: never. */
static int64_t next_moment(const sim_world *w)
{
    int64_t next = w->broker.joining ? w->broker.join_until_ms : INT64_MAX;
    for (int i = 0; i < w->n_processes; i++) {
        const sim_process *p = &w->processes[i];
        for (unsigned lane = 0; p->running && lane < w->engine_options.lanes; lane++) {
            next = p->lanes[lane].due_ms < next ? p->lanes[lane].due_ms : next;
        }
        if (p->running && p->transactor) {
            next = p->work.due_ms < next ? p->work.due_ms : next;
        } else if (p->running && sim_process_wants_commit(p) && p->engine.next_commit_ms < next) {
            next = p->engine.next_commit_ms;
        }
        if (p->running && p->stopping && p->stop_until_ms < next) {
            next = p->stop_until_ms;
        }
    }
    return next;
}

static void heal(sim_world *w)
{
    w->healed = true;
    w->letters_fail = false;
    w->manners = (sim_manners){.defers = w->manners.defers, .emits = w->manners.emits};
    w->transactions_fail = w->refuses = w->dies_behind = 0;
    w->broker.troubles = (sim_troubles){0};
    sim_world_say(w, "healed");
}

static void run_to_quiet(sim_world *w)
{
    for (int steps = 0; !w->ledger.failure[0]; steps++) {
        if (steps > MOST_QUIET_STEPS) {
            sim_ledger_fail(&w->ledger, "it does not come to rest");
        } else if (!run_anything(w)) {
            int64_t next = next_moment(w);
            if (next == INT64_MAX) {
                return;
            }
            w->now_ms = next > w->now_ms ? next : w->now_ms + 1;
            sim_broker_tick(&w->broker);
        }
    }
}

/* ---- The end ------------------------------------------------------------------------------------
 */

static void check_process(sim_world *w, sim_process *p)
{
    weir_engine *e = &p->engine;
    if (e->open_records || e->open_bytes || p->member->out) {
        sim_ledger_fail(&w->ledger, "at rest, and %zu records are open", e->open_records);
    }
    for (unsigned i = 0; i < w->engine_options.lanes; i++) {
        const weir_lane *l = &p->handlers->lanes[i].lane;
        if (l->n_keys || l->first || e->queues[i].first || p->handlers->lanes[i].deferred) {
            sim_ledger_fail(&w->ledger, "at rest, and lane %u has records", i);
        }
    }
    for (size_t i = 0; i < e->n_partitions; i++) {
        const weir_partition *q = e->partitions[i];
        if (atomic_load(&q->congested) || weir_frontier_open(&q->frontier)) {
            sim_ledger_fail(&w->ledger, "at rest, and %s/%d is not", q->topic, q->number);
        }
    }
    if (e->n_partitions && !weir_engine_ready(e)) {
        sim_ledger_fail(&w->ledger, "at rest, and member %d is not ready", p->number);
    }
}

static void check_end(sim_world *w)
{
    for (int i = 0; i < w->n_processes && !w->ledger.failure[0]; i++) {
        check_process(w, &w->processes[i]);
    }
    sim_ledger_check_end(&w->ledger, &w->broker, sim_is_nobodys);
}

typedef struct campaign {
    sim_campaign of;
    uint64_t starts, letters, repeats, restarts, outputs;
} campaign;

static void run_seed(campaign *k, uint64_t seed)
{
    static sim_world w;
    long live = weir_alloc_live();
    sim_world_init(&w, seed, k->of.verbose);
    double faults = sim_chance(&w.rng, .3) ? .02 : 0;
    for (int steps = SIM_PICK(&w.rng, 50, 300, 1000); steps && !w.ledger.failure[0]; steps--) {
        step_with_faults(&w, faults);
    }
    heal(&w);
    run_to_quiet(&w);
    check_end(&w);
    sim_world_fini(&w);
    if (weir_alloc_live() != live) {
        sim_ledger_fail(&w.ledger, "%ld blocks of memory leaked", weir_alloc_live() - live);
    }
    k->starts += w.ledger.starts;
    k->letters += w.ledger.letters;
    k->repeats += w.ledger.repeats;
    k->restarts += w.restarts;
    k->outputs += w.ledger.outputs;
    if (sim_campaign_count(&k->of, w.ledger.failure[0])) {
        printf("FAILED: sim-engine 1 --seed %" PRIu64 ": %s\n", seed, w.ledger.failure);
    }
}

/* ---- The program --------------------------------------------------------------------------------
 */

int main(int argc, char **argv)
{
    campaign k = {0};
    if (!sim_campaign_parse(&k.of, argc, argv, "sim-engine SEEDS [--seed N] [--verbose]")) {
        return 2;
    }
    for (uint64_t i = 0; i < k.of.seeds; i++) {
        run_seed(&k, k.of.first + i);
    }
    printf("%" PRIu64 " handlers called, %" PRIu64 " dead letters, %" PRIu64
           " records done again, %" PRIu64 " processes started, %" PRIu64
           " outputs of transactions\n",
        k.starts, k.letters, k.repeats, k.restarts, k.outputs);
    return sim_campaign_end(&k.of);
}
