/* sim-merge: campaigns of the merge rule over synthetic sources.
 *
 *   sim-merge SEEDS [--first SEED] [--scenario NAME] [--until-failure] [--compaction] [--trace]
 *
 * Each seed is a source per scenario and four runs over what it sent: plain, plain, with fragments
 * and with stretches sent again. --compaction: two runs over compacted topics. --trace prints every
 * record for tests/sim/compare.py, of one run per source. A failure prints the options that repeat
 * it. The last line is 'N passed, N failed, 0 skipped'. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "sim/trace.h"

enum { RUNS = 4, MOST_REPORTED = 10 };

/* What happens to a source's records on the way. */
typedef enum route { PLAIN, FRAGMENTS, STRETCHES } route;

static const char *const route_names[] = {"plain", "fragments sent again", "stretches sent again"};

typedef struct campaign {
    uint64_t seeds, first;
    int scenario; /* -1: all */
    bool until_failure, compaction, trace;
    uint64_t passed, failed, applied, crashes, faults, expired, flagged, stale;
} campaign;

static void report(
    campaign *k, const char *scenario, uint64_t seed, const char *what, const sim_run *run)
{
    if (k->failed++ < MOST_REPORTED) {
        fprintf(stderr, "FAILED %s, --first %" PRIu64 "%s (%s): %s\n", scenario, seed,
            k->compaction ? " --compaction" : "", what, run->failure);
    }
}

static void count(campaign *k, const sim_run *run)
{
    k->applied += run->applied;
    k->crashes += (uint64_t)run->crashes;
    k->faults += run->faults;
    k->flagged += run->flagged;
    k->stale += run->stale;
    k->expired += run->expired;
}

static bool run_plan(campaign *k, const sim_plan *plan, sim_rng *rng, const char *scenario,
    uint64_t seed, const char *what)
{
    sim_run run;
    long live = weir_alloc_live();
    bool passed = sim_run_all(&run, plan, rng);
    sim_run_end(&run);
    if (passed && weir_alloc_live() != live) {
        snprintf(run.failure, sizeof run.failure, "%ld blocks of memory leaked",
            weir_alloc_live() - live);
        passed = false;
    }
    count(k, &run);
    if (passed) {
        k->passed++;
    } else {
        report(k, scenario, seed, what, &run);
    }
    return passed;
}

/* What is repeated, cut and reshuffled; snapshots that are not exact allow less. */
static void prepare(const sim_source *s, route way, sim_rng *rng, sim_plan *plan, sim_topic *topic)
{
    sim_sequence q = sim_sequence_of(s);
    memcpy(plan->final, s->db.now.rows, sizeof plan->final);
    if (s->exact && !plan->expires && sim_chance(rng, .7)) {
        sim_cut(&q, rng);
        sim_replay(&q, plan->final);
    }
    if (sim_chance(rng, .25)) {
        sim_reshuffle(&q, rng);
    }
    if (way == STRETCHES) {
        sim_repeat_stretches(&q, rng, sim_between(rng, 1, 3));
    }
    sim_topic_fill(topic, &q);
    if (way == FRAGMENTS) {
        sim_repeat_fragments(topic, rng, sim_between(rng, 1, 11));
    }
    sim_sequence_free(&q);
}

/* One of the four ways to run what a source has sent. */
static void run_route(
    campaign *k, const sim_source *source, sim_scenario scenario, uint64_t seed, int number)
{
    static const route routes[RUNS] = {PLAIN, PLAIN, FRAGMENTS, STRETCHES};
    sim_rng rng = sim_rng_of(seed, 100 + (uint64_t)(RUNS * (int)scenario + number));
    route way = source->exact ? routes[number] : PLAIN;
    bool inexact = scenario == SIM_BLOCKING || scenario == SIM_NEWTABLE;
    bool expires = scenario == SIM_STREAM && number == 0 && !k->trace;
    sim_topic topic;
    sim_plan plan = {.source = source,
        .topic = &topic,
        /* Without a retention, what the source sends again shows again once its delete mark has
         * expired, and nothing may run ahead of the rest. */
        .check_steps = !inexact && !expires,
        .monotone = source->monotone && !expires,
        .may_be_incomplete = inexact,
        .new_snapshot = scenario == SIM_GAP,
        .loses_tail = scenario == SIM_AGAIN,
        .made = scenario == SIM_AGAIN || (scenario != SIM_GAP && number % 2),
        .expires = expires,
        .no_rewinds = expires,
        .one_lane = expires};
    prepare(source, way, &rng, &plan, &topic);
    if (k->trace) {
        plan.watch = sim_trace_step;
        plan.watch_made = sim_trace_made;
        sim_trace_begin(sim_scenario_names[scenario], seed, number, &plan);
    } else {
        plan.crash_chance = sim_chance(&rng, .5) ? .1 : 0;
        plan.fault_chance = sim_chance(&rng, .25) ? .1 : 0;
    }
    run_plan(k, &plan, &rng, sim_scenario_names[scenario], seed, route_names[way]);
    sim_topic_free(&topic);
}

static void run_source(campaign *k, sim_scenario scenario, uint64_t seed)
{
    sim_source source;
    sim_source_build(&source, seed, (sim_options){.scenario = scenario});
    if (k->trace) {
        run_route(k, &source, scenario, seed, (int)(seed % RUNS));
    } else {
        for (int i = 0; i < RUNS; i++) {
            run_route(k, &source, scenario, seed, i);
        }
    }
    sim_source_fini(&source);
}

/* ---- Compaction -------------------------------------------------------------------------------
 */

/* The consumer has read up to `read`; what is from there up to some place is then compacted: of
 * each key its last record stays. */
static void compact(sim_topic *topic, sim_rng *rng, size_t read[SIM_PARTITIONS])
{
    memset(read, 0, SIM_PARTITIONS * sizeof *read);
    for (int p = 0; p < topic->n_partitions; p++) {
        sim_log *log = &topic->logs[p];
        read[p] = sim_below(rng, log->count + 1);
        size_t end = read[p] + sim_below(rng, log->count - read[p] + 1);
        uint32_t seen = 0;
        while (end-- > read[p]) {
            uint32_t key = 1u << log->items[end]->key;
            log->items[end] = seen & key ? NULL : log->items[end];
            seen |= key;
        }
    }
}

/* Without placeholders compaction must do no harm at all; with them the gap rule must flag what it
 * cannot know, and lose and invent no row. */
static void run_compacted(campaign *k, uint64_t seed, bool full_images)
{
    sim_source source;
    sim_source_build(&source, seed,
        (sim_options){.scenario = SIM_STREAM, .full_images = full_images, .no_truncates = true});
    sim_rng rng = sim_rng_of(seed, 200 + full_images);
    sim_sequence q = sim_sequence_of(&source);
    sim_topic topic;
    size_t read[SIM_PARTITIONS];
    sim_topic_fill(&topic, &q);
    compact(&topic, &rng, read);
    sim_plan plan = {.source = &source,
        .topic = &topic,
        .may_be_incomplete = !full_images,
        .gap_rule = true,
        .compacted = true,
        .no_rewinds = true,
        .pause_at = read,
        .watch = k->trace ? sim_trace_step : NULL};
    memcpy(plan.final, source.db.now.rows, sizeof plan.final);
    if (k->trace) {
        sim_trace_begin("compaction", seed, full_images, &plan);
    } else {
        plan.crash_chance = sim_chance(&rng, .5) ? .1 : 0;
    }
    run_plan(k, &plan, &rng, "compaction", seed, full_images ? "full images" : "placeholders");
    sim_topic_free(&topic);
    sim_sequence_free(&q);
    sim_source_fini(&source);
}

/* ---- The program ------------------------------------------------------------------------------
 */

static int usage(void)
{
    fputs("usage: sim-merge SEEDS [--first SEED] [--scenario NAME] [--until-failure]\n"
          "                 [--compaction] [--trace]\nscenarios:",
        stderr);
    for (int s = 0; s < SIM_SCENARIOS; s++) {
        fprintf(stderr, " %s", sim_scenario_names[s]);
    }
    fputc('\n', stderr);
    return 2;
}

static int scenario_of(const char *name)
{
    int s = 0;
    while (s < SIM_SCENARIOS && strcmp(sim_scenario_names[s], name) != 0) {
        s++;
    }
    return s;
}

static bool parse(campaign *k, int argc, char **argv)
{
    *k = (campaign){.first = 1, .scenario = -1};
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(a, "--until-failure") == 0) {
            k->until_failure = true;
        } else if (strcmp(a, "--compaction") == 0) {
            k->compaction = true;
        } else if (strcmp(a, "--trace") == 0) {
            k->trace = true;
        } else if (strcmp(a, "--first") == 0) {
            k->first = strtoull(value, NULL, 10);
            i++;
        } else if (strcmp(a, "--scenario") == 0) {
            k->scenario = scenario_of(value);
            i++;
        } else {
            k->seeds = strtoull(a, NULL, 10);
        }
    }
    return k->seeds && k->scenario < SIM_SCENARIOS;
}

static void run_seed(campaign *k, uint64_t seed)
{
    if (k->compaction) {
        run_compacted(k, seed, true);
        run_compacted(k, seed, false);
        return;
    }
    for (int s = 0; s < SIM_SCENARIOS; s++) {
        if (k->scenario < 0 || k->scenario == s) {
            run_source(k, (sim_scenario)s, seed);
        }
    }
}

int main(int argc, char **argv)
{
    campaign k;
    if (!parse(&k, argc, argv)) {
        return usage();
    }
    for (uint64_t i = 0; i < k.seeds && !(k.until_failure && k.failed); i++) {
        run_seed(&k, k.first + i);
    }
    if (k.trace) {
        sim_trace_end();
    }
    FILE *to = k.trace ? stderr : stdout;
    fprintf(to,
        "%" PRIu64 " records applied, %" PRIu64 " crashes, %" PRIu64 " failed allocations, %" PRIu64
        " expired; rows flagged: %" PRIu64 ", silently stale: %" PRIu64 "\n",
        k.applied, k.crashes, k.faults, k.expired, k.flagged, k.stale);
    fprintf(to, "%" PRIu64 " passed, %" PRIu64 " failed, 0 skipped\n", k.passed, k.failed);
    return k.failed != 0;
}
