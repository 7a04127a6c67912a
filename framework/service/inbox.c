/* The inbox. See inbox.h. */
#include "service/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "value/value.h"

/* ---- Statements ---------------------------------------------------------------------------------
 */

/* For so many records. Nothing comes back of one that is done: its row is left alone. */
static void build_for(weir_inbox *i, size_t size)
{
    const weir_inbox_names *names = &i->options.names;
    weir_buf *look = &i->look[size], *enter = &i->enter[size];
    weir_buf_printf(
        look, "select id, done, attempts from %s where handler = $1 and id in (", names->inbox);
    weir_buf_printf(
        enter, "insert into %s as i (handler, id, done, attempts, at_ms) values ", names->inbox);
    for (int k = 0; k < 1 << size; k++) {
        weir_buf_printf(look, "%s$%d", k ? ", " : "", k + 2);
        weir_buf_printf(enter, "%s($1, $%d, 1, 0, $2)", k ? ", " : "", k + 3);
    }
    weir_buf_puts(look, ")");
    weir_buf_puts(enter, " on conflict (handler, id) do update set done = 1, at_ms = "
                         "excluded.at_ms where i.done = 0 "
                         "returning id, attempts");
}

/* All statements of an inbox. */
enum { N_STATEMENTS = 2 * WEIR_INBOX_SIZES + 3 };
static void list(weir_inbox *i, weir_buf *out[N_STATEMENTS])
{
    size_t n = 0;
    for (size_t k = 0; k < WEIR_INBOX_SIZES; k++) {
        out[n++] = &i->look[k];
        out[n++] = &i->enter[k];
    }
    out[n++] = &i->note;
    out[n++] = &i->purge;
    out[n++] = &i->put;
}

static bool build(weir_inbox *i)
{
    const weir_inbox_names *n = &i->options.names;
    for (size_t k = 0; k < WEIR_INBOX_SIZES; k++) {
        build_for(i, k);
    }
    weir_buf_printf(&i->note,
        "insert into %s as i (handler, id, done, attempts, at_ms) values ($1, $2, 0, $3, $4) on "
        "conflict (handler, id) do update set attempts = excluded.attempts, at_ms = excluded.at_ms "
        "where i.done = 0",
        n->inbox);
    weir_buf_printf(&i->purge,
        "delete from %s where (handler, id) in (select handler, id from %s where at_ms < $1 limit "
        "%d)",
        n->inbox, n->inbox, WEIR_INBOX_PURGED);
    weir_buf_printf(&i->put,
        "insert into %s (id, type, topic, key, value, headers, at_ms) values ($1, $2, $3, $4, $5, "
        "$6, $7)",
        n->outbox);
    weir_buf *all[N_STATEMENTS];
    list(i, all);
    bool ok = true;
    for (size_t k = 0; k < N_STATEMENTS; k++) {
        (void)weir_buf_str(all[k]);
        ok = ok && !all[k]->failed;
    }
    return ok;
}

/* A refusal of weir's own statements is nothing that the record could mend. */
weir_status weir_inbox_exec(weir_sql_session *s, const char *sql, const weir_field *values,
    weir_sql_answer *answer, weir_error *err)
{
    weir_status st = s->ops->exec(s->self, sql, values, answer, err);
    if (st == WEIR_REJECT || st == WEIR_RETRY) {
        st = WEIR_HOLD;
        if (err) {
            err->status = st;
        }
    }
    return st;
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

weir_status weir_inbox_init(
    weir_inbox *i, const weir_inbox_options *options, weir_sql_database database, weir_error *err)
{
    *i = (weir_inbox){.options = *options, .database = database};
    pthread_mutex_init(&i->lock, NULL);
    if (!build(i)) {
        weir_inbox_fini(i);
        return weir_fail_oom(err);
    }
    return WEIR_OK;
}

void weir_inbox_fini(weir_inbox *i)
{
    if (!i->database.ops) {
        return;
    }
    weir_buf *all[N_STATEMENTS];
    list(i, all);
    for (size_t k = 0; k < N_STATEMENTS; k++) {
        weir_buf_fini(all[k]);
    }
    pthread_mutex_destroy(&i->lock);
    i->database.ops->close(i->database.self);
    *i = (weir_inbox){.ready = false};
}

/* What keeps them from being made is no fault of the record that happens to come first. */
static weir_status make_ready(weir_inbox *i, weir_sql_session *s, weir_error *err)
{
    weir_status st = WEIR_OK;
    if (i->options.create) {
        st = i->database.ops->make_tables(i->database.self, s, err);
    }
    st = st ? st : weir_inbox_migrate(i, s, err);
    if (st == WEIR_REJECT || st == WEIR_RETRY) {
        st = err->status = WEIR_HOLD;
    }
    return st;
}

/* Under the lock all the time: sessions that come meanwhile need what it makes. */
weir_status weir_inbox_ready(weir_inbox *i, weir_sql_session *s, weir_error *err)
{
    pthread_mutex_lock(&i->lock);
    weir_status st = i->ready ? WEIR_OK : make_ready(i, s, err);
    i->ready = !st;
    pthread_mutex_unlock(&i->lock);
    return st;
}

/* ---- Rows ---------------------------------------------------------------------------------------
 */

int weir_inbox_compare(const void *a, const void *b)
{
    const weir_inbox_item *x = a, *y = b;
    int by = memcmp(x->id.ptr, y->id.ptr, x->id.len < y->id.len ? x->id.len : y->id.len);
    return by ? by : (x->id.len > y->id.len) - (x->id.len < y->id.len);
}

/* Those that are asked for by one statement, and what it has answered. */
typedef struct asked {
    weir_inbox_item *items;
    size_t n;
    bool enters;
} asked;

static bool take_entry(void *ctx, const weir_field *cells, size_t n)
{
    asked *a = ctx;
    weir_inbox_item wanted = {.id = cells[0].text},
                    *item = bsearch(&wanted, a->items, a->n, sizeof wanted, weir_inbox_compare);
    int64_t attempts = 0;
    if (!item || !weir_text_to_int64(cells[n - 1].text, &attempts)) {
        return true;
    }
    item->entry.done = !a->enters && weir_view_is(cells[1].text, "1");
    item->entry.attempts = (uint32_t)attempts;
    return true;
}

static int64_t wall_ms(const weir_inbox *i)
{
    return i->options.wall_ms(i->options.ctx);
}

/* As many as the statement of this size is for. What is entered was done, unless a row says no. */
static weir_status ask(
    weir_inbox *i, weir_sql_session *s, const char *handler, asked *a, size_t size, weir_error *err)
{
    weir_field values[WEIR_INBOX_AT_ONCE + 3] = {W_STR("handler", handler)};
    weir_sql_answer answer = {.row = take_entry, .ctx = a};
    size_t n = 1;
    if (a->enters) {
        values[n++] = (weir_field)W_INT("at", wall_ms(i));
    }
    for (size_t k = 0; k < a->n; k++) {
        a->items[k].entry = (weir_inbox_entry){.done = a->enters};
        values[n++] = (weir_field)W_TEXT("id", a->items[k].id);
    }
    return weir_inbox_exec(s, (a->enters ? i->enter : i->look)[size].ptr, values, &answer, err);
}

static weir_status ask_all(weir_inbox *i, weir_sql_session *s, const char *handler, bool enters,
    weir_inbox_item *items, size_t n, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (size_t size = WEIR_INBOX_SIZES; size-- && !st;) {
        for (; n >= (size_t)1 << size && !st; n -= (size_t)1 << size) {
            asked a = {items, (size_t)1 << size, enters};
            st = ask(i, s, handler, &a, size, err);
            items += a.n;
        }
    }
    return st;
}

weir_status weir_inbox_look(weir_inbox *i, weir_sql_session *s, const char *handler,
    weir_inbox_item *items, size_t n, weir_error *err)
{
    return ask_all(i, s, handler, false, items, n, err);
}

weir_status weir_inbox_enter(weir_inbox *i, weir_sql_session *s, const char *handler,
    weir_inbox_item *items, size_t n, weir_error *err)
{
    return ask_all(i, s, handler, true, items, n, err);
}

weir_status weir_inbox_note(weir_inbox *i, weir_sql_session *s, const char *handler, weir_view id,
    uint32_t attempts, weir_error *err)
{
    return weir_inbox_exec(s, i->note.ptr,
        W_OBJECT(W_STR("handler", handler), W_TEXT("id", id), W_INT("attempts", attempts),
            W_INT("at", wall_ms(i))),
        NULL, err);
}

weir_status weir_inbox_purge(weir_inbox *i, weir_sql_session *s, uint64_t *n, weir_error *err)
{
    weir_sql_answer answer = {.row = NULL};
    weir_status st = weir_inbox_exec(
        s, i->purge.ptr, W_OBJECT(W_INT("before", wall_ms(i) - i->options.keep_ms)), &answer, err);
    *n = answer.affected;
    return st;
}
