/* What a table of a store is: from the config. Thread: immutable. */
#ifndef WEIR_SQL_TABLE_RULE_H
#define WEIR_SQL_TABLE_RULE_H

#include "cdc/column.h"

typedef enum weir_on_ddl {
    WEIR_DDL_ADD_COLUMNS, /* columns that rows bring are added */
    WEIR_DDL_EVOLVE,      /* and types that have become wider are widened */
    WEIR_DDL_IGNORE,      /* columns that the table lacks are left out */
    WEIR_DDL_STOP,
} weir_on_ddl;

/* Borrowed, outlives the store. */
typedef struct weir_table_rule {
    const char *cache;  /* the name that the store's cache is opened by */
    const char *schema; /* NULL: the connection's own */
    const char *table;
    const char
        *position_column; /* NULL: positions stand in the state table, by the records' keys */
    bool unguarded; /* nothing is kept of rows, here or in the state table: position_column is NULL
                     */
    const char *soft_delete; /* the column that tells when a row was deleted; NULL: rows go */
    bool by_transaction; /* written in the source's order: constraints may be deferred, and a row
                          * that a cascade has taken is gone */
    bool append;         /* of a source without a key: rows are told apart by cdc/keyless.h */
    bool create;         /* a table that is not there is made */
    weir_on_ddl on_ddl;
    const weir_view
        *key;     /* the table's key columns, by their names there; NULL: its primary key, */
    size_t n_key; /* or, of a table that is made, those of the records' keys */
    const weir_view (*rename)[2]; /* from the record's name to the table's */
    size_t n_rename;
    const weir_view (*cast)[2]; /* a column, by its name in the table, and the type it has there */
    size_t n_cast;
    weir_column_modes modes; /* how the source writes what a key's JSON alone does not tell */
} weir_table_rule;

#endif
