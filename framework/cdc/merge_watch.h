/* How far each partition has come: what the merge rule keeps for the rule of compaction's gaps, for
 * the alarms and for expiry. Private to the merge rule; the rest of it is in merge.h. */
#ifndef WEIR_CDC_MERGE_WATCH_H
#define WEIR_CDC_MERGE_WATCH_H

#include "cdc/merge.h"

/* Were offsets of this partition missing between this one and the change? */
static inline bool weir_merge_gap_since(
    const weir_merge *m, const weir_change *c, int32_t partition, int64_t offset)
{
    bool known = partition >= 0 && partition < m->n_partitions;
    return (partition == c->partition && c->gap > offset) ||
           (known && m->partitions[partition].gap > offset);
}

#endif
