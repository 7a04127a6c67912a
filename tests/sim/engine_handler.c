/* Handlers and the dead-letter port of the simulated world: what they answer, and what they tell
 * the ledger. See engine_world.h. */
#include <stddef.h>
#include <weir/weir.h>

#include "sim/engine_world.h"
#include "sim/grow.h"

bool sim_is_nobodys(const sim_entry *e)
{
    return !weir_view_is(e->header_value, "work");
}

static bool is_poison(const sim_entry *e)
{
    return weir_view_is(e->value, "poison");
}

/* ---- Answers ------------------------------------------------------------------------------------
 */

static weir_status draw_answer(sim_world *w, const sim_entry *e)
{
    const sim_manners *m = &w->manners;
    double x = sim_unit(&w->rng);
    if (is_poison(e)) {
        return e->offset % 2 ? WEIR_REJECT : WEIR_RETRY;
    }
    return x < m->retries                                     ? WEIR_RETRY
           : x < m->retries + m->holds                        ? WEIR_HOLD
           : x < m->retries + m->holds + m->rejects           ? WEIR_REJECT
           : x < m->retries + m->holds + m->rejects + m->dies ? WEIR_FATAL
                                                              : WEIR_OK;
}

/* Two; they are answered later, unless there is no memory for them, which is waited for. */
static weir_status emit(sim_world *w, weir_message *m, sim_epoch *e, size_t i)
{
    weir_status s = weir_emit(m, .type = "a", .topic = "news", .fields = W_OBJECT(W_INT("n", 1)));
    s = s ? s : weir_emit(m, .type = "b", .topic = "news", .fields = W_OBJECT(W_INT("n", 2)));
    if (s) {
        sim_ledger_answered(&w->ledger, e, i, WEIR_HOLD, 0);
    } else if (w->exactly_once) { /* its outputs wait for a transaction, its key does not */
        sim_ledger_answered(&w->ledger, e, i, WEIR_OK, 0);
        sim_ledger_outputs(&w->ledger, e, i, 2);
    }
    return s;
}

/* With or without a reason; a RETRY now and then after a time of its own. */
static weir_status answer(sim_world *w, weir_message *m, sim_epoch *e, size_t i)
{
    weir_status s = draw_answer(w, &e->log->entries.items[i]);
    bool says_why = sim_chance(&w->rng, .5);
    uint32_t after_ms = s == WEIR_RETRY && says_why ? (uint32_t)SIM_PICK(&w->rng, 0, 0, 7, 300) : 0;
    sim_world_say(w, "%d: %s/%d@%d attempt %u: %s", e->member->number, e->log->topic,
        e->log->number, (int)weir_record_offset(m), weir_attempt(m), weir_status_name(s));
    if (s == WEIR_OK && sim_chance(&w->rng, w->manners.emits)) {
        return emit(w, m, e, i);
    }
    sim_ledger_answered(&w->ledger, e, i, s, after_ms);
    if (says_why && s == WEIR_RETRY) {
        return weir_retry(m, after_ms, "simulated");
    }
    if (says_why && s == WEIR_REJECT) {
        return weir_reject(m, "SIMULATED", "simulated");
    }
    return says_why && s == WEIR_HOLD ? weir_hold(m, "simulated") : s;
}

/* ---- Emits --------------------------------------------------------------------------------------
 */

static void answer_emits(sim_world *w, const sim_kept *k, bool fails)
{
    weir_error err = {.status = WEIR_OK};
    weir_status s = fails ? weir_fail(&err, WEIR_E_KAFKA_PRODUCE, "simulated") : WEIR_OK;
    sim_world_say(w, "%d: emits of %s/%d@%d: %s", k->epoch->member->number, k->epoch->log->topic,
        k->epoch->log->number, (int)weir_record_offset(k->message), weir_status_name(s));
    sim_ledger_answered(&w->ledger, k->epoch, k->index, s, 0);
    k->message->sending.done(&k->message->sending, &err);
}

void sim_send(void *self, weir_sending *s)
{
    weir_message *m = (weir_message *)((char *)s - offsetof(weir_message, sending));
    const sim_delivery *d = m->record->message;
    sim_process *p = d->member->user;
    sim_kept k = {m, p, d->user, d->index, true};
    (void)self;
    if (s->first == NULL || s->first->next == NULL || s->first->next->next != NULL) {
        sim_ledger_fail(&p->world->ledger, "a sending has other records than were emitted");
    }
    if (p->cancelled) {
        answer_emits(p->world, &k, true);
    } else {
        *SIM_APPEND(&p->world->kept) = k;
    }
}

void sim_cancel(void *self)
{
    (void)self; /* what a process has under way is given up with what its users have */
}

void sim_world_settle(sim_world *w, size_t kept)
{
    sim_kept k = w->kept.items[kept];
    w->kept.items[kept] = w->kept.items[--w->kept.count];
    if (k.sending) {
        answer_emits(w, &k, sim_chance(&w->rng, w->manners.emits_fail));
        return;
    }
    if (weir_revoked(k.message) != k.epoch->revoking) {
        sim_ledger_fail(&w->ledger, "weir_revoked does not say what is");
    }
    weir_settle(k.message, answer(w, k.message, k.epoch, k.index));
}

/* ---- Transactions -------------------------------------------------------------------------------
 */

static weir_view header_of(const weir_outgoing *o, const char *name)
{
    weir_view found = {NULL, 0};
    for (size_t i = 0; i < o->n_headers; i++) {
        found = weir_view_is(o->headers[i].name, name) ? o->headers[i].value : found;
    }
    return found;
}

/* Of which record an output is: emits have it in their id, letters in headers of their own. */
static bool output_of(sim_world *w, const weir_outgoing *o, sim_partition **log, size_t *index)
{
    weir_view topic = header_of(o, "weir.dead.topic"), id = header_of(o, "id");
    char text[64], name[32];
    int number;
    long long offset;
    if (topic.ptr) {
        snprintf(text, sizeof text, "%.*s/%.*s/%.*s", WEIR_ARG(topic),
            WEIR_ARG(header_of(o, "weir.dead.partition")),
            WEIR_ARG(header_of(o, "weir.dead.offset")));
    } else {
        snprintf(text, sizeof text, "%.*s", WEIR_ARG(id));
    }
    if (sscanf(text, "%31[^/]/%d/%lld", name, &number, &offset) != 3 ||
        !(*log = sim_broker_find(&w->broker, name, number))) {
        return false;
    }
    *index = 0;
    while (*index < (*log)->entries.count && (*log)->entries.items[*index].offset != offset) {
        ++*index;
    }
    return *index < (*log)->entries.count;
}

static void note_written(sim_process *p, const weir_transaction *t)
{
    sim_world *w = p->world;
    for (size_t i = 0; i < t->n_lists; i++) {
        for (const weir_outgoing *o = t->lists[i]; o; o = o->next) {
            sim_partition *log;
            size_t index;
            if (!output_of(w, o, &log, &index)) {
                sim_ledger_fail(&w->ledger, "an output is of no record");
                return;
            }
            sim_ledger_written(&w->ledger, sim_ledger_epoch_of(&w->ledger, p->member, log), index);
            w->ledger.letters += header_of(o, "weir.dead.topic").ptr != NULL;
        }
    }
}

/* One list that has emits, and no letter, is too large for the broker. */
static bool refuse_one(sim_process *p, const weir_transaction *t, weir_fault *fault)
{
    sim_world *w = p->world;
    for (size_t i = 0; i < t->n_lists; i++) {
        sim_partition *log;
        size_t index;
        const weir_outgoing *o = t->lists[i];
        if (o && header_of(o, "id").ptr && !header_of(o, "weir.dead.topic").ptr &&
            output_of(w, o, &log, &index)) {
            sim_epoch *e = sim_ledger_epoch_of(&w->ledger, p->member, log);
            sim_ledger_outputs(&w->ledger, e, index, w->ledger.skips ? 0 : 1);
            *fault = (weir_fault){(ptrdiff_t)i, o};
            return true;
        }
    }
    return false;
}

static weir_status transaction_begin(void *self, weir_error *err)
{
    sim_process *p = self;
    sim_world *w = p->world;
    p->work.fails = !p->member->alive || sim_chance(&w->rng, w->transactions_fail / 4);
    p->work.generation = p->member->generation;
    return p->work.fails ? weir_fail(err, WEIR_E_KAFKA_PRODUCE, "simulated") : WEIR_OK;
}

/* A transaction takes its time, in which the group may go on without its member. */
static weir_status transaction_commit(
    void *self, const weir_transaction *t, weir_fault *fault, weir_error *err)
{
    sim_process *p = self;
    sim_world *w = p->world;
    int64_t before[SIM_BROKER_PARTITIONS];
    sim_said said[SIM_BROKER_PARTITIONS];
    for (int n = sim_between(&w->rng, 0, 3); n && w->depth < SIM_DEEPEST && !w->healed; n--) {
        sim_world_step(w);
    }
    if (sim_chance(&w->rng, w->refuses) && refuse_one(p, t, fault)) {
        return weir_fail(err, WEIR_E_EMIT_TOO_LARGE, "simulated");
    }
    for (int i = 0; i < w->broker.n_partitions; i++) {
        before[i] = w->broker.partitions[i].committed;
        said[i] = w->broker.partitions[i].said;
    }
    p->work.fails = sim_chance(&w->rng, w->transactions_fail);
    bool member = p->member->alive && !p->member->fenced &&
                  p->work.generation == p->member->generation &&
                  p->work.generation == w->broker.generation;
    if (p->work.fails || !member) {
        p->work.fails = true;
        return weir_fail(err, WEIR_E_KAFKA_PRODUCE, "simulated");
    }
    sim_world_say(w, "%d: a transaction of %zu records", p->number, t->n_lists);
    note_written(p, t);
    (void)sim_member_transact(p->member, t->offsets, t->n_offsets, p->work.generation);
    for (int i = 0; i < w->broker.n_partitions; i++) {
        sim_epoch *e = sim_ledger_epoch_of(&w->ledger, p->member, &w->broker.partitions[i]);
        if (e && !e->ended) {
            sim_ledger_transacted(&w->ledger, e, before[i], &said[i]);
        }
    }
    if (sim_chance(&w->rng, w->dies_behind) && !w->healed) {
        sim_world_say(w, "%d: dies behind its transaction", p->number);
        p->doomed = true;
        sim_member_kill(p->member);
    }
    return WEIR_OK;
}

static void transaction_cancel(void *self)
{
    (void)self;
}

weir_transaction_port sim_transactions(sim_process *p)
{
    return (weir_transaction_port){transaction_begin, transaction_commit, transaction_cancel, p};
}

/* ---- Handling -----------------------------------------------------------------------------------
 */

static void check_bytes(sim_world *w, const weir_raw_record *r, const sim_entry *e)
{
    if (!weir_view_eq(r->key, e->key) || !weir_view_eq(r->value, e->value) ||
        !r->key.ptr != !e->key.ptr || r->offset != e->offset) {
        sim_ledger_fail(&w->ledger, "a record has come with other bytes");
    }
}

/* The handler takes its time: others go on meanwhile. */
static void take_time(sim_world *w)
{
    w->now_ms += SIM_PICK(&w->rng, 0, 1, 20, 700);
    for (int n = sim_between(&w->rng, 0, 3); n && w->depth < SIM_DEEPEST; n--) {
        sim_world_step(w);
    }
}

weir_status sim_handle(weir_message *m, void *ctx)
{
    sim_world *w = ctx;
    const sim_delivery *d = m->record->message;
    sim_epoch *e = d->user;
    size_t i = d->index;
    check_bytes(w, m->raw, &d->log->entries.items[i]);
    sim_ledger_started(&w->ledger, e, i, weir_attempt(m));
    if (sim_chance(&w->rng, w->manners.slow)) {
        take_time(w);
    }
    if (!sim_chance(&w->rng, w->manners.defers)) {
        return answer(w, m, e, i);
    }
    weir_status s = weir_defer(m, 0);
    *SIM_APPEND(&w->kept) = (sim_kept){m, e->member->user, e, i, false};
    if (sim_chance(&w->rng, .2)) {
        sim_world_settle(w, w->kept.count - 1); /* before its handler has returned */
    }
    return s;
}

/* ---- Dead letters -------------------------------------------------------------------------------
 */

static weir_status write_letter(sim_world *w, const weir_dead_letter *letter, weir_error *err)
{
    const weir_record *r = (const weir_record *)(const void *)letter->record; /* its first member */
    const sim_delivery *d = r->message;
    const sim_process *p = d->member->user;
    bool fails = (w->letters_fail && sim_chance(&w->rng, .9)) || !d->member->alive;
    check_bytes(w, letter->record, &d->log->entries.items[d->index]);
    if (!letter->error.code[0] || letter->error.status == WEIR_OK) {
        sim_ledger_fail(&w->ledger, "a dead letter without a reason");
    }
    sim_world_say(w, "%d: dead letter of %s/%d@%d%s", p->number, d->log->topic, d->log->number,
        (int)letter->record->offset, fails ? ": not now" : "");
    sim_ledger_letter(&w->ledger, d->user, d->index, letter->attempts, !fails);
    return !fails                    ? WEIR_OK
           : sim_chance(&w->rng, .5) ? weir_fail(err, WEIR_E_KAFKA_PRODUCE, "simulated")
                                     : weir_fail(err, WEIR_E_OUT_OF_MEMORY, "simulated");
}

weir_status sim_write_letters(
    void *self, const weir_dead_letter *letters, size_t n, weir_error *err)
{
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < n && !s; i++) {
        s = write_letter(self, &letters[i], err);
    }
    return s;
}
