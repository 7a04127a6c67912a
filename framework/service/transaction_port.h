/* The port of transactions: what handlers emit, and dead letters, are written together with the
 * offsets of the records that they come from: a consumer that reads what is committed sees all of
 * it once, or nothing. Implementations: connectors/kafka, and the simulator's broker.
 *
 * Thread: one, but for cancel. */
#ifndef WEIR_SERVICE_TRANSACTION_PORT_H
#define WEIR_SERVICE_TRANSACTION_PORT_H

#include "engine/source.h"
#include "service/emitter.h"

typedef struct weir_transaction {
    const weir_outgoing *const *lists; /* one a record: what it has come to; NULL: nothing */
    size_t n_lists;
    const weir_offset *offsets;
    size_t n_offsets;
} weir_transaction;

enum { WEIR_NO_FAULT = -1 };

/* What the broker refuses. */
typedef struct weir_fault {
    ptrdiff_t list;              /* WEIR_NO_FAULT: nothing, or it is not known what */
    const weir_outgoing *record; /* of the list; NULL: not known */
} weir_fault;

typedef struct weir_transaction_port {
    /* Gets ready, and remembers the membership by which offsets are committed from here on: what is
     * gathered behind it is of this membership or a newer one. HOLD: not now. */
    weir_status (*begin)(void *self, weir_error *err);
    /* WEIR_OK: all of it has come to pass. HOLD, RETRY: nothing of it has; try again (*fault: what
     * the broker refuses, if anything). REJECT: nothing of it has, and *fault can never be written.
     * FATAL: nothing more will be written by this process (KAFKA_FENCED: another one has its
     * place). */
    weir_status (*commit)(
        void *self, const weir_transaction *t, weir_fault *fault, weir_error *err);
    /* Gives up what is under way, soon. Thread: any. */
    void (*cancel)(void *self);
    void *self;
} weir_transaction_port;

#endif
