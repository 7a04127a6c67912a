/* The inbox. See inbox.h. */
#include "service/inbox.h"

/* ---- Statements ---------------------------------------------------------------------------------
 */

static bool build(weir_inbox *i)
{
    const weir_inbox_names *n = &i->options.names;
    weir_buf_printf(
        &i->look, "select done, attempts from %s where handler = $1 and id = $2", n->inbox);
    /* Nothing comes back of a record that is done: its row is left alone. */
    weir_buf_printf(&i->enter,
        "insert into %s as i (handler, id, done, attempts, at_ms) values ($1, $2, 1, 0, $3) on "
        "conflict (handler, id) do update set done = 1, at_ms = excluded.at_ms where i.done = 0 "
        "returning attempts",
        n->inbox);
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
    weir_buf *all[] = {&i->look, &i->enter, &i->note, &i->purge, &i->put};
    bool ok = true;
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
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
    weir_buf_fini(&i->look);
    weir_buf_fini(&i->enter);
    weir_buf_fini(&i->note);
    weir_buf_fini(&i->purge);
    weir_buf_fini(&i->put);
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

typedef struct found {
    weir_inbox_entry *entry;
    bool any;
} found;

static bool take_entry(void *ctx, const weir_field *cells, size_t n)
{
    found *f = ctx;
    f->any = true;
    f->entry->done = n > 1 && weir_view_is(cells[0].text, "1");
    weir_view digits = cells[n - 1].text;
    for (size_t k = 0; k < digits.len && digits.ptr[k] >= '0' && digits.ptr[k] <= '9'; k++) {
        f->entry->attempts = f->entry->attempts * 10 + (uint32_t)(digits.ptr[k] - '0');
    }
    return true;
}

weir_status weir_inbox_look(weir_inbox *i, weir_sql_session *s, const weir_inbox_key *key,
    weir_inbox_entry *out, weir_error *err)
{
    found f = {out, false};
    weir_sql_answer answer = {.row = take_entry, .ctx = &f};
    *out = (weir_inbox_entry){.done = false};
    return weir_inbox_exec(s, i->look.ptr,
        W_OBJECT(W_TEXT("handler", key->handler), W_TEXT("id", key->id)), &answer, err);
}

static int64_t wall_ms(const weir_inbox *i)
{
    return i->options.wall_ms(i->options.ctx);
}

weir_status weir_inbox_enter(weir_inbox *i, weir_sql_session *s, const weir_inbox_key *key,
    weir_inbox_entry *out, weir_error *err)
{
    found f = {out, false};
    weir_sql_answer answer = {.row = take_entry, .ctx = &f};
    *out = (weir_inbox_entry){.done = false};
    weir_status st = weir_inbox_exec(s, i->enter.ptr,
        W_OBJECT(W_TEXT("handler", key->handler), W_TEXT("id", key->id), W_INT("at", wall_ms(i))),
        &answer, err);
    out->done = !st && !f.any;
    return st;
}

weir_status weir_inbox_note(weir_inbox *i, weir_sql_session *s, const weir_inbox_key *key,
    uint32_t attempts, weir_error *err)
{
    return weir_inbox_exec(s, i->note.ptr,
        W_OBJECT(W_TEXT("handler", key->handler), W_TEXT("id", key->id),
            W_INT("attempts", attempts), W_INT("at", wall_ms(i))),
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
