/* A lane's transaction. See unit.h. */
#include "service/unit.h"

#include <stdio.h>

#include "base/alloc.h"
#include "service/handler_lane.h"
#include "service/route.h"
#include "value/utf8.h"

enum { UNIT_MS = 20, SLOW_MS = 5, VAIN_MS = 100, MOST_AWAY_MS = 5000, MOST_ID_BYTES = 1000 };

/* ---- The session --------------------------------------------------------------------------------
 */

static weir_status stick(weir_tx *tx, weir_status s, const weir_error *err)
{
    if (!tx->failure.status) {
        tx->failure = *err;
        tx->failure.status = s;
    }
    return s;
}

/* PostgreSQL takes no other texts, and no longer ones in an index. */
static bool is_text(weir_view v)
{
    const char *p = v.ptr, *end = v.ptr + v.len;
    size_t n = 1;
    while (p < end && *p && (n = weir_utf8_length(p, end))) {
        p += n;
    }
    return p == end && v.len <= MOST_ID_BYTES;
}

weir_status weir_unit_name(weir_message *m, weir_error *err)
{
    weir_view id = weir_id(m);
    bool usable = is_text(id);
    if (m->id_is_place || !usable) {
        id = weir_arena_printf(&m->arena, "%.*s/%d/%lld@%lld", WEIR_ARG(m->raw->topic),
            (int)m->raw->partition, (long long)m->raw->offset, (long long)m->raw->timestamp_ms);
    }
    m->inbox_id = id;
    return id.ptr ? WEIR_OK : weir_fail_oom(err);
}

/* Is the database away, by what another record of the lane has just waited for in vain? */
static bool is_away(const weir_tx *tx, weir_error *err)
{
    bool away = weir_handlers_now(tx->m->owner) < tx->away_until_ms;
    if (away) {
        *err = tx->why_away;
    }
    return away;
}

/* It was asked at `asked_ms`. One that lets us wait for nothing is left alone for as long: each
 * record of the lane would wait like that, and all of them would be taken for stuck, not held. */
static weir_status heed(weir_tx *tx, int64_t asked_ms, weir_status s, const weir_error *err)
{
    int64_t now_ms = weir_handlers_now(tx->m->owner), took_ms = now_ms - asked_ms;
    if (s == WEIR_HOLD && took_ms >= VAIN_MS) {
        tx->away_until_ms = now_ms + (took_ms < MOST_AWAY_MS ? took_ms : MOST_AWAY_MS);
        tx->why_away = *err;
    }
    return s;
}

static weir_status begin(weir_tx *tx, weir_error *err)
{
    if (tx->begun) {
        return WEIR_OK;
    }
    if (is_away(tx, err)) {
        return WEIR_HOLD;
    }
    int64_t asked_ms = weir_handlers_now(tx->m->owner);
    weir_status s = tx->session.ops->begin(tx->session.self, err);
    tx->begun = !s;
    tx->emitted = false;
    tx->begun_ms = weir_handlers_now(tx->m->owner);
    return heed(tx, asked_ms, s, err);
}

static weir_status own(weir_tx *tx, const char *sql, weir_error *err)
{
    return weir_inbox_exec(&tx->session, sql, NULL, NULL, err);
}

/* What the inbox has said of the members. Attempts: those that were made before a restart; a letter
 * that is replayed begins anew. */
static void learn(weir_tx *tx)
{
    for (size_t i = 0; i < tx->n_members; i++) {
        const weir_inbox_entry *entry = &tx->items[i].entry;
        weir_message *m = tx->members[tx->items[i].number];
        tx->duplicate |= entry->done;
        if (m->raw != &m->original && entry->attempts >= m->record->attempt) {
            m->record->attempt = entry->attempts + 1;
        }
    }
}

weir_status weir_tx_enter(weir_tx *tx)
{
    weir_error err = {.status = WEIR_OK};
    if (tx->failure.status || tx->entered) {
        return tx->failure.status;
    }
    weir_status s = begin(tx, &err);
    s = s || tx->together ? s : own(tx, "savepoint weir", &err);
    tx->entered = !s;
    s = s ? s
          : weir_inbox_enter(
                tx->inbox, &tx->session, tx->m->route->inbox_name, tx->items, tx->n_members, &err);
    if (s) {
        return stick(tx, s, &err);
    }
    learn(tx);
    if (tx->duplicate) { /* another instance was faster: what its handler does now is for nothing */
        s = weir_fail(&err, WEIR_E_SQL_CONFLICT, "the record was handled meanwhile");
        return stick(tx, s, &err);
    }
    return WEIR_OK;
}

weir_status weir_tx_exec(
    weir_tx *tx, const char *sql, const weir_field *values, weir_sql_answer *answer)
{
    weir_error err;
    const weir_sql_session *s = &tx->session;
    weir_status st = weir_tx_enter(tx);
    if (st) {
        return st;
    }
    s->ops->lend(s->self, true);
    st = s->ops->exec(s->self, sql, values, answer, &err);
    s->ops->lend(s->self, false);
    return st ? stick(tx, st, &err) : WEIR_OK;
}

/* ---- Committing ---------------------------------------------------------------------------------
 */

/* The records come again, in their order and before all others, each in a transaction of its own.
 */
static void put_back(weir_handler_lane *l, weir_tx *tx, weir_record *r)
{
    tx->alone = tx->n_done + (r != NULL);
    if (r) {
        weir_lane_put_back(&l->lane, r, l->now_ms);
    }
    while (tx->n_done) {
        weir_lane_put_back(&l->lane, tx->done[--tx->n_done], l->now_ms);
    }
}

void weir_unit_tell(const weir_tx *tx)
{
    const weir_inbox_options *o = &tx->inbox->options;
    if (tx->emitted && o->committed) {
        o->committed(o->ctx);
    }
}

static void settle_all(weir_handlers *h, weir_handler_lane *l, weir_tx *tx)
{
    for (size_t i = 0; i < tx->n_done; i++) {
        weir_bump(&l->count.handled);
        weir_settle_record(h, l, tx->done[i]);
    }
    tx->n_done = 0;
    weir_unit_tell(tx);
}

/* The transaction is over then, one way or the other. */
static weir_status commit(weir_handler_lane *l, weir_tx *tx, weir_error *err)
{
    const weir_sql_session *s = &tx->session;
    weir_status st = WEIR_OK;
    if (tx->n_done && !tx->broken) {
        st = s->ops->commit(s->self, err);
    } else if (tx->begun) {
        s->ops->rollback(s->self);
    }
    if (tx->n_done && tx->broken) {
        *err = tx->why_broken;
        st = err->status = WEIR_HOLD; /* whatever it said: it is no fault of these records */
    }
    tx->begun = tx->broken = false;
    l->unit = NULL;
    return st;
}

bool weir_unit_commit(weir_handlers *h, weir_handler_lane *l, weir_record *r)
{
    weir_error err;
    weir_tx *tx = l->unit;
    if (!tx) {
        return true;
    }
    if (commit(l, tx, &err)) {
        weir_log_error(h->options.log, WEIR_LOG_WARN, h->options.name, &err,
            "a commit of %zu records failed: they are handled again one by one", tx->n_done);
        l->now_ms = weir_handlers_now(h);
        put_back(l, tx, r);
        return false;
    }
    settle_all(h, l, tx);
    return true;
}

/* ---- Running ------------------------------------------------------------------------------------
 */

weir_tx *weir_unit_of(weir_handlers *h, weir_handler_lane *l, const weir_route *to)
{
    for (size_t i = 0; i < h->options.n_inboxes; i++) {
        if (l->txs[i].inbox == to->inbox) {
            return &l->txs[i];
        }
    }
    return NULL;
}

void weir_unit_open(weir_tx *tx, weir_message **members, weir_inbox_item *items, size_t n)
{
    tx->m = members[0];
    tx->members = members;
    tx->items = items;
    tx->n_members = n;
    tx->entered = tx->duplicate = false;
    tx->failure.status = WEIR_OK;
    tx->affected = 0;
    for (size_t i = 0; i < n; i++) {
        members[i]->tx = tx;
    }
}

weir_status weir_unit_look(weir_tx *tx, weir_error *err)
{
    if (is_away(tx, err)) {
        return WEIR_HOLD;
    }
    int64_t asked_ms = weir_handlers_now(tx->m->owner);
    weir_status s = weir_inbox_ready(tx->inbox, &tx->session, err);
    s = s ? s
          : weir_inbox_look(
                tx->inbox, &tx->session, tx->m->route->inbox_name, tx->items, tx->n_members, err);
    if (!s) {
        learn(tx);
    }
    return heed(tx, asked_ms, s, err);
}

/* Its record's place in the transaction, or what is known of it where there is none yet. */
static weir_status open_record(weir_tx *tx, weir_message *m)
{
    weir_unit_open(tx, &tx->m, &tx->one, 1);
    weir_status s = weir_unit_name(m, &m->error);
    if (s) {
        return s;
    }
    tx->one = (weir_inbox_item){.id = m->inbox_id};
    if (!tx->begun) {
        return weir_unit_look(tx, &m->error);
    }
    s = weir_tx_enter(tx);
    if (s && !tx->duplicate) {
        m->error = tx->failure;
    }
    return tx->duplicate ? WEIR_OK : s;
}

static void put_emits(weir_tx *tx)
{
    weir_error err;
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < tx->n_members && !s; i++) {
        s = tx->members[i]->emits.count ? weir_outbox_put(tx, tx->members[i], &err) : WEIR_OK;
        tx->emitted |= !s && tx->members[i]->emits.count;
    }
    if (s) {
        stick(tx, s, &err);
    }
}

void weir_unit_write(weir_tx *tx)
{
    if (!tx->failure.status && !weir_tx_enter(tx)) {
        put_emits(tx);
    }
}

weir_status weir_unit_failure(const weir_tx *tx)
{
    return weir_wants_memory(&tx->failure) ? WEIR_HOLD : tx->failure.status;
}

weir_status weir_unit_worst(const weir_tx *tx, weir_status s, weir_error *why)
{
    weir_status failed = weir_unit_failure(tx);
    bool wins = failed && (s == WEIR_OK || (failed == WEIR_HOLD && s != WEIR_FATAL));
    if (wins || (failed && s == failed && why->status != s)) {
        *why = tx->failure;
        s = why->status = failed;
    }
    return s;
}

/* Back to where the record began. If that fails, nothing of the transaction may be committed. */
static void undo_record(weir_tx *tx)
{
    if (tx->entered && (own(tx, "rollback to weir", &tx->why_broken) ||
                           own(tx, "release weir", &tx->why_broken))) {
        tx->broken = true;
    }
    tx->entered = false;
}

static const weir_route **place_of(weir_tx *tx, const weir_route *to)
{
    return &tx->fast[(uintptr_t)to / sizeof *to % WEIR_UNIT_ROUTES];
}

bool weir_unit_takes(weir_tx *tx, const weir_route *to)
{
    return tx && tx->inbox == to->inbox && *place_of(tx, to) == to;
}

static weir_status call(weir_handlers *h, weir_handler_lane *l, weir_message *m)
{
    int64_t begun_ms = l->now_ms;
    weir_status s = weir_call_handler(h, l, m, m->route);
    m->tx->slow = l->now_ms - begun_ms >= SLOW_MS;
    *place_of(m->tx, m->route) = m->tx->slow ? NULL : m->route;
    if (s == WEIR_DEFERRED) {
        s = weir_fail(
            &m->error, WEIR_E_HANDLER_STATUS, "a handler with .tx cannot defer its message");
    }
    return s;
}

static weir_status handle(weir_handlers *h, weir_handler_lane *l, weir_tx *tx, weir_message *m)
{
    weir_error err;
    tx->m = m;
    weir_status s = open_record(tx, m);
    if (!s && !tx->duplicate) {
        s = call(h, l, m);
        if (!s) {
            weir_unit_write(tx);
        }
        s = weir_unit_worst(tx, s, &m->error);
    }
    if (!s && !tx->duplicate && own(tx, "release weir", &err)) {
        m->error = err;
        s = err.status;
    }
    if (s || tx->duplicate) {
        undo_record(tx);
    }
    m->tx = NULL;
    tx->m = NULL;
    l->now_ms = weir_handlers_now(h);
    return tx->duplicate ? WEIR_OK : s;
}

/* That it could not be noted is no reason not to go on. Nor is another's transaction, of which it
 * would be a part: a commit of the group's tells of attempts, too. */
void weir_unit_note_attempt(weir_handlers *h, weir_handler_lane *l, const weir_message *m)
{
    weir_error err;
    weir_tx *tx = weir_unit_of(h, l, m->route);
    if (m->inbox_id.ptr && !tx->begun && weir_handlers_now(h) >= tx->away_until_ms &&
        weir_inbox_note(
            tx->inbox, &tx->session, m->route->inbox_name, m->inbox_id, m->record->attempt, &err)) {
        const weir_inbox_options *o = &tx->inbox->options;
        weir_log_error(o->log, WEIR_LOG_DEBUG, o->store, &err, "an attempt was not noted");
    }
}

static void fail_record(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m)
{
    weir_status s = m->error.status;
    if (weir_unit_commit(h, l, r)) {
        weir_conclude(h, l, r, m, s);
    } else {
        weir_give_back(m, WEIR_HOLD, l->now_ms);
    }
}

/* Alone, its commit's failure is its own. */
static void commit_alone(
    weir_handlers *h, weir_handler_lane *l, weir_tx *tx, weir_record *r, weir_message *m)
{
    weir_status s = commit(l, tx, &m->error);
    if (!s) {
        settle_all(h, l, tx);
        return;
    }
    tx->n_done = 0;
    l->now_ms = weir_handlers_now(h);
    weir_conclude(h, l, r, m, s);
}

/* One that is dropped has asked nobody: a breaker hears nothing of it. */
static weir_status answer_of(const weir_tx *tx)
{
    return tx->duplicate ? WEIR_HOLD : WEIR_OK;
}

static void finish_record(weir_handlers *h, weir_handler_lane *l, weir_tx *tx, weir_record *r,
    weir_message *m, bool alone)
{
    weir_give_back(m, answer_of(tx), l->now_ms);
    if (tx->duplicate) {
        weir_bump(&l->count.duplicates);
    }
    tx->done[tx->n_done++] = r;
    bool full =
        tx->n_done == WEIR_UNIT_RECORDS || alone || tx->slow || l->now_ms - tx->begun_ms >= UNIT_MS;
    if (full && tx->n_done == 1) {
        commit_alone(h, l, tx, r, m);
    } else if (full && !weir_unit_commit(h, l, NULL)) {
        return; /* they are back in the lane */
    }
}

void weir_unit_run(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m)
{
    weir_tx *tx = weir_unit_of(h, l, m->route);
    bool again = tx->alone > 0,
         alone = again || r->recall; /* that one is noted behind its commit */
    tx->alone -= again;
    weir_status s = handle(h, l, tx, m);
    if (!s && tx->duplicate && !tx->begun) {
        weir_give_back(m, answer_of(tx), l->now_ms);
        weir_bump(&l->count.duplicates);
        weir_settle_record(h, l, r);
        return;
    }
    l->unit = tx->begun ? tx : NULL;
    if (s) {
        m->error.status = s;
        fail_record(h, l, r, m);
    } else {
        finish_record(h, l, tx, r, m, alone);
    }
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

weir_status weir_units_new(weir_handlers *h, weir_handler_lane *l, weir_error *err)
{
    size_t n = h->options.n_inboxes;
    l->txs = n ? weir_calloc(n, sizeof *l->txs) : NULL;
    if (n && !l->txs) {
        return weir_fail_oom(err);
    }
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < n && !s; i++) {
        weir_inbox *inbox = h->options.inboxes[i];
        l->txs[i].inbox = inbox;
        s = inbox->database.ops->session(inbox->database.self, &l->txs[i].session, err);
    }
    return s;
}

void weir_units_free(weir_handlers *h, weir_handler_lane *l)
{
    for (size_t i = 0; l->txs && i < h->options.n_inboxes; i++) {
        weir_sql_session *s = &l->txs[i].session;
        if (s->ops) {
            s->ops->close(s->self);
        }
    }
    weir_free(l->txs);
    l->txs = NULL;
}
