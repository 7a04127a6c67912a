/* Sync by transaction: the writer's half for tables that are to go through the source's own states
 * (apply: by_transaction), so that foreign keys and further unique columns of the target hold.
 * Private to sync/.
 *
 *   lanes' jobs --push--> sequences (sync/sequence.h) --units--> one transaction of the store
 *
 * Several units share a transaction of the store, so readers see the source's states only, however
 * it is written. At first it is written net: each row once, as the last of these units leaves it,
 * parents before children. Where the database refuses that (two rows that swap a unique value), it
 * is done again change by change, in the source's order; and so are some batches behind it, since
 * what was refused once likely comes again. What the merge rule keeps is kept: a change that comes
 * twice, or is older, does nothing.
 *
 * Where the database refuses that, too, the batch is divided until it is one unit. If it is refused
 * still, it goes back to the head of
 * its partition, and waits for others: a row of a snapshot for the row that it refers to, which may
 * stand in a partition that is behind. A transaction that is refused for long, while its source
 * brings nothing more, ends the sync (by_transaction_wait.c).
 *
 * Thread: the writer, but for weir_by_transaction_place. */
#ifndef WEIR_SYNC_BY_TRANSACTION_H
#define WEIR_SYNC_BY_TRANSACTION_H

#include "sync/job.h"
#include "sync/sequence.h"
#include "sync/writer.h"

/* Where an item stands. In its job's arena. */
typedef struct weir_sync_place {
    weir_sequenced record;
    weir_sync_item *item;
    weir_sync_job *job;
} weir_sync_place;

/* s->by_transaction, where a topic is applied so. Errors: CONFIG_CONFLICT (the store is shared, so
 * that nobody sees whole transactions), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_by_transaction_new(weir_sync *s, weir_error *err);
void weir_by_transaction_free(weir_sync *s);
/* Reads how far transactions were applied. In a transaction of the store. */
WEIR_MUST_USE weir_status weir_by_transaction_load(weir_sync *s, weir_error *err);
/* A cache of this topic is made anew: all of its source's topics that are applied by transaction
 * are to be read from their start, since a part of them has no transactions. Likewise. */
WEIR_MUST_USE weir_status weir_by_transaction_anew(weir_sync *s, uint32_t tag, weir_error *err);

/* Where the item stands (item->place) that was decoded from this event, or could not be: `decoded`,
 * which is returned. Thread: the job's lane. Errors: TRANSACTION_METADATA, REJECTED (a record that
 * may not be left out), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_by_transaction_place(weir_sync *s, const weir_event *ev,
    weir_sync_job *job, weir_sync_item *item, weir_status decoded, weir_error *err);

/* Takes the batch's jobs over, and applies what is ready. Errors: as of weir_sync_persist;
 * TABLE_DEPENDS, TRANSACTION_TOO_LARGE. */
WEIR_MUST_USE weir_status weir_by_transaction_round(
    weir_sync *s, weir_sync_batch *taken, weir_error *err);
/* Something waits that the store's taking something else says nothing of. */
bool weir_by_transaction_holds(const weir_sync *s);
/* Drops what waits, unsettled. */
void weir_by_transaction_abandon(weir_sync *s);

/* Within a transaction of the store: before an item is applied, and before the offsets are put. */
WEIR_MUST_USE weir_status weir_by_transaction_before(
    weir_sync *s, const weir_sync_item *item, weir_error *err);
WEIR_MUST_USE weir_status weir_by_transaction_save(weir_sync *s, weir_error *err);
/* The transaction is done again, since rows were not as they had been read: `times` already. */
void weir_by_transaction_met_moved(weir_sync *s, unsigned times);
/* A position below those that were applied is taken as the new truth: no transaction is past. */
void weir_by_transaction_accept(weir_sync *s, const weir_sync_topic *topic);

#endif
