/* A batch in a transaction of its own: its records' inbox rows, its handler's statements, and the
 * outbox rows of all. See unit.h and batch.h.
 *
 * Invariant: a record is blamed for a failed statement only when it is alone. */
#include <stdlib.h>

#include "service/handler_lane.h"

/* ---- Who is in it -------------------------------------------------------------------------------
 */

static int by_id_and_place(const void *a, const void *b)
{
    const weir_inbox_item *x = a, *y = b;
    int by = weir_inbox_compare(x, y);
    return by ? by : (x->number > y->number) - (x->number < y->number);
}

/* The first place whose id another one before it has. */
static size_t first_repeated(const weir_inbox_item *items, size_t n)
{
    size_t first = n;
    for (size_t i = 1; i < n; i++) {
        bool repeats = weir_inbox_compare(&items[i - 1], &items[i]) == 0;
        first = repeats && items[i].number < first ? items[i].number : first;
    }
    return first;
}

/* In the order of their ids, each of which is there once: the batch ends before one that is a
 * duplicate of it. */
static weir_status name_all(weir_batch *b, weir_inbox_item *items, weir_error *err)
{
    for (size_t i = 0; i < b->n; i++) {
        if (weir_unit_name(b->messages[i], err)) {
            return err->status;
        }
        items[i] = (weir_inbox_item){.id = b->messages[i]->inbox_id, .number = i};
    }
    qsort(items, b->n, sizeof *items, by_id_and_place);
    size_t end = first_repeated(items, b->n), n = 0;
    for (size_t i = 0; i < b->n; i++) {
        if (items[i].number < end) {
            items[n++] = items[i];
        }
    }
    b->n = end;
    return WEIR_OK;
}

/* Those that were done before are done now, and are not the batch's any more. A breaker hears
 * nothing of them. */
static void leave_out(weir_handler_lane *l, const weir_tx *tx, weir_batch *b)
{
    size_t n = 0;
    for (size_t i = 0; i < tx->n_members; i++) {
        if (tx->items[i].entry.done) {
            weir_message *m = b->messages[tx->items[i].number];
            m->duplicate = m->answered = true;
            m->status = WEIR_OK;
            m->emits = (weir_emits){.first = NULL}; /* what its handler has done is for nothing */
            weir_give_back(m, WEIR_HOLD, l->now_ms);
        }
    }
    for (size_t i = 0; i < b->n; i++) {
        b->messages[i]->tx = NULL;
        if (!b->messages[i]->duplicate) {
            b->messages[n++] = b->messages[i];
        }
    }
    b->n = n;
}

/* What the inbox has of them. */
static weir_status look(weir_handler_lane *l, weir_tx *tx, weir_batch *b, weir_error *err)
{
    weir_inbox_item *items = l->gathered.items;
    weir_status s = name_all(b, items, err);
    if (s) {
        return s;
    }
    weir_unit_open(tx, b->messages, items, b->n);
    s = weir_unit_look(tx, err);
    if (!s && tx->duplicate) {
        leave_out(l, tx, b);
        s = name_all(b, items, err);
        if (!s && b->n) {
            weir_unit_open(tx, b->messages, items, b->n);
        }
    }
    return s;
}

/* ---- What becomes of it -------------------------------------------------------------------------
 */

static bool has_failed(const weir_message *m)
{
    return m->answered && m->status;
}

static bool any_failed(const weir_batch *b)
{
    bool any = false;
    for (size_t i = 0; i < b->n; i++) {
        any |= has_failed(b->messages[i]);
    }
    return any;
}

/* All of it. What was emitted is the relay's to send. */
static weir_status commit(weir_tx *tx, weir_error *why)
{
    weir_status s = tx->session.ops->commit(tx->session.self, why);
    tx->begun = false;
    if (!s) {
        weir_unit_tell(tx);
    }
    return s;
}

static void undo(weir_tx *tx)
{
    if (tx->begun) {
        tx->session.ops->rollback(tx->session.self);
    }
    tx->begun = false;
}

/* Nothing of it is done. Those that have not failed are to be handled again; true: in halves. */
static bool fail(weir_tx *tx, weir_batch *b, weir_status s, const weir_error *why)
{
    undo(tx);
    for (size_t i = 0; i < b->n; i++) {
        b->messages[i]->answered = has_failed(b->messages[i]);
        b->messages[i]->emits = (weir_emits){.first = NULL};
    }
    bool unknown = (s == WEIR_RETRY || s == WEIR_REJECT) && weir_batch_unanswered(b) > 1;
    if (s && !unknown) {
        weir_batch_take_status(b, s, why);
    }
    return unknown;
}

static void succeed(weir_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        b->messages[i]->answered = true;
        b->messages[i]->status = WEIR_OK;
        b->messages[i]->emits = (weir_emits){.first = NULL};
    }
}

/* A database that is away is no fault of a record's, nor is another instance that was faster. And
 * behind a statement that failed all others fail, whosever they are: what the handler has made of
 * that counts of a record that is alone. */
static bool is_void(const weir_tx *tx, const weir_batch *b, const weir_message *m)
{
    if (weir_unit_failure(tx) == WEIR_HOLD) {
        return m->status != WEIR_FATAL;
    }
    return m->blind && (tx->duplicate || (b->n > 1 && m->status != WEIR_FATAL));
}

static void forget_answers(const weir_tx *tx, weir_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        weir_message *m = b->messages[i];
        m->answered = m->answered && !is_void(tx, b, m);
    }
}

/* What the handler has come back with, for those that it has not answered for: a record that is
 * alone is as one that it was given alone. */
static weir_status take_answer(weir_batch *b, weir_status s, weir_error *why)
{
    weir_message *m = b->messages[0];
    if (b->n == 1) {
        s = m->answered ? m->status : s;
        m->answered = false;
        *why = m->error;
    }
    return weir_batch_unanswered(b) ? s : WEIR_OK;
}

/* What becomes of them. Beside one that has failed nobody knows whose a statement was that failed,
 * too: they come again without it. */
static weir_status judge(const weir_tx *tx, bool one_failed, weir_status s, weir_error *why)
{
    weir_status failed = weir_unit_failure(tx);
    bool doubtful = one_failed && (failed == WEIR_RETRY || failed == WEIR_REJECT);
    return doubtful ? WEIR_OK : weir_unit_worst(tx, s, why);
}

/* The handler has come back with s. */
static bool finish(weir_handler_lane *l, weir_tx *tx, weir_batch *b, weir_status s)
{
    weir_error why = {.status = WEIR_OK};
    forget_answers(tx, b);
    s = take_answer(b, s, &why);
    bool one_failed = any_failed(b);
    if (!s && !one_failed) {
        weir_unit_write(tx);
    }
    if (tx->duplicate) { /* another instance was faster: again without those */
        undo(tx);
        leave_out(l, tx, b);
        return fail(tx, b, WEIR_OK, NULL);
    }
    s = judge(tx, one_failed, s, &why);
    if (!s && !one_failed) {
        s = commit(tx, &why);
        if (!s) {
            succeed(b);
            return false;
        }
    }
    return fail(tx, b, s, &why);
}

bool weir_unit_try_batch(weir_handlers *h, weir_handler_lane *l, weir_batch *b)
{
    weir_tx *tx = weir_unit_of(h, l, b->messages[0]->route);
    weir_error why = {.status = WEIR_OK};
    bool halve = false;
    tx->together = true;
    weir_status s = look(l, tx, b, &why);
    if (s) {
        weir_batch_take_status(b, s, &why);
    } else if (b->n) {
        halve = finish(l, tx, b, weir_batch_call(h, l, b));
    }
    for (size_t i = 0; i < b->n; i++) {
        b->messages[i]->tx = NULL;
    }
    tx->together = false;
    tx->m = NULL;
    l->now_ms = weir_handlers_now(h);
    return halve;
}
