/* Tables of PostgreSQL: the driver of table/table.h. See postgres_store.h.
 *
 * One connection writes, another one reads. A connection that fails is closed and opened again by
 * the next begin. Where a store is written by one process alone, that process holds an advisory
 * lock for as long as its session lives. */
#include "postgres/postgres_store.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "postgres/postgres.h"
#include "table/table_key.h"

enum { WRITE_AT_ONCE = 16384, BYTES_FOR_S = 30 };

/* ---- The session -------------------------------------------------------------------------------
 */

static void hang_up(weir_pg *p)
{
    if (p->conn) {
        PQfinish(p->conn);
    }
    p->conn = NULL;
    p->in_transaction = false;
}

/* Two that make something at once meet in the catalog's own unique indexes. */
static bool made_beside(weir_status st, const weir_error *err)
{
    return st && (strcmp(err->code, "TABLE_DEPENDS") == 0 || strcmp(err->code, "TABLE_MOVED") == 0);
}

static weir_status make_side_table(weir_pg *p, weir_error *err)
{
    weir_buf_clear(&p->sql);
    weir_buf_printf(&p->sql,
        "create table if not exists %s (cache text not null, space smallint not null, key bytea "
        "not "
        "null, value bytea not null, primary key (cache, space, key))",
        p->side);
    const char *sql = weir_buf_str(&p->sql);
    weir_status st = p->sql.failed ? weir_fail_oom(err) : weir_pg_do(p->conn, NULL, sql, NULL, err);
    return made_beside(st, err) ? weir_pg_do(p->conn, NULL, sql, NULL, err) : st;
}

static weir_status try_lock(weir_pg *p, bool *locked, weir_error *err)
{
    PGresult *r;
    const char *side = p->side;
    weir_status st = weir_pg_run(p->conn, NULL,
        "select pg_try_advisory_lock(2003134834, $1::regclass::oid::int)::text", 1, &side, &r, err);
    if (!st) {
        *locked = weir_view_is(weir_pg_value(r, 0, 0), "true");
        PQclear(r);
    }
    return st;
}

/* Two that write one store would each undo what the other one knows. A session whose process was
 * killed ends when its server notices: that is waited for. */
static weir_status lock_store(weir_pg *p, weir_error *err)
{
    enum { TRIES = 50, BETWEEN_US = 100000 };
    bool locked = false;
    weir_status st = try_lock(p, &locked, err);
    for (int i = 0; i < TRIES && !st && !locked && !p->locked_before; i++) {
        usleep(BETWEEN_US);
        st = try_lock(p, &locked, err);
    }
    if (!st && !locked) {
        return p->locked_before
                   ? weir_fail(err, WEIR_E_STORE_UNREACHABLE,
                         "the session that was cut off still holds the lock of %s", p->side)
                   : weir_fail(err, WEIR_E_STORE_LOCKED,
                         "%s is locked: another process writes this store", p->side);
    }
    p->locked_before |= locked;
    return st;
}

static weir_status ensure_connected(weir_pg *p, weir_error *err)
{
    if (p->conn && PQstatus(p->conn) == CONNECTION_OK) {
        return WEIR_OK;
    }
    hang_up(p);
    weir_status st = weir_pg_connect(p, &p->conn, err);
    if (!st && !p->options.read_only) {
        st = make_side_table(p, err);
        st = st || p->options.shared ? st : lock_store(p, err);
    }
    if (st) {
        hang_up(p);
    }
    return st;
}

/* Transactions of a shared store run side by side, but for one that must see all the others' rows.
 */
static weir_status lock_beside(weir_pg *p, bool alone, weir_error *err)
{
    const char *side = p->side;
    return weir_pg_run(p->conn, NULL,
        alone ? "select pg_advisory_xact_lock(2003134835, $1::regclass::oid::int)::text"
              : "select pg_advisory_xact_lock_shared(2003134835, $1::regclass::oid::int)::text",
        1, &side, NULL, err);
}

static weir_status pg_exclude(void *self, weir_error *err)
{
    weir_pg *p = self;
    return p->options.read_only ? WEIR_OK : lock_beside(p, true, err);
}

/* In the order that they are given in, so that two never wait for each other here. */
static weir_status pg_take_partitions(
    void *self, const char *cache, const int32_t *partitions, size_t n, weir_error *err)
{
    weir_pg *p = self;
    weir_buf list = {0};
    for (size_t i = 0; i < n; i++) {
        weir_buf_printf(&list, "%c%d", i ? ',' : '{', (int)partitions[i]);
    }
    weir_buf_puts(&list, "}");
    const char *values[] = {p->side, cache, weir_buf_str(&list)};
    weir_status st =
        list.failed ? weir_fail_oom(err)
                    : weir_pg_run(p->conn, NULL,
                          "select pg_advisory_xact_lock(hashtext($1 || ' ' || $2), n)::text from "
                          "unnest($3::int[]) as n",
                          3, values, NULL, err);
    weir_buf_fini(&list);
    return st;
}

static weir_status pg_begin(void *self, weir_error *err)
{
    weir_pg *p = self;
    weir_status st = ensure_connected(p, err);
    st =
        st ? st
           : weir_pg_do(p->conn, NULL,
                 p->options.read_only ? "begin isolation level repeatable read read only" : "begin",
                 NULL, err);
    if (!st && p->options.shared && !p->options.read_only) {
        st = lock_beside(p, false, err);
    }
    p->in_transaction = !st;
    p->staged = false;
    if (st) {
        hang_up(p);
    }
    return st;
}

static void pg_abort(void *self)
{
    weir_pg *p = self;
    weir_error ignored;
    if (p->conn && (PQstatus(p->conn) != CONNECTION_OK ||
                       weir_pg_do(p->conn, NULL, "rollback", NULL, &ignored))) {
        hang_up(p);
    }
    p->in_transaction = false;
}

/* Whether a commit whose answer was lost has happened does not matter: all of it is done again, and
 * what is there already is told by its positions. */
static weir_status pg_commit(void *self, weir_error *err)
{
    weir_pg *p = self;
    weir_status st = weir_pg_do(p->conn, NULL, "commit", NULL, err);
    p->in_transaction = false;
    if (st) {
        pg_abort(p);
    } else {
        p->no_direct = false;
    }
    return st;
}

static weir_status pg_savepoint(void *self, weir_error *err)
{
    weir_pg *p = self;
    return weir_pg_do(p->conn, NULL, "savepoint weir", NULL, err);
}

static weir_status pg_rollback_to(void *self, weir_error *err)
{
    weir_pg *p = self;
    return weir_pg_do(p->conn, NULL, "rollback to savepoint weir", NULL, err);
}

/* ---- What a table is ---------------------------------------------------------------------------
 */

static weir_form form_of(weir_view type, bool array, weir_view item, weir_form *item_form)
{
    bool json = weir_view_is(type, "json") || weir_view_is(type, "jsonb");
    *item_form = weir_view_is(item, "json") || weir_view_is(item, "jsonb") ? WEIR_FORM_JSON
                 : weir_view_is(item, "hstore")                            ? WEIR_FORM_HSTORE
                                                                           : WEIR_FORM_TEXT;
    return json                           ? WEIR_FORM_JSON
           : weir_view_is(type, "hstore") ? WEIR_FORM_HSTORE
           : array && item.len            ? WEIR_FORM_ARRAY
                                          : WEIR_FORM_TEXT;
}

static bool take_column(weir_table *t, const PGresult *r, int i)
{
    weir_table_column c = {.generated = weir_view_is(weir_pg_value(r, i, 5), "true")};
    c.form = form_of(weir_pg_value(r, i, 2), weir_view_is(weir_pg_value(r, i, 3), "A"),
        weir_pg_value(r, i, 4), &c.item);
    const char *type = PQgetvalue(r, i, 1);
    return weir_table_add_column(t, c, PQgetvalue(r, i, 0), type, type);
}

static const char columns_sql[] =
    "select a.attname::text, format_type(a.atttypid, a.atttypmod), coalesce(b.typname, "
    "t.typname)::text,"
    " coalesce(b.typcategory, t.typcategory)::text, coalesce(e.typname::text, ''),"
    " (a.attgenerated <> '')::text"
    " from pg_attribute a join pg_type t on t.oid = a.atttypid"
    " left join pg_type b on t.typtype = 'd' and b.oid = t.typbasetype"
    " left join pg_type e on e.oid = nullif(coalesce(b.typelem, t.typelem), 0)"
    " where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped order by a.attnum";

static const char key_sql[] =
    "select a.attname::text from pg_index i join pg_attribute a on a.attrelid = i.indrelid and "
    "a.attnum"
    " = any (i.indkey) where i.indrelid = to_regclass($1) and i.indisprimary order by 1";

static const char depends_sql[] =
    "select coalesce((select 'foreign key ' || conname from pg_constraint where contype = 'f' and"
    " (conrelid = to_regclass($1) or confrelid = to_regclass($1)) limit 1),"
    " (select 'exclusion ' || conname from pg_constraint where contype = 'x' and"
    " conrelid = to_regclass($1) limit 1),"
    " (select 'unique index ' || indexrelid::regclass from pg_index where indrelid = "
    "to_regclass($1)"
    " and indisunique and not indisprimary and (select array_agg(attname::text order by attname "
    "collate"
    " \"C\") from pg_attribute where attrelid = indrelid and attnum = any (indkey)) is distinct "
    "from"
    " $2::text[] limit 1))";

static weir_status ask(weir_pg *p, const weir_table *t, const char *sql, const char *second,
    PGresult **r, weir_error *err)
{
    const char *values[] = {t->quoted, second};
    return weir_pg_run(p->conn, t, sql, second ? 2 : 1, values, r, err);
}

static weir_status learn_primary_key(weir_pg *p, weir_table *t, weir_error *err)
{
    PGresult *r;
    weir_status st = ask(p, t, key_sql, NULL, &r, err);
    if (st) {
        return st;
    }
    int n = PQntuples(r);
    weir_view *names = weir_arena_alloc(&t->arena, (size_t)n * sizeof *names);
    for (int i = 0; names && i < n; i++) {
        names[i] = weir_arena_copy(&t->arena, weir_pg_value(r, i, 0));
    }
    PQclear(r);
    if (!names || t->arena.failed) {
        return weir_fail_oom(err);
    }
    return n ? weir_table_learn_key(t, names, (size_t)n, err) : WEIR_OK;
}

static weir_status pg_describe(void *self, weir_table *t, weir_error *err)
{
    weir_pg *p = self;
    PGresult *r;
    weir_status st = ask(p, t, columns_sql, NULL, &r, err);
    if (st) {
        return st;
    }
    bool ok = true;
    for (int i = 0; i < PQntuples(r) && ok; i++) {
        ok = take_column(t, r, i);
    }
    t->exists = PQntuples(r) > 0;
    PQclear(r);
    if (!ok) {
        return weir_fail_oom(err);
    }
    return t->exists && !t->rule->n_key ? learn_primary_key(p, t, err) : WEIR_OK;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The key's columns as a text[], in the order of their bytes. */
static bool key_array(const weir_table *t, weir_buf *to)
{
    const char **names = weir_calloc(t->n_key, sizeof(const char *));
    if (!names) {
        return false;
    }
    for (size_t i = 0; i < t->n_key; i++) {
        names[i] = weir_table_key_column(t, i)->name;
    }
    qsort(names, t->n_key, sizeof(const char *), by_bytes);
    weir_pg_array_begin(to);
    for (size_t i = 0; i < t->n_key; i++) {
        weir_pg_array_text(to, weir_view_of(names[i]));
    }
    weir_pg_array_end(to);
    weir_free(names);
    return !to->failed;
}

static weir_status learn_depends(weir_pg *p, weir_table *t, const char *key, weir_error *err)
{
    PGresult *r;
    weir_status st = ask(p, t, depends_sql, key, &r, err);
    if (!st && !PQgetisnull(r, 0, 0) && !t->depends) {
        t->depends = weir_strdup(PQgetvalue(r, 0, 0));
        weir_log_line(p->options.log, WEIR_LOG_WARN, t->name,
            "table %s has a %s: weir orders the changes of one row only, and stops where it is "
            "violated",
            t->quoted, PQgetvalue(r, 0, 0));
    }
    if (!st) {
        PQclear(r);
    }
    return st;
}

static weir_status pg_check_key(void *self, const weir_table *t, bool *unique, weir_error *err)
{
    static const char sql[] =
        "select exists (select 1 from pg_index where indrelid = to_regclass($1) and indisunique "
        "and "
        "indpred is null and indexprs is null and indimmediate and (select array_agg(attname::text "
        "order by attname collate \"C\") from pg_attribute where attrelid = indrelid and attnum = "
        "any "
        "(indkey)) = $2::text[])::text";
    weir_pg *p = self;
    weir_buf key = {0};
    PGresult *r;
    weir_status st = key_array(t, &key) ? WEIR_OK : weir_fail_oom(err);
    st = st ? st : ask(p, t, sql, weir_buf_str(&key), &r, err);
    if (!st) {
        *unique = weir_view_is(weir_pg_value(r, 0, 0), "true");
        PQclear(r);
        st = learn_depends(p, (weir_table *)(uintptr_t)t, weir_buf_str(&key), err);
    }
    weir_buf_fini(&key);
    return st;
}

/* ---- Making a table ----------------------------------------------------------------------------
 */

static weir_status do_sql(weir_pg *p, const weir_table *t, weir_error *err)
{
    const char *sql = weir_buf_str(&p->sql);
    return p->sql.failed ? weir_fail_oom(err) : weir_pg_do(p->conn, t, sql, NULL, err);
}

/* Of definitions: if another process was quicker, the transaction is to be done again. */
static weir_status define(weir_pg *p, const weir_table *t, weir_error *err)
{
    weir_status st = do_sql(p, t, err);
    return made_beside(st, err) ? weir_fail(err, WEIR_E_TABLE_MOVED,
                                      "table %s is made by another process", t->quoted)
                                : st;
}

static weir_status make_schema(weir_pg *p, const weir_table *t, weir_error *err)
{
    PGresult *r;
    const char *schema = t->rule->schema;
    if (!schema) {
        return WEIR_OK;
    }
    weir_status st = weir_pg_run(
        p->conn, t, "select 1::text from pg_namespace where nspname = $1", 1, &schema, &r, err);
    if (st) {
        return st;
    }
    bool there = PQntuples(r) > 0;
    PQclear(r);
    weir_buf_clear(&p->sql);
    weir_buf_puts(&p->sql, "create schema if not exists ");
    weir_sql_quote(&p->sql, weir_view_of(schema));
    return there ? WEIR_OK : define(p, t, err);
}

static weir_status pg_create(void *self, const weir_table *t, const weir_shape *shape,
    const weir_view *key_columns, size_t n_key, weir_error *err)
{
    weir_pg *p = self;
    weir_status st = make_schema(p, t, err);
    if (st) {
        return st;
    }
    weir_buf_clear(&p->sql);
    weir_buf_printf(&p->sql, "create table %s (", t->quoted);
    for (size_t i = 0; i < shape->n_columns; i++) {
        weir_sql_quote(&p->sql, shape->columns[i].name);
        weir_buf_putc(&p->sql, ' ');
        weir_buf_putv(&p->sql, shape->columns[i].type);
        weir_buf_puts(&p->sql, ", ");
    }
    weir_sql_quote(&p->sql, weir_view_of(t->rule->position_column));
    weir_buf_puts(&p->sql, " bytea, primary key (");
    for (size_t i = 0; i < n_key; i++) {
        weir_buf_puts(&p->sql, i ? "," : "");
        weir_sql_quote(&p->sql, key_columns[i]);
    }
    weir_buf_puts(&p->sql, "))");
    return define(p, t, err);
}

static weir_status pg_add_column(
    void *self, const weir_table *t, const weir_shape_column *column, weir_error *err)
{
    weir_pg *p = self;
    weir_buf_clear(&p->sql);
    weir_buf_printf(&p->sql, "alter table %s add column if not exists ", t->quoted);
    weir_sql_quote(&p->sql, column->name);
    weir_buf_putc(&p->sql, ' ');
    weir_buf_putv(&p->sql, column->type);
    return define(p, t, err);
}

/* ---- Reading rows ------------------------------------------------------------------------------
 */

static void put_name(weir_buf *to, const char *before, const char *name)
{
    weir_buf_puts(to, before);
    weir_sql_quote(to, weir_view_of(name));
}

/* A row has all columns of the table but the position: those of rows to come are not known to a
 * process that has just begun, and columns of the user's own do no harm. */
static bool is_shown(const weir_table *t, size_t i)
{
    return strcmp(t->columns[i].name, t->rule->position_column) != 0;
}

/* The row as JSON: row_to_json of a table's columns. */
static void put_row(weir_buf *to, const weir_table *t)
{
    const char *before = "t.";
    weir_buf_puts(to, "(select row_to_json(r)::text from (select ");
    for (size_t i = 0; i < t->n_columns; i++) {
        if (is_shown(t, i)) {
            put_name(to, before, t->columns[i].name);
            before = ",t.";
        }
    }
    weir_buf_puts(to, ") r)");
}

static void put_keys(weir_buf *to, const weir_table *t, const char *before)
{
    for (size_t i = 0; i < t->n_key; i++) {
        weir_buf_puts(to, i ? "," : "");
        put_name(to, before, weir_table_key_column(t, i)->name);
    }
}

static void put_fetch(weir_buf *to, const weir_table *t, bool rows)
{
    weir_buf_clear(to);
    weir_buf_puts(to, "select s.i::text,");
    put_name(to, "t.", t->rule->position_column);
    weir_buf_puts(to, ",");
    if (rows) {
        put_row(to, t);
    } else {
        weir_buf_puts(to, "null::text");
    }
    weir_buf_puts(to, " from unnest(");
    for (size_t i = 0; i < t->n_key; i++) {
        weir_buf_printf(to, "%s$%zu::%s[]", i ? "," : "", i + 1, weir_table_key_column(t, i)->type);
    }
    weir_buf_puts(to, ") with ordinality as s(");
    for (size_t i = 0; i < t->n_key; i++) {
        weir_buf_printf(to, "k%zu,", i);
    }
    weir_buf_printf(to, "i) join %s t on ", t->quoted);
    for (size_t i = 0; i < t->n_key; i++) {
        weir_buf_printf(to, "%ss.k%zu=", i ? " and " : "", i);
        put_name(to, "t.", weir_table_key_column(t, i)->name);
    }
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

static weir_status fetch_with(PGconn *conn, weir_buf *sql, const weir_table *t,
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

static weir_status pg_fetch(void *self, weir_table *t, const weir_view *const *keys, size_t n,
    bool rows, weir_table_found_fn *found, void *ctx, weir_error *err)
{
    weir_pg *p = self;
    PGresult *r;
    weir_status st = fetch_with(p->conn, &p->sql, t, keys, n, rows, &r, err);
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
    weir_buf_puts(to, "select (select row_to_json(k)::text from (select ");
    for (size_t i = 0; i < t->n_key; i++) {
        put_name(to, i ? ",t." : "t.", weir_table_key_column(t, i)->name);
        weir_buf_puts(to, " as ");
        weir_sql_quote(to, t->key[i].member);
    }
    weir_buf_puts(to, ") k),");
    put_name(to, "t.", t->rule->position_column);
    weir_buf_puts(to, ",");
    if (rows) {
        put_row(to, t);
    } else {
        weir_buf_puts(to, "null::text");
    }
    for (size_t i = 0; i < t->n_key; i++) {
        put_name(to, ",t.", weir_table_key_column(t, i)->name);
        weir_buf_puts(to, "::text");
    }
    weir_buf_printf(to, " from %s t", t->quoted);
    if (from) {
        weir_buf_puts(to, " where (");
        put_keys(to, t, "t.");
        weir_buf_puts(to, inclusive ? ") >= (" : ") > (");
        for (size_t i = 0; i < t->n_key; i++) {
            weir_buf_printf(
                to, "%s$%zu::%s", i ? "," : "", i + 1, weir_table_key_column(t, i)->type);
        }
        weir_buf_puts(to, ")");
    }
    weir_buf_puts(to, " order by ");
    put_keys(to, t, "t.");
    weir_buf_printf(to, " limit %u", limit);
}

static weir_status pg_page(void *self, weir_table *t, const weir_view *after, bool inclusive,
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
    st = st ? st : weir_pg_run(p->conn, t, sql, after ? (int)t->n_key : 0, values, &r, err);
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

static weir_status pg_clear(void *self, weir_table *t, weir_error *err)
{
    weir_pg *p = self;
    weir_buf_clear(&p->sql);
    weir_buf_printf(&p->sql, "delete from %s", t->quoted);
    return do_sql(p, t, err);
}

/* ---- The side table ----------------------------------------------------------------------------
 */

/* Runs p->sql with the cache, the space and up to three arrays of bytea. */
typedef struct side_call {
    weir_pg *p;
    const char *values[5];
    char space[8];
    weir_buf arrays[3];
} side_call;

static void side_begin(side_call *c, weir_pg *p, const char *cache, weir_space space)
{
    *c = (side_call){.p = p};
    snprintf(c->space, sizeof c->space, "%d", (int)space);
    c->values[0] = cache;
    c->values[1] = c->space;
    weir_buf_clear(&p->sql);
}

static weir_status side_run(side_call *c, int n_arrays, PGresult **r, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (int i = 0; i < n_arrays; i++) {
        weir_pg_array_end(&c->arrays[i]);
        c->values[2 + i] = weir_buf_str(&c->arrays[i]);
        st = c->arrays[i].failed ? weir_fail_oom(err) : st;
    }
    const char *sql = weir_buf_str(&c->p->sql);
    st = st ? st : c->p->sql.failed ? weir_fail_oom(err) : WEIR_OK;
    st = st ? st : weir_pg_run(c->p->conn, NULL, sql, 2 + n_arrays, c->values, r, err);
    if (st && c->p->options.read_only && strstr(err->text, "42P01")) {
        st = weir_fail(
            err, WEIR_E_NO_CACHE, "there is no table %s yet: no daemon has made it", c->p->side);
    }
    for (int i = 0; i < 3; i++) {
        weir_buf_fini(&c->arrays[i]);
    }
    return st;
}

static weir_status tell_found(PGresult *r, weir_side_found_fn *found, void *ctx, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (int i = 0; i < PQntuples(r) && !st; i++) {
        st = found(ctx, weir_pg_value(r, i, 0), weir_pg_value(r, i, 1), err);
    }
    PQclear(r);
    return st;
}

static weir_status pg_side_fetch(void *self, const char *cache, weir_space space,
    const weir_view *keys, size_t n, weir_side_found_fn *found, void *ctx, weir_error *err)
{
    weir_pg *p = self;
    side_call c;
    PGresult *r;
    side_begin(&c, p, cache, space);
    weir_buf_printf(&p->sql,
        "select key, value from %s where cache = $1 and space = $2::smallint and key = any "
        "($3::bytea[])",
        p->side);
    weir_pg_array_begin(&c.arrays[0]);
    for (size_t i = 0; i < n; i++) {
        weir_pg_array_bytes(&c.arrays[0], keys[i]);
    }
    weir_status st = side_run(&c, 1, &r, err);
    return st ? st : tell_found(r, found, ctx, err);
}

/* The side table's name stands between the two parts. */
static const char *const side_sql[][2] = {
    {"insert into ",
        " select $1, $2::smallint, k, v from unnest($3::bytea[], $4::bytea[]) as u(k, v) "
        "order by k on conflict do nothing"},
    {"insert into ", " as s select $1, $2::smallint, k, v from unnest($3::bytea[], $4::bytea[]) as "
                     "u(k, v) order by k on conflict (cache, space, key) do update set value = "
                     "excluded.value"},
    {"update ", " s set value = v from unnest($3::bytea[], $4::bytea[], $5::bytea[]) as u(k, v, o) "
                "where s.cache = $1 and s.space = $2::smallint and s.key = k and s.value = o"},
    {"delete from ", " s using unnest($3::bytea[], $4::bytea[]) as u(k, o) where s.cache = $1 and "
                     "s.space = $2::smallint and s.key = k and s.value = coalesce(o, s.value)"},
};

enum { SIDE_NEW, SIDE_ANY, SIDE_CHANGED, SIDE_GONE };

static int kind_of(const weir_side_change *c, bool unguarded)
{
    return !c->value.ptr ? SIDE_GONE : unguarded ? SIDE_ANY : c->old.ptr ? SIDE_CHANGED : SIDE_NEW;
}

static weir_status write_kind(weir_pg *p, const char *cache, weir_space space, int kind,
    const weir_side_change *changes, size_t n, bool unguarded, bool *moved, weir_error *err)
{
    side_call c;
    uint64_t count = 0;
    side_begin(&c, p, cache, space);
    for (int i = 0; i < 3; i++) {
        weir_pg_array_begin(&c.arrays[i]);
    }
    for (size_t i = 0; i < n; i++) {
        if (kind_of(&changes[i], unguarded) == kind) {
            count++;
            weir_pg_array_bytes(&c.arrays[0], changes[i].key);
            weir_pg_array_bytes(
                &c.arrays[1], kind == SIDE_GONE ? changes[i].old : changes[i].value);
            weir_pg_array_bytes(&c.arrays[2], changes[i].old);
        }
    }
    if (!count) {
        return side_run(&c, 0, NULL, err);
    }
    PGresult *r;
    weir_buf_puts(&p->sql, side_sql[kind][0]);
    weir_buf_puts(&p->sql, p->side);
    weir_buf_puts(&p->sql, side_sql[kind][1]);
    weir_status st = side_run(&c, kind == SIDE_CHANGED ? 3 : 2, &r, err);
    if (!st) {
        *moved |= !unguarded && strtoull(PQcmdTuples(r), NULL, 10) != count;
        PQclear(r);
    }
    return st;
}

static weir_status pg_side_write(void *self, const char *cache, weir_space space,
    const weir_side_change *changes, size_t n, bool unguarded, bool *moved, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (int kind = SIDE_NEW; kind <= SIDE_GONE && !st; kind++) {
        bool any = false;
        for (size_t i = 0; i < n && !any; i++) {
            any = kind_of(&changes[i], unguarded) == kind;
        }
        st =
            any ? write_kind(self, cache, space, kind, changes, n, unguarded, moved, err) : WEIR_OK;
    }
    return st;
}

static weir_status pg_side_page(void *self, const char *cache, weir_space space, weir_view after,
    bool inclusive, unsigned limit, weir_side_found_fn *fn, void *ctx, weir_error *err)
{
    weir_pg *p = self;
    side_call c;
    PGresult *r;
    side_begin(&c, p, cache, space);
    weir_buf_printf(&p->sql,
        "select key, value from %s where cache = $1 and space = $2::smallint and key %s "
        "($3::bytea[])[1] order by key limit %u",
        p->side, inclusive ? ">=" : ">", limit);
    weir_pg_array_begin(&c.arrays[0]);
    weir_pg_array_bytes(&c.arrays[0], after);
    weir_status st = side_run(&c, 1, &r, err);
    return st ? st : tell_found(r, fn, ctx, err);
}

static weir_status pg_side_clear(void *self, const char *cache, weir_space space, weir_error *err)
{
    weir_pg *p = self;
    side_call c;
    side_begin(&c, p, cache, space);
    weir_buf_printf(&p->sql, "delete from %s where cache = $1 and space = $2::smallint", p->side);
    PGresult *r;
    weir_status st = side_run(&c, 0, &r, err);
    if (!st) {
        PQclear(r);
    }
    return st;
}

/* ---- Readers -----------------------------------------------------------------------------------
 */

/* The reader's connection, with its lock. */
static weir_status take_reader(weir_pg *p, weir_error *err)
{
    pthread_mutex_lock(&p->reader_lock);
    if (p->reader && PQstatus(p->reader) == CONNECTION_OK) {
        return WEIR_OK;
    }
    if (p->reader) {
        PQfinish(p->reader);
        p->reader = NULL;
    }
    weir_status st = weir_pg_connect(p, &p->reader, err);
    if (st) {
        pthread_mutex_unlock(&p->reader_lock);
    }
    return st;
}

static void put_answer(PGresult *r, int column, weir_buf *to, bool *found)
{
    *found = PQntuples(r) > 0;
    if (*found) {
        weir_buf_putv(to, weir_pg_value(r, 0, column));
    }
    PQclear(r);
}

static weir_status pg_read(void *self, const weir_table *t, const weir_view *key_values,
    weir_buf *to, bool *found, weir_error *err)
{
    weir_pg *p = self;
    PGresult *r;
    weir_buf sql = {0};
    weir_status st = take_reader(p, err);
    if (st) {
        return st;
    }
    st = fetch_with(p->reader, &sql, t, &key_values, 1, true, &r, err);
    if (!st) {
        put_answer(r, 2, to, found);
    }
    pthread_mutex_unlock(&p->reader_lock);
    weir_buf_fini(&sql);
    return st ? st : to->failed ? weir_fail_oom(err) : WEIR_OK;
}

static weir_status pg_side_read(void *self, const char *cache, weir_space space, weir_view key,
    weir_buf *to, bool *found, weir_error *err)
{
    weir_pg *p = self;
    PGresult *r;
    weir_buf sql = {0}, bytes = {0};
    char number[8];
    snprintf(number, sizeof number, "%d", (int)space);
    weir_buf_printf(&sql,
        "select value from %s where cache = $1 and space = $2::smallint and key = ($3::bytea[])[1]",
        p->side);
    weir_pg_array_begin(&bytes);
    weir_pg_array_bytes(&bytes, key);
    weir_pg_array_end(&bytes);
    const char *values[] = {cache, number, weir_buf_str(&bytes)};
    const char *text = weir_buf_str(&sql);
    weir_status st = sql.failed || bytes.failed ? weir_fail_oom(err) : take_reader(p, err);
    if (!st) {
        st = weir_pg_run(p->reader, NULL, text, 3, values, &r, err);
        if (!st) {
            put_answer(r, 0, to, found);
        }
        pthread_mutex_unlock(&p->reader_lock);
    }
    weir_buf_fini(&sql);
    weir_buf_fini(&bytes);
    return st ? st : to->failed ? weir_fail_oom(err) : WEIR_OK;
}

/* Of the whole database, asked now and then. */
static uint64_t pg_bytes(void *self)
{
    weir_pg *p = self;
    weir_error ignored;
    PGresult *r;
    if (take_reader(p, &ignored)) {
        return p->bytes;
    }
    struct timespec now;
    int64_t n;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec >= p->bytes_until_s &&
        !weir_pg_run(p->reader, NULL, "select pg_database_size(current_database())::text", 0, NULL,
            &r, &ignored)) {
        p->bytes = weir_text_to_int64(weir_pg_value(r, 0, 0), &n) ? (uint64_t)n : 0;
        p->bytes_until_s = now.tv_sec + BYTES_FOR_S;
        PQclear(r);
    }
    uint64_t bytes = p->bytes;
    pthread_mutex_unlock(&p->reader_lock);
    return bytes;
}

/* A large table is not counted, if it has been analysed. */
static weir_status pg_count(void *self, const weir_table *t, int64_t *rows, weir_error *err)
{
    weir_pg *p = self;
    PGresult *r;
    const char *name = t->quoted;
    weir_status st = weir_pg_run(p->conn, t,
        "select reltuples::bigint::text from pg_class where oid = to_regclass($1)", 1, &name, &r,
        err);
    if (st) {
        return st;
    }
    bool known =
        PQntuples(r) && weir_text_to_int64(weir_pg_value(r, 0, 0), rows) && *rows > 1000000;
    PQclear(r);
    if (known) {
        return WEIR_OK;
    }
    weir_buf_clear(&p->sql);
    weir_buf_printf(&p->sql, "select count(*)::text from %s", t->quoted);
    st = weir_pg_run(p->conn, t, weir_buf_str(&p->sql), 0, NULL, &r, err);
    if (!st) {
        weir_text_to_int64(weir_pg_value(r, 0, 0), rows);
        PQclear(r);
    }
    return st;
}

/* ---- Life --------------------------------------------------------------------------------------
 */

static void pg_forget(void *self, weir_table *t)
{
    (void)self;
    weir_free(t->driver);
    t->driver = NULL;
}

static void pg_close(void *self)
{
    weir_pg *p = self;
    hang_up(p);
    if (p->reader) {
        PQfinish(p->reader);
    }
    pthread_mutex_destroy(&p->reader_lock);
    weir_buf_fini(&p->sql);
    weir_buf_fini(&p->copy);
    weir_free(p->side);
    weir_free(p);
}

static weir_status pg_write(void *self, weir_table *t, const weir_table_change *changes, size_t n,
    bool *moved, weir_error *err)
{
    return weir_pg_write(self, t, changes, n, moved, err);
}

static const weir_table_driver pg_driver = {
    .type = "postgres",
    .write_at_once = WRITE_AT_ONCE,
    .begin = pg_begin,
    .commit = pg_commit,
    .abort = pg_abort,
    .exclude = pg_exclude,
    .take_partitions = pg_take_partitions,
    .savepoint = pg_savepoint,
    .rollback_to = pg_rollback_to,
    .describe = pg_describe,
    .check_key = pg_check_key,
    .create = pg_create,
    .add_column = pg_add_column,
    .fetch = pg_fetch,
    .write = pg_write,
    .page = pg_page,
    .clear = pg_clear,
    .side_fetch = pg_side_fetch,
    .side_write = pg_side_write,
    .side_page = pg_side_page,
    .side_clear = pg_side_clear,
    .read = pg_read,
    .side_read = pg_side_read,
    .bytes = pg_bytes,
    .count = pg_count,
    .forget = pg_forget,
    .close = pg_close,
};

/* "schema.name" or "name". */
static char *quoted_side(const char *written)
{
    weir_buf b = {0};
    const char *dot = strchr(written, '.');
    if (dot) {
        weir_sql_quote(&b, weir_view_make(written, (size_t)(dot - written)));
        weir_buf_putc(&b, '.');
    }
    weir_sql_quote(&b, weir_view_of(dot ? dot + 1 : written));
    char *text = b.failed ? NULL : weir_strdup(weir_buf_str(&b));
    weir_buf_fini(&b);
    return text;
}

weir_status weir_postgres_store_open(
    const weir_postgres_options *options, weir_store *out, weir_error *err)
{
    weir_pg *p = weir_calloc(1, sizeof *p);
    if (!p) {
        return weir_fail_oom(err);
    }
    p->options = *options;
    pthread_mutex_init(&p->reader_lock, NULL);
    p->side = quoted_side(options->side_table ? options->side_table : "weir_state");
    weir_status st = p->side ? ensure_connected(p, err) : weir_fail_oom(err);
    if (st) {
        pg_close(p);
        return st;
    }
    return weir_table_store_open(
        &pg_driver, p, options->tables, options->n_tables, options->shared, out, err);
}
