/* A target database with the source's constraints, and what stands in it. It is a test: what fails
 * ends it. */
#ifndef TRANSACTIONS_TARGET_H
#define TRANSACTIONS_TARGET_H

#include "base/buf.h"
#include "cdc/store.h"
#include "table/table_rule.h"

/* Makes the tables anew, with their constraints, and opens a store over them. where: "sqlite",
 * "postgres", or "deferred": PostgreSQL, whose constraints can be deferred. */
weir_store target_open(const char *where, const weir_table_rule *rules, size_t n_rules);
/* Its rows as history.h has them, as another session sees them. */
void target_lines(const char *where, weir_buf *to);

#endif
