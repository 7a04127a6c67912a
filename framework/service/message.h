/* A message's inside. Private to service/. */
#ifndef WEIR_SERVICE_MESSAGE_H
#define WEIR_SERVICE_MESSAGE_H

#include <weir/weir.h>

#include "service/handlers.h"

typedef enum weir_message_state {
    WEIR_MESSAGE_FREE,
    WEIR_MESSAGE_RUNNING,  /* its handler is called */
    WEIR_MESSAGE_DEFERRED, /* its user's */
    WEIR_MESSAGE_SENDING,  /* its emits are under way */
    WEIR_MESSAGE_SETTLED,  /* on its way back to the lane */
} weir_message_state;

/* The place of a record, written by the lane, read by any thread that looks what stands still. */
typedef struct weir_seen_place {
    atomic_uint tag;
    atomic_int partition;
    atomic_llong offset;
} weir_seen_place;

struct weir_message {
    weir_handlers *owner;
    unsigned lane;
    pthread_t thread; /* that the handler is called on */
    weir_record *record;
    weir_seen_place place; /* the record's, also once that is gone */
    weir_raw_record *raw;
    weir_raw_record original; /* of a replayed record, which `raw` is then */
    const weir_routed_topic *topic;
    weir_decoder *decoder;      /* of its topic on this lane; NULL: no CDC topic */
    weir_event_checker *events; /* the lane's */
    weir_arena arena;
    weir_buf scratch;
    weir_event event;
    bool decoded; /* `event` is filled */
    bool parsed;  /* `value` is, of a record of no CDC topic */
    const weir_value *value, *key;
    const weir_value *envelope; /* a structured CloudEvent's; its data is `value` */
    weir_view type;             /* ptr NULL: not found yet */
    const weir_route *route;    /* that it went to; NULL: not yet */
    bool called;                /* admitted, and not answered yet */
    bool probe;                 /* for its breaker */
    bool counted;               /* among its route's in_flight */
    bool may_defer;             /* weir_defer was called … */
    bool deferred;              /* … and its handler has returned WEIR_DEFERRED: others have it */
    bool batched;               /* handled with others (service/batch.h) … */
    bool answered;              /* … and its handler has said what becomes of it: `status` … */
    bool blind;                 /* … when a statement had failed, which may be another record's */
    weir_view id;               /* made when asked for */
    bool id_is_place;           /* it has no other */
    weir_view inbox_id;         /* what it is in its handler's inbox; ptr NULL: not made yet */
    bool duplicate;             /* of a batch with a transaction: it was done before */
    struct weir_tx *tx;         /* NULL: its handler has none, or does not run */
    bool misses_tx;             /* its handler has none, and has asked for it */
    weir_error error;           /* why it is not WEIR_OK */
    weir_emits emits;
    weir_sending sending;
    bool is_letter; /* `emits` is its record's dead letter, or its copy in the parked topic */
    weir_note note; /* `emits` is a note about parking, and the message is for nothing else */
    weir_outgoing *letter; /* in `emits`, for the reason in `error`; NULL: notes alone … */
    bool is_bare;          /* … which is without the most of its record */
    bool sent;             /* its emits were answered: `status` says how */
    uint32_t after_ms;
    atomic_int state;    /* weir_message_state */
    weir_status status;  /* settled with */
    int64_t deadline_ms; /* deferred: monotonic */
    uint32_t deadline_after_ms;
    weir_message *next; /* mailbox or pool */
    weir_message *next_deferred, **prev_deferred;
};

/* Finds the type of a record of no CDC topic. Errors: those of reading it, where the type is in its
 * value. */
WEIR_MUST_USE weir_status weir_message_find_type(weir_message *m);
const weir_handlers_options *weir_handlers_options_of(const weir_handlers *h);
/* Decodes the record if it was not yet. */
weir_status weir_message_decode(weir_message *m);
/* Has it left its handler? The lane's decoder, and what it knows of columns, are not its any more.
 */
static inline bool weir_message_is_late(const weir_message *m)
{
    return atomic_load(&m->state) != WEIR_MESSAGE_RUNNING ||
           !pthread_equal(m->thread, pthread_self());
}
/* Weir's own want of memory, which is no fault of the record's. */
static inline bool weir_wants_memory(const weir_error *err)
{
    return err->status == WEIR_RETRY &&
           strcmp(err->code, weir_code_get(WEIR_E_OUT_OF_MEMORY)->name) == 0;
}
/* Called by weir_settle, and when its emits are answered. */
void weir_handlers_settled(weir_handlers *h, weir_message *m);
weir_status weir_handlers_lookup(weir_handlers *h, const char *cache, weir_view key,
    const weir_freshness *min, int64_t *age_ms, weir_buf *row, bool *found, weir_error *err);
void weir_handlers_misused(const weir_message *m, const char *what);
int64_t weir_handlers_now(weir_handlers *h);

#endif
