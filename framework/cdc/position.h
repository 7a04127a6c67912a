/* The place of a change in its source's history, as docs/merge-rule.md defines it.
 * Thread: plain functions. */
#ifndef WEIR_CDC_POSITION_H
#define WEIR_CDC_POSITION_H

#include "cdc/fields.h"

/* PostgreSQL: source.sequence is a JSON text ["C","l"]; C is the LSN of the last commit or null, l
 * the change's own or null (then source.lsn). Fills kind, has_commit, commit, at, has_tx and tx;
 * reads c->op. Errors: CDC_NO_POSITION, CDC_BAD_VALUE, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_position_read(
    const weir_fields *fields, weir_arena *arena, weir_change *c, weir_error *err);

/* A source without positions: Kafka's offsets are the order, and they order one key within one
 * partition. So
 *   - every change stands at offset + 1 (0 would be "none");
 *   - a snapshot row is an upsert like any other: whether it or a streamed change is the newer one
 * is told by the offset alone;
 *   - the halves of a primary-key move, which are tied together by their position, are a delete and
 * an insert: placeholders of the moved row are missing, never taken from what is stored under the
 *     new key;
 *   - a truncate has no key: its offset compares with changes of its own partition only. */
void weir_position_by_offset(weir_change *c);

#endif
