/* What PostgreSQL's catalog says of a table, and making and changing one. See postgres.h. */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "postgres/postgres.h"
#include "table/table_key.h"

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

/* By the base type, or an array's elements'; modifiers are as each type packs them. */
static weir_bound bound_of(weir_view type, int modifier)
{
    static const char *const times[] = {"timestamp", "timestamptz", "time", "timetz", "interval"};
    enum { HEADER = 4, MOST_SECONDS = 6 };
    if (weir_view_is(type, "numeric") && modifier >= HEADER) { /* a scale of 11 bits, signed */
        return (weir_bound){WEIR_BOUND_DECIMALS, (((modifier - HEADER) & 0x7ff) ^ 0x400) - 0x400};
    }
    if (weir_view_is(type, "varchar") && modifier >= HEADER) {
        return (weir_bound){WEIR_BOUND_CHARACTERS, modifier - HEADER};
    }
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        int digits = modifier & 0xffff; /* an interval's fields are above */
        if (weir_view_is(type, times[i]) && modifier >= 0 && digits < MOST_SECONDS) {
            return (weir_bound){WEIR_BOUND_SECONDS, digits};
        }
    }
    return weir_view_is(type, "date")     ? (weir_bound){WEIR_BOUND_DAYS, 0}
           : weir_view_is(type, "float4") ? (weir_bound){WEIR_BOUND_SINGLE, 0}
                                          : (weir_bound){WEIR_BOUND_NONE, 0};
}

static bool take_column(weir_table *t, const PGresult *r, int i)
{
    weir_view base = weir_pg_value(r, i, 2), item = weir_pg_value(r, i, 4);
    weir_table_column c = {.generated = weir_view_is(weir_pg_value(r, i, 5), "true")};
    c.form = form_of(base, weir_view_is(weir_pg_value(r, i, 3), "A"), item, &c.item);
    c.bare = weir_arena_copy(&t->arena, weir_pg_value(r, i, 6));
    c.bound = bound_of(c.form == WEIR_FORM_ARRAY ? item : base, atoi(PQgetvalue(r, i, 7)));
    const char *type = PQgetvalue(r, i, 1);
    return weir_table_add_column(t, c, PQgetvalue(r, i, 0), type, type);
}

/* What a description was made of; another one once anything of it has changed. */
#define VERSION_OF(relation)                                                                 \
    "(select md5(string_agg(concat_ws(' ', attrelid, attnum, attname, atttypid, atttypmod, " \
    "attgenerated), ',' order by attnum)) from pg_attribute where attrelid = " relation      \
    " and attnum > 0 and not attisdropped)"

/* Behind a domain, which may be one of another one, is a type with the modifier of one of them. */
static const char columns_sql[] =
    "select a.attname::text, format_type(a.atttypid, a.atttypmod), b.typname::text, "
    "b.typcategory::text, coalesce(e.typname::text, ''), (a.attgenerated <> '')::text, "
    "format_type(b.oid, -1), b.modifier::text, " VERSION_OF(
        "a.attrelid") " from pg_attribute a cross join lateral (with recursive d as (select t.*, "
                      "a.atttypmod as "
                      "modifier from pg_type t where t.oid = a.atttypid union all select t.*, "
                      "d.typtypmod from d "
                      "join pg_type t on t.oid = d.typbasetype where d.typtype = 'd') select * "
                      "from d where typtype "
                      "<> 'd') b left join pg_type e on e.oid = nullif(b.typelem, 0) where "
                      "a.attrelid = "
                      "to_regclass($1) and a.attnum > 0 and not a.attisdropped order by a.attnum";

/* The attributes of an index's key, of which those that it only includes are none. */
#define KEY_OF(index) "any ((" index ".indkey::int2[])[0:" index ".indnkeyatts - 1])"

static const char key_sql[] =
    "select a.attname::text from pg_index i join pg_attribute a on a.attrelid = i.indrelid and "
    "a.attnum = " KEY_OF("i") " where i.indrelid = to_regclass($1) and i.indisprimary order by 1";

static const char depends_sql[] =
    "select coalesce((select 'foreign key ' || conname from pg_constraint where contype = 'f' and"
    " (conrelid = to_regclass($1) or confrelid = to_regclass($1)) limit 1),"
    " (select 'exclusion ' || conname from pg_constraint where contype = 'x' and"
    " conrelid = to_regclass($1) limit 1),"
    " (select 'unique index ' || indexrelid::regclass from pg_index i where indrelid = "
    "to_regclass($1) and indisunique and not indisprimary and (select array_agg(attname::text "
    "order by attname collate \"C\") from pg_attribute where attrelid = indrelid and attnum "
    "= " KEY_OF("i") ") is distinct from $2::text[] limit 1))";

static const char parents_sql[] =
    "select to_regclass($1)::oid::text, confrelid::oid::text from (select 1) one left join "
    "(select distinct confrelid from pg_constraint where contype = 'f' and conrelid = "
    "to_regclass($1)) f on true order by 2";

static weir_status ask(weir_pg *p, const weir_table *t, const char *sql, const char *second,
    PGresult **r, weir_error *err)
{
    const char *values[] = {t->quoted, second};
    return weir_pg_ask(p, t, sql, second ? 2 : 1, values, r, err);
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

/* One row at least, whose second column is NULL where there are no parents. */
static weir_status learn_parents(weir_pg *p, weir_table *t, weir_error *err)
{
    PGresult *r;
    weir_status st = ask(p, t, parents_sql, NULL, &r, err);
    if (st) {
        return st;
    }
    int n = PQntuples(r);
    t->identity = weir_arena_copy(&t->arena, weir_pg_value(r, 0, 0));
    t->parents = weir_arena_alloc(&t->arena, (size_t)n * sizeof *t->parents);
    for (int i = 0; t->parents && i < n && !PQgetisnull(r, i, 1); i++) {
        t->parents[t->n_parents++] = weir_arena_copy(&t->arena, weir_pg_value(r, i, 1));
    }
    PQclear(r);
    return t->parents && !t->arena.failed ? WEIR_OK : weir_fail_oom(err);
}

weir_status weir_pg_describe(void *self, weir_table *t, weir_error *err)
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
    if (t->exists) {
        t->version = weir_arena_copy(&t->arena, weir_pg_value(r, 0, 8));
    }
    PQclear(r);
    if (!ok || t->arena.failed) {
        return weir_fail_oom(err);
    }
    st = t->exists ? learn_parents(p, t, err) : WEIR_OK;
    return st || !t->exists || t->rule->n_key ? st : learn_primary_key(p, t, err);
}

/* ---- Is it still? ------------------------------------------------------------------------------
 */

static weir_status prepare_same(
    weir_pg *p, const weir_table *t, weir_pg_table *d, const char *name, weir_error *err)
{
    weir_buf_clear(&p->sql);
    weir_buf_printf(&p->sql,
        "select where " VERSION_OF("%.*s") " = '%.*s' and not exists (select from %s where false)",
        WEIR_ARG(t->identity), WEIR_ARG(t->version), t->quoted);
    const char *sql = weir_buf_str(&p->sql);
    weir_status st = p->sql.failed ? weir_fail_oom(err) : weir_pg_prepare(p, t, name, sql, err);
    d->asked_session = st ? 0 : p->session;
    return st;
}

static weir_status ask_same(
    weir_pg *p, const weir_table *t, const char *name, bool *same, weir_error *err)
{
    weir_status st = weir_pg_settle(p, err);
    if (st) {
        return st;
    }
    PGresult *r = PQexecPrepared(p->conn, name, 0, NULL, NULL, NULL, 0);
    st = PQresultStatus(r) == PGRES_TUPLES_OK ? WEIR_OK : weir_pg_fail(p->conn, r, t, err);
    *same = !st && PQntuples(r) == 1;
    PQclear(r);
    return st;
}

/* The question names the table, so it is locked from then on, and stays as it is until the
 * transaction ends. */
weir_status weir_pg_still(weir_pg *p, weir_table *t, bool ahead, weir_error *err)
{
    char name[32];
    bool same = true;
    weir_pg_table *d = weir_pg_table_of(p, t);
    if (!d) {
        return weir_fail_oom(err);
    }
    if (d->same_in == p->transaction) {
        return WEIR_OK;
    }
    snprintf(name, sizeof name, "weir_same_%u", d->id);
    weir_status st = d->asked_session == p->session ? WEIR_OK : prepare_same(p, t, d, name, err);
    if (!st && ahead) {
        weir_pg_parameters none = {NULL, NULL, NULL, 0};
        st = weir_pg_send(p, name, &none, (weir_pg_sent){.of = t, .rows = 1}, err);
    } else {
        st = st ? st : ask_same(p, t, name, &same, err);
    }
    d->same_in = st ? 0 : p->transaction;
    if (!st && !same) {
        t->stale = true;
        return weir_fail(err, WEIR_E_TABLE_MOVED, "table %s has been changed", t->quoted);
    }
    return st;
}

/* ---- Its key -----------------------------------------------------------------------------------
 */

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
    if (t->rule->by_transaction) {
        return WEIR_OK; /* its rows are written in the source's order */
    }
    weir_status st = ask(p, t, depends_sql, key, &r, err);
    if (!st && !PQgetisnull(r, 0, 0) && !t->depends) {
        t->depends = weir_strdup(PQgetvalue(r, 0, 0));
        weir_log_line(p->options.log, WEIR_LOG_WARN, t->name,
            "table %s has a %s: weir orders the changes of one row only, and stops where it is "
            "violated, unless it has apply: by_transaction",
            t->quoted, PQgetvalue(r, 0, 0));
    }
    if (!st) {
        PQclear(r);
    }
    return st;
}

weir_status weir_pg_check_key(void *self, const weir_table *t, bool *unique, weir_error *err)
{
    static const char sql[] =
        "select exists (select 1 from pg_index i where indrelid = to_regclass($1) and indisunique "
        "and indpred is null and indexprs is null and indimmediate and (select "
        "array_agg(attname::text order by attname collate \"C\") from pg_attribute where attrelid "
        "= indrelid and attnum = " KEY_OF("i") ") = $2::text[])::text";
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

/* Of definitions: if another process was quicker, the transaction is to be done again. */
static weir_status define(weir_pg *p, const weir_table *t, weir_error *err)
{
    weir_status st = weir_pg_do_buffer(p, t, err);
    return weir_pg_made_beside(st, err) ? weir_fail(err, WEIR_E_TABLE_MOVED,
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
    weir_status st = weir_pg_ask(
        p, t, "select 1::text from pg_namespace where nspname = $1", 1, &schema, &r, err);
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

weir_status weir_pg_create(void *self, const weir_table *t, const weir_shape *shape,
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
    if (t->rule->position_column) {
        weir_sql_quote(&p->sql, weir_view_of(t->rule->position_column));
        weir_buf_puts(&p->sql, " bytea, ");
    }
    if (t->rule->soft_delete) {
        weir_sql_quote(&p->sql, weir_view_of(t->rule->soft_delete));
        weir_buf_puts(&p->sql, " timestamp with time zone, ");
    }
    weir_buf_puts(&p->sql, "primary key (");
    for (size_t i = 0; i < n_key; i++) {
        weir_buf_puts(&p->sql, i ? "," : "");
        weir_sql_quote(&p->sql, key_columns[i]);
    }
    weir_buf_puts(&p->sql, "))");
    return define(p, t, err);
}

weir_status weir_pg_add_column(
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

weir_status weir_pg_lock(void *self, const weir_table *t, weir_error *err)
{
    weir_pg *p = self;
    weir_buf_clear(&p->sql);
    weir_buf_printf(&p->sql, "lock table %s in access exclusive mode", t->quoted);
    return weir_pg_do_buffer(p, t, err);
}

weir_status weir_pg_widen(void *self, const weir_table *t, const weir_table_column *column,
    weir_view type, weir_error *err)
{
    weir_pg *p = self;
    weir_buf_clear(&p->sql);
    weir_buf_printf(&p->sql, "alter table %s alter column ", t->quoted);
    weir_sql_quote(&p->sql, weir_view_of(column->name));
    weir_buf_printf(&p->sql, " type %.*s", WEIR_ARG(type));
    weir_log_line(p->options.log, WEIR_LOG_INFO, t->name,
        "column \"%s\" of table %s becomes %.*s, it was %s", column->name, t->quoted,
        WEIR_ARG(type), column->type);
    return weir_pg_do_buffer(p, t, err);
}

/* PostgreSQL itself says what a user's spelling stands for: "varchar(20)" is "character
 * varying(20)".
 */
weir_status weir_pg_is_type(void *self, const weir_table *t, const weir_table_column *column,
    weir_view type, bool *same, weir_error *err)
{
    weir_pg *p = self;
    PGresult *r;
    weir_buf_clear(&p->sql);
    weir_buf_printf(&p->sql, "select null::%.*s", WEIR_ARG(type));
    weir_status st = p->sql.failed ? weir_fail_oom(err)
                                   : weir_pg_ask(p, t, weir_buf_str(&p->sql), 0, NULL, &r, err);
    if (st) {
        return st;
    }
    char oid[24], modifier[24];
    snprintf(oid, sizeof oid, "%u", PQftype(r, 0));
    snprintf(modifier, sizeof modifier, "%d", PQfmod(r, 0));
    PQclear(r);
    const char *values[] = {oid, modifier};
    st = weir_pg_ask(p, t, "select format_type($1::oid, $2::int)", 2, values, &r, err);
    if (!st) {
        *same = weir_view_is(weir_pg_value(r, 0, 0), column->type);
        PQclear(r);
    }
    return st;
}
