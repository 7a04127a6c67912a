/* SPDX-License-Identifier: Apache-2.0
 * <weir/batch.h>: handlers that get several records at once.
 *
 *   static weir_status on_orders(weir_batch *b, void *ctx)
 *   {
 *       for (size_t i = 0; i < weir_batch_count(b); i++) {
 *           weir_message *m = weir_batch_at(b, i);
 *           …
 *           if (bad) {
 *               weir_batch_answer(b, i, weir_reject(m, "BAD_ORDER", "…"));
 *           }
 *       }
 *       return write_all(…) ? WEIR_OK : WEIR_RETRY;
 *   }
 *   weir_on(app, .event = "order.placed", .batch = on_orders, .batch_most = 500, .batch_wait_ms =
 * 20);
 *
 * A batch is of one lane: batches run side by side, as records do. Records with equal keys of a
 * partition stand in it in their order. Each record settles, is tried again or rejected by itself;
 * one that fails takes those behind it of its key with it: they come again, behind it.
 *
 * With `.tx` (<weir/sql.h>) a batch is one transaction, weir_tx_of any of its messages: where a
 * record fails nothing of it is committed, and the others are given to the handler again, at once.
 * Behind a statement that failed all further ones fail, so what is answered then, but WEIR_FATAL,
 * counts only of a record that is alone: of several it is found by halving which one it is. */
#ifndef WEIR_BATCH_H
#define WEIR_BATCH_H

#include <stddef.h>
#include <weir/message.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_batch weir_batch;

/* At least 1. */
WEIR_API size_t weir_batch_count(const weir_batch *b);
/* Read and emitted for as in any handler; the batch's, until that returns. It cannot be deferred.
 * i below the count. */
WEIR_API weir_message *weir_batch_at(const weir_batch *b, size_t i);
/* What becomes of this record, where that is not what becomes of all: as a handler returns. i below
 * the count; else the application stops (HANDLER_STATUS). */
WEIR_API void weir_batch_answer(weir_batch *b, size_t i, weir_status s);

/* Returns what becomes of the records that it has not answered for: WEIR_OK: they are done.
 * WEIR_RETRY, WEIR_REJECT: at least one of them cannot be, and it is not known which: the batch is
 * halved and each half given to the handler again, at once, until the record at fault is alone;
 * that one has failed an attempt. WEIR_HOLD: all of them wait. WEIR_FATAL: the application stops.
 */
typedef weir_status weir_batch_fn(weir_batch *b, void *ctx);

#ifdef __cplusplus
}
#endif
#endif
