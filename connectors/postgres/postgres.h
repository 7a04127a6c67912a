/* A session with PostgreSQL, and what its answers mean. Private to connectors/postgres.
 * Thread: one owner at a time. */
#ifndef WEIR_POSTGRES_H
#define WEIR_POSTGRES_H

#include <libpq-fe.h>
#include <pthread.h>

#include "postgres/postgres_store.h"
#include "table/table.h"

enum {
    WEIR_PG_MOST_AHEAD = 256,      /* statements before their answers are waited for */
    WEIR_PG_MOST_PARAMETERS = 512, /* of one of them; a table with more goes by a stage */
};

/* A statement that was sent ahead. */
typedef struct weir_pg_sent {
    const weir_table *of; /* NULL: the side table */
    uint64_t rows;        /* that it is to touch … */
    bool fewer;           /* … or fewer: a cascade may have taken them before */
    bool any;             /* … or any number */
} weir_pg_sent;

/* Parameters of a prepared statement. */
typedef struct weir_pg_parameters {
    const char *const *values;
    const int *lengths, *formats; /* NULL: all are texts */
    int n;
} weir_pg_parameters;

/* What the driver keeps of a table: weir_table.driver. */
typedef struct weir_pg_table {
    unsigned id;             /* of its stages and statements */
    unsigned session;        /* in which these are prepared: */
    unsigned asked_session;  /* … and the question whether the table is still the same */
    uint64_t same_in;        /* the transaction in which it is; 0: none */
    unsigned char *prepared; /* by signature, a bit for each kind of change. Owned */
    size_t n_prepared;
} weir_pg_table;

typedef struct weir_pg {
    weir_postgres_options options;
    char *side;   /* the side table's quoted name; owned */
    PGconn *conn; /* the writer's; NULL: none */
    bool in_transaction;
    bool staged;        /* the transaction has used a stage */
    bool defers;        /* a table is written in the source's order: constraints that can wait do */
    bool locked_before; /* it held the lock: a session that was cut off may hold it yet */
    bool no_direct;     /* COPY into the table itself met a row: not until something is committed */
    bool no_direct_soft;  /* it met one in a table with soft deletes, where inserts may well: never
                           * again
                           */
    unsigned next_id;     /* of tables */
    unsigned session;     /* counts connections */
    uint64_t transaction; /* counts them, and ways back to a savepoint */
    struct {
        weir_pg_sent sent[WEIR_PG_MOST_AHEAD];
        unsigned n;
        unsigned side_session, side_prepared; /* statements of the side table, a bit for each */
        bool off; /* something that was sent ahead has failed: not until something is committed */
    } ahead;
    weir_buf sql, copy;
    /* Readers. Lock: reader_lock. */
    pthread_mutex_t reader_lock;
    PGconn *reader;
    uint64_t bytes;
    int64_t bytes_until_s;
} weir_pg;

/* What makes to_json write the row contract, whatever the server's or the user's defaults are. */
#define WEIR_PG_SETTINGS                                                                 \
    "set timezone = 'UTC'; set datestyle = 'ISO, MDY'; set intervalstyle = 'postgres'; " \
    "set bytea_output = 'hex'; set extra_float_digits = 1; set lc_monetary = 'C'; "      \
    "set standard_conforming_strings = on; set client_min_messages = warning; "          \
    "set xmloption = 'content'; set check_function_bodies = off"

/* Opens a connection with the session's settings. */
WEIR_MUST_USE weir_status weir_pg_connect(const weir_pg *p, PGconn **out, weir_error *err);

/* What a failed result, or (result NULL) connection means. table: for the message, or NULL. */
weir_status weir_pg_fail(
    PGconn *conn, const PGresult *result, const weir_table *table, weir_error *err);

bool weir_pg_is_good(const PGresult *r); /* rows, or a command that was done */

/* Runs a statement with text parameters (values[i] NULL: NULL); the answer is in binary form, where
 * text, json and bytea are their bytes. *out may be NULL. */
WEIR_MUST_USE weir_status weir_pg_run(PGconn *conn, const weir_table *table, const char *sql, int n,
    const char *const *values, PGresult **out, weir_error *err);
/* A statement without parameters; *rows: how many it has touched (out NULL is allowed). */
WEIR_MUST_USE weir_status weir_pg_do(
    PGconn *conn, const weir_table *table, const char *sql, uint64_t *rows, weir_error *err);

static inline weir_view weir_pg_value(const PGresult *r, int row, int column)
{
    return PQgetisnull(r, row, column)
               ? (weir_view){NULL, 0}
               : weir_view_make(PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column));
}

/* An array literal is begun, gets its elements and is ended. */
void weir_pg_array_begin(weir_buf *to);
void weir_pg_array_text(weir_buf *to, weir_view element);  /* ptr NULL: NULL */
void weir_pg_array_bytes(weir_buf *to, weir_view element); /* of bytea */
void weir_pg_array_end(weir_buf *to);

/* ---- The parts of the driver: calls of table/table.h, whose self is a weir_pg ---------------- */

/* postgres_session.c */
weir_status weir_pg_begin(void *self, weir_error *err);
weir_status weir_pg_commit(void *self, weir_error *err);
void weir_pg_abort(void *self);
weir_status weir_pg_check(void *self, weir_error *err);
weir_status weir_pg_savepoint(void *self, weir_error *err);
weir_status weir_pg_rollback_to(void *self, weir_error *err);
weir_status weir_pg_exclude(void *self, weir_error *err);
weir_status weir_pg_take_partitions(
    void *self, const char *cache, const int32_t *partitions, size_t n, weir_error *err);
/* Connects, where there is no connection. */
WEIR_MUST_USE weir_status weir_pg_ensure(weir_pg *p, weir_error *err);
void weir_pg_hang_up(weir_pg *p);
/* Does what is in p->sql. */
WEIR_MUST_USE weir_status weir_pg_do_buffer(weir_pg *p, const weir_table *t, weir_error *err);
/* Two that make something at once meet in the catalog's own unique indexes. */
bool weir_pg_made_beside(weir_status st, const weir_error *err);

/* postgres_ahead.c */
/* Waits for what was sent ahead. Errors: what it came to; TABLE_MOVED where a row was refused or
 * moved: the transaction is to be done again, and nothing goes ahead then. */
WEIR_MUST_USE weir_status weir_pg_settle(weir_pg *p, weir_error *err);
/* As weir_pg_run and weir_pg_do, on the writer's connection, behind what was sent ahead. */
WEIR_MUST_USE weir_status weir_pg_ask(weir_pg *p, const weir_table *t, const char *sql, int n,
    const char *const *values, PGresult **out, weir_error *err);
WEIR_MUST_USE weir_status weir_pg_tell(
    weir_pg *p, const weir_table *t, const char *sql, uint64_t *rows, weir_error *err);
/* Is a write of so many rows worth it? The rows' own values may yet be none to be sent so. */
bool weir_pg_is_ahead(const weir_pg *p, size_t n);
/* A statement of the session, waited for: one that a failed pipeline has skipped would not be
 * there. */
WEIR_MUST_USE weir_status weir_pg_prepare(
    weir_pg *p, const weir_table *t, const char *name, const char *sql, weir_error *err);
/* Sends a prepared statement. */
WEIR_MUST_USE weir_status weir_pg_send(weir_pg *p, const char *name,
    const weir_pg_parameters *parameters, weir_pg_sent sent, weir_error *err);
bool weir_pg_may_go_ahead(
    const weir_pg *p, const weir_table *t, const weir_table_change *changes, size_t n);
WEIR_MUST_USE weir_status weir_pg_write_ahead(
    weir_pg *p, weir_table *t, const weir_table_change *changes, size_t n, weir_error *err);
/* NULL: out of memory. */
weir_pg_table *weir_pg_table_of(weir_pg *p, weir_table *t);

/* postgres_catalog.c */
weir_status weir_pg_describe(void *self, weir_table *t, weir_error *err);
/* Is the table still as it was described? Asked once in a transaction. Errors: TABLE_MOVED, and the
 * table is to be described anew. ahead: the answer is not waited for. */
WEIR_MUST_USE weir_status weir_pg_still(weir_pg *p, weir_table *t, bool ahead, weir_error *err);
weir_status weir_pg_check_key(void *self, const weir_table *t, bool *unique, weir_error *err);
weir_status weir_pg_create(void *self, const weir_table *t, const weir_shape *shape,
    const weir_view *key_columns, size_t n_key, weir_error *err);
weir_status weir_pg_add_column(
    void *self, const weir_table *t, const weir_shape_column *column, weir_error *err);
weir_status weir_pg_lock(void *self, const weir_table *t, weir_error *err);
weir_status weir_pg_widen(void *self, const weir_table *t, const weir_table_column *column,
    weir_view type, weir_error *err);
weir_status weir_pg_is_type(void *self, const weir_table *t, const weir_table_column *column,
    weir_view type, bool *same, weir_error *err);

/* postgres_read.c */
weir_status weir_pg_fetch(void *self, weir_table *t, const weir_view *const *keys, size_t n,
    bool rows, weir_table_found_fn *found, void *ctx, weir_error *err);
weir_status weir_pg_page(void *self, weir_table *t, const weir_view *after, bool inclusive,
    unsigned limit, bool rows, weir_table_page_fn *fn, void *ctx, weir_error *err);
weir_status weir_pg_clear(void *self, weir_table *t, weir_error *err);
/* On any connection: the ordinality of the key, the position, the row. */
WEIR_MUST_USE weir_status weir_pg_fetch_with(PGconn *conn, weir_buf *sql, const weir_table *t,
    const weir_view *const *keys, size_t n, bool rows, PGresult **r, weir_error *err);

/* What becomes of a row that is deleted softly: "column=now(), position=null". */
void weir_pg_put_death(weir_buf *to, const weir_table *t);

/* postgres_write.c */
/* Is this member of the signature a column that is written beside the key? */
bool weir_pg_is_written(const weir_table *t, const weir_signature *g, size_t member);
/* What an insert does where a row was deleted softly: it takes its place. g NULL: only its key. */
void weir_pg_put_revival(weir_buf *to, const weir_table *t, const weir_signature *g);
weir_status weir_pg_write(void *self, weir_table *t, const weir_table_change *changes, size_t n,
    bool *moved, weir_error *err);

/* postgres_side.c */
weir_status weir_pg_side_fetch(void *self, const char *cache, weir_space space,
    const weir_view *keys, size_t n, weir_side_found_fn *found, void *ctx, weir_error *err);
weir_status weir_pg_side_write(void *self, const char *cache, weir_space space,
    const weir_side_change *changes, size_t n, bool unguarded, bool *moved, weir_error *err);
weir_status weir_pg_side_page(void *self, const char *cache, weir_space space, weir_view after,
    bool inclusive, unsigned limit, weir_side_found_fn *fn, void *ctx, weir_error *err);
weir_status weir_pg_side_clear(void *self, const char *cache, weir_space space, weir_error *err);

#endif
