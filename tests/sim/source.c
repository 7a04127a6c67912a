/* The scenarios: which course of events a synthetic source takes. See source.h. */
#include "sim/source.h"

#include <stdio.h>

#include "sim/connector.h"
#include "sim/grow.h"

static const size_t everything = SIZE_MAX;

const char *const sim_scenario_names[SIM_SCENARIOS] = {
    [SIM_STREAM] = "stream",
    [SIM_SIGNAL] = "signal",
    [SIM_READONLY] = "readonly",
    [SIM_LATE] = "late",
    [SIM_GAP] = "gap",
    [SIM_BLOCKING] = "blocking",
    [SIM_NEWTABLE] = "newtable",
    [SIM_AGAIN] = "again",
};

/* ---- Texts ------------------------------------------------------------------------------------
 */

weir_view sim_key_text(int key)
{
    static const char *const texts[SIM_KEYS] = {"{\"id\":\"k0\"}", "{\"id\":\"k1\"}",
        "{\"id\":\"k2\"}", "{\"id\":\"k3\"}", "{\"id\":\"k4\"}", "{\"id\":\"k5\"}",
        "{\"id\":\"k6\"}", "{\"id\":\"k7\"}", "{\"id\":\"k8\"}", "{\"id\":\"k9\"}",
        "{\"id\":\"k10\"}", "{\"id\":\"k11\"}", "{\"id\":\"k12\"}", "{\"id\":\"k13\"}",
        "{\"id\":\"k14\"}", "{\"id\":\"k15\"}", "{\"id\":\"k16\"}", "{\"id\":\"k17\"}",
        "{\"id\":\"k18\"}", "{\"id\":\"k19\"}"};
    return weir_view_of(texts[key]);
}

typedef struct cursor {
    const char *at, *end;
    bool bad;
} cursor;

static bool skip(cursor *c, const char *text)
{
    size_t n = strlen(text);
    bool there = (size_t)(c->end - c->at) >= n && memcmp(c->at, text, n) == 0;
    c->at += there ? n : 0;
    return there;
}

static void expect(cursor *c, const char *text)
{
    c->bad = !skip(c, text) || c->bad;
}

static unsigned digits(cursor *c)
{
    const char *start = c->at;
    unsigned n = 0;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        n = n * 10 + (unsigned)(*c->at++ - '0');
    }
    c->bad = c->bad || c->at == start;
    return n;
}

static unsigned big_text(cursor *c)
{
    if (skip(c, "null")) {
        return 0;
    }
    expect(c, "\"big");
    unsigned n = digits(c);
    expect(c, "\"");
    return n;
}

bool sim_row_parse(weir_view text, sim_row *row)
{
    cursor c = {text.ptr, text.ptr + text.len, false};
    row->there = true;
    expect(&c, "{\"id\":\"k");
    row->id = (int)digits(&c);
    expect(&c, "\",\"v\":");
    row->v = (int)digits(&c);
    expect(&c, ",\"b1\":");
    row->b1 = big_text(&c);
    expect(&c, ",\"b2\":");
    row->b2 = big_text(&c);
    expect(&c, "}");
    return !c.bad && c.at == c.end;
}

bool sim_row_equal(sim_row a, sim_row b, unsigned except)
{
    return a.there == b.there && a.id == b.id && a.v == b.v &&
           (except & SIM_HOLD_B1 || a.b1 == b.b1) && (except & SIM_HOLD_B2 || a.b2 == b.b2);
}

bool sim_columns_parse(weir_view list, unsigned *columns)
{
    *columns = 0;
    if (weir_view_is(list, "[\"b1\"]")) {
        *columns = SIM_HOLD_B1;
    } else if (weir_view_is(list, "[\"b2\"]")) {
        *columns = SIM_HOLD_B2;
    } else if (weir_view_is(list, "[\"b1\",\"b2\"]")) {
        *columns = SIM_HOLD_B1 | SIM_HOLD_B2;
    }
    return *columns || !list.len;
}

/* ---- Scenarios --------------------------------------------------------------------------------
 */

/* Killed inside the first transaction after the snapshot, when the last commit is still null. */
static void kill_in_first_transaction(sim_source *s, sim_connector *c)
{
    sim_step(&s->db, 40);
    for (int n = sim_between(&s->rng, 1, 3); n; n--) {
        sim_stream(c, (size_t)sim_between(&s->rng, 1, 4));
        sim_restart(c);
    }
}

/* The stream lags behind the read of the blocking snapshot that a new table begins with. */
static void add_table(sim_source *s, sim_connector *c)
{
    sim_step(&s->db, sim_below(&s->rng, 80));
    c->silent = true;
    sim_stream(c, sim_below(&s->rng, 60));
    sim_stream_to_commit(c);
    c->silent = false;
    c->saved.count = 0;
    sim_step(&s->db, sim_below(&s->rng, 60));
    if (!c->at.has_commit) {
        c->at.commit = c->at.tx ? s->db.log.items[c->at.tx - 1]->commit : 1;
        c->at.last = c->at.commit;
        c->at.has_commit = c->at.has_last = true;
    }
    sim_blocking_snapshot(c, (size_t)SIM_PICK(&s->rng, 0, 10));
}

/* A restart, or a snapshot of the scenario's kind; mostly nothing. */
static void disturb(sim_source *s, sim_connector *c, sim_scenario scenario)
{
    double x = sim_unit(&s->rng);
    bool lost = x < .06 && sim_restart(c);
    bool incremental = lost || (x >= .06 && x < .2);
    if (incremental && (scenario == SIM_SIGNAL || (scenario == SIM_LATE && !lost))) {
        sim_window_by_signal(c);
    } else if (incremental && scenario == SIM_READONLY) {
        sim_window_by_tx(c);
    } else if (x >= .06 && x < .12 && scenario == SIM_BLOCKING && c->at.has_commit &&
               !sim_truncate_pending(&s->db)) {
        sim_blocking_snapshot(c, (size_t)SIM_PICK(&s->rng, 0, 0, 8));
    }
}

static void session(sim_source *s, sim_connector *c, sim_scenario scenario)
{
    for (int rounds = SIM_PICK(&s->rng, 10, 40); rounds; rounds--) {
        sim_step(&s->db, (size_t)sim_between(&s->rng, 1, 24));
        disturb(s, c, scenario);
        sim_stream(c, (size_t)sim_between(&s->rng, 1, 29));
    }
    sim_commit_all(&s->db);
    sim_stream(c, everything);
}

/* What happens until a new slot stands is never sent. quiet: only upserts happen, as no consumer
 * that goes on could know of a delete. */
static void lose_slot(sim_source *s, sim_connector *c, bool quiet)
{
    s->db.quiet = quiet;
    sim_step(&s->db, 60);
    for (size_t i = 0; i < s->db.active.count;) {
        if (sim_chance(&s->rng, .5)) {
            sim_commit(&s->db, s->db.active.items[i]);
        } else {
            i++;
        }
    }
    sim_step(&s->db, 10);
    s->db.quiet = false;
    sim_connector_fini(c);
    sim_connector_init(c, s);
    sim_initial_snapshot(c);
}

/* What was on its way to one partition when the connector died. */
static void lose_tail(sim_source *s)
{
    enum { MOST = 10 };
    int partition = (int)sim_below(&s->rng, (size_t)s->n_partitions);
    size_t n = sim_below(&s->rng, MOST), count = s->sent.count;
    s->sent.count -= n < count ? n : count;
    for (size_t i = s->sent.count; i < count; i++) {
        if (s->sent.items[i].change.partition != partition) {
            s->sent.items[s->sent.count++] = s->sent.items[i];
        }
    }
}

/* Once or twice everything begins anew. A snapshot of no row leaves no trace in the topic: then
 * there is another one. */
static void begin_again(sim_source *s, sim_connector *c)
{
    if (sim_chance(&s->rng, .3)) {
        s->sent.count = sim_below(&s->rng, s->sent.count + 1); /* the snapshot was cut short */
    } else {
        session(s, c, SIM_AGAIN);
        lose_tail(s);
    }
    for (int times = sim_between(&s->rng, 1, 2); times; times--) {
        size_t sent = s->sent.count;
        while (s->sent.count == sent) {
            lose_slot(s, c, false);
        }
        if (sim_chance(&s->rng, .5)) {
            session(s, c, SIM_AGAIN);
        } else if (sim_chance(&s->rng, .5)) { /* what was open over the snapshot, and no more */
            sim_commit_all(&s->db);
            sim_stream(c, everything);
        }
    }
}

/* One complete incremental snapshot while nothing else happens. */
static void heal(sim_source *s, sim_connector *c)
{
    c->window = SIM_NO_WINDOW;
    s->db.frozen = true;
    sim_window_by_signal(c);
    sim_stream(c, everything);
}

void sim_source_build(sim_source *s, uint64_t seed, sim_options options)
{
    sim_scenario scenario = options.scenario;
    *s = (sim_source){.rng = sim_rng_of(seed, (uint64_t)scenario + 1)};
    weir_arena_init(&s->arena, 0);
    sim_database_init(&s->db, &s->rng, SIM_PICK(&s->rng, 4, 8, 20));
    s->db.full_images = options.full_images;
    s->db.move_chance = sim_chance(&s->rng, .5) ? .1 : .35;
    s->db.truncate_chance = sim_chance(&s->rng, .5) && !options.no_truncates ? .02 : 0;
    s->n_partitions = SIM_PICK(&s->rng, 2, 2, 3, 4);
    s->n_partitions = scenario == SIM_AGAIN ? SIM_PICK(&s->rng, 2, 3, 4, 8) : s->n_partitions;
    s->exact = scenario == SIM_STREAM || scenario == SIM_SIGNAL || scenario == SIM_READONLY;
    s->monotone = s->exact || scenario == SIM_GAP || scenario == SIM_AGAIN;

    sim_connector c;
    sim_connector_init(&c, s);
    sim_step(&s->db, sim_below(&s->rng, 200));
    if (scenario == SIM_LATE || scenario == SIM_NEWTABLE) {
        sim_connector_skip(&c);
    } else {
        sim_initial_snapshot(&c);
    }
    if ((scenario == SIM_STREAM || scenario == SIM_SIGNAL) && sim_chance(&s->rng, .5)) {
        kill_in_first_transaction(s, &c);
    }
    if (scenario == SIM_NEWTABLE) {
        add_table(s, &c);
    }
    if (scenario == SIM_AGAIN) {
        begin_again(s, &c);
    } else {
        session(s, &c, scenario);
    }
    if (scenario == SIM_GAP) {
        lose_slot(s, &c, true);
        session(s, &c, scenario);
    }
    if (scenario == SIM_LATE) {
        heal(s, &c);
    }
    sim_connector_fini(&c);
}

void sim_source_fini(sim_source *s)
{
    sim_database_fini(&s->db);
    weir_arena_fini(&s->arena);
    free(s->sent.items);
}
