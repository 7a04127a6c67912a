/* A lane of handlers: what one worker has in hand, and what others may see of it. Private to
 * service/handlers.c, verdict.c and watch.c. */
#ifndef WEIR_SERVICE_HANDLER_LANE_H
#define WEIR_SERVICE_HANDLER_LANE_H

#include "engine/lane.h"
#include "service/emit_avro.h"
#include "service/batch.h"
#include "service/message.h"
#include "service/recent.h"
#include "service/unit.h"
#include "service/unrouted.h"

enum { WEIR_SETTLE_BATCH = 64 };

/* Why a record failed, and where its dead letter goes. In weir_record.why. */
typedef struct weir_why {
    weir_error error;         /* first */
    const char *letter_topic; /* NULL: that of all handlers */
    bool parks;               /* its key */
} weir_why;

struct weir_handler_lane {
    /* The lane's worker only. */
    weir_lane lane;
    weir_decoder **decoders;    /* one per topic; NULL: no CDC topic */
    weir_row_checker *checkers; /* one per topic */
    weir_event_checker *events;
    weir_event_checker *emit_judges; /* Lock: `emit_lock`: deferred messages emit on any thread */
    weir_emit_avro *emit_avro;       /* of each of the emits' rules. Lock: `emit_lock` */
    pthread_mutex_t emit_lock;
    weir_message *message; /* for the next record */
    weir_message *pool;
    size_t n_pool;
    weir_message *deferred; /* list, for the watchdog */
    weir_record *settled[WEIR_SETTLE_BATCH];
    size_t n_settled;
    bool urgent;    /* one of them may have held up its partition: they wait for no other handler */
    int64_t now_ms; /* read after each call of a handler */
    unsigned revocations; /* of the engine's: those that were heeded */
    bool uncounted;       /* attempts of a record did not fit into commits, and the log says so */
    bool letters_wait;    /* dead letters cannot be written, and the log says so */
    weir_recent recent;   /* ids that were handled */
    uint64_t random;
    weir_tx *txs;  /* one for each inbox */
    weir_tx *unit; /* the one that is begun; NULL: none */
    weir_gathered gathered;
    weir_unrouted_memo unrouted;
    weir_log_often rejections;

    /* Lock: `lock`. */
    pthread_mutex_t lock;
    weir_message *mailbox;
    weir_stuck_key *stuck; /* published for other threads */
    size_t n_stuck;
    bool wants_stuck;
    bool closed; /* the engine is gone: what is settled now is left alone */

    /* Any thread; written by the worker, but for seen_… */
    struct {
        atomic_ullong handled, retried, held, rejected, dead_lettered, unrouted, deferred, emitted,
            broken, duplicates, parked;
    } count;
    atomic_ullong calls; /* of handlers, odd while one runs */
    weir_seen_place running, first_deferred;
    atomic_llong running_limit_ms; /* how long this handler may run */
    atomic_llong first_deadline_ms;
    atomic_ullong seen_calls;
    atomic_llong seen_ms;
};

struct weir_handlers {
    weir_handlers_options options;
    weir_engine *engine;
    weir_handler_lane *lanes;
    weir_unrouted unrouted;     /* Thread: any */
    atomic_size_t refused_note; /* bytes of the smallest note that was too large for its topic; 0:
                                 * none was. Such ones are not tried any more: each attempt costs an
                                 * answer of the broker, or a transaction. Thread: any */
    int abandon_ms;             /* waited for deferred messages since the engine has ended */
};

/* One writer: no other thread adds to it. */
static inline void weir_bump(atomic_ullong *n)
{
    atomic_store_explicit(
        n, atomic_load_explicit(n, memory_order_relaxed) + 1, memory_order_relaxed);
}

static inline void weir_see_place(weir_seen_place *to, const weir_record *r)
{
    atomic_store_explicit(&to->tag, r->partition->tag, memory_order_relaxed);
    atomic_store_explicit(&to->partition, r->raw.partition, memory_order_relaxed);
    atomic_store_explicit(&to->offset, r->raw.offset, memory_order_relaxed);
}
/* Where that is, into the error; returns its status. Thread: any. */
weir_status weir_at_place(const weir_handlers *h, const weir_seen_place *p, weir_error *err);

/* verdict.c. Thread: the lane's worker. */

/* What the record's handler has answered, or what became of its emits. True: the message is kept,
 * until its emits are answered. */
bool weir_conclude(
    weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m, weir_status s);
/* The handler has answered: its breaker hears of it, and its place is another's. Once for each
 * call. */
void weir_give_back(weir_message *m, weir_status s, int64_t now_ms);
/* Its handler said yes, or it is no handler's. Told to the engine by the next flush. */
void weir_settle_record(weir_handlers *h, weir_handler_lane *l, weir_record *r);
void weir_settle_flush(weir_handlers *h, weir_handler_lane *l);
/* It comes again: in its partition's next epoch, or at the next start. */
void weir_drop_record(weir_handlers *h, weir_handler_lane *l, weir_record *r);
void weir_fail_record_oom(weir_handlers *h, weir_handler_lane *l, weir_record *r);
void weir_forget_why(weir_record *r);
/* Nothing more is to be begun with it: its assignment has ended, or the engine has failed. */
bool weir_record_is_over(const weir_handlers *h, const weir_record *r);
/* Parks it, counting nothing; it is dropped instead where it is over. */
void weir_park_record(weir_handlers *h, weir_handler_lane *l, weir_record *r, int64_t after_ms);
/* The same, held for the reason in its message. */
void weir_hold_record(
    weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m, int64_t after_ms);
/* Of a rejected record. Not now: its key stays parked until it is safe. */
void weir_write_dead_letter(weir_handlers *h, weir_handler_lane *l, weir_record *r);

/* The same, for longer each time it is. */
void weir_hold_longer(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m);
/* What is to be written of a rejected record cannot be now: it waits, rejected. */
void weir_wait_for_letters(
    weir_handlers *h, weir_handler_lane *l, weir_record *r, const weir_error *why);
/* The engine ends; the record comes again at the next start. */
void weir_fail_record(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_error *err);

/* handlers.c: a message that is not in use, the lane's `message`; NULL: out of memory. */
weir_message *weir_take_message(weir_handler_lane *l);
void weir_give_message(weir_handler_lane *l, weir_message *m);
void weir_init_message(weir_handlers *h, unsigned lane, weir_message *m, weir_record *r);
void weir_message_free(weir_message *m);

/* effects.c: the message is the record's from here on, and goes to the transactor with it. */
void weir_keep_effects(weir_handler_lane *l, weir_record *r, weir_message *m);
/* The record's dead letter, in the place of what m has emitted; topic NULL: where all go; bare:
 * dead_letter.h. False: out of memory. */
bool weir_make_letter(weir_handlers *h, const weir_record *r, const weir_error *why,
    const char *topic, bool bare, weir_message *m);
bool weir_may_go_on(weir_handlers *h, const weir_record *r);

/* park.c: parked keys. Thread: the lane's worker, but for weir_append_done. */

/* May the record be handled? False: it was parked, settled, dropped, or rejected. */
bool weir_pass_gate(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m);
/* Are its followers to be parked, since it is rejected? */
bool weir_record_parks(const weir_handlers *h, const weir_record *r, const weir_route *route);
/* At least once: notes that its key is parked, behind its dead letter; then it settles. */
void weir_note_parked(weir_handlers *h, weir_handler_lane *l, weir_record *r);
/* Notes that a recalled record is done with; then it settles. */
void weir_note_done(weir_handlers *h, weir_handler_lane *l, weir_record *r);
/* The answer to one of these notes. True: the message is kept, it is sent again. */
bool weir_note_answered(
    weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m, weir_status s);
/* Of a note that the broker has refused as too large. False: it has nothing more to leave out, as
 * *why says. Thread: any that has the record. */
/* Nothing of its key is in the topic, and a note of it was refused with all left out that can be.
 */
bool weir_cannot_be_noted(const weir_record *r, const weir_error *why);
/* So nothing waits behind the record, which was rejected; the log says so. Thread: any. */
void weir_give_up_parking(weir_handlers *h, const weir_record *r, const weir_error *refused);
bool weir_strip_note(
    weir_handlers *h, const weir_record *r, weir_outgoing *o, weir_arena *arena, weir_error *why);
/* The same of a note that is known to be too large; *bytes: less what it has lost. */
void weir_fit_note(
    weir_handlers *h, const weir_record *r, weir_outgoing *o, weir_arena *arena, size_t *bytes);
/* Exactly once: the same notes, behind what m has emitted. False: out of memory. Done: any thread
 * that has the record. */
bool weir_append_parked(weir_handlers *h, weir_record *r, weir_message *m);
bool weir_append_done(weir_handlers *h, weir_record *r, weir_message *m);

/* replay.c. Thread: the lane's worker. */

/* The record that a dead letter was, with its topic, place, time and headers; borrows r. *topic is
 * the topic's index. False, and nothing is set: the letter does not say, or nobody handles its
 * topic here. */
bool weir_replayed(
    const weir_handlers *h, const weir_record *r, weir_raw_record *out, uint32_t *topic);

/* handlers.c: calls the handler, and reads the clock behind it. Thread: the lane's worker. */
weir_status weir_call_handler(
    weir_handlers *h, weir_handler_lane *l, weir_message *m, const weir_route *to);
/* handlers.c: sends what the handler has emitted; the message comes home by the mailbox. Thread:
 * the lane's worker. */
void weir_send_emits(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m);

/* watch.c: shows the lane's blocked keys, if somebody has asked. Thread: the lane's worker. */
void weir_handlers_publish(weir_handlers *h, weir_handler_lane *l);

#endif
