/* Records on their way through the engine, the partitions they are of, and the chunks they travel
 * in.
 *
 * A chunk is what a lane gets at once: records of one lane in delivery order. It is freed when all
 * its records are released. A partition object stands for one assignment of a partition (an epoch):
 * after a revoke a new object is made, so a late settle of an old one moves no frontier that
 * counts. */
#ifndef WEIR_ENGINE_RECORD_H
#define WEIR_ENGINE_RECORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <weir/view.h>

#include "cdc/decoder.h"
#include "engine/frontier.h"
#include "engine/resume.h"

typedef struct weir_chunk weir_chunk;

/* Lock: the engine's, but for what says otherwise. */
typedef struct weir_partition {
    char *topic; /* owned */
    int32_t number;
    uint32_t tag; /* the engine user's: which rule or handler the topic belongs to */
    uint64_t epoch;
    weir_frontier frontier;
    int64_t committed;          /* the frontier that was committed last; -1: none */
    weir_resume known;          /* beside the frontier */
    uint64_t changes;           /* of what a commit says beside the frontier … */
    uint64_t recall_changes;    /* … by recalled records: a commit is due for them alone … */
    uint64_t committed_changes; /* … of which a commit knew that was answered */
    int64_t open_next;          /* the oldest commit that was not: its offset (-1: none) … */
    uint64_t open_changes;      /* … and what it knew */
    uint64_t mark_round;        /* of a transactor: its last one, and … */
    int64_t mark_begin;         /* … the frontier as that began */
    uint64_t end_seq;           /* frontier.tail when the end was first met; UINT64_MAX: not yet */
    uint64_t end_tail;          /* … and when it was met last; UINT64_MAX: it was not */
    uint64_t released_head;     /* frontier.head as of the last release: for readiness */
    uint32_t refs;              /* the engine's own and one per unreleased record */
    size_t open_records, open_bytes; /* delivered, not released */
    atomic_bool revoked;             /* any thread: its assignment has ended or is ending */
    atomic_bool
        gone; /* … has ended for good: nothing of it may be committed. Written under `lock` */
    atomic_uint congested;  /* keys with too many followers: not served meanwhile */
    uint32_t batch_records; /* of this poll, not handed out yet. Poll thread */
    size_t batch_bytes;     /* theirs */
    size_t typical_bytes;   /* what a record costs, lately; 0: none has come. Poll thread */
    int64_t delivered_next; /* (poll thread) offset expected next; -1: not known */
    int64_t gap;            /* (poll thread) newest offset behind a gap; -1: none */
    void *source_data;      /* the source's */
} weir_partition;

/* A record that is handled again though its offset was settled before (engine/recall.c). */
typedef enum weir_recall {
    WEIR_RECALL_NONE,
    WEIR_RECALL_HANDLE,
    WEIR_RECALL_REJECT, /* it goes to the dead letters, unhandled */
    WEIR_RECALL_OPEN,   /* it stands for no record: behind it its key is as any other */
} weir_recall;

/* The `seq` of a record that is in no frontier. */
#define WEIR_NO_SEQ UINT64_MAX

typedef struct weir_record {
    weir_raw_record raw;
    uint32_t hash;  /* of the key: places it on a lane */
    uint32_t bytes; /* that it keeps in memory */
    int64_t gap;    /* newest offset of its partition behind a gap, up to this record; -1: none */
    uint64_t seq;   /* in its partition's frontier */
    weir_partition *partition;
    weir_chunk *chunk;
    void *message; /* the source's, given back by release or unload; NULL: it was */
    /* Lane: */
    struct weir_record *next;
    uint32_t attempt; /* 1: first */
    uint32_t holds;   /* times it was held; not counted as attempts */
    bool rejected;    /* its dead letter is still to be written */
    bool lettered;    /* … it was; what is to be noted behind it is not yet */
    weir_recall recall;
    uint32_t round; /* recalled: the processor's, of which time it was … */
    int64_t lacks;  /* … and so many bytes of it are not there any more */
    bool done;      /* recalled: handled, or rejected … */
    bool noted;     /* … and that is written, or on its way with its effects … */
    bool last;      /* … and says that its key is open again */
    bool checked;   /* against its schema, which a later attempt has no need to do again */
    void *why;      /* the processor's: why the last attempt failed */
    void *kept;     /* the processor's: its outcome, until it is its turn */
    void *effects;  /* the processor's: what it has come to, on its way to be committed with it */
} weir_record;

struct weir_chunk {
    weir_chunk *next;
    unsigned lane;
    atomic_uint unreleased;
    unsigned count, capacity;
    weir_record records[];
};

#endif
