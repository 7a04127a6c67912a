/* Sessions of handlers with PostgreSQL. See postgres_tx.h; the tables and the relay's side are in
 * postgres_outbox.c.
 *
 * Invariants
 *  1. A connection that was lost is given up with its transaction; the next begin dials anew.
 *  2. What a handler has changed of the connection is taken back before the next statement of
 *     weir's own, and at the end of the transaction (postgres_loan.c).
 *  3. Behind a commit that was not answered nobody knows: it is a HOLD, and the inbox row tells. */
#include "postgres/postgres_tx_inside.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

enum { MOST_VALUES = 64, DIGITS = 24, BYTEA_OID = 17 };

/* ---- Failures -----------------------------------------------------------------------------------
 */

/* By SQLSTATE: whole classes by their two letters; the first that fits counts. */
static const struct {
    const char *state;
    weir_code code;
} meanings[] = {
    {"08", WEIR_E_SQL_UNREACHABLE},
    {"25006", WEIR_E_SQL_UNREACHABLE}, /* read only */
    {"53", WEIR_E_SQL_UNREACHABLE},
    {"57014", WEIR_E_SQL_CONFLICT}, /* statement_timeout */
    {"57", WEIR_E_SQL_UNREACHABLE},
    {"58", WEIR_E_SQL_UNREACHABLE},
    {"55P03", WEIR_E_SQL_CONFLICT}, /* lock_timeout */
    {"55000", WEIR_E_SQL_STATEMENT},
    {"55", WEIR_E_SQL_UNREACHABLE},
    {"40", WEIR_E_SQL_CONFLICT},
    {"21", WEIR_E_SQL_REFUSED}, /* more rows than one */
    {"22", WEIR_E_SQL_REFUSED},
    {"23", WEIR_E_SQL_REFUSED},
    {"44", WEIR_E_SQL_REFUSED}, /* with check option */
    {"54", WEIR_E_SQL_REFUSED}, /* too long for an index, too deep, … */
    {"P0", WEIR_E_SQL_REFUSED}, /* raised by a trigger or function */
    {"XX001", WEIR_E_DATABASE_BROKEN},
    {"XX002", WEIR_E_DATABASE_BROKEN},
    {"XX", WEIR_E_SQL_UNREACHABLE},
};

static weir_code meaning_of(const char *state)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (strncmp(state, meanings[i].state, strlen(meanings[i].state)) == 0) {
            return meanings[i].code;
        }
    }
    return WEIR_E_SQL_STATEMENT;
}

void weir_pg_forget_prepared(weir_pg_session *s)
{
    while (s->n_prepared) {
        weir_free(s->prepared[--s->n_prepared]);
    }
}

void weir_pg_drop(weir_pg_session *s)
{
    PQfinish(s->conn);
    s->conn = NULL;
    s->leads = false;
    weir_pg_forget_prepared(s);
}

static weir_status fail(weir_pg_session *s, const PGresult *r, weir_error *err)
{
    weir_error own, why;
    err = err ? err : &own;
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    weir_pg_fail(s->conn, r, NULL, &why);
    bool lost = !state || PQstatus(s->conn) == CONNECTION_BAD;
    weir_fail(err, lost ? WEIR_E_SQL_UNREACHABLE : meaning_of(state), "%s", why.text);
    const weir_sql_options *o = &s->d->options.sql;
    for (size_t i = 0; !lost && s->lent && i < o->n_classes; i++) {
        if (strncmp(state, o->classes[i].state, strlen(o->classes[i].state)) == 0) {
            return err->status = o->classes[i].status;
        }
    }
    return err->status;
}

/* ---- Connections --------------------------------------------------------------------------------
 */

/* Outside of a transaction a connection that is gone is made anew. */
static weir_status connect(weir_pg_session *s, weir_error *err)
{
    if (s->conn && PQstatus(s->conn) == CONNECTION_BAD && !s->in_transaction) {
        weir_pg_drop(s);
    }
    if (s->conn) {
        return WEIR_OK;
    }
    if (s->in_transaction) {
        return weir_fail(err, WEIR_E_SQL_UNREACHABLE, "the connection is gone");
    }
    weir_error why;
    weir_status st = weir_pg_connect(&s->d->dialer, &s->conn, &why);
    if (st == WEIR_HOLD) {
        return weir_fail(err, WEIR_E_SQL_UNREACHABLE, "%s", why.text);
    }
    if (st && err) {
        *err = why;
    }
    return st;
}

/* ---- Values -------------------------------------------------------------------------------------
 */

typedef struct parameters {
    int n;
    Oid types[MOST_VALUES];
    const char *values[MOST_VALUES];
    int lengths[MOST_VALUES], formats[MOST_VALUES];
    char digits[MOST_VALUES][DIGITS];
} parameters;

static bool is_null(const weir_field *f)
{
    return f->kind == WEIR_FIELD_NULL ||
           (!f->text.ptr && f->kind != WEIR_FIELD_INT && f->kind != WEIR_FIELD_BOOL);
}

/* A text with its end; all of them are in one buffer, which must not move while they are added. */
static const char *keep_text(weir_buf *texts, weir_view v)
{
    const char *at = texts->ptr + texts->len;
    weir_buf_putv(texts, v);
    weir_buf_putc(texts, '\0');
    return at;
}

static void put_value(weir_pg_session *s, parameters *p, const weir_field *f)
{
    int i = p->n++;
    p->types[i] = 0;
    p->lengths[i] = p->formats[i] = 0;
    p->values[i] = NULL;
    if (is_null(f)) {
        p->types[i] = f->kind == WEIR_FIELD_BYTES ? BYTEA_OID : 0;
    } else if (f->kind == WEIR_FIELD_INT) {
        snprintf(p->digits[i], DIGITS, "%lld", (long long)f->number);
        p->values[i] = p->digits[i];
    } else if (f->kind == WEIR_FIELD_BOOL) {
        p->values[i] = f->number ? "true" : "false";
    } else if (f->kind == WEIR_FIELD_BYTES) {
        p->types[i] = BYTEA_OID;
        p->values[i] = f->text.ptr;
        p->lengths[i] = (int)f->text.len;
        p->formats[i] = 1;
    } else {
        p->values[i] = keep_text(&s->texts, f->text);
    }
}

static weir_status take_values(
    weir_pg_session *s, const weir_field *values, parameters *p, weir_error *err)
{
    size_t n = 0, bytes = 0;
    for (; values && values[n].kind; n++) {
        bool text = values[n].kind == WEIR_FIELD_TEXT || values[n].kind == WEIR_FIELD_NUMBER ||
                    values[n].kind == WEIR_FIELD_JSON;
        if (text && values[n].text.ptr && memchr(values[n].text.ptr, '\0', values[n].text.len)) {
            return weir_fail(
                err, WEIR_E_SQL_REFUSED, "$%zu has a NUL, which no text may have", n + 1);
        }
        bytes += values[n].text.len + 1;
    }
    if (n > MOST_VALUES) {
        return weir_fail(
            err, WEIR_E_SQL_STATEMENT, "a statement has %d values at most", MOST_VALUES);
    }
    weir_buf_clear(&s->texts);
    if (!weir_buf_reserve(&s->texts, bytes + 1)) {
        return weir_fail_oom(err);
    }
    p->n = 0;
    for (size_t i = 0; i < n; i++) {
        put_value(s, p, &values[i]);
    }
    return WEIR_OK;
}

/* ---- Statements ---------------------------------------------------------------------------------
 */

static weir_status take_answer(
    weir_pg_session *s, const PGresult *r, weir_sql_answer *answer, weir_error *err)
{
    bool reads = strncmp(PQcmdStatus((PGresult *)(uintptr_t)r), "SELECT", 6) == 0;
    if (answer) {
        const char *rows = PQcmdTuples((PGresult *)(uintptr_t)r);
        answer->affected = reads ? 0 : strtoull(rows, NULL, 10);
    }
    return answer && answer->row ? weir_pg_give_rows(s, r, answer, err) : WEIR_OK;
}

static weir_status fail_ended(weir_error *err)
{
    return weir_fail(err, WEIR_E_SQL_STATEMENT, "a handler has ended its transaction");
}

/* A handler that ends the transaction takes its inbox row out of it. */
static weir_status still_inside(weir_pg_session *s, weir_error *err)
{
    PGTransactionStatusType t = s->conn ? PQtransactionStatus(s->conn) : PQTRANS_UNKNOWN;
    return !s->lent || t == PQTRANS_INTRANS || t == PQTRANS_INERROR ? WEIR_OK : fail_ended(err);
}

/* Which of the prepared statements it is; -1: none. */
static int find_prepared(const weir_pg_session *s, const char *sql)
{
    for (unsigned i = 0; i < s->n_prepared; i++) {
        if (strcmp(s->prepared[i], sql) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* Weir's own statements with values are few, are run for each record, and are of tables that nobody
 * else alters: they are prepared. A handler's are not: one that reads all columns of a table would
 * fail once the table is altered. */
static bool may_prepare(const weir_pg_session *s, const parameters *p)
{
    return !s->lent && s->in_transaction && p->n && s->n_prepared < WEIR_PG_PREPARED;
}

/* NULL: it is prepared, under the next number, or there is no memory for that; else why not. */
static PGresult *prepare(weir_pg_session *s, const char *sql, const parameters *p)
{
    char name[16], *copy = weir_alloc(strlen(sql) + 1);
    if (!copy) {
        return NULL;
    }
    memcpy(copy, sql, strlen(sql) + 1);
    snprintf(name, sizeof name, "weir_%u", s->n_prepared);
    PGresult *r = PQprepare(s->conn, name, sql, p->n, p->types);
    if (PQresultStatus(r) != PGRES_COMMAND_OK) {
        weir_free(copy);
        return r;
    }
    PQclear(r);
    s->prepared[s->n_prepared++] = copy;
    return NULL;
}

static PGresult *run(weir_pg_session *s, const char *sql, const parameters *p)
{
    char name[16];
    int number = s->lent ? -1 : find_prepared(s, sql);
    if (number < 0 && may_prepare(s, p)) {
        PGresult *failed = prepare(s, sql, p);
        if (failed) {
            return failed;
        }
        number = find_prepared(s, sql);
    }
    if (number < 0) {
        return PQexecParams(s->conn, sql, p->n, p->types, p->values, p->lengths, p->formats, 0);
    }
    snprintf(name, sizeof name, "weir_%d", number);
    return PQexecPrepared(s->conn, name, p->n, p->values, p->lengths, p->formats, 0);
}

/* A handler's query, row by row, so that an answer that is larger than it may be is not kept. What
 * nobody wants any more is read all the same: the connection is needed. Returns the last result. */
static PGresult *stream(weir_pg_session *s, const char *sql, const parameters *p,
    weir_sql_answer *answer, weir_status *st, weir_error *err)
{
    weir_sql_answer rows = *answer;
    PGresult *r, *last = NULL;
    *st = WEIR_OK;
    if (!PQsendQueryParams(s->conn, sql, p->n, p->types, p->values, p->lengths, p->formats, 0)) {
        return NULL;
    }
    (void)PQsetSingleRowMode(s->conn);
    while ((r = PQgetResult(s->conn))) {
        if (PQresultStatus(r) == PGRES_SINGLE_TUPLE) {
            *st = *st ? *st : rows.row ? weir_pg_give_rows(s, r, &rows, err) : WEIR_OK;
        }
        PQclear(last);
        last = r;
        if (PQresultStatus(r) == PGRES_COPY_IN || PQresultStatus(r) == PGRES_COPY_OUT) {
            break; /* it never ends by itself */
        }
    }
    return last;
}

static weir_status pg_exec(
    void *self, const char *sql, const weir_field *values, weir_sql_answer *answer, weir_error *err)
{
    weir_pg_session *s = self;
    parameters p;
    weir_status st = connect(s, err);
    st = st ? st : weir_pg_restore(s, err);
    st = st ? st : take_values(s, values, &p, err);
    if (st) {
        return st;
    }
    s->handled |= s->lent; /* whatever comes of it: a lock of the session outlives a failure */
    bool streams = s->lent && answer && answer->row;
    PGresult *r = streams ? stream(s, sql, &p, answer, &st, err) : run(s, sql, &p);
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        weir_pg_note(s, r, sql);
        st = st ? st : take_answer(s, r, answer, err);
        st = st ? st : still_inside(s, err);
    } else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
        st = weir_fail(err, WEIR_E_SQL_STATEMENT, "COPY is for the connection itself");
        weir_pg_drop(s);
    } else {
        st = fail(s, r, err);
    }
    PQclear(r);
    return st;
}

/* ---- Transactions -------------------------------------------------------------------------------
 */

/* A connection that is not out of its transaction by now, or spoilt, is given up; the server ends
 * what is left. */
static void end_transaction(weir_pg_session *s)
{
    s->in_transaction = false;
    if (s->conn && (s->spoilt || PQtransactionStatus(s->conn) != PQTRANS_IDLE)) {
        weir_pg_drop(s);
    }
    s->spoilt = false;
}

static weir_status pg_begin(void *self, weir_error *err)
{
    weir_pg_session *s = self;
    weir_status st = pg_exec(s, "begin", NULL, NULL, err);
    s->in_transaction = true;
    s->handled = s->strays = s->native = s->prepares = false;
    if (st) {
        end_transaction(s);
    }
    return st;
}

static void pg_rollback(void *self)
{
    weir_pg_session *s = self;
    if (s->in_transaction && s->conn) {
        PQclear(weir_pg_end(s, "rollback"));
    }
    end_transaction(s);
}

static bool take_name(void *ctx, const weir_field *cells, size_t n)
{
    (void)n;
    snprintf(ctx, 128, "%.*s", WEIR_ARG(cells[0].text));
    return false;
}

/* A write leaves a lock on its table until the transaction ends, by whatever way it came: a
 * statement, a function, a trigger, COPY. */
static weir_status check_copies(weir_pg_session *s, weir_error *err)
{
    char name[128] = "";
    weir_sql_answer answer = {.row = take_name, .ctx = name};
    if (!s->handled || !s->d->copies_sql.len) {
        return WEIR_OK;
    }
    weir_status st = pg_exec(s, s->d->copies_sql.ptr, NULL, &answer, err);
    return st || !*name ? st
                        : weir_fail(err, WEIR_E_SQL_COPY, "a handler may not write to %s", name);
}

static weir_status run_commit(weir_pg_session *s, weir_error *err)
{
    PGresult *r = weir_pg_end(s, "commit");
    weir_status st = WEIR_OK;
    if (PQresultStatus(r) != PGRES_COMMAND_OK) {
        st = fail(s, r, err);
    } else if (strcmp(PQcmdStatus(r), "COMMIT") != 0) {
        st = weir_fail(err, WEIR_E_SQL_CONFLICT, "PostgreSQL has rolled the transaction back");
    }
    PQclear(r);
    return st;
}

static weir_status pg_commit(void *self, weir_error *err)
{
    weir_pg_session *s = self;
    weir_status st = connect(s, err);
    if (!st && PQtransactionStatus(s->conn) == PQTRANS_IDLE) {
        st = fail_ended(err); /* by the connection itself; a commit of nothing would be good */
    }
    st = st ? st : check_copies(s, err);
    if (st) {
        pg_rollback(s);
        return st;
    }
    st = run_commit(s, err);
    if (st && s->spoilt && PQtransactionStatus(s->conn) == PQTRANS_IDLE) {
        PQclear(weir_pg_end(s, "rollback")); /* for what it takes back */
    }
    end_transaction(s);
    return st;
}

static void pg_lend(void *self, bool to_handler)
{
    ((weir_pg_session *)self)->lent = to_handler;
}

static void *pg_native(void *self, const char *kind)
{
    weir_pg_session *s = self;
    s->handled = s->strays = s->native = true; /* who knows */
    return strcmp(kind, "postgres") == 0 ? s->conn : NULL;
}

static void pg_close(void *self)
{
    weir_pg_session *s = self;
    weir_pg_drop(s);
    weir_buf_fini(&s->texts);
    weir_buf_fini(&s->bytes);
    weir_free(s);
}

static const weir_sql_session_ops session_ops = {
    .begin = pg_begin,
    .exec = pg_exec,
    .commit = pg_commit,
    .rollback = pg_rollback,
    .lend = pg_lend,
    .native = pg_native,
    .close = pg_close,
};

/* ---- The database -------------------------------------------------------------------------------
 */

static weir_status pg_session(void *self, weir_sql_session *out, weir_error *err)
{
    weir_pg_session *s = weir_calloc(1, sizeof *s);
    if (!s) {
        return weir_fail_oom(err);
    }
    s->d = self;
    *out = (weir_sql_session){&session_ops, s};
    return WEIR_OK;
}

static void pg_close_database(void *self)
{
    weir_pg_database *d = self;
    weir_buf_fini(&d->copies_sql);
    weir_free(d);
}

static const weir_sql_database_ops database_ops = {
    .session = pg_session,
    .make_tables = weir_pg_make_tables,
    .lock_migrations = weir_pg_lock_migrations,
    .lead = weir_pg_lead,
    .horizon = weir_pg_horizon,
    .sent_up_to = weir_pg_sent_up_to,
    .forget = weir_pg_forget,
    .tend = weir_pg_tend,
    .close = pg_close_database,
};

static bool ask_for_copies(weir_pg_database *d)
{
    const weir_sql_options *o = &d->options.sql;
    weir_buf *b = &d->copies_sql;
    if (!o->n_copies) {
        return true;
    }
    weir_buf_puts(b, "select relation::regclass::text from pg_locks where pid = pg_backend_pid() "
                     "and locktype = 'relation' and mode not in ('AccessShareLock', "
                     "'RowShareLock') and relation in (");
    for (size_t i = 0; i < o->n_copies; i++) {
        weir_buf_puts(b, i ? ", to_regclass(" : "to_regclass(");
        weir_sql_literal(b, weir_view_of(o->copies[i]));
        weir_buf_putc(b, ')');
    }
    weir_buf_puts(b, ")");
    (void)weir_buf_str(b);
    return !b->failed;
}

weir_status weir_postgres_tx_open(
    const weir_postgres_tx_options *options, weir_sql_database *out, weir_error *err)
{
    weir_pg_database *d = weir_calloc(1, sizeof *d);
    *out = (weir_sql_database){.ops = NULL};
    if (!d) {
        return weir_fail_oom(err);
    }
    d->options = *options;
    d->dialer.options.conninfo = options->conninfo;
    d->dialer.options.password = options->password;
    if (!ask_for_copies(d)) {
        pg_close_database(d);
        return weir_fail_oom(err);
    }
    *out = (weir_sql_database){&database_ops, d};
    return WEIR_OK;
}
