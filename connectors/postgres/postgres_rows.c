/* Rows of a source. See postgres_rows.h. */
#include "postgres/postgres_rows.h"

#include "base/alloc.h"
#include "postgres/postgres.h"
#include "value/value.h"

enum { FETCH_KEYS = 10000, FETCH_ROWS = 1000 };

struct weir_pg_rows {
    weir_pg session; /* for its options alone */
    PGconn *conn;
    weir_table table;        /* for its name in messages */
    char **columns, **types; /* of the key; owned */
    size_t n;
    bool in_transaction;
    weir_buf sql;
};

static weir_status run(
    weir_pg_rows *p, int n, const char *const *values, PGresult **r, weir_error *err)
{
    const char *sql = weir_buf_str(&p->sql);
    return p->sql.failed ? weir_fail_oom(err)
                         : weir_pg_run(p->conn, &p->table, sql, n, values, r, err);
}

/* ---- Opening -----------------------------------------------------------------------------------
 */

static weir_status fail_without_key(weir_pg_rows *p, weir_error *err)
{
    const char *name = p->table.quoted;
    PGresult *r;
    weir_status st = weir_pg_run(
        p->conn, &p->table, "select 1::text where to_regclass($1) is not null", 1, &name, &r, err);
    if (st) {
        return st;
    }
    bool there = PQntuples(r) > 0;
    PQclear(r);
    return there
               ? weir_fail(err, WEIR_E_TABLE_KEY,
                     "the source's table %s has neither a primary key nor a replica identity", name)
               : weir_fail(
                     err, WEIR_E_TABLE_MISSING, "database %s has no table %s", PQdb(p->conn), name);
}

static weir_status learn_key(weir_pg_rows *p, weir_error *err)
{
    /* Of an index that includes columns only those before them are its key. */
    static const char sql[] =
        "select a.attname::text, format_type(a.atttypid, a.atttypmod) from (select indrelid, "
        "(indkey::int2[])[0:indnkeyatts - 1] as key from pg_index where indrelid = to_regclass($1) "
        "and (indisprimary or indisreplident) order by indisprimary desc limit 1) i join "
        "pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.key) order by "
        "array_position(i.key, a.attnum)";
    const char *name = p->table.quoted;
    PGresult *r;
    weir_status st = weir_pg_run(p->conn, &p->table, sql, 1, &name, &r, err);
    if (st) {
        return st;
    }
    p->n = (size_t)PQntuples(r);
    p->columns = weir_calloc(p->n, sizeof(char *));
    p->types = weir_calloc(p->n, sizeof(char *));
    bool ok = p->columns && p->types;
    for (size_t i = 0; ok && i < p->n; i++) {
        p->columns[i] = weir_strdup(PQgetvalue(r, (int)i, 0));
        p->types[i] = weir_strdup(PQgetvalue(r, (int)i, 1));
        ok = p->columns[i] && p->types[i];
    }
    PQclear(r);
    if (!ok) {
        return weir_fail_oom(err);
    }
    return p->n ? WEIR_OK : fail_without_key(p, err);
}

weir_status weir_pg_rows_open(const char *conninfo, const char *schema, const char *table,
    weir_pg_rows **out, weir_error *err)
{
    *out = NULL;
    weir_pg_rows *p = weir_calloc(1, sizeof *p);
    if (!p) {
        return weir_fail_oom(err);
    }
    p->session.options.conninfo = conninfo;
    weir_buf name = {0};
    weir_sql_quote(&name, weir_view_of(schema));
    weir_buf_putc(&name, '.');
    weir_sql_quote(&name, weir_view_of(table));
    p->table.quoted = name.failed ? NULL : weir_strdup(weir_buf_str(&name));
    weir_buf_fini(&name);
    weir_status st =
        p->table.quoted ? weir_pg_connect(&p->session, &p->conn, err) : weir_fail_oom(err);
    st = st ? st : learn_key(p, err);
    if (st) {
        weir_pg_rows_close(p);
        return st;
    }
    *out = p;
    return WEIR_OK;
}

void weir_pg_rows_close(weir_pg_rows *p)
{
    if (!p) {
        return;
    }
    if (p->conn) {
        PQfinish(p->conn);
    }
    for (size_t i = 0; i < p->n; i++) {
        weir_free(p->columns ? p->columns[i] : NULL);
        weir_free(p->types ? p->types[i] : NULL);
    }
    weir_free(p->columns);
    weir_free(p->types);
    weir_free(p->table.quoted);
    weir_buf_fini(&p->sql);
    weir_free(p);
}

/* The LSN is asked for in the snapshot's first statement: what the snapshot sees was committed
 * before it. A standby says how far it has replayed. */
weir_status weir_pg_rows_refresh(weir_pg_rows *p, uint64_t *lsn, weir_error *err)
{
    static const char sql[] =
        "select (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else "
        "pg_current_wal_insert_lsn() end - '0/0'::pg_lsn)::bigint::text";
    PGresult *r;
    weir_status st = p->in_transaction ? weir_pg_do(p->conn, NULL, "rollback", NULL, err) : WEIR_OK;
    st = st ? st
            : weir_pg_do(
                  p->conn, NULL, "begin isolation level repeatable read read only", NULL, err);
    p->in_transaction = !st;
    st = st ? st : weir_pg_run(p->conn, NULL, sql, 0, NULL, &r, err);
    if (st) {
        return st;
    }
    int64_t n = 0;
    weir_text_to_int64(weir_pg_value(r, 0, 0), &n);
    *lsn = (uint64_t)n;
    PQclear(r);
    return WEIR_OK;
}

size_t weir_pg_rows_key(const weir_pg_rows *p, const char *const **columns)
{
    *columns = (const char *const *)p->columns;
    return p->n;
}

/* ---- Reading -----------------------------------------------------------------------------------
 */

static void put_key(weir_buf *to, const weir_pg_rows *p)
{
    weir_buf_puts(to, "(select row_to_json(k.*)::text from (select ");
    for (size_t i = 0; i < p->n; i++) {
        weir_buf_puts(to, i ? ",t." : "t.");
        weir_sql_quote(to, weir_view_of(p->columns[i]));
    }
    weir_buf_puts(to, ") k)");
}

static weir_status tell(PGresult *r, weir_pg_row_fn *fn, void *ctx, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (int i = 0; i < PQntuples(r) && !st; i++) {
        st = fn(ctx, weir_pg_value(r, i, 0), weir_pg_value(r, i, 1), err);
    }
    PQclear(r);
    return st;
}

weir_status weir_pg_rows_of(
    weir_pg_rows *p, const char *keys, weir_pg_row_fn *fn, void *ctx, weir_error *err)
{
    PGresult *r;
    weir_buf_clear(&p->sql);
    weir_buf_puts(&p->sql, "select ");
    put_key(&p->sql, p);
    weir_buf_printf(&p->sql, ", row_to_json(t.*)::text from json_to_recordset($1::json) as w(");
    for (size_t i = 0; i < p->n; i++) {
        weir_buf_puts(&p->sql, i ? "," : "");
        weir_sql_quote(&p->sql, weir_view_of(p->columns[i]));
        weir_buf_printf(&p->sql, " %s", p->types[i]);
    }
    weir_buf_printf(&p->sql, ") join %s t using (", p->table.quoted);
    for (size_t i = 0; i < p->n; i++) {
        weir_buf_puts(&p->sql, i ? "," : "");
        weir_sql_quote(&p->sql, weir_view_of(p->columns[i]));
    }
    weir_buf_puts(&p->sql, ")");
    weir_status st = run(p, 1, &keys, &r, err);
    return st ? st : tell(r, fn, ctx, err);
}

weir_status weir_pg_rows_keys(
    weir_pg_rows *p, bool rows, weir_pg_row_fn *fn, void *ctx, weir_error *err)
{
    weir_buf_clear(&p->sql);
    weir_buf_puts(&p->sql, "declare weir_keys no scroll cursor for select ");
    put_key(&p->sql, p);
    weir_buf_printf(
        &p->sql, ", %s from %s t", rows ? "row_to_json(t.*)::text" : "null::text", p->table.quoted);
    weir_status st = run(p, 0, NULL, NULL, err);
    int some = rows ? FETCH_ROWS : FETCH_KEYS;
    for (bool more = true; more && !st;) {
        PGresult *r;
        weir_buf_clear(&p->sql);
        weir_buf_printf(&p->sql, "fetch %d from weir_keys", some);
        st = run(p, 0, NULL, &r, err);
        if (!st) {
            more = PQntuples(r) == some;
            st = tell(r, fn, ctx, err);
        }
    }
    weir_error ignored;
    weir_status closed = weir_pg_do(p->conn, NULL, "close weir_keys", NULL, st ? &ignored : err);
    return st ? st : closed;
}
