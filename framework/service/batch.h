/* Batches of a lane: records of one handler that are taken one by one and handled together.
 * Private to service/.
 *
 *   taken, routed, admitted --add--> gathered
 *   gathered --full, its wait is over, or another handler's record is next--> called
 *   called --OK--> concluded in order: settled; its emits leave; behind an earlier one of its key
 *                  whose emits are under way its outcome is kept until that is done
 *          --RETRY, REJECT of all--> halved, and called again
 *          --an answer for one--> concluded; those behind it of its key come again
 *   With a transaction (unit_batch.c) all of it is called, and committed, or nothing is: when one
 * has failed, it is concluded, and the others are called again.
 *
 * Invariants
 *  1. What is gathered runs in the lane, so nothing else of its keys is taken meanwhile but into
 *     the same batch; before a record of another handler runs, the batch is called.
 *  2. Outcomes of a key count in its order: none behind one that has failed.
 *
 * Thread: the lane's worker. */
#ifndef WEIR_SERVICE_BATCH_H
#define WEIR_SERVICE_BATCH_H

#include "service/message.h"

typedef struct weir_handler_lane weir_handler_lane;

typedef struct weir_gathered {
    weir_message **messages; /* room for the largest batch of any route; NULL: there are none */
    weir_inbox_item *items;  /* as many as the largest with a transaction; NULL: there are none */
    size_t n;
    const weir_route *route;
    int64_t due_ms;
} weir_gathered;

/* Those of a batch that are handled together: none is NULL. */
struct weir_batch {
    weir_message **messages;
    size_t n;
};

/* Calls the handler, if its breaker lets it. */
weir_status weir_batch_call(weir_handlers *h, weir_handler_lane *l, weir_batch *b);
/* That is the outcome of those that the handler has not answered for; why: its reason, if that is
 * of this status. */
void weir_batch_take_status(weir_batch *b, weir_status s, const weir_error *why);
/* How many the handler has not answered for. */
size_t weir_batch_unanswered(const weir_batch *b);

WEIR_MUST_USE weir_status weir_batches_new(weir_handlers *h, weir_handler_lane *l, weir_error *err);
void weir_batches_free(weir_handler_lane *l);

/* The lane's `message` is the batch's from here on. */
void weir_batch_add(weir_handlers *h, weir_handler_lane *l, weir_message *m);
/* Calls what is gathered. */
void weir_batch_flush(weir_handlers *h, weir_handler_lane *l);
/* What was handled before r, or is about to be, is concluded: its batch is called, its unit is
 * committed. False: r is in the lane again, behind one of its key, and not to be touched. */
WEIR_MUST_USE bool weir_finish_before(weir_handlers *h, weir_handler_lane *l, weir_record *r);
/* The engine ends. */
void weir_batch_drop(weir_handlers *h, weir_handler_lane *l);
/* The record failed: outcomes of those behind it of its key do not count. */
void weir_batch_spoil_followers(weir_handler_lane *l, weir_record *r);
/* Of a record that is dropped. */
void weir_batch_forget(weir_handler_lane *l, weir_record *r);

#endif
