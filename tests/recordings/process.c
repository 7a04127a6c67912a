/* The process. See process.h. */
#include "recordings/process.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "recordings/kept.h"
#include "sync/stored.h"

enum { MOST_CRASHES = 6, MOST_STEPS = 100000000 };

/* Keeps the first failure; always false. */
bool process_fail(process *p, const char *fmt, ...)
{
    if (!p->failure[0]) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(p->failure, sizeof p->failure, fmt, ap);
        va_end(ap);
    }
    return false;
}

/* ---- The source ---------------------------------------------------------------------------------
 */

static weir_status assign_all(
    process *p, const weir_source_events *events, void *engine, weir_error *err)
{
    for (size_t i = 0; i < p->n_partitions; i++) {
        process_partition *q = &p->partitions[i];
        weir_view topic = weir_view_of(q->topic);
        int64_t start = weir_sync_offset(p->sync, topic, q->number);
        weir_status s = weir_sync_check_partitions(p->sync, topic, q->n_partitions, err);
        q->held = s ? NULL : events->assigned(engine, topic, q->number, start);
        if (!q->held) {
            return s ? s : weir_fail_oom(err);
        }
        q->next = start < 0 ? 0 : (size_t)start;
        q->end_told = false;
    }
    p->assigned = true;
    return WEIR_OK;
}

static bool has_more(const process_partition *q)
{
    return q->next < q->log->count;
}

/* The partition that is read on now; false: all are at their ends. */
static bool choose(process *p)
{
    size_t live[PROCESS_PARTITIONS], n = 0;
    for (size_t i = 0; i < p->n_partitions; i++) {
        if (has_more(&p->partitions[p->order[i]])) {
            live[n++] = p->order[i];
        }
    }
    if (!n) {
        return false;
    }
    p->current = live[p->style == ONE_BY_ONE ? 0 : sim_below(&p->rng, n)];
    p->burst_left = p->style == ONE_BY_ONE ? SIZE_MAX
                    : p->style == SINGLE_RECORDS
                        ? 1
                        : 1 + sim_exponential(&p->rng, SIM_PICK(&p->rng, 2, 50, 1000));
    return true;
}

static void deliver(process *p, const weir_source_events *events, void *engine, unsigned room)
{
    process_partition *q = &p->partitions[p->current];
    for (unsigned n = 0; n < room && p->burst_left && has_more(q); n++, p->burst_left--) {
        const recorded_row *r = recorded_row_of(q->log->items[q->next]);
        weir_raw_record raw = r->bytes->raw;
        raw.topic = weir_view_of(q->topic);
        raw.partition = q->number;
        raw.offset = (int64_t)q->next++;
        p->out++;
        p->delivered++;
        events->record(engine, q->held, &raw, r->bytes);
    }
    p->burst_left = has_more(q) ? p->burst_left : 0;
}

static weir_status source_poll(void *self, const weir_source_events *events, void *engine,
    unsigned max_records, int timeout_ms, weir_error *err)
{
    process *p = self;
    (void)timeout_ms;
    weir_status s = p->assigned ? WEIR_OK : assign_all(p, events, engine, err);
    if (s) {
        return s;
    }
    if (p->burst_left || choose(p)) {
        unsigned room = weir_partition_room(engine, p->partitions[p->current].held);
        deliver(p, events, engine, room < max_records ? room : max_records);
        p->burst_left = room ? p->burst_left : 0; /* another one may have room */
    }
    for (size_t i = 0; i < p->n_partitions; i++) {
        process_partition *q = &p->partitions[i];
        if (!q->end_told && !has_more(q)) {
            q->end_told = true;
            events->end(engine, q->held, (int64_t)q->next);
        }
    }
    return WEIR_OK;
}

static weir_status source_commit(
    void *self, const weir_offset *offsets, size_t n, bool wait, weir_error *err)
{
    (void)self, (void)offsets, (void)n, (void)wait, (void)err;
    return WEIR_OK; /* the offsets are in the store */
}

static void source_release(void *self, void *message)
{
    (void)message; /* the recording's */
    ((process *)self)->out--;
}

static void source_wake(void *self)
{
    (void)self; /* it is polled in any case */
}

static int64_t source_end_offset(void *self, const weir_partition *held)
{
    (void)self, (void)held;
    return -1;
}

static bool source_finished(void *self)
{
    (void)self;
    return false;
}

static const weir_source_ops source_ops = {
    .type = "recording",
    .poll = source_poll,
    .commit = source_commit,
    .release = source_release,
    .wake = source_wake,
    .end_offset = source_end_offset,
    .finished = source_finished,
    .close = source_wake,
};

/* ---- Starting and ending ------------------------------------------------------------------------
 */

static bool start(process *p)
{
    weir_error err;
    p->store.dies_in = p->crashes_left && sim_chance(&p->rng, .5)
                           ? sim_between(&p->rng, 1, SIM_PICK(&p->rng, 20, 1000, 100000))
                           : 0;
    p->store.hits_after = sim_chance(&p->rng, .5);
    p->kill_in = p->crashes_left && sim_chance(&p->rng, .5)
                     ? sim_between(&p->rng, 1, SIM_PICK(&p->rng, 20, 1000, 10000))
                     : 0;
    p->starts++;
    if (weir_sync_new(&p->sync_options, sim_faulty_store_of(&p->store), &p->sync, &err)) {
        bool died = p->store.dead;
        sim_faulty_store_recover(&p->store);
        p->crashes_left -= died;
        p->crashes += died;
        return died || process_fail(p, "it does not start: %s", err.text);
    }
    weir_record_source source = {&source_ops, p};
    weir_processor processor = {&weir_sync_processor, p->sync};
    if (weir_engine_init(&p->engine, &p->engine_options, source, processor, &err)) {
        recording_die("the engine does not start", err.text);
    }
    weir_sync_attach(p->sync, &p->engine);
    p->running = true;
    p->assigned = false;
    p->burst_left = 0;
    return true;
}

/* As weir_run_wait and weir_replica_wait take it down. */
static void end(process *p, bool in_order)
{
    p->store.dead |= !in_order;
    weir_engine_abandon(&p->engine);
    weir_sync_abandon(p->sync);
    if (in_order && weir_sync_write(p->sync, 0) && !p->store.dead) {
        process_fail(p, "its last write has failed");
    }
    if (p->out) {
        process_fail(p, "%" PRIu64 " records are open behind its end", p->out);
    }
    weir_engine_fini(&p->engine);
    weir_sync_free(p->sync);
    p->sync = NULL;
    p->running = false;
    sim_faulty_store_recover(&p->store);
}

static bool crash(process *p)
{
    p->crashes_left--;
    p->crashes++;
    end(p, false);
    return true;
}

/* ---- Stepping -----------------------------------------------------------------------------------
 */

static void work_lane(process *p, unsigned lane)
{
    weir_chunk *c = weir_engine_next(&p->engine, lane, 0);
    if (c) {
        weir_sync_processor.take(p->sync, lane, c);
    }
}

/* False: it has failed. */
static bool step(process *p)
{
    unsigned lanes = p->sync_options.lanes;
    unsigned who = (unsigned)sim_below(&p->rng, lanes + 2);
    weir_error err;
    if (who < lanes) {
        if (sim_chance(&p->rng, p->lane_wakes[who])) {
            work_lane(p, who);
        }
    } else if (who == lanes) {
        if (weir_engine_poll(&p->engine, 0, 0) && !p->store.dead) {
            weir_engine_failure(&p->engine, &err);
            return process_fail(p, "it has failed: %s", err.text);
        }
    } else if (sim_chance(&p->rng, p->writer_wakes)) {
        if (weir_sync_write(p->sync, 0) && !p->store.dead) {
            weir_engine_failure(&p->engine, &err);
            return process_fail(p, "the writer has ended: %s", err.text);
        }
    }
    bool killed = p->kill_in && --p->kill_in == 0;
    return killed || p->store.dead ? crash(p) : true;
}

static bool at_rest(process *p)
{
    for (size_t i = 0; i < p->n_partitions; i++) {
        if (!p->partitions[i].end_told) {
            return false;
        }
    }
    return p->assigned && weir_engine_idle(&p->engine) && !p->sync->first;
}

/* ---- Reading again ------------------------------------------------------------------------------
 */

/* Puts a partition's stored offset back, as `weir offsets` does. */
static weir_status put_back(process *p, const process_partition *q, weir_error *err)
{
    int64_t next;
    weir_status s = weir_stored_offset(p->inner, q->topic, q->number, &next, err);
    if (s || next <= 0 || p->rereads_left <= 0) {
        return s;
    }
    size_t most = (size_t)next;
    size_t n = sim_chance(&p->rng, .5)
                   ? 1 + sim_below(&p->rng, most)
                   : 1 + sim_exponential(&p->rng, SIM_PICK(&p->rng, 1, 10, 300));
    n = n < most ? n : most;
    p->rereads_left -= (long)n;
    return weir_stored_offset_set(p->inner, q->topic, q->number, next - (int64_t)n, err);
}

static void read_again(process *p)
{
    weir_error err;
    weir_status s = p->inner.ops->begin(p->inner.self, &err);
    for (size_t i = 0; i < p->n_partitions && !s; i++) {
        s = sim_chance(&p->rng, .5) ? put_back(p, &p->partitions[i], &err) : WEIR_OK;
    }
    s = s ? s : p->inner.ops->commit(p->inner.self, &err);
    if (s) {
        recording_die("an offset cannot be put back", err.text);
    }
}

/* ---- Running ------------------------------------------------------------------------------------
 */

bool process_run(process *p)
{
    for (long steps = 0; steps < MOST_STEPS && !p->failure[0]; steps++) {
        if (!p->running) {
            if (p->starts && sim_chance(&p->rng, .5)) {
                read_again(p);
            }
            start(p);
        } else if (!at_rest(p)) {
            step(p);
        } else if (p->rereads_left > 0 && sim_chance(&p->rng, .5)) {
            end(p, true);
        } else {
            p->store.dies_in = 0;
            end(p, true);
            return !p->failure[0];
        }
    }
    return process_fail(p, "it does not come to rest");
}

static int64_t wall_ms(void *ctx)
{
    (void)ctx;
    return 1;
}

/* Of a store that does not hold: nothing is to be waited for. */
static bool wait_held(void *ctx, int64_t ms)
{
    (void)ctx, (void)ms;
    return false;
}

static uint32_t tag_of(void *ctx, weir_view topic)
{
    return weir_sync_tag(((process *)ctx)->sync, topic);
}

static void on_committing(void *ctx, weir_store inner)
{
    (void)ctx, (void)inner;
}

static void draw(process *p)
{
    sim_rng *rng = &p->rng;
    for (size_t i = 0; i < p->n_partitions; i++) {
        size_t other = sim_below(rng, i + 1);
        p->order[i] = p->order[other];
        p->order[other] = i;
    }
    p->style = sim_chance(rng, .2) ? ONE_BY_ONE : sim_chance(rng, .25) ? SINGLE_RECORDS : BURSTS;
    p->sync_options.lanes = (unsigned)SIM_PICK(rng, 1, 2, PROCESS_LANES);
    for (unsigned i = 0; i < PROCESS_LANES; i++) {
        p->lane_wakes[i] = sim_chance(rng, .3) ? .02 : 1;
    }
    p->writer_wakes = sim_chance(rng, .3) ? .02 : .5;
    p->crashes_left = sim_chance(rng, .5) ? sim_between(rng, 1, MOST_CRASHES) : 0;
    p->engine_options.lanes = p->sync_options.lanes;
    p->engine_options.partition_records = (unsigned)SIM_PICK(rng, 10, 300, 20000);
    p->engine_options.ahead_records = (unsigned)SIM_PICK(rng, 100, 1000, 1000000);
}

void process_init(process *p, const recording *r, const sim_topic *topics, sim_rng rng)
{
    long records = 0;
    *p = (process){.recording = r, .rng = rng};
    for (size_t t = 0; t < r->n_tables; t++) {
        for (int n = 0; n < topics[t].n_partitions; n++) {
            p->partitions[p->n_partitions++] = (process_partition){.log = &topics[t].logs[n],
                .topic = r->tables[t].topic->topic,
                .number = n,
                .n_partitions = topics[t].n_partitions};
            records += (long)topics[t].logs[n].count;
        }
    }
    p->rereads_left = sim_chance(&p->rng, .5) ? records / 2 : 0;
    p->sync_options = (weir_sync_options){.name = "recorded",
        .caches = r->rules.caches,
        .n_caches = r->rules.n_caches,
        .topics = r->rules.topics,
        .n_topics = r->rules.n_topics,
        .wall_ms = wall_ms,
        .wait = wait_held,
        .ctx = p};
    p->engine_options = (weir_engine_options){.name = "recorded", .tag = tag_of, .ctx = p};
    draw(p);
    p->inner = kept_store(r);
    p->store = (sim_faulty_store){.inner = p->inner, .rng = &p->rng, .committing = on_committing};
}

void process_fini(process *p)
{
    if (p->running) {
        end(p, false);
    }
    p->inner.ops->close(p->inner.self);
}
