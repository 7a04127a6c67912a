/* The world of one sync. See sync_world.h. */
#include "sim/sync_world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "memory/memory_store.h"
#include "sim/grow.h"
#include "sync/stored.h"

enum { HOUSEKEEPING_MS = 200 };

static const char topic[] = "sim.public.t", heartbeats[] = "__debezium-heartbeat.sim";

void sim_sync_fail(sim_sync_world *w, const char *fmt, ...)
{
    if (!w->failure[0]) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(w->failure, sizeof w->failure, fmt, ap);
        va_end(ap);
    }
}

void sim_sync_say(const sim_sync_world *w, const char *fmt, ...)
{
    if (w->verbose) {
        va_list ap;
        printf("%8" PRId64 " ", w->now_ms);
        va_start(ap, fmt);
        vprintf(fmt, ap);
        va_end(ap);
        putchar('\n');
    }
}

/* ---- Looking into the store ---------------------------------------------------------------------
 */

/* Has a cache met this record, as far as its key's state tells? A truncate takes states away, and
 * what says nothing leaves none. */
static bool is_met(weir_view bytes, const sim_partition *p, const sim_entry *e, bool truncated)
{
    weir_state st;
    weir_error err;
    if (!bytes.ptr || weir_state_get(bytes, &st, &err)) {
        return truncated || !e->value.ptr;
    }
    bool elsewhere = !st.has_seen || st.seen_partition != p->number;
    return elsewhere ? truncated : st.seen_offset >= e->offset;
}

static bool has_state(const sim_partition *p, const sim_entry *e)
{
    return strcmp(p->topic, topic) == 0 && e->key.ptr && e->user >= 0;
}

/* Has a truncate been applied? Asked inside its transaction too, and once it is, for ever. */
static bool truncates(sim_sync_world *w)
{
    for (size_t c = 0; w->sync && c < w->options.n_caches; c++) {
        w->truncated |= w->sync->merges[c].truncated.l > 0;
    }
    return w->truncated;
}

/* Every record below `next` has been met. In a transaction. */
static void check_applied(sim_sync_world *w, const sim_partition *p, int64_t next)
{
    weir_error err;
    bool truncated = truncates(w);
    uint32_t seen = 0;
    for (size_t i = p->entries.count; i-- > 0;) {
        const sim_entry *e = &p->entries.items[i];
        if (e->offset >= next || !has_state(p, e) || seen & (1u << e->user)) {
            continue;
        }
        seen |= 1u << e->user; /* the last one of its key: those before it need no look */
        for (unsigned c = 1; c <= w->options.n_caches; c++) {
            weir_view bytes = {NULL, 0};
            weir_status s =
                w->inner.ops->get(w->inner.self, c, WEIR_SPACE_STATE, e->key, &bytes, &err);
            if (!s && !is_met(bytes, p, e, truncated)) {
                sim_sync_fail(w,
                    "offset %" PRId64 " of partition %d is stored, %" PRId64 " is not applied",
                    next, p->number, e->offset);
            }
        }
    }
}

static weir_status check_stored(
    void *ctx, weir_view name, int32_t number, int64_t next, weir_error *err)
{
    sim_sync_world *w = ctx;
    (void)err;
    for (int i = 0; i < w->broker.n_partitions; i++) {
        const sim_partition *p = &w->broker.partitions[i];
        if (p->number != number || !weir_view_is(name, p->topic)) {
            continue;
        }
        if (next > p->end) {
            sim_sync_fail(w, "offset %" PRId64 " is stored, the end is %" PRId64, next, p->end);
        }
        check_applied(w, p, next);
    }
    return WEIR_OK;
}

/* Looking takes memory as well, which must not be what fails here. */
static void on_committing(void *ctx, weir_store inner)
{
    sim_sync_world *w = ctx;
    weir_error err;
    w->transactions++;
    (void)truncates(w);
    if (!w->memory_fails) {
        weir_status s = weir_stored_offsets(inner, check_stored, w, &err);
        if (s) {
            sim_sync_fail(w, "stored offsets: %s", err.text);
        }
    }
}

/* ---- What the broker tells ----------------------------------------------------------------------
 */

static int64_t on_start(void *ctx, sim_partition *log)
{
    sim_sync_world *w = ctx;
    weir_error err;
    int32_t n = 0;
    for (int i = 0; i < w->broker.n_partitions; i++) {
        n += strcmp(w->broker.partitions[i].topic, log->topic) == 0;
    }
    w->ends_at_start[log->user] = log->end;
    if (weir_sync_check_partitions(w->sync, weir_view_of(log->topic), n, &err)) {
        sim_sync_fail(w, "%s", err.text);
    }
    return weir_sync_offset(w->sync, weir_view_of(log->topic), log->number);
}

static unsigned *count_of(unsigned **counts, const sim_delivery *d)
{
    enum { MOST = 1 << 14 };
    int p = d->log->user;
    if (!counts[p]) {
        counts[p] = calloc(MOST, sizeof *counts[p]);
    }
    if (!counts[p] || d->index >= MOST) {
        exit(2);
    }
    return &counts[p][d->index];
}

static void on_delivered(void *ctx, sim_delivery *d)
{
    sim_sync_world *w = ctx;
    ++*count_of(w->delivered, d);
}

/* Its bytes are not needed any more. Whether it is applied, each commit tells. */
static void on_released(void *ctx, sim_delivery *d)
{
    sim_sync_world *w = ctx;
    (void)d;
    w->released++;
}

static void on_broken(void *ctx, const char *what)
{
    sim_sync_fail(ctx, "%s", what);
}

/* ---- What the sync asks -------------------------------------------------------------------------
 */

static weir_status write_letters(
    void *self, const weir_dead_letter *letters, size_t n, weir_error *err)
{
    sim_sync_world *w = self;
    const weir_record *r =
        (const weir_record *)(const void *)letters->record; /* its first member */
    const sim_delivery *d = r->message;
    if (n != 1 || d->log->entries.items[d->index].user != SIM_GARBAGE) {
        sim_sync_fail(w, "a dead letter of what can be used");
    }
    if (w->letters_fail && sim_chance(&w->rng, .8)) {
        return weir_fail(err, WEIR_E_KAFKA_PRODUCE, "simulated");
    }
    if (++*count_of(w->letters, d) > *count_of(w->delivered, d)) {
        sim_sync_fail(w, "a second dead letter");
    }
    return WEIR_OK;
}

static int64_t wall_ms(void *ctx)
{
    return ((sim_sync_world *)ctx)->now_ms;
}

/* The writer waits: others go on, and time passes. */
static bool wait_held(void *ctx, int64_t ms)
{
    sim_sync_world *w = ctx;
    for (int64_t until = w->now_ms + ms; w->now_ms < until;) {
        if (w->stopping || weir_engine_failed(&w->engine)) {
            return false;
        }
        if (w->depth < 3 && sim_chance(&w->rng, .5)) {
            sim_sync_step(w);
        } else {
            w->now_ms += sim_between(&w->rng, 1, 200);
        }
    }
    return true;
}

static uint32_t tag_of(void *ctx, weir_view name)
{
    return weir_sync_tag(((sim_sync_world *)ctx)->sync, name);
}

/* ---- The process --------------------------------------------------------------------------------
 */

bool sim_sync_start(sim_sync_world *w)
{
    weir_error err;
    weir_status s = weir_sync_new(&w->options, sim_faulty_store_of(&w->store), &w->sync, &err);
    if (s) {
        sim_faulty_store_recover(&w->store);
        w->sync = NULL;
        return false;
    }
    weir_record_source source = sim_member_start(&w->broker, 0, w);
    weir_processor processor = {&weir_sync_processor, w->sync};
    s = weir_engine_init(&w->engine, &w->engine_options, source, processor, &err);
    if (s) {
        source.ops->close(source.self);
        weir_sync_free(w->sync);
        w->sync = NULL;
        return false;
    }
    weir_sync_attach(w->sync, &w->engine);
    w->running = true;
    w->stopping = w->was_ready = false;
    memset(w->lane_due_ms, 0, sizeof w->lane_due_ms);
    w->writer_due_ms = w->now_ms;
    w->starts++;
    sim_sync_say(w, "starts");
    return true;
}

/* As weir_run_wait and weir_replica_wait take it down. */
void sim_sync_end(sim_sync_world *w, bool in_order)
{
    sim_sync_say(w, in_order ? "stops" : "dies");
    if (!in_order) {
        w->store.dead = true;
        sim_member_kill(&w->broker.members[0]);
    }
    w->stopping = true;
    weir_engine_abandon(&w->engine);
    weir_sync_abandon(w->sync);
    if (in_order && !weir_engine_failed(&w->engine)) {
        weir_status s = weir_sync_write(w->sync, 0); /* what moved behind the last record */
        sim_sync_say(w, "last write: %s", weir_status_name(s));
    }
    if (!weir_engine_idle(&w->engine) || w->broker.members[0].out) {
        sim_sync_fail(w, "records are open behind its end");
    }
    weir_engine_fini(&w->engine);
    weir_sync_free(w->sync);
    w->sync = NULL;
    w->running = false;
    sim_faulty_store_recover(&w->store);
}

/* Ready: what was there at its start is applied, and committed. */
static void check_ready(sim_sync_world *w)
{
    weir_error err;
    if (w->was_ready || w->store.open || weir_engine_failed(&w->engine) ||
        !weir_engine_ready(&w->engine)) {
        return;
    }
    w->was_ready = true;
    sim_sync_say(w, "ready");
    if (w->stopping || w->inner.ops->begin(w->inner.self, &err)) {
        return;
    }
    for (int i = 0; i < w->broker.n_partitions; i++) {
        check_applied(w, &w->broker.partitions[i], w->ends_at_start[i]);
    }
    w->inner.ops->abort(w->inner.self);
}

static void leave(sim_sync_world *w)
{
    w->inside--;
    if (!w->memory_fails) {
        check_ready(w);
    }
    if (!w->inside && w->store.dead) {
        sim_sync_end(w, false);
    }
}

void sim_sync_stop(sim_sync_world *w)
{
    sim_sync_say(w, "asked to stop");
    w->stopping = true;
    w->stop_until_ms = w->now_ms + SIM_PICK(&w->rng, 0, 300, 20000);
    weir_engine_stop_taking(&w->engine);
}

void sim_sync_poll(sim_sync_world *w)
{
    w->inside++;
    bool failed = weir_engine_poll(&w->engine, w->now_ms, 0) != WEIR_OK;
    bool over = weir_engine_idle(&w->engine) || w->now_ms >= w->stop_until_ms;
    leave(w);
    if (w->running && !w->inside && (failed || (w->stopping && over))) {
        sim_sync_end(w, !failed);
    }
}

bool sim_sync_lane_is_awake(const sim_sync_world *w, unsigned lane)
{
    const weir_lane_queue *q = &w->engine.queues[lane];
    return !w->lane_busy[lane] && (q->first || q->woken || w->lane_due_ms[lane] <= w->now_ms);
}

void sim_sync_lane(sim_sync_world *w, unsigned lane)
{
    w->inside++;
    w->lane_busy[lane] = true;
    weir_chunk *c = weir_engine_next(&w->engine, lane, 0);
    if (c) {
        weir_sync_processor.take(w->sync, lane, c);
    }
    w->lane_due_ms[lane] = weir_sync_processor.step(w->sync, lane, w->now_ms);
    w->lane_busy[lane] = false;
    leave(w);
}

bool sim_sync_writer_is_awake(const sim_sync_world *w)
{
    return !w->inside_writer && (w->sync->first || w->sync->woken || w->writer_due_ms <= w->now_ms);
}

void sim_sync_write(sim_sync_world *w)
{
    w->inside++;
    w->inside_writer = true;
    weir_status s = weir_sync_write(w->sync, 0);
    if (s && !weir_engine_failed(&w->engine)) {
        sim_sync_fail(w, "the writer has ended, and the engine does not know");
    }
    w->writer_due_ms = w->now_ms + HOUSEKEEPING_MS;
    w->inside_writer = false;
    leave(w);
}

/* ---- Records ------------------------------------------------------------------------------------
 */

static void produce_garbage(sim_sync_world *w, sim_partition *p)
{
    weir_view key = weir_view_of(sim_chance(&w->rng, .5) ? "{\"id\":" : "no key");
    sim_partition_append(p, key, weir_view_of("{\"before\":"), 0)->user = SIM_GARBAGE;
}

bool sim_sync_produce(sim_sync_world *w, int partition)
{
    sim_partition *p = &w->broker.partitions[partition];
    int64_t gap = sim_chance(&w->rng, .05) ? sim_between(&w->rng, 1, 4) : 0;
    if (strcmp(p->topic, topic) != 0) {
        sim_partition_append(
            p, weir_view_of("{\"serverName\":\"sim\"}"), weir_view_of("{\"ts_ms\":1}"), gap)
            ->user = SIM_HEARTBEAT;
        return false;
    }
    const sim_log *log = &w->log.logs[partition];
    if (sim_chance(&w->rng, w->garbage)) {
        produce_garbage(w, p);
    }
    if (w->sent[partition] == log->count) {
        return false;
    }
    const sim_record *r = log->items[w->sent[partition]++];
    sim_render(&w->texts, p, r, gap)->user = r->key;
    if (sim_chance(&w->rng, .05)) {
        sim_partition_mark(p);
    }
    return true;
}

/* As tests/sim/sim_merge.c: cut, on another number of partitions, sent again. */
static void prepare_log(sim_sync_world *w)
{
    sim_sequence q = sim_sequence_of(&w->source);
    memcpy(w->final, w->source.db.now.rows, sizeof w->final);
    if (sim_chance(&w->rng, .8)) {
        sim_cut(&q, &w->rng);
        sim_replay(&q, w->final);
    }
    int way = sim_between(&w->rng, 0, 3);
    if (way == 1) {
        sim_repeat_stretches(&q, &w->rng, sim_between(&w->rng, 1, 2));
    }
    sim_topic_fill(&w->log, &q);
    if (way == 2) {
        sim_repeat_fragments(&w->log, &w->rng, sim_between(&w->rng, 1, 3));
    }
    sim_sequence_free(&q);
}

/* ---- The world ----------------------------------------------------------------------------------
 */

static void draw_sync(sim_sync_world *w)
{
    unsigned n = (unsigned)sim_between(&w->rng, 1, SIM_SYNC_CACHES);
    static const char *const names[] = {"one", "two"};
    w->rules = (weir_source_rules){.topic_prefix = weir_view_of("sim"), .positions = true};
    for (unsigned i = 0; i < SIM_SYNC_CACHES; i++) {
        w->caches[i] = (weir_sync_cache){.name = names[i], .rule = weir_view_of("all")};
        w->numbers[i] = i;
    }
    w->topics[0] = (weir_sync_topic){.topic = topic,
        .table = "public.t",
        .source = &w->rules,
        .caches = w->numbers,
        .n_caches = n,
        .stop_on_regress = true};
    w->topics[1] = (weir_sync_topic){.topic = heartbeats, .source = &w->rules};
    w->options = (weir_sync_options){.name = "simulated",
        .caches = w->caches,
        .n_caches = n,
        .topics = w->topics,
        .n_topics = 2,
        .lanes = (unsigned)sim_between(&w->rng, 1, SIM_SYNC_LANES),
        .on_reject = sim_chance(&w->rng, .2) ? WEIR_REJECT_SKIP : WEIR_REJECT_DEAD_LETTER,
        .dead_letters = {write_letters, w},
        .wall_ms = wall_ms,
        .wait = wait_held,
        .ctx = w};
    w->engine_options = (weir_engine_options){.name = "simulated",
        .lanes = w->options.lanes,
        .in_flight_bytes = (size_t)SIM_PICK(&w->rng, 3000, 20000, 1 << 20),
        .partition_records = (unsigned)SIM_PICK(&w->rng, 2, 10, 1000),
        .ahead_records = (unsigned)SIM_PICK(&w->rng, 20, 1000),
        .tag = tag_of,
        .ctx = w};
}

static void draw_troubles(sim_sync_world *w)
{
    w->store.fails = SIM_PICK(&w->rng, 0, 0, 1, 3) * .003;
    w->faults = sim_chance(&w->rng, .3) ? .03 : 0;
    w->garbage = sim_chance(&w->rng, .3) ? .03 : 0;
    w->broker.troubles = (sim_troubles){.poll_fails = sim_chance(&w->rng, .3) ? .05 : 0,
        .fetch_waits = sim_chance(&w->rng, .5) ? .5 : 0};
}

static void open_broker(sim_sync_world *w)
{
    sim_broker_init(&w->broker, &w->rng, &w->now_ms, false);
    w->broker.hooks = (sim_broker_hooks){.start = on_start,
        .delivered = on_delivered,
        .released = on_released,
        .broken = on_broken,
        .ctx = w};
    int n = w->log.n_partitions ? w->log.n_partitions : 1;
    bool beats = n < SIM_BROKER_PARTITIONS && sim_chance(&w->rng, .3);
    for (int p = 0; p < n; p++) {
        sim_broker_add_partition(&w->broker, topic, p);
    }
    if (beats) {
        sim_broker_add_partition(&w->broker, heartbeats, 0);
    }
}

void sim_sync_world_init(sim_sync_world *w, uint64_t seed, bool verbose)
{
    static const sim_scenario scenarios[] = {SIM_STREAM, SIM_SIGNAL, SIM_READONLY};
    *w = (sim_sync_world){.rng = sim_rng_of(seed, 11), .verbose = verbose, .now_ms = 1000};
    weir_error err;
    if (weir_memory_store_open(0, &w->inner, &err)) {
        exit(2);
    }
    weir_arena_init(&w->texts, 0);
    sim_source_build(&w->source, seed, (sim_options){.scenario = scenarios[seed % 3]});
    prepare_log(w);
    open_broker(w);
    draw_sync(w);
    w->store = (sim_faulty_store){.inner = w->inner,
        .rng = &w->rng,
        .by_key = seed / 3 % 2,
        .committing = on_committing,
        .ctx = w};
    draw_troubles(w);
}

void sim_sync_world_fini(sim_sync_world *w)
{
    if (w->running) {
        sim_sync_end(w, false);
    }
    sim_faulty_store_recover(&w->store);
    w->inner.ops->close(w->inner.self);
    weir_arena_fini(&w->texts);
    sim_topic_free(&w->log);
    sim_source_fini(&w->source);
    sim_broker_fini(&w->broker);
    for (int p = 0; p < SIM_BROKER_PARTITIONS; p++) {
        free(w->delivered[p]);
        free(w->letters[p]);
    }
}

void sim_sync_add_cache(sim_sync_world *w)
{
    if (w->options.n_caches < SIM_SYNC_CACHES) {
        w->topics[0].n_caches = ++w->options.n_caches;
    }
}

/* ---- The end ------------------------------------------------------------------------------------
 */

static void check_row(sim_sync_world *w, unsigned cache, int key)
{
    weir_buf text = {0};
    bool found = false;
    weir_error err;
    sim_row row = {0};
    weir_status s = w->inner.ops->read(
        w->inner.self, cache, WEIR_SPACE_ROW, sim_key_text(key), &text, &found, &err);
    bool parsed = !s && (!found || sim_row_parse(weir_buf_view(&text), &row));
    if (!parsed || !sim_row_equal(row, w->final[key], 0)) {
        sim_sync_fail(w, "in the end k%d of cache %u is %.*s", key, cache,
            found ? (int)text.len : 4, found ? text.ptr : "gone");
    }
    weir_buf_fini(&text);
}

static void check_offset(sim_sync_world *w, const sim_partition *p)
{
    int64_t stored = -1;
    weir_error err;
    weir_status s = w->inner.ops->begin(w->inner.self, &err);
    s = s ? s : weir_stored_offset(w->inner, p->topic, p->number, &stored, &err);
    w->inner.ops->abort(w->inner.self);
    if (s || stored != p->end) {
        sim_sync_fail(w, "%s/%d is quiet at %" PRId64 ", and %" PRId64 " is stored", p->topic,
            p->number, p->end, stored);
    }
    for (size_t i = 0; i < p->entries.count; i++) {
        bool garbage = p->entries.items[i].user == SIM_GARBAGE;
        unsigned letters = w->letters[p->user] ? w->letters[p->user][i] : 0;
        if (garbage && !letters && w->options.on_reject == WEIR_REJECT_DEAD_LETTER) {
            sim_sync_fail(w, "there is no dead letter of %s/%d@%" PRId64, p->topic, p->number,
                p->entries.items[i].offset);
        }
    }
}

void sim_sync_check_end(sim_sync_world *w)
{
    weir_error why;
    for (unsigned c = 1; c <= w->options.n_caches; c++) {
        for (int k = 0; k < w->source.db.n_keys; k++) {
            check_row(w, c, k);
        }
    }
    for (int i = 0; i < w->broker.n_partitions; i++) {
        check_offset(w, &w->broker.partitions[i]);
    }
    if (!weir_engine_ready(&w->engine) || !weir_engine_idle(&w->engine) || w->sync->first) {
        sim_sync_fail(w, "it is quiet, and not ready");
    }
    if (weir_sync_held(w->sync, &why)) {
        sim_sync_fail(w, "it is quiet, and says that it waits: %s", why.text);
    }
}
