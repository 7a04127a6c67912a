/* Loading a recording. See recorded.h. */
#include "recordings/recorded.h"

#include "base/alloc.h"
#include "file/lines.h"
#include "sim/grow.h"
#include "sync/render.h"

void recording_die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(2);
}

static void must(weir_status s, const char *what, const weir_error *err)
{
    if (s) {
        recording_die(what, err->text);
    }
}

/* ---- Decoding -----------------------------------------------------------------------------------
 */

static weir_view kept(recording *r, weir_view v)
{
    return v.ptr ? weir_arena_copy(&r->arena, v) : v;
}

/* What sync makes of the record, by its own parts. */
static void decode(
    recording *r, recorded_table *t, weir_decoder *d, weir_arena *scratch, recorded_row *row)
{
    weir_error err;
    weir_event ev = {.kind = WEIR_EVENT_OTHER};
    weir_change *c = &row->sim.change;
    weir_arena_reset(scratch);
    must(weir_decoder_read(d, &row->bytes->raw, scratch, &ev, &err), r->name, &err);
    if (!weir_sync_is_change(t->topic, &ev)) {
        recording_die(r->name, "a table's topic has what is no change");
    }
    row->unusable = weir_sync_usable(t->topic, &ev, &err);
    weir_status s = weir_sync_render(d, &ev, &r->rules.caches[t->cache], scratch, c, &err);
    must(s, r->name, &err);
    c->key = kept(r, c->key);
    c->other = kept(r, c->other);
    c->row = kept(r, c->row);
    c->missing = kept(r, c->missing);
    row->sim.key = row->sim.other = SIM_NO_KEY;
}

/* A tombstone stands where its d does: right in front of it. */
static struct recorded_place place_of(const recorded_table *t, const weir_change *c)
{
    if (c->kind != WEIR_TOMBSTONE) {
        return (struct recorded_place){.stage = c->kind != WEIR_READ,
            .commit = c->has_commit ? c->commit : 0,
            .l = c->at.l,
            .incremental = c->kind == WEIR_INCREMENTAL,
            .second = c->op != 'd'};
    }
    for (size_t i = t->count; i-- > 0;) {
        const weir_change *before = &t->items[i].sim.change;
        if (before->partition == c->partition) {
            return t->items[i].place;
        }
    }
    recording_die(t->topic->topic, "a tombstone stands alone");
}

/* ---- Lines --------------------------------------------------------------------------------------
 */

static recorded_table *table_of(recording *r, weir_view topic)
{
    for (size_t i = 0; i < r->n_tables; i++) {
        if (weir_view_is(topic, r->tables[i].topic->topic)) {
            return &r->tables[i];
        }
    }
    return NULL;
}

static void take_line(recording *r, weir_decoder *d, weir_arena *scratch, weir_view line)
{
    weir_error err;
    weir_recorded *bytes;
    must(weir_recording_read(line, scratch, &bytes, &err), r->name, &err);
    recorded_table *t = table_of(r, bytes->raw.topic);
    if (!t) {
        weir_free(bytes);
        return;
    }
    recorded_row row = {.bytes = bytes};
    decode(r, t, d, scratch, &row);
    row.place = place_of(t, &row.sim.change);
    *SIM_APPEND(t) = row;
}

static void read_lines(recording *r, const char *path)
{
    weir_error err;
    weir_lines *lines;
    weir_view line;
    weir_decoder *d;
    weir_arena scratch;
    weir_arena_init(&scratch, 0);
    must(weir_decoder_new(r->rules.topics[0].source, &d, &err), path, &err);
    must(weir_lines_open(path, &lines, &err), path, &err);
    for (;;) {
        must(weir_lines_next(lines, &line, &err), path, &err);
        if (!line.ptr) {
            break;
        }
        take_line(r, d, &scratch, line);
    }
    weir_lines_close(lines);
    weir_decoder_free(d);
    weir_arena_fini(&scratch);
}

/* ---- Order --------------------------------------------------------------------------------------
 */

#define BY(a, b)                   \
    if ((a) != (b)) {              \
        return (a) < (b) ? -1 : 1; \
    }

/* The commits' order; what is equal stays in its partition's. */
static int by_place(const void *a, const void *b)
{
    const recorded_row *x = a, *y = b;
    BY(x->place.stage, y->place.stage)
    BY(x->place.commit, y->place.commit)
    BY(x->place.l, y->place.l)
    BY(x->place.incremental, y->place.incremental)
    BY(x->place.second, y->place.second)
    BY(x->sim.change.partition, y->sim.change.partition)
    BY(x->sim.change.offset, y->sim.change.offset)
    return 0;
}

static void check_order(const recorded_table *t)
{
    int64_t last[SIM_PARTITIONS];
    memset(last, -1, sizeof last);
    for (size_t i = 0; i < t->count; i++) {
        const weir_change *c = &t->items[i].sim.change;
        if (c->partition >= SIM_PARTITIONS || c->offset <= last[c->partition]) {
            recording_die(t->topic->topic, "the commits' order is not the partitions'");
        }
        last[c->partition] = c->offset;
    }
}

/* ---- The whole ----------------------------------------------------------------------------------
 */

static void load_rules(recording *r, const char *config)
{
    weir_error err;
    weir_config_problems problems;
    weir_config_problems_init(&problems);
    must(weir_config_load(config, NULL, &r->config, &problems, &err), config, &err);
    weir_config_problems_fini(&problems);
    must(weir_rules_build(r->config, &r->config->stores.items[0], &r->rules, &err), config, &err);
    if (r->rules.n_topics > RECORDED_TABLES) {
        recording_die(config, "it has more tables than there is room for");
    }
    r->n_tables = r->rules.n_topics;
    for (size_t i = 0; i < r->n_tables; i++) {
        const weir_sync_topic *t = &r->rules.topics[i];
        r->tables[i] = (recorded_table){.topic = t, .cache = t->caches[0]};
        if (t->n_caches != 1) {
            recording_die(config, "a table has more than one cache");
        }
    }
    r->positions = r->rules.topics[0].source->positions;
}

void recording_load(
    recording *r, const char *name, const char *path, const char *config, bool in_order)
{
    *r = (recording){.name = name};
    weir_arena_init(&r->arena, 0);
    load_rules(r, config);
    read_lines(r, path);
    for (size_t i = 0; i < r->n_tables; i++) {
        recorded_table *t = &r->tables[i];
        if (!in_order) {
            qsort(t->items, t->count, sizeof *t->items, by_place);
        }
        check_order(t);
    }
}

void recording_free(recording *r)
{
    for (size_t i = 0; i < r->n_tables; i++) {
        recorded_table *t = &r->tables[i];
        for (size_t k = 0; k < t->count; k++) {
            weir_free(t->items[k].bytes);
        }
        free(t->items);
    }
    weir_rules_fini(&r->rules);
    weir_config_free(r->config);
    weir_arena_fini(&r->arena);
}

sim_sequence recording_sequence(const recorded_table *t)
{
    sim_sequence q = {0};
    for (size_t i = 0; i < t->count; i++) {
        const sim_record *r = &t->items[i].sim;
        *SIM_APPEND(&q) = (sim_sent){r, r->change.partition};
    }
    return q;
}
