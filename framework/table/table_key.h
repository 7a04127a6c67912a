/* A record's key and the key columns of its table. Private to framework/table. */
#ifndef WEIR_SQL_TABLE_KEY_H
#define WEIR_SQL_TABLE_KEY_H

#include "table/table.h"

/* Finds which columns of a described table its key is: those of the rule, or of `columns` (a
 * primary key's). Errors: TABLE_KEY, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_table_learn_key(
    weir_table *t, const weir_view *columns, size_t n, weir_error *err);

/* The names of a record's key, as the table calls them. In the arena; *names NULL: it is no object.
 */
WEIR_MUST_USE weir_status weir_table_key_names(const weir_table *t, weir_view key,
    weir_arena *arena, weir_view **names, size_t *n, weir_error *err);

/* The texts of the key's columns. Errors: TABLE_KEY, TABLE_REFUSED, CDC_BAD_VALUE, OUT_OF_MEMORY.
 */
WEIR_MUST_USE weir_status weir_table_key_values(const weir_table *t, weir_view key,
    weir_arena *arena, const weir_view **values, weir_error *err);

/* Are all its columns such that the key can be told from the row? */
bool weir_table_key_is_plain(const weir_table *t);

/* What the position column holds: the state, and the key where the row does not tell it. */
WEIR_MUST_USE weir_status weir_position_pack(const weir_table *t, weir_view key, weir_view state,
    weir_arena *arena, weir_view *position, weir_error *err);
/* key ptr NULL: it is not in there. Errors: STORE_BROKEN. */
WEIR_MUST_USE weir_status weir_position_unpack(
    weir_view position, weir_view *state, weir_view *key, weir_error *err);

#endif
