/* SQLite's tables of inbox and outbox, and what the relay asks. See sqlite_tx.h.
 *
 * What is sent is deleted: one writer, so no number is missing that may still come. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "sqlite/sqlite_tx_inside.h"

/* ---- Tables -------------------------------------------------------------------------------------
 */

/* Runs a statement in which each %s is the table's name, quoted. */
static weir_status make(weir_sql_session *s, const char *before, const char *name,
    const char *suffix, const char *between, const char *table, const char *after, weir_error *err)
{
    weir_buf sql = {0}, full = {0};
    weir_buf_printf(&full, "%s%s", name, suffix);
    weir_buf_puts(&sql, before);
    weir_sql_quote(&sql, weir_buf_view(&full));
    weir_buf_puts(&sql, between);
    if (table) {
        weir_sql_quote(&sql, weir_view_of(table));
    }
    weir_buf_puts(&sql, after);
    const char *text = weir_buf_str(&sql);
    weir_status st = sql.failed || full.failed ? weir_fail_oom(err)
                                               : s->ops->exec(s->self, text, NULL, NULL, err);
    weir_buf_fini(&sql);
    weir_buf_fini(&full);
    return st;
}

static weir_status make_all(const weir_sql_options *o, weir_sql_session *s, weir_error *err)
{
    static const char table[] = "create table if not exists ";
    weir_status st = make(s, table, o->inbox, "", "", NULL,
        " (handler text not null, id text not null, done integer not null, attempts integer not "
        "null, at_ms integer not null, primary key (handler, id)) without rowid",
        err);
    st = st ? st
            : make(s, "create index if not exists ", o->inbox, "_at", " on ", o->inbox, " (at_ms)",
                  err);
    st = st ? st
            : make(s, table, o->outbox, "", "", NULL,
                  " (seq integer primary key autoincrement, id text, type text, topic text not "
                  "null, key blob, value blob, headers text not null, at_ms integer not null)",
                  err);
    return st ? st
              : make(s, table, o->migrations, "", "", NULL,
                    " (app text not null, n integer not null, statement text not null, at_ms "
                    "integer not null, primary key (app, n))",
                    err);
}

weir_status weir_lite_make_tables(void *self, weir_sql_session *s, weir_error *err)
{
    const weir_lite_database *d = self;
    weir_status st = s->ops->begin(s->self, err);
    if (st) {
        return st;
    }
    st = make_all(&d->options.sql, s, err);
    if (st) {
        s->ops->rollback(s->self);
        return st;
    }
    return s->ops->commit(s->self, err);
}

/* There is one writer. */
weir_status weir_lite_lock_migrations(void *self, weir_sql_session *s, weir_error *err)
{
    (void)self, (void)s, (void)err;
    return WEIR_OK;
}

/* ---- For the relay ------------------------------------------------------------------------------
 */

/* A lock on a file beside the database, which the system takes back from a process that is gone. */
weir_status weir_lite_lead(void *self, weir_sql_session *given, uint64_t *term, weir_error *err)
{
    weir_lite_database *d = self;
    weir_lite_session *s = given->self;
    *term = !d->options.path || s->lead_fd >= 0; /* a file's lock is never lost */
    if (*term) {
        return WEIR_OK;
    }
    weir_buf path = {0};
    weir_buf_printf(&path, "%s-relay", d->options.path);
    const char *text = weir_buf_str(&path);
    int fd = path.failed ? -1 : open(text, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    weir_status st = WEIR_OK;
    if (fd < 0) {
        st = weir_fail(err, WEIR_E_SQL_UNREACHABLE, "%s cannot be opened", text);
    } else if (flock(fd, LOCK_EX | LOCK_NB)) {
        close(fd);
    } else {
        s->lead_fd = fd;
        *term = 1;
    }
    weir_buf_fini(&path);
    return st;
}

/* Transactions come one after the other: a number without a row will never have one. */
weir_status weir_lite_horizon(
    void *self, weir_sql_session *s, weir_sql_horizon *out, weir_error *err)
{
    (void)self, (void)s, (void)err;
    *out = (weir_sql_horizon){1, 1};
    return WEIR_OK;
}

static bool take_int(void *ctx, const weir_field *cells, size_t n)
{
    (void)n;
    *(int64_t *)ctx = cells[0].number;
    return false;
}

weir_status weir_lite_sent_up_to(void *self, weir_sql_session *s, int64_t *seq, weir_error *err)
{
    const weir_lite_database *d = self;
    weir_sql_answer answer = {.row = take_int, .ctx = seq};
    weir_buf sql = {0};
    *seq = 0;
    weir_buf_puts(&sql, "select coalesce(min(seq) - 1, 0) from ");
    weir_sql_quote(&sql, weir_view_of(d->options.sql.outbox));
    const char *text = weir_buf_str(&sql);
    weir_status st =
        sql.failed ? weir_fail_oom(err) : s->ops->exec(s->self, text, NULL, &answer, err);
    weir_buf_fini(&sql);
    return st;
}

weir_status weir_lite_forget(void *self, weir_sql_session *s, int64_t seq, weir_error *err)
{
    const weir_lite_database *d = self;
    weir_buf sql = {0};
    weir_buf_puts(&sql, "delete from ");
    weir_sql_quote(&sql, weir_view_of(d->options.sql.outbox));
    weir_buf_puts(&sql, " where seq <= $1");
    const char *text = weir_buf_str(&sql);
    weir_status st =
        sql.failed ? weir_fail_oom(err)
                   : s->ops->exec(s->self, text,
                         (weir_field[]){W_INT("seq", seq), {.kind = WEIR_FIELD_END}}, NULL, err);
    weir_buf_fini(&sql);
    return st;
}

weir_status weir_lite_tend(void *self, weir_sql_session *s, weir_error *err)
{
    (void)self, (void)s, (void)err;
    return WEIR_OK;
}
