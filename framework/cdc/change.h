/* A change: one Kafka record of a CDC topic, decoded. What the merge rule and handlers work on.
 *
 * Thread: owned by the unit whose arena it lives in. */
#ifndef WEIR_CDC_CHANGE_H
#define WEIR_CDC_CHANGE_H

#include <stdbool.h>
#include <stdint.h>
#include <weir/view.h>

typedef enum weir_change_kind {
    WEIR_STREAMED,    /* from the log: op c, u, d or t */
    WEIR_READ,        /* row of an initial or blocking snapshot */
    WEIR_INCREMENTAL, /* row of an incremental snapshot */
    WEIR_TOMBSTONE,   /* a null value */
} weir_change_kind;

/* A place in the source's history. PostgreSQL: l is the change's LSN, H the larger of the last
 * commit's LSN and l; (H, l) is the order of the stream (docs/merge-rule.md). */
typedef struct weir_position {
    uint64_t H, l;
} weir_position;

typedef struct weir_change {
    weir_change_kind kind;
    char op;         /* c u d t r; 0 for a tombstone */
    bool has_commit; /* the last commit C is known: not a first snapshot or its first transaction */
    bool has_tx;     /* tx is known */
    bool unwrapped;  /* from a flattened stream: a null value is the delete itself */
    int32_t partition; /* Kafka's place */
    int64_t offset;
    int64_t gap;     /* newest offset behind a gap, of those delivered up to this one; -1: none */
    uint64_t commit; /* C */
    weir_position at;
    uint64_t tx;
    int64_t ts_ms;   /* the source's clock: a streamed change's commit time */
    int64_t made_ms; /* the record's time in Kafka: a snapshot's row was read before it */
    weir_view key;   /* canonical JSON of the key; ptr NULL for a truncate */
    weir_view other; /* the other half's key of a primary-key move, else ptr NULL */
    weir_view row;   /* c u r: rendered in the row contract; placeholders stand as null */
    weir_view
        missing;      /* names of the columns that came as placeholders, a JSON array; "" if none */
    weir_view before; /* d with REPLICA IDENTITY FULL: the old row rendered, else ptr NULL */
} weir_change;

#endif
