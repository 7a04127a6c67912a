/* check-schedules: every recording ends in exactly its final rows, whatever happens on the way.
 *
 *   check-schedules SEEDS [--seed N] [--only RECORDING] [--verbose]
 *
 * What a real connector sent (tests/data) is read by the recordings' own reader and goes through a
 * real engine, decoder, sync and merge rule (process.h), under a schedule that the seed draws:
 * partitions and lanes interleave in any way, the source falls quiet earlier, sends stretches once
 * more, older fragments of a partition appear again, keys lie on another number of partitions, the
 * process dies anywhere and reads again from older offsets. In the end the rows are byte by byte
 * those that the straight replay (straight.h) has, which for the whole of a recording are those of
 * the database itself; only what was never sent is flagged as missing, no half of a move is left,
 * and the stored offsets are the ends.
 *
 * A failure prints the options that repeat it. The last line is 'N passed, N failed, 0 skipped'. */
#include "base/alloc.h"
#include "cdc/state.h"
#include "file/lines.h"
#include "recordings/process.h"
#include "recordings/straight.h"
#include "recordings/kept.h"
#include "sim/campaign.h"
#include "sim/grow.h"
#include "sync/stored.h"
#include "value/json.h"

/* What happens to what was sent on its way into the topics. */
typedef enum route { PLAIN, STRETCHES, FRAGMENTS, BOTH, ROUTES } route;

static const char *const route_names[] = {
    "plain", "stretches sent again", "fragments sent again", "both sent again"};

/* final: by the config's caches, as the source's rows were at the end. types/ has the rows as far
 * as Debezium's encoding keeps them (tests/recordings/check holds each difference against the row
 * contract). The storm recordings were written by the engine's own thread, the others by consumers
 * of each partition. */
static const struct input {
    const char *name, *config;
    bool in_order;
    int runs; /* a seed: the small ones more */
    const char *final[RECORDED_TABLES][2];
} inputs[] = {
    {"bank/json", "bank/bank", false, 1,
        {{"accounts", "bank/final/public.accounts.json"},
            {"entries", "bank/final/public.entries.json"},
            {"labels", "bank/final/public.labels.json"}}},
    {"bank/avro", "bank/avro", false, 1,
        {{"accounts", "bank/final/public.accounts.json"},
            {"entries", "bank/final/public.entries.json"},
            {"labels", "bank/final/public.labels.json"}}},
    {"storm/r11", "storm/storm", true, 2, {{"t", "storm/final/r11.json.xz"}}},
    {"storm/r14", "storm/storm", true, 2, {{"t", "storm/final/r14.json.xz"}}},
    {"storm/r21", "storm/storm", true, 8, {{"t", "storm/final/r21.json.xz"}}},
    {"storm/r23", "storm/storm", true, 8, {{"t", "storm/final/r23.json.xz"}}},
    {"types/plain", "types/plain", false, 8,
        {{"every_type", "types/expected/plain.every_type.jsonl"},
            {"users", "types/expected/plain.users.jsonl"},
            {"orders", "types/expected/plain.orders.jsonl"},
            {"line_items", "types/expected/plain.line_items.jsonl"},
            {"outbox", "types/expected/plain.outbox.jsonl"}}},
    {"types/schemas", "types/schemas", false, 8,
        {{"every_type", "types/expected/schemas.every_type.jsonl"},
            {"users", "types/expected/schemas.users.jsonl"},
            {"orders", "types/expected/schemas.orders.jsonl"},
            {"line_items", "types/expected/schemas.line_items.jsonl"},
            {"outbox", "types/expected/schemas.outbox.jsonl"}}},
    {"types/avro", "types/avro", false, 8,
        {{"every_type", "types/expected/avro.every_type.jsonl"},
            {"users", "types/expected/avro.users.jsonl"},
            {"orders", "types/expected/avro.orders.jsonl"},
            {"line_items", "types/expected/avro.line_items.jsonl"},
            {"outbox", "types/expected/avro.outbox.jsonl"}}},
    {"types/dec_string", "types/dec_string", false, 8,
        {{"every_type", "types/expected/dec_string.every_type.jsonl"},
            {"users", "types/expected/dec_string.users.jsonl"}}},
    {"types/unwrap", "types/unwrap", true, 8,
        {{"users", "types/expected/unwrap.users.jsonl"},
            {"orders", "types/expected/unwrap.orders.jsonl"},
            {"line_items", "types/expected/unwrap.line_items.jsonl"}}},
};

typedef struct campaign {
    sim_campaign of;
    uint64_t delivered, starts, crashes;
} campaign;

/* ---- The straight replay is the database --------------------------------------------------------
 */

typedef struct texts {
    weir_view *items;
    size_t count, capacity;
} texts;

static int by_text(const void *a, const void *b)
{
    const weir_view *x = a, *y = b;
    int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* storm/'s rows were written with white space between the columns. */
static weir_view compact(weir_view line, weir_arena *arena)
{
    const weir_value *row;
    weir_error err;
    weir_buf b = {0};
    if (weir_json_read(line, arena, &row, &err)) {
        recording_die("a final row", err.text);
    }
    weir_json_put(&b, row);
    weir_view v = weir_arena_copy(arena, weir_buf_view(&b));
    weir_buf_fini(&b);
    return v;
}

static texts final_rows(const char *path, bool with_spaces, weir_arena *arena)
{
    texts t = {0};
    weir_lines *lines;
    weir_view line;
    weir_error err;
    weir_status s = weir_lines_open(path, &lines, &err);
    while (!s && !(s = weir_lines_next(lines, &line, &err)) && line.ptr) {
        weir_view copy = weir_arena_copy(arena, line);
        *SIM_APPEND(&t) = with_spaces ? compact(copy, arena) : copy;
    }
    if (s) {
        recording_die(path, err.text);
    }
    weir_lines_close(lines);
    return t;
}

/* Replays a table whole, against the rows that are known to be right. */
static void check_whole(const recorded_table *t, const char *path, bool with_spaces)
{
    straight whole;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    sim_sequence q = recording_sequence(t);
    straight_replay(&whole, &q);
    texts want = final_rows(path, with_spaces, &arena), have = {0};
    weir_map_entry *e;
    for (size_t at = 0; (e = weir_map_next(&whole.rows, &at));) {
        *SIM_APPEND(&have) = ((const straight_row *)e->value)->text;
    }
    bool same = have.count == want.count;
    if (have.count && want.count) {
        qsort(have.items, have.count, sizeof *have.items, by_text);
        qsort(want.items, want.count, sizeof *want.items, by_text);
    }
    for (size_t i = 0; same && i < have.count; i++) {
        same = weir_view_eq(have.items[i], want.items[i]);
    }
    if (!same) {
        recording_die(path, "the stream in its own order does not lead to these rows");
    }
    free(have.items);
    free(want.items);
    sim_sequence_free(&q);
    straight_free(&whole);
    weir_arena_fini(&arena);
}

static void load(recording *r, const struct input *in)
{
    char path[64], config[64];
    snprintf(path, sizeof path, "tests/data/%s.jsonl.xz", in->name);
    snprintf(config, sizeof config, "tests/data/%s.yaml", in->config);
    recording_load(r, in->name, path, config, in->in_order);
    for (size_t i = 0; i < r->n_tables; i++) {
        const recorded_table *t = &r->tables[i];
        const char *cache = r->rules.caches[t->cache].name, *final = NULL;
        for (size_t k = 0; k < RECORDED_TABLES && in->final[k][0]; k++) {
            final = strcmp(in->final[k][0], cache) == 0 ? in->final[k][1] : final;
        }
        if (!final) {
            recording_die(in->name, "a cache without its final rows");
        }
        snprintf(path, sizeof path, "tests/data/%s", final);
        check_whole(t, path, strncmp(in->name, "storm", 5) == 0);
    }
}

/* ---- On the way ---------------------------------------------------------------------------------
 */

/* Each key on a partition that the salt tells; truncates anywhere. */
static void reshuffle(sim_sequence *q, sim_rng *rng)
{
    size_t n = (size_t)SIM_PICK(rng, 1, 2, 3, 4, 7);
    uint64_t salt = sim_next(rng);
    for (size_t i = 0; i < q->count; i++) {
        weir_view key = q->items[i].record->change.key;
        sim_rng of_key = {salt ^ (key.ptr ? weir_hash(key) : 0)};
        q->items[i].partition = (int)sim_below(key.ptr ? &of_key : rng, n);
    }
}

/* Without positions (connector: none) Kafka's offsets are the order: what is sent again is new, so
 * there is nothing that could put it right. */
static route draw_route(const recording *r, sim_rng *rng)
{
    return r->positions ? (route)sim_below(rng, ROUTES) : PLAIN;
}

/* Has the stream caught up with the rows of blocking snapshots, which may be ahead of it? Every
 * transaction that was committed before the reads has then been sent. */
static bool is_caught_up(const sim_sequence *q)
{
    uint64_t read = 0, sent = 0;
    for (size_t i = 0; i < q->count; i++) {
        const weir_change *c = &q->items[i].record->change;
        bool blocking = c->kind == WEIR_READ && c->has_commit;
        read = blocking && c->at.H > read ? c->at.H : read;
        sent = c->kind == WEIR_STREAMED && c->has_commit && c->commit > sent ? c->commit : sent;
    }
    return !read || sent >= read;
}

/* The source falls quiet earlier, after one of its transactions; tables have transactions in common
 * but no rows, so each is cut for itself. Not where there are no positions, which tell where a
 * transaction ends, nor where rows are ahead of the stream: such a prefix has no rows of its own.
 */
static void cut(const recording *r, const recorded_table *t, sim_sequence *q, sim_rng *rng)
{
    if (r->positions && sim_chance(rng, .7)) {
        sim_cut(q, rng);
    }
    if (!is_caught_up(q)) {
        sim_sequence_free(q);
        *q = recording_sequence(t);
    }
}

/* The table's sequence as it is sent, and the rows that it leads to. */
static void send(const recording *r, const recorded_table *t, route way, sim_rng *rng,
    sim_topic *topic, straight *rows)
{
    sim_sequence q = recording_sequence(t);
    cut(r, t, &q, rng);
    straight_replay(rows, &q);
    if (sim_chance(rng, .5)) {
        reshuffle(&q, rng);
    }
    if (way == STRETCHES || way == BOTH) {
        sim_repeat_stretches(&q, rng, sim_between(rng, 1, 3));
    }
    sim_topic_fill(topic, &q);
    if (way == FRAGMENTS || way == BOTH) {
        sim_repeat_fragments(topic, rng, sim_between(rng, 1, 11));
    }
    sim_sequence_free(&q);
}

/* ---- The end ------------------------------------------------------------------------------------
 */

typedef struct comparison {
    process *process;
    const recorded_table *table;
    const straight *want;
    size_t alive, shown;
} comparison;

/* Some of the text around where two differ. */
static weir_view around(weir_view v, size_t at)
{
    size_t from = at > 40 ? at - 40 : 0;
    size_t left = v.len > from ? v.len - from : 0;
    return weir_view_make(v.ptr + (v.len > from ? from : 0), left < 80 ? left : 80);
}

static size_t first_difference(weir_view a, weir_view b)
{
    size_t i = 0;
    while (i < a.len && i < b.len && a.ptr[i] == b.ptr[i]) {
        i++;
    }
    return i;
}

/* row: NULL where it is not there. One that lacks a value that was never sent is kept, not shown.
 */
static void judge(comparison *k, weir_view key, const weir_state *state, weir_view row, bool shown)
{
    const char *topic = k->table->topic->topic;
    const straight_row *want = weir_map_get(&k->want->rows, key);
    process *p = k->process;
    if (!row.ptr != !want) {
        process_fail(p, "%s %.*s is %s", topic, WEIR_ARG(key), want ? "lost" : "a ghost");
    } else if (want && (!weir_view_eq(state->missing, want->missing) || state->quarantined)) {
        process_fail(p, "%s %.*s lacks %.*s, should lack %.*s", topic, WEIR_ARG(key),
            WEIR_ARG(state->missing), WEIR_ARG(want->missing));
    } else if (want && !kept_row_is(row, want->text)) {
        size_t at = first_difference(row, want->text);
        weir_view has = around(row, at), should = around(want->text, at);
        process_fail(p, "%s %.*s has …%.*s…, should have …%.*s…", topic, WEIR_ARG(key),
            WEIR_ARG(has), WEIR_ARG(should));
    } else if (shown != (want && !want->missing.len)) {
        process_fail(p, "%s %.*s is %s", topic, WEIR_ARG(key), shown ? "shown" : "hidden");
    }
}

static weir_status compare_row(
    void *ctx, weir_view key, weir_view bytes, bool *remove, weir_error *err)
{
    comparison *k = ctx;
    weir_store store = k->process->inner;
    weir_state state;
    weir_view shown = {NULL, 0};
    (void)remove;
    weir_status s = weir_state_get(bytes, &state, err);
    s = s ? s : store.ops->get(store.self, k->table->cache + 1, WEIR_SPACE_ROW, key, &shown, err);
    if (s) {
        return s;
    }
    k->alive += state.alive;
    k->shown += shown.ptr != NULL;
    judge(k, key, &state, state.alive && state.kept ? state.kept_row : shown, shown.ptr);
    return WEIR_OK;
}

static weir_status count_one(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    (void)key, (void)value, (void)remove, (void)err;
    ++*(size_t *)ctx;
    return WEIR_OK;
}

/* In the store's transaction. */
static weir_status compare_table(comparison *k, weir_error *err)
{
    weir_store store = k->process->inner;
    unsigned cache = k->table->cache + 1;
    weir_view all = {"", 0};
    size_t rows = 0, moves = 0;
    const weir_store_ops *ops = store.ops;
    weir_status s = ops->each(store.self, cache, WEIR_SPACE_STATE, all, compare_row, k, err);
    s = s ? s : ops->each(store.self, cache, WEIR_SPACE_ROW, all, count_one, &rows, err);
    s = s ? s : ops->each(store.self, cache, WEIR_SPACE_MOVE, all, count_one, &moves, err);
    if (!s && (rows != k->shown || k->alive != k->want->rows.count)) {
        process_fail(k->process, "%s: %zu rows, %zu of them shown, %zu expected",
            k->table->topic->topic, k->alive, rows, k->want->rows.count);
    }
    if (!s && moves) {
        process_fail(k->process, "%s: %zu halves of moves are left", k->table->topic->topic, moves);
    }
    return s;
}

static weir_status compare_offsets(process *p, weir_error *err)
{
    weir_status s = WEIR_OK;
    if (p->inner.ops->shared) {
        return s; /* they are Kafka's */
    }
    for (size_t i = 0; i < p->n_partitions && !s; i++) {
        const process_partition *q = &p->partitions[i];
        int64_t next;
        s = weir_stored_offset(p->inner, q->topic, q->number, &next, err);
        if (!s && q->log->count && next != (int64_t)q->log->count) {
            process_fail(p, "%s/%d ends at %zu, and %" PRId64 " is stored", q->topic, q->number,
                q->log->count, next);
        }
    }
    return s;
}

static void compare(process *p, const straight *want)
{
    weir_error err;
    const recording *r = p->recording;
    weir_status s = p->inner.ops->begin(p->inner.self, &err);
    for (size_t t = 0; t < r->n_tables && !s; t++) {
        comparison c = {.process = p, .table = &r->tables[t], .want = &want[t]};
        s = compare_table(&c, &err);
    }
    s = s ? s : compare_offsets(p, &err);
    if (s) {
        process_fail(p, "%s", err.text);
    }
    p->inner.ops->abort(p->inner.self);
}

/* ---- The program --------------------------------------------------------------------------------
 */

static void report(campaign *k, const process *p, uint64_t seed, route way)
{
    bool failed = p->failure[0];
    k->delivered += p->delivered;
    k->starts += p->starts;
    k->crashes += p->crashes;
    if (sim_campaign_count(&k->of, failed)) {
        printf("FAILED: check-schedules 1 --only %s --seed %" PRIu64 " (%s): %s\n",
            p->recording->name, seed, route_names[way], p->failure);
    } else if (k->of.verbose) {
        printf("%s %" PRIu64 " (%s): %" PRIu64 " records, %" PRIu64 " starts, %" PRIu64
               " crashes\n",
            p->recording->name, seed, route_names[way], p->delivered, p->starts, p->crashes);
    }
}

static void run_seed(campaign *k, const recording *r, uint64_t seed)
{
    static process p;
    sim_rng rng = sim_rng_of(seed, weir_hash(weir_view_of(r->name)));
    sim_topic topics[RECORDED_TABLES];
    straight want[RECORDED_TABLES];
    long live = weir_alloc_live();
    route way = draw_route(r, &rng);
    for (size_t t = 0; t < r->n_tables; t++) {
        send(r, &r->tables[t], way, &rng, &topics[t], &want[t]);
    }
    process_init(&p, r, topics, rng);
    if (process_run(&p)) {
        compare(&p, want);
    }
    process_fini(&p);
    for (size_t t = 0; t < r->n_tables; t++) {
        sim_topic_free(&topics[t]);
        straight_free(&want[t]);
    }
    if (weir_alloc_live() != live) {
        process_fail(&p, "%ld blocks of memory leaked", weir_alloc_live() - live);
    }
    report(k, &p, seed, way);
}

/* Seeds are counted per run, so that `1 --seed N` repeats one. */
static void run_recording(campaign *k, const struct input *in)
{
    recording r;
    uint64_t runs = k->of.only ? k->of.seeds : k->of.seeds * (uint64_t)in->runs;
    if (k->of.only && strcmp(k->of.only, in->name) != 0) {
        return;
    }
    load(&r, in);
    for (uint64_t i = 0; i < runs; i++) {
        run_seed(k, &r, k->of.first + i);
    }
    recording_free(&r);
}

int main(int argc, char **argv)
{
    campaign k = {0};
    if (!sim_campaign_parse(
            &k.of, argc, argv, "check-schedules SEEDS [--seed N] [--only RECORDING] [--verbose]")) {
        return 2;
    }
    setenv("STORE", "none", 1); /* the configs name a path; nothing is opened there */
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        run_recording(&k, &inputs[i]);
    }
    printf("%" PRIu64 " records delivered, %" PRIu64 " processes started, %" PRIu64
           " of them died\n",
        k.delivered, k.starts, k.crashes);
    return sim_campaign_end(&k.of);
}
