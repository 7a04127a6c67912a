/* Parked keys in the simulator: processes that are killed at any call of a port, or go on for a
 * while although another one has their partitions, over a topic of parked records that outlives
 * them, at least once and exactly once, in virtual time.
 *
 *     sim-parking SEEDS [--seed N] [--verbose]
 *
 * A seed is a history: topics of records with few keys, there from the beginning or coming one by
 * one, handled one by one or in batches, some of which can never succeed until an operator has
 * mended them; an operator who decides on parked keys at any moment. All the while:
 *  - no record of a key is handled behind a rejected one, before the operator's word is written.
 *  - one key's released records may be held until all others are done: these go on;
 *  - the topic of parked records may get partitions, and refuse copies that are large.
 * At the end:
 *  - no key is parked any more, and all is committed;
 *  - each record was handled, or is a dead letter;
 *  - the records of a key were handled in order, the first time that each was;
 *  - exactly once: each has one output or one letter (mended ones a letter and an output);
 *  - of handlers with a transaction the effects of each are there once. */
#include "base/alloc.h"
#include "campaign.h"
#include "parking_world.h"

/* ---- The service --------------------------------------------------------------------------------
 */

/* At least once a process that has lost the partition may park a key that its successor has opened;
 * each goes on by what it has read, and what it has gathered by what it had read then. */
static bool has_read_of(life *l, const weir_parked_key *k)
{
    weir_parked_view views[TOPICS * KEYS];
    bool knows = !l->h->haunted || l->h->exactly_once;
    size_t n = l->h->batch ? 0 : weir_parking_views(l->parking, views, TOPICS * KEYS);
    for (size_t i = 0; i < n && !knows; i++) {
        knows = views[i].state == WEIR_KEY_PARKED && strcmp(views[i].topic, k->topic) == 0 &&
                weir_view_eq(k->key, weir_view_of(views[i].key));
    }
    return knows;
}

/* The topic says that its key is parked, for a record before it that is as bad as ever. */
static void check_not_parked(life *l, int topic, weir_view key, int64_t n)
{
    weir_buf name = {0};
    weir_parked_name_put(&name, weir_view_of(topic_names[topic]), 0, key);
    const weir_parked_key *k = weir_parked_book_find(&l->h->truth, weir_buf_view(&name));
    weir_buf_fini(&name);
    if (k && !l->behind && k->log.state == WEIR_KEY_PARKED && n > k->log.parked &&
        !l->h->fates[topic][k->log.parked].mended && has_read_of(l, k)) {
        wrong(l->h, "a record of a parked key was handled", topic, n);
    }
}

/* One key whose recalled records are held keeps nobody else from going on, however many they are.
 */
static bool is_of_stuck_key(int topic, int64_t n)
{
    return topic == 0 && key_name(topic, (int)n) == key_name(0, 0);
}

static bool others_are_done(const history *h)
{
    for (int t = 0; t < TOPICS; t++) {
        for (int i = 0; i < RECORDS; i++) {
            if (!is_of_stuck_key(t, i) && !h->fates[t][i].outputs && !h->fates[t][i].letters) {
                return false;
            }
        }
    }
    return true;
}

static weir_status handle(weir_message *m, void *ctx)
{
    life *l = ctx;
    sim_rng *rng = &l->h->rng;
    int topic = weir_topic(m).ptr[1] - '0';
    int64_t n = weir_record_offset(m);
    char value[16];
    if (dies(l)) {
        return weir_retry(m, 0, "it is dead");
    }
    check_not_parked(l, topic, weir_key(m), n);
    weir_view trace;
    if (!weir_header(m, "trace", &trace) || !weir_view_is(trace, topic_names[topic])) {
        wrong(l->h, "a record without its header", topic, n);
    }
    if (!weir_view_is(
            weir_value_bytes(m), l->h->fates[topic][n].large ? LARGE_VALUE : SMALL_VALUE)) {
        wrong(l->h, "a record without its value", topic, n);
    }
    if (l->h->stuck && is_of_stuck_key(topic, n) && m->record->recall && !others_are_done(l->h)) {
        return weir_hold(m, "until all others are done");
    }
    if (sim_chance(rng, 0.08)) {
        return sim_chance(rng, 0.7) ? weir_retry(m, 0, "not now") : weir_hold(m, "not now");
    }
    if (l->h->fates[topic][n].bad && !l->h->fates[topic][n].mended) {
        say(l->h, "%d: t%d/%d rejected, key %.*s", l->generation, topic, (int)n,
            WEIR_ARG(weir_key(m)));
        return weir_reject(m, "BAD", "it is bad");
    }
    counts.handled++;
    say(l->h, "%d: t%d/%d handled, key %.*s", l->generation, topic, (int)n, WEIR_ARG(weir_key(m)));
    snprintf(value, sizeof value, "t%d/%d", topic, (int)n);
    return l->h->tx ? put_effect(m, value)
                    : weir_emit(m, .type = "told", .bytes = weir_view_of(value));
}

/* Of a record of its key in the same batch, which the handler may be about to reject. */
static bool is_behind(const weir_batch *b, size_t i)
{
    weir_message *m = weir_batch_at(b, i);
    for (size_t k = 0; k < i; k++) {
        weir_message *before = weir_batch_at(b, k);
        if (weir_view_eq(weir_topic(before), weir_topic(m)) &&
            weir_view_eq(weir_key(before), weir_key(m))) {
            return true;
        }
    }
    return false;
}

/* The same for several, answered for one by one, or by the first that fails. */
static weir_status handle_batch(weir_batch *b, void *ctx)
{
    life *l = ctx;
    bool as_one = sim_chance(&l->h->rng, 0.3);
    weir_status all = WEIR_OK;
    for (size_t i = 0; i < weir_batch_count(b); i++) {
        l->behind = is_behind(b, i);
        weir_status s = handle(weir_batch_at(b, i), ctx);
        all = all ? all : s;
        if (s && !as_one) {
            weir_batch_answer(b, i, s);
        }
    }
    l->behind = false;
    counts.batched += weir_batch_count(b) > 1;
    return as_one ? all : WEIR_OK;
}

static const weir_emit_rule emit_rules[] = {{.type = "told", .topic = "out"}};

/* ---- The operator -------------------------------------------------------------------------------
 */

static void decide(history *h)
{
    size_t at = 0, skip = sim_below(&h->rng, h->truth.keys.count + 1);
    const weir_parked_key *k = NULL;
    for (weir_map_entry *e; (e = weir_map_next(&h->truth.keys, &at));) {
        const weir_parked_key *is = e->value;
        bool decidable = is->log.state == WEIR_KEY_PARKED || is->log.state == WEIR_KEY_RELEASED;
        k = decidable && (!k || skip) ? is : k;
        skip -= skip > 0;
    }
    if (!k) {
        return;
    }
    size_t how = sim_below(&h->rng, 10);
    if (k->log.state == WEIR_KEY_RELEASED && (how < 8 || h->stuck)) {
        return; /* one that goes on already may be rejected still */
    }
    weir_note what = how < 5 ? WEIR_NOTE_RELEASE : how < 8 ? WEIR_NOTE_AGAIN : WEIR_NOTE_REJECT;
    fate *f = fate_of(h, weir_view_of(k->topic), k->log.parked);
    f->lettered_again |= f->mended && k->log.state == WEIR_KEY_RELEASED;
    f->mended |= what == WEIR_NOTE_AGAIN;
    f->passed_over |= what != WEIR_NOTE_AGAIN;
    counts.released += what != WEIR_NOTE_REJECT;
    counts.rejected += what == WEIR_NOTE_REJECT;
    weir_outgoing *o =
        weir_parked_decision_make("parked", k->name, what, k->log.parked, 0, &h->arena);
    must(o ? WEIR_OK : WEIR_RETRY, "a decision");
    o->place = (uint32_t)k->log_partition + 1;
    append_log(h, o);
}

/* ---- A life -------------------------------------------------------------------------------------
 */

static int64_t now(void *ctx)
{
    return ((life *)ctx)->now_ms;
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

static void fit_effects(void *ctx, weir_record *r)
{
    weir_handlers_fit_effects(((life *)ctx)->handlers, r);
}

static weir_status reject_effects(
    void *ctx, weir_record *r, const weir_outgoing *refused, weir_error *why)
{
    return weir_handlers_reject_effects(((life *)ctx)->handlers, r, refused, why);
}

static bool may_hold(void *ctx, const weir_record *r, weir_error *why)
{
    return weir_handlers_may_hold(((life *)ctx)->handlers, r, why);
}

static void go_to_committed(life *l, int t)
{
    history *h = l->h;
    say(h, "%d: t%d begins at %d", l->generation, t, (int)h->committed[t]);
    weir_memory_source_resume(l->source, topic_names[t], h->committed[t],
        weir_view_make(h->said[t], h->exactly_once ? h->said_len[t] : 0));
}

/* What has come to the topic, and this process' source does not have yet. */
static void add_available(life *l, int t)
{
    for (; l->added[t] < l->h->available[t]; l->added[t]++) {
        int i = l->added[t];
        must(weir_memory_source_add(l->source, topic_names[t], weir_view_of(key_name(t, i)),
                 weir_view_of(l->h->fates[t][i].large ? LARGE_VALUE : SMALL_VALUE),
                 W_OBJECT(W_STR("trace", topic_names[t])), 0, NULL, NULL),
            "a record");
    }
}

static void fill(life *l)
{
    for (int t = 0; t < TOPICS; t++) {
        must(weir_memory_source_topic(l->source, topic_names[t], NULL), "a topic");
        add_available(l, t);
        go_to_committed(l, t);
    }
}

static void open_transactor(life *l)
{
    weir_transactor_options o = {.name = "sim",
        .port = parking_transactions(l),
        .commit_interval_ms = 20,
        .list = weir_handlers_list,
        .bytes = weir_handlers_bytes,
        .free = weir_handlers_free_effects,
        .fit = fit_effects,
        .reject = reject_effects,
        .may_hold = may_hold,
        .ctx = l,
        .now_ms = now};
    must(weir_transactor_new(&o, &l->transactor, NULL), "the transactor");
}

static void open_handlers(life *l)
{
    for (int t = 0; t < TOPICS; t++) {
        l->routes[t] = (weir_route){.fn = handle, .ctx = l};
        if (l->h->batch) {
            l->routes[t].batch = handle_batch;
            l->routes[t].batch_most = (uint32_t)l->h->batch;
            l->routes[t].batch_wait_ms = sim_between(&l->h->rng, 0, 20);
        }
        l->routes[t].inbox = l->inboxes[0];
        l->routes[t].inbox_name = topic_names[t];
        l->topics[t] =
            (weir_routed_topic){.topic = topic_names[t], .routes = &l->routes[t], .n_routes = 1};
    }
    weir_handlers_options o = {.name = "sim",
        .topics = l->topics,
        .n_topics = TOPICS,
        .lanes = LANES,
        .max_attempts = 1000000,
        .backoff_ms = 5,
        .max_backoff_ms = 50,
        .stuck_after_ms = 60000,
        .dead_letters = {write_letter, l},
        .parking = l->parking,
        .park = true,
        .emits = {emit_rules, 1, "sim"},
        .emitter = {.send = send_out, .self = l},
        .inboxes = l->inboxes,
        .n_inboxes = l->h->tx,
        .transactor = l->transactor,
        .letter_topic = "dead",
        .seed = l->h->seed,
        .now_ms = now,
        .ctx = l};
    must(weir_handlers_new(&o, &l->handlers, NULL), "the handlers");
}

static life *live(history *h, int64_t now_ms)
{
    life *l = calloc(1, sizeof *l);
    weir_record_source port;
    if (!l) {
        abort();
    }
    l->h = h;
    l->generation = ++h->generation;
    l->now_ms = now_ms;
    l->in_calls = h->kills++ < KILLS ? sim_between(&h->rng, 0, 300) : -1;
    must(weir_memory_source_new(&l->source, &port, NULL), "the source");
    fill(l);
    weir_parking_options p = {.topic = "parked",
        .log = {&parking_log_ops, l},
        .most_keys = h->most_keys,
        .recall_records = (unsigned)sim_between(&h->rng, 1, 10),
        .name = "sim"};
    must(weir_parking_new(&p, &l->parking, NULL), "the parking");
    if (h->exactly_once) {
        open_transactor(l);
    }
    if (h->tx) {
        open_inbox(l);
    }
    open_handlers(l);
    weir_engine_options o = {.name = "sim",
        .lanes = LANES,
        .group = !h->exactly_once,
        .resume = h->exactly_once,
        .commit_interval_ms = 20,
        .tag = tag,
        .wait = no_wait,
        .ctx = l};
    must(weir_engine_init(
             &l->engine, &o, port, (weir_processor){&weir_handlers_processor, l->handlers}, NULL),
        "the engine");
    weir_handlers_attach(l->handlers, &l->engine);
    weir_parking_attach(l->parking, &l->engine);
    if (l->transactor) {
        weir_transactor_attach(l->transactor, &l->engine);
    }
    return l;
}

static void bury(life *l)
{
    l->dead = true;
    answer_held(l, false);
    weir_engine_abandon(&l->engine);
    if (l->transactor) {
        weir_background b = weir_transactor_background(l->transactor);
        b.abandon(b.self);
    }
    weir_engine_fini(&l->engine);
    weir_handlers_free(l->handlers);
    weir_transactor_free(l->transactor);
    weir_parking_free(l->parking);
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
    for (int t = 0; t < TOPICS && !l->zombie && !l->h->exactly_once; t++) {
        int64_t next = weir_memory_source_committed(l->source, topic_names[t]);
        l->h->committed[t] = next > l->h->committed[t] ? next : l->h->committed[t];
    }
}

static void poll(life *l)
{
    if (weir_engine_poll(&l->engine, l->now_ms, 0)) {
        return; /* the engine has failed, as is seen in the end of the turn */
    }
}

static void more_comes(life *l)
{
    for (int t = 0; t < TOPICS; t++) {
        l->h->available[t] += l->h->available[t] < RECORDS && sim_chance(&l->h->rng, 0.03);
        add_available(l, t);
    }
}

/* Once there are notes: whoever begins behind that places by as many partitions as they tell of. */
static void grow_log(history *h)
{
    size_t notes = 0;
    for (int i = 0; i < h->logs; i++) {
        notes += h->n_log[i];
    }
    h->logs += notes && h->logs < LOGS && sim_chance(&h->rng, 0.002);
}

static void turn(life *l)
{
    sim_rng *rng = &l->h->rng;
    weir_error why;
    l->now_ms += sim_between(rng, 0, 5);
    more_comes(l);
    switch (sim_below(rng, 8)) {
    case 0:
    case 1:
        poll(l);
        break;
    case 2:
    case 3:
        run_lane(l, (unsigned)sim_below(rng, LANES));
        break;
    case 4:
        if (weir_parking_step(l->parking, l->now_ms, 0, NULL, &why)) {
            weir_engine_fail(&l->engine, &why);
        }
        break;
    case 5:
        answer_held(l, sim_chance(rng, 0.8));
        break;
    case 6:
        if (l->transactor) {
            (void)weir_transactor_round(l->transactor, l->now_ms);
        }
        if (sim_chance(rng, 0.05)) {
            decide(l->h);
        }
        grow_log(l->h);
        break;
    default:
        remember(l);
        if (sim_chance(rng, 0.05)) {
            go_to_committed(l, (int)sim_below(rng, TOPICS));
            poll(l);
        }
        break;
    }
    if (l->h->tx) {
        see_effects(l->h);
    }
    if (weir_engine_failure(&l->engine, &why) && !l->dead && !l->zombie) {
        wrong(l->h, why.text, -1, -1);
    }
}

static bool is_done(const life *l)
{
    bool done = !l->dead && !l->n_held && !l->h->truth.keys.count;
    for (int t = 0; t < TOPICS; t++) {
        done = done && l->h->committed[t] == RECORDS;
    }
    return done;
}

/* ---- What must be there -------------------------------------------------------------------------
 */

static void check(history *h)
{
    int last[TOPICS][KEYS] = {{0}};
    for (int t = 0; t < TOPICS; t++) {
        for (int i = 0; i < RECORDS; i++) {
            const fate *f = &h->fates[t][i];
            int *before = &last[t][(t * 7 + i * 5 + i / 3) % KEYS];
            if (!f->outputs && !f->letters) {
                wrong(h, "a record was lost", t, i);
            }
            if (f->outputs && f->bad && !f->mended) {
                wrong(h, "a bad one has an output", t, i);
            }
            if (f->first && f->first < *before && !f->passed_over) {
                wrong(h, "records of a key were handled out of order", t, i);
            }
            if (h->tx && f->outputs > 1) {
                wrong(h, "its effect is there more than once", t, i);
            }
            *before = f->first > *before && !f->passed_over ? f->first : *before;
            if (h->exactly_once && (f->outputs > 1 || f->letters > 1u + f->lettered_again ||
                                       (f->outputs && f->letters && !f->mended))) {
                wrong(h, "it was done more than once", t, i);
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
    old->zombie = old->h->haunted = true;
    say(old->h, "%d is overtaken", old->generation);
    counts.zombies++;
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
    if (steps >= MOST_STEPS) {
        wrong(h, "it does not come to an end", -1, -1);
        weir_parking_figures f = weir_parking_look(l->parking);
        say(h, "committed %d %d, %zu keys parked, %zu known, %d is known, %d in hand",
            (int)h->committed[0], (int)h->committed[1], h->truth.keys.count, (size_t)f.keys,
            f.known, (int)weir_engine_get_counts(&l->engine).open);
    }
    bury(l);
}

static bool run_seed(uint64_t seed, bool verbose)
{
    static history h;
    h = (history){.seed = seed, .rng = sim_rng_of(seed, 1)};
    weir_arena_init(&h.arena, 0);
    weir_parked_book_init(&h.truth, 1000);
    h.verbose = verbose;
    h.batch = sim_chance(&h.rng, 0.5) ? sim_between(&h.rng, 1, 8) : 0;
    h.exactly_once = sim_chance(&h.rng, 0.5);
    h.tx = !h.exactly_once && sim_chance(&h.rng, 0.5);
    double bad = sim_unit(&h.rng) * 0.3, large = sim_chance(&h.rng, 0.5) ? 0.2 : 0;
    h.most_copy = sizeof SMALL_VALUE;
    h.logs = sim_between(&h.rng, 1, LOGS);
    h.most_keys = sim_chance(&h.rng, 0.2) ? (uint32_t)sim_between(&h.rng, 1, KEYS) : 100;
    h.stuck = h.most_keys == 100 && sim_chance(&h.rng, 0.3); /* else the others may wait for it */
    bool all_there = sim_chance(&h.rng, 0.3);
    for (int t = 0; t < TOPICS; t++) {
        h.available[t] = all_there ? RECORDS : 0;
        for (int i = 0; i < RECORDS; i++) {
            h.fates[t][i].bad = sim_chance(&h.rng, bad);
            h.fates[t][i].large = sim_chance(&h.rng, large);
        }
    }
    for (int i = 0; i < LOGS; i++) {
        h.log[i] = calloc(MOST_LOG, sizeof(written));
        must(h.log[i] ? WEIR_OK : WEIR_RETRY, "memory");
    }
    if (h.tx) {
        open_world_database(&h);
    }
    run(&h);
    if (!h.wrong[0]) {
        check(&h);
    }
    if (h.tx) {
        close_world_database(&h);
    }
    if (verbose || h.wrong[0]) {
        printf("seed %" PRIu64 " (%s): %s\n", seed,
            h.exactly_once ? "exactly once"
            : h.tx         ? "with a transaction"
                           : "at least once",
            h.wrong[0] ? h.wrong : "well");
    }
    for (int i = 0; i < LOGS; i++) {
        free(h.log[i]);
    }
    weir_parked_book_fini(&h.truth);
    weir_arena_fini(&h.arena);
    return h.wrong[0] == '\0';
}

int main(int argc, char **argv)
{
    sim_campaign k;
    if (!sim_campaign_parse(&k, argc, argv, "sim-parking SEEDS [--seed N] [--verbose]")) {
        return 2;
    }
    for (uint64_t i = 0; i < k.seeds; i++) {
        (void)sim_campaign_count(&k, !run_seed(k.first + i, k.verbose));
    }
    printf("%" PRIu64 " kills, %" PRIu64 " zombies, %" PRIu64 " rejections that parked, %" PRIu64
           " releases, %" PRIu64 " rejected keys, %" PRIu64 " handled, %" PRIu64
           " batches of several, %" PRIu64 " copies without their value, %" PRIu64 " read again\n",
        counts.kills, counts.zombies, counts.parked, counts.released, counts.rejected,
        counts.handled, counts.batched, counts.stripped, counts.fetched);
    return sim_campaign_end(&k);
}
