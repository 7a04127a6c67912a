/* The port of emits: where the events go that handlers send. Implementations: connectors/kafka (an
 * idempotent producer) and connectors/memory (for tests).
 *
 * What one record's handling sends is a *sending*: its records leave together, and it is answered
 * once, when the last of them is acknowledged or given up. */
#ifndef WEIR_SERVICE_EMITTER_H
#define WEIR_SERVICE_EMITTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct weir_outgoing_header {
    weir_view name, value;
} weir_outgoing_header;

typedef struct weir_sending weir_sending;

/* A record to be written; the port's until the sending is answered. */
typedef struct weir_outgoing {
    const char *topic;
    uint32_t place;       /* 1 + the partition that it goes to; 0: by its key */
    weir_view key, value; /* ptr NULL: null */
    const weir_outgoing_header *headers;
    size_t n_headers;
    struct weir_outgoing *next;

    /* The port's own, zero at first: */
    weir_sending *sending;
    bool alone;
} weir_outgoing;

/* Of its key, value and headers. */
static inline size_t weir_outgoing_bytes(const weir_outgoing *o)
{
    size_t n = o->key.len + o->value.len;
    for (size_t i = 0; i < o->n_headers; i++) {
        n += o->headers[i].name.len + o->headers[i].value.len;
    }
    return n;
}

struct weir_sending {
    /* In the order in which they are to be written: one of a key (not null) is not written to its
     * topic if one before it is refused. */
    weir_outgoing *first;
    size_t bytes; /* of all of them, about */
    /* The answer: every record is acknowledged (status WEIR_OK), or why not. Some may be written
     * then all the same. Thread: any. The sending is not the port's any more. */
    void (*done)(weir_sending *s, const weir_error *err);

    /* The port's own, zero at first: */
    weir_outgoing *wave, *rest;
    weir_sending *next;
    int64_t until_ms;
    atomic_size_t open;
    bool some_alone;
    atomic_bool failed;
    weir_error error;
};

typedef struct weir_emitter {
    /* Takes a sending; `done` is called exactly once for it, maybe before this returns, and within
     * a bound that the port has. It may wait for room: that is how a slow broker holds a lane.
     * Thread: any. */
    void (*send)(void *self, weir_sending *s);
    /* Gives up what is under way and whatever comes after: each is answered with a HOLD, soon.
     * Thread: any. */
    void (*cancel)(void *self);
    void *self;
} weir_emitter;

#endif
