/* Parked keys on a lane: whose turn it is not, is copied to the topic of parked records; and what
 * becomes of a rejected or a recalled record is noted there. See parking.h.
 *
 * At least once a note is a sending of its own, behind everything else that the record has come to;
 * its key is busy until it is acknowledged. Exactly once it goes with the record's other outputs.
 */
#include <string.h>

#include "base/alloc.h"
#include "service/handler_lane.h"
#include "service/route.h"

enum { GATE_MS = 20 };

/* ---- Notes --------------------------------------------------------------------------------------
 */

static bool append(weir_handlers *h, const weir_record *r, weir_message *m, weir_note what)
{
    const weir_why *why = r->why;
    weir_parked_writing w = {.to = weir_parking_topic(h->options.parking),
        .what = what,
        .time_ms = h->options.wall_ms ? h->options.wall_ms() : 0,
        .record = &r->raw,
        .why = why ? &why->error : NULL,
        .attempts = r->attempt,
        .lacks = r->lacks};
    w.place = weir_parking_place(h->options.parking, r, &w.partitions);
    weir_outgoing *o = weir_parked_note_make(&w, &m->arena);
    if (!o) {
        return false;
    }
    if (m->emits.last) {
        m->emits.last->next = o;
    } else {
        m->emits.first = o;
    }
    m->emits.last = o;
    m->emits.count++;
    m->emits.bytes += o->key.len + o->value.len;
    weir_fit_note(h, r, o, &m->arena, &m->emits.bytes);
    return true;
}

bool weir_append_parked(weir_handlers *h, weir_record *r, weir_message *m)
{
    r->noted = true;
    return append(h, r, m, WEIR_NOTE_PARKED);
}

bool weir_append_done(weir_handlers *h, weir_record *r, weir_message *m)
{
    bool last, ours = weir_parking_done(h->options.parking, r, &last);
    r->last |= last;
    r->noted = true;
    return !ours || append(h, r, m, r->last ? WEIR_NOTE_LAST : WEIR_NOTE_DONE);
}

/* The message leaves with its notes alone. */
static void leave(
    weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m, weir_note what)
{
    m->is_letter = true;
    if (h->options.transactor) {
        weir_keep_effects(l, r, m);
        weir_settle_record(h, l, r);
        return;
    }
    m->note = what;
    weir_send_emits(h, l, r, m);
}

void weir_note_parked(weir_handlers *h, weir_handler_lane *l, weir_record *r)
{
    weir_message *m = weir_take_message(l);
    if (m) {
        weir_init_message(h, (unsigned)(l - h->lanes), m, r);
    }
    if (!m || !weir_append_parked(h, r, m)) {
        weir_fail_record_oom(h, l, r);
        return;
    }
    leave(h, l, r, m, WEIR_NOTE_PARKED);
}

void weir_note_done(weir_handlers *h, weir_handler_lane *l, weir_record *r)
{
    weir_message *m = weir_take_message(l);
    if (m) {
        weir_init_message(h, (unsigned)(l - h->lanes), m, r);
    }
    r->done = true;
    if (!m || !weir_append_done(h, r, m)) {
        weir_fail_record_oom(h, l, r);
    } else if (!m->emits.count) {
        weir_drop_record(h, l, r);
    } else {
        leave(h, l, r, m, WEIR_NOTE_DONE);
    }
}

bool weir_strip_note(
    weir_handlers *h, const weir_record *r, weir_outgoing *o, weir_arena *arena, weir_error *why)
{
    size_t bytes = weir_outgoing_bytes(o), known = atomic_load(&h->refused_note);
    if (weir_parked_note_strip(o, arena, why)) {
        return false;
    }
    if (!known || bytes < known) {
        atomic_store(
            &h->refused_note, bytes); /* two lanes may do so: one of them is right enough */
    }
    weir_log_line(h->options.log, WEIR_LOG_WARN, h->options.name,
        "%.*s/%d@%lld is parked by its place alone, and read again from there: %zu bytes are too "
        "large for %s",
        WEIR_ARG(r->raw.topic), (int)r->raw.partition, (long long)r->raw.offset, bytes, o->topic);
    return true;
}

void weir_fit_note(
    weir_handlers *h, const weir_record *r, weir_outgoing *o, weir_arena *arena, size_t *bytes)
{
    size_t known = atomic_load(&h->refused_note), before = o->value.len;
    weir_error why;
    if (known && before && weir_outgoing_bytes(o) >= known &&
        weir_strip_note(h, r, o, arena, &why)) {
        *bytes -= before;
    }
}

/* The broker does not take it. True: it takes less of it, which is on its way. */
static bool send_less(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m)
{
    bool too_large = strcmp(m->error.code, weir_code_get(WEIR_E_EMIT_TOO_LARGE)->name) == 0;
    if (too_large && weir_strip_note(h, r, m->emits.last, &m->arena, &m->error)) {
        m->sent = false;
        weir_send_emits(h, l, r, m);
        return true;
    }
    return false;
}

bool weir_cannot_be_noted(const weir_record *r, const weir_error *why)
{
    return !r->recall && strcmp(why->code, weir_code_get(WEIR_E_PARKED_REFUSED)->name) == 0;
}

void weir_give_up_parking(weir_handlers *h, const weir_record *r, const weir_error *refused)
{
    weir_error why;
    weir_fail(&why, WEIR_E_PARKED_KEY_TOO_LARGE, "%s", refused->text);
    weir_parking_refuse(h->options.parking, r, &why, h->options.wall_ms ? h->options.wall_ms() : 0);
    weir_log_error(h->options.log, WEIR_LOG_ERROR, h->options.name, &why,
        "what follows %.*s/%d@%lld cannot wait behind it, and goes to the dead letters until this "
        "process ends or loses the partition",
        WEIR_ARG(r->raw.topic), (int)r->raw.partition, (long long)r->raw.offset);
}

/* The broker will never take it. */
static void refuse(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m)
{
    weir_error refused = m->error;
    weir_fail(&m->error, WEIR_E_PARKED_REFUSED, "%s", refused.text);
    weir_fail_record(h, l, r, &m->error);
}

bool weir_note_answered(
    weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m, weir_status s)
{
    if (s == WEIR_REJECT && send_less(h, l, r, m)) {
        return true;
    }
    bool waits = s == WEIR_HOLD || s == WEIR_RETRY || (s == WEIR_REJECT && h->options.letters_hold);
    if (s == WEIR_REJECT && m->note == WEIR_NOTE_PARKED && weir_cannot_be_noted(r, &m->error)) {
        weir_give_up_parking(h, r, &m->error); /* its dead letter is written */
        weir_settle_record(h, l, r);
    } else if (s && !waits) {
        refuse(h, l, r, m);
    } else if (s && m->note == WEIR_NOTE_PARKED) {
        weir_wait_for_letters(h, l, r, &m->error);
    } else if (s) {
        weir_hold_longer(h, l, r, m);
    } else {
        l->letters_wait &= m->note != WEIR_NOTE_PARKED;
        if (m->note == WEIR_NOTE_FOLLOWER) {
            weir_parking_copied(h->options.parking, r);
            weir_bump(&l->count.parked);
        }
        weir_settle_record(h, l, r);
    }
    return false;
}

/* ---- The gate -----------------------------------------------------------------------------------
 */

static void copy(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m)
{
    if (!append(h, r, m, WEIR_NOTE_FOLLOWER)) {
        weir_fail_record_oom(h, l, r);
        return;
    }
    if (h->options.transactor) {
        weir_parking_copied(h->options.parking, r);
        weir_bump(&l->count.parked);
    }
    leave(h, l, r, m, WEIR_NOTE_FOLLOWER);
}

/* By an operator's word. */
static void reject(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m)
{
    const weir_route *to;
    r->recall = WEIR_RECALL_REJECT;
    if (weir_route_of(m, &to)) {
        to = NULL; /* it cannot be read; its handler may have a topic of its own for dead letters */
    }
    m->route = to;
    weir_fail(&m->error, WEIR_E_KEY_REJECTED,
        "an operator has rejected what waits behind a rejected record of its key");
    (void)weir_conclude(h, l, r, m, WEIR_REJECT);
}

/* What was rejected before it could not be noted. */
static void reject_unparkable(
    weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m)
{
    const weir_route *to;
    m->route = weir_route_of(m, &to) ? NULL : to;
    weir_fail(&m->error, WEIR_E_PARKED_KEY_TOO_LARGE,
        "a record of its key was rejected, and %s takes no key of %zu bytes",
        weir_parking_topic(h->options.parking), r->raw.key.len);
    (void)weir_conclude(h, l, r, m, WEIR_REJECT);
}

/* It was too large to be copied, and in its own topic it is not any more: what is left of it is a
 * dead letter, and the operator decides on the rest of its key again. */
static void reject_gone(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m)
{
    const weir_route *to;
    m->route = weir_route_of(m, &to) ? NULL : to;
    weir_fail(&m->error, WEIR_E_PARKED_GONE, "%lld bytes of it were not copied, and are gone",
        (long long)r->lacks);
    (void)weir_conclude(h, l, r, m, WEIR_REJECT);
}

static weir_parking_gate ask(const weir_handlers *h, const weir_record *r)
{
    bool replayed = h->options.topics[r->partition->tag].replays;
    return replayed ? WEIR_GATE_HANDLE : weir_parking_ask(h->options.parking, r);
}

bool weir_pass_gate(weir_handlers *h, weir_handler_lane *l, weir_record *r, weir_message *m)
{
    if (!r->lacks && ask(h, r) == WEIR_GATE_HANDLE) {
        return true;
    }
    if (!weir_finish_before(h, l, r)) {
        return false; /* it comes again, behind what was put back */
    }
    switch (ask(h, r)) { /* its key may be open, or parked, since then */
    case WEIR_GATE_HANDLE:
        if (!r->lacks) {
            return true;
        }
        reject_gone(h, l, r, m);
        break;
    case WEIR_GATE_WAIT:
        weir_park_record(h, l, r, GATE_MS);
        break;
    case WEIR_GATE_COPY:
        copy(h, l, r, m);
        break;
    case WEIR_GATE_COPIED:
        weir_settle_record(h, l, r);
        break;
    case WEIR_GATE_REFUSED:
        reject_unparkable(h, l, r, m);
        break;
    case WEIR_GATE_REJECT:
        reject(h, l, r, m);
        break;
    case WEIR_GATE_OPEN:
        weir_note_done(h, l, r);
        break;
    default:
        weir_drop_record(h, l, r);
        break;
    }
    return false;
}

bool weir_record_parks(const weir_handlers *h, const weir_record *r, const weir_route *route)
{
    const weir_handlers_options *o = &h->options;
    bool replayed = o->topics[r->partition->tag].replays;
    enum weir_followers policy = route ? route->followers : WEIR_FOLLOWERS_AS_CONFIGURED;
    bool park = policy == WEIR_FOLLOWERS_AS_CONFIGURED ? o->park : policy == WEIR_FOLLOWERS_PARK;
    return o->parking && park && !replayed && r->recall != WEIR_RECALL_REJECT &&
           weir_parking_ask(o->parking, r) != WEIR_GATE_REFUSED;
}
