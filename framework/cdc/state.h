/* What a store keeps per key besides the row, and its bytes on disk (format 1, little-endian).
 *
 * Thread: plain values. */
#ifndef WEIR_CDC_STATE_H
#define WEIR_CDC_STATE_H

#include "base/buf.h"
#include "base/err.h"
#include "cdc/change.h"

/* The newest snapshot row taken for a key: the place in the stream where its read belongs. */
typedef struct weir_mark {
    weir_position at;
    bool first; /* row of an initial snapshot: everything committed before at.l is in it */
    bool edge;  /* the place is between two transactions, just after the commit at at.l */
    int32_t partition;
    int64_t offset;
} weir_mark;

/* One half of a primary-key move, by the old key and the position. */
typedef struct weir_move_ref {
    weir_view old_key; /* ptr NULL: none */
    uint64_t l;
} weir_move_ref;

typedef struct weir_state {
    bool alive; /* false: a delete mark */
    bool kept;  /* the full row is in kept_row: ROW has none (filtered out, incomplete) or a part of
                   it */
    bool quarantined; /* a record of this key could not be used; a full image heals it */
    bool has_tx, has_mark, has_seen, seen_delete;
    bool moved_in;       /* the stamp is a move onto this key */
    bool bare;           /* dead by a tombstone alone, which was at partition and offset */
    weir_position stamp; /* newest streamed change; l 0: none */
    uint64_t tx;         /* of the stamp */
    int32_t partition;   /* Kafka's place of the last record applied */
    int64_t offset;
    weir_mark mark;         /* if has_mark */
    int32_t seen_partition; /* if has_seen: the last record of this key, refused ones included */
    int64_t seen_offset;
    int64_t ahead_ms;  /* until this source time the row may be ahead of the stream; 0: is not */
    int64_t dead_ms;   /* a delete mark: when it was written, by the local clock */
    weir_move_ref ref; /* the move that will bring the missing columns */
    weir_view missing; /* JSON array of column names whose value was never received; "" if none */
    weir_view kept_row;
} weir_state;

/* Appends the bytes. */
void weir_state_put(weir_buf *to, const weir_state *s);
/* Views borrow from `bytes`. Errors: STORE_BROKEN. */
WEIR_MUST_USE weir_status weir_state_get(weir_view bytes, weir_state *out, weir_error *err);

/* A move record. given: the old half came first and hands over its row. Else wanted: the new half
 * came first; who waits is a row (by key) or another move (by its reference). */
typedef struct weir_move {
    bool given;
    bool waiter_is_move; /* wanted */
    weir_view row;       /* given; ptr NULL: nothing usable is known of the old row */
    weir_view missing;   /* given: as in weir_state */
    weir_move_ref
        ref; /* given: the move that will bring what is missing; wanted: the waiter if a move */
    weir_view waiter_key; /* wanted: the row that waits */
    uint64_t H;           /* of the change that wrote it, and … */
    int64_t at_ms;        /* … when that was, by the local clock: for its expiry */
} weir_move;

void weir_move_put(weir_buf *to, const weir_move *m);
WEIR_MUST_USE weir_status weir_move_get(weir_view bytes, weir_move *out, weir_error *err);
/* The key of a move record in WEIR_SPACE_MOVE: l as 8 bytes big-endian, then the old key. */
void weir_move_key_put(weir_buf *to, weir_move_ref ref);
uint64_t weir_move_key_position(weir_view key);

#endif
