/* check-transactions: a target with foreign keys and unique columns goes through the source's own
 * states, one transaction after the other, whatever happens on the way.
 *
 *   check-transactions SEEDS [--seed N] [--only sqlite|postgres|deferred] [--verbose]
 *
 * A source's history (history.h) is read by a real engine and sync with `by_transaction`, over a
 * real database (target.h) that holds the source's constraints. The seed draws how partitions and
 * lanes interleave, where the process dies, and what the connector sends again. After each round of
 * the writer the tables are exactly what the source's were behind the commit that is stored; while
 * the snapshot is not read through, no more than that. In the end they are the source's.
 *
 * The last line is 'N passed, N failed, 0 skipped'. */
#include <stdarg.h>

#include "base/alloc.h"
#include "engine/engine.h"
#include "sim/campaign.h"
#include "sim/faulty_store.h"
#include "sync/job.h"
#include "sync/stored.h"
#include "transactions/history.h"
#include "transactions/target.h"

enum { LANES = 3, PARTITIONS = TOPICS * HISTORY_PARTITIONS, MOST_STEPS = 400000 };

static const char *const topic_names[TOPICS] = {
    "s.public.people", "s.public.orders", "s.transaction"};

typedef struct partition {
    int topic, number;
    const history_log *log;
    weir_partition *held;
    size_t next;
    bool end_told;
} partition;

typedef struct world {
    const char *where;
    sim_rng rng;
    history history;
    partition partitions[PARTITIONS];
    size_t n_partitions;
    weir_store inner;
    sim_faulty_store store;
    weir_sync_cache caches[2];
    weir_sync_topic topics[TOPICS];
    weir_sync_options sync_options;
    weir_engine_options engine_options;
    double lane_wakes, writer_wakes;
    int crashes_left;
    bool running, assigned;
    weir_engine engine;
    weir_sync *sync;
    uint64_t out;
    int64_t now_ms;
    weir_buf lines;
    char failure[600];
    uint64_t transactions, crashes, looks;
} world;

static bool fail(world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool fail(world *w, const char *fmt, ...)
{
    if (!w->failure[0]) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(w->failure, sizeof w->failure, fmt, ap);
        va_end(ap);
    }
    return false;
}

/* ---- The source ---------------------------------------------------------------------------------
 */

static weir_status assign_all(
    world *w, const weir_source_events *events, void *engine, weir_error *err)
{
    for (size_t i = 0; i < w->n_partitions; i++) {
        partition *p = &w->partitions[i];
        weir_view topic = weir_view_of(topic_names[p->topic]);
        int64_t start = weir_sync_offset(w->sync, topic, p->number);
        int n = p->topic == METADATA ? 1 : w->history.n_partitions;
        weir_status s = weir_sync_check_partitions(w->sync, topic, n, err);
        p->held = s ? NULL : events->assigned(engine, topic, p->number, start);
        if (!p->held) {
            return s ? s : weir_fail_oom(err);
        }
        p->next = start < 0 ? 0 : (size_t)start;
        p->end_told = false;
    }
    w->assigned = true;
    return WEIR_OK;
}

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const history_record *r = self;
    *name = weir_view_of(r->header_name);
    *value = weir_view_of(r->header_text);
    return i == 0 && r->header_name;
}

static void deliver(world *w, partition *p, const weir_source_events *events, void *engine)
{
    const history_record *r = &p->log->items[p->next];
    weir_raw_record raw = {.topic = weir_view_of(topic_names[p->topic]),
        .key = weir_view_of(r->key),
        .value = weir_view_of(r->value),
        .partition = p->number,
        .offset = (int64_t)p->next++,
        .headers = {header_at, r}};
    w->out++;
    events->record(engine, p->held, &raw, (void *)(uintptr_t)r);
}

static weir_status source_poll(void *self, const weir_source_events *events, void *engine,
    unsigned max_records, int timeout_ms, weir_error *err)
{
    world *w = self;
    (void)max_records, (void)timeout_ms;
    weir_status s = w->assigned ? WEIR_OK : assign_all(w, events, engine, err);
    if (s) {
        return s;
    }
    partition *p = &w->partitions[sim_below(&w->rng, w->n_partitions)];
    unsigned room = weir_partition_room(engine, p->held);
    for (size_t n = 1 + sim_exponential(&w->rng, 10); n && room && p->next < p->log->count; n--) {
        deliver(w, p, events, engine);
        room--;
    }
    for (size_t i = 0; i < w->n_partitions; i++) {
        p = &w->partitions[i];
        if (!p->end_told && p->next == p->log->count) {
            p->end_told = true;
            events->end(engine, p->held, (int64_t)p->next);
        }
    }
    return WEIR_OK;
}

static weir_status source_commit(
    void *self, const weir_offset *offsets, size_t n, bool wait, weir_error *err)
{
    (void)self, (void)offsets, (void)n, (void)wait, (void)err;
    return WEIR_OK;
}

static void source_release(void *self, void *message)
{
    (void)message;
    ((world *)self)->out--;
}

static void source_wake(void *self)
{
    (void)self;
}

static int64_t source_end_offset(void *self, const weir_partition *held)
{
    world *w = self;
    for (size_t i = 0; i < w->n_partitions; i++) {
        if (w->partitions[i].held == held) {
            return (int64_t)w->partitions[i].log->count;
        }
    }
    return -1;
}

static bool source_finished(void *self)
{
    (void)self;
    return false;
}

static const weir_source_ops source_ops = {
    .type = "history",
    .poll = source_poll,
    .commit = source_commit,
    .release = source_release,
    .wake = source_wake,
    .end_offset = source_end_offset,
    .finished = source_finished,
    .close = source_wake,
};

/* ---- The process --------------------------------------------------------------------------------
 */

static uint32_t tag_of(void *ctx, weir_view topic)
{
    return weir_sync_tag(((world *)ctx)->sync, topic);
}

static int64_t wall_ms(void *ctx)
{
    return ((world *)ctx)->now_ms;
}

static bool wait_held(void *ctx, int64_t ms)
{
    (void)ms;
    return !((world *)ctx)->store.dead;
}

static void on_committing(void *ctx, weir_store inner)
{
    (void)ctx, (void)inner;
}

static void start(world *w)
{
    weir_error err;
    w->store.dies_in = w->crashes_left && sim_chance(&w->rng, .7)
                           ? sim_between(&w->rng, 1, sim_chance(&w->rng, .5) ? 100 : 2000)
                           : 0;
    w->store.hits_after = sim_chance(&w->rng, .5);
    if (weir_sync_new(&w->sync_options, sim_faulty_store_of(&w->store), &w->sync, &err)) {
        if (!w->store.dead && err.status != WEIR_HOLD) {
            fail(w, "it does not start: %s", err.text);
        }
        w->crashes_left -= w->store.dead;
        w->crashes += w->store.dead;
        sim_faulty_store_recover(&w->store);
        return;
    }
    weir_record_source source = {&source_ops, w};
    weir_processor processor = {&weir_sync_processor, w->sync};
    if (weir_engine_init(&w->engine, &w->engine_options, source, processor, &err)) {
        fail(w, "the engine does not start: %s", err.text);
        weir_sync_free(w->sync);
        return;
    }
    weir_sync_attach(w->sync, &w->engine);
    w->running = true;
    w->assigned = false;
}

static void stop(world *w, bool in_order)
{
    w->store.dead |= !in_order;
    weir_engine_abandon(&w->engine);
    weir_sync_abandon(w->sync);
    if (in_order && weir_sync_write(w->sync, 0) && !w->store.dead) {
        fail(w, "its last write has failed");
    }
    if (w->out) {
        fail(w, "%" PRIu64 " records are open behind its end", w->out);
    }
    weir_engine_fini(&w->engine);
    weir_sync_free(w->sync);
    w->running = false;
    sim_faulty_store_recover(&w->store);
}

/* ---- What the target shows ----------------------------------------------------------------------
 */

/* Every row of the snapshot is read and settled. */
static bool is_loaded(const world *w, uint64_t *commit)
{
    weir_error err;
    bool loaded = true;
    weir_status s = w->inner.ops->begin(w->inner.self, &err);
    s = s ? s : weir_stored_commit(w->inner, "s", commit, &err);
    for (size_t i = 0; i < w->n_partitions && !s; i++) {
        const partition *p = &w->partitions[i];
        int64_t next;
        s = weir_stored_offset(w->inner, topic_names[p->topic], p->number, &next, &err);
        loaded &= !p->log->snapshot || next >= (int64_t)p->log->snapshot;
    }
    w->inner.ops->abort(w->inner.self);
    return !s && loaded;
}

/* Each line of `some` is one of `all`. */
static bool is_among(const char *some, const char *all)
{
    char line[100];
    while (*some) {
        size_t n = strcspn(some, "\n") + 1;
        snprintf(line, sizeof line, "%.*s", (int)n, some);
        const char *at = strstr(all, line);
        if (!at || (at != all && at[-1] != '\n')) {
            return false;
        }
        some += n;
    }
    return true;
}

static bool look(world *w)
{
    uint64_t commit = 0;
    bool loaded = is_loaded(w, &commit);
    const char *want = history_lines(&w->history, commit);
    target_lines(w->where, &w->lines);
    const char *have = w->lines.len ? weir_buf_str(&w->lines) : "";
    w->looks++;
    return (loaded ? strcmp(have, want) == 0 : is_among(have, want)) ||
           fail(w, "behind commit %" PRIu64 "%s it has\n%sand should have\n%s", commit,
               loaded ? "" : ", still loading,", have, want);
}

/* ---- Steps --------------------------------------------------------------------------------------
 */

static void work_lane(world *w, unsigned lane)
{
    weir_chunk *c =
        sim_chance(&w->rng, w->lane_wakes) ? weir_engine_next(&w->engine, lane, 0) : NULL;
    if (c) {
        weir_sync_processor.take(w->sync, lane, c);
    }
}

static void write_some(world *w)
{
    weir_error err;
    uint64_t before = weir_sync_transactions(w->sync);
    if (weir_sync_write(w->sync, 0) && !w->store.dead) {
        weir_engine_failure(&w->engine, &err);
        fail(w, "the writer has ended: %s", err.text);
    } else if (!w->store.dead && weir_sync_transactions(w->sync) > before) {
        look(w);
    }
}

static void step(world *w)
{
    weir_error err;
    size_t who = sim_below(&w->rng, LANES + 2);
    w->now_ms++;
    if (who < LANES) {
        work_lane(w, (unsigned)who);
    } else if (who == LANES) {
        if (weir_engine_poll(&w->engine, w->now_ms, 0) && !w->store.dead) {
            weir_engine_failure(&w->engine, &err);
            fail(w, "it has failed: %s", err.text);
        }
    } else if (sim_chance(&w->rng, w->writer_wakes)) {
        write_some(w);
    }
    bool killed = w->crashes_left && sim_chance(&w->rng, .001);
    if (killed || w->store.dead) {
        w->crashes_left--;
        w->crashes++;
        stop(w, false);
    }
}

static bool at_rest(world *w)
{
    for (size_t i = 0; i < w->n_partitions; i++) {
        if (!w->partitions[i].end_told) {
            return false;
        }
    }
    return w->assigned && weir_engine_idle(&w->engine);
}

static void check_offsets(world *w)
{
    weir_error err;
    weir_status s = w->inner.ops->begin(w->inner.self, &err);
    for (size_t i = 0; i < w->n_partitions && !s; i++) {
        const partition *p = &w->partitions[i];
        int64_t next;
        s = weir_stored_offset(w->inner, topic_names[p->topic], p->number, &next, &err);
        if (!s && p->log->count && next != (int64_t)p->log->count) {
            fail(w, "%s/%d ends at %zu, and %" PRId64 " is stored", topic_names[p->topic],
                p->number, p->log->count, next);
        }
    }
    w->inner.ops->abort(w->inner.self);
}

static void run(world *w)
{
    for (long steps = 0; steps < MOST_STEPS && !w->failure[0]; steps++) {
        if (!w->running) {
            start(w);
        } else if (!at_rest(w)) {
            step(w);
        } else {
            w->store.dies_in = 0;
            stop(w, true);
            look(w);
            check_offsets(w);
            return;
        }
    }
    fail(w, "it does not come to rest");
}

/* ---- A world ------------------------------------------------------------------------------------
 */

static const weir_source_rules rules = {.topic_prefix = {"s", 1}, .positions = true};
static const unsigned first[] = {0}, second[] = {1};

static const weir_table_rule tables[] = {
    {.cache = "people", .table = "people", .position_column = "_weir_pos", .by_transaction = true},
    {.cache = "orders", .table = "orders", .position_column = "_weir_pos", .by_transaction = true},
};

static void describe(world *w)
{
    for (int i = 0; i < 2; i++) {
        w->caches[i] =
            (weir_sync_cache){.name = tables[i].cache, .rule = weir_view_of("by transaction")};
        w->topics[i] = (weir_sync_topic){.topic = topic_names[i],
            .table = i ? "public.orders" : "public.people",
            .source = &rules,
            .caches = i ? second : first,
            .n_caches = 1,
            .by_transaction = true,
            .stop_on_regress = true};
    }
    w->topics[METADATA] = (weir_sync_topic){.topic = topic_names[METADATA],
        .source = &rules,
        .transactions = true,
        .stop_on_regress = true};
    w->sync_options = (weir_sync_options){.name = "transactions",
        .caches = w->caches,
        .n_caches = 2,
        .topics = w->topics,
        .n_topics = TOPICS,
        .lanes = LANES,
        .wall_ms = wall_ms,
        .now_ms = wall_ms,
        .wait = wait_held,
        .ctx = w};
    w->engine_options = (weir_engine_options){
        .name = "transactions", .lanes = LANES, .by_partition = true, .tag = tag_of, .ctx = w};
}

static void open_world(world *w, const char *where, uint64_t seed)
{
    *w = (world){.where = where, .rng = sim_rng_of(seed, 7)};
    history_make(&w->history, &w->rng);
    for (int t = 0; t < TOPICS; t++) {
        for (int p = 0; p < (t == METADATA ? 1 : w->history.n_partitions); p++) {
            w->partitions[w->n_partitions++] =
                (partition){.topic = t, .number = p, .log = &w->history.logs[t][p]};
        }
    }
    describe(w);
    w->lane_wakes = sim_chance(&w->rng, .3) ? .05 : 1;
    w->writer_wakes = sim_chance(&w->rng, .3) ? .05 : .5;
    w->crashes_left = sim_chance(&w->rng, .6) ? sim_between(&w->rng, 1, 5) : 0;
    w->inner = target_open(where, tables, 2);
    w->store = (sim_faulty_store){.inner = w->inner,
        .rng = &w->rng,
        .fails = sim_chance(&w->rng, .3) ? .003 : 0,
        .committing = on_committing};
    weir_error err;
    if (w->inner.ops->open_cache(w->inner.self, 0, ".weir", &err)) {
        fail(w, "the store does not open: %s", err.text);
    }
}

static void close_world(world *w)
{
    if (w->running) {
        stop(w, false);
    }
    w->inner.ops->close(w->inner.self);
    weir_buf_fini(&w->lines);
    history_free(&w->history);
}

static void run_seed(sim_campaign *k, const char *where, uint64_t seed)
{
    world w;
    long live = weir_alloc_live();
    open_world(&w, where, seed);
    run(&w);
    close_world(&w);
    if (weir_alloc_live() != live) {
        fail(&w, "%ld blocks of memory are left", weir_alloc_live() - live);
    }
    if (sim_campaign_count(k, w.failure[0])) {
        printf("1 --seed %" PRIu64 " --only %s: %s\n", seed, where, w.failure);
    } else if (k->verbose) {
        printf("seed %" PRIu64 " %s: %" PRIu64 " looks, %" PRIu64 " crashes\n", seed, where,
            w.looks, w.crashes);
    }
}

int main(int argc, char **argv)
{
    static const char *const targets[] = {"sqlite", "postgres", "deferred"};
    sim_campaign k;
    if (!sim_campaign_parse(&k, argc, argv,
            "check-transactions SEEDS [--seed N] [--only sqlite|postgres|deferred] [--verbose]")) {
        return 2;
    }
    for (size_t t = 0; t < sizeof targets / sizeof *targets; t++) {
        for (uint64_t i = 0; i < k.seeds && (!k.only || !strcmp(k.only, targets[t])); i++) {
            run_seed(&k, targets[t], k.first + i);
        }
    }
    return sim_campaign_end(&k);
}
