/* A lane's transaction: the records of handlers with `.tx` that are handled, and committed,
 * together. Private to service/.
 *
 *   none --look: done before--> duplicate, settled
 *        --handler's first statement or emit, or its end--> begun
 *   begun --a savepoint for each record--> its inbox row, its statements, its outbox rows
 *         --it fails--> back to its savepoint; what was done before is committed first
 *         --a full unit, a slow handler, nothing more to do--> committed: its records settle
 *         --before one that is slow, or that nobody has seen fast yet--> committed
 *         --the commit fails--> its records are put back, and each is handled alone
 *
 * Invariants
 *  1. A record settles only when the transaction with its inbox row is committed.
 *  2. Before anything else happens to a record, what was done before it is committed or put back: a
 *     key's records take effect in their order, also when a commit fails.
 *  3. A statement that failed fails its record; behind it no further one runs.
 *  4. No transaction is open while a slow handler has not yet asked for one; but for a call that is
 *     slow where the one before was fast: that cannot be known.
 *
 * Thread: the lane's worker. */
#ifndef WEIR_SERVICE_UNIT_H
#define WEIR_SERVICE_UNIT_H

#include <weir/sql.h>

#include "service/inbox.h"
#include "service/message.h"

enum { WEIR_UNIT_RECORDS = 64, WEIR_UNIT_ROUTES = 32 };

struct weir_tx {
    weir_inbox *inbox;
    weir_sql_session session;
    /* That is handled, or of a batch the first one: whose error and memory statements use. NULL:
     * none is. */
    weir_message *m;
    /* All that are handled, and what they are in the inbox: m, or those of a batch. */
    weir_message **members;
    weir_inbox_item *items;
    size_t n_members;
    weir_inbox_item one; /* m's, of no batch */
    bool together;       /* it is a batch: the transaction is its own, and there is no savepoint */
    bool begun;          /* the transaction */
    bool entered;        /* the savepoint and inbox rows of the members */
    bool duplicate;      /* m, or one of a batch, was done before */
    bool broken;         /* a record could not be taken out of it: it is not to be committed … */
    weir_error why_broken; /* … and why not */
    int64_t
        away_until_ms; /* the database has let a record wait for nothing: not asked until then */
    weir_error why_away;
    bool slow; /* the last handler took its time: each record is committed by itself */
    /* By their addresses: whose last call was fast, and may begin while a transaction is open. Of
     * two in one place one is forgotten, and costs a commit. */
    const weir_route *fast[WEIR_UNIT_ROUTES];
    bool emitted;       /* there are outbox rows in it */
    weir_error failure; /* of m; status WEIR_OK: none */
    uint64_t affected;
    weir_record *done[WEIR_UNIT_RECORDS]; /* not committed */
    size_t n_done;
    size_t alone; /* so many records come again, each for itself */
    int64_t begun_ms;
};

/* The transaction of m, with its savepoint and the inbox rows: it is begun if it is not. Any
 * failure sticks. */
WEIR_MUST_USE weir_status weir_tx_enter(weir_tx *tx);
/* Runs a statement of m's handler. */
WEIR_MUST_USE weir_status weir_tx_exec(
    weir_tx *tx, const char *sql, const weir_field *values, weir_sql_answer *answer);

/* outbox.c: what m has emitted, as rows of the outbox. */
WEIR_MUST_USE weir_status weir_outbox_put(weir_tx *tx, const weir_message *m, weir_error *err);

typedef struct weir_handler_lane weir_handler_lane;
typedef struct weir_batch weir_batch;

/* May a record of this handler join the transaction that is open (NULL: none)? Else it is to be
 * committed first. */
bool weir_unit_takes(weir_tx *open, const weir_route *to);
/* Runs a record whose handler has `.tx`, and concludes it. */
void weir_unit_run(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m);
/* Commits what is done; false: it was put back, and behind it r (may be NULL), which is not to be
 * touched then. */
WEIR_MUST_USE bool weir_unit_commit(weir_handlers *h, weir_handler_lane *l, weir_record *r);

/* That an attempt of m's record has failed is to outlive the process. */
void weir_unit_note_attempt(weir_handlers *h, weir_handler_lane *l, const weir_message *m);

/* unit_batch.c: handles a batch in a transaction of its own, all of it or nothing; no unit is open.
 * Those that have an outcome are `answered` then; it is only committed when it is OK for all that
 * were handled, so the others are to be handled again: those that stand behind a record with the
 * same id, or beside one that has failed. True: in halves, for nobody knows which has failed. */
bool weir_unit_try_batch(weir_handlers *h, weir_handler_lane *l, weir_batch *b);

/* For unit_batch.c. */
weir_tx *weir_unit_of(weir_handlers *h, weir_handler_lane *l, const weir_route *to);
/* What the members are in the inbox, of which nothing is known yet. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_unit_name(weir_message *m, weir_error *err);
void weir_unit_open(weir_tx *tx, weir_message **members, weir_inbox_item *items, size_t n);
/* What the inbox has of them. */
WEIR_MUST_USE weir_status weir_unit_look(weir_tx *tx, weir_error *err);
/* The inbox rows, if no statement has made them, and the members' emits. Any failure sticks. */
void weir_unit_write(weir_tx *tx);
/* It is committed: whoever relays its events hears of it. */
void weir_unit_tell(const weir_tx *tx);
/* What statements of the handler have come to; WEIR_OK: none has failed. Want of memory, as a
 * database that is away, is no fault of a record's, whatever its handler makes of it: a HOLD. */
weir_status weir_unit_failure(const weir_tx *tx);
/* What the handler has said, or has become of its statements: the worst of it, and why. */
weir_status weir_unit_worst(const weir_tx *tx, weir_status s, weir_error *why);

WEIR_MUST_USE weir_status weir_units_new(weir_handlers *h, weir_handler_lane *l, weir_error *err);
void weir_units_free(weir_handlers *h, weir_handler_lane *l);

#endif
