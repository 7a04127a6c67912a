/* Transactions of handlers in SQLite. See sqlite_tx.h.
 *
 * Invariants
 *  1. Who writes holds `writer`, from the begin to the commit or rollback.
 *  2. A statement that was prepared as a handler's is never run as weir's own, nor the other way:
 *     the authorizer looks when it is prepared. Who uses the connection itself (native) is a
 *     handler. */
#include "sqlite/sqlite_tx_inside.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cdc/column_kind.h"
#include "value/utf8.h"

/* For another process's transaction. It is the lane's thread that waits, and those of the others in
 * turn behind it: longer, and they would be taken for stuck instead of held. */
enum { BUSY_MS = 1000 };

/* ---- Failures -----------------------------------------------------------------------------------
 */

static const struct {
    int code;
    const char *name;
} code_names[] = {
    {SQLITE_CONSTRAINT_UNIQUE, "SQLITE_CONSTRAINT_UNIQUE"},
    {SQLITE_CONSTRAINT_PRIMARYKEY, "SQLITE_CONSTRAINT_PRIMARYKEY"},
    {SQLITE_CONSTRAINT_ROWID, "SQLITE_CONSTRAINT_ROWID"},
    {SQLITE_CONSTRAINT_FOREIGNKEY, "SQLITE_CONSTRAINT_FOREIGNKEY"},
    {SQLITE_CONSTRAINT_CHECK, "SQLITE_CONSTRAINT_CHECK"},
    {SQLITE_CONSTRAINT_NOTNULL, "SQLITE_CONSTRAINT_NOTNULL"},
    {SQLITE_CONSTRAINT_TRIGGER, "SQLITE_CONSTRAINT_TRIGGER"},
    {SQLITE_CONSTRAINT, "SQLITE_CONSTRAINT"},
    {SQLITE_MISMATCH, "SQLITE_MISMATCH"},
    {SQLITE_TOOBIG, "SQLITE_TOOBIG"},
    {SQLITE_BUSY, "SQLITE_BUSY"},
    {SQLITE_LOCKED, "SQLITE_LOCKED"},
    {SQLITE_FULL, "SQLITE_FULL"},
    {SQLITE_IOERR, "SQLITE_IOERR"},
    {SQLITE_READONLY, "SQLITE_READONLY"},
    {SQLITE_ERROR, "SQLITE_ERROR"},
};

static const char *name_of(int rc)
{
    for (size_t i = 0; i < sizeof code_names / sizeof *code_names; i++) {
        if (code_names[i].code == rc || code_names[i].code == (rc & 0xff)) {
            return code_names[i].name;
        }
    }
    return "SQLITE_ERROR";
}

static weir_status fail(const weir_lite_session *s, int rc, weir_error *err)
{
    static const weir_code codes[] = {[WEIR_SQLITE_DEPENDS] = WEIR_E_SQL_REFUSED,
        [WEIR_SQLITE_REFUSED] = WEIR_E_SQL_REFUSED,
        [WEIR_SQLITE_FULL] = WEIR_E_SQL_UNREACHABLE,
        [WEIR_SQLITE_AWAY] = WEIR_E_SQL_UNREACHABLE,
        [WEIR_SQLITE_BROKEN] = WEIR_E_DATABASE_BROKEN,
        [WEIR_SQLITE_MEMORY] = WEIR_E_OUT_OF_MEMORY,
        [WEIR_SQLITE_STATEMENT] = WEIR_E_SQL_STATEMENT};
    weir_error own;
    err = err ? err : &own;
    int code = weir_sqlite_extended(s->db, rc);
    if (s->denied[0]) {
        return weir_fail(err, WEIR_E_SQL_COPY, "a handler may not write to %s", s->denied);
    }
    const char *name = name_of(code), *why = s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc);
    if ((code & 0xff) == SQLITE_AUTH) {
        return weir_fail(err, WEIR_E_SQL_STATEMENT,
            "SQLite: %s (SQLITE_AUTH): weir begins and ends the transaction, and a handler's SQL "
            "does neither, nor attach a database",
            why);
    }
    const char *file = weir_sqlite_file(s->db, code);
    weir_fail(err, codes[weir_sqlite_class_of(code)], "%.100s%sSQLite: %s (%s)", file,
        *file ? ": " : "", why, name);
    const weir_sql_options *o = &s->d->options.sql;
    for (size_t i = 0; s->lent && i < o->n_classes; i++) {
        if (strcmp(o->classes[i].state, name) == 0) {
            return err->status = o->classes[i].status;
        }
    }
    return err->status;
}

/* ---- Who may write what -------------------------------------------------------------------------
 */

static bool is_one_of(const char *table, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (names[i] && sqlite3_stricmp(table, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_protected(const weir_lite_database *d, const char *table)
{
    const weir_sql_options *o = &d->options.sql;
    const char *own[] = {o->inbox, o->outbox, o->migrations};
    return is_one_of(table, own, 3) || is_one_of(table, o->copies, o->n_copies);
}

static int authorize(void *ctx, int action, const char *first, const char *second, const char *db,
    const char *trigger)
{
    weir_lite_session *s = ctx;
    (void)db, (void)trigger;
    if (s->own) {
        return SQLITE_OK;
    }
    if (action == SQLITE_TRANSACTION || action == SQLITE_SAVEPOINT || action == SQLITE_ATTACH) {
        return SQLITE_DENY;
    }
    const char *table = action == SQLITE_ALTER_TABLE ? second : first;
    bool writes = action == SQLITE_INSERT || action == SQLITE_UPDATE || action == SQLITE_DELETE ||
                  action == SQLITE_DROP_TABLE || action == SQLITE_ALTER_TABLE;
    if (writes && table && is_protected(s->d, table)) {
        snprintf(s->denied, sizeof s->denied, "%s", table);
        return SQLITE_DENY;
    }
    return SQLITE_OK;
}

/* ---- Connections --------------------------------------------------------------------------------
 */

static weir_status set_up(weir_lite_session *s, weir_error *err)
{
    const char *sync = s->d->options.sync_each_commit ? "pragma synchronous = full"
                                                      : "pragma synchronous = normal";
    const char *sql[] = {"pragma journal_mode = wal", sync, "pragma foreign_keys = on"};
    int rc = SQLITE_OK;
    for (size_t i = s->d->options.path ? 0 : 2; i < sizeof sql / sizeof *sql && !rc; i++) {
        rc = sqlite3_exec(s->db, sql[i], NULL, NULL, NULL);
    }
    return rc ? fail(s, rc, err) : WEIR_OK;
}

static int open_uri(const weir_lite_database *d, sqlite3 **out)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
    return d->options.path ? sqlite3_open_v2(d->options.path, out, flags, NULL)
                           : sqlite3_open_v2(d->uri.ptr, out, flags | SQLITE_OPEN_URI, NULL);
}

static void drop_connection(weir_lite_session *s)
{
    for (size_t i = 0; i < WEIR_LITE_STATEMENTS; i++) {
        sqlite3_finalize(s->kept[i].s);
        weir_free(s->kept[i].sql);
        s->kept[i] = (weir_lite_statement){.s = NULL};
    }
    sqlite3_close(s->db);
    s->db = NULL;
}

static weir_status connect(weir_lite_session *s, weir_error *err)
{
    if (s->db) {
        return WEIR_OK;
    }
    s->denied[0] = '\0';
    s->own = false;
    int rc = open_uri(s->d, &s->db);
    weir_status st = rc ? fail(s, rc, err) : WEIR_OK;
    if (!st) {
        sqlite3_extended_result_codes(s->db, 1);
        sqlite3_busy_timeout(s->db, BUSY_MS);
        st = set_up(s, err);
    }
    if (st) {
        drop_connection(s);
        return st;
    }
    sqlite3_set_authorizer(s->db, authorize, s);
    return WEIR_OK;
}

/* ---- Statements ---------------------------------------------------------------------------------
 */

static weir_status prepare(
    weir_lite_session *s, const char *sql, sqlite3_stmt **out, weir_error *err)
{
    for (size_t i = 0; i < WEIR_LITE_STATEMENTS; i++) {
        const weir_lite_statement *k = &s->kept[i];
        if (k->s && k->lent == s->lent && strcmp(k->sql, sql) == 0) {
            *out = k->s;
            return WEIR_OK;
        }
    }
    weir_lite_statement *k = &s->kept[s->next_kept++ % WEIR_LITE_STATEMENTS];
    sqlite3_finalize(k->s);
    weir_free(k->sql);
    *k = (weir_lite_statement){.sql = weir_alloc(strlen(sql) + 1), .lent = s->lent};
    if (!k->sql) {
        return weir_fail_oom(err);
    }
    memcpy(k->sql, sql, strlen(sql) + 1);
    const char *rest = NULL;
    int rc = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &k->s, &rest);
    if (rc) {
        return fail(s, rc, err);
    }
    bool more = rest && rest[strspn(rest, " \t\r\n;")];
    *out = k->s;
    if (!k->s || more) {
        sqlite3_finalize(k->s);
        k->s = NULL;
        return weir_fail(err, WEIR_E_SQL_STATEMENT,
            more ? "one statement at a time: %.100s" : "there is no statement: %.100s", sql);
    }
    return WEIR_OK;
}

static int bind_one(sqlite3_stmt *stmt, int at, const weir_field *f)
{
    bool null = f->kind == WEIR_FIELD_NULL ||
                (!f->text.ptr && f->kind != WEIR_FIELD_INT && f->kind != WEIR_FIELD_BOOL);
    if (null) {
        return sqlite3_bind_null(stmt, at);
    }
    if (f->kind == WEIR_FIELD_INT || f->kind == WEIR_FIELD_BOOL) {
        return sqlite3_bind_int64(stmt, at, f->number);
    }
    return f->kind == WEIR_FIELD_BYTES
               ? sqlite3_bind_blob64(stmt, at, f->text.ptr, f->text.len, SQLITE_STATIC)
               : sqlite3_bind_text64(
                     stmt, at, f->text.ptr, f->text.len, SQLITE_STATIC, SQLITE_UTF8);
}

/* Bytes that are no text go in as bytes. */
static bool is_bindable(const weir_field *f)
{
    return f->kind != WEIR_FIELD_TEXT || !f->text.ptr || weir_utf8_valid(f->text.ptr, f->text.len);
}

/* As strict as PostgreSQL: each value is in the statement, each $n has a value, a text is one. */
static weir_status bind(
    weir_lite_session *s, sqlite3_stmt *stmt, const weir_field *values, weir_error *err)
{
    int n = 0, rc = SQLITE_OK;
    char name[16];
    for (; values && values[n].kind && !rc; n++) {
        snprintf(name, sizeof name, "$%d", n + 1);
        int at = sqlite3_bind_parameter_index(stmt, name);
        if (!at) {
            return weir_fail(err, WEIR_E_SQL_STATEMENT, "the statement has no %s: %.100s", name,
                sqlite3_sql(stmt));
        }
        if (!is_bindable(&values[n])) {
            return weir_fail(err, WEIR_E_SQL_REFUSED, "%s is text that is no UTF-8: %.100s", name,
                sqlite3_sql(stmt));
        }
        rc = bind_one(stmt, at, &values[n]);
    }
    if (rc) {
        return fail(s, rc, err);
    }
    return sqlite3_bind_parameter_count(stmt) == n ? WEIR_OK
                                                   : weir_fail(err, WEIR_E_SQL_STATEMENT,
                                                         "there are %d values, and not as many $n: "
                                                         "%.100s",
                                                         n, sqlite3_sql(stmt));
}

/* ---- Rows ---------------------------------------------------------------------------------------
 */

static bool is_boolean(sqlite3_stmt *stmt, int column)
{
    const char *type = sqlite3_column_decltype(stmt, column);
    return type && sqlite3_strnicmp(type, "bool", 4) == 0;
}

static bool take_cell(weir_lite_session *s, sqlite3_stmt *stmt, int i)
{
    weir_field *c = &s->cells[i];
    *c = (weir_field){.name = sqlite3_column_name(stmt, i), .kind = WEIR_FIELD_NULL};
    int type = sqlite3_column_type(stmt, i);
    if (type == SQLITE_INTEGER) {
        c->number = sqlite3_column_int64(stmt, i);
        bool boolean = is_boolean(stmt, i) && (c->number == 0 || c->number == 1);
        c->kind = boolean ? WEIR_FIELD_BOOL : WEIR_FIELD_NUMBER;
        snprintf(s->numbers[i], WEIR_LITE_NUMBER, "%lld", (long long)c->number);
        c->text = weir_view_of(s->numbers[i]);
    } else if (type == SQLITE_FLOAT) {
        double x = sqlite3_column_double(stmt, i);
        weir_buf digits = {0};
        weir_float_put_double(&digits, x);
        snprintf(s->numbers[i], WEIR_LITE_NUMBER, "%s", weir_buf_str(&digits));
        c->kind = isfinite(x) ? WEIR_FIELD_NUMBER : WEIR_FIELD_TEXT;
        c->text = weir_view_of(s->numbers[i]);
        bool ok = !digits.failed;
        weir_buf_fini(&digits);
        return ok;
    } else if (type != SQLITE_NULL) {
        c->kind = type == SQLITE_BLOB ? WEIR_FIELD_BYTES : WEIR_FIELD_TEXT;
        c->text = weir_sqlite_blob(stmt, i);
    }
    return true;
}

static weir_status run(
    weir_lite_session *s, sqlite3_stmt *stmt, weir_sql_answer *answer, weir_error *err)
{
    int rc, n = sqlite3_column_count(stmt);
    if (n > WEIR_LITE_CELLS) {
        return weir_fail(err, WEIR_E_SQL_STATEMENT, "more than %d columns", WEIR_LITE_CELLS);
    }
    bool more = true;
    sqlite3_int64 before = sqlite3_total_changes64(s->db);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int i = 0; more && answer && answer->row && i < n; i++) {
            if (!take_cell(s, stmt, i)) {
                return weir_fail_oom(err);
            }
        }
        more = more && answer && answer->row && answer->row(answer->ctx, s->cells, (size_t)n);
    }
    if (answer) {
        bool wrote = sqlite3_total_changes64(s->db) != before;
        answer->affected = wrote ? (uint64_t)sqlite3_changes64(s->db) : 0;
    }
    return rc == SQLITE_DONE ? WEIR_OK : fail(s, rc, err);
}

static weir_status execute(weir_lite_session *s, const char *sql, const weir_field *values,
    weir_sql_answer *answer, weir_error *err)
{
    sqlite3_stmt *stmt = NULL;
    if (atomic_load(&s->d->failures)) {
        atomic_fetch_sub(&s->d->failures, 1);
        return weir_fail(err, WEIR_E_SQL_UNREACHABLE, "the test lets a statement fail");
    }
    weir_status st = prepare(s, sql, &stmt, err);
    st = st ? st : bind(s, stmt, values, err);
    if (st) {
        return st;
    }
    bool alone = !s->in_transaction && !sqlite3_stmt_readonly(stmt);
    if (alone) {
        pthread_mutex_lock(&s->d->writer);
    }
    st = run(s, stmt, answer, err);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    if (alone) {
        pthread_mutex_unlock(&s->d->writer);
    }
    return st;
}

static weir_status lite_exec(
    void *self, const char *sql, const weir_field *values, weir_sql_answer *answer, weir_error *err)
{
    weir_lite_session *s = self;
    weir_status st = connect(s, err);
    s->denied[0] = '\0';
    s->own = !s->lent; /* also while it runs: SQLite prepares anew what a changed table needs */
    st = st ? st : execute(s, sql, values, answer, err);
    s->own = false;
    return st;
}

/* ---- Transactions -------------------------------------------------------------------------------
 */

static void end_transaction(weir_lite_session *s)
{
    s->in_transaction = false;
    pthread_mutex_unlock(&s->d->writer);
}

static weir_status lite_begin(void *self, weir_error *err)
{
    weir_lite_session *s = self;
    weir_status st = connect(s, err);
    if (st) {
        return st;
    }
    pthread_mutex_lock(&s->d->writer);
    s->in_transaction = true;
    st = lite_exec(s, "begin immediate", NULL, NULL, err);
    if (st) {
        end_transaction(s);
    }
    return st;
}

/* Some failures have rolled it back already; a connection that cannot is given up. */
static void lite_rollback(void *self)
{
    weir_lite_session *s = self;
    if (!s->in_transaction) {
        return;
    }
    if (s->db && !sqlite3_get_autocommit(s->db)) {
        s->own = true;
        (void)sqlite3_exec(s->db, "rollback", NULL, NULL, NULL);
        s->own = false;
        if (!sqlite3_get_autocommit(s->db)) {
            drop_connection(s);
        }
    }
    end_transaction(s);
}

static weir_status lite_commit(void *self, weir_error *err)
{
    weir_lite_session *s = self;
    if (s->db && sqlite3_get_autocommit(s->db)) { /* SQLite has rolled it back: a full disk, … */
        lite_rollback(s);
        return weir_fail(err, WEIR_E_SQL_UNREACHABLE, "SQLite has rolled the transaction back");
    }
    weir_status st = lite_exec(s, "commit", NULL, NULL, err);
    if (st) {
        lite_rollback(s);
    } else {
        end_transaction(s);
    }
    return st;
}

static void lite_lend(void *self, bool to_handler)
{
    ((weir_lite_session *)self)->lent = to_handler;
}

static void *lite_native(void *self, const char *kind)
{
    return strcmp(kind, "sqlite") == 0 ? ((weir_lite_session *)self)->db : NULL;
}

static void lite_close(void *self)
{
    weir_lite_session *s = self;
    lite_rollback(s);
    drop_connection(s);
    if (s->lead_fd >= 0) {
        close(s->lead_fd);
    }
    weir_free(s);
}

static const weir_sql_session_ops session_ops = {
    .begin = lite_begin,
    .exec = lite_exec,
    .commit = lite_commit,
    .rollback = lite_rollback,
    .lend = lite_lend,
    .native = lite_native,
    .close = lite_close,
};

/* ---- The database -------------------------------------------------------------------------------
 */

static weir_status lite_session(void *self, weir_sql_session *out, weir_error *err)
{
    weir_lite_session *s = weir_calloc(1, sizeof *s);
    if (!s) {
        return weir_fail_oom(err);
    }
    s->d = self;
    s->lead_fd = -1;
    *out = (weir_sql_session){&session_ops, s};
    return WEIR_OK;
}

/* ---- Opening ------------------------------------------------------------------------------------
 */

static void lite_close_database(void *self)
{
    weir_lite_database *d = self;
    sqlite3_close(d->keeper);
    weir_buf_fini(&d->uri);
    pthread_mutex_destroy(&d->writer);
    weir_free(d);
}

static const weir_sql_database_ops database_ops = {
    .session = lite_session,
    .make_tables = weir_lite_make_tables,
    .lock_migrations = weir_lite_lock_migrations,
    .lead = weir_lite_lead,
    .horizon = weir_lite_horizon,
    .sent_up_to = weir_lite_sent_up_to,
    .forget = weir_lite_forget,
    .tend = weir_lite_tend,
    .close = lite_close_database,
};

void weir_sqlite_tx_fail(weir_sql_database *d, unsigned n)
{
    atomic_store(&((weir_lite_database *)d->self)->failures, n);
}

weir_status weir_sqlite_tx_open(
    const weir_sqlite_tx_options *options, weir_sql_database *out, weir_error *err)
{
    weir_lite_database *d = weir_calloc(1, sizeof *d);
    *out = (weir_sql_database){.ops = NULL};
    if (!d) {
        return weir_fail_oom(err);
    }
    d->options = *options;
    pthread_mutex_init(&d->writer, NULL);
    if (!options->path) { /* one that all sessions share, while one of them is open */
        weir_buf_printf(&d->uri, "file:weir-%p?mode=memory&cache=shared", (void *)d);
        (void)weir_buf_str(&d->uri);
        if (d->uri.failed || open_uri(d, &d->keeper)) {
            lite_close_database(d);
            return weir_fail_oom(err);
        }
    }
    *out = (weir_sql_database){&database_ops, d};
    return WEIR_OK;
}
