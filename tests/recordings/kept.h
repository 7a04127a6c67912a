/* Where a process keeps its rows: in memory, or as tables of a database that is emptied for each
 * run (SCHEDULE_STORE is sqlite, postgres, or shared for one that keeps no offsets; PostgreSQL's is
 * the one that WEIR_TEST_PG names). */
#ifndef RECORDINGS_KEPT_H
#define RECORDINGS_KEPT_H

#include "recordings/recorded.h"

/* A new, empty store, which the caller closes. */
weir_store kept_store(const recording *r);
/* Are rows columns of tables? Then they have all columns that any row had. */
bool kept_in_tables(void);
/* Is it the row that it should be: all its columns, each byte by byte? */
bool kept_row_is(weir_view row, weir_view wanted);

#endif
