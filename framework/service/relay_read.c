/* What the relay reads of an outbox: its rows, and the numbers that are not there. See relay.h. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "service/relay_inside.h"
#include "value/value.h"

/* ---- Statements ---------------------------------------------------------------------------------
 */

const char *weir_relay_outbox(const weir_relay *r)
{
    return r->options.inbox->options.names.outbox;
}

weir_status weir_relay_ask(weir_relay *r, weir_sql_answer *answer, weir_error *err)
{
    const char *text = weir_buf_str(&r->sql);
    return r->sql.failed ? weir_fail_oom(err)
                         : weir_inbox_exec(&r->session, text, NULL, answer, err);
}

/* Is it a topic that takes some now? */
static bool is_due(const weir_relay *r, int topic)
{
    return topic < 0 || r->topics[topic].until_ms <= r->read_ms;
}

/* "seq in (1,2,3)" of the rows that are not sent and whose topic is due; false: of none. */
static bool put_unsent(weir_relay *r)
{
    bool any = false;
    for (size_t i = 0; i < r->open.n; i++) {
        weir_open_seq *o = &r->open.items[i];
        o->asked = !o->is_gap && is_due(r, o->topic);
        if (o->asked) {
            weir_buf_puts(&r->sql, any ? "," : "seq in (");
            weir_buf_int(&r->sql, o->seq);
            any = true;
        }
    }
    weir_buf_puts(&r->sql, any ? ")" : "");
    return any;
}

/* any: terms stand before it. */
static bool put_gaps(weir_relay *r, bool any)
{
    for (size_t i = 0; i < r->open.n; i++) {
        if (r->open.items[i].is_gap) {
            weir_buf_printf(&r->sql, "%sseq between %lld and %lld", any ? " or " : "",
                (long long)r->open.items[i].seq, (long long)r->open.items[i].last);
            any = true;
        }
    }
    return any;
}

static bool take_seq(void *ctx, const weir_field *cells, size_t n)
{
    weir_relay *r = ctx;
    int64_t seq;
    if (n && weir_text_to_int64(cells[0].text, &seq)) {
        weir_open_seq *o = weir_open_find(&r->open, seq);
        if (o && o->is_gap) {
            weir_open_split(&r->open, o, seq);
        }
    }
    return true;
}

/* Which of the numbers that were jumped over have a row by now, and which never will. */
weir_status weir_relay_look_at_gaps(weir_relay *r, weir_error *err)
{
    weir_sql_horizon h;
    weir_sql_answer answer = {.row = take_seq, .ctx = r};
    weir_buf_clear(&r->sql);
    weir_buf_printf(&r->sql, "select seq from %s where ", weir_relay_outbox(r));
    if (!put_gaps(r, false)) {
        return WEIR_OK;
    }
    weir_inbox *inbox = r->options.inbox;
    weir_status s = inbox->database.ops->horizon(inbox->database.self, &r->session, &h, err);
    s = s ? s : weir_relay_ask(r, &answer, err);
    for (size_t i = r->open.n; i-- > 0 && !s;) {
        weir_open_seq *o = &r->open.items[i];
        if (o->is_gap && o->since && h.done >= o->since) {
            weir_open_remove(&r->open, o);
        } else if (o->is_gap && !o->since) {
            o->since = h.next;
        }
    }
    return s;
}

/* ---- Reading ------------------------------------------------------------------------------------
 */

/* -1: there are too many. A topic that is sent to without trouble makes room for another. */
static int topic_of(weir_relay *r, const char *name)
{
    for (int i = 0; i < r->n_topics; i++) {
        if (strcmp(r->topics[i].name, name) == 0) {
            return i;
        }
    }
    if (r->n_topics == WEIR_RELAY_MOST_TOPICS) {
        return -1;
    }
    snprintf(r->topics[r->n_topics].name, sizeof r->topics->name, "%s", name);
    r->topics[r->n_topics].failures = 0;
    r->topics[r->n_topics].until_ms = 0;
    return r->n_topics++;
}

void weir_relay_forget_idle_topics(weir_relay *r)
{
    bool rows = false; /* gaps are of no topic */
    for (size_t i = 0; i < r->open.n && !rows; i++) {
        rows = !r->open.items[i].is_gap;
    }
    if (r->n_topics == WEIR_RELAY_MOST_TOPICS && !rows) {
        r->n_topics = 0;
    }
}

/* What has been met with this number; it is, behind this. NULL: there is no room. */
static weir_open_seq *meet(weir_relay *r, int64_t seq)
{
    if (seq > r->open.next && !weir_open_pass(&r->open, seq)) {
        return NULL;
    }
    weir_open_seq *o = weir_open_find(&r->open, seq);
    if (o && o->is_gap) {
        weir_open_split(&r->open, o, seq);
        o = weir_open_find(&r->open, seq);
    }
    return o && !o->is_gap ? o : NULL;
}

/* The order of rows within the answer is that of their numbers; what comes behind one that there is
 * no room for must not leave before it. */
static bool take_row(void *ctx, const weir_field *cells, size_t n)
{
    weir_relay *r = ctx;
    weir_relay_row *b = &r->batch[r->n_batch];
    if (weir_outbox_read(cells, n, &r->arena, &b->row, &r->row_error)) {
        return false;
    }
    b->topic = topic_of(r, b->row.out.topic);
    b->sent = b->over = false;
    r->last_read = b->row.seq;
    weir_open_seq *o = b->topic < 0 ? NULL : meet(r, b->row.seq);
    if (!o) {
        weir_fail(&r->row_error, WEIR_E_OUTBOX_BLOCKED,
            "%zu events or numbers up to %lld are open, the first is %lld", r->open.n,
            (long long)r->open.next, (long long)weir_open_sent_up_to(&r->open) + 1);
        return false;
    }
    o->topic = b->topic;
    o->asked = false;
    r->n_batch += is_due(r, b->topic);
    return r->n_batch < WEIR_RELAY_BATCH_ROWS;
}

/* A row that is gone was sent and forgotten by a relay that overlapped with this one, or somebody
 * has taken it out who knew why. Rows come in order, so that all before the last one have come. */
static void drop_what_is_gone(weir_relay *r)
{
    for (size_t i = r->open.n; i-- > 0;) {
        if (r->open.items[i].asked && r->open.items[i].seq < r->last_read) {
            weir_open_remove(&r->open, &r->open.items[i]);
        }
    }
}

/* What is new, what is to be sent again, and what has appeared in gaps: by one statement, since it
 * is in the order of a single moment that they may leave. */
weir_status weir_relay_read(weir_relay *r, weir_error *err)
{
    weir_sql_answer answer = {.row = take_row, .ctx = r};
    weir_arena_reset(&r->arena);
    r->read_ms = weir_relay_now(r);
    r->n_batch = 0;
    r->row_error.status = WEIR_OK;
    r->last_read = INT64_MAX;
    weir_buf_clear(&r->sql);
    weir_buf_printf(&r->sql,
        "select " WEIR_OUTBOX_COLUMNS " from (select o.*, sum(coalesce(length(value), 0)) over "
        "(order by seq) - coalesce(length(value), 0) as ahead from %s o where seq > %lld",
        weir_relay_outbox(r), (long long)r->open.next);
    (void)put_gaps(r, true);
    size_t len = r->sql.len;
    weir_buf_puts(&r->sql, " or ");
    if (!put_unsent(r)) {
        r->sql.len = len;
    }
    weir_buf_printf(&r->sql, " order by seq limit %d) t where ahead < %zu order by seq",
        WEIR_RELAY_BATCH_ROWS, r->options.batch_bytes);
    weir_status s = weir_relay_ask(r, &answer, err);
    if (!s && (!r->row_error.status || r->last_read != INT64_MAX)) {
        drop_what_is_gone(r);
    }
    if (!s && r->row_error.status && !r->n_batch) {
        *err = r->row_error;
        s = r->row_error.status;
    }
    return s;
}
