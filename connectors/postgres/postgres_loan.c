/* What handlers leave on their connection, and how it is taken back. See postgres_tx_inside.h.
 *
 * A handler's statements may set what weir's own statements, and the next record's handler, go by:
 * a schema to look in, a role, how bytes are written. Settings are restored within the transaction
 * once a statement was run that may have changed some; what else may stay (locks, temporary tables)
 * goes with the end of the transaction, in the same way to the server and back. */
#include <stdio.h>
#include <string.h>

#include "postgres/postgres_tx_inside.h"

#define RESTORE "set session authorization default; reset role; reset all; " WEIR_PG_SETTINGS
#define TIDY                                                                                   \
    RESTORE "; select pg_advisory_unlock_all(); unlisten *; close all; discard temp; discard " \
            "sequences"

/* By its command tag; a function that calls set_config is found only by its name. */
static bool may_set(const char *tag, const char *sql)
{
    static const char *const plain[] = {"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (strncmp(tag, plain[i], strlen(plain[i])) == 0) {
            return strstr(sql, "set_config") || strstr(sql, "SET_CONFIG");
        }
    }
    return true;
}

void weir_pg_note(weir_pg_session *s, const PGresult *r, const char *sql)
{
    const char *tag = PQcmdStatus((PGresult *)(uintptr_t)r);
    if (s->lent) {
        s->strays |= may_set(tag, sql);
        s->prepares |= strcmp(tag, "PREPARE") == 0;
    }
}

weir_status weir_pg_restore(weir_pg_session *s, weir_error *err)
{
    if (s->lent || !s->strays || PQtransactionStatus(s->conn) != PQTRANS_INTRANS) {
        return WEIR_OK; /* in a failed transaction the way back to the savepoint restores them */
    }
    s->strays = s->native;
    return weir_pg_do(s->conn, NULL, RESTORE, NULL, err);
}

/* The first result is that of the end itself. *tidy: all others were good. */
static PGresult *send_end(weir_pg_session *s, const char *how, bool *tidy)
{
    char sql[1024];
    PGresult *first = NULL, *r;
    snprintf(sql, sizeof sql, "%s; " TIDY "%s", how, s->prepares ? "; deallocate all" : "");
    if (PQsendQuery(s->conn, sql) != 1) {
        return NULL;
    }
    *tidy = true;
    while ((r = PQgetResult(s->conn)) != NULL) {
        *tidy &= weir_pg_is_good(r);
        if (first) {
            PQclear(r);
        } else {
            first = r;
        }
    }
    return first;
}

PGresult *weir_pg_end(weir_pg_session *s, const char *how)
{
    bool tidy = false;
    if (!s->handled) {
        return PQexec(s->conn, how);
    }
    if (PQtransactionStatus(s->conn) == PQTRANS_ACTIVE) { /* a handler's own command is under way */
        PGresult *r = PQexec(s->conn, how);
        s->spoilt = true;
        return r;
    }
    PGresult *first = send_end(s, how, &tidy);
    s->spoilt = !tidy;
    if (s->prepares) {
        weir_pg_forget_prepared(s);
    }
    return first;
}
