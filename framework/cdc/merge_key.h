/* What the merge rule has in hand while it applies a record: a key's state and row, and the halves
 * of primary-key moves, as the store has them. Private to the merge rule.
 *
 * What is loaded is copied to the merge's arena and lives until the next record. */
#ifndef WEIR_CDC_MERGE_KEY_H
#define WEIR_CDC_MERGE_KEY_H

#include "cdc/merge.h"

/* A row as far as it is known. */
typedef struct weir_merge_row {
    weir_view text;    /* ptr NULL: nothing is known of it */
    weir_view missing; /* its columns without a value, as in weir_state */
    weir_move_ref ref; /* the move that will bring them */
} weir_merge_row;

/* A key at work: its state, and what becomes of its row. Saved once, at the end. */
typedef struct weir_merge_key {
    weir_view key;
    weir_state state;
    bool exists; /* the store has a state */
    bool dirty;
    enum { WEIR_ROW_SAME, WEIR_ROW_SET, WEIR_ROW_GONE } row_change;
    weir_view row; /* WEIR_ROW_SET */
} weir_merge_key;

/* Of a store that others write too: what was read of a key, or of a move, is read anew. */
void weir_merge_key_reread(const weir_merge *m, weir_view key);
WEIR_MUST_USE weir_status weir_merge_move_reread(weir_merge *m, weir_move_ref ref, weir_error *err);
WEIR_MUST_USE weir_status weir_merge_key_load(
    weir_merge *m, weir_view key, weir_merge_key *out, weir_error *err);
WEIR_MUST_USE weir_status weir_merge_key_save(weir_merge *m, weir_merge_key *k, weir_error *err);
/* The row of an alive key; its text is borrowed until the next write. */
WEIR_MUST_USE weir_status weir_merge_key_row(
    weir_merge *m, const weir_merge_key *k, weir_merge_row *row, weir_error *err);

/* Alive with this row, which must live until the save. */
void weir_merge_key_set_row(weir_merge_key *k, const weir_merge_row *row);
/* A dead key keeps its state: that is the delete mark. */
void weir_merge_key_set_dead(weir_merge_key *k, int64_t now_ms);
/* An alive key keeps its row, flagged until a whole image of it comes. */
WEIR_MUST_USE weir_status weir_merge_key_distrust(
    weir_merge *m, weir_merge_key *k, weir_error *err);

/* Borrowed bytes end with the next write: what is kept longer is copied. A view without bytes stays
 * one. */
WEIR_MUST_USE weir_status weir_merge_keep(weir_merge *m, weir_view *v, weir_error *err);

/* A reference without an old key refers to no move. */
static inline bool weir_move_is(weir_move_ref ref)
{
    return ref.old_key.ptr != NULL;
}
static inline bool weir_move_same(weir_move_ref a, weir_move_ref b)
{
    return weir_move_is(a) && weir_move_is(b) && a.l == b.l && weir_view_eq(a.old_key, b.old_key);
}

/* *found: there is a record of this move. */
WEIR_MUST_USE weir_status weir_merge_move_load(
    weir_merge *m, weir_move_ref ref, weir_move *out, bool *found, weir_error *err);
WEIR_MUST_USE weir_status weir_merge_move_save(
    weir_merge *m, weir_move_ref ref, const weir_move *move, weir_error *err);
WEIR_MUST_USE weir_status weir_merge_move_remove(weir_merge *m, weir_move_ref ref, weir_error *err);
/* Nobody waits for this move any more. */
WEIR_MUST_USE weir_status weir_merge_move_forget(weir_merge *m, weir_move_ref ref, weir_error *err);

#endif
