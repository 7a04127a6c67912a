/* Types of columns, by PostgreSQL's names: which one holds all that another one does.
 * Thread: plain functions. */
#ifndef WEIR_SQL_TABLE_TYPE_H
#define WEIR_SQL_TABLE_TYPE_H

#include <stdbool.h>
#include <weir/view.h>

/* Does every value of `from` go into `to`, unchanged, and not the other way round? Only within a
 * kind: integers (to numeric, too), numerics, floats, character varying and text, bit varying, and
 * times by their digits. What is not known is not wider. */
bool weir_type_widens(weir_view from, weir_view to);

/* Is it a type of PostgreSQL's own, or an array of one? */
bool weir_type_known(weir_view type);

#endif
