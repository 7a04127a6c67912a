/* The side table: delete marks, halves of moves, offsets and watermarks. See postgres.h. */
#include <stdlib.h>

#include "postgres/postgres.h"

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

static weir_status end_arrays(side_call *c, int n, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (int i = 0; i < n; i++) {
        weir_pg_array_end(&c->arrays[i]);
        c->values[2 + i] = weir_buf_str(&c->arrays[i]);
        st = c->arrays[i].failed ? weir_fail_oom(err) : st;
    }
    return st;
}

static void side_end(side_call *c)
{
    for (int i = 0; i < 3; i++) {
        weir_buf_fini(&c->arrays[i]);
    }
}

static weir_status side_run(side_call *c, int n_arrays, PGresult **r, weir_error *err)
{
    weir_status st = end_arrays(c, n_arrays, err);
    const char *sql = weir_buf_str(&c->p->sql);
    st = st ? st : c->p->sql.failed ? weir_fail_oom(err) : WEIR_OK;
    st = st ? st : weir_pg_ask(c->p, NULL, sql, 2 + n_arrays, c->values, r, err);
    if (st && c->p->options.read_only && strstr(err->text, "42P01")) {
        st = weir_fail(
            err, WEIR_E_NO_CACHE, "there is no table %s yet: no daemon has made it", c->p->side);
    }
    side_end(c);
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

/* The side table's name stands between the two parts. It is met by its whole key, a key at a time:
 * what is constant is hidden from the planner behind an offset, or, until statistics say how many
 * marks a cache has, it would read all of them for each batch. */
static const char *const side_sql[][2] = {
    {"insert into ",
        " select $1, $2::smallint, k, v from unnest($3::bytea[], $4::bytea[]) as u(k, v) "
        "order by k on conflict do nothing"},
    {"insert into ", " as s select $1, $2::smallint, k, v from unnest($3::bytea[], $4::bytea[]) as "
                     "u(k, v) order by k on conflict (cache, space, key) do update set value = "
                     "excluded.value"},
    {"update ",
        " s set value = u.v from (select $1 as c, $2::smallint as n, k, v, o from "
        "unnest($3::bytea[], $4::bytea[], $5::bytea[]) as a(k, v, o) offset 0) u where s.cache = "
        "u.c and s.space = u.n and s.key = u.k and s.value = u.o"},
    {"delete from ",
        " s using (select $1 as c, $2::smallint as n, k, o from unnest($3::bytea[], $4::bytea[]) "
        "as a(k, o) offset 0) u where s.cache = u.c and s.space = u.n and s.key = u.k and s.value "
        "= coalesce(u.o, s.value)"},
    {"select s.key, s.value from (select $1 as c, $2::smallint as n, k from unnest($3::bytea[]) as "
     "k offset 0) u join ",
        " s on s.cache = u.c and s.space = u.n and s.key = u.k"},
};

enum { SIDE_NEW, SIDE_ANY, SIDE_CHANGED, SIDE_GONE, SIDE_FETCH };

static void put_side_sql(weir_pg *p, int kind)
{
    weir_buf_puts(&p->sql, side_sql[kind][0]);
    weir_buf_puts(&p->sql, p->side);
    weir_buf_puts(&p->sql, side_sql[kind][1]);
}

weir_status weir_pg_side_fetch(void *self, const char *cache, weir_space space,
    const weir_view *keys, size_t n, weir_side_found_fn *found, void *ctx, weir_error *err)
{
    weir_pg *p = self;
    side_call c;
    PGresult *r;
    side_begin(&c, p, cache, space);
    put_side_sql(p, SIDE_FETCH);
    weir_pg_array_begin(&c.arrays[0]);
    for (size_t i = 0; i < n; i++) {
        weir_pg_array_bytes(&c.arrays[0], keys[i]);
    }
    weir_status st = side_run(&c, 1, &r, err);
    return st ? st : tell_found(r, found, ctx, err);
}

static int kind_of(const weir_side_change *c, bool unguarded)
{
    return !c->value.ptr ? SIDE_GONE : unguarded ? SIDE_ANY : c->old.ptr ? SIDE_CHANGED : SIDE_NEW;
}

/* As side_run, but its answer is not waited for. */
static weir_status send_kind(
    side_call *c, int kind, int n_arrays, weir_pg_sent sent, weir_error *err)
{
    weir_pg *p = c->p;
    char name[32];
    const char *sql = weir_buf_str(&p->sql);
    weir_status st = p->sql.failed ? weir_fail_oom(err) : end_arrays(c, n_arrays, err);
    p->ahead.side_prepared = p->ahead.side_session == p->session ? p->ahead.side_prepared : 0;
    p->ahead.side_session = p->session;
    snprintf(name, sizeof name, "weir_side_%d", kind);
    if (!st && !(p->ahead.side_prepared & 1U << kind)) {
        st = weir_pg_prepare(p, NULL, name, sql, err);
        p->ahead.side_prepared |= (unsigned)!st << kind;
    }
    weir_pg_parameters given = {c->values, NULL, NULL, 2 + n_arrays};
    st = st ? st : weir_pg_send(p, name, &given, sent, err);
    side_end(c);
    return st;
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
    int n_arrays = kind == SIDE_CHANGED ? 3 : 2;
    put_side_sql(p, kind);
    if (weir_pg_is_ahead(p, n)) {
        return send_kind(&c, kind, n_arrays, (weir_pg_sent){.rows = count, .any = unguarded}, err);
    }
    weir_status st = side_run(&c, n_arrays, &r, err);
    if (!st) {
        *moved |= !unguarded && strtoull(PQcmdTuples(r), NULL, 10) != count;
        PQclear(r);
    }
    return st;
}

weir_status weir_pg_side_write(void *self, const char *cache, weir_space space,
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

weir_status weir_pg_side_page(void *self, const char *cache, weir_space space, weir_view after,
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

weir_status weir_pg_side_clear(void *self, const char *cache, weir_space space, weir_error *err)
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
