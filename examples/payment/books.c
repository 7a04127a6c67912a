/* The service's own tables, in SQLite: profiles, payments, transactions. One connection, one lock:
 * a lesson, not a bank. */
#include "payment.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

struct books {
    sqlite3 *db;
    pthread_mutex_t lock;
};

/* Forward only: what stands here is never changed, only followed by more. */
static const char *const migrations[] = {
    "create table profiles (user_id integer primary key, name text not null)",
    "create table payments (order_id text primary key, amount text, decision text not null)",
    "create table transactions (key text primary key, order_id text not null references payments)",
};

static bool run(books *b, const char *sql)
{
    char *why = NULL;
    bool ok = sqlite3_exec(b->db, sql, NULL, NULL, &why) == SQLITE_OK;
    if (!ok) {
        fprintf(stderr, "books: %s\n", why ? why : "?");
    }
    sqlite3_free(why);
    return ok;
}

/* PRAGMA user_version says how many there were. */
static bool migrate(books *b)
{
    sqlite3_stmt *ask;
    char sql[60];
    int n = sizeof migrations / sizeof *migrations, done = -1;
    if (sqlite3_prepare_v2(b->db, "pragma user_version", -1, &ask, NULL) == SQLITE_OK) {
        done = sqlite3_step(ask) == SQLITE_ROW ? sqlite3_column_int(ask, 0) : -1;
    }
    sqlite3_finalize(ask);
    bool ok = done >= 0;
    for (int i = done; ok && i < n; i++) {
        snprintf(sql, sizeof sql, "pragma user_version = %d", i + 1);
        ok = run(b, "begin") && run(b, migrations[i]) && run(b, sql) && run(b, "commit");
    }
    return ok;
}

books *books_open(const char *path)
{
    books *b = calloc(1, sizeof *b);
    if (!b) {
        return NULL;
    }
    pthread_mutex_init(&b->lock, NULL);
    bool ok = sqlite3_open(path, &b->db) == SQLITE_OK && run(b, "pragma journal_mode = wal") &&
              migrate(b);
    if (!ok) {
        books_close(b);
    }
    return ok ? b : NULL;
}

void books_close(books *b)
{
    sqlite3_close(b->db);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

/* ---- Statements: each `?` is a text ------------------------------------------------------------
 */

static sqlite3_stmt *prepare(books *b, const char *sql, const weir_view *texts, int n)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(b->db, sql, -1, &s, NULL) != SQLITE_OK) {
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        sqlite3_bind_text(s, i + 1, texts[i].ptr, (int)texts[i].len, SQLITE_TRANSIENT);
    }
    return s;
}

static bool execute(books *b, const char *sql, const weir_view *texts, int n)
{
    sqlite3_stmt *s = prepare(b, sql, texts, n);
    bool ok = s && sqlite3_step(s) == SQLITE_DONE;
    sqlite3_finalize(s);
    return ok;
}

bool books_find(books *b, weir_view order, char *decision)
{
    pthread_mutex_lock(&b->lock);
    sqlite3_stmt *s = prepare(b, "select decision from payments where order_id = ?", &order, 1);
    int row = s ? sqlite3_step(s) : SQLITE_ERROR;
    *decision = row == SQLITE_ROW ? (char)sqlite3_column_text(s, 0)[0] : 0;
    sqlite3_finalize(s);
    pthread_mutex_unlock(&b->lock);
    return row == SQLITE_ROW || row == SQLITE_DONE;
}

bool books_decide(books *b, weir_view order, weir_view amount, weir_view key, char decision)
{
    weir_view payment[] = {order, amount, {&decision, 1}}, transaction[] = {key, order};
    pthread_mutex_lock(&b->lock);
    bool ok = run(b, "begin immediate");
    bool all = ok && execute(b, "insert or ignore into payments values (?, ?, ?)", payment, 3) &&
               execute(b, "insert or ignore into transactions values (?, ?)", transaction, 2);
    all = ok && run(b, all ? "commit" : "rollback") && all;
    pthread_mutex_unlock(&b->lock);
    return all;
}

bool books_add_profile(books *b, int64_t user, weir_view name)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", (long long)user);
    weir_view row[] = {weir_view_of(digits), name};
    pthread_mutex_lock(&b->lock);
    bool ok = execute(b, "insert or ignore into profiles values (cast(? as integer), ?)", row, 2);
    pthread_mutex_unlock(&b->lock);
    return ok;
}

int books_count(books *b, const char *table)
{
    char sql[80];
    snprintf(sql, sizeof sql, "select count(*) from %.40s", table);
    pthread_mutex_lock(&b->lock);
    sqlite3_stmt *s = prepare(b, sql, NULL, 0);
    int n = s && sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int(s, 0) : -1;
    sqlite3_finalize(s);
    pthread_mutex_unlock(&b->lock);
    return n;
}
