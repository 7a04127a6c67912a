/* The writer's parts that applying by transaction and housekeeping share. Private to sync/. Thread:
 * the writer. */
#ifndef WEIR_SYNC_WRITER_H
#define WEIR_SYNC_WRITER_H

#include "sync/job.h"

/* Jobs that are applied in one transaction. */
typedef struct weir_sync_batch {
    weir_sync_job *first;
    size_t records, to_complete;
    bool marked; /* its records are settled in the frontier */
} weir_sync_batch;

/* Until it is committed: HOLD and RETRY wait and try again for as long as it takes. One of them is
 * returned when the writer is to stop meanwhile. restored: what a transaction before has raised in
 * memory is taken back first. */
WEIR_MUST_USE weir_status weir_sync_persist(
    weir_sync *s, weir_sync_batch *b, bool restored, weir_error *err);
/* A transaction with nothing but the frontiers as they are. Errors: as of weir_sync_persist;
 * nothing is waited for. */
WEIR_MUST_USE weir_status weir_sync_store_offsets(weir_sync *s, weir_error *err);
/* Behind each round; idle: nothing came. Nothing waits for it: what holds it up is tried again in a
 * later one. */
WEIR_MUST_USE weir_status weir_sync_housekeep(weir_sync *s, bool idle, weir_error *err);
/* How many records a batch may have. */
size_t weir_sync_batch_bound(const weir_sync *s);
/* Names the record in the error. Returns its status. */
weir_status weir_sync_place_of(const weir_sync_item *item, weir_error *err);
/* The sync waits for this reason, which is logged once and shown until something is committed. */
void weir_sync_hold(weir_sync *s, const weir_error *why);
/* It does not, unless a transaction of the source is waited for. */
void weir_sync_go_on(weir_sync *s);

#endif
