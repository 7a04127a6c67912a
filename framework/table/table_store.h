/* The store over tables: its own structures. Private to framework/table. */
#ifndef WEIR_SQL_TABLE_STORE_H
#define WEIR_SQL_TABLE_STORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "table/table.h"
#include "value/value.h"

/* A key within the open transaction: what the database has, and what is to become of it. */
typedef struct weir_table_entry {
    weir_view key;           /* the transaction's */
    const weir_view *values; /* of the key's columns; NULL: not worked out yet */
    bool fetched;            /* the database was asked, or `absent` was assumed */
    bool row_fetched;        /* for the row too */
    bool in_table, in_side;  /* before */
    weir_view position;      /* before: the column; ptr NULL: NULL */
    weir_view side;          /* before: the side table's value */
    weir_view state, row;    /* before: within either; ptr NULL: none */
    bool state_set, row_set;
    weir_view new_state, new_row; /* ptr NULL: goes */
    weir_view last_row; /* soft deletes: the row that was set, and goes again; ptr NULL: none */
    bool listed;        /* among those of its table that are to be written */
    struct weir_table_entry *next;
} weir_table_entry;

/* A name of META, or a half of a move. */
typedef struct weir_side_entry {
    weir_view key;
    bool fetched, set;
    weir_view old, value;
} weir_side_entry;

typedef struct weir_table_refusal {
    unsigned cache;
    weir_view key;
    weir_error why;
} weir_table_refusal;

typedef struct weir_table_store {
    const weir_table_driver *driver;
    void *self;
    const weir_table_rule *rules;
    size_t n_rules;
    weir_table **tables; /* by cache; owned */
    unsigned n_tables;
    unsigned *order; /* their numbers, parents before children, as it was worked out last; owned */
    unsigned n_order;
    bool reorder;         /* a table was described since */
    pthread_mutex_t lock; /* what tables are described as: the writer changes it, readers read it */
    weir_arena arena;     /* the transaction's */
    size_t n_entries;     /* of the transaction */
    weir_arena scratch;   /* a flush's */
    bool begun;
    bool shared;
    bool excluding;  /* the transaction has the store for itself */
    unsigned doubts; /* an assumption was wrong: none for so many commits to come, since what it was
                      * wrong about may be done again behind those of others */
    bool careful;    /* a row was refused: it is looked for */
    weir_buf plain;  /* the state of a row of which nothing is kept: alive, older than what comes */
    weir_arena refusal_arena;
    weir_table_refusal *refusals; /* owned */
    size_t n_refusals, refusals_capacity;
} weir_table_store;

static inline weir_table *weir_table_of(const weir_table_store *s, unsigned cache)
{
    return cache < s->n_tables ? s->tables[cache] : NULL;
}

/* Is this space of it the table itself? */
static inline bool weir_table_holds(const weir_table *t, weir_space space)
{
    return t->rule && (space == WEIR_SPACE_ROW || space == WEIR_SPACE_STATE);
}

/* Is this space of it kept for as long as the transaction only? */
static inline bool weir_table_forgets(const weir_table *t, weir_space space)
{
    return t->rule && t->rule->unguarded && (space == WEIR_SPACE_STATE || space == WEIR_SPACE_MOVE);
}

/* The store port's calls, by concept. Errors: as table.h says. */

/* ---- table_describe.c: what the database says of a table ------------------------------------ */

WEIR_MUST_USE weir_status weir_table_open(
    weir_table_store *s, unsigned number, const char *name, weir_error *err);
WEIR_MUST_USE weir_status weir_table_shape(
    weir_table_store *s, unsigned cache, const weir_shape *shape, weir_error *err);
/* Asks the driver what the table is, where that is not known. */
WEIR_MUST_USE weir_status weir_table_describe(weir_table_store *s, weir_table *t, weir_error *err);
/* Lock: the store's. */
void weir_table_forget(weir_table_store *s, weir_table *t);
/* t NULL is allowed. */
void weir_table_free(weir_table_store *s, weir_table *t);

/* ---- table_entry.c: what the transaction knows of keys -------------------------------------- */

WEIR_MUST_USE weir_status weir_table_expect(
    weir_table_store *s, unsigned cache, const weir_expected *keys, size_t n, weir_error *err);
WEIR_MUST_USE weir_status weir_table_get(weir_table_store *s, unsigned cache, weir_space space,
    weir_view key, weir_view *value, weir_error *err);
/* Something of it is set: a flush writes it. */
void weir_table_list_entry(weir_table *t, weir_table_entry *e);
/* What was only read of a key is read anew. */
void weir_table_reread(weir_table_store *s, unsigned cache, weir_space space, weir_view key);
/* Of a space that is not the table itself. */
WEIR_MUST_USE weir_status weir_table_get_side(weir_table_store *s, unsigned cache, weir_space space,
    weir_view key, weir_view *value, weir_error *err);
/* The entry of a key, made when there is none. NULL: out of memory. */
weir_table_entry *weir_table_entry_of(weir_table_store *s, unsigned cache, weir_view key);
weir_side_entry *weir_table_side_entry_of(
    weir_table_store *s, unsigned cache, weir_space space, weir_view key);
/* What the database says of keys that it was not asked for yet. */
WEIR_MUST_USE weir_status weir_table_fetch(weir_table_store *s, unsigned cache,
    weir_table_entry **entries, size_t n, bool rows, weir_error *err);
/* Takes in what a row says. */
WEIR_MUST_USE weir_status weir_table_take(
    weir_table_store *s, weir_table_entry *e, weir_view position, weir_view row, weir_error *err);
/* Nothing is known of any key any more. */
void weir_table_forget_entries(weir_table_store *s);

/* ---- table_order.c -------------------------------------------------------------------------- */

/* Works s->order out, and which tables are referred to. */
WEIR_MUST_USE weir_status weir_table_order(weir_table_store *s, weir_error *err);
/* Puts tables into that order. */
WEIR_MUST_USE weir_status weir_table_sort(
    weir_table_store *s, unsigned *caches, size_t n, weir_error *err);

/* ---- table_walk.c --------------------------------------------------------------------------- */

WEIR_MUST_USE weir_status weir_table_each(weir_table_store *s, unsigned cache, weir_space space,
    weir_view from, weir_store_each_fn *fn, void *ctx, weir_error *err);
WEIR_MUST_USE weir_status weir_table_each_aside(weir_table_store *s, unsigned cache,
    weir_space space, weir_view from, weir_store_each_fn *fn, void *ctx, weir_error *err);
WEIR_MUST_USE weir_status weir_table_clear(
    weir_table_store *s, unsigned cache, weir_space space, weir_error *err);

/* ---- table_columns.c: a table and the columns of rows that are to go into it ---------------- */

/* Makes a table that is not there, by the shape of its rows and this key of a record. */
WEIR_MUST_USE weir_status weir_table_make(
    weir_table_store *s, weir_table *t, weir_view key, weir_error *err);
/* Widens the types that the rows to come need, where the rule says so. */
WEIR_MUST_USE weir_status weir_table_widen(weir_table_store *s, weir_table *t, weir_error *err);
/* Which columns a row's members are; columns that the table lacks are added, as the rule allows.
 * *signature: the one of the row before, or NULL. *changed is set when the table has been: what was
 * known of it, signatures too, is void. */
WEIR_MUST_USE weir_status weir_table_sign(weir_table_store *s, weir_table *t, const weir_value *row,
    const weir_signature **signature, bool *changed, weir_error *err);

/* ---- table_flush.c -------------------------------------------------------------------------- */

/* Writes all that the transaction has set; afterwards the entries are as the database is. */
WEIR_MUST_USE weir_status weir_table_flush(weir_table_store *s, weir_error *err);
/* Learns from what the driver's call has come to, and returns it: where rows were not as they had
 * been read, nothing is assumed for a while. */
WEIR_MUST_USE weir_status weir_table_met(
    weir_table_store *s, weir_status st, const weir_error *err);
uint64_t weir_table_now_us(void); /* the monotonic clock */

#endif
