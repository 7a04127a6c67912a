/* A store in SQLite: caches are tables of one file (table/table.h).
 * Thread: as the store port says. */
#ifndef WEIR_SQLITE_STORE_H
#define WEIR_SQLITE_STORE_H

#include "base/log.h"
#include "cdc/store.h"
#include "table/table_rule.h"

/* Borrowed, outlives the store. */
typedef struct weir_sqlite_options {
    const char *path;       /* of the file; made when it is not there */
    const char *side_table; /* NULL: weir_state */
    bool sync_each_commit;  /* false: a crash of the machine may lose the newest commits */
    bool read_only;         /* another process may be writing */
    const weir_table_rule *tables;
    size_t n_tables;
    const weir_log *log;
} weir_sqlite_options;

/* Errors: STORE_LOCKED, STORE_IO, STORE_BROKEN, DATABASE_BROKEN, those of table/table.h. */
WEIR_MUST_USE weir_status weir_sqlite_store_open(
    const weir_sqlite_options *options, weir_store *out, weir_error *err);

#endif
