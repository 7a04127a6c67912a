/* Writing rows: one prepared statement for each kind of change and order of columns, each guarded
 * by the position that was read. See sqlite.h. */
#include "sqlite/sqlite.h"

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
    weir_sqlite_put_keys(to, t, " and ", "=?");
    if (t->rule->position_column) {
        weir_sql_put_name(to, " and ", t->rule->position_column);
        weir_buf_puts(to, " is ?");
    }
    weir_sqlite_put_alive(to, t, " and ");
}

static void put_excluded(weir_buf *to, const char *name)
{
    weir_sql_put_name(to, ",", name);
    weir_sql_put_name(to, "=excluded.", name);
}

/* What an insert does where a row was deleted softly: it takes its place. */
static void put_revival(weir_buf *to, const weir_table *t, const weir_signature *g)
{
    weir_sql_put_name(to, "update set ", t->rule->soft_delete);
    weir_buf_puts(to, "=null");
    if (t->rule->position_column) {
        put_excluded(to, t->rule->position_column);
    }
    for (size_t i = 0; g && i < g->n_members; i++) {
        if (is_written(t, g, i)) {
            put_excluded(to, t->columns[g->columns[i]].name);
        }
    }
    weir_sql_put_name(to, " where ", t->rule->soft_delete);
    weir_buf_puts(to, " is not null");
}

/* Parameters: key, columns, new position. */
static weir_status prepare_insert(
    weir_sqlite *q, const weir_table *t, const weir_signature *g, sqlite3_stmt **s, weir_error *err)
{
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql, "insert into %s (", t->quoted);
    weir_sqlite_put_keys(&q->sql, t, ",", "");
    size_t n = t->n_key;
    for (size_t i = 0; g && i < g->n_members; i++) {
        if (is_written(t, g, i)) {
            weir_sql_put_name(&q->sql, ",", t->columns[g->columns[i]].name);
            n++;
        }
    }
    if (t->rule->position_column) {
        weir_sql_put_name(&q->sql, ",", t->rule->position_column);
        n++;
    }
    weir_buf_puts(&q->sql, ") values (?");
    for (size_t i = 1; i < n; i++) {
        weir_buf_puts(&q->sql, ",?");
    }
    weir_buf_puts(&q->sql, ") on conflict (");
    weir_sqlite_put_keys(&q->sql, t, ",", "");
    weir_buf_puts(&q->sql, ") do ");
    if (t->rule->soft_delete) {
        put_revival(&q->sql, t, g);
    } else {
        weir_buf_puts(&q->sql, "nothing");
    }
    return weir_sqlite_prepare(q->db, t, &q->sql, s, err);
}

/* Parameters: columns, new position, key, old position. */
static weir_status prepare_update(
    weir_sqlite *q, const weir_table *t, const weir_signature *g, sqlite3_stmt **s, weir_error *err)
{
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql, "update %s set ", t->quoted);
    const char *before = "", *first = weir_table_key_column(t, 0)->name;
    for (size_t i = 0; g && i < g->n_members; i++) {
        if (is_written(t, g, i)) {
            weir_sql_put_name(&q->sql, before, t->columns[g->columns[i]].name);
            weir_buf_puts(&q->sql, "=?");
            before = ",";
        }
    }
    if (t->rule->position_column) {
        weir_sql_put_name(&q->sql, before, t->rule->position_column);
        weir_buf_puts(&q->sql, "=?");
    } else if (!*before) { /* a row of nothing but its key */
        weir_sql_put_name(&q->sql, "", first);
        weir_sql_put_name(&q->sql, "=", first);
    }
    put_guard(&q->sql, t);
    return weir_sqlite_prepare(q->db, t, &q->sql, s, err);
}

static weir_status prepare_delete(
    weir_sqlite *q, const weir_table *t, sqlite3_stmt **s, weir_error *err)
{
    weir_buf_clear(&q->sql);
    if (t->rule->soft_delete) {
        weir_buf_printf(&q->sql, "update %s set ", t->quoted);
        weir_sqlite_put_death(&q->sql, t);
    } else {
        weir_buf_printf(&q->sql, "delete from %s", t->quoted);
    }
    put_guard(&q->sql, t);
    return weir_sqlite_prepare(q->db, t, &q->sql, s, err);
}

/* A column of whole numbers takes no others: SQLite would round them without a word. */
static weir_status check_values(const weir_table *t, const weir_table_change *c, weir_error *err)
{
    const weir_signature *g = c->signature;
    for (size_t i = 0; g && i < g->n_members; i++) {
        const weir_table_column *column = is_written(t, g, i) ? &t->columns[g->columns[i]] : NULL;
        if (column && !weir_sqlite_fits(column->form, c->values[i])) {
            return weir_fail(err, WEIR_E_TABLE_REFUSED,
                "table %s: column \"%s\" is %s, and %.*s is no whole number of 64 bits", t->quoted,
                column->name, column->type, (int)(c->values[i].len < 60 ? c->values[i].len : 60),
                c->values[i].ptr);
        }
    }
    return WEIR_OK;
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

/* Nothing where no column keeps positions. */
static int bind_position(const weir_table *t, sqlite3_stmt *s, int *at, weir_view position)
{
    return t->rule->position_column ? weir_sqlite_bind_blob(s, (*at)++, position) : SQLITE_OK;
}

typedef struct standing {
    bool there, as_before;
    weir_view old_position;
} standing;

static weir_status take_standing(void *ctx, sqlite3_stmt *s, weir_error *err)
{
    standing *row = ctx;
    weir_view position = weir_sqlite_blob(s, 0), old = row->old_position;
    (void)err;
    row->there = true;
    row->as_before = !position.ptr == !old.ptr && (!old.ptr || weir_view_eq(position, old));
    return WEIR_OK;
}

/* A trigger can leave a row out without a word (RAISE(IGNORE)), which looks as if another process
 * had been there. */
static weir_status explain_none(weir_sqlite *q, weir_table *t, weir_sqlite_statements *m,
    const weir_table_change *c, bool *moved, weir_error *err)
{
    standing row = {.old_position = c->old_position};
    weir_status st = m->fetch[0]
                         ? WEIR_OK
                         : weir_sqlite_prepare_fetch(q->db, &q->sql, t, false, &m->fetch[0], err);
    if (!st) {
        int rc = weir_sqlite_bind_key(t, m->fetch[0], 1, c->key_values);
        st = weir_sqlite_each(q->db, m->fetch[0], t, rc, take_standing, &row, err);
    }
    if (st) {
        return st;
    }
    bool position = t->rule->position_column != NULL;
    bool left = c->op == WEIR_TABLE_INSERT ? !row.there
                : position                 ? row.there && row.as_before
                                           : row.there;
    *moved |= !left;
    return !left ? WEIR_OK
           : c->op == WEIR_TABLE_DELETE
               ? weir_fail(err, WEIR_E_TABLE_SCHEMA,
                     "table %s: a trigger has kept a row from being deleted", t->quoted)
               : weir_fail(err, WEIR_E_TABLE_REFUSED,
                     "table %s: a trigger has left the row out without a word", t->quoted);
}

static weir_status write_one(weir_sqlite *q, weir_table *t, weir_sqlite_statements *m,
    const weir_table_change *c, bool *moved, weir_error *err)
{
    sqlite3_stmt *s = NULL;
    weir_status st = WEIR_OK;
    int rc = SQLITE_OK, at = 1;
    int64_t changes = 0;
    size_t g = c->signature ? c->signature->number : 0;
    if (check_values(t, c, err)) {
        return err->status;
    }
    switch (c->op) {
    case WEIR_TABLE_INSERT:
        st = m->insert[g] ? WEIR_OK : prepare_insert(q, t, c->signature, &m->insert[g], err);
        s = m->insert[g];
        rc = st ? rc : weir_sqlite_bind_key(t, s, at, c->key_values);
        at += (int)t->n_key;
        rc = st || rc ? rc : bind_columns(t, c, s, &at);
        rc = st || rc ? rc : bind_position(t, s, &at, c->position);
        break;
    case WEIR_TABLE_UPDATE:
        st = m->update[g] ? WEIR_OK : prepare_update(q, t, c->signature, &m->update[g], err);
        s = m->update[g];
        rc = st ? rc : bind_columns(t, c, s, &at);
        rc = st || rc ? rc : bind_position(t, s, &at, c->position);
        break;
    case WEIR_TABLE_POSITION:
        st = m->position ? WEIR_OK : prepare_update(q, t, NULL, &m->position, err);
        s = m->position;
        rc = st ? rc : bind_position(t, s, &at, c->position);
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
        rc = rc ? rc : weir_sqlite_bind_key(t, s, at, c->key_values);
        at += (int)t->n_key;
        rc = rc ? rc : bind_position(t, s, &at, c->old_position);
    }
    st = weir_sqlite_finish(q, s, t, rc, &changes, err);
    return st || changes == 1 ? st : explain_none(q, t, m, c, moved, err);
}

weir_status weir_sqlite_write(void *self, weir_table *t, const weir_table_change *changes, size_t n,
    bool *moved, weir_error *err)
{
    weir_sqlite_statements *m = weir_sqlite_statements_of(t);
    if (!m || !weir_sqlite_room_for(m, t->n_signatures + 1)) {
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
