/* The relay: sends the rows of an outbox to Kafka, in order, and forgets what is sent.
 *
 * One instance of an application relays at once (the database's lock says which); it reads rows by
 * their sequence number, and sends them as one sending; where that is refused, those of each topic
 * by themselves. What is acknowledged is forgotten as soon as nothing before it is open.
 *
 * Order. Of two rows, of which the second one's transaction began after the first one's was
 * committed, the first leaves first, within a topic. That is so for a key's events, since the
 * records of a key are handled one after the other, and at a rebalance the inbox row makes a second
 * instance wait for the first. Two relays that overlap, because one has lost its lock and does not
 * know yet, do no harm: both send in order, so whoever drops repeated ids still reads in order.
 *
 * A broker may refuse an event for good, or lose it, and take what was sent behind it. So of each
 * key of a topic one event is under way at a time; the rest of what was read leaves behind the
 * answer.
 *
 * Numbers that are not there. Transactions commit in another order than they took their numbers. A
 * number that is jumped over is remembered, until its row appears, or every transaction has ended
 * that may yet write it. Nothing waits for it meanwhile but the forgetting.
 *
 * Invariants
 *  1. Nothing is forgotten that is not acknowledged, or known never to come.
 *  2. While a topic refuses, its rows wait, in order; other topics' go on, MOST_OPEN rows far.
 *
 * No thread of its own. Thread: one at a time drives it; answers come on any, weir_relay_look is
 * for any. */
#ifndef WEIR_SERVICE_RELAY_H
#define WEIR_SERVICE_RELAY_H

#include "service/emitter.h"
#include "service/inbox.h"

/* Borrowed, outlives the relay. */
typedef struct weir_relay_options {
    weir_inbox *inbox;
    weir_emitter emitter;
    int64_t poll_ms;              /* how often it looks without being woken */
    size_t batch_bytes;           /* read at once, about */
    int64_t (*now_ms)(void *ctx); /* monotonic */
    /* A sending is answered: weir_relay_step has something to do. Thread: any. */
    void (*wake)(void *ctx);
    void *ctx;
    const weir_log *log;
} weir_relay_options;

typedef struct weir_relay weir_relay;

/* Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_relay_new(
    const weir_relay_options *options, weir_relay **out, weir_error *err);
/* Everything it has sent must be answered. NULL is allowed. */
void weir_relay_free(weir_relay *r);

/* Does what there is to do; returns when to be called again if nobody wakes it, INT64_MAX: not by
 * time. */
int64_t weir_relay_step(weir_relay *r);
/* Are sendings under way? Thread: any. */
bool weir_relay_busy(const weir_relay *r);

/* Did the last step find nothing to send, or not lead? Thread: who drives it. */
bool weir_relay_idle(const weir_relay *r);

typedef struct weir_relay_status {
    bool leads;
    uint64_t relayed;   /* events, since the start */
    uint64_t pending;   /* rows that are not forgotten, as last counted; up to 100,000 */
    int64_t oldest_ms;  /* when the first of them was written, since 1970; 0: there is none */
    weir_error trouble; /* status WEIR_OK: none */
} weir_relay_status;
weir_relay_status weir_relay_look(weir_relay *r);

#endif
