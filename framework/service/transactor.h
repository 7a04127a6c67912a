/* The transactor: commits what records have come to, and their offsets, in transactions. The
 * background of an engine whose handlers run exactly once (config: delivery).
 *
 *   handled --put--> waiting --mark--> marked --transaction committed--> released
 *                       |                 '--not now--> marked, tried again
 *                       '--its assignment has ended--> dropped, also when marked
 *
 * While one transaction is committed, others pile up: the next one takes them all. A record that is
 * to be tried again does not hold up those behind it: the transaction's offsets say which are
 * settled above it (engine/resume.h).
 *
 * Invariants
 *  1. A transaction has the emits of exactly those records that its offsets settle and earlier ones
 *     did not. Nothing else settles records of this engine, and nobody else commits for it.
 *  2. Emits leave in the order in which their records were put.
 *  3. What a failed transaction had is in the next one; no handler is called again for it.
 *
 * Thread: put and is_full from lanes, the rest on the background's. */
#ifndef WEIR_SERVICE_TRANSACTOR_H
#define WEIR_SERVICE_TRANSACTOR_H

#include "engine/run.h"
#include "service/transaction_port.h"

typedef struct weir_transactor_options {
    const char *name;
    weir_transaction_port port;
    size_t most_bytes;          /* of a transaction; past it, handlers wait. 0: 16 MiB */
    unsigned most_records;      /* of a transaction. 0: 10,000 */
    int64_t commit_interval_ms; /* when only offsets are to be committed. 0: 1,000 */
    /* What a record has come to: its list, the bytes of it, and their end. */
    const weir_outgoing *(*list)(const weir_record *r);
    size_t (*bytes)(const weir_record *r);
    void (*free)(void *ctx, weir_record *r);
    /* Before it is written: makes less of what is known to be refused. NULL: nothing. */
    void (*fit)(void *ctx, weir_record *r);
    /* Its list can never be written, for this record of it (NULL: not known which): puts something
     * in its place, or nothing. Anything but WEIR_OK ends the engine for this reason. */
    weir_status (*reject)(void *ctx, weir_record *r, const weir_outgoing *refused, weir_error *why);
    /* The broker refuses its list for now, for the reason: may it be tried until it is taken?
     * False: the engine ends for the reason, which this may change. */
    bool (*may_hold)(void *ctx, const weir_record *r, weir_error *why);
    void *ctx;
    int64_t (*now_ms)(void *ctx); /* monotonic */
    const weir_log *log;
} weir_transactor_options;

typedef struct weir_transactor weir_transactor;

typedef struct weir_transactor_counters {
    uint64_t committed, failed; /* transactions */
} weir_transactor_counters;

WEIR_MUST_USE weir_status weir_transactor_new(
    const weir_transactor_options *options, weir_transactor **out, weir_error *err);
/* Everything was abandoned. NULL is allowed. */
void weir_transactor_free(weir_transactor *t);
void weir_transactor_attach(weir_transactor *t, weir_engine *e);

/* These are handled, and are the transactor's from here on. */
void weir_transactor_put(weir_transactor *t, weir_record *const *records, size_t n);
/* As many bytes wait as a transaction may have. Thread: any. */
bool weir_transactor_is_full(const weir_transactor *t);
weir_transactor_counters weir_transactor_count(const weir_transactor *t);

/* One round without waiting; returns when to be called again at the latest. */
int64_t weir_transactor_round(weir_transactor *t, int64_t now_ms);
/* Is there something that a round would look at? */
bool weir_transactor_has_work(weir_transactor *t);

/* For weir_run_start. */
weir_background weir_transactor_background(weir_transactor *t);

#endif
