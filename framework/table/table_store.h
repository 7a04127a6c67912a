/* The store over tables: its own structures. Private to framework/table. */
#ifndef WEIR_SQL_TABLE_STORE_H
#define WEIR_SQL_TABLE_STORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "table/table.h"

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
    pthread_mutex_t lock; /* what tables are described as: the writer changes it, readers read it */
    weir_arena arena;     /* the transaction's */
    size_t n_entries;     /* of the transaction */
    weir_arena scratch;   /* a flush's */
    bool begun;
    bool shared;
    bool excluding; /* the transaction has the store for itself */
    bool doubtful;  /* an assumption was wrong: none until something has been committed */
    bool careful;   /* a row was refused: it is looked for */
    weir_arena refusal_arena;
    weir_table_refusal *refusals; /* owned */
    size_t n_refusals, refusals_capacity;
} weir_table_store;

/* The entry of a key, made when there is none. NULL: out of memory. */
weir_table_entry *weir_table_entry_of(weir_table_store *s, unsigned cache, weir_view key);

/* What the database says of keys that it was not asked for yet. */
WEIR_MUST_USE weir_status weir_table_fetch(weir_table_store *s, unsigned cache,
    weir_table_entry **entries, size_t n, bool rows, weir_error *err);
/* Takes in what a row and a side entry say. */
WEIR_MUST_USE weir_status weir_table_take(
    weir_table_store *s, weir_table_entry *e, weir_view position, weir_view row, weir_error *err);

/* Asks the driver what the table is, where that is not known. */
WEIR_MUST_USE weir_status weir_table_describe(weir_table_store *s, weir_table *t, weir_error *err);

/* Writes all that the transaction has set; afterwards the entries are as the database is. */
WEIR_MUST_USE weir_status weir_table_flush(weir_table_store *s, weir_error *err);
/* Nothing is known of any key any more. */
void weir_table_forget_entries(weir_table_store *s);

#endif
