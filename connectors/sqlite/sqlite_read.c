/* Reading a table's rows: by keys, and in the order of its key. See sqlite.h. */
#include "base/alloc.h"
#include "sqlite/sqlite.h"
#include "value/json.h"

/* ---- Reading rows ------------------------------------------------------------------------------
 */

typedef struct fetching {
    weir_sqlite *q;
    weir_table *t;
    weir_table_found_fn *found;
    void *ctx;
    size_t i; /* of the key */
    bool rows;
} fetching;

static weir_status tell_found(void *ctx, sqlite3_stmt *s, weir_error *err)
{
    const fetching *f = ctx;
    weir_view row = {NULL, 0};
    weir_buf_clear(&f->q->row);
    if (f->rows) {
        weir_status st = weir_sqlite_put_row(f->t, s, 1 + (int)f->t->n_key, &f->q->row, err);
        if (st) {
            return st;
        }
        row = weir_buf_view(&f->q->row);
    }
    return f->found(f->ctx, f->i, weir_sqlite_blob(s, 0), row, err);
}

weir_status weir_sqlite_fetch(void *self, weir_table *t, const weir_view *const *keys, size_t n,
    bool rows, weir_table_found_fn *found, void *ctx, weir_error *err)
{
    weir_sqlite *q = self;
    weir_sqlite_statements *m = weir_sqlite_statements_of(t);
    if (!m) {
        return weir_fail_oom(err);
    }
    weir_status st = m->fetch[rows]
                         ? WEIR_OK
                         : weir_sqlite_prepare_fetch(q->db, &q->sql, t, rows, &m->fetch[rows], err);
    fetching f = {q, t, found, ctx, 0, rows};
    for (f.i = 0; f.i < n && !st; f.i++) {
        sqlite3_stmt *s = m->fetch[rows];
        int rc = weir_sqlite_bind_key(t, s, 1, keys[f.i]);
        st = weir_sqlite_each(q->db, s, t, rc, tell_found, &f, err);
    }
    return st;
}

static void put_page(
    weir_buf *to, const weir_table *t, bool from, bool inclusive, unsigned limit, bool rows)
{
    weir_sqlite_put_select(to, t, rows);
    if (from) {
        weir_buf_puts(to, " where (");
        weir_sqlite_put_keys(to, t, ",", "");
        weir_buf_puts(to, inclusive ? ") >= (" : ") > (");
        for (size_t i = 0; i < t->n_key; i++) {
            weir_buf_puts(to, i ? ",?" : "?");
        }
        weir_buf_puts(to, ")");
    }
    weir_sqlite_put_alive(to, t, from ? " and " : " where ");
    weir_buf_puts(to, " order by ");
    weir_sqlite_put_keys(to, t, ",", "");
    weir_buf_printf(to, " limit %u", limit);
}

typedef struct paging {
    weir_sqlite *q;
    const weir_table *t;
    weir_view *values;
    weir_arena texts; /* of bytes among them, one row's */
    weir_buf key;
    weir_table_page_fn *fn;
    void *ctx;
    bool rows;
} paging;

/* All of a double's digits, which SQLite's own text has not. */
static weir_view double_at(sqlite3_stmt *s, int column, weir_form form, weir_arena *arena)
{
    weir_buf digits = {0};
    weir_error err;
    weir_view v = {NULL, 0};
    if (!weir_sqlite_json(s, column, form, &digits, &err) && !digits.failed) {
        v = weir_arena_copy(arena, weir_buf_view(&digits));
    }
    arena->failed |= !v.ptr;
    weir_buf_fini(&digits);
    return v;
}

/* As weir_sqlite_bind takes it. ptr NULL: out of memory. */
static weir_view text_at(sqlite3_stmt *s, int column, weir_form form, weir_arena *arena)
{
    if ((form == WEIR_FORM_FLOAT4 || form == WEIR_FORM_FLOAT8) &&
        sqlite3_column_type(s, column) == SQLITE_FLOAT) {
        return double_at(s, column, form, arena);
    }
    if (form == WEIR_FORM_BYTES) {
        static const char digits[] = "0123456789abcdef";
        weir_view bytes = weir_sqlite_blob(s, column);
        char *to = weir_arena_bytes(arena, 2 + 2 * bytes.len);
        for (size_t i = 0; to && i < bytes.len; i++) {
            to[2 + 2 * i] = digits[(unsigned char)bytes.ptr[i] >> 4];
            to[3 + 2 * i] = digits[(unsigned char)bytes.ptr[i] & 15];
        }
        if (to) {
            memcpy(to, "\\x", 2);
        }
        return weir_view_make(to, to ? 2 + 2 * bytes.len : 0);
    }
    const char *text = (const char *)sqlite3_column_text(s, column);
    return weir_view_make(text, (size_t)sqlite3_column_bytes(s, column));
}

/* One row of a page: its key as JSON and as texts, and the row. */
static weir_status tell_row(void *ctx, sqlite3_stmt *s, weir_error *err)
{
    paging *p = ctx;
    const weir_table *t = p->t;
    weir_buf *row = &p->q->row, *key = &p->key;
    weir_status st = WEIR_OK;
    weir_buf_clear(key);
    weir_buf_clear(row);
    weir_arena_reset(&p->texts);
    for (size_t i = 0; i < t->n_key && !st; i++) {
        weir_buf_putc(key, i ? ',' : '{');
        weir_json_put_string(key, t->key[i].member);
        weir_buf_putc(key, ':');
        st = weir_sqlite_json(s, 1 + (int)i, weir_table_key_column(t, i)->form, key, err);
    }
    weir_buf_putc(key, '}');
    st = st || !p->rows ? st : weir_sqlite_put_row(t, s, 1 + (int)t->n_key, row, err);
    for (size_t i = 0; i < t->n_key && !st; i++) {
        p->values[i] = text_at(s, 1 + (int)i, weir_table_key_column(t, i)->form, &p->texts);
    }
    if (!st && (key->failed || p->texts.failed)) {
        return weir_fail_oom(err);
    }
    weir_view told = p->rows ? weir_buf_view(row) : (weir_view){NULL, 0};
    return st ? st
              : p->fn(p->ctx, weir_buf_view(key), p->values, weir_sqlite_blob(s, 0), told, err);
}

weir_status weir_sqlite_page(void *self, weir_table *t, const weir_view *after, bool inclusive,
    unsigned limit, bool rows, weir_table_page_fn *fn, void *ctx, weir_error *err)
{
    weir_sqlite *q = self;
    sqlite3_stmt *s = NULL;
    paging p = {.q = q, .t = t, .fn = fn, .ctx = ctx, .rows = rows};
    weir_arena_init(&p.texts, 0);
    p.values = weir_calloc(t->n_key, sizeof *p.values);
    put_page(&q->sql, t, after != NULL, inclusive, limit, rows);
    weir_status st =
        p.values ? weir_sqlite_prepare(q->db, t, &q->sql, &s, err) : weir_fail_oom(err);
    int rc = !st && after ? weir_sqlite_bind_key(t, s, 1, after) : SQLITE_OK;
    st = st ? st : weir_sqlite_each(q->db, s, t, rc, tell_row, &p, err);
    sqlite3_finalize(s);
    weir_buf_fini(&p.key);
    weir_arena_fini(&p.texts);
    weir_free(p.values);
    return st;
}

weir_status weir_sqlite_clear(void *self, weir_table *t, weir_error *err)
{
    weir_sqlite *q = self;
    weir_buf_clear(&q->sql);
    if (t->rule->soft_delete) {
        weir_buf_printf(&q->sql, "update %s set ", t->quoted);
        weir_sqlite_put_death(&q->sql, t);
        weir_sqlite_put_alive(&q->sql, t, " where ");
    } else {
        weir_buf_printf(&q->sql, "delete from %s", t->quoted);
    }
    return weir_sqlite_do_buffer(q, t, err);
}
