/* Processes of the simulated world: how they start, step and end. See engine_world.h. */
#include "sim/engine_world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "sim/grow.h"

void sim_world_say(const sim_world *w, const char *fmt, ...)
{
    if (w->verbose) {
        va_list ap;
        printf("%8" PRId64 " %*s", w->now_ms, w->depth * 2, "");
        va_start(ap, fmt);
        vprintf(fmt, ap);
        va_end(ap);
        putchar('\n');
    }
}

/* ---- What the broker tells ----------------------------------------------------------------------
 */

static void *on_assigned(void *ctx, sim_member *m, sim_partition *log, int64_t start)
{
    sim_world *w = ctx;
    sim_world_say(w, "%d: assigned %s/%d from %" PRId64, m->number, log->topic, log->number, start);
    return sim_ledger_assigned(&w->ledger, m, log, start);
}

static void on_revoking(void *ctx, sim_held *held, bool lost)
{
    sim_world *w = ctx;
    sim_epoch *e = held->user;
    sim_process *p = e->member->user;
    e->revoking = true;
    e->lost = lost;
    p->drain_until_ms = w->now_ms + w->engine_options.drain_ms;
    p->cut_short = false;
    sim_world_say(w, "%d: %s %s/%d", p->number, lost ? "lost" : "revoked", held->log->topic,
        held->log->number);
}

static void on_revoked(void *ctx, sim_held *held, bool lost)
{
    sim_world *w = ctx;
    sim_epoch *e = held->user;
    const sim_process *p = e->member->user;
    const sim_troubles *t = &w->broker.troubles;
    bool commits = t->commit_fails <= 0 && t->answer_lost <= 0;
    bool in_order = !lost && !p->cut_short && !p->transactor && commits && !w->memory_fails &&
                    e->member->alive && !e->member->fenced && !weir_engine_failed(&p->engine);
    sim_ledger_revoked(&w->ledger, e, in_order);
}

static void on_delivered(void *ctx, sim_delivery *d)
{
    sim_world *w = ctx;
    sim_ledger_delivered(
        &w->ledger, d->user, d->index, sim_is_nobodys(&d->log->entries.items[d->index]));
}

static void on_committing(void *ctx, sim_member *m, sim_partition *log, int64_t next)
{
    sim_world *w = ctx;
    sim_epoch *e = sim_ledger_epoch_of(&w->ledger, m, log);
    const sim_process *p = m->user;
    /* A transaction that is under way when its engine fails may come to pass. */
    bool failed = !w->exactly_once && weir_engine_failed(&p->engine);
    if (e->ended || e->lost || failed) {
        sim_ledger_fail(&w->ledger, "member %d commits behind its end", m->number);
    }
    sim_ledger_committing(&w->ledger, e, next);
}

static void on_committed(void *ctx, sim_member *m, sim_partition *log)
{
    sim_world *w = ctx;
    sim_ledger_committed(sim_ledger_epoch_of(&w->ledger, m, log));
}

static void on_broken(void *ctx, const char *what)
{
    sim_world *w = ctx;
    sim_ledger_fail(&w->ledger, "%s", what);
}

/* ---- Processes ----------------------------------------------------------------------------------
 */

static int64_t now_ms(void *ctx)
{
    return ((sim_process *)ctx)->world->now_ms;
}

static uint32_t tag_of(void *ctx, weir_view topic)
{
    return weir_handlers_tag(((sim_process *)ctx)->handlers, topic);
}

/* Before a drain gives up, every thread that was awake has had its turn. */
static bool run_awake_thread(sim_process *p)
{
    if (sim_process_work_is_awake(p)) {
        sim_process_work(p);
        return true;
    }
    for (unsigned lane = 0; lane < p->world->engine_options.lanes; lane++) {
        if (sim_process_lane_is_awake(p, lane)) {
            sim_process_lane(p, lane);
            return true;
        }
    }
    return false;
}

/* What a drain may wait for to its bound: handlers at work, and messages that users have kept. */
static bool has_hands_full(const sim_process *p)
{
    const sim_world *w = p->world;
    bool full = p->work.busy || p->work.fails;
    for (unsigned lane = 0; lane < w->engine_options.lanes; lane++) {
        full |= p->lanes[lane].busy;
    }
    for (size_t i = 0; i < w->kept.count; i++) {
        full |= w->kept.items[i].process == p;
    }
    return full;
}

/* A drain waits: others go on, and time passes. */
static bool wait_in_drain(void *ctx)
{
    sim_process *p = ctx;
    sim_world *w = p->world;
    if (w->now_ms < p->drain_until_ms) {
        if (w->depth < SIM_DEEPEST && sim_chance(&w->rng, .8)) {
            sim_world_step(w);
        } else {
            w->now_ms += sim_between(&w->rng, 1, 40);
        }
        return true;
    }
    if (run_awake_thread(p)) {
        return true;
    }
    if (!has_hands_full(p)) {
        sim_ledger_fail(
            &w->ledger, "member %d drains in vain: what waits is not dropped", p->number);
    }
    p->cut_short = true;
    return false;
}

static weir_status reject_effects(
    void *ctx, weir_record *r, const weir_outgoing *refused, weir_error *why)
{
    return weir_handlers_reject_effects(((sim_process *)ctx)->handlers, r, refused, why);
}

static bool may_hold(void *ctx, const weir_record *r, weir_error *why)
{
    return weir_handlers_may_hold(((sim_process *)ctx)->handlers, r, why);
}

static weir_status open_transactor(
    sim_process *p, weir_handlers_options *handlers, weir_engine_options *engine)
{
    weir_error err;
    p->transactor = NULL;
    if (!p->world->exactly_once) {
        return WEIR_OK;
    }
    weir_transactor_options o = p->world->transactor_options;
    o.port = sim_transactions(p);
    o.list = weir_handlers_list;
    o.bytes = weir_handlers_bytes;
    o.free = weir_handlers_free_effects;
    o.reject = reject_effects;
    o.may_hold = may_hold;
    o.ctx = p;
    o.now_ms = now_ms;
    engine->group = false;
    weir_status s = weir_transactor_new(&o, &p->transactor, &err);
    handlers->transactor = p->transactor;
    handlers->letter_topic = "dead";
    handlers->emitter.send = NULL;
    handlers->emitter.cancel = NULL;
    handlers->dead_letters.write = NULL;
    return s;
}

/* In the order of app/app.c, and taken down again if memory fails on the way. */
void sim_process_start(sim_process *p)
{
    sim_world *w = p->world;
    weir_error err;
    weir_engine_options engine = w->engine_options;
    weir_handlers_options handlers = w->handlers_options;
    engine.ctx = handlers.ctx = p;
    engine.tag = tag_of;
    engine.wait = wait_in_drain;
    handlers.now_ms = now_ms;
    weir_status s = open_transactor(p, &handlers, &engine);
    s = s ? s : weir_handlers_new(&handlers, &p->handlers, &err);
    if (s) {
        weir_transactor_free(p->transactor);
        return;
    }
    weir_record_source source = sim_member_start(&w->broker, p->number, p);
    p->member = source.self;
    weir_processor processor = {&weir_handlers_processor, p->handlers};
    s = weir_engine_init(&p->engine, &engine, source, processor, &err);
    if (s) {
        source.ops->close(source.self);
        weir_handlers_free(p->handlers);
        weir_transactor_free(p->transactor);
        return;
    }
    weir_handlers_attach(p->handlers, &p->engine);
    if (p->transactor) {
        weir_transactor_attach(p->transactor, &p->engine);
    }
    p->running = true;
    p->doomed = p->stopping = p->cancelled = false;
    memset(p->lanes, 0, sizeof p->lanes);
    memset(&p->work, 0, sizeof p->work);
    w->restarts++;
    sim_world_say(w, "%d: starts", p->number);
}

/* The users of its messages end with it. */
static void give_up_kept(sim_process *p)
{
    sim_world *w = p->world;
    size_t n = 0;
    for (size_t i = 0; i < w->kept.count; i++) {
        sim_kept *k = &w->kept.items[i];
        if (k->process == p && k->sending) {
            weir_error err;
            weir_fail(&err, WEIR_E_KAFKA_PRODUCE, "given up");
            k->message->sending.done(&k->message->sending, &err);
        } else if (k->process == p) {
            weir_settle(k->message, WEIR_HOLD);
        } else {
            w->kept.items[n++] = *k;
        }
    }
    w->kept.count = n;
}

void sim_process_end(sim_process *p, bool in_order)
{
    sim_world *w = p->world;
    sim_world_say(w, "%d: %s", p->number, in_order ? "stops" : "dies");
    if (!in_order) {
        sim_member_kill(p->member);
    }
    p->inside++; /* dead letters of what is abandoned find nobody */
    p->cancelled = true;
    give_up_kept(p);
    weir_engine_abandon(&p->engine);
    if (p->transactor) {
        weir_background b = weir_transactor_background(p->transactor);
        b.abandon(b.self);
    }
    p->inside--;
    if (!weir_engine_idle(&p->engine) || p->engine.open_bytes || p->member->out) {
        sim_ledger_fail(&w->ledger, "member %d has records open behind its end", p->number);
    }
    sim_ledger_ended(&w->ledger, p->member);
    p->running = false;
    weir_engine_fini(&p->engine);
    weir_handlers_free(p->handlers);
    weir_transactor_free(p->transactor);
}

static void check_bounds(sim_process *p)
{
    sim_world *w = p->world;
    const weir_engine_options *o = &p->engine.options;
    size_t largest = sizeof(weir_record) + 64 + 128; /* a record's cost in this world */
    if (p->engine.open_bytes > o->in_flight_bytes + largest * SIM_BROKER_PARTITIONS) {
        sim_ledger_fail(&w->ledger, "%zu bytes are in flight", p->engine.open_bytes);
    }
    for (size_t i = 0; i < p->engine.n_partitions; i++) {
        const weir_partition *q = p->engine.partitions[i];
        if (q->open_records > o->partition_records ||
            weir_frontier_open(&q->frontier) > o->ahead_records) {
            sim_ledger_fail(&w->ledger, "%s/%d has %zu records open and %zu ahead", q->topic,
                q->number, q->open_records, weir_frontier_open(&q->frontier));
        }
    }
}

static void leave(sim_process *p)
{
    p->inside--;
    if (p->doomed && !p->inside) {
        sim_process_end(p, false);
    } else if (p->running) {
        check_bounds(p);
    }
}

/* As poll_main in engine/run.c. */
void sim_process_poll(sim_process *p)
{
    sim_world *w = p->world;
    weir_error err;
    p->inside++;
    p->doomed |= weir_engine_poll(&p->engine, w->now_ms, 0) != WEIR_OK;
    bool over = weir_engine_idle(&p->engine) || w->now_ms >= p->stop_until_ms;
    if (p->stopping && !p->doomed && over && p->inside == 1) {
        weir_status s = p->transactor ? WEIR_OK : weir_engine_commit(&p->engine, true, &err);
        sim_world_say(w, "%d: last commit: %s", p->number, weir_status_name(s));
        p->inside--;
        sim_process_end(p, !weir_engine_failed(&p->engine));
        return;
    }
    leave(p);
}

bool sim_process_lane_is_awake(const sim_process *p, unsigned lane)
{
    const weir_lane_queue *q = &p->engine.queues[lane];
    return !p->lanes[lane].busy &&
           (q->first || q->woken || p->lanes[lane].due_ms <= p->world->now_ms);
}

/* As lane_main in engine/run.c. */
void sim_process_lane(sim_process *p, unsigned lane)
{
    const weir_processor *processor = &p->engine.processor;
    p->inside++;
    p->lanes[lane].busy = true;
    weir_chunk *c = weir_engine_next(&p->engine, lane, 0);
    if (c) {
        processor->ops->take(processor->self, lane, c);
    }
    p->lanes[lane].due_ms = processor->ops->step(processor->self, lane, p->world->now_ms);
    p->lanes[lane].busy = false;
    leave(p);
}

bool sim_process_wants_commit(const sim_process *p)
{
    for (size_t i = 0; i < p->engine.n_partitions; i++) {
        if (weir_partition_wants_commit(&p->engine, p->engine.partitions[i])) {
            return true;
        }
    }
    return false;
}

/* A thread that has nothing to do looks now and then. */
bool sim_process_work_is_awake(const sim_process *p)
{
    return p->transactor && !p->work.busy &&
           (weir_transactor_has_work(p->transactor) || p->work.due_ms <= p->world->now_ms ||
               (p->work.due_ms == INT64_MAX && sim_process_wants_commit(p)));
}

void sim_process_work(sim_process *p)
{
    p->inside++;
    p->work.busy = true;
    p->work.due_ms = weir_transactor_round(p->transactor, p->world->now_ms);
    p->work.busy = false;
    leave(p);
}

/* ---- The world ----------------------------------------------------------------------------------
 */

static void draw_options(sim_world *w)
{
    sim_rng *r = &w->rng;
    w->engine_options = (weir_engine_options){.name = "simulated",
        .lanes = (unsigned)sim_between(r, 1, SIM_LANES),
        .in_flight_bytes = (size_t)SIM_PICK(r, 1, 700, 3000, 20000, 1 << 20),
        .partition_records = (unsigned)SIM_PICK(r, 1, 3, 10, 10, 1000),
        .ahead_records = (unsigned)SIM_PICK(r, 2, 8, 30, 1000),
        .group = true,
        .resume = true,
        .commit_interval_ms = SIM_PICK(r, 1, 50, 1000),
        .drain_ms = SIM_PICK(r, 20, 500, 5000)};
    w->handlers_options = (weir_handlers_options){.name = "simulated",
        .topics = w->topics,
        .lanes = w->engine_options.lanes,
        .max_attempts = (uint32_t)sim_between(r, 1, 4),
        .backoff_ms = SIM_PICK(r, 1, 10, 100),
        .max_backoff_ms = SIM_PICK(r, 100, 1000),
        .followers_limit = (unsigned)SIM_PICK(r, 0, 1, 3, 10),
        .stuck_after_ms = 10000,
        .on_reject = sim_chance(r, .1) ? WEIR_ON_REJECT_SKIP : WEIR_ON_REJECT_DEAD_LETTER,
        .dead_letters = {sim_write_letters, w},
        .emitter = {sim_send, sim_cancel, NULL},
        .seed = sim_next(r)};
    w->transactor_options = (weir_transactor_options){.name = "simulated",
        .most_bytes = (size_t)SIM_PICK(r, 1, 300, 1 << 20),
        .most_records = (unsigned)SIM_PICK(r, 1, 3, 100),
        .commit_interval_ms = SIM_PICK(r, 1, 50, 1000)};
    w->exactly_once = sim_chance(r, .3);
    w->ledger.exactly_once = w->exactly_once;
    w->ledger.max_attempts = w->handlers_options.max_attempts;
    w->ledger.backoff_ms = w->handlers_options.backoff_ms;
    w->ledger.max_backoff_ms = w->handlers_options.max_backoff_ms;
    w->ledger.skips = w->handlers_options.on_reject == WEIR_ON_REJECT_SKIP;
}

/* Half of all worlds have a whole class of trouble or none of it. */
static double some(sim_rng *r, double most)
{
    return sim_chance(r, .5) ? sim_unit(r) * most : 0;
}

static void draw_manners(sim_world *w)
{
    sim_rng *r = &w->rng;
    w->manners = (sim_manners){.retries = some(r, .4),
        .holds = some(r, .3),
        .rejects = some(r, .1),
        .dies = sim_chance(r, .2) ? .01 : 0,
        .defers = some(r, .7),
        .slow = some(r, .3),
        .emits = some(r, .8),
        .emits_fail = some(r, .4)};
    w->transactions_fail = some(r, .5);
    w->refuses = some(r, .1);
    w->dies_behind = sim_chance(r, .3) ? .05 : 0;
    w->poison = some(r, .1);
    w->broker.troubles = (sim_troubles){.commit_fails = some(r, .5),
        .answer_lost = some(r, .5),
        .poll_fails = some(r, .1),
        .fetch_waits = some(r, .7)};
}

static void draw_partitions(sim_world *w)
{
    static const char *const topics[] = {"orders", "users"};
    int n_topics = sim_between(&w->rng, 1, 2), each = sim_between(&w->rng, 1, 2);
    w->routes[0] = (weir_route){.event = "work", .fn = sim_handle, .ctx = w};
    weir_breaker_rule rule = {"simulated", (uint32_t)sim_between(&w->rng, 1, 5),
        SIM_PICK(&w->rng, 1, 50, 1000), SIM_PICK(&w->rng, 1000, 3000)};
    weir_breaker_init(&w->breaker, &rule);
    w->routes[0].breaker = sim_chance(&w->rng, .5) ? &w->breaker : NULL;
    for (int t = 0; t < n_topics; t++) {
        w->topics[t] = (weir_routed_topic){.topic = topics[t], .routes = w->routes, .n_routes = 1};
        for (int p = 0; p < each; p++) {
            sim_broker_add_partition(&w->broker, topics[t], p);
        }
    }
    w->handlers_options.n_topics = (size_t)n_topics;
}

void sim_world_init(sim_world *w, uint64_t seed, bool verbose)
{
    *w = (sim_world){.rng = sim_rng_of(seed, 7), .verbose = verbose, .now_ms = 1000};
    sim_broker_init(&w->broker, &w->rng, &w->now_ms, true);
    sim_ledger_init(&w->ledger, &w->now_ms);
    w->broker.hooks = (sim_broker_hooks){.assigned = on_assigned,
        .revoking = on_revoking,
        .revoked = on_revoked,
        .delivered = on_delivered,
        .committing = on_committing,
        .committed = on_committed,
        .broken = on_broken,
        .ctx = w};
    draw_options(w);
    draw_manners(w);
    draw_partitions(w);
    sim_world_say(w, "%u lanes, %zu bytes, %u records, %u ahead, %u followers",
        w->engine_options.lanes, w->engine_options.in_flight_bytes,
        w->engine_options.partition_records, w->engine_options.ahead_records,
        w->handlers_options.followers_limit);
    w->n_processes = sim_between(&w->rng, 1, SIM_BROKER_MEMBERS);
    for (int i = 0; i < w->n_processes; i++) {
        w->processes[i].world = w;
        w->processes[i].number = i;
    }
}

void sim_world_fini(sim_world *w)
{
    for (int i = 0; i < w->n_processes; i++) {
        if (w->processes[i].running) {
            sim_process_end(&w->processes[i], false);
        }
    }
    free(w->kept.items);
    weir_breaker_fini(&w->breaker);
    sim_ledger_fini(&w->ledger);
    sim_broker_fini(&w->broker);
}
