/* Tables of SQLite: the driver of table/table.h. See sqlite_store.h.
 *
 * One connection writes, another one reads; the file is in WAL mode, so that neither waits for the
 * other. */
#include "sqlite/sqlite_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "sqlite/sqlite.h"

enum { WRITE_AT_ONCE = 16384, WRITE_INDEPENDENT = 64, BUSY_MS = 5000 };

/* ---- Opening -----------------------------------------------------------------------------------
 */

static weir_status lock_file(weir_sqlite *q, weir_error *err)
{
    char name[4200];
    snprintf(name, sizeof name, "%s.lock", q->options.path);
    q->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (q->lock_fd < 0) {
        return errno == ENOENT
                   ? weir_fail(err, WEIR_E_STORE_IO,
                         "%.200s cannot be made: there is no such folder", q->options.path)
                   : weir_fail(err, WEIR_E_STORE_IO, "cannot open %s: %s", name, strerror(errno));
    }
    if (flock(q->lock_fd, LOCK_EX | LOCK_NB)) {
        return weir_fail(
            err, WEIR_E_STORE_LOCKED, "%s is locked: another process writes this store", name);
    }
    return WEIR_OK;
}

static weir_status open_file(const weir_sqlite *q, bool read_only, sqlite3 **db, weir_error *err)
{
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int rc = sqlite3_open_v2(q->options.path, db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc) {
        weir_status st = weir_sqlite_fail(*db, rc, NULL, err);
        sqlite3_close(*db);
        *db = NULL;
        return st;
    }
    sqlite3_extended_result_codes(*db, 1);
    sqlite3_busy_timeout(*db, BUSY_MS);
    return WEIR_OK;
}

static weir_status set_up(weir_sqlite *q, weir_error *err)
{
    weir_status st = weir_sqlite_do(q->db, "pragma journal_mode = wal", err);
    st = st ? st
            : weir_sqlite_do(q->db,
                  q->options.sync_each_commit ? "pragma synchronous = full"
                                              : "pragma synchronous = normal",
                  err);
    st = st ? st : weir_sqlite_do(q->db, "pragma cache_size = -8192", err);
    st = st ? st : weir_sqlite_do(q->db, "pragma wal_autocheckpoint = 4096", err);
    if (st) {
        return st;
    }
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql,
        "create table if not exists %s (cache text not null, space integer not null, key blob not "
        "null, value blob not null, primary key (cache, space, key)) without rowid",
        q->side);
    const char *sql = weir_buf_str(&q->sql);
    return q->sql.failed ? weir_fail_oom(err) : weir_sqlite_do(q->db, sql, err);
}

/* ---- Transactions ------------------------------------------------------------------------------
 */

static weir_status lite_begin(void *self, weir_error *err)
{
    weir_sqlite *q = self;
    return weir_sqlite_do(q->db, q->options.read_only ? "begin" : "begin immediate", err);
}

static void lite_abort(void *self)
{
    weir_sqlite *q = self;
    weir_error ignored;
    if (!sqlite3_get_autocommit(q->db)) {
        weir_status st = weir_sqlite_do(q->db, "rollback", &ignored);
        (void)st; /* SQLite may have rolled back by itself */
    }
}

static weir_status lite_commit(void *self, weir_error *err)
{
    weir_sqlite *q = self;
    weir_status st = weir_sqlite_do(q->db, "commit", err);
    if (st) {
        lite_abort(q);
    }
    return st;
}

static weir_status lite_savepoint(void *self, weir_error *err)
{
    return weir_sqlite_do(((weir_sqlite *)self)->db, "savepoint weir", err);
}

static weir_status lite_rollback_to(void *self, weir_error *err)
{
    return weir_sqlite_do(((weir_sqlite *)self)->db, "rollback to weir", err);
}

/* ---- Readers -----------------------------------------------------------------------------------
 */

/* The reader's connection, with its lock. */
static weir_status take_reader(weir_sqlite *q, weir_error *err)
{
    pthread_mutex_lock(&q->reader_lock);
    weir_status st = q->reader ? WEIR_OK : open_file(q, true, &q->reader, err);
    if (st) {
        pthread_mutex_unlock(&q->reader_lock);
    }
    return st;
}

static weir_status read_bound(const weir_table *t, sqlite3 *db, sqlite3_stmt *s, int rc,
    weir_buf *to, bool *found, weir_error *err)
{
    rc = rc ? rc : sqlite3_step(s);
    *found = rc == SQLITE_ROW;
    if (rc == SQLITE_DONE) {
        return WEIR_OK;
    }
    if (rc != SQLITE_ROW) {
        return weir_sqlite_fail(db, rc, t, err);
    }
    if (t) {
        return weir_sqlite_put_row(t, s, 1 + (int)t->n_key, to, err);
    }
    weir_buf_putv(to, weir_sqlite_blob(s, 0));
    return to->failed ? weir_fail_oom(err) : WEIR_OK;
}

static weir_status lite_read(void *self, const weir_table *t, const weir_view *key_values,
    weir_buf *to, bool *found, weir_error *err)
{
    weir_sqlite *q = self;
    sqlite3_stmt *s = NULL;
    weir_buf sql = {0};
    weir_status st = take_reader(q, err);
    if (st) {
        return st;
    }
    st = weir_sqlite_prepare_fetch(q->reader, &sql, t, true, &s, err);
    st =
        st ? st
           : read_bound(t, q->reader, s, weir_sqlite_bind_key(t, s, 1, key_values), to, found, err);
    sqlite3_finalize(s);
    pthread_mutex_unlock(&q->reader_lock);
    weir_buf_fini(&sql);
    return st;
}

static weir_status lite_side_read(void *self, const char *cache, weir_space space, weir_view key,
    weir_buf *to, bool *found, weir_error *err)
{
    weir_sqlite *q = self;
    sqlite3_stmt *s = NULL;
    weir_buf sql = {0};
    weir_status st = take_reader(q, err);
    if (st) {
        return st;
    }
    weir_buf_printf(
        &sql, "select value from %s where cache = ?1 and space = ?2 and key = ?3", q->side);
    st = weir_sqlite_prepare(q->reader, NULL, &sql, &s, err);
    st = st ? st
            : read_bound(
                  NULL, q->reader, s, weir_sqlite_bind_side(s, cache, space, key), to, found, err);
    sqlite3_finalize(s);
    pthread_mutex_unlock(&q->reader_lock);
    weir_buf_fini(&sql);
    return st;
}

static uint64_t size_of(const char *path)
{
    struct stat file;
    return stat(path, &file) == 0 && file.st_size > 0 ? (uint64_t)file.st_size : 0;
}

static uint64_t lite_bytes(void *self)
{
    const weir_sqlite *q = self;
    char log[4096]; /* what is committed and not in the file yet */
    snprintf(log, sizeof log, "%s-wal", q->options.path);
    return size_of(q->options.path) + size_of(log);
}

static weir_status lite_count(void *self, const weir_table *t, int64_t *rows, weir_error *err)
{
    weir_sqlite *q = self;
    sqlite3_stmt *s;
    weir_buf_clear(&q->sql);
    weir_buf_printf(&q->sql, "select count(*) from %s", t->quoted);
    weir_sqlite_put_alive(&q->sql, t, " where ");
    weir_status st = weir_sqlite_prepare(q->db, t, &q->sql, &s, err);
    if (!st && sqlite3_step(s) == SQLITE_ROW) {
        *rows = sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return st;
}

/* ---- Life --------------------------------------------------------------------------------------
 */

static void lite_close(void *self)
{
    weir_sqlite *q = self;
    sqlite3_finalize(q->side_get);
    sqlite3_finalize(q->side_new);
    sqlite3_finalize(q->side_any);
    sqlite3_finalize(q->side_changed);
    sqlite3_finalize(q->side_gone);
    sqlite3_close(q->reader);
    sqlite3_close(q->db);
    if (q->lock_fd >= 0) {
        close(q->lock_fd);
    }
    pthread_mutex_destroy(&q->reader_lock);
    weir_buf_fini(&q->sql);
    weir_buf_fini(&q->row);
    weir_free(q->side);
    weir_free(q);
}

static const weir_table_driver lite_driver = {
    .type = "sqlite",
    .write_at_once = WRITE_AT_ONCE,
    .write_independent = WRITE_INDEPENDENT,
    .begin = lite_begin,
    .commit = lite_commit,
    .abort = lite_abort,
    .savepoint = lite_savepoint,
    .rollback_to = lite_rollback_to,
    .describe = weir_sqlite_describe,
    .check_key = weir_sqlite_check_key,
    .create = weir_sqlite_create,
    .add_column = weir_sqlite_add_column,
    .widen = weir_sqlite_widen,
    .is_type = weir_sqlite_is_type,
    .fetch = weir_sqlite_fetch,
    .write = weir_sqlite_write,
    .page = weir_sqlite_page,
    .clear = weir_sqlite_clear,
    .side_fetch = weir_sqlite_side_fetch,
    .side_write = weir_sqlite_side_write,
    .side_page = weir_sqlite_side_page,
    .side_clear = weir_sqlite_side_clear,
    .read = lite_read,
    .side_read = lite_side_read,
    .bytes = lite_bytes,
    .count = lite_count,
    .forget = weir_sqlite_forget,
    .close = lite_close,
};

weir_status weir_sqlite_store_open(
    const weir_sqlite_options *options, weir_store *out, weir_error *err)
{
    weir_sqlite *q = weir_calloc(1, sizeof *q);
    if (!q) {
        return weir_fail_oom(err);
    }
    q->options = *options;
    q->lock_fd = -1;
    pthread_mutex_init(&q->reader_lock, NULL);
    weir_buf b = {0};
    weir_sql_quote(&b, weir_view_of(options->side_table ? options->side_table : "weir_state"));
    q->side = b.failed ? NULL : weir_strdup(weir_buf_str(&b));
    weir_buf_fini(&b);
    weir_status st = q->side ? WEIR_OK : weir_fail_oom(err);
    st = st || options->read_only ? st : lock_file(q, err);
    st = st ? st : open_file(q, options->read_only, &q->db, err);
    st = st || options->read_only ? st : set_up(q, err);
    if (st) {
        lite_close(q);
        return st;
    }
    return weir_table_store_open(
        &lite_driver, q, options->tables, options->n_tables, false, out, err);
}
