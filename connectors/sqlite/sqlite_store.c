/* Tables of SQLite: the driver of table/table.h. See sqlite_store.h.
 *
 * One connection writes, another one reads; the file is in WAL mode, so that neither waits for the
 * other. Rows go by prepared statements, one for each kind of change and order of columns, each
 * guarded by the position that was read. */
#include "sqlite/sqlite_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "table/table_key.h"
#include "sqlite/sqlite.h"
#include "value/json.h"

enum { WRITE_AT_ONCE = 16384, BUSY_MS = 5000 };

typedef struct sqlite_store {
    weir_sqlite_options options;
    char *side; /* the side table's quoted name; owned */
    int lock_fd;
    sqlite3 *db;
    weir_buf sql, row;
    sqlite3_stmt *side_get, *side_new, *side_any, *side_changed, *side_gone;
    /* Lock: reader_lock. */
    pthread_mutex_t reader_lock;
    sqlite3 *reader;
} sqlite_store;

/* The statements of one table: what t->driver is. */
typedef struct statements {
    sqlite3_stmt *fetch[2]; /* without and with rows */
    sqlite3_stmt *position, *delete;
    sqlite3_stmt **insert, **update; /* by signature */
    size_t n;
} statements;

/* ---- Opening -----------------------------------------------------------------------------------
 */

static weir_status lock_file(sqlite_store *q, weir_error *err)
{
    char name[4200];
    snprintf(name, sizeof name, "%s.lock", q->options.path);
    q->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (q->lock_fd < 0) {
        return weir_fail(err, WEIR_E_STORE_IO, "cannot open %s: %s", name, strerror(errno));
    }
    if (flock(q->lock_fd, LOCK_EX | LOCK_NB)) {
        return weir_fail(
            err, WEIR_E_STORE_LOCKED, "%s is locked: another process writes this store", name);
    }
    return WEIR_OK;
}

static weir_status open_file(const sqlite_store *q, bool read_only, sqlite3 **db, weir_error *err)
{
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int rc = sqlite3_open_v2(q->options.path, db, flags | SQLITE_OPEN_FULLMUTEX, NULL);
    if (rc) {
        weir_status st = weir_sqlite_fail(*db, rc, NULL, err);
        sqlite3_close(*db);
        *db = NULL;
        return st;
    }
    sqlite3_extended_result_codes(*db, 1);
    sqlite3_busy_timeout(*db, BUSY_MS);
    return WEIR_OK;
}

static weir_status set_up(sqlite_store *q, weir_error *err)
{
    weir_status st = weir_sqlite_do(q->db, "pragma journal_mode = wal", err);
    st = st ? st
            : weir_sqlite_do(q->db,
                  q->options.sync_each_commit ? "pragma synchronous = full"
                                              : "pragma synchronous = normal",
                  err);
    if (st) {
        return st;
    }
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql,
        "create table if not exists %s (cache text not null, space integer not null, key blob not "
        "null, value blob not null, primary key (cache, space, key)) without rowid",
        q->side);
    const char *sql = weir_buf_str(&q->sql);
    return q->sql.failed ? weir_fail_oom(err) : weir_sqlite_do(q->db, sql, err);
}

/* ---- Transactions ------------------------------------------------------------------------------
 */

static weir_status lite_begin(void *self, weir_error *err)
{
    sqlite_store *q = self;
    return weir_sqlite_do(q->db, q->options.read_only ? "begin" : "begin immediate", err);
}

static void lite_abort(void *self)
{
    sqlite_store *q = self;
    weir_error ignored;
    if (!sqlite3_get_autocommit(q->db)) {
        weir_status st = weir_sqlite_do(q->db, "rollback", &ignored);
        (void)st; /* SQLite may have rolled back by itself */
    }
}

static weir_status lite_commit(void *self, weir_error *err)
{
    sqlite_store *q = self;
    weir_status st = weir_sqlite_do(q->db, "commit", err);
    if (st) {
        lite_abort(q);
    }
    return st;
}

static weir_status lite_savepoint(void *self, weir_error *err)
{
    return weir_sqlite_do(((sqlite_store *)self)->db, "savepoint weir", err);
}

static weir_status lite_rollback_to(void *self, weir_error *err)
{
    return weir_sqlite_do(((sqlite_store *)self)->db, "rollback to weir", err);
}

/* Runs a bound statement to its end; *changes: rows touched (NULL is allowed). */
static weir_status finish(sqlite_store *q, sqlite3_stmt *s, const weir_table *t, int bound,
    int64_t *changes, weir_error *err)
{
    int rc = bound;
    while (!rc && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        rc = SQLITE_OK;
    }
    weir_status st = rc == SQLITE_DONE ? WEIR_OK : weir_sqlite_fail(q->db, rc, t, err);
    if (!st && changes) {
        *changes = sqlite3_changes64(q->db);
    }
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return st;
}

/* ---- What a table is ---------------------------------------------------------------------------
 */

static weir_status take_column(weir_table *t, sqlite3_stmt *s, weir_error *err)
{
    const char *name = (const char *)sqlite3_column_text(s, 1);
    const char *type = (const char *)sqlite3_column_text(s, 2);
    weir_buf pg_type = {0};
    weir_table_column c = {.generated = sqlite3_column_int(s, 6) > 1};
    bool ours = strcmp(name, t->rule->position_column) == 0;
    bool exact = weir_sqlite_form_of(weir_view_of(type), &c.form, &pg_type) || ours;
    weir_status st = WEIR_OK;
    if (!exact) {
        st = weir_fail(err, WEIR_E_TABLE_SCHEMA,
            "column \"%s\" of table %s is declared %s, which SQLite rounds: declare it "
            "DECIMAL_TEXT, "
            "JSON_TEXT or TEXT",
            name, t->quoted, *type ? type : "without a type");
    } else if (pg_type.failed || !weir_table_add_column(t, c, name, type, weir_buf_str(&pg_type))) {
        st = weir_fail_oom(err);
    }
    weir_buf_fini(&pg_type);
    return st;
}

/* The columns of a pragma's answer in which `column` is above 0, as names of the arena. */
static weir_status lite_describe(void *self, weir_table *t, weir_error *err)
{
    sqlite_store *q = self;
    sqlite3_stmt *s;
    weir_view *names = NULL;
    size_t n = 0;
    weir_buf_clear(&q->sql);
    weir_buf_puts(&q->sql, "select * from pragma_table_xinfo(");
    weir_sql_literal(&q->sql, weir_view_of(t->rule->table));
    weir_buf_puts(&q->sql, ")");
    weir_status st = weir_sqlite_prepare(q->db, t, &q->sql, &s, err);
    int rc = SQLITE_OK;
    while (!st && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        t->exists = true;
        st = take_column(t, s, err);
        if (!st && sqlite3_column_int(s, 5) > 0) {
            weir_view *grown = weir_arena_alloc(&t->arena, (n + 1) * sizeof *grown);
            if (!grown) {
                st = weir_fail_oom(err);
                break;
            }
            memcpy(grown, names ? names : grown, n * sizeof *grown);
            names = grown;
            names[n++] =
                weir_arena_copy(&t->arena, weir_view_of((const char *)sqlite3_column_text(s, 1)));
        }
    }
    if (!st && rc != SQLITE_DONE) {
        st = weir_sqlite_fail(q->db, rc, t, err);
    }
    sqlite3_finalize(s);
    return st || t->rule->n_key || !n ? st : weir_table_learn_key(t, names, n, err);
}

static bool is_key_column(const weir_table *t, const char *name)
{
    for (size_t i = 0; i < t->n_key; i++) {
        if (strcmp(weir_table_key_column(t, i)->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Unique indexes, the primary key's among them, with how many columns they have and how many of
 * those are the key's. An INTEGER PRIMARY KEY has none. */
static weir_status lite_check_key(void *self, const weir_table *t, bool *unique, weir_error *err)
{
    sqlite_store *q = self;
    sqlite3_stmt *s;
    size_t n = 0, of_key = 0;
    weir_buf_clear(&q->sql);
    weir_buf_puts(&q->sql,
        "select l.name, i.name, (select count(*) from pragma_index_info(l.name)) from "
        "pragma_index_list(");
    weir_sql_literal(&q->sql, weir_view_of(t->rule->table));
    weir_buf_puts(&q->sql, ") l, pragma_index_info(l.name) i where l.\"unique\" and not l.partial "
                           "union all select '', "
                           "name, (select count(*) from pragma_table_info(");
    weir_sql_literal(&q->sql, weir_view_of(t->rule->table));
    weir_buf_puts(&q->sql, ") where pk) from pragma_table_info(");
    weir_sql_literal(&q->sql, weir_view_of(t->rule->table));
    weir_buf_puts(&q->sql, ") where pk order by 1");
    weir_status st = weir_sqlite_prepare(q->db, t, &q->sql, &s, err);
    char index[256] = "-";
    *unique = false;
    int rc = SQLITE_OK;
    while (!st && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(s, 0);
        if (strcmp(index, name) != 0) {
            snprintf(index, sizeof index, "%s", name);
            n = of_key = 0;
        }
        const char *column = (const char *)sqlite3_column_text(s, 1);
        n++;
        of_key += column && is_key_column(t, column);
        if (n == (size_t)sqlite3_column_int64(s, 2)) {
            bool same = of_key == n && n == t->n_key;
            *unique |= same;
            if (!same) {
                weir_log_line(q->options.log, WEIR_LOG_WARN, t->name,
                    "table %s has a further unique index %s: weir orders the changes of one row "
                    "only, "
                    "and stops where it is violated",
                    t->quoted, index);
            }
        }
    }
    if (!st && rc != SQLITE_DONE) {
        st = weir_sqlite_fail(q->db, rc, t, err);
    }
    sqlite3_finalize(s);
    return st;
}

static weir_status do_sql(sqlite_store *q, const weir_table *t, weir_error *err)
{
    const char *sql = weir_buf_str(&q->sql);
    if (q->sql.failed) {
        return weir_fail_oom(err);
    }
    int rc = sqlite3_exec(q->db, sql, NULL, NULL, NULL);
    return rc ? weir_sqlite_fail(q->db, rc, t, err) : WEIR_OK;
}

static weir_status lite_create(void *self, const weir_table *t, const weir_shape *shape,
    const weir_view *key_columns, size_t n_key, weir_error *err)
{
    sqlite_store *q = self;
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql, "create table %s (", t->quoted);
    for (size_t i = 0; i < shape->n_columns; i++) {
        weir_sql_quote(&q->sql, shape->columns[i].name);
        weir_buf_putc(&q->sql, ' ');
        weir_sqlite_type_put(&q->sql, shape->columns[i].type);
        weir_buf_puts(&q->sql, ", ");
    }
    weir_sql_quote(&q->sql, weir_view_of(t->rule->position_column));
    weir_buf_puts(&q->sql, " blob, primary key (");
    for (size_t i = 0; i < n_key; i++) {
        weir_buf_puts(&q->sql, i ? "," : "");
        weir_sql_quote(&q->sql, key_columns[i]);
    }
    weir_buf_puts(&q->sql, "))");
    return do_sql(q, t, err);
}

static weir_status lite_add_column(
    void *self, const weir_table *t, const weir_shape_column *column, weir_error *err)
{
    sqlite_store *q = self;
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql, "alter table %s add column ", t->quoted);
    weir_sql_quote(&q->sql, column->name);
    weir_buf_putc(&q->sql, ' ');
    weir_sqlite_type_put(&q->sql, column->type);
    return do_sql(q, t, err);
}

/* ---- Statements --------------------------------------------------------------------------------
 */

static void put_name(weir_buf *to, const char *before, const char *name)
{
    weir_buf_puts(to, before);
    weir_sql_quote(to, weir_view_of(name));
}

static void put_keys(weir_buf *to, const weir_table *t, const char *between, const char *behind)
{
    for (size_t i = 0; i < t->n_key; i++) {
        put_name(to, i ? between : "", weir_table_key_column(t, i)->name);
        weir_buf_puts(to, behind);
    }
}

static void lite_forget(void *self, weir_table *t)
{
    statements *m = t->driver;
    (void)self;
    if (!m) {
        return;
    }
    sqlite3_finalize(m->fetch[0]);
    sqlite3_finalize(m->fetch[1]);
    sqlite3_finalize(m->position);
    sqlite3_finalize(m->delete);
    for (size_t i = 0; i < m->n; i++) {
        sqlite3_finalize(m->insert[i]);
        sqlite3_finalize(m->update[i]);
    }
    weir_free(m->insert);
    weir_free(m->update);
    weir_free(m);
    t->driver = NULL;
}

static statements *statements_of(weir_table *t)
{
    if (!t->driver) {
        t->driver = weir_calloc(1, sizeof(statements));
    }
    return t->driver;
}

static bool room_for(statements *m, size_t n)
{
    sqlite3_stmt **insert = weir_realloc(m->insert, n * sizeof(sqlite3_stmt *));
    m->insert = insert ? insert : m->insert;
    sqlite3_stmt **update = weir_realloc(m->update, n * sizeof(sqlite3_stmt *));
    m->update = update ? update : m->update;
    if (!insert || !update) {
        return false;
    }
    for (; m->n < n; m->n++) {
        insert[m->n] = update[m->n] = NULL;
    }
    return true;
}

/* A row has all columns of the table but the position: those of rows to come are not known to a
 * process that has just begun, and columns of the user's own do no harm. */
static bool is_shown(const weir_table *t, size_t i)
{
    return strcmp(t->columns[i].name, t->rule->position_column) != 0;
}

/* The position, then the key's columns, then those of the row. */
static void put_select(weir_buf *to, const weir_table *t, bool rows)
{
    weir_buf_clear(to);
    put_name(to, "select ", t->rule->position_column);
    weir_buf_putc(to, ',');
    put_keys(to, t, ",", "");
    for (size_t i = 0; rows && i < t->n_columns; i++) {
        if (is_shown(t, i)) {
            put_name(to, ",", t->columns[i].name);
        }
    }
    weir_buf_printf(to, " from %s", t->quoted);
}

static weir_status prepare_fetch(
    sqlite3 *db, weir_buf *sql, const weir_table *t, bool rows, sqlite3_stmt **s, weir_error *err)
{
    put_select(sql, t, rows);
    weir_buf_puts(sql, " where ");
    put_keys(sql, t, " and ", "=?");
    return weir_sqlite_prepare(db, t, sql, s, err);
}

static weir_status put_row(
    const weir_table *t, sqlite3_stmt *s, int at, weir_buf *to, weir_error *err)
{
    const char *before = "{";
    for (size_t i = 0; i < t->n_columns; i++) {
        if (!is_shown(t, i)) {
            continue;
        }
        weir_buf_puts(to, before);
        weir_json_put_string(to, weir_view_of(t->columns[i].name));
        weir_buf_putc(to, ':');
        weir_status st = weir_sqlite_json(s, at++, t->columns[i].form, to, err);
        if (st) {
            return st;
        }
        before = ",";
    }
    weir_buf_puts(to, *before == '{' ? "{}" : "}");
    return to->failed ? weir_fail_oom(err) : WEIR_OK;
}

static int bind_key(const weir_table *t, sqlite3_stmt *s, int at, const weir_view *values)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < t->n_key && !rc; i++) {
        rc = weir_sqlite_bind(s, at + (int)i, weir_table_key_column(t, i)->form, values[i]);
    }
    return rc;
}

/* ---- Reading rows ------------------------------------------------------------------------------
 */

static weir_status fetch_one(sqlite_store *q, weir_table *t, sqlite3_stmt *s,
    const weir_view *values, size_t i, bool rows, weir_table_found_fn *found, void *ctx,
    weir_error *err)
{
    int rc = bind_key(t, s, 1, values);
    rc = rc ? rc : sqlite3_step(s);
    weir_status st = WEIR_OK;
    if (rc == SQLITE_ROW) {
        weir_view row = {NULL, 0};
        weir_buf_clear(&q->row);
        if (rows) {
            st = put_row(t, s, 1 + (int)t->n_key, &q->row, err);
            row = weir_buf_view(&q->row);
        }
        st = st ? st : found(ctx, i, weir_sqlite_blob(s, 0), row, err);
    } else if (rc != SQLITE_DONE) {
        st = weir_sqlite_fail(q->db, rc, t, err);
    }
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return st;
}

static weir_status lite_fetch(void *self, weir_table *t, const weir_view *const *keys, size_t n,
    bool rows, weir_table_found_fn *found, void *ctx, weir_error *err)
{
    sqlite_store *q = self;
    statements *m = statements_of(t);
    if (!m) {
        return weir_fail_oom(err);
    }
    weir_status st =
        m->fetch[rows] ? WEIR_OK : prepare_fetch(q->db, &q->sql, t, rows, &m->fetch[rows], err);
    for (size_t i = 0; i < n && !st; i++) {
        st = fetch_one(q, t, m->fetch[rows], keys[i], i, rows, found, ctx, err);
    }
    return st;
}

static void put_page(
    weir_buf *to, const weir_table *t, bool from, bool inclusive, unsigned limit, bool rows)
{
    put_select(to, t, rows);
    if (from) {
        weir_buf_puts(to, " where (");
        put_keys(to, t, ",", "");
        weir_buf_puts(to, inclusive ? ") >= (" : ") > (");
        for (size_t i = 0; i < t->n_key; i++) {
            weir_buf_puts(to, i ? ",?" : "?");
        }
        weir_buf_puts(to, ")");
    }
    weir_buf_puts(to, " order by ");
    put_keys(to, t, ",", "");
    weir_buf_printf(to, " limit %u", limit);
}

/* One row of a page: its key as JSON and as texts, and the row. */
static weir_status tell_row(sqlite_store *q, const weir_table *t, sqlite3_stmt *s, bool rows,
    weir_view *values, weir_buf *key, weir_table_page_fn *fn, void *ctx, weir_error *err)
{
    weir_status st = WEIR_OK;
    weir_buf_clear(key);
    weir_buf_clear(&q->row);
    for (size_t i = 0; i < t->n_key && !st; i++) {
        weir_buf_putc(key, i ? ',' : '{');
        weir_json_put_string(key, t->key[i].member);
        weir_buf_putc(key, ':');
        st = weir_sqlite_json(s, 1 + (int)i, weir_table_key_column(t, i)->form, key, err);
    }
    weir_buf_putc(key, '}');
    st = st || !rows ? st : put_row(t, s, 1 + (int)t->n_key, &q->row, err);
    for (size_t i = 0; i < t->n_key && !st; i++) {
        weir_form form = weir_table_key_column(t, i)->form;
        values[i] = form == WEIR_FORM_BYTES
                        ? weir_sqlite_blob(s, 1 + (int)i)
                        : weir_view_make((const char *)sqlite3_column_text(s, 1 + (int)i),
                              (size_t)sqlite3_column_bytes(s, 1 + (int)i));
    }
    if (!st && key->failed) {
        return weir_fail_oom(err);
    }
    weir_view row = rows ? weir_buf_view(&q->row) : (weir_view){NULL, 0};
    return st ? st : fn(ctx, weir_buf_view(key), values, weir_sqlite_blob(s, 0), row, err);
}

static weir_status lite_page(void *self, weir_table *t, const weir_view *after, bool inclusive,
    unsigned limit, bool rows, weir_table_page_fn *fn, void *ctx, weir_error *err)
{
    sqlite_store *q = self;
    sqlite3_stmt *s = NULL;
    weir_buf key = {0};
    weir_view *values = weir_calloc(t->n_key, sizeof *values);
    put_page(&q->sql, t, after != NULL, inclusive, limit, rows);
    weir_status st = values ? weir_sqlite_prepare(q->db, t, &q->sql, &s, err) : weir_fail_oom(err);
    int rc = !st && after ? bind_key(t, s, 1, after) : SQLITE_OK;
    while (!st && !rc && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        st = tell_row(q, t, s, rows, values, &key, fn, ctx, err);
        rc = SQLITE_OK;
    }
    if (!st && rc != SQLITE_DONE) {
        st = weir_sqlite_fail(q->db, rc, t, err);
    }
    sqlite3_finalize(s);
    weir_buf_fini(&key);
    weir_free(values);
    return st;
}

static weir_status lite_clear(void *self, weir_table *t, weir_error *err)
{
    sqlite_store *q = self;
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql, "delete from %s", t->quoted);
    return do_sql(q, t, err);
}

/* ---- Writing rows ------------------------------------------------------------------------------
 */

static bool is_of_key(const weir_table *t, size_t column)
{
    for (size_t i = 0; i < t->n_key; i++) {
        if (t->key[i].column == column) {
            return true;
        }
    }
    return false;
}

static bool is_written(const weir_table *t, const weir_signature *g, size_t member)
{
    return g->columns[member] != SIZE_MAX && !is_of_key(t, g->columns[member]);
}

static void put_guard(weir_buf *to, const weir_table *t)
{
    weir_buf_puts(to, " where ");
    put_keys(to, t, " and ", "=?");
    put_name(to, " and ", t->rule->position_column);
    weir_buf_puts(to, " is ?");
}

/* Parameters: new position, key, columns. */
static weir_status prepare_insert(sqlite_store *q, const weir_table *t, const weir_signature *g,
    sqlite3_stmt **s, weir_error *err)
{
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql, "insert into %s (", t->quoted);
    put_name(&q->sql, "", t->rule->position_column);
    weir_buf_putc(&q->sql, ',');
    put_keys(&q->sql, t, ",", "");
    size_t n = 1 + t->n_key;
    for (size_t i = 0; g && i < g->n_members; i++) {
        if (is_written(t, g, i)) {
            put_name(&q->sql, ",", t->columns[g->columns[i]].name);
            n++;
        }
    }
    weir_buf_puts(&q->sql, ") values (?");
    for (size_t i = 1; i < n; i++) {
        weir_buf_puts(&q->sql, ",?");
    }
    weir_buf_puts(&q->sql, ") on conflict (");
    put_keys(&q->sql, t, ",", "");
    weir_buf_puts(&q->sql, ") do nothing");
    return weir_sqlite_prepare(q->db, t, &q->sql, s, err);
}

/* Parameters: new position, columns, key, old position. */
static weir_status prepare_update(sqlite_store *q, const weir_table *t, const weir_signature *g,
    sqlite3_stmt **s, weir_error *err)
{
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql, "update %s set ", t->quoted);
    put_name(&q->sql, "", t->rule->position_column);
    weir_buf_puts(&q->sql, "=?");
    for (size_t i = 0; g && i < g->n_members; i++) {
        if (is_written(t, g, i)) {
            put_name(&q->sql, ",", t->columns[g->columns[i]].name);
            weir_buf_puts(&q->sql, "=?");
        }
    }
    put_guard(&q->sql, t);
    return weir_sqlite_prepare(q->db, t, &q->sql, s, err);
}

static weir_status prepare_delete(
    sqlite_store *q, const weir_table *t, sqlite3_stmt **s, weir_error *err)
{
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql, "delete from %s", t->quoted);
    put_guard(&q->sql, t);
    return weir_sqlite_prepare(q->db, t, &q->sql, s, err);
}

static int bind_columns(const weir_table *t, const weir_table_change *c, sqlite3_stmt *s, int *at)
{
    int rc = SQLITE_OK;
    const weir_signature *g = c->signature;
    for (size_t i = 0; g && i < g->n_members && !rc; i++) {
        if (is_written(t, g, i)) {
            rc = weir_sqlite_bind(s, (*at)++, t->columns[g->columns[i]].form, c->values[i]);
        }
    }
    return rc;
}

static weir_status write_one(sqlite_store *q, weir_table *t, statements *m,
    const weir_table_change *c, bool *moved, weir_error *err)
{
    sqlite3_stmt *s = NULL;
    weir_status st = WEIR_OK;
    int rc = SQLITE_OK, at = 1;
    int64_t changes = 0;
    size_t g = c->signature ? c->signature->number : 0;
    switch (c->op) {
    case WEIR_TABLE_INSERT:
        st = m->insert[g] ? WEIR_OK : prepare_insert(q, t, c->signature, &m->insert[g], err);
        s = m->insert[g];
        rc = st ? rc : weir_sqlite_bind_blob(s, at++, c->position);
        rc = st || rc ? rc : bind_key(t, s, at, c->key_values);
        at += (int)t->n_key;
        rc = st || rc ? rc : bind_columns(t, c, s, &at);
        break;
    case WEIR_TABLE_UPDATE:
        st = m->update[g] ? WEIR_OK : prepare_update(q, t, c->signature, &m->update[g], err);
        s = m->update[g];
        rc = st ? rc : weir_sqlite_bind_blob(s, at++, c->position);
        rc = st || rc ? rc : bind_columns(t, c, s, &at);
        break;
    case WEIR_TABLE_POSITION:
        st = m->position ? WEIR_OK : prepare_update(q, t, NULL, &m->position, err);
        s = m->position;
        rc = st ? rc : weir_sqlite_bind_blob(s, at++, c->position);
        break;
    case WEIR_TABLE_DELETE:
        st = m->delete ? WEIR_OK : prepare_delete(q, t, &m->delete, err);
        s = m->delete;
        break;
    }
    if (st) {
        return st;
    }
    if (c->op != WEIR_TABLE_INSERT) {
        rc = rc ? rc : bind_key(t, s, at, c->key_values);
        rc = rc ? rc : weir_sqlite_bind_blob(s, at + (int)t->n_key, c->old_position);
    }
    st = finish(q, s, t, rc, &changes, err);
    *moved |= !st && changes != 1;
    return st;
}

static weir_status lite_write(void *self, weir_table *t, const weir_table_change *changes, size_t n,
    bool *moved, weir_error *err)
{
    statements *m = statements_of(t);
    if (!m || !room_for(m, t->n_signatures + 1)) {
        return weir_fail_oom(err);
    }
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < n && !st && !*moved; i++) { /* deletes first: a unique value may move */
        st = changes[i].op == WEIR_TABLE_DELETE ? write_one(self, t, m, &changes[i], moved, err)
                                                : WEIR_OK;
    }
    for (size_t i = 0; i < n && !st && !*moved; i++) {
        st = changes[i].op != WEIR_TABLE_DELETE ? write_one(self, t, m, &changes[i], moved, err)
                                                : WEIR_OK;
    }
    return st;
}

/* ---- The side table ----------------------------------------------------------------------------
 */

static weir_status side_statement(
    sqlite_store *q, sqlite3_stmt **s, const char *before, const char *behind, weir_error *err)
{
    if (*s) {
        return WEIR_OK;
    }
    weir_buf_clear(&q->sql);
    weir_buf_puts(&q->sql, before);
    weir_buf_puts(&q->sql, q->side);
    weir_buf_puts(&q->sql, behind);
    return weir_sqlite_prepare(q->db, NULL, &q->sql, s, err);
}

static int bind_side(sqlite3_stmt *s, const char *cache, weir_space space, weir_view key)
{
    int rc = sqlite3_bind_text(s, 1, cache, -1, SQLITE_STATIC);
    rc = rc ? rc : sqlite3_bind_int(s, 2, (int)space);
    return rc ? rc : weir_sqlite_bind_blob(s, 3, key);
}

static weir_status lite_side_fetch(void *self, const char *cache, weir_space space,
    const weir_view *keys, size_t n, weir_side_found_fn *found, void *ctx, weir_error *err)
{
    sqlite_store *q = self;
    weir_status st = side_statement(q, &q->side_get, "select value from ",
        " where cache = ?1 and space = ?2 and key = ?3", err);
    for (size_t i = 0; i < n && !st; i++) {
        int rc = bind_side(q->side_get, cache, space, keys[i]);
        rc = rc ? rc : sqlite3_step(q->side_get);
        if (rc == SQLITE_ROW) {
            st = found(ctx, keys[i], weir_sqlite_blob(q->side_get, 0), err);
        } else if (rc != SQLITE_DONE) {
            st = weir_sqlite_fail(q->db, rc, NULL, err);
        }
        sqlite3_reset(q->side_get);
    }
    return st;
}

/* ?4: the new value, ?5: the old one. */
static weir_status prepare_side(sqlite_store *q, weir_error *err)
{
    weir_status st = side_statement(
        q, &q->side_new, "insert into ", " values (?1, ?2, ?3, ?4) on conflict do nothing", err);
    st = st ? st
            : side_statement(q, &q->side_any, "insert into ",
                  " values (?1, ?2, ?3, ?4) on conflict (cache, space, key) do update set value = "
                  "excluded.value",
                  err);
    st = st ? st
            : side_statement(q, &q->side_changed, "update ",
                  " set value = ?4 where cache = ?1 and space = ?2 and key = ?3 and value = ?5",
                  err);
    return st ? st
              : side_statement(q, &q->side_gone, "delete from ",
                    " where cache = ?1 and space = ?2 and key = ?3 and value = coalesce(?5, value)",
                    err);
}

static weir_status lite_side_write(void *self, const char *cache, weir_space space,
    const weir_side_change *changes, size_t n, bool unguarded, bool *moved, weir_error *err)
{
    sqlite_store *q = self;
    weir_status st = prepare_side(q, err);
    for (size_t i = 0; i < n && !st; i++) {
        const weir_side_change *c = &changes[i];
        bool gone = !c->value.ptr;
        sqlite3_stmt *s = gone         ? q->side_gone
                          : unguarded  ? q->side_any
                          : c->old.ptr ? q->side_changed
                                       : q->side_new;
        int64_t touched = 0;
        int rc = bind_side(s, cache, space, c->key);
        rc = rc || gone ? rc : weir_sqlite_bind_blob(s, 4, c->value);
        rc = rc || !(s == q->side_changed || gone) ? rc : weir_sqlite_bind_blob(s, 5, c->old);
        st = finish(q, s, NULL, rc, &touched, err);
        *moved |= !st && !unguarded && touched != 1;
    }
    return st;
}

static weir_status lite_side_page(void *self, const char *cache, weir_space space, weir_view after,
    bool inclusive, unsigned limit, weir_side_found_fn *fn, void *ctx, weir_error *err)
{
    sqlite_store *q = self;
    sqlite3_stmt *s;
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql,
        "select key, value from %s where cache = ?1 and space = ?2 and key %s ?3 order by key "
        "limit "
        "%u",
        q->side, inclusive ? ">=" : ">", limit);
    weir_status st = weir_sqlite_prepare(q->db, NULL, &q->sql, &s, err);
    int rc = st ? SQLITE_OK : bind_side(s, cache, space, after);
    while (!st && !rc && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        st = fn(ctx, weir_sqlite_blob(s, 0), weir_sqlite_blob(s, 1), err);
        rc = SQLITE_OK;
    }
    if (!st && rc != SQLITE_DONE) {
        st = weir_sqlite_fail(q->db, rc, NULL, err);
    }
    sqlite3_finalize(s);
    return st;
}

static weir_status lite_side_clear(void *self, const char *cache, weir_space space, weir_error *err)
{
    sqlite_store *q = self;
    sqlite3_stmt *s;
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql, "delete from %s where cache = ?1 and space = ?2", q->side);
    weir_status st = weir_sqlite_prepare(q->db, NULL, &q->sql, &s, err);
    if (st) {
        return st;
    }
    int rc = sqlite3_bind_text(s, 1, cache, -1, SQLITE_STATIC);
    rc = rc ? rc : sqlite3_bind_int(s, 2, (int)space);
    st = finish(q, s, NULL, rc, NULL, err);
    sqlite3_finalize(s);
    return st;
}

/* ---- Readers -----------------------------------------------------------------------------------
 */

/* The reader's connection, with its lock. */
static weir_status take_reader(sqlite_store *q, weir_error *err)
{
    pthread_mutex_lock(&q->reader_lock);
    weir_status st = q->reader ? WEIR_OK : open_file(q, true, &q->reader, err);
    if (st) {
        pthread_mutex_unlock(&q->reader_lock);
    }
    return st;
}

static weir_status read_bound(const weir_table *t, sqlite3 *db, sqlite3_stmt *s, int rc,
    weir_buf *to, bool *found, weir_error *err)
{
    rc = rc ? rc : sqlite3_step(s);
    *found = rc == SQLITE_ROW;
    if (rc == SQLITE_DONE) {
        return WEIR_OK;
    }
    if (rc != SQLITE_ROW) {
        return weir_sqlite_fail(db, rc, t, err);
    }
    if (t) {
        return put_row(t, s, 1 + (int)t->n_key, to, err);
    }
    weir_buf_putv(to, weir_sqlite_blob(s, 0));
    return to->failed ? weir_fail_oom(err) : WEIR_OK;
}

static weir_status lite_read(void *self, const weir_table *t, const weir_view *key_values,
    weir_buf *to, bool *found, weir_error *err)
{
    sqlite_store *q = self;
    sqlite3_stmt *s = NULL;
    weir_buf sql = {0};
    weir_status st = take_reader(q, err);
    if (st) {
        return st;
    }
    st = prepare_fetch(q->reader, &sql, t, true, &s, err);
    st = st ? st : read_bound(t, q->reader, s, bind_key(t, s, 1, key_values), to, found, err);
    sqlite3_finalize(s);
    pthread_mutex_unlock(&q->reader_lock);
    weir_buf_fini(&sql);
    return st;
}

static weir_status lite_side_read(void *self, const char *cache, weir_space space, weir_view key,
    weir_buf *to, bool *found, weir_error *err)
{
    sqlite_store *q = self;
    sqlite3_stmt *s = NULL;
    weir_buf sql = {0};
    weir_status st = take_reader(q, err);
    if (st) {
        return st;
    }
    weir_buf_printf(
        &sql, "select value from %s where cache = ?1 and space = ?2 and key = ?3", q->side);
    st = weir_sqlite_prepare(q->reader, NULL, &sql, &s, err);
    st = st ? st : read_bound(NULL, q->reader, s, bind_side(s, cache, space, key), to, found, err);
    sqlite3_finalize(s);
    pthread_mutex_unlock(&q->reader_lock);
    weir_buf_fini(&sql);
    return st;
}

static uint64_t lite_bytes(void *self)
{
    const sqlite_store *q = self;
    struct stat file;
    return stat(q->options.path, &file) == 0 && file.st_size > 0 ? (uint64_t)file.st_size : 0;
}

static weir_status lite_count(void *self, const weir_table *t, int64_t *rows, weir_error *err)
{
    sqlite_store *q = self;
    sqlite3_stmt *s;
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql, "select count(*) from %s", t->quoted);
    weir_status st = weir_sqlite_prepare(q->db, t, &q->sql, &s, err);
    if (!st && sqlite3_step(s) == SQLITE_ROW) {
        *rows = sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return st;
}

/* ---- Life --------------------------------------------------------------------------------------
 */

static void lite_close(void *self)
{
    sqlite_store *q = self;
    sqlite3_finalize(q->side_get);
    sqlite3_finalize(q->side_new);
    sqlite3_finalize(q->side_any);
    sqlite3_finalize(q->side_changed);
    sqlite3_finalize(q->side_gone);
    sqlite3_close(q->reader);
    sqlite3_close(q->db);
    if (q->lock_fd >= 0) {
        close(q->lock_fd);
    }
    pthread_mutex_destroy(&q->reader_lock);
    weir_buf_fini(&q->sql);
    weir_buf_fini(&q->row);
    weir_free(q->side);
    weir_free(q);
}

static const weir_table_driver lite_driver = {
    .type = "sqlite",
    .write_at_once = WRITE_AT_ONCE,
    .begin = lite_begin,
    .commit = lite_commit,
    .abort = lite_abort,
    .savepoint = lite_savepoint,
    .rollback_to = lite_rollback_to,
    .describe = lite_describe,
    .check_key = lite_check_key,
    .create = lite_create,
    .add_column = lite_add_column,
    .fetch = lite_fetch,
    .write = lite_write,
    .page = lite_page,
    .clear = lite_clear,
    .side_fetch = lite_side_fetch,
    .side_write = lite_side_write,
    .side_page = lite_side_page,
    .side_clear = lite_side_clear,
    .read = lite_read,
    .side_read = lite_side_read,
    .bytes = lite_bytes,
    .count = lite_count,
    .forget = lite_forget,
    .close = lite_close,
};

weir_status weir_sqlite_store_open(
    const weir_sqlite_options *options, weir_store *out, weir_error *err)
{
    sqlite_store *q = weir_calloc(1, sizeof *q);
    if (!q) {
        return weir_fail_oom(err);
    }
    q->options = *options;
    q->lock_fd = -1;
    pthread_mutex_init(&q->reader_lock, NULL);
    weir_buf b = {0};
    weir_sql_quote(&b, weir_view_of(options->side_table ? options->side_table : "weir_state"));
    q->side = b.failed ? NULL : weir_strdup(weir_buf_str(&b));
    weir_buf_fini(&b);
    weir_status st = q->side ? WEIR_OK : weir_fail_oom(err);
    st = st || options->read_only ? st : lock_file(q, err);
    st = st ? st : open_file(q, options->read_only, &q->db, err);
    st = st || options->read_only ? st : set_up(q, err);
    if (st) {
        lite_close(q);
        return st;
    }
    return weir_table_store_open(
        &lite_driver, q, options->tables, options->n_tables, false, out, err);
}
