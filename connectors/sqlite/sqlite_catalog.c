/* What SQLite says of a table, and making and changing one. See sqlite.h. */
#include <stdio.h>

#include "base/alloc.h"
#include "sqlite/sqlite.h"
#include "table/table_key.h"

/* ---- What a table is ---------------------------------------------------------------------------
 */

static weir_status take_column(weir_table *t, sqlite3_stmt *s, weir_error *err)
{
    const char *name = (const char *)sqlite3_column_text(s, 1);
    const char *type = (const char *)sqlite3_column_text(s, 2);
    weir_buf pg_type = {0};
    weir_table_column c = {.generated = sqlite3_column_int(s, 6) > 1};
    bool ours = weir_table_is_own(t, name);
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

typedef struct describing {
    weir_table *t;
    weir_view *names; /* the primary key's columns */
    size_t n;
} describing;

static weir_status take_described(void *ctx, sqlite3_stmt *s, weir_error *err)
{
    describing *d = ctx;
    d->t->exists = true;
    weir_status st = take_column(d->t, s, err);
    if (st || sqlite3_column_int(s, 5) == 0) {
        return st;
    }
    weir_view *grown = weir_arena_alloc(&d->t->arena, (d->n + 1) * sizeof *grown);
    if (!grown) {
        return weir_fail_oom(err);
    }
    memcpy(grown, d->names ? d->names : grown, d->n * sizeof *grown);
    d->names = grown;
    grown[d->n++] =
        weir_arena_copy(&d->t->arena, weir_view_of((const char *)sqlite3_column_text(s, 1)));
    return WEIR_OK;
}

static weir_status refuse_view(void *ctx, sqlite3_stmt *s, weir_error *err)
{
    const weir_table *t = ctx;
    (void)s;
    return weir_fail(err, WEIR_E_TABLE_SCHEMA,
        "%s is a view: weir keeps rows in a table, which a view may then read", t->quoted);
}

static weir_status check_kind(weir_sqlite *q, weir_table *t, weir_error *err)
{
    sqlite3_stmt *s;
    weir_buf_clear(&q->sql);
    weir_buf_puts(&q->sql, "select 1 from sqlite_master where type = 'view' and name = ");
    weir_sql_literal(&q->sql, weir_view_of(t->rule->table));
    weir_buf_puts(&q->sql, " collate nocase");
    weir_status st = weir_sqlite_prepare(q->db, t, &q->sql, &s, err);
    st = st ? st : weir_sqlite_each(q->db, s, t, SQLITE_OK, refuse_view, t, err);
    sqlite3_finalize(s);
    return st;
}

weir_status weir_sqlite_describe(void *self, weir_table *t, weir_error *err)
{
    weir_sqlite *q = self;
    sqlite3_stmt *s;
    describing d = {.t = t};
    weir_status st = check_kind(q, t, err);
    if (st) {
        return st;
    }
    weir_buf_clear(&q->sql);
    weir_buf_puts(&q->sql, "select * from pragma_table_xinfo(");
    weir_sql_literal(&q->sql, weir_view_of(t->rule->table));
    weir_buf_puts(&q->sql, ")");
    st = weir_sqlite_prepare(q->db, t, &q->sql, &s, err);
    st = st ? st : weir_sqlite_each(q->db, s, t, SQLITE_OK, take_described, &d, err);
    sqlite3_finalize(s);
    return st || t->rule->n_key || !d.n ? st : weir_table_learn_key(t, d.names, d.n, err);
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

typedef struct indexing {
    const weir_sqlite *q;
    const weir_table *t;
    char index[256];
    size_t n, of_key; /* columns of it so far, and those that are the key's */
    bool unique;
} indexing;

/* A column of a unique index; they come index by index. */
static weir_status take_indexed(void *ctx, sqlite3_stmt *s, weir_error *err)
{
    indexing *x = ctx;
    (void)err;
    const char *name = (const char *)sqlite3_column_text(s, 0);
    const char *column = (const char *)sqlite3_column_text(s, 1);
    if (strcmp(x->index, name) != 0) {
        snprintf(x->index, sizeof x->index, "%s", name);
        x->n = x->of_key = 0;
    }
    x->n++;
    x->of_key += column && is_key_column(x->t, column);
    if (x->n != (size_t)sqlite3_column_int64(s, 2)) {
        return WEIR_OK;
    }
    bool same = x->of_key == x->n && x->n == x->t->n_key;
    x->unique |= same;
    if (!same && !x->t->rule->by_transaction) {
        weir_log_line(x->q->options.log, WEIR_LOG_WARN, x->t->name,
            "table %s has a further unique index %s: weir orders the changes of one row only, "
            "and stops where it is violated, unless it has apply: by_transaction",
            x->t->quoted, x->index);
    }
    return WEIR_OK;
}

/* Unique indexes, the primary key's among them, with how many columns they have. An INTEGER PRIMARY
 * KEY has none. */
static void put_indexes(weir_buf *to, const weir_table *t)
{
    weir_buf_clear(to);
    weir_buf_puts(to,
        "select l.name, i.name, (select count(*) from pragma_index_info(l.name)) from "
        "pragma_index_list(");
    weir_sql_literal(to, weir_view_of(t->rule->table));
    weir_buf_puts(to, ") l, pragma_index_info(l.name) i where l.\"unique\" and not l.partial "
                      "union all select '', name, (select count(*) from pragma_table_info(");
    weir_sql_literal(to, weir_view_of(t->rule->table));
    weir_buf_puts(to, ") where pk) from pragma_table_info(");
    weir_sql_literal(to, weir_view_of(t->rule->table));
    weir_buf_puts(to, ") where pk order by 1");
}

weir_status weir_sqlite_check_key(void *self, const weir_table *t, bool *unique, weir_error *err)
{
    weir_sqlite *q = self;
    sqlite3_stmt *s;
    indexing x = {.q = q, .t = t, .index = "-"};
    put_indexes(&q->sql, t);
    weir_status st = weir_sqlite_prepare(q->db, t, &q->sql, &s, err);
    st = st ? st : weir_sqlite_each(q->db, s, t, SQLITE_OK, take_indexed, &x, err);
    sqlite3_finalize(s);
    *unique = x.unique;
    return st;
}

weir_status weir_sqlite_create(void *self, const weir_table *t, const weir_shape *shape,
    const weir_view *key_columns, size_t n_key, weir_error *err)
{
    weir_sqlite *q = self;
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql, "create table %s (", t->quoted);
    for (size_t i = 0; i < shape->n_columns; i++) {
        weir_sql_quote(&q->sql, shape->columns[i].name);
        weir_buf_putc(&q->sql, ' ');
        weir_sqlite_type_put(&q->sql, shape->columns[i].type);
        weir_buf_puts(&q->sql, ", ");
    }
    if (t->rule->position_column) {
        weir_sql_quote(&q->sql, weir_view_of(t->rule->position_column));
        weir_buf_puts(&q->sql, " blob, ");
    }
    if (t->rule->soft_delete) {
        weir_sql_quote(&q->sql, weir_view_of(t->rule->soft_delete));
        weir_buf_puts(&q->sql, " TIMESTAMPTZ_TEXT, ");
    }
    weir_buf_puts(&q->sql, "primary key (");
    for (size_t i = 0; i < n_key; i++) {
        weir_buf_puts(&q->sql, i ? "," : "");
        weir_sql_quote(&q->sql, key_columns[i]);
    }
    weir_buf_puts(&q->sql, "))");
    return weir_sqlite_do_buffer(q, t, err);
}

weir_status weir_sqlite_add_column(
    void *self, const weir_table *t, const weir_shape_column *column, weir_error *err)
{
    weir_sqlite *q = self;
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql, "alter table %s add column ", t->quoted);
    weir_sql_quote(&q->sql, column->name);
    weir_buf_putc(&q->sql, ' ');
    weir_sqlite_type_put(&q->sql, column->type);
    return weir_sqlite_do_buffer(q, t, err);
}

/* Types are alike where values would be kept alike. */
weir_status weir_sqlite_is_type(void *self, const weir_table *t, const weir_table_column *column,
    weir_view type, bool *same, weir_error *err)
{
    weir_buf declared = {0}, ignored = {0};
    weir_form form;
    (void)self;
    (void)t;
    weir_sqlite_type_put(&declared, type);
    bool exact = weir_sqlite_form_of(weir_buf_view(&declared), &form, &ignored);
    *same = exact && form == column->form;
    bool failed = declared.failed || ignored.failed;
    weir_buf_fini(&declared);
    weir_buf_fini(&ignored);
    return failed ? weir_fail_oom(err) : WEIR_OK;
}

/* SQLite keeps what it is given, whatever the declared length or precision; only where the values
 * would be kept otherwise is it another column, and it cannot make one of it. */
weir_status weir_sqlite_widen(void *self, const weir_table *t, const weir_table_column *column,
    weir_view type, weir_error *err)
{
    bool same = false;
    weir_status st = weir_sqlite_is_type(self, t, column, type, &same, err);
    return st || same ? st
                      : weir_fail(err, WEIR_E_TABLE_COLUMN,
                            "column \"%s\" of table %s is %s, and its rows are %.*s by now: SQLite "
                            "cannot change a column's type; make the table anew",
                            column->name, t->quoted, column->type, WEIR_ARG(type));
}
