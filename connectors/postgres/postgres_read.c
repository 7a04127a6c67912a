/* Reading a table's rows: by keys, and in the order of its key. See postgres.h. */
#include "base/alloc.h"
#include "postgres/postgres.h"

/* ---- Reading rows ------------------------------------------------------------------------------
 */

/* A row has all columns of the table but the position: those of rows to come are not known to a
 * process that has just begun, and columns of the user's own do no harm. */
static bool is_shown(const weir_table *t, size_t i)
{
    return !weir_table_is_own(t, t->columns[i].name);
}

static void put_position(weir_buf *to, const weir_table *t)
{
    if (t->rule->position_column) {
        weir_sql_put_name(to, "t.", t->rule->position_column);
    } else {
        weir_buf_puts(to, "null::bytea");
    }
}

/* Of soft deletes: the row is there. */
static void put_alive(weir_buf *to, const weir_table *t, const char *before)
{
    if (t->rule->soft_delete) {
        weir_sql_put_name(to, before, t->rule->soft_delete);
        weir_buf_puts(to, " is null");
    }
}

/* The row as JSON: row_to_json of a table's columns. */
static void put_row(weir_buf *to, const weir_table *t)
{
    const char *before = "t.";
    weir_buf_puts(to, "(select row_to_json(r.*)::text from (select ");
    for (size_t i = 0; i < t->n_columns; i++) {
        if (is_shown(t, i)) {
            weir_sql_put_name(to, before, t->columns[i].name);
            before = ",t.";
        }
    }
    weir_buf_puts(to, ") r)");
}

static void put_keys(weir_buf *to, const weir_table *t, const char *before)
{
    for (size_t i = 0; i < t->n_key; i++) {
        weir_buf_puts(to, i ? "," : "");
        weir_sql_put_name(to, before, weir_table_key_column(t, i)->name);
    }
}

static void put_fetch(weir_buf *to, const weir_table *t, bool rows)
{
    weir_buf_clear(to);
    weir_buf_puts(to, "select s.i::text,");
    put_position(to, t);
    weir_buf_puts(to, ",");
    if (rows) {
        put_row(to, t);
    } else {
        weir_buf_puts(to, "null::text");
    }
    weir_buf_puts(to, " from unnest(");
    for (size_t i = 0; i < t->n_key; i++) {
        weir_view bare = weir_table_key_column(t, i)->bare;
        weir_buf_printf(to, "%s$%zu::%.*s[]", i ? "," : "", i + 1, WEIR_ARG(bare));
    }
    weir_buf_puts(to, ") with ordinality as s(");
    for (size_t i = 0; i < t->n_key; i++) {
        weir_buf_printf(to, "k%zu,", i);
    }
    weir_buf_printf(to, "i) join %s t on ", t->quoted);
    for (size_t i = 0; i < t->n_key; i++) {
        weir_buf_printf(to, "%ss.k%zu=", i ? " and " : "", i);
        weir_sql_put_name(to, "t.", weir_table_key_column(t, i)->name);
    }
    put_alive(to, t, " and t.");
}

/* One array for each column of the key. The texts are the caller's to free. */
static weir_status key_columns(const weir_table *t, const weir_view *const *keys, size_t n,
    weir_buf *arrays, const char **values, weir_error *err)
{
    for (size_t k = 0; k < t->n_key; k++) {
        weir_pg_array_begin(&arrays[k]);
        for (size_t i = 0; i < n; i++) {
            weir_pg_array_text(&arrays[k], keys[i][k]);
        }
        weir_pg_array_end(&arrays[k]);
        values[k] = weir_buf_str(&arrays[k]);
        if (arrays[k].failed) {
            return weir_fail_oom(err);
        }
    }
    return WEIR_OK;
}

weir_status weir_pg_fetch_with(PGconn *conn, weir_buf *sql, const weir_table *t,
    const weir_view *const *keys, size_t n, bool rows, PGresult **r, weir_error *err)
{
    weir_buf *arrays = weir_calloc(t->n_key, sizeof *arrays);
    const char **values = weir_calloc(t->n_key, sizeof(const char *));
    put_fetch(sql, t, rows);
    const char *text = weir_buf_str(sql);
    weir_status st = arrays && values && !sql->failed ? WEIR_OK : weir_fail_oom(err);
    st = st ? st : key_columns(t, keys, n, arrays, values, err);
    st = st ? st : weir_pg_run(conn, t, text, (int)t->n_key, values, r, err);
    for (size_t i = 0; arrays && i < t->n_key; i++) {
        weir_buf_fini(&arrays[i]);
    }
    weir_free(arrays);
    weir_free(values);
    return st;
}

weir_status weir_pg_fetch(void *self, weir_table *t, const weir_view *const *keys, size_t n,
    bool rows, weir_table_found_fn *found, void *ctx, weir_error *err)
{
    weir_pg *p = self;
    PGresult *r;
    weir_status st = weir_pg_settle(p, err);
    st = st ? st : weir_pg_still(p, t, false, err);
    st = st ? st : weir_pg_fetch_with(p->conn, &p->sql, t, keys, n, rows, &r, err);
    if (st) {
        return st;
    }
    for (int i = 0; i < PQntuples(r) && !st; i++) {
        int64_t at;
        st = weir_text_to_int64(weir_pg_value(r, i, 0), &at)
                 ? found(ctx, (size_t)at - 1, weir_pg_value(r, i, 1), weir_pg_value(r, i, 2), err)
                 : weir_fail(err, WEIR_E_INTERNAL, "an ordinality that is no number");
    }
    PQclear(r);
    return st;
}

static void put_page(
    weir_buf *to, const weir_table *t, bool from, bool inclusive, unsigned limit, bool rows)
{
    weir_buf_clear(to);
    weir_buf_puts(to, "select (select row_to_json(k.*)::text from (select ");
    for (size_t i = 0; i < t->n_key; i++) {
        weir_sql_put_name(to, i ? ",t." : "t.", weir_table_key_column(t, i)->name);
        weir_buf_puts(to, " as ");
        weir_sql_quote(to, t->key[i].member);
    }
    weir_buf_puts(to, ") k),");
    put_position(to, t);
    weir_buf_puts(to, ",");
    if (rows) {
        put_row(to, t);
    } else {
        weir_buf_puts(to, "null::text");
    }
    for (size_t i = 0; i < t->n_key; i++) {
        weir_sql_put_name(to, ",t.", weir_table_key_column(t, i)->name);
        weir_buf_puts(to, "::text");
    }
    weir_buf_printf(to, " from %s t", t->quoted);
    if (from) {
        weir_buf_puts(to, " where (");
        put_keys(to, t, "t.");
        weir_buf_puts(to, inclusive ? ") >= (" : ") > (");
        for (size_t i = 0; i < t->n_key; i++) {
            weir_view bare = weir_table_key_column(t, i)->bare;
            weir_buf_printf(to, "%s$%zu::%.*s", i ? "," : "", i + 1, WEIR_ARG(bare));
        }
        weir_buf_puts(to, ")");
    }
    put_alive(to, t, from ? " and t." : " where t.");
    weir_buf_puts(to, " order by ");
    put_keys(to, t, "t.");
    weir_buf_printf(to, " limit %u", limit);
}

weir_status weir_pg_page(void *self, weir_table *t, const weir_view *after, bool inclusive,
    unsigned limit, bool rows, weir_table_page_fn *fn, void *ctx, weir_error *err)
{
    enum { VALUES = 3 };
    weir_pg *p = self;
    PGresult *r;
    const char **values = weir_calloc(t->n_key, sizeof(const char *));
    weir_view *key_values = weir_calloc(t->n_key, sizeof *key_values);
    weir_arena terminated;
    weir_arena_init(&terminated, 0);
    put_page(&p->sql, t, after != NULL, inclusive, limit, rows);
    const char *sql = weir_buf_str(&p->sql);
    for (size_t i = 0; values && after && i < t->n_key; i++) {
        values[i] = weir_arena_copy(&terminated, after[i]).ptr;
    }
    bool ok = values && key_values && !p->sql.failed && !terminated.failed;
    weir_status st = ok ? WEIR_OK : weir_fail_oom(err);
    st = st ? st : weir_pg_ask(p, t, sql, after ? (int)t->n_key : 0, values, &r, err);
    if (!st) {
        for (int i = 0; i < PQntuples(r) && !st; i++) {
            for (size_t k = 0; k < t->n_key; k++) {
                key_values[k] = weir_pg_value(r, i, VALUES + (int)k);
            }
            st = fn(ctx, weir_pg_value(r, i, 0), key_values, weir_pg_value(r, i, 1),
                weir_pg_value(r, i, 2), err);
        }
        PQclear(r);
    }
    weir_arena_fini(&terminated);
    weir_free(values);
    weir_free(key_values);
    return st;
}

weir_status weir_pg_clear(void *self, weir_table *t, weir_error *err)
{
    weir_pg *p = self;
    weir_buf_clear(&p->sql);
    if (t->rule->soft_delete) {
        weir_buf_printf(&p->sql, "update %s t set ", t->quoted);
        weir_pg_put_death(&p->sql, t);
        put_alive(&p->sql, t, " where t.");
    } else {
        weir_buf_printf(&p->sql, "delete from %s", t->quoted);
    }
    return weir_pg_do_buffer(p, t, err);
}
