/* The writer's session: its connection, locks and transactions. See postgres.h.
 *
 * A connection that fails is closed and opened again by the next begin. Where a store is written by
 * one process alone, that process holds an advisory lock for as long as its session lives. */
#include <unistd.h>

#include "postgres/postgres.h"

/* ---- The session -------------------------------------------------------------------------------
 */

void weir_pg_hang_up(weir_pg *p)
{
    if (p->conn) {
        PQfinish(p->conn);
    }
    p->conn = NULL;
    p->in_transaction = false;
    p->ahead.n = 0;
}

weir_status weir_pg_do_buffer(weir_pg *p, const weir_table *t, weir_error *err)
{
    const char *sql = weir_buf_str(&p->sql);
    return p->sql.failed ? weir_fail_oom(err) : weir_pg_tell(p, t, sql, NULL, err);
}

/* Two that make something at once meet in the catalog's own unique indexes. */
bool weir_pg_made_beside(weir_status st, const weir_error *err)
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
    weir_status st = p->sql.failed ? weir_fail_oom(err) : weir_pg_tell(p, NULL, sql, NULL, err);
    return weir_pg_made_beside(st, err) ? weir_pg_tell(p, NULL, sql, NULL, err) : st;
}

static weir_status try_lock(weir_pg *p, bool *locked, weir_error *err)
{
    PGresult *r;
    const char *side = p->side;
    weir_status st = weir_pg_ask(p, NULL,
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

weir_status weir_pg_ensure(weir_pg *p, weir_error *err)
{
    if (p->conn && PQstatus(p->conn) == CONNECTION_OK) {
        return WEIR_OK;
    }
    weir_pg_hang_up(p);
    weir_status st = weir_pg_connect(p, &p->conn, err);
    p->session++;
    if (!st && !p->options.read_only) {
        st = make_side_table(p, err);
        st = st || p->options.shared ? st : lock_store(p, err);
    }
    if (st) {
        weir_pg_hang_up(p);
    }
    return st;
}

/* Transactions of a shared store run side by side, but for one that must see all the others' rows.
 */
static weir_status lock_beside(weir_pg *p, bool alone, weir_error *err)
{
    const char *side = p->side;
    return weir_pg_ask(p, NULL,
        alone ? "select pg_advisory_xact_lock(2003134835, $1::regclass::oid::int)::text"
              : "select pg_advisory_xact_lock_shared(2003134835, $1::regclass::oid::int)::text",
        1, &side, NULL, err);
}

weir_status weir_pg_exclude(void *self, weir_error *err)
{
    weir_pg *p = self;
    return p->options.read_only ? WEIR_OK : lock_beside(p, true, err);
}

/* In the order that they are given in, so that two never wait for each other here. */
weir_status weir_pg_take_partitions(
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
                    : weir_pg_ask(p, NULL,
                          "select pg_advisory_xact_lock(hashtext($1 || ' ' || $2), n)::text from "
                          "unnest($3::int[]) as n",
                          3, values, NULL, err);
    weir_buf_fini(&list);
    return st;
}

weir_status weir_pg_begin(void *self, weir_error *err)
{
    weir_pg *p = self;
    /* What is read behind a lock is what was committed before that was had, whatever the database's
     * default is. A batch's keys are few beside a table, and each is found by an index. Before it
     * is analyzed a table that has just been filled looks small enough to be read as a whole for
     * every batch. */
    static const char write[] =
        "begin isolation level read committed; set local enable_hashjoin = off; set local "
        "enable_mergejoin = off";
    static const char in_order[] =
        "begin isolation level read committed; set local enable_hashjoin = off; set local "
        "enable_mergejoin = off; set constraints all deferred";
    static const char read[] = "begin isolation level repeatable read read only";
    weir_status st = weir_pg_ensure(p, err);
    st = st ? st
            : weir_pg_tell(p, NULL,
                  p->options.read_only ? read
                  : p->defers          ? in_order
                                       : write,
                  NULL, err);
    if (!st && p->options.shared && !p->options.read_only) {
        st = lock_beside(p, false, err);
    }
    p->in_transaction = !st;
    p->staged = false;
    p->transaction++;
    if (st) {
        weir_pg_hang_up(p);
    }
    return st;
}

void weir_pg_abort(void *self)
{
    weir_pg *p = self;
    weir_error ignored;
    weir_status sent = p->conn ? weir_pg_settle(p, &ignored) : WEIR_OK;
    (void)sent; /* whatever it came to */
    if (p->conn &&
        (PQstatus(p->conn) != CONNECTION_OK || weir_pg_tell(p, NULL, "rollback", NULL, &ignored))) {
        weir_pg_hang_up(p);
    }
    p->in_transaction = false;
}

weir_status weir_pg_check(void *self, weir_error *err)
{
    weir_pg *p = self;
    return p->defers ? weir_pg_tell(p, NULL, "set constraints all immediate", NULL, err) : WEIR_OK;
}

/* Whether a commit whose answer was lost has happened does not matter: all of it is done again, and
 * what is there already is told by its positions. */
weir_status weir_pg_commit(void *self, weir_error *err)
{
    weir_pg *p = self;
    weir_status st = weir_pg_tell(p, NULL, "commit", NULL, err);
    p->in_transaction = false;
    if (st) {
        weir_pg_abort(p);
    } else {
        p->no_direct = p->ahead.off = false;
    }
    return st;
}

weir_status weir_pg_savepoint(void *self, weir_error *err)
{
    weir_pg *p = self;
    p->ahead.off = true; /* who may go back to it wants to be told of each write */
    return weir_pg_tell(p, NULL, "savepoint weir", NULL, err);
}

weir_status weir_pg_rollback_to(void *self, weir_error *err)
{
    weir_pg *p = self;
    p->transaction++; /* what was locked since is free */
    return weir_pg_tell(p, NULL, "rollback to savepoint weir", NULL, err);
}
