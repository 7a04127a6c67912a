/* The test kit's databases: handlers with `.tx` have SQLite in memory, whatever the config has, and
 * a relay without a thread. See <weir/test.h>. */
#include <stdio.h>
#include <string.h>

#include "service/emit.h"
#include "sqlite/sqlite_tx.h"
#include "test_kit_inside.h"

enum { MOST_STEPS = 1000 };

static weir_transactions *store_of(weir_test *t, const char *file, int line, const char *store)
{
    weir_app *app = weir_test_app(t);
    for (weir_transactions *x = app ? weir_app_transactions(app) : NULL; x; x = x->next) {
        if (strcmp(x->store->name, store) == 0) {
            return x;
        }
    }
    weir_test_fail_at(t, file, line, "no handler has the .tx %s", store);
    return NULL;
}

/* ---- The relay ----------------------------------------------------------------------------------
 */

static int64_t relay_one(weir_transactions *x, int64_t now_ms)
{
    int64_t due = now_ms;
    for (int i = 0; i < MOST_STEPS && due <= now_ms; i++) {
        due = weir_relay_step(x->relay);
    }
    bool quiet = weir_relay_idle(x->relay) && !weir_relay_look(x->relay).trouble.status;
    return quiet ? INT64_MAX : due;
}

int64_t weir_test_relay(weir_test *t, int64_t now_ms)
{
    int64_t due = INT64_MAX;
    for (weir_transactions *x = weir_app_transactions(weir_test_app(t)); x; x = x->next) {
        int64_t one = x->relay ? relay_one(x, now_ms) : INT64_MAX;
        due = one < due ? one : due;
    }
    return due;
}

void weir_test_expect_relayed(weir_test *t, const char *file, int line)
{
    for (weir_transactions *x = weir_app_transactions(weir_test_app(t)); x; x = x->next) {
        weir_relay_status s = x->relay ? weir_relay_look(x->relay) : (weir_relay_status){0};
        if (s.trouble.status) {
            weir_test_fail_at(t, file, line, "the outbox of %s waits: %s [%s]", x->store->name,
                s.trouble.text, s.trouble.code);
        }
    }
}

/* ---- Statements ---------------------------------------------------------------------------------
 */

static bool put_row(void *ctx, const weir_field *cells, size_t n)
{
    weir_buf *to = ctx;
    weir_buf_puts(to, to->len > 1 ? ",{" : "{");
    for (size_t i = 0; i < n; i++) {
        weir_buf_puts(to, i ? "," : "");
        weir_field_put(to, &cells[i]);
    }
    weir_buf_putc(to, '}');
    return true;
}

/* Its rows as a JSON array. False: it failed, and that was told. */
static bool run(
    weir_test *t, const char *file, int line, weir_transactions *x, const char *sql, weir_buf *rows)
{
    weir_sql_session s;
    weir_error err;
    weir_sql_database db = x->inbox.database;
    weir_sql_answer answer = {.row = put_row, .ctx = rows};
    weir_status st = db.ops->session(db.self, &s, &err);
    if (!st) {
        st = weir_inbox_ready(&x->inbox, &s, &err);
        weir_buf_puts(rows, "[");
        st = st ? st : s.ops->exec(s.self, sql, NULL, &answer, &err);
        weir_buf_puts(rows, "]");
        s.ops->close(s.self);
    }
    if (st) {
        weir_test_fail_at(t, file, line, "%s: %s [%s]", sql, err.text, err.code);
    }
    return !st;
}

void weir_test_sql_at(weir_test *t, const char *file, int line, const char *store, const char *sql)
{
    weir_buf rows = {0};
    weir_transactions *x = weir_test_is_over(t) ? NULL : store_of(t, file, line, store);
    if (x) {
        (void)run(t, file, line, x, sql, &rows);
    }
    weir_buf_fini(&rows);
}

void weir_expect_sql_at(
    weir_test *t, const char *file, int line, const char *store, const char *sql, const char *json)
{
    weir_buf rows = {0};
    weir_transactions *x = weir_test_is_over(t) ? NULL : store_of(t, file, line, store);
    if (x && run(t, file, line, x, sql, &rows) &&
        !weir_test_text_matches(weir_buf_view(&rows), json)) {
        weir_test_fail_at(
            t, file, line, "expected %s to be %s, and it is %s", sql, json, weir_buf_str(&rows));
    }
    weir_buf_fini(&rows);
}

void weir_test_fail_sql(weir_test *t, unsigned n)
{
    weir_app *app = weir_test_app(t);
    for (weir_transactions *x = app ? weir_app_transactions(app) : NULL; x; x = x->next) {
        weir_sqlite_tx_fail(&x->inbox.database, n);
    }
}
