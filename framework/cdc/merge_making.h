/* A cache in the making, and initial snapshots that its topic holds more than one of. Private to
 * the merge rule.
 *
 * A topic outlives a replication slot, and a first snapshot that was cut short: then it holds rows
 * of a second initial snapshot, and no delete of what went in between. A cache that is made from
 * the topic's first record on takes all of them, and in the end lets the newest one say what is
 * there: a row goes if what it rests on is of the time before that snapshot and the snapshot does
 * not hold it.
 *
 * What is of that time
 *  1. In a partition that has rows of the snapshot, Kafka's order tells: what stands in front of
 * the first one.
 *  2. Else the position tells, if it is the snapshot's or above: that is not older.
 *  3. A position below is that of an older change, or of the one transaction that began before the
 * snapshot's place and committed behind it (no other has positions on both sides). It is known once
 * one of its changes is met in a partition of the first kind, or at a position above. While it is
 * not known, a position that is not above some older change's is older, because this transaction
 * began when the older changes had been sent; else the row is doubtful: kept, and flagged. */
#ifndef WEIR_CDC_MERGE_MAKING_H
#define WEIR_CDC_MERGE_MAKING_H

#include "cdc/merge.h"

/* Is it a row of an initial snapshot? A blocking one has the stream's last commit. */
static inline bool weir_is_initial(const weir_change *c)
{
    return c->kind == WEIR_READ && !c->has_commit;
}

/* To be called with every change while the cache is in the making. */
WEIR_MUST_USE weir_status weir_making_meet(weir_merge *m, const weir_change *c, weir_error *err);

/* Does this row of an initial snapshot stand behind a change of its partition that has a higher
 * position? A snapshot is later than all that was sent before it: the source has gone back. */
bool weir_making_goes_back(const weir_merge *m, const weir_change *c);

/* Its entry in WEIR_SPACE_META, there while the cache is in the making. */
WEIR_MUST_USE weir_status weir_making_save(weir_merge *m, weir_error *err);
WEIR_MUST_USE weir_status weir_making_load(weir_merge *m, weir_error *err);

#endif
