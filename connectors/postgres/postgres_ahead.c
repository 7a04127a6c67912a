/* Statements that are sent ahead: their answers are waited for together. See postgres.h.
 *
 * Where rows are written in the source's order, a batch is many writes of a row or two, and it is
 * the way to the database and back that takes the time. So each of these rows is a statement that
 * was prepared once, in libpq's pipeline; what it came to is told by the next call that needs an
 * answer, at the latest by the commit.
 *
 *   idle --write of few rows--> ahead --any other call: settle--> idle
 *                                 | refused, or moved: not ahead again until something is committed
 *
 * What fails then may be any row of several writes: the transaction is done again with each write
 * waited for, which tells whose it is. */
#include <stdlib.h>

#include "base/alloc.h"
#include "postgres/postgres.h"

enum { FEW = 8 }; /* rows of a write; from there on a stage does it faster */

/* ---- Settling ----------------------------------------------------------------------------------
 */

static void take_answer(
    weir_pg *p, const PGresult *r, unsigned i, weir_status *st, bool *moved, weir_error *err)
{
    const weir_pg_sent *sent = &p->ahead.sent[i < p->ahead.n ? i : p->ahead.n - 1];
    ExecStatusType s = PQresultStatus(r);
    if (s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK) {
        uint64_t rows = strtoull(PQcmdTuples((PGresult *)(uintptr_t)r), NULL, 10);
        *moved |= !sent->any && (rows > sent->rows || (rows < sent->rows && !sent->fewer));
    } else if (s != PGRES_PIPELINE_ABORTED && !*st) {
        *st = weir_pg_fail(p->conn, r, sent->of, err);
    }
}

/* One answer, and an empty one behind it, for each statement; then the sync's. */
static weir_status take_answers(weir_pg *p, bool *moved, weir_error *err)
{
    weir_status st = WEIR_OK;
    bool ended = PQpipelineSync(p->conn) != 1;
    for (unsigned i = 0; !ended && PQstatus(p->conn) == CONNECTION_OK;) {
        PGresult *r = PQgetResult(p->conn);
        ended = r && PQresultStatus(r) == PGRES_PIPELINE_SYNC;
        if (r && !ended) {
            take_answer(p, r, i, &st, moved, err);
        }
        i += !r;
        PQclear(r);
    }
    if (!st && (!ended || PQexitPipelineMode(p->conn) != 1)) {
        return weir_pg_fail(p->conn, NULL, NULL, err);
    }
    if (st) {
        (void)PQexitPipelineMode(p->conn);
    }
    return st;
}

weir_status weir_pg_settle(weir_pg *p, weir_error *err)
{
    bool moved = false;
    if (!p->ahead.n) {
        return WEIR_OK;
    }
    weir_status st = take_answers(p, &moved, err);
    p->ahead.n = 0;
    if (st == WEIR_REJECT || (!st && moved)) {
        p->ahead.off = true;
        st = weir_fail(err, WEIR_E_TABLE_MOVED,
            "a row that was sent ahead %s: each is waited for now",
            st ? "was refused" : "is not as it was read");
    }
    return st;
}

weir_status weir_pg_ask(weir_pg *p, const weir_table *t, const char *sql, int n,
    const char *const *values, PGresult **out, weir_error *err)
{
    weir_status st = weir_pg_settle(p, err);
    if (st && out) {
        *out = NULL;
    }
    return st ? st : weir_pg_run(p->conn, t, sql, n, values, out, err);
}

weir_status weir_pg_tell(
    weir_pg *p, const weir_table *t, const char *sql, uint64_t *rows, weir_error *err)
{
    weir_status st = weir_pg_settle(p, err);
    return st ? st : weir_pg_do(p->conn, t, sql, rows, err);
}

/* ---- Sending ----------------------------------------------------------------------------------
 */

bool weir_pg_is_ahead(const weir_pg *p, size_t n)
{
    return p->defers && !p->ahead.off && n <= FEW;
}

weir_status weir_pg_prepare(
    weir_pg *p, const weir_table *t, const char *name, const char *sql, weir_error *err)
{
    weir_status st = weir_pg_settle(p, err);
    if (st) {
        return st;
    }
    PGresult *r = PQprepare(p->conn, name, sql, 0, NULL);
    st = PQresultStatus(r) == PGRES_COMMAND_OK ? WEIR_OK : weir_pg_fail(p->conn, r, t, err);
    PQclear(r);
    return st;
}

weir_status weir_pg_send(weir_pg *p, const char *name, const weir_pg_parameters *parameters,
    weir_pg_sent sent, weir_error *err)
{
    const weir_pg_parameters *a = parameters;
    weir_status st = p->ahead.n == WEIR_PG_MOST_AHEAD ? weir_pg_settle(p, err) : WEIR_OK;
    if (st) {
        return st;
    }
    bool begun = p->ahead.n || PQenterPipelineMode(p->conn) == 1;
    if (!begun ||
        PQsendQueryPrepared(p->conn, name, a->n, a->values, a->lengths, a->formats, 0) != 1) {
        return weir_pg_fail(p->conn, NULL, sent.of, err);
    }
    p->ahead.sent[p->ahead.n++] = sent;
    return WEIR_OK;
}

/* ---- Statements --------------------------------------------------------------------------------
 */

/* Parameters: the key's columns and the old position, where a column has it. */
static void put_guard(weir_buf *to, const weir_table *t, int *at)
{
    for (size_t i = 0; i < t->n_key; i++) {
        const weir_table_column *c = weir_table_key_column(t, i);
        weir_sql_put_name(to, i ? " and t." : " where t.", c->name);
        weir_buf_printf(to, "=$%d::%.*s", ++*at, WEIR_ARG(c->bare));
    }
    if (t->rule->position_column) {
        weir_sql_put_name(to, " and t.", t->rule->position_column);
        weir_buf_printf(to, " is not distinct from $%d::bytea", ++*at);
    }
    if (t->rule->soft_delete) {
        weir_sql_put_name(to, " and t.", t->rule->soft_delete);
        weir_buf_puts(to, " is null");
    }
}

/* Parameters: the new position, the columns, the guard's. */
static void put_update(weir_buf *to, const weir_table *t, const weir_signature *g)
{
    int at = 0;
    const char *before = "", *first = weir_table_key_column(t, 0)->name;
    weir_buf_printf(to, "update %s t set ", t->quoted);
    if (t->rule->position_column) {
        weir_sql_put_name(to, before, t->rule->position_column);
        weir_buf_printf(to, "=$%d", ++at);
        before = ",";
    }
    for (size_t i = 0; g && i < g->n_members; i++) {
        if (weir_pg_is_written(t, g, i)) {
            weir_sql_put_name(to, before, t->columns[g->columns[i]].name);
            weir_buf_printf(to, "=$%d", ++at);
            before = ",";
        }
    }
    if (!*before) { /* a row of nothing but its key */
        weir_sql_put_name(to, "", first);
        weir_sql_put_name(to, "=t.", first);
    }
    put_guard(to, t, &at);
}

/* Parameters: the new position, the key's columns, the others. */
static void put_insert(weir_buf *to, const weir_table *t, const weir_signature *g)
{
    int n = 0;
    weir_buf_printf(to, "insert into %s as t (", t->quoted);
    if (t->rule->position_column) {
        weir_sql_put_name(to, "", t->rule->position_column);
        n++;
    }
    for (size_t i = 0; i < t->n_key; i++) {
        weir_sql_put_name(to, n++ ? "," : "", weir_table_key_column(t, i)->name);
    }
    for (size_t i = 0; g && i < g->n_members; i++) {
        if (weir_pg_is_written(t, g, i)) {
            weir_sql_put_name(to, ",", t->columns[g->columns[i]].name);
            n++;
        }
    }
    weir_buf_puts(to, ") overriding system value values (");
    for (int i = 1; i <= n; i++) {
        weir_buf_printf(to, "%s$%d", i > 1 ? "," : "", i);
    }
    weir_buf_puts(to, ") on conflict (");
    for (size_t i = 0; i < t->n_key; i++) {
        weir_sql_put_name(to, i ? "," : "", weir_table_key_column(t, i)->name);
    }
    weir_buf_puts(to, ") do ");
    if (t->rule->soft_delete) {
        weir_pg_put_revival(to, t, g);
    } else {
        weir_buf_puts(to, "nothing");
    }
}

/* Parameters: the guard's. */
static void put_delete(weir_buf *to, const weir_table *t)
{
    int at = 0;
    if (t->rule->soft_delete) {
        weir_buf_printf(to, "update %s t set ", t->quoted);
        weir_pg_put_death(to, t);
    } else {
        weir_buf_printf(to, "delete from %s t", t->quoted);
    }
    put_guard(to, t, &at);
}

static void put_statement(
    weir_buf *to, const weir_table *t, const weir_signature *g, weir_table_op op)
{
    weir_buf_clear(to);
    switch (op) {
    case WEIR_TABLE_INSERT:
        put_insert(to, t, g);
        break;
    case WEIR_TABLE_UPDATE:
        put_update(to, t, g);
        break;
    case WEIR_TABLE_POSITION:
        put_update(to, t, NULL);
        break;
    case WEIR_TABLE_DELETE:
        put_delete(to, t);
        break;
    }
}

/* ---- What is prepared --------------------------------------------------------------------------
 */

weir_pg_table *weir_pg_table_of(weir_pg *p, weir_table *t)
{
    weir_pg_table *d = t->driver;
    if (!d && (d = t->driver = weir_calloc(1, sizeof *d))) {
        d->id = ++p->next_id;
    }
    return d;
}

/* Which statements of the session are prepared, a bit for each kind of change. NULL: out of memory.
 */
static unsigned char *prepared_of(weir_pg *p, weir_table *t, size_t signature)
{
    weir_pg_table *d = weir_pg_table_of(p, t);
    if (!d) {
        return NULL;
    }
    if (d->session != p->session && d->n_prepared) {
        memset(d->prepared, 0, d->n_prepared);
    }
    d->session = p->session;
    if (signature >= d->n_prepared) {
        size_t n = signature + 8;
        unsigned char *grown = weir_realloc(d->prepared, n);
        if (!grown) {
            return NULL;
        }
        memset(grown + d->n_prepared, 0, n - d->n_prepared);
        d->prepared = grown;
        d->n_prepared = n;
    }
    return &d->prepared[signature];
}

static weir_status statement(
    weir_pg *p, weir_table *t, const weir_table_change *c, char *name, size_t size, weir_error *err)
{
    bool with_row = c->op == WEIR_TABLE_INSERT || c->op == WEIR_TABLE_UPDATE;
    size_t signature = with_row ? c->signature->number + 1 : 0;
    unsigned char *prepared = prepared_of(p, t, signature);
    if (!prepared) {
        return weir_fail_oom(err);
    }
    const weir_pg_table *d = t->driver;
    snprintf(name, size, "weir_%u_%zu_%c", d->id, signature, "iupd"[c->op]);
    if (*prepared & 1U << c->op) {
        return WEIR_OK;
    }
    put_statement(&p->sql, t, c->signature, c->op);
    const char *sql = weir_buf_str(&p->sql);
    weir_status st = p->sql.failed ? weir_fail_oom(err) : weir_pg_prepare(p, t, name, sql, err);
    *prepared |= (unsigned char)((!st) << c->op);
    return st;
}

/* ---- Parameters --------------------------------------------------------------------------------
 */

typedef struct parameters {
    weir_buf *text;
    const char *values[WEIR_PG_MOST_PARAMETERS];
    int lengths[WEIR_PG_MOST_PARAMETERS], formats[WEIR_PG_MOST_PARAMETERS];
    size_t places[WEIR_PG_MOST_PARAMETERS];
    int n;
} parameters;

static void add(parameters *to, weir_view v, bool binary)
{
    int i = to->n++;
    to->places[i] = v.ptr ? to->text->len : SIZE_MAX;
    to->lengths[i] = (int)v.len;
    to->formats[i] = binary;
    if (v.ptr) {
        weir_buf_putv(to->text, v);
        weir_buf_putc(to->text, '\0');
    }
}

static void add_position(parameters *to, const weir_table *t, weir_view position)
{
    if (t->rule->position_column) {
        add(to, position, true);
    }
}

static void add_key(parameters *to, const weir_table *t, const weir_table_change *c)
{
    for (size_t i = 0; i < t->n_key; i++) {
        add(to, c->key_values[i], false);
    }
}

static void add_columns(parameters *to, const weir_table *t, const weir_table_change *c)
{
    for (size_t i = 0; i < c->signature->n_members; i++) {
        if (weir_pg_is_written(t, c->signature, i)) {
            add(to, c->values[i], false);
        }
    }
}

static weir_status gather(
    parameters *to, const weir_table *t, const weir_table_change *c, weir_error *err)
{
    weir_buf_clear(to->text);
    if (c->op != WEIR_TABLE_DELETE) {
        add_position(to, t, c->position);
    }
    if (c->op == WEIR_TABLE_INSERT) {
        add_key(to, t, c);
        add_columns(to, t, c);
    } else {
        if (c->op == WEIR_TABLE_UPDATE) {
            add_columns(to, t, c);
        }
        add_key(to, t, c);
        add_position(to, t, c->old_position);
    }
    for (int i = 0; i < to->n; i++) {
        to->values[i] = to->places[i] == SIZE_MAX ? NULL : to->text->ptr + to->places[i];
    }
    return to->text->failed ? weir_fail_oom(err) : WEIR_OK;
}

/* ---- Rows -------------------------------------------------------------------------------------
 */

static bool has_zero(weir_view v)
{
    return v.len && memchr(v.ptr, '\0', v.len);
}

/* A character 0x00 would end a parameter: the stage's COPY has it refused. */
static bool is_text(const weir_table *t, const weir_table_change *c)
{
    bool ok = true;
    for (size_t i = 0; i < t->n_key; i++) {
        ok &= !has_zero(c->key_values[i]);
    }
    for (size_t i = 0; c->signature && i < c->signature->n_members; i++) {
        ok &= !weir_pg_is_written(t, c->signature, i) || !has_zero(c->values[i]);
    }
    return ok;
}

bool weir_pg_may_go_ahead(
    const weir_pg *p, const weir_table *t, const weir_table_change *changes, size_t n)
{
    size_t columns = t->n_columns + 2 * t->n_key + 2;
    bool ok =
        t->rule->by_transaction && weir_pg_is_ahead(p, n) && columns <= WEIR_PG_MOST_PARAMETERS;
    for (size_t i = 0; i < n && ok; i++) {
        ok = is_text(t, &changes[i]);
    }
    return ok;
}

static weir_status send(weir_pg *p, weir_table *t, const weir_table_change *c, weir_error *err)
{
    char name[64];
    parameters a = {.text = &p->copy, .n = 0};
    weir_status st = statement(p, t, c, name, sizeof name, err);
    st = st ? st : gather(&a, t, c, err);
    weir_pg_parameters given = {a.values, a.lengths, a.formats, a.n};
    weir_pg_sent sent = {.of = t, .rows = 1, .fewer = c->op == WEIR_TABLE_DELETE};
    return st ? st : weir_pg_send(p, name, &given, sent, err);
}

/* As a stage does it: deletes first, inserts last. */
weir_status weir_pg_write_ahead(
    weir_pg *p, weir_table *t, const weir_table_change *changes, size_t n, weir_error *err)
{
    static const weir_table_op order[] = {
        WEIR_TABLE_DELETE, WEIR_TABLE_POSITION, WEIR_TABLE_UPDATE, WEIR_TABLE_INSERT};
    weir_status st = weir_pg_still(p, t, true, err);
    for (size_t o = 0; o < sizeof order / sizeof *order; o++) {
        for (size_t i = 0; i < n && !st; i++) {
            st = changes[i].op == order[o] ? send(p, t, &changes[i], err) : WEIR_OK;
        }
    }
    return st;
}
