/* Sessions with PostgreSQL. See postgres.h. */
#include "postgres/postgres.h"

#include <stdlib.h>

#include "base/alloc.h"

/* ---- Connections -------------------------------------------------------------------------------
 */

static void be_silent(void *arg, const char *message)
{
    (void)arg, (void)message;
}

/* A user's conninfo wins over these, but for the encoding. */
static PGconn *dial(const weir_pg *p)
{
    const char *names[] = {"connect_timeout", "tcp_user_timeout", "keepalives_idle",
        "application_name", "dbname", "client_encoding", p->options.password ? "password" : NULL,
        NULL};
    const char *values[] = {
        "5", "30000", "10", "weir", p->options.conninfo, "UTF8", p->options.password, NULL};
    return PQconnectdbParams(names, values, 1);
}

/* libpq quotes what it cannot read, and that may be a piece of a password: what is in quotes is
 * left out. */
static weir_status refuse_conninfo(const char *why, weir_error *err)
{
    weir_buf b = {0};
    bool quoted = false;
    for (const char *at = why; *at; at++) {
        quoted ^= *at == '"';
        if (*at == '"' ? quoted : !quoted && *at != '\n') {
            weir_buf_puts(&b, *at == '"' ? "(…)" : (char[]){*at, '\0'});
        }
    }
    weir_status st = weir_fail(err, WEIR_E_STORE_CONFIG,
        "PostgreSQL: the conninfo cannot be read: %s. In a URI the characters %% @ / : ? # of a "
        "password are written %%25 %%40 %%2F %%3A %%3F %%23; in the other form one with spaces "
        "stands in single quotes",
        weir_buf_str(&b));
    weir_buf_fini(&b);
    return st;
}

/* Of a password that is not written as it should be, pieces become other options: what these cannot
 * be is told here, for what libpq says would name them. */
static const char *misread(const PQconninfoOption *options)
{
    for (const PQconninfoOption *o = options; o->keyword; o++) {
        if (o->val && strcmp(o->keyword, "port") == 0 &&
            strspn(o->val, "0123456789, ") != strlen(o->val)) {
            return "the port is no number";
        }
        if (o->val && strcmp(o->keyword, "host") == 0 && o->val[0] != '@' && strchr(o->val, '@')) {
            return "the host has an @";
        }
    }
    return NULL;
}

static weir_status check_conninfo(const char *conninfo, weir_error *err)
{
    bool is_name = !strchr(conninfo, '=') && !strstr(conninfo, "://");
    char *why = NULL;
    PQconninfoOption *options = is_name ? NULL : PQconninfoParse(conninfo, &why);
    const char *wrong = options ? misread(options) : why;
    weir_status st = wrong ? refuse_conninfo(wrong, err) : WEIR_OK;
    PQconninfoFree(options);
    PQfreemem(why);
    return st;
}

weir_status weir_pg_connect(const weir_pg *p, PGconn **out, weir_error *err)
{
    if (check_conninfo(p->options.conninfo, err)) {
        return err->status;
    }
    PGconn *c = dial(p);
    if (!c) {
        return weir_fail_oom(err);
    }
    weir_status st = WEIR_OK;
    if (PQstatus(c) != CONNECTION_OK) {
        st = weir_pg_fail(c, NULL, NULL, err);
    } else {
        PQsetNoticeProcessor(c, be_silent, NULL);
        st = weir_pg_do(c, NULL, WEIR_PG_SETTINGS, NULL, err);
    }
    if (st) {
        PQfinish(c);
        return st;
    }
    *out = c;
    return WEIR_OK;
}

/* ---- Failures ----------------------------------------------------------------------------------
 */

/* By SQLSTATE: whole classes by their two letters. */
static const struct {
    const char *state;
    weir_code code;
} meanings[] = {
    {"28", WEIR_E_STORE_CONFIG},    /* invalid authorization */
    {"3D000", WEIR_E_STORE_CONFIG}, /* no such database */
    {"22", WEIR_E_TABLE_REFUSED},
    {"23503", WEIR_E_TABLE_DEPENDS},
    {"23505", WEIR_E_TABLE_DEPENDS}, /* not the key's own: that is never inserted twice */
    {"23P01", WEIR_E_TABLE_DEPENDS},
    {"23", WEIR_E_TABLE_REFUSED},
    {"54", WEIR_E_TABLE_REFUSED},  /* too long for an index, too deep, … */
    {"40", WEIR_E_TABLE_MOVED},    /* serialization, deadlock */
    {"42P06", WEIR_E_TABLE_MOVED}, /* another process has made the schema, … */
    {"42P07", WEIR_E_TABLE_MOVED}, /* … the table, … */
    {"42710", WEIR_E_TABLE_MOVED}, /* … the type of its rows, … */
    {"42701", WEIR_E_TABLE_MOVED}, /* … the column */
    {"53100", WEIR_E_STORE_FULL},
    {"53", WEIR_E_STORE_UNREACHABLE},
    {"57", WEIR_E_STORE_UNREACHABLE}, /* shutdown, crash, cancelled by a timeout */
    {"58", WEIR_E_STORE_UNREACHABLE}, /* I/O */
    {"08", WEIR_E_STORE_UNREACHABLE},
    {"25", WEIR_E_STORE_UNREACHABLE}, /* read only, idle in transaction */
    {"55", WEIR_E_STORE_UNREACHABLE}, /* locked, starting up */
    {"XX001", WEIR_E_DATABASE_BROKEN},
    {"XX002", WEIR_E_DATABASE_BROKEN},
    {"XX", WEIR_E_STORE_UNREACHABLE},
    {"P0", WEIR_E_TABLE_REFUSED}, /* raised by a trigger, … */
    {"38", WEIR_E_TABLE_REFUSED}, /* … in another language … */
    {"39", WEIR_E_TABLE_REFUSED},
};

static weir_code meaning_of(const char *state)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (strncmp(state, meanings[i].state, strlen(meanings[i].state)) == 0) {
            return meanings[i].code;
        }
    }
    return WEIR_E_TABLE_SCHEMA;
}

/* One line, without what repeats. */
static void flatten(weir_buf *to, const char *text)
{
    size_t len = strlen(text);
    while (len && (text[len - 1] == '\n' || text[len - 1] == ' ')) {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        weir_buf_putc(to, text[i] == '\n' || text[i] == '\t' ? ' ' : text[i]);
    }
}

static void put_field(weir_buf *to, const char *before, const PGresult *r, int field)
{
    const char *text = PQresultErrorField(r, field);
    if (text) {
        weir_buf_puts(to, before);
        flatten(to, text);
    }
}

/* A refused login has no SQLSTATE that libpq would tell. */
static bool login_is_wrong(const char *message)
{
    static const char *const words[] = {"password authentication failed", "no password supplied",
        "no pg_hba.conf entry", "does not exist", "authentication failed",
        "invalid connection option", "missing \"=\""};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strstr(message, words[i])) {
            return true;
        }
    }
    return false;
}

static weir_status fail_connection(PGconn *conn, weir_error *err)
{
    weir_buf b = {0};
    const char *message = PQerrorMessage(conn);
    flatten(&b, *message ? message : "the connection is gone");
    weir_status st =
        weir_fail(err, login_is_wrong(message) ? WEIR_E_STORE_CONFIG : WEIR_E_STORE_UNREACHABLE,
            "PostgreSQL: %s", weir_buf_str(&b));
    weir_buf_fini(&b);
    return st;
}

weir_status weir_pg_fail(
    PGconn *conn, const PGresult *result, const weir_table *table, weir_error *err)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    if (!state) {
        return fail_connection(conn, err);
    }
    weir_buf b = {0};
    put_field(&b, "", result, PG_DIAG_MESSAGE_PRIMARY);
    weir_buf_printf(&b, " (SQLSTATE %s", state);
    put_field(&b, "; column ", result, PG_DIAG_COLUMN_NAME);
    put_field(&b, "; constraint ", result, PG_DIAG_CONSTRAINT_NAME);
    put_field(&b, "; ", result, PG_DIAG_CONTEXT);
    weir_buf_puts(&b, ")");
    weir_code code =
        PQstatus(conn) == CONNECTION_BAD ? WEIR_E_STORE_UNREACHABLE : meaning_of(state);
    weir_status st = table ? weir_fail(err, code, "table %s: %s", table->quoted, weir_buf_str(&b))
                           : weir_fail(err, code, "PostgreSQL: %s", weir_buf_str(&b));
    weir_buf_fini(&b);
    return st;
}

/* ---- Statements --------------------------------------------------------------------------------
 */

bool weir_pg_is_good(const PGresult *r)
{
    ExecStatusType s = PQresultStatus(r);
    return s == PGRES_TUPLES_OK || s == PGRES_COMMAND_OK;
}

weir_status weir_pg_run(PGconn *conn, const weir_table *table, const char *sql, int n,
    const char *const *values, PGresult **out, weir_error *err)
{
    PGresult *r = PQexecParams(conn, sql, n, NULL, values, NULL, NULL, 1);
    weir_status st = weir_pg_is_good(r) ? WEIR_OK : weir_pg_fail(conn, r, table, err);
    if (st || !out) {
        PQclear(r);
        r = NULL;
    }
    if (out) {
        *out = r;
    }
    return st;
}

weir_status weir_pg_do(
    PGconn *conn, const weir_table *table, const char *sql, uint64_t *rows, weir_error *err)
{
    PGresult *r = PQexec(conn, sql);
    weir_status st = weir_pg_is_good(r) ? WEIR_OK : weir_pg_fail(conn, r, table, err);
    if (!st && rows) {
        *rows = strtoull(PQcmdTuples(r), NULL, 10);
    }
    PQclear(r);
    return st;
}

/* ---- Arrays ------------------------------------------------------------------------------------
 */

void weir_pg_array_begin(weir_buf *to)
{
    weir_buf_clear(to);
    weir_buf_putc(to, '{');
}

static void put_comma(weir_buf *to)
{
    if (to->len > 1) {
        weir_buf_putc(to, ',');
    }
}

void weir_pg_array_text(weir_buf *to, weir_view v)
{
    put_comma(to);
    if (!v.ptr) {
        weir_buf_puts(to, "NULL");
        return;
    }
    weir_buf_putc(to, '"');
    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] == '"' || v.ptr[i] == '\\') {
            weir_buf_putc(to, '\\');
        }
        weir_buf_putc(to, v.ptr[i]);
    }
    weir_buf_putc(to, '"');
}

void weir_pg_array_bytes(weir_buf *to, weir_view v)
{
    static const char digits[] = "0123456789abcdef";
    put_comma(to);
    if (!v.ptr) {
        weir_buf_puts(to, "NULL");
        return;
    }
    weir_buf_puts(to, "\"\\\\x");
    if (weir_buf_reserve(to, 2 * v.len + 1)) {
        for (size_t i = 0; i < v.len; i++) {
            to->ptr[to->len++] = digits[(unsigned char)v.ptr[i] >> 4];
            to->ptr[to->len++] = digits[(unsigned char)v.ptr[i] & 15];
        }
    }
    weir_buf_putc(to, '"');
}

void weir_pg_array_end(weir_buf *to)
{
    weir_buf_putc(to, '}');
}
