/* PostgreSQL's tables of inbox and outbox, and what the relay asks. See postgres_tx.h.
 *
 * The outbox is partitioned by ranges of `seq`: OUTBOX_p0, OUTBOX_p100000, …, two of them made
 * ahead. What is sent is a number in OUTBOX_sent, and a partition that lies below it is dropped: no
 * row is ever deleted or updated, so there is nothing to vacuum. Partitions are attached, which
 * locks no writer out, and dropped only when that needs no waiting. */
#include "postgres/postgres_tx_inside.h"

#include <stdio.h>
#include <stdlib.h>

enum { PARTITION_ROWS = 100000, AHEAD = 2 };

/* ---- Statements ---------------------------------------------------------------------------------
 */

static void put_name(weir_buf *to, const char *name, const char *suffix)
{
    weir_buf last = {0};
    const char *dot = strchr(name, '.');
    if (dot) {
        weir_sql_quote(to, weir_view_make(name, (size_t)(dot - name)));
        weir_buf_putc(to, '.');
    }
    weir_buf_printf(&last, "%s%s", dot ? dot + 1 : name, suffix);
    weir_sql_quote(to, weir_buf_view(&last));
    to->failed |= last.failed;
    weir_buf_fini(&last);
}

/* Runs a statement with names in it: "%n" is the next of `names` (name, suffix), "%l" the same as a
 * literal, "%b" a name without its schema. */
typedef struct named {
    const char *name, *suffix;
} named;

static void put_one(weir_buf *sql, char how, const named *n)
{
    weir_buf text = {0};
    const char *dot = strchr(n->name, '.');
    if (how == 'b') {
        put_name(sql, dot ? dot + 1 : n->name, n->suffix);
        return;
    }
    put_name(&text, n->name, n->suffix);
    if (how == 'l') {
        weir_sql_literal(sql, weir_buf_view(&text));
    } else {
        weir_buf_putv(sql, weir_buf_view(&text));
    }
    sql->failed |= text.failed;
    weir_buf_fini(&text);
}

static weir_status run(weir_sql_session *s, const char *format, const named *names,
    weir_sql_answer *answer, weir_error *err)
{
    weir_buf sql = {0};
    for (const char *p = format; *p; p++) {
        if (*p == '%') {
            put_one(&sql, *++p, names++);
        } else {
            weir_buf_putc(&sql, *p);
        }
    }
    const char *text = weir_buf_str(&sql);
    weir_status st =
        sql.failed ? weir_fail_oom(err) : s->ops->exec(s->self, text, NULL, answer, err);
    weir_buf_fini(&sql);
    return st;
}

static bool take_int(void *ctx, const weir_field *cells, size_t n)
{
    (void)n;
    *(int64_t *)ctx = strtoll(cells[0].text.ptr ? cells[0].text.ptr : "0", NULL, 10);
    return false;
}

static weir_status ask_int(
    weir_sql_session *s, const char *format, const named *names, int64_t *out, weir_error *err)
{
    weir_sql_answer answer = {.row = take_int, .ctx = out};
    *out = 0;
    return run(s, format, names, &answer, err);
}

static weir_status end(weir_sql_session *s, weir_status st, weir_error *err)
{
    if (st) {
        s->ops->rollback(s->self);
        return st;
    }
    return s->ops->commit(s->self, err);
}

/* ---- Partitions ---------------------------------------------------------------------------------
 */

static int64_t rows_of(const weir_pg_database *d)
{
    return d->options.partition_rows ? d->options.partition_rows : PARTITION_ROWS;
}

typedef struct partitions {
    const char *prefix; /* of their names, up to the number */
    weir_buf low;       /* of int64_t */
} partitions;

static size_t count_of(const partitions *p)
{
    return p->low.len / sizeof(int64_t);
}

static int64_t low_of(const partitions *p, size_t i)
{
    int64_t low;
    memcpy(&low, p->low.ptr + i * sizeof low, sizeof low);
    return low;
}

static bool take_partition(void *ctx, const weir_field *cells, size_t n)
{
    partitions *p = ctx;
    size_t len = strlen(p->prefix);
    weir_view name = cells[0].text;
    (void)n;
    if (name.len > len && memcmp(name.ptr, p->prefix, len) == 0) {
        int64_t low = strtoll(name.ptr + len, NULL, 10);
        weir_buf_put(&p->low, (const char *)&low, sizeof low);
    }
    return !p->low.failed;
}

/* To be freed in any case. */
static weir_status list(
    const weir_pg_database *d, weir_sql_session *s, partitions *out, weir_error *err)
{
    const char *outbox = d->options.sql.outbox, *dot = strchr(outbox, '.');
    weir_buf prefix = {0};
    weir_buf_printf(&prefix, "%s_p", dot ? dot + 1 : outbox);
    out->prefix = weir_buf_str(&prefix);
    weir_buf_clear(&out->low);
    weir_sql_answer answer = {.row = take_partition, .ctx = out};
    weir_status st =
        prefix.failed ? weir_fail_oom(err)
                      : run(s,
                            "select c.relname::text from pg_inherits i join pg_class c on c.oid = "
                            "i.inhrelid where i.inhparent = %l::regclass",
                            (named[]){{outbox, ""}}, &answer, err);
    weir_buf_fini(&prefix);
    return !st && out->low.failed ? weir_fail_oom(err) : st;
}

static weir_status make_partition(
    const weir_pg_database *d, weir_sql_session *s, int64_t low, weir_error *err)
{
    const char *outbox = d->options.sql.outbox;
    char suffix[32], range[128];
    snprintf(suffix, sizeof suffix, "_p%lld", (long long)low);
    snprintf(range, sizeof range,
        "alter table %%n attach partition %%n for values from (%lld) to "
        "(%lld)",
        (long long)low, (long long)low + (long long)rows_of(d));
    weir_status st = run(s, "create table %n (like %n including all)",
        (named[]){{outbox, suffix}, {outbox, ""}}, NULL, err);
    return st ? st : run(s, range, (named[]){{outbox, ""}, {outbox, suffix}}, NULL, err);
}

static bool has(const partitions *p, int64_t low)
{
    for (size_t i = 0; i < count_of(p); i++) {
        if (low_of(p, i) == low) {
            return true;
        }
    }
    return false;
}

/* Under the lock that keeps others from doing the same at once. */
static weir_status make_partitions(const weir_pg_database *d, weir_sql_session *s, weir_error *err)
{
    partitions p = {.prefix = NULL};
    int64_t next; /* of a full partition nothing comes any more: it may be gone already */
    weir_status st =
        ask_int(s, "select case when is_called then last_value + 1 else last_value end from %n",
            (named[]){{d->options.sql.outbox, "_seq"}}, &next, err);
    st = st ? st : list(d, s, &p, err);
    int64_t low = next / rows_of(d) * rows_of(d);
    for (int i = 0; i <= AHEAD && !st; i++, low += rows_of(d)) {
        st = has(&p, low) ? WEIR_OK : make_partition(d, s, low, err);
    }
    weir_buf_fini(&p.low);
    return st;
}

/* ---- Tables -------------------------------------------------------------------------------------
 */

weir_status weir_pg_lock_migrations(void *self, weir_sql_session *s, weir_error *err)
{
    const weir_pg_database *d = self;
    return run(s, "select pg_advisory_xact_lock(hashtextextended('weir tables ' || %l, 0))",
        (named[]){{d->options.sql.outbox, ""}}, NULL, err);
}

static weir_status make_outbox(const char *outbox, weir_sql_session *s, weir_error *err)
{
    weir_status st =
        run(s, "create sequence if not exists %n", (named[]){{outbox, "_seq"}}, NULL, err);
    st = st ? st
            : run(s,
                  "create table if not exists %n (seq bigint not null default nextval(%l) primary "
                  "key, id text, type text, topic text not null, key bytea, value bytea, headers "
                  "text not null, at_ms bigint not null) partition by range (seq)",
                  (named[]){{outbox, ""}, {outbox, "_seq"}}, NULL, err);
    st = st ? st
            : run(s,
                  "create table if not exists %n (one boolean primary key default true check "
                  "(one), up_to bigint not null)",
                  (named[]){{outbox, "_sent"}}, NULL, err);
    return st ? st
              : run(s, "insert into %n (up_to) values (0) on conflict do nothing",
                    (named[]){{outbox, "_sent"}}, NULL, err);
}

static weir_status make_all(const weir_pg_database *d, weir_sql_session *s, weir_error *err)
{
    const weir_sql_options *o = &d->options.sql;
    weir_status st = run(s,
        "create table if not exists %n (handler text not null, id text not null, done smallint not "
        "null, attempts integer not null, at_ms bigint not null, primary key (handler, id))",
        (named[]){{o->inbox, ""}}, NULL, err);
    st = st ? st
            : run(s, "create index if not exists %b on %n (at_ms)",
                  (named[]){{o->inbox, "_at"}, {o->inbox, ""}}, NULL, err);
    st = st ? st : make_outbox(o->outbox, s, err);
    st = st ? st
            : run(s,
                  "create table if not exists %n (app text not null, n integer not null, statement "
                  "text not null, at_ms bigint not null, primary key (app, n))",
                  (named[]){{o->migrations, ""}}, NULL, err);
    return st ? st : make_partitions(d, s, err);
}

weir_status weir_pg_make_tables(void *self, weir_sql_session *s, weir_error *err)
{
    weir_status st = s->ops->begin(s->self, err);
    if (st) {
        return st;
    }
    st = weir_pg_lock_migrations(self, s, err);
    return end(s, st ? st : make_all(self, s, err), err);
}

/* ---- The relay ----------------------------------------------------------------------------------
 */

static bool take_flag(void *ctx, const weir_field *cells, size_t n)
{
    (void)n;
    *(bool *)ctx = cells[0].number != 0;
    return false;
}

/* The lock is the connection's: the server takes it back from one that is gone. What this session
 * writes may be lost with the machine: it is sent again then. */
weir_status weir_pg_lead(void *self, weir_sql_session *given, uint64_t *term, weir_error *err)
{
    bool leads = false;
    const weir_pg_database *d = self;
    weir_pg_session *s = given->self;
    weir_sql_answer answer = {.row = take_flag, .ctx = &leads};
    *term = s->leads && s->conn && PQstatus(s->conn) == CONNECTION_OK ? s->term : 0;
    if (*term) {
        return WEIR_OK;
    }
    weir_status st = run(given,
        "select pg_try_advisory_lock(hashtextextended('weir relay ' || %l::regclass::oid, 0))",
        (named[]){{d->options.sql.outbox, ""}}, &answer, err);
    if (!st && leads) {
        st = given->ops->exec(s, "set synchronous_commit = off", NULL, NULL, err);
    }
    s->leads = !st && leads;
    *term = s->leads ? ++s->term : 0;
    return st;
}

static bool take_horizon(void *ctx, const weir_field *cells, size_t n)
{
    weir_sql_horizon *h = ctx;
    (void)n;
    h->done = strtoull(cells[0].text.ptr, NULL, 10);
    h->next = strtoull(cells[1].text.ptr, NULL, 10);
    return false;
}

/* A transaction has its id before its number, for its inbox row comes first: whoever may yet write
 * a row of a number that was jumped over has an id below the one that is taken here. */
weir_status weir_pg_horizon(void *self, weir_sql_session *s, weir_sql_horizon *out, weir_error *err)
{
    weir_sql_answer answer = {.row = take_horizon, .ctx = out};
    (void)self;
    *out = (weir_sql_horizon){0, 0};
    return s->ops->exec(s->self,
        "select pg_snapshot_xmin(pg_current_snapshot())::text, pg_current_xact_id()::text", NULL,
        &answer, err);
}

weir_status weir_pg_sent_up_to(void *self, weir_sql_session *s, int64_t *seq, weir_error *err)
{
    const weir_pg_database *d = self;
    return ask_int(
        s, "select up_to from %n", (named[]){{d->options.sql.outbox, "_sent"}}, seq, err);
}

weir_status weir_pg_forget(void *self, weir_sql_session *s, int64_t seq, weir_error *err)
{
    const weir_pg_database *d = self;
    char sql[96];
    snprintf(sql, sizeof sql, "update %%n set up_to = %lld where up_to < %lld", (long long)seq,
        (long long)seq);
    return run(s, sql, (named[]){{d->options.sql.outbox, "_sent"}}, NULL, err);
}

/* Each in a transaction of its own, and only if nobody has to be waited for: a handler's
 * transaction may take its time, and who waits for a lock makes all others wait behind. */
static weir_status drop_partition(
    const weir_pg_database *d, weir_sql_session *s, int64_t low, weir_error *err)
{
    char suffix[32];
    snprintf(suffix, sizeof suffix, "_p%lld", (long long)low);
    weir_status st = s->ops->begin(s->self, err);
    if (st) {
        return st;
    }
    st = s->ops->exec(s->self, "set local lock_timeout = '50ms'", NULL, NULL, err);
    st = st ? st : run(s, "drop table %n", (named[]){{d->options.sql.outbox, suffix}}, NULL, err);
    st = end(s, st, err);
    return st == WEIR_RETRY ? WEIR_OK : st; /* next time */
}

weir_status weir_pg_tend(void *self, weir_sql_session *s, weir_error *err)
{
    const weir_pg_database *d = self;
    partitions p = {.prefix = NULL};
    int64_t sent = 0;
    weir_status st = s->ops->begin(s->self, err);
    if (st) {
        return st;
    }
    st = s->ops->exec(s->self, "set local lock_timeout = '500ms'", NULL, NULL, err);
    st = st ? st : weir_pg_lock_migrations(self, s, err);
    st = st ? st : make_partitions(d, s, err);
    st = end(s, st, err);
    st = st == WEIR_RETRY ? WEIR_OK : st;
    st = st ? st : list(d, s, &p, err);
    st = st ? st : weir_pg_sent_up_to(self, s, &sent, err);
    for (size_t i = 0; i < count_of(&p) && !st; i++) {
        if (low_of(&p, i) + rows_of(d) - 1 <= sent) {
            st = drop_partition(d, s, low_of(&p, i), err);
        }
    }
    weir_buf_fini(&p.low);
    return st;
}
