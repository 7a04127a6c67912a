/* What statements on a table are made of, and how they are kept. See sqlite.h. */
#include "base/alloc.h"
#include "sqlite/sqlite.h"
#include "value/json.h"

/* ---- Statements --------------------------------------------------------------------------------
 */

void weir_sqlite_put_keys(
    weir_buf *to, const weir_table *t, const char *between, const char *behind)
{
    for (size_t i = 0; i < t->n_key; i++) {
        weir_sql_put_name(to, i ? between : "", weir_table_key_column(t, i)->name);
        weir_buf_puts(to, behind);
    }
}

void weir_sqlite_forget(void *self, weir_table *t)
{
    weir_sqlite_statements *m = t->driver;
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

weir_sqlite_statements *weir_sqlite_statements_of(weir_table *t)
{
    if (!t->driver) {
        t->driver = weir_calloc(1, sizeof(weir_sqlite_statements));
    }
    return t->driver;
}

bool weir_sqlite_room_for(weir_sqlite_statements *m, size_t n)
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
    return !weir_table_is_own(t, t->columns[i].name);
}

/* The position, then the key's columns, then those of the row. */
void weir_sqlite_put_select(weir_buf *to, const weir_table *t, bool rows)
{
    weir_buf_clear(to);
    if (t->rule->position_column) {
        weir_sql_put_name(to, "select ", t->rule->position_column);
    } else {
        weir_buf_puts(to, "select null");
    }
    weir_buf_putc(to, ',');
    weir_sqlite_put_keys(to, t, ",", "");
    for (size_t i = 0; rows && i < t->n_columns; i++) {
        if (is_shown(t, i)) {
            weir_sql_put_name(to, ",", t->columns[i].name);
        }
    }
    weir_buf_printf(to, " from %s", t->quoted);
}

void weir_sqlite_put_alive(weir_buf *to, const weir_table *t, const char *before)
{
    if (t->rule->soft_delete) {
        weir_sql_put_name(to, before, t->rule->soft_delete);
        weir_buf_puts(to, " is null");
    }
}

void weir_sqlite_put_death(weir_buf *to, const weir_table *t)
{
    weir_sql_put_name(to, "", t->rule->soft_delete);
    weir_buf_puts(to, "=strftime('%Y-%m-%dT%H:%M:%f+00:00','now')");
    if (t->rule->position_column) {
        weir_sql_put_name(to, ",", t->rule->position_column);
        weir_buf_puts(to, "=null");
    }
}

weir_status weir_sqlite_prepare_fetch(
    sqlite3 *db, weir_buf *sql, const weir_table *t, bool rows, sqlite3_stmt **s, weir_error *err)
{
    weir_sqlite_put_select(sql, t, rows);
    weir_buf_puts(sql, " where ");
    weir_sqlite_put_keys(sql, t, " and ", "=?");
    weir_sqlite_put_alive(sql, t, " and ");
    return weir_sqlite_prepare(db, t, sql, s, err);
}

weir_status weir_sqlite_put_row(
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

int weir_sqlite_bind_key(const weir_table *t, sqlite3_stmt *s, int at, const weir_view *values)
{
    int rc = SQLITE_OK;
    for (size_t i = 0; i < t->n_key && !rc; i++) {
        rc = weir_sqlite_bind(s, at + (int)i, weir_table_key_column(t, i)->form, values[i]);
    }
    return rc;
}

weir_status weir_sqlite_do_buffer(weir_sqlite *q, const weir_table *t, weir_error *err)
{
    const char *sql = weir_buf_str(&q->sql);
    if (q->sql.failed) {
        return weir_fail_oom(err);
    }
    int rc = sqlite3_exec(q->db, sql, NULL, NULL, NULL);
    return rc ? weir_sqlite_fail(q->db, rc, t, err) : WEIR_OK;
}

/* Runs a bound statement to its end; *changes: rows touched (NULL is allowed). */
weir_status weir_sqlite_finish(weir_sqlite *q, sqlite3_stmt *s, const weir_table *t, int bound,
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

weir_status weir_sqlite_each(sqlite3 *db, sqlite3_stmt *s, const weir_table *t, int bound,
    weir_sqlite_row_fn *row, void *ctx, weir_error *err)
{
    weir_status st = WEIR_OK;
    int rc = bound;
    while (!st && !rc && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        st = row(ctx, s, err);
        rc = SQLITE_OK;
    }
    if (!st && rc != SQLITE_DONE) {
        st = weir_sqlite_fail(db, rc, t, err);
    }
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return st;
}
