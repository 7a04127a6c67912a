/* Handlers with a transaction, and the relay, in the simulator: processes that are killed at any
 * call of a port, over a SQLite in memory that outlives them, in virtual time.
 *
 *     sim-inbox SEEDS [--seed N] [--verbose]
 *
 * A seed is a history: topics of records with few keys, one of them handled in batches; a process
 * that handles them, with lanes, a relay and a broker taking random turns; calls of the database
 * and of the broker at which it is killed, before they were done or behind them; partitions that
 * are taken away; processes that go on for a while although another one has their partitions;
 * handlers, calls and sendings that fail now and then; records that can never succeed, and records
 * with the id of another one. Whatever happens, at the end each of the former is a dead letter, and
 * nothing else is; the effects of each other id are there once, each event at least once, and read
 * without repeated ids the events of each key are in order. */
#include <weir/weir.h>

#include "campaign.h"
#include "memory/memory_source.h"
#include "prng.h"
#include "service/handlers.h"
#include "service/relay.h"
#include "sqlite/sqlite_tx.h"
#include "support/faulty_tx.h"

enum { TOPICS = 2, KEYS = 4, RECORDS = 50, LANES = 2, KILLS = 5, MOST_OUT = 40000, MOST_HELD = 64 };
enum { MOST_STEPS = 200000, MOST_ZOMBIE_STEPS = 60, MOST_BATCH = 7, MOST_N = 1000 };

/* Where processes were killed. */
typedef enum place {
    AT_BEGIN,
    AT_LOOK,
    AT_ENTER,
    AT_HANDLER,
    AT_PUT,
    AT_SAVEPOINT,
    BEFORE_COMMIT,
    AFTER_COMMIT,
    AT_READ,
    BEFORE_SEND,
    AMID_SEND,
    AFTER_SEND,
    BEFORE_FORGET,
    AFTER_FORGET,
    AT_OTHER,
    PLACES,
} place;
static const char *const place_names[PLACES] = {"begin", "look", "enter", "handler", "put",
    "savepoint", "before commit", "after commit", "read", "before send", "amid send", "after send",
    "before forget", "after forget", "other"};
static uint64_t killed_at[PLACES];

/* An event as the broker has it. */
typedef struct written {
    int topic, key, record, number; /* of the record that it comes of */
} written;

typedef struct history {
    uint64_t seed;
    sim_rng rng;
    weir_sql_database db;
    int64_t committed[TOPICS];
    written *out;
    size_t n_out;
    int kills;
    bool lettered[TOPICS][RECORDS];
    char wrong[320];
} history;

typedef struct life {
    history *h;
    faulty db;
    int64_t now_ms;
    place where;  /* it is killed … */
    int in_calls; /* … at the call behind so many there; -1: it is not */
    bool dead, zombie;
    weir_inbox inbox, *inboxes[1];
    weir_relay *relay;
    weir_memory_source *source;
    weir_handlers *handlers;
    weir_engine engine;
    weir_route routes[TOPICS];
    weir_routed_topic topics[TOPICS];
    weir_sending *held[MOST_HELD];
    size_t n_held;
} life;

static void wrong(history *h, const char *what, int topic, int record)
{
    if (!h->wrong[0]) {
        snprintf(h->wrong, sizeof h->wrong, "%s (topic %d, record %d)", what, topic, record);
    }
}

/* ---- Being killed -------------------------------------------------------------------------------
 */

static place place_of(faulty_call call, const char *sql)
{
    static const struct {
        const char *begins;
        place at;
    } all[] = {{"select id, done", AT_LOOK}, {"insert into \"weir_inbox\"", AT_ENTER},
        {"insert into \"weir_outbox\"", AT_PUT}, {"insert into effects", AT_HANDLER},
        {"update counters", AT_HANDLER}, {"savepoint", AT_SAVEPOINT}, {"rollback to", AT_SAVEPOINT},
        {"release", AT_SAVEPOINT}, {"select seq, topic", AT_READ}, {"forget", BEFORE_FORGET}};
    if (call == FAULTY_BEGIN || call == FAULTY_COMMIT) {
        return call == FAULTY_BEGIN ? AT_BEGIN : BEFORE_COMMIT;
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strncmp(sql, all[i].begins, strlen(all[i].begins)) == 0) {
            return all[i].at;
        }
    }
    return AT_OTHER;
}

/* Is this its last call? `at` to `to` is where it may be. */
static bool dies(life *l, place at, place to)
{
    if (l->where < at || l->where > to || l->in_calls < 0) {
        return false;
    }
    bool last = l->in_calls-- == 0;
    killed_at[l->where] += last;
    l->dead |= last;
    return last;
}

static faulty_way decide(void *ctx, faulty_call call, const char *sql)
{
    life *l = ctx;
    if (l->dead) {
        return FAULTY_BEFORE;
    }
    place at = place_of(call, sql);
    bool told_apart = at == BEFORE_COMMIT || at == BEFORE_FORGET;
    if (!dies(l, at, told_apart ? at + 1 : at)) {
        bool fails = sim_chance(&l->h->rng, told_apart ? 0.05 : 0.01); /* and it lives on */
        return !fails ? FAULTY_NOT : sim_chance(&l->h->rng, 0.5) ? FAULTY_BEFORE : FAULTY_AFTER;
    }
    bool after = told_apart ? l->where != at : call != FAULTY_BEGIN && sim_chance(&l->h->rng, 0.5);
    return after ? FAULTY_AFTER : FAULTY_BEFORE;
}

/* ---- The broker ---------------------------------------------------------------------------------
 */

static void append(history *h, const weir_outgoing *o)
{
    written *w = &h->out[h->n_out];
    char id[64] = "";
    for (size_t i = 0; i < o->n_headers; i++) {
        if (weir_view_is(o->headers[i].name, "id")) {
            snprintf(id, sizeof id, "%.*s", WEIR_ARG(o->headers[i].value));
        }
    }
    if (sscanf(id, "%d-%d/%d", &w->topic, &w->record, &w->number) != 3 || !o->key.len ||
        h->n_out + 1 == MOST_OUT) {
        wrong(h, "an event without an id, or too many of them", -1, -1);
        return;
    }
    w->key = o->key.ptr[0] - 'a';
    h->n_out++;
}

static void answer(weir_sending *s, bool good)
{
    weir_error err = {.status = WEIR_OK};
    if (!good) {
        weir_fail(&err, WEIR_E_KAFKA_PRODUCE, "the simulator's broker is away");
    }
    s->done(s, &err);
}

static void send(void *self, weir_sending *s)
{
    life *l = self;
    size_t n = 0, all = 0;
    for (const weir_outgoing *o = s->first; o; o = o->next) {
        all++;
    }
    bool last = !l->dead && dies(l, BEFORE_SEND, AFTER_SEND);
    size_t most = l->dead ? 0 : all;
    if (last) {
        most = l->where == BEFORE_SEND  ? 0
               : l->where == AFTER_SEND ? all
                                        : (size_t)sim_between(&l->h->rng, 0, (int)all);
    } else if (!l->dead && sim_chance(&l->h->rng, 0.05)) {
        most = (size_t)sim_between(&l->h->rng, 0, (int)all); /* a broker's error */
    }
    for (const weir_outgoing *o = s->first; o && n < most; o = o->next, n++) {
        append(l->h, o);
    }
    if (l->dead || most < all) {
        answer(s, false);
    } else if (l->n_held < MOST_HELD && sim_chance(&l->h->rng, 0.3)) {
        l->held[l->n_held++] = s;
    } else {
        answer(s, true);
    }
}

static void answer_held(life *l, bool good)
{
    while (l->n_held) {
        answer(l->held[--l->n_held], good);
    }
}

/* ---- The records
 * ---------------------------------------------------------------------------------
 */

static int key_of(int topic, int record)
{
    return (topic * 7 + record * 5 + record / 3) % KEYS;
}

/* Some records of a key have the id of the one before it, and are nothing of their own. */
static int sense_of(int topic, int record)
{
    int before = record - 1;
    while (record % 6 == 5 && before >= 0 && key_of(topic, before) != key_of(topic, record)) {
        before--;
    }
    return record % 6 == 5 && before >= 0 && before % 6 != 5 ? before : record;
}

/* It can never succeed. */
static bool is_bad(int topic, int record)
{
    return sense_of(topic, record) % 11 == 7;
}

/* ---- The service --------------------------------------------------------------------------------
 */

/* Its effects, and its events; too_much: the database refuses it. */
static weir_status do_record(weir_message *m, bool too_much)
{
    int64_t n = weir_record_offset(m);
    weir_status s = weir_sql(weir_tx_of(m), "insert into effects values ($1, $2)",
        W_TEXT("id", weir_id(m)), W_INT("n", too_much ? MOST_N : n));
    s = s ? s
          : weir_sql(weir_tx_of(m), "update counters set n = n + 1 where k = $1",
                W_TEXT("k", weir_key(m)));
    for (int64_t i = 0; i < n % 3 && !s; i++) {
        s = weir_emit(m, .type = i ? "told" : "paid", .fields = W_OBJECT(W_INT("n", n)));
    }
    return s;
}

static weir_status handle(weir_message *m, void *ctx)
{
    sim_rng *rng = &((life *)ctx)->h->rng;
    if (sim_chance(rng, 0.05)) {
        return weir_retry(m, 0, "before anything");
    }
    weir_status s = do_record(m, sim_chance(rng, 0.03));
    if (!s && is_bad(weir_topic(m).ptr[0] - '0', (int)weir_record_offset(m))) {
        return weir_reject(m, "BAD", "behind its effects");
    }
    if (!s && sim_chance(rng, 0.1)) {
        return sim_chance(rng, 0.5) ? weir_retry(m, 0, "after all") : weir_hold(m, "after all");
    }
    return s;
}

/* The same of a batch, which fails for one that it names, or for one that it does not. Of several
 * it rejects each whose statement failed: for one that was before it, mostly. */
static weir_status handle_batch(weir_batch *b, void *ctx)
{
    sim_rng *rng = &((life *)ctx)->h->rng;
    weir_status all = sim_chance(rng, 0.1)    ? WEIR_RETRY
                      : sim_chance(rng, 0.03) ? WEIR_HOLD
                                              : WEIR_OK;
    for (size_t i = 0; i < weir_batch_count(b); i++) {
        weir_message *m = weir_batch_at(b, i);
        weir_status s = do_record(m, sim_chance(rng, 0.03));
        if (s && weir_batch_count(b) > 1) {
            s = weir_reject(m, "REFUSED", "it was not written");
        } else if (!s && is_bad(weir_topic(m).ptr[0] - '0', (int)weir_record_offset(m))) {
            s = weir_reject(m, "BAD", "behind its effects");
        } else if (!s && sim_chance(rng, 0.05)) {
            s = weir_retry(m, 0, "this one");
        }
        if (s) {
            weir_batch_answer(b, i, s);
        }
    }
    return all;
}

static weir_status letter(void *self, const weir_dead_letter *letters, size_t n, weir_error *err)
{
    life *l = self;
    if (l->dead || sim_chance(&l->h->rng, 0.05)) {
        return weir_fail(err, WEIR_E_KAFKA_PRODUCE, "the simulator's broker is away");
    }
    for (size_t i = 0; i < n; i++) {
        const weir_raw_record *r = letters[i].record;
        l->h->lettered[r->topic.ptr[0] - '0'][r->offset] = true;
    }
    return WEIR_OK;
}

static int64_t now(void *ctx)
{
    return ((life *)ctx)->now_ms;
}

static int64_t wall(void *ctx)
{
    return 1700000000000 + ((life *)ctx)->now_ms;
}

static uint32_t tag(void *ctx, weir_view topic)
{
    return weir_handlers_tag(((life *)ctx)->handlers, topic);
}

static bool no_wait(void *ctx)
{
    (void)ctx;
    return false;
}

static const char *const topic_names[TOPICS] = {"0", "1"};
static const char *const migrations[] = {
    "create table effects (id text not null, n bigint check (n < 1000))",
    "create table counters (k text primary key, n bigint not null)",
    "insert into counters values ('a', 0), ('b', 0), ('c', 0), ('d', 0)",
};
static const weir_emit_rule emit_rules[] = {
    {.type = "paid", .topic = "payments"}, {.type = "told", .topic = "news"}};

/* ---- A life -------------------------------------------------------------------------------------
 */

static void must(weir_status s, const char *what)
{
    if (s) {
        fprintf(stderr, "sim-inbox: %s failed\n", what);
        abort();
    }
}

static int64_t count_of_ids(void)
{
    int64_t n = 0;
    for (int t = 0; t < TOPICS; t++) {
        for (int i = 0; i < RECORDS; i++) {
            n += sense_of(t, i) == i && !is_bad(t, i);
        }
    }
    return n;
}

static void fill(life *l)
{
    for (int t = 0; t < TOPICS; t++) {
        must(weir_memory_source_topic(l->source, topic_names[t], NULL), "a topic");
        for (int i = 0; i < RECORDS; i++) {
            char id[32], key[2] = {(char)('a' + key_of(t, i)), 0};
            snprintf(id, sizeof id, "%d-%d", t, sense_of(t, i));
            must(weir_memory_source_add(l->source, topic_names[t], weir_view_of(key),
                     weir_view_of("{}"), W_OBJECT(W_STR("id", id)), 0, NULL, NULL),
                "a record");
        }
        weir_memory_source_rewind(l->source, topic_names[t], l->h->committed[t]);
    }
}

static void open_inbox(life *l)
{
    weir_inbox_options o = {.store = "db",
        .app = "sim",
        .names = {"\"weir_inbox\"", "\"weir_outbox\"", "\"weir_migrations\""},
        .create = true,
        .migrate = true,
        .migrations = migrations,
        .n_migrations = 3,
        .keep_ms = INT64_C(1) << 40,
        .wall_ms = wall,
        .ctx = l};
    l->db = (faulty){.inner = l->h->db, .decide = decide, .ctx = l, .keep = true};
    must(weir_inbox_init(&l->inbox, &o, faulty_database(&l->db), NULL), "the inbox");
    weir_relay_options r = {.inbox = &l->inbox,
        .emitter = {.send = send, .self = l},
        .poll_ms = 20,
        .batch_bytes = 4096,
        .now_ms = now,
        .ctx = l};
    must(weir_relay_new(&r, &l->relay, NULL), "the relay");
}

static void open_handlers(life *l)
{
    for (int t = 0; t < TOPICS; t++) {
        l->routes[t] =
            (weir_route){.fn = handle, .ctx = l, .inbox = &l->inbox, .inbox_name = topic_names[t]};
        l->routes[t].batch = t ? handle_batch : NULL;
        l->routes[t].batch_most = MOST_BATCH;
        l->routes[t].batch_wait_ms = 3;
        l->topics[t] =
            (weir_routed_topic){.topic = topic_names[t], .routes = &l->routes[t], .n_routes = 1};
    }
    l->inboxes[0] = &l->inbox;
    weir_handlers_options o = {.name = "sim",
        .topics = l->topics,
        .n_topics = TOPICS,
        .lanes = LANES,
        .max_attempts = 1000000,
        .backoff_ms = 5,
        .max_backoff_ms = 50,
        .stuck_after_ms = 60000,
        .dead_letters = {letter, l},
        .emits = {emit_rules, 2, "sim"},
        .inboxes = l->inboxes,
        .n_inboxes = 1,
        .seed = l->h->seed,
        .now_ms = now,
        .ctx = l};
    must(weir_handlers_new(&o, &l->handlers, NULL), "the handlers");
}

static life *live(history *h, int64_t now_ms)
{
    life *l = calloc(1, sizeof *l);
    weir_record_source port;
    must(l ? WEIR_OK : WEIR_RETRY, "memory");
    l->h = h;
    l->now_ms = now_ms;
    l->where = (place)sim_below(&h->rng, PLACES);
    l->in_calls = h->kills++ < KILLS ? sim_between(&h->rng, 0, 12) : -1;
    must(weir_memory_source_new(&l->source, &port, NULL), "the source");
    fill(l);
    open_inbox(l);
    open_handlers(l);
    weir_engine_options o = {.name = "sim",
        .lanes = LANES,
        .group = true,
        .commit_interval_ms = 20,
        .tag = tag,
        .wait = no_wait,
        .ctx = l};
    must(weir_engine_init(
             &l->engine, &o, port, (weir_processor){&weir_handlers_processor, l->handlers}, NULL),
        "the engine");
    weir_handlers_attach(l->handlers, &l->engine);
    return l;
}

static void bury(life *l)
{
    l->dead = true;
    answer_held(l, false);
    weir_engine_abandon(&l->engine);
    weir_engine_fini(&l->engine);
    weir_handlers_free(l->handlers);
    weir_relay_free(l->relay);
    weir_inbox_fini(&l->inbox);
    weir_memory_source_free(l->source);
    free(l);
}

static void run_lane(life *l, unsigned lane)
{
    weir_chunk *c = weir_engine_next(&l->engine, lane, 0);
    if (c) {
        weir_handlers_processor.take(l->handlers, lane, c);
    }
    weir_handlers_processor.step(l->handlers, lane, l->now_ms);
}

/* What the group remembers, as of some commit that was answered. */
static void remember(life *l)
{
    for (int t = 0; t < TOPICS && !l->zombie; t++) {
        int64_t next = weir_memory_source_committed(l->source, topic_names[t]);
        l->h->committed[t] = next > l->h->committed[t] ? next : l->h->committed[t];
    }
}

static void turn(life *l)
{
    sim_rng *rng = &l->h->rng;
    l->now_ms += sim_between(rng, 0, 5);
    switch (sim_below(rng, 7)) {
    case 0:
    case 1:
        if (weir_engine_poll(&l->engine, l->now_ms, 0)) {
            break; /* the engine has failed, as is seen below */
        }
        break;
    case 2:
    case 3:
        run_lane(l, (unsigned)sim_below(rng, LANES));
        break;
    case 4:
        (void)weir_relay_step(l->relay);
        break;
    case 5:
        answer_held(l, sim_chance(rng, 0.8));
        break;
    default:
        remember(l);
        if (sim_chance(rng, 0.05)) {
            size_t t = sim_below(rng, TOPICS);
            weir_memory_source_rewind(l->source, topic_names[t], l->h->committed[t]);
        }
        break;
    }
    weir_error why;
    if (!l->dead && weir_engine_failure(&l->engine, &why)) {
        wrong(l->h, why.text, -1, -1);
    }
}

static bool take_int(void *ctx, const weir_field *cells, size_t n)
{
    (void)n;
    *(int64_t *)ctx = cells[0].number;
    return false;
}

static int64_t ask(history *h, const char *sql)
{
    int64_t n = -1;
    weir_sql_session s;
    weir_sql_answer a = {.row = take_int, .ctx = &n};
    must(h->db.ops->session(h->db.self, &s, NULL), "a session");
    must(s.ops->exec(s.self, sql, NULL, &a, NULL), sql);
    s.ops->close(s.self);
    return n;
}

static bool is_done(life *l)
{
    bool done = !l->dead && weir_relay_idle(l->relay) && !l->n_held;
    for (int t = 0; t < TOPICS; t++) {
        done = done && l->h->committed[t] == RECORDS;
    }
    return done && ask(l->h, "select count(*) from weir_outbox") == 0;
}

/* ---- What must be there -------------------------------------------------------------------------
 */

static void check_effects(history *h)
{
    int64_t all = count_of_ids();
    if (ask(h, "select count(*) from effects") != all ||
        ask(h, "select count(distinct id) from effects") != all ||
        ask(h, "select sum(n) from counters") != all) {
        wrong(h, "effects did not happen once", -1, -1);
    }
    if (ask(h, "select count(*) from weir_outbox") != 0) {
        wrong(h, "the outbox is not empty", -1, -1);
    }
    for (int t = 0; t < TOPICS; t++) {
        for (int r = 0; r < RECORDS; r++) {
            if (h->lettered[t][r] != is_bad(t, r)) {
                wrong(h, "a dead letter too many, or none", t, r);
            }
        }
    }
}

/* In the order of first appearances: those of each input topic and key, in each output topic. */
static void check_events(history *h)
{
    static bool seen[TOPICS][RECORDS][4];
    int last[TOPICS][KEYS][2];
    memset(seen, 0, sizeof seen);
    memset(last, -1, sizeof last);
    for (size_t i = 0; i < h->n_out; i++) {
        const written *w = &h->out[i];
        if (seen[w->topic][w->record][w->number]) {
            continue;
        }
        seen[w->topic][w->record][w->number] = true;
        int *before = &last[w->topic][w->key][w->number - 1];
        if (w->record <= *before || w->key != key_of(w->topic, w->record)) {
            wrong(h, "an event is out of order", w->topic, w->record);
        }
        *before = w->record;
    }
    for (int t = 0; t < TOPICS; t++) {
        for (int r = 0; r < RECORDS; r++) {
            for (int n = 1; n <= r % 3 && sense_of(t, r) == r && !is_bad(t, r); n++) {
                if (!seen[t][r][n]) {
                    wrong(h, "an event is missing", t, r);
                }
            }
        }
    }
}

/* ---- A history ----------------------------------------------------------------------------------
 */

/* The old one goes on for a while, beside the new one. */
static life *overtake(life *old, int *steps)
{
    life *young = live(old->h, old->now_ms);
    old->zombie = true;
    for (int i = sim_between(&old->h->rng, 1, MOST_ZOMBIE_STEPS); i && !old->dead; i--) {
        turn(old);
        if (!young->dead) {
            turn(young);
        }
        ++*steps;
    }
    bury(old);
    return young;
}

static void run(history *h)
{
    life *l = live(h, 1000);
    int steps = 0;
    for (; !h->wrong[0] && !is_done(l) && steps < MOST_STEPS; steps++) {
        turn(l);
        if (l->dead) {
            int64_t at_ms = l->now_ms;
            bury(l);
            l = live(h, at_ms);
        } else if (h->kills < KILLS && sim_chance(&h->rng, 0.003)) {
            l = overtake(l, &steps);
        }
    }
    if (steps == MOST_STEPS) {
        wrong(h, "it does not come to an end", -1, -1);
    }
    bury(l);
}

static bool run_seed(uint64_t seed, bool verbose)
{
    history h = {.seed = seed, .rng = sim_rng_of(seed, 1)};
    static const weir_sql_class classes[] = {{"SQLITE_CONSTRAINT_CHECK", WEIR_RETRY}};
    weir_sqlite_tx_options o = {.sql = {.inbox = "weir_inbox",
                                    .outbox = "weir_outbox",
                                    .migrations = "weir_migrations",
                                    .classes = classes,
                                    .n_classes = 1}};
    h.out = calloc(MOST_OUT, sizeof *h.out);
    must(h.out ? WEIR_OK : WEIR_RETRY, "memory");
    must(weir_sqlite_tx_open(&o, &h.db, NULL), "the database");
    run(&h);
    if (!h.wrong[0]) {
        check_effects(&h);
        check_events(&h);
    }
    if (verbose) {
        printf("seed %" PRIu64 ": %zu events written\n", seed, h.n_out);
    }
    h.db.ops->close(h.db.self);
    free(h.out);
    if (h.wrong[0]) {
        printf("seed %" PRIu64 ": %s\n", seed, h.wrong);
    }
    return h.wrong[0] == '\0';
}

int main(int argc, char **argv)
{
    sim_campaign k;
    uint64_t kills = 0;
    if (!sim_campaign_parse(&k, argc, argv, "sim-inbox SEEDS [--seed N] [--verbose]")) {
        return 2;
    }
    for (uint64_t i = 0; i < k.seeds; i++) {
        bool good = run_seed(k.first + i, k.verbose);
        (void)sim_campaign_count(&k, !good);
    }
    printf("killed at");
    for (int i = 0; i < PLACES; i++) {
        printf("%s %s %" PRIu64, i ? "," : "", place_names[i], killed_at[i]);
        kills += killed_at[i];
        if (k.seeds >= 100 && !killed_at[i]) {
            printf(" (nowhere was it killed there)");
            k.failed++;
        }
    }
    printf("\n%" PRIu64 " kills\n", kills);
    return sim_campaign_end(&k);
}
