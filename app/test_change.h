/* Changes of rows as Debezium writes them, for tests. Thread: plain functions. */
#ifndef WEIR_APP_TEST_CHANGE_H
#define WEIR_APP_TEST_CHANGE_H

#include "base/buf.h"

/* Appends the envelope of a change of PostgreSQL's "schema.table", in plain JSON. op: 'c', 'u',
 * 'd', 'r', 't'; row: JSON, the new one, of a 'd' the old one or NULL. lsn: newer changes have
 * greater ones. */
void weir_test_change_put(weir_buf *to, const char *table, char op, const char *row, uint64_t lsn);

/* Is there such a kind of change, and has it the row that it needs? */
bool weir_test_change_fits(char op, const char *row);
/* What that is, in words. */
extern const char weir_test_change_form[];

#endif
