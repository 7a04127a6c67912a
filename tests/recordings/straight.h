/* The straight replay: what rows a table has after a prefix of what its source sent, by the order
 * of the stream alone. Each change counts where it was sent first; nothing of the merge rule is in
 * it. */
#ifndef RECORDINGS_STRAIGHT_H
#define RECORDINGS_STRAIGHT_H

#include "base/map.h"
#include "recordings/recorded.h"

typedef struct straight_row {
    weir_view text, missing; /* as in weir_change */
} straight_row;

typedef struct straight {
    weir_arena arena;
    weir_map rows;        /* key -> straight_row */
    weir_map seen, moved; /* private */
} straight;

/* The sequence must be as it was sent: cut, but neither repeated nor mixed. */
void straight_replay(straight *s, const sim_sequence *q);
void straight_free(straight *s);

#endif
