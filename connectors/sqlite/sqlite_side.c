/* The side table: delete marks, halves of moves, offsets and watermarks. See sqlite.h. */
#include "sqlite/sqlite.h"

/* ---- The side table ----------------------------------------------------------------------------
 */

static weir_status side_statement(
    weir_sqlite *q, sqlite3_stmt **s, const char *before, const char *behind, weir_error *err)
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

int weir_sqlite_bind_side(sqlite3_stmt *s, const char *cache, weir_space space, weir_view key)
{
    int rc = sqlite3_bind_text(s, 1, cache, -1, SQLITE_STATIC);
    rc = rc ? rc : sqlite3_bind_int(s, 2, (int)space);
    return rc ? rc : weir_sqlite_bind_blob(s, 3, key);
}

typedef struct telling {
    weir_side_found_fn *fn;
    void *ctx;
    weir_view key;
} telling;

static weir_status tell_value(void *ctx, sqlite3_stmt *s, weir_error *err)
{
    const telling *t = ctx;
    return t->fn(t->ctx, t->key, weir_sqlite_blob(s, 0), err);
}

static weir_status tell_key_and_value(void *ctx, sqlite3_stmt *s, weir_error *err)
{
    const telling *t = ctx;
    return t->fn(t->ctx, weir_sqlite_blob(s, 0), weir_sqlite_blob(s, 1), err);
}

weir_status weir_sqlite_side_fetch(void *self, const char *cache, weir_space space,
    const weir_view *keys, size_t n, weir_side_found_fn *found, void *ctx, weir_error *err)
{
    weir_sqlite *q = self;
    weir_status st = side_statement(q, &q->side_get, "select value from ",
        " where cache = ?1 and space = ?2 and key = ?3", err);
    for (size_t i = 0; i < n && !st; i++) {
        telling told = {found, ctx, keys[i]};
        int rc = weir_sqlite_bind_side(q->side_get, cache, space, keys[i]);
        st = weir_sqlite_each(q->db, q->side_get, NULL, rc, tell_value, &told, err);
    }
    return st;
}

/* ?4: the new value, ?5: the old one. */
static weir_status prepare_side(weir_sqlite *q, weir_error *err)
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

weir_status weir_sqlite_side_write(void *self, const char *cache, weir_space space,
    const weir_side_change *changes, size_t n, bool unguarded, bool *moved, weir_error *err)
{
    weir_sqlite *q = self;
    weir_status st = prepare_side(q, err);
    for (size_t i = 0; i < n && !st; i++) {
        const weir_side_change *c = &changes[i];
        bool gone = !c->value.ptr;
        sqlite3_stmt *s = gone         ? q->side_gone
                          : unguarded  ? q->side_any
                          : c->old.ptr ? q->side_changed
                                       : q->side_new;
        int64_t touched = 0;
        int rc = weir_sqlite_bind_side(s, cache, space, c->key);
        rc = rc || gone ? rc : weir_sqlite_bind_blob(s, 4, c->value);
        rc = rc || !(s == q->side_changed || gone) ? rc : weir_sqlite_bind_blob(s, 5, c->old);
        st = weir_sqlite_finish(q, s, NULL, rc, &touched, err);
        *moved |= !st && !unguarded && touched != 1;
    }
    return st;
}

weir_status weir_sqlite_side_page(void *self, const char *cache, weir_space space, weir_view after,
    bool inclusive, unsigned limit, weir_side_found_fn *fn, void *ctx, weir_error *err)
{
    weir_sqlite *q = self;
    sqlite3_stmt *s;
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql,
        "select key, value from %s where cache = ?1 and space = ?2 and key %s ?3 order by key "
        "limit "
        "%u",
        q->side, inclusive ? ">=" : ">", limit);
    weir_status st = weir_sqlite_prepare(q->db, NULL, &q->sql, &s, err);
    int rc = st ? SQLITE_OK : weir_sqlite_bind_side(s, cache, space, after);
    telling told = {.fn = fn, .ctx = ctx};
    st = st ? st : weir_sqlite_each(q->db, s, NULL, rc, tell_key_and_value, &told, err);
    sqlite3_finalize(s);
    return st;
}

weir_status weir_sqlite_side_clear(void *self, const char *cache, weir_space space, weir_error *err)
{
    weir_sqlite *q = self;
    sqlite3_stmt *s;
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql, "delete from %s where cache = ?1 and space = ?2", q->side);
    weir_status st = weir_sqlite_prepare(q->db, NULL, &q->sql, &s, err);
    if (st) {
        return st;
    }
    int rc = sqlite3_bind_text(s, 1, cache, -1, SQLITE_STATIC);
    rc = rc ? rc : sqlite3_bind_int(s, 2, (int)space);
    st = weir_sqlite_finish(q, s, NULL, rc, NULL, err);
    sqlite3_finalize(s);
    return st;
}
