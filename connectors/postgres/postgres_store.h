/* A store in PostgreSQL: caches are its tables (table/table.h). Batches go by COPY.
 * Thread: as the store port says. */
#ifndef WEIR_POSTGRES_STORE_H
#define WEIR_POSTGRES_STORE_H

#include "base/log.h"
#include "cdc/store.h"
#include "table/table_rule.h"

/* Borrowed, outlives the store. */
typedef struct weir_postgres_options {
    const char *conninfo;
    const char *password;   /* or NULL */
    const char *side_table; /* as written: name or schema.name; NULL: weir_state */
    bool read_only;         /* another process may be writing */
    bool shared;            /* several processes write it at once */
    const weir_table_rule *tables;
    size_t n_tables;
    const weir_log *log;
} weir_postgres_options;

/* Errors: STORE_UNREACHABLE, STORE_CONFIG, STORE_LOCKED, those of table/table.h. */
WEIR_MUST_USE weir_status weir_postgres_store_open(
    const weir_postgres_options *options, weir_store *out, weir_error *err);

#endif
