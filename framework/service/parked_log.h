/* The port to the topic of parked records, as a log that is read: from its beginning, to know which
 * keys are parked, and once more from a key's first record, when that is released; what a copy
 * lacks is read from its own topic. It is written by the emitter or the transactor.
 * Implementations: Kafka, memory.
 *
 * Thread: one at a time. */
#ifndef WEIR_SERVICE_PARKED_LOG_H
#define WEIR_SERVICE_PARKED_LOG_H

#include "base/err.h"
#include "cdc/decoder.h"

typedef struct weir_parked_bounds {
    int64_t first, end; /* end: behind the last record, as of now */
} weir_parked_bounds;

typedef enum weir_parked_read {
    WEIR_PARKED_NOTHING, /* within the time given */
    WEIR_PARKED_RECORD,
    WEIR_PARKED_END, /* the record's offset is its partition's end as of now */
} weir_parked_read;

typedef struct weir_parked_log_ops {
    /* Of each partition, at most `most`; *n: how many there are. Errors: HOLD, FATAL. */
    weir_status (*bounds)(
        void *self, weir_parked_bounds *out, int32_t most, int32_t *n, weir_error *err);
    /* Reads partition i on from from[i]; -1: not that one. Only what is committed is read. */
    weir_status (*open)(void *self, const int64_t *from, int32_t n, void **reader, weir_error *err);
    /* The record is borrowed until the next call. */
    weir_status (*next)(void *self, void *reader, int wait_ms, weir_parked_read *what,
        weir_raw_record *record, weir_error *err);
    void (*close)(void *self, void *reader); /* reader NULL: nothing */
    /* The record at a place of another topic. *found false: it is not there any more. It is
     * borrowed until the next call of fetch. May take a few seconds. Errors: HOLD. */
    weir_status (*fetch)(void *self, weir_view topic, int32_t partition, int64_t offset,
        bool *found, weir_raw_record *record, weir_error *err);
} weir_parked_log_ops;

typedef struct weir_parked_log {
    const weir_parked_log_ops *ops;
    void *self;
} weir_parked_log;

#endif
