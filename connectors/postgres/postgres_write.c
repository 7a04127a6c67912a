/* Writing rows to PostgreSQL. See postgres.h.
 *
 * Rows go by COPY. A batch of nothing but new rows goes into the table itself: if one of them is
 * there after all, the transaction is gone, and done again with what is there. Any other batch goes
 * into a temporary table of the session, one for each order of columns, and from there to the table
 * in one statement for each kind of change, which touches only rows that are at the position they
 * were read at. Few rows of a table that is written in the source's order go ahead
 * (postgres_ahead.c).
 *
 * Measured (docs/ARCHITECTURE.md): COPY is the fastest from some tens of rows on, and for less it
 * costs a millisecond, which is what a commit costs. */
#include <stdlib.h>

#include "base/alloc.h"
#include "postgres/postgres.h"

typedef struct writing {
    weir_pg *p;
    weir_table *t;
    const weir_table_change *changes;
    size_t n;
    const weir_signature *signature; /* NULL: only keys */
    char stage[64];
    size_t counts[4]; /* by weir_table_op */
} writing;

/* ---- Names -------------------------------------------------------------------------------------
 */

static void put_name(weir_buf *to, const char *name)
{
    weir_sql_quote(to, weir_view_of(name));
}

static bool is_key(const weir_table *t, size_t column)
{
    for (size_t i = 0; i < t->n_key; i++) {
        if (t->key[i].column == column) {
            return true;
        }
    }
    return false;
}

bool weir_pg_is_written(const weir_table *t, const weir_signature *g, size_t member)
{
    size_t c = g->columns[member];
    return c != SIZE_MAX && !is_key(t, c);
}

static bool is_written(const writing *w, size_t member)
{
    return weir_pg_is_written(w->t, w->signature, member);
}

/* The key's columns, then the others, with a prefix ("s.") before each and commas between. */
static void put_columns(const writing *w, weir_buf *to, const char *prefix)
{
    for (size_t i = 0; i < w->t->n_key; i++) {
        weir_buf_puts(to, i ? "," : "");
        weir_buf_puts(to, prefix);
        put_name(to, weir_table_key_column(w->t, i)->name);
    }
    for (size_t i = 0; w->signature && i < w->signature->n_members; i++) {
        if (is_written(w, i)) {
            weir_buf_puts(to, ",");
            weir_buf_puts(to, prefix);
            put_name(to, w->t->columns[w->signature->columns[i]].name);
        }
    }
}

static void put_same_key(const writing *w, weir_buf *to)
{
    for (size_t i = 0; i < w->t->n_key; i++) {
        const char *name = weir_table_key_column(w->t, i)->name;
        weir_buf_puts(to, i ? " and t." : "t.");
        put_name(to, name);
        weir_buf_puts(to, "=s.");
        put_name(to, name);
    }
}

static weir_status do_sql(writing *w, uint64_t *rows, weir_error *err)
{
    weir_buf *sql = &w->p->sql;
    const char *text = weir_buf_str(sql);
    return sql->failed ? weir_fail_oom(err) : weir_pg_tell(w->p, w->t, text, rows, err);
}

/* ---- COPY --------------------------------------------------------------------------------------
 */

static void put_text(weir_buf *to, weir_view v)
{
    static const char escapes[256] = {['\b'] = 'b',
        ['\f'] = 'f',
        ['\n'] = 'n',
        ['\r'] = 'r',
        ['\t'] = 't',
        ['\v'] = 'v',
        ['\\'] = '\\'};
    if (!v.ptr) {
        weir_buf_puts(to, "\\N");
        return;
    }
    if (!weir_buf_reserve(to, 2 * v.len)) {
        return;
    }
    char *at = to->ptr + to->len;
    for (size_t i = 0; i < v.len; i++) {
        char e = escapes[(unsigned char)v.ptr[i]];
        if (e) {
            *at++ = '\\';
        }
        *at++ = e ? e : v.ptr[i];
    }
    to->len = (size_t)(at - to->ptr);
}

static void put_bytes(weir_buf *to, weir_view v)
{
    static const char digits[] = "0123456789abcdef";
    if (!v.ptr) {
        weir_buf_puts(to, "\\N");
        return;
    }
    weir_buf_puts(to, "\\\\x");
    if (!weir_buf_reserve(to, 2 * v.len)) {
        return;
    }
    char *at = to->ptr + to->len;
    for (size_t i = 0; i < v.len; i++) {
        *at++ = digits[(unsigned char)v.ptr[i] >> 4];
        *at++ = digits[(unsigned char)v.ptr[i] & 15];
    }
    to->len = (size_t)(at - to->ptr);
}

static bool is_of(const writing *w, const weir_table_change *c)
{
    return c->signature == w->signature;
}

static void put_line(const writing *w, weir_buf *to, const weir_table_change *c, bool direct)
{
    if (!direct) {
        weir_buf_putc(to, "iupd"[c->op]);
        weir_buf_putc(to, '\t');
        put_bytes(to, c->old_position);
        weir_buf_putc(to, '\t');
    }
    bool position = !direct || w->t->rule->position_column;
    if (position) {
        put_bytes(to, c->position);
    }
    for (size_t i = 0; i < w->t->n_key; i++) {
        if (i || position) {
            weir_buf_putc(to, '\t');
        }
        put_text(to, c->key_values[i]);
    }
    for (size_t i = 0; w->signature && i < w->signature->n_members; i++) {
        if (is_written(w, i)) {
            weir_buf_putc(to, '\t');
            put_text(to, c->values[i]);
        }
    }
    weir_buf_putc(to, '\n');
}

/* *rows: how many have gone in. */
static weir_status end_copy(writing *w, bool sent, uint64_t *rows, weir_error *err)
{
    PGconn *conn = w->p->conn;
    weir_status st = WEIR_OK;
    if (PQputCopyEnd(conn, sent ? NULL : "out of memory") != 1) {
        return weir_pg_fail(conn, NULL, w->t, err);
    }
    for (PGresult *r; (r = PQgetResult(conn)) != NULL;) {
        if (!st && PQresultStatus(r) != PGRES_COMMAND_OK) {
            st = weir_pg_fail(conn, r, w->t, err);
        }
        *rows = strtoull(PQcmdTuples(r), NULL, 10);
        PQclear(r);
    }
    return sent ? st : weir_fail_oom(err);
}

static weir_status send_lines(writing *w, bool direct, uint64_t *rows, weir_error *err)
{
    enum { AT_ONCE = 1 << 16 };
    weir_buf *b = &w->p->copy;
    PGconn *conn = w->p->conn;
    weir_buf_clear(b);
    bool ok = true;
    for (size_t i = 0; i < w->n && ok; i++) {
        if (!is_of(w, &w->changes[i])) {
            continue;
        }
        put_line(w, b, &w->changes[i], direct);
        if (b->len >= AT_ONCE) {
            ok = !b->failed && PQputCopyData(conn, b->ptr, (int)b->len) == 1;
            weir_buf_clear(b);
        }
    }
    if (ok && b->len) {
        ok = !b->failed && PQputCopyData(conn, b->ptr, (int)b->len) == 1;
    }
    if (!ok && PQstatus(conn) == CONNECTION_BAD) {
        return weir_pg_fail(conn, NULL, w->t, err);
    }
    return end_copy(w, ok, rows, err);
}

/* The statement is in p->sql. */
static weir_status copy_in(writing *w, bool direct, uint64_t *rows, weir_error *err)
{
    weir_buf *sql = &w->p->sql;
    const char *text = weir_buf_str(sql);
    weir_status st = sql->failed ? weir_fail_oom(err) : weir_pg_settle(w->p, err);
    if (st) {
        return st;
    }
    PGresult *r = PQexec(w->p->conn, text);
    st = PQresultStatus(r) == PGRES_COPY_IN ? WEIR_OK : weir_pg_fail(w->p->conn, r, w->t, err);
    PQclear(r);
    return st ? st : send_lines(w, direct, rows, err);
}

/* ---- Into the table itself ---------------------------------------------------------------------
 */

static bool is_direct(const writing *w)
{
    if (w->p->no_direct || !w->n || (w->t->rule->soft_delete && w->p->no_direct_soft)) {
        return false;
    }
    for (size_t i = 0; i < w->n; i++) {
        if (w->changes[i].op != WEIR_TABLE_INSERT ||
            w->changes[i].signature != w->changes[0].signature) {
            return false;
        }
    }
    return true;
}

static weir_status copy_direct(writing *w, bool *moved, weir_error *err)
{
    weir_buf *sql = &w->p->sql;
    w->signature = w->changes[0].signature;
    weir_buf_clear(sql);
    weir_buf_puts(sql, "copy ");
    weir_buf_puts(sql, w->t->quoted);
    weir_buf_puts(sql, " (");
    if (w->t->rule->position_column) {
        put_name(sql, w->t->rule->position_column);
        weir_buf_puts(sql, ",");
    }
    put_columns(w, sql, "");
    weir_buf_puts(sql, ") from stdin");
    uint64_t rows = 0;
    weir_status st = copy_in(w, true, &rows, err);
    bool met = st == WEIR_FATAL && strcmp(err->code, "TABLE_DEPENDS") == 0;
    if (met || (!st && rows != w->n)) {
        w->p->no_direct = *moved = true; /* the key's own index, or another one: told next time */
        w->p->no_direct_soft |= met && w->t->rule->soft_delete;
        return WEIR_OK;
    }
    return st;
}

/* ---- Through a stage ---------------------------------------------------------------------------
 */

static weir_status make_stage(writing *w, weir_error *err)
{
    weir_buf *sql = &w->p->sql;
    weir_buf_clear(sql);
    weir_buf_printf(sql,
        "create temp table if not exists %s on commit delete rows as select ' '::\"char\" as "
        "_weir_op, null::bytea as _weir_old, null::bytea as _weir_new,",
        w->stage);
    put_columns(w, sql, "t.");
    weir_buf_printf(sql, " from %s t with no data", w->t->quoted);
    weir_status st = do_sql(w, NULL, err);
    if (!st && w->p->staged) { /* it may have been used before; the commit empties it otherwise */
        weir_buf_clear(sql);
        weir_buf_printf(sql, "truncate %s", w->stage);
        st = do_sql(w, NULL, err);
    }
    w->p->staged = true;
    if (st) {
        return st;
    }
    weir_buf_clear(sql);
    uint64_t ignored;
    weir_buf_printf(sql, "copy %s from stdin", w->stage);
    return copy_in(w, false, &ignored, err);
}

/* Behind a statement that has touched fewer rows than it was to: of those of the stage, as they
 * stand in the table now, how many are as they were before, and how many as they should be. Without
 * a position column neither of two rows of one key is told from the other. */
static void put_short(writing *w, weir_table_op op)
{
    weir_buf *sql = &w->p->sql;
    const char *position = w->t->rule->position_column, *soft = w->t->rule->soft_delete;
    weir_buf_clear(sql);
    weir_buf_puts(sql, "select count(*) filter (where ");
    if (op == WEIR_TABLE_INSERT || !position) {
        weir_sql_put_name(sql, "t.", weir_table_key_column(w->t, 0)->name);
        weir_buf_puts(sql, op == WEIR_TABLE_INSERT ? " is null)::text," : " is not null)::text,");
    } else {
        weir_sql_put_name(sql, "t.", position);
        weir_buf_puts(sql, " is not distinct from s._weir_old and ");
        weir_sql_put_name(sql, "t.", weir_table_key_column(w->t, 0)->name);
        weir_buf_puts(sql, " is not null)::text,");
    }
    if (position && op != WEIR_TABLE_DELETE) {
        weir_sql_put_name(sql, "count(*) filter (where t.", position);
        weir_buf_puts(sql, " is not distinct from s._weir_new)::text");
    } else {
        weir_buf_puts(sql, "0::text");
    }
    weir_buf_printf(sql, " from %s s left join %s t on ", w->stage, w->t->quoted);
    put_same_key(w, sql);
    if (soft) {
        weir_sql_put_name(sql, " and t.", soft);
        weir_buf_puts(sql, " is null");
    }
    weir_buf_printf(sql, " where s._weir_op='%c'", "iupd"[op]);
}

/* A trigger, or a policy, can leave a row out without a word, which looks as if another process had
 * been there; or put it into another table that this one is made of. */
static weir_status explain_short(writing *w, weir_table_op op, bool *moved, weir_error *err)
{
    PGresult *r;
    put_short(w, op);
    const char *sql = weir_buf_str(&w->p->sql);
    weir_status st =
        w->p->sql.failed ? weir_fail_oom(err) : weir_pg_ask(w->p, w->t, sql, 0, NULL, &r, err);
    if (st) {
        return st;
    }
    unsigned long long left = strtoull(PQgetvalue(r, 0, 0), NULL, 10),
                       done = strtoull(PQgetvalue(r, 0, 1), NULL, 10);
    PQclear(r);
    *moved |= !left && done != w->counts[op];
    if (left && op == WEIR_TABLE_DELETE) {
        return weir_fail(err, WEIR_E_TABLE_SCHEMA,
            "table %s: a trigger or a policy has kept %llu rows from being deleted", w->t->quoted,
            left);
    }
    return left ? weir_fail(err, WEIR_E_TABLE_REFUSED,
                      "table %s: a trigger or a policy has left the row out without a word",
                      w->t->quoted)
                : WEIR_OK;
}

static weir_status expect_count(writing *w, weir_table_op op, bool *moved, weir_error *err)
{
    uint64_t rows = 0;
    weir_status st = do_sql(w, &rows, err);
    bool cascaded = op == WEIR_TABLE_DELETE && w->t->rule->by_transaction && rows < w->counts[op];
    if (st || rows == w->counts[op] || cascaded) { /* a parent's delete took it, and nobody else
                                                    * writes here */
        return st;
    }
    return explain_short(w, op, moved, err);
}

static void put_guard(writing *w, char op)
{
    weir_buf *sql = &w->p->sql;
    weir_buf_printf(sql, " where s._weir_op='%c' and ", op);
    put_same_key(w, sql);
    if (w->t->rule->position_column) { /* else the state table's row is guarded */
        weir_buf_puts(sql, " and t.");
        put_name(sql, w->t->rule->position_column);
        weir_buf_puts(sql, " is not distinct from s._weir_old");
    }
    if (w->t->rule->soft_delete) {
        weir_buf_puts(sql, " and t.");
        put_name(sql, w->t->rule->soft_delete);
        weir_buf_puts(sql, " is null");
    }
}

void weir_pg_put_death(weir_buf *to, const weir_table *t)
{
    put_name(to, t->rule->soft_delete);
    weir_buf_puts(to, "=now()");
    if (t->rule->position_column) {
        weir_buf_puts(to, ", ");
        put_name(to, t->rule->position_column);
        weir_buf_puts(to, "=null");
    }
}

static weir_status delete_rows(writing *w, bool *moved, weir_error *err)
{
    weir_buf *sql = &w->p->sql;
    weir_buf_clear(sql);
    if (w->t->rule->soft_delete) {
        weir_buf_printf(sql, "update %s t set ", w->t->quoted);
        weir_pg_put_death(sql, w->t);
        weir_buf_printf(sql, " from %s s", w->stage);
    } else {
        weir_buf_printf(sql, "delete from %s t using %s s", w->t->quoted, w->stage);
    }
    put_guard(w, 'd');
    return expect_count(w, WEIR_TABLE_DELETE, moved, err);
}

/* "column=s.column", and what is to come before the next one. */
static void put_setting(weir_buf *sql, const char **before, const char *to, const char *from)
{
    weir_buf_puts(sql, *before);
    put_name(sql, to);
    weir_buf_puts(sql, "=");
    weir_buf_puts(sql, from);
    *before = ",";
}

static weir_status update_rows(writing *w, weir_table_op op, bool *moved, weir_error *err)
{
    weir_buf *sql = &w->p->sql;
    const char *before = "", *first = weir_table_key_column(w->t, 0)->name;
    weir_buf_clear(sql);
    weir_buf_printf(sql, "update %s t set ", w->t->quoted);
    if (w->t->rule->position_column) {
        put_setting(sql, &before, w->t->rule->position_column, "s._weir_new");
    }
    for (size_t i = 0; op == WEIR_TABLE_UPDATE && i < w->signature->n_members; i++) {
        if (is_written(w, i)) {
            const char *name = w->t->columns[w->signature->columns[i]].name;
            put_setting(sql, &before, name, "s.");
            put_name(sql, name);
        }
    }
    if (!*before) { /* a row of nothing but its key */
        put_setting(sql, &before, first, "s.");
        put_name(sql, first);
    }
    weir_buf_printf(sql, " from %s s", w->stage);
    put_guard(w, op == WEIR_TABLE_UPDATE ? 'u' : 'p');
    return expect_count(w, op, moved, err);
}

void weir_pg_put_revival(weir_buf *sql, const weir_table *t, const weir_signature *g)
{
    weir_buf_puts(sql, "update set ");
    put_name(sql, t->rule->soft_delete);
    weir_buf_puts(sql, "=null");
    const char *before = ",", *position = t->rule->position_column;
    if (position) {
        put_setting(sql, &before, position, "excluded.");
        put_name(sql, position);
    }
    for (size_t i = 0; g && i < g->n_members; i++) {
        if (weir_pg_is_written(t, g, i)) {
            const char *name = t->columns[g->columns[i]].name;
            put_setting(sql, &before, name, "excluded.");
            put_name(sql, name);
        }
    }
    weir_buf_puts(sql, " where t.");
    put_name(sql, t->rule->soft_delete);
    weir_buf_puts(sql, " is not null");
}

static weir_status insert_rows(writing *w, bool *moved, weir_error *err)
{
    weir_buf *sql = &w->p->sql;
    weir_buf_clear(sql);
    weir_buf_printf(sql, "insert into %s as t (", w->t->quoted);
    put_columns(w, sql, "");
    if (w->t->rule->position_column) {
        weir_buf_puts(sql, ",");
        put_name(sql, w->t->rule->position_column);
    }
    weir_buf_puts(sql, ") overriding system value select ");
    put_columns(w, sql, "s.");
    weir_buf_puts(sql, w->t->rule->position_column ? ",s._weir_new" : "");
    weir_buf_printf(sql, " from %s s where s._weir_op='i' order by ", w->stage);
    for (size_t i = 0; i < w->t->n_key; i++) {
        weir_buf_puts(sql, i ? "," : "");
        put_name(sql, weir_table_key_column(w->t, i)->name);
    }
    weir_buf_puts(sql, " on conflict (");
    for (size_t i = 0; i < w->t->n_key; i++) {
        weir_buf_puts(sql, i ? "," : "");
        put_name(sql, weir_table_key_column(w->t, i)->name);
    }
    weir_buf_puts(sql, ") do ");
    if (w->t->rule->soft_delete) {
        weir_pg_put_revival(sql, w->t, w->signature);
    } else {
        weir_buf_puts(sql, "nothing");
    }
    return expect_count(w, WEIR_TABLE_INSERT, moved, err);
}

/* The changes of one signature; of none: those that touch no other column. */
static weir_status write_group(writing *w, bool *moved, weir_error *err)
{
    memset(w->counts, 0, sizeof w->counts);
    size_t all = 0;
    for (size_t i = 0; i < w->n; i++) {
        w->counts[w->changes[i].op] += is_of(w, &w->changes[i]);
        all += is_of(w, &w->changes[i]);
    }
    const weir_pg_table *d = weir_pg_table_of(w->p, w->t);
    if (!all || !d) {
        return all ? weir_fail_oom(err) : WEIR_OK;
    }
    if (w->signature) {
        snprintf(
            w->stage, sizeof w->stage, "pg_temp.weir_stage_%u_%u", d->id, w->signature->number);
    } else {
        snprintf(w->stage, sizeof w->stage, "pg_temp.weir_stage_%u_keys", d->id);
    }
    weir_status st = make_stage(w, err);
    if (!st && w->counts[WEIR_TABLE_DELETE]) {
        st = delete_rows(w, moved, err);
    }
    if (!st && !*moved && w->counts[WEIR_TABLE_POSITION]) {
        st = update_rows(w, WEIR_TABLE_POSITION, moved, err);
    }
    if (!st && !*moved && w->counts[WEIR_TABLE_UPDATE]) {
        st = update_rows(w, WEIR_TABLE_UPDATE, moved, err);
    }
    if (!st && !*moved && w->counts[WEIR_TABLE_INSERT]) {
        st = insert_rows(w, moved, err);
    }
    return st;
}

weir_status weir_pg_write(void *self, weir_table *t, const weir_table_change *changes, size_t n,
    bool *moved, weir_error *err)
{
    writing w = {.p = self, .t = t, .changes = changes, .n = n};
    if (weir_pg_may_go_ahead(self, t, changes, n)) {
        return weir_pg_write_ahead(self, t, changes, n, err);
    }
    weir_status st = weir_pg_still(self, t, false, err);
    if (!st && is_direct(&w)) {
        return copy_direct(&w, moved, err);
    }
    st = st ? st : write_group(&w, moved, err);
    for (size_t i = 0; i < t->n_signatures && !st && !*moved; i++) {
        w.signature = t->signatures[i];
        st = write_group(&w, moved, err);
    }
    return st;
}
