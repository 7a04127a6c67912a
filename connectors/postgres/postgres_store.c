/* Tables of PostgreSQL: the driver of table/table.h. See postgres_store.h.
 *
 * One connection writes (postgres_session.c), another one reads. */
#include "postgres/postgres_store.h"

#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "postgres/postgres.h"

enum { WRITE_AT_ONCE = 16384, BYTES_FOR_S = 30 };

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
    st = weir_pg_fetch_with(p->reader, &sql, t, &key_values, 1, true, &r, err);
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
    weir_status st = weir_pg_ask(p, t,
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
    if (t->rule->soft_delete) {
        weir_buf_puts(&p->sql, " where ");
        weir_sql_quote(&p->sql, weir_view_of(t->rule->soft_delete));
        weir_buf_puts(&p->sql, " is null");
    }
    st = weir_pg_ask(p, t, weir_buf_str(&p->sql), 0, NULL, &r, err);
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
    weir_pg_table *d = t->driver;
    (void)self;
    if (d) {
        weir_free(d->prepared); /* the session keeps the statements until its end */
    }
    weir_free(d);
    t->driver = NULL;
}

static void pg_close(void *self)
{
    weir_pg *p = self;
    weir_pg_hang_up(p);
    if (p->reader) {
        PQfinish(p->reader);
    }
    pthread_mutex_destroy(&p->reader_lock);
    weir_buf_fini(&p->sql);
    weir_buf_fini(&p->copy);
    weir_free(p->side);
    weir_free(p);
}

static const weir_table_driver pg_driver = {
    .type = "postgres",
    .write_at_once = WRITE_AT_ONCE,
    .write_independent = WRITE_AT_ONCE,
    .begin = weir_pg_begin,
    .commit = weir_pg_commit,
    .abort = weir_pg_abort,
    .exclude = weir_pg_exclude,
    .take_partitions = weir_pg_take_partitions,
    .check = weir_pg_check,
    .savepoint = weir_pg_savepoint,
    .rollback_to = weir_pg_rollback_to,
    .describe = weir_pg_describe,
    .check_key = weir_pg_check_key,
    .create = weir_pg_create,
    .add_column = weir_pg_add_column,
    .widen = weir_pg_widen,
    .lock = weir_pg_lock,
    .is_type = weir_pg_is_type,
    .fetch = weir_pg_fetch,
    .write = weir_pg_write,
    .page = weir_pg_page,
    .clear = weir_pg_clear,
    .side_fetch = weir_pg_side_fetch,
    .side_write = weir_pg_side_write,
    .side_page = weir_pg_side_page,
    .side_clear = weir_pg_side_clear,
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
    for (size_t i = 0; i < options->n_tables; i++) {
        p->defers |= options->tables[i].by_transaction && !options->read_only;
    }
    pthread_mutex_init(&p->reader_lock, NULL);
    p->side = quoted_side(options->side_table ? options->side_table : "weir_state");
    weir_status st = p->side ? weir_pg_ensure(p, err) : weir_fail_oom(err);
    if (st) {
        pg_close(p);
        return st;
    }
    return weir_table_store_open(
        &pg_driver, p, options->tables, options->n_tables, options->shared, out, err);
}
